//! The order of streams: a stream that others link to goes first.

use crate::config::Stream;
use crate::model::StreamName;
use crate::transform::spec::MappingSpec;

/// Says that a link names a stream that is not there.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("stream `{stream}` links to `{linked_stream}`, and no stream is called that")]
pub struct OrderError {
    /// The stream with the link.
    pub stream: StreamName,
    /// What it links to.
    pub linked_stream: String,
}

/// Returns the indices of the streams, those that others link to first, otherwise in the file's order. Where streams link to
/// each other in a circle, the file's order decides and the links are closed in a second pass.
///
/// # Errors
/// Fails when a link names no stream.
pub fn order_streams(streams: &[Stream]) -> Result<Vec<usize>, OrderError> {
    let mut needs = Vec::with_capacity(streams.len());
    for (index, stream) in streams.iter().enumerate() {
        let mut linked = Vec::new();
        for linked_stream in linked_streams(stream) {
            let position = streams.iter().position(|other| other.name.as_str() == linked_stream);
            let Some(position) = position else {
                return Err(OrderError { stream: stream.name.clone(), linked_stream: linked_stream.to_owned() });
            };
            if position != index {
                linked.push(position);
            }
        }
        needs.push(linked);
    }
    let mut ordered: Vec<usize> = Vec::with_capacity(streams.len());
    while ordered.len() < streams.len() {
        let waiting: Vec<usize> = (0..streams.len()).filter(|index| !ordered.contains(index)).collect();
        let ready = waiting.iter().find(|index| needs[**index].iter().all(|need| ordered.contains(need)));
        ordered.extend(ready.or(waiting.first()));
    }
    Ok(ordered)
}

fn linked_streams(stream: &Stream) -> impl Iterator<Item = &str> {
    let mappings = stream.destinations.iter().flat_map(|destination| destination.mappings.values());
    mappings.filter_map(|mapping| match mapping {
        MappingSpec::Full(full) => full.link.as_deref(),
        MappingSpec::Field(_) => None,
    })
}
