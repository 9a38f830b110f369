//! What a run works with, and its sources.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::clock::Clock;
use crate::config::{Connection, Pipeline, Stream};
use crate::connector::{Context, Registry, Source, WaitCause, Waits};
use crate::model::{Capabilities, ConnectionName, DELETED, Field, FieldType, ID, Schema, UPDATED_AT};
use crate::state::State;
use crate::transform::TransformError;

use super::{
    error::EngineError,
    observer::{Observer, WaitReason},
    quota::QuotaGuard,
};

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

/// Tells the observer of a run what its requests wait for.
#[derive(Debug)]
struct ToldWaits {
    observer: Arc<dyn Observer>,
    clock: Clock,
    /// Until when it was told that something waits: requests that are in flight together are refused together.
    told_until: Mutex<Duration>,
}

impl Waits for ToldWaits {
    fn waiting(&self, connection: &ConnectionName, cause: WaitCause, wait: Duration) {
        let now = self.clock.elapsed();
        let mut told_until = self.told_until.lock().unwrap_or_else(PoisonError::into_inner);
        if *told_until > now {
            return;
        }
        *told_until = now.saturating_add(wait);
        drop(told_until);
        let reason = match cause {
            WaitCause::Limit(vendor) => WaitReason::Limit { vendor },
            WaitCause::NoAnswer(vendor) => WaitReason::Vendor { vendor },
        };
        self.observer.waiting(connection, &reason, wait);
    }
}

/// A source, connected.
#[derive(Debug)]
pub(super) struct Extraction {
    pub source: Box<dyn Source>,
    pub capabilities: Capabilities,
    pub context: Context,
    pub quota: QuotaGuard,
}

impl Extraction {
    /// Asks the source what the records of a stream look like.
    pub(super) async fn describe(&self, stream: &Stream) -> Result<Schema, EngineError> {
        let described = self.source.describe(&stream.object).await;
        described.map_err(|error| EngineError::connector(&stream.connection, error))
    }
}

impl Environment {
    pub(super) fn connect_source(&self, pipeline: &Pipeline, stream: &Stream) -> Result<Extraction, EngineError> {
        let connection = connection(pipeline, &stream.connection)?;
        let entry = self.registry.get(&connection.connector)?;
        let context = self.context_of(&connection.name);
        let source = (entry.source)(connection.options.clone(), &context)
            .map_err(|error| EngineError::Config { connection: connection.name.clone(), error })?;
        let capabilities = (entry.capabilities_of)(connection.options.clone())
            .map_err(|error| EngineError::Config { connection: connection.name.clone(), error })?;
        let quota = QuotaGuard::new(pipeline.limits.quota_share, context.clone());
        Ok(Extraction { source, capabilities, context, quota })
    }

    /// Makes what a connection of a stream is handed: its meter counts the calls, whether connecting succeeds or not.
    pub(super) fn context_of(&self, connection: &ConnectionName) -> Context {
        let mut context = self.context.for_connection(connection.clone());
        let (observer, clock) = (Arc::clone(&self.observer), context.clock().clone());
        context.transport.waits = Some(Arc::new(ToldWaits { observer, clock, told_until: Mutex::default() }));
        context
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
