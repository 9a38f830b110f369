//! Links between records: what is written on one side shows on the other.

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use super::store::Base;

/// Sets a cell, and for a link also what the other side shows; `linked_at` is when that was changed.
pub(super) fn set_cell(
    base: &mut Base,
    (table, id): (usize, &str),
    field: usize,
    value: Json,
    edited_at: Option<DateTime<Utc>>,
    linked_at: Option<DateTime<Utc>>,
) {
    let place = &base.tables[table];
    if let Some((other, Some(inverse))) = base.link_of(&place.fields[field]) {
        let old = linked_ids(place.record(id).map_or(&Json::Null, |record| record.stored(field)));
        let new = linked_ids(&value);
        for gone in old.iter().filter(|linked| !new.contains(linked)) {
            change_links(base, (other, gone), inverse, linked_at, |links| links.retain(|link| link != id));
        }
        for added in new.iter().filter(|linked| !old.contains(linked)) {
            change_links(base, (other, added), inverse, linked_at, |links| links.push(id.to_owned()));
        }
    }
    base.tables[table].set(id, field, value, edited_at);
}

fn change_links(
    base: &mut Base,
    (table, id): (usize, &str),
    field: usize,
    edited_at: Option<DateTime<Utc>>,
    change: impl FnOnce(&mut Vec<String>),
) {
    let place = &mut base.tables[table];
    let Some(record) = place.record(id) else { return };
    let mut links = linked_ids(record.stored(field));
    change(&mut links);
    let value = if links.is_empty() { Json::Null } else { Json::from(links) };
    place.set(id, field, value, edited_at);
}

fn linked_ids(cell: &Json) -> Vec<String> {
    cell.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

/// Takes a record away, and out of all links.
pub(super) fn delete(base: &mut Base, table: usize, id: &str, now: DateTime<Utc>) {
    for field in 0..base.tables[table].fields.len() {
        if base.link_of(&base.tables[table].fields[field]).is_some() {
            set_cell(base, (table, id), field, Json::Null, Some(now), Some(now));
        }
    }
    forget_one_sided_links(base, table, id, now);
    base.tables[table].remove(id);
}

/// Takes a record out of link fields that have no other side, such as links within one table.
fn forget_one_sided_links(base: &mut Base, table: usize, id: &str, now: DateTime<Utc>) {
    for other in 0..base.tables.len() {
        for field in 0..base.tables[other].fields.len() {
            if base.link_of(&base.tables[other].fields[field]) != Some((table, None)) {
                continue;
            }
            let shows_it = |cell: &Json| cell.as_array().is_some_and(|links| links.iter().any(|link| link == id));
            let records = base.tables[other].records().filter(|record| shows_it(record.stored(field)));
            let affected: Vec<String> = records.map(|record| record.id.clone()).collect();
            for record in affected {
                change_links(base, (other, &record), field, Some(now), |links| links.retain(|link| link != id));
            }
        }
    }
}
