//! What becomes of a person's records at the destinations.

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{ConnectionName, ObjectName, StreamName};
use crate::state::{SourceKey, TargetId, TracedRecord};

use crate::engine::error::EngineError;

/// A record of a person at its destination, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ErasedRecord {
    /// The pipeline.
    pub pipeline: String,
    /// The stream.
    pub stream: StreamName,
    /// The destination's connection.
    pub connection: ConnectionName,
    /// The destination's object.
    pub object: ObjectName,
    /// The destination's account; null where the system has none.
    pub account: Option<String>,
    /// The destination's id.
    pub id: String,
    /// The call that deletes it: the vendor's own one for erasures where there is one, else `delete`; null where it is left.
    pub call: Option<String>,
    /// What the system keeps of it after that call, and for how long; null where nothing is known.
    pub keeps: Option<String>,
    /// What became of it.
    pub outcome: EraseOutcome,
    /// Why it is left or could not be deleted.
    pub reason: Option<String>,
    /// The entries of the id map that lead to it.
    #[serde(skip)]
    pub entries: Vec<(TargetId, SourceKey)>,
}

/// What became of a record at its destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EraseOutcome {
    /// It is to be deleted.
    Planned,
    /// It was deleted for good.
    Erased,
    /// It was deleted by the ordinary call: `keeps` says what the system keeps.
    Deleted,
    /// It was not there any more.
    Gone,
    /// It is not deleted, and why is said.
    Left,
    /// It could not be deleted. The id map keeps its entry, so that it can be tried again.
    Failed,
}

/// What an erasure at the destinations of a pipeline came to.
#[derive(Debug, Default)]
pub struct ErasedThere {
    /// The records, in the order of the plan.
    pub records: Vec<ErasedRecord>,
    /// What failed beside refusals of single records.
    pub failures: Vec<EngineError>,
}

impl EraseOutcome {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "to be deleted",
            Self::Erased => "erased for good",
            Self::Deleted => "deleted",
            Self::Gone => "gone already",
            Self::Left => "left",
            Self::Failed => "failed",
        }
    }
}

impl ErasedRecord {
    /// Makes what is said of a record that is not deleted.
    pub fn left(record: &TracedRecord, reason: impl Into<String>) -> Self {
        Self { outcome: EraseOutcome::Left, reason: Some(reason.into()), ..Self::of(record) }
    }

    /// Makes what is said of a record that cannot be deleted.
    pub fn failed(record: &TracedRecord, reason: impl Into<String>) -> Self {
        Self { outcome: EraseOutcome::Failed, reason: Some(reason.into()), ..Self::of(record) }
    }

    pub(super) fn of(record: &TracedRecord) -> Self {
        let target = record.target.clone();
        Self {
            pipeline: target.pipeline,
            stream: target.stream,
            connection: target.connection,
            object: target.object,
            account: target.accounts.destination,
            id: record.destination_id.clone().unwrap_or_default(),
            call: None,
            keeps: None,
            outcome: EraseOutcome::Planned,
            reason: None,
            entries: vec![(record.target_id, record.source_key)],
        }
    }

    /// Tells whether another one is the same record of the destination.
    pub fn is_at(&self, other: &Self) -> bool {
        let place = |record: &Self| (record.connection.clone(), record.object.clone(), record.account.clone());
        self.id == other.id && place(self) == place(other)
    }
}
