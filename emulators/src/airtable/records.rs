//! Creating, reading, updating and deleting records.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json, json};

use super::{
    accept::{Acceptor, Cells, Notes},
    cells::{CellFormat, Row, write_record},
    errors::{Answer, ApiError},
    ids::{id_of, is_id},
    links::{delete, set_cell},
    store::Base,
};

/// Most records of one request. Source: airtable.com/developers/web/api/create-records; more are refused with 422.
const MAX_BATCH_RECORDS: usize = 10;

/// What a request does to one record.
#[derive(Debug)]
pub(super) enum Write {
    /// Makes a record.
    Create(Cells),
    /// Changes a record.
    Update(String, Cells),
}

/// The parts of a request body that all writes share.
#[derive(Debug)]
pub(super) struct Order<'a> {
    pub(super) records: Vec<Wanted<'a>>,
    pub(super) is_typecast: bool,
    is_by_id: bool,
    /// Whether the body holds one record and not a list.
    is_single: bool,
}

/// One record of a request.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) fields: &'a Map<String, Json>,
}

impl<'a> Order<'a> {
    /// Reads a body with `records`, or with `fields` of a single record.
    pub(super) fn read(body: &'a Map<String, Json>) -> Result<Self, ApiError> {
        let flag = |name: &str| body.get(name).is_some_and(|flag| flag == &Json::Bool(true));
        let records = match (body.get("records"), body.get("fields")) {
            (Some(records), _) => wanted_records(records)?,
            (None, Some(Json::Object(fields))) => vec![Wanted { id: None, fields }],
            (None, Some(_)) => return Err(ApiError::invalid_request()),
            (None, None) => return Err(ApiError::missing_part("fields")),
        };
        let is_single = !body.contains_key("records");
        Ok(Self { records, is_typecast: flag("typecast"), is_by_id: flag("returnFieldsByFieldId"), is_single })
    }
}

fn wanted_records(records: &Json) -> Result<Vec<Wanted<'_>>, ApiError> {
    let records = records.as_array().ok_or_else(ApiError::invalid_records)?;
    if records.is_empty() || records.len() > MAX_BATCH_RECORDS {
        return Err(ApiError::invalid_records());
    }
    let mut wanted = Vec::new();
    for record in records {
        let id = match record.get("id") {
            None => None,
            Some(Json::String(id)) => Some(id.as_str()),
            Some(_) => return Err(ApiError::invalid_records()),
        };
        let fields = record.get("fields").and_then(Json::as_object).ok_or_else(ApiError::invalid_records)?;
        wanted.push(Wanted { id, fields });
    }
    Ok(wanted)
}

/// Answers a request that creates records.
pub(super) fn create(base: &mut Base, table: usize, body: &Map<String, Json>, now: DateTime<Utc>) -> Answer {
    let order = Order::read(body)?;
    let mut acceptor = Acceptor::new(base, table, order.is_typecast);
    let mut writes = Vec::new();
    for wanted in &order.records {
        writes.push(Write::Create(acceptor.record(wanted.fields, None)?));
    }
    let notes = acceptor.finish();
    let written = carry_out(base, table, writes, notes, now);
    Ok(echo(base, table, &written, &order, now))
}

/// Answers a request that updates several records by their ids. `clears` is true for PUT: what is not sent is cleared.
pub(super) fn update(
    base: &mut Base,
    table: usize,
    body: &Map<String, Json>,
    clears: bool,
    now: DateTime<Utc>,
) -> Answer {
    let order = Order::read(body)?;
    if order.is_single {
        return Err(ApiError::missing_part("records"));
    }
    let mut acceptor = Acceptor::new(base, table, order.is_typecast);
    let mut writes = Vec::new();
    let mut seen = HashSet::new();
    for wanted in &order.records {
        let id = wanted.id.ok_or_else(ApiError::invalid_records)?;
        if !seen.insert(id) {
            return Err(ApiError::repeated_record());
        }
        writes.push(update_of(base, table, &mut acceptor, id, wanted.fields, clears)?);
    }
    let notes = acceptor.finish();
    let written = carry_out(base, table, writes, notes, now);
    Ok(echo(base, table, &written, &order, now))
}

/// Answers a request that updates the one record of its path.
pub(super) fn update_one(
    base: &mut Base,
    (table, id): (usize, &str),
    body: &Map<String, Json>,
    clears: bool,
    now: DateTime<Utc>,
) -> Answer {
    check_path_id(base, table, id)?;
    let order = Order::read(body)?;
    let [wanted] = order.records.as_slice() else { return Err(ApiError::invalid_request()) };
    if !order.is_single {
        return Err(ApiError::missing_part("fields"));
    }
    let mut acceptor = Acceptor::new(base, table, order.is_typecast);
    let write = update_of(base, table, &mut acceptor, id, wanted.fields, clears)?;
    let notes = acceptor.finish();
    let written = carry_out(base, table, vec![write], notes, now);
    Ok(echo(base, table, &written, &order, now))
}

