//! What an emulator holds and was asked, for tests that run against it: `/_emulator/counts` and `/_emulator/requests`.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::{Request, State},
    http::{Method, StatusCode},
    middleware::{self, Next},
    response::Response,
    routing::get,
};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// Most requests that are remembered one by one; older ones are only counted.
const MAX_REMEMBERED: usize = 10_000;

/// Tells whether a request changes what the emulator holds, by its method and path.
pub(crate) type IsWrite = fn(&Method, &str) -> bool;

/// The requests an emulator was sent; a clone is the same list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    asked: Arc<Mutex<Asked>>,
}

#[derive(Debug, Default)]
struct Asked {
    total: Totals,
    last: VecDeque<Answered>,
}

/// How many requests of each kind were answered; a refused one is also counted by what it wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
struct Totals {
    read: u64,
    write: u64,
    rate_limited: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Answered {
    method: String,
    path: String,
    status: u16,
}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, is_write: bool, answered: Answered) {
        let mut asked = self.lock();
        if is_write {
            asked.total.write += 1;
        } else {
            asked.total.read += 1;
        }
        if answered.status == StatusCode::TOO_MANY_REQUESTS.as_u16() {
            asked.total.rate_limited += 1;
        }
        if asked.last.len() == MAX_REMEMBERED {
            asked.last.pop_front();
        }
        asked.last.push_back(answered);
    }
}

/// Counts the requests of `service` and adds the two paths that tell.
///
/// `held` says what the emulator holds, e.g. `{"records": {…}}`; the counts get `requests` beside it. The two paths need no
/// token, are not counted, and are spared by faults. This layer goes around all others, so that it sees what the client sees.
pub(crate) fn with_counts<H>(service: Router, counts: Counts, is_write: IsWrite, held: H) -> Router
where
    H: Fn() -> Map<String, Value> + Clone + Send + Sync + 'static,
{
    let (told, listed) = (counts.clone(), counts.clone());
    let tell = move || async move {
        let mut answer = held();
        answer.insert("requests".to_owned(), json!(told.lock().total));
        Json(answer)
    };
    let list = move || async move { Json(listed.lock().last.clone()) };
    service
        .layer(middleware::from_fn_with_state((counts, is_write), count))
        .route("/_emulator/counts", get(tell))
        .route("/_emulator/requests", get(list))
}

async fn count(State((counts, is_write)): State<(Counts, IsWrite)>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let answer = next.run(request).await;
    let status = answer.status().as_u16();
    counts.add(is_write(&method, &path), Answered { method: method.to_string(), path, status });
    answer
}

#[cfg(test)]
mod tests {
    use axum::{http::StatusCode, routing::post};
    use serde_json::{Value, json};

    use super::*;
    use crate::server::serve;

    #[tokio::test]
    async fn tells_what_was_asked_and_what_is_held() {
        let service = Router::new()
            .route("/things", get(|| async { "[]" }).post(|| async { "{}" }))
            .route("/busy", post(|| async { StatusCode::TOO_MANY_REQUESTS }));
        let held = || Map::from_iter([("records".to_owned(), json!({"things": 2}))]);
        let service = with_counts(service, Counts::default(), |method, _| method == Method::POST, held);
        let running = serve(service, 0).await.unwrap();
        let client = reqwest_client();
        client.get(format!("{}/things", running.url())).send().await.unwrap();
        client.post(format!("{}/things", running.url())).send().await.unwrap();
        client.post(format!("{}/busy", running.url())).send().await.unwrap();

        let counts = read(&client, &format!("{}/_emulator/counts", running.url())).await;
        assert_eq!(counts, json!({"records": {"things": 2}, "requests": {"read": 1, "write": 2, "rate_limited": 1}}));
        let requests = read(&client, &format!("{}/_emulator/requests", running.url())).await;
        assert_eq!(requests[2], json!({"method": "POST", "path": "/busy", "status": 429}));
    }

    fn reqwest_client() -> reqwest::Client {
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::new()
    }

    async fn read(client: &reqwest::Client, url: &str) -> Value {
        client.get(url).send().await.unwrap().json().await.unwrap()
    }
}
