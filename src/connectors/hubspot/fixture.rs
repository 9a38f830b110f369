//! An object as a fixture of the local HubSpot: its properties, its pipelines where it has some, and the owners that it names.

use std::collections::HashSet;

use serde_json::{Map, Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind, FixtureForm};
use crate::model::{FieldName, ObjectName};

use super::{
    client::Api,
    limits,
    schema::{Catalog, OWNER_PROPERTY, going_round},
};

/// What a fixture says of a property; the rest is HubSpot's own bookkeeping.
const KEPT: [&str; 9] = [
    "name",
    "label",
    "type",
    "fieldType",
    "description",
    "options",
    "hasUniqueValue",
    "externalOptions",
    "referencedObjectType",
];
/// What a fixture says of an option of a property.
const KEPT_OF_OPTION: [&str; 3] = ["label", "value", "hidden"];
/// Types of properties that no fixture can hold.
const LEFT_OUT: [&str; 2] = ["json", "object_coordinates"];

/// Returns the form of an object's fixture.
pub(super) async fn form(catalog: &Catalog, object: &ObjectName) -> Result<FixtureForm, ConnectorError> {
    let api = &catalog.api;
    let properties = api.raw_properties(object).await?;
    let usable = |property: &&Json| {
        let kind = property["type"].as_str().unwrap_or_default();
        property["archived"] != true && !LEFT_OUT.contains(&kind)
    };
    let mut form = FixtureForm::default();
    let mut written = Vec::new();
    for property in properties.iter().filter(usable) {
        let Some(name) = property["name"].as_str() else { continue };
        form.fields.push(FieldName::new(name));
        written.push(picked(property, &KEPT));
    }
    form.schema = json!({ "name": object, "properties": written });
    if limits::pipeline_properties(object).is_some() {
        let pipelines: Vec<Json> = api.raw_pipelines(object).await?.iter().map(pipeline).collect();
        form.beside.insert("pipelines".to_owned(), json!({ limits::object_name(object): pipelines }));
    }
    if form.fields.iter().any(|name| name.as_str() == OWNER_PROPERTY) {
        form.records_beside.insert("owners".to_owned(), owners(api).await?);
    }
    Ok(form)
}

/// Returns the owners with their addresses; none where the token may not ask for them.
async fn owners(api: &Api) -> Result<Vec<Map<String, Json>>, ConnectorError> {
    let mut owners = Vec::new();
    let mut after: Option<String> = None;
    let mut passed: HashSet<String> = HashSet::new();
    loop {
        let page = match api.owners(after.as_deref(), false).await {
            Ok(page) => page,
            Err(error) if error.kind == ErrorKind::Unauthorized => return Ok(owners),
            Err(error) => return Err(error),
        };
        after = page.paging.after().map(str::to_owned);
        if after.as_ref().is_some_and(|after| !passed.insert(after.clone())) {
            return Err(going_round("the owners"));
        }
        for owner in page.results {
            let (Some(id), Some(email)) = (owner.id.0, owner.email.0) else { continue };
            owners.push(Map::from_iter([("id".to_owned(), Json::from(id)), ("email".to_owned(), Json::from(email))]));
        }
        if after.is_none() {
            return Ok(owners);
        }
    }
}

fn picked(json: &Json, names: &[&str]) -> Json {
    let entries = json.as_object().into_iter().flatten();
    let kept = entries.filter(|(name, value)| names.contains(&name.as_str()) && !value.is_null());
    kept.map(|(name, value)| match (name.as_str(), value.as_array()) {
        ("options", Some(options)) => {
            (name.clone(), options.iter().map(|option| picked(option, &KEPT_OF_OPTION)).collect())
        }
        _ => (name.clone(), value.clone()),
    })
    .collect()
}

fn pipeline(json: &Json) -> Json {
    let stages = json["stages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let stages: Vec<Json> = stages.iter().map(|stage| picked(stage, &["id", "label", "metadata"])).collect();
    let mut written = picked(json, &["id", "label"]);
    written["stages"] = Json::Array(stages);
    written
}
