//! One read, page by page. Start at [`Reader::next`].

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value as Json, json};

use crate::clock::Clock;
use crate::connector::{ConnectorError, ErrorKind, ReadRequest};
use crate::model::{Page, SyncMode};

use super::{
    super::{
        client::{ListPage, WireLinks, WireRecord},
        limits,
        schema::{Catalog, ObjectInfo},
    },
    filter::{Group, translate},
    frame::{Decoder, LinkedRecord, in_order, linked, millis},
    links::{add, is_key_of, read_links},
    position::Position,
};

/// Characters of a search's body that are kept for what is not the condition: sort, limit, base filters in each group.
const SEARCH_FRAME_CHARS: usize = 1_000;

/// A read under way.
pub(super) struct Reader<'catalog> {
    catalog: &'catalog Catalog,
    clock: &'catalog Clock,
    info: Arc<ObjectInfo>,
    request: ReadRequest,
    decoder: Decoder,
    properties: Vec<String>,
    /// The condition that searches send along; empty for none.
    groups: Vec<Group>,
    /// Where to go on; none when all is read.
    position: Option<Position>,
}

/// What a page holds, where the read goes on, and the request that brought it, as messages may show it.
struct Read {
    records: Vec<LinkedRecord>,
    next: Position,
    request: String,
    /// How many records are left, these among them, where that is known.
    left: Option<u64>,
}

/// What a search found: records in the order of ids, and whether there are more.
struct Found {
    records: Vec<WireRecord>,
    /// The greatest id that was found, also of records that were gone when their properties were read.
    last_id: u64,
    has_more: bool,
    /// How many records there are after the id that was asked for.
    total: Option<u64>,
    at: Option<DateTime<Utc>>,
    request: String,
}

impl<'catalog> Reader<'catalog> {
    pub(super) async fn new(
        catalog: &'catalog Catalog,
        clock: &'catalog Clock,
        request: ReadRequest,
    ) -> Result<Self, ConnectorError> {
        let info = catalog.object(&request.object).await?;
        let max_chars = limits::MAX_SEARCH_CHARS - SEARCH_FRAME_CHARS;
        // Each group also gets the last id, and in an incremental read the moment.
        let groups = request.filter.as_ref().map(|filter| translate(filter, &info, 2, max_chars)).unwrap_or_default();
        let position = start(&request, !groups.is_empty())?;
        let room = match position {
            Some(Position::Search { .. }) => max_chars.saturating_sub(json!(groups).to_string().chars().count()),
            _ => limits::MAX_URL_PROPERTIES_CHARS,
        };
        // With more names, each page would take another request.
        let shown = request.shown_within(room);
        let decoder = Decoder::new(catalog, &info, (&request.fields, shown), &request.links).await?;
        let properties = decoder.properties();
        Ok(Self { catalog, clock, info, request, decoder, properties, groups, position })
    }

    /// Returns the next page; none when all is read.
    pub(super) async fn next(&mut self) -> Result<Option<Page>, ConnectorError> {
        let Read { records, next, request, left } = match self.position.take() {
            None | Some(Position::Done { .. }) => return Ok(None),
            Some(Position::List { after, started_at }) => self.list(after, started_at).await?,
            Some(Position::Search { since, last_id, started_at }) => self.search(since, last_id, started_at).await?,
            Some(Position::Archived { since, after, started_at }) => self.archived(since, after, started_at).await?,
        };
        let (frame, rejects) = self.decoder.decode(records).map_err(|error| error.about_page(&request))?;
        let cursor = next.to_cursor();
        self.position = Some(next);
        Ok(Some(Page { frame, rejects, cursor, left }))
    }

    async fn list(&self, after: Option<String>, started_at: Option<i64>) -> Result<Read, ConnectorError> {
        let is_wide = self.is_too_wide_for_a_url();
        let associations: Vec<String> = self.request.links.iter().map(ToString::to_string).collect();
        let only_id = ["hs_object_id".to_owned()];
        let page = ListPage {
            limit: limits::MAX_LIST_PAGE,
            after: after.as_deref(),
            properties: if is_wide { &only_id } else { &self.properties },
            associations: &associations,
            is_archived: false,
        };
        let answer = self.catalog.api.list(&self.request.object, page).await?;
        let started_at = started_at.unwrap_or_else(|| self.now(answer.at));
        let next = answer.content.paging.after().map(str::to_owned);
        let (mut records, mut asked) = (answer.content.results, answer.request);
        let mut links_of = Vec::with_capacity(records.len());
        for record in &mut records {
            links_of.push((record.id.0.clone(), std::mem::take(&mut record.associations)));
        }
        if is_wide {
            (records, asked) = self.widen(records, asked).await?;
        }
        let mut by_object = Vec::with_capacity(self.request.links.len());
        for object in &self.request.links {
            by_object.push(self.listed_links(object, &mut links_of).await?);
        }
        let position = match next {
            Some(next) if after.as_deref() == Some(next.as_str()) => return Err(stuck().about_page(&asked)),
            Some(next) => Position::List { after: Some(next), started_at: Some(started_at) },
            None => Position::Done { since: started_at },
        };
        Ok(Read { records: linked(records, &by_object), next: position, request: asked, left: None })
    }

