//! The vendor's error answers.
//!
//! Source: developers.hubspot.com, error-handling page and CRM objects guide; bodies without a documented form follow what
//! public clients parse.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::{
    Json as JsonBody,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value as Json, json};
use xxhash_rust::xxh3::xxh3_128;

/// The emulator's account, unless it is started as another one; error texts name this one always.
pub(super) const PORTAL_ID: u64 = 24_681_357;

/// An error answer.
#[derive(Debug, Clone)]
pub(super) struct Refusal(Box<Details>);

#[derive(Debug, Clone)]
struct Details {
    status: StatusCode,
    category: &'static str,
    sub_category: Option<&'static str>,
    message: String,
    context: Map<String, Json>,
    errors: Vec<Json>,
    /// Fields beside the envelope's own; they replace those of the same name.
    extra: Map<String, Json>,
}

/// One value of a record that the vendor refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) name: String,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl Problem {
    pub(super) fn new(name: &str, code: &'static str, message: String) -> Self {
        Self { name: name.to_owned(), code, message }
    }

    fn as_text_item(&self) -> Json {
        json!({"isValid": false, "message": self.message, "error": self.code, "name": self.name,
            "localizedErrorMessage": self.message, "portalId": PORTAL_ID})
    }

    fn as_error(&self) -> Json {
        json!({"message": self.message, "code": self.code, "context": {"propertyName": [self.name]}})
    }
}

impl Refusal {
    /// Makes an error of a status, a category and a message.
    pub(super) fn new(status: StatusCode, category: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Details {
            status,
            category,
            sub_category: None,
            message: message.into(),
            context: Map::new(),
            errors: Vec::new(),
            extra: Map::new(),
        }))
    }

    /// Returns the text of the error.
    pub(super) fn into_message(self) -> String {
        self.0.message
    }

    /// A request that makes no sense to the vendor: 400.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message)
    }

    /// Something that is not there: 404.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "OBJECT_NOT_FOUND", message)
    }

    /// A record that is not there: 404 in the words of the vendor.
    pub(super) fn no_such_record() -> Self {
        Self::not_found("resource not found")
    }

    /// Ids that no record has, as a batch reports them.
    pub(super) fn missing_records(singular: &str, ids: &[String]) -> Self {
        let object = singular.to_uppercase();
        let message =
            format!("Could not get some {object} objects, they may be deleted or not exist. Check that ids are valid.");
        Self::not_found(message).with_context("ids", ids)
    }

    /// Values of a record that are not valid: the details stand in the message as text, and once more as errors.
    pub(super) fn invalid_values(problems: &[Problem]) -> Self {
        let items: Vec<Json> = problems.iter().map(Problem::as_text_item).collect();
        let mut refusal = Self::invalid(format!("Property values were not valid: {}", Json::from(items)));
        refusal.0.errors = problems.iter().map(Problem::as_error).collect();
        refusal
    }

    pub(super) fn with_sub_category(mut self, sub_category: &'static str) -> Self {
        self.0.sub_category = Some(sub_category);
        self
    }

    pub(super) fn with_context<T: ToString>(mut self, name: &str, values: &[T]) -> Self {
        self.0.context.insert(name.to_owned(), values.iter().map(ToString::to_string).collect());
        self
    }

    pub(super) fn with_error(mut self, error: Json) -> Self {
        self.0.errors.push(error);
        self
    }

    pub(super) fn with_extra(mut self, name: &str, value: impl Into<Json>) -> Self {
        self.0.extra.insert(name.to_owned(), value.into());
        self
    }

    /// Returns the error as one item of a 207: without `errors`, so the details are in the message alone.
    pub(super) fn as_item(&self) -> Json {
        let mut item = self.envelope();
        item.insert("context".to_owned(), Json::from(self.0.context.clone()));
        Json::from(item)
    }

    fn envelope(&self) -> Map<String, Json> {
        let mut body = Map::new();
        body.insert("status".to_owned(), Json::from("error"));
        body.insert("message".to_owned(), Json::from(self.0.message.clone()));
        body.insert("category".to_owned(), Json::from(self.0.category));
        if let Some(sub_category) = self.0.sub_category {
            body.insert("subCategory".to_owned(), Json::from(sub_category));
        }
        body
    }

    fn body(self) -> Json {
        let mut body = self.envelope();
        body.insert("correlationId".to_owned(), Json::from(correlation_id()));
        if !self.0.context.is_empty() {
            body.insert("context".to_owned(), Json::from(self.0.context));
        }
        if !self.0.errors.is_empty() {
            body.insert("errors".to_owned(), Json::from(self.0.errors));
        }
        for (name, value) in self.0.extra {
            if value.is_null() {
                body.remove(&name);
            } else {
                body.insert(name, value);
            }
        }
        Json::from(body)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0.status, JsonBody(self.body())).into_response()
    }
}

/// Returns an id in the form of a UUID that no other answer of this process has.
pub(super) fn correlation_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let hash = format!("{:032x}", xxh3_128(&NEXT.fetch_add(1, Ordering::Relaxed).to_le_bytes()));
    format!("{}-{}-4{}-8{}-{}", &hash[..8], &hash[8..12], &hash[13..16], &hash[17..20], &hash[20..])
}

/// The burst limit's answer.
pub(super) fn too_many_in_ten_seconds() -> Refusal {
    too_many("You have reached your ten_secondly_rolling limit.", "TEN_SECONDLY_ROLLING")
}

/// The search limit's answer.
pub(super) fn too_many_searches() -> Refusal {
    too_many("You have reached your secondly limit.", "SECONDLY")
}

/// The daily limit's answer.
pub(super) fn too_many_today() -> Refusal {
    too_many("You have reached your daily limit.", "DAILY")
}

fn too_many(message: &str, policy: &str) -> Refusal {
    Refusal::new(StatusCode::TOO_MANY_REQUESTS, "RATE_LIMITS", message)
        .with_extra("category", Json::Null)
        .with_extra("errorType", "RATE_LIMIT")
        .with_extra("policyName", policy)
        .with_extra("requestId", correlation_id())
}

/// Answers an injected fault in the vendor's form.
pub(super) fn fault(status: StatusCode) -> Response {
    if status == StatusCode::TOO_MANY_REQUESTS {
        return too_many_in_ten_seconds().into_response();
    }
    let message = status.canonical_reason().unwrap_or("internal error").to_lowercase();
    Refusal::new(status, "INTERNAL_ERROR", message).into_response()
}
