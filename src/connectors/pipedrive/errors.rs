//! Pipedrive's answers: what they mean to the HTTP stack, to the engine, and to the user.
//!
//! A message of Pipedrive's may quote a record's value: it goes into `detail` and into rejections, never into a message.

use serde_json::Value as Json;

use crate::connector::{self, ConnectorError, ErrorKind};
use crate::http::{Answer, AnswerClass, HttpError, HttpErrorKind};
use crate::model::Quota;

use super::{
    day::{Day, LONG, told_wait},
    limits::{LARGEST_COST, RATE_LIMIT_WAIT},
};

/// An error body of Pipedrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    /// The HTTP status.
    pub(super) status: u16,
    /// Pipedrive's `code`, or `http_<status>` where the body has none.
    pub(super) code: String,
    /// Pipedrive's message; may quote values.
    pub(super) message: Option<String>,
    /// The request, as messages may show it.
    request: Option<String>,
}

/// Why a call brought no result.
pub(super) type CallError = connector::CallError<ApiError>;

impl ApiError {
    /// Reads an error answer.
    pub(super) fn of(answer: &Answer) -> Self {
        let status = answer.status.as_u16();
        let body: Json = answer.json().unwrap_or_default();
        let is_word = |code: &&str| {
            !code.is_empty() && code.len() <= 80 && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        let code = body["code"].as_str().filter(is_word).map_or_else(|| format!("http_{status}"), str::to_owned);
        let message = body["error"].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let request = Some(answer.request.clone()).filter(|request| !request.is_empty());
        Self { status, code, message, request }
    }

    /// Tells whether the error is about the record that was sent, and not about the login or the company.
    pub(super) fn is_about_record(&self) -> bool {
        matches!(self.status, 400 | 404 | 409 | 410 | 413 | 422)
    }

    /// Tells whether the error says that the record does not exist.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self.status, 404 | 410)
    }

    /// Returns the code of the field that is to blame: of `Validation failed: custom_fields.<hash>: …`, the last part of the path.
    pub(super) fn field(&self) -> Option<&str> {
        let text = self.message.as_deref()?;
        let rest = text.split_once("failed: ").map_or(text, |(_, rest)| rest);
        let path = rest.split(": ").find(|part| *part != "custom_fields")?;
        let path = path.strip_prefix("custom_fields.").unwrap_or(path);
        let code = path.split(['.', '[']).next()?;
        let is_code = !code.is_empty() && code.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        is_code.then_some(code)
    }

    fn kind(&self) -> ErrorKind {
        match self.status {
            401..=403 => ErrorKind::Unauthorized,
            404 | 410 | 415 => ErrorKind::NotFound,
            400 | 409 | 413 | 422 => ErrorKind::Refused,
            503 => ErrorKind::Unavailable,
            _ => ErrorKind::Unexpected,
        }
    }

    fn hint(&self) -> Option<&'static str> {
        Some(match self.status {
            402 => "the company's account is not open: check its subscription in Pipedrive",
            403 if self.code.starts_with("feature_capping") => {
                "the company's plan allows no more of these records: raise the plan, or delete some"
            }
            403 => "the user or app may not do this: check the user's permission set, or the scopes of the OAuth app",
            415 => "the company has switched this feature off",
            _ => return None,
        })
    }
}

impl From<ApiError> for ConnectorError {
    fn from(error: ApiError) -> Self {
        let message = format!("Pipedrive refused the request: {} ({})", error.code, error.status);
        let mut converted = ConnectorError::new(error.kind(), error.code.clone(), message);
        converted.hint = error.hint().map(str::to_owned);
        converted.detail = error.message;
        converted.request = error.request;
        converted
    }
}

/// Puts a failure of the stack into the engine's terms.
pub(super) fn from_http(error: HttpError, day: &Day) -> ConnectorError {
    let kind = error.kind;
    let next_day = (kind == HttpErrorKind::QuotaSpent).then(|| day.when_spent(&error));
    let detail = error.answer.as_deref().and_then(|answer| ApiError::of(answer).message);
    let mut converted = ConnectorError::from(error);
    converted.detail = detail;
    converted.resets_at = next_day.as_ref().map(|(_, next)| *next);
    if converted.hint.is_some() {
        return converted;
    }
    if kind == HttpErrorKind::Unauthorized {
        return converted.with_hint(
            "check that the API token is complete and still the user's; where an OAuth login ended, log in again with `ferry login`",
        );
    }
    converted.with_hint_if(next_day.map(|(words, _)| words))
}

/// Makes the error for an answer that is JSON and yet not what Pipedrive documents.
pub(super) fn unexpected(what: &str) -> ConnectorError {
    let message = format!("Pipedrive's answer is not as documented: {what}");
    ConnectorError::new(ErrorKind::Unexpected, "unexpected_answer", message)
}

