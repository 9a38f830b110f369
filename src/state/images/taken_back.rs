//! What became of a run's images when the run was taken back, and how the id map goes back with them.

use std::collections::{HashMap, HashSet};

use rusqlite::params;

use crate::model::ConnectionName;
use crate::state::{
    SourceKey, State, Work, change_place::ChangePlace, changes::TakenBack, checkpoints::Checkpoint, error::StateError,
    image_kind::ImageFate, links::Link, names::name_cell, sets::keys, target::TargetId,
};

use super::{SealedImage, cell};

const NOTE: &str = "UPDATE images SET undone_run = ?2, fate = ?3 WHERE image_id = ?1";
/// Other images of a record that has another id now: they are found under it.
const RENAME: &str =
    "UPDATE images INDEXED BY images_by_source SET destination_id = ?3, was_id = COALESCE(was_id, destination_id)
     WHERE target_id = ?1 AND source_key = (SELECT source_key FROM images WHERE image_id = ?2)
       AND destination_id = (SELECT destination_id FROM images WHERE image_id = ?2)";
/// The records of these images, with what the id map knew of them before.
const ENTRY: &str = "SELECT source_key, destination_id, entry_id, sealed FROM images WHERE image_id = ?1";
const FORGET: &str = "DELETE FROM id_map WHERE target_id = ?1 AND source_key = ?2 AND destination_id = ?3";
const PUT_BACK: &str = "INSERT INTO id_map
       (target_id, source_key, destination_id, content_hash, key_hash, written_run, written_as, seen_run, seen_chunk, is_renewed,
        is_missing, mapped_at, mapped_run, sealed)
     SELECT target_id, source_key, ?2, entry_hash, entry_key, entry_run, entry_as, entry_run, 0, ?3, ?4,
       CASE WHEN ?3 THEN ?5 ELSE entry_at END, CASE WHEN ?3 THEN ?6 ELSE entry_mapped END, ?7
     FROM images WHERE image_id = ?1
     ON CONFLICT (target_id, source_key) DO UPDATE SET
       is_renewed = is_renewed OR destination_id <> excluded.destination_id OR excluded.is_renewed = 1,
       is_missing = excluded.is_missing,
       destination_id = excluded.destination_id, content_hash = excluded.content_hash, key_hash = excluded.key_hash,
       written_run = excluded.written_run, written_as = excluded.written_as,
       mapped_at = excluded.mapped_at, mapped_run = excluded.mapped_run, sealed = COALESCE(excluded.sealed, id_map.sealed)";
/// What an undo took back is open again once that undo is taken back itself.
const REOPEN: &str = "UPDATE images INDEXED BY images_by_source SET undone_run = NULL, fate = NULL
     WHERE undone_run = ?1 AND target_id = ?2 AND source_key = (SELECT source_key FROM images WHERE image_id = ?3)";
const RENAMED: &str = "SELECT was_id, destination_id FROM images INDEXED BY images_by_record
     WHERE run_id = ?1 AND target_id = ?2 AND was_id IS NOT NULL";
/// Records that a run created, each with whether it was deleted when the run was taken back.
const CREATED: &str = "SELECT images.target_id, destination_id, fate IS 'deleted'
     FROM images INDEXED BY images_by_run JOIN targets USING (target_id)
     WHERE run_id = ?1 AND kind = 'created' AND targets.connection = ?2";
const COUNT: &str = "SELECT target_id, fate, COUNT(*) FROM images INDEXED BY images_by_undo
     WHERE undone_run = ?1 AND fate IS NOT NULL GROUP BY target_id, fate";
/// Links of records that an undo restored: all set, or none.
const SET_RESTORED: &str = "UPDATE links INDEXED BY links_by_record SET linked = CASE WHEN ?3 THEN total ELSE 0 END
     WHERE target_id = ?1 AND source_key IN
       (SELECT source_key FROM images INDEXED BY images_by_undo WHERE undone_run = ?2 AND target_id = ?1 AND fate = 'restored')";
/// Runs of this target behind a run that were not taken back.
const LATER_RUNS: &str = "SELECT COUNT(*) FROM ledgers JOIN runs AS later USING (run_id)
     WHERE target_id = ?1 AND later.kind <> 'undo'
       AND later.rowid > (SELECT rowid FROM runs WHERE run_id = ?2)
       AND NOT EXISTS (SELECT 1 FROM runs AS undo WHERE undo.undone_run = later.run_id AND undo.status = 'done')";

