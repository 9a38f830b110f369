//! The connector and the local Google Sheets, which follow the same vendor pages and share no code: each trap of the vendor once.

mod login;
mod own_rows;
mod person;
mod reading;
mod seeds;
mod texts;
mod writing;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    extract::Request,
    middleware::{Next, from_fn},
    response::IntoResponse,
};
use emulators::{EmulatorOptions, Running, google_sheets::emulator, serve};
use futures::StreamExt;
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::connector::{Connector, ConnectorError, Context, Destination, FormulaField, ReadRequest, Source, WritePlan};
use crate::http::{MemoryTokens, Meter, Transport};
use crate::model::{
    Batch, BatchRecord, ConnectionName, Field, FieldType, Fields, Operation, Outcome, Page, SyncMode, Value,
};

use super::GoogleSheets;

const SPREADSHEET: &str = "1FerryDemoSpreadsheet";

/// What a person does when a request is about to be carried out: the end of its path, and the actions.
type Meanwhile = Arc<Mutex<Vec<(&'static str, Json)>>>;

/// The local sheet and a connection to it.
struct Desk {
    server: Running,
    context: Context,
    options: Json,
    meanwhile: Meanwhile,
    asked: Arc<Mutex<Vec<String>>>,
    lost: Arc<Mutex<Vec<&'static str>>>,
    refused: Arc<Mutex<Refused>>,
}

/// Requests that are answered 429 once, and when: at their refusal, and when they came again.
#[derive(Debug, Default)]
struct Refused {
    due: Vec<&'static str>,
    moments: Vec<(String, chrono::DateTime<chrono::Utc>)>,
}

impl Desk {
    /// Starts a sheet with these tabs: title, schema, records as CSV.
    async fn start(tabs: &[(&str, &str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "spreadsheet.schema.yaml", "time_zone: Europe/Berlin\n");
        for (title, schema, records) in tabs {
            write(folder.path(), &format!("{title}.schema.yaml"), schema);
            if !records.is_empty() {
                write(folder.path(), &format!("{title}.csv"), records);
            }
        }
        let (clock, tokens) = (Clock::accelerated(5000.0), Arc::new(MemoryTokens::default()));
        let transport = Transport::new(clock.clone(), CancellationToken::new(), tokens).unwrap();
        let context = Context {
            connection: ConnectionName::new("sheet"),
            transport,
            meter: Meter::default(),
            base_dir: PathBuf::new(),
            meters: None,
        };
        let exchanges = std::env::var_os("FERRY_EXCHANGES").map(Into::into);
        let fixtures = Some(folder.path().to_owned());
        let options = EmulatorOptions { fixtures, exchanges, ..EmulatorOptions::default() };
        let service = emulator(options, clock).unwrap();
        let (meanwhile, asked): (Meanwhile, Arc<Mutex<Vec<String>>>) = Default::default();
        let service = interrupted(service, &context.transport, &meanwhile, &asked);
        let lost: Arc<Mutex<Vec<&'static str>>> = Arc::default();
        let service = losing(service, &lost);
        let refused: Arc<Mutex<Refused>> = Arc::default();
        let service = refusing(service, &refused, &context.transport.clock);
        let server = serve(service, 0).await.unwrap();
        let options = json!({ "spreadsheet_id": SPREADSHEET, "access_token": "tokenOne", "base_url": server.url() });
        Self { server, context, options, meanwhile, asked, lost, refused }
    }

    /// Starts a sheet with one tab whose cells are typed in as a person types them.
    async fn typed(title: &str, rows: Json) -> Self {
        let desk = Self::start(&[(title, "columns: []\n", "")]).await;
        desk.person(json!({ "sheet": title, "action": "set", "range": "A1:Z100", "values": rows })).await;
        desk
    }

    fn with(mut self, option: &str, value: Json) -> Self {
        self.options[option] = value;
        self
    }

    fn source(&self) -> Box<dyn Source> {
        GoogleSheets::source(serde_json::from_value(self.options.clone()).unwrap(), &self.context).unwrap()
    }

    fn destination(&self) -> Box<dyn Destination> {
        GoogleSheets::destination(serde_json::from_value(self.options.clone()).unwrap(), &self.context).unwrap()
    }

    /// Makes a destination that knows what a run writes.
    async fn planned(
        &self,
        object: &str,
        key: &[&str],
        fields: &[(&str, FieldType)],
        formulas: &[(&str, &str, bool)],
    ) -> Box<dyn Destination> {
        self.knowing(write_plan(object, key, fields, formulas)).await
    }

    /// Makes a destination that knows what a run writes.
    async fn knowing(&self, plan: WritePlan) -> Box<dyn Destination> {
        let destination = self.destination();
        destination.describe(&plan.object).await.unwrap();
        destination.plan(plan).unwrap();
        destination
    }

    async fn read(&self, object: &str, fields: &[&str]) -> Vec<Page> {
        self.try_read(object, fields).await.unwrap()
    }

    async fn try_read(&self, object: &str, fields: &[&str]) -> Result<Vec<Page>, ConnectorError> {
        let source = self.source();
        let pages: Vec<_> = source.read(request(object, fields)).collect().await;
        pages.into_iter().collect()
    }

    /// Lets a person work in the sheet, now.
    async fn person(&self, actions: Json) {
        let url = format!("{}/_emulator/person", self.server.url());
        let request = self.context.transport.request(reqwest::Method::POST, url.parse().unwrap()).unwrap();
        let answer = request.json(&of_spreadsheet(actions)).send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success(), "{}", answer.text().await.unwrap());
    }

    /// Lets a person work right before the next request whose path ends so.
    fn meanwhile(&self, path: &'static str, actions: Json) {
        self.meanwhile.lock().unwrap().push((path, of_spreadsheet(actions)));
    }

    /// Returns the cells of a range with their formulas.
    async fn cells(&self, range: &str) -> Json {
        self.rendered(range, "FORMULA").await
    }

    /// Returns the cells of a range with what they show.
    async fn values(&self, range: &str) -> Json {
        self.rendered(range, "UNFORMATTED_VALUE").await
    }

    async fn rendered(&self, range: &str, option: &str) -> Json {
        let mut url: url::Url =
            format!("{}/v4/spreadsheets/{SPREADSHEET}/values:batchGet", self.server.url()).parse().unwrap();
        url.query_pairs_mut().append_pair("ranges", range).append_pair("valueRenderOption", option);
        let request = self.context.transport.request(reqwest::Method::GET, url).unwrap().bearer_auth("tokenTwo");
        let answer: Json = request.send().await.unwrap().json().await.unwrap();
        answer["valueRanges"][0]["values"].clone()
    }

    /// Returns how many reads and writes were answered, and how many were too many.
    async fn counts(&self) -> Json {
        let url = format!("{}/_emulator/counts", self.server.url());
        let request = self.context.transport.request(reqwest::Method::GET, url.parse().unwrap()).unwrap();
        let answer: Json = request.send().await.unwrap().json().await.unwrap();
        answer["requests"].clone()
    }

    /// Carries the next request out whose path ends so, and answers a gateway's page in its place.
    fn lose_answer(&self, path: &'static str) {
        self.lost.lock().unwrap().push(path);
    }

    /// Answers the next request whose path ends so as a quota that is spent.
    fn refuse(&self, path: &'static str) {
        self.refused.lock().unwrap().due.push(path);
    }

    /// Returns how long after its refusal a request came again.
    fn waited(&self, path: &str) -> chrono::TimeDelta {
        let refused = self.refused.lock().unwrap();
        let moments: Vec<_> = refused.moments.iter().filter(|(other, _)| other.ends_with(path)).collect();
        moments[1].1 - moments[0].1
    }

    fn asked(&self, end: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|path| path.ends_with(end)).count()
    }
}

