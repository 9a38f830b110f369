//! What a decision would change at the destination, field by field. Pure.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::engine::{
    decide::{
        decision::{Action, Because, RecordWrite},
        lookup::is_blank,
        prepare::Prepared,
        same::holds,
    },
    review::{Delete, Known, ReviewPlace},
};
use crate::model::{FieldName, Fields, Rejection, Value};
use crate::state::{DeadLetter, DeadLetterKind, Target};

use super::report::{Change, ChangeKind, ChangeReason, FieldChange, FieldCounts, LinkChange};

/// What becomes of the value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldFate {
    Filled,
    Overwritten,
    Cleared,
}

/// How what the destination holds of a record differs from what is to be there.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Differences {
    /// The fields whose values would change.
    pub changed: Vec<(FieldName, FieldFate)>,
    /// What the destination holds in them.
    pub before: Fields,
    /// The fields that keep another value, because the mapping says so.
    pub kept: Vec<FieldName>,
    /// Of a record that is left: the fields that people changed, with what is there now.
    pub drifted: Fields,
}

impl FieldFate {
    pub(super) fn counter(self) -> fn(&mut FieldCounts) {
        match self {
            Self::Filled => |counts| counts.filled += 1,
            Self::Overwritten => |counts| counts.overwritten += 1,
            Self::Cleared => |counts| counts.cleared += 1,
        }
    }

    fn of(old: &Value, new: &Value) -> Self {
        match (is_blank(old), is_blank(new)) {
            (true, _) => Self::Filled,
            (false, true) => Self::Cleared,
            (false, false) => Self::Overwritten,
        }
    }
}

impl Differences {
    /// Returns how a row of a new version differs from the one that it stands for.
    pub(super) fn of_row(write: &RecordWrite, before: Fields, fields: Vec<FieldName>) -> Self {
        let fate = |name: &FieldName| {
            let (old, new) = (before.get(name).unwrap_or(&Value::Null), write.fields.get(name).unwrap_or(&Value::Null));
            FieldFate::of(old, new)
        };
        let changed = fields.into_iter().map(|name| (name.clone(), fate(&name))).collect();
        Self { changed, before, ..Self::default() }
    }

    pub(super) fn of(place: ReviewPlace<'_>, record: &Prepared, action: &Action, known: Known<'_>) -> Self {
        match action {
            Action::Update { write, before, .. } => {
                let kept = known.kept.get(&record.source_id).unwrap_or(&write.fields);
                Self::of_update(place, record, (write, kept), before)
            }
            Action::Leave(Because::Unchanged) => {
                let id = known.ids.get(record.source_id.as_str());
                let current = id.and_then(|id| known.current.get(*id));
                let kept = known.kept.get(&record.source_id).unwrap_or(&record.fields);
                let drifted = current.map(|current| drifted(place, kept, current));
                Self { drifted: drifted.unwrap_or_default(), ..Self::default() }
            }
            _ => Self::default(),
        }
    }

    /// `kept` are the values that are written, as the destination keeps them.
    fn of_update(
        place: ReviewPlace<'_>,
        record: &Prepared,
        (write, kept): (&RecordWrite, &Fields),
        before: &Fields,
    ) -> Self {
        let old = |name: &FieldName| before.get(name).unwrap_or(&Value::Null);
        let mut found = Self::default();
        // Links that calls of their own set are no fields.
        for (name, new) in write.fields.iter().filter(|(name, _)| !place.stamps.contains(name)) {
            if !holds(place.schema.field(name), kept.get(name).unwrap_or(new), old(name)) {
                found.changed.push((name.clone(), FieldFate::of(old(name), new)));
                found.before.insert(name.clone(), old(name).clone());
            }
        }
        let rules = place.if_blank.iter().chain(place.on_create);
        let is_kept = |name: &&FieldName| {
            let wanted = record.fields.get(*name).filter(|value| !is_blank(value));
            !write.fields.contains_key(*name)
                && wanted.is_some_and(|wanted| !holds(place.schema.field(name), wanted, old(name)))
        };
        found.kept = rules.filter(is_kept).cloned().collect();
        found
    }
}

/// Returns the fields of a record that Ferry wrote and that hold something else now. `wrote` are the values as the destination keeps
/// them.
fn drifted(place: ReviewPlace<'_>, wrote: &Fields, current: &Fields) -> Fields {
    let others = [place.if_blank, place.on_create, place.stamps];
    let is_owned = |name: &FieldName| others.iter().all(|names| !names.contains(name));
    let now = |name: &FieldName| current.get(name).cloned().unwrap_or_default();
    let own = wrote.iter().filter(|(name, _)| is_owned(name));
    let other = own.filter(|(name, wrote)| !holds(place.schema.field(name), wrote, &now(name)));
    other.map(|(name, _)| (name.clone(), now(name))).collect()
}

