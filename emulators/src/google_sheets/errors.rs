//! Google's error answers: the body of the Sheets API, the one of Drive, and the one of the token endpoint.

use axum::{
    Json as JsonBody,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value as Json, json};

/// The number of the cloud project that every caller belongs to.
pub(super) const PROJECT: &str = "100000000001";

/// What a request is answered with.
pub(super) type Answer = Result<Json, ApiError>;

/// One refused request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ApiError {
    status: StatusCode,
    body: Json,
}

impl ApiError {
    fn with(status: StatusCode, name: &str, message: &str, details: Option<Json>) -> Self {
        let mut body = json!({ "error": { "code": status.as_u16(), "message": message, "status": name } });
        if let Some(details) = details {
            body["error"]["details"] = json!([details]);
        }
        Self { status, body }
    }

    /// A request that makes no sense, said without details.
    pub(super) fn invalid(message: impl AsRef<str>) -> Self {
        Self::with(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", message.as_ref(), None)
    }

    /// A request whose field cannot be read: the details name it.
    pub(super) fn violation(field: &str, description: &str) -> Self {
        let details = json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{ "field": field, "description": description }],
        });
        Self::with(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", description, Some(details))
    }

    /// A range that names no sheet, or is none.
    pub(super) fn no_range(text: &str) -> Self {
        Self::invalid(format!("Unable to parse range: {text}"))
    }

    /// Puts the place in a batch in front of the message: `Invalid requests[0].addSheet: …`. A message with details names its place.
    pub(super) fn prefixed(mut self, place: &str) -> Self {
        let error = &mut self.body["error"];
        if error["status"] == "INVALID_ARGUMENT" && error.get("details").is_none() {
            let message = error["message"].as_str().unwrap_or_default();
            error["message"] = Json::from(format!("{place}{message}"));
        }
        self
    }

    /// Returns the message.
    pub(super) fn message(&self) -> String {
        self.body["error"]["message"].as_str().unwrap_or_default().to_owned()
    }

    /// A spreadsheet that is not shared with the caller, or not for this.
    pub(super) fn not_shared() -> Self {
        Self::with(StatusCode::FORBIDDEN, "PERMISSION_DENIED", "The caller does not have permission", None)
    }

    /// A cell that the caller may not change.
    pub(super) fn protected() -> Self {
        let message = "You are trying to edit a protected cell or object. Please contact the spreadsheet owner to remove protection \
                       if you need to edit.";
        Self::with(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message, None)
    }

    /// A spreadsheet, or a part of one, that does not exist.
    pub(super) fn not_found() -> Self {
        Self::with(StatusCode::NOT_FOUND, "NOT_FOUND", "Requested entity was not found.", None)
    }

    /// No token, a wrong one, or one that is over.
    pub(super) fn unauthenticated() -> Self {
        let message = "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other \
                       valid authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project.";
        Self::with(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message, None)
    }

    /// A token without the scope.
    pub(super) fn no_scope() -> Self {
        let info = info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", &json!({ "service": "sheets.googleapis.com" }));
        let message = "Request had insufficient authentication scopes.";
        Self::with(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message, Some(info))
    }

    /// A project in which nobody switched the API on.
    pub(super) fn api_disabled() -> Self {
        let url =
            format!("https://console.developers.google.com/apis/api/sheets.googleapis.com/overview?project={PROJECT}");
        let message = format!(
            "Google Sheets API has not been used in project {PROJECT} before or it is disabled. Enable it by visiting {url} \
             then retry. If you enabled this API recently, wait a few minutes for the action to propagate to our systems and retry."
        );
        let metadata = json!({
            "service": "sheets.googleapis.com", "serviceTitle": "Google Sheets API", "activationUrl": url,
            "containerInfo": PROJECT, "consumer": format!("projects/{PROJECT}"),
        });
        let details = info("SERVICE_DISABLED", &metadata);
        Self::with(StatusCode::FORBIDDEN, "PERMISSION_DENIED", &message, Some(details))
    }

    /// A request too many in its minute; `kind` is `Read` or `Write`.
    pub(super) fn quota(kind: &str, is_user: bool, limit: usize) -> Self {
        let (of, name) = if is_user { (" per user", "PerUser") } else { ("", "") };
        let message = format!(
            "Quota exceeded for quota metric '{kind} requests' and limit '{kind} requests per minute{of}' of service \
             'sheets.googleapis.com' for consumer 'project_number:{PROJECT}'."
        );
        let metadata = json!({
            "service": "sheets.googleapis.com",
            "quota_metric": format!("sheets.googleapis.com/{}_requests", kind.to_lowercase()),
            "quota_limit": format!("{kind}RequestsPerMinute{}", if is_user { name } else { "PerProject" }),
            "quota_limit_value": limit.to_string(),
            "quota_location": "global",
            "quota_unit": if is_user { "1/min/{project}/{user}" } else { "1/min/{project}" },
            "consumer": format!("projects/{PROJECT}"),
        });
        let details = info("RATE_LIMIT_EXCEEDED", &metadata);
        Self::with(StatusCode::TOO_MANY_REQUESTS, "RESOURCE_EXHAUSTED", &message, Some(details))
    }

    /// An error of Drive, which has a shape of its own.
    pub(super) fn drive(status: StatusCode, reason: &str, message: &str) -> Self {
        let error = json!({ "domain": "global", "reason": reason, "message": message });
        let body = json!({ "error": { "code": status.as_u16(), "message": message, "errors": [error] } });
        Self { status, body }
    }

    /// A refusal of the token endpoint, in the shape of OAuth.
    pub(super) fn oauth(status: StatusCode, error: &str, description: &str) -> Self {
        Self { status, body: json!({ "error": error, "error_description": description }) }
    }
}

fn info(reason: &str, metadata: &Json) -> Json {
    json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason, "domain": "googleapis.com", "metadata": metadata,
    })
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, JsonBody(self.body)).into_response()
    }
}

/// Gives Google's error answer of a status that the emulator was told to misbehave with.
pub(super) fn fault(status: StatusCode) -> Response {
    let page = "<!DOCTYPE html><html lang=en><title>Error 502 (Server Error)!!1</title><p>The server encountered a temporary error \
                and could not complete your request.</html>";
    let with = |name: &str, message: &str| ApiError::with(status, name, message, None).into_response();
    match status {
        StatusCode::TOO_MANY_REQUESTS => ApiError::quota("Read", true, 60).into_response(),
        StatusCode::SERVICE_UNAVAILABLE => with("UNAVAILABLE", "The service is currently unavailable."),
        StatusCode::GATEWAY_TIMEOUT => with("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
        StatusCode::BAD_GATEWAY => (status, [(header::CONTENT_TYPE, "text/html")], page).into_response(),
        _ => with("INTERNAL", "Internal error encountered."),
    }
}
