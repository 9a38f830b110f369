//! The id that each source record has at the destination, and what was last written.

use std::collections::{HashMap, HashSet};

use rusqlite::{Row, params};

use super::{Work, error::StateError, scopes::ScopeId};

/// One source record at one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The source's id.
    pub source_id: String,
    /// The destination's id.
    pub destination_id: String,
    /// Of what was last written.
    pub content_hash: u128,
    /// Of the key's values; none without a key.
    pub key_hash: Option<u128>,
    /// The run that last wrote it.
    pub written_run: String,
    /// What that run did.
    pub written_as: WrittenAs,
    /// When it was last read.
    pub seen: SeenMark,
}

/// What a run did with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrittenAs {
    /// It created it.
    Created,
    /// It changed it.
    Updated,
}

/// When a record was last read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenMark {
    /// In which run.
    pub run_id: String,
    /// In which chunk of it.
    pub chunk: u64,
}

impl WrittenAs {
    fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
        }
    }
}

/// Left to itself, SQLite takes the primary key for this and reads all records of the scope for each key.
pub(super) const BY_KEY: &str = "SELECT * FROM id_map INDEXED BY id_map_by_key WHERE scope_id = ?1 AND key_hash = ?2";

/// As for [`BY_KEY`]: by the index, not by the primary key.
const FORGET_OTHERS: &str =
    "DELETE FROM id_map INDEXED BY id_map_by_key WHERE scope_id = ?1 AND key_hash = ?2 AND source_id <> ?3";

fn from_row(row: &Row<'_>) -> rusqlite::Result<Mapping> {
    let is_created = row.get_ref("written_as")?.as_str()? == "created";
    Ok(Mapping {
        source_id: row.get("source_id")?,
        destination_id: row.get("destination_id")?,
        content_hash: u128::from_be_bytes(row.get("content_hash")?),
        key_hash: row.get::<_, Option<[u8; 16]>>("key_hash")?.map(u128::from_be_bytes),
        written_run: row.get("written_run")?,
        written_as: if is_created { WrittenAs::Created } else { WrittenAs::Updated },
        seen: SeenMark { run_id: row.get("seen_run")?, chunk: row.get::<_, i64>("seen_chunk")?.unsigned_abs() },
    })
}

fn chunk_number(chunk: u64) -> i64 {
    i64::try_from(chunk).unwrap_or(i64::MAX)
}

impl Work<'_> {
    /// Returns the mappings of these source ids, by source id.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn mappings<'id>(
        &self,
        scope: ScopeId,
        source_ids: impl Iterator<Item = &'id str>,
    ) -> Result<HashMap<String, Mapping>, StateError> {
        let sql = "SELECT * FROM id_map WHERE scope_id = ?1 AND source_id = ?2";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let mut found = HashMap::new();
        for source_id in source_ids {
            for mapping in statement.query_map(params![scope.0, source_id], from_row)? {
                let mapping = mapping?;
                found.insert(mapping.source_id.clone(), mapping);
            }
        }
        Ok(found)
    }

    /// Returns the mappings with these keys, by key.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn mappings_by_key(
        &self,
        scope: ScopeId,
        key_hashes: impl Iterator<Item = u128>,
    ) -> Result<HashMap<u128, Mapping>, StateError> {
        let mut statement = self.transaction.prepare_cached(BY_KEY)?;
        let mut found = HashMap::new();
        for key_hash in key_hashes {
            for mapping in statement.query_map(params![scope.0, key_hash.to_be_bytes()], from_row)? {
                found.insert(key_hash, mapping?);
            }
        }
        Ok(found)
    }

    /// Stores a mapping; another record's mapping with the same key is forgotten.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn save_mapping(&self, scope: ScopeId, mapping: &Mapping) -> Result<(), StateError> {
        let key_hash = mapping.key_hash.map(u128::to_be_bytes);
        if let Some(key_hash) = key_hash {
            self.transaction.prepare_cached(FORGET_OTHERS)?.execute(params![scope.0, key_hash, mapping.source_id])?;
        }
        self.transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO id_map
                 (scope_id, source_id, destination_id, content_hash, key_hash, written_run, written_as, seen_run, seen_chunk)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                scope.0,
                mapping.source_id,
                mapping.destination_id,
                mapping.content_hash.to_be_bytes(),
                key_hash,
                mapping.written_run,
                mapping.written_as.as_str(),
                mapping.seen.run_id,
                chunk_number(mapping.seen.chunk),
            ])?;
        Ok(())
    }

    /// Notes that these records were read again.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn mark_seen<'id>(
        &self,
        scope: ScopeId,
        source_ids: impl Iterator<Item = &'id str>,
        seen: &SeenMark,
    ) -> Result<(), StateError> {
        let sql = "UPDATE id_map SET seen_run = ?3, seen_chunk = ?4 WHERE scope_id = ?1 AND source_id = ?2";
        let mut statement = self.transaction.prepare_cached(sql)?;
        for source_id in source_ids {
            statement.execute(params![scope.0, source_id, seen.run_id, chunk_number(seen.chunk)])?;
        }
        Ok(())
    }

    /// Returns which of these destination ids are mapped.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn mapped_ids(&self, scope: ScopeId, destination_ids: &[String]) -> Result<HashSet<String>, StateError> {
        // Looks at every mapping of the scope, which is worth it: it is asked after lost answers alone.
        let sql = "SELECT destination_id FROM id_map
                   WHERE scope_id = ?1 AND destination_id IN (SELECT value FROM json_each(?2))";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let rows = statement.query_map(params![scope.0, serde_json::to_string(destination_ids)?], |row| row.get(0))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Moves the marks of a run behind all of its chunks: it reads its records once more from the beginning.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn rewind_seen(&self, scope: ScopeId, run_id: &str) -> Result<(), StateError> {
        self.transaction
            .prepare_cached("UPDATE id_map SET seen_chunk = ?3 WHERE scope_id = ?1 AND seen_run = ?2")?
            .execute(params![scope.0, run_id, i64::MAX])?;
        Ok(())
    }

    /// Forgets a mapping.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn forget_mapping(&self, scope: ScopeId, source_id: &str) -> Result<(), StateError> {
        self.transaction
            .prepare_cached("DELETE FROM id_map WHERE scope_id = ?1 AND source_id = ?2")?
            .execute(params![scope.0, source_id])?;
        Ok(())
    }

    /// Returns how many records of a scope are mapped, and how many of them this run has not read.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn count_unseen(&self, scope: ScopeId, run_id: &str) -> Result<(u64, u64), StateError> {
        let sql = "SELECT COUNT(*), COALESCE(SUM(seen_run <> ?2), 0) FROM id_map WHERE scope_id = ?1";
        let counts = self
            .transaction
            .prepare_cached(sql)?
            .query_row(params![scope.0, run_id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        Ok((counts.0.unsigned_abs(), counts.1.unsigned_abs()))
    }

    /// Returns up to `limit` mappings that this run has not read, in the order of their source ids.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn unseen(&self, scope: ScopeId, run_id: &str, limit: u32) -> Result<Vec<Mapping>, StateError> {
        let sql = "SELECT * FROM id_map WHERE scope_id = ?1 AND seen_run <> ?2 ORDER BY source_id LIMIT ?3";
        let mut statement = self.transaction.prepare_cached(sql)?;
        let rows = statement.query_map(params![scope.0, run_id, limit], from_row)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
