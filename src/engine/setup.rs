//! Connects a stream's source and destinations, and compiles its mappings against what they declare.

use std::{collections::HashSet, num::NonZeroU32, path::Path, sync::Arc, time::Duration};

use jsonschema::Validator;

use crate::config::{Connection, CountOrShare, OnError, OnMissing, Pipeline, Stream, StreamDestination, WriteMode};
use crate::connector::{Context, Destination, Registry, Replace, Source};
use crate::model::{
    BatchLimit, Capabilities, ConnectionName, DELETED, Field, FieldName, FieldType, ID, KeyRule, LinkIds, Operation,
    Schema, UPDATED_AT,
};
use crate::state::{Accounts, State, Target, TargetId};
use crate::transform::{Mapper, TransformError, key_names, spec::When};

use super::{decide::prepare::Preparation, error::EngineError, observer::Observer, quota::QuotaGuard};

/// Records of a page of the state file. They are ids and little more, so that many fit into memory.
const PAGE_RECORDS: u32 = 2_000;
const BULK_PAGE_RECORDS: u32 = 50_000;
/// The reason of records that may or may not have been created.
pub(in crate::engine) const UNKNOWN_EFFECT: &str = "unknown_effect";

/// What a run works with.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The connectors.
    pub registry: Registry,
    /// What connectors are handed; each gets its own counts.
    pub context: Context,
    /// The state file.
    pub state: State,
    /// Who is told what happens.
    pub observer: Arc<dyn Observer>,
}

/// A source, connected.
#[derive(Debug)]
pub(super) struct Extraction {
    pub source: Box<dyn Source>,
    pub capabilities: Capabilities,
    pub context: Context,
    pub quota: QuotaGuard,
}

/// One destination of a stream, connected and ready to load.
#[derive(Debug)]
pub(super) struct Loader {
    pub run_id: String,
    pub target: Target,
    pub target_id: TargetId,
    pub destination: Box<dyn Destination>,
    pub capabilities: Capabilities,
    pub schema: Schema,
    pub mapper: Arc<Mapper>,
    pub preparation: Preparation,
    pub policy: WritePolicy,
    pub guards: Guards,
    pub expect: Option<Arc<Validator>>,
    pub context: Context,
    pub state: State,
    pub observer: Arc<dyn Observer>,
    /// Whether records that did not change are looked for at the destination.
    pub is_verifying: bool,
    /// Records that an earlier run may or may not have created: it was killed or lost the answer.
    pub unsettled: HashSet<String>,
    /// Whether there are batches of an earlier run of which no outcome is known.
    pub has_intents: bool,
}

/// How records are written.
#[derive(Debug, Clone)]
pub(super) struct WritePolicy {
    pub write: WriteMode,
    /// Whether the destination upserts on the key by itself.
    pub is_upsert_native: bool,
    pub on_create: Vec<FieldName>,
    pub if_blank: Vec<FieldName>,
    pub batch_size: Option<NonZeroU32>,
    /// What is done with records that somebody deleted at the destination.
    pub on_missing: OnMissing,
}

/// What stops a run early.
#[derive(Debug, Clone)]
pub(super) struct Guards {
    pub max_rejects: Option<CountOrShare>,
    pub max_deletes: Option<CountOrShare>,
    pub quota: QuotaGuard,
}

impl Environment {
    pub(super) fn connect_source(&self, pipeline: &Pipeline, stream: &Stream) -> Result<Extraction, EngineError> {
        let connection = connection(pipeline, &stream.connection)?;
        let entry = self.registry.get(&connection.connector)?;
        let context = self.context.for_connection(connection.name.clone());
        let source = (entry.source)(connection.options.clone(), &context)
            .map_err(|error| EngineError::Config { connection: connection.name.clone(), error })?;
        let capabilities = (entry.capabilities_of)(connection.options.clone())
            .map_err(|error| EngineError::Config { connection: connection.name.clone(), error })?;
        let quota = QuotaGuard::new(pipeline.limits.quota_share, context.clone());
        Ok(Extraction { source, capabilities, context, quota })
    }

    /// Makes what a connection of a stream is handed: its meter counts the calls, whether connecting succeeds or not.
    pub(super) fn context_of(&self, connection: &ConnectionName) -> Context {
        self.context.for_connection(connection.clone())
    }