/// Shows what would become of a record; none where nothing would.
pub(super) fn shown(target: &Target, record: &Prepared, action: &Action, found: &Differences) -> Option<Change> {
    let change = |kind: ChangeKind| Change { id: record.source_id.clone(), ..blank(target, kind) };
    let is_link = |name: &FieldName| record.links.iter().any(|link| link.field == *name);
    Some(match action {
        Action::Create(write) | Action::Upsert { write, .. } => created(target, record, write),
        Action::Update { write, .. } => {
            let values = found
                .changed
                .iter()
                .filter(|(name, _)| !is_link(name))
                .filter_map(|(name, _)| Some(field_change(name, found.before.get(name)?, write.fields.get(name)?)));
            let changed_links = links(record).into_iter().filter(|link| {
                !write.fields.contains_key(link.field.as_str())
                    || found.changed.iter().any(|(name, _)| *name.as_str() == *link.field)
            });
            Change {
                destination_id: write.destination_id.clone(),
                fields: values.collect(),
                links: changed_links.collect(),
                ..change(ChangeKind::Update)
            }
        }
        Action::Leave(_) if !found.drifted.is_empty() => {
            let fields = found.drifted.iter().map(|(name, now)| {
                let wrote = record.fields.get(name).unwrap_or(&Value::Null);
                field_change(name, now, wrote)
            });
            Change { fields: fields.collect(), ..change(ChangeKind::Drift) }
        }
        Action::Reject(reason) => Change { reason: Some(reason.into()), ..change(ChangeKind::Reject) },
        Action::Hold(reason) => Change { reason: Some(reason.into()), ..change(ChangeKind::Hold) },
        Action::Adopt(_) | Action::Leave(_) | Action::Duplicate(_) => return None,
    })
}

/// Shows a record that would be new.
pub(super) fn created(target: &Target, record: &Prepared, write: &RecordWrite) -> Change {
    let is_link = |name: &FieldName| record.links.iter().any(|link| link.field == *name);
    let given = write.fields.iter().filter(|(name, value)| !is_blank(value) && !is_link(name));
    let fields = given.map(|(field, new)| field_change(field, &Value::Null, new)).collect();
    Change { id: record.source_id.clone(), fields, links: links(record), ..blank(target, ChangeKind::Create) }
}

fn links(record: &Prepared) -> Vec<LinkChange> {
    let shown = record.links.iter().map(|link| LinkChange {
        field: link.field.to_string(),
        stream: link.stream.to_string(),
        linked_ids: link.linked_ids.clone(),
    });
    shown.collect()
}

/// Shows a row of a new version that stands for another one.
pub(super) fn rewritten(target: &Target, record: &Prepared, write: &RecordWrite, found: &Differences) -> Change {
    let values = found.changed.iter().filter_map(|(name, _)| {
        let old = found.before.get(name).unwrap_or(&Value::Null);
        Some(field_change(name, old, write.fields.get(name)?))
    });
    Change { id: record.source_id.clone(), fields: values.collect(), ..blank(target, ChangeKind::Update) }
}

/// Shows a row that a new version leaves out.
pub(super) fn left_out(target: &Target, key: String, row: &Fields) -> Change {
    let held = row.iter().filter(|(_, value)| !is_blank(value));
    let fields = held.map(|(field, old)| field_change(field, old, &Value::Null));
    Change {
        destination_id: Some(key).filter(|key| !key.is_empty()),
        fields: fields.collect(),
        ..blank(target, ChangeKind::Delete)
    }
}

/// Shows a record that is refused before anything is decided.
pub(super) fn refused(target: &Target, letter: &DeadLetter) -> Change {
    let kind = match letter.kind {
        DeadLetterKind::Held => ChangeKind::Hold,
        DeadLetterKind::Rejected | DeadLetterKind::Link => ChangeKind::Reject,
    };
    let reason = ChangeReason {
        code: letter.code.clone(),
        reason: letter.body.reason.clone(),
        field: letter.field.clone(),
        value: letter.body.value.clone(),
    };
    Change { id: letter.source_id.clone(), reason: Some(reason), ..blank(target, kind) }
}

/// Shows a record that a mirror would delete.
pub(super) fn deleted(target: &Target, delete: &Delete) -> Change {
    let held = delete.before.iter().flatten().filter(|(_, value)| !is_blank(value));
    Change {
        destination_id: Some(delete.destination_id.clone()),
        fields: held.map(|(field, old)| field_change(field, old, &Value::Null)).collect(),
        ..blank(target, ChangeKind::Delete)
    }
}

/// Returns a record by its id and number alone: nothing is written of it.
pub(super) fn unchanged_as(record: &Prepared) -> Arc<Prepared> {
    Arc::new(Prepared {
        source_id: record.source_id.clone(),
        number: record.number,
        is_deleted: record.is_deleted,
        fields: Fields::new(),
        links: Vec::new(),
        content_hash: record.content_hash,
        key: None,
    })
}

fn blank(target: &Target, change: ChangeKind) -> Change {
    Change {
        stream: target.stream.clone(),
        connection: target.connection.clone(),
        object: target.object.clone(),
        change,
        id: String::new(),
        destination_id: None,
        fields: Vec::new(),
        links: Vec::new(),
        reason: None,
    }
}

fn field_change(field: &FieldName, old: &Value, new: &Value) -> FieldChange {
    let json = |value: &Value| if is_blank(value) { Json::Null } else { value.to_json() };
    FieldChange { field: field.clone(), old: json(old), new: json(new) }
}

impl From<&Rejection> for ChangeReason {
    fn from(rejection: &Rejection) -> Self {
        let Rejection { code, reason, field, value, .. } = rejection.clone();
        Self { code, reason, field, value }
    }
}
