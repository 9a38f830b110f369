//! Keeps back what is not as it was planned: between plan and apply, somebody may have changed it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;

use crate::engine::{
    decide::{
        decision::{Action, Because, Current, Decision, RecordWrite},
        same::{differing, holds},
    },
    error::EngineError,
    policy::Reads,
    review::{CHANGED_SINCE_PLAN, Delete, DeleteVerdict, Known, Review, ReviewPlace},
};
use crate::model::{FieldName, Fields, Rejection, Schema, Value};
use crate::state::Target;

/// What was planned of the records that are looked at next.
#[derive(Debug, Default)]
pub(super) struct Applier {
    records: Mutex<HashMap<(Target, String), Action>>,
    deletes: Mutex<HashMap<(Target, String), Delete>>,
}

impl Applier {
    /// Says what was planned of records of a target, by their source ids.
    pub(super) fn expect(&self, target: &Target, planned: impl IntoIterator<Item = (String, Action)>) {
        let named = planned.into_iter().map(|(id, action)| ((target.clone(), id), action));
        self.records.lock().unwrap_or_else(PoisonError::into_inner).extend(named);
    }

    /// Says which records of a target a mirror may delete.
    pub(super) fn expect_deletes(&self, target: &Target, deletes: Vec<Delete>) {
        let named = deletes.into_iter().map(|delete| ((target.clone(), delete.destination_id.clone()), delete));
        self.deletes.lock().unwrap_or_else(PoisonError::into_inner).extend(named);
    }

    /// Returns how many records that a mirror was to delete were not looked at: they are gone.
    pub(super) fn take_deletes(&self, target: &Target) -> u64 {
        let mut deletes = self.deletes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = deletes.len();
        deletes.retain(|(of, _), _| of != target);
        u64::try_from(before - deletes.len()).unwrap_or(u64::MAX)
    }
}

#[async_trait]
impl Review for Applier {
    fn reads(&self) -> Reads {
        Reads::Overwritten
    }

    async fn decided(
        &self,
        place: ReviewPlace<'_>,
        decisions: Vec<Decision>,
        known: Known<'_>,
    ) -> Result<Vec<Decision>, EngineError> {
        let mut planned = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let judged = decisions.into_iter().map(|Decision { record, action }| {
            let action = match planned.remove(&(place.target.clone(), record.source_id.clone())) {
                Some(planned) => {
                    let kept = known.kept.get(&record.source_id);
                    if is_own_create(&planned, &action) && known.own.contains_key(&record.source_id) {
                        return Decision { record, action };
                    }
                    as_planned(place, in_kept_words(planned, kept), in_kept_words(action, kept))
                }
                // Decided upon again: what was to be written is gone from the destination since.
                None => hold(&[]),
            };
            Decision { record, action }
        });
        Ok(judged.collect())
    }

    async fn deletes(&self, place: ReviewPlace<'_>, deletes: Vec<Delete>) -> Result<Vec<DeleteVerdict>, EngineError> {
        let mut planned = self.deletes.lock().unwrap_or_else(PoisonError::into_inner);
        let verdicts =
            deletes.into_iter().map(|now| match planned.remove(&(place.target.clone(), now.destination_id.clone())) {
                None => DeleteVerdict::Skip,
                Some(then) if is_same(place.schema, then.before.as_ref(), now.before.as_ref()) => DeleteVerdict::Delete,
                Some(_) => DeleteVerdict::Hold,
            });
        Ok(verdicts.collect())
    }
}

/// Tells whether a record that is there now may be the one that was to be created.
fn is_own_create(planned: &Action, now: &Action) -> bool {
    matches!((planned, now), (Action::Create(_), Action::Upsert { .. }))
}

/// Puts the values of an action in the words in which the destination keeps them: it takes those too.
fn in_kept_words(mut action: Action, kept: Option<&Fields>) -> Action {
    if let (Some(kept), Action::Update { write, .. } | Action::Upsert { write, .. } | Action::Adopt(write)) =
        (kept, &mut action)
    {
        for (name, value) in &mut write.fields {
            if let Some(kept) = kept.get(name) {
                value.clone_from(kept);
            }
        }
    }
    action
}

/// Tells whether a record holds what it held. One that is gone is deleted, whatever it held.
fn is_same(schema: &Schema, then: Option<&Fields>, now: Option<&Fields>) -> bool {
    let (Some(then), Some(now)) = (then, now) else { return now.is_none() };
    differing(schema, then, now).is_empty() && differing(schema, now, then).is_empty()
}

