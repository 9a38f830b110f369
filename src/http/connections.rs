//! The connections of the process: which proxy they go through, which requests share one, and how long they may be silent.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use url::Url;

use super::{
    error::{HttpError, HttpErrorKind},
    target::is_loopback,
};

/// Longest wait for a connection, in real time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long sent bytes may stay unacknowledged before the kernel gives the connection up (`TCP_USER_TIMEOUT`, Linux and
/// Android), in real time. It goes on counting when the process is dead, so it bounds how long the kernel of a killed
/// process goes on sending: without it that was seen to last 80 s after a cut connection came back.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a request, files excepted, may take from its start until its last byte is handed to the kernel, in real time.
pub(super) const SEND_DEADLINE: Duration = Duration::from_secs(20);
/// How long something on the way (a proxy, a firewall, a load balancer) may hold a request back that it has acknowledged, in
/// real time. There is no upper bound; thirty seconds is the longest that is planned for.
const HELD_ON_THE_WAY: Duration = Duration::from_secs(30);

/// How long after a process's death, or after a request was given up, the request can still arrive at the vendor, in real time.
///
/// It is the time that the kernel goes on sending (`TCP_USER_TIMEOUT`) and the time that something on the way may hold
/// the bytes. A write that is not idempotent is looked for only when this has passed: sooner, it can be carried out
/// behind the look-up, and sending it again doubles it. A process that does not know when the other one died counts from its
/// own start.
pub const LATEST_ARRIVAL: Duration = Duration::from_secs(TCP_USER_TIMEOUT.as_secs() + HELD_ON_THE_WAY.as_secs());

/// Whether a request may share its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Sharing {
    /// It may take a connection that another request has left, and leave it for the next one.
    Shared,
    /// It has a connection of its own. On a shared one the answer may be a late or repeated answer of the request
    /// before it; for a write, and for a look-up that decides about one, that is a wrong or doubled record.
    Own,
}

/// Whether the proxy of the environment is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Route {
    /// This machine: never through a proxy, which would see the token in clear.
    Loopback,
    /// All else: as `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say.
    Outside,
}

/// Gives out clients. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    answer_timeout: Duration,
    clients: Arc<Mutex<HashMap<(Route, Sharing), reqwest::Client>>>,
}

impl Connections {
    pub(super) fn new(answer_timeout: Duration) -> Self {
        // Installing twice is refused, which is fine: the first one stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { answer_timeout, clients: Arc::default() }
    }

    /// Returns the client for a request to `url`.
    ///
    /// # Errors
    /// Fails when the TLS library cannot be set up.
    pub(super) fn client(&self, url: &Url, sharing: Sharing) -> Result<reqwest::Client, HttpError> {
        let route = if is_loopback(url) { Route::Loopback } else { Route::Outside };
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&(route, sharing)) {
            return Ok(client.clone());
        }
        let client = self.build(route, sharing)?;
        clients.insert((route, sharing), client.clone());
        Ok(client)
    }

    /// Closes the connections that are shared, once their requests have ended: one of them is out of step.
    pub(super) fn close_shared(&self) {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|(_, sharing), _| *sharing == Sharing::Own);
    }

    fn build(&self, route: Route, sharing: Sharing) -> Result<reqwest::Client, HttpError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("ferry/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(self.answer_timeout)
            .redirect(reqwest::redirect::Policy::none());
        if route == Route::Loopback {
            builder = builder.no_proxy();
        }
        if sharing == Sharing::Own {
            builder = builder.pool_max_idle_per_host(0);
        }
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        {
            builder = builder.tcp_user_timeout(TCP_USER_TIMEOUT);
        }
        builder.build().map_err(|error| HttpError::unsent(HttpErrorKind::Unreachable, error.to_string()))
    }
}
