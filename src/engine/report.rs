//! What a run reports at its end: the ledger of every stream and destination, and why records were not written.

use serde::Serialize;

use crate::model::{Calls, ConnectionName, Ledger, ObjectName, Quota, Spending, StreamName};
use crate::state::{
    Attempt, DeadLetterKind, LetterCount, MergedRecord, ReasonCount, Run, RunStatus, SchemaChange, SourceIds, State,
    StateError, StoredRun, StoredTarget, TargetLedger, TargetStatus, WaitingCount,
};

/// Reasons that a report names.
const MAX_REASONS: usize = 20;

/// The account of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    /// The run.
    pub run_id: String,
    /// How it ended.
    pub status: RunStatus,
    /// Whether it took up a run that had been stopped or killed.
    pub is_resumed: bool,
    /// The streams, in the order they ran.
    pub streams: Vec<StreamReport>,
    /// The most frequent reasons why records were not written.
    pub reasons: Vec<ReasonReport>,
    /// Links that the destinations refused, by the records that have them: these were written without them.
    #[serde(skip_serializing_if = "is_zero")]
    pub links_refused: u64,
    /// Fields and options at either end that are new or gone since the pipeline's last run; not kept with the run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schema_changes: Vec<SchemaChange>,
    /// Records that earlier runs of the pipeline did not write, and that nobody has loaded again or corrected since.
    pub earlier_rejects: u64,
    /// The processes that worked on it, each with its own errors; only where a run that is over is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Vec<Attempt>>,
}

/// The account of a stream.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StreamReport {
    /// The stream.
    pub name: StreamName,
    /// The account that it is read from; none where the source has no accounts.
    pub source_account: Option<String>,
    /// Records read.
    pub read: u64,
    /// Calls to the source.
    pub calls: u64,
    /// Answers of the source that said its rate limit was crossed.
    pub rate_limited: u64,
    /// What reading spent of the source's budget, where its requests have a cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaReport>,
    /// Why the source could not be read to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The destinations.
    pub destinations: Vec<DestinationReport>,
}

/// The account of a stream at one destination.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DestinationReport {
    /// The connection.
    pub connection: ConnectionName,
    /// The account that is written; none where the destination has no accounts.
    pub account: Option<String>,
    /// The object.
    pub object: ObjectName,
    /// How it ended.
    pub status: TargetStatus,
    /// The records; `read` included.
    #[serde(flatten)]
    pub ledger: Ledger,
    /// All calls to the destination.
    pub calls: u64,
    /// Those that read.
    pub calls_read: u64,
    /// Those that wrote.
    pub calls_write: u64,
    /// Answers that said the rate limit was crossed.
    pub rate_limited: u64,
    /// Calls that were spent on finding the culprits of refused batches.
    pub calls_halving: u64,
    /// Link fields that still wait for a record they point to.
    pub links_pending: u64,
    /// The same by field, and by the stream whose records they wait for.
    pub waiting: Vec<WaitingReport>,
    /// Which records were merged into which: the first 10,000 duplicates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merged: Vec<MergedRecord>,
    /// Records that were found to be gone from the destination: the next run creates them again.
    pub missing: u64,
    /// Whether each run rewrites the whole object.
    #[serde(skip)]
    pub is_replaced: bool,
    /// The share of the daily quota that was used when the run ended, where the vendor tells it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota_used: Option<f64>,
    /// What this spent of the destination's budget, where its requests have a cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaReport>,
    /// Why the destination was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether there is a dead letter for each record that the ledger counts as rejected or held, and no other.
    #[serde(skip)]
    pub has_all_letters: bool,
}

/// What one side of a stream spent of a vendor's daily budget, and what is left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct QuotaReport {
    /// What the vendor counts: `tokens`.
    pub unit: &'static str,
    /// Spent here, in this process.
    pub spent: u64,
    /// Left of the day, for everybody who uses the account.
    pub left: u64,
    /// All that there is on a day.
    pub max: u64,
    /// The records that a whole day allows, at what a write cost here: one for each record. None where nothing was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records_per_day: Option<u64>,
}

/// How many links of a field wait for records of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WaitingReport {
    /// The link field.
    pub field: String,
    /// The stream whose records are not at the destination.
    pub stream: String,
    /// How many records have such a link.
    pub links: u64,
}

/// How often one reason stopped a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReasonReport {
    /// The stream.
    pub stream: StreamName,
    /// The connection.
    pub connection: ConnectionName,
    /// `rejected`, `held` or `link`.
    pub kind: &'static str,
    /// The word for the reason.
    pub code: String,
    /// The field to blame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// How many records.
    pub records: u64,
}

impl QuotaReport {
    /// Makes the report of what was spent by so many writes and the reads beside them.
    pub(super) fn of(spending: Option<Spending>, quota: Option<Quota>, writes: u64) -> Option<Self> {
        let (spending, quota) = (spending?, quota?);
        Some(Self {
            unit: spending.unit,
            spent: spending.reading + spending.writing,
            left: quota.remaining,
            max: quota.max,
            records_per_day: quota.max.saturating_mul(writes).checked_div(spending.writing),
        })
    }
}

