//! The requests, one function each, as Pipedrive documents them. No policy.

mod merges;
mod requests;
mod whole;
mod wire;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

use crate::connector::ConnectorError;
use crate::http::{Access, Answer, ApiRequest, Body, Client, Doubt, GivenIds};
use crate::model::Quota;

use super::{
    costs,
    day::Day,
    errors::{ApiError, CallError, from_http, unexpected},
    limits::PAGE_RECORDS,
    object::Object,
};

pub(super) use requests::{Next, Shelf};
pub(super) use whole::brought_records;
pub(super) use wire::{Me, Raw, WireField, WireLabel, WireOption, id_of};

use requests::{list_request, participants_path, record_path};
use wire::{Found, Listed, One, data_of};

/// Sends requests of one login.
#[derive(Debug, Clone)]
pub(super) struct Api {
    http: Client,
    /// The ids of records that were created here.
    given: Arc<GivenIds>,
    day: Day,
}

/// One page of a list.
#[derive(Debug)]
pub(super) struct Page {
    /// The records, as the version of the API writes them.
    pub(super) records: Vec<Raw>,
    /// Where the next one begins; none on the last.
    pub(super) next: Option<Next>,
    /// What Pipedrive's clock said, where the answer tells.
    pub(super) at: Option<DateTime<Utc>>,
}

impl Api {
    /// Makes the client. Does no I/O.
    pub(super) fn new(http: Client, day: Day) -> Self {
        Self { http, given: Arc::default(), day }
    }

    /// `GET api/v1/users/me`: whose login it is.
    pub(super) async fn me(&self) -> Result<Me, ConnectorError> {
        self.data(&ApiRequest::get("api/v1/users/me", costs::ONE_V1)).await
    }

    /// Returns what is left of the day's tokens, as far as it is known.
    pub(super) fn tokens_left(&self) -> Option<Quota> {
        self.http.meter().quota()
    }