    /// Takes the links to one object out of a list's answer; where that names only a part of a record's, the rest is read.
    async fn listed_links(
        &self,
        object: &str,
        listed: &mut [(Option<String>, std::collections::HashMap<String, WireLinks>)],
    ) -> Result<super::links::Links, ConnectorError> {
        let mut links = super::links::Links::new();
        let mut unfinished = Vec::new();
        for (id, of_record) in listed {
            let Some(id) = id else { continue };
            let of_object = of_record.iter().filter(|(key, _)| is_key_of(key, object));
            for (_, found) in of_object {
                if found.paging.after().is_some() {
                    unfinished.push(id.clone());
                }
                let targets = links.entry(id.clone()).or_default();
                add(targets, found.results.iter().filter_map(|target| target.id.0.clone()));
            }
        }
        if !unfinished.is_empty() {
            links.extend(read_links(&self.catalog.api, &self.request.object, object, &unfinished).await?);
        }
        Ok(links)
    }

    async fn search(&self, since: Option<i64>, last_id: u64, started_at: Option<i64>) -> Result<Read, ConnectorError> {
        let mut last_id = last_id;
        let mut started_at = started_at;
        let (mut records, mut request, mut left) = (Vec::new(), String::new(), None);
        // Links are read for up to 1,000 records in a call: so many searches make one page then.
        let enough = if self.request.links.is_empty() { 1 } else { limits::MAX_ASSOCIATION_READS };
        let mut has_more = true;
        while has_more && records.len() < enough {
            let found = self.search_once(since, last_id).await?;
            started_at = started_at.or_else(|| Some(self.now(found.at)));
            has_more = found.has_more;
            left = left.or(found.total);
            last_id = found.last_id;
            records.extend(found.records);
            request = found.request;
        }
        let ids: Vec<String> = records.iter().filter_map(|record| record.id.0.clone()).collect();
        let mut by_object = Vec::with_capacity(self.request.links.len());
        for object in &self.request.links {
            by_object.push(read_links(&self.catalog.api, &self.request.object, object, &ids).await?);
        }
        let started_at = started_at.unwrap_or_else(|| self.now(None));
        let next = match since {
            _ if has_more => Position::Search { since, last_id, started_at: Some(started_at) },
            Some(since) => Position::Archived { since, after: None, started_at },
            None => Position::Done { since: started_at },
        };
        // An incremental read goes on with what was deleted, which nobody counts.
        let left = left.filter(|_| since.is_none());
        Ok(Read { records: linked(records, &by_object), next, request, left })
    }

    /// Asks for the first page of the records after `last_id`, in the order of ids.
    async fn search_once(&self, since: Option<i64>, last_id: u64) -> Result<Found, ConnectorError> {
        let mut base = vec![json!({ "propertyName": "hs_object_id", "operator": "GT", "value": last_id.to_string() })];
        if let Some(since) = since {
            let modified = limits::modified_property(&self.request.object);
            base.push(json!({ "propertyName": modified, "operator": "GTE", "value": since.to_string() }));
        }
        let mut body = search_body(&self.groups, &base, &self.properties);
        let is_wide = body.to_string().chars().count() > limits::MAX_SEARCH_CHARS;
        if is_wide {
            body["properties"] = json!(["hs_object_id"]);
        }
        let answer = self.catalog.api.search(&self.request.object, body).await?;
        let page = answer.content;
        let total = page.total.and_then(|total| usize::try_from(total).ok());
        let has_more = page.paging.after().is_some() || total.is_some_and(|total| total > page.results.len());
        if has_more && page.results.is_empty() {
            return Err(stuck().about_page(&answer.request));
        }
        let last_id = greatest_id(&page.results, last_id).map_err(|error| error.about_page(&answer.request))?;
        let (records, request) =
            if is_wide { self.widen(page.results, answer.request).await? } else { (page.results, answer.request) };
        Ok(Found { records, last_id, has_more, total: page.total, at: answer.at, request })
    }

    async fn archived(&self, since: i64, after: Option<String>, started_at: i64) -> Result<Read, ConnectorError> {
        let only_id = ["hs_object_id".to_owned()];
        let page = ListPage {
            limit: limits::MAX_LIST_PAGE,
            after: after.as_deref(),
            properties: if self.is_too_wide_for_a_url() { &only_id } else { &self.properties },
            associations: &[],
            is_archived: true,
        };
        let answer = self.catalog.api.list(&self.request.object, page).await?;
        let (answer, request) = (answer.content, answer.request);
        let next = match answer.paging.after() {
            Some(next) if after.as_deref() == Some(next) => return Err(stuck().about_page(&request)),
            Some(next) => Position::Archived { since, after: Some(next.to_owned()), started_at },
            None => Position::Done { since: started_at },
        };
        // The list cannot be filtered by date; a record whose date is not told is taken for a new one.
        let is_new = |record: &WireRecord| {
            record.archived_at.as_deref().and_then(millis).is_none_or(|archived_at| archived_at >= since)
        };
        let records = answer.results.into_iter().filter(is_new);
        let deleted = records.map(|record| LinkedRecord { record, links: Vec::new(), is_deleted: true });
        Ok(Read { records: deleted.collect(), next, request, left: None })
    }

