//! When an answer is whole and belongs to its request. Half a look-up proves nothing: a record that counts as absent is created
//! a second time.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::http::{Answer, ApiRequest, Body, Doubt, GivenIds};

use super::{
    super::errors::{self, ApiError},
    paths::BatchWrite,
    wire::{BatchAnswer, Loose, Paging, ResultPage, WireLink, WireRecord},
};

/// A list whose items all have an id.
#[derive(Deserialize)]
struct Listed {
    results: Vec<Named>,
    #[serde(default)]
    paging: Option<Paging>,
    #[serde(default)]
    total: Option<u64>,
}

#[derive(Deserialize)]
struct Named {
    id: Loose,
}

/// A list of whatever it is.
#[derive(Deserialize)]
struct AnyList {
    results: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct LinksOf {
    results: Vec<From>,
}

#[derive(Deserialize)]
struct From {
    from: Named,
}

/// What a write's answer says, as far as it tells whose it is.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    results: Option<Vec<WrittenRecord>>,
    #[serde(default)]
    errors: Option<Vec<Json>>,
    #[serde(default, rename = "numErrors")]
    num_errors: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenRecord {
    #[serde(default)]
    id: Loose,
    #[serde(default)]
    object_write_trace_id: Loose,
}

impl Named {
    fn is_there(&self) -> bool {
        self.id.as_deref().is_some_and(|id| !id.is_empty())
    }
}

/// Tells whether an answer is a record.
pub(super) fn is_record(answer: &Answer) -> bool {
    answer.json::<Named>().is_ok_and(|record| record.is_there())
}

/// Tells whether an answer is a list.
pub(super) fn is_list(answer: &Answer) -> bool {
    answer.json::<AnyList>().is_ok()
}

/// Tells whether an answer is a page of records, each with its id, which does not go on where it was asked to begin.
pub(super) fn is_page(answer: &Answer, after: Option<&str>) -> bool {
    let Ok(page) = answer.json::<Listed>() else { return false };
    let next = page.paging.as_ref().and_then(Paging::after);
    let is_cut = page.results.is_empty() && page.total.is_some_and(|total| total > 0);
    page.results.iter().all(Named::is_there) && !is_cut && (next.is_none() || next != after)
}

/// The property that holds a contact's other addresses: a contact is found by each of them, and shows its main one.
pub(in super::super) const ADDITIONAL_EMAILS: &str = "hs_additional_emails";

/// Tells whether a record has one of these keys, which are in lower case.
pub(in super::super) fn has_key(record: &WireRecord, property: &str, keys: &HashSet<String>) -> bool {
    let is_asked = |value: &str| keys.contains(&value.trim().to_lowercase());
    let others = Some(ADDITIONAL_EMAILS).filter(|_| property == "email").and_then(|name| record.property(name));
    record.property(property).is_some_and(is_asked) || others.is_some_and(|others| others.split(';').any(is_asked))
}

/// Properties that HubSpot shows of a record whatever was asked for.
const ALWAYS_SHOWN: [&str; 5] =
    ["createdate", "hs_createdate", "hs_lastmodifieddate", "hs_object_id", "lastmodifieddate"];

/// Tells whether records show no property that was not asked for. The answer to another look-up of the same records does, and
/// says nothing of what was asked for here: it would be taken for blank.
fn shows_only(records: &[WireRecord], asked: &HashSet<String>) -> bool {
    let is_asked = |name: &String| asked.contains(name) || ALWAYS_SHOWN.contains(&name.as_str());
    records.iter().all(|record| record.properties.keys().all(is_asked))
}

fn ids_of(records: &[WireRecord]) -> Vec<Option<String>> {
    records.iter().map(|record| record.id.0.clone()).collect()
}

/// Tells whether a search's answer can be that to this search: it is empty, or has a record that was asked for, and shows what
/// was asked for. What is answered a second time in the same way is believed: how HubSpot compares values is its own affair.
pub(super) fn is_of_search(
    answer: &Answer,
    is_asked_for: &(impl Fn(&WireRecord) -> bool + ?Sized),
    properties: &HashSet<String>,
    doubt: &Doubt,
) -> bool {
    let Ok(page) = answer.json::<ResultPage<WireRecord>>() else { return false };
    let is_of_this = page.results.is_empty() || page.results.iter().any(is_asked_for);
    doubt.believes(is_of_this && shows_only(&page.results, properties), || ids_of(&page.results))
}

/// What a batch read asked for.
#[derive(Debug)]
pub(super) struct Asked {
    /// The property whose values were asked for; none where it was ids.
    property: Option<String>,
    /// In lower case.
    keys: HashSet<String>,
    /// The properties that are to be shown.
    properties: HashSet<String>,
    doubt: Doubt,
}

impl Asked {
    pub(super) fn new(property: Option<&str>, keys: &[String], properties: &[String]) -> Self {
        let keys = keys.iter().map(|key| key.trim().to_lowercase()).collect();
        let properties = properties.iter().cloned().collect();
        Self { property: property.map(str::to_owned), keys, properties, doubt: Doubt::default() }
    }

