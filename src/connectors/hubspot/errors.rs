//! What the vendor's refusals mean: to the stack, to the engine, and for a record.
//!
//! Every field of an error answer is optional and of any type: nothing here fails on a shape that is not the documented one.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value as Json;

use crate::connector::{ConnectorError, ErrorKind};
use crate::http::{Answer, AnswerClass, HttpError, HttpErrorKind};
use crate::model::Rejection;

use super::limits;

/// What a 477 means.
const MOVING_HINT: &str = "the account is being moved between data centres; run again later";
/// The code of a refusal that names none.
pub(super) const NO_CODE: &str = "refused";

/// An error as the vendor words it, of a whole call or of one input of a batch.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct ApiError {
    pub(super) category: String,
    pub(super) message: String,
    pub(super) sub_category: String,
    pub(super) correlation_id: Option<String>,
    pub(super) policy: String,
    /// Facts by name: ids, trace ids, property names.
    pub(super) context: BTreeMap<String, Vec<String>>,
    /// Which properties were refused, and why.
    pub(super) properties: Vec<PropertyError>,
}

/// A property that was refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct PropertyError {
    pub(super) name: Option<String>,
    pub(super) code: String,
    pub(super) message: String,
}

impl ApiError {
    /// Reads the error answer of a call; empty where the body is none.
    pub(super) fn of_answer(answer: &Answer) -> Self {
        answer.json::<Json>().map(|json| Self::of_json(&json)).unwrap_or_default()
    }

    /// Reads one error of a batch's `errors`, or a call's error answer.
    pub(super) fn of_json(json: &Json) -> Self {
        let mut context = texts_by_name(&json["context"]);
        let mut properties = properties_in_message(&text(&json["message"]));
        for detail in json["errors"].as_array().into_iter().flatten() {
            let of_detail = texts_by_name(&detail["context"]);
            let code = text(&detail["code"]);
            let message = text(&detail["message"]);
            match of_detail.get("propertyName") {
                Some(names) => properties.extend(names.iter().map(|name| PropertyError {
                    name: Some(name.clone()),
                    code: code.clone(),
                    message: message.clone(),
                })),
                None if code.is_empty() && message.is_empty() => {}
                None => properties.push(PropertyError { name: None, code, message }),
            }
            for (name, values) in of_detail {
                context.entry(name).or_default().extend(values);
            }
        }
        if let Some(id) = loose_text(&json["id"]) {
            context.entry("id".to_owned()).or_default().push(id);
        }
        Self {
            category: text(&json["category"]),
            message: text(&json["message"]),
            sub_category: text(&json["subCategory"]),
            correlation_id: loose_text(&json["correlationId"]),
            policy: text(&json["policyName"]),
            context,
            properties,
        }
    }

    /// Returns a stable word for the reason, never with a value in it.
    pub(super) fn code(&self) -> String {
        let detail = self.properties.iter().map(|property| &property.code).find(|code| !code.is_empty());
        let word = detail.unwrap_or(&self.category);
        if word.is_empty() { NO_CODE.to_owned() } else { word.to_ascii_lowercase() }
    }

    /// Returns what the context says under any of the names.
    pub(super) fn facts<'error>(&'error self, names: &[&str]) -> Vec<&'error str> {
        names.iter().filter_map(|name| self.context.get(*name)).flatten().map(String::as_str).collect()
    }

    /// Returns everything that the context says.
    pub(super) fn all_facts(&self) -> Vec<&str> {
        self.context.values().flatten().map(String::as_str).collect()
    }

    /// Tells whether the named record does not exist.
    pub(super) fn is_not_found(&self) -> bool {
        self.category == "OBJECT_NOT_FOUND" || self.code() == "object_not_found"
    }

    /// Tells whether the error is temporary, so that it does not refuse the record.
    pub(super) fn is_passing(&self) -> bool {
        matches!(
            self.category.as_str(),
            "RATE_LIMIT" | "RATE_LIMITS" | "INTERNAL_ERROR" | "SERVICE_UNAVAILABLE" | "TIMEOUT"
        )
    }

    /// Tells whether a record was merely found to have no links.
    pub(super) fn says_no_links(&self) -> bool {
        self.is_not_found() || self.finds_no_links()
    }

    /// The same in words that only a read of links has.
    pub(super) fn finds_no_links(&self) -> bool {
        self.sub_category.to_ascii_uppercase().contains("NO_ASSOCIATIONS")
            || self.message.to_ascii_lowercase().contains("no associations")
    }

    /// Returns the first property that is to blame.
    pub(super) fn property(&self) -> Option<&str> {
        self.properties.iter().find_map(|property| property.name.as_deref())
    }

    /// Returns the reason in full, for the dead letter: it may hold values.
    pub(super) fn reason(&self) -> String {
        let mut reason =
            if self.message.is_empty() { "HubSpot gave no reason".to_owned() } else { self.message.clone() };
        for property in &self.properties {
            if !property.message.is_empty() && !reason.contains(&property.message) {
                reason = format!("{reason}; {}", property.message);
            }
        }
        reason
    }

    /// Makes the rejection of a record; `value_of` gives what was sent as a property.
    pub(super) fn rejection(&self, value_of: impl Fn(&str) -> Option<String>) -> Rejection {
        let mut rejection = Rejection::new(self.code(), self.reason());
        rejection.request_id.clone_from(&self.correlation_id);
        let blamed = self.property().or_else(|| (self.category == "CONFLICT").then_some("email"));
        if let Some(name) = blamed {
            let value = value_of(name);
            if self.property().is_some() || value.is_some() {
                rejection.field = Some(name.to_owned());
                rejection.value = value;
            }
        }
        rejection
    }
}

