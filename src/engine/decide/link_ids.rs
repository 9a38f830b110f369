//! Finds the ids that linked records have at the destination.

use std::collections::HashMap;

use crate::state::{StateError, Target, Work};

use super::prepare::LinkValue;

/// Known ids of linked records, by stream and source id.
#[derive(Debug, Default)]
pub(in crate::engine) struct Resolved {
    by_stream: HashMap<String, HashMap<String, String>>,
}

impl Resolved {
    /// Returns the destination's ids of the linked records, as far as they are known, each once.
    pub(in crate::engine) fn ids(&self, link: &LinkValue) -> Vec<String> {
        self.ids_of(&link.stream, &link.linked_ids)
    }

    pub(in crate::engine) fn ids_of(&self, stream: &str, linked_ids: &[String]) -> Vec<String> {
        let Some(known) = self.by_stream.get(stream) else { return Vec::new() };
        linked_ids.iter().filter_map(|linked_id| known.get(linked_id).cloned()).collect()
    }
}

/// Looks up linked records: a stream's records at this connection, whatever object they went to.
pub(in crate::engine) fn resolve<'link>(
    work: &Work<'_>,
    target: &Target,
    links: impl Iterator<Item = &'link LinkValue>,
) -> Result<Resolved, StateError> {
    let mut linked_ids: HashMap<&str, Vec<&str>> = HashMap::new();
    for link in links {
        linked_ids.entry(&link.stream).or_default().extend(link.linked_ids.iter().map(String::as_str));
    }
    let mut resolved = Resolved::default();
    for (stream, mut source_ids) in linked_ids {
        source_ids.sort_unstable();
        source_ids.dedup();
        let known = resolved.by_stream.entry(stream.to_owned()).or_default();
        for (target_id, _) in work.targets_of_stream(&target.pipeline, stream, &target.connection)? {
            let entries = work.id_entries(target_id, source_ids.iter().copied())?;
            let there = entries.into_iter().filter(|(_, entry)| !entry.is_missing);
            known.extend(there.map(|(source_id, entry)| (source_id, entry.destination_id)));
        }
    }
    Ok(resolved)
}
