//! Writes down what a disturbed Ferry asks for, for the judge of the traffic (`tests/judges/traffic`).
//!
//! Every request is one that the vendor must know, whatever came of it, so they are taken before anything disturbs them and
//! without their answers. The rounds ask for the same again and again: a request that was written down is left out. The emulator
//! writes its answers down itself, in the first testbed of each pair.

use std::{
    collections::HashSet,
    fs::{self, OpenOptions},
    hash::{DefaultHasher, Hash, Hasher},
    io::Write,
    sync::{LazyLock, Mutex},
};

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::header,
    middleware::Next,
    response::Response,
};
use serde_json::{Value as Json, json};

use crate::testbed::variable;

static SEEN: LazyLock<Mutex<HashSet<u64>>> = LazyLock::new(Mutex::default);

/// Tells whether this is the first undisturbed testbed of a pair.
pub(crate) fn is_first_of(pair: &str) -> bool {
    static PAIRS: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    PAIRS.lock().unwrap().insert(pair.to_owned())
}

/// Writes down a request to a system, where `FERRY_EXCHANGES` names a folder, and passes it on.
pub(crate) async fn write_down(State(system): State<&'static str>, request: Request, next: Next) -> Response {
    let Some(folder) = variable("FERRY_EXCHANGES") else { return next.run(request).await };
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let user_agent = text(header::USER_AGENT);
    let exchange = json!({
        "method": parts.method.as_str(),
        "path": parts.uri.path(),
        "query": parts.uri.query().unwrap_or_default(),
        "user_agent": user_agent,
        "content_type": text(header::CONTENT_TYPE),
        "body": body_of(&body),
        "status": null,
        "answer": null,
    });
    if user_agent.starts_with("ferry/") && is_new(system, &exchange) {
        fs::create_dir_all(&folder).unwrap();
        let path = format!("{folder}/{system}.faults-{}.jsonl", std::process::id());
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(format!("{exchange}\n").as_bytes()).unwrap();
    }
    next.run(Request::from_parts(parts, Body::from(body))).await
}

fn is_new(system: &str, exchange: &Json) -> bool {
    let mut hasher = DefaultHasher::new();
    (system, exchange.to_string()).hash(&mut hasher);
    SEEN.lock().unwrap().insert(hasher.finish())
}

/// Returns a body as JSON; one that is none as text, and no body as null.
fn body_of(bytes: &[u8]) -> Json {
    if bytes.is_empty() {
        return Json::Null;
    }
    serde_json::from_slice(bytes).unwrap_or_else(|_| Json::from(String::from_utf8_lossy(bytes)))
}
