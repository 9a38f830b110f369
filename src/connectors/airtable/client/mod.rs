//! The requests, one function each, as Airtable documents them. No policy.

mod whole;
mod wire;

use std::{collections::HashSet, sync::Arc};

use chrono::{DateTime, Utc};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value as Json, json};
use tokio::sync::OnceCell;

use crate::clock::Clock;
use crate::connector::{ConnectorError, Context};
use crate::http::{Access, Answer, ApiRequest, Body, Client, Doubt, GivenIds};

use super::{
    auth::AirtableDialect,
    config::Account,
    errors::{ApiError, CallError, incomplete, unexpected},
    limits::{BASE_RATE, EVERY_REQUEST, MAX_QUERY_FIELDS, PAGE_RECORDS, TOKEN_RATE},
    schema::{Base, Table, TablesAnswer},
};

pub(super) use whole::{brought_records, can_be, carried_records};
pub(super) use wire::{RawRecord, Written};

use whole::SentRecord;
use wire::{DeleteAnswer, ListAnswer};

/// Sends requests about one base.
#[derive(Debug, Clone)]
pub(super) struct AirtableClient {
    http: Client,
    base_id: String,
    is_typecast: bool,
    clock: Clock,
    /// The ids of records that were created here.
    given: Arc<GivenIds>,
    /// The tables, asked for once a run.
    base: Arc<OnceCell<Base>>,
}

/// Says which records to list, and what of them.
#[derive(Debug, Clone)]
pub(super) struct Listing {
    /// The ids of the fields, at least one: none would mean all.
    pub(super) fields: Vec<String>,
    /// The condition.
    pub(super) formula: Option<String>,
}

/// One page of a listing.
#[derive(Debug)]
pub(super) struct ListedPage {
    /// The records.
    pub(super) records: Vec<RawRecord>,
    /// Where the next page begins; none on the last.
    pub(super) offset: Option<String>,
    /// What Airtable's clock said, where the answer tells.
    pub(super) answered_at: Option<DateTime<Utc>>,
    /// The request, as messages may show it.
    pub(super) request: String,
}

