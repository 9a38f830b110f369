//! One read, page by page. Start at [`Reader::next`].
//!
//! A list of version 2 goes on behind an opaque cursor, so records of one second on both sides of a page border are not lost. A list
//! of version 1 goes by offsets, which slip when a record before them is deleted: each page begins with the last record of the page
//! before, and where that is not so, the list is read from its beginning. What was yielded is not yielded again.

use std::{collections::HashSet, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt, stream};
use serde_json::{Value as Json, json};

use crate::clock::Clock;
use crate::connector::{ConnectorError, ErrorKind, ReadRequest};
use crate::model::{Page, ReadReject, SyncMode};

use super::{
    super::{
        client::{self, Next, Raw, Shelf, id_of},
        errors::{ApiError, CallError, unexpected},
        limits::OVERLAP,
        object::Object,
        schema::{Catalog, ObjectInfo},
    },
    filter::{Narrowing, named, narrow, seconds},
    frame::{Decoder, Record},
    position::{List, Position},
};

/// How often a list of version 1 is begun anew because records before its offset were deleted.
const MAX_RESTARTS: u32 = 5;

/// Deals whose participants are asked for at once.
const PARTICIPANTS_AT_ONCE: usize = 10;

/// A read under way.
pub(super) struct Reader<'catalog> {
    catalog: &'catalog Catalog,
    clock: &'catalog Clock,
    info: Arc<ObjectInfo>,
    decoder: Decoder,
    narrowing: Narrowing,
    /// What was yielded: a record that changes meanwhile comes again, and the next read has its last state.
    seen: HashSet<String>,
    /// The last record of the page before, of a list of version 1.
    last_id: Option<String>,
    restarts: u32,
    position: Option<Position>,
}

/// A place in a list.
struct Place {
    list: List,
    since: Option<i64>,
    next: Option<Next>,
    started_at: Option<i64>,
}

impl<'catalog> Reader<'catalog> {
    pub(super) async fn new(
        catalog: &'catalog Catalog,
        clock: &'catalog Clock,
        request: ReadRequest,
    ) -> Result<Self, ConnectorError> {
        let info = catalog.object(&request.object).await?;
        let decoder = Decoder::new(catalog, Arc::clone(&info), &request).await?;
        let narrowing = match &request.filter {
            Some(filter) => {
                let kinds = named(filter, info.object).into_iter().filter_map(|name| info.find(name));
                let kinds: Vec<_> = kinds.map(|column| info.property(column).kind).collect();
                narrow(filter, &info, &catalog.names(kinds.into_iter()).await?)
            }
            None => Narrowing::default(),
        };
        let position = start(&request, info.object)?;
        let (seen, last_id, restarts) = (HashSet::new(), None, 0);
        Ok(Self { catalog, clock, info, decoder, narrowing, seen, last_id, restarts, position })
    }

    /// Returns the next page; none when all is read.
    pub(super) async fn next(&mut self) -> Result<Option<Page>, ConnectorError> {
        let place = match self.position.take() {
            None | Some(Position::Done { .. }) => return Ok(None),
            Some(Position::List { list, since, cursor, start, started_at }) => {
                Place { list, since, next: cursor.map(Next::Cursor).or(start.map(Next::Start)), started_at }
            }
        };
        let asked_at = self.clock.now();
        let page = self.ask(&place).await?;
        // The earlier of both clocks: whichever is ahead, no change is missed by the next read.
        let now = page.at.map_or(asked_at, |there: DateTime<Utc>| there.min(asked_at)).timestamp();
        let started_at = place.started_at.unwrap_or(now);
        let (records, next) = self.continued(page, &place)?;
        let mut fresh: Vec<Record> = records
            .into_iter()
            .filter(|raw| id_of(raw).is_some_and(|id| self.seen.insert(id)))
            .map(|raw| Record { raw, is_deleted: place.list == List::Deleted })
            .collect();
        let mut unread = Vec::new();
        if self.decoder.wants_participants() && place.list != List::Deleted {
            (fresh, unread) = self.with_participants(fresh).await?;
        }
        let (frame, mut rejects) = self.decoder.decode(fresh)?;
        rejects.append(&mut unread);
        let position = self.after(&place, next, started_at);
        let cursor = position.to_cursor();
        self.position = Some(position);
        Ok(Some(Page { frame, rejects, cursor, left: None }))
    }

