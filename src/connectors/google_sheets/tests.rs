//! The connector and the local Google Sheets, which follow the same vendor pages and share no code: each trap of the vendor once.

mod login;
mod person;
mod reading;
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
        };
        let exchanges = std::env::var_os("FERRY_EXCHANGES").map(Into::into);
        let fixtures = Some(folder.path().to_owned());
        let options = EmulatorOptions { fixtures, exchanges, ..EmulatorOptions::default() };
        let service = emulator(options, clock).unwrap();
        let (meanwhile, asked): (Meanwhile, Arc<Mutex<Vec<String>>>) = Default::default();
        let service = interrupted(service, &context.transport, &meanwhile, &asked);
        let server = serve(service, 0).await.unwrap();
        let options = json!({ "spreadsheet_id": SPREADSHEET, "access_token": "tokenOne", "base_url": server.url() });
        Self { server, context, options, meanwhile, asked }
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
        let destination = self.destination();
        destination.describe(&object.into()).await.unwrap();
        let formula = |(field, formula, is_rewritten): &(&str, &str, bool)| FormulaField {
            field: (*field).into(),
            formula: (*formula).to_owned(),
            is_rewritten: *is_rewritten,
        };
        let plan = WritePlan {
            object: object.into(),
            key: key.iter().map(|name| (*name).into()).collect(),
            fields: fields.iter().map(|(name, field_type)| Field::new(name, *field_type)).collect(),
            formulas: formulas.iter().map(formula).collect(),
        };
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
        let mut url: url::Url =
            format!("{}/v4/spreadsheets/{SPREADSHEET}/values:batchGet", self.server.url()).parse().unwrap();
        url.query_pairs_mut().append_pair("ranges", range).append_pair("valueRenderOption", "FORMULA");
        let request = self.context.transport.request(reqwest::Method::GET, url).unwrap().bearer_auth("tokenTwo");
        let answer: Json = request.send().await.unwrap().json().await.unwrap();
        answer["valueRanges"][0]["values"].clone()
    }

    fn asked(&self, end: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|path| path.ends_with(end)).count()
    }
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
            let is_person = path.contains("/_emulator/");
            let due = {
                let mut waiting = meanwhile.lock().unwrap();
                let place = waiting.iter().position(|(end, _)| !is_person && path.ends_with(end));
                place.map(|place| waiting.remove(place).1)
            };
            if !is_person {
                asked.lock().unwrap().push(path);
            }
            if let Some(actions) = due {
                let url = format!("http://{}/_emulator/person", request.headers()["host"].to_str().unwrap());
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

fn request(object: &str, fields: &[&str]) -> ReadRequest {
    ReadRequest {
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
