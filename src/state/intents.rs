//! Batches that were about to be sent and have no outcome yet.

use chrono::{DateTime, Utc};
use rusqlite::{params, types::Value};
use serde::{Deserialize, Serialize};

use super::{
    State, Work, error::StateError, image_kind::Before, runs::moment, seal::Cell, sets::numbers, target::TargetId,
};

/// A batch that is about to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Intent {
    /// The run.
    pub run_id: String,
    /// The word for the operation.
    pub operation: String,
    /// The records.
    pub source_ids: Vec<String>,
    /// What they hold before; empty where that is not kept, and none where it is not known of a record.
    pub before: Vec<Option<Before>>,
}

/// What is sealed of an intent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum SealedIntent {
    Ids(Vec<String>),
    WithBefore { source_ids: Vec<String>, before: Vec<Option<Before>> },
}

/// Identifies an intent within the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IntentId(pub(super) i64);

/// A batch of which it is unknown whether it took effect.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenIntent {
    /// Identifies it.
    pub intent_id: IntentId,
    /// What was about to be sent.
    pub intent: Intent,
    /// When: a request of it can have arrived only later.
    pub saved_at: DateTime<Utc>,
}

const INSERT: &str = "INSERT INTO intents (intent_id, run_id, target_id, operation, sealed, created_at)";
pub(super) const REMOVE: &str = "DELETE FROM intents WHERE intent_id IN rarray(?1)";
pub(super) const OPEN: &str = "SELECT * FROM intents INDEXED BY intents_by_target WHERE target_id = ?1";
pub(super) const REMOVE_OF: &str = "DELETE FROM intents INDEXED BY intents_by_target
     WHERE target_id = ?1 AND operation = ?2";

impl State {
    /// Stores the intents of batches that are about to be sent, durably, and returns their ids in order.
    ///
    /// # Errors
    /// Fails when the state cannot be written; nothing may be sent then.
    pub async fn save_intents(
        &self,
        target: TargetId,
        intents: Vec<Intent>,
        now: DateTime<Utc>,
    ) -> Result<Vec<IntentId>, StateError> {
        self.write(move |work| work.save_intents(target, &intents, now)).await
    }

    /// Removes intents of batches of which nothing was sent or written. Those with outcomes are removed with these
    /// ([`State::commit`]).
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn remove_intents(&self, intents: Vec<IntentId>) -> Result<(), StateError> {
        self.write(move |work| work.remove_intents(&intents)).await
    }

    /// Removes the intents of one run at a target, when everything that it had to do is done.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn remove_intents_of_run(&self, target: TargetId, run_id: &str) -> Result<(), StateError> {
        let run_id = run_id.to_owned();
        self.write(move |work| {
            let sql = "DELETE FROM intents WHERE target_id = ?1 AND run_id = ?2";
            work.transaction.prepare_cached(sql)?.execute(params![target.0, run_id])?;
            Ok(())
        })
        .await
    }

    /// Removes the intents of a target for one operation, when everything that it had to do is done.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn remove_intents_of(&self, target: TargetId, operation: &'static str) -> Result<(), StateError> {
        self.write(move |work| work.remove_intents_of(target, operation)).await
    }
}

impl SealedIntent {
    fn of(intent: &Intent) -> Self {
        let (source_ids, before) = (intent.source_ids.clone(), intent.before.clone());
        if before.is_empty() { Self::Ids(source_ids) } else { Self::WithBefore { source_ids, before } }
    }
}

fn cell(target: TargetId, intent_id: i64) -> Cell {
    Cell::new("intents", &[&target.0, &intent_id])
}

impl Work<'_> {
    pub(super) fn save_intents(
        &self,
        target: TargetId,
        intents: &[Intent],
        now: DateTime<Utc>,
    ) -> Result<Vec<IntentId>, StateError> {
        let first = self.next_id("intents", "intent_id")?;
        let mut rows = Vec::with_capacity(intents.len());
        for (intent_id, intent) in (first..).zip(intents) {
            rows.push([
                Value::Integer(intent_id),
                Value::Text(intent.run_id.clone()),
                Value::Integer(target.0),
                Value::Text(intent.operation.clone()),
                Value::Blob(self.seal.seal(&cell(target, intent_id), &SealedIntent::of(intent))?),
                Value::Text(now.to_rfc3339()),
            ]);
        }
        self.insert_rows(INSERT, "", &rows)?;
        Ok((first..).map(IntentId).take(intents.len()).collect())
    }

    pub(super) fn remove_intents(&self, intents: &[IntentId]) -> Result<(), StateError> {
        if !intents.is_empty() {
            let ids = numbers(intents.iter().map(|intent| intent.0));
            self.transaction.prepare_cached(REMOVE)?.execute([ids])?;
        }
        Ok(())
    }

    pub(super) fn remove_intents_of(&self, target: TargetId, operation: &str) -> Result<(), StateError> {
        self.transaction.prepare_cached(REMOVE_OF)?.execute(params![target.0, operation])?;
        Ok(())
    }

    /// Removes the intents of a target, once its stream was read to its end and every record has an outcome.
    pub(super) fn clear_intents(&self, target: TargetId) -> Result<(), StateError> {
        self.transaction.prepare_cached("DELETE FROM intents WHERE target_id = ?1")?.execute([target.0])?;
        Ok(())
    }

    /// Returns the intents of a target: whether they took effect is unknown.
    pub(super) fn open_intents(&self, target: TargetId) -> Result<Vec<OpenIntent>, StateError> {
        let mut statement = self.transaction.prepare_cached(OPEN)?;
        let mut rows = statement.query([target.0])?;
        let mut open = Vec::new();
        while let Some(row) = rows.next()? {
            let intent_id: i64 = row.get("intent_id")?;
            let (source_ids, before) =
                match self.seal.open(&cell(target, intent_id), &row.get::<_, Vec<u8>>("sealed")?)? {
                    SealedIntent::Ids(source_ids) => (source_ids, Vec::new()),
                    SealedIntent::WithBefore { source_ids, before } => (source_ids, before),
                };
            open.push(OpenIntent {
                intent_id: IntentId(intent_id),
                intent: Intent { run_id: row.get("run_id")?, operation: row.get("operation")?, source_ids, before },
                saved_at: moment(&row.get::<_, String>("created_at")?),
            });
        }
        Ok(open)
    }
}