/// Tells whether a refusal is in HubSpot's own words: its envelope says `error` and has a message and at least one of the
/// facts that only HubSpot gives. Source: api-reference/error-handling; every field is optional there, so none is required
/// by name.
pub(super) fn is_own_refusal(answer: &Answer) -> bool {
    let Ok(Json::Object(body)) = answer.json::<Json>() else { return false };
    let word = |name: &str| body.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
    let has_fact = ["category", "errorType", "policyName"].iter().any(|name| word(name).is_some_and(is_code))
        || word("correlationId").is_some();
    word("status") == Some("error") && word("message").is_some() && has_fact
}

/// Tells whether a text is a code as HubSpot writes them: `VALIDATION_ERROR`.
pub(super) fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// Says what a refusal in HubSpot's own words means to the stack. Source of the statuses: api-reference/error-handling.
pub(super) fn classify(answer: &Answer) -> AnswerClass {
    let retry_after = answer.retry_after();
    match answer.status.as_u16() {
        401 => AnswerClass::Reauthorize,
        423 => AnswerClass::NotNow { wait: Some(retry_after.unwrap_or(limits::LOCKED_WAIT)) },
        429 => classify_rate_limit(&ApiError::of_answer(answer), retry_after),
        477 => match retry_after {
            Some(wait) if wait <= limits::MAX_MIGRATION_WAIT => AnswerClass::NotNow { wait: Some(wait) },
            _ => AnswerClass::Deliver,
        },
        501 | 505 => AnswerClass::Deliver,
        408 | 425 | 500.. => AnswerClass::Retry { wait: retry_after },
        _ => AnswerClass::Deliver,
    }
}

fn classify_rate_limit(error: &ApiError, retry_after: Option<Duration>) -> AnswerClass {
    let words = format!("{} {}", error.policy, error.message).to_ascii_lowercase();
    if words.contains("daily") {
        return AnswerClass::QuotaSpent;
    }
    // `ten_secondly_rolling` holds `secondly` too: the longer word first.
    let is_search = !words.contains("ten_secondly") && words.contains("secondly");
    let documented = if is_search { limits::SEARCH_WINDOW } else { limits::BURST_WINDOW };
    AnswerClass::RateLimited { wait: retry_after.unwrap_or(documented) }
}

/// Reads the vendor's id of a request.
pub(super) fn request_id(answer: &Answer) -> Option<String> {
    let header = answer.header("x-hubspot-correlation-id").map(str::to_owned);
    header.or_else(|| if answer.status.is_success() { None } else { ApiError::of_answer(answer).correlation_id })
}

/// Puts a failure of the stack into the engine's classes, with the vendor's own words where it gave any.
pub(super) fn of_http(error: HttpError) -> ConnectorError {
    let api_error = error.answer.as_deref().map(ApiError::of_answer).unwrap_or_default();
    let (kind, status, has_answer) = (error.kind, error.status, error.answer.is_some());
    let mut failure = ConnectorError::from(error);
    if !api_error.category.is_empty() {
        failure.code = api_error.category.to_ascii_lowercase();
    }
    failure.request_id.clone_from(&api_error.correlation_id);
    if !api_error.message.is_empty() {
        failure.detail = Some(api_error.message.clone());
    }
    match kind {
        HttpErrorKind::Unauthorized if has_answer && failure.hint.is_none() => {
            failure.with_hint(login_hint(&api_error))
        }
        HttpErrorKind::QuotaSpent => {
            failure.with_hint("the daily limit is reset at midnight of the account's time zone; run again then")
        }
        _ if status == Some(477) => failure.with_hint(MOVING_HINT),
        _ => failure,
    }
}

