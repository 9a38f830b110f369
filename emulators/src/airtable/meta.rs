//! The schema API: bases, tables and fields.

use serde_json::{Map, Value as Json, json};

use super::{
    errors::{Answer, ApiError},
    field_options::complete,
    ids::id_of,
    kinds::Kind,
    store::{Base, Field, Table, View},
};

/// Longest description, in characters. Source: airtable.com/developers/web/api/update-field.
const MAX_DESCRIPTION: usize = 20_000;

/// The object of a request body.
type Body = Map<String, Json>;

/// Writes the tables of a base; with `has_visible_fields` the views tell the fields they show.
pub(super) fn list_tables(base: &Base, has_visible_fields: bool) -> Json {
    let tables: Vec<Json> = base.tables.iter().map(|table| write_table(table, has_visible_fields)).collect();
    json!({ "tables": tables })
}

/// Makes the tables of a new base.
pub(super) fn create_base(base: &mut Base, body: &Body) -> Answer {
    let workspace = body.get("workspaceId").and_then(Json::as_str);
    let tables = body.get("tables").and_then(Json::as_array).filter(|tables| !tables.is_empty());
    if !workspace.is_some_and(|id| id.starts_with("wsp")) {
        return Err(ApiError::invalid_request());
    }
    for table in tables.ok_or_else(ApiError::invalid_request)? {
        create_table(base, table.as_object().ok_or_else(ApiError::invalid_request)?)?;
    }
    let mut answer = list_tables(base, false);
    answer["id"] = Json::from(base.id.as_str());
    Ok(answer)
}

/// Makes a table; the first field becomes the primary one. Nothing is made when one field is refused.
pub(super) fn create_table(base: &mut Base, body: &Body) -> Answer {
    let name = name_of(body)?;
    check_table_name(base, &name, None)?;
    let fields = body.get("fields").and_then(Json::as_array).filter(|fields| !fields.is_empty());
    let mut table = Table::new(&free_table_id(base, &name), &name);
    table.description = description_of(body)?;
    for (position, field) in fields.ok_or_else(ApiError::invalid_request)?.iter().enumerate() {
        let field = new_field(base, &table, field.as_object().ok_or_else(ApiError::invalid_request)?)?;
        if position == 0 && !field.kind.can_be_primary() {
            let message =
                format!("{} cannot be the primary field of a table: its type is {}", field.name, field.type_name);
            return Err(ApiError::unprocessable("INVALID_PRIMARY_FIELD_TYPE", &message));
        }
        table.fields.push(field);
    }
    let position = base.tables.len();
    let count = table.fields.len();
    base.tables.push(table);
    for field in 0..count {
        make_inverse(base, position, field);
    }
    Ok(write_table(&base.tables[position], false))
}

/// Changes the name or the description of a table.
pub(super) fn update_table(base: &mut Base, table: usize, body: &Body) -> Answer {
    check_only(body, &["name", "description"])?;
    let description = description_of(body)?;
    if body.contains_key("name") {
        let name = name_of(body)?;
        check_table_name(base, &name, Some(table))?;
        base.tables[table].name = name;
    }
    if body.contains_key("description") {
        base.tables[table].description = description;
    }
    Ok(write_table(&base.tables[table], false))
}

/// Makes a field; a linked field also makes the field that shows the link from the other table.
pub(super) fn create_field(base: &mut Base, table: usize, body: &Body) -> Answer {
    let field = new_field(base, &base.tables[table], body)?;
    let position = base.tables[table].fields.len();
    base.tables[table].fields.push(field);
    make_inverse(base, table, position);
    Ok(write_field(&base.tables[table].fields[position]))
}

/// Changes the name or the description of a field; its type and options cannot be changed.
pub(super) fn update_field(base: &mut Base, table: usize, field: &str, body: &Body) -> Answer {
    check_only(body, &["name", "description"])?;
    let place = &mut base.tables[table];
    let position = place.fields.iter().position(|known| known.id == field).ok_or_else(ApiError::no_such_model)?;
    let description = description_of(body)?;
    if body.contains_key("name") {
        let name = name_of(body)?;
        check_field_name(place, &name, Some(position))?;
        place.fields[position].name = name;
    }
    if body.contains_key("description") {
        place.fields[position].description = description;
    }
    Ok(write_field(&place.fields[position]))
}

/// Makes the other side of a link and notes it on both; links within one table have no other side.
pub(super) fn make_inverse(base: &mut Base, table: usize, field: usize) {
    let Some((other, None)) = base.link_of(&base.tables[table].fields[field]) else { return };
    if other == table {
        return;
    }
    let name = free_field_name(&base.tables[other], &base.tables[table].name);
    let id = base.tables[other].free_field_id(&name);
    let options = json!({
        "linkedTableId": base.tables[table].id,
        "isReversed": false,
        "prefersSingleRecordLink": false,
        "inverseLinkFieldId": base.tables[table].fields[field].id,
    });
    let Json::Object(options) = options else { return };
    base.tables[other].fields.push(Field::new(&id, &name, "multipleRecordLinks", options));
    base.tables[table].fields[field].options.insert("inverseLinkFieldId".to_owned(), Json::from(id));
}

