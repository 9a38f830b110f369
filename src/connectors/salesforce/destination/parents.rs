//! Parents that a record names by a key: what is sent, and what it means that there is none.
//!
//! A record names each parent once, by id or by key. A key that no record has, or none but one of the same request, refuses the
//! record.

use serde_json::Value as Json;

use crate::model::{FieldName, Outcome, Rejection, Value};

use super::{
    super::schema::{ObjectInfo, ParentPath, SalesforceField},
    row::{Row, is_blank},
};

/// Begins what Salesforce says of a key that no record has. Source: `Foreign key external ID: X not found for field …`.
const NOT_FOUND: &str = "foreign key external id";

type Sent<'info> = (&'info SalesforceField, Value);

/// Returns what is sent of a value: a parent is taken away by the field with its id, as a key cannot say that there is none.
pub(super) fn sent_as<'info>(info: &'info ObjectInfo, field: &'info SalesforceField, value: Value) -> Sent<'info> {
    let reference = field.parent.as_ref().filter(|_| is_blank(&value)).and_then(|path| info.field(&path.reference));
    (reference.unwrap_or(field), value)
}

/// Leaves of each parent the one field that names it; several that do refuse the record.
pub(super) fn name_once(fields: &mut Vec<Sent<'_>>) -> Result<(), Rejection> {
    if fields.iter().all(|(field, _)| field.parent.is_none()) {
        return Ok(());
    }
    let named: Vec<(FieldName, FieldName)> = fields
        .iter()
        .filter(|(_, value)| !is_blank(value))
        .map(|(field, _)| (sets(field).clone(), field.field.name.clone()))
        .collect();
    for (place, (reference, name)) in named.iter().enumerate() {
        if let Some((_, other)) = named.iter().take(place).find(|(known, _)| known == reference) {
            let reason = format!("`{other}` and `{name}` both name the record's `{reference}`; only one of them may");
            return Err(Rejection::new("parent_named_twice", reason).at(name.as_str(), ""));
        }
    }
    fields.retain(|(field, value)| !is_blank(value) || named.iter().all(|(reference, _)| reference != sets(field)));
    Ok(())
}

/// Returns the field that a field sets: the one with the parent's id, or itself.
fn sets(field: &SalesforceField) -> &FieldName {
    field.parent.as_ref().map_or(&field.field.name, |path| &path.reference)
}

/// Returns the name and value by which a JSON body says what a field is.
pub(super) fn named(field: &SalesforceField, value: Json) -> (String, Json) {
    match &field.parent {
        Some(path) => (path.relationship.clone(), path.json(&value)),
        None => (field.field.name.to_string(), value),
    }
}

/// A parent that a record names by a key.
#[derive(Debug)]
pub(super) struct NamedParent {
    /// The field that says so.
    pub(super) field: FieldName,
    pub(super) path: ParentPath,
    pub(super) key: String,
}

/// Returns the parents that a row names by a key.
pub(super) fn named_by(row: &Row<'_>) -> Vec<NamedParent> {
    let named = row.fields.iter().filter_map(|(field, value)| {
        let path = field.parent.clone()?;
        Some(NamedParent { field: field.field.name.clone(), path, key: value.to_text() })
    });
    named.collect()
}

/// Says of a record that was refused for a parent which parent it is, of those that it names.
pub(super) fn explain(info: &ObjectInfo, named: Vec<NamedParent>, outcome: Outcome) -> Outcome {
    let Outcome::Rejected(rejection) = outcome else { return outcome };
    let said = &rejection.reason;
    if !said.to_lowercase().contains(NOT_FOUND) {
        return Outcome::Rejected(rejection);
    }
    let blamed = |NamedParent { path, key, .. }: &NamedParent| {
        said.contains(key.as_str()) && said.contains(&path.key) && said.contains(&path.object)
    };
    let Some(NamedParent { field, path, key }) = named.into_iter().find(blamed) else {
        return Outcome::Rejected(rejection);
    };
    let mut reason = format!("no `{}` has `{key}` in `{}`", path.object, path.key);
    if path.object == info.name {
        reason.push_str(
            "; records of one request cannot name each other: `ferry redrive` tries again, and a `link` needs no key",
        );
    }
    let found = Rejection::new("parent_not_found", reason).at(field.as_str(), key);
    Outcome::Rejected(Rejection { request_id: rejection.request_id, ..found })
}
