//! The page on this machine that the vendor sends the browser back to.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    response::Html,
    routing::get,
};
use serde::Deserialize;
use tokio::{
    net::TcpListener,
    sync::{Mutex as AsyncMutex, oneshot},
};

use super::super::exit::{Exit, Failure};

/// Most characters of a vendor's word for a refusal that are shown.
const MAX_WORD: usize = 60;
const DONE: &str = "<!doctype html><title>Ferry</title><p>Ferry has what it needs. You can close this page.";
const REFUSED: &str = "<!doctype html><title>Ferry</title><p>The log-in was refused. You can close this page.";
const STRANGE: &str =
    "<!doctype html><title>Ferry</title><p>This answer does not belong to the log-in that Ferry waits for.";

/// What the browser came back with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Returned {
    /// The code to turn into tokens.
    Code(String),
    /// The vendor's word for why there is none.
    Refused(String),
}

/// A port that waits for the browser.
#[derive(Debug)]
pub(super) struct Callback {
    listener: AsyncMutex<Option<TcpListener>>,
    port: u16,
}

#[derive(Debug, Deserialize)]
struct Parameters {
    state: Option<String>,
    code: Option<String>,
    error: Option<String>,
}

#[derive(Clone)]
struct Waiting {
    state: Arc<str>,
    sender: Arc<Mutex<Option<oneshot::Sender<Returned>>>>,
}

impl Callback {
    /// Takes the port, on this machine alone; 0 takes any free one.
    pub(super) async fn listen(port: u16) -> Result<Self, Failure> {
        let taken = |error: std::io::Error| {
            Failure::new(Exit::Environment, "login.port", format!("port {port} cannot be used: {error}"))
                .with_hint("pick another one with `--port N`; the app must list it in its redirect URL")
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(taken)?;
        let port = listener.local_addr().map_err(taken)?.port();
        Ok(Self { listener: AsyncMutex::new(Some(listener)), port })
    }

    /// Returns the address that the app must list. `localhost` is what vendors accept without HTTPS.
    pub(super) fn url(&self) -> String {
        format!("http://localhost:{}/callback", self.port)
    }

    /// Waits for the browser to come back with this state; others are turned away.
    pub(super) async fn wait(&self, state: &str) -> Returned {
        let (sender, receiver) = oneshot::channel();
        let waiting = Waiting { state: state.into(), sender: Arc::new(Mutex::new(Some(sender))) };
        let service = Router::new().route("/callback", get(come_back)).with_state(waiting);
        let Some(listener) = self.listener.lock().await.take() else { return std::future::pending().await };
        let (done, is_done) = oneshot::channel::<()>();
        // Ends after the page was delivered, not before.
        let server = axum::serve(listener, service).with_graceful_shutdown(async {
            // A dropped sender means the same.
            let _ = is_done.await;
        });
        let server = tokio::spawn(async move { server.await });
        let returned = receiver.await;
        drop(done);
        if server.await.is_err() {
            tracing::debug!("the page did not end well");
        }
        match returned {
            Ok(returned) => returned,
            Err(_) => std::future::pending().await,
        }
    }
}

async fn come_back(
    State(waiting): State<Waiting>,
    Query(parameters): Query<Parameters>,
) -> (StatusCode, Html<&'static str>) {
    let is_ours = parameters.state.as_deref().is_some_and(|state| is_same(state, &waiting.state));
    let returned = match (parameters.code, parameters.error) {
        _ if !is_ours => None,
        (_, Some(error)) => Some(Returned::Refused(plain_word(&error))),
        (Some(code), None) => Some(Returned::Code(code)),
        (None, None) => None,
    };
    let Some(returned) = returned else { return (StatusCode::BAD_REQUEST, Html(STRANGE)) };
    let page = if matches!(returned, Returned::Code(_)) { DONE } else { REFUSED };
    let sender = waiting.sender.lock().unwrap_or_else(PoisonError::into_inner).take();
    if sender.is_none_or(|sender| sender.send(returned).is_err()) {
        return (StatusCode::BAD_REQUEST, Html(STRANGE));
    }
    (StatusCode::OK, Html(page))
}

/// Compares in a time that tells nothing of where two texts differ.
fn is_same(one: &str, other: &str) -> bool {
    let differences = one.bytes().zip(other.bytes()).fold(0, |sum, (one, other)| sum | (one ^ other));
    one.len() == other.len() && differences == 0
}

/// Keeps of a vendor's word what words are made of.
pub(super) fn plain_word(word: &str) -> String {
    word.chars().filter(|letter| letter.is_ascii_alphanumeric() || "_- .".contains(*letter)).take(MAX_WORD).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn visit(callback: &Callback, query: &str) -> u16 {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = format!("http://127.0.0.1:{}/callback?{query}", callback.port);
        reqwest::Client::builder().no_proxy().build().unwrap().get(url).send().await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn only_the_own_state_brings_the_code_in() {
        let callback = Callback::listen(0).await.unwrap();
        let visits = async {
            assert_eq!(visit(&callback, "code=stolen&state=other").await, 400);
            assert_eq!(visit(&callback, "code=stolen").await, 400);
            assert_eq!(visit(&callback, "state=mine").await, 400);
            assert_eq!(visit(&callback, "code=good&state=mine").await, 200);
        };
        let (returned, ()) = tokio::join!(callback.wait("mine"), visits);
        assert_eq!(returned, Returned::Code("good".to_owned()));
    }

    #[tokio::test]
    async fn a_refusal_is_told_in_the_vendors_word() {
        let callback = Callback::listen(0).await.unwrap();
        let (returned, status) =
            tokio::join!(callback.wait("mine"), visit(&callback, "error=access_denied%3Cb%3E&state=mine"));
        assert_eq!((returned, status), (Returned::Refused("access_deniedb".to_owned()), 200));
    }
}
