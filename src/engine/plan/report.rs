//! What a plan says, for people and programs.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use crate::engine::error::EngineError;
use crate::model::{ConnectionName, FieldName, ObjectName, StreamName};

/// A line of what `ferry plan --json` prints: changes as they are found, and the plan without them at the end.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum PlanLine<'plan> {
    /// What would become of one record.
    Change(&'plan Change),
    /// The last line.
    Summary(&'plan PlanReport),
}

/// What a run would do.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlanReport {
    /// The pipeline's name.
    pub pipeline: String,
    /// When the destinations were looked at.
    #[schemars(with = "String")]
    pub created_at: DateTime<Utc>,
    /// What tells the plan file from others; none where there is none.
    pub plan_id: Option<String>,
    /// Whether a run would write anything.
    pub has_changes: bool,
    /// What it would do at each destination of each stream.
    pub targets: Vec<TargetPlan>,
    /// What keeps it from being whole.
    pub errors: Vec<String>,
    /// The same, with what can be done about it.
    #[serde(skip)]
    pub failures: Vec<EngineError>,
}

/// What a run would do with a stream's records at one destination.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct TargetPlan {
    /// The stream.
    pub stream: StreamName,
    /// The connection.
    pub connection: ConnectionName,
    /// The object.
    pub object: ObjectName,
    /// The account that would be written; none where the destination has no accounts.
    pub account: Option<String>,
    /// Whether the whole object is written anew.
    pub is_replaced: bool,
    /// How many records.
    #[serde(flatten)]
    pub counts: PlanCounts,
    /// Fields of records that would be changed, by what becomes of them, the most frequent first.
    pub fields: Vec<FieldCounts>,
    /// Calls that would write, where records go in ordinary batches.
    pub calls_write: u64,
    /// Calls that the plan took to look at the destination; a run takes as many.
    pub calls_read: u64,
    /// The share of the daily quota that is used, where the vendor tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota_used: Option<f64>,
    /// The first changes of each kind.
    #[serde(skip)]
    pub examples: Vec<Change>,
    /// Why the destination could not be planned to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Counts what would become of the records of a stream at one destination. `read` is the sum of the others, but for those about
/// fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct PlanCounts {
    /// Records read from the source, and those that a mirror deletes.
    pub read: u64,
    /// Left out by `where` or a step, or deleted at the source.
    pub filtered: u64,
    /// The same as another record.
    pub duplicate: u64,
    /// At the destination already, as they are.
    pub unchanged: u64,
    /// Created.
    pub create: u64,
    /// Changed.
    pub update: u64,
    /// Deleted.
    pub delete: u64,
    /// Refused.
    pub reject: u64,
    /// Kept for a person.
    pub hold: u64,
    /// Unchanged records of which people changed what Ferry wrote: a run leaves them so.
    pub drift: u64,
    /// Links to set, in linked records.
    pub links: u64,
}

/// What becomes of one field, in records that would be changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FieldCounts {
    /// The destination's field.
    pub field: FieldName,
    /// It is blank and gets a value.
    pub filled: u64,
    /// Its value is replaced.
    pub overwritten: u64,
    /// Its value is removed.
    pub cleared: u64,
    /// Its value is kept, because the mapping says `if_blank` or `on_create`.
    pub kept: u64,
    /// People changed it since Ferry wrote it.
    pub drifted: u64,
}

/// What would become of one record.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Change {
    /// The stream.
    pub stream: StreamName,
    /// The connection.
    pub connection: ConnectionName,
    /// The object.
    pub object: ObjectName,
    /// What would be done.
    pub change: ChangeKind,
    /// The source's id; empty where only the destination's is known.
    pub id: String,
    /// The destination's id; none where the record is new.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination_id: Option<String>,
    /// The fields that change, or that people changed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// The links that go with the record.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkChange>,
    /// Why it is refused or held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ChangeReason>,
}

/// Kinds of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A new record.
    Create,
    /// Another value in at least one field.
    Update,
    /// The record goes.
    Delete,
    /// It is refused.
    Reject,
    /// A person has to decide.
    Hold,
    /// Nothing is done, and people changed what Ferry wrote.
    Drift,
}

/// What becomes of a field.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct FieldChange {
    /// The destination's field.
    pub field: FieldName,
    /// What the destination holds; of a drifted field, what people made of it.
    pub old: Json,
    /// What would be written; of a drifted field, what Ferry wrote.
    pub new: Json,
}

/// A link that would be set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LinkChange {
    /// The link field.
    pub field: String,
    /// The stream whose records are linked.
    pub stream: String,
    /// Their source ids.
    pub linked_ids: Vec<String>,
}

/// Why a record is refused or held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChangeReason {
    /// A stable word.
    pub code: String,
    /// The reason in full.
    pub reason: String,
    /// The field to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The value to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

impl PlanCounts {
    /// Tells whether every record that was read is counted once.
    pub fn closes(&self) -> bool {
        let Self { filtered, duplicate, unchanged, create, update, delete, reject, hold, .. } = *self;
        self.read == filtered + duplicate + unchanged + create + update + delete + reject + hold
    }

    /// Tells whether anything is written.
    pub fn has_changes(&self) -> bool {
        self.create + self.update + self.delete + self.links > 0
    }
}