impl StreamReport {
    /// Compares the ledgers with the dead letters that there are.
    pub(super) fn compare_letters(&mut self, letters: &[LetterCount]) {
        for destination in &mut self.destinations {
            let own = letters.iter().find(|count| {
                let target = &count.target;
                target.stream == self.name
                    && target.connection == destination.connection
                    && target.object == destination.object
            });
            destination.has_all_letters = own.is_none_or(LetterCount::agrees);
        }
    }
}

impl DestinationReport {
    /// Makes the report of a destination that was not reached.
    pub(super) fn empty(connection: ConnectionName, object: ObjectName) -> Self {
        Self {
            connection,
            account: None,
            object,
            status: TargetStatus::Failed,
            ledger: Ledger::default(),
            calls: 0,
            calls_read: 0,
            calls_write: 0,
            rate_limited: 0,
            calls_halving: 0,
            links_pending: 0,
            waiting: Vec::new(),
            merged: Vec::new(),
            missing: 0,
            is_replaced: false,
            quota_used: None,
            quota: None,
            error: None,
            has_all_letters: true,
        }
    }

    fn stored(account: &TargetLedger) -> Self {
        let mut report = Self::empty(account.target.connection.clone(), account.target.object.clone());
        report.account.clone_from(&account.target.accounts.destination);
        report.status = account.status;
        report.ledger = account.committed();
        report.error.clone_from(&account.message);
        report.set_calls(account.calls, None);
        report
    }

    pub(super) fn set_waiting(&mut self, counts: Vec<WaitingCount>) {
        self.links_pending = counts.iter().map(|count| count.links).sum();
        let named = counts.into_iter();
        self.waiting =
            named.map(|WaitingCount { field, stream, links }| WaitingReport { field, stream, links }).collect();
    }

    pub(super) fn set_calls(&mut self, calls: Calls, quota: Option<Quota>) {
        self.calls = calls.total();
        self.calls_read = calls.read;
        self.calls_write = calls.write;
        self.rate_limited = calls.rate_limited;
        self.quota_used = quota.map(Quota::used_share);
    }
}

impl RunReport {
    /// Reads the report of a run from the state file. Calls to the source are not kept, and what waits is what waits now.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub async fn stored(state: &State, run: &Run, ids: SourceIds) -> Result<Self, StateError> {
        let StoredRun { targets, reasons, attempts } = state.stored_run(&run.run_id, ids).await?;
        let mut streams: Vec<StreamReport> = Vec::new();
        for StoredTarget { ledger: account, waiting, merged, .. } in targets {
            let mut report = DestinationReport::stored(&account);
            report.set_waiting(waiting);
            report.merged = merged;
            let name = account.target.stream;
            match streams.iter_mut().find(|stream| stream.name == name) {
                Some(stream) => stream.destinations.push(report),
                None => streams.push(StreamReport {
                    name,
                    source_account: account.target.accounts.source,
                    read: report.ledger.read,
                    calls: 0,
                    rate_limited: 0,
                    quota: None,
                    error: None,
                    destinations: vec![report],
                }),
            }
        }
        let (reasons, links_refused) = (reason_reports(&reasons), links_refused(&reasons));
        let is_resumed = attempts.len() > 1;
        let run_id = run.run_id.clone();
        let attempts = Some(attempts);
        Ok(Self {
            run_id,
            status: run.status,
            is_resumed,
            streams,
            reasons,
            links_refused,
            schema_changes: Vec::new(),
            earlier_rejects: 0,
            attempts,
        })
    }

    /// Tells whether records were rejected, held back, or written without one of their links: in this run, or in earlier ones
    /// and still are.
    pub fn has_dead_letters(&self) -> bool {
        let mut destinations = self.streams.iter().flat_map(|stream| &stream.destinations);
        self.earlier_rejects > 0
            || !self.reasons.is_empty()
            || destinations.any(|account| account.ledger.rejected + account.ledger.held > 0)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Counts the records of which a destination refused a link.
pub(super) fn links_refused(reasons: &[ReasonCount]) -> u64 {
    reasons.iter().filter(|reason| reason.kind == DeadLetterKind::Link).map(|reason| reason.letters).sum()
}

/// Turns the counts of the state file into what a report names, the most frequent first.
pub(super) fn reason_reports(reasons: &[ReasonCount]) -> Vec<ReasonReport> {
    let named = reasons.iter().take(MAX_REASONS).map(|reason| ReasonReport {
        stream: reason.target.stream.clone(),
        connection: reason.target.connection.clone(),
        kind: reason.kind.as_str(),
        code: reason.code.clone(),
        field: reason.field.clone(),
        records: reason.letters,
    });
    named.collect()
}
