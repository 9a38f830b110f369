//! Whole runs between a source and a destination in memory, with arrangements drawn at random.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    num::NonZeroU32,
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures::{StreamExt, stream::BoxStream};
use polars::frame::DataFrame;
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::clock::Clock;
use crate::config::{Connection, Limits, OnError, OnMissing, Pipeline, Stream, StreamDestination, WriteMode};
use crate::connector::{
    Ages, ConfigError, Connector, ConnectorError, Context, Destination, Entry, ErrorKind, FetchRequest, ReadRequest,
    Registry, Selection, Source, age,
};
use crate::model::{
    Batch, BatchLimit, Capabilities, ConnectionName, Cursor, DELETED, Field, FieldName, FieldType, Fields, ID, KeyRule,
    ObjectName, Operation, Outcome, Page, PerKeys, Record, Schema, StreamName, SyncMode, UPDATED_AT, Value, column,
};
use crate::state::{Accounts, RunStatus, Seal, State, Target};

use super::{Environment, Finished, RunOptions, Silent, run};

/// Most records of a batch, and most bytes: with the longest keys the bytes are reached first.
const MAX_RECORDS: u32 = 7;
const MAX_BYTES: usize = 1_600;

/// What a source has and a destination holds.
#[derive(Debug, Default)]
struct Shelf {
    /// The keys of the source's records, in order, and how many records a page has.
    keys: Vec<Option<String>>,
    page: usize,
    /// The destination's keys, by id.
    held: BTreeMap<u64, String>,
    batches: Vec<Batch>,
    /// The write that fails, and whether it is carried out before.
    fault: Option<(usize, bool)>,
    /// When records were created, by id; those that are not in it were there always.
    created: BTreeMap<u64, DateTime<Utc>>,
    tells_ages: bool,
}

static SHELVES: LazyLock<Mutex<HashMap<u64, Arc<Mutex<Shelf>>>>> = LazyLock::new(Mutex::default);

#[derive(Debug, Deserialize, JsonSchema)]
struct Options {
    shelf: u64,
    #[serde(default)]
    upserts: bool,
}

#[derive(Debug)]
struct OnShelf {
    shelf: Arc<Mutex<Shelf>>,
    upserts: bool,
    clock: Clock,
}

struct ShelfConnector;

fn limit(is_idempotent: bool) -> BatchLimit {
    BatchLimit { max_records: NonZeroU32::new(MAX_RECORDS).unwrap(), max_bytes: MAX_BYTES, is_idempotent }
}

impl Connector for ShelfConnector {
    const NAME: &'static str = "shelf";
    const CAPABILITIES: Capabilities = Capabilities {
        sync_modes: &[SyncMode::FullRefresh, SyncMode::Incremental],
        insert: Some(BatchLimit { max_records: NonZeroU32::MIN, max_bytes: 0, is_idempotent: false }),
        update: Some(BatchLimit { max_records: NonZeroU32::MIN, max_bytes: 0, is_idempotent: true }),
        fetch: Some(PerKeys::of(NonZeroU32::new(5).unwrap())),
        inserts_carry_links: false,
        ..Capabilities::NONE
    };
    type Config = Options;

    fn capabilities(options: &Options) -> Capabilities {
        let written = Capabilities { insert: Some(limit(false)), update: Some(limit(true)), ..Self::CAPABILITIES };
        if options.upserts {
            Capabilities { key: KeyRule::NativeOnUniqueField, upsert: Some(limit(true)), ..written }
        } else {
            written
        }
    }

    fn source(options: Options, context: &Context) -> Result<Box<dyn Source>, ConfigError> {
        Ok(Box::new(OnShelf::new(&options, context)))
    }

    fn destination(options: Options, context: &Context) -> Result<Box<dyn Destination>, ConfigError> {
        Ok(Box::new(OnShelf::new(&options, context)))
    }
}

