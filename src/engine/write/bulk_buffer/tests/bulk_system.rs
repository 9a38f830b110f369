//! A source and a destination in memory whose bulk API takes few records, and the surroundings of a run between them.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    num::NonZeroU32,
    path::PathBuf,
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures::{StreamExt, stream::BoxStream};
use polars::frame::DataFrame;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::{Connection, Limits, OnError, OnMissing, Pipeline, Stream, StreamDestination, WriteMode};
use crate::connector::{
    BulkBatch, BulkLoad, ConfigError, Connector, ConnectorError, Context, Destination, EarlierJobs, Entry, ErrorKind,
    FetchRequest, Outcomes, ReadRequest, Registry, SEGMENT_RECORDS, Selection, Source,
};
use crate::engine::{Environment, Finished, RunOptions, Silent, run};
use crate::model::{
    Batch, BatchLimit, BatchRecord, BulkLimit, Capabilities, ConnectionName, Cursor, DELETED, Field, FieldName,
    FieldType, Fields, ID, KeyRule, ObjectName, Operation, Outcome, Page, PerKeys, Record, Rejection, Schema,
    StreamName, SyncMode, UPDATED_AT, Value, column,
};
use crate::state::{Accounts, DeadLetter, Seal, State, Target};

/// From how many records on the bulk API is taken. A chunk has 20 in tests.
const MIN_RECORDS: u32 = 10;

/// What a source has and a destination holds.
#[derive(Debug, Default)]
pub(in crate::engine) struct BulkSystem {
    /// The source's records: id and key.
    pub(in crate::engine) rows: Vec<(String, String)>,
    pub(in crate::engine) page: usize,
    /// The destination's keys, by id.
    pub(in crate::engine) held: BTreeMap<u64, String>,
    /// The keys of each batch that came by the bulk API, and how many there were in each other.
    pub(in crate::engine) bulk_loads: Vec<Vec<String>>,
    pub(in crate::engine) loads: Vec<usize>,
    /// How often an earlier run's work was waited for.
    pub(in crate::engine) settles: usize,
    /// What happens to the batch of this number, of either way.
    pub(in crate::engine) fault: Option<(usize, Fault)>,
    /// Keys that are refused, once each.
    pub(in crate::engine) refused_once: HashSet<String>,
    /// A key with which a whole batch is refused.
    pub(in crate::engine) poison: Option<String>,
    /// Holds ordinary batches up until another system holds so many records.
    pub(in crate::engine) gate: Option<(u64, usize)>,
    /// Stops the run when so many records are read.
    pub(in crate::engine) stop: Option<(usize, CancellationToken)>,
}

#[derive(Debug, Clone, Copy)]
pub(in crate::engine) enum Fault {
    /// As a kill at this moment; whether the batch was carried out.
    Killed(bool),
    /// So many records were written and the answer is lost.
    Lost(usize),
    /// All were written, and of so many the outcome comes: as a kill while outcomes are stored.
    Short(usize),
}

/// Outcomes that end before they should.
struct Short {
    outcomes: std::vec::IntoIter<Outcome>,
    len: usize,
}

impl Iterator for Short {
    type Item = Outcome;

    fn next(&mut self) -> Option<Outcome> {
        self.outcomes.next()
    }
}

impl ExactSizeIterator for Short {
    fn len(&self) -> usize {
        self.len
    }
}

static SYSTEMS: LazyLock<Mutex<HashMap<u64, Arc<Mutex<BulkSystem>>>>> = LazyLock::new(Mutex::default);

#[derive(Debug, Deserialize, JsonSchema)]
pub(in crate::engine) struct Options {
    bulk_system: u64,
    /// Most records of a batch on the bulk API; none where there is no such way.
    bulk_records: u32,
    is_native: bool,
}

#[derive(Debug)]
pub(in crate::engine) struct InBulkSystem(Arc<Mutex<BulkSystem>>);

pub(in crate::engine) struct BulkSystemConnector;

