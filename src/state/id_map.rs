//! The id that each source record has at the destination, and what was last written.

use std::collections::{HashMap, HashSet};

use rusqlite::{Row, params};

use super::{
    SourceKey, Work,
    error::StateError,
    seal::{Hashed, Seal},
    targets::TargetId,
};

/// One source record at one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdEntry {
    /// Where it is in the order in which records came.
    pub entry_id: i64,
    /// The source's id, as it is looked up.
    pub source_key: SourceKey,
    /// The destination's id.
    pub destination_id: String,
    /// Of what was last written.
    pub content_hash: u128,
    /// The run that last wrote it.
    pub written_run: String,
    /// What that run did.
    pub written_as: WrittenAs,
    /// When it was last read.
    pub seen: SeenMark,
    /// Whether the destination was found not to hold it any more.
    pub is_missing: bool,
}

/// A record that was written.
#[derive(Debug, Clone, Copy)]
pub struct Written<'record> {
    /// The source's id.
    pub source_id: &'record str,
    /// The destination's id.
    pub destination_id: &'record str,
    /// Of what was written.
    pub content_hash: u128,
    /// Of the key's values; none without a key.
    pub key_hash: Option<u128>,
    /// What was done.
    pub written_as: WrittenAs,
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

// Each look-up names its index: left to itself, SQLite takes one that begins with the target and reads all of its records.
pub(super) const BY_SOURCE: &str =
    "SELECT * FROM id_map INDEXED BY id_map_by_source WHERE scope_id = ?1 AND source_key = ?2";
pub(super) const BY_KEY: &str = "SELECT * FROM id_map INDEXED BY id_map_by_key WHERE scope_id = ?1 AND key_hash = ?2";
pub(super) const BY_DESTINATION: &str = "SELECT source_key FROM id_map INDEXED BY id_map_by_destination
     WHERE scope_id = ?1 AND destination_id = ?2";
pub(super) const FORGET_OTHERS: &str =
    "DELETE FROM id_map INDEXED BY id_map_by_key WHERE scope_id = ?1 AND key_hash = ?2 AND source_key <> ?3";
pub(super) const SAVE: &str = "INSERT INTO id_map
     (scope_id, source_key, destination_id, content_hash, key_hash, written_run, written_as, seen_run, seen_chunk)
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?6, ?8)
     ON CONFLICT (scope_id, source_key) DO UPDATE SET
     is_renewed = is_renewed OR destination_id <> excluded.destination_id, is_missing = 0,
     destination_id = excluded.destination_id, content_hash = excluded.content_hash, key_hash = excluded.key_hash,
     written_run = excluded.written_run, written_as = excluded.written_as,
     seen_run = excluded.seen_run, seen_chunk = excluded.seen_chunk";
pub(super) const MARK_SEEN: &str = "UPDATE id_map INDEXED BY id_map_by_source SET seen_run = ?3, seen_chunk = ?4
     WHERE scope_id = ?1 AND source_key = ?2";
pub(super) const MARK_MISSING: &str = "UPDATE id_map INDEXED BY id_map_by_destination SET is_missing = 1
     WHERE scope_id = ?1 AND destination_id = ?2";
pub(super) const RELINK: &str = "UPDATE id_map INDEXED BY id_map_by_destination
     SET destination_id = ?3, is_missing = 0, is_renewed = 1 WHERE scope_id = ?1 AND destination_id = ?2";
pub(super) const FORGET: &str =
    "DELETE FROM id_map INDEXED BY id_map_by_source WHERE scope_id = ?1 AND source_key = ?2";
/// Reads on behind the last one: over all pages, each record of the target is looked at once.
pub(super) const UNSEEN: &str = "SELECT * FROM id_map NOT INDEXED
     WHERE scope_id = ?1 AND mapping_id > ?2 AND seen_run <> ?3 ORDER BY mapping_id LIMIT ?4";
pub(super) const FORGET_MISSING: &str =
    "DELETE FROM id_map INDEXED BY id_map_missing WHERE scope_id = ?1 AND is_missing = 1 AND seen_run <> ?2";
pub(super) const COUNT_MISSING: &str =
    "SELECT COUNT(*) FROM id_map INDEXED BY id_map_missing WHERE scope_id = ?1 AND is_missing = 1";

