//! What the vendor says when it refuses: a list of errors for a request, one error for a record, an object for a login.

use axum::http::StatusCode;
use serde_json::{Value as Json, json};

use super::reply::Reply;

/// Why one record, or a whole request, is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// The vendor's code.
    pub(super) code: &'static str,
    /// What it says.
    pub(super) message: String,
    /// The fields it names.
    pub(super) fields: Vec<String>,
    /// The status where the problem is a request's.
    pub(super) status: StatusCode,
}

impl Problem {
    /// Makes one that names no field.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), fields: Vec::new(), status: StatusCode::BAD_REQUEST }
    }

    /// Makes one that names a field.
    pub(super) fn of_field(code: &'static str, message: impl Into<String>, field: &str) -> Self {
        Self { fields: vec![field.to_owned()], ..Self::new(code, message) }
    }

    /// Gives it another status.
    #[must_use]
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Something that is not there.
    pub(super) fn not_found() -> Self {
        Self::new("NOT_FOUND", "The requested resource does not exist").with_status(StatusCode::NOT_FOUND)
    }

    /// A body that is not what the resource takes.
    pub(super) fn parser(message: impl Into<String>) -> Self {
        Self::new("JSON_PARSER_ERROR", message)
    }

    /// A session that the vendor does not know or no longer knows.
    pub(super) fn session(message: &str) -> Self {
        Self::new("INVALID_SESSION_ID", message).with_status(StatusCode::UNAUTHORIZED)
    }

    /// A row that another transaction holds.
    pub(super) fn locked() -> Self {
        Self::new("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
    }

    /// A record that was undone for another's sake.
    pub(super) fn rolled_back() -> Self {
        let message =
            "Record rolled back because not all records were valid and the request was using AllOrNone header";
        Self::new("ALL_OR_NONE_OPERATION_ROLLED_BACK", message)
    }

    /// Shows it as an element of a request's list of errors.
    pub(super) fn shown(&self) -> Json {
        let mut shown = json!({"message": self.message, "errorCode": self.code});
        let is_of_record = self.status == StatusCode::BAD_REQUEST
            && !matches!(self.code, "MALFORMED_QUERY" | "INVALID_TYPE" | "JSON_PARSER_ERROR" | "INVALID_QUERY_LOCATOR");
        if is_of_record && (!self.fields.is_empty() || self.code != "INVALID_FIELD") {
            shown["fields"] = json!(self.fields);
        }
        shown
    }

    /// Shows it as an error of one record among many.
    pub(super) fn shown_in_result(&self) -> Json {
        json!({"statusCode": self.code, "message": self.message, "fields": self.fields})
    }

    /// Shows it as `sf__Error` does.
    pub(super) fn in_csv(&self) -> String {
        format!("{}:{}:{} --", self.code, self.message, self.fields.join(", "))
    }

    /// Answers a request with it.
    pub(super) fn reply(&self) -> Reply {
        Reply::json(self.status, json!([self.shown()]))
    }
}

impl From<Problem> for Reply {
    fn from(problem: Problem) -> Self {
        problem.reply()
    }
}

/// The vendor's own answer of a status, for faults.
pub(super) fn fault(status: StatusCode) -> axum::response::Response {
    let problem = match status.as_u16() {
        429 => Problem::new("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.")
            .with_status(StatusCode::FORBIDDEN),
        502..=504 => {
            Problem::new("SERVER_UNAVAILABLE", "We are unavailable due to maintenance or overload; try again shortly")
                .with_status(status)
        }
        _ => Problem::new(
            "UNKNOWN_EXCEPTION",
            "An unexpected error occurred. Please include this ErrorId if you contact support: 1-1",
        )
        .with_status(status),
    };
    problem.reply().into()
}
