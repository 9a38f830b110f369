//! What Salesforce's refusals mean: to the stack, to the engine, and for a record.
//!
//! There are three shapes: an object of the login (`{"error", "error_description"}`), an array of the data API
//! (`[{"message", "errorCode", "fields"}]`), and one per record (`{"statusCode", …}` in sObject Collections, text such as
//! `CODE:message:fields--` in Bulk results).

use serde_json::Value as Json;

use crate::connector::{ConnectorError, ErrorKind};
use crate::http::{Answer, AnswerClass, HttpError, HttpErrorKind};
use crate::model::Rejection;

use super::limits;

/// An error as Salesforce words it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ApiError {
    /// Salesforce's word for it (`REQUIRED_FIELD_MISSING`), or `HTTP_<status>`.
    pub(super) code: String,
    /// What it says; may quote values.
    pub(super) message: String,
    /// The fields that it blames.
    pub(super) fields: Vec<String>,
}

/// What becomes of a record that was refused with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Another record was being saved: sent again, it may be taken.
    Locked,
    /// The addressed record is not there.
    Gone,
    /// Several records have the key.
    Ambiguous,
    /// The record is refused.
    Refused,
}

impl ApiError {
    /// Reads the error of a whole call, in whichever shape it comes.
    pub(super) fn of_answer(answer: &Answer) -> Self {
        let of_status = || format!("HTTP_{}", answer.status.as_u16());
        let Ok(json) = answer.json::<Json>() else { return Self { code: of_status(), ..Self::default() } };
        let mut error = match &json {
            Json::Array(items) => items.first().map(Self::of_json).unwrap_or_default(),
            other => Self::of_json(other),
        };
        if error.code.is_empty() {
            error.code = of_status();
        }
        error
    }

    /// Reads one error: of the login, of the data API, or of one record of an sObject Collection.
    pub(super) fn of_json(json: &Json) -> Self {
        let text = |names: &[&str]| names.iter().find_map(|name| json[*name].as_str()).unwrap_or_default().to_owned();
        let fields = json["fields"].as_array().into_iter().flatten();
        let code = text(&["errorCode", "statusCode", "error"]);
        Self {
            code: if is_word(&code) { code } else { String::new() },
            message: text(&["message", "error_description"]),
            fields: fields.filter_map(Json::as_str).map(str::to_owned).collect(),
        }
    }

    /// Reads the text of a failed line of a Bulk job: `CODE:message:fields --`. What does not look like that is all message.
    pub(super) fn of_bulk_text(text: &str) -> Self {
        let trimmed = text.trim().trim_end_matches("--").trim_end();
        let Some((code, rest)) = trimmed.split_once(':').filter(|(code, _)| is_code(code)) else {
            return Self { code: "BULK_ERROR".to_owned(), message: text.trim().to_owned(), fields: Vec::new() };
        };
        let names = |list: &str| -> Option<Vec<String>> {
            let names: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
            names
                .iter()
                .all(|name| super::names::is_name(name))
                .then(|| names.iter().map(ToString::to_string).collect())
        };
        let parted = rest.rsplit_once(':').and_then(|(message, list)| Some((message, names(list)?)));
        let (message, fields) = parted.unwrap_or((rest, Vec::new()));
        Self { code: code.to_owned(), message: message.trim().to_owned(), fields }
    }

    pub(super) fn class(&self) -> Class {
        let is_about_record =
            self.fields.is_empty() || self.fields.iter().all(|field| field.eq_ignore_ascii_case("id"));
        match self.code.as_str() {
            "UNABLE_TO_LOCK_ROW" => Class::Locked,
            "ENTITY_IS_DELETED" | "NOT_FOUND" | "INVALID_CROSS_REFERENCE_KEY" if is_about_record => Class::Gone,
            "DUPLICATE_EXTERNAL_ID" => Class::Ambiguous,
            _ if self.message.contains("more than one record found for external id") => Class::Ambiguous,
            _ => Class::Refused,
        }
    }

