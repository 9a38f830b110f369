//! Decides what is done with each record: created, updated, unchanged, held?
//!
//! In the order of certainty: the id map, the key in the id map, then, where the destination does not upsert on the key by
//! itself, a look-up of the keys at the destination.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::config::{OnMissing, WriteMode};
use crate::connector::{FetchRequest, Selection};
use crate::engine::{
    error::EngineError,
    setup::{Loader, UNKNOWN_EFFECT},
};
use crate::model::{Fields, LinkIds, Rejection, Value};
use crate::state::{IdEntry, Link, StateError, Work, WrittenAs};

use super::{
    existence::{Verified, verify},
    link_ids::{Resolved, resolve},
    lookup::{Found, FoundRecords, fetch_all, fetch_size, find_keys, is_blank, wait_to_look},
    prepare::{Key, Prepared},
};

/// The reason of records that were deleted at the destination and wait for a person.
pub(in crate::engine) const MISSING: &str = "missing";

/// What is done with a record.
#[derive(Debug, Clone)]
pub(in crate::engine) enum Decision {
    Counted(Column),
    Rejected(Rejection),
    Held(Rejection),
    Insert(RecordWrite),
    Update(RecordWrite),
    Upsert(RecordWrite),
}

/// Where a record that costs no call stands in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Column {
    Filtered,
    /// Left out as the destination's people deleted it, and the pipeline leaves it so.
    Skipped,
    Duplicate,
    Unchanged,
    Created,
    Updated,
}

/// What is to be written of a record.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine) struct RecordWrite {
    pub destination_id: Option<String>,
    pub fields: Fields,
    /// All links, each with how many of its records are in `fields`.
    pub links: Vec<Link>,
}

/// What the state file knows of a chunk's records.
#[derive(Debug)]
struct Known {
    by_id: HashMap<String, IdEntry>,
    by_key: HashMap<u128, IdEntry>,
    links: Resolved,
}

enum Step {
    Done(Decision),
    Find,
    Update(String),
}

/// Decides for every record of a chunk, in order.
pub(in crate::engine) async fn decide(
    loader: &Loader,
    chunk: u64,
    records: &[Arc<Prepared>],
) -> Result<Vec<Decision>, EngineError> {
    let mut known = tokio::task::block_in_place(|| loader.state.work_now(|work| look_up(loader, work, records)))?;
    if loader.is_verifying {
        verify_known(loader, &mut known, records).await?;
    }
    let mut matcher = Matcher { loader, chunk, known: &known, ids: HashSet::new(), keys: HashSet::new() };
    let steps: Vec<Step> = records.iter().map(|record| matcher.step(record)).collect();
    let mut found = find(loader, records, &steps).await?;
    let current = read_current(loader, &steps, &found, records).await?;
    let decisions = records.iter().zip(steps).map(|(record, step)| match step {
        Step::Done(decision) => decision,
        Step::Update(id) => update(loader, record, &known.links, id, &current),
        Step::Find => match found.claim(loader, record) {
            Found::None if loader.policy.write == WriteMode::Update => Decision::Rejected(Rejection::new(
                "no_match",
                "no record at the destination has this key, and `write: update` creates none",
            )),
            Found::None => Decision::Insert(record_write(loader, record, &known.links, None)),
            Found::One(id) => update(loader, record, &known.links, id, &current),
            Found::Several(ids) => Decision::Held(Rejection::new(
                "ambiguous_key",
                format!("{} records at the destination share this key: {}", ids.len(), ids.join(", ")),
            )),
        },
    });
    Ok(decisions.collect())
}

fn look_up(loader: &Loader, work: &Work<'_>, records: &[Arc<Prepared>]) -> Result<Known, StateError> {
    if loader.is_replacing() {
        return Ok(Known { by_id: HashMap::new(), by_key: HashMap::new(), links: Resolved::default() });
    }
    let by_id = work.id_entries(loader.target_id, records.iter().map(|record| record.source_id.as_str()))?;
    let keys = records.iter().filter_map(|record| record.key.as_ref()).map(|key| key.hash);
    let by_key = work.id_entries_by_key(loader.target_id, keys)?;
    let links = resolve(work, &loader.target, records.iter().flat_map(|record| &record.links))?;
    Ok(Known { by_id, by_key, links })
}

