//! When an answer is whole and belongs to its request. Half a look-up proves nothing: a record that counts as absent is created
//! a second time.

use std::collections::HashSet;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value as Json};

use crate::http::{Answer, ApiRequest, Body, Doubt, GivenIds};

use super::wire::WireResult;

use super::super::names::normal_id;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    total_size: u64,
    done: bool,
    #[serde(default)]
    next_records_url: Option<String>,
    records: Vec<Record>,
}

#[derive(Deserialize)]
struct AnyPage {
    records: Vec<Json>,
}

#[derive(Deserialize)]
struct Record {
    #[serde(default, rename = "Id")]
    id: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct AnyList {
    records: Vec<IgnoredAny>,
}

/// What the results of an sObject Collection must fit.
#[derive(Debug, Clone)]
pub(super) enum Sent {
    /// So many new records.
    New(usize),
    /// Records with these ids.
    Ids(Vec<String>),
    /// Records with these keys.
    Keys(Vec<String>),
}

impl Sent {
    pub(super) fn ids(records: &[Json]) -> Self {
        Self::Ids(records.iter().map(|record| normal_id(record["id"].as_str().unwrap_or_default())).collect())
    }

    pub(super) fn keys(records: &[Json], field: &str) -> Self {
        let text = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Self::Keys(records.iter().map(|record| text(&record[field])).collect())
    }

    /// Takes note of the records' ids: an answer that has them is not that to a create.
    pub(super) fn note_ids(&self, given: &GivenIds) {
        if let Self::Ids(ids) = self {
            given.note(ids.iter().map(String::as_str));
        }
    }

    fn count(&self) -> usize {
        match self {
            Self::New(count) => *count,
            Self::Ids(texts) | Self::Keys(texts) => texts.len(),
        }
    }
}

/// Tells whether an answer is a page of a query that says whether it is the last one, and goes on elsewhere than where it
/// was asked to begin. A query that selects ids gets one with every record.
pub(super) fn is_page(answer: &Answer, has_ids: bool, asked: Option<&str>) -> bool {
    let Ok(page) = answer.json::<Page>() else { return false };
    let next = page.next_records_url.as_deref().map(|next| next.trim_start_matches('/'));
    let ends = page.done == next.is_none();
    let is_counted =
        !has_ids || !page.done || asked.is_some() || u64::try_from(page.records.len()) == Ok(page.total_size);
    let has_id = |record: &Record| record.id.as_deref().is_some_and(|id| !id.is_empty());
    ends && is_counted && (next.is_none() || next != asked) && (!has_ids || page.records.iter().all(has_id))
}

/// Tells whether a look-up's page can be that to this look-up: it is empty, or has a record that was asked for, and each record
/// has the fields that are selected and no others. What is answered a second time in the same way is believed: how Salesforce
/// compares values is its own affair.
pub(super) fn is_of_look_up(
    answer: &Answer,
    is_asked_for: &(impl Fn(&Json) -> bool + ?Sized),
    fields: &HashSet<String>,
    doubt: &Doubt,
) -> bool {
    let Ok(page) = answer.json::<AnyPage>() else { return false };
    let is_of_this = page.records.is_empty() || page.records.iter().any(is_asked_for);
    let fits = is_of_this && page.records.iter().all(|record| has_fields(record, fields));
    doubt.believes(fits, || page.records.iter().map(Json::to_string).collect::<Vec<_>>())
}

/// Tells whether a record has these fields, in lower case, and no others. An empty one is null, not absent.
fn has_fields(record: &Json, fields: &HashSet<String>) -> bool {
    let names = record.as_object().into_iter().flat_map(Map::keys);
    let shown: HashSet<String> = names.filter(|name| *name != "attributes").map(|name| name.to_lowercase()).collect();
    shown == *fields
}

/// Tells whether an answer has one result for each record, and ids that fit them. Results come in the request's order and
/// repeat nothing of it but the ids of records that had one; a new record has one that nobody had before.
pub(super) fn is_of_write(answer: &Answer, sent: &Sent, given: &GivenIds, doubt: &Doubt) -> bool {
    let Ok(results) = answer.json::<Vec<WireResult>>() else { return false };
    if results.len() != sent.count() {
        return false;
    }
    let mut ids = results.iter().map(|result| result.id.as_deref().filter(|_| result.success).map(normal_id));
    match sent {
        Sent::Ids(sent) => ids.zip(sent).all(|(id, sent)| id.is_none_or(|id| id == *sent)),
        Sent::New(_) => {
            let ids: Vec<Option<String>> = ids.collect();
            let is_told = results.iter().zip(&ids).all(|(result, id)| !result.success || id.is_some());
            is_told && given.claim_new(ids.iter().flatten().map(String::as_str))
        }
        Sent::Keys(keys) => {
            let is_told = results.iter().all(|result| !result.success || result.id.is_some());
            let ids: Vec<(String, &String)> = ids.by_ref().zip(keys).filter_map(|(id, key)| Some((id?, key))).collect();
            let is_claimed = given.claim_for(ids.iter().map(|(id, key)| (id.as_str(), key.as_str())));
            // A record may have got another key in between: what is answered a second time in the same way is believed.
            is_told && doubt.believes(is_claimed, || ids)
        }
    }
}

/// Tells whether an answer is this job, or any job where it is new.
pub(super) fn is_job(answer: &Answer, id: Option<&str>) -> bool {
    answer.json::<Named>().is_ok_and(|job| id.is_none_or(|id| normal_id(id) == normal_id(&job.id)))
}

/// Tells whether an answer is a list of jobs or records.
pub(super) fn is_list(answer: &Answer) -> bool {
    answer.json::<AnyList>().is_ok()
}

/// Tells whether an answer is a list of addresses of result pages.
pub(super) fn is_list_of_pages(answer: &Answer) -> bool {
    answer.json::<Json>().is_ok_and(|list| list["resultPages"].is_array())
}

/// Tells whether an answer is a file of CSV that goes on elsewhere than where it was asked to begin.
pub(super) fn is_csv(answer: &Answer, asked: Option<&str>) -> bool {
    let next = answer.header("sforce-locator").filter(|locator| !locator.is_empty() && *locator != "null");
    answer.media_type() == "text/csv" && (next.is_none() || next != asked)
}

/// Tells whether an answer is no gateway's page: nothing at all, or JSON.
pub(super) fn is_empty_or_json(answer: &Answer) -> bool {
    answer.body.is_empty() || answer.is_json()
}

/// Tells whether an answer can be the body of a record, which is any text.
pub(super) fn is_text(answer: &Answer) -> bool {
    answer.media_type() != "text/html"
}

/// Counts the records that a request carries or names.
pub(in super::super) fn carried_records(request: &ApiRequest) -> Option<usize> {
    let Body::Json(body) = &request.body else { return None };
    body.get("records")?.as_array().map(Vec::len)
}

/// Counts the records of a list.
pub(in super::super) fn brought_records(answer: &Answer) -> Option<usize> {
    answer.json::<AnyList>().ok().map(|list| list.records.len())
}
