//! Searches of records: filters, a query, one sort, and no more than ten thousand results.
//!
//! Source: search guide, with its limits; the meaning of single operators where the guide is silent is noted beside them.

use std::{borrow::Cow, cmp::Ordering, collections::HashSet};

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    definitions::Kind,
    errors::Refusal,
    filter::{Filter, Matcher},
    portal::Portal,
    render::Answer,
    request::Call,
    store::Record,
};

/// Most results of a query, all pages together.
const MAX_RESULTS: usize = 10_000;
/// Most results of a page.
const MAX_PAGE: usize = 200;
const DEFAULT_PAGE: usize = 10;
/// Most characters of a request.
const MAX_CHARACTERS: usize = 3_000;
const MAX_GROUPS: usize = 5;
const MAX_FILTERS_OF_GROUP: usize = 6;
const MAX_FILTERS: usize = 18;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SearchBody {
    #[serde(default)]
    filter_groups: Vec<FilterGroup>,
    /// One group more: what has to hold may stand beside the groups, too.
    #[serde(default)]
    filters: Vec<Filter>,
    query: Option<String>,
    #[serde(default)]
    sorts: Vec<Sort>,
    #[serde(default)]
    properties: Vec<String>,
    limit: Option<usize>,
    after: Option<Json>,
}

