//! What a run did, target by target.

use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::model::{Calls, Cursor, Ledger};

use super::{
    Work,
    error::StateError,
    seal::Seal,
    targets::{Target, TargetId},
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
    /// The records.
    pub ledger: Ledger,
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

type RawLedger = (Target, u32, Option<Vec<u8>>, String, String, String, Option<String>, i64);

fn from_row(row: &Row<'_>) -> rusqlite::Result<RawLedger> {
    Ok((
        Target::from_row(row)?,
        row.get("position")?,
        row.get("sealed")?,
        row.get("status")?,
        row.get("ledger")?,
        row.get("calls")?,
        row.get("message")?,
        row.get("chunk")?,
    ))
}

fn decode(seal: &Seal, raw: RawLedger) -> Result<TargetLedger, StateError> {
    let (target, position, start_cursor, status, ledger, calls, message, chunk) = raw;
    Ok(TargetLedger {
        target,
        position,
        start_cursor: start_cursor.map(|sealed| seal.open(&sealed)).transpose()?,
        status: TargetStatus::from_word(&status),
        ledger: serde_json::from_str(&ledger)?,
        calls: serde_json::from_str(&calls)?,
        message,
        chunk: chunk.unsigned_abs(),
    })
}

impl Work<'_> {
    /// Stores the account of a target.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn save_ledger(&self, run_id: &str, target_id: TargetId, account: &TargetLedger) -> Result<(), StateError> {
        let start_cursor = account.start_cursor.as_ref().map(|cursor| self.seal.seal(cursor)).transpose()?;
        self.transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO ledgers (run_id, scope_id, position, sealed, status, ledger, calls, message, chunk)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                run_id,
                target_id.0,
                account.position,
                start_cursor,
                account.status.as_str(),
                serde_json::to_string(&account.ledger)?,
                serde_json::to_string(&account.calls)?,
                account.message,
                i64::try_from(account.chunk).unwrap_or(i64::MAX),
            ])?;
        Ok(())
    }

    /// Returns the account of one target in a run.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn ledger(&self, run_id: &str, target_id: TargetId) -> Result<Option<TargetLedger>, StateError> {
        let sql = "SELECT * FROM ledgers JOIN scopes USING (scope_id) WHERE run_id = ?1 AND scope_id = ?2";
        let raw = self.transaction.prepare_cached(sql)?.query_row(params![run_id, target_id.0], from_row).optional()?;
        raw.map(|raw| decode(&self.seal, raw)).transpose()
    }

    /// Returns the accounts of a run, in the pipeline's order.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn ledgers(&self, run_id: &str) -> Result<Vec<TargetLedger>, StateError> {
        let sql = "SELECT * FROM ledgers JOIN scopes USING (scope_id) WHERE run_id = ?1 ORDER BY position";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let rows = statement.query_map([run_id], from_row)?;
        rows.map(|raw| decode(&self.seal, raw?)).collect()
    }
}
