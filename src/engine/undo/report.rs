//! What taking back a run did, or would do.

use serde::Serialize;
use serde_json::Value as Json;

use crate::model::{ConnectionName, ObjectName, StreamName};
use crate::state::{ImageFate, Run, RunStatus, SourceIds, State, StateError, StoredTarget};

/// Records that a report names one by one; the counts are of all.
pub(super) const MAX_LEFT: usize = 1_000;

/// What taking back a run did, or would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct UndoReport {
    /// The run that takes back; none where it is only shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The run that is taken back.
    pub undone_run: String,
    /// How it ended; none where it is only shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<RunStatus>,
    /// The streams, each with its destinations.
    pub targets: Vec<UndoTarget>,
    /// The records that are left: the first 1,000.
    pub left: Vec<LeftRecord>,
    /// Later runs that wrote the same records.
    pub later_runs: Vec<LaterRun>,
    /// What cannot be taken back, whatever the records hold.
    pub remarks: Vec<String>,
}

/// What is done at one destination of a stream, in records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UndoTarget {
    /// The stream.
    pub stream: StreamName,
    /// The connection.
    pub connection: ConnectionName,
    /// The object.
    pub object: ObjectName,
    /// The counts.
    #[serde(flatten)]
    pub counts: UndoCounts,
    /// Calls that read.
    pub calls_read: u64,
    /// Calls that wrote.
    pub calls_write: u64,
    /// Why the destination was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What becomes of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct UndoCounts {
    /// Records that the run wrote and that were not taken back before.
    pub written: u64,
    /// Their fields hold again what they held before.
    pub restored: u64,
    /// They were created, and are deleted.
    pub deleted: u64,
    /// They were deleted, and are created again.
    pub recreated: u64,
    /// They are left, as somebody changed them since.
    pub left_changed: u64,
    /// They are left, as the destination does not hold them any more.
    pub left_gone: u64,
    /// They are left, as the destination cannot take them back.
    pub left_impossible: u64,
    /// The destination refused.
    pub rejected: u64,
}

/// A record that is left.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeftRecord {
    /// The stream.
    pub stream: StreamName,
    /// The connection.
    pub connection: ConnectionName,
    /// The object.
    pub object: ObjectName,
    /// The destination's id.
    pub id: String,
    /// Why it is left: `changed`, `gone`, `impossible`, `refused`.
    pub why: ImageFate,
    /// The fields that do not hold what the run wrote.
    pub fields: Vec<Difference>,
}

/// A field that does not hold what the run left there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The field.
    pub field: String,
    /// What the run left there.
    pub wrote: Json,
    /// What it holds now.
    pub holds: Json,
}

/// A later run that wrote the same records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LaterRun {
    /// The run.
    pub run_id: String,
    /// How many of them.
    pub records: u64,
}

impl UndoCounts {
    pub(super) fn add(&mut self, fate: ImageFate, count: u64) {
        *match fate {
            ImageFate::Restored => &mut self.restored,
            ImageFate::Deleted => &mut self.deleted,
            ImageFate::Recreated => &mut self.recreated,
            ImageFate::Changed => &mut self.left_changed,
            ImageFate::Gone => &mut self.left_gone,
            ImageFate::Impossible => &mut self.left_impossible,
            ImageFate::Refused => &mut self.rejected,
        } += count;
        self.written += count;
    }

    pub(super) fn add_all(&mut self, other: Self) {
        let Self { written, restored, deleted, recreated, left_changed, left_gone, left_impossible, rejected } = other;
        self.written += written;
        self.restored += restored;
        self.deleted += deleted;
        self.recreated += recreated;
        self.left_changed += left_changed;
        self.left_gone += left_gone;
        self.left_impossible += left_impossible;
        self.rejected += rejected;
    }

    /// Tells whether every record is as it was before the run, or gone.
    pub fn is_whole(&self) -> bool {
        self.left_changed + self.left_impossible + self.rejected == 0
    }
}

impl UndoReport {
    /// Reads the report of a run that took another one back. Which records it left is not kept: another undo looks at them again.
    ///
    /// # Errors
    /// Fails when the state file cannot be read.
    pub async fn stored(state: &State, run: &Run) -> Result<Self, StateError> {
        let taken_back = state.count_taken_back(&run.run_id).await?;
        let stored = state.stored_run(&run.run_id, SourceIds::Hidden).await?;
        let targets = stored.targets.into_iter().map(|StoredTarget { target_id, ledger: account, .. }| {
            let mut counts = UndoCounts::default();
            for (fate, count) in taken_back.get(&target_id).into_iter().flatten() {
                counts.add(*fate, *count);
            }
            UndoTarget {
                stream: account.target.stream,
                connection: account.target.connection,
                object: account.target.object,
                counts,
                calls_read: account.calls.read,
                calls_write: account.calls.write,
                error: account.message,
            }
        });
        Ok(Self {
            run_id: Some(run.run_id.clone()),
            undone_run: run.undone_run.clone().unwrap_or_default(),
            status: Some(run.status),
            targets: targets.collect(),
            left: Vec::new(),
            later_runs: Vec::new(),
            remarks: Vec::new(),
        })
    }

    /// Tells whether every record is as it was before the run, or gone.
    pub fn is_whole(&self) -> bool {
        self.targets.iter().all(|target| target.counts.is_whole())
    }
}
