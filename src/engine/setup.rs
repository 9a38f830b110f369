//! Connects a stream's source and destinations, and compiles its mappings against what they declare.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use jsonschema::Validator;

use crate::config::{Pipeline, Stream, StreamDestination, WriteMode, replaced_source};
use crate::connector::{Context, FormulaField, Replace, WritePlan};
use crate::model::{BatchLimit, Capabilities, ConnectionName, Field, FieldName, Operation, Schema};
use crate::state::{Before, Checkpoint, Intent, LeaseName, OpenIntent, OpenTarget, Target, TargetId, TargetLedger};
use crate::transform::{MappedField, Mapper, formulas, key_names};

use super::{
    accounts::RunIdentity,
    decide::{
        look_alikes::LookAlikes, prepare::Preparation, replaced_ids::ReplacedIds, whole_object::WholeObjectIndex,
    },
    environment::{Environment, connection, transform_error},
    error::EngineError,
    policy::{Reads, WritePolicy, check_policy, write_policy},
    quota::QuotaGuard,
    review::{Review, ReviewPlace},
    services::Services,
    way::{Circumstances, Way},
};

/// Records of a page of the state file. They are ids and little more, so that many fit into memory.
const PAGE_RECORDS: u32 = 2_000;
const BULK_PAGE_RECORDS: u32 = 50_000;
/// The reason of records that may or may not have been created.
pub(in crate::engine) const UNKNOWN_EFFECT: &str = "unknown_effect";

/// One destination of a stream, connected and ready to load.
#[derive(Debug)]
pub(super) struct Loader {
    pub target: RunTarget,
    /// The lease under which it writes, where two who write at once could do harm.
    pub lease: Option<LeaseName>,
    pub policy: WritePolicy,
    pub shape: Shape,
    pub services: Services,
    pub earlier: Earlier,
    /// What the run read of the whole object, where that is how records are looked up.
    pub whole_object: WholeObjectIndex,
    /// Keys of this run that look the same.
    pub look_alikes: LookAlikes,
    pub replaced_ids: Arc<ReplacedIds>,
    /// How records get here.
    pub way: Way,
    /// Who looks at what is about to be done.
    pub review: Option<Arc<dyn Review>>,
}

/// What is written to, and in which run.
#[derive(Debug, Clone)]
pub(super) struct RunTarget {
    pub run_id: String,
    /// The run whose dead letters are loaded again, where this is a redrive.
    pub redriven_run: Option<String>,
    /// The file that is replaced, where it is the one that the stream reads.
    pub replaced_source: Option<PathBuf>,
    pub names: Target,
    pub id: TargetId,
}

/// What records look like at the destination, and how they get there from a frame.
#[derive(Debug)]
pub(super) struct Shape {
    pub schema: Schema,
    pub mapper: Arc<Mapper>,
    pub preparation: Preparation,
    pub expect: Option<Arc<Validator>>,
}

/// What earlier runs, or this one before it was stopped, left at the target.
#[derive(Debug)]
pub(super) struct Earlier {
    /// Where the next read goes on, as far as this destination knows.
    pub checkpoint: Option<Checkpoint>,
    /// What this run did here before it was stopped.
    pub ledger: Option<TargetLedger>,
    /// Source ids of records that may or may not have been created: the run was killed or lost the answer.
    pub unsettled: HashSet<String>,
    /// Those of them that this run may have created.
    pub own_unsettled: HashSet<String>,
    /// Source ids of records of native upserts that this run may have carried out, and when it was first about to.
    pub own_upserts: HashMap<String, DateTime<Utc>>,
    /// When the last batch without a known outcome was about to be sent; none if every outcome is known.
    pub last_unsettled: Option<DateTime<Utc>>,
    /// How many records the destination was found not to hold any more.
    pub missing: u64,
    /// What records held before a batch whose outcome is not known, by their ids in its intent.
    pub before: HashMap<String, Before>,
}