impl State {
    /// Counts what a run took back and left, by target and fate.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn count_taken_back(&self, undo: &str) -> Result<HashMap<TargetId, HashMap<ImageFate, u64>>, StateError> {
        let undo = undo.to_owned();
        self.read(move |work| {
            let mut statement = work.transaction.prepare_cached(COUNT)?;
            let mut rows = statement.query([&undo])?;
            let mut counts: HashMap<TargetId, HashMap<ImageFate, u64>> = HashMap::new();
            while let Some(row) = rows.next()? {
                let fate = ImageFate::from_word(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?);
                let count = row.get::<_, i64>(2)?.unsigned_abs();
                counts.entry(TargetId(row.get(0)?)).or_default().insert(fate, count);
            }
            Ok(counts)
        })
        .await
    }

    /// Tells whether no later run that was not taken back worked on a target.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn is_last_run(&self, target: TargetId, run_id: &str) -> Result<bool, StateError> {
        let run_id = run_id.to_owned();
        self.read(move |work| {
            let sql = work.transaction.prepare_cached(LATER_RUNS);
            let later: i64 = sql?.query_row(params![target.0, run_id], |row| row.get(0))?;
            Ok(later == 0)
        })
        .await
    }

    /// Returns the records of a run that were created again since: the id that each had, and the one that it has.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn renamed_images(&self, run_id: &str, target: TargetId) -> Result<Vec<(String, String)>, StateError> {
        let run_id = run_id.to_owned();
        self.read(move |work| {
            let mut statement = work.transaction.prepare_cached(RENAMED)?;
            let mut rows = statement.query(params![run_id, target.0])?;
            let mut renamed = Vec::new();
            while let Some(row) = rows.next()? {
                renamed.push((work.plain_id(target, row.get(0)?)?, work.plain_id(target, row.get(1)?)?));
            }
            Ok(renamed)
        })
        .await
    }

    /// Returns which of these ids at a connection are of records that a run created and that were deleted when it was taken back, or are
    /// about to be: those `under_way`.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn deleted_of_run(
        &self,
        run_id: &str,
        connection: &ConnectionName,
        ids: HashSet<String>,
        under_way: HashSet<String>,
    ) -> Result<HashSet<String>, StateError> {
        let (run_id, connection) = (run_id.to_owned(), connection.to_string());
        self.read(move |work| {
            let mut statement = work.transaction.prepare_cached(CREATED)?;
            let mut rows = statement.query(params![run_id, connection])?;
            let mut deleted = HashSet::new();
            while let Some(row) = rows.next()? {
                let id = work.plain_id(TargetId(row.get(0)?), row.get(1)?)?;
                if ids.contains(&id) && (row.get(2)? || under_way.contains(&id)) {
                    deleted.insert(id);
                }
            }
            Ok(deleted)
        })
        .await
    }

    /// Lets the links of records that the run `undo` restored at a target count as set, or as not set, so that the next run sets them.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn set_restored_links(&self, target: TargetId, undo: &str, are_set: bool) -> Result<(), StateError> {
        let undo = undo.to_owned();
        self.write(move |work| {
            work.transaction.prepare_cached(SET_RESTORED)?.execute(params![target.0, undo, are_set])?;
            Ok(())
        })
        .await
    }

    /// Puts the checkpoint of a target where it was; without one, the next read begins at the beginning.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn put_checkpoint_back(
        &self,
        target: TargetId,
        checkpoint: Option<Checkpoint>,
    ) -> Result<(), StateError> {
        self.write(move |work| match &checkpoint {
            Some(checkpoint) => work.save_checkpoint(target, checkpoint),
            None => work.clear_checkpoint(target),
        })
        .await
    }
}

impl Work<'_> {
    /// Stores what became of images. Of those that were taken back, the id map and the links go back too, and what the run had taken
    /// back itself, where it was an undo, is open again.
    pub(in crate::state) fn take_back(&self, place: &ChangePlace, taken: &[TakenBack]) -> Result<(), StateError> {
        for one in taken {
            if one.fate.is_taken_back() {
                self.put_entry_back(place, one)?;
                let undone: String = self
                    .transaction
                    .prepare_cached("SELECT run_id FROM images WHERE image_id = ?1")?
                    .query_row([one.image_id], |row| row.get(0))?;
                let parameters = params![undone, place.target_id.0, one.image_id];
                self.transaction.prepare_cached(REOPEN)?.execute(parameters)?;
            }
            let parameters = params![one.image_id, place.run_id, one.fate.as_str()];
            self.transaction.prepare_cached(NOTE)?.execute(parameters)?;
        }
        Ok(())
    }

    fn put_entry_back(&self, place: &ChangePlace, one: &TakenBack) -> Result<(), StateError> {
        let target = place.target_id;
        let (source_key, stored_id, entry_id, sealed) =
            self.transaction.prepare_cached(ENTRY)?.query_row([one.image_id], |row| {
                let entry_id: Option<String> = row.get(2)?;
                Ok((SourceKey(row.get(0)?), row.get::<_, String>(1)?, entry_id, row.get::<_, Vec<u8>>(3)?))
            })?;
        let Some(entry_id) = entry_id else {
            self.transaction.prepare_cached(FORGET)?.execute(params![target.0, source_key.0, stored_id])?;
            return self.forget_links(target, &[source_key]);
        };
        // A record that was created in place of one that was gone: the one before is gone again.
        let is_missing = one.fate == ImageFate::Deleted;
        let id = match &one.new_id {
            Some(id) => self.stored_id(target, id)?,
            None => entry_id,
        };
        let is_new = one.new_id.is_some();
        let sealed: SealedImage = self.seal.open(&cell(target, one.image_id), &sealed)?;
        let name = sealed.source_id.as_deref().map(|name| self.seal.seal_named(&name_cell(target, source_key), name));
        self.transaction.prepare_cached(PUT_BACK)?.execute(params![
            one.image_id,
            id,
            is_new,
            is_missing,
            place.now.timestamp(),
            place.run_id,
            name.transpose()?,
        ])?;
        if is_new {
            self.transaction.prepare_cached(RENAME)?.execute(params![target.0, one.image_id, id])?;
        }
        let links: Vec<_> = sealed.links.into_iter().map(|link| Link { linked: 0, ..link }).collect();
        if links.is_empty() { Ok(()) } else { self.save_links(target, &links.iter().collect::<Vec<_>>()) }
    }

    /// Returns the links that are stored of a record.
    pub(in crate::state) fn links_of(&self, target: TargetId, source_key: SourceKey) -> Result<Vec<Link>, StateError> {
        self.links_of_records(target, keys([&source_key]))
    }
}
