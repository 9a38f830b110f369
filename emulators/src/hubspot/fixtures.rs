//! Fills the account from a folder of fixtures.
//!
//! Records are taken as they are, as a real account holds old and odd ones: required properties may be missing and options
//! unknown. Values that are no number, time or address where one belongs are refused, and so are unknown properties.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value as Json};

use crate::fixtures::{Fixture, read_fixtures};

use super::{
    definitions::{Kind, Property, PropertySpec, Role},
    errors::Refusal,
    owners::Owner,
    pipelines::Pipeline,
    portal::Portal,
    schemas::{Labels, SchemaSpec, create as create_schema},
    store::Record,
    time::{iso, read_time},
    values::canonical,
};

/// What the schema file of a standard object adds to it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Additions {
    #[serde(default)]
    properties: Vec<PropertySpec>,
    #[serde(default)]
    required_on_form: Vec<String>,
    labels: Option<Labels>,
    name: Option<String>,
}

/// An association by the column of a fixture, from a record to an id.
struct Link {
    from: u64,
    to: usize,
    id: u64,
}

/// Fills the account.
pub(super) fn load(portal: &mut Portal, folder: &Path) -> Result<(), String> {
    let mut fixtures = read_fixtures(folder).map_err(|error| error.to_string())?;
    load_pipelines(portal, fixtures.remove("pipelines"))?;
    for owner in fixtures.remove("owners").unwrap_or_default().records {
        load_owner(portal, &owner)?;
    }
    for (name, fixture) in &fixtures {
        load_schema(portal, name, &fixture.schema).map_err(|error| format!("fixture `{name}.schema.yaml`: {error}"))?;
    }
    load_records(portal, &fixtures)?;
    for object in &mut portal.objects {
        object.records.settle();
    }
    Ok(())
}

fn decode<T: DeserializeOwned>(json: Json) -> Result<T, String> {
    serde_json::from_value(json).map_err(|error| error.to_string())
}

fn load_pipelines(portal: &mut Portal, fixture: Option<Fixture>) -> Result<(), String> {
    let Some(fixture) = fixture else { return Ok(()) };
    let pipelines: BTreeMap<String, Vec<Pipeline>> =
        decode(fixture.schema).map_err(|error| format!("fixture `pipelines.schema.yaml`: {error}"))?;
    let now = portal.now();
    for (object, mut pipelines) in pipelines {
        for pipeline in &mut pipelines {
            pipeline.number(now);
        }
        portal.pipelines.insert(object, pipelines);
    }
    Ok(())
}

fn load_owner(portal: &mut Portal, row: &Map<String, Json>) -> Result<(), String> {
    let now = portal.now();
    let text = |name: &str| row.get(name).and_then(as_text).unwrap_or_default();
    let id = text("id");
    let number: u64 = id.parse().map_err(|_| format!("fixture `owners`: id `{id}` is no number"))?;
    portal.owners.push(Owner {
        id,
        user_id: text("userId").parse().unwrap_or(number + 1_000_000),
        email: text("email"),
        first_name: text("firstName"),
        last_name: text("lastName"),
        archived: text("archived") == "true",
        created_at: now,
    });
    Ok(())
}

fn load_schema(portal: &mut Portal, name: &str, schema: &Json) -> Result<(), String> {
    let Some(object) = portal.find(name) else {
        if schema.is_null() {
            return Err("the object is not a standard one and has no schema file".to_owned());
        }
        let mut schema = schema.clone();
        if schema.get("name").is_none() {
            schema["name"] = Json::from(name);
        }
        let spec: SchemaSpec = decode(schema)?;
        return create_schema(portal, spec).map(|_| ()).map_err(Refusal::into_message);
    };
    if schema.is_null() {
        return Ok(());
    }
    let additions: Additions = decode(schema.clone())?;
    if additions.name.is_some_and(|named| portal.find(&named) != Some(object)) {
        return Err(format!("its name is not `{name}`"));
    }
    let now = portal.now();
    let kind = &mut portal.objects[object];
    for mut spec in additions.properties {
        if spec.group_name.is_empty() {
            kind.groups[0].name.clone_into(&mut spec.group_name);
        }
        if spec.label.is_empty() {
            spec.name.clone_into(&mut spec.label);
        }
        if kind.properties.get(&spec.name).is_some_and(|property| property.role != Role::Written) {
            // HubSpot keeps it by itself, and its definition is HubSpot's own: fixtures taken from an account name it too.
            continue;
        }
        kind.define(Property::custom(spec, now));
    }
    kind.required_on_form = additions.required_on_form;
    let labels = additions.labels.unwrap_or_default();
    kind.label = labels.singular.unwrap_or_else(|| kind.label.clone());
    kind.plural = labels.plural.unwrap_or_else(|| kind.plural.clone());
    Ok(())
}