/// Returns what is done with a record that was planned in one way and is decided upon now in another: the same, or nothing.
fn as_planned(place: ReviewPlace<'_>, planned: Action, now: Action) -> Action {
    let schema = place.schema;
    match (planned, now) {
        // Ambiguous keys, and what else keeps a record from being written at all; and what this apply wrote before it was stopped, or
        // somebody else in the same way.
        (
            _,
            now @ (Action::Hold(_)
            | Action::Reject(_)
            | Action::Leave(Because::Unchanged | Because::CreatedBefore | Because::UpdatedBefore)),
        )
        | (
            Action::Create(_),
            now @ (Action::Create(_) | Action::Upsert { current: None, .. } | Action::Update { is_own: true, .. }),
        ) => now,
        (Action::Create(_), Action::Upsert { write, current: Some(current) }) => {
            match differing(schema, &write.fields, &current.fields).as_slice() {
                // It may be this apply's own, whose answer was lost: to write it again changes nothing.
                [] => Action::Upsert { write, current: Some(current) },
                fields => hold(fields),
            }
        }
        (Action::Create(_), Action::Update { write, before, .. }) => {
            let fields = differing(schema, &write.fields, &before);
            if fields.is_empty() { Action::Adopt(write) } else { hold(&fields) }
        }
        (planned @ (Action::Update { .. } | Action::Adopt(_)), now) => changed_or_not(place, planned, now),
        (
            Action::Create(_)
            | Action::Upsert { .. }
            | Action::Leave(_)
            | Action::Duplicate(_)
            | Action::Reject(_)
            | Action::Hold(_),
            _,
        ) => hold(&[]),
    }
}

/// Decides about a record that was at the destination when the plan was made.
fn changed_or_not(place: ReviewPlace<'_>, planned: Action, now: Action) -> Action {
    let schema = place.schema;
    let (planned, then) = match planned {
        Action::Update { write, before, .. } => (write, Some(before)),
        Action::Adopt(write) => (write, None),
        _ => return hold(&[]),
    };
    let (write, before, is_native) = match now {
        Action::Update { write, before, .. } => (write, before, false),
        Action::Upsert { mut write, current: Some(current) } => {
            write.destination_id = Some(current.destination_id);
            (write, current.fields, true)
        }
        _ => return hold(&[]),
    };
    if write.destination_id != planned.destination_id {
        return hold(&[]);
    }
    let changed: Vec<&FieldName> = write
        .fields
        .keys()
        .chain(planned.fields.keys().filter(|name| !write.fields.contains_key(*name)))
        .filter(|name| !place.stamps.contains(name))
        .filter(|name| is_changed(schema, name, (&planned, then.as_ref()), (&write, &before)))
        .collect();
    if !changed.is_empty() {
        return hold(&changed);
    }
    let still: Vec<FieldName> = differing(schema, &write.fields, &before).into_iter().cloned().collect();
    if still.iter().all(|name| place.stamps.contains(name)) {
        return Action::Adopt(write);
    }
    if is_native {
        // The key goes along, so the whole record does.
        let destination_id = write.destination_id.clone().unwrap_or_default();
        let current = Some(Current { destination_id, fields: before });
        return Action::Upsert { write: RecordWrite { destination_id: None, ..write }, current };
    }
    // Only what the plan showed as a change is sent.
    let fields = write.fields.into_iter().filter(|(name, _)| still.contains(name)).collect();
    Action::Update { write: RecordWrite { fields, ..write }, before, is_own: false }
}

/// Tells whether a field holds neither what it held when the plan was made nor what is to be written.
fn is_changed(
    schema: &Schema,
    name: &FieldName,
    (planned, then): (&RecordWrite, Option<&Fields>),
    (write, before): (&RecordWrite, &Fields),
) -> bool {
    let field = schema.field(name);
    let now = before.get(name).unwrap_or(&Value::Null);
    let to_be = write.fields.get(name).or_else(|| planned.fields.get(name));
    if to_be.is_some_and(|to_be| holds(field, to_be, now)) {
        return false;
    }
    then.is_none_or(|then| !holds(field, then.get(name).unwrap_or(&Value::Null), now))
}

fn hold(fields: &[&FieldName]) -> Action {
    let names: Vec<String> = fields.iter().map(|name| format!("`{name}`")).collect();
    let what = match names.as_slice() {
        [] => "the destination's record is not what it was when the plan was made".to_owned(),
        names => format!("{} changed at the destination since the plan was made", names.join(", ")),
    };
    let reason = Rejection::new(CHANGED_SINCE_PLAN, format!("{what}; make a new plan"));
    Action::Hold(Rejection { field: fields.first().map(ToString::to_string), ..reason })
}