/// Asks the destination for the records that would cost no call otherwise, in as few calls as it allows: are they still there?
async fn verify_known(loader: &Loader, known: &mut Known, records: &[Arc<Prepared>]) -> Result<(), EngineError> {
    let is_asked = |record: &&Arc<Prepared>| {
        let entry = known.by_id.get(&record.source_id).filter(|entry| !entry.is_missing);
        // A record that is written tells by itself whether it is there.
        let is_same =
            |entry: &IdEntry| entry.content_hash == record.content_hash || loader.policy.write == WriteMode::Insert;
        !record.is_deleted && entry.is_some_and(is_same)
    };
    let ids = records.iter().filter(is_asked).map(|record| known.by_id[&record.source_id].destination_id.clone());
    let Verified { missing, moved } = verify(loader, &loader.target.object, ids.collect()).await?;
    if missing.is_empty() && moved.is_empty() {
        return Ok(());
    }
    tokio::task::block_in_place(|| {
        loader.state.work_now(|work| {
            missing.iter().try_for_each(|id| work.mark_missing(loader.target_id, id))?;
            moved.iter().try_for_each(|(old_id, new_id)| work.relink(loader.target_id, old_id, new_id))
        })
    })?;
    for entry in known.by_id.values_mut().chain(known.by_key.values_mut()) {
        entry.is_missing |= missing.contains(&entry.destination_id);
        if let Some(id) = moved.get(&entry.destination_id) {
            entry.destination_id.clone_from(id);
        }
    }
    Ok(())
}

struct Matcher<'chunk> {
    loader: &'chunk Loader,
    chunk: u64,
    known: &'chunk Known,
    ids: HashSet<&'chunk str>,
    keys: HashSet<u128>,
}

impl<'chunk> Matcher<'chunk> {
    fn step(&mut self, record: &'chunk Prepared) -> Step {
        if !self.ids.insert(&record.source_id) {
            return Step::Done(Decision::Counted(Column::Duplicate));
        }
        if record.is_deleted {
            // A mirror removes the record at the end of the stream, with all others that were not read.
            return Step::Done(Decision::Counted(Column::Filtered));
        }
        if self.loader.is_replacing() {
            return Step::Done(Decision::Insert(record_write(self.loader, record, &self.known.links, None)));
        }
        if let Some(entry) = self.known.by_id.get(&record.source_id) {
            return if entry.is_missing { self.step_missing(record) } else { self.step_known(record, entry) };
        }
        self.step_unknown(record)
    }

    /// The record was at the destination, and is there no longer.
    fn step_missing(&mut self, record: &'chunk Prepared) -> Step {
        match self.loader.policy.on_missing {
            OnMissing::Recreate => self.step_unknown(record),
            OnMissing::Skip => Step::Done(Decision::Counted(Column::Skipped)),
            OnMissing::Hold => Step::Done(Decision::Held(Rejection::new(
                MISSING,
                "somebody deleted the record at the destination; `ferry redrive` creates it again",
            ))),
        }
    }

    /// The record is at the destination already.
    fn step_known(&mut self, record: &'chunk Prepared, entry: &IdEntry) -> Step {
        let is_seen = entry.seen.run_id == self.loader.run_id;
        if is_seen && entry.seen.chunk < self.chunk {
            return Step::Done(Decision::Counted(Column::Duplicate));
        }
        if self.loader.policy.write != WriteMode::Insert
            && let Some(key) = &record.key
            && !self.keys.insert(key.hash)
        {
            return Step::Done(Decision::Counted(Column::Duplicate));
        }
        let is_same = entry.content_hash == record.content_hash || self.loader.policy.write == WriteMode::Insert;
        if !is_same {
            return Step::Update(entry.destination_id.clone());
        }
        // This run wrote it before it was killed, and the chunk it was in is not committed: it counts as what was done.
        let is_recounted = is_seen && entry.written_run == self.loader.run_id;
        Step::Done(Decision::Counted(match (is_recounted, entry.written_as) {
            (false, _) => Column::Unchanged,
            (true, WrittenAs::Created) => Column::Created,
            (true, WrittenAs::Updated) => Column::Updated,
        }))
    }

    /// Nothing is known of the record by its id.
    fn step_unknown(&mut self, record: &'chunk Prepared) -> Step {
        let loader = self.loader;
        let write = loader.policy.write;
        let is_unsettled = loader.unsettled.contains(&record.source_id);
        let Some(key) = &record.key else {
            if !loader.preparation.key.is_empty() && write != WriteMode::Insert {
                let fields = loader.preparation.key.join("`, `");
                let reason = format!("the key `{fields}` is empty, so the record cannot be told from others");
                return Step::Done(Decision::Rejected(Rejection::new("empty_key", reason)));
            }
            if is_unsettled {
                return Step::Done(Decision::Held(Rejection::new(
                    UNKNOWN_EFFECT,
                    "an earlier run was stopped while it created this record, and there is no key to look it up by",
                )));
            }
            return Step::Done(Decision::Insert(record_write(loader, record, &self.known.links, None)));
        };
        if write != WriteMode::Insert {
            if !self.keys.insert(key.hash) {
                return Step::Done(Decision::Counted(Column::Duplicate));
            }
            if let Some(owner) = self.known.by_key.get(&key.hash).filter(|owner| !owner.is_missing) {
                let is_taken = owner.seen.run_id == loader.run_id && owner.seen.chunk < self.chunk;
                return if is_taken {
                    Step::Done(Decision::Counted(Column::Duplicate))
                } else {
                    Step::Update(owner.destination_id.clone())
                };
            }
        }
        if loader.policy.is_upsert_native {
            return Step::Done(Decision::Upsert(record_write(loader, record, &self.known.links, None)));
        }
        if write == WriteMode::Insert && !is_unsettled {
            return Step::Done(Decision::Insert(record_write(loader, record, &self.known.links, None)));
        }
        Step::Find
    }
}