fn free_field_name(table: &Table, wanted: &str) -> String {
    let mut name = wanted.to_owned();
    let mut number = 2;
    while check_field_name(table, &name, None).is_err() {
        name = format!("{wanted} {number}");
        number += 1;
    }
    name
}

fn free_table_id(base: &Base, name: &str) -> String {
    let mut id = id_of("tbl", &[name]);
    while base.tables.iter().any(|table| table.id == id) {
        id = id_of("tbl", &[&id, name]);
    }
    id
}

fn new_field(base: &Base, table: &Table, body: &Body) -> Result<Field, ApiError> {
    let name = body.get("name").and_then(Json::as_str).unwrap_or_default().to_owned();
    check_field_name(table, &name, None)?;
    let type_name = body.get("type").and_then(Json::as_str).ok_or_else(ApiError::invalid_request)?;
    let kind = Kind::of(type_name);
    if kind == Kind::Other && type_name != "externalSyncSource" {
        return Err(ApiError::invalid_request());
    }
    let refused = |what: &str, reason: &str| {
        ApiError::unprocessable(what, &format!("Invalid options for {}.{name}: {reason}", table.name))
    };
    if kind.is_computed() {
        let reason = format!("Creating {type_name} fields is not supported at this time");
        return Err(refused("UNSUPPORTED_FIELD_TYPE_FOR_CREATE", &reason));
    }
    let id = table.free_field_id(&name);
    let wrong = |reason: String| {
        refused("INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE", &format!("Failed schema validation: {reason}"))
    };
    let options = complete(kind, &id, body.get("options")).map_err(wrong)?;
    let linked = options.get("linkedTableId").and_then(Json::as_str);
    if linked.is_some_and(|linked| !base.tables.iter().any(|known| known.id == linked)) {
        return Err(refused(
            "INVALID_FIELD_TYPE_OPTIONS_FOR_CREATE",
            "options.linkedTableId is not a table of this base",
        ));
    }
    let mut field = Field::new(&id, &name, type_name, options);
    field.description = description_of(body)?;
    Ok(field)
}

fn name_of(body: &Body) -> Result<String, ApiError> {
    let name = body.get("name").and_then(Json::as_str).map(str::trim).unwrap_or_default();
    if name.is_empty() { Err(ApiError::invalid_request()) } else { Ok(name.to_owned()) }
}

fn description_of(body: &Body) -> Result<Option<String>, ApiError> {
    match body.get("description") {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) if text.chars().count() <= MAX_DESCRIPTION => {
            Ok((!text.is_empty()).then(|| text.clone()))
        }
        Some(_) => Err(ApiError::invalid_request()),
    }
}

/// Names are unique without regard to case.
fn check_table_name(base: &Base, name: &str, own: Option<usize>) -> Result<(), ApiError> {
    let is_same = |table: &Table| table.name.to_lowercase() == name.to_lowercase();
    let is_taken = base.tables.iter().enumerate().any(|(position, table)| Some(position) != own && is_same(table));
    let message = format!("Cannot create table {name}: a table of that name exists");
    if is_taken { Err(ApiError::unprocessable("DUPLICATE_TABLE_NAME", &message)) } else { Ok(()) }
}

fn check_field_name(table: &Table, name: &str, own: Option<usize>) -> Result<(), ApiError> {
    let is_same = |field: &Field| field.name.to_lowercase() == name.to_lowercase();
    let is_taken = table.fields.iter().enumerate().any(|(position, field)| Some(position) != own && is_same(field));
    if name.trim().is_empty() || is_taken {
        let message = format!("Cannot use \"{name}\" as a field name: it is empty or taken");
        return Err(ApiError::unprocessable("DUPLICATE_OR_EMPTY_FIELD_NAME", &message));
    }
    Ok(())
}

fn check_only(body: &Body, allowed: &[&str]) -> Result<(), ApiError> {
    let is_allowed = !body.is_empty() && body.keys().all(|key| allowed.contains(&key.as_str()));
    if is_allowed { Ok(()) } else { Err(ApiError::invalid_request()) }
}

fn write_table(table: &Table, has_visible_fields: bool) -> Json {
    let mut written = json!({ "id": table.id, "name": table.name });
    if let Some(description) = &table.description {
        written["description"] = Json::from(description.as_str());
    }
    written["primaryFieldId"] = table.fields.first().map_or(Json::Null, |field| Json::from(field.id.as_str()));
    written["fields"] = table.fields.iter().map(write_field).collect();
    written["views"] = table.views.iter().map(|view| write_view(table, view, has_visible_fields)).collect();
    written
}

fn write_field(field: &Field) -> Json {
    let mut written = json!({ "type": field.type_name, "id": field.id, "name": field.name });
    if let Some(description) = &field.description {
        written["description"] = Json::from(description.as_str());
    }
    if !field.options.is_empty() {
        written["options"] = Json::Object(field.options.clone());
    }
    written
}

fn write_view(table: &Table, view: &View, has_visible_fields: bool) -> Json {
    let mut written = json!({ "id": view.id, "name": view.name, "type": view.kind });
    if has_visible_fields && view.kind == "grid" {
        written["visibleFieldIds"] = table.fields.iter().map(|field| Json::from(field.id.as_str())).collect();
    }
    written
}
