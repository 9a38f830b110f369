//! Loads a chunk in columns, where the object is written anew and nothing is kept of a single record (`engine/way.rs`).
//!
//! No batch, intent or outcome of it is in the state file: a run that is killed leaves the earlier version in its place and begins
//! anew. What is stored are the records that are refused.

use std::{collections::HashSet, sync::Arc};

use polars::{
    frame::DataFrame,
    prelude::{BooleanChunked, IntoLazy, col, lit},
};
use tokio::task::spawn_blocking;

use crate::connector::LoadFrames;
use crate::engine::{
    decide::{lookup::is_blank, matching::blank_record, replaced_ids::ReplacedIds},
    error::EngineError,
    read::extract::Chunk,
    setup::Loader,
};
use crate::model::{DELETED, FieldName, ID, RUN_ID, Rejection, Value};
use crate::state::{DeadLetter, DeadLetterKind, RecordKey};
use crate::transform::{Mapped, MappedField, Rejected};

use super::{
    dispatch::Dispatch,
    execute::ChunkTally,
    left_out::leave_out,
    letters::{Originals, letter},
    store::save_rejects,
};

/// Records that are mapped and written at once. Between two parts the run can be stopped, however slow the cleaners are.
const PART_RECORDS: usize = if cfg!(test) { 5 } else { 20_000 };

/// Loads a chunk. The tally becomes durable when the stream is at its end.
pub(in crate::engine) async fn load_columns(
    dispatch: &Dispatch<'_>,
    chunk: &Chunk,
    tally: &mut ChunkTally,
) -> Result<(), EngineError> {
    let loader = dispatch.loader;
    let frames = loader.services.destination.frames().ok_or_else(|| loader.unoffered("frames"))?;
    let originals = Originals::of_frame(&chunk.frame)?;
    let (parts, rejects) = map(loader, &chunk.frame).await?;
    leave_out(dispatch, (chunk, &originals), Vec::new(), rejects, tally).await?;
    for part in parts {
        loader.services.check_goes_on()?;
        Writing { dispatch, originals: &originals, frames }.write(part, tally).await?;
    }
    Ok(())
}

/// Maps the records of a frame, part by part.
async fn map(loader: &Loader, frame: &DataFrame) -> Result<(Vec<DataFrame>, Vec<Rejected>), EngineError> {
    let (mut parts, mut rejects) = (Vec::new(), Vec::new());
    let mut rest = frame.clone();
    while frame.width() > 0 && rest.height() > 0 {
        loader.services.check_goes_on()?;
        // Columns are shared, not copied.
        let part = rest.head(Some(PART_RECORDS));
        rest = rest.slice(i64::try_from(part.height()).unwrap_or(i64::MAX), rest.height());
        let (mapper, stream) = (Arc::clone(&loader.shape.mapper), loader.target.names.stream.clone());
        let task = spawn_blocking(move || {
            mapper.map(&part).map_err(|error| EngineError::Transform { stream, error: Box::new(error) })
        });
        let Mapped { frame, rejects: unmapped } = task.await.map_err(|_| EngineError::Stopped)??;
        parts.push(frame);
        rejects.extend(unmapped);
    }
    Ok((parts, rejects))
}

struct Writing<'a> {
    dispatch: &'a Dispatch<'a>,
    originals: &'a Originals,
    frames: &'a dyn LoadFrames,
}

impl Writing<'_> {
    /// Writes the records of a mapped frame that are to be written, and counts all of them.
    async fn write(&self, mapped: DataFrame, tally: &mut ChunkTally) -> Result<(), EngineError> {
        let loader = self.dispatch.loader;
        let height = count(mapped.height());
        let numbers_behind = tally.numbers.pass(height);
        let sorting = Sorter::of(loader);
        let task = spawn_blocking(move || sorting.sort(mapped));
        let sorted = task.await.map_err(|_| EngineError::Stopped)??;
        tally.ledger.duplicate += sorted.duplicate;
        tally.ledger.filtered += sorted.deleted;
        let blank = sorted.blank.iter().map(|row| (*row, blank_record()));
        self.refuse(&sorted.mapped, numbers_behind, blank.collect(), tally).await?;
        let written = count(sorted.written.height());
        if written > 0 {
            let answer = self.frames.load_frame(&loader.target.names.object, sorted.written.clone()).await;
            let refused = answer.map_err(|error| EngineError::connector(loader.connection(), error))?;
            tally.ledger.created += written - count(refused.len());
            self.refuse(&sorted.mapped, numbers_behind, sorted.at_rows(refused), tally).await?;
        }
        self.dispatch.tell_done(height);
        Ok(())
    }

    /// Stores the records of these rows as dead letters.
    async fn refuse(
        &self,
        mapped: &DataFrame,
        numbers_behind: u64,
        refused: Vec<(usize, Rejection)>,
        tally: &mut ChunkTally,
    ) -> Result<(), EngineError> {
        let (mut letters, mut seen): (Vec<DeadLetter>, Vec<RecordKey>) = (Vec::new(), Vec::new());
        for (row, reason) in refused {
            let part = mapped.slice(i64::try_from(row).unwrap_or(i64::MAX), 1);
            for mut record in self.dispatch.loader.shape.preparation.records(&part)? {
                record.number = numbers_behind + count(row) + 1;
                seen.push(RecordKey::Id(record.source_id.clone()));
                let source = self.originals.json(&record.source_id);
                letters.push(letter(self.dispatch.context(), &record, DeadLetterKind::Rejected, &reason, source));
            }
        }
        tally.ledger.rejected += count(letters.len());
        save_rejects(self.dispatch, letters, seen).await
    }
}

