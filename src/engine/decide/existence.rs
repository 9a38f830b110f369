//! Finds out which records a destination no longer holds, and which it holds under another id: somebody deleted or merged them.
//!
//! A write of such a record tells by itself. This is for what no write tells: records that did not change (a run that was asked
//! to verify), and what a refused link leads to.

use std::collections::{HashMap, HashSet};

use crate::connector::{FetchRequest, Selection};
use crate::engine::{error::EngineError, setup::Loader};
use crate::model::ObjectName;
use crate::state::TargetId;

use super::{
    lookup::{fetch_all, fetch_size},
    prepare::LinkValue,
};

/// What became of records, by the ids that they were known under.
#[derive(Debug, Default)]
pub(in crate::engine) struct Verified {
    /// The destination does not hold them.
    pub missing: HashSet<String>,
    /// It holds them under these ids.
    pub moved: HashMap<String, String>,
}

/// Asks the destination for records of an object by their ids.
pub(in crate::engine) async fn verify(
    loader: &Loader,
    object: &ObjectName,
    mut ids: Vec<String>,
) -> Result<Verified, EngineError> {
    ids.sort_unstable();
    ids.dedup();
    if ids.is_empty() || loader.capabilities.fetch.is_none() {
        return Ok(Verified::default());
    }
    let requests = ids.chunks(fetch_size(loader)).map(|ids| FetchRequest {
        object: object.clone(),
        selection: Selection::Ids(ids.to_vec()),
        fields: Vec::new(),
    });
    let found = fetch_all(loader, requests.collect()).await?;
    let mut verified = Verified { missing: ids.into_iter().collect(), moved: HashMap::new() };
    for record in found {
        verified.missing.remove(&record.id);
        if let Some(id) = record.merged_into {
            verified.moved.insert(record.id, id);
        }
    }
    Ok(verified)
}

/// Looks for the records that links lead to, after the destination refused a link, and notes those that are gone or have another
/// id. Returns the streams and source ids of these.
pub(in crate::engine) async fn find_missing_linked(
    loader: &Loader,
    links: &[LinkValue],
) -> Result<HashSet<(String, String)>, EngineError> {
    let mut linked_ids: HashMap<String, Vec<String>> = HashMap::new();
    for link in links {
        linked_ids.entry(link.stream.to_string()).or_default().extend(link.linked_ids.iter().cloned());
    }
    let mut missing_linked = HashSet::new();
    for (stream, source_ids) in linked_ids {
        let target = &loader.target;
        let targets = tokio::task::block_in_place(|| {
            loader.state.work_now(|work| work.targets_of_stream(&target.pipeline, &stream, &target.connection))
        })?;
        for (target_id, object) in targets {
            let found = find_missing_in(loader, target_id, &object, &source_ids).await?;
            missing_linked.extend(found.into_iter().map(|source_id| (stream.clone(), source_id)));
        }
    }
    Ok(missing_linked)
}

/// Verifies these records of one target and notes what is found. Returns the source ids of those that are gone or moved.
async fn find_missing_in(
    loader: &Loader,
    target_id: TargetId,
    object: &ObjectName,
    source_ids: &[String],
) -> Result<Vec<String>, EngineError> {
    let known: HashMap<String, String> = tokio::task::block_in_place(|| {
        loader.state.work_now(|work| {
            let entries = work.id_entries(target_id, source_ids.iter().map(String::as_str))?;
            let there = entries.into_iter().filter(|(_, entry)| !entry.is_missing);
            Ok(there.map(|(source_id, entry)| (source_id, entry.destination_id)).collect())
        })
    })?;
    let Verified { missing, moved } = verify(loader, object, known.values().cloned().collect()).await?;
    tokio::task::block_in_place(|| {
        loader.state.work_now(|work| {
            missing.iter().try_for_each(|id| work.mark_missing(target_id, id))?;
            moved.iter().try_for_each(|(old_id, new_id)| work.relink(target_id, old_id, new_id))
        })
    })?;
    let is_missing = |id: &String| missing.contains(id) || moved.contains_key(id);
    Ok(known.into_iter().filter(|(_, id)| is_missing(id)).map(|(source_id, _)| source_id).collect())
}
