//! Answers that belong to other requests, and requests that cannot be sent.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;

use super::*;

/// A server that says these one after the other, and the last one again and again.
async fn saying(answers: &[(u16, &str, &str)]) -> Server {
    let answers: Vec<_> =
        answers.iter().map(|(status, headers, body)| http(*status, headers, body.as_bytes())).collect();
    Server::start(move |number| answers[number.min(answers.len() - 1)].clone()).await
}

/// A read whose answer must be `own`.
fn own_read() -> ApiRequest {
    read().expecting(|answer| answer.json::<Json>().is_ok_and(|body| body["own"] == true))
}

const OWN: (u16, &str, &str) = (200, "", r#"{"own":true}"#);
const FOREIGN: (u16, &str, &str) = (200, "", r#"{"other":true}"#);
const NO: (u16, &str, &str) = (400, "", r#"{"own":true,"message":"no","correlationId":"1"}"#);

#[tokio::test]
async fn after_a_foreign_answer_a_look_up_needs_two_answers_that_agree() {
    let none = (200, "", r#"{"records":[],"offset":"a"}"#);
    let one = (200, "", r#"{"records":[1],"offset":"b"}"#);
    let also_one = (200, "", r#"{"records":[1],"offset":"c"}"#);
    let server = saying(&[none, FOREIGN, OWN, none, one, also_one]).await;
    let client = client(&server);
    let look_up = read().alone();
    client.send(&look_up).await.unwrap();
    assert_eq!(server.requests().len(), 1, "one answer is enough while none was foreign");
    client.send(&own_read()).await.unwrap();
    let answer = client.send(&look_up).await.unwrap();
    assert_eq!(answer.json::<Json>().unwrap()["records"], json!([1]));
    assert_eq!(server.requests().len(), 6);
    client.send(&read()).await.unwrap();
    assert_eq!(server.requests().len(), 7, "what fits no other request is asked once");
}

#[tokio::test]
async fn a_look_up_that_is_answered_in_another_way_each_time_is_no_look_up() {
    let server = Server::start(|number| match number {
        0 => http(200, "", b"{}"),
        number => http(200, "", json!({ "own": true, "records": [number] }).to_string().as_bytes()),
    })
    .await;
    let client = client(&server);
    client.send(&own_read()).await.unwrap();
    let error = client.send(&own_read().alone()).await.unwrap_err();
    assert_eq!(error.kind, HttpErrorKind::Unreachable, "{error}");
}

#[tokio::test]
async fn after_a_foreign_answer_a_refusal_is_believed_when_it_comes_again() {
    let server = saying(&[NO, FOREIGN, OWN, NO]).await;
    let client = client(&server);
    assert_eq!(client.send(&create()).await.unwrap().status, 400, "believed at once while no answer was foreign");
    client.send(&own_read()).await.unwrap();
    let error = client.send(&create()).await.unwrap_err();
    assert_eq!(error.kind, HttpErrorKind::Unanswered, "it may be another request's: {error}");
    assert_eq!(client.send(&create()).await.unwrap().status, 400, "the same refusal of the same request");
    let sent_before = server.requests().len();
    let other = ApiRequest { path: "others".to_owned(), ..change() };
    assert_eq!(client.send(&other).await.unwrap().status, 400);
    assert_eq!(server.requests().len(), sent_before + 2, "what may be repeated is repeated at once");
}

#[tokio::test]
async fn a_refusal_that_another_request_had_is_not_believed() {
    let marked = (400, "x-request-id: r1\r\n", r#"{"own":true}"#);
    let server = saying(&[marked, marked, (400, "x-request-id: r2\r\n", r#"{"own":true}"#)]).await;
    let client = client(&server);
    assert_eq!(client.send(&create()).await.unwrap().status, 400);
    assert_eq!(client.send(&create()).await.unwrap_err().kind, HttpErrorKind::Unanswered);
}

/// A server that answers after a while, and how many requests it had at once at most.
async fn slow() -> (Url, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&most);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (now, most) = (Arc::clone(&now), Arc::clone(&counted));
            tokio::spawn(async move {
                while read_request(&mut stream).await.is_some() {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    now.fetch_sub(1, Ordering::SeqCst);
                    if stream.write_all(&http(200, "", b"{}")).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    (url, most)
}

#[tokio::test]
async fn requests_whose_answers_fit_each_other_are_never_under_way_together() {
    for (request, count) in [(read().alone(), 1), (create().alone(), 1), (read(), 4), (create(), 4)] {
        let (url, most) = slow().await;
        // Two clients of one connection, as two streams have.
        let transport = transport();
        let clients = [client_at(transport.clone(), &url), client_at(transport, &url)];
        join_all((0..4).map(|at| clients[at % 2].send(&request))).await;
        assert_eq!(most.load(Ordering::SeqCst), count, "{request:?}");
    }
}

/// More than the buffers of a connection hold.
fn large_create() -> ApiRequest {
    ApiRequest::write(Method::POST, "things", json!({ "text": "x".repeat(32 * 1024 * 1024) }), &[])
}

#[tokio::test]
async fn a_success_that_comes_before_the_request_was_sent_is_another_requests() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let held = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(&http(200, "", br#"{"own":true}"#)).await.unwrap();
        stream
    });
    let error = client_at(transport(), &url).send(&large_create()).await.unwrap_err();
    assert_eq!(error.kind, HttpErrorKind::Unanswered, "{error}");
    drop(held.await);
}

/// Sends a request to somebody who accepts the connection and then reads all of it, or nothing. The clock jumps to the next
/// deadline whenever nothing moves.
async fn at_the_deadline(reads: bool) -> HttpError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    let tokens = Arc::new(MemoryTokens::default());
    let transport = Transport::new(Clock::system(), CancellationToken::new(), tokens).unwrap();
    let client = client_at(transport, &url);
    let request = if reads { create() } else { large_create() };
    let sent = tokio::spawn(async move { client.send(&request).await });
    let (mut stream, _) = listener.accept().await.unwrap();
    if reads {
        read_request(&mut stream).await.unwrap();
    }
    tokio::time::pause();
    sent.await.unwrap().unwrap_err()
}

#[tokio::test]
async fn a_request_that_cannot_be_sent_in_time_is_given_up() {
    let error = at_the_deadline(false).await;
    assert_eq!(error.kind, HttpErrorKind::Unanswered);
    assert!(error.message.contains("could not be sent within 20 s"), "{error}");
}

#[tokio::test]
async fn the_deadline_of_sending_does_not_end_the_wait_for_the_answer() {
    let error = at_the_deadline(true).await;
    assert!(error.message.contains("no answer came in time"), "{error}");
}

#[tokio::test]
async fn an_answer_from_before_its_request_is_not_believed() {
    let dated = |second: u32| format!("date: Tue, 01 Dec 2026 10:00:{second:02} GMT\r\n");
    let (one, two, old) = (dated(30), dated(31), dated(10));
    for (access, requests) in [(Access::Read, 4), (Access::Write, 3)] {
        let (status, body) = (200, r#"{"own":true}"#);
        let server =
            saying(&[(status, &one, body), (status, &two, body), (status, &old, body), (status, &two, body)]).await;
        let client = client(&server);
        let request = ApiRequest { access, ..own_read() };
        for _ in 0..3 {
            assert_eq!(client.send(&request).await.unwrap().status, 200);
        }
        assert_eq!(server.requests().len(), requests, "{access:?}");
    }
}
