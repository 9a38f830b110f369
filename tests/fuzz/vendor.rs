//! A server on loopback that answers one kind of request with the input and all others well, and a connector that asks it.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::Request,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use emulators::{Running, serve};
use ferry::{
    clock::Clock,
    connector::{ConnectorError, Context, Destination, ReadRequest, Source},
    connectors::registry,
    http::{MemoryTokens, Meter, Transport},
    model::{Batch, ConnectionName},
};
use futures::StreamExt;
use serde_json::{Value as Json, json};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// How many times as fast as the machine's the clock is, so that waits and limits cost nothing.
const CLOCK_SPEED: f64 = 20_000.0;
/// Most pages that are read: an answer may say for ever that there are more.
const MAX_PAGES: usize = 4;
/// What no operation may take longer than, in real time.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// Names the kind of a request by method and path.
pub(crate) type KindOf = fn(&str, &str) -> &'static str;
/// Gives the good answer to a kind of request.
pub(crate) type GoodAnswer = fn(&str) -> Json;

/// An input, taken apart: what it is the answer to, and the answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) kind: String,
    status: u16,
    body: Vec<u8>,
}

impl Answer {
    /// Reads `upsert 207` and the body below it. A head that is none stands for `list 200`.
    pub(crate) fn read(input: &[u8]) -> Self {
        let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
        let head = String::from_utf8_lossy(&input[..end]).into_owned();
        let (kind, status) = head.split_once(' ').unwrap_or((&head, "200"));
        let status = status.trim().parse().ok().filter(|status| (200..600).contains(status)).unwrap_or(200);
        let body = input.get(end + 1..).unwrap_or_default().to_vec();
        Self { kind: kind.to_owned(), status, body }
    }
}

/// A vendor and a connector that asks it.
pub(crate) struct Vendor {
    runtime: Runtime,
    url: String,
    answer: Arc<Mutex<Answer>>,
    /// Shared by all inputs: to read the machine's certificates takes longer than to feed one.
    context: Context,
    _server: Running,
}

impl Vendor {
    pub(crate) fn new(kind_of: KindOf, good: GoodAnswer) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let answer: Arc<Mutex<Answer>> = Arc::default();
        let shared = Arc::clone(&answer);
        let service = Router::new().fallback(move |request: Request| {
            let kind = kind_of(request.method().as_str(), request.uri().path());
            let planned = shared.lock().unwrap().clone();
            async move { respond(&planned, kind, good) }
        });
        let server = runtime.block_on(serve(service, 0)).unwrap();
        Self { runtime, url: server.url(), answer, context: context(), _server: server }
    }

    /// Has a connector do something while the input is the answer. An operation that does not end is a harm.
    pub(crate) fn feed(
        &self,
        connector: &str,
        options: Json,
        answer: Answer,
        work: &impl AsyncFn(&dyn Source, &dyn Destination) -> Result<(), String>,
    ) -> Result<(), String> {
        *self.answer.lock().unwrap() = answer;
        let mut options = options;
        options["base_url"] = json!(self.url);
        let options = options.as_object().unwrap().clone();
        self.runtime.block_on(async {
            let registry = registry();
            let entry = registry.get(connector).unwrap();
            let source = (entry.source)(options.clone(), &self.context).unwrap();
            let destination = (entry.destination)(options, &self.context).unwrap();
            let worked = tokio::time::timeout(PATIENCE, work(source.as_ref(), destination.as_ref())).await;
            worked.map_err(|_| "it does not end".to_owned())?
        })
    }
}

fn respond(answer: &Answer, kind: &str, good: GoodAnswer) -> Response {
    if answer.kind != kind {
        return (StatusCode::OK, axum::Json(good(kind))).into_response();
    }
    let status = StatusCode::from_u16(answer.status).unwrap();
    (status, [(header::CONTENT_TYPE, "application/json")], Bytes::from(answer.body.clone())).into_response()
}

fn context() -> Context {
    let transport =
        Transport::new(Clock::accelerated(CLOCK_SPEED), CancellationToken::new(), Arc::new(MemoryTokens::default()))
            .unwrap();
    Context {
        connection: ConnectionName::new("crm"),
        transport,
        meter: Meter::default(),
        base_dir: PathBuf::new(),
        meters: None,
    }
}

/// Reads some pages; each must have the columns that were asked for.
pub(crate) async fn read(source: &dyn Source, request: ReadRequest) -> Result<(), String> {
    let mut pages = source.read(request.clone()).take(MAX_PAGES);
    while let Some(page) = pages.next().await {
        let page = match page {
            Ok(page) => page,
            Err(error) => return refused(&error),
        };
        let missing = request.fields.iter().find(|field| page.frame.column(field).is_err());
        if let Some(field) = missing {
            return Err(format!("a page lacks the column `{field}`"));
        }
    }
    Ok(())
}

/// Writes a batch: a success has one outcome per record.
pub(crate) async fn load(destination: &dyn Destination, batch: Batch) -> Result<(), String> {
    match destination.load(&batch).await {
        Ok(outcomes) if outcomes.len() == batch.records.len() => Ok(()),
        Ok(outcomes) => Err(format!("{} outcomes for {} records", outcomes.len(), batch.records.len())),
        Err(error) => refused(&error),
    }
}

/// An error is a good end, unless it is a panic in disguise.
pub(crate) fn refused(error: &ConnectorError) -> Result<(), String> {
    if error.code == "reader_stopped" { Err("a task panics".to_owned()) } else { Ok(()) }
}