pub(in crate::engine) fn limit(is_idempotent: bool) -> BatchLimit {
    BatchLimit { max_records: NonZeroU32::new(4).unwrap(), max_bytes: 100_000, is_idempotent }
}

impl Connector for BulkSystemConnector {
    const NAME: &'static str = "bulk_system";
    const CAPABILITIES: Capabilities = Capabilities {
        sync_modes: &[SyncMode::FullRefresh, SyncMode::Incremental],
        fetch: Some(PerKeys::of(NonZeroU32::new(50).unwrap())),
        inserts_carry_links: false,
        ..Capabilities::NONE
    };
    type Config = Options;

    fn capabilities(options: &Options) -> Capabilities {
        let bulk = NonZeroU32::new(options.bulk_records).map(|max_records| BulkLimit {
            min_records: NonZeroU32::new(MIN_RECORDS).unwrap(),
            max_records,
            max_bytes: 100_000,
        });
        let key = if options.is_native { KeyRule::NativeUpTo(1) } else { KeyRule::None };
        Capabilities {
            key,
            insert: Some(limit(false)),
            update: Some(limit(true)),
            upsert: Some(limit(true)),
            bulk,
            ..Self::CAPABILITIES
        }
    }

    fn source(options: Options, _: &Context) -> Result<Box<dyn Source>, ConfigError> {
        Ok(Box::new(InBulkSystem(bulk_system(options.bulk_system))))
    }

    fn destination(options: Options, _: &Context) -> Result<Box<dyn Destination>, ConfigError> {
        Ok(Box::new(InBulkSystem(bulk_system(options.bulk_system))))
    }
}

pub(in crate::engine) fn bulk_system(number: u64) -> Arc<Mutex<BulkSystem>> {
    Arc::clone(SYSTEMS.lock().unwrap_or_else(PoisonError::into_inner).entry(number).or_default())
}

impl BulkSystem {
    fn read(&self, start: usize) -> Page {
        let end = (start + self.page).min(self.rows.len());
        if let Some((_, token)) = self.stop.as_ref().filter(|(after, _)| end >= *after) {
            token.cancel();
        }
        let rows = &self.rows[start..end];
        let texts = |text: fn(&(String, String)) -> &String| -> Vec<Value> {
            rows.iter().map(|row| Value::Text(text(row).clone())).collect()
        };
        let same = |value: &Value| vec![value.clone(); rows.len()];
        let columns = [
            column(ID, FieldType::Text, &texts(|row| &row.0)),
            column(UPDATED_AT, FieldType::Datetime, &same(&Value::Null)),
            column(DELETED, FieldType::Boolean, &same(&Value::Boolean(false))),
            column("key", FieldType::Text, &texts(|row| &row.1)),
        ];
        let columns = columns.into_iter().collect::<Result<Vec<_>, _>>().unwrap();
        let frame = DataFrame::new(rows.len(), columns).unwrap();
        Page { frame, rejects: Vec::new(), cursor: Some(Cursor(json!(end))), left: None }
    }

    fn write_one(&mut self, operation: &Operation, record: &BatchRecord) -> Outcome {
        let key = key_of(record);
        if self.refused_once.remove(&key) {
            return Outcome::Rejected(Rejection::new("refused", "not today"));
        }
        let known = record.destination_id.as_ref().map(|id| id.parse().unwrap());
        let known = known.or_else(|| match operation {
            Operation::Upsert { .. } => self.held.iter().find(|(_, held)| **held == key).map(|(id, _)| *id),
            _ => None,
        });
        let id: u64 = known.unwrap_or(u64::try_from(self.held.len()).unwrap() + 1);
        self.held.insert(id, key);
        let id = id.to_string();
        if known.is_some() { Outcome::Updated { id } } else { Outcome::Created { id } }
    }