    /// Connects a destination of a stream. `schema` is what the stream's records look like before they are mapped.
    pub(super) async fn connect_destination(
        &self,
        pipeline: &Pipeline,
        stream: &Stream,
        config: &StreamDestination,
        schema: &Schema,
        run_id: &str,
        context: Context,
    ) -> Result<Loader, EngineError> {
        let connection = connection(pipeline, &config.connection)?;
        let entry = self.registry.get(&connection.connector)?;
        let destination = (entry.destination)(connection.options.clone(), &context)
            .map_err(|error| EngineError::Config { connection: connection.name.clone(), error })?;
        let named: Vec<FieldName> = config.mappings.keys().map(FieldName::new).collect();
        let declared = match destination.partial_describe() {
            Some(partial) => partial.describe_for(&config.object, &named).await,
            None => destination.describe(&config.object).await,
        };
        let declared = declared.map_err(|error| EngineError::connector(&connection.name, error))?;
        let mapper =
            Mapper::compile(&config.mappings, schema, &declared).map_err(|error| transform_error(stream, error))?;
        let capabilities = (entry.capabilities_of)(connection.options.clone())
            .map_err(|error| EngineError::Config { connection: connection.name.clone(), error })?;
        let key = key_names(&config.key, &declared).map_err(|error| transform_error(stream, error))?;
        let policy = write_policy(pipeline, config, &key, &capabilities, &declared, &mapper);
        check_policy(config, &policy, &capabilities, &mapper)?;
        let target = Target {
            pipeline: pipeline.name.clone(),
            stream: stream.name.clone(),
            connection: config.connection.clone(),
            object: config.object.clone(),
            accounts: Accounts::default(),
        };
        let (target_id, unsettled, has_intents) = {
            let target = target.clone();
            self.state
                .work(move |work| {
                    let target_id = work.target_id(&target)?;
                    let mut unsettled: HashSet<String> = work.unsettled(target_id, "insert")?.into_iter().collect();
                    unsettled.extend(work.held(target_id, UNKNOWN_EFFECT)?);
                    Ok((target_id, unsettled, work.has_intents(target_id)?))
                })
                .await?
        };
        let is_case_insensitive =
            |name: &FieldName| declared.field(name).is_some_and(|field| field.is_case_insensitive);
        let preparation = Preparation {
            fields: mapper.fields().into(),
            are_keys_case_insensitive: key.iter().map(is_case_insensitive).collect(),
            key: key.into(),
        };
        Ok(Loader {
            run_id: run_id.to_owned(),
            target,
            target_id,
            destination,
            capabilities,
            schema: declared,
            mapper: Arc::new(mapper),
            preparation,
            policy,
            guards: Guards {
                max_rejects: match pipeline.on_error {
                    OnError::Stop => Some(CountOrShare::Count(0)),
                    OnError::Continue => pipeline.limits.max_rejects,
                },
                max_deletes: pipeline.limits.max_deletes,
                quota: QuotaGuard::new(pipeline.limits.quota_share, context.clone()),
            },
            expect: stream.expect.as_deref().map(read_expectation).transpose()?,
            context,
            state: self.state.clone(),
            observer: Arc::clone(&self.observer),
            is_verifying: false,
            unsettled,
            has_intents,
        })
    }
}

impl Loader {
    /// Returns the connection's name.
    pub(super) fn connection(&self) -> &ConnectionName {
        &self.target.connection
    }

    /// Waits for what an earlier run left under way at the destination.
    pub(super) async fn settle_earlier(&self) -> Result<(), EngineError> {
        if !self.has_intents {
            return Ok(());
        }
        let Some(jobs) = self.destination.earlier_jobs() else { return Ok(()) };
        let waited = jobs.wait_for_earlier_jobs(&self.target.object).await;
        waited.map_err(|error| EngineError::connector(self.connection(), error))
    }

    /// Tells whether the whole object is written anew: nothing is matched, and nothing of an earlier version is kept.
    pub(super) fn is_replacing(&self) -> bool {
        self.policy.write == WriteMode::Replace
    }

    /// Returns the limit of a batch of inserts.
    pub(super) fn insert_limit(&self) -> Option<BatchLimit> {
        if self.is_replacing() { self.capabilities.replace } else { self.capabilities.insert }
    }