impl Environment {
    /// Connects a destination of a stream. `schema` is what the stream's records look like before they are mapped.
    #[expect(clippy::too_many_lines, reason = "each step needs what the one before it made")]
    pub(super) async fn connect_destination(
        &self,
        pipeline: &Pipeline,
        stream: &Stream,
        config: &StreamDestination,
        schema: &Schema,
        run: RunIdentity<'_>,
        context: Context,
    ) -> Result<Loader, EngineError> {
        let source_connection = connection(pipeline, &stream.connection)?;
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
        self.see_written(&pipeline.name, run, (config, entry.capabilities), &declared).await?;
        let mapper =
            Mapper::compile(&config.mappings, schema, &declared).map_err(|error| transform_error(stream, error))?;
        check_standard(&mapper, &declared, stream, config)?;
        let capabilities = (entry.capabilities_of)(connection.options.clone())
            .map_err(|error| EngineError::Config { connection: connection.name.clone(), error })?;
        let key = key_names(&config.key, &declared).map_err(|error| transform_error(stream, error))?;
        let policy = write_policy(pipeline, config, &key, &capabilities, &declared, &mapper);
        check_policy(config, &policy, &capabilities, &mapper)?;
        let lease = run.accounts.known(&config.connection).and_then(|account| {
            let account = format!("{} {}", connection.connector, account.id());
            write_lease(account, config, &key, (&capabilities, &policy, &declared))
        });
        if let Some(name) = &lease {
            self.state.hold_lease(name.clone(), &pipeline.name, self.context.clock().now()).await?;
        }
        let plan = write_plan(config, &key, &declared, &mapper);
        destination.plan(plan).map_err(|error| EngineError::connector(&connection.name, error))?;
        let target = Target {
            pipeline: pipeline.name.clone(),
            stream: stream.name.clone(),
            connection: config.connection.clone(),
            object: config.object.clone(),
            accounts: run.accounts.between(&stream.connection, &config.connection)?,
        };
        let way = Way::of(&Circumstances {
            pipeline,
            stream,
            config,
            source: self.registry.get(&source_connection.connector)?.capabilities,
            destination: &*destination,
            policy: &policy,
            mapper: &mapper,
            is_reviewed: run.review.is_some(),
        });
        tracing::debug!(stream = %stream.name, connection = %config.connection, ?way, "way of the records chosen");
        let (destination, policy) = match run.review {
            Some(review) => {
                if policy.write == WriteMode::Replace
                    && let Ok(source) = (entry.source)(connection.options.clone(), &context)
                {
                    let before = context.meter.spent();
                    let fields = written_fields(mapper.fields(), &declared);
                    let written = Schema { object: config.object.clone(), fields, is_open: false };
                    review.replaces(&target, &*source, written, &key).await;
                    review.looked_aside(&target, context.meter.spent().without(&before));
                }
                let reads = if declared_reads(&policy, &capabilities) { review.reads() } else { Reads::Nothing };
                (review.destination(&target, destination), WritePolicy { reads, ..policy })
            }
            None => (destination, policy),
        };
        let opened = self
            .state
            .open_target(OpenTarget {
                target: target.clone(),
                source_connection: stream.connection.clone(),
                run_id: run.id.to_owned(),
                held_code: UNKNOWN_EFFECT,
                seals_ids: capabilities.are_ids_keys,
            })
            .await?;
        if opened.is_adopted {
            run.accounts.note_adopted(&*self.observer, [&stream.connection, &config.connection]);
        }
        let inserts = opened.intents.iter().map(|open| &open.intent).filter(|intent| intent.operation == "insert");
        let own = inserts.clone().filter(|intent| intent.run_id == run.id);
        let own_unsettled: HashSet<String> = own.flat_map(|intent| intent.source_ids.iter().cloned()).collect();
        let mut unsettled: HashSet<String> = inserts.flat_map(|intent| intent.source_ids.iter().cloned()).collect();
        unsettled.extend(opened.held);
        let is_case_insensitive =
            |name: &FieldName| declared.field(name).is_some_and(|field| field.is_case_insensitive);
        let preparation = Preparation {
            fields: mapper.fields().into(),
            are_keys_case_insensitive: key.iter().map(is_case_insensitive).collect(),
            key: key.into(),
        };
        let quota = QuotaGuard::new(pipeline.limits.quota_share, context.clone());
        Ok(Loader {
            target: RunTarget {
                run_id: run.id.to_owned(),
                redriven_run: None,
                replaced_source: replaced_source(pipeline, stream, config, &self.registry),
                names: target,
                id: opened.target_id,
            },
            lease,
            policy,
            shape: Shape {
                schema: declared,
                mapper: Arc::new(mapper),
                preparation,
                expect: stream.expect.as_deref().map(read_expectation).transpose()?,
            },
            services: Services {
                destination,
                capabilities,
                context,
                quota,
                state: self.state.clone(),
                observer: Arc::clone(&self.observer),
                spellings: self.registry.spellings(),
            },
            earlier: Earlier {
                unsettled,
                own_unsettled,
                own_upserts: own_upserts(&opened.intents, run.id),
                last_unsettled: opened.intents.iter().map(|open| open.saved_at).max(),
                checkpoint: opened.checkpoint,
                ledger: opened.ledger,
                missing: opened.missing,
                before: before_intents(&opened.intents),
            },
            whole_object: WholeObjectIndex::default(),
            look_alikes: LookAlikes::default(),
            replaced_ids: Arc::default(),
            way,
            review: run.review.cloned(),
        })
    }
}

