//! One read, page by page. Start at [`Reader::next`].

use std::{collections::VecDeque, sync::Arc};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures::{StreamExt, TryStreamExt, stream};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value as Json;

use crate::clock::Clock;
use crate::connector::{ConnectorError, ErrorKind, ReadRequest};
use crate::model::{Page, SyncMode};

use super::{
    super::{
        client::{CsvPage, WirePage},
        errors, limits,
        names::normal_id,
        schema::{Catalog, ID_FIELD, ObjectInfo},
        soql::{Query, condition, text_literal},
    },
    csv_page::OpenPage,
    frame::{Decoder, Rows},
    junctions,
    position::Position,
};

/// A read under way.
pub(super) struct Reader<'catalog> {
    catalog: &'catalog Catalog,
    clock: &'catalog Clock,
    bulk_min_records: u64,
    info: Arc<ObjectInfo>,
    request: ReadRequest,
    decoder: Decoder,
    /// The part of the condition that Salesforce applies.
    condition: Option<String>,
    /// Where to go on; none when all is read.
    position: Option<Position>,
    /// Where Salesforce says that the next page of the query is.
    next_url: Option<String>,
    /// Whether a Bulk query was refused for this object.
    is_bulk_refused: bool,
    /// How many records the query finds, until a page has told it.
    left: Option<u64>,
    /// The page of a Bulk query that is being read.
    page: Option<OpenPage>,
    /// Pages of a large result that are downloaded already, each a file.
    ahead: VecDeque<CsvPage>,
    /// Where the list of a large result's pages stands.
    parallel: Parallel,
}

/// How the pages of a Bulk query's result are found.
#[derive(Debug, Default)]
enum Parallel {
    /// One after the other, each by what the one before says.
    #[default]
    No,
    /// By lists of addresses, several at once.
    Yes { next: Option<String>, has_more: bool, is_begun: bool },
}

/// Results from so many records on are downloaded several pages at once: the list of addresses costs one call in five, which
/// only pays where there is a lot to wait for.
const PARALLEL_MIN_RECORDS: u64 = 1_000_000;

impl<'catalog> Reader<'catalog> {
    pub(super) async fn new(
        catalog: &'catalog Catalog,
        clock: &'catalog Clock,
        bulk_min_records: u64,
        request: ReadRequest,
    ) -> Result<Self, ConnectorError> {
        let info = catalog.object(&request.object).await?;
        // With more names, the query would be a job.
        let shown = request.shown_within(limits::MAX_URL_QUERY_BYTES / 2);
        let decoder = Decoder::new(&info, (&request.fields, shown), &request.links)?;
        let condition = request.filter.as_ref().and_then(|filter| condition(filter, &info));
        let position = start(&request)?;
        Ok(Self {
            catalog,
            clock,
            bulk_min_records,
            info,
            request,
            decoder,
            condition,
            position,
            next_url: None,
            is_bulk_refused: false,
            left: None,
            page: None,
            ahead: VecDeque::new(),
            parallel: Parallel::No,
        })
    }

    /// Returns the next page; none when all is read.
    pub(super) async fn next(&mut self) -> Result<Option<Page>, ConnectorError> {
        let (rows, next) = match self.position.take() {
            None | Some(Position::Done { .. }) => return Ok(None),
            Some(Position::Query { since, last_id, started_at }) => self.query(since, last_id, started_at).await?,
            Some(Position::Bulk { job, locator, read, started_at }) => {
                self.bulk(job, locator, read, started_at).await?
            }
        };
        let ids = rows.ids();
        let mut links = Vec::with_capacity(self.request.links.len());
        for linked in &self.request.links {
            links.push(junctions::read(&self.catalog.api, &self.info.name, linked, &ids).await?);
        }
        let frame = self.decoder.frame(&rows, &links)?;
        let cursor = next.to_cursor();
        self.position = Some(next);
        Ok(Some(Page { frame, rejects: rows.rejects, cursor, left: self.left.take() }))
    }

