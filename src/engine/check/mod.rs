//! Asks everything that a run would ask before its first write: login, scopes, limits, objects, fields, mappings, one record. On
//! request it also writes: one marked test record for each destination, which it removes again (`trial`).

mod permissions;
mod trial;

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use tokio_util::sync::CancellationToken;

use crate::config::{Pipeline, Stream, StreamDestination};
use crate::connector::{ConnectorError, Context, ErrorKind, Inspection, ReadRequest};
use crate::engine::{
    accounts::{RunAccounts, RunIdentity, learn_account},
    environment::{Environment, connection},
    error::EngineError,
    read::{
        extract::{Extent, ReadPlan},
        join_inputs::{Depth, read_join_inputs},
    },
    setup::Loader,
};
use crate::model::{ConnectionName, FieldName, ObjectName, Operation, Page, Schema, SyncMode};

use self::{permissions::Permissions, trial::Trial};

/// One thing that was checked.
#[derive(Debug)]
pub struct Finding {
    /// The connection.
    pub connection: ConnectionName,
    /// What was checked, for a person.
    pub subject: String,
    /// What was found: a remark, or why a run would not work.
    pub result: Result<String, EngineError>,
}

/// What a check does in addition to asking.
#[derive(Debug, Clone)]
pub struct CheckOptions {
    /// Whether a test record is written to each destination, and removed again.
    pub is_writing: bool,
    /// Ends the check early. What was written is removed first, so this is not the token that ends all requests.
    pub stop: CancellationToken,
}

/// Checks every connection, source and destination of a pipeline. Leaves nothing behind, at the vendors or in the state file.
pub async fn check(environment: &Environment, pipeline: &Pipeline, options: &CheckOptions) -> Vec<Finding> {
    let mut check = Check { environment, pipeline, options, findings: Vec::new(), unusable: BTreeSet::new() };
    for (connection, uses) in uses(pipeline) {
        check.connection(&connection, &uses).await;
    }
    for stream in &pipeline.streams {
        check.stream(stream).await;
    }
    check.findings
}

/// What a pipeline does at one connection.
#[derive(Debug, Default)]
struct Uses {
    read: Vec<ObjectName>,
    written: Vec<ObjectName>,
}

/// Returns the connections in the order of their first use.
fn uses(pipeline: &Pipeline) -> Vec<(ConnectionName, Uses)> {
    let mut order: Vec<ConnectionName> = Vec::new();
    let mut uses: BTreeMap<ConnectionName, Uses> = BTreeMap::new();
    let mut at = |connection: &ConnectionName, object: &ObjectName, pick: fn(&mut Uses) -> &mut Vec<ObjectName>| {
        if !order.contains(connection) {
            order.push(connection.clone());
        }
        let objects = pick(uses.entry(connection.clone()).or_default());
        if !objects.contains(object) {
            objects.push(object.clone());
        }
    };
    for stream in &pipeline.streams {
        at(&stream.connection, &stream.object, |uses| &mut uses.read);
        for config in &stream.destinations {
            at(&config.connection, &config.object, |uses| &mut uses.written);
        }
    }
    order.into_iter().filter_map(|connection| uses.remove_entry(&connection)).collect()
}

struct Check<'a> {
    environment: &'a Environment,
    pipeline: &'a Pipeline,
    options: &'a CheckOptions,
    findings: Vec<Finding>,
    /// Connections whose login does not work.
    unusable: BTreeSet<ConnectionName>,
}

