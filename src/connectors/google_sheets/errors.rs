//! Google's answers: what they mean to the HTTP stack, to the engine, and to the user.
//!
//! What an error is, its `status` and `reason` say, never its message, but for two refusals that have no word of their own. A
//! message may quote a record's value: it goes into `detail`, never into a message.

use serde_json::Value as Json;
use url::Url;

use crate::connector::{ConnectorError, ErrorKind};
use crate::http::{Answer, AnswerClass, HttpError, HttpErrorKind};

use super::limits::RATE_LIMIT_WAIT;

/// How Google refuses the address of a tab that is not there.
const UNKNOWN_RANGE: &str = "Unable to parse range";

/// How Google refuses a range, or values, that are not within the grid of a tab.
const EXCEEDS_GRID: [&str; 2] = ["exceeds grid limits", "tried writing to"];
/// The code of the error that says so.
pub(super) const OUTSIDE_GRID: &str = "outside_grid";

/// Drive's words for a rate limit that was crossed; they come with 403.
const DRIVE_RATES: [&str; 2] = ["userRateLimitExceeded", "rateLimitExceeded"];

/// An error body of Google's, of the Sheets API or of Drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) http_status: u16,
    /// `PERMISSION_DENIED`, or `HTTP_<status>` where the body has no such word.
    pub(super) status: String,
    /// `SERVICE_DISABLED`, or Drive's `rateLimitExceeded`.
    pub(super) reason: Option<String>,
    message: Option<String>,
    activation_url: Option<String>,
    request: Option<String>,
}

/// Who asks, for hints: a service account by its address.
#[derive(Debug, Clone, Default)]
pub(super) struct Asker {
    pub(super) email: Option<String>,
}

impl ApiError {
    /// Reads an error answer.
    pub(super) fn of(answer: &Answer) -> Self {
        let body = answer.json::<Json>().unwrap_or_default();
        let error = &body["error"];
        let text = |json: &Json| json.as_str().map(str::to_owned);
        let details = error["details"].as_array().map(Vec::as_slice).unwrap_or_default();
        let info = details.iter().find(|detail| detail["reason"].is_string());
        let drive = error.pointer("/errors/0/reason").and_then(text);
        let http_status = answer.status.as_u16();
        Self {
            http_status,
            status: text(&error["status"]).filter(is_word).unwrap_or_else(|| format!("HTTP_{http_status}")),
            reason: info.and_then(|info| text(&info["reason"])).or(drive).filter(is_word),
            message: text(&error["message"]),
            activation_url: info
                .and_then(|info| text(&info["metadata"]["activationUrl"]))
                .filter(|url| is_of_google(url)),
            request: Some(answer.request.clone()).filter(|request| !request.is_empty()),
        }
    }

    /// Tells whether the message says so: for refusals that have no word of their own.
    pub(super) fn says(&self, what: &str) -> bool {
        self.message.as_ref().is_some_and(|message| message.contains(what))
    }

    fn kind(&self) -> ErrorKind {
        match self.http_status {
            _ if self.is_unknown_range() => ErrorKind::NotFound,
            _ if self.status == "FAILED_PRECONDITION" => ErrorKind::NotFound,
            400 | 413 => ErrorKind::Refused,
            401 | 403 => ErrorKind::Unauthorized,
            404 => ErrorKind::NotFound,
            _ => ErrorKind::Unexpected,
        }
    }

    fn is_unknown_range(&self) -> bool {
        self.says(UNKNOWN_RANGE)
    }

    fn is_outside_grid(&self) -> bool {
        EXCEEDS_GRID.iter().any(|words| self.says(words))
    }

    fn is_not_shared(&self) -> bool {
        self.status == "PERMISSION_DENIED" && self.reason.is_none()
    }

    fn is_write(&self) -> bool {
        self.request.as_ref().is_some_and(|request| !request.starts_with("GET "))
    }

    fn message(&self) -> String {
        let code = self.http_status;
        match (self.status.as_str(), self.reason.as_deref()) {
            (_, Some("SERVICE_DISABLED")) => {
                format!("the Google Sheets API is not enabled in the project of the login ({code})")
            }
            (_, Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT")) => {
                format!("the login does not have the scope for spreadsheets ({code})")
            }
            _ if self.is_not_shared() => format!("the caller does not have permission ({code})"),
            ("NOT_FOUND", _) => format!("there is no such spreadsheet, or the login may not see it ({code})"),
            ("FAILED_PRECONDITION", _) => format!("the file is not a Google spreadsheet ({code})"),
            _ if self.is_unknown_range() => format!("there is no such tab or range any more ({code})"),
            _ if self.is_outside_grid() => format!("the range is outside the tab ({code})"),
            (status, _) => format!("Google refused the request: {status} ({code})"),
        }
    }

    fn hint(&self, asker: &Asker) -> Option<String> {
        let share = || match &asker.email {
            Some(email) => format!("share the spreadsheet with `{email}`, as an editor if Ferry writes to it"),
            None => "share the spreadsheet with the user who logged in, as an editor if Ferry writes to it".to_owned(),
        };
        Some(match (self.status.as_str(), self.reason.as_deref()) {
            (_, Some("SERVICE_DISABLED")) => {
                let url = self.activation_url.as_deref();
                let url = url.unwrap_or("https://console.cloud.google.com/apis/library/sheets.googleapis.com");
                format!("enable it at {url}, wait a minute and run again")
            }
            (_, Some("ACCESS_TOKEN_SCOPE_INSUFFICIENT")) => {
                "log in again with `ferry login`, and agree to all that the page asks for".to_owned()
            }
            // A write is refused by a protected range with the same words.
            _ if self.is_not_shared() && self.is_write() => {
                format!("{}; a protected range must allow the login too", share())
            }
            _ if self.is_not_shared() => share(),
            ("NOT_FOUND", _) => format!("check `spreadsheet_id`, and {}", share()),
            ("FAILED_PRECONDITION", _) => {
                "it is an uploaded Excel file: open it and choose File > Save as Google Sheets, then use the new file's address".to_owned()
            }
            _ if self.is_unknown_range() => "somebody renamed or deleted it: run `ferry describe`".to_owned(),
            _ => return None,
        })
    }

