//! A record as it is sent, and how keys are compared with what comes back.

use serde_json::{Map, Value as Json};

use crate::model::{BatchRecord, Value};

/// A record of the batch that is sent.
pub(super) struct Sent<'batch> {
    /// Its place in the batch.
    pub(super) place: usize,
    pub(super) record: &'batch BatchRecord,
    /// Its cells by field id.
    pub(super) cells: Map<String, Json>,
}

/// Returns values in a form in which equal ones are equal, whatever type they came in; options have no order.
pub(super) fn comparable(values: &[Value]) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::List(items) => {
            let mut sorted = items.clone();
            sorted.sort_unstable();
            sorted.join("\u{1f}")
        }
        other => other.to_text().trim_end_matches('\n').to_owned(),
    };
    values.iter().map(text).collect()
}
