//! `/sobjects`: describes, and one record at a time.

use axum::http::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::{
    catalog::{FieldType, Role, basic, full, global},
    collections::key_field,
    errors::Problem,
    ids::Id,
    org::Org,
    reply::{Content, Reply},
    request::{Call, Version},
    rows::{not_allowed, related, unmet, with_validators},
    soql::compound,
    time::{datetime, http_date, read_datetime, read_http_date},
    values::shown,
    write::{Cell, Column, Operation, Row, found, row_of_json, write},
};

/// How long the vendor tells what was deleted or changed, in milliseconds. Source: replication guide.
const REPLICATION: i64 = 30 * 24 * 60 * 60 * 1_000;

/// Answers what concerns objects and their records.
pub(super) fn answer(org: &mut Org, call: &Call, version: &Version, path: &[&str]) -> Reply {
    let [name, rest @ ..] = path else { return described(org, call, || global(&org.catalog, &version.base)) };
    let Some(object) = org.catalog.find(name) else { return Problem::not_found().reply() };
    let answer = match (call.method.as_str(), rest) {
        ("GET", []) => Ok(Reply::ok(json!({
            "objectDescribe": basic(org.object(object), &version.base), "recentItems": [],
        }))),
        ("POST", []) => create(org, call, object),
        ("GET", ["describe"]) => return described(org, call, || full(&org.catalog, object, &version.base)),
        ("GET", ["updated"]) => updated(org, call, object),
        ("GET", ["deleted"]) => deleted(org, call, object),
        ("GET", [id]) => read(org, call, version, object, id),
        ("PATCH", [id]) => update(org, call, object, id),
        ("DELETE", [id]) => delete(org, call, object, id),
        ("GET", [id, field]) if is_body(org, object, id, field) => blob(org, object, id, field),
        (_, [id, path @ ..]) if is_own_id(org, object, id) => {
            live(org, object, id).and_then(|id| related(org, call, version, (object, id), path))
        }
        (method @ ("GET" | "PATCH" | "POST" | "DELETE"), [key, value]) => {
            by_key(org, call, version, object, method, (key, value))
        }
        _ => Err(not_allowed()),
    };
    answer.unwrap_or_else(Reply::from)
}

/// Answers a describe, unless the client has it.
fn described(org: &Org, call: &Call, describe: impl FnOnce() -> Json) -> Reply {
    let since = call.header("if-modified-since").and_then(read_http_date);
    let reply = if since.is_some_and(|since| since >= org.defined) {
        Reply::empty(StatusCode::NOT_MODIFIED)
    } else {
        Reply::ok(describe())
    };
    reply.with("last-modified", http_date(org.defined)).with("etag", format!("\"{:x}\"", org.defined / 1_000))
}

/// Shows a record with these fields, or with all.
pub(super) fn shown_record(org: &Org, object: usize, id: Id, places: Option<&[u16]>, base: &str) -> Json {
    let kind = org.object(object);
    let name = &kind.spec.name;
    let Some(record) = kind.records.get(id) else { return Json::Null };
    let attributes = json!({"type": name, "url": format!("{base}/sobjects/{name}/{id}")});
    let mut fields = Map::from_iter([("attributes".to_owned(), attributes)]);
    let all: Vec<u16> = (0_u16..).zip(&kind.fields).map(|(place, _)| place).collect();
    for place in places.unwrap_or(&all) {
        let spec = &kind.field(*place).spec;
        let value = match spec.kind {
            FieldType::Address | FieldType::Location => compound(kind, record, *place),
            FieldType::Base64 => Json::from(format!("{base}/sobjects/{name}/{id}/{}", spec.name)),
            _ => kind.value(id, record, *place).map_or(Json::Null, |value| shown(spec.kind, &value)),
        };
        fields.insert(spec.name.clone(), value);
    }
    if places.is_some() {
        fields.insert("Id".to_owned(), Json::from(id.to_string()));
    }
    Json::Object(fields)
}

fn created(id: Id, is_new: Option<bool>) -> Reply {
    let mut body = json!({"id": id.to_string(), "success": true, "errors": []});
    if let Some(is_new) = is_new {
        body["created"] = Json::from(is_new);
    }
    Reply::json(if is_new == Some(false) { StatusCode::OK } else { StatusCode::CREATED }, body)
}

