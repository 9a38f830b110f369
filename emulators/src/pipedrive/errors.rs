//! The vendor's error answers, and the answers that succeed.
//!
//! Source: HTTP status codes and responses pages; bodies without a documented form follow what public clients parse.

use axum::{
    Json as JsonBody,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde_json::{Value as Json, json};

use super::kinds::Kind;

/// What most errors tell besides what was wrong.
const INFO: &str = "Please check developers.pipedrive.com for more information about Pipedrive API.";

/// An answer that succeeds.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Json,
}

/// What a request comes to.
pub(super) type Answered = Result<Answer, Refusal>;

impl Answer {
    /// `{success, data}` with 200.
    pub(super) fn data(data: impl Into<Json>) -> Self {
        Self::whole(json!({"success": true, "data": data.into()}))
    }

    /// A body of its own with 200.
    pub(super) fn whole(body: Json) -> Self {
        Self { status: StatusCode::OK, body }
    }

    /// A page of version 2.
    pub(super) fn page(data: impl Into<Json>, next: Option<String>) -> Self {
        let next = next.map_or(Json::Null, Json::from);
        Self::whole(json!({"success": true, "data": data.into(), "additional_data": {"next_cursor": next}}))
    }

    /// The same with 201: sub-resources and what was made by newer parts of the API.
    pub(super) fn created(mut self) -> Self {
        self.status = StatusCode::CREATED;
        self
    }
}

/// An error answer.
#[derive(Debug, Clone)]
pub(super) struct Refusal(Box<Details>);

#[derive(Debug, Clone)]
struct Details {
    status: StatusCode,
    body: Json,
    headers: HeaderMap,
    /// A gateway's page instead of the body.
    page: Option<&'static str>,
}

impl Refusal {
    /// Makes an error of a body of its own.
    pub(super) fn whole(status: StatusCode, body: Json) -> Self {
        Self(Box::new(Details { status, body, headers: HeaderMap::new(), page: None }))
    }

    /// Makes an error in the common form.
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        let body =
            json!({"success": false, "error": error.into(), "error_info": INFO, "data": null, "additional_data": null});
        Self::whole(status, body)
    }

    /// A request whose content is wrong: 400.
    pub(super) fn bad(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    /// A request that does not fit the schema: 400 with its code.
    pub(super) fn validation(error: impl Into<String>) -> Self {
        let mut refusal = Self::bad(error);
        refusal.0.body["code"] = Json::from("ERR_SCHEMA_VALIDATION_FAILED");
        refusal
    }

    /// A field of a record that is refused: the record is refused whole.
    pub(super) fn field(place: &str, problem: &str) -> Self {
        Self::validation(format!("Validation failed: {place}: {problem}"))
    }

    /// What is not allowed: 403.
    pub(super) fn forbidden(error: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, error)
    }

    /// What is not there: 404.
    pub(super) fn not_found(error: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, error)
    }

    /// A record that is not there.
    pub(super) fn no_such(kind: Kind) -> Self {
        if kind == Kind::Leads {
            let body = json!({"success": false, "error": "requested lead not found", "error_info": "Object was not found.",
                "data": null, "additional_data": null});
            return Self::whole(StatusCode::NOT_FOUND, body);
        }
        Self::not_found(format!("{} not found", kind.title()))
    }

    /// A path that no version has.
    pub(super) fn no_such_path() -> Self {
        Self::not_found("Unknown method .")
    }

    /// A path that Pipedrive has and this emulator does not.
    pub(super) fn not_here(what: &str) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, format!("the local Pipedrive does not do {what}"))
    }

    /// A token that is not good.
    pub(super) fn unauthorized() -> Self {
        let body = json!({"success": false, "error": "unauthorized access", "errorCode": 401,
            "error_info": "You are not authorized to make this request."});
        Self::whole(StatusCode::UNAUTHORIZED, body)
    }

    /// A token without the scope.
    pub(super) fn no_scope() -> Self {
        let body = json!({"success": false, "error": "Scope and URL mismatch", "errorCode": 403,
            "error_info": "The app's scopes do not allow this request."});
        Self::whole(StatusCode::FORBIDDEN, body)
    }

    /// Too many requests: in the burst window with the seconds to wait, or in the day without.
    pub(super) fn too_many(retry_after: Option<u64>) -> Self {
        let body = json!({"success": false, "error": "request over limit", "errorCode": 429});
        let mut refusal = Self::whole(StatusCode::TOO_MANY_REQUESTS, body);
        if let Some(seconds) = retry_after {
            refusal.0.headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        refusal
    }

    /// What the gateway answers callers that ignore 429: a page, not JSON.
    pub(super) fn gateway() -> Self {
        let mut refusal = Self::new(StatusCode::FORBIDDEN, "");
        refusal.0.page = Some(
            "<!DOCTYPE html><html><head><title>Access denied | api.pipedrive.com used Cloudflare to restrict access</title></head>\
            <body><h1>Error 1015</h1><p>You are being rate limited</p></body></html>",
        );
        refusal
    }

    /// Returns what was wrong, for messages about fixtures.
    pub(super) fn into_message(self) -> String {
        self.0.body["error"].as_str().unwrap_or_default().to_owned()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Details { status, body, headers, page } = *self.0;
        match page {
            Some(page) => (status, headers, Html(page)).into_response(),
            None => (status, headers, JsonBody(body)).into_response(),
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.status, JsonBody(self.body)).into_response()
    }
}

/// Answers an injected fault in the vendor's form.
pub(super) fn fault(status: StatusCode) -> Response {
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Refusal::too_many(Some(2)).into_response();
    }
    Refusal::new(status, status.canonical_reason().unwrap_or("internal error")).into_response()
}