    /// Puts the refusal into the engine's terms.
    pub(super) fn into_error(self, asker: &Asker) -> ConnectorError {
        let code = match &self.reason {
            None if self.is_outside_grid() => OUTSIDE_GRID.to_owned(),
            reason => reason.clone().unwrap_or_else(|| self.status.clone()),
        };
        let mut error = ConnectorError::new(self.kind(), code, self.message());
        error.hint = self.hint(asker);
        error.detail = self.message;
        error.request = self.request;
        error
    }
}

/// Puts a failure of the stack into the engine's terms.
pub(super) fn of_http(error: HttpError) -> ConnectorError {
    let kind = error.kind;
    let answered = error.answer.as_deref().map(ApiError::of);
    let mut converted = ConnectorError::from(error);
    if let Some(api_error) = answered {
        if !api_error.status.starts_with("HTTP_") {
            converted.code = api_error.reason.unwrap_or(api_error.status);
        }
        converted.detail = api_error.message;
    }
    if converted.hint.is_none() && kind == HttpErrorKind::Unauthorized {
        return converted.with_hint("the key was deleted, or the login has ended: make a new key, or log in again");
    }
    converted
}

/// Says that the token endpoint refused the login (RFC 6749, section 5.2).
pub(super) fn refused_login(answer: &Answer, is_service: bool) -> HttpError {
    let body = answer.json::<Json>().unwrap_or_default();
    let code = body["error"].as_str().map(str::to_owned).filter(is_word).unwrap_or_else(|| "refused".to_owned());
    let description = body["error_description"].as_str().unwrap_or_default();
    let status = answer.status.as_u16();
    let error = HttpError::unsent(HttpErrorKind::Unauthorized, format!("invalid credentials: {code} ({status})"));
    error.with_hint(match (code.as_str(), is_service) {
        ("invalid_grant", true) if description.contains("short-lived") => {
            "set this machine's clock: Google refuses the time that the login was signed at"
        }
        ("invalid_grant", true) => {
            "the key or its service account was deleted: make a new key (JSON) and set it as `credentials`"
        }
        ("invalid_grant", false) => {
            "the login has ended: log in again with `ferry login` (logins of an app in status \"Testing\" end after 7 days)"
        }
        _ => "check `client_id` and `client_secret`, or make a new key file",
    })
}

/// Makes the error for an answer that is JSON and yet not what Google documents.
pub(super) fn unexpected(what: &str) -> ConnectorError {
    ConnectorError::new(
        ErrorKind::Unexpected,
        "unexpected_answer",
        format!("Google's answer is not as documented: {what}"),
    )
}

/// Makes the error for a write that was answered with success and does not account for what was sent.
pub(super) fn incomplete(what: &str) -> ConnectorError {
    let message = format!("Google accepted the write and does not account for all of it: {what}");
    ConnectorError::new(ErrorKind::Unanswered, "incomplete_answer", message)
}

/// Says that a write took effect, as far as is known, and that what followed it failed: it proves nothing of the write.
pub(super) fn after_write(error: ConnectorError) -> ConnectorError {
    let kind = if error.kind.proves_no_write() { ErrorKind::Unanswered } else { error.kind };
    ConnectorError { kind, ..error }
}

/// Tells whether a refusal is in Google's own words: `{"error":{"code":…,"message":…}}` with the status of the answer.
pub(super) fn is_own_refusal(answer: &Answer) -> bool {
    let Ok(body) = answer.json::<Json>() else { return false };
    let error = &body["error"];
    let has_word = error["status"].is_string() || error["errors"].is_array();
    error["code"].as_u64() == Some(u64::from(answer.status.as_u16())) && error["message"].is_string() && has_word
}

/// Says what a refusal in Google's own words means to the HTTP stack.
pub(super) fn classify(answer: &Answer) -> AnswerClass {
    let is_drive_rate = || ApiError::of(answer).reason.is_some_and(|reason| DRIVE_RATES.contains(&reason.as_str()));
    match answer.status.as_u16() {
        401 => AnswerClass::Reauthorize,
        429 => AnswerClass::RateLimited { wait: answer.retry_after().unwrap_or(RATE_LIMIT_WAIT) },
        403 if is_drive_rate() => AnswerClass::RateLimited { wait: answer.retry_after().unwrap_or(RATE_LIMIT_WAIT) },
        501 | 505 => AnswerClass::Deliver,
        408 | 425 | 500.. => AnswerClass::Retry { wait: answer.retry_after() },
        _ => AnswerClass::Deliver,
    }
}

#[expect(clippy::ptr_arg, reason = "options of texts are filtered with it")]
fn is_word(code: &String) -> bool {
    !code.is_empty() && code.len() <= 80 && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// An address in an answer is shown only if it is Google's own.
fn is_of_google(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| {
        url.scheme() == "https"
            && url.host_str().is_some_and(|host| host.ends_with(".google.com") || host.ends_with(".googleapis.com"))
    })
}