fn write_one(org: &mut Org, object: usize, operation: Operation, row: Row) -> Result<super::write::Written, Problem> {
    org.begin_batch();
    let outcome = write(org, object, operation, &[Ok(row)]).pop();
    outcome.unwrap_or_else(|| Err(Problem::not_found()))
}

fn create(org: &mut Org, call: &Call, object: usize) -> Result<Reply, Problem> {
    let row = row_of_json(org, object, &call.object()?)?;
    Ok(created(write_one(org, object, Operation::Insert, row)?.id, None))
}

/// Finds a record that is not in the bin.
fn live(org: &Org, object: usize, text: &str) -> Result<Id, Problem> {
    let not_found = Problem::not_found;
    let id = Id::parse(text).ok_or_else(|| {
        let message = format!("Provided external ID field does not exist or is not accessible: {text}");
        Problem::new("NOT_FOUND", message).with_status(StatusCode::NOT_FOUND)
    })?;
    match org.object(object).records.get(id) {
        Some(record) if !record.is_deleted => Ok(id),
        Some(_) => Err(Problem::new("ENTITY_IS_DELETED", "entity is deleted").with_status(StatusCode::NOT_FOUND)),
        None => Err(not_found()),
    }
}

/// Whether a text is an id of the object, as far as its form tells.
fn is_own_id(org: &Org, object: usize, text: &str) -> bool {
    Id::parse(text).is_some_and(|id| id.prefix() == org.object(object).prefix)
}

/// Whether a path leads to a body: `…/VersionData`.
fn is_body(org: &Org, object: usize, id: &str, field: &str) -> bool {
    let field = org.object(object).find(field);
    is_own_id(org, object, id) && field.is_some_and(|(_, field)| field.spec.kind == FieldType::Base64)
}

/// Shows a record with the fields that the request names, or with all.
pub(super) fn read(org: &Org, call: &Call, version: &Version, object: usize, id: &str) -> Result<Reply, Problem> {
    let id = live(org, object, id)?;
    if let Some(reply) = unmet(org, call, object, id) {
        return Ok(reply);
    }
    let shown = |reply| Ok(with_validators(org, object, id, reply));
    let Some(names) = call.parameter("fields") else {
        return shown(Reply::ok(shown_record(org, object, id, None, &version.base)));
    };
    let kind = org.object(object);
    let place = |name: &str| {
        kind.place(name).ok_or_else(|| {
            let message = format!("No such column '{name}' on sobject of type {}", kind.spec.name);
            Problem::new("INVALID_FIELD", message)
        })
    };
    let places: Vec<u16> = names.split(',').map(|name| place(name.trim())).collect::<Result<_, _>>()?;
    shown(Reply::ok(shown_record(org, object, id, Some(&places), &version.base)))
}

