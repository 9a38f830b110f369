//! Finds out which records a destination no longer holds, and which it holds under another id: somebody deleted or merged them.
//!
//! A write shows it by itself. This module checks the records that are not written: unchanged ones in a run that verifies, and
//! those that a refused link leads to. The result is a value; the write room stores it.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::connector::{FetchRequest, Selection};
use crate::engine::{error::EngineError, setup::Loader};
use crate::model::ObjectName;
use crate::state::{LinkedRecord, TargetId, Wanted};

use super::{
    link_ids::{LinkedIds, linked_ids},
    lookup::{fetch_all, id_count},
    prepare::LinkValue,
};

/// What became of records of one target, by the ids that they were known under.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::engine) struct Existence {
    /// The destination does not hold them.
    pub missing: HashSet<String>,
    /// It holds them under these ids.
    pub moved: HashMap<String, String>,
}

/// What became of the records that links lead to.
#[derive(Debug, Default)]
pub(in crate::engine) struct LinkedExistence {
    pub by_target: Vec<(TargetId, Existence)>,
    /// Streams and source ids of the records that are missing or have another id.
    pub changed: HashSet<(String, String)>,
}

impl Existence {
    /// Tells whether every record is where it was.
    pub(in crate::engine) fn is_unchanged(&self) -> bool {
        self.missing.is_empty() && self.moved.is_empty()
    }

    /// Adds what was found out later.
    pub(super) fn add(&mut self, later: Self) {
        self.missing.extend(later.missing);
        self.moved.extend(later.moved);
    }

    fn is_changed(&self, id: &String) -> bool {
        self.missing.contains(id) || self.moved.contains_key(id)
    }
}

/// Asks the destination for records of an object by their ids.
pub(in crate::engine) async fn verify(
    loader: &Loader,
    object: &ObjectName,
    mut ids: Vec<String>,
) -> Result<Existence, EngineError> {
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() || loader.services.capabilities.fetch.is_none() {
        return Ok(Existence::default());
    }
    let requests = ids.chunks(id_count(loader)).map(|ids| FetchRequest {
        object: object.clone(),
        selection: Selection::Ids(ids.to_vec()),
        fields: Vec::new(),
    });
    let found = fetch_all(loader, requests.collect()).await?;
    let mut existence = Existence { missing: ids.into_iter().collect(), moved: HashMap::new() };
    for record in found {
        existence.missing.remove(&record.id);
        if let Some(id) = record.merged_into {
            existence.moved.insert(record.id, id);
        }
    }
    Ok(existence)
}

/// Looks for the records that links lead to, after the destination refused a link.
pub(in crate::engine) async fn verify_linked(
    loader: &Loader,
    links: &[LinkValue],
) -> Result<LinkedExistence, EngineError> {
    let spellings = &loader.services.spellings;
    let wanted = Wanted { linked: linked_ids(links.iter(), spellings), ..Wanted::default() };
    let known = LinkedIds::new(loader.services.state.known(loader.target.id, wanted).await?.linked, spellings);
    let mut by_target: BTreeMap<TargetId, (ObjectName, Vec<String>)> = BTreeMap::new();
    for (_, _, record) in known.records() {
        let of_target = by_target.entry(record.target_id).or_insert_with(|| (record.object.clone(), Vec::new()));
        of_target.1.push(record.destination_id.clone());
    }
    let mut found = LinkedExistence::default();
    for (target_id, (object, ids)) in by_target {
        found.by_target.push((target_id, verify(loader, &object, ids).await?));
    }
    let is_changed = |record: &LinkedRecord| {
        let mut of_target = found.by_target.iter().filter(|(target_id, _)| *target_id == record.target_id);
        of_target.any(|(_, existence)| existence.is_changed(&record.destination_id))
    };
    let changed = known.records().filter(|(_, _, record)| is_changed(record));
    found.changed = changed.map(|(stream, source_id, _)| (stream.to_owned(), source_id.to_owned())).collect();
    Ok(found)
}
