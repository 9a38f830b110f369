//! When an answer is whole and belongs to its request. Half a look-up proves nothing: a record that counts as absent is created
//! a second time.

use std::collections::HashSet;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value as Json};

use crate::http::{Answer, ApiRequest, Body, Doubt, GivenIds};

use super::wire::{DeleteAnswer, ListAnswer, RawRecord, Written};

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct Page {
    records: Vec<Named>,
    offset: Option<String>,
}

#[derive(Deserialize)]
struct AnyList {
    records: Vec<IgnoredAny>,
}

/// What was sent of a record: its id where it has one, and its cells by field id.
#[derive(Debug, Clone)]
pub(super) struct SentRecord {
    id: Option<String>,
    cells: Map<String, Json>,
}

impl SentRecord {
    pub(super) fn of(record: &Json) -> Self {
        let cells = record["fields"].as_object().cloned().unwrap_or_default();
        Self { id: record["id"].as_str().map(str::to_owned), cells }
    }
}

/// Tells whether an answer is a page of records, each with its id, which does not go on where it was asked to begin.
pub(super) fn is_page(answer: &Answer, offset: Option<&str>) -> bool {
    let Ok(page) = answer.json::<Page>() else { return false };
    let next = page.offset.as_deref().filter(|next| !next.is_empty());
    page.records.iter().all(|record| !record.id.is_empty()) && (next.is_none() || next != offset)
}

/// Tells whether a look-up's page can be that to this look-up: it is empty, or has a record that was asked for, and no cell of
/// a field that was not. An empty cell is absent, so the answer to another look-up of the same records would be taken for blank
/// ones. What is answered a second time in the same way is believed: how a formula compares values is Airtable's own affair.
pub(super) fn is_of_look_up(
    answer: &Answer,
    is_asked_for: &(dyn Fn(&RawRecord) -> bool + Send + Sync),
    fields: &[String],
    doubt: &Doubt,
) -> bool {
    let Ok(page) = answer.json::<ListAnswer>() else { return false };
    let is_of_this = page.records.is_empty() || page.records.iter().any(is_asked_for);
    let shows_only = page.records.iter().all(|record| record.fields.keys().all(|field| fields.contains(field)));
    doubt.believes(is_of_this && shows_only, || page.records.iter().map(|record| record.id.clone()).collect::<Vec<_>>())
}

/// Tells whether an answer to a write has each record once and, as far as cells read back as they were written, the records
/// that were sent. `given` knows the ids of earlier creates.
pub(super) fn is_of_write(answer: &Answer, sent: &[SentRecord], is_create: bool, given: &GivenIds) -> bool {
    let Ok(written) = answer.json::<Written>() else { return false };
    let ids: HashSet<&str> = written.records.iter().map(|record| record.id.as_str()).collect();
    if ids.len() != sent.len() || written.records.len() != sent.len() {
        return false;
    }
    let has_id = |record: &SentRecord| record.id.as_deref().is_none_or(|id| ids.contains(id));
    if !sent.iter().all(has_id) || !holds_all(&written.records, sent) {
        return false;
    }
    !is_create || given.claim_new(ids.into_iter())
}

/// Tells whether the answer's records can be those that were sent: each of them is compared with the record of its id, or
/// in a create with the one at its place.
fn holds_all(written: &[RawRecord], sent: &[SentRecord]) -> bool {
    let is_by_id = sent.iter().all(|record| record.id.is_some());
    let of = |place: usize, record: &SentRecord| match &record.id {
        Some(id) if is_by_id => written.iter().find(|other| other.id == *id),
        _ => written.get(place),
    };
    let constant = constant_fields(sent);
    sent.iter().enumerate().all(|(place, record)| {
        let mut telling = record.cells.clone();
        telling.retain(|field, _| !constant.contains(field.as_str()));
        of(place, record).is_none_or(|found| can_be(&telling, &found.fields))
    })
}

/// Returns the fields in which all records of a batch are alike: they hold of an earlier batch too, and prove nothing.
fn constant_fields(sent: &[SentRecord]) -> HashSet<&str> {
    let [first, others @ ..] = sent else { return HashSet::new() };
    let is_constant = |(field, value): &(&String, &Json)| {
        !others.is_empty() && others.iter().all(|record| record.cells.get(*field) == Some(*value))
    };
    first.cells.iter().filter(is_constant).map(|(field, _)| field.as_str()).collect()
}

/// Tells whether cells can be what became of those that were sent. Airtable stores some values in a form of its own, so one
/// that differs proves nothing; a record of which every comparable value differs is another one.
pub(in super::super) fn can_be(sent: &Map<String, Json>, found: &Map<String, Json>) -> bool {
    let mut differs = false;
    for (field, value) in sent {
        let (Some(value), Some(found)) = (plain(value), found.get(field).and_then(plain)) else { continue };
        if value == found {
            return true;
        }
        differs = true;
    }
    !differs
}

/// Returns a text or number in a form in which equal ones are equal.
fn plain(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.trim().to_lowercase()).filter(|text| !text.is_empty()),
        Json::Number(number) => number.as_f64().map(|number| number.to_string()),
        _ => None,
    }
}

/// Tells whether an answer names each record that was to be removed, and no other.
pub(super) fn is_of_delete(answer: &Answer, ids: &HashSet<String>) -> bool {
    let Ok(deleted) = answer.json::<DeleteAnswer>() else { return false };
    deleted.records.len() == ids.len() && deleted.records.iter().all(|record| ids.contains(&record.id))
}

/// Counts the records that a request carries or names.
pub(in super::super) fn carried_records(request: &ApiRequest) -> Option<usize> {
    let in_query = request.query.iter().filter(|(name, _)| name == "records[]").count();
    if in_query > 0 {
        return Some(in_query);
    }
    let Body::Json(body) = &request.body else { return None };
    body.get("records")?.as_array().map(Vec::len)
}

/// Counts the records of a list.
pub(in super::super) fn brought_records(answer: &Answer) -> Option<usize> {
    answer.json::<AnyList>().ok().map(|list| list.records.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_of_which_every_value_differs_is_another_one() {
        let cells = |json: Json| json.as_object().cloned().unwrap();
        let sent = cells(json!({ "fldName": "Ada ", "fldAmount": 5, "fldSeen": true, "fldNotes": null }));
        for (found, is_same) in [
            (json!({ "fldName": "Ada" }), true),
            (json!({ "fldName": "ada", "fldAmount": 7 }), true),
            (json!({ "fldAmount": 5.0 }), true),
            (json!({}), true),
            (json!({ "fldSeen": false, "fldOther": "x" }), true),
            (json!({ "fldName": "Bo" }), false),
            (json!({ "fldName": "Bo", "fldAmount": 7 }), false),
        ] {
            assert_eq!(can_be(&sent, &cells(found.clone())), is_same, "{found}");
        }
    }
}
