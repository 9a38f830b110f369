//! `/query` and `/queryAll`: pages of records, and the cursors that lead to the next ones.

use std::collections::VecDeque;

use serde_json::{Value as Json, json};

use super::{
    errors::Problem,
    ids::Id,
    org::Org,
    reply::Reply,
    request::{Call, Version},
    soql::{Pages, Query, aggregate, describe, find, json as shown, plan, too_many_groups},
};

/// Most and least records of a page. Source: query options header.
const PAGE: std::ops::RangeInclusive<usize> = 200..=2_000;
/// Most open cursors of a user; the oldest is dropped. Source: query locator guide.
const MAX_CURSORS: usize = 10;
/// Most open cursors of children: as many as there are records in a page. Source: left to the vendor; chosen here.
const MAX_CHILD_CURSORS: usize = 2_000;
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
    /// Children of records that were shown, with more of them to show.
    of_children: VecDeque<Cursor>,
}

impl Cursors {
    /// Takes a cursor out; the caller puts it back, as the one that was used last.
    fn take(&mut self, key: &str) -> Option<(Cursor, bool)> {
        for (cursors, is_of_children) in [(&mut self.open, false), (&mut self.of_children, true)] {
            if let Some(place) = cursors.iter().position(|cursor| cursor.key == key) {
                return cursors.remove(place).map(|cursor| (cursor, is_of_children));
            }
        }
        None
    }

    fn put(&mut self, cursor: Cursor, is_of_children: bool) {
        let (cursors, max) =
            if is_of_children { (&mut self.of_children, MAX_CHILD_CURSORS) } else { (&mut self.open, MAX_CURSORS) };
        if cursors.len() == max {
            cursors.pop_front();
        }
        cursors.push_back(cursor);
    }
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
    run(org, call, version, text, with_deleted)
}

/// Answers a query with its first page.
pub(super) fn run(
    org: &mut Org,
    call: &Call,
    version: &Version,
    text: &str,
    with_deleted: bool,
) -> Result<Json, Problem> {
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
    let cursor = Cursor { key: Id::new(*b"0r8", org.next_number()).to_string(), query, ids };
    let first = page(org, &cursor, 0, size, version);
    if cursor.ids.len() > size {
        org.cursors.put(cursor, false);
    }
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
    let (cursor, is_of_children) = org.cursors.take(key).ok_or_else(invalid)?;
    let is_known = start <= cursor.ids.len() && cursor.query.with_deleted == with_deleted;
    let size = page_size(org, call, &cursor.query);
    let shown = is_known.then(|| page(org, &cursor, start, size, version));
    org.cursors.put(cursor, is_of_children);
    shown.ok_or_else(invalid)
}

fn page(org: &mut Org, cursor: &Cursor, start: usize, size: usize, version: &Version) -> Json {
    let Cursor { key, query, ids } = cursor;
    let end = (start + size).min(ids.len());
    // A page that is asked for again has the same locators again.
    let of_page = format!("{key}P{start}");
    let mut pages = Pages { base: &version.base, size, key: &of_page, rest: VecDeque::new() };
    let records: Vec<Json> = ids[start..end].iter().filter_map(|id| shown(org, query, *id, &mut pages)).collect();
    for (key, query, ids) in std::mem::take(&mut pages.rest) {
        org.cursors.take(&key);
        org.cursors.put(Cursor { key, query, ids }, true);
    }
    let mut page = json!({"totalSize": ids.len(), "done": end == ids.len()});
    if end < ids.len() {
        let resource = if query.with_deleted { "queryAll" } else { "query" };
        page["nextRecordsUrl"] = Json::from(format!("{}/{resource}/{key}-{end}", version.base));
    }
    page["records"] = Json::from(records);
    page
}