/// Tells whether the records that are written can be read before.
fn declared_reads(policy: &WritePolicy, capabilities: &Capabilities) -> bool {
    policy.write != WriteMode::Replace && capabilities.fetch.is_some()
}

impl Loader {
    /// Returns the connection's name.
    pub(super) fn connection(&self) -> &ConnectionName {
        &self.target.names.connection
    }

    /// Returns where it writes, for those who look at what is about to be done.
    pub(super) fn review_place(&self) -> ReviewPlace<'_> {
        ReviewPlace {
            target: &self.target.names,
            schema: &self.shape.schema,
            if_blank: &self.policy.if_blank,
            on_create: &self.policy.on_create,
            stamps: &self.policy.stamps,
        }
    }

    /// Tells whether the whole object is rewritten: nothing is matched, and nothing of an earlier version is kept.
    pub(super) fn is_replacing(&self) -> bool {
        self.policy.write == WriteMode::Replace
    }

    /// Returns the limit of a batch of inserts.
    pub(super) fn insert_limit(&self) -> Option<BatchLimit> {
        if self.is_replacing() { self.services.capabilities.replace } else { self.services.capabilities.insert }
    }

    /// Returns the way to rewrite the whole object, if this run does so.
    pub(super) fn replacing(&self) -> Result<Option<&dyn Replace>, EngineError> {
        if !self.is_replacing() {
            return Ok(None);
        }
        self.services.destination.replace().map(Some).ok_or_else(|| self.unoffered("a way to replace an object"))
    }

    /// Says that the connector declares what it does not offer.
    pub(super) fn unoffered(&self, what: &str) -> EngineError {
        let connection = self.connection();
        EngineError::Unsupported(format!("the connector of `{connection}` declares {what} and does not offer it"))
    }

    /// Returns the fields that will be written, in the mappings' order.
    pub(super) fn written_fields(&self) -> Vec<Field> {
        written_fields(&self.shape.preparation.fields, &self.shape.schema)
    }

    /// Returns the fields whose values are read before a record is decided upon.
    pub(super) fn fields_before(&self) -> Vec<FieldName> {
        self.fields_of(self.policy.reads)
    }

    /// Tells whether a run at which nobody looks reads values before it decides.
    pub(super) fn reads_itself(&self) -> bool {
        !self.fields_of(self.policy.own_reads).is_empty()
    }

    fn fields_of(&self, reads: Reads) -> Vec<FieldName> {
        if reads == Reads::Nothing {
            return self.policy.if_blank.clone();
        }
        // Links that calls of their own write are no fields of the record.
        let are_links_fields = self.services.capabilities.link.is_none();
        let is_field = |field: &&MappedField| field.link.is_none() || are_links_fields;
        let mut fields = Vec::with_capacity(self.shape.preparation.fields.len());
        for field in self.shape.preparation.fields.iter().filter(is_field) {
            let declared = self.shape.schema.field(&field.name);
            if declared.is_none_or(|declared| !declared.is_write_only) {
                fields.push(field.name.clone());
            }
            // What names a parent by its key is written; what holds the parent's id can be put back.
            fields.extend(declared.and_then(|declared| declared.parent.as_ref()).map(|parent| parent.sets.clone()));
        }
        fields
    }

    /// Returns the limit of a batch where so many records of an operation wait: that of the bulk API, where there is
    /// one and it is worth it.
    pub(super) fn limit_for(&self, operation: &Operation, limit: BatchLimit, waiting: usize) -> BatchLimit {
        let is_worth_it = *operation != Operation::Link
            && self
                .services
                .capabilities
                .bulk
                .is_some_and(|bulk| u32::try_from(waiting).is_ok_and(|waiting| waiting >= bulk.min_records.get()));
        self.bulk_limit(limit).filter(|_| is_worth_it).unwrap_or_else(|| self.narrowed(limit))
    }

    /// Returns the limit of a batch on the bulk API, where there is one.
    pub(super) fn bulk_limit(&self, limit: BatchLimit) -> Option<BatchLimit> {
        let bulk = self.services.capabilities.bulk?;
        Some(self.narrowed(BatchLimit { max_records: bulk.max_records, max_bytes: bulk.max_bytes, ..limit }))
    }

    /// Returns how many records that the state file knows are worked on at once: a request's worth several times over, and more
    /// where there is a bulk API, each batch of which costs several calls.
    pub(super) fn page_records(&self) -> u32 {
        if self.services.capabilities.bulk.is_some() { BULK_PAGE_RECORDS } else { PAGE_RECORDS }
    }

    /// Tells whether so many records of an operation are to wait for those of later chunks, so that they are written
    /// together. Once some wait, the others of their operation do too.
    pub(super) fn gathers(&self, limit: BatchLimit, waiting: usize, count: usize) -> bool {
        let (Some(bulk), Some(limit)) = (self.services.capabilities.bulk, self.bulk_limit(limit)) else { return false };
        let is_many = waiting > 0 || u32::try_from(count).is_ok_and(|count| count >= bulk.min_records.get());
        // A limit on rejects is checked chunk by chunk, so the rejects must be known by then.
        is_many && limit.max_records >= bulk.min_records && self.policy.max_rejects.is_none()
    }

    /// Narrows a limit to the pipeline's batch size.
    pub(super) fn narrowed(&self, limit: BatchLimit) -> BatchLimit {
        let max_records = self.policy.batch_size.map_or(limit.max_records, |size| size.min(limit.max_records));
        BatchLimit { max_records, ..limit }
    }
}

