//! The source's ids of records, sealed beside their hashes: nothing looks them up, but people read them (`ferry ids`).

use std::collections::HashSet;

use rusqlite::{OptionalExtension, params};

use super::{
    SourceKey, Work,
    error::StateError,
    seal::{Cell, hexadecimal},
    sets::keys,
    target::TargetId,
};

const NAME: &str = "SELECT sealed FROM id_map INDEXED BY id_map_by_source WHERE target_id = ?1 AND source_key = ?2";
pub(super) const HAS_UNNAMED: &str =
    "SELECT 1 FROM id_map INDEXED BY id_map_unnamed WHERE target_id = ?1 AND sealed IS NULL LIMIT 1";
pub(super) const UNNAMED: &str =
    "SELECT source_key FROM rarray(?2) AS wanted CROSS JOIN id_map INDEXED BY id_map_by_source
     WHERE target_id = ?1 AND source_key = wanted.value AND sealed IS NULL";
const SET_NAME: &str =
    "UPDATE id_map INDEXED BY id_map_by_source SET sealed = ?3 WHERE target_id = ?1 AND source_key = ?2";

/// Returns the place of a record's source id in the id map.
pub(super) fn name_cell(target: TargetId, source_key: SourceKey) -> Cell {
    Cell::new("id_map", &[&target.0, &hexadecimal(&source_key.0)])
}

impl Work<'_> {
    /// Returns the source's id of a record, where the id map knows it.
    pub(super) fn name_of(&self, target: TargetId, source_key: SourceKey) -> Result<Option<String>, StateError> {
        let mut statement = self.transaction.prepare_cached(NAME)?;
        let sealed: Option<Option<Vec<u8>>> =
            statement.query_row(params![target.0, source_key.0], |row| row.get(0)).optional()?;
        self.open_name(&name_cell(target, source_key), sealed.flatten())
    }

    /// Opens a source's id, where there is one.
    pub(super) fn open_name(&self, cell: &Cell, sealed: Option<Vec<u8>>) -> Result<Option<String>, StateError> {
        sealed.map(|sealed| self.seal.open_named(cell, &sealed)).transpose()
    }

    /// Fills in the source ids of records that an older version wrote without them: once for each record.
    pub(super) fn name_entries(
        &self,
        target: TargetId,
        source_ids: &[&str],
        source_keys: &[SourceKey],
    ) -> Result<(), StateError> {
        if source_ids.is_empty() || !self.transaction.prepare_cached(HAS_UNNAMED)?.exists([target.0])? {
            return Ok(());
        }
        let mut statement = self.transaction.prepare_cached(UNNAMED)?;
        let unnamed = statement.query_map(params![target.0, keys(source_keys)], |row| row.get(0).map(SourceKey))?;
        let unnamed: HashSet<SourceKey> = unnamed.collect::<Result<_, _>>()?;
        let mut statement = self.transaction.prepare_cached(SET_NAME)?;
        for (source_id, source_key) in source_ids.iter().zip(source_keys).filter(|(_, key)| unnamed.contains(key)) {
            let sealed = self.seal.seal_named(&name_cell(target, *source_key), source_id)?;
            statement.execute(params![target.0, source_key.0, sealed])?;
        }
        Ok(())
    }
}