/// Whose token it is.
#[derive(Debug, Deserialize)]
pub(super) struct Whoami {
    /// `usr…`
    pub(super) id: String,
    /// The scopes; told of OAuth logins alone.
    pub(super) scopes: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct BasesAnswer {
    bases: Vec<ListedBase>,
    offset: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListedBase {
    id: String,
    #[serde(default)]
    permission_level: String,
}

impl AirtableClient {
    /// Makes the client of an account. Does no I/O.
    pub(super) fn new(account: &Account, context: &Context) -> Self {
        let limiters = &context.transport.limiters;
        let base = limiters.of(&format!("airtable base {}", account.base_id), &[BASE_RATE]);
        let limits = base.and(limiters.of(&AirtableDialect::account_name(account), &[TOKEN_RATE]));
        let dialect = Arc::new(AirtableDialect::new(account, context));
        let meter = context.meter.clone();
        Self {
            http: Client::new(context.transport.clone(), account.base_url.clone(), dialect, limits, meter),
            base_id: account.base_id.clone(),
            is_typecast: account.is_typecast,
            clock: context.clock().clone(),
            given: Arc::default(),
            base: Arc::default(),
        }
    }

    /// Gives each request a connection of its own: see [`Client::with_own_connections`].
    #[must_use]
    pub(super) fn with_own_connections(mut self) -> Self {
        self.http = self.http.with_own_connections();
        self
    }

    /// Returns the clock.
    pub(super) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Tells whether Airtable may convert values.
    pub(super) fn is_typecast(&self) -> bool {
        self.is_typecast
    }

    /// Returns the tables, from `GET v0/meta/bases/{base}/tables` at first and from memory then.
    pub(super) async fn base(&self) -> Result<&Base, ConnectorError> {
        self.base.get_or_try_init(|| self.tables()).await
    }

    /// `GET v0/meta/bases/{base}/tables`, as it is answered.
    pub(super) async fn raw_tables(&self) -> Result<Vec<Json>, ConnectorError> {
        let request = ApiRequest::get(format!("v0/meta/bases/{}/tables", self.base_id), EVERY_REQUEST);
        let answer = self.ask(&request).await?;
        let mut tables: Json = answer.json().map_err(|_| unexpected("a list of tables is expected").about(&answer))?;
        Ok(tables["tables"].as_array_mut().map(std::mem::take).unwrap_or_default())
    }

    /// `GET v0/meta/bases/{base}/tables`
    pub(super) async fn tables(&self) -> Result<Base, ConnectorError> {
        let request = ApiRequest::get(format!("v0/meta/bases/{}/tables", self.base_id), EVERY_REQUEST);
        let answer = self.ask(&request).await?;
        let tables = answer.json::<TablesAnswer>().map(Base::from);
        tables.map_err(|_| unexpected("a list of tables is expected").about(&answer))
    }

    /// `GET v0/meta/whoami`: whose token it is, and the scopes of an OAuth login.
    pub(super) async fn whoami(&self) -> Result<Whoami, ConnectorError> {
        let answer = self.ask(&ApiRequest::get("v0/meta/whoami", EVERY_REQUEST)).await?;
        answer.json().map_err(|_| unexpected("the id of the token's user is expected").about(&answer))
    }

    /// `GET v0/meta/bases`: what the token's user may do in this base; none where the base is not among those listed.
    pub(super) async fn permission(&self) -> Result<Option<String>, ConnectorError> {
        let mut offset: Option<String> = None;
        loop {
            let mut request = ApiRequest::get("v0/meta/bases", EVERY_REQUEST);
            if let Some(offset) = &offset {
                request = request.with("offset", offset.as_str());
            }
            let answer = self.ask(&request).await?;
            let page: BasesAnswer =
                answer.json().map_err(|_| unexpected("a list of bases is expected").about(&answer))?;
            if let Some(base) = page.bases.into_iter().find(|base| base.id == self.base_id) {
                return Ok(Some(base.permission_level));
            }
            if page.offset.is_none() || page.offset == offset {
                return Ok(None);
            }
            offset = page.offset;
        }
    }

    /// Looks records up, to decide what is written. `is_asked_for` tells whether a record is one of those.
    pub(super) async fn look_up(
        &self,
        table: &Table,
        listing: &Listing,
        offset: Option<&str>,
        is_asked_for: Arc<dyn Fn(&RawRecord) -> bool + Send + Sync>,
    ) -> Result<ListedPage, ConnectorError> {
        let (after, fields, doubt) = (offset.map(str::to_owned), listing.fields.clone(), Doubt::default());
        let request = self.list_by_body(table, listing, offset).alone().expecting(move |answer| {
            whole::is_page(answer, after.as_deref()) && whole::is_of_look_up(answer, &*is_asked_for, &fields, &doubt)
        });
        self.listed(&request).await
    }

    /// `GET v0/{base}/{table}`, or `POST v0/{base}/{table}/listRecords` where a formula or many fields would not fit a URL.
    pub(super) async fn list(
        &self,
        table: &Table,
        listing: &Listing,
        offset: Option<&str>,
    ) -> Result<ListedPage, ConnectorError> {
        let request = if listing.formula.is_some() || listing.fields.len() > MAX_QUERY_FIELDS {
            self.list_by_body(table, listing, offset)
        } else {
            self.list_by_query(table, listing, offset)
        };
        let after = offset.map(str::to_owned);
        self.listed(&request.expecting(move |answer| whole::is_page(answer, after.as_deref()))).await
    }

    async fn listed(&self, request: &ApiRequest) -> Result<ListedPage, ConnectorError> {
        let answer = self.ask(request).await?;
        let answered_at = answer.date();
        let page: ListAnswer = answer.json().map_err(|_| unexpected("a list of records is expected").about(&answer))?;
        Ok(ListedPage {
            records: page.records,
            offset: page.offset.filter(|offset| !offset.is_empty()),
            answered_at,
            request: answer.request,
        })
    }

    fn list_by_query(&self, table: &Table, listing: &Listing, offset: Option<&str>) -> ApiRequest {
        let mut request = ApiRequest::get(self.path(table), EVERY_REQUEST)
            .with("pageSize", PAGE_RECORDS.to_string())
            .with("returnFieldsByFieldId", "true");
        for field in &listing.fields {
            request = request.with("fields[]", field);
        }
        if let Some(offset) = offset {
            request = request.with("offset", offset);
        }
        request
    }

    fn list_by_body(&self, table: &Table, listing: &Listing, offset: Option<&str>) -> ApiRequest {
        let mut body = json!({
            "pageSize": PAGE_RECORDS.get(),
            "returnFieldsByFieldId": true,
            "fields": listing.fields,
        });
        if let Some(formula) = &listing.formula {
            body["filterByFormula"] = Json::from(formula.as_str());
        }
        if let Some(offset) = offset {
            body["offset"] = Json::from(offset);
        }
        ApiRequest::read(format!("{}/listRecords", self.path(table)), body, EVERY_REQUEST)
    }

    /// `POST v0/{base}/{table}`: creates up to ten records. Has no idempotency key, so it is never repeated blindly.
    pub(super) async fn create(&self, table: &Table, records: &[Json]) -> Result<Written, CallError> {
        let request = ApiRequest::write(Method::POST, self.path(table), self.body(records), EVERY_REQUEST);
        self.write(request, records, true).await
    }

    /// `PATCH v0/{base}/{table}`: changes the named cells of up to ten records.
    pub(super) async fn update(&self, table: &Table, records: &[Json]) -> Result<Written, CallError> {
        let request = ApiRequest::write(Method::PATCH, self.path(table), self.body(records), EVERY_REQUEST);
        self.write(request.idempotent(), records, false).await
    }

    /// `PATCH v0/{base}/{table}` with `performUpsert`: finds each of up to ten records by these fields, or creates it.
    /// `is_whole` says whether the answer accounts for every record by its key.
    pub(super) async fn upsert(
        &self,
        table: &Table,
        records: &[Json],
        merge_on: &[&str],
        is_whole: impl Fn(&Written) -> bool + Send + Sync + 'static,
    ) -> Result<Written, CallError> {
        let mut body = self.body(records);
        body["performUpsert"] = json!({ "fieldsToMergeOn": merge_on });
        let request = ApiRequest::write(Method::PATCH, self.path(table), body, EVERY_REQUEST).idempotent();
        let is_whole = move |answer: &Answer| answer.json::<Written>().is_ok_and(|written| is_whole(&written));
        self.written(&request.expecting(is_whole)).await
    }

    /// `DELETE v0/{base}/{table}`: removes up to ten records; returns the ids of those that Airtable names as removed.
    pub(super) async fn delete(&self, table: &Table, ids: &[&str]) -> Result<Vec<String>, CallError> {
        let request = ApiRequest {
            method: Method::DELETE,
            query: ids.iter().map(|id| ("records[]".to_owned(), (*id).to_owned())).collect(),
            body: Body::Empty,
            access: Access::Write,
            ..ApiRequest::get(self.path(table), EVERY_REQUEST)
        };
        let ids: HashSet<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        let request = request.expecting(move |answer| whole::is_of_delete(answer, &ids));
        let answer: DeleteAnswer = self.written(&request).await?;
        Ok(answer.records.into_iter().filter(|record| record.deleted).map(|record| record.id).collect())
    }

    fn path(&self, table: &Table) -> String {
        format!("v0/{}/{}", self.base_id, utf8_percent_encode(&table.id, NON_ALPHANUMERIC))
    }

    fn body(&self, records: &[Json]) -> Json {
        let mut body = json!({ "records": records, "returnFieldsByFieldId": true });
        if self.is_typecast {
            body["typecast"] = Json::from(true);
        }
        body
    }

    async fn write(&self, request: ApiRequest, records: &[Json], is_create: bool) -> Result<Written, CallError> {
        let sent: Vec<SentRecord> = records.iter().map(SentRecord::of).collect();
        let given = Arc::clone(&self.given);
        let request = request.expecting(move |answer| whole::is_of_write(answer, &sent, is_create, &given));
        self.written(&request).await
    }

    async fn written<T: DeserializeOwned>(&self, request: &ApiRequest) -> Result<T, CallError> {
        let answer = accepted(self.http.send(request).await?)?;
        answer.json().map_err(|_| CallError::Failed(incomplete("a list of records is expected")))
    }

    /// Sends a request that reads. Whatever happens to it, nothing was written.
    async fn ask(&self, request: &ApiRequest) -> Result<Answer, ConnectorError> {
        let answer = self.http.send(request).await.map_err(CallError::from).and_then(accepted);
        answer.map_err(ConnectorError::from)
    }
}

fn accepted(answer: Answer) -> Result<Answer, CallError> {
    if answer.status.is_success() { Ok(answer) } else { Err(CallError::Refused(ApiError::of(&answer))) }
}