fn load_records(portal: &mut Portal, fixtures: &BTreeMap<String, Fixture>) -> Result<(), String> {
    let mut links = Vec::new();
    for (name, fixture) in fixtures {
        let Some(object) = portal.find(name) else { continue };
        for (row, number) in fixture.records.iter().zip(1_u64..) {
            let found = load_record(portal, object, row)
                .map_err(|error| format!("fixture `{name}`, record {number}: {error}"))?;
            links.extend(found.into_iter().map(|link| (object, name, number, link)));
        }
    }
    for (object, name, number, Link { from, to, id }) in links {
        if portal.objects[to].records.get(id).is_none() {
            let target = &portal.objects[to].name;
            return Err(format!("fixture `{name}`, record {number}: no record of `{target}` has the id {id}"));
        }
        let plain = portal.default_link((object, to));
        portal.links.add((object, to), from, id, plain);
    }
    Ok(())
}

fn load_record(portal: &mut Portal, object: usize, row: &Map<String, Json>) -> Result<Vec<Link>, String> {
    let now = portal.now();
    let (mut id, mut created, mut modified) = (None, now, None);
    let (mut values, mut targets) = (Vec::new(), Vec::new());
    for (column, cell) in row {
        let Some(text) = as_text(cell).filter(|text| !text.is_empty()) else { continue };
        let kind = &portal.objects[object];
        if let Some(target) = column.strip_prefix("_links.") {
            let to = portal.find(target).ok_or_else(|| format!("column `{column}` names no object"))?;
            for id in text.split(';').map(str::trim).filter(|id| !id.is_empty()) {
                targets.push((to, id.parse().map_err(|_| format!("`{id}` in column `{column}` is no id"))?));
            }
            continue;
        }
        let is_id = column == "_id" || (column == "id" && kind.live_property("id").is_none());
        let role = kind.live_property(column).map(|(_, property)| property.role);
        let time = || read_time(&text).ok_or_else(|| format!("`{text}` in column `{column}` is no time"));
        match role {
            _ if is_id => id = Some(text.parse().map_err(|_| format!("id `{text}` is no number"))?),
            None => return Err(format!("column `{column}` is no property")),
            Some(Role::Id) => id = Some(text.parse().map_err(|_| format!("id `{text}` is no number"))?),
            Some(Role::Created) => created = time()?,
            Some(Role::Modified) => modified = Some(time()?),
            Some(Role::Computed) => {}
            Some(Role::Written) => values.push(load_value(portal, object, column, &text)?),
        }
    }
    let kind = &portal.objects[object];
    let born = kind.properties.values().zip(0_u16..).filter(|(property, _)| property.defaults_to_now);
    for place in born.map(|(_, place)| place) {
        match values.iter().find(|(written, _)| *written == place) {
            Some((_, time)) => created = read_time(time).unwrap_or(created),
            None => values.push((place, iso(created))),
        }
    }
    let records = &mut portal.objects[object].records;
    if let Some(id) = id.filter(|id| records.get(*id).is_some()) {
        return Err(format!("the id {id} is used twice"));
    }
    if let Some((_, value)) = values.iter().find(|(place, value)| records.find(*place, value).is_some()) {
        return Err(format!("the unique value `{value}` is used twice"));
    }
    let from = records.insert(id, Record::new(created, modified.unwrap_or(created), &values));
    Ok(targets.into_iter().map(|(to, id)| Link { from, to, id }).collect())
}

fn load_value(portal: &Portal, object: usize, column: &str, text: &str) -> Result<(u16, String), String> {
    let kind = &portal.objects[object];
    let (place, property) = kind.live_property(column).ok_or_else(|| format!("column `{column}` is no property"))?;
    if property.spec.kind == Kind::Enumeration {
        return Ok((place, text.to_owned()));
    }
    let kept = canonical(portal, kind, property, text);
    kept.map(|kept| (place, kept)).map_err(|problem| format!("column `{column}`: {}", problem.message))
}

fn as_text(cell: &Json) -> Option<String> {
    match cell {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(flag) => Some(flag.to_string()),
        Json::Array(items) => Some(items.iter().filter_map(as_text).collect::<Vec<_>>().join(";")),
        Json::Null | Json::Object(_) => None,
    }
}