/// Returns the source ids in a run's open intents of upserts, each with the moment of its first intent.
fn own_upserts(intents: &[OpenIntent], run_id: &str) -> HashMap<String, DateTime<Utc>> {
    let mut first: HashMap<String, DateTime<Utc>> = HashMap::new();
    for open in intents.iter().filter(|open| open.intent.operation == "upsert" && open.intent.run_id == run_id) {
        for source_id in &open.intent.source_ids {
            let saved_at = first.entry(source_id.clone()).or_insert(open.saved_at);
            *saved_at = open.saved_at.min(*saved_at);
        }
    }
    first
}

/// Returns what records held before they were first about to be written.
fn before_intents(intents: &[OpenIntent]) -> HashMap<String, Before> {
    let mut first: HashMap<String, Before> = HashMap::new();
    for Intent { source_ids, before, .. } in intents.iter().map(|open| &open.intent) {
        for (source_id, before) in source_ids.iter().zip(before) {
            if let Some(before) = before {
                first.entry(source_id.clone()).or_insert_with(|| before.clone());
            }
        }
    }
    first
}

/// Returns the fields that mappings fill, as the destination declares them.
fn written_fields(mapped: &[MappedField], declared: &Schema) -> Vec<Field> {
    let field = |mapped: &MappedField| match declared.field(&mapped.name) {
        Some(declared) => declared.clone(),
        None => Field::new(&*mapped.name, mapped.field_type),
    };
    mapped.iter().map(field).collect()
}

