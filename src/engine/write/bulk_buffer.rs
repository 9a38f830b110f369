//! Records that wait on disk to be written together: a destination's bulk API takes far more of them at once than a
//! chunk has, and each of its batches costs several calls.
//!
//! Of a record that waits, only what tells it from others is in memory. Records of later chunks that may be the same as one
//! that waits are put off until its outcome is known: whether they are duplicates is decided by what is written.

use std::{
    collections::{BTreeSet, HashSet},
    io::{self, Write},
    sync::Arc,
};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value as Json;
use tokio::task::spawn_blocking;
use xxhash_rust::xxh3::xxh3_64;

use crate::connector::{ConnectorError, ErrorKind, SEGMENT_RECORDS, Segments};
use crate::engine::{decide::prepare::Prepared, error::EngineError, read::extract::CHUNK_RECORDS};
use crate::model::{BatchLimit, BatchRecord, FieldName, Operation, Spellings};
use crate::spool::{Spool, SpoolWriter};

use super::{batch::line_bytes, fate::Item, item::RecordItem};

/// The records of one destination that wait.
#[derive(Debug, Default)]
pub(in crate::engine) struct BulkBuffer {
    groups: Vec<Group>,
    /// Hashes of the source ids and keys of all that waits. Two of one hash are only put off without need.
    marks: HashSet<u64>,
    deferred: Vec<Deferred>,
}

/// A record that waits for the outcome of one that may be the same, with what the source gave.
pub(in crate::engine) type Deferred = (Arc<Prepared>, Json);

/// The records of one operation that wait.
#[derive(Debug)]
struct Group {
    operation: Operation,
    limit: BatchLimit,
    writer: SpoolWriter,
    lines: Vec<Line>,
    fields: BTreeSet<FieldName>,
    bytes: usize,
    /// Most bytes that a chunk added.
    most_bytes: usize,
}

/// Where a record is on disk, and how large it is when it is sent.
#[derive(Debug, Clone, Copy)]
struct Line {
    start: u64,
    bytes: u32,
}

/// Records of one operation, gathered: they can be read in any selection and as often as it takes.
#[derive(Debug)]
pub(in crate::engine) struct BufferedRecords {
    pub operation: Operation,
    /// Limits of a batch of the ordinary way.
    pub limit: BatchLimit,
    pub fields: Vec<FieldName>,
    spool: Spool,
    lines: Vec<Line>,
}

/// Some records of a buffered, as a connector gets to see them.
pub(in crate::engine) struct Selected<'buffered> {
    pub buffered: &'buffered BufferedRecords,
    pub places: &'buffered [usize],
}

impl BulkBuffer {
    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.deferred.is_empty()
    }

    /// Returns how many records of an operation wait.
    pub(in crate::engine) fn waiting(&self, operation: &Operation) -> usize {
        self.groups.iter().filter(|group| group.operation == *operation).map(|group| group.lines.len()).sum()
    }

    /// Tells whether another chunk could be more than a batch takes.
    pub(in crate::engine) fn is_full(&self, limit_of: impl Fn(BatchLimit) -> BatchLimit) -> bool {
        let is_group_full = |group: &Group| {
            let limit = limit_of(group.limit);
            let max_records = usize::try_from(limit.max_records.get()).unwrap_or(usize::MAX);
            group.lines.len() + CHUNK_RECORDS > max_records || group.bytes + group.most_bytes > limit.max_bytes
        };
        self.deferred.len() >= CHUNK_RECORDS || self.groups.iter().any(is_group_full)
    }

    /// Tells whether a record may be the same as one that waits: by its source id, and by its key where keys tell.
    pub(in crate::engine) fn may_hold(&self, record: &Prepared, do_keys_tell: bool) -> bool {
        let most = if do_keys_tell { usize::MAX } else { 1 };
        marks(record).take(most).any(|mark| self.marks.contains(&mark))
    }

    /// Tells whether a record links to one of its own stream that may wait: it goes behind it, so that the link goes along with it.
    pub(in crate::engine) fn may_hold_linked(&self, record: &Prepared, stream: &str, spellings: &Spellings) -> bool {
        let own_links = record.links.iter().filter(|link| *link.stream == *stream);
        let mut linked = own_links.flat_map(|link| &link.linked_ids).filter(|id| **id != record.source_id);
        linked.any(|id| spellings.known_as(id, |id| self.marks.contains(&xxh3_64(id.as_bytes()))).is_some())
    }

    /// Puts a record off until those that wait have their outcomes.
    pub(in crate::engine) fn defer(&mut self, record: Arc<Prepared>, source: Json) {
        self.marks.extend(marks(&record));
        self.deferred.push((record, source));
    }

    /// Takes the items of one operation of a chunk.
    pub(in crate::engine) async fn put(
        &mut self,
        operation: &Operation,
        limit: BatchLimit,
        items: Vec<RecordItem>,
    ) -> Result<(), EngineError> {
        self.marks.extend(items.iter().flat_map(|item| marks(&item.prepared)));
        let place = self.groups.iter().position(|group| group.operation == *operation).unwrap_or(self.groups.len());
        let group = if place < self.groups.len() {
            self.groups.remove(place)
        } else {
            Group::new(operation.clone(), limit).map_err(|error| unspooled(&error))?
        };
        let written = spawn_blocking(move || group.with(&items)).await.map_err(|_| EngineError::Stopped)?;
        self.groups.insert(place, written.map_err(|error| unspooled(&error))?);
        Ok(())
    }

    /// Returns all that waits, and waits for nothing any more.
    pub(in crate::engine) async fn take(&mut self) -> Result<(Vec<BufferedRecords>, Vec<Deferred>), EngineError> {
        let Self { groups, deferred, .. } = std::mem::take(self);
        let closed = spawn_blocking(|| groups.into_iter().map(Group::close).collect::<io::Result<Vec<_>>>());
        let groups = closed.await.map_err(|_| EngineError::Stopped)?.map_err(|error| unspooled(&error))?;
        Ok((groups, deferred))
    }
}

