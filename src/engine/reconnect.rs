//! Connects a destination of a stream whose records do not come from the source: out of dead letters, a plan, or images.

use crate::config::Pipeline;
use crate::model::{Calls, Schema};
use crate::state::Target;
use crate::transform::Steps;

use super::{
    accounts::RunIdentity,
    environment::{Environment, frame_schema, transform_error},
    error::EngineError,
    read::join_inputs::{Depth, read_join_inputs},
    setup::Loader,
};

/// Which stream of a pipeline, and which of its destinations.
pub(super) type Place = (usize, usize);

/// A destination, connected, and what that took.
pub(super) struct Reconnected {
    pub loader: Loader,
    /// What the stream's records look like before they are mapped.
    pub schema: Schema,
    /// Calls to the source and the streams that are joined: the mappings are compiled against what they declare.
    pub source_calls: Calls,
}

/// Finds where the pipeline has a target, if it still has it.
pub(super) fn place_of(pipeline: &Pipeline, target: &Target) -> Option<Place> {
    let stream_index = pipeline.streams.iter().position(|stream| stream.name == target.stream)?;
    let mut destinations = pipeline.streams[stream_index].destinations.iter();
    let index =
        destinations.position(|config| config.connection == target.connection && config.object == target.object)?;
    Some((stream_index, index))
}

/// Connects the destination at a place. The source is asked what its records look like, and no record is read.
///
/// # Errors
/// Fails when one of the systems cannot be asked, or when the mappings do not fit what they declare.
pub(super) async fn reconnect(
    environment: &Environment,
    pipeline: &Pipeline,
    (stream_index, destination_index): Place,
    run: RunIdentity<'_>,
) -> Result<Reconnected, EngineError> {
    let stream = &pipeline.streams[stream_index];
    let config = &stream.destinations[destination_index];
    let extraction = environment.connect_source(pipeline, stream)?;
    let described = extraction.source.describe(&stream.object).await;
    let declared = described.map_err(|error| EngineError::connector(&stream.connection, error))?;
    let joined = read_join_inputs(environment, pipeline, stream, Depth::Described).await?;
    let steps = Steps::compile(&stream.transforms, &frame_schema(&declared), &joined.inputs)
        .map_err(|error| transform_error(stream, error))?;
    let mut source_calls = joined.calls;
    source_calls += extraction.context.meter.calls();
    let context = environment.context_of(&config.connection);
    run.accounts.enter_destination(&context)?;
    let schema = steps.output().clone();
    let loader = environment.connect_destination(pipeline, stream, config, &schema, run, context).await?;
    Ok(Reconnected { loader, schema, source_calls })
}