fn login_hint(error: &ApiError) -> &'static str {
    if error.category == "EXPIRED_AUTHENTICATION" {
        "the token has ended: with OAuth give `client_id`, `client_secret` and `refresh_token`, else make a new service key"
    } else {
        "check that the token is one of a service key or private app of this account, and complete"
    }
}

/// Classifies a refusal of a whole call.
pub(super) fn of_answer(answer: &Answer, doing: &str) -> ConnectorError {
    let error = ApiError::of_answer(answer);
    let status = answer.status.as_u16();
    let (kind, code) = match status {
        401 | 403 => (ErrorKind::Unauthorized, error.code()),
        _ if error.code() == "property_doesnt_exist" => (ErrorKind::NotFound, error.code()),
        404 if !error.is_not_found() => (ErrorKind::NotFound, error.code()),
        400 | 404 | 409 | 413 | 414 | 422 => (ErrorKind::Refused, error.code()),
        477 => (ErrorKind::Unavailable, format!("status_{status}")),
        _ => (ErrorKind::Unexpected, format!("status_{status}")),
    };
    let mut message = format!("HubSpot refused {doing} ({status} {code})");
    if let Some(property) = error.property() {
        message = format!("{message}: property `{property}`");
    }
    let mut failure = ConnectorError::new(kind, code, message).with_detail(error.reason()).about(answer);
    failure.request_id.clone_from(&error.correlation_id);
    match status {
        477 => failure.with_hint(MOVING_HINT),
        403 => failure.with_hint(scope_hint(&error)),
        _ => failure,
    }
}

/// Says that a success has a body that is not the documented one.
pub(super) fn unreadable(kind: ErrorKind, doing: &str, answer: &Answer) -> ConnectorError {
    let status = answer.status.as_u16();
    let mut failure = ConnectorError::new(
        kind,
        "unreadable_answer",
        format!("HubSpot's answer to {doing} ({status}) is not the documented one"),
    )
    .about(answer);
    failure.request_id = request_id(answer);
    failure
}

/// Says that the token endpoint refused the refresh token or the app's credentials.
pub(super) fn refused_renewal(answer: &Answer) -> HttpError {
    let json = answer.json::<Json>().unwrap_or_default();
    let word = [&json["status"], &json["error"]].into_iter().map(text).find(|word| !word.is_empty() && is_word(word));
    let code = word.unwrap_or_else(|| answer.status.as_u16().to_string());
    let message = format!("HubSpot refuses to renew the token ({code})");
    let error = HttpError::unsent(HttpErrorKind::Unauthorized, message)
        .with_hint("check `client_id` and `client_secret`; if they are right, log in again with `ferry login`");
    HttpError { answer: Some(Box::new(answer.clone())), ..error }
}

fn scope_hint(error: &ApiError) -> String {
    let scopes = error.facts(&["requiredGranularScopes", "requiredScopes", "missingScopes"]);
    let list: Vec<String> = scopes.iter().map(|scope| format!("`{scope}`")).collect();
    if list.is_empty() {
        return "the token lacks a scope for this: add it to the service key or app".to_owned();
    }
    format!("the token lacks a scope: add one of {} to the service key or app", list.join(", "))
}

/// Reads which properties were refused out of `Property values were not valid: [{…}]`, whose detail is JSON as text.
fn properties_in_message(message: &str) -> Vec<PropertyError> {
    let Some(start) = message.find('[').filter(|_| message.contains("Property values were not valid")) else {
        return Vec::new();
    };
    let mut values = serde_json::Deserializer::from_str(&message[start..]).into_iter::<Json>();
    let Some(Ok(Json::Array(items))) = values.next() else { return Vec::new() };
    let errors = items.iter().filter(|item| item["isValid"] != Json::Bool(true));
    errors
        .map(|item| PropertyError {
            name: loose_text(&item["name"]),
            code: text(&item["error"]),
            message: text(&item["message"]),
        })
        .collect()
}

fn is_word(text: &str) -> bool {
    text.len() <= 60 && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

fn loose_text(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn texts_by_name(json: &Json) -> BTreeMap<String, Vec<String>> {
    let facts = json.as_object().into_iter().flatten();
    facts
        .map(|(name, value)| {
            let values = match value {
                Json::Array(items) => items.iter().filter_map(loose_text).collect(),
                single => loose_text(single).into_iter().collect(),
            };
            (name.clone(), values)
        })
        .collect()
}
