//! What the tests of file connectors have in common.

use std::{path::Path, sync::Arc};

use chrono::{DateTime, NaiveDate};
use futures::{StreamExt, stream::BoxStream};
use polars::frame::DataFrame;
use proptest::prelude::*;
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::http::{MemoryTokens, Meter, Transport};
use crate::model::{
    Batch, BatchRecord, Cursor, Field, FieldType, ID, Operation, Outcome, Page, ReadReject, Rejection, SyncMode, Value,
    column, is_reserved,
};

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
#[derive(Debug, Default, PartialEq)]
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
    gather(source.read(ReadRequest { cursor, ..request(object, fields) })).await
}

/// Reads fields of an object to its end in large frames.
pub(crate) async fn read_whole(source: &dyn Source, object: &str, fields: &[&str]) -> Result<Gathered, ConnectorError> {
    gather(source.whole().unwrap().read_whole(request(object, fields))).await
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

async fn gather(pages: BoxStream<'_, Result<Page, ConnectorError>>) -> Result<Gathered, ConnectorError> {
    let pages: Vec<Result<Page, ConnectorError>> = pages.collect().await;
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

/// Reads the first page of an object, lets something happen to its file, and reads the rest.
pub(crate) async fn read_across(
    source: &dyn Source,
    object: &str,
    fields: &[&str],
    change: impl FnOnce(),
) -> Result<(), ConnectorError> {
    let mut pages = source.read(request(object, fields));
    pages.next().await.unwrap()?;
    change();
    while let Some(page) = pages.next().await {
        page?;
    }
    Ok(())
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

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// Draws the values of a record that has a field of each type.
pub(crate) fn any_values() -> impl Strategy<Value = Vec<Value>> {
    let or_none = |values: BoxedStrategy<Value>| prop_oneof![4 => values, 1 => Just(Value::Null)].boxed();
    let text = || or_none("[ab\",;'=+\\-|\r\n\t\u{1}\\\\ éŁ😀]{0,4}".prop_map(Value::Text).boxed());
    let number = prop_oneof![any::<f64>(), (-9999_i32..9999).prop_map(|number| f64::from(number) / 4.0)];
    let day = (-800_000_i32..800_000).prop_map(|days| Value::Date(NaiveDate::from_epoch_days(days).unwrap()));
    let moment = any::<i32>()
        .prop_map(|second| Value::DateTime(DateTime::from_timestamp_millis(i64::from(second) * 1_003).unwrap()));
    let list = prop::collection::vec("[a; \\\\]{1,3}", 0..3).prop_map(Value::List);
    let values = [
        text(),
        text(),
        or_none(any::<i64>().prop_map(Value::Integer).boxed()),
        or_none(number.prop_map(Value::Number).boxed()),
        or_none(any::<bool>().prop_map(Value::Boolean).boxed()),
        or_none(day.boxed()),
        or_none(moment.boxed()),
        or_none(list.boxed()),
    ];
    values.to_vec()
}

/// Writes the first fields of records that hold every type to the objects `frame` and `batch`, as a frame and as a batch. Returns
/// what each refused.
pub(crate) async fn write_both<C: Connector>(
    folder: &Path,
    more: &Json,
    width: usize,
    records: &[Vec<Value>],
) -> [Vec<(usize, Rejection)>; 2] {
    use FieldType as T;
    let types = [T::Text, T::Text, T::Integer, T::Number, T::Boolean, T::Date, T::Datetime, T::MultiChoice];
    let fields: Vec<Field> =
        (0..).zip(types).take(width).map(|(place, of): (u32, T)| Field::new(format!("f{place}"), of)).collect();
    let destination = destination::<C>(folder, more);
    let replace = destination.replace().unwrap();
    for name in ["frame", "batch"] {
        replace.begin(&name.into(), &fields).await.unwrap();
    }
    let columns = fields.iter().enumerate().map(|(place, field)| {
        let values: Vec<Value> = records.iter().map(|record| record[place].clone()).collect();
        column(&field.name, field.field_type, &values).unwrap()
    });
    let frame = DataFrame::new(records.len(), columns.collect()).unwrap();
    let of_frame = destination.frames().unwrap().load_frame(&"frame".into(), frame).await.unwrap();
    let batch_record = |values: &Vec<Value>| BatchRecord {
        trace_id: String::new(),
        destination_id: None,
        fields: fields.iter().map(|field| field.name.clone()).zip(values.iter().cloned()).collect(),
    };
    let outcomes = destination.load(&insert("batch", records.iter().map(batch_record).collect())).await.unwrap();
    let of_batch = outcomes.into_iter().enumerate().filter_map(|(place, outcome)| match outcome {
        Outcome::Rejected(reason) => Some((place, reason)),
        _ => None,
    });
    let refused = [of_frame, of_batch.collect()];
    for name in ["frame", "batch"] {
        replace.put_in_place(&name.into()).await.unwrap();
    }
    refused
}
