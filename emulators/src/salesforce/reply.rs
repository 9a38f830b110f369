//! Answers before they are sent, so that requests within a request can be answered, too.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use serde_json::Value as Json;

/// The body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// None.
    Empty,
    /// JSON.
    Json(Json),
    /// Text of another kind.
    Text(&'static str, Vec<u8>),
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reply {
    /// Its status.
    pub(super) status: StatusCode,
    /// Its own headers.
    pub(super) headers: Vec<(&'static str, String)>,
    /// Its body.
    pub(super) content: Content,
}

impl Reply {
    /// Answers with JSON.
    pub(super) fn json(status: StatusCode, body: Json) -> Self {
        Self { status, headers: Vec::new(), content: Content::Json(body) }
    }

    /// Answers 200 with JSON.
    pub(super) fn ok(body: Json) -> Self {
        Self::json(StatusCode::OK, body)
    }

    /// Answers without a body.
    pub(super) fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), content: Content::Empty }
    }

    /// Answers with CSV.
    pub(super) fn csv(body: Vec<u8>) -> Self {
        Self { status: StatusCode::OK, headers: Vec::new(), content: Content::Text("text/csv; charset=UTF-8", body) }
    }

    /// Adds a header.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl From<Reply> for Response {
    fn from(reply: Reply) -> Self {
        let (kind, body) = match reply.content {
            Content::Empty => (None, Body::empty()),
            Content::Json(json) => {
                (Some("application/json;charset=UTF-8"), Body::from(serde_json::to_vec(&json).unwrap_or_default()))
            }
            Content::Text(kind, body) => (Some(kind), Body::from(body)),
        };
        let mut response = Self::new(body);
        *response.status_mut() = reply.status;
        let headers = response.headers_mut();
        if let Some(kind) = kind {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        for (name, value) in reply.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}
