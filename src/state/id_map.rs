//! The id that each source record has at the destination, and what was last written.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use chrono::{DateTime, Utc};
use rusqlite::{
    Row, params,
    types::{Type, Value},
};

use super::{
    SourceKey, Work,
    change_place::ChangePlace,
    error::StateError,
    names::name_cell,
    seal::{Cell, Hashed, Seal},
    sets::{blobs, keys, signed, texts},
    target::TargetId,
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

/// Begins a query of entries, with the columns that [`from_row`] reads, in its order.
macro_rules! select_entries {
    ($rest:literal) => {
        concat!(
            "SELECT entry_id, target_id, source_key, destination_id, content_hash, written_run, written_as, seen_run, seen_chunk,
             is_missing, key_hash ",
            $rest
        )
    };
}

// Each look-up names its index: left to itself, SQLite takes one that begins with the target and reads all of its records. A set
// is joined where it is large: for `IN`, SQLite would first copy it into an index of its own.
pub(super) const BY_SOURCE: &str = select_entries!(
    "FROM rarray(?2) AS wanted CROSS JOIN id_map INDEXED BY id_map_by_source
     WHERE target_id = ?1 AND source_key = wanted.value"
);
pub(super) const BY_KEY: &str = select_entries!(
    "FROM rarray(?2) AS wanted CROSS JOIN id_map INDEXED BY id_map_by_key WHERE target_id = ?1 AND key_hash = wanted.value"
);
pub(super) const BY_DESTINATION: &str = "SELECT destination_id, source_key FROM id_map INDEXED BY id_map_by_destination
     WHERE target_id = ?1 AND destination_id IN rarray(?2)";
pub(super) const FORGET_OTHERS: &str = "DELETE FROM id_map INDEXED BY id_map_by_key
     WHERE target_id = ?1 AND key_hash IN rarray(?2) AND source_key NOT IN rarray(?3)";
pub(super) const OTHERS: &str =
    "SELECT source_key, key_hash FROM rarray(?2) AS wanted CROSS JOIN id_map INDEXED BY id_map_by_key
     WHERE target_id = ?1 AND key_hash = wanted.value AND source_key NOT IN rarray(?3)";
const SAVE: &str = "INSERT INTO id_map
     (target_id, source_key, destination_id, content_hash, key_hash, written_run, written_as, seen_run, seen_chunk, mapped_at,
      sealed)";
const SAVE_OVER: &str = "ON CONFLICT (target_id, source_key) DO UPDATE SET
     is_renewed = is_renewed OR destination_id <> excluded.destination_id, is_missing = 0,
     destination_id = excluded.destination_id, content_hash = excluded.content_hash, key_hash = excluded.key_hash,
     written_run = excluded.written_run, written_as = excluded.written_as,
     seen_run = excluded.seen_run, seen_chunk = excluded.seen_chunk, sealed = excluded.sealed,
     mapped_at = CASE WHEN destination_id = excluded.destination_id THEN mapped_at ELSE excluded.mapped_at END,
     mapped_run = CASE WHEN destination_id = excluded.destination_id THEN COALESCE(mapped_run, written_run) END";
pub(super) const MARK_SEEN: &str = "UPDATE id_map INDEXED BY id_map_by_source SET seen_run = ?3, seen_chunk = ?4
     WHERE target_id = ?1 AND source_key IN rarray(?2)";
pub(super) const MARK_SEEN_AT: &str =
    "UPDATE id_map INDEXED BY id_map_by_destination SET seen_run = ?3, seen_chunk = ?4
     WHERE target_id = ?1 AND destination_id IN rarray(?2) AND seen_run <> ?3";
pub(super) const MARK_MISSING: &str = "UPDATE id_map INDEXED BY id_map_by_destination SET is_missing = 1
     WHERE target_id = ?1 AND destination_id IN rarray(?2)";
pub(super) const MOVE: &str = "UPDATE id_map INDEXED BY id_map_by_destination
     SET destination_id = ?3, is_missing = 0, is_renewed = 1, mapped_at = ?4, mapped_run = ?5 WHERE target_id = ?1 AND destination_id = ?2";
pub(super) const FORGET: &str =
    "DELETE FROM id_map INDEXED BY id_map_by_source WHERE target_id = ?1 AND source_key IN rarray(?2)";
/// Reads on behind the last one: over all pages, each record of the target is looked at once.
pub(super) const UNSEEN: &str = select_entries!(
    "FROM id_map NOT INDEXED WHERE target_id = ?1 AND entry_id > ?2 AND seen_run <> ?3 ORDER BY entry_id LIMIT ?4"
);
pub(super) const FORGET_MISSING: &str =
    "DELETE FROM id_map INDEXED BY id_map_missing WHERE target_id = ?1 AND is_missing = 1 AND seen_run <> ?2";
pub(super) const COUNT_MISSING: &str =
    "SELECT COUNT(*) FROM id_map INDEXED BY id_map_missing WHERE target_id = ?1 AND is_missing = 1";

/// Reads an entry. Columns go by their places: a name would be looked for in each row.
fn from_row(seal: &Seal, row: &Row<'_>) -> rusqlite::Result<IdEntry> {
    let source_key = SourceKey(row.get(2)?);
    let masked = u128::from_be_bytes(row.get(4)?);
    let is_created = row.get_ref(6)?.as_str()? == "created";
    Ok(IdEntry {
        entry_id: row.get(0)?,
        source_key,
        destination_id: plain_id(seal, TargetId(row.get(1)?), row.get(3)?)?,
        content_hash: masked ^ mask(seal, source_key),
        written_run: row.get(5)?,
        written_as: if is_created { WrittenAs::Created } else { WrittenAs::Updated },
        seen: SeenMark { run_id: row.get(7)?, chunk: row.get::<_, i64>(8)?.unsigned_abs() },
        is_missing: row.get(9)?,
    })
}

/// Returns a destination's id as it is, of what is stored of it.
pub(super) fn plain_id(seal: &Seal, target: TargetId, stored: String) -> rusqlite::Result<String> {
    let failed = |error| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, Box::new(error));
    Ok(seal.open_alike(&id_cell(target), &stored).map_err(failed)?.unwrap_or(stored))
}

