//! Looks up what is known of a chunk's records.

use std::{collections::HashMap, sync::Arc};

use crate::config::WriteMode;
use crate::connector::{FetchRequest, Selection};
use crate::engine::{error::EngineError, policy::Reads, setup::Loader};
use crate::model::Fields;
use crate::state::Wanted;

use super::{
    aside::aside,
    decision::{Action, Because},
    entries::Entries,
    existence::{Existence, verify},
    knowledge::Knowledge,
    link_ids::{LinkedIds, linked_ids},
    lookup::{Age, FoundRecords, fetch_all, find_keys, id_count},
    matching::{Matcher, Step},
    prepare::{Key, Prepared},
    rules::Rules,
};

/// How often records are looked at again that turn out to be gone: once, and once more where what they were merged into is gone.
const MAX_LOOKED_AGAIN: u32 = 2;

/// Looks up what is known of records. What is found out on the way about records that the destination no longer holds is
/// returned beside it, to be stored.
pub(in crate::engine) async fn gather(
    loader: &Loader,
    rules: &Rules<'_>,
    records: &[Arc<Prepared>],
) -> Result<(Knowledge, Existence), EngineError> {
    if rules.is_replacing() {
        let entries = Entries { repeated: loader.replaced_ids.repeated(records), ..Entries::default() };
        loader.look_alikes.note(records, &entries);
        return Ok((Knowledge { entries, ..Knowledge::default() }, Existence::default()));
    }
    let (mut entries, links) = read_state(loader, records).await?;
    loader.look_alikes.note(records, &entries);
    let mut existence = Existence::default();
    if loader.policy.is_verifying {
        existence = verify(loader, &loader.target.names.object, ids_to_verify(rules, &entries, records)).await?;
        entries.learn(&existence);
    }
    let mut round = 0;
    loop {
        let steps = Matcher::new(rules, &entries).steps(records);
        let mut found = find(loader, &entries, records, &steps).await?;
        let known_ids = known_ids(loader, &entries, &steps, records);
        let found_ids = found_ids(&steps, &found, records);
        let current = read_current(loader, &known_ids, found_ids, found.take_fields()).await?;
        let gone = gone(loader, known_ids, &current).await?;
        round += 1;
        if gone.is_unchanged() || round > MAX_LOOKED_AGAIN {
            return Ok((Knowledge { entries, links, found, current }, existence));
        }
        entries.learn(&gone);
        existence.add(gone);
    }
}

async fn read_state(loader: &Loader, records: &[Arc<Prepared>]) -> Result<(Entries, LinkedIds), EngineError> {
    let state = &loader.services.state;
    let wanted = Wanted {
        source_ids: records.iter().map(|record| record.source_id.clone()).collect(),
        linked: linked_ids(records.iter().flat_map(|record| &record.links), &loader.services.spellings),
        ..Wanted::default()
    };
    let known = state.known(loader.target.id, wanted).await?;
    let by_id = known.by_source;
    // Who has the key of a record that is as it was decides nothing, unless the destination may turn out not to hold it.
    let is_as_it_was = |record: &Prepared| {
        let entry = by_id.get(&record.source_id).filter(|entry| !entry.is_missing);
        !loader.policy.is_verifying && entry.is_some_and(|entry| entry.content_hash == record.content_hash)
    };
    let keys = records.iter().filter(|record| !is_as_it_was(record)).filter_map(|record| record.key.as_ref());
    let plain_hashes = records.iter().filter_map(|record| record.key.as_ref()?.plain_hash);
    let key_hashes = keys.map(|key| key.hash).chain(plain_hashes).collect();
    let by_key = state.known(loader.target.id, Wanted { key_hashes, ..Wanted::default() }).await?.by_key;
    Ok((Entries { by_id, by_key, ..Entries::default() }, LinkedIds::new(known.linked, &loader.services.spellings)))
}

/// Returns the ids of records that would cost no call otherwise. One that is written tells by itself whether it is there.
fn ids_to_verify(rules: &Rules<'_>, entries: &Entries, records: &[Arc<Prepared>]) -> Vec<String> {
    let id_of = |record: &Arc<Prepared>| {
        let entry = entries.by_id.get(&record.source_id).filter(|entry| !entry.is_missing)?;
        let is_same = entry.content_hash == record.content_hash || rules.policy.write == WriteMode::Insert;
        (is_same && !record.is_deleted).then(|| entry.destination_id.clone())
    };
    records.iter().filter_map(id_of).collect()
}

