//! Requests one to one with Salesforce's API: paths, bodies and decoding, no policy. Start at [`Api`].

mod bulk;
mod whole;
mod wire;

use std::{collections::HashSet, sync::Arc};

use chrono::{DateTime, Utc};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};
use tokio::sync::OnceCell;

use crate::connector::ConnectorError;
use crate::http::{Access, Answer, ApiRequest, Body, Client, Doubt, GivenIds};

use super::{
    config::ApiVersion,
    errors::{self, ApiError},
    limits::NO_RATE_LIMITS,
    names::normal_id,
};

pub(super) use bulk::{BulkOperation, CsvPage, JobFile};
pub(super) use whole::{brought_records, carried_records};
pub(super) use wire::{WireField, WireJob, WireObject, WirePage, WireRecordType, WireResult};

use whole::Sent;
use wire::WireVersion;

/// What stays as it is in a segment of a path.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Sends requests of one org.
#[derive(Debug)]
pub(super) struct Api {
    client: Client,
    wanted: ApiVersion,
    /// The version that is asked for, once it is known to be there.
    version: OnceCell<ApiVersion>,
    /// The ids of records that were written here.
    given: Arc<GivenIds>,
}

/// A page and Salesforce's time when it was made, where the answer told it.
#[derive(Debug)]
pub(super) struct Timed<T> {
    pub(super) content: T,
    pub(super) at: Option<DateTime<Utc>>,
}

impl Api {
    pub(super) fn new(client: Client, wanted: ApiVersion) -> Self {
        Self { client, wanted, version: OnceCell::new(), given: Arc::default() }
    }

    /// `GET services/data`: takes the wanted version, or the newest one where the org does not have it yet.
    async fn version(&self) -> Result<ApiVersion, ConnectorError> {
        let version = self.version.get_or_try_init(async || {
            let offered: Vec<WireVersion> =
                self.read(&ApiRequest::get("services/data", NO_RATE_LIMITS), "the list of API versions").await?;
            let newest = offered.iter().filter_map(|offer| offer.version.parse::<ApiVersion>().ok()).max();
            let newest = newest.ok_or_else(|| errors::unexpected("it lists no version"))?;
            if newest < self.wanted {
                tracing::warn!(wanted = %self.wanted, offered = %newest, "the org has an older version of the API");
            }
            Ok::<_, ConnectorError>(self.wanted.min(newest))
        });
        version.await.copied()
    }

    /// Returns the path of a resource of this version.
    async fn path(&self, resource: &str) -> Result<String, ConnectorError> {
        Ok(format!("services/data/v{}/{resource}", self.version().await?))
    }

