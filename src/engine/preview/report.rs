//! What a preview found.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use crate::model::{ConnectionName, FieldName, ObjectName, Rejection, StreamName};

/// What a pipeline makes of records.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PreviewReport {
    /// The pipeline's name.
    pub pipeline: String,
    /// Its streams.
    pub streams: Vec<StreamPreview>,
}

/// What is read of a stream, and what becomes of it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct StreamPreview {
    /// Its name.
    pub name: StreamName,
    /// The connection that is read.
    pub connection: ConnectionName,
    /// The object that is read.
    pub object: ObjectName,
    /// How many records were read.
    pub read: u64,
    /// Whether these are all that there are.
    pub is_whole: bool,
    /// How many of them `where` and the steps left out.
    pub filtered: u64,
    /// How many of them a step left out as duplicates.
    pub duplicate: u64,
    /// Fields that no destination is given, the fullest first; those without any value are left out.
    pub unmapped: Vec<UnmappedField>,
    /// What each destination would be given.
    pub destinations: Vec<DestinationPreview>,
}

/// A field of the source that no mapping takes.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct UnmappedField {
    /// Its name.
    pub field: String,
    /// How many of the records have a value in it.
    pub filled: u64,
    /// One of its values.
    pub sample: Json,
}

/// What a destination would be given.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DestinationPreview {
    /// The connection that would be written.
    pub connection: ConnectionName,
    /// The object that would be written.
    pub object: ObjectName,
    /// How many records would be sent.
    pub accepted: u64,
    /// How many would not.
    pub rejected: u64,
    /// What `standard` came to; none where the destination has none.
    pub standard: Option<StandardPreview>,
    /// The mappings that take part.
    pub fields: Vec<FieldPreview>,
    /// The first records, one with the other.
    pub records: Vec<RecordPreview>,
    /// Why records would not be sent, the most frequent reason first.
    pub rejects: Vec<RejectPreview>,
    /// All of these records.
    #[serde(skip)]
    pub rejected_records: Vec<RejectedRecord>,
    /// Values that are not written because the mapping says so, the most frequent first.
    pub dropped: Vec<DroppedValue>,
}

/// What `standard` came to between two systems.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct StandardPreview {
    /// The kind of records: `contact`, `company` or `deal`.
    pub kind: String,
    /// Its fields that are mapped, by Ferry's words for them.
    pub mapped: Vec<String>,
    /// Its fields that one of the two systems does not have.
    pub left_out: Vec<String>,
}

/// A mapping.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct FieldPreview {
    /// The destination's field.
    pub field: FieldName,
    /// The source's fields that its value is made of.
    pub from: Vec<String>,
    /// What is done to the value on the way; empty where it is taken as it is.
    pub rule: String,
    /// Whether it comes from `standard`.
    pub is_standard: bool,
    /// How many of the records that would be sent have a value for it.
    pub filled: u64,
}

/// A record on both sides.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RecordPreview {
    /// The source's id.
    pub id: String,
    /// What the source holds in the fields that are mapped.
    pub source: BTreeMap<String, Json>,
    /// What the destination would be given. Links are lists of source ids.
    pub destination: BTreeMap<String, Json>,
}

/// Records that would be refused for one reason.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RejectPreview {
    /// A word for the reason.
    pub code: String,
    /// The destination's field; none where the whole record is to blame.
    pub field: Option<String>,
    /// The reason in full, of the first of them.
    pub reason: String,
    /// How many records.
    pub records: u64,
    /// Some of them, of different values.
    pub samples: Vec<RejectSample>,
    /// What the mapping would say so that these values are read, as YAML.
    pub remedy: Option<String>,
}

/// A record that would be refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RejectSample {
    /// The source's id, or the record's place.
    pub id: String,
    /// The line of the source's file, where it is known.
    pub line: Option<u64>,
    /// The value that is to blame.
    pub value: Option<String>,
}

/// A record that would be refused, whole.
#[derive(Debug, Clone)]
pub struct RejectedRecord {
    /// The source's id, or the record's place.
    pub id: String,
    /// The line of the source's file, where it is known.
    pub line: Option<u64>,
    /// Why it would be refused.
    pub rejection: Rejection,
    /// The record as the source gave it (after the steps).
    pub source: Json,
}

/// A value that a mapping gives up.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DroppedValue {
    /// The destination's field.
    pub field: FieldName,
    /// The value at the source.
    pub value: String,
    /// How many records have it.
    pub records: u64,
}

impl PreviewReport {
    /// Tells whether any record would be refused.
    pub fn has_rejects(&self) -> bool {
        self.streams.iter().flat_map(|stream| &stream.destinations).any(|destination| destination.rejected > 0)
    }
}