#[cfg(test)]
mod tests {
    use crate::model::{Field, FieldType, ObjectName};

    use super::*;

    fn schema() -> Schema {
        let fields = [Field::new("Name", FieldType::Text), Field::new("Amount", FieldType::Number)];
        Schema { object: ObjectName::new("deals"), fields: fields.into(), is_open: false }
    }

    fn target() -> Target {
        Target {
            pipeline: "p".to_owned(),
            stream: "deals".into(),
            connection: "crm".into(),
            object: ObjectName::new("deals"),
            accounts: crate::state::Accounts::default(),
        }
    }

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().map(|(name, value)| (FieldName::new(*name), Value::Text((*value).to_owned()))).collect()
    }

    fn write(id: Option<&str>, pairs: &[(&str, &str)]) -> RecordWrite {
        RecordWrite { destination_id: id.map(str::to_owned), fields: fields(pairs), links: Vec::new() }
    }

    fn update(id: &str, before: &[(&str, &str)], pairs: &[(&str, &str)]) -> Action {
        Action::Update { write: write(Some(id), pairs), before: fields(before), is_own: false }
    }

    fn word(action: &Action) -> String {
        match action {
            Action::Create(_) => "create".to_owned(),
            Action::Upsert { .. } => "upsert".to_owned(),
            Action::Update { write, .. } => {
                format!("update {}", write.fields.keys().map(FieldName::as_str).collect::<Vec<_>>().join(" "))
            }
            Action::Adopt(_) => "adopt".to_owned(),
            Action::Hold(reason) => format!("hold {}", reason.field.as_deref().unwrap_or("-")),
            Action::Leave(_) => "leave".to_owned(),
            Action::Duplicate(_) | Action::Reject(_) => "other".to_owned(),
        }
    }

    #[test]
    fn what_changed_since_the_plan_is_held_and_everything_else_is_done_as_planned() {
        let new = [("Name", "Ada"), ("Amount", "2")];
        let planned = || update("7", &[("Name", "Bob"), ("Amount", "2.00")], &new);
        let upsert = |before: Option<&[(&str, &str)]>| Action::Upsert {
            write: write(None, &new),
            current: before.map(|before| Current { destination_id: "7".to_owned(), fields: fields(before) }),
        };
        let cases = [
            (Action::Create(write(None, &new)), Action::Create(write(None, &new)), "create"),
            (Action::Create(write(None, &new)), upsert(None), "upsert"),
            (Action::Create(write(None, &new)), upsert(Some(&new)), "upsert"),
            (Action::Create(write(None, &new)), upsert(Some(&[("Name", "Eve"), ("Amount", "2")])), "hold Name"),
            (Action::Create(write(None, &new)), update("7", &[("Name", "Eve"), ("Amount", "2")], &new), "hold Name"),
            (Action::Create(write(None, &new)), update("7", &new, &new), "adopt"),
            (planned(), planned(), "update Name"),
            (planned(), update("7", &[("Name", "Bob"), ("Amount", "3")], &new), "hold Amount"),
            (planned(), update("7", &[("Name", "Eve"), ("Amount", "2")], &new), "hold Name"),
            // An attempt whose answer was lost wrote it.
            (planned(), update("7", &new, &new), "adopt"),
            (planned(), update("8", &[("Name", "Bob"), ("Amount", "2")], &new), "hold -"),
            (planned(), upsert(Some(&[("Name", "Bob"), ("Amount", "2")])), "upsert"),
            (planned(), upsert(Some(&[("Name", "Eve"), ("Amount", "2")])), "hold Name"),
            (planned(), upsert(None), "hold -"),
            (planned(), Action::Create(write(None, &new)), "hold -"),
            (planned(), Action::Leave(Because::UpdatedBefore), "leave"),
            (Action::Adopt(write(Some("7"), &new)), update("7", &new, &new), "adopt"),
            (
                Action::Adopt(write(Some("7"), &new)),
                update("7", &[("Name", "Eve"), ("Amount", "2")], &new),
                "hold Name",
            ),
        ];
        for (number, (planned, now, expected)) in cases.into_iter().enumerate() {
            let (target, schema) = (target(), schema());
            let place = ReviewPlace { target: &target, schema: &schema, if_blank: &[], on_create: &[], stamps: &[] };
            assert_eq!(word(&as_planned(place, planned, now)), expected, "case {number}");
        }
    }
}
