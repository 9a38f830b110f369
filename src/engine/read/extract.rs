//! Reads a stream page by page, applies filter and steps, and hands on chunks that are worth loading at once.

use std::{ops::ControlFlow, path::PathBuf, sync::Arc};

use futures::{StreamExt, stream::BoxStream};
use polars::{
    frame::DataFrame,
    prelude::{ParquetCompression, ParquetWriter},
};
use tempfile::TempDir;
use tokio::{sync::mpsc, task::spawn_blocking};
use tokio_util::sync::CancellationToken;

use crate::config::Stream;
use crate::connector::{ConnectorError, ErrorKind, ReadRequest, Source};
use crate::engine::{
    environment::{Extraction, frame_schema, transform_error},
    error::EngineError,
    observer::{Observer, Silent},
    quota::QuotaGuard,
};
use crate::model::{ConnectionName, Cursor, FieldName, Page, Schema, StreamName, is_reserved};
use crate::transform::{Filter, Filtered, JoinInputs, Rejected, Stepped, Steps, fields_used, spec::MappingSpecs};

use super::{coverage::Coverage, pushdown::pushed_down};

/// Records of a chunk. A chunk is matched and committed as a whole; its batches are full but for the last one of each
/// operation, so a large chunk wastes few calls: at 100 records a batch and 10,000 a chunk, at most one call in a hundred.
pub(in crate::engine) const CHUNK_RECORDS: usize = if cfg!(test) { 20 } else { 10_000 };

/// Records that are loaded together; the checkpoint moves when all destinations are done with them.
#[derive(Debug)]
pub(in crate::engine) struct Chunk {
    /// The records, after all steps.
    pub frame: DataFrame,
    /// Records read.
    pub read: u64,
    /// Records left out by filters.
    pub filtered: u64,
    /// Records left out as duplicates.
    pub duplicate: u64,
    /// Records that could not be read or did not pass a step.
    pub rejects: Vec<Rejected>,
    /// Of records left out by a step as duplicates: their ids, each with that of the record that goes on.
    pub duplicates: Vec<(String, String)>,
    /// Where a read goes on after this chunk.
    pub cursor: Option<Cursor>,
}

type Pages<'source> = BoxStream<'source, Result<Page, ConnectorError>>;

/// What is read and what is done with it before mapping.
#[derive(Debug, Clone)]
pub(in crate::engine) struct ReadPlan {
    pub stream: StreamName,
    pub connection: ConnectionName,
    pub request: ReadRequest,
    pub filter: Option<Arc<Filter>>,
    pub steps: Arc<Steps>,
    /// Most records to read.
    pub limit: Option<u64>,
    pub observer: Arc<dyn Observer>,
    /// Ends the read between two pages.
    pub shutdown: CancellationToken,
    /// Ends the read between two pages when the source's quota is used as far as the pipeline allows.
    pub quota: QuotaGuard,
    /// The fields that the source declares and that are not read.
    pub others: Vec<FieldName>,
    /// Looks at these, where somebody wants to know what they hold.
    pub coverage: Option<Arc<Coverage>>,
    /// How much is read at once.
    pub pace: Pace,
}

/// How much of a stream is read at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Pace {
    /// Pages with cursors, so that a read can go on behind each of them.
    Pages,
    /// Large frames: the stream is read from its beginning to its end or not at all.
    Whole,
}

/// Which fields are read, beside those that the steps use. Links are read where mappings use them.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) enum Extent<'a> {
    /// Those that these mappings use.
    Used(&'a [&'a MappingSpecs]),
    /// All that the source declares, and the links of these mappings.
    All(&'a [&'a MappingSpecs]),
}

