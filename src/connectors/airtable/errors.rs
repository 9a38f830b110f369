//! Airtable's answers: what they mean to the HTTP stack, to the engine, and to the user.
//!
//! Four shapes of error bodies are alive, so decoding is lenient. A vendor's message may quote a record's value: it goes into
//! `detail` and into rejections, never into a message.

use chrono::{DateTime, Datelike, Months, NaiveTime, Utc};
use serde_json::Value as Json;

use crate::clock::Clock;
use crate::connector::{self, ConnectorError, ErrorKind};
use crate::http::{Answer, AnswerClass, HttpError, HttpErrorKind};

use super::limits::RATE_LIMIT_WAIT;

/// The 429 that no waiting helps: the workspace's calls of the month are used up.
const MONTH_SPENT: &str = "PUBLIC_API_BILLING_LIMIT_EXCEEDED";
const MONTH_SPENT_MESSAGE: &str = "API billing plan limit exceeded";

/// An error body of Airtable, whichever of its shapes it had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    /// The HTTP status.
    pub(super) status: u16,
    /// Airtable's `type`, or `HTTP_<status>` where the body names none.
    pub(super) code: String,
    /// Airtable's message; may quote values.
    pub(super) message: Option<String>,
    /// The request, as messages may show it.
    pub(super) request: Option<String>,
}

/// Why a call brought no result.
pub(super) type CallError = connector::CallError<ApiError>;

impl ApiError {
    /// Reads an error answer.
    pub(super) fn of(answer: &Answer) -> Self {
        let status = answer.status.as_u16();
        let (code, message) = answer.json::<Json>().map_or((None, None), |body| parts(&body));
        let is_word = |code: &String| {
            !code.is_empty()
                && code.len() <= 80
                && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let request = Some(answer.request.clone()).filter(|request| !request.is_empty());
        match code {
            Some(code) if is_word(&code) => Self { status, code, message, request },
            other => Self { status, code: format!("HTTP_{status}"), message: message.or(other), request },
        }
    }

    fn is_month_spent(&self) -> bool {
        let begins = |message: &String| message.starts_with(MONTH_SPENT_MESSAGE);
        self.code == MONTH_SPENT || self.message.as_ref().is_some_and(begins)
    }

    /// Tells whether the error says that a record of the request does not exist.
    pub(super) fn is_missing_record(&self) -> bool {
        matches!(self.code.as_str(), "ROW_DOES_NOT_EXIST" | "MODEL_ID_NOT_FOUND")
    }

    fn kind(&self) -> ErrorKind {
        match (self.status, self.code.as_str()) {
            (_, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE" | "INVALID_OFFSET_VALUE") => ErrorKind::CursorExpired,
            (_, "UNKNOWN_FIELD_NAME" | "VIEW_NAME_NOT_FOUND") => ErrorKind::NotFound,
            (_, "INVALID_FILTER_BY_FORMULA") => ErrorKind::Unexpected,
            (404, _) if self.is_missing_record() => ErrorKind::Refused,
            (401 | 403, _) => ErrorKind::Unauthorized,
            (404, _) => ErrorKind::NotFound,
            (413 | 422, _) => ErrorKind::Refused,
            _ => ErrorKind::Unexpected,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self.code.as_str() {
            "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND" => {
                "check `base_id`, and that the token has the base among what it may reach and the scopes data.records:read, \
                 data.records:write and schema.bases:read"
            }
            "INVALID_PERMISSIONS" => "the token's user needs at least editor rights in the base to write records",
            "UNKNOWN_FIELD_NAME" => "the table changed: compare the mappings with `ferry describe`",
            "NOT_FOUND" | "TABLE_NOT_FOUND" => "check `base_id` and the table's name with `ferry describe`",
            _ => return None,
        })
    }
}

impl From<ApiError> for ConnectorError {
    fn from(error: ApiError) -> Self {
        let message = format!("Airtable refused the request: {} ({})", error.code, error.status);
        let mut converted = ConnectorError::new(error.kind(), error.code.clone(), message);
        converted.hint = error.hint().map(str::to_owned);
        converted.detail = error.message;
        converted.request = error.request;
        converted
    }
}

impl From<HttpError> for CallError {
    fn from(error: HttpError) -> Self {
        Self::Failed(from_http(error))
    }
}

/// Puts a failure of the stack into the engine's terms, with Airtable's own code where the last answer had one.
fn from_http(error: HttpError) -> ConnectorError {
    let kind = error.kind;
    let answered = error.answer.as_deref().map(ApiError::of);
    let mut converted = ConnectorError::from(error);
    if let Some(api_error) = answered {
        if !api_error.code.starts_with("HTTP_") {
            converted.code = api_error.code;
        }
        converted.detail = api_error.message;
    }
    if kind == HttpErrorKind::QuotaSpent {
        converted.resets_at = next_month(Clock::system().now());
    }
    let hint = match kind {
        _ if converted.hint.is_some() => return converted,
        HttpErrorKind::Unauthorized => {
            "check that the token is complete and not revoked; where an OAuth login ended, log in again with `ferry login`"
        }
        HttpErrorKind::QuotaSpent => {
            "the workspace's API calls of this month are used up: run again next month, or raise the workspace's plan"
        }
        _ => return converted,
    };
    converted.with_hint(hint)
}

/// Returns when the next month begins, UTC.
fn next_month(now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let first = now.date_naive().with_day(1)? + Months::new(1);
    Some(first.and_time(NaiveTime::MIN).and_utc())
}

/// Makes the error for an answer that is JSON and yet not what Airtable documents.
pub(super) fn unexpected(what: &str) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::Unexpected,
        "unexpected_answer",
        format!("Airtable's answer is not as documented: {what}"),
    )
}

