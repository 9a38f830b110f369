//! The contract between the engine and a system: what a connector's author writes.
//!
//! A connector asks, decodes and classifies; it never sleeps, retries, counts or prints. Start at [`Connector`].

mod authorization;
mod bulk;
mod context;
mod error;
pub mod file;
mod fixture;
mod inspection;
mod registry;
mod secret;

use std::fmt::Debug;

use async_trait::async_trait;
use futures::stream::BoxStream;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::model::{
    Batch, Capabilities, Cursor, Field, FieldName, ObjectName, Operation, Outcome, Page, Predicate, Record, Schema,
    SyncMode, Value,
};

pub use authorization::{Authorization, ClientAuthentication};
pub use bulk::{BulkBatch, Outcomes, SEGMENT_RECORDS, Segments};
pub use context::{Context, check_base_url};
pub use error::{ConfigError, ConnectorError, ErrorKind};
pub use fixture::FixtureForm;
pub use inspection::{Inspection, LimitLeft, Remark};
pub use registry::{ConfigCheck, Entry, Options, Registry, RegistryError};
pub use secret::Secret;

/// What the author of a connector writes. The type carries no state.
pub trait Connector: 'static {
    /// The system's own name, `snake_case`: what `type:` says in a pipeline.
    const NAME: &'static str;
    /// What it can do and within which limits.
    const CAPABILITIES: Capabilities;
    /// The options of a connection, without `type`.
    type Config: DeserializeOwned + JsonSchema;

    /// Checks the options without network, disk or clock; `source` and `destination` do the same check first.
    ///
    /// # Errors
    /// Names the option that cannot be right.
    fn check_config(_config: &Self::Config) -> Result<(), ConfigError> {
        Ok(())
    }

    /// What it can do as these options make it: the capabilities, but for limits that a connection may set itself.
    fn capabilities(_config: &Self::Config) -> Capabilities {
        Self::CAPABILITIES
    }

    /// Says how a person logs in to the connection in the browser; none where it takes a token or has no such log-in. Does no I/O.
    ///
    /// # Errors
    /// Names the option that cannot be right.
    fn authorization(_config: Self::Config, _context: &Context) -> Result<Option<Authorization>, ConfigError> {
        Ok(None)
    }

    /// Makes a source. Does no I/O.
    ///
    /// # Errors
    /// Names the option that cannot be right.
    fn source(_config: Self::Config, _context: &Context) -> Result<Box<dyn Source>, ConfigError> {
        Err(ConfigError::new("type", format!("`{}` is not a source", Self::NAME)))
    }

    /// Makes a destination. Does no I/O.
    ///
    /// # Errors
    /// Names the option that cannot be right.
    fn destination(_config: Self::Config, _context: &Context) -> Result<Box<dyn Destination>, ConfigError> {
        Err(ConfigError::new("type", format!("`{}` is not a destination", Self::NAME)))
    }
}

/// Reads records.
#[async_trait]
pub trait Source: Debug + Send + Sync {
    /// Does what a run does with the least footprint: one call where that can be, no writes.
    ///
    /// # Errors
    /// Says why a run would not work.
    async fn check(&self) -> Result<(), ConnectorError>;

    /// Says what the login may do with these objects and what is left of the limits, in as few calls as that takes, and
    /// without writes. What the vendor does not tell, and what its answer leaves open, is absent.
    ///
    /// # Errors
    /// Says why the login does not work. A part that this login may not ask for is no error.
    async fn inspect(&self, _objects: &[ObjectName]) -> Result<Inspection, ConnectorError> {
        Ok(Inspection::default())
    }

    /// Returns what the object looks like. Links come as fields `_links.<object>` of type link.
    ///
    /// # Errors
    /// Fails when the object does not exist or cannot be asked about.
    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError>;

    /// Says how the object is written down as a fixture of the vendor's local emulator; none where there is no emulator.
    ///
    /// # Errors
    /// Fails when the object does not exist or cannot be asked about.
    async fn fixture(&self, _object: &ObjectName) -> Result<Option<FixtureForm>, ConnectorError> {
        Ok(None)
    }

    /// Yields the records in pages. Ends with its first error.
    fn read(&self, request: ReadRequest) -> BoxStream<'_, Result<Page, ConnectorError>>;
}

/// Writes records.
#[async_trait]
pub trait Destination: Debug + Send + Sync {
    /// Does what a run does with the least footprint: one call where that can be, no writes.
    ///
    /// # Errors
    /// Says why a run would not work.
    async fn check(&self) -> Result<(), ConnectorError>;

    /// Says what the login may do with these objects and what is left of the limits, in as few calls as that takes, and
    /// without writes. What the vendor does not tell, and what its answer leaves open, is absent.
    ///
    /// # Errors
    /// Says why the login does not work. A part that this login may not ask for is no error.
    async fn inspect(&self, _objects: &[ObjectName]) -> Result<Inspection, ConnectorError> {
        Ok(Inspection::default())
    }