/// Refuses mappings without any field left, and a `standard` of which nothing is left: somebody counts on it.
fn check_standard(
    mapper: &Mapper,
    declared: &Schema,
    stream: &Stream,
    config: &StreamDestination,
) -> Result<(), EngineError> {
    let Some(standard) = &config.standard else {
        return if mapper.fields().is_empty() {
            let message =
                format!("stream `{}` writes no field to `{}`: every record would be blank", stream.name, config.object);
            Err(EngineError::Unsupported(message))
        } else {
            Ok(())
        };
    };
    let is_mapped = |word: &str| is_mapped(word, declared, mapper.fields().iter().map(|field| &field.name));
    if standard.split(is_mapped).0.is_empty() {
        let (objects, said) = (format!("`{}` and `{}`", stream.object, config.object), standard.unmatched());
        return Err(EngineError::Unsupported(format!("stream `{}`, between {objects}: {said}", stream.name)));
    }
    Ok(())
}

/// Tells whether the destination's field that a word means is among these.
pub(in crate::engine) fn is_mapped<'a>(
    word: &str,
    declared: &Schema,
    mut mapped: impl Iterator<Item = &'a FieldName>,
) -> bool {
    let name = declared.find(word).ok().flatten().map_or(word, |field| field.name.as_str());
    mapped.any(|field| field.as_str() == name)
}

/// The lease of those who write where one run at a time can, or who look records of an object up by this key and create what
/// they do not find.
fn write_lease(
    account: String,
    config: &StreamDestination,
    key: &[FieldName],
    (capabilities, policy, declared): (&Capabilities, &WritePolicy, &Schema),
) -> Option<LeaseName> {
    if capabilities.is_written_alone {
        return Some(LeaseName::Account { account });
    }
    let key_names = || key.iter().map(ToString::to_string).collect();
    let object = config.object.to_string();
    policy.may_create_twice(key, declared).then(|| LeaseName::KeyedWrite { account, object, key: key_names() })
}

/// Says what will be written to an object.
fn write_plan(config: &StreamDestination, key: &[FieldName], declared: &Schema, mapper: &Mapper) -> WritePlan {
    let computed = formulas(&config.mappings, declared).into_iter();
    WritePlan {
        object: config.object.clone(),
        key: key.to_vec(),
        only_adds: config.write == WriteMode::Insert,
        fields: written_fields(mapper.fields(), declared),
        formulas: computed
            .map(|(field, formula, is_rewritten)| FormulaField { field, formula, is_rewritten })
            .collect(),
    }
}

fn read_expectation(path: &Path) -> Result<Arc<Validator>, EngineError> {
    let failed = |reason: String| EngineError::File { path: path.display().to_string(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let schema: serde_json::Value = serde_json::from_str(&text).map_err(|error| failed(error.to_string()))?;
    let validator = jsonschema::validator_for(&schema).map_err(|error| failed(error.to_string()))?;
    Ok(Arc::new(validator))
}
