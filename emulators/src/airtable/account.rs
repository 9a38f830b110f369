//! The whole local Airtable: which request is answered by what.

use axum::{
    body::Bytes,
    http::{Method, StatusCode},
};
use chrono::{DateTime, TimeDelta, Utc};
use clock::Clock;
use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};
use url::{Url, form_urlencoded};

use crate::options::EmulatorOptions;

use super::{
    comments,
    errors::{Answer, ApiError},
    fixture::{Blueprints, DEFAULT_BASE},
    limits::Limits,
    list_options::{ListOptions, cell_format},
    listing::Listings,
    meta,
    oauth::{Bearer, Grants, whoami},
    records,
    store::Base,
    uploads, upsert,
};

/// Longest URL, in characters. Source: support.airtable.com, enforcement-of-url-length-limit-for-web-api-requests.
const MAX_URL: usize = 16_000;

/// What the vendor's host adds to the length of a URL.
const HOST: &str = "https://api.airtable.com";

/// Most bases of one page. Source: airtable.com/developers/web/api/list-bases.
const MAX_BASES: usize = 1000;

/// Everything the local Airtable knows.
#[derive(Debug)]
pub(super) struct Account {
    clock: Clock,
    blueprints: Blueprints,
    bases: IndexMap<String, Base>,
    listings: Listings,
    pub(super) grants: Grants,
    /// The rate limits; none when they are left out.
    limits: Option<Limits>,
}

/// A request, taken apart.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) authorization: Option<String>,
    pub(super) body: Bytes,
}

impl Call {
    fn pairs(&self) -> Vec<(String, String)> {
        form_urlencoded::parse(self.query.as_bytes()).into_owned().collect()
    }

    /// Reads the body as a JSON object.
    fn object(&self) -> Result<Map<String, Json>, ApiError> {
        serde_json::from_slice(&self.body).map_err(|_| ApiError::invalid_body())
    }
}

impl Account {
    /// Starts with the bases that the fixtures name, and the one that is asked for.
    pub(super) fn new(blueprints: Blueprints, options: &EmulatorOptions, clock: Clock) -> Result<Self, String> {
        let mut bases: IndexMap<String, Base> =
            blueprints.named.keys().map(|id| (id.clone(), blueprints.base(id))).collect();
        if let Some(id) = &options.account {
            if !is_base_id(id) {
                return Err(format!("`{id}` is not a base id: write `app` and 14 letters or digits"));
            }
            bases.entry(id.clone()).or_insert_with(|| blueprints.base(id));
        }
        let limits = (!options.is_unlimited).then(|| Limits::new(clock.clone()));
        Ok(Self { clock, blueprints, bases, listings: Listings::default(), grants: Grants::default(), limits })
    }

    /// Says what is held, for `/_emulator/counts`: by table where there is one base, by base and table otherwise.
    pub(super) fn held(&self) -> Map<String, Json> {
        let mut counts = Map::new();
        for base in self.bases.values() {
            for table in &base.tables {
                let name =
                    if self.bases.len() == 1 { table.name.clone() } else { format!("{}/{}", base.id, table.name) };
                counts.insert(name, Json::from(table.record_count()));
            }
        }
        Map::from_iter([("records".to_owned(), Json::Object(counts))])
    }

    /// Sets how long offsets are kept; zero also forgets the ones that are out.
    pub(super) fn keep_offsets(&mut self, seconds: u32) {
        self.listings.life = TimeDelta::seconds(i64::from(seconds));
        if seconds == 0 {
            self.listings.forget();
        }
    }

    /// Answers the page on which a person agrees with the address to go back to; none where another page is asked for.
    pub(super) fn authorize(&mut self, call: &Call) -> Option<Result<Url, ApiError>> {
        let is_page = call.method == Method::GET && call.path == "/oauth2/v1/authorize";
        is_page.then(|| self.grants.authorize(&call.pairs()))
    }

