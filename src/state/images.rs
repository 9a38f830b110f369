//! What records of a destination held before a run wrote them, and what it wrote.
//!
//! An image is stored with the outcome of its record, in one transaction, so that there is none of a record that was not written.
//! With it goes the entry that the id map had of the record, so that the next run knows what is to be done again.

mod packed;
mod taken_back;

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::model::Fields;

use super::{
    SourceKey, State, Work,
    change_place::ChangePlace,
    changes::{NewImage, RecordKey},
    error::StateError,
    image_kind::ImageKind,
    links::Link,
    seal::{Cell, Seal},
    target::{Target, TargetId},
};

use self::packed::Packed;

/// A stored image.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// Identifies it within the state file, in the order in which records were written.
    pub image_id: i64,
    /// The record's source id, as it is looked up.
    pub source_key: SourceKey,
    /// The record's source id, where the run knew it: a mirror that deletes does not.
    pub source_id: Option<String>,
    /// The destination's id.
    pub destination_id: String,
    /// What was done.
    pub kind: ImageKind,
    /// What the fields held before; none where that is not known.
    pub before: Option<Fields>,
    /// What was written.
    pub wrote: Fields,
    /// The links that the state file knew of a record that was deleted.
    pub links: Vec<Link>,
}

/// How many images a run has at one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageCount {
    /// Identifies the target.
    pub target_id: TargetId,
    /// The target.
    pub target: Target,
    /// Images that are not taken back.
    pub open: u64,
    /// Images that are.
    pub taken_back: u64,
}

/// What is sealed of an image.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct SealedImage {
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    source_id: Option<String>,
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    before: Option<Packed>,
    #[serde(rename = "w", default, skip_serializing_if = "Packed::is_empty")]
    wrote: Packed,
    #[serde(rename = "l", default, skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link>,
}

pub(super) const FIND: &str = "SELECT image_id, sealed FROM images INDEXED BY images_by_record
     WHERE run_id = ?1 AND target_id = ?2 AND source_key = ?3 AND destination_id = ?4";
const INSERT: &str = "INSERT INTO images
       (image_id, run_id, target_id, source_key, destination_id, kind, sealed, entry_id, entry_hash, entry_key, entry_run, entry_as,
        entry_at, entry_mapped)
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, entry.destination_id, entry.content_hash, entry.key_hash, entry.written_run, entry.written_as,
       entry.mapped_at, entry.mapped_run
     FROM (SELECT 1) LEFT JOIN id_map AS entry INDEXED BY id_map_by_source ON entry.target_id = ?3 AND entry.source_key = ?4";
const RESEAL: &str = "UPDATE images SET sealed = ?2 WHERE image_id = ?1";
pub(super) const PAGE: &str =
    "SELECT image_id, source_key, destination_id, kind, sealed FROM images INDEXED BY images_by_run
     WHERE run_id = ?1 AND target_id = ?2 AND kind = ?6 AND image_id > ?4
       AND (fate IS NULL OR (fate NOT IN ('restored', 'deleted', 'recreated') AND undone_run IS NOT ?3))
     ORDER BY image_id LIMIT ?5";
const COUNT: &str = "SELECT target_id, targets.*,
       SUM(fate IS NULL OR fate NOT IN ('restored', 'deleted', 'recreated')) AS open,
       COUNT(CASE WHEN fate IN ('restored', 'deleted', 'recreated') THEN 1 END) AS taken_back
     FROM images JOIN targets USING (target_id) WHERE run_id = ?1 GROUP BY target_id ORDER BY target_id";
/// Later runs that wrote records of a run, but for those that were taken back.
const LATER: &str = "SELECT later.run_id, COUNT(*) FROM images AS own
       JOIN images AS later INDEXED BY images_by_source ON later.target_id = own.target_id AND later.source_key = own.source_key
       JOIN runs ON runs.run_id = later.run_id
     WHERE own.run_id = ?1 AND later.image_id > own.image_id AND later.run_id <> ?1 AND runs.kind <> 'undo'
       AND (later.fate IS NULL OR later.fate NOT IN ('restored', 'deleted', 'recreated'))
     GROUP BY later.run_id ORDER BY runs.rowid";
const PRUNE: &str = "DELETE FROM images WHERE run_id IN
     (SELECT run_id FROM runs WHERE pipeline = ?1 AND julianday(started_at) < julianday(?2))";

fn cell(target: TargetId, image_id: i64) -> Cell {
    Cell::new("images", &[&target.0, &image_id])
}

/// Returns the source's id of the record of an image, where the run knew it.
pub(super) fn source_id_of(
    seal: &Seal,
    target: TargetId,
    image_id: i64,
    sealed: &[u8],
) -> Result<Option<String>, StateError> {
    Ok(seal.open::<SealedImage>(&cell(target, image_id), sealed)?.source_id)
}

