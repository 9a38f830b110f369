//! Decides what is done with each record: created, updated, left, rejected, held?
//!
//! In the order of certainty: the id map, the key in the id map, then, where the destination does not upsert on the key by
//! itself, what the destination holds under the key. Pure: what is known is looked up before (`knowledge`).

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::config::{OnMissing, WriteMode};
use crate::engine::setup::UNKNOWN_EFFECT;
use crate::model::{FieldName, RUN_ID, Rejection, Value};
use crate::state::{IdEntry, Link, WrittenAs};

use super::{
    decision::{Action, Because, Decision, RecordWrite, Survivor},
    entries::Entries,
    knowledge::Knowledge,
    link_ids::{KnownLink, LinkedIds},
    lookup::{Found, is_blank},
    prepare::{Key, Prepared},
    rules::{LinkWay, Rules},
};

/// The reason of records that were deleted at the destination and wait for a person.
pub(in crate::engine) const MISSING: &str = "missing";

/// What the state file alone says of a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// It is decided.
    Done(Action),
    /// It is a new record.
    Create,
    /// The destination finds out by itself whether it is new.
    Upsert,
    /// It is this record of the destination.
    Update(String),
    /// The destination must be asked for its key.
    Find,
}

/// Decides for every record of a chunk, in order.
pub(in crate::engine) fn decide(rules: &Rules<'_>, knowledge: &Knowledge, records: &[Arc<Prepared>]) -> Vec<Decision> {
    let steps = Matcher::new(rules, &knowledge.entries).steps(records);
    let mut claims = HashMap::new();
    let action = |record: &Prepared, step: Step, claims: &mut HashMap<u128, usize>| match step {
        Step::Done(action) => action,
        Step::Create => create(rules, record, &knowledge.links),
        Step::Upsert => Action::Upsert {
            write: record_write(rules, record, &knowledge.links, None),
            current: knowledge.found.only_one(record).and_then(|id| knowledge.current_of(id)),
        },
        Step::Update(id) => update(rules, record, knowledge, id, false),
        Step::Find => match claim(rules, knowledge, record, claims) {
            Found::None if rules.policy.write == WriteMode::Update => Action::Reject(Rejection::new(
                "no_match",
                "no record at the destination has this key, and `write: update` creates none",
            )),
            Found::None => create(rules, record, &knowledge.links),
            Found::One(id) => update(rules, record, knowledge, id, rules.own_unsettled.contains(&record.source_id)),
            Found::Several(ids) => Action::Hold(Rejection::new(
                "ambiguous_key",
                format!("{} records at the destination share this key: {}", ids.len(), ids.join(", ")),
            )),
        },
    };
    let decided = records
        .iter()
        .zip(steps)
        .map(|(record, step)| Decision { action: action(record, step, &mut claims), record: Arc::clone(record) });
    decided.collect()
}

/// Finds the record of the destination for this one. Where records are only inserted, several may have one key: each takes one
/// of those found.
fn claim(rules: &Rules<'_>, knowledge: &Knowledge, record: &Prepared, claims: &mut HashMap<u128, usize>) -> Found {
    if rules.policy.write != WriteMode::Insert {
        return knowledge.found.matching(record);
    }
    let Some(key) = &record.key else { return Found::None };
    let claimed = claims.entry(key.hash).or_default();
    let found = knowledge.found.nth(key, *claimed).map_or(Found::None, |id| Found::One(id.to_owned()));
    *claimed += 1;
    found
}

/// Goes through the records of a chunk with what the state file knows.
pub(super) struct Matcher<'chunk> {
    rules: &'chunk Rules<'chunk>,
    entries: &'chunk Entries,
    ids: HashSet<&'chunk str>,
    /// The keys that were taken in this chunk, each with the source id of the record that has it.
    keys: HashMap<u128, &'chunk str>,
}

impl<'chunk> Matcher<'chunk> {
    pub(super) fn new(rules: &'chunk Rules<'chunk>, entries: &'chunk Entries) -> Self {
        Self { rules, entries, ids: HashSet::new(), keys: HashMap::new() }
    }

    pub(super) fn steps(mut self, records: &'chunk [Arc<Prepared>]) -> Vec<Step> {
        records.iter().map(|record| self.step(record)).collect()
    }

    fn step(&mut self, record: &'chunk Prepared) -> Step {
        if !self.ids.insert(&record.source_id) {
            return Step::Done(Action::Duplicate(Survivor::Itself));
        }
        if record.is_deleted {
            return Step::Done(Action::Leave(Because::DeletedAtSource));
        }
        if self.rules.is_replacing() {
            let is_repeated = self.entries.repeated.contains(&record.source_id);
            return if is_repeated { Step::Done(Action::Duplicate(Survivor::Itself)) } else { Step::Create };
        }
        match self.entries.by_id.get(&record.source_id) {
            Some(entry) if entry.is_missing => self.step_missing(record),
            Some(entry) => self.step_known(record, entry),
            None => self.step_unknown(record),
        }
    }

