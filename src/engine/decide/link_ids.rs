//! The ids that linked records have at the destination.

use std::{collections::HashMap, iter};

use crate::model::Spellings;
use crate::state::LinkedRecord;

use super::prepare::LinkValue;

/// Records that links lead to, by stream and source id.
#[derive(Debug, Default)]
pub(in crate::engine) struct LinkedIds {
    by_stream: HashMap<String, HashMap<String, LinkedRecord>>,
    spellings: Spellings,
}

/// The part of a link that can be written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::engine) struct KnownLink {
    /// The destination's ids, each once: two linked records may be one there.
    pub ids: Vec<String>,
    /// How many of the linked records they stand for.
    pub count: usize,
}

impl LinkedIds {
    pub(in crate::engine) fn new(
        by_stream: HashMap<String, HashMap<String, LinkedRecord>>,
        spellings: &Spellings,
    ) -> Self {
        Self { by_stream, spellings: spellings.clone() }
    }

    /// Returns what is known of the records that a stream's source ids stand for.
    pub(in crate::engine) fn known(&self, stream: &str, linked_ids: &[String]) -> KnownLink {
        let Some(records) = self.by_stream.get(stream) else { return KnownLink::default() };
        let mut known = KnownLink::default();
        let record_of = |linked_id: &String| {
            let known = self.spellings.known_as(linked_id, |id| records.contains_key(id))?;
            records.get(known.as_ref())
        };
        for record in linked_ids.iter().filter_map(record_of) {
            known.count += 1;
            if !known.ids.contains(&record.destination_id) {
                known.ids.push(record.destination_id.clone());
            }
        }
        known
    }

    /// Returns all records that are known, each with its stream and source id.
    pub(in crate::engine) fn records(&self) -> impl Iterator<Item = (&str, &str, &LinkedRecord)> {
        self.by_stream.iter().flat_map(|(stream, records)| {
            records.iter().map(move |(source_id, record)| (stream.as_str(), source_id.as_str(), record))
        })
    }
}

/// Gathers the records that links lead to, by stream, in all spellings.
pub(in crate::engine) fn linked_ids<'link>(
    links: impl Iterator<Item = &'link LinkValue>,
    spellings: &Spellings,
) -> HashMap<String, Vec<String>> {
    let mut by_stream: HashMap<String, Vec<String>> = HashMap::new();
    for link in links {
        let ids = link.linked_ids.iter().flat_map(|id| iter::once(id.clone()).chain(spellings.others(id)));
        by_stream.entry(link.stream.to_string()).or_default().extend(ids);
    }
    for source_ids in by_stream.values_mut() {
        source_ids.sort_unstable();
        source_ids.dedup();
    }
    by_stream
}
