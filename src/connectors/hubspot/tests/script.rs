//! A server on loopback that answers as a test says, and remembers what it was asked.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use emulators::{Running, serve, with_exchanges};
use serde_json::{Value as Json, json};

use super::properties;

/// What was asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: String,
    pub(super) authorization: String,
}

impl Asked {
    pub(super) fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    pub(super) fn parameter(&self, name: &str) -> &str {
        self.query.iter().find(|pair| pair.0 == name).map_or("", |pair| pair.1.as_str())
    }

    pub(super) fn form(&self, name: &str) -> String {
        let mut pairs = url::form_urlencoded::parse(self.body.as_bytes());
        pairs.find(|pair| pair.0 == name).map(|pair| pair.1.into_owned()).unwrap_or_default()
    }

    /// Returns an answer with the trace ids as they were sent: a script says `a` for the `a~…` of the request.
    fn marked(&self, mut answer: Json) -> Json {
        let inputs = self.json()["inputs"].as_array().cloned().unwrap_or_default();
        let sent = inputs.iter().filter_map(|input| input["objectWriteTraceId"].as_str());
        for full in sent.map(str::to_owned).collect::<Vec<_>>() {
            if let Some((short, _)) = full.split_once('~') {
                mark(&mut answer, short, &full, false);
            }
        }
        answer
    }

    /// Returns the ids of the body's inputs.
    pub(super) fn ids(&self) -> Vec<String> {
        let inputs = self.json()["inputs"].as_array().cloned().unwrap_or_default();
        inputs.iter().map(|input| input["id"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

/// A scripted HubSpot.
pub(super) struct Script {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _server: Running,
}

impl Script {
    /// Starts a server that answers with the tests' properties, owners and pipelines, and everything else as `answer` says.
    pub(super) async fn start(mut answer: impl FnMut(&Asked) -> (u16, Json) + Send + 'static) -> Self {
        Self::start_raw(move |asked| {
            let (status, body) = standing_answer(asked).map_or_else(|| answer(asked), |body| (200, body));
            (status, if status == 204 { String::new() } else { asked.marked(body).to_string() })
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
                let status = StatusCode::from_u16(status).unwrap();
                let response: Response = (status, body).into_response();
                response
            }
        });
        let exchanges = std::env::var_os("FERRY_EXCHANGES").map(PathBuf::from);
        let service = with_exchanges(service, "hubspot.script", exchanges.as_deref()).unwrap();
        let server = serve(service, 0).await.unwrap();
        Self { url: server.url(), asked, _server: server }
    }

    /// Returns what was asked so far, without the properties.
    pub(super) fn asked(&self) -> Vec<Asked> {
        let all = self.asked.lock().unwrap().clone();
        all.into_iter().filter(|asked| !asked.path.contains("/properties/")).collect()
    }

    /// Returns how often a path was asked for.
    pub(super) fn count(&self, ending: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.path.ends_with(ending)).count()
    }
}

/// Puts the full trace id in the place of the short one, wherever an answer names one.
fn mark(json: &mut Json, short: &str, full: &str, is_trace: bool) {
    match json {
        Json::String(text) if is_trace && text == short => full.clone_into(text),
        Json::Array(items) => items.iter_mut().for_each(|item| mark(item, short, full, is_trace)),
        Json::Object(fields) => {
            for (name, value) in fields {
                mark(value, short, full, name.starts_with("objectWriteTraceId"));
            }
        }
        _ => {}
    }
}

fn standing_answer(asked: &Asked) -> Option<Json> {
    if asked.path.contains("/properties/") {
        return Some(properties());
    }
    if asked.path.contains("/pipelines/") {
        return Some(pipelines());
    }
    let is_archived = asked.parameter("archived") == "true";
    asked.path.contains("/owners/").then(|| owners(is_archived, asked.parameter("after")))
}

/// Two pipelines that both have a stage called "Won".
pub(super) fn pipelines() -> Json {
    let stage = |id: &str, label: &str| json!({ "id": id, "label": label });
    json!({ "results": [
        { "id": "default", "label": "Sales", "stages": [stage("qualified", "Qualified"), stage("closedwon", "Won")] },
        { "id": "77", "label": "Partners", "stages": [stage("701", "Won"), stage("702", "Signed")] },
    ] })
}

/// Owners in two pages, and one who has left.
pub(super) fn owners(is_archived: bool, after: &str) -> Json {
    match (is_archived, after) {
        (true, _) => json!({ "results": [{ "id": "9", "email": "gone@example.test", "userId": 99 }] }),
        (false, "") => json!({
            "results": [{ "id": "1", "email": "Ada@example.test", "userId": 11, "type": "PERSON" }],
            "paging": { "next": { "after": "p2" } },
        }),
        (false, _) => json!({ "results": [{ "id": 2, "email": "bo@example.test" }, { "id": "3", "type": "QUEUE" }] }),
    }
}

async fn read(request: Request) -> Asked {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let header = parts.headers.get("authorization");
    Asked {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
        authorization: header.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default(),
    }
}

/// A record as HubSpot gives it.
pub(super) fn record(id: u64, properties: Json) -> Json {
    let mut record = json!({
        "id": id.to_string(),
        "createdAt": "2026-01-01T00:00:00.000Z",
        "updatedAt": "2026-11-01T08:00:00.123Z",
        "archived": false,
    });
    record["properties"] = properties;
    record
}