    /// Returns what the object looks like. Links that are written by calls of their own come as fields `_links.<object>`.
    ///
    /// # Errors
    /// Fails when the object does not exist or cannot be asked about.
    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError>;

    /// Returns the fields of an object for a run that writes these: of what costs calls of its own to describe, only what they
    /// name has to be there.
    ///
    /// # Errors
    /// As those of [`describe`](Self::describe).
    async fn describe_written(&self, object: &ObjectName, _fields: &[FieldName]) -> Result<Schema, ConnectorError> {
        self.describe(object).await
    }

    /// Says what of the object and these fields the login may not write by an operation, each with what to do, as far as
    /// [`describe`](Self::describe) tells; none where the vendor does not tell before it is written to.
    ///
    /// # Errors
    /// Fails when the object does not exist or cannot be asked about.
    async fn refusals(
        &self,
        _object: &ObjectName,
        _operation: &Operation,
        _fields: &[FieldName],
    ) -> Result<Option<Vec<ConnectorError>>, ConnectorError> {
        Ok(None)
    }

    /// Prepares to write the object: called once per run and object, before the first `load`, also when no record comes.
    /// Called again, an object that is replaced whole starts anew (its stream is read from the beginning again).
    ///
    /// `fields` are those that will be written, in the mappings' order and with their types: a file gets its header from them.
    ///
    /// # Errors
    /// Says why nothing can be written.
    async fn begin(&self, _object: &ObjectName, _fields: &[Field]) -> Result<(), ConnectorError> {
        Ok(())
    }

    /// Writes a batch and returns exactly one outcome per record, in the batch's order.
    ///
    /// # Errors
    /// An error speaks of the whole batch: [`ErrorKind::Refused`] when it was refused whole without a culprit (the engine
    /// halves it), [`ErrorKind::Unanswered`] when it may have been written (the engine settles it).
    async fn load(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError>;

    /// Writes a batch that may be too large for memory on the system's bulk API: called only where
    /// [`Capabilities::bulk`] gives its limits, with batches within them. Returns exactly one outcome per record, in the batch's
    /// order.
    ///
    /// # Errors
    /// As those of [`load`](Self::load).
    async fn load_bulk(&self, batch: &BulkBatch<'_>) -> Result<Outcomes, ConnectorError> {
        let message = format!("there is no bulk API for `{}`", batch.object);
        Err(ConnectorError::new(ErrorKind::Unexpected, "no_bulk", message))
    }

    /// Waits for what a killed run has left under way at the object, so that nothing is written or looked up beside it. Called
    /// before anything else is written, where there are batches that were sent and of which no outcome is known.
    ///
    /// # Errors
    /// Says why nothing may be written yet.
    async fn settle(&self, _object: &ObjectName) -> Result<(), ConnectorError> {
        Ok(())
    }

    /// Returns the records with the given ids or keys, in any order; those that do not exist are absent. Several records may
    /// share a key: all are returned.
    ///
    /// # Errors
    /// Fails when the destination cannot be asked.
    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Record>, ConnectorError>;

    /// Returns a value that a test record may have in a choice field whose options [`describe`](Self::describe) does not list.
    ///
    /// # Errors
    /// Fails when the destination cannot be asked.
    async fn example(&self, _object: &ObjectName, _field: &FieldName) -> Result<Option<Value>, ConnectorError> {
        Ok(None)
    }

    /// Puts in place what was written for the object (a file is moved to its name) once all its records have outcomes.
    ///
    /// # Errors
    /// Fails when it cannot be put in place; nothing of an earlier version is lost then.
    async fn finish(&self, _object: &ObjectName) -> Result<(), ConnectorError> {
        Ok(())
    }
}

/// Says what to read.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// The object.
    pub object: ObjectName,
    /// The fields that mappings, transforms and keys use, by the names of `describe`; never the reserved ones.
    pub fields: Vec<FieldName>,
    /// The objects whose links are used: each becomes a column `_links.<object>`.
    pub links: Vec<ObjectName>,
    /// What the source should filter by itself, within its [`FilterSupport`](crate::model::FilterSupport). A superset of the
    /// matching records is right too, never a subset: the engine filters again.
    pub filter: Option<Predicate>,
    /// All records, or those that changed since `cursor`.
    pub sync_mode: SyncMode,
    /// The cursor of the last page that was loaded: where to go on. In an incremental sync, the cursor of a finished read
    /// yields what changed since.
    pub cursor: Option<Cursor>,
}

/// Says which records to fetch, and what of them.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// The object.
    pub object: ObjectName,
    /// Which records.
    pub selection: Selection,
    /// Which fields to return.
    pub fields: Vec<FieldName>,
}

/// Selects records of a destination.
#[derive(Debug, Clone)]
pub enum Selection {
    /// By the destination's ids.
    Ids(Vec<String>),
    /// By key: each entry has one value per key field, none of them null.
    Keys {
        /// The fields of the key.
        fields: Vec<FieldName>,
        /// The keys looked for.
        values: Vec<Vec<Value>>,
    },
}
