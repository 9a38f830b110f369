//! Answers in the vendor's documented shapes.

use serde_json::{Value as Json, json};

/// A 400 of an unknown property.
pub(super) fn unknown_property() -> Json {
    let details = json!([{
        "isValid": false, "message": "Property \"x\" does not exist", "error": "PROPERTY_DOESNT_EXIST", "name": "x",
        "localizedErrorMessage": "Property \"x\" does not exist", "portalId": 1,
    }]);
    json!({
        "status": "error",
        "message": format!("Property values were not valid: {details}"),
        "correlationId": "aeb5f871-7f07-4993-9211-075dc63e7cbf",
        "category": "VALIDATION_ERROR",
        "errors": [{ "message": "Property \"x\" does not exist", "code": "PROPERTY_DOESNT_EXIST", "context": { "propertyName": ["x"] } }],
    })
}

/// An item of a 207: the detail is in the message's text alone.
pub(super) fn invalid_value(trace_id: &str, property: &str, code: &str) -> Json {
    let details =
        json!([{ "isValid": false, "message": "\"abc\" was not a valid value", "error": code, "name": property }]);
    json!({
        "status": "error",
        "category": "VALIDATION_ERROR",
        "message": format!("Property values were not valid: {details}"),
        "context": { "objectWriteTraceId": [trace_id] },
    })
}

/// An error that names missing ids.
pub(super) fn not_found(ids: &[&str]) -> Json {
    json!({ "status": "error", "category": "OBJECT_NOT_FOUND", "message": "Could not get some CONTACT objects", "context": { "ids": ids } })
}

/// A 409 of a contact's e-mail.
pub(super) fn conflict() -> Json {
    json!({ "status": "error", "message": "Contact already exists. Existing ID: 123", "correlationId": "c1", "category": "CONFLICT" })
}

/// A 429 by policy.
pub(super) fn rate_limit(policy: &str, message: &str) -> Json {
    json!({ "status": "error", "message": message, "errorType": "RATE_LIMIT", "correlationId": "c1", "policyName": policy, "requestId": "r1" })
}

/// A 403.
pub(super) fn missing_scopes() -> Json {
    json!({
        "status": "error", "category": "MISSING_SCOPES", "correlationId": "c1",
        "message": "This app hasn't been granted all required scopes to make this call.",
        "errors": [{ "message": "One or more of the following scopes are required.", "context": { "requiredGranularScopes": ["crm.objects.deals.read"] } }],
        "links": { "scopes": "https://developers.hubspot.com/scopes" },
    })
}
