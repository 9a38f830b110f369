//! Fills the org from a folder of fixtures: `<Object>.csv` or `.jsonl`, `<Object>.schema.yaml`, and `org.schema.yaml`.
//!
//! Columns are API names; `Account.External_Id__c` names a parent by its key. Values that are not of their field's type are
//! refused, and so are unknown fields; what is required may be missing, as in old orgs.

use std::{collections::BTreeMap, path::Path};

use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};

use crate::fixtures::{Fixture, read_fixtures};

use super::{
    catalog::{FieldType, ObjectSpec, Role},
    ids::{Id, Prefix},
    org::Org,
    store::{Change, Record, Values},
    time::read_datetime,
    values::{Sent, canonical},
    write::{derive, found, reference},
};

/// A reference, the parent's key where it is named by one, and the value.
type Parent = (u16, Option<(usize, u16)>, String);

/// A parent that is named by a key, or by an id that has still to be looked up.
struct Link {
    object: usize,
    id: Id,
    field: u16,
    key: Option<(usize, u16)>,
    value: String,
    place: String,
}

/// Fills the org.
pub(super) fn load(org: &mut Org, folder: &Path) -> Result<(), String> {
    let mut fixtures = read_fixtures(folder).map_err(|error| error.to_string())?;
    if let Some(fixture) = fixtures.remove("org") {
        org.options =
            org.options.with(&fixture.schema).map_err(|error| format!("fixture `org.schema.yaml`: {error}"))?;
    }
    for (name, fixture) in &mut fixtures {
        let failed = |error: String| format!("fixture `{name}.schema.yaml`: {error}");
        let mut spec: ObjectSpec = match &fixture.schema {
            Json::Null => ObjectSpec::default(),
            schema => decode(schema.clone()).map_err(failed)?,
        };
        if spec.name.is_empty() {
            spec.name.clone_from(name);
        }
        if fixture.schema.is_null() && org.catalog.find(name).is_none() {
            return Err(format!("fixture `{name}`: the object is not a standard one and has no schema file"));
        }
        number_record_types(org, &mut spec);
        org.catalog.add(spec).map_err(failed)?;
    }
    settle(org)?;
    let links = load_records(org, &fixtures)?;
    for link in links {
        connect(org, link)?;
    }
    Ok(())
}

/// Puts the org's options to work.
pub(super) fn settle(org: &mut Org) -> Result<(), String> {
    if org.options.person_accounts {
        org.catalog.enable_person_accounts();
    }
    if org.options.audit_fields {
        org.catalog.enable_audit_fields();
    }
    org.catalog.connect();
    org.defined = org.now();
    let rule_of = |prefix: Prefix, rule: u64| Id::new(prefix, rule).to_string();
    if org.options.assignment_rules {
        for (object, rule) in [("Case", 1), ("Lead", 2)] {
            let values = [("Name", "New records to the queue"), ("SobjectType", object), ("Active", "true")];
            org.seed("AssignmentRule", &rule_of(*b"01Q", rule), &values)?;
        }
    }
    if org.options.duplicate_rules {
        for (object, rule) in [("Contact", 1), ("Lead", 2)] {
            let name = format!("Same_Email_{object}");
            let values = [
                ("DeveloperName", name.as_str()),
                ("MasterLabel", "Same e-mail"),
                ("SobjectType", object),
                ("IsActive", "true"),
            ];
            org.seed("DuplicateRule", &rule_of(*b"0Bm", rule), &values)?;
        }
    }
    Ok(())
}

/// Switches rules on or off that options name, those of fixtures too.
pub(super) fn switch_rules(org: &mut Org, changes: &Json) {
    for (option, object, flag) in
        [("assignmentRules", "AssignmentRule", "Active"), ("duplicateRules", "DuplicateRule", "IsActive")]
    {
        let Some(is_on) = changes.get(option).and_then(Json::as_bool) else { continue };
        let Some(place) = org.catalog.find(object) else { continue };
        let Some(flag) = org.object(place).place(flag) else { continue };
        let rules: Vec<Id> = org.object(place).records.range(Id::LEAST, Id::GREATEST).map(|(id, _)| id).collect();
        for rule in rules {
            org.change(place, rule, &[(flag, is_on.to_string())]);
        }
    }
}

fn decode<T: DeserializeOwned>(json: Json) -> Result<T, String> {
    serde_json::from_value(json).map_err(|error| error.to_string())
}

fn number_record_types(org: &mut Org, spec: &mut ObjectSpec) {
    for it in &mut spec.record_types {
        let id = it.record_type_id.clone().unwrap_or_else(|| Id::new(*b"012", org.next_number()).to_string());
        let id = Id::parse(&id).map_or(id, |id| id.to_string());
        let is_person = if it.is_person_type { "true" } else { "false" };
        let values = [
            ("Name", if it.name.is_empty() { it.developer_name.as_str() } else { it.name.as_str() }),
            ("DeveloperName", it.developer_name.as_str()),
            ("SobjectType", spec.name.as_str()),
            ("IsActive", "true"),
            ("IsPersonType", is_person),
        ];
        if org.seed("RecordType", &id, &values).is_ok() {
            it.record_type_id = Some(id);
        }
        if it.name.is_empty() {
            it.name.clone_from(&it.developer_name);
        }
    }
}