fn from_row(seal: &Seal, row: &Row<'_>) -> rusqlite::Result<IdEntry> {
    let is_created = row.get_ref("written_as")?.as_str()? == "created";
    let source_key = SourceKey(row.get("source_key")?);
    let masked = u128::from_be_bytes(row.get("content_hash")?);
    Ok(IdEntry {
        entry_id: row.get("mapping_id")?,
        source_key,
        destination_id: row.get("destination_id")?,
        content_hash: masked ^ mask(seal, source_key),
        written_run: row.get("written_run")?,
        written_as: if is_created { WrittenAs::Created } else { WrittenAs::Updated },
        seen: SeenMark { run_id: row.get("seen_run")?, chunk: row.get::<_, i64>("seen_chunk")?.unsigned_abs() },
        is_missing: row.get("is_missing")?,
    })
}

/// Hides the hash of a record's content: who guesses at a record could check the guess with it.
fn mask(seal: &Seal, source_key: SourceKey) -> u128 {
    u128::from_be_bytes(seal.keyed_hash(Hashed::Content, &source_key.0))
}

fn chunk_number(chunk: u64) -> i64 {
    i64::try_from(chunk).unwrap_or(i64::MAX)
}

impl Work<'_> {
    /// Returns a source's id as it is looked up.
    pub fn source_key(&self, source_id: &str) -> SourceKey {
        SourceKey(self.seal.keyed_hash(Hashed::SourceId, source_id.as_bytes()))
    }

    fn key_hash(&self, key_hash: u128) -> [u8; 16] {
        self.seal.keyed_hash(Hashed::RecordKey, &key_hash.to_be_bytes())
    }

    /// Returns the entries of these source ids, by source id.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn id_entries<'id>(
        &self,
        target: TargetId,
        source_ids: impl Iterator<Item = &'id str>,
    ) -> Result<HashMap<String, IdEntry>, StateError> {
        let mut statement = self.transaction.prepare_cached(BY_SOURCE)?;
        let mut found = HashMap::new();
        for source_id in source_ids {
            let source_key = self.source_key(source_id);
            for entry in statement.query_map(params![target.0, source_key.0], |row| from_row(&self.seal, row))? {
                found.insert(source_id.to_owned(), entry?);
            }
        }
        Ok(found)
    }

    /// Returns the entries with these keys, by key.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn id_entries_by_key(
        &self,
        target: TargetId,
        key_hashes: impl Iterator<Item = u128>,
    ) -> Result<HashMap<u128, IdEntry>, StateError> {
        let mut statement = self.transaction.prepare_cached(BY_KEY)?;
        let mut found = HashMap::new();
        for key_hash in key_hashes {
            let of_row = |row: &Row<'_>| from_row(&self.seal, row);
            for entry in statement.query_map(params![target.0, self.key_hash(key_hash)], of_row)? {
                found.insert(key_hash, entry?);
            }
        }
        Ok(found)
    }

    /// Stores what was written, in the run and chunk of `seen`; another record's entry with the same key is forgotten. Where
    /// the record had another destination id before, links to it are to be set again ([`Work::reopen_links`]).
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn save_id_entry(&self, target: TargetId, written: &Written<'_>, seen: &SeenMark) -> Result<(), StateError> {
        let source_key = self.source_key(written.source_id);
        let key_hash = written.key_hash.map(|key_hash| self.key_hash(key_hash));
        if let Some(key_hash) = key_hash {
            self.transaction.prepare_cached(FORGET_OTHERS)?.execute(params![target.0, key_hash, source_key.0])?;
        }
        self.transaction.prepare_cached(SAVE)?.execute(params![
            target.0,
            source_key.0,
            written.destination_id,
            (written.content_hash ^ mask(&self.seal, source_key)).to_be_bytes(),
            key_hash,
            seen.run_id,
            written.written_as.as_str(),
            chunk_number(seen.chunk),
        ])?;
        Ok(())
    }

    /// Notes that these records were read again.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn mark_seen(
        &self,
        target: TargetId,
        source_keys: impl Iterator<Item = SourceKey>,
        seen: &SeenMark,
    ) -> Result<(), StateError> {
        let mut statement = self.transaction.prepare_cached(MARK_SEEN)?;
        for source_key in source_keys {
            statement.execute(params![target.0, source_key.0, seen.run_id, chunk_number(seen.chunk)])?;
        }
        Ok(())
    }

    /// Notes that the destination no longer holds a record with this id.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn mark_missing(&self, target: TargetId, destination_id: &str) -> Result<(), StateError> {
        self.transaction.prepare_cached(MARK_MISSING)?.execute(params![target.0, destination_id])?;
        Ok(())
    }

    /// Notes that the destination holds a record under another id now: it was merged into another one there.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn relink(&self, target: TargetId, old_id: &str, new_id: &str) -> Result<(), StateError> {
        self.transaction.prepare_cached(RELINK)?.execute(params![target.0, old_id, new_id])?;
        Ok(())
    }

    /// Returns how many mapped records of a target the destination was found not to hold any more.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn count_missing(&self, target: TargetId) -> Result<u64, StateError> {
        let count: i64 = self.transaction.prepare_cached(COUNT_MISSING)?.query_row([target.0], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Forgets the records that are missing at the destination and that this run, having read all, did not read: the source
    /// does not have them either.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn forget_missing(&self, target: TargetId, run_id: &str) -> Result<(), StateError> {
        self.transaction.prepare_cached(FORGET_MISSING)?.execute(params![target.0, run_id])?;
        Ok(())
    }

    /// Returns which of these destination ids are mapped.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn mapped_ids(&self, target: TargetId, destination_ids: &[String]) -> Result<HashSet<String>, StateError> {
        let mut statement = self.transaction.prepare_cached(BY_DESTINATION)?;
        let mut mapped = HashSet::new();
        for destination_id in destination_ids {
            if statement.exists(params![target.0, destination_id])? {
                mapped.insert(destination_id.clone());
            }
        }
        Ok(mapped)
    }

    /// Tells whether another record is mapped to the same destination id as this one: the two were merged there.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn is_shared(&self, target: TargetId, entry: &IdEntry) -> Result<bool, StateError> {
        let mut statement = self.transaction.prepare_cached(BY_DESTINATION)?;
        let owners = statement.query_map(params![target.0, entry.destination_id], |row| row.get(0).map(SourceKey))?;
        for owner in owners {
            if owner? != entry.source_key {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Moves the marks of a run that are behind one of its chunks behind all of them: it reads the records behind that one once
    /// more.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn rewind_seen(&self, target: TargetId, run_id: &str, chunk: u64) -> Result<(), StateError> {
        self.transaction
            .prepare_cached(
                "UPDATE id_map SET seen_chunk = ?3 WHERE scope_id = ?1 AND seen_run = ?2 AND seen_chunk > ?4",
            )?
            .execute(params![target.0, run_id, i64::MAX, chunk_number(chunk)])?;
        Ok(())
    }

    /// Forgets a record: its entry and its links.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn forget_id_entry(&self, target: TargetId, source_key: SourceKey) -> Result<(), StateError> {
        self.transaction.prepare_cached(FORGET)?.execute(params![target.0, source_key.0])?;
        self.forget_links(target, source_key)
    }

    /// Returns how many records of a target are mapped, and how many of them this run has not read.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn count_unseen(&self, target: TargetId, run_id: &str) -> Result<(u64, u64), StateError> {
        let sql = "SELECT COUNT(*), COALESCE(SUM(seen_run <> ?2), 0) FROM id_map WHERE scope_id = ?1";
        let counts = self
            .transaction
            .prepare_cached(sql)?
            .query_row(params![target.0, run_id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        Ok((counts.0.unsigned_abs(), counts.1.unsigned_abs()))
    }

    /// Returns up to `limit` entries that this run has not read, behind the one with the id `after`, in the order in which they
    /// came.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn unseen(&self, target: TargetId, run_id: &str, after: i64, limit: u32) -> Result<Vec<IdEntry>, StateError> {
        let mut statement = self.transaction.prepare_cached(UNSEEN)?;
        let rows = statement.query_map(params![target.0, after, run_id, limit], |row| from_row(&self.seal, row))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