    fn is_too_wide_for_a_url(&self) -> bool {
        // Every comma becomes three characters in a URL.
        let url_chars: usize = self.properties.iter().map(|name| name.len() + 3).sum();
        url_chars > limits::MAX_URL_PROPERTIES_CHARS
    }

    /// Reads the properties of records whose names do not fit into the request that found them. Returns the last request too.
    async fn widen(
        &self,
        records: Vec<WireRecord>,
        found_by: String,
    ) -> Result<(Vec<WireRecord>, String), ConnectorError> {
        let mut request = found_by;
        let ids: Vec<String> = records.into_iter().filter_map(|record| record.id.0).collect();
        let mut wide = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(limits::MAX_BATCH_RECORDS) {
            let answer = self.catalog.api.batch_read(&self.request.object, &self.properties, None, chunk).await?;
            wide.extend(answer.content.results);
            request = answer.request;
        }
        Ok((in_order(&ids, wide), request))
    }

    /// Returns when a read began: by the vendor's clock or ours, whichever is behind.
    fn now(&self, vendor: Option<DateTime<Utc>>) -> i64 {
        let ours = self.clock.now();
        vendor.map_or(ours, |vendor| vendor.min(ours)).timestamp_millis()
    }
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reader").field("object", &self.info.object).finish_non_exhaustive()
    }
}

/// Says where a read starts: a full one with a list, or a search where there is something to search by; an incremental one
/// with what changed since the last one was begun.
fn start(request: &ReadRequest, has_condition: bool) -> Result<Option<Position>, ConnectorError> {
    let from_scratch = if has_condition {
        Position::Search { since: None, last_id: 0, started_at: None }
    } else {
        Position::List { after: None, started_at: None }
    };
    let Some(cursor) = &request.cursor else { return Ok(Some(from_scratch)) };
    Ok(match (Position::from_cursor(cursor)?, request.sync_mode) {
        (Position::Done { since }, SyncMode::Incremental) => {
            let lag = TimeDelta::from_std(limits::INDEX_LAG).unwrap_or_default().num_milliseconds();
            Some(Position::Search { since: Some(since.saturating_sub(lag)), last_id: 0, started_at: None })
        }
        (Position::Done { .. }, SyncMode::FullRefresh) => None,
        (position, _) => Some(position),
    })
}

fn search_body(groups: &[Group], base: &[Json], properties: &[String]) -> Json {
    let with_base = |group: &Group| json!({ "filters": base.iter().chain(group).collect::<Vec<_>>() });
    let filter_groups: Vec<Json> =
        if groups.is_empty() { vec![with_base(&Vec::new())] } else { groups.iter().map(with_base).collect() };
    json!({
        "filterGroups": filter_groups,
        "sorts": [{ "propertyName": "hs_object_id", "direction": "ASCENDING" }],
        "properties": properties,
        "limit": limits::MAX_SEARCH_PAGE,
    })
}

/// Returns the greatest id of a page. Each must be greater than the last of the page before: else the
/// vendor did not do as it was asked, and going on could skip records or never end.
fn greatest_id(records: &[WireRecord], last_id: u64) -> Result<u64, ConnectorError> {
    let mut greatest = last_id;
    for record in records {
        let id = record.id.as_deref().and_then(|id| id.parse::<u64>().ok()).filter(|id| *id > last_id);
        greatest = greatest.max(id.ok_or_else(stuck)?);
    }
    Ok(greatest)
}

fn stuck() -> ConnectorError {
    ConnectorError::new(ErrorKind::Unexpected, "unordered_pages", "HubSpot's pages do not go on in the order asked for")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_condition_leaves_a_body_within_the_limit() {
        let largest = u64::MAX.to_string();
        let base = vec![
            json!({ "propertyName": "hs_object_id", "operator": "GT", "value": largest }),
            json!({ "propertyName": "hs_lastmodifieddate", "operator": "GTE", "value": "1699999700000" }),
        ];
        let mut groups = vec![vec![json!("")]; limits::MAX_FILTER_GROUPS];
        let room = limits::MAX_SEARCH_CHARS - SEARCH_FRAME_CHARS - json!(groups).to_string().len();
        groups[0][0] = json!("x".repeat(room));
        let body = search_body(&groups, &base, &["hs_object_id".to_owned()]);
        assert!(body.to_string().len() <= limits::MAX_SEARCH_CHARS, "{}", body.to_string().len());
    }
}
