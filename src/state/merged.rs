//! Which records a run took for the same as others: the details of the ledger's `duplicate`.

use std::collections::HashSet;

use rusqlite::{params, types::Value};
use serde::{Deserialize, Serialize};

use super::{
    SourceKey, State, Work,
    change_place::ChangePlace,
    changes::{Duplicate, RecordKey},
    error::StateError,
    seal::{Cell, hexadecimal},
    target::TargetId,
};

/// Most records of a run and target that are named; the ledger counts all of them.
const MAX_NAMED: usize = 10_000;
/// Bytes of a keyed hash that stand for a record: enough to tell a run's records apart.
const NAME_BYTES: usize = 8;

const SAVE: &str = "INSERT OR REPLACE INTO merged (run_id, target_id, source_key, survivor_key, sealed)";
const COUNT: &str = "SELECT COUNT(*) FROM merged WHERE run_id = ?1 AND target_id = ?2";
const OF_RUN: &str = "SELECT source_key, survivor_key, sealed FROM merged WHERE run_id = ?1 AND target_id = ?2";

/// A record that was not written because another one is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MergedRecord {
    /// A name for it that says nothing about it: the same in every run, as long as the state file's key is the same.
    pub record: String,
    /// Such a name for the record that it was merged into.
    pub into: String,
    /// The destination's id of that record, if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub into_id: Option<String>,
    /// Its source id, only if that was asked for: it may be a mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// The source id of the record that it was merged into, only if that was asked for and the run read that record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub into_source_id: Option<String>,
}

/// Whether source ids are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceIds {
    /// They are: a person asked for them.
    Shown,
    /// They are not: they may be personal.
    Hidden,
}

/// What is sealed of a pair.
#[derive(Debug, Serialize, Deserialize)]
struct SealedPair {
    source_id: String,
    into: Option<String>,
}

impl State {
    /// Returns the records that a run merged into others at a target, the first of them.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn merged(
        &self,
        run_id: &str,
        target: TargetId,
        ids: SourceIds,
    ) -> Result<Vec<MergedRecord>, StateError> {
        let run_id = run_id.to_owned();
        self.read(move |work| work.merged(&run_id, target, ids)).await
    }
}

fn cell(run_id: &str, target: TargetId, source_key: SourceKey) -> Cell {
    Cell::new("merged", &[&run_id, &target.0, &hexadecimal(&source_key.0)])
}

fn name(source_key: SourceKey) -> String {
    format!("r-{}", hexadecimal(&source_key.0[..NAME_BYTES]))
}

impl Work<'_> {
    pub(super) fn save_merged(&self, place: &ChangePlace, merged: &[Duplicate]) -> Result<(), StateError> {
        if merged.is_empty() {
            return Ok(());
        }
        let (run_id, target) = (&place.run_id, place.target_id);
        let known: i64 =
            self.transaction.prepare_cached(COUNT)?.query_row(params![run_id, target.0], |row| row.get(0))?;
        let room = MAX_NAMED.saturating_sub(usize::try_from(known).unwrap_or(MAX_NAMED));
        let mut rows = Vec::with_capacity(merged.len().min(room));
        for Duplicate { source_id, survivor } in merged.iter().take(room) {
            let source_key = self.source_key(source_id);
            let (survivor_key, into) = match survivor {
                RecordKey::Id(id) => (self.source_key(id), Some(id.clone())),
                RecordKey::Key(key) => (*key, None),
            };
            let pair = SealedPair { source_id: source_id.clone(), into };
            rows.push([
                Value::Text(run_id.clone()),
                Value::Integer(target.0),
                Value::Blob(source_key.0.to_vec()),
                Value::Blob(survivor_key.0.to_vec()),
                Value::Blob(self.seal.seal(&cell(run_id, target, source_key), &pair)?),
            ]);
        }
        self.insert_rows(SAVE, "", &rows)
    }

    pub(super) fn merged(
        &self,
        run_id: &str,
        target: TargetId,
        ids: SourceIds,
    ) -> Result<Vec<MergedRecord>, StateError> {
        let mut statement = self.transaction.prepare_cached(OF_RUN)?;
        let rows = statement.query_map(params![run_id, target.0], |row| {
            Ok((SourceKey(row.get(0)?), SourceKey(row.get(1)?), row.get::<_, Vec<u8>>(2)?))
        })?;
        let rows: Vec<_> = rows.collect::<Result<_, _>>()?;
        let survivors: HashSet<SourceKey> = rows.iter().map(|(_, survivor, _)| *survivor).collect();
        let entries = self.entries_of(target, &survivors)?;
        // An id that is a key may be personal, as source ids may be.
        let hides_ids = ids == SourceIds::Hidden && self.seals_ids(target)?;
        let mut merged = Vec::with_capacity(rows.len());
        for (source_key, survivor, sealed) in rows {
            let entry = entries.get(&survivor).filter(|entry| !entry.is_missing);
            let pair: Option<SealedPair> = match ids {
                SourceIds::Shown => Some(self.seal.open(&cell(run_id, target, source_key), &sealed)?),
                SourceIds::Hidden => None,
            };
            let (source_id, into_source_id) = pair.map_or((None, None), |pair| (Some(pair.source_id), pair.into));
            merged.push(MergedRecord {
                record: name(source_key),
                into: name(survivor),
                into_id: entry.filter(|_| !hides_ids).map(|entry| entry.destination_id.clone()),
                source_id,
                into_source_id,
            });
        }
        Ok(merged)
    }
}