    /// Answers a request.
    pub(super) fn answer(&mut self, call: &Call) -> Answer {
        if HOST.len() + call.path.len() + 1 + call.query.len() > MAX_URL {
            let message = "The URL of the request is too long";
            return Err(ApiError::typed(StatusCode::URI_TOO_LONG, "URI_TOO_LONG", message));
        }
        let decoded = decode_path(&call.path).ok_or_else(ApiError::not_found)?;
        let path: Vec<&str> = decoded.iter().map(String::as_str).collect();
        let authorization = call.authorization.as_deref();
        let now = self.clock.now();
        if call.method == Method::POST && path == ["oauth2", "v1", "token"] {
            let form: Vec<_> = form_urlencoded::parse(&call.body).into_owned().collect();
            return self.grants.token(authorization, &form, now);
        }
        let ["v0", rest @ ..] = path.as_slice() else { return Err(ApiError::not_found()) };
        let bearer = self.grants.bearer(authorization, now)?;
        let limits = self.limits.as_mut();
        if !limits.is_none_or(|limits| limits.admits_token(authorization.unwrap_or_default())) {
            return Err(ApiError::user_rate_limited());
        }
        match (call.method.as_str(), rest) {
            ("GET", ["meta", "whoami"]) => Ok(whoami(bearer)),
            (_, ["meta", "bases"]) if bearer == Bearer::Unscoped => Err(ApiError::not_permitted()),
            ("GET", ["meta", "bases"]) => self.list_bases(&call.pairs()),
            ("POST", ["meta", "bases"]) => self.create_base(&call.object()?),
            (_, ["meta", "bases", base, rest @ ..]) => {
                self.enter(base, bearer)?;
                self.schema(call, base, rest)
            }
            (_, [base, rest @ ..]) => {
                self.enter(base, bearer)?;
                self.data(call, base, rest)
            }
            _ => Err(ApiError::not_found()),
        }
    }

    /// Lets a request into a base, which exists from its first use on.
    fn enter(&mut self, id: &str, bearer: Bearer) -> Result<(), ApiError> {
        if !is_base_id(id) {
            return Err(ApiError::not_found());
        }
        let limits = self.limits.as_mut();
        if !limits.is_none_or(|limits| limits.admits_to_base(id)) {
            return Err(ApiError::base_rate_limited());
        }
        if bearer == Bearer::Unscoped || id.starts_with("appNoAccess") {
            return Err(ApiError::no_such_model());
        }
        if !self.bases.contains_key(id) {
            self.bases.insert(id.to_owned(), self.blueprints.base(id));
        }
        Ok(())
    }

    fn list_bases(&mut self, query: &[(String, String)]) -> Answer {
        if self.bases.is_empty() {
            self.bases.insert(DEFAULT_BASE.to_owned(), self.blueprints.base(DEFAULT_BASE));
        }
        let offset = query.iter().find(|(key, value)| key == "offset" && !value.is_empty());
        let start = match offset {
            None => 0,
            Some((_, offset)) => {
                self.bases.get_index_of(offset.trim_start_matches("itr/")).ok_or_else(ApiError::invalid_request)?
            }
        };
        let page = self.bases.values().skip(start).take(MAX_BASES);
        let bases: Vec<Json> =
            page.map(|base| json!({ "id": base.id, "name": base.name, "permissionLevel": "create" })).collect();
        let mut answer = json!({ "bases": bases });
        if let Some((next, _)) = self.bases.get_index(start + MAX_BASES) {
            answer["offset"] = Json::from(format!("itr/{next}"));
        }
        Ok(answer)
    }

    fn create_base(&mut self, body: &Map<String, Json>) -> Answer {
        let name = body.get("name").and_then(Json::as_str).ok_or_else(ApiError::invalid_request)?;
        let id = super::ids::id_of("app", &[name, &self.bases.len().to_string()]);
        let mut base = Base::new(&id, name);
        let answer = meta::create_base(&mut base, body)?;
        self.bases.insert(id, base);
        Ok(answer)
    }

    /// Answers below `/v0/meta/bases/{base}`.
    fn schema(&mut self, call: &Call, base: &str, path: &[&str]) -> Answer {
        let base = self.bases.get_mut(base).ok_or_else(ApiError::no_such_model)?;
        let table = match path {
            ["tables", table, ..] => base.table_index(table),
            _ => Some(0),
        };
        let table = table.ok_or_else(ApiError::no_such_model)?;
        match (call.method.as_str(), path) {
            ("GET", ["tables"]) => {
                let is_include = |(key, value): &(String, String)| {
                    (key == "include" || key.starts_with("include[")) && value == "visibleFieldIds"
                };
                Ok(meta::list_tables(base, call.pairs().iter().any(is_include)))
            }
            ("POST", ["tables"]) => meta::create_table(base, &call.object()?),
            ("PATCH", ["tables", _]) => meta::update_table(base, table, &call.object()?),
            ("POST", ["tables", _, "fields"]) => meta::create_field(base, table, &call.object()?),
            ("PATCH", ["tables", _, "fields", field]) => meta::update_field(base, table, field, &call.object()?),
            _ => Err(ApiError::not_found()),
        }
    }