/// Refuses requests with the body that Google sends where a quota is spent.
fn refusing(service: Router, refused: &Arc<Mutex<Refused>>, clock: &Clock) -> Router {
    let (refused, clock) = (Arc::clone(refused), clock.clone());
    service.layer(from_fn(move |request: Request, next: Next| {
        let (refused, clock) = (Arc::clone(&refused), clock.clone());
        async move {
            let path = request.uri().path().to_owned();
            let is_due = {
                let mut refused = refused.lock().unwrap();
                refused.moments.push((path.clone(), clock.now()));
                let place = refused.due.iter().position(|end| path.ends_with(end));
                place.map(|place| refused.due.remove(place)).is_some()
            };
            if !is_due {
                return next.run(request).await;
            }
            let body = json!({ "error": { "code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Quota exceeded",
                "details": [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED" }] } });
            (axum::http::StatusCode::TOO_MANY_REQUESTS, axum::Json(body)).into_response()
        }
    }))
}

/// Loses answers of requests that were carried out.
fn losing(service: Router, lost: &Arc<Mutex<Vec<&'static str>>>) -> Router {
    let lost = Arc::clone(lost);
    service.layer(from_fn(move |request: Request, next: Next| {
        let lost = Arc::clone(&lost);
        async move {
            let path = request.uri().path().to_owned();
            let answer = next.run(request).await;
            let mut waiting = lost.lock().unwrap();
            match waiting.iter().position(|end| path.ends_with(end)) {
                Some(place) => {
                    waiting.remove(place);
                    (axum::http::StatusCode::BAD_GATEWAY, "<html>Bad Gateway</html>").into_response()
                }
                None => answer,
            }
        }
    }))
}

/// Lets a person work before requests, and notes what is asked.
fn interrupted(
    service: Router,
    transport: &Transport,
    meanwhile: &Meanwhile,
    asked: &Arc<Mutex<Vec<String>>>,
) -> Router {
    let (meanwhile, asked, transport) = (Arc::clone(meanwhile), Arc::clone(asked), transport.clone());
    service.layer(from_fn(move |request: Request, next: Next| {
        let (meanwhile, asked, transport) = (Arc::clone(&meanwhile), Arc::clone(&asked), transport.clone());
        async move {
            let path = format!("{} {}", request.method(), request.uri().path());
            let is_tests_own = request.headers().get("authorization").is_some_and(|token| token == "Bearer tokenTwo");
            let is_person = path.contains("/_emulator/") || is_tests_own;
            let due = {
                let mut waiting = meanwhile.lock().unwrap();
                let place = waiting.iter().position(|(end, _)| !is_person && path.ends_with(end));
                place.map(|place| waiting.remove(place).1)
            };
            if !is_person {
                asked.lock().unwrap().push(path);
            }
            if let Some(actions) = due {
                let host = format!("http://{}", request.headers()["host"].to_str().unwrap());
                let actions = found(actions, &host, &transport).await;
                let url = format!("{host}/_emulator/person");
                let work = transport.request(reqwest::Method::POST, url.parse().unwrap()).unwrap().json(&actions);
                let answer = work.send().await.unwrap();
                let is_done = answer.status().is_success();
                let reason = answer.text().await.unwrap();
                assert!(is_done, "{reason}");
            }
            next.run(request).await
        }
    }))
}

/// Finds the row of an action that names it by what one of its cells holds: an id, or nothing at all.
async fn found(mut actions: Json, host: &str, transport: &Transport) -> Json {
    for action in actions.as_array_mut().unwrap() {
        let is_blank = action["action"] == "delete_blank";
        let Some(id) = action["id"].as_str().map(str::to_owned).or_else(|| is_blank.then(String::new)) else {
            continue;
        };
        let url = format!("{host}/v4/spreadsheets/{SPREADSHEET}/values/T!A1:Z50");
        let read = transport.request(reqwest::Method::GET, url.parse().unwrap()).unwrap().bearer_auth("tokenTwo");
        let answer: Json = read.send().await.unwrap().json().await.unwrap();
        let rows = answer["values"].as_array().unwrap();
        let holds = |row: &Json| {
            let cells = row.as_array().unwrap();
            if is_blank { cells.iter().all(|cell| cell == "") } else { cells.contains(&Json::from(id.as_str())) }
        };
        *action = match rows.iter().position(holds) {
            Some(row) => json!({ "spreadsheet": SPREADSHEET, "action": "delete_rows", "at": row + 1, "count": 1 }),
            None => json!({ "spreadsheet": SPREADSHEET, "action": "set", "range": "T61", "values": [["=1+2"]] }),
        };
    }
    actions
}

fn of_spreadsheet(mut actions: Json) -> Json {
    if actions.is_object() {
        actions = json!([actions]);
    }
    for action in actions.as_array_mut().unwrap() {
        action["spreadsheet"] = Json::from(SPREADSHEET);
    }
    actions
}

fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(name), text).unwrap();
}

fn write_plan(object: &str, key: &[&str], fields: &[(&str, FieldType)], formulas: &[(&str, &str, bool)]) -> WritePlan {
    let formula = |(field, formula, is_rewritten): &(&str, &str, bool)| FormulaField {
        field: (*field).into(),
        formula: (*formula).to_owned(),
        is_rewritten: *is_rewritten,
    };
    WritePlan {
        object: object.into(),
        key: key.iter().map(|name| (*name).into()).collect(),
        only_adds: false,
        fields: fields.iter().map(|(name, field_type)| Field::new(name, *field_type)).collect(),
        formulas: formulas.iter().map(formula).collect(),
    }
}

fn request(object: &str, fields: &[&str]) -> ReadRequest {
    ReadRequest {
        shown: Vec::new(),
        object: object.into(),
        fields: fields.iter().map(|name| (*name).into()).collect(),
        links: Vec::new(),
        filter: None,
        sync_mode: SyncMode::FullRefresh,
        cursor: None,
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn record(id: Option<&str>, fields: &[(&str, Value)]) -> BatchRecord {
    let fields: Fields = fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
    BatchRecord { trace_id: "t".to_owned(), destination_id: id.map(str::to_owned), fields }
}

async fn load(
    destination: &dyn Destination,
    object: &str,
    operation: Operation,
    records: Vec<BatchRecord>,
) -> Vec<Outcome> {
    destination.load(&Batch { object: object.into(), operation, records }).await.unwrap()
}

fn column(pages: &[Page], name: &str) -> Vec<String> {
    let values = |page: &Page| -> Vec<String> {
        let column = page.frame.column(name).unwrap();
        (0..column.len()).map(|place| Value::from_any(&column.get(place).unwrap()).unwrap().to_text()).collect()
    };
    pages.iter().flat_map(values).collect()
}

fn created(id: &str) -> Outcome {
    Outcome::Created { id: id.to_owned() }
}

fn updated(id: &str) -> Outcome {
    Outcome::Updated { id: id.to_owned() }
}
