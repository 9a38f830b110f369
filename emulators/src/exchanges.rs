//! Writes down what an emulator was asked and what it answered, for a judge that compares both with the vendor's description.
//!
//! A line of JSON per exchange, with the bodies and without the token. It never changes an answer.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::Path,
    sync::Arc,
};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use serde_json::{Value as Json, json};

/// Most bytes of a request that is passed on: more than any emulator reads.
const MAX_REQUEST: usize = 256 * 1024 * 1024;

/// Writes every exchange of `service` to `NAME-PROCESS.jsonl` in the folder, where there is one. The layer belongs directly around the
/// service, inside its faults, so that what is written is what the vendor would say.
///
/// # Errors
/// Fails, with a text for the user, when the folder cannot be written to.
pub fn with_exchanges(service: Router, name: &'static str, folder: Option<&Path>) -> Result<Router, String> {
    let folder = folder.map(Path::to_owned);
    #[cfg(test)]
    let folder = folder.or_else(|| std::env::var_os("FERRY_EXCHANGES").map(Into::into));
    let Some(folder) = folder else { return Ok(service) };
    let path = folder.join(format!("{name}-{}.jsonl", std::process::id()));
    let open = || {
        fs::create_dir_all(&folder)?;
        OpenOptions::new().create(true).append(true).open(&path)
    };
    let file = open().map_err(|error| format!("`{}` cannot be written: {error}", path.display()))?;
    Ok(service.layer(middleware::from_fn_with_state(Arc::new(file), write_down)))
}

async fn write_down(State(file): State<Arc<File>>, request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/_emulator/") {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(asked) = to_bytes(body, MAX_REQUEST).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let text = |name: HeaderName| header_of(&parts.headers, &name);
    let mut exchange = json!({
        "method": parts.method.as_str(),
        "path": parts.uri.path(),
        "query": without_token(parts.uri.query().unwrap_or_default()),
        "user_agent": text(header::USER_AGENT),
        "content_type": text(header::CONTENT_TYPE),
        "body": body_of(&asked),
    });
    let answer = next.run(Request::from_parts(parts, Body::from(asked))).await;
    let (parts, body) = answer.into_parts();
    let answered = to_bytes(body, usize::MAX).await.unwrap_or_default();
    exchange["status"] = parts.status.as_u16().into();
    exchange["answer"] = body_of(&answered);
    // One write per line, so that the lines of several emulators do not mix in a file.
    if let Err(error) = (&*file).write_all(format!("{exchange}\n").as_bytes()) {
        tracing::warn!(%error, "exchange not written down");
    }
    Response::from_parts(parts, Body::from(answered))
}

fn header_of(headers: &HeaderMap, name: &HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// Leaves out the token that some clients send in the query.
fn without_token(query: &str) -> String {
    query.split('&').filter(|pair| !pair.starts_with("api_token=")).collect::<Vec<_>>().join("&")
}

/// Returns a body as JSON; one that is none as text, and no body as null.
fn body_of(bytes: &Bytes) -> Json {
    if bytes.is_empty() {
        return Json::Null;
    }
    serde_json::from_slice(bytes).unwrap_or_else(|_| Json::from(String::from_utf8_lossy(bytes)))
}

#[cfg(test)]
mod tests {
    use axum::routing::post;

    use super::*;
    use crate::server::serve;

    #[tokio::test]
    async fn writes_down_what_was_asked_and_answered_and_no_token() {
        let folder = tempfile::tempdir().unwrap();
        let service = Router::new().route("/things", post(|body: String| async move { body.to_uppercase() }));
        let running = serve(with_exchanges(service, "vendor", Some(folder.path())).unwrap(), 0).await.unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let request =
            reqwest::Client::new().post(format!("{}/things?a=1&api_token=secret", running.url())).bearer_auth("secret");
        let answer = request.body("[\"a\"]").send().await.unwrap();
        assert_eq!(answer.text().await.unwrap(), "[\"A\"]");

        let name = format!("vendor-{}.jsonl", std::process::id());
        let written = fs::read_to_string(folder.path().join(name)).unwrap();
        let exchange: Json = serde_json::from_str(&written).unwrap();
        assert_eq!(
            (&exchange["path"], &exchange["query"], &exchange["status"]),
            (&"/things".into(), &"a=1".into(), &200.into())
        );
        assert_eq!((&exchange["body"], &exchange["answer"]), (&json!(["a"]), &json!(["A"])));
        assert!(!written.contains("secret"), "{written}");
    }
}