    /// Answers below `/v0/{base}`.
    fn data(&mut self, call: &Call, base: &str, path: &[&str]) -> Answer {
        let now = self.clock.now();
        let query = call.pairs();
        let base = self.bases.get_mut(base).ok_or_else(ApiError::no_such_model)?;
        if let ("POST", [record, field, "uploadAttachment"]) = (call.method.as_str(), path) {
            return uploads::upload(base, record, field, &call.object()?, now);
        }
        let [table, path @ ..] = path else { return Err(ApiError::not_found()) };
        let table = base.table_index(table).ok_or_else(ApiError::no_such_model)?;
        let clears = call.method == Method::PUT;
        match (call.method.as_str(), path) {
            ("GET", []) => self.listings.page(base, table, &ListOptions::of_query(&query)?, now),
            ("POST", ["listRecords"]) => {
                let body = if call.body.is_empty() { Map::new() } else { call.object()? };
                self.listings.page(base, table, &ListOptions::of_body(&body, &query)?, now)
            }
            ("POST", []) => records::create(base, table, &call.object()?, now),
            ("PATCH" | "PUT", []) => {
                let body = call.object()?;
                let is_upsert = body.get("performUpsert").is_some_and(|upsert| !upsert.is_null());
                let write = if is_upsert { upsert::upsert } else { records::update };
                write(base, table, &body, clears, now)
            }
            ("DELETE", []) => {
                let ids: Vec<&str> =
                    query.iter().filter(|(key, _)| is_list_key(key, "records")).map(|(_, id)| id.as_str()).collect();
                records::delete_many(base, table, &ids, now)
            }
            (_, [record, path @ ..]) => record_request(base, (table, record), path, call, now),
            _ => Err(ApiError::not_found()),
        }
    }
}

/// Answers below `/v0/{base}/{table}/{record}`.
fn record_request(
    base: &mut Base,
    (table, record): (usize, &str),
    path: &[&str],
    call: &Call,
    now: DateTime<Utc>,
) -> Answer {
    let query = call.pairs();
    let clears = call.method == Method::PUT;
    match (call.method.as_str(), path) {
        ("GET", []) => {
            let value = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
            let format = cell_format(value("cellFormat"), &query)?;
            let is_by_id = matches!(value("returnFieldsByFieldId"), Some("1" | "true"));
            records::read_one(base, (table, record), format, is_by_id, now)
        }
        ("PATCH" | "PUT", []) => records::update_one(base, (table, record), &call.object()?, clears, now),
        ("DELETE", []) => records::delete_one(base, table, record, now),
        ("GET", ["comments"]) => comments::list(base, table, record, &query),
        ("POST", ["comments"]) => comments::create(base, table, record, &call.object()?, now),
        ("PATCH", ["comments", comment]) => comments::update(base, table, (record, comment), &call.object()?, now),
        ("DELETE", ["comments", comment]) => comments::delete(base, table, (record, comment)),
        _ => Err(ApiError::not_found()),
    }
}

/// Takes a path apart; a slash at the end counts for nothing, and an encoded one is part of a name.
fn decode_path(path: &str) -> Option<Vec<String>> {
    let trimmed = path.trim_matches('/');
    let decode = |segment: &str| {
        let decoded = percent_encoding::percent_decode_str(segment).decode_utf8().ok()?;
        Some(decoded.into_owned())
    };
    trimmed.split('/').map(decode).collect()
}

/// Tells whether a key of a query is `records`, `records[]` or `records[0]`.
fn is_list_key(key: &str, name: &str) -> bool {
    key.strip_prefix(name).is_some_and(|rest| rest.is_empty() || (rest.starts_with('[') && rest.ends_with(']')))
}

fn is_base_id(id: &str) -> bool {
    id.strip_prefix("app").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}