    /// `GET api/v2/{…}Fields`, all pages.
    pub(super) async fn fields(&self, path: &str) -> Result<Vec<WireField>, ConnectorError> {
        let mut fields = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let mut request = ApiRequest::get(path, costs::LIST).with("limit", PAGE_RECORDS.to_string());
            if let Some(cursor) = &cursor {
                request = request.with("cursor", cursor);
            }
            let page: Listed<WireField> = self.decoded(&request).await?;
            fields.extend(page.data.unwrap_or_default());
            let next = page.additional_data.and_then(|data| data.next_cursor);
            if next.is_none() || next == cursor {
                return Ok(fields);
            }
            cursor = next;
        }
    }

    /// `POST api/v2/{…}Fields/{code}/options`: adds an option and returns the field's options.
    pub(super) async fn add_option(&self, path: &str, code: &str, label: &str) -> Result<Vec<WireOption>, CallError> {
        let body = json!([{ "label": label }]);
        let request = ApiRequest::write(Method::POST, format!("{path}/{code}/options"), body, costs::WRITE)
            .shown_as(format!("{path}/{{code}}/options"));
        let answer = self.accepted(&request).await?;
        let added: Option<One<Vec<WireOption>>> = data_of(&answer);
        added.and_then(|added| added.data).ok_or_else(|| CallError::Failed(unexpected("it has no data")))
    }

    /// `GET api/v1/leadLabels`
    pub(super) async fn lead_labels(&self) -> Result<Vec<WireLabel>, ConnectorError> {
        self.data(&ApiRequest::get("api/v1/leadLabels", costs::LABELS)).await
    }

    /// `GET {records}`: a page of a list. `query` narrows it.
    pub(super) async fn list(
        &self,
        object: Object,
        from: Shelf,
        query: &[(&'static str, String)],
        next: Option<&Next>,
    ) -> Result<Page, CallError> {
        self.listed(list_request(object, from, query, next)).await
    }

    /// The same to decide what is written: while answers get mixed up, two have to agree.
    pub(super) async fn look_through(
        &self,
        object: Object,
        from: Shelf,
        query: &[(&'static str, String)],
        next: Option<&Next>,
    ) -> Result<Page, CallError> {
        self.listed(list_request(object, from, query, next).alone()).await
    }

    async fn listed(&self, request: ApiRequest) -> Result<Page, CallError> {
        let sent: Vec<(String, String)> = request.query.clone();
        let request = request.expecting(move |answer| whole::is_page(answer, &sent));
        let answer = self.accepted(&request).await?;
        let page: Listed<Raw> = answer.json().map_err(|_| CallError::Failed(unexpected("a list is expected")))?;
        let additional = page.additional_data.unwrap_or_default();
        let cursor = additional.next_cursor.filter(|cursor| !cursor.is_empty()).map(Next::Cursor);
        let start = additional.pagination.and_then(|pages| pages.next_start.filter(|_| pages.has_more));
        let next = cursor.or(start.map(Next::Start));
        Ok(Page { records: page.data.unwrap_or_default(), next, at: answer.date() })
    }

    /// `GET {records}/{id}`
    pub(super) async fn one(&self, object: Object, id: &str) -> Result<Raw, CallError> {
        let asked = id.to_owned();
        let request = ApiRequest::get(record_path(object, id), costs::one(object))
            .shown_as(format!("{}/{{id}}", object.path()))
            .expecting(move |answer| whole::is_of(answer, &asked));
        self.record(&request).await
    }

    /// `GET api/v2/{records}/search`, exact: the ids of the records that were found.
    pub(super) async fn search(
        &self,
        object: Object,
        field: &'static str,
        term: &str,
    ) -> Result<Vec<String>, ConnectorError> {
        let doubt = Doubt::default();
        let request = ApiRequest::get(format!("api/v2/{}/search", object.name()), costs::SEARCH_CALL)
            .with("term", term)
            .with("fields", field)
            .with("exact_match", "true")
            .with("limit", PAGE_RECORDS.to_string())
            .alone();
        let sought = term.to_lowercase();
        let request = request.expecting(move |answer| whole::is_of_search(answer, &sought, &doubt));
        let found: One<Found> = self.decoded(&request).await?;
        let items = found.data.map(|data| data.items).unwrap_or_default();
        Ok(items.into_iter().filter_map(|item| id_of(&item.item)).collect())
    }

    /// `POST {records}`: creates a record. There is no idempotency key, so it is never repeated blindly.
    pub(super) async fn create(&self, object: Object, body: Map<String, Json>) -> Result<Raw, CallError> {
        let (sent, given) = (body.clone(), Arc::clone(&self.given));
        let request = ApiRequest::write(Method::POST, object.path(), Json::from(body), costs::write(object))
            .expecting(move |answer| whole::is_of_create(answer, object, &sent, &given));
        self.record(&request).await
    }

    /// Tells whether a record was created here lately.
    pub(super) fn has_created(&self, object: Object, id: &str) -> bool {
        self.given.has(&whole::given_id(object, id))
    }

    /// `PATCH {records}/{id}`; notes take `PUT`.
    pub(super) async fn update(&self, object: Object, id: &str, body: Map<String, Json>) -> Result<Raw, CallError> {
        let method = if object == Object::Notes { Method::PUT } else { Method::PATCH };
        let asked = id.to_owned();
        let request = ApiRequest::write(method, record_path(object, id), Json::from(body), costs::write(object))
            .idempotent()
            .shown_as(format!("{}/{{id}}", object.path()))
            .expecting(move |answer| whole::is_of(answer, &asked));
        self.record(&request).await
    }

    /// `DELETE {records}/{id}`: marks the record as deleted; it is gone after 30 days.
    pub(super) async fn delete(&self, object: Object, id: &str) -> Result<(), CallError> {
        let asked = id.to_owned();
        let request = ApiRequest {
            method: Method::DELETE,
            body: Body::Empty,
            access: Access::Write,
            ..ApiRequest::get(record_path(object, id), costs::delete(object))
        };
        let request = request
            .shown_as(format!("{}/{{id}}", object.path()))
            .expecting(move |answer| whole::is_of_delete(answer, &asked));
        self.accepted(&request).await.map(drop)
    }

    /// `GET api/v1/deals/{id}/participants`: the ids of the persons who take part in a deal.
    pub(super) async fn participants(&self, deal: &str) -> Result<Vec<u64>, CallError> {
        let (mut ids, mut start) = (Vec::new(), 0);
        loop {
            let request = ApiRequest::get(participants_path(deal), costs::PARTICIPANTS)
                .with("start", start.to_string())
                .with("limit", PAGE_RECORDS.to_string())
                .shown_as("api/v1/deals/{id}/participants");
            let page = self.listed(request).await?;
            ids.extend(page.records.iter().filter_map(participant));
            match page.next {
                Some(Next::Start(next)) if next > start => start = next,
                _ => return Ok(ids),
            }
        }
    }

    /// `POST api/v1/deals/{id}/participants`. A person takes part once, so it may be repeated.
    pub(super) async fn add_participant(&self, deal: &str, person: u64) -> Result<(), CallError> {
        let body = json!({ "person_id": person });
        let request = ApiRequest::write(Method::POST, participants_path(deal), body, costs::WRITE_V1)
            .idempotent()
            .shown_as("api/v1/deals/{id}/participants");
        self.accepted(&request).await.map(drop)
    }

    async fn record(&self, request: &ApiRequest) -> Result<Raw, CallError> {
        let answer = self.accepted(request).await?;
        let one: One<Raw> = answer.json().map_err(|_| CallError::Failed(unexpected("a record is expected")))?;
        one.data.ok_or_else(|| CallError::Failed(unexpected("a record is expected")))
    }

    async fn data<T: DeserializeOwned>(&self, request: &ApiRequest) -> Result<T, ConnectorError> {
        let one: One<T> = self.decoded(request).await?;
        one.data.ok_or_else(|| unexpected("it has no data"))
    }

    /// Asks for an answer of any form that says `success: true`.
    async fn decoded<T: DeserializeOwned>(&self, request: &ApiRequest) -> Result<T, ConnectorError> {
        let answer = self.accepted(request).await.map_err(ConnectorError::from)?;
        data_of(&answer).ok_or_else(|| unexpected("`success` with data is expected"))
    }

    async fn accepted(&self, request: &ApiRequest) -> Result<Answer, CallError> {
        let sent = self.http.send(request).await;
        let answer = sent.map_err(|error| from_http(error, &self.day))?;
        if answer.status.is_success() { Ok(answer) } else { Err(CallError::Refused(ApiError::of(&answer))) }
    }
}

/// Returns the person of a participant, whom version 1 writes in brief.
fn participant(one: &Raw) -> Option<u64> {
    let person = one.get("person_id")?;
    person.get("value").unwrap_or(person).as_u64()
}