/// Changes a record.
pub(super) fn update(org: &mut Org, call: &Call, object: usize, id: &str) -> Result<Reply, Problem> {
    let id = live(org, object, id)?;
    if let Some(reply) = unmet(org, call, object, id) {
        return Ok(reply);
    }
    let mut row = row_of_json(org, object, &call.object()?)?;
    if row.id.is_some() {
        let message = "The Id field should not be specified in the sobject data.";
        return Err(Problem::new("INVALID_FIELD", message));
    }
    row.id = Some(id.to_string());
    write_one(org, object, Operation::Update, row)?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// Puts a record into the bin.
pub(super) fn delete(org: &mut Org, call: &Call, object: usize, id: &str) -> Result<Reply, Problem> {
    let id = live(org, object, id)?;
    if let Some(reply) = unmet(org, call, object, id) {
        return Ok(reply);
    }
    let row = Row { id: Some(id.to_string()), cells: Vec::new() };
    write_one(org, object, Operation::Delete, row)?;
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

fn blob(org: &Org, object: usize, id: &str, field: &str) -> Result<Reply, Problem> {
    use base64::{Engine, engine::general_purpose::STANDARD};

    let id = live(org, object, id)?;
    let kind = org.object(object);
    let (place, _) =
        kind.find(field).filter(|(_, it)| it.spec.kind == FieldType::Base64).ok_or_else(Problem::not_found)?;
    let record = kind.records.get(id);
    let text = record.and_then(|record| record.values.get(place)).unwrap_or_default();
    let bytes = STANDARD.decode(text.replace(['\r', '\n'], "")).unwrap_or_default();
    Ok(Reply { status: StatusCode::OK, headers: Vec::new(), content: Content::Text("application/octet-stream", bytes) })
}

fn by_key(
    org: &mut Org,
    call: &Call,
    version: &Version,
    object: usize,
    method: &str,
    (key, value): (&str, &str),
) -> Result<Reply, Problem> {
    let key = key_field(org, object, key)?;
    let several = found(org, object, key, value);
    if several.len() > 1 {
        let name = &org.object(object).spec.name;
        let urls = several.iter().map(|id| Json::from(format!("{}/sobjects/{name}/{id}", version.base)));
        return Ok(Reply::json(StatusCode::MULTIPLE_CHOICES, urls.collect()));
    }
    let one = several.first().copied();
    if method == "GET" || method == "DELETE" {
        let id = one.ok_or_else(Problem::not_found)?.to_string();
        return if method == "GET" { read(org, call, version, object, &id) } else { delete(org, call, object, &id) };
    }
    let mut row = row_of_json(org, object, &call.object()?)?;
    if row.text(key).is_some() || (org.object(object).field(key).role == Role::Id && row.id.is_some()) {
        let name = &org.object(object).field(key).spec.name;
        let message = format!("The {name} field should not be specified in the sobject data.");
        return Err(Problem::new("INVALID_FIELD", message));
    }
    if let Some(id) = one {
        if let Some(reply) = unmet(org, call, object, id) {
            return Ok(reply);
        }
        row.id = Some(id.to_string());
        write_one(org, object, Operation::Update, row)?;
        // Older versions answer without a body. Source: upsert guide.
        return Ok(if version.number >= 46 { created(id, Some(false)) } else { Reply::empty(StatusCode::NO_CONTENT) });
    }
    if call.flag("updateOnly") || org.object(object).field(key).role == Role::Id {
        return Err(Problem::not_found());
    }
    row.cells.push((Column::Field(key), Cell::Text(value.to_owned())));
    Ok(created(write_one(org, object, Operation::Insert, row)?.id, Some(true)))
}

/// Reads the window of a replication request, in whole minutes as the vendor does.
fn window(org: &Org, call: &Call) -> Result<(i64, i64), Problem> {
    let read = |name: &str| {
        let text = call.parameter(name).unwrap_or_default().replace(' ', "+");
        let time = read_datetime(&text)
            .ok_or_else(|| Problem::new("INVALID_REPLICATION_DATE", format!("{name} date is not a valid dateTime")))?;
        Ok::<i64, Problem>(time - time.rem_euclid(60_000))
    };
    let (start, end) = (read("start")?, read("end")?);
    if start >= end {
        return Err(Problem::new("INVALID_REPLICATION_DATE", "startDate must be before endDate"));
    }
    if start < org.now() - REPLICATION {
        let message = "startDate cannot be more than 30 days ago";
        return Err(Problem::new("INVALID_REPLICATION_DATE", message));
    }
    Ok((start, end))
}

fn updated(org: &Org, call: &Call, object: usize) -> Result<Reply, Problem> {
    let (start, end) = window(org, call)?;
    let all = org.object(object).records.range(Id::LEAST, Id::GREATEST);
    let ids = all.filter(|(_, record)| !record.is_deleted && (start..end).contains(&record.stamp));
    let ids: Vec<Json> = ids.map(|(id, _)| Json::from(id.to_string())).collect();
    Ok(Reply::ok(json!({"ids": ids, "latestDateCovered": datetime(end.min(org.now()))})))
}

fn deleted(org: &Org, call: &Call, object: usize) -> Result<Reply, Problem> {
    let (start, end) = window(org, call)?;
    let all = org.object(object).records.range(Id::LEAST, Id::GREATEST);
    let gone = all.filter(|(_, record)| record.is_deleted && (start..end).contains(&record.stamp));
    let gone: Vec<Json> =
        gone.map(|(id, record)| json!({"id": id.to_string(), "deletedDate": datetime(record.stamp)})).collect();
    Ok(Reply::ok(json!({
        "deletedRecords": gone, "earliestDateAvailable": datetime(org.now() - REPLICATION),
        "latestDateCovered": datetime(end.min(org.now())),
    })))
}