    /// Reads who takes part in each deal. A deal of which Pipedrive does not say it is rejected: without its persons it would look
    /// like one that has none.
    async fn with_participants(&self, deals: Vec<Record>) -> Result<(Vec<Record>, Vec<ReadReject>), ConnectorError> {
        let asked = stream::iter(deals).map(|deal| async move {
            let id = id_of(&deal.raw).unwrap_or_default();
            let persons = self.catalog.api.participants(&id).await;
            (deal, id, persons)
        });
        let mut asked = asked.buffered(PARTICIPANTS_AT_ONCE);
        let (mut whole, mut rejects) = (Vec::new(), Vec::new());
        while let Some((mut deal, id, persons)) = asked.next().await {
            match persons {
                Ok(persons) => {
                    let persons: Vec<Json> = persons.into_iter().map(|id| json!({ "person_id": id })).collect();
                    deal.raw.insert("participants".to_owned(), Json::from(persons));
                    whole.push(deal);
                }
                Err(CallError::Refused(error)) if error.is_about_record() => {
                    rejects.push(unread(id, deal, error));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok((whole, rejects))
    }

    async fn ask(&self, place: &Place) -> Result<client::Page, ConnectorError> {
        let from = if place.list == List::Archived { Shelf::Archived } else { Shelf::Current };
        let query = self.query(place);
        let answer = self.catalog.api.list(self.info.object, from, &query, place.next.as_ref()).await;
        answer.map_err(|error| match error {
            // A cursor is not promised to live between two runs.
            CallError::Refused(error) if error.status == 400 && matches!(place.next, Some(Next::Cursor(_))) => {
                ConnectorError { kind: ErrorKind::CursorExpired, ..error.into() }
            }
            error => error.into(),
        })
    }

    fn query(&self, place: &Place) -> Vec<(&'static str, String)> {
        let object = self.info.object;
        let mut query = self.decoder.query();
        query.extend(
            self.narrowing
                .query
                .iter()
                .filter(|(name, _)| !(place.list == List::Deleted && *name == "status"))
                .cloned(),
        );
        if place.list == List::Deleted {
            query.push(("status", "deleted".to_owned()));
        }
        let since = place.since.max(self.narrowing.since);
        if let Some(since) = since.and_then(seconds) {
            // The list of archived leads takes no time: all of them are read.
            if !(object == Object::Leads && place.list == List::Archived) {
                query.push(("updated_since", since));
            }
        }
        query.extend(self.narrowing.until.and_then(seconds).map(|until| ("updated_until", until)));
        match object {
            Object::Users => {}
            Object::Leads => query.push(("sort", "add_time".to_owned())),
            Object::Notes => query.push(("sort", "add_time ASC".to_owned())),
            _ => {
                query.push(("sort_by", if since.is_some() { "update_time" } else { "id" }.to_owned()));
                query.push(("sort_direction", "asc".to_owned()));
            }
        }
        query
    }

    /// Checks that a page goes on where the one before ended, and returns its records and where the list goes on.
    fn continued(&mut self, page: client::Page, place: &Place) -> Result<(Vec<Raw>, Option<Next>), ConnectorError> {
        let is_offset = matches!(place.next, Some(Next::Start(_)));
        let first = page.records.first().and_then(id_of);
        if is_offset && self.last_id.is_some() && first != self.last_id {
            self.restarts += 1;
            if self.restarts > MAX_RESTARTS {
                return Err(unexpected("its pages do not go on where they ended"));
            }
            self.last_id = None;
            return Ok((Vec::new(), Some(Next::Start(0))));
        }
        self.last_id = page.records.last().and_then(id_of);
        let next = match page.next {
            Some(Next::Start(start)) if page.records.len() > 1 => Some(Next::Start(start.saturating_sub(1))),
            Some(Next::Start(_)) => return Err(unexpected("a page that is not the last has no records")),
            next => next,
        };
        Ok((page.records, next))
    }

    fn after(&mut self, place: &Place, next: Option<Next>, started_at: i64) -> Position {
        let since = place.since;
        let (cursor, start) = match next {
            Some(Next::Cursor(cursor)) => (Some(cursor), None),
            Some(Next::Start(start)) => (None, Some(start)),
            None => {
                self.last_id = None;
                return match following(place.list, self.info.object, since.is_some()) {
                    Some(list) => {
                        Position::List { list, since, cursor: None, start: None, started_at: Some(started_at) }
                    }
                    None => Position::Done { since: started_at },
                };
            }
        };
        Position::List { list: place.list, since, cursor, start, started_at: Some(started_at) }
    }
}

fn unread(id: String, deal: Record, error: ApiError) -> ReadReject {
    let why = error.message.unwrap_or_else(|| error.code.clone());
    ReadReject {
        id,
        has_id: true,
        number: None,
        line: None,
        field: Some("participants".to_owned()),
        value: None,
        code: error.code,
        reason: format!("its participants cannot be read: {why} ({})", error.status),
        record: Json::Object(deal.raw),
    }
}

/// Returns the list behind one. What was deleted is told of deals alone, and only to those who have read them.
fn following(list: List, object: Object, is_incremental: bool) -> Option<List> {
    match list {
        List::Current if object.has_archive() => Some(List::Archived),
        List::Archived if object == Object::Deals && is_incremental => Some(List::Deleted),
        List::Current | List::Archived | List::Deleted => None,
    }
}

impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reader").field("object", &self.info.object).finish_non_exhaustive()
    }
}

/// Says where a read starts: a full one with all records, an incremental one with what changed since the last one began. An
/// object whose changes cannot be asked for is read whole.
fn start(request: &ReadRequest, object: Object) -> Result<Option<Position>, ConnectorError> {
    let list = List::Current;
    let all = Position::List { list, since: None, cursor: None, start: None, started_at: None };
    let Some(cursor) = &request.cursor else { return Ok(Some(all)) };
    Ok(match (Position::from_cursor(cursor)?, request.sync_mode) {
        (Position::Done { since }, SyncMode::Incremental) if object.is_incremental() => {
            let overlap = TimeDelta::from_std(OVERLAP).unwrap_or_default().num_seconds();
            let since = Some(since.saturating_sub(overlap));
            Some(Position::List { list, since, cursor: None, start: None, started_at: None })
        }
        (Position::Done { .. }, SyncMode::Incremental) => Some(all),
        (Position::Done { .. }, SyncMode::FullRefresh) => None,
        (position, _) => Some(position),
    })
}