    fn kind(&self, status: u16) -> ErrorKind {
        match (status, self.code.as_str()) {
            (
                _,
                "INVALID_SESSION_ID"
                | "API_DISABLED_FOR_ORG"
                | "API_CURRENTLY_DISABLED"
                | "INSUFFICIENT_ACCESS"
                | "INSUFFICIENT_ACCESS_OR_READONLY",
            )
            | (401, _) => ErrorKind::Unauthorized,
            (_, "REQUEST_LIMIT_EXCEEDED") => ErrorKind::QuotaSpent,
            (_, "INVALID_QUERY_LOCATOR" | "INVALID_LOCATOR") => ErrorKind::CursorExpired,
            (_, "NOT_FOUND" | "INVALID_TYPE" | "INVALID_FIELD" | "INVALIDENTITY") | (404 | 410, _) => {
                ErrorKind::NotFound
            }
            (403, _) => ErrorKind::Unauthorized,
            (400 | 413, _) => ErrorKind::Refused,
            (_, "QUERY_TIMEOUT" | "SERVER_UNAVAILABLE") => ErrorKind::Unavailable,
            _ => ErrorKind::Unexpected,
        }
    }

    fn hint(&self, status: u16) -> Option<&'static str> {
        Some(match (status, self.code.as_str()) {
            (_, "INVALID_SESSION_ID") if is_never_valid(&self.message) => {
                "the app's token is not good for the REST API: give the app the scope `api`"
            }
            (_, "INVALID_SESSION_ID") => "the session ended; log in with `client_id` so that Ferry can get a new one",
            (_, "API_DISABLED_FOR_ORG") => {
                "the user needs the permission `API Enabled`, and the org an edition with API access"
            }
            (_, "REQUEST_LIMIT_EXCEEDED") => "the org's API calls of the last 24 hours are used up: run again later",
            (_, "INVALID_FIELD" | "INVALID_TYPE") => {
                "the object changed, or the user may no longer see it: compare with `ferry describe`"
            }
            (410, _) => "the org no longer answers this version of the API: leave `api_version` out",
            _ => return None,
        })
    }

    /// Turns the error of a whole call into the engine's terms.
    pub(super) fn into_error(self, answer: &Answer, doing: &str) -> ConnectorError {
        let status = answer.status.as_u16();
        let message = format!("Salesforce refused {doing}: {} ({status})", self.code);
        let mut error = ConnectorError::new(self.kind(status), self.code.clone(), message);
        error.hint = self.hint(status).map(str::to_owned);
        error.detail = Some(self.message).filter(|message| !message.is_empty());
        error.request_id = request_id(answer);
        error.about(answer)
    }

    /// Turns the error of one record into the reason of its rejection.
    pub(super) fn into_rejection(self) -> Rejection {
        let is_passing = matches!(self.class(), Class::Locked);
        let reason = if self.message.is_empty() { self.code.clone() } else { self.message };
        let code = if self.code.is_empty() { "UNKNOWN".to_owned() } else { self.code };
        Rejection { field: self.fields.into_iter().next(), is_passing, ..Rejection::new(code, reason) }
    }
}

/// Reads the errors of one record of an sObject Collection; several validation rules may have refused it at once.
pub(super) fn of_record(errors: &Json) -> ApiError {
    let mut all = errors.as_array().into_iter().flatten().map(ApiError::of_json);
    let Some(mut first) = all.next() else {
        return ApiError { code: "UNKNOWN".to_owned(), ..ApiError::default() };
    };
    for other in all {
        first.message = format!("{}; {}", first.message, other.message);
        first.fields.extend(other.fields);
    }
    if first.code.is_empty() {
        "UNKNOWN".clone_into(&mut first.code);
    }
    first
}

