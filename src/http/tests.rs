//! The stack against servers on loopback that answer as no well-behaved one would.

mod logins;
mod mixed_up;

use std::{
    io::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use reqwest::{Method, RequestBuilder, header::HeaderValue};
use serde_json::{Value as Json, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::clock::Clock;

use super::*;

/// A vendor whose own words are `{"own": true}`.
#[derive(Debug)]
struct Toy {
    token: String,
}

#[async_trait]
impl Dialect for Toy {
    fn vendor(&self) -> &'static str {
        "Toy"
    }

    async fn authorize(&self, request: RequestBuilder) -> Result<RequestBuilder, HttpError> {
        Ok(request.bearer_auth(&self.token))
    }

    async fn renew(&self, _: Option<&HeaderValue>) -> Result<bool, HttpError> {
        Ok(false)
    }

    fn is_own_refusal(&self, answer: &Answer) -> bool {
        answer.json::<Json>().is_ok_and(|body| body["own"] == true)
    }

    fn classify(&self, answer: &Answer) -> AnswerClass {
        match answer.status.as_u16() {
            401 => AnswerClass::Reauthorize,
            423 => AnswerClass::NotNow { wait: None },
            429 => AnswerClass::RateLimited { wait: Duration::from_secs(1) },
            500.. => AnswerClass::Retry { wait: None },
            _ => AnswerClass::Deliver,
        }
    }

    fn request_id(&self, answer: &Answer) -> Option<String> {
        answer.header("x-request-id").map(str::to_owned)
    }
}

/// A server that answers each request with bytes as they stand, and counts requests and connections.
struct Server {
    url: Url,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: Vec<String>,
    connections: usize,
}

impl Server {
    /// `answer` is told the number of the request, from 0.
    async fn start(answer: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let seen: Arc<Mutex<Seen>> = Arc::default();
        let (log, answer) = (Arc::clone(&seen), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                log.lock().unwrap().connections += 1;
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                tokio::spawn(async move {
                    let mut stream = stream;
                    while let Some(request) = read_request(&mut stream).await {
                        let number = {
                            let mut seen = log.lock().unwrap();
                            seen.requests.push(request);
                            seen.requests.len() - 1
                        };
                        if stream.write_all(&answer(number)).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        Self { url, seen }
    }

    fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }

    fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut part = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return Some(text);
            }
        }
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&part[..count]),
        }
    }
}