/// Looks up the keys of records that no entry tells of, and where values are read before they are overwritten, of those that the
/// destination would find by itself.
async fn find(
    loader: &Loader,
    entries: &Entries,
    records: &[Arc<Prepared>],
    steps: &[Step],
) -> Result<FoundRecords, EngineError> {
    let looks_first = loader.policy.reads > Reads::Nothing && loader.services.capabilities.looks_up_keys();
    let is_wanted = |step: &Step| matches!(step, Step::Find) || (looks_first && *step == Step::Upsert);
    let wanted = records.iter().zip(steps).filter(|(_, step)| is_wanted(step));
    let wanted: Vec<&Arc<Prepared>> = wanted.map(|(record, _)| record).collect();
    let keys: Vec<&Key> = wanted.iter().filter_map(|record| record.key.as_ref()).collect();
    let known = entries.by_id.values().chain(entries.by_key.values());
    let missing = known.filter(|entry| entry.is_missing).map(|entry| entry.destination_id.clone()).collect();
    // What the destination would find by itself is looked up for who looks on alone, unless the run keeps what was there.
    let is_own = !loader.policy.is_upsert_native || loader.policy.own_reads > Reads::Nothing;
    // Where it is told what a run takes, its own look-up asks for no more than it does: more fields may take more calls.
    let is_told = loader.review.as_ref().is_some_and(|review| review.tells_aside());
    let fields = if is_told && is_own && !loader.reads_itself() { Vec::new() } else { loader.fields_before() };
    let look_up = find_keys(loader, &keys, Age::OfThisRun(&missing), &fields);
    if is_own { look_up.await } else { aside(loader, look_up).await }
}

/// The destination's records that the state file tells of, by their ids, as far as their values are read.
struct KnownIds {
    /// They are written.
    written: Vec<String>,
    /// They stay as they are.
    unchanged: Vec<String>,
}

fn known_ids(loader: &Loader, entries: &Entries, steps: &[Step], records: &[Arc<Prepared>]) -> KnownIds {
    let mut known = KnownIds { written: Vec::new(), unchanged: Vec::new() };
    for (step, record) in steps.iter().zip(records) {
        match step {
            Step::Update(id) => known.written.push(id.clone()),
            Step::Done(Action::Leave(Because::Unchanged)) if loader.policy.reads == Reads::Everything => {
                let entry = entries.by_id.get(&record.source_id);
                known.unchanged.extend(entry.map(|entry| entry.destination_id.clone()));
            }
            Step::Find | Step::Done(_) | Step::Create | Step::Upsert => {}
        }
    }
    known
}

/// Returns the ids of the records that were found by key, each the only one with its key.
fn found_ids(steps: &[Step], found: &FoundRecords, records: &[Arc<Prepared>]) -> Vec<String> {
    let found_id = |(step, record): (&Step, &Arc<Prepared>)| match step {
        Step::Find | Step::Upsert => found.only_one(record),
        Step::Update(_) | Step::Done(_) | Step::Create => None,
    };
    steps.iter().zip(records).filter_map(found_id).collect()
}

/// Reads the fields that decide, or that are overwritten, of the records of these ids and of those that were found by key, as far
/// as they did not come with the answer.
async fn read_current(
    loader: &Loader,
    known_ids: &KnownIds,
    found_ids: Vec<String>,
    mut current: HashMap<String, Fields>,
) -> Result<HashMap<String, Fields>, EngineError> {
    let unread = found_ids.into_iter().filter(|id| !current.contains_key(id));
    let written: Vec<String> = known_ids.written.iter().cloned().chain(unread).collect();
    if loader.reads_itself() {
        current.extend(current_of(loader, &written).await?);
        current.extend(aside(loader, current_of(loader, &known_ids.unchanged)).await?);
    } else {
        let all = [written.as_slice(), &known_ids.unchanged].concat();
        current.extend(aside(loader, current_of(loader, &all)).await?);
    }
    Ok(current)
}

/// Reads the fields that decide, or that are overwritten, of the records of these ids.
pub(in crate::engine) async fn current_of(
    loader: &Loader,
    ids: &[String],
) -> Result<HashMap<String, Fields>, EngineError> {
    let fields = loader.fields_before();
    if fields.is_empty() {
        return Ok(HashMap::new());
    }
    let requests = ids.chunks(id_count(loader)).map(|ids| FetchRequest {
        object: loader.target.names.object.clone(),
        selection: Selection::Ids(ids.to_vec()),
        fields: fields.clone(),
    });
    let current = fetch_all(loader, requests.collect()).await?;
    // One that was merged into another is not what its id leads to: it is looked for anew.
    let own = current.into_iter().filter(|record| record.merged_into.is_none());
    Ok(own.map(|record| (record.id, record.fields)).collect())
}

/// Finds out what became of records whose values were asked for and not given.
async fn gone(
    loader: &Loader,
    known_ids: KnownIds,
    current: &HashMap<String, Fields>,
) -> Result<Existence, EngineError> {
    if loader.policy.reads == Reads::Nothing {
        return Ok(Existence::default());
    }
    let mut ids = [known_ids.written, known_ids.unchanged].concat();
    ids.retain(|id| !current.contains_key(id));
    let look_up = verify(loader, &loader.target.names.object, ids);
    if loader.policy.own_reads == Reads::Nothing { aside(loader, look_up).await } else { look_up.await }
}

impl Entries {
    /// Corrects what is known by what was found out about the destination's records.
    fn learn(&mut self, existence: &Existence) {
        for entry in self.by_id.values_mut().chain(self.by_key.values_mut()) {
            entry.is_missing |= existence.missing.contains(&entry.destination_id);
            if let Some(id) = existence.moved.get(&entry.destination_id) {
                entry.destination_id.clone_from(id);
            }
        }
    }
}
