//! What the tests of file connectors have in common.

use std::{path::Path, sync::Arc};

use futures::StreamExt;
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::http::{MemoryTokens, Meter, Transport};
use crate::model::{Batch, BatchRecord, Cursor, ID, Operation, Page, ReadReject, SyncMode, Value, is_reserved};

use crate::connector::{Connector, ConnectorError, Context, Destination, Entry, Options, ReadRequest, Source};

/// Returns a context whose pipeline lies in the folder.
pub(crate) fn context(folder: &Path) -> Context {
    let transport =
        Transport::new(Clock::system(), CancellationToken::new(), Arc::new(MemoryTokens::default())).unwrap();
    Context {
        connection: "files".into(),
        transport,
        meter: Meter::default(),
        base_dir: folder.to_owned(),
        meters: None,
    }
}

/// Returns options whose `path` is the pipeline's folder, unless another is given.
pub(crate) fn options(more: &Json) -> Options {
    let mut options = more.as_object().unwrap().clone();
    options.entry("path").or_insert(json!("."));
    options
}

pub(crate) fn source<C: Connector>(folder: &Path, more: &Json) -> Box<dyn Source> {
    (Entry::of::<C>().source)(options(more), &context(folder)).unwrap()
}

pub(crate) fn destination<C: Connector>(folder: &Path, more: &Json) -> Box<dyn Destination> {
    (Entry::of::<C>().destination)(options(more), &context(folder)).unwrap()
}

/// What one read of a file gave.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) ids: Vec<String>,
    /// The fields that were asked for, by record; `-` for no value.
    pub(crate) cells: Vec<Vec<String>>,
    /// Place and code of each rejected record.
    pub(crate) places: Vec<String>,
    pub(crate) rejects: Vec<ReadReject>,
    pub(crate) cursors: Vec<Cursor>,
}

/// Reads fields of an object to its end.
pub(crate) async fn read_all(
    source: &dyn Source,
    object: &str,
    fields: &[&str],
    cursor: Option<Cursor>,
) -> Result<Gathered, ConnectorError> {
    let request = ReadRequest {
        shown: Vec::new(),
        object: object.into(),
        fields: fields.iter().map(|name| (*name).into()).collect(),
        links: Vec::new(),
        filter: None,
        sync_mode: SyncMode::FullRefresh,
        cursor,
    };
    let pages: Vec<Result<Page, ConnectorError>> = source.read(request).collect().await;
    let mut gathered = Gathered::default();
    for page in pages {
        let page = page?;
        let fields: Vec<_> = page.frame.columns().iter().filter(|column| !is_reserved(column.name())).collect();
        for row in 0..page.frame.height() {
            let cell = |column: &polars::prelude::Column| {
                let value = Value::from_any(&column.get(row).unwrap()).unwrap();
                if value.is_null() { "-".to_owned() } else { value.to_text() }
            };
            gathered.ids.push(cell(page.frame.column(ID).unwrap()));
            gathered.cells.push(fields.iter().copied().map(cell).collect());
        }
        gathered.places.extend(page.rejects.iter().map(|reject| format!("{} {}", reject.id, reject.code)));
        gathered.rejects.extend(page.rejects);
        gathered.cursors.extend(page.cursor);
    }
    Ok(gathered)
}

pub(crate) fn record(fields: &[(&str, Value)]) -> BatchRecord {
    let fields = fields.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
    BatchRecord { trace_id: "t".to_owned(), destination_id: None, fields }
}

pub(crate) fn insert(object: &str, records: Vec<BatchRecord>) -> Batch {
    Batch { object: object.into(), operation: Operation::Insert, records }
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}