fn id_cell(target: TargetId) -> Cell {
    Cell::new("id_map", &[&target.0])
}

/// Hides the hash of a record's content: who guesses at a record could check the guess with it.
fn mask(seal: &Seal, source_key: SourceKey) -> u128 {
    u128::from_be_bytes(seal.keyed_hash(Hashed::Content, &source_key.0))
}

impl Work<'_> {
    /// Returns a source's id as it is looked up.
    pub(super) fn source_key(&self, source_id: &str) -> SourceKey {
        SourceKey(self.seal.keyed_hash(Hashed::SourceId, source_id.as_bytes()))
    }

    /// Tells whether the ids of a target's records are sealed.
    pub(super) fn seals_ids(&self, target: TargetId) -> Result<bool, StateError> {
        let sql = "SELECT seals_ids FROM targets WHERE target_id = ?1";
        Ok(self.transaction.prepare_cached(sql)?.query_row([target.0], |row| row.get(0))?)
    }

    /// Returns what is stored of an id at the destination.
    pub(super) fn stored_id(&self, target: TargetId, id: &str) -> Result<String, StateError> {
        let stored = self.stored_ids(target, [id])?.into_iter().next();
        Ok(stored.map_or_else(|| id.to_owned(), Cow::into_owned))
    }

    /// Returns a destination's id as it is, of what is stored of it.
    pub(super) fn plain_id(&self, target: TargetId, stored: String) -> Result<String, StateError> {
        Ok(plain_id(&self.seal, target, stored)?)
    }

    /// Returns what is stored of ids at the destination, in their order.
    pub(super) fn stored_ids<'id>(
        &self,
        target: TargetId,
        ids: impl IntoIterator<Item = &'id str>,
    ) -> Result<Vec<Cow<'id, str>>, StateError> {
        let cell = self.seals_ids(target)?.then(|| id_cell(target));
        let stored = |id: &'id str| match &cell {
            Some(cell) => Ok(Cow::Owned(self.seal.seal_alike(cell, id)?)),
            None => Ok(Cow::Borrowed(id)),
        };
        ids.into_iter().map(stored).collect()
    }

    fn key_hash(&self, key_hash: u128) -> [u8; 16] {
        self.seal.keyed_hash(Hashed::RecordKey, &key_hash.to_be_bytes())
    }

    /// Returns the entries of these source ids, by source id.
    pub(super) fn entries<'id>(
        &self,
        target: TargetId,
        source_ids: impl IntoIterator<Item = &'id str>,
    ) -> Result<HashMap<String, IdEntry>, StateError> {
        let names: HashMap<SourceKey, &str> = source_ids.into_iter().map(|id| (self.source_key(id), id)).collect();
        let found = self.entries_of(target, names.keys())?;
        Ok(found.into_iter().filter_map(|(key, entry)| Some(((*names.get(&key)?).to_owned(), entry))).collect())
    }

    /// Returns the entries of these source ids, as they are looked up.
    pub(super) fn entries_of<'key>(
        &self,
        target: TargetId,
        source_keys: impl IntoIterator<Item = &'key SourceKey>,
    ) -> Result<HashMap<SourceKey, IdEntry>, StateError> {
        let mut statement = self.transaction.prepare_cached(BY_SOURCE)?;
        let rows = statement.query_map(params![target.0, keys(source_keys)], |row| from_row(&self.seal, row))?;
        rows.map(|entry| entry.map(|entry| (entry.source_key, entry)).map_err(StateError::from)).collect()
    }

    /// Returns the entries with these keys, by key.
    pub(super) fn entries_by_key(
        &self,
        target: TargetId,
        key_hashes: impl IntoIterator<Item = u128>,
    ) -> Result<HashMap<u128, IdEntry>, StateError> {
        let names: HashMap<[u8; 16], u128> = key_hashes.into_iter().map(|hash| (self.key_hash(hash), hash)).collect();
        let mut statement = self.transaction.prepare_cached(BY_KEY)?;
        let mut rows = statement.query(params![target.0, blobs(names.keys().copied())])?;
        let mut found = HashMap::new();
        while let Some(row) = rows.next()? {
            if let Some(hash) = names.get(&row.get::<_, [u8; 16]>(10)?) {
                found.insert(*hash, from_row(&self.seal, row)?);
            }
        }
        Ok(found)
    }

    /// Stores what was written, each in the run and chunk of its mark. A key has one owner, the last that was written: other
    /// records' entries with the same key are forgotten. Where a record had another destination id before, links to it are to be
    /// set again ([`Work::reopen_links`]).
    pub(super) fn save_entries(
        &self,
        target: TargetId,
        written: &[(Written<'_>, u64)],
        (run_id, now): (&str, DateTime<Utc>),
    ) -> Result<(), StateError> {
        let (owned, others) = owners(written);
        if !others.is_empty() {
            let others: Vec<SourceKey> = others.iter().map(|source_id| self.source_key(source_id)).collect();
            self.transaction.prepare_cached(FORGET)?.execute(params![target.0, keys(&others)])?;
        }
        let source_keys: Vec<SourceKey> = owned.iter().map(|(written, _)| self.source_key(written.source_id)).collect();
        let key_hashes = owned.iter().filter_map(|(written, _)| written.key_hash).map(|hash| self.key_hash(hash));
        let key_hashes = blobs(key_hashes);
        if !key_hashes.is_empty() {
            let parameters = params![target.0, key_hashes, keys(&source_keys)];
            self.hand_over(target, &owned, parameters)?;
        }
        let ids = self.stored_ids(target, owned.iter().map(|(written, _)| written.destination_id))?;
        let rows: Result<Vec<[Value; 11]>, StateError> = owned
            .iter()
            .zip(ids)
            .zip(source_keys)
            .map(|(((written, chunk), id), source_key)| {
                let stored = Written { destination_id: &id, ..*written };
                self.entry_row(target, &stored, source_key, (run_id, now, *chunk))
            })
            .collect();
        self.insert_rows(SAVE, SAVE_OVER, &rows?)
    }

    /// Forgets records whose key another record has now. They are the same as that one, so that links to them lead there.
    fn hand_over(
        &self,
        target: TargetId,
        owned: &[&(Written<'_>, u64)],
        parameters: &[&dyn rusqlite::ToSql],
    ) -> Result<(), StateError> {
        let mut statement = self.transaction.prepare_cached(OTHERS)?;
        let rows = statement.query_map(parameters, |row| Ok((SourceKey(row.get(0)?), row.get::<_, [u8; 16]>(1)?)))?;
        let others: Vec<(SourceKey, [u8; 16])> = rows.collect::<Result<_, _>>()?;
        if others.is_empty() {
            return Ok(());
        }
        let owners: HashMap<[u8; 16], &str> = owned
            .iter()
            .filter_map(|(written, _)| Some((self.key_hash(written.key_hash?), written.source_id)))
            .collect();
        let pairs = others.iter().filter_map(|(other, key)| Some((*other, self.source_key(owners.get(key)?))));
        self.replace_survivors(target, &pairs.collect::<Vec<_>>())?;
        self.transaction.prepare_cached(FORGET_OTHERS)?.execute(parameters)?;
        Ok(())
    }

    fn entry_row(
        &self,
        target: TargetId,
        written: &Written<'_>,
        source_key: SourceKey,
        (run_id, now, chunk): (&str, DateTime<Utc>, u64),
    ) -> Result<[Value; 11], StateError> {
        let masked = written.content_hash ^ mask(&self.seal, source_key);
        Ok([
            Value::Integer(target.0),
            Value::Blob(source_key.0.to_vec()),
            Value::Text(written.destination_id.to_owned()),
            Value::Blob(masked.to_be_bytes().to_vec()),
            written.key_hash.map_or(Value::Null, |hash| Value::Blob(self.key_hash(hash).to_vec())),
            Value::Text(run_id.to_owned()),
            Value::Text(written.written_as.as_str().to_owned()),
            Value::Text(run_id.to_owned()),
            Value::Integer(signed(chunk)),
            Value::Integer(now.timestamp()),
            Value::Blob(self.seal.seal_named(&name_cell(target, source_key), written.source_id)?),
        ])
    }

    /// Notes that these records were read.
    pub(super) fn mark_all_seen(
        &self,
        target: TargetId,
        source_keys: &[SourceKey],
        seen: &SeenMark,
    ) -> Result<(), StateError> {
        if !source_keys.is_empty() {
            let parameters = params![target.0, keys(source_keys), seen.run_id, signed(seen.chunk)];
            self.transaction.prepare_cached(MARK_SEEN)?.execute(parameters)?;
        }
        Ok(())
    }

    /// Notes that records of the destination are still meant by the source. What was seen already keeps its mark.
    pub(super) fn mark_seen_at(
        &self,
        target: TargetId,
        destination_ids: &[String],
        seen: &SeenMark,
    ) -> Result<(), StateError> {
        if !destination_ids.is_empty() {
            let ids = self.stored_ids(target, destination_ids.iter().map(String::as_str))?;
            let ids = texts(ids.iter().map(Cow::as_ref));
            let parameters = params![target.0, ids, seen.run_id, signed(seen.chunk)];
            self.transaction.prepare_cached(MARK_SEEN_AT)?.execute(parameters)?;
        }
        Ok(())
    }

    /// Notes that the destination no longer holds records with these ids.
    pub(super) fn mark_all_missing(&self, target: TargetId, destination_ids: &[String]) -> Result<(), StateError> {
        if !destination_ids.is_empty() {
            let ids = self.stored_ids(target, destination_ids.iter().map(String::as_str))?;
            let ids = texts(ids.iter().map(Cow::as_ref));
            self.transaction.prepare_cached(MARK_MISSING)?.execute(params![target.0, ids])?;
        }
        Ok(())
    }

    /// Notes that the destination holds records under other ids now: they were merged into other ones there. There are never
    /// many of them, so that each is a statement.
    pub(super) fn move_ids(&self, place: &ChangePlace, moved: &[(String, String)]) -> Result<(), StateError> {
        let target = place.target_id;
        let mut statement = self.transaction.prepare_cached(MOVE)?;
        for (old_id, new_id) in moved {
            if let [old_id, new_id] = self.stored_ids(target, [old_id.as_str(), new_id.as_str()])?.as_slice() {
                statement.execute(params![target.0, old_id, new_id, place.now.timestamp(), place.run_id])?;
            }
        }
        Ok(())
    }

    /// Returns how many records of a target the destination was found not to hold any more.
    pub(super) fn count_missing(&self, target: TargetId) -> Result<u64, StateError> {
        let count: i64 = self.transaction.prepare_cached(COUNT_MISSING)?.query_row([target.0], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }

    /// Forgets the records that are missing at the destination and that this run, having read all, did not read: the source
    /// does not have them either.
    pub(super) fn forget_missing(&self, target: TargetId, run_id: &str) -> Result<(), StateError> {
        self.transaction.prepare_cached(FORGET_MISSING)?.execute(params![target.0, run_id])?;
        Ok(())
    }

    /// Returns the owners of these destination ids: source records that are mapped to them.
    pub(super) fn owners_of<'id>(
        &self,
        target: TargetId,
        destination_ids: impl IntoIterator<Item = &'id str>,
    ) -> Result<HashMap<String, HashSet<SourceKey>>, StateError> {
        let mut statement = self.transaction.prepare_cached(BY_DESTINATION)?;
        let ids = self.stored_ids(target, destination_ids)?;
        let mut rows = statement.query(params![target.0, texts(ids.iter().map(Cow::as_ref))])?;
        let mut owners: HashMap<String, HashSet<SourceKey>> = HashMap::new();
        while let Some(row) = rows.next()? {
            owners.entry(plain_id(&self.seal, target, row.get(0)?)?).or_default().insert(SourceKey(row.get(1)?));
        }
        Ok(owners)
    }

    /// Moves the marks of a run that are behind one of its chunks behind all of them: it reads the records behind that one once
    /// more.
    pub(super) fn rewind_seen(&self, target: TargetId, run_id: &str, chunk: u64) -> Result<(), StateError> {
        let sql = "UPDATE id_map SET seen_chunk = ?3 WHERE target_id = ?1 AND seen_run = ?2 AND seen_chunk > ?4";
        self.transaction.prepare_cached(sql)?.execute(params![target.0, run_id, i64::MAX, signed(chunk)])?;
        Ok(())
    }

    /// Forgets the entries of all records of a target.
    pub(super) fn forget_all_entries(&self, target: TargetId) -> Result<(), StateError> {
        let sql = "DELETE FROM id_map INDEXED BY id_map_by_source WHERE target_id = ?1";
        self.transaction.prepare_cached(sql)?.execute([target.0])?;
        Ok(())
    }

    /// Forgets records: their entries and links.
    pub(super) fn forget_entries(&self, target: TargetId, source_keys: &[SourceKey]) -> Result<(), StateError> {
        if source_keys.is_empty() {
            return Ok(());
        }
        self.transaction.prepare_cached(FORGET)?.execute(params![target.0, keys(source_keys)])?;
        self.forget_links(target, source_keys)
    }

    /// Returns how many records of a target are mapped, and how many of them this run has not read.
    pub(super) fn count_unseen(&self, target: TargetId, run_id: &str) -> Result<(u64, u64), StateError> {
        let sql = "SELECT COUNT(*), COALESCE(SUM(seen_run <> ?2), 0) FROM id_map WHERE target_id = ?1";
        let counts = self
            .transaction
            .prepare_cached(sql)?
            .query_row(params![target.0, run_id], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?;
        Ok((counts.0.unsigned_abs(), counts.1.unsigned_abs()))
    }

    /// Returns up to `limit` entries that this run has not read, behind the one with the id `after`, in the order in which they
    /// came.
    pub(super) fn unseen(
        &self,
        target: TargetId,
        run_id: &str,
        after: i64,
        limit: u32,
    ) -> Result<Vec<IdEntry>, StateError> {
        let mut statement = self.transaction.prepare_cached(UNSEEN)?;
        let rows = statement.query_map(params![target.0, after, run_id, limit], |row| from_row(&self.seal, row))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

/// Parts the records that own their key from those whose key a later one of the same batch has.
fn owners<'written, 'record>(
    written: &'written [(Written<'record>, u64)],
) -> (Vec<&'written (Written<'record>, u64)>, Vec<&'record str>) {
    let mut keys = HashSet::new();
    let (mut owned, mut others) = (Vec::with_capacity(written.len()), Vec::new());
    for record in written.iter().rev() {
        if record.0.key_hash.is_none_or(|key_hash| keys.insert(key_hash)) {
            owned.push(record);
        } else {
            others.push(record.0.source_id);
        }
    }
    owned.reverse();
    (owned, others)
}
