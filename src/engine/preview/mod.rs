//! Shows what a pipeline would make of its records: reads some of them, maps them, and writes nothing. Start at [`preview`].

mod destination;
mod letters;
mod reasons;
mod report;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use futures::join;
use polars::frame::DataFrame;
use serde_json::Value as Json;
use tokio::sync::mpsc;

use crate::config::{Pipeline, Stream};
use crate::engine::{
    accounts::{RunAccounts, RunIdentity, learn_account},
    environment::{Environment, connection},
    error::EngineError,
    observer::Silent,
    order::order_streams,
    read::{
        extract::{Chunk, Extent, ReadPlan, extract},
        join_inputs::{Depth, read_join_inputs},
    },
};
use crate::model::{ConnectionName, StreamName, SyncMode, Value, is_reserved};

pub use report::{
    DestinationPreview, DroppedValue, FieldPreview, PreviewReport, RecordPreview, RejectPreview, RejectSample,
    RejectedRecord, StandardPreview, StreamPreview, UnmappedField,
};

use destination::Previewed;

/// What a preview reads and shows.
#[derive(Debug, Clone, Default)]
pub struct PreviewOptions {
    /// The streams; all of them where empty.
    pub streams: Vec<StreamName>,
    /// A condition in addition to the stream's `where`.
    pub filter: Option<String>,
    /// Most records to read of a stream.
    pub rows: u64,
    /// Most records to show of each destination.
    pub shown: usize,
}

/// Reads records of a pipeline's streams and maps them. Nothing is written, at the vendors or in the state file.
///
/// # Errors
/// Fails when a source cannot be read, or a mapping does not fit what the systems declare.
pub async fn preview(
    environment: &Environment,
    pipeline: &Pipeline,
    options: &PreviewOptions,
) -> Result<PreviewReport, EngineError> {
    let mut report = PreviewReport { pipeline: pipeline.name.clone(), streams: Vec::new() };
    let mut known: BTreeSet<ConnectionName> = BTreeSet::new();
    for index in order_streams(&pipeline.streams).map_err(|error| EngineError::Unsupported(error.to_string()))? {
        let stream = &pipeline.streams[index];
        if !options.streams.is_empty() && !options.streams.contains(&stream.name) {
            continue;
        }
        let targets = stream.destinations.iter().map(|config| &config.connection);
        for name in std::iter::once(&stream.connection).chain(targets) {
            if known.insert(name.clone()) {
                // A pinned connection that reaches another account is not worked with.
                let context = environment.context_of(name);
                learn_account(&environment.registry, connection(pipeline, name)?, &context).await?;
            }
        }
        report.streams.push(preview_stream(environment, pipeline, stream, options).await?);
    }
    Ok(report)
}

async fn preview_stream(
    environment: &Environment,
    pipeline: &Pipeline,
    stream: &Stream,
    options: &PreviewOptions,
) -> Result<StreamPreview, EngineError> {
    let stream = Stream { filter: both(stream.filter.as_deref(), options.filter.as_deref()), ..stream.clone() };
    let extraction = environment.connect_source(pipeline, &stream)?;
    let inputs = read_join_inputs(environment, pipeline, &stream, Depth::Read).await?.inputs;
    // All fields: those that no mapping takes are shown too.
    let mappings: Vec<_> = stream.destinations.iter().map(|config| &config.mappings).collect();
    let declared = extraction.describe(&stream).await?;
    let mut plan = ReadPlan::compile(&stream, (&extraction, &declared), &inputs, Extent::All(&mappings))?;
    plan.request.sync_mode = SyncMode::FullRefresh;
    plan.limit = Some(options.rows);
    plan.observer = Arc::new(Silent);
    let schema = plan.steps.output().clone();
    let mut destinations = Vec::with_capacity(stream.destinations.len());
    for config in &stream.destinations {
        let context = environment.context_of(&config.connection);
        // Nothing is kept of a preview, so there is nothing to tell apart.
        let run = RunIdentity { id: "", accounts: &RunAccounts::default(), review: None };
        let loader = environment.connect_destination(pipeline, &stream, config, &schema, run, context).await?;
        destinations.push(Previewed::new(loader, config, &schema, options.shown));
    }
    let mapped: BTreeSet<String> = destinations.iter().flat_map(Previewed::origins).collect();
    let mut tally = Tally::default();
    let (sender, mut receiver) = mpsc::channel(1);
    let look = async {
        while let Some(chunk) = receiver.recv().await {
            tally.add(&chunk, &mapped);
            for destination in &mut destinations {
                destination.add(&chunk).await?;
            }
        }
        Ok::<_, EngineError>(())
    };
    let (read, looked) = join!(extract(extraction.source.as_ref(), plan, sender), look);
    looked?;
    Ok(StreamPreview {
        is_whole: read?,
        name: stream.name,
        connection: stream.connection,
        object: stream.object,
        read: tally.read,
        filtered: tally.filtered,
        duplicate: tally.duplicate,
        unmapped: tally.unmapped(),
        destinations: destinations.into_iter().map(Previewed::finish).collect(),
    })
}

/// Joins two conditions.
fn both(own: Option<&str>, asked: Option<&str>) -> Option<String> {
    match (own, asked) {
        (Some(own), Some(asked)) => Some(format!("({own}) AND ({asked})")),
        (one, other) => one.or(other).map(str::to_owned),
    }
}

/// What was read of a stream.
#[derive(Default)]
struct Tally {
    read: u64,
    filtered: u64,
    duplicate: u64,
    /// How many values a field has, and one of them.
    unmapped: BTreeMap<String, (u64, Json)>,
}

impl Tally {
    fn add(&mut self, chunk: &Chunk, mapped: &BTreeSet<String>) {
        self.read += chunk.read;
        self.filtered += chunk.filtered;
        self.duplicate += chunk.duplicate;
        let is_shown = |name: &str| !is_reserved(name) && !mapped.contains(name);
        for column in chunk.frame.columns().iter().filter(|column| is_shown(column.name())) {
            let filled = u64::try_from(column.len() - column.null_count()).unwrap_or(u64::MAX);
            let entry = self.unmapped.entry(column.name().to_string()).or_insert((0, Json::Null));
            entry.0 += filled;
            if entry.1.is_null() && filled > 0 {
                entry.1 = sample(&chunk.frame, column.name()).unwrap_or_default();
            }
        }
    }

    fn unmapped(self) -> Vec<UnmappedField> {
        let filled = self.unmapped.into_iter().filter(|(_, (filled, _))| *filled > 0);
        let mut fields: Vec<UnmappedField> =
            filled.map(|(field, (filled, sample))| UnmappedField { field, filled, sample }).collect();
        fields.sort_by_key(|field| std::cmp::Reverse(field.filled));
        fields
    }
}

/// Returns the first value of a column.
fn sample(frame: &DataFrame, column: &str) -> Option<Json> {
    let first = frame.column(column).ok()?.drop_nulls();
    Some(Value::from_any(&first.get(0).ok()?).ok()?.to_json())
}