    fn write(&mut self, operation: &Operation, records: &[BatchRecord]) -> Result<Vec<Outcome>, ConnectorError> {
        if records.iter().any(|record| self.poison.as_ref() == Some(&key_of(record))) {
            return Err(ConnectorError::new(ErrorKind::Refused, "poison", "one of them is no good"));
        }
        let number = self.bulk_loads.len() + self.loads.len();
        let (written, kind) = match self.fault.filter(|(faulty, _)| *faulty == number) {
            None | Some((_, Fault::Short(_))) => {
                return Ok(records.iter().map(|record| self.write_one(operation, record)).collect());
            }
            Some((_, Fault::Killed(is_carried_out))) => {
                (if is_carried_out { records.len() } else { 0 }, ErrorKind::Unexpected)
            }
            Some((_, Fault::Lost(count))) => (count, ErrorKind::Unanswered),
        };
        for record in records.iter().take(written) {
            self.write_one(operation, record);
        }
        Err(ConnectorError::new(kind, "fault", "fault"))
    }
}

pub(in crate::engine) fn key_of(record: &BatchRecord) -> String {
    record.fields["Key"].to_text()
}

#[async_trait]
impl Source for InBulkSystem {
    async fn check(&self) -> Result<(), ConnectorError> {
        Ok(())
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        Ok(Schema { object: object.clone(), fields: vec![Field::new("key", FieldType::Text)], is_open: false })
    }

    fn read(&self, request: ReadRequest) -> BoxStream<'_, Result<Page, ConnectorError>> {
        let start = request.cursor.and_then(|cursor| cursor.0.as_u64()).unwrap_or(0);
        futures::stream::unfold(usize::try_from(start).unwrap(), move |start| async move {
            let own = self.0.lock().unwrap();
            (start < own.rows.len()).then(|| (Ok(own.read(start)), start + own.page))
        })
        .boxed()
    }
}

#[async_trait]
impl Destination for InBulkSystem {
    async fn check(&self) -> Result<(), ConnectorError> {
        Ok(())
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        let key = Field { is_upsert_key: true, ..Field::new("Key", FieldType::Text) };
        Ok(Schema { object: object.clone(), fields: vec![key], is_open: false })
    }

