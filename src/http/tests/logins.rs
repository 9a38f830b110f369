//! Token requests whose answers are lost.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use secrecy::{ExposeSecret, SecretString};

use super::*;

/// A log-in whose refresh tokens may work once, or that has none.
#[derive(Debug)]
struct Shop {
    url: Url,
    is_single_use: bool,
}

impl Grant for Shop {
    fn request(&self, transport: &Transport, refresh: Option<&SecretString>) -> Result<RequestBuilder, HttpError> {
        let refresh = refresh.map_or("none", |token| token.expose_secret());
        Ok(transport.request(Method::POST, self.url.clone())?.form(&[("refresh_token", refresh)]))
    }

    fn refused(&self, _: &Answer) -> HttpError {
        HttpError::unsent(HttpErrorKind::Unauthorized, "refused")
    }

    fn is_single_use(&self) -> bool {
        self.is_single_use
    }
}

/// A token source of the server, and its clock.
fn source(server: &Server, is_single_use: bool, refresh: Option<&str>) -> (TokenSource, Clock) {
    let clock = Clock::accelerated(200.0);
    let transport = Transport::new(clock.clone(), CancellationToken::new(), Arc::new(MemoryTokens::default())).unwrap();
    let grant = Shop { url: server.url.clone(), is_single_use };
    let refresh = refresh.map(|refresh| SecretString::from(refresh.to_owned()));
    (TokenSource::new(Box::new(grant), "shop".to_owned(), refresh, transport, Meter::default()), clock)
}

fn sold() -> Vec<u8> {
    http(200, "", br#"{"access_token":"t","expires_in":3600}"#)
}

/// What comes instead of an answer.
fn lost() -> [Vec<u8>; 6] {
    [
        b"no HTTP\r\n\r\n".to_vec(),
        http(502, "", b"<html>nginx</html>"),
        http(200, "", b"<html>sign in</html>"),
        http(200, "", b"{}"),
        http(429, "", br#"{"error":"rate_limit"}"#),
        http(403, "", b"Forbidden"),
    ]
}

#[tokio::test]
async fn a_token_request_without_an_answer_is_sent_again() {
    for lost in lost() {
        for (is_single_use, refresh) in [(false, None), (false, Some("r")), (true, None), (true, Some("r"))] {
            let answer = lost.clone();
            let server = Server::start(move |number| if number < 2 { answer.clone() } else { sold() }).await;
            let (source, clock) = source(&server, is_single_use, refresh);
            let shown = String::from_utf8_lossy(&lost).into_owned();
            assert_eq!(source.token().await.unwrap().access_token.expose_secret(), "t", "{shown}");
            assert_eq!(server.requests().len(), 3, "{shown}");
            if is_single_use && refresh.is_some() {
                assert!(clock.elapsed() >= LATEST_ARRIVAL * 2, "the lost request could still arrive: {shown}");
            }
        }
    }
}

#[tokio::test]
async fn a_refused_token_request_is_sent_once() {
    let server = Server::start(|_| http(400, "", br#"{"error":"invalid_grant"}"#)).await;
    let error = source(&server, true, Some("r")).0.token().await.unwrap_err();
    assert_eq!((error.kind, server.requests().len()), (HttpErrorKind::Unauthorized, 1));
}

#[tokio::test]
async fn those_who_wait_for_a_token_fail_with_the_one_who_asks_for_it() {
    let server = Server::start(|_| http(503, "", b"busy")).await;
    let (source, _) = source(&server, false, None);
    for token in join_all((0..4).map(|_| source.token())).await {
        let error = token.unwrap_err();
        assert_eq!((error.kind, error.attempts, error.is_final), (HttpErrorKind::Unreachable, 6, true), "{error}");
    }
    assert_eq!(server.requests().len(), 6);
    source.token().await.unwrap_err();
    assert_eq!(server.requests().len(), 12, "who comes later asks anew");
}

#[tokio::test]
async fn a_question_without_a_refresh_token_is_asked_until_it_is_answered() {
    let count = AtomicUsize::new(0);
    let server = Server::start(|number| if number < 2 { http(502, "", b"") } else { http(404, "", b"{}") }).await;
    let transport =
        Transport::new(Clock::accelerated(200.0), CancellationToken::new(), Arc::new(MemoryTokens::default())).unwrap();
    let ask = || {
        count.fetch_add(1, Ordering::Relaxed);
        transport.request(Method::POST, server.url.clone())
    };
    let answer = transport.ask(ask).await.unwrap();
    assert_eq!((answer.status.as_u16(), count.load(Ordering::Relaxed)), (404, 3));
}
