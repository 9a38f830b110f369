//! Requests one to one with the vendor's API: paths, bodies and decoding, no policy. Start at [`Api`].

mod paths;
mod whole;
mod wire;

use std::{collections::HashSet, sync::Arc};

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind};
use crate::http::{Answer, ApiRequest, Client, Doubt, GivenIds};
use crate::model::Cost;

use super::{
    config::{ApiVersion, Credential, Settings},
    errors, limits,
};

pub(super) use paths::BatchWrite;
pub(super) use whole::{ADDITIONAL_EMAILS, brought_records, carried_records, has_key};
pub(super) use wire::{
    BatchAnswer, ResultPage, TracedRecord, WireAccount, WireAssociations, WireLabel, WireLink, WireLinks, WireOwner,
    WirePipeline, WireProperty, WireRecord, WireUsage,
};

use whole::Asked;

/// Sends requests of one account.
#[derive(Debug)]
pub(super) struct Api {
    client: Client,
    version: ApiVersion,
    search_costs: &'static [Cost],
    /// The ids of records that were created here.
    given: Arc<GivenIds>,
}

/// What a page of a list should hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListPage<'page> {
    pub(super) limit: usize,
    pub(super) after: Option<&'page str>,
    pub(super) properties: &'page [String],
    pub(super) associations: &'page [String],
    pub(super) is_archived: bool,
}

/// A page, its request as messages may show it, and the vendor's time when it was made, where it told it.
#[derive(Debug)]
pub(super) struct Timed<T> {
    pub(super) content: T,
    pub(super) at: Option<DateTime<Utc>>,
    pub(super) request: String,
}

impl Api {
    pub(super) fn new(client: Client, settings: &Settings) -> Self {
        let search_costs = match settings.credential {
            Credential::Token(_) => limits::COUNTS_AS_SEARCH,
            Credential::OAuth { .. } => limits::COUNTS_AS_OAUTH_SEARCH,
        };
        Self { client, version: settings.version.clone(), search_costs, given: Arc::default() }
    }

    /// `GET crm/objects/{v}/{obj}`
    pub(super) async fn list(
        &self,
        object: &str,
        page: ListPage<'_>,
    ) -> Result<Timed<ResultPage<WireRecord>>, ConnectorError> {
        let mut request = ApiRequest::get(self.version.objects(object), limits::COUNTS_AS_CALL)
            .with("limit", page.limit.to_string())
            .with("archived", page.is_archived.to_string());
        if !page.properties.is_empty() {
            request = request.with("properties", page.properties.join(","));
        }
        if !page.associations.is_empty() {
            request = request.with("associations", page.associations.join(","));
        }
        if let Some(after) = page.after {
            request = request.with("after", after);
        }
        let after = page.after.map(str::to_owned);
        let request = request.expecting(move |answer| whole::is_page(answer, after.as_deref()));
        self.read_timed(&request, &format!("a list of `{object}`")).await
    }

    /// `POST crm/objects/{v}/{obj}/search`
    pub(super) async fn search(
        &self,
        object: &str,
        body: Json,
    ) -> Result<Timed<ResultPage<WireRecord>>, ConnectorError> {
        let path = format!("{}/search", self.version.objects(object));
        let request = ApiRequest::read(path, body, self.search_costs).expecting(|answer| whole::is_page(answer, None));
        self.read_timed(&request, &format!("a search of `{object}`")).await
    }