/// Tells whether a refusal is in Salesforce's own words: a list of errors, each with a code as Salesforce writes them and a
/// message. The object of a login is none: it comes from the token endpoint alone.
pub(super) fn is_own_refusal(answer: &Answer) -> bool {
    let Ok(Json::Array(errors)) = answer.json::<Json>() else { return false };
    let is_error = |error: &Json| error["errorCode"].as_str().is_some_and(is_code) && error["message"].is_string();
    !errors.is_empty() && errors.iter().all(is_error)
}

/// Says what a refusal in Salesforce's own words means to the HTTP stack.
pub(super) fn classify(answer: &Answer) -> AnswerClass {
    let error = ApiError::of_answer(answer);
    match answer.status.as_u16() {
        401 if is_never_valid(&error.message) => AnswerClass::Deliver,
        401 => AnswerClass::Reauthorize,
        status @ (403 | 429) => {
            let is_limit = error.code == "REQUEST_LIMIT_EXCEEDED" || status == 429;
            // One code for two limits: calls at once, which pass, and calls a day, which do not.
            if is_limit && (error.message.starts_with("ConcurrentRequests") || status == 429) {
                AnswerClass::RateLimited { wait: answer.retry_after().unwrap_or(limits::CONCURRENT_WAIT) }
            } else if is_limit {
                AnswerClass::QuotaSpent
            } else {
                AnswerClass::Deliver
            }
        }
        501 | 505 => AnswerClass::Deliver,
        408 | 425 | 500.. => AnswerClass::Retry { wait: answer.retry_after() },
        _ => AnswerClass::Deliver,
    }
}

/// A session of a kind that the REST API never takes: a new one would be refused alike.
fn is_never_valid(message: &str) -> bool {
    message.contains("not valid for use with the REST API")
}

/// Puts a failure of the stack into the engine's terms, with Salesforce's own code where the last answer had one.
pub(super) fn of_http(error: HttpError) -> ConnectorError {
    let (kind, answered) = (error.kind, error.answer.as_deref().map(ApiError::of_answer));
    let mut converted = ConnectorError::from(error);
    if let Some(api_error) = answered {
        if !api_error.code.starts_with("HTTP_") {
            converted.code.clone_from(&api_error.code);
        }
        let hint = match kind {
            HttpErrorKind::Unauthorized => login_hint(&api_error),
            HttpErrorKind::QuotaSpent => api_error.hint(403),
            _ => None,
        };
        converted.hint = converted.hint.or(hint.map(str::to_owned));
        converted.detail = Some(api_error.message).filter(|message| !message.is_empty());
    }
    converted
}

/// Makes the error for a login that Salesforce refused. Its words hold no secret and are what the admin must see.
pub(super) fn refused_login(answer: &Answer, is_signed: bool) -> HttpError {
    let error = ApiError::of_answer(answer);
    let said = error.message.clone();
    let mut message = format!("Salesforce refuses the login: {}", error.code);
    if !said.is_empty() && said.len() <= 200 {
        message = format!("{message} ({said})");
    }
    let hint = login_hint(&error).or(is_signed.then_some("check that the app knows the certificate of `private_key`"));
    let refused = HttpError::unsent(HttpErrorKind::Unauthorized, message);
    HttpError { answer: Some(Box::new(answer.clone())), hint: hint.map(str::to_owned), ..refused }
}

fn login_hint(error: &ApiError) -> Option<&'static str> {
    let said = |words: &str| error.message.contains(words);
    Some(match error.code.as_str() {
        _ if said("not supported on this domain") => "`base_url` must be the org's My Domain",
        _ if said("no client credentials user enabled") => {
            "name a run-as user in the app's client credentials settings"
        }
        _ if said("hasn't approved this consumer") => {
            "let the app in for the user's profile or permission set beforehand"
        }
        _ if said("expired authorization code") => {
            "log in again; if that is refused too, this machine's clock is wrong"
        }
        _ if said("audience") => "check `audience`: sandboxes have https://test.salesforce.com",
        "invalid_client_id" | "invalid_client" => "check `client_id` and `client_secret`",
        "inactive_user" | "inactive_org" => "activate the user or the org, or log in as another one",
        "INVALID_SESSION_ID" => error.hint(401)?,
        _ => return None,
    })
}