impl Check<'_> {
    fn note(&mut self, connection: &ConnectionName, subject: String, result: Result<String, EngineError>) {
        self.findings.push(Finding { connection: connection.clone(), subject, result });
    }

    fn is_stopped(&self) -> bool {
        self.options.stop.is_cancelled()
    }

    /// Checks login, scopes and limits. A folder on this machine has no login.
    async fn connection(&mut self, connection: &ConnectionName, uses: &Uses) {
        let context = self.environment.context_of(connection);
        let Ok(account) = self.account(connection, &context).await else {
            self.unusable.insert(connection.clone());
            return;
        };
        let inspected = match self.inspect(connection, uses, &context).await {
            Ok(Some(inspection)) => inspection,
            Ok(None) => return,
            Err(error) => {
                self.unusable.insert(connection.clone());
                self.note(connection, "login".to_owned(), Err(error));
                return;
            }
        };
        self.note(connection, "login".to_owned(), Ok(inspected.login.unwrap_or_else(|| "accepted".to_owned())));
        if let Some(account) = account {
            self.note(connection, "account".to_owned(), Ok(account));
        }
        let scopes = match inspected.scopes {
            _ if !inspected.missing.is_empty() => Err(missing_scopes(connection, &inspected.missing)),
            Some(scopes) => Ok(scopes.join(", ")),
            None => Ok("not told by the vendor; what follows shows whether they are enough".to_owned()),
        };
        self.note(connection, "scopes".to_owned(), scopes);
        let limits: Vec<String> = inspected
            .limits
            .iter()
            .map(|limit| format!("{} of {} {}", limit.remaining, limit.max, limit.name))
            .chain(
                context.meter.quota().map(|quota| format!("{} of {} calls of the quota", quota.remaining, quota.max)),
            )
            .take(inspected.limits.len().max(1))
            .collect();
        let remark = if limits.is_empty() { "not told by the vendor".to_owned() } else { limits.join(", ") };
        self.note(connection, "limits left".to_owned(), Ok(remark));
        for rule in inspected.rules {
            self.note(connection, rule.subject, Ok(rule.text));
        }
    }

    /// Learns the account before anything else is asked: a pinned connection that reaches another one is not worked with.
    async fn account(&mut self, name: &ConnectionName, context: &Context) -> Result<Option<String>, ()> {
        let learned = match connection(self.pipeline, name) {
            Ok(connection) => learn_account(&self.environment.registry, connection, context).await,
            Err(error) => Err(error),
        };
        match learned {
            Ok(account) => Ok(account.map(|account| account.to_string())),
            Err(error) => {
                let subject = if matches!(error, EngineError::Account(_)) { "account" } else { "login" };
                self.note(name, subject.to_owned(), Err(error));
                Err(())
            }
        }
    }

    async fn inspect(
        &self,
        name: &ConnectionName,
        uses: &Uses,
        context: &Context,
    ) -> Result<Option<Inspection>, EngineError> {
        let connection = connection(self.pipeline, name)?;
        let entry = self.environment.registry.get(&connection.connector)?;
        if entry.capabilities.is_local {
            return Ok(None);
        }
        let config = |error| EngineError::Config { connection: name.clone(), error };
        let failed = |error| EngineError::connector(name, error);
        let mut inspection = Inspection::default();
        if !uses.read.is_empty() {
            let source = (entry.source)(connection.options.clone(), context).map_err(config)?;
            source.check().await.map_err(failed)?;
            if let Some(probe) = source.probe() {
                inspection = probe.inspect(&uses.read).await.map_err(failed)?;
            }
        }
        if !uses.written.is_empty() {
            let destination = (entry.destination)(connection.options.clone(), context).map_err(config)?;
            destination.check().await.map_err(failed)?;
            if let Some(probe) = destination.probe() {
                let mut written = probe.inspect(&uses.written).await.map_err(failed)?;
                written.missing.splice(0..0, inspection.missing);
                written.missing.dedup();
                inspection = written;
            }
        }
        Ok(Some(inspection))
    }

    async fn stream(&mut self, stream: &Stream) {
        if self.is_stopped() {
            return;
        }
        let read = if self.unusable.contains(&stream.connection) {
            Err(no_login(&stream.connection))
        } else {
            self.source(stream).await
        };
        let schema = match read {
            Ok((schema, remark)) => {
                self.note(&stream.connection, format!("read `{}`", stream.object), Ok(remark));
                Some(schema)
            }
            Err(error) => {
                self.note(&stream.connection, format!("read `{}`", stream.object), Err(error));
                None
            }
        };
        for config in &stream.destinations {
            if self.is_stopped() {
                return;
            }
            let subject = format!("write `{}`", config.object);
            let loader = match &schema {
                _ if self.unusable.contains(&config.connection) => Err(no_login(&config.connection)),
                None => {
                    let reason = format!("not checked: the source of `{}` must work first", stream.name);
                    Err(EngineError::Unsupported(reason))
                }
                Some(schema) => self.destination(stream, config, schema).await,
            };
            match loader {
                Ok((loader, remark)) => self.permitted(&loader, subject, remark).await,
                Err(error) => {
                    let refusals = self.refused(config, &error).await;
                    if refusals.is_empty() {
                        self.note(&config.connection, subject.clone(), Err(error));
                    }
                    self.note_refusals(&config.connection, &subject, refusals);
                }
            }
        }
    }

    fn note_refusals(&mut self, connection: &ConnectionName, subject: &str, refusals: Vec<ConnectorError>) {
        for refusal in refusals {
            self.note(connection, format!("{subject}: permissions"), Err(EngineError::connector(connection, refusal)));
        }
    }

    /// Asks a destination which of the mapped fields the login may not write, where that is why they do not fit it.
    async fn refused(&self, config: &StreamDestination, error: &EngineError) -> Vec<ConnectorError> {
        if !matches!(error, EngineError::Transform { error, .. } if error.code == "transform.read_only") {
            return Vec::new();
        }
        let Ok(connection) = connection(self.pipeline, &config.connection) else { return Vec::new() };
        let Ok(entry) = self.environment.registry.get(&connection.connector) else { return Vec::new() };
        let context = self.environment.context_of(&config.connection);
        let Ok(destination) = (entry.destination)(connection.options.clone(), &context) else { return Vec::new() };
        let fields: Vec<FieldName> = config.mappings.keys().map(FieldName::new).collect();
        let Some(permissions) = destination.permissions() else { return Vec::new() };
        permissions.refusals(&config.object, &Operation::Update, &fields).await.unwrap_or_default()
    }

    /// Says whether the login may write what is mapped; only then a test record is worth a try.
    async fn permitted(&mut self, loader: &Loader, subject: String, remark: String) {
        let connection = loader.connection();
        let (remark, refusals) = match permissions::of(loader).await {
            Ok(Permissions::NotTold) => (Ok(remark), Vec::new()),
            Ok(Permissions::Told(refusals)) if refusals.is_empty() => {
                (Ok(format!("{remark}, this login may write them")), refusals)
            }
            Ok(Permissions::Told(refusals)) => (Ok(remark), refusals),
            Err(error) => (Err(EngineError::connector(connection, error)), Vec::new()),
        };
        let is_permitted = remark.is_ok() && refusals.is_empty();
        self.note(connection, subject.clone(), remark);
        self.note_refusals(connection, &subject, refusals);
        if is_permitted && self.options.is_writing {
            self.trial(loader).await;
        }
    }

    async fn source(&self, stream: &Stream) -> Result<(Schema, String), EngineError> {
        let extraction = self.environment.connect_source(self.pipeline, stream)?;
        let failed = |error| EngineError::connector(&stream.connection, error);
        let declared = extraction.source.describe(&stream.object).await.map_err(failed)?;
        let inputs = read_join_inputs(self.environment, self.pipeline, stream, Depth::Described).await?.inputs;
        let mappings: Vec<_> = stream.destinations.iter().map(|config| &config.mappings).collect();
        let plan = ReadPlan::compile(stream, (&extraction, &declared), &inputs, Extent::Used(&mappings))?;
        // The first page of all records, not of those that a filter lets through: there may be none today.
        let request = ReadRequest { filter: None, sync_mode: SyncMode::FullRefresh, ..plan.request };
        let first = extraction.source.read(request).next().await.transpose().map_err(failed)?;
        let remark = format!("{} fields, {}", declared.fields.len(), record_remark(first.as_ref()));
        Ok((plan.steps.output().clone(), remark))
    }

    async fn destination(
        &self,
        stream: &Stream,
        config: &StreamDestination,
        schema: &Schema,
    ) -> Result<(Loader, String), EngineError> {
        let context = self.environment.context_of(&config.connection);
        // Nothing is kept of a check, so there is nothing to tell apart.
        let run = RunIdentity { id: "", accounts: &RunAccounts::default(), review: None };
        let loader = self.environment.connect_destination(self.pipeline, stream, config, schema, run, context).await?;
        let fields = loader.shape.preparation.fields.len();
        let upsert = if loader.policy.is_upsert_native { ", the vendor upserts on the key" } else { "" };
        let are_there = if fields == 1 { "field is there" } else { "fields are there" };
        Ok((loader, format!("{fields} mapped {are_there}{upsert}")))
    }

    async fn trial(&mut self, loader: &Loader) {
        if loader.is_replacing() {
            return;
        }
        let now = loader.services.context.clock().now();
        let mark = format!("{:06x}", now.timestamp_subsec_nanos() & 0xff_ffff);
        let trial = Trial {
            destination: loader.services.destination.as_ref(),
            capabilities: loader.services.capabilities,
            schema: &loader.shape.schema,
            key: &loader.shape.preparation.key,
            mapped: loader.shape.preparation.fields.iter().map(|field| field.name.clone()).collect(),
            mark: format!("{}{mark}", now.format("%H%M%S")),
            now,
            clock: loader.services.context.clock(),
            stop: &self.options.stop,
        };
        let connection = loader.connection();
        for (step, result) in trial.run().await {
            let result = result.map_err(|error| EngineError::connector(connection, error));
            self.note(connection, format!("write `{}`: {step}", loader.target.names.object), result);
        }
    }
}

fn record_remark(page: Option<&Page>) -> String {
    let Some(page) = page else { return "no record there".to_owned() };
    match (page.frame.height(), page.rejects.first()) {
        (0, None) => "no record there".to_owned(),
        (0, Some(reject)) => format!("one record asked for, which does not fit its own field types ({})", reject.code),
        _ => "one record read".to_owned(),
    }
}

fn missing_scopes(connection: &ConnectionName, missing: &[String]) -> EngineError {
    let list: Vec<String> = missing.iter().map(|scope| format!("`{scope}`")).collect();
    let message = format!("the login lacks {}", list.join(", "));
    let hint = "add it to the app, key or token, and log in again where it is an OAuth login";
    let error = ConnectorError::new(ErrorKind::Unauthorized, "missing_scopes", message).with_hint(hint);
    EngineError::Connector { connection: connection.clone(), error: Box::new(error) }
}

fn no_login(connection: &ConnectionName) -> EngineError {
    EngineError::Unsupported(format!("not checked: the login of `{connection}` must work first"))
}