    /// The same, for a look-up by key that decides what is written. `is_asked_for` tells whether a record has such a key.
    pub(super) async fn find(
        &self,
        object: &str,
        body: Json,
        is_asked_for: impl Fn(&WireRecord) -> bool + Send + Sync + 'static,
    ) -> Result<ResultPage<WireRecord>, ConnectorError> {
        let path = format!("{}/search", self.version.objects(object));
        let shown = body["properties"].as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned);
        let (properties, doubt): (HashSet<String>, _) = (shown.collect(), Doubt::default());
        let request = ApiRequest::read(path, body, self.search_costs).alone().expecting(move |answer| {
            whole::is_page(answer, None) && whole::is_of_search(answer, &is_asked_for, &properties, &doubt)
        });
        self.read(&request, &format!("a search of `{object}`")).await
    }

    /// `POST crm/objects/{v}/{obj}/batch/read`, by ids or by the values of a unique property.
    pub(super) async fn batch_read(
        &self,
        object: &str,
        properties: &[String],
        id_property: Option<&str>,
        ids: &[String],
    ) -> Result<Timed<BatchAnswer<WireRecord>>, ConnectorError> {
        let path = format!("{}/batch/read", self.version.objects(object));
        let inputs: Vec<Json> = ids.iter().map(|id| json!({ "id": id })).collect();
        let mut body = json!({ "properties": properties, "propertiesWithHistory": [], "inputs": inputs });
        if let Some(id_property) = id_property {
            body["idProperty"] = Json::from(id_property);
        }
        let asked = Asked::new(id_property, ids, properties);
        let request = ApiRequest::read(path, body, limits::COUNTS_AS_CALL)
            .with("archived", "false")
            .expecting(move |answer| whole::is_page(answer, None) && asked.is_met(answer));
        self.read_timed(&request, &format!("a batch read of `{object}`")).await
    }

    /// `GET crm/objects/{v}/{obj}/{id}`; none where there is no such record.
    pub(super) async fn get(
        &self,
        object: &str,
        id: &str,
        properties: &[String],
    ) -> Result<Option<WireRecord>, ConnectorError> {
        let path = format!("{}/{}", self.version.objects(object), paths::segment(id));
        let shown = format!("{}/{{id}}", self.version.objects(object));
        let mut request =
            ApiRequest::get(path, limits::COUNTS_AS_CALL).shown_as(shown).alone().expecting(whole::is_record);
        if !properties.is_empty() {
            request = request.with("properties", properties.join(","));
        }
        let answer = self.client.send(&request).await.map_err(errors::of_http)?;
        if answer.status.as_u16() == 404 {
            return Ok(None);
        }
        decode(&answer, &format!("a read of one of `{object}`"), ErrorKind::Unexpected).map(Some)
    }

    /// `POST crm/objects/{v}/{obj}/batch/{create,update,upsert,archive}`. Returns the answer as it is: a refusal may speak of
    /// one record.
    pub(super) async fn batch_write(
        &self,
        object: &str,
        write: BatchWrite,
        inputs: Vec<Json>,
    ) -> Result<Answer, ConnectorError> {
        let path = format!("{}/batch/{}", self.version.objects(object), write.as_str());
        let traces: HashSet<String> =
            inputs.iter().filter_map(|input| input["objectWriteTraceId"].as_str()).map(str::to_owned).collect();
        let given = Arc::clone(&self.given);
        // Without `json!`, which would copy them.
        let body = Json::from_iter([("inputs", Json::Array(inputs))]);
        let mut request = ApiRequest::write(Method::POST, path, body, limits::COUNTS_AS_CALL)
            .expecting(move |answer| whole::is_of_write(answer, write, &traces, &given));
        if write != BatchWrite::Create {
            request = request.idempotent();
        }
        self.client.send(&request).await.map_err(errors::of_http)
    }

    /// `POST crm/objects/{v}/{obj}/gdpr-delete`. Returns the answer as it is: it speaks of one record.
    pub(super) async fn erase(&self, object: &str, id: &str) -> Result<Answer, ConnectorError> {
        let path = format!("{}/gdpr-delete", self.version.objects(object));
        let body = json!({ "objectId": id });
        // A record that is erased stays erased, so the call may be repeated.
        let request = ApiRequest::write(Method::POST, path, body, limits::COUNTS_AS_CALL)
            .expecting(|answer| answer.status.as_u16() == 204)
            .idempotent();
        self.client.send(&request).await.map_err(errors::of_http)
    }

    /// `GET crm/properties/{v}/{obj}`
    pub(super) async fn properties(&self, object: &str) -> Result<Vec<WireProperty>, ConnectorError> {
        let request =
            ApiRequest::get(self.version.properties(object), limits::COUNTS_AS_CALL).expecting(whole::is_list);
        let page: ResultPage<WireProperty> = self.read(&request, &format!("the properties of `{object}`")).await?;
        Ok(page.results)
    }

    /// `GET crm/pipelines/{v}/{obj}`
    pub(super) async fn pipelines(&self, object: &str) -> Result<Vec<WirePipeline>, ConnectorError> {
        let request = ApiRequest::get(self.version.pipelines(object), limits::COUNTS_AS_CALL).expecting(whole::is_list);
        let page: ResultPage<WirePipeline> = self.read(&request, &format!("the pipelines of `{object}`")).await?;
        Ok(page.results)
    }

    /// `GET crm/properties/{v}/{obj}`, as it is answered.
    pub(super) async fn raw_properties(&self, object: &str) -> Result<Vec<Json>, ConnectorError> {
        let request =
            ApiRequest::get(self.version.properties(object), limits::COUNTS_AS_CALL).expecting(whole::is_list);
        let page: ResultPage<Json> = self.read(&request, &format!("the properties of `{object}`")).await?;
        Ok(page.results)
    }

    /// `GET crm/pipelines/{v}/{obj}`, as it is answered.
    pub(super) async fn raw_pipelines(&self, object: &str) -> Result<Vec<Json>, ConnectorError> {
        let request = ApiRequest::get(self.version.pipelines(object), limits::COUNTS_AS_CALL).expecting(whole::is_list);
        let page: ResultPage<Json> = self.read(&request, &format!("the pipelines of `{object}`")).await?;
        Ok(page.results)
    }

    /// `GET crm/owners/{v}`
    pub(super) async fn owners(
        &self,
        after: Option<&str>,
        is_archived: bool,
    ) -> Result<ResultPage<WireOwner>, ConnectorError> {
        let mut request = ApiRequest::get(self.version.owners(), limits::COUNTS_AS_CALL)
            .with("limit", "100")
            .with("archived", is_archived.to_string());
        if let Some(after) = after {
            request = request.with("after", after);
        }
        // An owner without an id is none, and a record would go to the default owner.
        let after = after.map(str::to_owned);
        let request = request.expecting(move |answer| whole::is_page(answer, after.as_deref()));
        self.read(&request, "the owners").await
    }

    /// `GET account-info/{v}/details`
    pub(super) async fn account(&self) -> Result<WireAccount, ConnectorError> {
        let request = ApiRequest::get(self.version.account("details"), limits::COUNTS_AS_CALL);
        self.read(&request, "the account's details").await
    }

    /// `GET account-info/{v}/api-usage/daily/private-apps`
    pub(super) async fn daily_usage(&self) -> Result<Vec<WireUsage>, ConnectorError> {
        let path = self.version.account("api-usage/daily/private-apps");
        let page: ResultPage<WireUsage> = self
            .read(&ApiRequest::get(path, limits::COUNTS_AS_CALL).expecting(whole::is_list), "the calls of today")
            .await?;
        Ok(page.results)
    }

    /// `POST crm/associations/{v}/{from}/{to}/batch/read`; each input is an id and the cursor where its links go on.
    pub(super) async fn read_associations(
        &self,
        from: &str,
        to: &str,
        inputs: &[(String, Option<String>)],
    ) -> Result<BatchAnswer<WireAssociations>, ConnectorError> {
        let path = format!("{}/batch/read", self.version.associations(from, to));
        let inputs: Vec<Json> = inputs
            .iter()
            .map(|(id, after)| match after {
                Some(after) => json!({ "id": id, "after": after }),
                None => json!({ "id": id }),
            })
            .collect();
        let request = ApiRequest::read(path, json!({ "inputs": inputs }), limits::COUNTS_AS_ASSOCIATION)
            .expecting(whole::is_links);
        self.read(&request, &format!("the links of `{from}` to `{to}`")).await
    }

    /// `POST crm/associations/{v}/{from}/{to}/batch/create`, or `…/batch/associate/default` where the inputs name no type.
    pub(super) async fn associate(
        &self,
        from: &str,
        to: &str,
        inputs: Vec<Json>,
        is_default: bool,
    ) -> Result<Answer, ConnectorError> {
        let call = if is_default { "associate/default" } else { "create" };
        let path = format!("{}/batch/{call}", self.version.associations(from, to));
        let end = |input: &Json, end: &str| input[end]["id"].as_str().unwrap_or_default().to_owned();
        let sent: HashSet<(String, String)> =
            inputs.iter().map(|input| (end(input, "from"), end(input, "to"))).collect();
        let body = json!({ "inputs": inputs });
        let request = ApiRequest::write(Method::POST, path, body, limits::COUNTS_AS_ASSOCIATION)
            .idempotent()
            .expecting(move |answer| whole::is_of_links(answer, &sent));
        self.client.send(&request).await.map_err(errors::of_http)
    }

    /// `POST crm/associations/{v}/{from}/{to}/batch/archive`: takes links away with all their labels. Those that are not there are
    /// passed over. Source: spec; up to 2,000 inputs, as for `create`.
    pub(super) async fn dissociate(&self, from: &str, to: &str, inputs: Vec<Json>) -> Result<Answer, ConnectorError> {
        let path = format!("{}/batch/archive", self.version.associations(from, to));
        let body = json!({ "inputs": inputs });
        let request = ApiRequest::write(Method::POST, path, body, limits::COUNTS_AS_ASSOCIATION).idempotent();
        self.client.send(&request).await.map_err(errors::of_http)
    }

    /// `GET crm/associations/{v}/{from}/{to}/labels`
    pub(super) async fn association_labels(&self, from: &str, to: &str) -> Result<Vec<WireLabel>, ConnectorError> {
        let path = format!("{}/labels", self.version.associations(from, to));
        let request = ApiRequest::get(path, limits::COUNTS_AS_ASSOCIATION).expecting(whole::is_list);
        let page: ResultPage<WireLabel> =
            self.read(&request, &format!("the kinds of links of `{from}` to `{to}`")).await?;
        Ok(page.results)
    }

    async fn read<T: DeserializeOwned>(&self, request: &ApiRequest, doing: &str) -> Result<T, ConnectorError> {
        self.read_timed(request, doing).await.map(|timed| timed.content)
    }

    async fn read_timed<T: DeserializeOwned>(
        &self,
        request: &ApiRequest,
        doing: &str,
    ) -> Result<Timed<T>, ConnectorError> {
        let answer = self.client.send(request).await.map_err(errors::of_http)?;
        let at = answer.date();
        let content = decode(&answer, doing, ErrorKind::Unexpected)?;
        Ok(Timed { content, at, request: answer.request })
    }
}

/// Decodes a success; a refusal, and a success that cannot be read, are errors.
pub(super) fn decode<T: DeserializeOwned>(
    answer: &Answer,
    doing: &str,
    unreadable: ErrorKind,
) -> Result<T, ConnectorError> {
    if !answer.status.is_success() {
        return Err(errors::of_answer(answer, doing));
    }
    answer.json().map_err(|_| errors::unreadable(unreadable, doing, answer))
}
