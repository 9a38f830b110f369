//! A server on loopback that answers as a test says, and remembers what it was asked.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use emulators::{Running, serve, with_exchanges};
use serde_json::{Value as Json, json};
use tokio::sync::Notify;

use super::description;

/// What was asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    /// The path behind `/services/data/vNN.0/`, or the whole of another.
    pub(super) path: String,
    pub(super) version: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: String,
    pub(super) headers: Vec<(String, String)>,
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

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|pair| pair.0 == name).map_or("", |pair| pair.1.as_str())
    }

    pub(super) fn records(&self) -> Vec<Json> {
        self.json()["records"].as_array().cloned().unwrap_or_default()
    }
}

/// An answer of the script.
pub(super) struct Reply {
    status: u16,
    pub(super) body: String,
    headers: Vec<(&'static str, String)>,
    wait_for: Option<Arc<Notify>>,
}

impl Reply {
    /// Holds the answer back until somebody says so.
    pub(super) fn after(mut self, word: &Arc<Notify>) -> Self {
        self.wait_for = Some(Arc::clone(word));
        self
    }

    pub(super) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

pub(super) fn ok(json: &Json) -> Reply {
    status(200, json)
}

pub(super) fn status(status: u16, json: &Json) -> Reply {
    let headers = vec![("content-type", "application/json;charset=UTF-8".to_owned())];
    Reply { status, body: json.to_string(), headers, wait_for: None }
}

pub(super) fn csv(text: &str) -> Reply {
    let headers = vec![("content-type", "text/csv".to_owned())];
    Reply { status: 200, body: text.to_owned(), headers, wait_for: None }
}

pub(super) fn empty(status: u16) -> Reply {
    Reply { status, body: String::new(), headers: Vec::new(), wait_for: None }
}

pub(super) fn error(code: u16, word: &str, message: &str) -> Reply {
    status(code, &json!([{ "errorCode": word, "message": message }]))
}

/// A scripted Salesforce.
pub(super) struct Script {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    _server: Running,
}

impl Script {
    /// Starts a server that logs in, lists versions and describes any object, and answers everything else as `answer` says.
    pub(super) async fn start(mut answer: impl FnMut(&Asked) -> Reply + Send + 'static) -> Self {
        Self::start_raw(move |asked, url| standing_answer(asked, url).unwrap_or_else(|| answer(asked))).await
    }

    /// Starts a server that answers everything as `answer` says, which is told the server's own address.
    pub(super) async fn start_raw(answer: impl FnMut(&Asked, &str) -> Reply + Send + 'static) -> Self {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let url: Arc<Mutex<String>> = Arc::default();
        let (log, address, answer) = (Arc::clone(&asked), Arc::clone(&url), Arc::new(Mutex::new(answer)));
        let service = Router::new().fallback(move |request: Request| {
            let (log, address, answer) = (Arc::clone(&log), Arc::clone(&address), Arc::clone(&answer));
            async move {
                let asked = read(request).await;
                log.lock().unwrap().push(asked.clone());
                let address = address.lock().unwrap().clone();
                let reply = (answer.lock().unwrap())(&asked, &address);
                if let Some(word) = reply.wait_for {
                    word.notified().await;
                }
                let mut response: Response = (StatusCode::from_u16(reply.status).unwrap(), reply.body).into_response();
                for (name, value) in reply.headers {
                    let value = HeaderValue::from_str(&value).unwrap();
                    response.headers_mut().insert(HeaderName::from_static(name), value);
                }
                response
            }
        });
        let exchanges = std::env::var_os("FERRY_EXCHANGES").map(PathBuf::from);
        let service = with_exchanges(service, "salesforce.script", exchanges.as_deref()).unwrap();
        let server = serve(service, 0).await.unwrap();
        url.lock().unwrap().clone_from(&server.url());
        Self { url: server.url(), asked, _server: server }
    }

    /// Returns what was asked so far beside logins, versions and descriptions.
    pub(super) fn asked(&self) -> Vec<Asked> {
        let all = self.asked.lock().unwrap().clone();
        all.into_iter().filter(|asked| standing_answer(asked, "").is_none()).collect()
    }

    /// Returns everything that was asked so far.
    pub(super) fn all(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Returns how often a path was asked for.
    pub(super) fn count(&self, ending: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.path.ends_with(ending)).count()
    }
}

pub(super) fn token(url: &str, token: &str) -> Reply {
    ok(&json!({ "access_token": token, "instance_url": url, "token_type": "Bearer", "id": "x", "issued_at": "1" }))
}

pub(super) fn standing_answer(asked: &Asked, url: &str) -> Option<Reply> {
    if asked.path == "/services/oauth2/token" {
        return Some(token(url, "00D!session"));
    }
    if asked.path == "/services/data" {
        let offer =
            |version: &str| json!({ "label": "", "url": format!("/services/data/v{version}"), "version": version });
        return Some(ok(&json!([offer("31.0"), offer("66.0"), offer("67.0"), offer("68.0")])));
    }
    let object = asked.path.strip_prefix("sobjects/")?.strip_suffix("/describe")?;
    Some(ok(&description(object)))
}

async fn read(request: Request) -> Asked {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let whole = parts.uri.path().to_owned();
    let versioned = whole.strip_prefix("/services/data/v").and_then(|rest| rest.split_once('/'));
    let (version, path) = versioned.map_or((String::new(), whole.clone()), |(v, path)| (v.to_owned(), path.to_owned()));
    let headers = parts.headers.iter();
    Asked {
        method: parts.method.to_string(),
        path,
        version,
        query: url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
        headers: headers
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            .collect(),
    }
}

pub(super) fn text(text: &str) -> Reply {
    let headers = vec![("content-type", "application/octet-stream".to_owned())];
    Reply { status: 200, body: text.to_owned(), headers, wait_for: None }
}

/// Answers with a text, with or without a media type.
pub(super) fn raw(status: u16, media_type: &str, body: &str) -> Reply {
    let headers = if media_type.is_empty() { Vec::new() } else { vec![("content-type", media_type.to_owned())] };
    Reply { status, body: body.to_owned(), headers, wait_for: None }
}
