//! What all clients of a process share.

use std::{sync::Arc, time::Duration};

use reqwest::{
    RequestBuilder,
    header::{AUTHORIZATION, HeaderValue},
};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::clock::Clock;
use crate::model::ConnectionName;
use crate::redact::redact;

use super::{
    answer::{Answer, is_temporary},
    connections::{Connections, Sharing},
    error::{HttpError, HttpErrorKind},
    limits::RateLimiters,
    rate_limit::RateLimiter,
    record::{Exchange, Recorder},
    redact::{redact_answer, redact_url, remember_credentials},
    request::ApiRequest,
    retry::{Effort, Limit},
    token::{TokenLocks, TokenStore},
    transmit::transmit,
    waits::Waits,
    way::{Way, Ways},
};

/// Longest wait for a whole answer, in the clock's time. `HubSpot`'s own servers give up after 100 s (its error-handling page: 524).
const ANSWER_TIMEOUT: Duration = Duration::from_secs(110);
/// The same at least, in real time: a local system that is short of a processor is not taken for one that does not answer.
const LEAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time that a file may be on its way, up or down, in the clock's time: 100 MB in an hour is 30 KB a second.
const FILE_TIMEOUT: Duration = Duration::from_hours(1);
/// The same at least, in real time.
const LEAST_FILE_TIMEOUT: Duration = Duration::from_mins(1);

/// What all clients of a process share.
#[derive(Debug, Clone)]
pub struct Transport {
    connections: Connections,
    /// The connection whose requests these are; empty before there is one.
    pub connection: ConnectionName,
    /// The clock of all waits.
    pub clock: Clock,
    /// The limiters of all accounts.
    pub limiters: RateLimiters,
    /// Ends all waits when the run is to stop.
    pub shutdown: CancellationToken,
    /// Where renewed tokens are kept.
    pub tokens: Arc<dyn TokenStore>,
    /// Is told of every attempt.
    pub recorder: Option<Arc<dyn Recorder>>,
    /// Is told of long waits.
    pub waits: Option<Arc<dyn Waits>>,
    /// Holds back all requests of the process together, where the pipeline asks for it.
    pub pace: Option<RateLimiter>,
    /// Lets one at a time renew a token.
    pub token_locks: TokenLocks,
    ways: Ways,
}

impl Transport {
    /// Makes the transport of a process.
    ///
    /// # Errors
    /// Fails when the TLS library cannot be set up.
    pub fn new(clock: Clock, shutdown: CancellationToken, tokens: Arc<dyn TokenStore>) -> Result<Self, HttpError> {
        let connections = Connections::new(ANSWER_TIMEOUT.div_f64(clock.speed()).max(LEAST_ANSWER_TIMEOUT));
        Ok(Self {
            connections,
            connection: ConnectionName::new(""),
            limiters: RateLimiters::new(clock.clone()),
            clock,
            shutdown,
            tokens,
            recorder: None,
            waits: None,
            pace: None,
            token_locks: TokenLocks::default(),
            ways: Ways::default(),
        })
    }

    /// Sends one request as it is, without token, limit or repetition: for token endpoints.
    ///
    /// # Errors
    /// Fails when the vendor cannot be reached or does not answer.
    pub async fn send_once(&self, request: RequestBuilder) -> Result<Answer, HttpError> {
        let (http, request) = request.build_split();
        let request = request.map_err(|_| unsendable())?;
        let (method, url) = (request.method().clone(), request.url().clone());
        let shown = format!("{method} {}", shown_url(&url, url.path().trim_start_matches('/')));
        if let Some(credentials) = request.headers().get(AUTHORIZATION) {
            remember_credentials(credentials);
        }
        let sent_at = self.clock.elapsed();
        let sent = transmit(RequestBuilder::from_parts(http, request), None, 1, false).await;
        let answer = finished(sent, &shown);
        if let Some(recorder) = &self.recorder {
            let mut base_url = url.clone();
            base_url.set_path("/");
            base_url.set_query(None);
            // The body, which holds secrets, is left out.
            let request = ApiRequest { method, ..ApiRequest::get(url.path().trim_start_matches('/'), &[]) };
            recorder.record(&Exchange {
                connection: &self.connection,
                base_url: &base_url,
                request: &request,
                shown_path: &redact(&request.shown_path()),
                status: answer.as_ref().ok().map(|answer| answer.status.as_u16()),
                request_id: None,
                records: None,
                carried: None,
                waited: Duration::ZERO,
                took: self.clock.elapsed().saturating_sub(sent_at),
            });
        }
        answer
    }