    /// The record was at the destination, and is there no longer.
    fn step_missing(&mut self, record: &'chunk Prepared) -> Step {
        match self.rules.policy.on_missing {
            OnMissing::Recreate => self.step_unknown(record),
            OnMissing::Skip => Step::Done(Action::Leave(Because::DeletedAtDestination)),
            OnMissing::Hold => Step::Done(Action::Hold(Rejection::new(
                MISSING,
                "somebody deleted the record at the destination; `ferry redrive` creates it again",
            ))),
        }
    }

    /// The record is at the destination already.
    fn step_known(&mut self, record: &'chunk Prepared, entry: &IdEntry) -> Step {
        let rules = self.rules;
        let is_seen = entry.seen.run_id == rules.run_id;
        if is_seen && entry.seen.chunk < rules.chunk {
            return Step::Done(Action::Duplicate(Survivor::Itself));
        }
        if rules.policy.write != WriteMode::Insert
            && let Some(duplicate) = self.take_key(record)
        {
            return Step::Done(duplicate);
        }
        let is_same = entry.content_hash == record.content_hash || rules.policy.write == WriteMode::Insert;
        if !is_same {
            return Step::Update(entry.destination_id.clone());
        }
        // This run wrote it before it was killed, and the chunk it was in is not committed: it counts as what was done.
        let is_recounted = is_seen && entry.written_run == rules.run_id;
        Step::Done(Action::Leave(match (is_recounted, entry.written_as) {
            (false, _) => Because::Unchanged,
            (true, WrittenAs::Created) => Because::CreatedBefore,
            (true, WrittenAs::Updated) => Because::UpdatedBefore,
        }))
    }

    /// Nothing is known of the record by its id.
    fn step_unknown(&mut self, record: &'chunk Prepared) -> Step {
        let rules = self.rules;
        let write = rules.policy.write;
        let is_unsettled = rules.unsettled.contains(&record.source_id);
        let Some(key) = &record.key else { return self.step_keyless(record, is_unsettled) };
        if write != WriteMode::Insert {
            if let Some(duplicate) = self.take_key(record) {
                return Step::Done(duplicate);
            }
            if let Some(step) = self.step_of_key_owner(key) {
                return step;
            }
        }
        if rules.policy.is_upsert_native {
            Step::Upsert
        } else if write == WriteMode::Insert && !is_unsettled {
            Step::Create
        } else {
            Step::Find
        }
    }

    fn step_keyless(&self, record: &Prepared, is_unsettled: bool) -> Step {
        let rules = self.rules;
        if !rules.key.is_empty() && rules.policy.write != WriteMode::Insert {
            return Step::Done(Action::Reject(empty_key(rules.key, record)));
        }
        if is_unsettled {
            return Step::Done(Action::Hold(Rejection::new(
                UNKNOWN_EFFECT,
                "an earlier run was stopped while it created this record, and there is no key to look it up by",
            )));
        }
        Step::Create
    }

    /// Takes the key of a record; says that it is a duplicate where another record of the chunk has the key.
    fn take_key(&mut self, record: &'chunk Prepared) -> Option<Action> {
        let key = record.key.as_ref()?;
        let owner = *self.keys.entry(key.hash).or_insert(&record.source_id);
        let is_taken = owner != record.source_id;
        is_taken.then(|| Action::Duplicate(Survivor::Source(owner.to_owned())))
    }

    /// Another source record may own the key in the id map: one of this run makes this a duplicate, one of an earlier run hands
    /// its record over.
    fn step_of_key_owner(&self, key: &Key) -> Option<Step> {
        let owner = self.entries.by_key.get(&key.hash).filter(|owner| !owner.is_missing)?;
        let is_taken = owner.seen.run_id == self.rules.run_id && owner.seen.chunk < self.rules.chunk;
        let destination_id = owner.destination_id.clone();
        Some(if is_taken {
            let source_key = owner.source_key;
            Step::Done(Action::Duplicate(Survivor::Written { source_key, destination_id }))
        } else {
            Step::Update(destination_id)
        })
    }
}