impl State {
    /// Returns up to `limit` images of one kind of a run at a target that are not taken back, behind the one with the id `after`, in the
    /// order in which records were written. What the run `undo` looked at and left already is left out.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn images(
        &self,
        run_id: &str,
        target: TargetId,
        undo: &str,
        kind: ImageKind,
        (after, limit): (i64, u32),
    ) -> Result<Vec<Image>, StateError> {
        let (run_id, undo) = (run_id.to_owned(), undo.to_owned());
        self.read(move |work| {
            let mut statement = work.transaction.prepare_cached(PAGE)?;
            let mut rows = statement.query(params![run_id, target.0, undo, after, limit, kind.as_str()])?;
            let mut images = Vec::new();
            while let Some(row) = rows.next()? {
                images.push(work.image(target, row)?);
            }
            Ok(images)
        })
        .await
    }

    /// Counts the images of a run by target.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn count_images(&self, run_id: &str) -> Result<Vec<ImageCount>, StateError> {
        let run_id = run_id.to_owned();
        self.read(move |work| {
            let mut statement = work.transaction.prepare_cached(COUNT)?;
            let counts = statement.query_map([&run_id], |row| {
                Ok(ImageCount {
                    target_id: TargetId(row.get(0)?),
                    target: Target::from_row(row)?,
                    open: row.get::<_, i64>("open")?.unsigned_abs(),
                    taken_back: row.get::<_, i64>("taken_back")?.unsigned_abs(),
                })
            })?;
            Ok(counts.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Returns the later runs that wrote records that this run wrote too, each with how many of them; those that were taken back
    /// are left out.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn later_writers(&self, run_id: &str) -> Result<Vec<(String, u64)>, StateError> {
        let run_id = run_id.to_owned();
        self.read(move |work| {
            let mut statement = work.transaction.prepare_cached(LATER)?;
            let later =
                statement.query_map([&run_id], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
            Ok(later.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Removes the images of a pipeline's runs that began before a moment. Returns how many.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn prune_images(&self, pipeline: &str, before: DateTime<Utc>) -> Result<u64, StateError> {
        let pipeline = pipeline.to_owned();
        self.write(move |work| {
            let pruned = work.transaction.prepare_cached(PRUNE)?.execute(params![pipeline, before.to_rfc3339()])?;
            Ok(u64::try_from(pruned).unwrap_or(u64::MAX))
        })
        .await
    }
}

impl Work<'_> {
    /// Stores images, before the id map learns of the writes. A record that the run wrote before keeps what it held first.
    pub(super) fn save_images(&self, place: &ChangePlace, images: &[NewImage]) -> Result<(), StateError> {
        if images.is_empty() {
            return Ok(());
        }
        let target = place.target_id;
        let ids = self.stored_ids(target, images.iter().map(|image| image.destination_id.as_str()))?;
        let mut image_id = self.next_id("images", "image_id")?;
        for (image, id) in images.iter().zip(ids) {
            let source_key = self.key_of(&image.source);
            let known = self
                .transaction
                .prepare_cached(FIND)?
                .query_row(params![place.run_id, target.0, source_key.0, id], |row| {
                    Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
                })
                .optional()?;
            if let Some((known_id, sealed)) = known {
                let cell = cell(target, known_id);
                let first: SealedImage = self.seal.open(&cell, &sealed)?;
                let sealed = self.seal.seal(&cell, &first.with(image))?;
                self.transaction.prepare_cached(RESEAL)?.execute(params![known_id, sealed])?;
                continue;
            }
            let links = match image.kind {
                ImageKind::Deleted => self.links_of(target, source_key)?,
                ImageKind::Created | ImageKind::Updated => Vec::new(),
            };
            let mut content = SealedImage::of(image, links);
            if content.source_id.is_none() {
                // A mirror that deletes knows the record by its entry alone.
                content.source_id = self.name_of(target, source_key)?;
            }
            let sealed = self.seal.seal(&cell(target, image_id), &content)?;
            let kind = image.kind.as_str();
            self.transaction.prepare_cached(INSERT)?.execute(params![
                image_id,
                place.run_id,
                target.0,
                source_key.0,
                id,
                kind,
                sealed
            ])?;
            image_id += 1;
        }
        Ok(())
    }

    fn key_of(&self, record: &RecordKey) -> SourceKey {
        match record {
            RecordKey::Id(source_id) => self.source_key(source_id),
            RecordKey::Key(source_key) => *source_key,
        }
    }

    fn image(&self, target: TargetId, row: &Row<'_>) -> Result<Image, StateError> {
        let image_id: i64 = row.get(0)?;
        let sealed: SealedImage = self.seal.open(&cell(target, image_id), &row.get::<_, Vec<u8>>(4)?)?;
        let SealedImage { source_id, before, wrote, links } = sealed;
        let wrote = wrote.fields();
        Ok(Image {
            image_id,
            source_key: SourceKey(row.get(1)?),
            source_id,
            destination_id: self.plain_id(target, row.get(2)?)?,
            kind: ImageKind::from_word(row.get_ref(3)?.as_str().map_err(rusqlite::Error::from)?),
            before: before.map(|before| before.over(&wrote)),
            wrote,
            links,
        })
    }
}

impl SealedImage {
    /// Of what a record held before, only what is not what was written is stored.
    fn of(image: &NewImage, links: Vec<Link>) -> Self {
        let NewImage { source, before, wrote, .. } = image;
        let source_id = match source {
            RecordKey::Id(source_id) => Some(source_id.clone()),
            RecordKey::Key(_) => None,
        };
        let before = before.as_ref().map(|before| Packed::of(before).without(wrote));
        Self { source_id, before, wrote: Packed::of(wrote), links }
    }

    /// Adds what was written later: what the record held first stays.
    fn with(self, later: &NewImage) -> Self {
        let first_wrote = self.wrote.fields();
        let mut before = self.before.map(|before| before.over(&first_wrote));
        if let (Some(first), Some(later_before)) = (&mut before, &later.before) {
            for (name, value) in later_before {
                first.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        let mut wrote = first_wrote;
        wrote.extend(later.wrote.clone());
        let before = before.as_ref().map(|before| Packed::of(before).without(&wrote));
        Self { before, wrote: Packed::of(&wrote), ..self }
    }
}
