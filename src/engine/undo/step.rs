//! What is done with a record to take back what a run did with it. Pure: what the destination holds now was read before.

use crate::engine::decide::{lookup::is_blank, same::holds};
use crate::model::{Field, FieldName, FieldType, Fields, Record, Schema, Value};
use crate::state::{Image, ImageFate, ImageKind};

use super::report::Difference;

/// What is done with a record.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// It is deleted.
    Delete,
    /// These fields get the values that they had.
    Restore(Fields),
    /// It is created again.
    Recreate(Fields),
    /// It is as it was already, perhaps under another id.
    AsItWas(Option<String>),
    /// It is left, and this is where it is not what the run wrote.
    Leave(ImageFate, Vec<Difference>),
}

/// What a destination is able to do, as far as it decides.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate fact about the destination")]
pub(super) struct Abilities<'run> {
    pub schema: &'run Schema,
    /// Whether links are written by calls of their own, so that they are no fields of a record.
    pub are_links_calls: bool,
    pub can_delete: bool,
    pub can_update: bool,
    pub can_insert: bool,
}

/// What the destination holds now.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Now<'run> {
    /// The record under its id.
    pub found: Option<&'run Record>,
    /// Of a record that was deleted: the one that has its key.
    pub with_key: Option<&'run Record>,
    /// Whether an earlier attempt was about to write it and has no answer.
    pub is_under_way: bool,
}

/// Decides what is done with a record.
pub(super) fn step(abilities: &Abilities<'_>, image: &Image, now: Now<'_>) -> Step {
    let found = now.found.filter(|record| record.merged_into.is_none());
    match image.kind {
        ImageKind::Created => match found {
            // It was merged into another one, which is not this run's.
            None if now.found.is_some() => Step::Leave(ImageFate::Changed, Vec::new()),
            None if now.is_under_way => Step::AsItWas(None),
            None => Step::Leave(ImageFate::Gone, Vec::new()),
            Some(record) => match abilities.differences(&image.wrote, &record.fields) {
                differences if !differences.is_empty() => Step::Leave(ImageFate::Changed, differences),
                _ if abilities.can_delete => Step::Delete,
                _ => Step::Leave(ImageFate::Impossible, Vec::new()),
            },
        },
        ImageKind::Updated => update(abilities, image, now.found, found),
        ImageKind::Deleted => deleted(abilities, image, now),
    }
}

fn update(abilities: &Abilities<'_>, image: &Image, any: Option<&Record>, found: Option<&Record>) -> Step {
    let Some(record) = found else {
        let fate = if any.is_some() { ImageFate::Changed } else { ImageFate::Gone };
        return Step::Leave(fate, Vec::new());
    };
    let Some(before) = &image.before else { return Step::Leave(ImageFate::Impossible, Vec::new()) };
    if abilities.differences(before, &record.fields).is_empty() {
        return Step::AsItWas(None);
    }
    let differences = abilities.differences(&image.wrote, &record.fields);
    if !differences.is_empty() {
        return Step::Leave(ImageFate::Changed, differences);
    }
    let changed = before.iter().filter(|(name, value)| image.wrote.get(*name) != Some(*value));
    let back: Fields = changed.filter_map(|(name, value)| abilities.back(name, value)).collect();
    if back.is_empty() || !abilities.can_update {
        return Step::Leave(ImageFate::Impossible, Vec::new());
    }
    Step::Restore(back)
}

fn deleted(abilities: &Abilities<'_>, image: &Image, now: Now<'_>) -> Step {
    let before = image.before.clone().unwrap_or_default();
    let is_as_it_was = |record: &Record| abilities.differences(&before, &record.fields).is_empty();
    match (now.found, now.with_key) {
        (Some(record), _) if is_as_it_was(record) => Step::AsItWas(None),
        (None, Some(record)) if now.is_under_way && is_as_it_was(record) => Step::AsItWas(Some(record.id.clone())),
        // Somebody changed it, or created another one with its key since.
        (Some(record), _) | (None, Some(record)) => {
            Step::Leave(ImageFate::Changed, abilities.differences(&before, &record.fields))
        }
        (None, None) => {
            let values = before.iter().filter(|(_, value)| !is_blank(value));
            let fields: Fields = values.filter_map(|(name, value)| abilities.back(name, value)).collect();
            if fields.is_empty() || !abilities.can_insert {
                Step::Leave(ImageFate::Impossible, Vec::new())
            } else {
                Step::Recreate(fields)
            }
        }
    }
}

impl Abilities<'_> {
    /// Tells whether a field can be read as a field of the record.
    pub(super) fn is_readable(&self, name: &FieldName) -> bool {
        let is_open = self.schema.is_open;
        self.schema
            .field(name)
            .map_or(is_open, |field| !field.is_write_only && field.parent.is_none() && !self.is_link_call(field))
    }

    fn is_link_call(&self, field: &Field) -> bool {
        self.are_links_calls && field.field_type == FieldType::Link
    }

    /// Tells whether a field holds links that are set by calls of their own.
    pub(super) fn is_set_by_call(&self, name: &FieldName) -> bool {
        self.schema.field(name).is_some_and(|field| self.is_link_call(field))
    }

    /// Tells whether a field can be given a value.
    pub(super) fn is_writable(&self, name: &FieldName) -> bool {
        self.schema
            .field(name)
            .map_or(self.schema.is_open, |field| !field.is_read_only && !field.is_formula && !self.is_link_call(field))
    }

    fn differences(&self, wanted: &Fields, found: &Fields) -> Vec<Difference> {
        let readable = wanted.iter().filter(|(name, _)| self.is_readable(name));
        let other = readable.filter_map(|(name, value)| {
            let now = found.get(name).unwrap_or(&Value::Null);
            let differs = !holds(self.schema.field(name), value, now);
            differs.then(|| Difference { field: name.to_string(), wrote: value.to_json(), holds: now.to_json() })
        });
        other.collect()
    }

    /// Returns a field with the value that it is to have again; none where it cannot be written.
    fn back(&self, name: &FieldName, value: &Value) -> Option<(FieldName, Value)> {
        if !self.is_writable(name) {
            return None;
        }
        let is_link = self.schema.field(name).is_some_and(|field| field.field_type == FieldType::Link);
        let value = if is_link && is_blank(value) { Value::List(Vec::new()) } else { value.clone() };
        Some((name.clone(), value))
    }
}

#[cfg(test)]
mod tests;
