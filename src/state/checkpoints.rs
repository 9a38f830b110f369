//! Where the next read of a scope goes on.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};

use crate::model::Cursor;

use super::{Work, error::StateError, runs::moment, scopes::ScopeId};

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
}

impl Work<'_> {
    /// Returns the checkpoint of a scope.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn checkpoint(&self, scope: ScopeId) -> Result<Option<Checkpoint>, StateError> {
        let sql = "SELECT run_id, cursor, chunk, saved_at FROM checkpoints WHERE scope_id = ?1";
        let found = self
            .transaction
            .prepare_cached(sql)?
            .query_row([scope.0], |row| {
                Ok((
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, i64>(2)?,
                    row.get::<_, String>(3)?,
                ))
            })
            .optional()?;
        let Some((run_id, cursor, chunk, saved_at)) = found else { return Ok(None) };
        let cursor = serde_json::from_str(&cursor)?;
        Ok(Some(Checkpoint { run_id, cursor, chunk: chunk.unsigned_abs(), saved_at: moment(&saved_at) }))
    }

    /// Moves the checkpoint of a scope.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn save_checkpoint(&self, scope: ScopeId, checkpoint: &Checkpoint) -> Result<(), StateError> {
        self.transaction
            .prepare_cached("INSERT OR REPLACE INTO checkpoints (scope_id, run_id, cursor, chunk, saved_at) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![
                scope.0,
                checkpoint.run_id,
                serde_json::to_string(&checkpoint.cursor)?,
                i64::try_from(checkpoint.chunk).unwrap_or(i64::MAX),
                checkpoint.saved_at.to_rfc3339(),
            ])?;
        Ok(())
    }

    /// Forgets the checkpoint of a scope: the next read begins at the beginning.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn clear_checkpoint(&self, scope: ScopeId) -> Result<(), StateError> {
        self.transaction.prepare_cached("DELETE FROM checkpoints WHERE scope_id = ?1")?.execute([scope.0])?;
        Ok(())
    }
}