/// Tells whether a refusal is in Pipedrive's own words: JSON that says `success: false` and why. The gateway's page is not.
pub(super) fn is_own_refusal(answer: &Answer) -> bool {
    let body: Json = answer.json().unwrap_or_default();
    body["success"] == Json::Bool(false) && (body["error"].is_string() || body["errors"].is_object())
}

/// Says what a refusal in Pipedrive's own words means to the HTTP stack.
pub(super) fn classify(answer: &Answer) -> AnswerClass {
    match answer.status.as_u16() {
        401 => AnswerClass::Reauthorize,
        429 if is_day_spent(answer) => AnswerClass::QuotaSpent,
        429 => AnswerClass::RateLimited { wait: told_wait(answer).unwrap_or(RATE_LIMIT_WAIT) },
        501 | 505 => AnswerClass::Deliver,
        408 | 425 | 500.. => AnswerClass::Retry { wait: answer.retry_after() },
        _ => AnswerClass::Deliver,
    }
}

/// A spent day has fewer tokens left than a call may cost and no wait of its own, or a wait that is far longer than a burst.
fn is_day_spent(answer: &Answer) -> bool {
    match answer.retry_after() {
        Some(wait) => wait >= LONG,
        None => tokens_left(answer).is_some_and(|quota| quota.remaining < LARGEST_COST),
    }
}

/// Reads what is left of the day's tokens. The headers are not documented and may be missing.
pub(super) fn tokens_left(answer: &Answer) -> Option<Quota> {
    let number = |name: &str| answer.header(name)?.trim().parse().ok();
    Some(Quota {
        max: number("x-daily-ratelimit-token-limit")?,
        remaining: number("x-daily-ratelimit-token-remaining")?,
    })
}

/// Says that the token endpoint refused the refresh token or the app's credentials.
pub(super) fn refused_renewal(answer: &Answer) -> HttpError {
    let body: Json = answer.json().unwrap_or_default();
    let is_word = |word: &&str| word.len() <= 60 && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let code = body["error"].as_str().filter(is_word).map_or_else(|| answer.status.as_u16().to_string(), str::to_owned);
    let message = format!("Pipedrive refuses to renew the token ({code})");
    let error = HttpError::unsent(HttpErrorKind::Unauthorized, message)
        .with_hint("check `client_id` and `client_secret`; if they are right, log in again with `ferry login`");
    HttpError { request: Some(answer.request.clone()), ..error }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::StatusCode;
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &str, headers: &[(&'static str, &str)]) -> Answer {
        let mut answer = Answer::new(StatusCode::from_u16(status).unwrap(), body);
        for (name, value) in headers {
            answer.headers.insert(*name, value.parse().unwrap());
        }
        answer
    }

    const REFUSAL: &str = r#"{"success":false,"error":"request over limit","errorCode":429}"#;

    #[test]
    fn a_gateways_page_is_nobodys_refusal() {
        assert!(is_own_refusal(&answer(400, &json!({"success": false, "error": "no"}).to_string(), &[])));
        for body in ["<html>Error 1015</html>", "", "{}", r#"{"success":true,"error":"x"}"#, r#"{"error":"x"}"#, "null"]
        {
            assert!(!is_own_refusal(&answer(403, body, &[])), "{body}");
        }
    }

    #[test]
    fn a_spent_day_is_told_from_a_burst() {
        let left =
            |remaining| [("x-daily-ratelimit-token-limit", "30000"), ("x-daily-ratelimit-token-remaining", remaining)];
        assert_eq!(classify(&answer(429, REFUSAL, &left("3"))), AnswerClass::QuotaSpent);
        let burst = |headers: &[(&'static str, &str)]| classify(&answer(429, REFUSAL, headers));
        let wait = |seconds| AnswerClass::RateLimited { wait: Duration::from_secs(seconds) };
        assert_eq!(burst(&left("29000")), wait(2));
        assert_eq!(burst(&[("x-ratelimit-reset", "1")]), wait(1));
        assert_eq!(burst(&[("retry-after", "7"), ("x-ratelimit-reset", "1")]), wait(7));
        assert_eq!(burst(&[]), wait(2));
        assert_eq!(burst(&[("retry-after", "7200")]), AnswerClass::QuotaSpent, "no burst is as long");
    }

    #[test]
    fn the_field_to_blame_is_found_in_the_message() {
        let field = |text: &str| {
            let body = json!({"success": false, "error": text}).to_string();
            ApiError::of(&answer(400, &body, &[])).field().map(str::to_owned)
        };
        assert_eq!(field("Validation failed: emails: value: must be a string").as_deref(), Some("emails"));
        assert_eq!(field("Validation failed: custom_fields.abc12: option 7 does not exist").as_deref(), Some("abc12"));
        assert_eq!(field("Validation failed: custom_fields: abc12: no"), Some("abc12".to_owned()));
        assert_eq!(field("organization 7 not found"), None);
    }
}