/// Returns the marks of a record: that of its source id first, that of its key then.
fn marks(record: &Prepared) -> impl Iterator<Item = u64> {
    let key = record.key.as_ref().map(|key| xxh3_64(&key.hash.to_le_bytes()));
    [xxh3_64(record.source_id.as_bytes())].into_iter().chain(key)
}

impl Group {
    fn new(operation: Operation, limit: BatchLimit) -> io::Result<Self> {
        let writer = SpoolWriter::new()?;
        Ok(Self { operation, limit, writer, lines: Vec::new(), fields: BTreeSet::new(), bytes: 0, most_bytes: 0 })
    }

    /// Adds the items of a chunk.
    fn with(mut self, items: &[RecordItem]) -> io::Result<Self> {
        let bytes_before = self.bytes;
        items.iter().try_for_each(|item| self.put(item))?;
        self.most_bytes = self.most_bytes.max(self.bytes - bytes_before);
        Ok(self)
    }

    fn put(&mut self, item: &RecordItem) -> io::Result<()> {
        let bytes = line_bytes(item.record());
        self.lines.push(Line { start: self.writer.len(), bytes: u32::try_from(bytes).unwrap_or(u32::MAX) });
        self.bytes += bytes;
        for name in item.record().fields.keys() {
            if !self.fields.contains(name) {
                self.fields.insert(name.clone());
            }
        }
        serde_json::to_writer(&mut self.writer, item)?;
        self.writer.write_all(b"\n")
    }

    fn close(self) -> io::Result<BufferedRecords> {
        Ok(BufferedRecords {
            operation: self.operation,
            limit: self.limit,
            fields: self.fields.into_iter().collect(),
            spool: self.writer.finish()?,
            lines: self.lines,
        })
    }
}

impl BufferedRecords {
    /// Cuts the records into batches within a limit, in order, as [`cut`](super::batch::cut) does.
    pub(in crate::engine) fn cut(&self, limit: BatchLimit) -> Vec<Vec<usize>> {
        let max_records = usize::try_from(limit.max_records.get()).unwrap_or(usize::MAX);
        let mut batches = Vec::new();
        let (mut batch, mut batch_bytes) = (Vec::new(), 0);
        for (place, line) in self.lines.iter().enumerate() {
            let bytes = usize::try_from(line.bytes).unwrap_or(usize::MAX);
            let is_full = batch.len() >= max_records || batch_bytes + bytes > limit.max_bytes;
            if is_full && !batch.is_empty() {
                batches.push(std::mem::take(&mut batch));
                batch_bytes = 0;
            }
            batch_bytes += bytes;
            batch.push(place);
        }
        batches.extend((!batch.is_empty()).then_some(batch));
        batches
    }

    /// Reads the records at these places, in this order.
    pub(in crate::engine) fn read(&self, places: &[usize]) -> Result<Vec<RecordItem>, EngineError> {
        let mut items: Vec<RecordItem> = self.read_as(places).map_err(|error| unspooled(&error))?;
        for (item, place) in items.iter_mut().zip(places) {
            item.put_at(*place);
        }
        Ok(items)
    }

    /// Reads the source ids of the records at these places.
    pub(in crate::engine) fn source_ids(&self, places: &[usize]) -> Result<Vec<String>, EngineError> {
        #[derive(Deserialize)]
        struct Slim {
            prepared: SlimPrepared,
        }
        #[derive(Deserialize)]
        struct SlimPrepared {
            source_id: String,
        }
        let items: Vec<Slim> = self.read_as(places).map_err(|error| unspooled(&error))?;
        Ok(items.into_iter().map(|item| item.prepared.source_id).collect())
    }

    /// Reads what is sent of the records at these places.
    fn records(&self, places: &[usize]) -> io::Result<Vec<BatchRecord>> {
        #[derive(Deserialize)]
        struct Slim {
            record: BatchRecord,
        }
        let items: Vec<Slim> = self.read_as(places)?;
        let numbered = items.into_iter().zip(places);
        Ok(numbered.map(|(item, place)| BatchRecord { trace_id: place.to_string(), ..item.record }).collect())
    }

    fn read_as<T: DeserializeOwned>(&self, places: &[usize]) -> io::Result<Vec<T>> {
        let start = |place: usize| self.lines.get(place).map_or(self.spool.len(), |line| line.start);
        let mut read = Vec::with_capacity(places.len());
        // Neighbours are read in one go.
        for run in places.chunk_by(|place, next| *next == place + 1) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let bytes = self.spool.bytes(start(*first), start(last + 1))?;
            for item in serde_json::Deserializer::from_slice(&bytes).into_iter() {
                read.push(item?);
            }
        }
        Ok(read)
    }
}

impl Segments for Selected<'_> {
    fn len(&self) -> usize {
        self.places.len()
    }

    fn segment(&self, first: usize) -> Result<Vec<BatchRecord>, ConnectorError> {
        let places = self.places.get(first..).unwrap_or_default();
        let records = self.buffered.records(&places[..places.len().min(SEGMENT_RECORDS)]);
        records.map_err(|error| ConnectorError::new(ErrorKind::Unexpected, "spool", error.to_string()))
    }
}

fn unspooled(error: &io::Error) -> EngineError {
    EngineError::File { path: std::env::temp_dir().display().to_string(), reason: error.to_string() }
}

#[cfg(test)]
mod tests;