impl OnShelf {
    fn new(options: &Options, context: &Context) -> Self {
        Self { shelf: shelf(options.shelf), upserts: options.upserts, clock: context.clock().clone() }
    }
}

fn shelf(number: u64) -> Arc<Mutex<Shelf>> {
    Arc::clone(SHELVES.lock().unwrap_or_else(PoisonError::into_inner).entry(number).or_default())
}

fn schema(object: &ObjectName) -> Schema {
    Schema { object: object.clone(), fields: vec![Field::new("key", FieldType::Text)], is_open: false }
}

impl Shelf {
    fn page(&self, start: usize) -> Page {
        let end = (start + self.page).min(self.keys.len());
        let rows = start..end;
        let texts = rows.clone().map(|row| self.keys[row].clone().map_or(Value::Null, Value::Text));
        let columns = [
            column(ID, FieldType::Text, &rows.clone().map(|row| Value::Text(format!("r{row}"))).collect::<Vec<_>>()),
            column(UPDATED_AT, FieldType::Datetime, &rows.clone().map(|_| Value::Null).collect::<Vec<_>>()),
            column(DELETED, FieldType::Boolean, &rows.clone().map(|_| Value::Boolean(false)).collect::<Vec<_>>()),
            column("key", FieldType::Text, &texts.collect::<Vec<_>>()),
        ];
        let columns = columns.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        let frame = DataFrame::new(rows.len(), columns).unwrap();
        Page { frame, rejects: Vec::new(), cursor: Some(Cursor(serde_json::json!(end))), left: None }
    }

    fn write(&mut self, batch: &Batch, now: DateTime<Utc>) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for record in &batch.records {
            let Some(Value::Text(key)) = record.fields.get("Key") else { panic!("a record without its key") };
            let is_upsert = matches!(batch.operation, Operation::Upsert { .. });
            let same = self.held.iter().find(|(_, held)| is_upsert && *held == key).map(|(id, _)| *id);
            let known: Option<u64> = record.destination_id.as_ref().map(|id| id.parse().unwrap()).or(same);
            let id = known.unwrap_or(self.held.len() as u64 + 1);
            self.held.insert(id, key.clone());
            if known.is_none() {
                self.created.insert(id, now);
            }
            let id = id.to_string();
            outcomes.push(if known.is_none() { Outcome::Created { id } } else { Outcome::Updated { id } });
        }
        outcomes
    }
}

#[async_trait]
impl Source for OnShelf {
    async fn check(&self) -> Result<(), ConnectorError> {
        Ok(())
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        Ok(schema(object))
    }

    fn read(&self, request: ReadRequest) -> BoxStream<'_, Result<Page, ConnectorError>> {
        let own = self.shelf.lock().unwrap();
        let start = request.cursor.and_then(|cursor| cursor.0.as_u64()).unwrap_or(0);
        let starts = (usize::try_from(start).unwrap()..own.keys.len()).step_by(own.page);
        let pages: Vec<_> = starts.map(|start| Ok(own.page(start))).collect();
        futures::stream::iter(pages).boxed()
    }
}

#[async_trait]
impl Destination for OnShelf {
    async fn check(&self) -> Result<(), ConnectorError> {
        Ok(())
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        let key = Field { is_unique: self.upserts, ..Field::new("Key", FieldType::Text) };
        Ok(Schema { object: object.clone(), fields: vec![key], is_open: false })
    }

