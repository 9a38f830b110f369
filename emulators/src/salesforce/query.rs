//! `/query` and `/queryAll`: pages of records, and the cursors that lead to the next ones.

use std::collections::VecDeque;

use serde_json::{Value as Json, json};

use super::{
    errors::Problem,
    ids::Id,
    org::Org,
    reply::Reply,
    request::{Call, Version},
    soql::{Query, aggregate, describe, find, json as shown, plan, too_many_groups},
};

/// Most and least records of a page. Source: query options header.
const PAGE: std::ops::RangeInclusive<usize> = 200..=2_000;
/// Most open cursors of a user; the oldest is dropped. Source: query locator guide.
const MAX_CURSORS: usize = 10;
/// Most characters of a query. Source: SOQL limits.
const MAX_QUERY: usize = 100_000;

#[derive(Debug)]
struct Cursor {
    key: String,
    query: Query,
    ids: Vec<Id>,
}

/// The open queries.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    open: VecDeque<Cursor>,
}

/// Answers `/query` and `/queryAll`.
pub(super) fn answer(
    org: &mut Org,
    call: &Call,
    version: &Version,
    locator: Option<&str>,
    with_deleted: bool,
) -> Reply {
    let page = match locator {
        Some(locator) => next_page(org, call, version, locator, with_deleted),
        None => first_page(org, call, version, with_deleted),
    };
    page.map_or_else(Reply::from, Reply::ok)
}

fn page_size(org: &Org, call: &Call, query: &Query) -> usize {
    let asked = call.header("sforce-query-options").and_then(|options| {
        let option = options.split([',', ';']).find_map(|option| option.trim().strip_prefix("batchSize="));
        option.and_then(|size| size.trim().parse::<usize>().ok())
    });
    let size = asked.unwrap_or(*PAGE.end()).clamp(*PAGE.start(), *PAGE.end());
    // Two or more long texts make pages small.
    if query.long_texts(org) > 1 { *PAGE.start() } else { size }
}

fn first_page(org: &mut Org, call: &Call, version: &Version, with_deleted: bool) -> Result<Json, Problem> {
    let Some(text) = call.parameter("q") else {
        return Err(Problem::new("MALFORMED_QUERY", "a query string has to be specified"));
    };
    if text.len() > MAX_QUERY {
        return Err(Problem::new("QUERY_TOO_COMPLICATED", "SOQL statements cannot be longer than 100,000 characters."));
    }
    let query = plan(org, text, with_deleted)?;
    if call.parameter("columns").is_some_and(|columns| columns.eq_ignore_ascii_case("true")) {
        return Ok(describe(org, &query));
    }
    if query.is_count {
        return Ok(json!({"totalSize": find(org, &query).len(), "done": true, "records": []}));
    }
    if query.is_aggregate() {
        let rows = aggregate(org, &query);
        return if rows.len() > *PAGE.end() {
            Err(too_many_groups())
        } else {
            Ok(json!({"totalSize": rows.len(), "done": true, "records": rows}))
        };
    }
    let ids = find(org, &query);
    let size = page_size(org, call, &query);
    if ids.len() <= size {
        return Ok(page(org, &query, &ids, 0..ids.len(), version, None));
    }
    let key = Id::new(*b"0r8", org.next_number()).to_string();
    let first = page(org, &query, &ids, 0..size, version, Some(&key));
    if org.cursors.open.len() == MAX_CURSORS {
        org.cursors.open.pop_front();
    }
    org.cursors.open.push_back(Cursor { key, query, ids });
    Ok(first)
}

fn next_page(
    org: &mut Org,
    call: &Call,
    version: &Version,
    locator: &str,
    with_deleted: bool,
) -> Result<Json, Problem> {
    let invalid = || Problem::new("INVALID_QUERY_LOCATOR", "invalid query locator");
    let (key, start) = locator.split_once('-').ok_or_else(invalid)?;
    let start: usize = start.parse().map_err(|_| invalid())?;
    let place = org.cursors.open.iter().position(|cursor| cursor.key == key).ok_or_else(invalid)?;
    let cursor = org.cursors.open.remove(place).ok_or_else(invalid)?;
    let is_known = start <= cursor.ids.len() && cursor.query.with_deleted == with_deleted;
    let end = (start + page_size(org, call, &cursor.query)).min(cursor.ids.len());
    let shown = is_known.then(|| page(org, &cursor.query, &cursor.ids, start..end, version, Some(&cursor.key)));
    org.cursors.open.push_back(cursor);
    shown.ok_or_else(invalid)
}

fn page(
    org: &Org,
    query: &Query,
    ids: &[Id],
    range: std::ops::Range<usize>,
    version: &Version,
    key: Option<&str>,
) -> Json {
    let end = range.end;
    let records: Vec<Json> = ids[range].iter().filter_map(|id| shown(org, query, *id, &version.base)).collect();
    let mut page = json!({"totalSize": ids.len(), "done": end == ids.len()});
    if let Some(key) = key.filter(|_| end < ids.len()) {
        let resource = if query.with_deleted { "queryAll" } else { "query" };
        page["nextRecordsUrl"] = Json::from(format!("{}/{resource}/{key}-{end}", version.base));
    }
    page["records"] = Json::from(records);
    page
}
