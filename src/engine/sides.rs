//! The streams that a `join` looks into: each is read once more, through its own `where` and `transforms`, to disk.

use std::{collections::BTreeSet, sync::Arc};

use futures::{
    future::{BoxFuture, FutureExt},
    join,
};
use tokio::{sync::mpsc, task::spawn_blocking};

use crate::config::{Pipeline, Stream};
use crate::model::{Calls, SyncMode};
use crate::transform::{
    Side, Sides, Spool, TransformError,
    spec::{JoinOn, JoinSpec, MappingSpec, MappingSpecs, StepSpec},
};

use super::{
    error::EngineError,
    extract::{Chunk, ReadPlan, extract},
    observer::Silent,
    setup::{Environment, transform_error},
};

/// What the joins of a stream look into, and what asking for it cost.
#[derive(Debug, Default)]
pub(super) struct ReadSides {
    pub sides: Sides,
    pub calls: Calls,
}

/// Whether the records are needed, or what they look like is enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    Described,
    Read,
}

/// Describes or reads the streams that the joins of a stream name. Boxed, as such a stream may have joins of its own; that none
/// leads back to itself is known since the pipeline was loaded.
pub(super) fn read_sides<'a>(
    environment: &'a Environment,
    pipeline: &'a Pipeline,
    stream: &'a Stream,
    depth: Depth,
) -> BoxFuture<'a, Result<ReadSides, EngineError>> {
    async move {
        let mut read = ReadSides { sides: Sides::of_folder(&pipeline.base_dir), calls: Calls::default() };
        for name in joined_streams(stream) {
            let Some(other) = pipeline.stream(name) else { continue };
            let used = joined_fields(stream, name);
            let (side, calls) = read_side(environment, pipeline, other, used, depth).await?;
            read.sides.streams.insert(other.name.clone(), side);
            read.calls += calls;
        }
        Ok(read)
    }
    .boxed()
}

async fn read_side(
    environment: &Environment,
    pipeline: &Pipeline,
    stream: &Stream,
    used: Option<MappingSpecs>,
    depth: Depth,
) -> Result<(Side, Calls), EngineError> {
    let inner = read_sides(environment, pipeline, stream, depth).await?;
    let extraction = environment.connect_source(pipeline, stream)?;
    let used = used.as_ref().map(|used| vec![used]);
    let mut plan = ReadPlan::compile(stream, &extraction, &inner.sides, used.as_deref()).await?;
    plan.request.sync_mode = SyncMode::FullRefresh;
    plan.observer = Arc::new(Silent);
    let mut side = Side::described(&plan.steps);
    if depth == Depth::Read {
        let (sender, receiver) = mpsc::channel(1);
        let (read, spooled) = join!(extract(extraction.source.as_ref(), plan, sender), spool_chunks(receiver));
        // A full disk ends the read too; its own error says why.
        side.pages = Some(Arc::new(spooled?.map_err(|error| transform_error(stream, error))?));
        read?;
    }
    let mut calls = inner.calls;
    calls += extraction.context.meter.calls();
    Ok((side, calls))
}

/// Writes chunks to disk as they come.
async fn spool_chunks(mut chunks: mpsc::Receiver<Chunk>) -> Result<Result<Spool, TransformError>, EngineError> {
    let writing = spawn_blocking(move || {
        let mut spool = Spool::new()?;
        while let Some(chunk) = chunks.blocking_recv() {
            if chunk.frame.width() > 0 {
                spool.push(chunk.frame)?;
            }
        }
        Ok(spool)
    });
    writing.await.map_err(|_| EngineError::Stopped)
}

fn joins(stream: &Stream) -> impl Iterator<Item = &JoinSpec> {
    stream.transforms.iter().filter_map(|step| match step {
        StepSpec::Join(join) => Some(join),
        _ => None,
    })
}

fn joined_streams(stream: &Stream) -> BTreeSet<&str> {
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