/// Reads the stream to its end and sends its chunks. Returns whether it was read to its end (a limit stops earlier).
pub(in crate::engine) async fn extract(
    source: &dyn Source,
    plan: ReadPlan,
    chunks: mpsc::Sender<Chunk>,
) -> Result<bool, EngineError> {
    if plan.steps.is_stateful() {
        return extract_spooled(source, plan, chunks).await;
    }
    let mut pages = plan.open(source);
    let mut gathered = Gathered::default();
    let mut budget = plan.limit.unwrap_or(u64::MAX);
    while budget > 0 {
        plan.check_goes_on()?;
        let page = match plan.next_page(&mut pages).await {
            Ok(None) => break,
            Ok(Some(page)) => page,
            Err(error) => {
                // What was read before is whole and has its cursor: it is loaded, then the reason is told.
                gathered.send(&chunks).await?;
                return Err(error);
            }
        };
        let page = plan.take(page, &mut budget);
        let cursor = page.cursor.clone();
        let (filter, look) = (plan.filter.clone(), plan.looker());
        let steps = Arc::clone(&plan.steps);
        let part =
            spawn_blocking(move || transform_page(Page { frame: look(page.frame), ..page }, filter.as_deref(), &steps))
                .await
                .map_err(|_| EngineError::Stopped)??;
        gathered.add(part, cursor)?;
        if gathered.is_full() {
            gathered.send(&chunks).await?;
        }
    }
    gathered.send(&chunks).await?;
    Ok(budget > 0)
}

/// The stateful way: the whole stream goes to disk, then through the steps, and comes back in chunks.
async fn extract_spooled(
    source: &dyn Source,
    plan: ReadPlan,
    chunks: mpsc::Sender<Chunk>,
) -> Result<bool, EngineError> {
    let spool = Spool::new()?;
    let mut pages = plan.open(source);
    let mut budget = plan.limit.unwrap_or(u64::MAX);
    let mut totals = Chunk::default();
    let mut files: Vec<PathBuf> = Vec::new();
    while budget > 0 {
        plan.check_goes_on()?;
        let Some(page) = plan.next_page(&mut pages).await? else { break };
        let page = plan.take(page, &mut budget);
        totals.cursor = page.cursor.clone().or(totals.cursor);
        totals.read += page_records(&page);
        let Page { frame, rejects, .. } = page;
        totals.rejects.extend(rejects.into_iter().map(read_reject));
        if totals.rejects.len() >= CHUNK_RECORDS {
            // What is in memory does not grow with the stream.
            totals.send_counts(&chunks).await?;
        }
        let path = spool.folder.path().join(format!("{:08}.parquet", files.len()));
        let (filter, look, file) = (plan.filter.clone(), plan.looker(), path.clone());
        let judged = spawn_blocking(move || spool_page(look(frame), filter.as_deref(), &file))
            .await
            .map_err(|_| EngineError::Stopped)??;
        totals.filtered += judged.filtered;
        totals.rejects.extend(judged.rejects);
        files.push(path);
    }
    // Before the records: how many were read is what a share of them (`limits.max_rejects`) is taken of.
    totals.send_counts(&chunks).await?;
    let steps = Arc::clone(&plan.steps);
    let sender = chunks.clone();
    let shutdown = plan.shutdown.clone();
    let stepped = spawn_blocking(move || {
        let mut deliver = |frame: DataFrame, rejects: Vec<Rejected>| {
            let chunk = Chunk { frame, rejects, ..Chunk::default() };
            let is_over = shutdown.is_cancelled() || sender.blocking_send(chunk).is_err();
            if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        steps.apply_spooled(&files, &mut deliver)
    });
    let stepped = stepped.await.map_err(|_| EngineError::Stopped)?.map_err(|error| plan.transform_error(error))?;
    plan.check_goes_on()?;
    totals.count(stepped);
    chunks.send(totals).await.map_err(|_| EngineError::Stopped)?;
    Ok(budget > 0)
}

impl ReadPlan {
    /// Compiles filter and steps for records as the source declares them.
    pub(in crate::engine) fn compile(
        stream: &Stream,
        (extraction, declared): (&Extraction, &Schema),
        inputs: &JoinInputs,
        extent: Extent<'_>,
    ) -> Result<Self, EngineError> {
        let schema = frame_schema(declared);
        let failed = |error| transform_error(stream, error);
        let filter = stream.filter.as_deref().map(|sql| Filter::compile(sql, &schema)).transpose().map_err(failed)?;
        let steps = Steps::compile(&stream.transforms, &schema, inputs).map_err(failed)?;
        let (mappings, all) = match extent {
            Extent::Used(mappings) => (mappings, false),
            Extent::All(mappings) => (mappings, true),
        };
        let used = fields_used(&stream.transforms, mappings, stream.filter.as_deref());
        let used = used.map_err(failed)?;
        let names = used.names(declared);
        let own = declared.fields.iter().map(|field| field.name.clone()).filter(|name| !is_reserved(name));
        let (listed, others): (Vec<FieldName>, Vec<FieldName>) = own.partition(|name| all || names.contains(name));
        // What an open schema does not list is asked for all the same, so that every frame has the columns that are used.
        let unlisted = names.iter().filter(|name| declared.is_open && declared.field(name).is_none());
        let predicate = filter.as_ref().and_then(Filter::predicate);
        Ok(Self {
            stream: stream.name.clone(),
            connection: stream.connection.clone(),
            request: ReadRequest {
                object: stream.object.clone(),
                fields: listed.into_iter().chain(unlisted.cloned()).collect(),
                shown: Vec::new(),
                links: used.links.into_iter().collect(),
                filter: predicate.and_then(|predicate| pushed_down(predicate, extraction.capabilities.filter)),
                sync_mode: stream.sync_mode,
                cursor: None,
            },
            filter: filter.map(Arc::new),
            steps: Arc::new(steps),
            limit: None,
            observer: Arc::new(Silent),
            shutdown: extraction.context.transport.shutdown.clone(),
            quota: extraction.quota.clone(),
            others,
            coverage: None,
            pace: Pace::Pages,
        })
    }

    fn open<'source>(&self, source: &'source dyn Source) -> Pages<'source> {
        let whole = source.whole().filter(|_| self.pace == Pace::Whole);
        match whole {
            Some(whole) => whole.read_whole(self.request.clone()),
            None => source.read(self.request.clone()),
        }
    }

    /// Looks at the fields that are not read, too.
    pub(in crate::engine) fn cover(&mut self, coverage: Arc<Coverage>) {
        self.request.shown.clone_from(&self.others);
        coverage.begin(&self.request.fields, &self.others);
        self.coverage = Some(coverage);
    }

    /// Returns what takes out of a frame what is only looked at.
    fn looker(&self) -> impl FnOnce(DataFrame) -> DataFrame + Send + 'static {
        let covering = self.coverage.clone().map(|coverage| (coverage, self.others.clone()));
        move |frame| match covering {
            Some((coverage, others)) => coverage.look(&frame, &others),
            None => frame,
        }
    }

    /// Cuts a page to what the limit still allows, and tells the observer.
    fn take(&self, mut page: Page, budget: &mut u64) -> Page {
        let height = usize::try_from(*budget).unwrap_or(usize::MAX).min(page.frame.height());
        if height < page.frame.height() {
            page.frame = page.frame.head(Some(height));
            page.rejects.clear();
            page.cursor = None;
        }
        if self.pace == Pace::Whole {
            page.cursor = None;
        }
        let records = page_records(&page);
        if let Some(left) = page.left {
            self.observer.records_left(&self.stream, left.min(*budget));
        }
        *budget = budget.saturating_sub(records);
        self.observer.records_read(&self.stream, records);
        page
    }

    /// Reads the next page, if the source's quota allows it.
    async fn next_page(&self, pages: &mut Pages<'_>) -> Result<Option<Page>, EngineError> {
        self.quota.check()?;
        let page = pages.next().await.transpose();
        page.map_err(|error| EngineError::connector(&self.connection, error))
    }

    fn check_goes_on(&self) -> Result<(), EngineError> {
        if self.shutdown.is_cancelled() {
            return Err(EngineError::asked_to_stop());
        }
        Ok(())
    }

    fn transform_error(&self, error: crate::transform::TransformError) -> EngineError {
        EngineError::Transform { stream: self.stream.clone(), error: Box::new(error) }
    }
}

