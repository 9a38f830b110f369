//! The local Pipedrive and a connection to it.

use std::{fs, path::PathBuf, sync::Arc};

use emulators::{EmulatorOptions, Running, pipedrive::emulator, serve};
use futures::StreamExt;
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::connector::{Connector, Context, Destination, FetchRequest, ReadRequest, Selection, Source};
use crate::http::{MemoryTokens, Meter, Transport};
use crate::model::{
    Batch, BatchRecord, ConnectionName, Cursor, Fields, Operation, Outcome, Page, Predicate, Record, SyncMode, Value,
};

use super::super::Pipedrive;

pub(super) struct Company {
    server: Running,
    pub(super) context: Context,
}

impl Company {
    /// Starts it without limits, with these fixture files.
    pub(super) async fn start(files: &[(&str, &str)]) -> Self {
        Self::with(files, true, 100.0).await
    }

    pub(super) async fn with(files: &[(&str, &str)], is_unlimited: bool, speed: f64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        // At noon, so that no day of the company ends within a test.
        let noon = Clock::system().now().date_naive().and_hms_opt(12, 0, 0).unwrap().and_utc();
        let clock = Clock::accelerated(speed).starting_at(noon);
        let tokens = Arc::new(MemoryTokens::default());
        let transport = Transport::new(clock, CancellationToken::new(), tokens).unwrap();
        let connection = ConnectionName::new("crm");
        let context =
            Context { connection, transport, meter: Meter::default(), base_dir: PathBuf::new(), meters: None };
        let options = EmulatorOptions {
            fixtures: Some(folder.path().to_owned()),
            account: None,
            is_unlimited,
            faults: "".parse().unwrap(),
            exchanges: None,
        };
        let server = serve(emulator(options, context.clock().clone()).unwrap(), 0).await.unwrap();
        Self { server, context }
    }

    pub(super) fn options(&self, more: &Json) -> Json {
        let mut options = json!({"token": "t", "base_url": self.server.url(), "requests_per_2_secs": 1000});
        more.as_object().into_iter().flatten().for_each(|(name, value)| options[name] = value.clone());
        options
    }

    pub(super) fn source(&self) -> Box<dyn Source> {
        Pipedrive::source(serde_json::from_value(self.options(&json!({}))).unwrap(), &self.context).unwrap()
    }

    pub(super) fn destination(&self, more: &Json) -> Box<dyn Destination> {
        Pipedrive::destination(serde_json::from_value(self.options(more)).unwrap(), &self.context).unwrap()
    }

    pub(super) async fn load(&self, object: &str, operation: Operation, records: Vec<BatchRecord>) -> Vec<Outcome> {
        let batch = Batch { object: object.into(), operation, records };
        self.destination(&json!({})).load(&batch).await.unwrap()
    }

    /// Creates a record and returns its id.
    pub(super) async fn insert(&self, object: &str, fields: &[(&str, Value)]) -> String {
        match self.load(object, Operation::Insert, vec![change(None, fields)]).await.remove(0) {
            Outcome::Created { id } => id,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn update(&self, object: &str, id: &str, fields: &[(&str, Value)]) -> Outcome {
        self.load(object, Operation::Update, vec![change(Some(id), fields)]).await.remove(0)
    }

    pub(super) async fn fetch(&self, object: &str, selection: Selection, fields: &[&str]) -> Vec<Record> {
        let fields = fields.iter().map(|name| (*name).into()).collect();
        let request = FetchRequest { object: object.into(), selection, fields };
        self.destination(&json!({})).fetch(&request).await.unwrap()
    }

    /// Returns the fields of one record.
    pub(super) async fn held(&self, object: &str, id: &str, fields: &[&str]) -> Fields {
        self.fetch(object, Selection::Ids(vec![id.to_owned()]), fields).await.remove(0).fields
    }

    pub(super) async fn read(&self, request: ReadRequest) -> Vec<Page> {
        self.source().read(request).map(Result::unwrap).collect().await
    }

    /// Calls the local Pipedrive past the connector.
    pub(super) async fn call(&self, method: &str, path: &str, body: Json) -> Json {
        let url = format!("{}/{path}", self.server.url()).parse().unwrap();
        let request = self.context.transport.request(method.parse().unwrap(), url).unwrap();
        let request = request.header("x-api-token", "t");
        let request = if body.is_null() { request } else { request.json(&body) };
        request.send().await.unwrap().json().await.unwrap_or_default()
    }
}

pub(super) fn change(id: Option<&str>, fields: &[(&str, Value)]) -> BatchRecord {
    let fields: Fields = fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
    BatchRecord { trace_id: "t".to_owned(), destination_id: id.map(str::to_owned), fields }
}

pub(super) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(super) fn request(object: &str, fields: &[&str]) -> ReadRequest {
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

pub(super) fn since(object: &str, fields: &[&str], cursor: Option<Cursor>) -> ReadRequest {
    ReadRequest { sync_mode: SyncMode::Incremental, cursor, ..request(object, fields) }
}

pub(super) fn filtered(object: &str, fields: &[&str], filter: Predicate) -> ReadRequest {
    ReadRequest { filter: Some(filter), ..request(object, fields) }
}

/// Returns the texts of a column, over all pages.
pub(super) fn column(pages: &[Page], name: &str) -> Vec<String> {
    let mut texts = Vec::new();
    for page in pages {
        let column = page.frame.column(name).unwrap().as_materialized_series().clone();
        texts.extend((0..page.frame.height()).map(|row| Value::from_any(&column.get(row).unwrap()).unwrap().to_text()));
    }
    texts
}