fn http(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

fn transport() -> Transport {
    let tokens = Arc::new(MemoryTokens::default());
    Transport::new(Clock::accelerated(5_000.0), CancellationToken::new(), tokens).unwrap()
}

fn client_at(transport: Transport, url: &Url) -> Client {
    let dialect = Arc::new(Toy { token: "toy-token-0123".to_owned() });
    Client::new(transport, url.clone(), dialect, Limits::default(), Meter::default())
}

fn client(server: &Server) -> Client {
    client_at(transport(), &server.url)
}

fn read() -> ApiRequest {
    ApiRequest::get("things", &[])
}

fn create() -> ApiRequest {
    ApiRequest::write(Method::POST, "things", json!({ "name": "x" }), &[])
}

fn change() -> ApiRequest {
    create().idempotent()
}

/// The whole rule, as a table: status, whether the vendor's own words, and for a read, a create and a change how often the
/// request is sent and how it ends. None is an answer that is delivered.
#[tokio::test]
async fn only_the_vendors_own_words_prove_that_nothing_was_written() {
    use HttpErrorKind::{RateLimited, Unanswered, Unauthorized, Unreachable};
    type End = (usize, Option<HttpErrorKind>);
    let (six_reads, six_writes) = ((6, Some(Unreachable)), (6, Some(Unanswered)));
    let (few_reads, few_writes) = ((3, Some(Unreachable)), (3, Some(Unanswered)));
    let once: End = (1, Some(Unanswered));
    let delivered: End = (1, None);
    let rows: &[(&[u16], bool, [End; 3])] = &[
        (&[400, 403, 404, 409, 413, 422], true, [delivered; 3]),
        (&[401], true, [(1, Some(Unauthorized)); 3]),
        (&[423], true, [(6, Some(Unreachable)); 3]),
        (&[429], true, [(11, Some(RateLimited)); 3]),
        (&[500, 503, 520], true, [six_reads, once, six_writes]),
        (&[300, 302, 400, 401, 403, 404, 409, 413, 418, 422, 451], false, [few_reads, once, few_writes]),
        (&[408, 423, 425, 429, 477, 500, 502, 503, 504, 520, 522, 525, 526, 530], false, [six_reads, once, six_writes]),
        (&[501, 505], false, [(1, Some(Unreachable)), once, once]),
    ];
    let said = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&said);
    let server = Server::start(move |_| shared.lock().unwrap().clone()).await;
    let client = client(&server);
    let strange = ["", "<html>no</html>", "no", "{}", r#"{"message":"Forbidden"}"#];
    for (statuses, is_own, ends) in rows {
        let bodies: &[&str] = if *is_own { &[r#"{"own":true}"#] } else { &strange };
        for (status, body) in statuses.iter().flat_map(|status| bodies.iter().map(move |body| (status, body))) {
            *said.lock().unwrap() = http(*status, "", body.as_bytes());
            for (request, (count, end)) in [read(), create(), change()].iter().zip(ends) {
                let sent_before = server.requests().len();
                let answer = client.send(request).await;
                let kind = answer.as_ref().err().map(|error| error.kind);
                let row = format!("{status} {body} {:?} idempotent: {}", request.access, request.is_idempotent);
                assert_eq!((server.requests().len() - sent_before, kind), (*count, *end), "{row}");
                if let Err(error) = answer {
                    assert!(error.message.contains(&status.to_string()), "{row}: {error}");
                    assert!(error.request.as_ref().is_some_and(|shown| shown.ends_with("/things")), "{row}: {error:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_success_that_is_not_whole_is_no_answer() {
    let halves: &[(&str, &[u8])] =
        &[("", b""), ("", b"<html>"), ("", b"{\"results\": ["), ("content-length: 1\r\n", b"")];
    for (_, body) in halves {
        let body = body.to_vec();
        let server = Server::start(move |_| http(200, "", &body)).await;
        let client = client(&server);
        let kinds = [(read(), HttpErrorKind::Unreachable), (create(), HttpErrorKind::Unanswered)];
        for (request, kind) in kinds {
            assert_eq!(client.send(&request).await.unwrap_err().kind, kind);
        }
    }
    let cut = Server::start(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\n{}".to_vec()).await;
    let error = tokio::time::timeout(Duration::from_mins(1), client(&cut).send(&create())).await.unwrap().unwrap_err();
    assert_eq!(error.kind, HttpErrorKind::Unanswered);
}

/// A server that sends every answer twice: on a connection that is kept, each request gets the answer to the one before.
async fn doubling() -> Server {
    Server::start(|number| {
        let answer = http(200, "content-type: application/json\r\n", format!("{{\"number\":{number}}}").as_bytes());
        [answer.clone(), answer].concat()
    })
    .await
}

#[tokio::test]
async fn an_answer_that_is_sent_twice_is_not_taken_for_the_next_one() {
    let number = |answer: &Answer| answer.json::<Json>().unwrap()["number"].as_u64().unwrap();
    let server = doubling().await;
    let writer = client(&server);
    for sent in 0..20 {
        assert_eq!(number(&writer.send(&create()).await.unwrap()), sent);
    }
    assert_eq!(server.connections(), 20, "each write has a connection of its own");
    let server = doubling().await;
    let destination = client(&server).with_own_connections();
    for sent in 0..20 {
        assert_eq!(number(&destination.send(&read()).await.unwrap()), sent, "a look-up decides what is written");
    }
    // A source keeps its connections; what does not fit the request closes them.
    let server = doubling().await;
    let source = client(&server);
    let mut last = None;
    for _ in 0..20 {
        let known = last;
        let request = read().expecting(move |answer| known.is_none_or(|known| number(answer) > known));
        let next = number(&source.send(&request).await.unwrap());
        assert!(last.is_none_or(|last| next > last));
        last = Some(next);
    }
}

#[tokio::test]
async fn a_body_is_read_up_to_a_limit_after_decompression() {
    // 100 MB of zeros are 100 KB of gzip, made by hand of stored-free blocks: the encoder of the test suite is enough.
    let bomb = gzip_of_zeros(100 * 1024 * 1024);
    assert!(bomb.len() < 1024 * 1024, "{}", bomb.len());
    let server = Server::start(move |_| http(200, "content-encoding: gzip\r\n", &bomb)).await;
    let client = client(&server);
    for (request, kind) in [
        (read(), HttpErrorKind::Unreachable),
        (create(), HttpErrorKind::Unanswered),
        (change(), HttpErrorKind::Unanswered),
    ] {
        let sent_before = server.requests().len();
        let error = client.send(&request).await.unwrap_err();
        assert_eq!((error.kind, server.requests().len() - sent_before), (kind, 1), "it is not asked for again");
        assert!(error.message.contains("larger than 64 MB"), "{error}");
    }
}

fn gzip_of_zeros(length: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![0; 1024 * 1024];
    for _ in 0..length / zeros.len() {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_wait_without_end_neither_panics_nor_holds_the_run() {
    for header in ["18446744073709551615", "31536000", "99999999999999999999999", "Fri, 01 Jan 2999 00:00:00 GMT"] {
        for (status, body) in
            [(429, r#"{"own":true}"#), (429, ""), (503, "<html>"), (503, r#"{"own":true}"#), (423, r#"{"own":true}"#)]
        {
            let headers = format!("retry-after: {header}\r\ndate: Tue, 01 Dec 2026 10:00:00 GMT\r\n");
            let server = Server::start(move |_| http(status, &headers, body.as_bytes())).await;
            let client = client(&server);
            assert!(client.send(&read()).await.is_err(), "{header} {status}");
            assert!((2..=12).contains(&server.requests().len()), "{header} {status}: {}", server.requests().len());
        }
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_a_foreign_path_gets_no_request() {
    let other = Server::start(|_| http(200, "", b"{}")).await;
    let location = format!("location: {}\r\n", other.url);
    let server = Server::start(move |_| http(307, &location, b"")).await;
    let client = client(&server);
    assert_eq!(client.send(&create()).await.unwrap_err().kind, HttpErrorKind::Unanswered);
    for path in [other.url.as_str(), "//evil.test/things", "/\\evil.test/"] {
        let error = client.send(&ApiRequest::get(path, &[])).await.unwrap_err();
        assert_eq!(error.kind, HttpErrorKind::Unauthorized, "{path}");
    }
    assert!(other.requests().is_empty(), "the token stays where it belongs");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_refused_at_once() {
    let server = Server::start(|_| http(200, "", b"{}")).await;
    for token in ["pat-na1\n", "two\r\nlines", "a\0b"] {
        let dialect = Arc::new(Toy { token: token.to_owned() });
        let client = Client::new(transport(), server.url.clone(), dialect, Limits::default(), Meter::default());
        let error = client.send(&read()).await.unwrap_err();
        assert_eq!((error.kind, error.attempts), (HttpErrorKind::Unauthorized, 0), "{token:?}");
        assert!(error.hint.is_some() && !error.message.contains("pat"), "{error:?}");
    }
    assert!(server.requests().is_empty());
}

/// Keeps what a recorder is told.
#[derive(Debug, Default)]
struct Notes(Mutex<Vec<(Option<String>, String)>>);

impl Recorder for Notes {
    fn record(&self, exchange: &Exchange<'_>) {
        self.0.lock().unwrap().push((exchange.request_id.clone(), exchange.shown_path.to_owned()));
    }
}

#[tokio::test]
async fn an_answer_that_repeats_the_token_reaches_neither_log_nor_caller() {
    let echo = r#"{"own":true,"message":"Bearer toy-token-0123 is no good","code":"toy-token-0123"}"#;
    let server = Server::start(move |_| http(400, "x-request-id: toy-token-0123\r\n", echo.as_bytes())).await;
    let notes = Arc::new(Notes::default());
    let mut transport = transport();
    transport.recorder = Some(Arc::clone(&notes) as Arc<dyn Recorder>);
    let answer = client_at(transport, &server.url).send(&ApiRequest::get("things/toy-token-0123", &[])).await.unwrap();
    let told =
        format!("{} {:?} {:?} {:?}", answer.request, answer.headers, String::from_utf8_lossy(&answer.body), notes);
    assert!(!told.contains("toy-token-0123") && told.contains("***"), "{told}");
}

#[tokio::test]
async fn a_body_arrives_whole_and_with_its_length() {
    let server = Server::start(|_| http(200, "", b"{}")).await;
    let name = "x".repeat(300_000);
    let request = ApiRequest::write(Method::POST, "things", json!({ "name": name }), &[]);
    client(&server).send(&request).await.unwrap();
    let sent = &server.requests()[0].to_lowercase();
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    assert_eq!(body, json!({ "name": name }).to_string());
    assert!(head.contains(&format!("content-length: {}", body.len())) && !head.contains("chunked"), "{head}");
    assert!(head.contains("content-type: application/json"), "{head}");
}