impl Default for Chunk {
    fn default() -> Self {
        Self {
            frame: DataFrame::empty(),
            read: 0,
            filtered: 0,
            duplicate: 0,
            rejects: Vec::new(),
            duplicates: Vec::new(),
            cursor: None,
        }
    }
}

impl Chunk {
    /// Hands on all but the cursor.
    async fn send_counts(&mut self, chunks: &mpsc::Sender<Self>) -> Result<(), EngineError> {
        let cursor = self.cursor.take();
        let counts = std::mem::replace(self, Self { cursor, ..Self::default() });
        chunks.send(counts).await.map_err(|_| EngineError::Stopped)
    }

    fn count(&mut self, stepped: Stepped) {
        self.read += stepped.added;
        self.filtered += stepped.filtered;
        self.duplicate += stepped.duplicate;
        self.rejects.extend(stepped.rejects);
        self.duplicates.extend(stepped.duplicates);
    }
}

#[derive(Default)]
struct Gathered {
    chunk: Chunk,
    is_begun: bool,
}

impl Gathered {
    fn add(&mut self, part: Chunk, cursor: Option<Cursor>) -> Result<(), EngineError> {
        self.is_begun = true;
        let chunk = &mut self.chunk;
        chunk.read += part.read;
        chunk.filtered += part.filtered;
        chunk.duplicate += part.duplicate;
        chunk.rejects.extend(part.rejects);
        chunk.duplicates.extend(part.duplicates);
        chunk.cursor = cursor.or(chunk.cursor.take());
        if chunk.frame.width() == 0 {
            chunk.frame = part.frame;
        } else {
            chunk.frame.vstack_mut(&part.frame)?;
        }
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.chunk.frame.height() >= CHUNK_RECORDS || self.chunk.rejects.len() >= CHUNK_RECORDS
    }