/// Sorts the records of mapped frames by what becomes of them.
struct Sorter {
    ids: Arc<ReplacedIds>,
    fields: Arc<[MappedField]>,
    stamps: Vec<FieldName>,
    run_id: String,
}

/// The records of a mapped frame, sorted.
struct Sorted {
    mapped: DataFrame,
    /// The fields to write, of the records that are written.
    written: DataFrame,
    /// Which of the mapped records these are; none where they are all.
    kept: Option<BooleanChunked>,
    /// The rows of records that would be blank.
    blank: Vec<usize>,
    duplicate: u64,
    deleted: u64,
}

impl Sorter {
    fn of(loader: &Loader) -> Self {
        Self {
            ids: Arc::clone(&loader.replaced_ids),
            fields: Arc::clone(&loader.shape.preparation.fields),
            stamps: loader.policy.stamps.clone(),
            run_id: loader.target.run_id.clone(),
        }
    }

    fn sort(&self, mapped: DataFrame) -> Result<Sorted, EngineError> {
        let first = self.ids.note_first(mapped.column(ID)?.str()?);
        let present = &first & &!mapped.column(DELETED)?.bool()?.clone();
        let blank = self.blank(&mapped, &present)?;
        let kept = if blank.is_empty() { present.clone() } else { without(&present, &blank) };
        let is_all = trues(&kept) == mapped.height();
        let mut written = mapped.select(self.fields.iter().map(|field| field.name.as_str()))?;
        if !is_all {
            written = written.filter(&kept)?;
        }
        for name in &self.stamps {
            let stamped = col(name.as_str()).str().replace_all(lit(RUN_ID), lit(self.run_id.as_str()), true);
            written = written.lazy().with_column(stamped).collect()?;
        }
        let duplicate = count(mapped.height() - trues(&first));
        let deleted = count(trues(&first) - trues(&present));
        Ok(Sorted { mapped, written, kept: (!is_all).then_some(kept), blank, duplicate, deleted })
    }

    /// Returns the rows of records without any value. Most are known not to be such by their first field.
    fn blank(&self, mapped: &DataFrame, present: &BooleanChunked) -> Result<Vec<usize>, EngineError> {
        let mut blank: Option<Vec<usize>> = None;
        for field in self.fields.iter() {
            let column = mapped.column(&field.name)?;
            let rows = blank.take().unwrap_or_else(|| rows_of(present));
            let mut still = Vec::new();
            if let Ok(texts) = column.str() {
                let is_blank = |row: &usize| texts.get(*row).is_none_or(|text| text.trim().is_empty());
                still.extend(rows.into_iter().filter(is_blank));
            } else {
                for row in rows {
                    if is_blank(&Value::from_any(&column.get(row)?)?) {
                        still.push(row);
                    }
                }
            }
            if still.is_empty() {
                return Ok(still);
            }
            blank = Some(still);
        }
        Ok(blank.unwrap_or_default())
    }
}

impl Sorted {
    /// Returns what is said of written records as said of the rows of the mapped frame that they come from.
    fn at_rows(&self, said: Vec<(usize, Rejection)>) -> Vec<(usize, Rejection)> {
        let Some(kept) = self.kept.as_ref().filter(|_| !said.is_empty()) else { return said };
        let rows = rows_of(kept);
        said.into_iter().filter_map(|(place, reason)| Some((*rows.get(place)?, reason))).collect()
    }
}

fn rows_of(mask: &BooleanChunked) -> Vec<usize> {
    mask.iter().enumerate().filter(|(_, is_set)| *is_set == Some(true)).map(|(row, _)| row).collect()
}

fn without(mask: &BooleanChunked, rows: &[usize]) -> BooleanChunked {
    let rows: HashSet<&usize> = rows.iter().collect();
    let is_left = |(row, is_set): (usize, Option<bool>)| is_set.map(|is_set| is_set && !rows.contains(&row));
    mask.iter().enumerate().map(is_left).collect()
}

fn trues(mask: &BooleanChunked) -> usize {
    mask.sum().and_then(|count| usize::try_from(count).ok()).unwrap_or_default()
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