#[derive(Deserialize)]
struct FilterGroup {
    filters: Vec<Filter>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Sort {
    Name(String),
    #[serde(rename_all = "camelCase")]
    Whole {
        property_name: String,
        direction: Option<String>,
    },
}

/// Answers a search.
pub(super) fn answer(portal: &Portal, call: &Call, object: usize) -> Result<Answer, Refusal> {
    if String::from_utf8_lossy(&call.body).chars().count() > MAX_CHARACTERS {
        let message = format!("The search request is longer than {MAX_CHARACTERS} characters");
        return Err(Refusal::invalid(message));
    }
    let body: SearchBody = call.json()?;
    let (offset, limit) = page(&body)?;
    let matchers = matchers(portal, object, &body)?;
    let sort = sort(portal, object, &body.sorts)?;
    let query = body.query.as_deref().unwrap_or_default().to_lowercase();
    let words: Vec<&str> = query.split_whitespace().collect();
    let searchable: Vec<u16> = {
        let kind = &portal.objects[object];
        kind.searchable.iter().filter_map(|name| kind.property_place(name)).collect()
    };
    let is_hit = |found: (u64, &Record)| {
        let is_found = |word: &str| {
            searchable.iter().any(|place| {
                portal.value(object, found, *place).is_some_and(|value| value.to_lowercase().contains(word))
            })
        };
        words.iter().all(|word| is_found(word))
            && (matchers.is_empty()
                || matchers.iter().any(|group| group.iter().all(|matcher| matcher.matches(portal, object, found))))
    };
    let mut hits: Vec<(u64, &Record)> = visible(portal, object).into_iter().filter(|found| is_hit(*found)).collect();
    if let Some((place, kind, is_descending)) = sort {
        hits.sort_by_cached_key(|(id, record)| {
            SortKey::new(portal.value(object, (*id, record), place), kind, is_descending)
        });
    }
    let total = hits.len();
    let wanted = portal.wanted(object, &body.properties, &[]);
    let results: Vec<Json> = hits
        .into_iter()
        .skip(offset)
        .take(limit)
        .map(|found| Json::from(portal.shown(object, found, &wanted)))
        .collect();
    let mut answer = json!({"total": total, "results": results});
    if offset + limit < total {
        answer["paging"] = json!({"next": {"after": (offset + limit).to_string()}});
    }
    Ok(Answer::ok(answer))
}

/// Returns the records as the index has them: without the writes of the last moment, in the order of their ids.
fn visible(portal: &Portal, object: usize) -> Vec<(u64, &Record)> {
    let records = &portal.objects[object].records;
    let unsettled = records.unsettled();
    let settled = records.page(0, false).filter(|(id, _)| !unsettled.contains_key(id));
    let mut all: Vec<(u64, &Record)> = settled.collect();
    if !unsettled.is_empty() {
        all.extend(unsettled.into_iter().filter_map(|(id, before)| Some((id, before?))));
        all.sort_by_key(|(id, _)| *id);
    }
    all
}

fn page(body: &SearchBody) -> Result<(usize, usize), Refusal> {
    let limit = body.limit.unwrap_or(DEFAULT_PAGE);
    if limit > MAX_PAGE {
        return Err(Refusal::invalid(format!("Invalid limit: {limit}. The maximum limit is {MAX_PAGE}.")));
    }
    let after = match &body.after {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let wrong = || Refusal::invalid(format!("Invalid paging cursor: {after}"));
    let offset: usize = if after.is_empty() { 0 } else { after.parse().map_err(|_| wrong())? };
    if offset + limit > MAX_RESULTS {
        let message = format!("Cannot page beyond {MAX_RESULTS} results of a search");
        return Err(Refusal::invalid(message));
    }
    Ok((offset, limit))
}

fn matchers(portal: &Portal, object: usize, body: &SearchBody) -> Result<Vec<Vec<Matcher>>, Refusal> {
    let beside = Some(body.filters.as_slice()).filter(|filters| !filters.is_empty());
    let groups: Vec<&[Filter]> =
        body.filter_groups.iter().map(|group| group.filters.as_slice()).chain(beside).collect();
    let count: usize = groups.iter().map(|group| group.len()).sum();
    if groups.len() > MAX_GROUPS {
        return Err(Refusal::invalid(format!(
            "{} filter groups were given, the maximum is {MAX_GROUPS}",
            groups.len()
        )));
    }
    if count > MAX_FILTERS || groups.iter().any(|group| group.len() > MAX_FILTERS_OF_GROUP) {
        let message = format!(
            "{count} filters were given, the maximum is {MAX_FILTERS_OF_GROUP} in a group and {MAX_FILTERS} in all"
        );
        return Err(Refusal::invalid(message));
    }
    let of_group =
        |group: &&[Filter]| group.iter().map(|filter| Matcher::new(portal, object, filter)).collect::<Result<_, _>>();
    groups.iter().map(of_group).collect()
}

fn sort(portal: &Portal, object: usize, sorts: &[Sort]) -> Result<Option<(u16, Kind, bool)>, Refusal> {
    let [sort] = sorts else {
        return if sorts.is_empty() { Ok(None) } else { Err(Refusal::invalid("Only one sort is allowed in a search")) };
    };
    let (name, is_descending) = match sort {
        Sort::Name(name) => name.strip_prefix('-').map_or((name.as_str(), false), |name| (name, true)),
        Sort::Whole { property_name, direction } => {
            let is_descending = match direction.as_deref() {
                None | Some("ASCENDING") => false,
                Some("DESCENDING") => true,
                Some(other) => return Err(no_such_direction(other)),
            };
            (property_name.as_str(), is_descending)
        }
    };
    let property = portal.objects[object].live_property(name);
    let (place, property) = property.ok_or_else(|| super::filter::no_such_property(name))?;
    Ok(Some((place, property.spec.kind, is_descending)))
}

/// The answer to a direction that is none, in the words of the vendor's JSON reader.
fn no_such_direction(direction: &str) -> Refusal {
    Refusal::invalid(format!(
        "Invalid input JSON on line 1, column 1: Cannot deserialize value of type `SortDirection` from String \"{direction}\": \
         not one of the values accepted for Enum class: [ASCENDING, DESCENDING]"
    ))
}

/// A value to sort by; records without one come last.
#[derive(Debug, PartialEq)]
struct SortKey {
    number: Option<f64>,
    text: Option<String>,
    is_descending: bool,
}

impl SortKey {
    fn new(value: Option<Cow<'_, str>>, kind: Kind, is_descending: bool) -> Self {
        let number = if kind == Kind::Number { value.as_deref().and_then(|value| value.parse().ok()) } else { None };
        Self { number, text: value.map(|value| value.to_lowercase()), is_descending }
    }
}

impl Eq for SortKey {}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_value = match (self.number, other.number) {
            (Some(one), Some(two)) => one.total_cmp(&two),
            _ => self.text.cmp(&other.text),
        };
        let by_value = if self.is_descending { by_value.reverse() } else { by_value };
        self.text.is_none().cmp(&other.text.is_none()).then(by_value)
    }
}

/// Returns the words of a text as the index has them.
pub(super) fn tokens(text: &str) -> HashSet<String> {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}
