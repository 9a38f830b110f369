//! Batches that were about to be sent and have no outcome yet.

use chrono::{DateTime, Utc};
use rusqlite::params;

use super::{Work, error::StateError, targets::TargetId};

/// A batch that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The run.
    pub run_id: String,
    /// The word for the operation.
    pub operation: String,
    /// The records.
    pub source_ids: Vec<String>,
}

pub(super) const REMOVE: &str = "DELETE FROM intents WHERE intent_id = ?1";
pub(super) const UNSETTLED: &str =
    "SELECT sealed FROM intents INDEXED BY intents_by_scope WHERE scope_id = ?1 AND operation = ?2";

impl Work<'_> {
    /// Stores an intent and returns its id.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn save_intent(&self, target: TargetId, intent: &Intent, now: DateTime<Utc>) -> Result<i64, StateError> {
        self.transaction
            .prepare_cached(
                "INSERT INTO intents (run_id, scope_id, operation, sealed, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![
                intent.run_id,
                target.0,
                intent.operation,
                self.seal.seal(&intent.source_ids)?,
                now.to_rfc3339(),
            ])?;
        Ok(self.transaction.last_insert_rowid())
    }

    /// Removes an intent whose outcomes are known.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn remove_intent(&self, intent_id: i64) -> Result<(), StateError> {
        self.transaction.prepare_cached(REMOVE)?.execute([intent_id])?;
        Ok(())
    }

    /// Tells whether a target has intents: batches of which it is unknown whether they took effect.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn has_intents(&self, target: TargetId) -> Result<bool, StateError> {
        Ok(self.transaction.prepare_cached("SELECT 1 FROM intents WHERE scope_id = ?1")?.exists([target.0])?)
    }

    /// Returns the source ids of the intents of a target with this operation: whether they took effect is unknown.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn unsettled(&self, target: TargetId, operation: &str) -> Result<Vec<String>, StateError> {
        let mut statement = self.transaction.prepare_cached(UNSETTLED)?;
        let rows = statement.query_map(params![target.0, operation], |row| row.get::<_, Vec<u8>>(0))?;
        let mut source_ids = Vec::new();
        for row in rows {
            source_ids.extend(self.seal.open::<Vec<String>>(&row?)?);
        }
        Ok(source_ids)
    }

    /// Removes the intents of a target for this operation, once all that it had to do is done.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn clear_intents_of(&self, target: TargetId, operation: &str) -> Result<(), StateError> {
        self.transaction
            .prepare_cached("DELETE FROM intents WHERE scope_id = ?1 AND operation = ?2")?
            .execute(params![target.0, operation])?;
        Ok(())
    }

    /// Removes the intents of a target, once its stream was read to its end and every record has an outcome.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn clear_intents(&self, target: TargetId) -> Result<(), StateError> {
        self.transaction.prepare_cached("DELETE FROM intents WHERE scope_id = ?1")?.execute([target.0])?;
        Ok(())
    }
}
