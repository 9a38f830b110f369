//! What a run did, target by target.

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::model::{Calls, Cursor, Ledger};
use crate::redact::redact;

use super::{
    Work,
    error::StateError,
    seal::{Cell, Seal},
    sets::signed,
    target::{Target, TargetId},
};

/// The account of one target in one run.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetLedger {
    /// The target.
    pub target: Target,
    /// Its place in the pipeline.
    pub position: u32,
    /// Where the run began to read.
    pub start_cursor: Option<Cursor>,
    /// How it stands.
    pub status: TargetStatus,
    /// The records, up to the last checkpoint.
    pub ledger: Ledger,
    /// Those that were committed behind it when the run was stopped. They are read again, and counted then.
    pub open: Ledger,
    /// The calls to the destination.
    pub calls: Calls,
    /// Why it failed.
    pub message: Option<String>,
    /// Up to which chunk of the run the counts go: dead letters of later ones are not counted yet.
    pub chunk: u64,
}

/// How a target stands in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetStatus {
    /// Not at its end yet.
    Running,
    /// Read to its end and loaded.
    Done,
    /// Given up; the other destinations went on.
    Failed,
}

/// The counts of a ledger as they are stored.
#[derive(Serialize, Deserialize)]
struct StoredLedger {
    #[serde(flatten)]
    ledger: Ledger,
    #[serde(default)]
    open: Ledger,
}

impl TargetLedger {
    /// Returns all that was committed.
    pub fn committed(&self) -> Ledger {
        let mut all = self.ledger;
        all += self.open;
        all
    }
}

impl TargetStatus {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    fn from_word(word: &str) -> Self {
        match word {
            "done" => Self::Done,
            "failed" => Self::Failed,
            _ => Self::Running,
        }
    }
}

/// A row of the table, sealed as it is there.
struct RawLedger {
    target_id: TargetId,
    target: Target,
    position: u32,
    sealed: Option<Vec<u8>>,
    status: String,
    ledger: String,
    calls: String,
    message: Option<String>,
    chunk: i64,
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<RawLedger> {
    Ok(RawLedger {
        target_id: TargetId(row.get("target_id")?),
        target: Target::from_row(row)?,
        position: row.get("position")?,
        sealed: row.get("sealed")?,
        status: row.get("status")?,
        ledger: row.get("ledger")?,
        calls: row.get("calls")?,
        message: row.get("message")?,
        chunk: row.get("chunk")?,
    })
}

fn cell(run_id: &str, target: TargetId) -> Cell {
    Cell::new("ledgers", &[&run_id, &target.0])
}

impl RawLedger {
    fn decode(self, seal: &Seal, run_id: &str) -> Result<TargetLedger, StateError> {
        let cell = cell(run_id, self.target_id);
        let StoredLedger { ledger, open } = serde_json::from_str(&self.ledger)?;
        Ok(TargetLedger {
            target: self.target,
            position: self.position,
            start_cursor: self.sealed.map(|sealed| seal.open(&cell, &sealed)).transpose()?,
            status: TargetStatus::from_word(&self.status),
            ledger,
            open,
            calls: serde_json::from_str(&self.calls)?,
            message: self.message,
            chunk: self.chunk.unsigned_abs(),
        })
    }
}

const SAVE: &str = "INSERT OR REPLACE INTO ledgers
     (run_id, target_id, position, sealed, status, ledger, calls, message, chunk)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

impl Work<'_> {
    /// Stores the ledger of a target.
    pub(super) fn save_ledger(&self, run_id: &str, target: TargetId, ledger: &TargetLedger) -> Result<(), StateError> {
        let cell = cell(run_id, target);
        let start_cursor = ledger.start_cursor.as_ref().map(|cursor| self.seal.seal(&cell, cursor)).transpose()?;
        self.transaction.prepare_cached(SAVE)?.execute(params![
            run_id,
            target.0,
            ledger.position,
            start_cursor,
            ledger.status.as_str(),
            serde_json::to_string(&StoredLedger { ledger: ledger.ledger, open: ledger.open })?,
            serde_json::to_string(&ledger.calls)?,
            ledger.message.as_deref().map(redact),
            signed(ledger.chunk),
        ])?;
        Ok(())
    }

    /// Returns the ledger of one target in a run.
    pub(super) fn ledger(&self, run_id: &str, target: TargetId) -> Result<Option<TargetLedger>, StateError> {
        let sql = "SELECT * FROM ledgers JOIN targets USING (target_id) WHERE run_id = ?1 AND target_id = ?2";
        let raw = self.transaction.prepare_cached(sql)?.query_row(params![run_id, target.0], from_row).optional()?;
        raw.map(|raw| raw.decode(&self.seal, run_id)).transpose()
    }

    /// Returns the counts of a run at all of its targets together.
    pub(super) fn run_ledger(&self, run_id: &str) -> Result<Ledger, StateError> {
        let mut statement = self.transaction.prepare_cached("SELECT ledger FROM ledgers WHERE run_id = ?1")?;
        let mut rows = statement.query([run_id])?;
        let mut sum = Ledger::default();
        while let Some(row) = rows.next()? {
            let StoredLedger { ledger, open } = serde_json::from_str(&row.get::<_, String>(0)?)?;
            sum += ledger;
            sum += open;
        }
        Ok(sum)
    }

    /// Returns the ledgers of a run with their targets, in the pipeline's order.
    pub(super) fn ledgers_of(&self, run_id: &str) -> Result<Vec<(TargetId, TargetLedger)>, StateError> {
        let sql = "SELECT * FROM ledgers JOIN targets USING (target_id) WHERE run_id = ?1 ORDER BY position";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let rows = statement.query_map([run_id], from_row)?;
        rows.map(|raw| {
            raw.map_err(StateError::from).and_then(|raw| Ok((raw.target_id, raw.decode(&self.seal, run_id)?)))
        })
        .collect()
    }
}
