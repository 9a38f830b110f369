//! Products: billing and prices.

use serde_json::{Map, Value as Json, json};

use super::errors::Refusal;

/// Sets what a product has where nothing was written, and refuses cycles of what is billed once.
pub(super) fn settle(body: &Map<String, Json>, values: &mut Map<String, Json>) -> Result<(), Refusal> {
    for (code, value) in [("unit", json!("")), ("tax", json!(0)), ("billing_frequency", json!("one-time"))] {
        if values.get(code).is_none_or(Json::is_null) {
            values.insert(code.to_owned(), value);
        }
    }
    let is_once = values.get("billing_frequency") == Some(&json!("one-time"));
    if is_once && body.get("billing_frequency_cycles").is_some_and(|cycles| !cycles.is_null()) {
        return Err(Refusal::field("billing_frequency_cycles", "must be null for what is billed one-time"));
    }
    if is_once {
        values.insert("billing_frequency_cycles".to_owned(), Json::Null);
    }
    Ok(())
}