    /// Tells whether a batch read's answer can be that to this one: it speaks of nothing, or of something that was asked for,
    /// and shows what was asked for.
    /// A merged record comes under its new id, so what is answered a second time in the same way is believed.
    pub(super) fn is_met(&self, answer: &Answer) -> bool {
        let Ok(page) = answer.json::<BatchAnswer<WireRecord>>() else { return false };
        let errors: Vec<ApiError> = page.errors.iter().map(ApiError::of_json).collect();
        let denied: Vec<&str> = errors.iter().flat_map(|error| error.facts(&["ids", "id"])).collect();
        if page.results.len() > self.keys.len() {
            return false;
        }
        let is_nothing = page.results.is_empty() && denied.is_empty();
        let is_asked = |record: &WireRecord| match &self.property {
            Some(property) => has_key(record, property, &self.keys),
            None => record.id.as_deref().is_some_and(|id| self.keys.contains(id)),
        };
        let is_of_this = is_nothing
            || page.results.iter().any(is_asked)
            || denied.iter().any(|key| self.keys.contains(&key.trim().to_lowercase()));
        self.doubt
            .believes(is_of_this && shows_only(&page.results, &self.properties), || (ids_of(&page.results), denied))
    }
}

/// Tells whether an answer lists links, each with the record that it is of. A merged record may come under its new id.
pub(super) fn is_links(answer: &Answer) -> bool {
    answer.json::<LinksOf>().is_ok_and(|links| links.results.iter().all(|of| of.from.is_there()))
}

/// Tells whether an answer speaks of this write: of no trace id that was not sent and, for a create, of no id that is known.
pub(super) fn is_of_write(answer: &Answer, write: BatchWrite, traces: &HashSet<String>, given: &GivenIds) -> bool {
    if answer.status.as_u16() == 204 {
        return write == BatchWrite::Archive;
    }
    let Ok(written) = answer.json::<Written>() else { return false };
    if !written.is_batch_answer() {
        return false;
    }
    let results = written.results.unwrap_or_default();
    let of_results = results.iter().filter_map(|record| record.object_write_trace_id.as_deref());
    // Two results of one record, or one record as the result of two: either may be wrong.
    let has_ids_twice = write != BatchWrite::Upsert && !is_each_once(results.iter().filter_map(|of| of.id.as_deref()));
    if has_ids_twice
        || !is_each_once(of_results.clone())
        || (write != BatchWrite::Archive && results.len() > traces.len())
    {
        return false;
    }
    let errors = written.errors.unwrap_or_default();
    // Only an error in HubSpot's own words refuses a record.
    if !errors.iter().all(|error| error["category"].as_str().is_some_and(errors::is_code)) {
        return false;
    }
    let makes = matches!(write, BatchWrite::Create | BatchWrite::Upsert);
    if makes && !traces.is_empty() && errors.iter().any(misses_a_record) {
        return false;
    }
    let of_errors = errors.iter().flat_map(traces_of);
    if !of_results.chain(of_errors).all(|trace| traces.contains(trace)) {
        return false;
    }
    write != BatchWrite::Create || given.claim_new(results.iter().filter_map(|record| record.id.as_deref()))
}

fn is_each_once<'text>(texts: impl Iterator<Item = &'text str>) -> bool {
    let mut seen = HashSet::new();
    texts.into_iter().all(|text| seen.insert(text))
}

impl Written {
    /// A gateway's JSON has none of the fields of a batch's answer.
    fn is_batch_answer(&self) -> bool {
        let has_status = matches!(self.status.as_deref(), Some("COMPLETE" | "PENDING" | "PROCESSING" | "CANCELED"));
        has_status || self.results.is_some() || self.errors.is_some() || self.num_errors.is_some()
    }
}

fn traces_of(error: &Json) -> impl Iterator<Item = &str> {
    let names = ["objectWriteTraceId", "objectWriteTraceIds"];
    let contexts = std::iter::once(error).chain(error["errors"].as_array().into_iter().flatten());
    let values = contexts.flat_map(move |of| names.into_iter().map(move |name| &of["context"][name]));
    values.flat_map(|value| {
        value.as_str().into_iter().chain(value.as_array().into_iter().flatten().filter_map(Json::as_str))
    })
}

/// Tells whether an error names a record that is not there and no trace id: what makes a record misses none, so that is the answer of a
/// look-up, whose ids may be the same.
fn misses_a_record(error: &Json) -> bool {
    ApiError::of_json(error).is_not_found() && traces_of(error).next().is_none()
}

/// Tells whether an answer speaks of no link that was not sent. One that found no links is the answer of a read.
pub(super) fn is_of_links(answer: &Answer, sent: &HashSet<(String, String)>) -> bool {
    let Ok(made) = answer.json::<BatchAnswer<WireLink>>() else { return false };
    let is_sent =
        |(from, to): (String, String)| sent.contains(&(from.clone(), to.clone())) || sent.contains(&(to, from));
    let is_of_read = made.errors.iter().any(|error| ApiError::of_json(error).finds_no_links());
    !is_of_read && made.results.into_iter().filter_map(WireLink::ends).all(is_sent)
}

/// Counts the inputs of a batch.
pub(in super::super) fn carried_records(request: &ApiRequest) -> Option<usize> {
    let Body::Json(body) = &request.body else { return None };
    body.get("inputs")?.as_array().map(Vec::len)
}

/// Counts the records of a list.
pub(in super::super) fn brought_records(answer: &Answer) -> Option<usize> {
    answer.json::<AnyList>().ok().map(|list| list.results.len())
}