/// Makes what is written of a record: links that are fields are put among the fields as far as their records are known.
fn record_write(loader: &Loader, record: &Prepared, known: &Resolved, destination_id: Option<String>) -> RecordWrite {
    let mut fields = record.fields.clone();
    let has_link_calls = loader.capabilities.link.is_some();
    let is_create = destination_id.is_none() && !loader.policy.is_upsert_native;
    let are_links_fields = !has_link_calls || (is_create && loader.capabilities.inserts_carry_links);
    let mut links = Vec::new();
    for link in &record.links {
        if loader.capabilities.link_ids == LinkIds::Source {
            fields.insert(link.field.clone(), Value::List(link.linked_ids.clone()));
            continue;
        }
        let ids = known.ids(link);
        let is_complete = ids.len() == link.linked_ids.len();
        // A create that carries links carries all of a field or none: what is missing would need a call of its own anyway.
        let is_carried = are_links_fields && !ids.is_empty() && (is_complete || !has_link_calls);
        if is_carried {
            fields.insert(link.field.clone(), Value::List(ids.clone()));
        }
        links.push(Link {
            source_id: record.source_id.clone(),
            field: link.field.to_string(),
            stream: link.stream.to_string(),
            linked_ids: link.linked_ids.clone(),
            linked: if is_carried { u64::try_from(ids.len()).unwrap_or(u64::MAX) } else { 0 },
        });
    }
    RecordWrite { destination_id, fields, links }
}

/// Makes the update of a record that exists; one that would change nothing is unchanged.
fn update(
    loader: &Loader,
    record: &Prepared,
    known: &Resolved,
    id: String,
    current: &HashMap<String, Fields>,
) -> Decision {
    let held_fields = current.get(&id);
    let mut update = record_write(loader, record, known, Some(id));
    for field in &loader.policy.on_create {
        update.fields.remove(field);
    }
    for field in &loader.policy.if_blank {
        let has_value = held_fields.and_then(|fields| fields.get(field)).is_some_and(|value| !is_blank(value));
        if has_value {
            update.fields.remove(field);
        }
    }
    if update.fields.is_empty() && update.links.is_empty() {
        return Decision::Counted(Column::Unchanged);
    }
    Decision::Update(update)
}

/// Looks up the keys of the records that must be found, in as few calls as the destination allows.
async fn find(loader: &Loader, records: &[Arc<Prepared>], steps: &[Step]) -> Result<FoundRecords, EngineError> {
    let wanted = records.iter().zip(steps).filter(|(_, step)| matches!(step, Step::Find));
    let wanted: Vec<&Arc<Prepared>> = wanted.map(|(record, _)| record).collect();
    if wanted.iter().any(|record| loader.unsettled.contains(&record.source_id)) {
        // A killed run may have created some of them a moment ago: they must be visible before they are looked for.
        wait_to_look(loader).await?;
    }
    let keys: Vec<&Key> = wanted.iter().filter_map(|record| record.key.as_ref()).collect();
    find_keys(loader, &keys).await
}

/// Reads the fields that are written only where they are blank, of the records that will be updated.
async fn read_current(
    loader: &Loader,
    steps: &[Step],
    found: &FoundRecords,
    records: &[Arc<Prepared>],
) -> Result<HashMap<String, Fields>, EngineError> {
    if loader.policy.if_blank.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = steps.iter().zip(records).filter_map(|(step, record)| match step {
        Step::Update(id) => Some(id.clone()),
        Step::Find => match found.matching(record) {
            Found::One(id) => Some(id),
            Found::None | Found::Several(_) => None,
        },
        Step::Done(_) => None,
    });
    let ids: Vec<String> = ids.collect();
    let requests = ids.chunks(fetch_size(loader)).map(|ids| FetchRequest {
        object: loader.target.object.clone(),
        selection: Selection::Ids(ids.to_vec()),
        fields: loader.policy.if_blank.clone(),
    });
    let current = fetch_all(loader, requests.collect()).await?;
    Ok(current.into_iter().map(|record| (record.id, record.fields)).collect())
}