/// Checks one update against the table.
pub(super) fn update_of(
    base: &Base,
    table: usize,
    acceptor: &mut Acceptor<'_>,
    id: &str,
    fields: &Map<String, Json>,
    clears: bool,
) -> Result<Write, ApiError> {
    let place = &base.tables[table];
    let record = place.record(id).ok_or_else(|| ApiError::row_does_not_exist(id))?;
    let mut cells = acceptor.record(fields, Some(id))?;
    if clears {
        let is_sent: HashSet<usize> = cells.iter().map(|(field, _)| *field).collect();
        for (index, field) in place.fields.iter().enumerate() {
            if !field.kind.is_computed() && !is_sent.contains(&index) && !record.stored(index).is_null() {
                cells.push((index, Json::Null));
            }
        }
    }
    Ok(Write::Update(id.to_owned(), cells))
}

/// Answers a request for one record.
pub(super) fn read_one(
    base: &Base,
    (table, id): (usize, &str),
    format: CellFormat,
    is_by_id: bool,
    now: DateTime<Utc>,
) -> Answer {
    check_path_id(base, table, id)?;
    let place = &base.tables[table];
    let record = place.record(id).ok_or_else(ApiError::record_not_found)?;
    Ok(write_record(Row::new(base, place, record, now), format, is_by_id, None))
}

/// Answers a request that deletes the one record of its path.
pub(super) fn delete_one(base: &mut Base, table: usize, id: &str, now: DateTime<Utc>) -> Answer {
    check_path_id(base, table, id)?;
    delete(base, table, id, now);
    Ok(json!({ "id": id, "deleted": true }))
}

/// Answers a request that deletes several records.
pub(super) fn delete_many(base: &mut Base, table: usize, ids: &[&str], now: DateTime<Utc>) -> Answer {
    if ids.is_empty() || ids.len() > MAX_BATCH_RECORDS {
        return Err(ApiError::invalid_records());
    }
    let mut seen = HashSet::new();
    for id in ids {
        if base.tables[table].record(id).is_none() {
            return Err(ApiError::row_does_not_exist(id));
        }
        if !seen.insert(*id) {
            return Err(ApiError::repeated_record());
        }
    }
    for id in ids {
        delete(base, table, id, now);
    }
    let deleted: Vec<Json> = ids.iter().map(|id| json!({ "id": id, "deleted": true })).collect();
    Ok(json!({ "records": deleted }))
}

/// Fails when the path names no record of the table.
pub(super) fn check_path_id(base: &Base, table: usize, id: &str) -> Result<(), ApiError> {
    if !is_id("rec", id) {
        return Err(ApiError::not_found());
    }
    let is_known = base.tables[table].record(id).is_some();
    if is_known { Ok(()) } else { Err(ApiError::record_not_found()) }
}

/// Carries checked writes out and returns the records' ids in the order of the request.
pub(super) fn carry_out(
    base: &mut Base,
    table: usize,
    writes: Vec<Write>,
    notes: Notes,
    now: DateTime<Utc>,
) -> Vec<String> {
    make_noted(base, table, notes, now);
    let mut written = Vec::new();
    for write in writes {
        let (id, cells, edited_at) = match write {
            Write::Create(cells) => {
                let id = base.next_id("rec");
                base.tables[table].insert(&id, now);
                (id, cells, None)
            }
            Write::Update(id, cells) => (id, cells, Some(now)),
        };
        for (field, value) in cells {
            set_cell(base, (table, &id), field, value, edited_at, Some(now));
        }
        written.push(id);
    }
    written
}

/// Makes what `typecast` noted: linked records and choices.
pub(super) fn make_noted(base: &mut Base, table: usize, notes: Notes, now: DateTime<Utc>) {
    for record in notes.records {
        let id = base.next_id("rec");
        debug_assert_eq!(id, record.id, "the id was told before");
        base.tables[record.table].insert(&record.id, now);
        base.tables[record.table].set(&record.id, 0, Json::from(record.name), None);
    }
    for (field, name) in notes.choices {
        let field = &mut base.tables[table].fields[field];
        let choice = json!({ "id": id_of("sel", &[&field.id, &name]), "name": name, "color": "blueLight2" });
        let choices = field.options.entry("choices").or_insert_with(|| json!([]));
        if let Some(choices) = choices.as_array_mut() {
            choices.push(choice);
        }
    }
}

/// Writes the records as they are now, in the order of the request.
pub(super) fn echo(base: &Base, table: usize, written: &[String], order: &Order<'_>, now: DateTime<Utc>) -> Json {
    let place = &base.tables[table];
    let found = written.iter().filter_map(|id| place.record(id));
    let mut records: Vec<Json> = found
        .map(|record| write_record(Row::new(base, place, record, now), CellFormat::Json, order.is_by_id, None))
        .collect();
    if order.is_single { records.pop().unwrap_or_default() } else { json!({ "records": records }) }
}
