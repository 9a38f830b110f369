//! Source records that are the same as another one, so that links to them lead to the survivor.

use std::collections::HashMap;

use rusqlite::{params, types::Value};

use super::{
    SourceKey, Work,
    changes::{Duplicate, RecordKey},
    error::StateError,
    seal::{Cell, hexadecimal},
    sets::keys,
    target::TargetId,
};

const SAVE: &str = "INSERT OR REPLACE INTO duplicates (target_id, source_key, survivor_key, sealed)";
pub(super) const SURVIVORS: &str =
    "SELECT source_key, survivor_key FROM duplicates WHERE target_id = ?1 AND source_key IN rarray(?2)";
const FOLLOW: &str = "UPDATE duplicates SET survivor_key = ?3 WHERE target_id = ?1 AND survivor_key = ?2";
pub(super) const HAS_ANY: &str = "SELECT 1 FROM duplicates WHERE target_id = ?1 LIMIT 1";
pub(super) const FORGET: &str = "DELETE FROM duplicates WHERE target_id = ?1 AND source_key IN rarray(?2)";

/// Returns the place of a duplicate's source id.
pub(super) fn name_cell(target: TargetId, source_key: SourceKey) -> Cell {
    Cell::new("duplicates", &[&target.0, &hexadecimal(&source_key.0)])
}

impl Work<'_> {
    /// Stores which record each of these is the same as.
    pub(super) fn save_duplicates(&self, target: TargetId, duplicates: &[Duplicate]) -> Result<(), StateError> {
        let mut rows = Vec::with_capacity(duplicates.len());
        for Duplicate { source_id, survivor } in duplicates {
            let source_key = self.source_key(source_id);
            let survivor = match survivor {
                RecordKey::Id(source_id) => self.source_key(source_id),
                RecordKey::Key(source_key) => *source_key,
            };
            if source_key != survivor {
                rows.push(self.duplicate_row(target, source_key, survivor, Some(source_id))?);
            }
        }
        self.insert_rows(SAVE, "", &rows)
    }

    /// Stores that records are the same as other ones now, and with them those that were the same as they.
    pub(super) fn replace_survivors(
        &self,
        target: TargetId,
        pairs: &[(SourceKey, SourceKey)],
    ) -> Result<(), StateError> {
        let mut follow = self.transaction.prepare_cached(FOLLOW)?;
        let mut rows = Vec::with_capacity(pairs.len());
        for (old, new) in pairs {
            follow.execute(params![target.0, old.0, new.0])?;
            let name = self.name_of(target, *old)?;
            rows.push(self.duplicate_row(target, *old, *new, name.as_deref())?);
        }
        self.insert_rows(SAVE, "", &rows)
    }

    fn duplicate_row(
        &self,
        target: TargetId,
        source_key: SourceKey,
        survivor: SourceKey,
        source_id: Option<&str>,
    ) -> Result<[Value; 4], StateError> {
        let sealed = source_id.map(|source_id| self.seal.seal_named(&name_cell(target, source_key), source_id));
        Ok([
            Value::Integer(target.0),
            Value::Blob(source_key.0.to_vec()),
            Value::Blob(survivor.0.to_vec()),
            sealed.transpose()?.map_or(Value::Null, Value::Blob),
        ])
    }

    /// Returns the survivors of those of these records that are duplicates.
    pub(super) fn survivors(
        &self,
        target: TargetId,
        source_keys: &[SourceKey],
    ) -> Result<HashMap<SourceKey, SourceKey>, StateError> {
        let mut statement = self.transaction.prepare_cached(SURVIVORS)?;
        let rows = statement.query_map(params![target.0, keys(source_keys)], |row| {
            Ok((SourceKey(row.get(0)?), SourceKey(row.get(1)?)))
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Notes that records are written as themselves.
    pub(super) fn forget_duplicates(&self, target: TargetId, source_keys: &[SourceKey]) -> Result<(), StateError> {
        // Most targets have none, and a batch need not look for each of its records then.
        if !source_keys.is_empty() && self.transaction.prepare_cached(HAS_ANY)?.exists([target.0])? {
            self.transaction.prepare_cached(FORGET)?.execute(params![target.0, keys(source_keys)])?;
        }
        Ok(())
    }
}