    async fn send(&mut self, chunks: &mpsc::Sender<Chunk>) -> Result<(), EngineError> {
        if !std::mem::take(&mut self.is_begun) {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.chunk);
        chunks.send(chunk).await.map_err(|_| EngineError::Stopped)
    }
}

/// A folder on disk for the pages of a stateful stream; gone when this is dropped.
struct Spool {
    folder: TempDir,
}

impl Spool {
    fn new() -> Result<Self, EngineError> {
        let folder = TempDir::with_prefix("ferry-spool-").map_err(|error| EngineError::File {
            path: std::env::temp_dir().display().to_string(),
            reason: error.to_string(),
        })?;
        Ok(Self { folder })
    }
}

fn spool_page(frame: DataFrame, filter: Option<&Filter>, path: &PathBuf) -> Result<Filtered, EngineError> {
    let mut judged = judge(frame, filter)?;
    let failed =
        |error: std::io::Error| EngineError::File { path: path.display().to_string(), reason: error.to_string() };
    let file = std::fs::File::create(path).map_err(failed)?;
    ParquetWriter::new(file).with_compression(ParquetCompression::Uncompressed).finish(&mut judged.frame)?;
    judged.frame = DataFrame::empty();
    Ok(judged)
}

fn judge(frame: DataFrame, filter: Option<&Filter>) -> Result<Filtered, EngineError> {
    match filter {
        Some(filter) => filter.apply(frame).map_err(|error| EngineError::Unsupported(error.to_string())),
        None => Ok(Filtered { frame, filtered: 0, rejects: Vec::new() }),
    }
}

fn transform_page(page: Page, filter: Option<&Filter>, steps: &Steps) -> Result<Chunk, EngineError> {
    let mut chunk = Chunk { read: page_records(&page), ..Chunk::default() };
    chunk.rejects.extend(page.rejects.into_iter().map(read_reject));
    let Filtered { mut frame, filtered, rejects } = judge(page.frame, filter)?;
    chunk.filtered = filtered;
    chunk.rejects.extend(rejects);
    if !steps.is_empty() {
        let failed = |error: crate::transform::TransformError| EngineError::Unsupported(error.to_string());
        let mut stepped = steps.apply(frame).map_err(failed)?;
        frame = std::mem::replace(&mut stepped.frame, DataFrame::empty());
        chunk.count(stepped);
    }
    chunk.frame = frame;
    Ok(chunk)
}

fn page_records(page: &Page) -> u64 {
    u64::try_from(page.frame.height() + page.rejects.len()).unwrap_or(u64::MAX)
}

fn read_reject(reject: crate::model::ReadReject) -> Rejected {
    let mut rejection = crate::model::Rejection::new(reject.code, reject.reason);
    rejection.field = reject.field;
    rejection.value = reject.value;
    Rejected { id: reject.id, has_id: reject.has_id, line: reject.line, rejection, source: reject.record }
}

/// Tells whether a read may be tried again from the beginning.
pub(in crate::engine) fn is_expired(error: &EngineError) -> bool {
    let EngineError::Connector { error, .. } = error else { return false };
    match error.kind {
        ErrorKind::CursorExpired => true,
        ErrorKind::Unauthorized
        | ErrorKind::NotFound
        | ErrorKind::Refused
        | ErrorKind::Unanswered
        | ErrorKind::Unavailable
        | ErrorKind::QuotaSpent
        | ErrorKind::Cancelled
        | ErrorKind::Unexpected
        | ErrorKind::Io => false,
    }
}
