//! Finds out which records a destination no longer holds, and which it holds under another id: somebody deleted or merged them.
//!
//! A write of such a record tells by itself. This is for what no write tells: records that did not change (a run that was asked
//! to verify), and what a refused link leads to.

use std::collections::{HashMap, HashSet};

use crate::connector::{FetchRequest, Selection};
use crate::model::ObjectName;
use crate::state::ScopeId;

use super::{
    error::EngineError,
    matching::{fetch_all, fetch_size},
    prepare::LinkValue,
    setup::Loader,
};

/// What became of records, by the ids that they were known under.
#[derive(Debug, Default)]
pub(super) struct Verified {
    /// The destination does not hold them.
    pub missing: HashSet<String>,
    /// It holds them under these ids.
    pub moved: HashMap<String, String>,
}

/// Asks the destination for records of an object by their ids.
pub(super) async fn verify(
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
pub(super) async fn find_gone_targets(
    loader: &Loader,
    links: &[LinkValue],
) -> Result<HashSet<(String, String)>, EngineError> {
    let mut targets: HashMap<String, Vec<String>> = HashMap::new();
    for link in links {
        targets.entry(link.stream.to_string()).or_default().extend(link.targets.iter().cloned());
    }
    let mut gone = HashSet::new();
    for (stream, source_ids) in targets {
        let scope = &loader.scope;
        let scopes = tokio::task::block_in_place(|| {
            loader.state.work_now(|work| work.scopes_of_stream(&scope.pipeline, &stream, &scope.connection))
        })?;
        for (scope_id, object) in scopes {
            let found = find_gone_in(loader, scope_id, &object, &source_ids).await?;
            gone.extend(found.into_iter().map(|source_id| (stream.clone(), source_id)));
        }
    }
    Ok(gone)
}

/// Verifies these records of one scope and notes what is found. Returns the source ids of those that are gone or moved.
async fn find_gone_in(
    loader: &Loader,
    scope_id: ScopeId,
    object: &ObjectName,
    source_ids: &[String],
) -> Result<Vec<String>, EngineError> {
    let known: HashMap<String, String> = tokio::task::block_in_place(|| {
        loader.state.work_now(|work| {
            let mappings = work.mappings(scope_id, source_ids.iter().map(String::as_str))?;
            let there = mappings.into_iter().filter(|(_, mapping)| !mapping.is_missing);
            Ok(there.map(|(source_id, mapping)| (source_id, mapping.destination_id)).collect())
        })
    })?;
    let Verified { missing, moved } = verify(loader, object, known.values().cloned().collect()).await?;
    tokio::task::block_in_place(|| {
        loader.state.work_now(|work| {
            missing.iter().try_for_each(|id| work.mark_missing(scope_id, id))?;
            moved.iter().try_for_each(|(old_id, new_id)| work.relink(scope_id, old_id, new_id))
        })
    })?;
    let is_gone = |id: &String| missing.contains(id) || moved.contains_key(id);
    Ok(known.into_iter().filter(|(_, id)| is_gone(id)).map(|(source_id, _)| source_id).collect())
}
