//! Where the next read of a target goes on.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};

use crate::model::Cursor;

use super::{Work, error::StateError, runs::moment, targets::TargetId};

/// A cursor made durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The run that saved it.
    pub run_id: String,
    /// Where a read goes on.
    pub cursor: Cursor,
    /// How many chunks of that run are loaded.
    pub chunk: u64,
    /// When it was saved.
    pub saved_at: DateTime<Utc>,
    /// Where it stands in the order in which checkpoints were saved: given on saving. The machine's clock may jump back.
    pub number: i64,
}

impl Work<'_> {
    /// Returns the checkpoint of a target.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn checkpoint(&self, target: TargetId) -> Result<Option<Checkpoint>, StateError> {
        let sql = "SELECT run_id, sealed, chunk, saved_at, number FROM checkpoints WHERE scope_id = ?1";
        let found = self
            .transaction
            .prepare_cached(sql)?
            .query_row([target.0], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, Vec<u8>>(1)?,
                    row.get::<_, i64>(2)?,
                    row.get::<_, String>(3)?,
                    row.get::<_, i64>(4)?,
                ))
            })
            .optional()?;
        let Some((run_id, sealed, chunk, saved_at, number)) = found else { return Ok(None) };
        let cursor = self.seal.open(&sealed)?;
        Ok(Some(Checkpoint { run_id, cursor, chunk: chunk.unsigned_abs(), saved_at: moment(&saved_at), number }))
    }

    /// Moves the checkpoint of a target.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn save_checkpoint(&self, target: TargetId, checkpoint: &Checkpoint) -> Result<(), StateError> {
        self.transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO checkpoints (scope_id, run_id, sealed, chunk, saved_at, number)
                 VALUES (?1, ?2, ?3, ?4, ?5, (SELECT COALESCE(MAX(number), 0) + 1 FROM checkpoints))",
            )?
            .execute(params![
                target.0,
                checkpoint.run_id,
                self.seal.seal(&checkpoint.cursor)?,
                i64::try_from(checkpoint.chunk).unwrap_or(i64::MAX),
                checkpoint.saved_at.to_rfc3339(),
            ])?;
        Ok(())
    }

    /// Forgets the checkpoint of a target: the next read begins at the beginning.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn clear_checkpoint(&self, target: TargetId) -> Result<(), StateError> {
        self.transaction.prepare_cached("DELETE FROM checkpoints WHERE scope_id = ?1")?.execute([target.0])?;
        Ok(())
    }
}
