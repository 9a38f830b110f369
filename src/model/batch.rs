//! What a destination is asked to write: records of one object and one operation, within its limits.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    name::{FieldName, ObjectName},
    value::Value,
};

/// The fields of a record to write or as it was found, by the destination's names.
pub type Fields = BTreeMap<FieldName, Value>;

/// Carries the records of one load request.
///
/// The engine keeps every batch within the destination's limits for its operation, in records and in bytes, with no key and
/// no destination id twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// Where the records go.
    pub object: ObjectName,
    /// What is done with them.
    pub operation: Operation,
    /// The records; their order is the order of the outcomes.
    pub records: Vec<BatchRecord>,
}

/// Names what is done with the records of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Creates records; none has a destination id.
    Insert,
    /// Changes the named fields of records; each has a destination id.
    Update,
    /// Changes the record with the same key, or creates one; only on keys that the capabilities call native.
    Upsert {
        /// The destination's fields that identify a record.
        key: Vec<FieldName>,
    },
    /// Removes records; each has a destination id.
    Delete,
    /// Links records that exist to others that exist; each has a destination id and only link fields.
    /// Asked for only where the capabilities give a limit for it: elsewhere links are fields like others.
    Link,
}

/// One record of a batch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BatchRecord {
    /// Identifies the record within its run: to be sent as the trace or correlation id where the vendor takes one.
    pub trace_id: String,
    /// The destination's id, where it is known.
    pub destination_id: Option<String>,
    /// The fields to write. [`Value::Null`] clears a field; a field to be kept is absent.
    pub fields: Fields,
}

/// A record as the destination holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The destination's id.
    pub id: String,
    /// The fields that were asked for; those without a value may be absent.
    pub fields: Fields,
    /// Where a person finds it, where several records have this id: `row 5`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The id under which the destination holds the record now, where that is not `id`: it was merged into that one there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged_into: Option<String>,
}