/// Says which fields of the key are empty.
pub(in crate::engine) fn empty_key(key: &[FieldName], record: &Prepared) -> Rejection {
    let is_empty = |name: &&FieldName| record.fields.get(*name).is_none_or(is_blank);
    let empty: Vec<&str> = key.iter().filter(is_empty).map(FieldName::as_str).collect();
    let what = match key {
        [_] => format!("the key `{}`", key.join("`, `")),
        _ => format!("`{}` of the key `{}`", empty.join("`, `"), key.join("`, `")),
    };
    let reason = format!("{what} is empty, so the record cannot be told from others");
    Rejection { field: empty.first().map(|name| (*name).to_owned()), ..Rejection::new("empty_key", reason) }
}

/// Says that a new record would be blank, if it would.
pub(in crate::engine) fn no_values(record: &Prepared) -> Option<Rejection> {
    let is_blank = record.links.is_empty() && record.fields.values().all(is_blank);
    is_blank.then(blank_record)
}

/// Says that a new record would be blank.
pub(in crate::engine) fn blank_record() -> Rejection {
    Rejection::new("no_values", "none of the mapped fields has a value, so the new record would be blank")
}

/// Creates a record, unless there is nothing to write of it.
fn create(rules: &Rules<'_>, record: &Prepared, links: &LinkedIds) -> Action {
    match no_values(record) {
        Some(reason) => Action::Reject(reason),
        None => Action::Create(record_write(rules, record, links, None)),
    }
}

/// Updates a record that exists; an update that would change nothing leaves it.
fn update(rules: &Rules<'_>, record: &Prepared, knowledge: &Knowledge, id: String, is_own: bool) -> Action {
    let current = knowledge.current.get(&id);
    let before = current.cloned().unwrap_or_default();
    let mut write = record_write(rules, record, &knowledge.links, Some(id));
    for field in &rules.policy.on_create {
        write.fields.remove(field);
    }
    if is_found_by_key(record, knowledge, &write) {
        for field in &rules.policy.aliased {
            write.fields.remove(field);
        }
    }
    for field in &rules.policy.if_blank {
        // What the destination said nothing of is not known to be blank.
        if !current.is_some_and(|fields| fields.get(field).is_none_or(is_blank)) {
            write.fields.remove(field);
        }
    }
    let is_stamp = |name: &FieldName| rules.policy.stamps.contains(name);
    if write.fields.keys().all(is_stamp) && write.links.is_empty() {
        return Action::Leave(if is_own { Because::CreatedBefore } else { Because::Unchanged });
    }
    Action::Update { write, before, is_own }
}

/// Tells whether the record of the destination is the one that has the key already: by the id map, or as it was just found.
fn is_found_by_key(record: &Prepared, knowledge: &Knowledge, write: &RecordWrite) -> bool {
    let Some(key) = &record.key else { return false };
    let id = write.destination_id.as_deref();
    let known = knowledge.entries.by_key.get(&key.hash).map(|entry| entry.destination_id.as_str());
    (known.is_some() && known == id)
        || matches!(knowledge.found.matching(record), Found::One(found) if Some(found.as_str()) == id)
}

/// Puts together what is written of a record: links that are fields go among the fields, as far as the ids of their records are
/// known.
fn record_write(
    rules: &Rules<'_>,
    record: &Prepared,
    known: &LinkedIds,
    destination_id: Option<String>,
) -> RecordWrite {
    let mut fields = record.fields.clone();
    for name in &rules.policy.stamps {
        if let Some(Value::Text(text)) = fields.get_mut(name) {
            *text = text.replace(RUN_ID, rules.run_id);
        }
    }
    if rules.links == LinkWay::SourceIds {
        fields.extend(record.links.iter().map(|link| (link.field.clone(), Value::List(link.linked_ids.clone()))));
        return RecordWrite { destination_id, fields, links: Vec::new() };
    }
    let is_create = destination_id.is_none() && !rules.policy.is_upsert_native;
    let mut links = Vec::with_capacity(record.links.len());
    for link in &record.links {
        let KnownLink { ids, count } = known.known(&link.stream, &link.linked_ids);
        let is_complete = count == link.linked_ids.len();
        let is_apart = rules.policy.linked_apart.contains(&link.field);
        let is_carried = !ids.is_empty()
            && !is_apart
            && match rules.links {
                LinkWay::SourceIds | LinkWay::Fields => true,
                LinkWay::Calls => false,
                // All of a field or none: what is missing would need a call of its own anyway.
                LinkWay::CallsOrCreate => is_create && is_complete,
            };
        links.push(Link {
            source_id: record.source_id.clone(),
            field: link.field.to_string(),
            stream: link.stream.to_string(),
            linked_ids: link.linked_ids.clone(),
            linked: if is_carried { u64::try_from(count).unwrap_or(u64::MAX) } else { 0 },
        });
        if is_carried {
            fields.insert(link.field.clone(), Value::List(ids));
        }
    }
    RecordWrite { destination_id, fields, links }
}

#[cfg(test)]
mod tests;