    async fn query(
        &mut self,
        since: Option<i64>,
        last_id: Option<String>,
        started_at: Option<i64>,
    ) -> Result<(Rows, Position), ConnectorError> {
        if let Some(page) = self.follow().await? {
            return self.query_page(page, since, last_id, started_at.unwrap_or_default()).await;
        }
        let is_first = last_id.is_none();
        let soql = self.soql(since, last_id.as_deref(), true);
        let may_be_bulk = is_first && !self.is_bulk_refused && self.decoder.bodies().next().is_none();
        if may_be_bulk && encoded_bytes(&soql) > limits::MAX_URL_QUERY_BYTES {
            let started_at = self.now(None);
            let job = self.begin_bulk(since, None).await?;
            return self.bulk(job, None, 0, started_at).await;
        }
        let answer = match self.catalog.api.query(&soql, since.is_some()).await {
            // It took longer than Salesforce waits; a job may take as long as it needs.
            Err(error) if error.code == "QUERY_TIMEOUT" && may_be_bulk => {
                let started_at = self.now(None);
                let job = self.begin_bulk(since, None).await?;
                return self.bulk(job, None, 0, started_at).await;
            }
            other => other?,
        };
        let started_at = started_at.unwrap_or_else(|| self.now(answer.at));
        let page = answer.content;
        self.left = Some(page.total_size);
        if may_be_bulk && page.total_size >= self.bulk_min_records && !page.done {
            match self.begin_bulk(since, Some(page.total_size)).await {
                Ok(job) => return self.bulk(job, None, 0, started_at).await,
                // Some objects are not there for the Bulk API; the query has its first page already.
                Err(error) if matches!(error.kind, ErrorKind::Refused | ErrorKind::NotFound) => {
                    tracing::debug!(object = %self.info.name, code = %error.code, "the Bulk API refuses the query");
                    self.is_bulk_refused = true;
                }
                Err(error) => return Err(error),
            }
        }
        self.query_page(page, since, last_id, started_at).await
    }