    async fn load(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
        let traces: HashSet<&String> = batch.records.iter().map(|record| &record.trace_id).collect();
        assert_eq!(traces.len(), batch.records.len(), "a trace id twice");
        let gate = self.0.lock().unwrap().gate;
        if let Some((number, count)) = gate {
            let other = bulk_system(number);
            let mut looks = 0;
            while other.lock().unwrap().held.len() < count {
                looks += 1;
                if looks > 5_000 {
                    return Err(ConnectorError::new(ErrorKind::Unexpected, "gate", "the other system does not go on"));
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        let mut own = self.0.lock().unwrap();
        own.loads.push(batch.records.len());
        own.write(&batch.operation, &batch.records)
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Record>, ConnectorError> {
        let Selection::Keys { values, .. } = &request.selection else { panic!("asked by id") };
        let own = self.0.lock().unwrap();
        let is_wanted = |key: &String| values.iter().any(|values| values[0].to_text() == *key);
        let record = |(id, key): (&u64, &String)| Record {
            id: id.to_string(),
            fields: Fields::from_iter([(FieldName::new("Key"), Value::Text(key.clone()))]),
            place: None,
            merged_into: None,
        };
        Ok(own.held.iter().filter(|(_, key)| is_wanted(key)).map(record).collect())
    }

    fn bulk(&self) -> Option<&dyn BulkLoad> {
        Some(self)
    }

    fn earlier_jobs(&self) -> Option<&dyn EarlierJobs> {
        Some(self)
    }
}

#[async_trait]
impl BulkLoad for InBulkSystem {
    async fn load_bulk(&self, batch: &BulkBatch<'_>) -> Result<Outcomes, ConnectorError> {
        let segments = (0..batch.records.len()).step_by(SEGMENT_RECORDS).map(|first| batch.records.segment(first));
        let records = segments.collect::<Result<Vec<_>, _>>()?.concat();
        assert_eq!(batch.fields, [FieldName::new("Key")]);
        let traces: HashSet<&String> = records.iter().map(|record| &record.trace_id).collect();
        assert_eq!(traces.len(), records.len(), "a trace id twice");
        let mut own = self.0.lock().unwrap();
        own.bulk_loads.push(records.iter().map(key_of).collect());
        let mut outcomes = own.write(batch.operation, &records)?;
        if let Some((_, Fault::Short(count))) = own.fault {
            outcomes.truncate(count);
        }
        Ok(Box::new(Short { outcomes: outcomes.into_iter(), len: records.len() }))
    }
}

#[async_trait]
impl EarlierJobs for InBulkSystem {
    async fn wait_for_earlier_jobs(&self, _: &ObjectName) -> Result<(), ConnectorError> {
        self.0.lock().unwrap().settles += 1;
        Ok(())
    }
}

/// A run's surroundings: a bulk system of its own as source and destination, or as one destination of two.
pub(in crate::engine) struct Place {
    pub(in crate::engine) bulk_system: Arc<Mutex<BulkSystem>>,
    pub(in crate::engine) environment: Environment,
    pub(in crate::engine) pipeline: Pipeline,
    runtime: Runtime,
}

impl Place {
    pub(in crate::engine) fn new(number: u64, bulk_records: u32, rows: Vec<(String, String)>) -> Self {
        let own = bulk_system(number);
        *own.lock().unwrap() = BulkSystem { rows, page: 7, ..BulkSystem::default() };
        let context = Context::in_memory(Clock::accelerated(1e9));
        let environment = Environment {
            registry: Registry::new([Entry::of::<BulkSystemConnector>()]),
            context,
            state: State::in_memory(Seal::ephemeral()).unwrap(),
            observer: Arc::new(Silent),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { bulk_system: own, environment, pipeline: pipeline(number, bulk_records), runtime }
    }

    pub(in crate::engine) fn own(&self) -> MutexGuard<'_, BulkSystem> {
        self.bulk_system.lock().unwrap()
    }

    pub(in crate::engine) fn run(&self) -> Finished {
        self.runtime.block_on(run(&self.environment, &self.pipeline, &RunOptions::default())).unwrap()
    }

    pub(in crate::engine) fn letters(&self, run_id: &str) -> Vec<DeadLetter> {
        self.runtime.block_on(self.environment.state.letters(run_id)).unwrap().open
    }

    pub(in crate::engine) fn checkpoint(&self, connection: &str) -> Option<u64> {
        let target = Target {
            pipeline: "bulk_system".to_owned(),
            stream: StreamName::new("things"),
            connection: ConnectionName::new(connection),
            object: ObjectName::new("things"),
            accounts: Accounts::default(),
        };
        let checkpoint = self.environment.state.checkpoint_now(&target);
        checkpoint.and_then(|checkpoint| checkpoint.cursor.0.as_u64())
    }
}

pub(in crate::engine) fn pipeline(number: u64, bulk_records: u32) -> Pipeline {
    let options = json!({ "bulk_system": number, "bulk_records": bulk_records, "is_native": true });
    let connection = |name: &str| Connection {
        name: name.into(),
        connector: "bulk_system".to_owned(),
        options: options.as_object().unwrap().clone(),
        account: None,
        audit: None,
    };
    let stream = Stream {
        name: "things".into(),
        connection: "from".into(),
        object: "things".into(),
        filter: None,
        sync_mode: SyncMode::Incremental,
        transforms: Vec::new(),
        expect: None,
        destinations: vec![destination("to", WriteMode::Upsert)],
    };
    Pipeline {
        name: "bulk_system".to_owned(),
        description: None,
        path: PathBuf::from("bulk_system.yaml"),
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

pub(in crate::engine) fn destination(connection: &str, write: WriteMode) -> StreamDestination {
    StreamDestination {
        connection: connection.into(),
        object: "things".into(),
        write,
        key: vec!["Key".into()],
        on_missing: OnMissing::Recreate,
        mappings: serde_yaml::from_str("Key: key").unwrap(),
        standard: None,
    }
}