fn load_records(org: &mut Org, fixtures: &BTreeMap<String, Fixture>) -> Result<Vec<Link>, String> {
    let mut links = Vec::new();
    for (name, fixture) in fixtures {
        let Some(object) = org.catalog.find(name) else { continue };
        for (row, number) in fixture.records.iter().zip(1_u64..) {
            let place = format!("fixture `{name}`, record {number}");
            load_record(org, object, row, &place, &mut links).map_err(|error| format!("{place}: {error}"))?;
        }
    }
    Ok(links)
}

fn load_record(
    org: &mut Org,
    object: usize,
    row: &Map<String, Json>,
    place: &str,
    links: &mut Vec<Link>,
) -> Result<(), String> {
    let now = org.now();
    let mut id = None;
    let (mut created, mut modified, mut stamp, mut is_deleted) = (None, None, None, false);
    let mut changes: Vec<Change> = Vec::new();
    let mut parents: Vec<Parent> = Vec::new();
    for (column, cell) in row {
        let text = match cell {
            Json::String(text) => text.clone(),
            Json::Null => continue,
            Json::Array(items) => items.iter().map(joined).collect::<Vec<_>>().join(";"),
            other => other.to_string(),
        };
        if text.is_empty() {
            continue;
        }
        let kind = org.object(object);
        if let Some((relation, key)) = column.split_once('.') {
            let unknown = || format!("column `{column}` names no parent");
            let (field, declared) = kind.relation(relation).ok_or_else(unknown)?;
            let target = declared.targets.iter().find_map(|target| Some((*target, org.object(*target).place(key)?)));
            parents.push((field, Some(target.ok_or_else(unknown)?), text));
            continue;
        }
        let name = if column == "_id" { "Id" } else { column.as_str() };
        let (field, declared) = kind.find(name).ok_or_else(|| format!("column `{column}` is no field"))?;
        let time = || read_datetime(&text).ok_or_else(|| format!("`{text}` in column `{column}` is no time"));
        match declared.role {
            Role::Id => id = Some(Id::parse(&text).ok_or_else(|| format!("`{text}` is no id"))?),
            Role::IsDeleted => is_deleted = text == "true",
            Role::Created => created = Some(time()?),
            Role::Modified => modified = Some(time()?),
            Role::Stamp => stamp = Some(time()?),
            Role::Value if declared.spec.kind == FieldType::Reference => parents.push((field, None, text)),
            Role::Value => {
                let kept = canonical(declared, Sent::Text(&text));
                changes.push((field, kept.map_err(|problem| format!("column `{column}`: {}", problem.message))?));
            }
        }
    }
    let id = id.unwrap_or_else(|| org.next_id(object));
    if id.to_string() == super::org::USER {
        // Who is logged in is there from the beginning; a fixture may say more of them.
        org.catalog.objects[object].records.take(id);
    }
    let kind = org.object(object);
    if id.prefix() != kind.prefix || kind.records.get(id).is_some() {
        return Err(format!("the id {id} is another object's or used twice"));
    }
    for (field, spec) in (0_u16..).zip(kind.fields.iter().map(|field| &field.spec)) {
        let is_there = changes.iter().any(|(written, _)| *written == field);
        let default = if spec.name == "OwnerId" && !parents.iter().any(|(written, ..)| *written == field) {
            Some(super::org::USER.to_owned())
        } else {
            spec.default_value.clone()
        };
        changes.extend(default.filter(|_| !is_there).map(|value| (field, value)));
    }
    derive(org, object, &Values::default(), &mut changes);
    if let Some((field, value)) = changes.iter().find(|(field, value)| {
        org.object(object).field(*field).spec.unique && !org.object(object).records.with_value(*field, value).is_empty()
    }) {
        let name = &org.object(object).field(*field).spec.name;
        return Err(format!("the unique value `{value}` of `{name}` is used twice"));
    }
    let created = created.unwrap_or(now);
    let modified = modified.unwrap_or(created);
    let stamp = stamp.unwrap_or(modified);
    let values = Values::default().with(&changes);
    org.insert(object, id, Record { created, modified, stamp, is_deleted, batch: 0, values });
    let place = place.to_owned();
    links.extend(parents.into_iter().map(|(field, key, value)| Link {
        object,
        id,
        field,
        key,
        value,
        place: place.clone(),
    }));
    Ok(())
}

/// Returns one of several values.
fn joined(item: &Json) -> String {
    item.as_str().map_or_else(|| item.to_string(), str::to_owned)
}

fn connect(org: &mut Org, link: Link) -> Result<(), String> {
    let Link { object, id, field, key, value, place } = link;
    let target = match key {
        None => {
            let declared = org.object(object).field(field);
            reference(org, declared, &value).map_err(|problem| format!("{place}: {}: {value}", problem.message))?
        }
        Some((target, key)) => match found(org, target, key, &value).as_slice() {
            [id] => *id,
            [] => {
                by_scan(org, target, key, &value).ok_or_else(|| format!("{place}: no record has the key `{value}`"))?
            }
            _ => return Err(format!("{place}: several records have the key `{value}`")),
        },
    };
    org.complete(object, id, &[(field, target.to_string())]);
    Ok(())
}

/// Finds a record by a field that the vendor has no index of, such as an account's name.
fn by_scan(org: &Org, object: usize, key: u16, value: &str) -> Option<Id> {
    let mut all = org.object(object).records.range(Id::LEAST, Id::GREATEST);
    all.find(|(_, record)| record.values.get(key) == Some(value)).map(|(id, _)| id)
}
