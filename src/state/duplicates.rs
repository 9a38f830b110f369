//! Source records that are the same as another one, so that links to them lead to the survivor.

use std::collections::HashMap;

use rusqlite::{params, types::Value};

use super::{
    SourceKey, Work,
    changes::{Duplicate, RecordKey},
    error::StateError,
    sets::keys,
    target::TargetId,
};

const SAVE: &str = "INSERT OR REPLACE INTO duplicates (target_id, source_key, survivor_key)";
pub(super) const SURVIVORS: &str =
    "SELECT source_key, survivor_key FROM duplicates WHERE target_id = ?1 AND source_key IN rarray(?2)";
const FOLLOW: &str = "UPDATE duplicates SET survivor_key = ?3 WHERE target_id = ?1 AND survivor_key = ?2";
pub(super) const HAS_ANY: &str = "SELECT 1 FROM duplicates WHERE target_id = ?1 LIMIT 1";
pub(super) const FORGET: &str = "DELETE FROM duplicates WHERE target_id = ?1 AND source_key IN rarray(?2)";

impl Work<'_> {
    /// Stores which record each of these is the same as.
    pub(super) fn save_duplicates(&self, target: TargetId, duplicates: &[Duplicate]) -> Result<(), StateError> {
        let pairs = duplicates.iter().map(|duplicate| {
            let survivor = match &duplicate.survivor {
                RecordKey::Id(source_id) => self.source_key(source_id),
                RecordKey::Key(source_key) => *source_key,
            };
            (self.source_key(&duplicate.source_id), survivor)
        });
        let of_others = pairs.filter(|(source_key, survivor)| source_key != survivor);
        let rows: Vec<[Value; 3]> = of_others
            .map(|(source_key, survivor)| {
                [Value::Integer(target.0), Value::Blob(source_key.0.to_vec()), Value::Blob(survivor.0.to_vec())]
            })
            .collect();
        self.insert_rows(SAVE, "", &rows)
    }

    /// Stores that records are the same as other ones now, and with them those that were the same as they.
    pub(super) fn replace_survivors(
        &self,
        target: TargetId,
        pairs: &[(SourceKey, SourceKey)],
    ) -> Result<(), StateError> {
        let mut follow = self.transaction.prepare_cached(FOLLOW)?;
        for (old, new) in pairs {
            follow.execute(params![target.0, old.0, new.0])?;
        }
        let duplicates = pairs.iter().map(|(source_key, survivor)| {
            [Value::Integer(target.0), Value::Blob(source_key.0.to_vec()), Value::Blob(survivor.0.to_vec())]
        });
        self.insert_rows(SAVE, "", &duplicates.collect::<Vec<_>>())
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
