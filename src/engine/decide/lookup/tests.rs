//! Which way keys are looked up, at a destination that offers both.

use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU32,
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use polars::frame::DataFrame;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::FoundRecords;
use crate::clock::Clock;
use crate::config::{Connection, Limits, OnError, OnMissing, Pipeline, Stream, StreamDestination, WriteMode};
use crate::connector::{
    ConfigError, Connector, ConnectorError, Context, Destination, Entry, ErrorKind, FetchRequest, FetchWhole,
    ReadRequest, Registry, Selection, Source,
};
use crate::engine::{Environment, Finished, RunOptions, Silent, read::extract::CHUNK_RECORDS, run};
use crate::model::{
    Batch, BatchLimit, Capabilities, ConnectionName, Cursor, DELETED, Field, FieldName, FieldType, Fields, ID,
    ObjectName, Operation, Outcome, Page, PerKeys, Record, Schema, SyncMode, UPDATED_AT, Value, WholeObject, column,
};
use crate::state::{Seal, State};

/// Keys that one call of the sheet takes: a chunk needs four calls.
const MAX_KEYS: u32 = 5;
/// Records at the source: five chunks.
const RECORDS: usize = 5 * CHUNK_RECORDS;

/// A destination that counts how it was asked.
#[derive(Debug, Default)]
struct Sheet {
    keys: BTreeMap<u64, String>,
    asked_keys: usize,
    asked_whole: usize,
    /// What reading all of it costs, where the sheet counts that.
    counted: Option<u32>,
    /// The write whose answer is lost.
    lost: Option<usize>,
    writes: usize,
}

static SHEETS: LazyLock<Mutex<HashMap<String, Arc<Mutex<Sheet>>>>> = LazyLock::new(Mutex::default);

#[derive(Debug, Deserialize, JsonSchema)]
struct Options {
    sheet: String,
    whole_cost: Option<u32>,
    per_keys: bool,
}

#[derive(Debug)]
struct AtSheet(Arc<Mutex<Sheet>>);

struct SheetConnector;

impl Connector for SheetConnector {
    const NAME: &'static str = "sheet";
    const CAPABILITIES: Capabilities = Capabilities {
        sync_modes: &[SyncMode::FullRefresh],
        insert: Some(BatchLimit { max_records: NonZeroU32::MAX, max_bytes: 1_000_000, is_idempotent: false }),
        update: Some(BatchLimit { max_records: NonZeroU32::MAX, max_bytes: 1_000_000, is_idempotent: true }),
        ..Capabilities::NONE
    };
    type Config = Options;

    fn capabilities(options: &Options) -> Capabilities {
        Capabilities {
            fetch: options.per_keys.then(|| PerKeys::of(NonZeroU32::new(MAX_KEYS).unwrap())),
            fetch_whole: options.whole_cost.map(|cost| WholeObject { cost }),
            ..Self::CAPABILITIES
        }
    }

    fn source(options: Options, _: &Context) -> Result<Box<dyn Source>, ConfigError> {
        Ok(Box::new(AtSheet(sheet(&options.sheet))))
    }

    fn destination(options: Options, _: &Context) -> Result<Box<dyn Destination>, ConfigError> {
        Ok(Box::new(AtSheet(sheet(&options.sheet))))
    }
}

fn sheet(name: &str) -> Arc<Mutex<Sheet>> {
    Arc::clone(SHEETS.lock().unwrap_or_else(PoisonError::into_inner).entry(name.to_owned()).or_default())
}

fn page() -> Page {
    let texts = |prefix: &str| (0..RECORDS).map(|row| Value::Text(format!("{prefix}{row}"))).collect::<Vec<_>>();
    let columns = [
        column(ID, FieldType::Text, &texts("r")),
        column(UPDATED_AT, FieldType::Datetime, &vec![Value::Null; RECORDS]),
        column(DELETED, FieldType::Boolean, &vec![Value::Boolean(false); RECORDS]),
        column("key", FieldType::Text, &texts("k")),
    ];
    let frame = DataFrame::new(RECORDS, columns.into_iter().collect::<Result<Vec<_>, _>>().unwrap()).unwrap();
    Page { frame, rejects: Vec::new(), cursor: Some(Cursor(json!(RECORDS))), left: None }
}