    /// Returns the way to write the whole object anew, where this run does so.
    pub(super) fn replacing(&self) -> Result<Option<&dyn Replace>, EngineError> {
        if !self.is_replacing() {
            return Ok(None);
        }
        self.destination.replace().map(Some).ok_or_else(|| self.unoffered("a way to replace an object"))
    }

    /// Says that the connector declares what it does not offer.
    pub(super) fn unoffered(&self, what: &str) -> EngineError {
        let connection = self.connection();
        EngineError::Unsupported(format!("the connector of `{connection}` declares {what} and does not offer it"))
    }

    /// Returns the fields that will be written, in the mappings' order.
    pub(super) fn written_fields(&self) -> Vec<Field> {
        let fields = self.preparation.fields.iter();
        fields
            .map(|mapped| match self.schema.field(&mapped.name) {
                Some(declared) => declared.clone(),
                None => Field::new(&*mapped.name, mapped.field_type),
            })
            .collect()
    }

    /// Returns the limit of a batch where so many records of an operation wait: that of the bulk API, where there is
    /// one and it is worth it.
    pub(super) fn limit_for(&self, operation: &Operation, limit: BatchLimit, waiting: usize) -> BatchLimit {
        let is_worth_it = *operation != Operation::Link
            && self
                .capabilities
                .bulk
                .is_some_and(|bulk| u32::try_from(waiting).is_ok_and(|waiting| waiting >= bulk.min_records.get()));
        self.bulk_limit(limit).filter(|_| is_worth_it).unwrap_or_else(|| self.narrowed(limit))
    }

    /// Returns the limit of a batch on the bulk API, where there is one.
    pub(super) fn bulk_limit(&self, limit: BatchLimit) -> Option<BatchLimit> {
        let bulk = self.capabilities.bulk?;
        Some(self.narrowed(BatchLimit { max_records: bulk.max_records, max_bytes: bulk.max_bytes, ..limit }))
    }

    /// Returns how many records that the state file knows are worked on at once: a request's worth several times over, and more
    /// where there is a bulk API, each batch of which costs several calls.
    pub(super) fn page_records(&self) -> u32 {
        if self.capabilities.bulk.is_some() { BULK_PAGE_RECORDS } else { PAGE_RECORDS }
    }

    /// Tells whether so many records of an operation are to wait for those of later chunks, so that they are written
    /// together. Once some wait, the others of their operation do too.
    pub(super) fn gathers(&self, limit: BatchLimit, waiting: usize, count: usize) -> bool {
        let (Some(bulk), Some(limit)) = (self.capabilities.bulk, self.bulk_limit(limit)) else { return false };
        let is_many = waiting > 0 || u32::try_from(count).is_ok_and(|count| count >= bulk.min_records.get());
        // Who wants to stop at so many rejects must learn of them chunk by chunk.
        is_many && limit.max_records >= bulk.min_records && self.guards.max_rejects.is_none()
    }

    /// Narrows a limit to the pipeline's batch size.
    pub(super) fn narrowed(&self, limit: BatchLimit) -> BatchLimit {
        let max_records = self.policy.batch_size.map_or(limit.max_records, |size| size.min(limit.max_records));
        BatchLimit { max_records, ..limit }
    }

    /// Waits; ends early, as an error, when the run is to stop.
    pub(super) async fn wait(&self, duration: Duration) -> Result<(), EngineError> {
        tokio::select! {
            () = self.context.clock().sleep(duration) => Ok(()),
            () = self.context.transport.shutdown.cancelled() => Err(EngineError::asked_to_stop()),
        }
    }

    /// Fails when the run was asked to stop.
    pub(super) fn check_goes_on(&self) -> Result<(), EngineError> {
        if self.context.transport.shutdown.is_cancelled() {
            return Err(EngineError::asked_to_stop());
        }
        Ok(())
    }

    /// Fails when nothing more may be sent: the run was asked to stop, or the quota's share is used.
    pub(super) fn check_may_send(&self) -> Result<(), EngineError> {
        self.check_goes_on()?;
        self.guards.quota.check()
    }
}