    async fn load(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
        let mut own = self.shelf.lock().unwrap();
        own.batches.push(batch.clone());
        let fault = own.fault.filter(|(number, _)| *number == own.batches.len());
        match fault {
            None => Ok(own.write(batch, self.clock.now())),
            Some((_, is_carried_out)) => {
                if is_carried_out {
                    own.write(batch, self.clock.now());
                }
                // As a kill at this moment: the batch's outcome stays unknown, and nothing more is sent.
                Err(ConnectorError::new(ErrorKind::Unexpected, "killed", "killed"))
            }
        }
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Record>, ConnectorError> {
        let Selection::Keys { values, .. } = &request.selection else { panic!("asked by id") };
        let own = self.shelf.lock().unwrap();
        let wanted: BTreeSet<String> = values.iter().map(|key| key[0].to_text()).collect();
        let found = own.held.iter().filter(|(_, key)| wanted.contains(*key));
        let record = |(id, key): (&u64, &String)| Record {
            id: id.to_string(),
            fields: Fields::from_iter([(FieldName::new("Key"), Value::Text(key.clone()))]),
            place: None,
            merged_into: None,
        };
        Ok(found.map(record).collect())
    }

    fn ages(&self) -> Option<&dyn Ages> {
        self.shelf.lock().unwrap().tells_ages.then_some(self)
    }
}

#[async_trait]
impl Ages for OnShelf {
    async fn ages(&self, _: &ObjectName, ids: &[String]) -> Result<HashMap<String, Duration>, ConnectorError> {
        let own = self.shelf.lock().unwrap();
        let age = |id: &String| {
            let created_at = own.created.get(&id.parse().unwrap()).copied().unwrap_or(DateTime::UNIX_EPOCH);
            Some((id.clone(), age(created_at, self.clock.now())?))
        };
        Ok(ids.iter().filter_map(age).collect())
    }
}

fn pipeline(number: u64, upserts: bool) -> Pipeline {
    let connection = |name: &str| Connection {
        name: name.into(),
        connector: "shelf".to_owned(),
        options: serde_json::json!({ "shelf": number, "upserts": upserts }).as_object().unwrap().clone(),
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
        sync_mode: SyncMode::Incremental,
        transforms: Vec::new(),
        expect: None,
        destinations: vec![destination],
    };
    Pipeline {
        name: "shelf".to_owned(),
        description: None,
        path: PathBuf::from("shelf.yaml"),
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

fn environment(speed: f64) -> Environment {
    let context = Context::in_memory(Clock::accelerated(speed));
    Environment {
        registry: Registry::new([Entry::of::<ShelfConnector>()]),
        context,
        state: State::in_memory(Seal::ephemeral()).unwrap(),
        observer: Arc::new(Silent),
    }
}

/// Checks a batch: within the limits, no key twice, in the source's order.
fn check_batch(batch: &Batch, keys: &[Option<String>]) -> Result<(), TestCaseError> {
    let own: Vec<&str> = batch
        .records
        .iter()
        .map(|record| match &record.fields["Key"] {
            Value::Text(key) => key.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    prop_assert!(own.len() <= MAX_RECORDS as usize);
    let bytes = serde_json::to_vec(&batch.records.iter().map(|record| &record.fields).collect::<Vec<_>>()).unwrap();
    prop_assert!(bytes.len() <= MAX_BYTES || own.len() == 1);
    let distinct: BTreeSet<&str> = own.iter().copied().collect();
    prop_assert_eq!(distinct.len(), own.len(), "a key twice in a batch");
    let places: Vec<_> = own.iter().map(|key| keys.iter().position(|known| known.as_deref() == Some(key))).collect();
    prop_assert!(places.is_sorted(), "out of order: {:?}", own);
    Ok(())
}

/// Checks that everything before the checkpoint is at the destination.
fn check_checkpoint(environment: &Environment, shelf: &Shelf) -> Result<(), TestCaseError> {
    let target = Target {
        pipeline: "shelf".to_owned(),
        stream: StreamName::new("things"),
        connection: ConnectionName::new("to"),
        object: ObjectName::new("things"),
        accounts: Accounts::default(),
    };
    let checkpoint = environment.state.checkpoint_now(&target);
    let end = checkpoint.and_then(|checkpoint| checkpoint.cursor.0.as_u64()).unwrap_or(0);
    let held: BTreeSet<&String> = shelf.held.values().collect();
    for key in shelf.keys.iter().take(usize::try_from(end).unwrap()).flatten() {
        prop_assert!(held.contains(key), "`{}` is before the checkpoint {} and was never written", key, end);
    }
    Ok(())
}

/// Checks that the destination holds every key once.
fn check_whole(shelf: &Shelf, finished: &Finished) -> Result<(), TestCaseError> {
    prop_assert!(finished.failures.is_empty(), "{:?}", finished.failures);
    let ledger = finished.report.streams[0].destinations[0].ledger;
    prop_assert!(ledger.closes(), "{:?}", ledger);
    let expected: BTreeSet<&String> = shelf.keys.iter().flatten().collect();
    let held: Vec<&String> = shelf.held.values().collect();
    prop_assert_eq!(held.len(), expected.len(), "lost or doubled");
    prop_assert_eq!(held.into_iter().collect::<BTreeSet<_>>(), expected);
    let keyless = shelf.keys.iter().filter(|key| key.is_none()).count();
    prop_assert_eq!(ledger.rejected, keyless as u64, "an empty key is rejected");
    Ok(())
}

fn keys() -> impl Strategy<Value = Vec<Option<String>>> {
    let key = prop_oneof![1 => Just(None), 8 => "[a-f]{1,2}".prop_map(Some), 2 => "[x-z]{200,900}".prop_map(Some)];
    prop::collection::vec(key, 1..90)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn a_run_cut_short_anywhere_keeps_limits_order_and_checkpoint_and_the_next_one_ends_it(
        keys in keys(), page in 1_usize..15, fault in 1_usize..12, is_carried_out in any::<bool>(), number in any::<u64>(),
    ) {
        let own = shelf(number);
        *own.lock().unwrap() = Shelf { keys, page, fault: Some((fault, is_carried_out)), ..Shelf::default() };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        // Waits for what a lost request may still do are over at once.
        let environment = environment(1e9);
        let pipeline = pipeline(number, false);
        let go = || runtime.block_on(run(&environment, &pipeline, &RunOptions::default())).unwrap();
        let first = go();
        check_checkpoint(&environment, &own.lock().unwrap())?;
        own.lock().unwrap().fault = None;
        let second = go();
        let shelf = own.lock().unwrap();
        check_checkpoint(&environment, &shelf)?;
        for batch in &shelf.batches {
            check_batch(batch, &shelf.keys)?;
        }
        // Where there were fewer writes than the one that was to fail, the first run came to its end.
        prop_assert!(second.report.is_resumed != (first.report.status == RunStatus::Done));
        check_whole(&shelf, if second.report.is_resumed { &second } else { &first })?;
    }
}

/// Three records, of which the destination has the first already. The process dies at the write, before or after its effect.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_run_created_counts_as_created_where_the_destination_tells_its_age() {
    for (number, is_carried_out, tells_ages, expected) in
        [(1, false, true, (2, 1)), (2, true, true, (2, 1)), (3, true, false, (0, 3))]
    {
        let own = shelf(number);
        let keys = ["a", "b", "c"].map(|key| Some(key.to_owned())).to_vec();
        let held = BTreeMap::from([(1, "a".to_owned())]);
        let fault = Some((1, is_carried_out));
        *own.lock().unwrap() = Shelf { keys, page: 3, held, fault, tells_ages, ..Shelf::default() };
        let (environment, pipeline) = (environment(10_000.0), pipeline(number, true));
        let first = run(&environment, &pipeline, &RunOptions::default()).await.unwrap();
        assert_eq!(first.report.status, RunStatus::Failed);
        own.lock().unwrap().fault = None;
        let second = run(&environment, &pipeline, &RunOptions::default()).await.unwrap();
        assert!(second.report.is_resumed && second.failures.is_empty(), "{:?}", second.failures);
        let ledger = second.report.streams[0].destinations[0].ledger;
        assert!(ledger.closes(), "{ledger:?}");
        assert_eq!((ledger.created, ledger.updated), expected, "{number}");
        assert_eq!(own.lock().unwrap().held.len(), 3, "{number}");
    }
}
