//! Airtable's error answers, in the shapes that are live: a bare string, an object with a type, and a list.

use axum::{
    Json as JsonBody,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value as Json, json};

/// What a request is answered with.
pub(super) type Answer = Result<Json, ApiError>;

/// One refused request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ApiError {
    status: StatusCode,
    body: Json,
}

impl ApiError {
    /// The usual shape: an object with a type and a message.
    pub(super) fn typed(status: StatusCode, kind: &str, message: &str) -> Self {
        Self { status, body: json!({ "error": { "type": kind, "message": message } }) }
    }

    /// A request that was understood and cannot be carried out.
    pub(super) fn unprocessable(kind: &str, message: &str) -> Self {
        Self::typed(StatusCode::UNPROCESSABLE_ENTITY, kind, message)
    }

    /// The shape of an invalid path: the error is a string.
    pub(super) fn not_found() -> Self {
        Self { status: StatusCode::NOT_FOUND, body: json!({ "error": "NOT_FOUND" }) }
    }

    /// A record that does not exist, addressed by its path.
    pub(super) fn record_not_found() -> Self {
        Self::typed(StatusCode::NOT_FOUND, "MODEL_ID_NOT_FOUND", "Record not found")
    }

    /// A record id in a body or query that the table does not hold.
    pub(super) fn row_does_not_exist(id: &str) -> Self {
        Self::unprocessable("ROW_DOES_NOT_EXIST", &format!("Record ID {id} does not exist in this table"))
    }

    /// No token, a wrong one, or one that is over.
    pub(super) fn unauthenticated() -> Self {
        Self::typed(StatusCode::UNAUTHORIZED, "AUTHENTICATION_REQUIRED", "Authentication required")
    }

    /// A token without the scope.
    pub(super) fn not_permitted() -> Self {
        let message = "You are not permitted to perform this operation";
        Self::typed(StatusCode::FORBIDDEN, "INVALID_PERMISSIONS", message)
    }

    /// A base or table that the token cannot reach or that does not exist: Airtable does not say which.
    pub(super) fn no_such_model() -> Self {
        let message = "Invalid permissions, or the requested model was not found. Check that both your user and your \
                       token have the required permissions, and that the model names and/or ids are correct.";
        Self::typed(StatusCode::FORBIDDEN, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND", message)
    }

    /// A parameter that is not as the documentation says.
    pub(super) fn invalid_request() -> Self {
        let message = "Invalid request: parameter validation failed. Check your request data.";
        Self::unprocessable("INVALID_REQUEST_UNKNOWN", message)
    }

    /// A body that is not JSON, or not an object.
    pub(super) fn invalid_body() -> Self {
        Self::unprocessable("INVALID_REQUEST_BODY", "Could not parse request body")
    }

    /// A body without a required part.
    pub(super) fn missing_part(name: &str) -> Self {
        let message = format!("Could not find field \"{name}\" in the request body");
        Self::unprocessable("INVALID_REQUEST_MISSING_FIELDS", &message)
    }

    /// A field that the table does not have.
    pub(super) fn unknown_field(name: &str) -> Self {
        Self::unprocessable("UNKNOWN_FIELD_NAME", &format!("Unknown field name: \"{name}\""))
    }

    /// A value that the field's type refuses.
    pub(super) fn invalid_value(field: &str) -> Self {
        let message = format!("Field \"{field}\" cannot accept the provided value");
        Self::unprocessable("INVALID_VALUE_FOR_COLUMN", &message)
    }

    /// A value for a field that Airtable computes.
    pub(super) fn computed(field: &str) -> Self {
        let message = format!("Field \"{field}\" cannot accept a value because the field is computed");
        Self::unprocessable("INVALID_VALUE_FOR_COLUMN", &message)
    }

    /// Anything but a list of record ids for a linked field.
    pub(super) fn not_record_ids() -> Self {
        Self::unprocessable("INVALID_VALUE_FOR_COLUMN", "Value is not an array of record IDs.")
    }

    /// A choice that a select field does not have.
    pub(super) fn unknown_choice(name: &str) -> Self {
        let message = format!("Insufficient permissions to create new select option \"{name}\"");
        Self::unprocessable("INVALID_MULTIPLE_CHOICE_OPTIONS", &message)
    }

    /// A batch that is empty or too large.
    pub(super) fn invalid_records() -> Self {
        let message = "You must provide an array of up to 10 record objects, each with an \"id\" ID field and a \
                       \"fields\" object for cell values.";
        Self::unprocessable("INVALID_RECORDS", message)
    }

    /// One record twice in a batch.
    pub(super) fn repeated_record() -> Self {
        let message = "You cannot update the same record multiple times in a single request.";
        Self::unprocessable("INVALID_RECORDS", message)
    }

    /// A listing whose position is no longer kept. It comes without a message.
    pub(super) fn iterator_gone() -> Self {
        let body = json!({ "error": { "type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE" } });
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, body }
    }

    /// A formula that cannot be read.
    pub(super) fn invalid_formula(reason: &str) -> Self {
        let message = format!("The formula for filtering records is invalid: {reason}");
        Self::unprocessable("INVALID_FILTER_BY_FORMULA", &message)
    }

    /// Too many requests to one base, in the shape that is seen live: a list.
    pub(super) fn base_rate_limited() -> Self {
        let body = json!({
            "errors": [{ "error": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later" }]
        });
        Self { status: StatusCode::TOO_MANY_REQUESTS, body }
    }

    /// Too many requests of one user, in the shape of the documentation.
    pub(super) fn user_rate_limited() -> Self {
        let message = "Rate limit exceeded. Please try again later";
        Self::typed(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMIT_REACHED", message)
    }

    /// An answer of the token endpoint, in the shape of OAuth.
    pub(super) fn oauth(status: StatusCode, error: &str, description: &str) -> Self {
        Self { status, body: json!({ "error": error, "error_description": description }) }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, JsonBody(self.body)).into_response()
    }
}

/// Gives Airtable's error answer of a status that an emulator was told to misbehave with.
pub(super) fn fault(status: StatusCode) -> Response {
    let page =
        "<html><head><title>Bad gateway</title></head><body><h1>The server could not be reached</h1></body></html>";
    match status {
        StatusCode::TOO_MANY_REQUESTS => ApiError::base_rate_limited().into_response(),
        StatusCode::SERVICE_UNAVAILABLE => {
            let message = "The server could not process your request in time. The server could be temporarily unavailable, or \
                           it could have timed out processing your request.";
            ApiError::typed(status, "RETRIABLE_ERROR", message).into_response()
        }
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            (status, [(axum::http::header::CONTENT_TYPE, "text/html")], page).into_response()
        }
        _ => ApiError::typed(status, "SERVER_ERROR", "The server encountered an unexpected condition.").into_response(),
    }
}
