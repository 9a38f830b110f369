//! The streams that a `join` looks into: each is read once more, through its own `where` and `transforms`, to disk.

use std::{collections::BTreeSet, sync::Arc};

use futures::{
    future::{BoxFuture, FutureExt},
    join,
};
use tokio::{sync::mpsc, task::spawn_blocking};

use crate::config::{Pipeline, Stream};
use crate::engine::{
    environment::{Environment, transform_error},
    error::EngineError,
    observer::Silent,
};
use crate::model::{Calls, SyncMode};
use crate::transform::{
    JoinInput, JoinInputs, Spool, TransformError,
    spec::{JoinOn, JoinSpec, MappingSpec, MappingSpecs, StepSpec},
};

use super::extract::{Chunk, Extent, Pace, ReadPlan, extract};

/// What the joins of a stream look into, and what asking for it cost.
#[derive(Debug, Default)]
pub(in crate::engine) struct ReadInputs {
    pub inputs: JoinInputs,
    pub calls: Calls,
    /// How many records of the joined streams were rejected: the records that would have met them miss their fields.
    pub rejected: u64,
}

/// Whether the records are needed, or what they look like is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Depth {
    Described,
    Read,
}

/// Describes or reads the streams that the joins of a stream name. Boxed, as such a stream may have joins of its own; that none
/// leads back to itself is known since the pipeline was loaded.
pub(in crate::engine) fn read_join_inputs<'a>(
    environment: &'a Environment,
    pipeline: &'a Pipeline,
    stream: &'a Stream,
    depth: Depth,
) -> BoxFuture<'a, Result<ReadInputs, EngineError>> {
    async move {
        let mut read = ReadInputs { inputs: JoinInputs::of_folder(&pipeline.base_dir), ..ReadInputs::default() };
        for name in joined_streams(stream) {
            let Some(other) = pipeline.stream(name) else { continue };
            let used = joined_fields(stream, name);
            let (input, calls, rejected) = read_join_input(environment, pipeline, other, used, depth).await?;
            read.inputs.streams.insert(other.name.clone(), input);
            read.calls += calls;
            read.rejected += rejected;
        }
        Ok(read)
    }
    .boxed()
}

async fn read_join_input(
    environment: &Environment,
    pipeline: &Pipeline,
    stream: &Stream,
    used: Option<MappingSpecs>,
    depth: Depth,
) -> Result<(JoinInput, Calls, u64), EngineError> {
    let inner = read_join_inputs(environment, pipeline, stream, depth).await?;
    let extraction = environment.connect_source(pipeline, stream)?;
    let used = used.as_ref().map(|used| vec![used]);
    let extent = used.as_deref().map_or(Extent::All(&[]), Extent::Used);
    let declared = extraction.describe(stream).await?;
    let mut plan = ReadPlan::compile(stream, (&extraction, &declared), &inner.inputs, extent)?;
    plan.request.sync_mode = SyncMode::FullRefresh;
    plan.observer = Arc::new(Silent);
    plan.pace = Pace::Whole;
    let mut input = JoinInput::described(&plan.steps);
    let mut rejected = inner.rejected;
    if depth == Depth::Read {
        let (sender, receiver) = mpsc::channel(1);
        let (read, spooled) = join!(extract(extraction.source.as_ref(), plan, sender), spool_chunks(receiver));
        // A full disk ends the read too; its own error says why.
        let (pages, rejects) = spooled?.map_err(|error| transform_error(stream, error))?;
        input.pages = Some(Arc::new(pages));
        rejected += rejects;
        read?;
    }
    let mut calls = inner.calls;
    calls += extraction.context.meter.calls();
    Ok((input, calls, rejected))
}

/// Writes chunks to disk as they come, and counts their rejects.
async fn spool_chunks(mut chunks: mpsc::Receiver<Chunk>) -> Result<Result<(Spool, u64), TransformError>, EngineError> {
    let writing = spawn_blocking(move || {
        let (mut spool, mut rejected) = (Spool::new()?, 0);
        while let Some(chunk) = chunks.blocking_recv() {
            rejected += u64::try_from(chunk.rejects.len()).unwrap_or(u64::MAX);
            if chunk.frame.width() > 0 {
                spool.push(chunk.frame)?;
            }
        }
        Ok((spool, rejected))
    });
    writing.await.map_err(|_| EngineError::Stopped)
}

fn joins(stream: &Stream) -> impl Iterator<Item = &JoinSpec> {
    stream.transforms.iter().filter_map(|step| match step {
        StepSpec::Join(join) => Some(join),
        _ => None,
    })
}

/// Returns the names of the streams that a stream joins.
pub(in crate::engine) fn joined_streams(stream: &Stream) -> BTreeSet<&str> {
    joins(stream).filter_map(|join| join.stream.as_deref()).collect()
}

/// Returns the fields of the other stream that the joins name; none where a join takes all of them.
fn joined_fields(stream: &Stream, other: &str) -> Option<MappingSpecs> {
    let mut used = MappingSpecs::default();
    for join in joins(stream).filter(|join| join.stream.as_deref() == Some(other)) {
        let compared: Vec<&String> = match &join.on {
            JoinOn::Same(name) => vec![name],
            JoinOn::Pairs(pairs) => pairs.values().collect(),
        };
        for name in compared.into_iter().chain(join.fields.as_ref()?) {
            used.insert(name.clone(), MappingSpec::Field(name.clone()));
        }
    }
    Some(used)
}