    /// Sends a request of [`Transport::send_once`] that changes nothing, until there is an answer.
    ///
    /// # Errors
    /// Fails when the vendor cannot be reached or does not answer.
    pub async fn ask(&self, make: impl Fn() -> Result<RequestBuilder, HttpError>) -> Result<Answer, HttpError> {
        let mut effort = Effort::new();
        loop {
            let attempts = effort.begin();
            let sent = self.send_once(make()?).await;
            let is_answered = match &sent {
                Ok(answer) => !is_temporary(answer.status),
                Err(error) => error.is_final,
            };
            if is_answered {
                return sent;
            }
            let Some(wait) = effort.wait(Limit::Passing, None, &self.clock) else { return sent };
            self.wait(wait, attempts).await?;
        }
    }

    /// Starts a request of [`Transport::send_once`].
    ///
    /// # Errors
    /// Fails when the TLS library cannot be set up.
    pub fn request(&self, method: reqwest::Method, url: Url) -> Result<RequestBuilder, HttpError> {
        Ok(self.connections.client(&url, Sharing::Own)?.request(method, url))
    }

    /// Waits, unless the run is to stop.
    pub(super) async fn wait(&self, duration: Duration, attempts: u32) -> Result<(), HttpError> {
        tokio::select! {
            () = self.clock.sleep(duration) => Ok(()),
            () = self.shutdown.cancelled() => Err(cancelled(attempts)),
        }
    }

    pub(super) fn client(&self, url: &Url, sharing: Sharing) -> Result<reqwest::Client, HttpError> {
        self.connections.client(url, sharing)
    }

    /// Returns what is known of the way from this connection to a host.
    pub(super) fn way(&self, base_url: &Url) -> Arc<Way> {
        self.ways.of(self.connection.as_str(), base_url.host_str())
    }

    /// Closes the shared connections: the answers on one of them are out of step with the requests.
    pub(super) fn close_shared(&self) {
        self.connections.close_shared();
    }

    pub(super) fn file_timeout(&self) -> Duration {
        FILE_TIMEOUT.div_f64(self.clock.speed()).max(LEAST_FILE_TIMEOUT)
    }
}

/// Names the request in what came of it, and takes secrets out.
pub(super) fn finished(sent: Result<Answer, HttpError>, shown: &str) -> Result<Answer, HttpError> {
    match sent {
        Ok(mut answer) => {
            redact_answer(&mut answer);
            redact(shown).as_ref().clone_into(&mut answer.request);
            Ok(answer)
        }
        Err(error) => Err(HttpError { request: Some(redact(shown).into_owned()), ..error }),
    }
}

/// Shows where a request goes: host and path, without values.
pub(super) fn shown_url(base_url: &Url, shown_path: &str) -> String {
    let shown = redact_url(base_url);
    let host = shown.split_once("://").map_or(shown.as_str(), |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or(host);
    let base_path = base_url.path().trim_matches('/');
    let is_below = !base_path.is_empty() && !shown_path.starts_with(base_path);
    if is_below { format!("{host}/{base_path}/{shown_path}") } else { format!("{host}/{shown_path}") }
}

/// A header that cannot be sent comes from an option: the token holds what no header may hold.
pub(super) fn unsendable() -> HttpError {
    let message = "the token holds a character that no header can carry, such as a line break";
    HttpError { is_final: true, ..HttpError::unsent(HttpErrorKind::Unauthorized, message) }
        .with_hint("check where the token comes from; a file read by `${file:…}` must hold the token alone")
}

pub(super) fn cancelled(attempts: u32) -> HttpError {
    HttpError::after(HttpErrorKind::Cancelled, "the run is stopping", attempts)
}

/// Returns the credentials that a request carries.
pub(super) fn credentials(request: &reqwest::Request) -> Option<HeaderValue> {
    request.headers().get(AUTHORIZATION).cloned()
}
