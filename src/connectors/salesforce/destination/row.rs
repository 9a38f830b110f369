//! One record as it is sent.

use crate::model::Value;

use super::super::schema::SalesforceField;

/// One record as it is sent.
#[derive(Debug)]
pub(super) struct Row<'batch> {
    /// Its place in the batch.
    pub(super) place: usize,
    /// The destination's id, where the operation addresses one.
    pub(super) id: Option<&'batch str>,
    /// Its fields; null clears one.
    pub(super) fields: Vec<(&'batch SalesforceField, Value)>,
}

pub(super) fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Integer(_) | Value::Number(_) | Value::Boolean(_) | Value::Date(_) | Value::DateTime(_) => false,
    }
}