#[async_trait]
impl Source for AtSheet {
    async fn check(&self) -> Result<(), ConnectorError> {
        Ok(())
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        Ok(Schema { object: object.clone(), fields: vec![Field::new("key", FieldType::Text)], is_open: false })
    }

    fn read(&self, _: ReadRequest) -> BoxStream<'_, Result<Page, ConnectorError>> {
        // In pages of a chunk, so that five chunks come.
        let whole = page().frame;
        let parts = (0..RECORDS).step_by(CHUNK_RECORDS).map(move |start| {
            let frame = whole.slice(i64::try_from(start).unwrap(), CHUNK_RECORDS);
            Ok(Page { frame, rejects: Vec::new(), cursor: Some(Cursor(json!(start + CHUNK_RECORDS))), left: None })
        });
        futures::stream::iter(parts.collect::<Vec<_>>()).boxed()
    }
}

impl Sheet {
    fn record((id, key): (&u64, &String)) -> Record {
        let fields = Fields::from_iter([(FieldName::new("Key"), Value::Text(key.clone()))]);
        Record { id: id.to_string(), fields, place: None, merged_into: None }
    }
}

#[async_trait]
impl Destination for AtSheet {
    async fn check(&self) -> Result<(), ConnectorError> {
        Ok(())
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        Ok(Schema { object: object.clone(), fields: vec![Field::new("Key", FieldType::Text)], is_open: false })
    }

    async fn load(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
        let mut own = self.0.lock().unwrap();
        own.writes += 1;
        let mut outcomes = Vec::new();
        for record in &batch.records {
            let next = own.keys.len() as u64 + 1;
            let id = record.destination_id.as_ref().map_or(next, |id| id.parse().unwrap());
            own.keys.insert(id, record.fields["Key"].to_text());
            let id = id.to_string();
            let is_insert = batch.operation == Operation::Insert;
            outcomes.push(if is_insert { Outcome::Created { id } } else { Outcome::Updated { id } });
        }
        if own.lost == Some(own.writes) {
            return Err(ConnectorError::new(ErrorKind::Unanswered, "lost", "lost"));
        }
        Ok(outcomes)
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Record>, ConnectorError> {
        let Selection::Keys { values, .. } = &request.selection else { panic!("asked by id") };
        assert!(values.len() <= MAX_KEYS as usize);
        let mut own = self.0.lock().unwrap();
        own.asked_keys += 1;
        let is_wanted = |key: &String| values.iter().any(|values| values[0].to_text() == *key);
        Ok(own.keys.iter().filter(|(_, key)| is_wanted(key)).map(Sheet::record).collect())
    }

    fn fetch_whole(&self) -> Option<&dyn FetchWhole> {
        Some(self)
    }
}

#[async_trait]
impl FetchWhole for AtSheet {
    async fn fetch_whole(&self, _: &ObjectName, fields: &[FieldName]) -> Result<Vec<Record>, ConnectorError> {
        assert_eq!(fields, [FieldName::new("Key")]);
        let mut own = self.0.lock().unwrap();
        own.asked_whole += 1;
        Ok(own.keys.iter().map(Sheet::record).collect())
    }

