//! Links: which streams there are, and where each of them writes.

use std::collections::BTreeMap;

use crate::model::name_hint;
use crate::transform::spec::{FullMapping, MappingSpec, MappingSpecs};

use super::{
    super::{diagnostic::Diagnostic, raw::RawStream, span::At},
    Resolver,
};

/// What links may name: each stream with the connections that it writes to.
#[derive(Debug)]
pub(super) struct Linking {
    streams: BTreeMap<String, Vec<String>>,
}

impl Linking {
    /// Notes the streams of a pipeline.
    pub(super) fn new(streams: &[RawStream]) -> Self {
        let named = streams.iter().filter_map(|stream| {
            let written = stream.destinations.iter().flatten();
            let connections = written.filter_map(|destination| destination.connection.clone()).collect();
            Some((stream.name.clone()?, connections))
        });
        Self { streams: named.collect() }
    }
}

impl Resolver<'_> {
    /// Checks the links of a destination's mappings; `place` tells where a mapping is written.
    pub(super) fn check_links<'p>(
        &mut self,
        mappings: &MappingSpecs,
        connection: &str,
        linking: &Linking,
        place: impl Fn(&str) -> Option<At<'p>>,
    ) {
        for (field, mapping) in mappings {
            let MappingSpec::Full(full) = mapping else { continue };
            let FullMapping { link: Some(stream), .. } = full.as_ref() else { continue };
            let Some(at) = place(field) else { continue };
            let spot = at.key("link").value_spot();
            let Some(connections) = linking.streams.get(stream) else {
                let names: Vec<&str> = linking.streams.keys().map(String::as_str).collect();
                let hint = name_hint(stream, &names, "the streams are");
                let message = format!("there is no stream `{stream}` to link to");
                self.findings.push(Diagnostic::error("config.unknown_link", spot, message).with_hint_if(hint));
                continue;
            };
            if !connections.iter().any(|written| written == connection) {
                let message = format!("the stream `{stream}` does not write to `{connection}`");
                let hint = format!(
                    "a link needs ids of this destination: add `{connection}` to the destinations of `{stream}`"
                );
                self.findings.push(Diagnostic::error("config.link_elsewhere", spot, message).with_hint(hint));
            }
        }
    }
}
