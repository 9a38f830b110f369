//! What a plan says, for people and programs.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use crate::config::Stream;
use crate::engine::{error::EngineError, read::coverage::Looked};
use crate::model::{ConnectionName, FieldName, ObjectName, StreamName};
use crate::state::SchemaChange;

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
    /// What `ferry run` would then take of each connection.
    pub connections: Vec<ConnectionCosts>,
    /// Which fields of the sources are used, and what the others hold.
    pub coverage: Vec<StreamCoverage>,
    /// Fields and options at either end that are new or gone since the pipeline's last run.
    pub schema_changes: Vec<SchemaChange>,
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
    /// What becomes of the rows of an object that is written anew; none of others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced: Option<ReplacedRows>,
    /// How many records.
    #[serde(flatten)]
    pub counts: PlanCounts,
    /// Fields of records that would be changed, by what becomes of them, the most frequent first.
    pub fields: Vec<FieldCounts>,
    /// Calls of a run that would write. It also sends records that hold what they should where it has not compared them.
    pub calls_write: u64,
    /// Calls of a run that would read the destination.
    pub calls_read: u64,
    /// The share of the daily quota that is used now, where the vendor tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota_used: Option<f64>,
    /// The first changes of each kind.
    #[serde(skip)]
    pub examples: Vec<Change>,
    /// Why the destination could not be planned to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Which fields of a stream's source are used, and what the others hold.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StreamCoverage {
    /// The stream.
    pub stream: StreamName,
    /// The connection that is read.
    pub connection: ConnectionName,
    /// The object that is read.
    pub object: ObjectName,
    /// How many records were read; `where` and the steps come after that.
    pub records: u64,
    /// The fields that mappings, keys, `where` and steps use.
    pub used: Vec<String>,
    /// The other fields that have values, the fullest first. One that holds nothing but the record's id is left out.
    pub unmapped: Vec<UnmappedShare>,
}

/// A field of the source that nothing uses.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct UnmappedShare {
    /// Its name.
    pub field: String,
    /// How many records have a value in it.
    pub filled: u64,
    /// Their share, from 0 to 1.
    pub share: f64,
    /// One of its values, for people alone.
    #[serde(skip)]
    pub sample: Json,
}

impl StreamCoverage {
    pub(super) fn of(stream: &Stream, looked: Looked) -> Self {
        let Looked { records, used, others } = looked;
        let filled = others.into_iter().filter(|(_, values)| values.filled > 0 && !values.is_id);
        let mut unmapped: Vec<UnmappedShare> = filled
            .map(|(field, values)| {
                #[expect(clippy::cast_precision_loss, reason = "a share needs no more digits than a float has")]
                let share = values.filled as f64 / records.max(1) as f64;
                UnmappedShare { field, filled: values.filled, share, sample: values.sample }
            })
            .collect();
        unmapped.sort_by_key(|field| std::cmp::Reverse(field.filled));
        let (connection, object) = (stream.connection.clone(), stream.object.clone());
        Self { stream: stream.name.clone(), connection, object, records, used, unmapped }
    }
}

/// What a run would take of a connection, where nothing is refused or repeated. An incremental run reads less of a source than is said
/// here: a plan reads all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConnectionCosts {
    /// The connection.
    pub connection: ConnectionName,
    /// What kind of system it is.
    pub system: String,
    /// The account; none where the system has none.
    pub account: Option<String>,
    /// All calls.
    pub calls: u64,
    /// Those that read.
    pub calls_read: u64,
    /// Those that write.
    pub calls_write: u64,
    /// The calls that the plan itself took.
    pub calls_planning: u64,
    /// What the calls take of the vendor's budget; none where it has none or does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaCosts>,
    /// What the calls take of each limit that is waited for.
    pub limits: Vec<LimitCosts>,
    /// Seconds that the limits alone take, at least.
    pub seconds: u64,
}

/// What calls take of a vendor's budget for a day or month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct QuotaCosts {
    /// What the vendor counts: `calls`, `tokens`.
    pub unit: String,
    /// What a run would take.
    pub needed: u64,
    /// What was left when the plan was made.
    pub left: u64,
    /// All that there is.
    pub max: u64,
}

/// What calls take of a limit that is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LimitCosts {
    /// The limit.
    pub name: String,
    /// Units that a run would take.
    pub units: u64,
    /// Units in a window.
    pub max: u64,
    /// The window, in seconds.
    pub window_secs: u64,
}

/// What becomes of the rows of an object that each run writes anew. Counts say which of them are new, changed, the same and gone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ReplacedRows {
    /// Rows that are there.
    pub rows_now: u64,
    /// Rows that would be.
    pub rows_then: u64,
    /// The fields that tell rows apart; where there are none, whole rows are compared.
    pub matched_by: Vec<FieldName>,
    /// Why rows are not compared: all of them count as new then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_compared: Option<String>,
}

/// Counts what would become of the records of a stream at one destination. `read` is the sum of the others, but for those about
/// fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct PlanCounts {
    /// Records read from the source, and those that a mirror deletes, or a new version of an object leaves out.
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