    /// `GET limits`; none where the user may not see them (it takes the permission View Setup).
    pub(super) async fn limits(&self) -> Result<Option<Json>, ConnectorError> {
        let request = ApiRequest::get(self.path("limits").await?, NO_RATE_LIMITS);
        match self.read(&request, "the limits").await {
            Ok(limits) => Ok(Some(limits)),
            Err(error) if error.code == "FUNCTIONALITY_NOT_ENABLED" || error.code == "INSUFFICIENT_ACCESS" => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `GET services/oauth2/userinfo`: the id of the user that is logged in, where the token may ask for it.
    pub(super) async fn user_id(&self) -> Result<Option<String>, ConnectorError> {
        let request = ApiRequest::get("services/oauth2/userinfo", NO_RATE_LIMITS);
        let answer: Json = self.read(&request, "who is logged in").await?;
        Ok(answer["user_id"].as_str().map(str::to_owned))
    }

    /// `GET services/oauth2/userinfo`: the organisation of the user that is logged in.
    pub(super) async fn organisation_id(&self) -> Result<Option<String>, ConnectorError> {
        let request = ApiRequest::get("services/oauth2/userinfo", NO_RATE_LIMITS);
        let answer: Json = self.read(&request, "whose organisation it is").await?;
        Ok(answer["organization_id"].as_str().map(str::to_owned))
    }

    /// `GET sobjects/{object}/describe`
    pub(super) async fn describe(&self, object: &str) -> Result<WireObject, ConnectorError> {
        let path = self.path(&format!("sobjects/{}/describe", segment(object))).await?;
        self.read(&ApiRequest::get(path, NO_RATE_LIMITS), &format!("the description of `{object}`")).await
    }

    /// `GET sobjects/{object}/describe`, unchanged.
    pub(super) async fn description(&self, object: &str) -> Result<Json, ConnectorError> {
        let path = self.path(&format!("sobjects/{}/describe", segment(object))).await?;
        self.read(&ApiRequest::get(path, NO_RATE_LIMITS), &format!("the description of `{object}`")).await
    }

    /// `GET query?q=…`, or `queryAll`, which tells of deleted records too. The query selects ids.
    pub(super) async fn query(&self, soql: &str, is_with_deleted: bool) -> Result<Timed<WirePage>, ConnectorError> {
        let resource = if is_with_deleted { "queryAll" } else { "query" };
        let request = ApiRequest::get(self.path(resource).await?, NO_RATE_LIMITS)
            .with("q", soql)
            .expecting(|answer| whole::is_page(answer, true, None));
        self.read_page(&request, "a query").await
    }

    /// Follows a `nextRecordsUrl`, which is a path, of a query that selects ids or does not.
    pub(super) async fn query_more(&self, next: &str, has_ids: bool) -> Result<WirePage, ConnectorError> {
        let path = own_path(next)?;
        let asked = path.clone();
        let request = ApiRequest::get(path, NO_RATE_LIMITS)
            .expecting(move |answer| whole::is_page(answer, has_ids, Some(&asked)));
        self.read_page(&request, "the next page of a query").await.map(|timed| timed.content)
    }

    /// Returns all records of a query that selects ids, to decide what is written: as many as it counts, each with its id.
    /// `is_asked_for` tells whether a record is one of those, and `fields` are the names that it selects.
    pub(super) async fn look_up(
        &self,
        soql: &str,
        is_asked_for: impl Fn(&Json) -> bool + Send + Sync + 'static,
        fields: &[&str],
    ) -> Result<Vec<Json>, ConnectorError> {
        let fields: HashSet<String> = fields.iter().map(|name| name.to_lowercase()).collect();
        let doubt = Doubt::default();
        let request = ApiRequest::get(self.path("query").await?, NO_RATE_LIMITS).with("q", soql).alone().expecting(
            move |answer| {
                whole::is_page(answer, true, None) && whole::is_of_look_up(answer, &is_asked_for, &fields, &doubt)
            },
        );
        let page = self.read_page(&request, "a query").await?.content;
        let (total, asked) = (page.total_size, page.request.clone());
        let records = self.rest_of(page, true).await?;
        if u64::try_from(records.len()) != Ok(total) {
            let error = errors::unexpected("a query brings another number of records than it counts");
            return Err(error.about_page(&asked));
        }
        Ok(records)
    }

    /// Returns all records of a query that has few; each with its id, if the query selects that first.
    pub(super) async fn query_all_pages(&self, soql: &str) -> Result<Vec<Json>, ConnectorError> {
        let has_ids = ["SELECT Id,", "SELECT Id "].iter().any(|begin| soql.starts_with(begin));
        let request = ApiRequest::get(self.path("query").await?, NO_RATE_LIMITS)
            .with("q", soql)
            .expecting(move |answer| whole::is_page(answer, has_ids, None));
        let page = self.read_page(&request, "a query").await?.content;
        self.rest_of(page, has_ids).await
    }

    async fn rest_of(&self, mut page: WirePage, has_ids: bool) -> Result<Vec<Json>, ConnectorError> {
        let mut records = std::mem::take(&mut page.records);
        while let Some(next) = page.next_records_url.filter(|_| !page.done) {
            page = self.query_more(&next, has_ids).await?;
            records.append(&mut page.records);
        }
        Ok(records)
    }

    /// `GET` of a body's path as a record holds it (`/services/data/v67.0/sobjects/ContentNote/…/Content`).
    pub(super) async fn body(&self, path: &str) -> Result<String, ConnectorError> {
        let request = ApiRequest::get(own_path(path)?, NO_RATE_LIMITS).expecting(whole::is_text);
        let answer = self.send(&request).await?;
        if !answer.status.is_success() {
            return Err(ApiError::of_answer(&answer).into_error(&answer, "the body of a record"));
        }
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// `POST composite/sobjects`
    pub(super) async fn create(&self, records: Vec<Json>) -> Result<Vec<WireResult>, ConnectorError> {
        let path = self.path("composite/sobjects").await?;
        let sent = Sent::New(records.len());
        let body = json!({ "allOrNone": false, "records": records });
        // Nothing in the answer says which records it is about but the ids, which are new.
        let request = ApiRequest::write(Method::POST, path, body, NO_RATE_LIMITS).alone();
        self.write(request, sent, "new records").await
    }

    /// `PATCH composite/sobjects`
    pub(super) async fn update(&self, records: Vec<Json>) -> Result<Vec<WireResult>, ConnectorError> {
        let path = self.path("composite/sobjects").await?;
        let sent = Sent::ids(&records);
        sent.note_ids(&self.given);
        let body = json!({ "allOrNone": false, "records": records });
        let request = ApiRequest::write(Method::PATCH, path, body, NO_RATE_LIMITS).idempotent();
        self.write(request, sent, "changed records").await
    }

    /// `PATCH composite/sobjects/{object}/{key}`
    pub(super) async fn upsert(
        &self,
        object: &str,
        key: &str,
        records: Vec<Json>,
    ) -> Result<Vec<WireResult>, ConnectorError> {
        let path = self.path(&format!("composite/sobjects/{}/{}", segment(object), segment(key))).await?;
        let sent = Sent::keys(&records, key);
        let body = json!({ "allOrNone": false, "records": records });
        let request = ApiRequest::write(Method::PATCH, path, body, NO_RATE_LIMITS).idempotent();
        self.write(request, sent, "records").await
    }

    /// `DELETE composite/sobjects?ids=…`
    pub(super) async fn delete(&self, ids: &[&str]) -> Result<Vec<WireResult>, ConnectorError> {
        let path = self.path("composite/sobjects").await?;
        let request = ApiRequest {
            method: Method::DELETE,
            body: Body::Empty,
            access: Access::Write,
            ..ApiRequest::get(path, NO_RATE_LIMITS)
        };
        let request = request.with("ids", ids.join(",")).with("allOrNone", "false");
        let sent = Sent::Ids(ids.iter().map(|id| normal_id(id)).collect());
        sent.note_ids(&self.given);
        self.write(request, sent, "deletes").await
    }

    async fn send(&self, request: &ApiRequest) -> Result<Answer, ConnectorError> {
        self.client.send(request).await.map_err(errors::of_http)
    }

    async fn read<T: DeserializeOwned>(&self, request: &ApiRequest, doing: &str) -> Result<T, ConnectorError> {
        decode(&self.send(request).await?, doing, errors::unexpected)
    }

    async fn read_page(&self, request: &ApiRequest, doing: &str) -> Result<Timed<WirePage>, ConnectorError> {
        let answer = self.send(request).await?;
        let at = answer.date();
        let page: WirePage = decode(&answer, doing, errors::unexpected)?;
        Ok(Timed { content: WirePage { request: answer.request, ..page }, at })
    }

    /// Sends a write of records; a success that does not fit them is one that may have been carried out.
    async fn write(&self, request: ApiRequest, sent: Sent, doing: &str) -> Result<Vec<WireResult>, ConnectorError> {
        let (given, doubt) = (Arc::clone(&self.given), Doubt::default());
        let request = request.expecting(move |answer| whole::is_of_write(answer, &sent, &given, &doubt));
        let answer = self.send(&request).await?;
        decode(&answer, doing, errors::incomplete)
    }
}

fn decode<T: DeserializeOwned>(
    answer: &Answer,
    doing: &str,
    unreadable: fn(&str) -> ConnectorError,
) -> Result<T, ConnectorError> {
    if !answer.status.is_success() {
        return Err(ApiError::of_answer(answer).into_error(answer, doing));
    }
    answer.json().map_err(|_| unreadable(&format!("{doing} cannot be read")).about(answer))
}

/// Checks a path that Salesforce gave: it must stay below the org's own address.
fn own_path(path: &str) -> Result<String, ConnectorError> {
    let bare = path.trim_start_matches('/');
    if bare.starts_with("services/") && !bare.contains("..") && !bare.contains("//") {
        return Ok(bare.to_owned());
    }
    Err(errors::unexpected("an address leads away from the org"))
}

/// Encodes a name or id for a path: nothing that comes from a pipeline or record can leave its segment.
fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_segment_and_an_address_not_the_org() {
        assert_eq!(segment("../User?x=1#"), "..%2FUser%3Fx%3D1%23");
        assert_eq!(own_path("/services/data/v67.0/query/01g-2000").unwrap(), "services/data/v67.0/query/01g-2000");
        for path in ["//evil.test/services/", "https://evil.test/", "/services/../secret", "/services//evil.test"] {
            assert!(own_path(path).is_err(), "{path}");
        }
    }
}
