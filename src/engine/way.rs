//! Decides whether the records of a stream reach a destination in columns or one by one, and says why.
//!
//! In columns nothing is kept of a single record: no value by itself, no entry in the id map, no intent. That is right only where
//! nothing of it can be asked for later, and where nobody looks at single records on the way.

use crate::config::{Pipeline, Stream, StreamDestination, WriteMode};
use crate::connector::Destination;
use crate::model::Capabilities;
use crate::transform::{Mapper, spec::MappingSpec};

use super::policy::WritePolicy;

/// How the records of a stream reach a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// In columns, from the source's frames to the destination's.
    Columns,
    /// One by one, for this reason.
    Records(&'static str),
}

/// What decides.
#[derive(Debug)]
pub(super) struct Circumstances<'a> {
    pub pipeline: &'a Pipeline,
    pub stream: &'a Stream,
    pub config: &'a StreamDestination,
    pub source: &'a Capabilities,
    pub destination: &'a dyn Destination,
    pub policy: &'a WritePolicy,
    pub mapper: &'a Mapper,
    pub is_reviewed: bool,
}

impl Way {
    /// Decides.
    pub(super) fn of(given: &Circumstances<'_>) -> Self {
        match given.reason_for_records() {
            Some(reason) => Self::Records(reason),
            None => Self::Columns,
        }
    }
}

impl Circumstances<'_> {
    fn reason_for_records(&self) -> Option<&'static str> {
        let Self { stream, config, mapper, .. } = self;
        let reasons = [
            (self.policy.write != WriteMode::Replace, "what the destination holds stays"),
            (self.destination.frames().is_none(), "the destination takes no frames"),
            (!self.source.is_local, "the source is no file"),
            (self.is_reviewed, "somebody looks at each record"),
            (stream.expect.is_some(), "`expect` is checked record by record"),
            (!config.key.is_empty(), "keys that look the same are looked for"),
            (mapper.fields().iter().any(|field| field.link.is_some()), "the records have links"),
            (self.is_linked_to(), "records of another stream link to these"),
        ];
        reasons.into_iter().find_map(|(holds, reason)| holds.then_some(reason))
    }

    /// Tells whether a mapping of the pipeline links to the stream.
    fn is_linked_to(&self) -> bool {
        let all = self.pipeline.streams.iter().flat_map(|stream| &stream.destinations);
        all.flat_map(|destination| destination.mappings.values()).any(|mapping| match mapping {
            MappingSpec::Field(_) => false,
            MappingSpec::Full(full) => full.link.as_deref() == Some(self.stream.name.as_str()),
        })
    }
}
