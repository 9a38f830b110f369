//! A server on loopback that answers as a test says, and remembers what it was asked.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Bytes, extract::Request, http::StatusCode, response::IntoResponse};
use emulators::{Running, serve, with_exchanges};
use serde_json::{Value as Json, json};

use super::tables;

/// What was asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) raw_query: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: String,
    pub(super) authorization: String,
}

impl Asked {
    pub(super) fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    pub(super) fn form(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.body.as_bytes());
        pairs.find(|pair| pair.0 == name).map(|pair| pair.1.into_owned())
    }

    pub(super) fn parameters(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|pair| pair.0 == name).map(|pair| pair.1.as_str()).collect()
    }
}

/// A scripted Airtable.
pub(super) struct Script {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _server: Running,
}

impl Script {
    /// Starts a server that answers the meta API with the tests' tables and everything else as `answer` says.
    pub(super) async fn start(mut answer: impl FnMut(&Asked) -> (u16, Json) + Send + 'static) -> Self {
        Self::start_raw(move |asked| {
            let (status, body) = if asked.path.ends_with("/tables") { (200, tables()) } else { answer(asked) };
            (status, body.to_string())
        })
        .await
    }

    /// Starts a server that answers everything as `answer` says.
    pub(super) async fn start_raw(answer: impl FnMut(&Asked) -> (u16, String) + Send + 'static) -> Self {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (log, answer) = (Arc::clone(&asked), Arc::new(Mutex::new(answer)));
        let service = Router::new().fallback(move |request: Request| {
            let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
            async move {
                let asked = read(request).await;
                log.lock().unwrap().push(asked.clone());
                let (status, body) = (answer.lock().unwrap())(&asked);
                (StatusCode::from_u16(status).unwrap(), body).into_response()
            }
        });
        let exchanges = std::env::var_os("FERRY_EXCHANGES").map(PathBuf::from);
        let service = with_exchanges(service, "airtable.script", exchanges.as_deref()).unwrap();
        let server = serve(service, 0).await.unwrap();
        Self { url: server.url(), asked, _server: server }
    }

    /// Returns what was asked so far, without the meta API.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked_all().into_iter().filter(|asked| !asked.path.ends_with("/tables")).collect()
    }

    /// Returns what was asked so far.
    pub(super) fn asked_all(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn read(request: Request) -> Asked {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let raw_query = parts.uri.query().unwrap_or_default().to_owned();
    let query = url::form_urlencoded::parse(raw_query.as_bytes()).into_owned().collect();
    Asked {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        raw_query,
        query,
        body: String::from_utf8_lossy(&body).into_owned(),
        authorization: parts
            .headers
            .get("authorization")
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default(),
    }
}

/// A record as Airtable gives it.
pub(super) fn record(id: &str, fields: Json) -> Json {
    let mut record = json!({"id": id, "createdTime": "2026-11-01T08:00:00.000Z"});
    record["fields"] = fields;
    record
}

/// An error in Airtable's usual shape.
pub(super) fn refusal(code: &str, message: &str) -> (u16, Json) {
    (422, json!({"error": {"type": code, "message": message}}))
}