/// Makes the error for a write that was answered with success and without saying what became of every record.
pub(super) fn incomplete(what: &str) -> ConnectorError {
    let message = format!("Airtable accepted the write and does not account for every record: {what}");
    ConnectorError::new(ErrorKind::Unanswered, "incomplete_answer", message)
}

/// Tells whether a refusal is in Airtable's own words: one of its shapes, with a code as Airtable writes them, or the one
/// message that comes without a code.
pub(super) fn is_own_refusal(answer: &Answer) -> bool {
    let (code, message) = answer.json::<Json>().map_or((None, None), |body| parts(&body));
    let is_code = |code: String| {
        code.len() <= 80
            && code.starts_with(|letter: char| letter.is_ascii_uppercase())
            && code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    code.is_some_and(is_code) || message.is_some_and(|message| message.starts_with(MONTH_SPENT_MESSAGE))
}

/// Says what a refusal in Airtable's own words means to the HTTP stack.
pub(super) fn classify(answer: &Answer) -> AnswerClass {
    match answer.status.as_u16() {
        401 => AnswerClass::Reauthorize,
        429 if ApiError::of(answer).is_month_spent() => AnswerClass::QuotaSpent,
        429 => AnswerClass::RateLimited { wait: answer.retry_after().unwrap_or_default().max(RATE_LIMIT_WAIT) },
        501 | 505 => AnswerClass::Deliver,
        408 | 425 | 500.. => AnswerClass::Retry { wait: answer.retry_after() },
        _ => AnswerClass::Deliver,
    }
}

/// Takes code and message out of `{"error":"X"}`, `{"error":{"type","message"}}` or `{"errors":[{"error","message"}]}`.
fn parts(body: &Json) -> (Option<String>, Option<String>) {
    let text = |json: Option<&Json>| json.and_then(Json::as_str).map(str::to_owned);
    match (body.get("error"), body.pointer("/errors/0")) {
        (Some(Json::String(code)), _) => (Some(code.clone()), text(body.get("message"))),
        (Some(error), _) => (text(error.get("type")), text(error.get("message"))),
        (None, Some(first)) => {
            (text(first.get("error")).or_else(|| text(first.get("type"))), text(first.get("message")))
        }
        (None, None) => (None, None),
    }
}