pub(super) fn request_id(answer: &Answer) -> Option<String> {
    let names = ["x-request-id", "sforce-request-id"];
    names.iter().find_map(|name| answer.header(name)).map(str::to_owned)
}

/// Makes the error for an answer that is not what Salesforce documents.
pub(super) fn unexpected(what: &str) -> ConnectorError {
    let message = format!("Salesforce's answer is not as documented: {what}");
    ConnectorError::new(ErrorKind::Unexpected, "unexpected_answer", message)
}

/// Makes the error for a write that was answered with success and without saying what became of every record.
pub(super) fn incomplete(what: &str) -> ConnectorError {
    let message = format!("Salesforce accepted the write and does not account for every record: {what}");
    ConnectorError::new(ErrorKind::Unanswered, "incomplete_answer", message)
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_word(text: &str) -> bool {
    text.len() <= 80 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use serde_json::json;

    use super::*;

    fn answer(status: u16, body: &Json) -> Answer {
        Answer::new(StatusCode::from_u16(status).unwrap(), body.to_string())
    }

    #[test]
    fn the_three_shapes_of_an_error_are_read() {
        let login = json!({ "error": "invalid_grant", "error_description": "user hasn't approved this consumer" });
        assert_eq!(ApiError::of_answer(&answer(400, &login)).code, "invalid_grant");
        let data = json!([{ "message": "No such column 'foo'", "errorCode": "INVALID_FIELD", "fields": ["foo"] }]);
        let data = ApiError::of_answer(&answer(400, &data));
        assert_eq!((data.code.as_str(), data.fields), ("INVALID_FIELD", vec!["foo".to_owned()]));
        let record = json!([{ "statusCode": "REQUIRED_FIELD_MISSING", "message": "Required", "fields": ["Name"] }]);
        assert_eq!(of_record(&record).into_rejection().field.as_deref(), Some("Name"));
        let text = "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --";
        let bulk = ApiError::of_bulk_text(text);
        assert_eq!((bulk.code.as_str(), bulk.fields), ("REQUIRED_FIELD_MISSING", vec!["Name".to_owned()]));
        assert_eq!(bulk.message, "Required fields are missing: [Name]");
        assert_eq!(ApiError::of_bulk_text("something broke").message, "something broke");
    }

    #[test]
    fn one_code_for_two_limits_is_told_apart_by_its_message() {
        let limit = |message: &str| {
            classify(&answer(403, &json!([{ "errorCode": "REQUEST_LIMIT_EXCEEDED", "message": message }])))
        };
        assert_eq!(limit("TotalRequests Limit exceeded."), AnswerClass::QuotaSpent);
        let concurrent = limit("ConcurrentRequests (Concurrent API Requests) Limit exceeded.");
        assert_eq!(concurrent, AnswerClass::RateLimited { wait: limits::CONCURRENT_WAIT });
    }

    #[test]
    fn a_session_that_can_never_work_is_not_renewed() {
        let refused =
            |message: &str| classify(&answer(401, &json!([{ "errorCode": "INVALID_SESSION_ID", "message": message }])));
        assert_eq!(refused("Session expired or invalid"), AnswerClass::Reauthorize);
        assert_eq!(refused("This session is not valid for use with the REST API"), AnswerClass::Deliver);
    }

    #[test]
    fn a_deleted_parent_is_not_taken_for_a_deleted_record() {
        let error = |fields: &[&str]| {
            ApiError::of_json(&json!({ "statusCode": "ENTITY_IS_DELETED", "message": "x", "fields": fields })).class()
        };
        assert_eq!(error(&[]), Class::Gone);
        assert_eq!(error(&["AccountId"]), Class::Refused);
    }
}