    async fn cost(&self, _: &ObjectName, key: &[FieldName]) -> Result<Option<u32>, ConnectorError> {
        assert_eq!(key, [FieldName::new("Key")]);
        Ok(self.0.lock().unwrap().counted)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is made where it is handed over")]
fn pipeline(options: serde_json::Value) -> Pipeline {
    let connection = |name: &str| Connection {
        name: name.into(),
        connector: "sheet".to_owned(),
        options: options.as_object().unwrap().clone(),
        account: None,
        audit: None,
    };
    let destination = StreamDestination {
        connection: "to".into(),
        object: "things".into(),
        write: WriteMode::Upsert,
        key: vec!["Key".into()],
        on_missing: OnMissing::Recreate,
        mappings: serde_yaml::from_str("Key: key").unwrap(),
        standard: None,
    };
    let stream = Stream {
        name: "things".into(),
        connection: "from".into(),
        object: "things".into(),
        filter: None,
        sync_mode: SyncMode::FullRefresh,
        transforms: Vec::new(),
        expect: None,
        destinations: vec![destination],
    };
    Pipeline {
        name: "sheet".to_owned(),
        description: None,
        path: PathBuf::from("sheet.yaml"),
        base_dir: PathBuf::from("."),
        connections: ["from", "to"].map(|name| (ConnectionName::new(name), connection(name))).into(),
        streams: vec![stream],
        definition: serde_json::Value::Null,
        on_error: OnError::Continue,
        undo_days: None,
        on_finish: Vec::new(),
        limits: Limits::default(),
    }
}

/// Runs over a sheet that holds every third of the keys already, each of which must be found.
async fn go(name: &str, whole_cost: Option<u32>, per_keys: bool, lost: Option<usize>) -> (usize, usize) {
    let own = sheet(name);
    let held: BTreeMap<u64, String> =
        (0..RECORDS).step_by(3).zip(1..).map(|(row, id)| (id, format!("k{row}"))).collect();
    let held_count = held.len();
    let counted = name.starts_with("counted").then_some(4);
    *own.lock().unwrap() = Sheet { keys: held, lost, counted, ..Sheet::default() };
    let environment = Environment {
        registry: Registry::new([Entry::of::<SheetConnector>()]),
        context: Context::in_memory(Clock::accelerated(1e9)),
        state: State::in_memory(Seal::ephemeral()).unwrap(),
        observer: Arc::new(Silent),
    };
    let options = json!({ "sheet": name, "whole_cost": whole_cost, "per_keys": per_keys });
    let Finished { report, failures, .. } =
        run(&environment, &pipeline(options), &RunOptions::default()).await.unwrap();
    assert!(failures.is_empty(), "{failures:?}");
    let ledger = report.streams[0].destinations[0].ledger;
    let counts = [held_count, RECORDS - held_count].map(|count| u64::try_from(count).unwrap());
    assert_eq!([ledger.updated, ledger.created], counts, "{ledger:?}");
    let own = own.lock().unwrap();
    assert_eq!(own.keys.len(), RECORDS, "none is written twice");
    (own.asked_keys, own.asked_whole)
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_looked_up_the_cheaper_way_and_a_whole_object_is_read_once() {
    let calls_a_chunk = CHUNK_RECORDS.div_ceil(MAX_KEYS as usize);
    for (name, whole_cost, per_keys, expected) in [
        ("only keys", None, true, (5 * calls_a_chunk, 0)),
        ("only whole", Some(1_000), false, (0, 1)),
        ("whole at the price of a call", Some(1), true, (0, 1)),
        ("whole at the price of a chunk", Some(4), true, (0, 1)),
        ("whole at the price of three chunks", Some(12), true, (2 * calls_a_chunk, 1)),
        ("whole at a price that no run reaches", Some(21), true, (5 * calls_a_chunk, 0)),
        ("counted by the object itself at the price of a chunk", Some(21), true, (0, 1)),
    ] {
        assert_eq!(go(name, whole_cost, per_keys, None).await, expected, "{name}");
    }
}

#[test]
fn of_records_with_one_id_as_many_are_left_out_as_belong_to_others() {
    let left = |owned: usize| {
        let mut found = FoundRecords::of([(1, vec!["A".to_owned(); 3]), (2, vec!["B".to_owned()])].into());
        found.leave_out_owned(&[("A".to_owned(), owned)].into());
        (found.by_key[&1].len(), found.by_key[&2].len())
    };
    assert_eq!([0, 1, 3, 4].map(left), [(3, 1), (2, 1), (0, 1), (0, 1)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_settled_by_what_the_object_holds_now() {
    // The first write is the first chunk's update, the second its insert.
    assert_eq!(go("lost", Some(1), false, Some(2)).await, (0, 2));
}
