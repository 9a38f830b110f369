//! Updating or creating records by the value of up to three fields.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};

use super::{
    accept::Acceptor,
    errors::{Answer, ApiError},
    records::{Order, Write, carry_out, echo, update_of},
    store::Base,
};

/// Most fields that an upsert matches on. Source: airtable.com/developers/web/api/update-multiple-records.
const MAX_MERGE_FIELDS: usize = 3;

/// Answers an update request that says `performUpsert`.
///
/// Records are matched with what the table holds before the request: two new records of one key in a request both become
/// records, which Airtable leaves undocumented.
pub(super) fn upsert(
    base: &mut Base,
    table: usize,
    body: &Map<String, Json>,
    clears: bool,
    now: DateTime<Utc>,
) -> Answer {
    let order = Order::read(body)?;
    let merge_fields = merge_fields(base, table, body)?;
    let keys = keys(base, table, &order, &merge_fields)?;
    let mut matched = Vec::new();
    for (wanted, key) in order.records.iter().zip(&keys) {
        matched.push(match (wanted.id, key) {
            (Some(id), _) => Some(id.to_owned()),
            (None, key) => the_one_match(base, table, &merge_fields, key)?,
        });
    }
    let mut seen = HashSet::new();
    if matched.iter().flatten().any(|id| !seen.insert(id)) {
        return Err(ApiError::repeated_record());
    }
    let mut acceptor = Acceptor::new(base, table, order.is_typecast);
    let mut writes = Vec::new();
    for (wanted, id) in order.records.iter().zip(&matched) {
        writes.push(match id {
            Some(id) => update_of(base, table, &mut acceptor, id, wanted.fields, clears)?,
            None => Write::Create(acceptor.record(wanted.fields, None)?),
        });
    }
    let notes = acceptor.finish();
    let written = carry_out(base, table, writes, notes, now);
    let mut answer = echo(base, table, &written, &order, now);
    let (updated, created): (Vec<_>, Vec<_>) = written.into_iter().zip(&matched).partition(|(_, id)| id.is_some());
    let ids = |records: Vec<(String, _)>| records.into_iter().map(|(id, _)| id).collect::<Vec<_>>();
    answer["updatedRecords"] = Json::from(ids(updated));
    answer["createdRecords"] = Json::from(ids(created));
    Ok(answer)
}

/// Returns the positions of the fields to match on.
fn merge_fields(base: &Base, table: usize, body: &Map<String, Json>) -> Result<Vec<usize>, ApiError> {
    let names = body.get("performUpsert").and_then(|upsert| upsert.get("fieldsToMergeOn")).and_then(Json::as_array);
    let names =
        names.filter(|names| (1..=MAX_MERGE_FIELDS).contains(&names.len())).ok_or_else(ApiError::invalid_request)?;
    let place = &base.tables[table];
    let mut positions = Vec::new();
    for name in names {
        let name = name.as_str().ok_or_else(ApiError::invalid_request)?;
        let position = place.field_index(name).ok_or_else(|| ApiError::unknown_field(name))?;
        if !place.fields[position].kind.can_be_merged_on() {
            let message = format!("Field \"{name}\" cannot be used to match records in an upsert");
            return Err(ApiError::unprocessable("INVALID_REQUEST_UNKNOWN", &message));
        }
        positions.push(position);
    }
    Ok(positions)
}

/// Returns the values to match on, as they would be stored; a record without an id must name every merge field.
fn keys(base: &Base, table: usize, order: &Order<'_>, merge_fields: &[usize]) -> Result<Vec<Vec<Json>>, ApiError> {
    let place = &base.tables[table];
    let mut acceptor = Acceptor::new(base, table, order.is_typecast);
    let mut keys = Vec::new();
    for wanted in &order.records {
        let mut key = Vec::new();
        let needed = if wanted.id.is_some() { &[] } else { merge_fields };
        for field in needed {
            let given = wanted.fields.iter().find(|(name, _)| place.field_index(name) == Some(*field));
            let (name, value) = given.ok_or_else(|| missing_key(&place.fields[*field].name))?;
            let cells = acceptor.record(&Map::from_iter([(name.clone(), value.clone())]), None)?;
            key.extend(cells.into_iter().map(|(_, value)| value));
        }
        keys.push(key);
    }
    Ok(keys)
}

fn missing_key(field: &str) -> ApiError {
    let message = format!("Record is missing a value for the field \"{field}\" to merge on");
    ApiError::unprocessable("INVALID_REQUEST_UNKNOWN", &message)
}

fn the_one_match(
    base: &mut Base,
    table: usize,
    merge_fields: &[usize],
    key: &[Json],
) -> Result<Option<String>, ApiError> {
    let values: Vec<&Json> = key.iter().collect();
    let place = &mut base.tables[table];
    match place.find(merge_fields, &values).as_slice() {
        [] => Ok(None),
        [number] => Ok(place.numbered(*number).map(|record| record.id.clone())),
        several => {
            let message = format!("Cannot upsert: {} records match the fields to merge on", several.len());
            Err(ApiError::unprocessable("INVALID_REQUEST_UNKNOWN", &message))
        }
    }
}