/// Returns what a stream's frames look like: the fields that the source declares, and the columns that every frame has.
pub(super) fn frame_schema(declared: &Schema) -> Schema {
    let own = [(ID, FieldType::Text), (UPDATED_AT, FieldType::Datetime), (DELETED, FieldType::Boolean)];
    let own = own.into_iter().map(|(name, field_type)| Field::new(name, field_type));
    let declared_fields = declared.fields.iter().filter(|field| ![ID, UPDATED_AT, DELETED].contains(&&*field.name));
    Schema {
        object: declared.object.clone(),
        fields: own.chain(declared_fields.cloned()).collect(),
        is_open: declared.is_open,
    }
}

pub(super) fn transform_error(stream: &Stream, error: TransformError) -> EngineError {
    EngineError::Transform { stream: stream.name.clone(), error: Box::new(error) }
}

pub(super) fn connection<'pipeline>(
    pipeline: &'pipeline Pipeline,
    name: &ConnectionName,
) -> Result<&'pipeline Connection, EngineError> {
    let found = pipeline.connections.get(name);
    found.ok_or_else(|| EngineError::Unsupported(format!("no connection is called `{name}`")))
}

fn write_policy(
    pipeline: &Pipeline,
    config: &StreamDestination,
    key: &[FieldName],
    capabilities: &Capabilities,
    schema: &Schema,
    mapper: &Mapper,
) -> WritePolicy {
    let named = |when: When| -> Vec<FieldName> {
        let fields = mapper.fields().iter().filter(|field| field.when == when);
        fields.map(|field| field.name.clone()).collect()
    };
    let (on_create, if_blank) = (named(When::OnCreate), named(When::IfBlank));
    let is_key_field =
        |test: fn(&Field) -> bool| !key.is_empty() && key.iter().all(|name| schema.field(name).is_some_and(test));
    let has_native_key = match capabilities.key {
        KeyRule::None => false,
        KeyRule::NativeOnUniqueField => key.len() == 1 && is_key_field(|field| field.is_unique),
        KeyRule::NativeUpTo(most) => key.len() <= most && is_key_field(|field| field.is_upsert_key),
    };
    let is_wanted = matches!(config.write, WriteMode::Upsert | WriteMode::Mirror);
    let is_upsert_native =
        is_wanted && has_native_key && capabilities.upsert.is_some() && on_create.is_empty() && if_blank.is_empty();
    WritePolicy {
        write: config.write.at(capabilities),
        is_upsert_native,
        on_create,
        if_blank,
        batch_size: pipeline.limits.batch_size,
        on_missing: config.on_missing,
    }
}

/// Refuses what the destination cannot do, before anything is read.
fn check_policy(
    config: &StreamDestination,
    policy: &WritePolicy,
    capabilities: &Capabilities,
    mapper: &Mapper,
) -> Result<(), EngineError> {
    let refuse = |what: &str| {
        Err(EngineError::Unsupported(format!("`{}` cannot {what} (object `{}`)", config.connection, config.object)))
    };
    if policy.write == WriteMode::Replace {
        let has_links = mapper.fields().iter().any(|field| field.link.is_some());
        return match capabilities.replace {
            None => refuse("be written anew by each run (`write: replace`)"),
            // A link that waits for its target would be written to a version that is no longer there.
            Some(_) if has_links && capabilities.link_ids == LinkIds::Destination => {
                refuse("hold links where it is written anew by each run (`write: replace`)")
            }
            Some(_) => Ok(()),
        };
    }
    if policy.write == WriteMode::Mirror && capabilities.only_replaces() {
        return refuse("mirror: it is written anew by each run, so `write: replace` does the same");
    }
    if policy.write == WriteMode::Mirror && capabilities.delete.is_none() {
        return refuse("delete records, so it cannot mirror");
    }
    let must_look_up = !config.key.is_empty() && !policy.is_upsert_native && policy.write != WriteMode::Insert;
    if must_look_up && capabilities.fetch.is_none() {
        return refuse("be asked for records by this key");
    }
    if policy.write != WriteMode::Update && capabilities.insert.is_none() {
        return refuse("create records");
    }
    Ok(())
}

fn read_expectation(path: &Path) -> Result<Arc<Validator>, EngineError> {
    let failed = |reason: String| EngineError::File { path: path.display().to_string(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let schema: serde_json::Value = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    let validator = jsonschema::validator_for(&schema).map_err(|error| failed(error.to_string()))?;
    Ok(Arc::new(validator))
}
