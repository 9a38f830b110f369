//! A table as a fixture of the local Airtable: names in place of ids, so that it fits any base.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::connector::{ConnectorError, FixtureForm};
use crate::model::{FieldName, ObjectName, UPDATED_AT, is_reserved};

use super::{client::AirtableClient, errors::unexpected};

/// Types whose cells cannot be given back as they are read: files that live elsewhere, people of the account, buttons, and what
/// the local Airtable keeps by itself.
const LEFT_OUT: [&str; 12] = [
    "multipleAttachments",
    "singleCollaborator",
    "multipleCollaborators",
    "createdBy",
    "lastModifiedBy",
    "createdTime",
    "lastModifiedTime",
    "autoNumber",
    "button",
    "aiText",
    "barcode",
    "externalSyncSource",
];
/// Types that the local Airtable does not compute: their cells are shown as they were read.
const COMPUTED: [&str; 2] = ["formula", "rollup"];

/// Returns the form of a table's fixture, with the tables of its base beside it: links lead there.
pub(super) async fn form(client: &AirtableClient, object: &ObjectName) -> Result<FixtureForm, ConnectorError> {
    let wanted = client.base().await?.table(object)?.id.clone();
    let tables = client.raw_tables().await?;
    let mut form = FixtureForm { updated_at: Some(UPDATED_AT.into()), ..FixtureForm::default() };
    for table in &tables {
        let schema = schema(table, &tables);
        if table["id"] == wanted.as_str() {
            form.fields = fields(table);
            form.links = links(table, &tables);
            form.schema = schema;
        } else if let Some(name) = table["name"].as_str() {
            form.beside.insert(name.to_owned(), schema);
        }
    }
    if form.schema.is_null() { Err(unexpected("the table is gone")) } else { Ok(form) }
}

fn fields(table: &Json) -> Vec<FieldName> {
    let can_be_held = |field: &&Json| {
        let kind = field["type"].as_str().unwrap_or_default();
        !LEFT_OUT.contains(&kind) && kind != "multipleRecordLinks"
    };
    let names = list(&table["fields"]).iter().filter(can_be_held).filter_map(|field| field["name"].as_str());
    names.filter(|name| !is_reserved(name)).map(FieldName::new).collect()
}

/// Returns the link fields and the tables that they lead to.
fn links(table: &Json, tables: &[Json]) -> BTreeMap<FieldName, Vec<ObjectName>> {
    let names = names(tables);
    let link = |field: &Json| {
        let target = names.get(field["options"]["linkedTableId"].as_str()?)?;
        let is_link = field["type"] == "multipleRecordLinks" && !is_reserved(field["name"].as_str()?);
        is_link.then(|| Some((FieldName::new(field["name"].as_str()?), vec![ObjectName::new(target)])))?
    };
    list(&table["fields"]).iter().filter_map(link).collect()
}

fn schema(table: &Json, tables: &[Json]) -> Json {
    let names = names(tables);
    let name_of = |id: &Json| id.as_str().and_then(|id| names.get(id)).copied();
    let fields: Vec<Json> = list(&table["fields"])
        .iter()
        .filter(|field| field["name"].as_str().is_some_and(|name| !is_reserved(name)))
        .map(|field| {
            let kind = field["type"].as_str().unwrap_or_default();
            let mut written = json!({ "name": field["name"], "type": kind });
            if let Some(options) = field["options"].as_object() {
                written["options"] = Json::Object(options_of(kind, options, &name_of));
            }
            written
        })
        .collect();
    let mut schema = json!({ "fields": fields });
    if let Some(primary) = name_of(&table["primaryFieldId"]) {
        schema["primary"] = Json::from(primary);
    }
    schema
}

/// Puts names in the place of ids, and leaves out what the local Airtable could not work with.
fn options_of<'n>(
    kind: &str,
    options: &Map<String, Json>,
    name_of: &impl Fn(&Json) -> Option<&'n str>,
) -> Map<String, Json> {
    let mut written = Map::new();
    for (option, value) in options {
        let named = ["linkedTableId", "inverseLinkFieldId", "recordLinkFieldId", "fieldIdInLinkedTable"];
        if named.contains(&option.as_str()) {
            written.extend(name_of(value).map(|name| (option.clone(), Json::from(name))));
        } else if !(option == "formula" && COMPUTED.contains(&kind)) && option != "referencedFieldIds" {
            written.insert(option.clone(), value.clone());
        }
    }
    written
}

/// Returns the names of tables and fields by their ids.
fn names(tables: &[Json]) -> BTreeMap<&str, &str> {
    let all = tables.iter().chain(tables.iter().flat_map(|table| list(&table["fields"])));
    all.filter_map(|json| Some((json["id"].as_str()?, json["name"].as_str()?))).collect()
}

fn list(json: &Json) -> &[Json] {
    json.as_array().map(Vec::as_slice).unwrap_or_default()
}
