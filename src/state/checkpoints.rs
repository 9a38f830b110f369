//! Where the next read of a target goes on.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};

use crate::model::Cursor;

use super::{Work, error::StateError, runs::moment, seal::Cell, sets::signed, target::TargetId};

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
    /// Where it is in the order in which checkpoints were saved: given on saving. The machine's clock may jump back.
    pub number: i64,
}

fn cell(target: TargetId) -> Cell {
    Cell::new("checkpoints", &[&target.0])
}

impl Work<'_> {
    /// Returns the checkpoint of a target.
    pub(super) fn checkpoint(&self, target: TargetId) -> Result<Option<Checkpoint>, StateError> {
        let sql = "SELECT run_id, sealed, chunk, saved_at, number FROM checkpoints WHERE target_id = ?1";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let found = statement
            .query_row([target.0], |row| {
                let sealed: Vec<u8> = row.get(1)?;
                let checkpoint = Checkpoint {
                    run_id: row.get(0)?,
                    cursor: Cursor(serde_json::Value::Null),
                    chunk: row.get::<_, i64>(2)?.unsigned_abs(),
                    saved_at: moment(&row.get::<_, String>(3)?),
                    number: row.get(4)?,
                };
                Ok((sealed, checkpoint))
            })
            .optional()?;
        let Some((sealed, checkpoint)) = found else { return Ok(None) };
        Ok(Some(Checkpoint { cursor: self.seal.open(&cell(target), &sealed)?, ..checkpoint }))
    }

    /// Moves the checkpoint of a target.
    pub(super) fn save_checkpoint(&self, target: TargetId, checkpoint: &Checkpoint) -> Result<(), StateError> {
        self.transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO checkpoints (target_id, run_id, sealed, chunk, saved_at, number)
                 VALUES (?1, ?2, ?3, ?4, ?5, (SELECT COALESCE(MAX(number), 0) + 1 FROM checkpoints))",
            )?
            .execute(params![
                target.0,
                checkpoint.run_id,
                self.seal.seal(&cell(target), &checkpoint.cursor)?,
                signed(checkpoint.chunk),
                checkpoint.saved_at.to_rfc3339(),
            ])?;
        Ok(())
    }

    /// Forgets the checkpoint of a target: the next read begins at the beginning.
    pub(super) fn clear_checkpoint(&self, target: TargetId) -> Result<(), StateError> {
        self.transaction.prepare_cached("DELETE FROM checkpoints WHERE target_id = ?1")?.execute([target.0])?;
        Ok(())
    }
}