    /// Returns the page that follows; none where there is no address of it, or none that Salesforce still knows.
    async fn follow(&mut self) -> Result<Option<WirePage>, ConnectorError> {
        let Some(next) = self.next_url.take() else { return Ok(None) };
        match self.catalog.api.query_more(&next, true).await {
            Ok(page) => Ok(Some(page)),
            // Ten cursors of a user are kept, each for a while: the query is sent again from the last id on.
            Err(error) if error.kind == ErrorKind::CursorExpired => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn query_page(
        &mut self,
        mut page: WirePage,
        since: Option<i64>,
        last_id: Option<String>,
        started_at: i64,
    ) -> Result<(Rows, Position), ConnectorError> {
        self.read_bodies(&mut page.records).await?;
        let rows = self.decoder.decode(&page.records).map_err(|error| error.about_page(&page.request))?;
        self.next_url = page.next_records_url.filter(|_| !page.done);
        let newest = page.records.last().and_then(|record| record[ID_FIELD].as_str()).map(normal_id);
        if self.next_url.is_none() {
            return Ok((rows, Position::Done { since: started_at }));
        }
        if newest.is_none() {
            return Err(errors::unexpected("a page of a query is empty and not the last").about_page(&page.request));
        }
        Ok((rows, Position::Query { since, last_id: newest.or(last_id), started_at: Some(started_at) }))
    }

    /// Replaces the addresses of bodies by the bodies.
    async fn read_bodies(&self, records: &mut [Json]) -> Result<(), ConnectorError> {
        for name in self.decoder.bodies() {
            for record in records.iter_mut() {
                let Some(path) = record[name.as_str()].as_str().filter(|path| path.starts_with("/services/")) else {
                    continue;
                };
                record[name.as_str()] = Json::from(self.catalog.api.body(path).await?);
            }
        }
        Ok(())
    }

    /// Starts a Bulk query, of so many records where that is known, and waits for its end. It has no order: that would keep
    /// Salesforce from splitting it.
    async fn begin_bulk(&mut self, since: Option<i64>, records: Option<u64>) -> Result<String, ConnectorError> {
        let job = self.catalog.api.create_query(&self.soql(since, None, false), since.is_some()).await?;
        let ended =
            self.catalog.api.wait_for_query(&job.id, limits::query_delay(records.unwrap_or(0))).await?.ok_or_else(
                || ConnectorError::new(ErrorKind::Unavailable, "job_pending", "the Bulk API query did not end in time"),
            )?;
        if ended.state != "JobComplete" {
            let said = ended.error_message.unwrap_or_default();
            let message = format!("the Bulk API query ended as `{}`", ended.state);
            return Err(ConnectorError::new(ErrorKind::Refused, "job_failed", message).with_detail(said));
        }
        if ended.number_records_processed.is_some_and(|count| count >= PARALLEL_MIN_RECORDS) {
            self.parallel = Parallel::Yes { next: None, has_more: true, is_begun: false };
        }
        Ok(job.id)
    }

    async fn bulk(
        &mut self,
        job: String,
        locator: Option<String>,
        read: u64,
        started_at: i64,
    ) -> Result<(Rows, Position), ConnectorError> {
        let mut page = if let Some(page) = self.page.take() {
            page
        } else {
            self.download_ahead(&job).await?;
            let page = match self.ahead.pop_front() {
                Some(page) => page,
                None => self.catalog.api.query_results(&job, locator.as_deref()).await?,
            };
            OpenPage::new(page, locator, read)?
        };
        let decoded = self.decoder.decode_lines(&mut page.lines, limits::BULK_FRAME_RECORDS);
        let (rows, count) = decoded.map_err(|error| error.about_page(&page.request))?;
        page.read += count;
        let next = if page.is_at_end()? {
            match page.next {
                Some(next) if Some(&next) == page.locator.as_ref() => {
                    let error = errors::unexpected("a page of results says that it follows itself");
                    return Err(error.about_page(&page.request));
                }
                Some(next) => Position::Bulk { job, locator: Some(next), read: 0, started_at },
                None => Position::Done { since: started_at },
            }
        } else {
            let position = Position::Bulk { job, locator: page.locator.clone(), read: page.read, started_at };
            self.page = Some(page);
            position
        };
        Ok((rows, next))
    }

    /// Downloads the next pages of a large result, some at once, in their order.
    async fn download_ahead(&mut self, job: &str) -> Result<(), ConnectorError> {
        let Parallel::Yes { next, has_more, is_begun } = &mut self.parallel else { return Ok(()) };
        if !self.ahead.is_empty() || !*has_more {
            return Ok(());
        }
        let api = &self.catalog.api;
        let pages = match api.result_pages(job, next.as_deref()).await {
            Ok(pages) => pages,
            // Older versions have no such list: the pages are read one after the other.
            Err(error) if !*is_begun && matches!(error.kind, ErrorKind::NotFound | ErrorKind::Refused) => {
                self.parallel = Parallel::No;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        *is_begun = true;
        *has_more = !pages.done && pages.next_records_url.is_some();
        next.clone_from(&pages.next_records_url);
        let downloads = stream::iter(pages.urls()).map(|url| async move { api.results_at(&url).await });
        let downloaded: Vec<CsvPage> = downloads.buffered(limits::PARALLEL_PAGES).try_collect().await?;
        self.ahead.extend(downloaded);
        Ok(())
    }

    fn soql(&self, since: Option<i64>, last_id: Option<&str>, is_ordered: bool) -> String {
        let mut conditions: Vec<String> = self.condition.iter().cloned().collect();
        if let (Some(since), Some(change)) = (since.and_then(DateTime::from_timestamp_millis), self.info.change_field())
        {
            let since = since.to_rfc3339_opts(SecondsFormat::Millis, true);
            conditions.push(format!("{} >= {since}", change.field.name));
        }
        conditions.extend(last_id.map(|id| format!("Id > {}", text_literal(id))));
        let order_by = is_ordered.then_some(ID_FIELD);
        Query { fields: self.decoder.selection(), object: &self.info.name, conditions, order_by }.text()
    }

    /// Returns when a read began: by Salesforce's clock or ours, whichever is behind.
    fn now(&self, vendor: Option<DateTime<Utc>>) -> i64 {
        let ours = self.clock.now();
        vendor.map_or(ours, |vendor| vendor.min(ours)).timestamp_millis()
    }
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reader").field("object", &self.info.name).finish_non_exhaustive()
    }
}

/// Says where a read starts.
fn start(request: &ReadRequest) -> Result<Option<Position>, ConnectorError> {
    let from_scratch = Position::Query { since: None, last_id: None, started_at: None };
    let Some(cursor) = &request.cursor else { return Ok(Some(from_scratch)) };
    Ok(match (Position::from_cursor(cursor)?, request.sync_mode) {
        (Position::Done { since }, SyncMode::Incremental) => {
            let overlap = TimeDelta::from_std(limits::OVERLAP).unwrap_or_default().num_milliseconds();
            Some(Position::Query { since: Some(since.saturating_sub(overlap)), last_id: None, started_at: None })
        }
        (Position::Done { .. }, SyncMode::FullRefresh) => None,
        (position, _) => Some(position),
    })
}

fn encoded_bytes(text: &str) -> usize {
    utf8_percent_encode(text, NON_ALPHANUMERIC).map(str::len).sum()
}
