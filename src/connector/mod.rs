//! The contract between the engine and a system: what a connector's author writes.
//!
//! A connector asks, decodes and classifies; it never sleeps, retries, counts or prints. Start at [`Connector`].

mod account;
mod authorization;
mod bulk;
mod call;
mod context;
mod error;
pub mod file;
mod fixture;
mod header_row;
mod host;
mod inspection;
mod key_option;
mod meters;
mod offers;
mod registry;
mod secret;
mod standard;
mod write_costs;
mod write_plan;

use std::{fmt::Debug, path::Path};

use async_trait::async_trait;
use futures::stream::BoxStream;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::model::{
    Batch, Capabilities, Cursor, FieldName, ObjectName, OtherSpelling, Outcome, Page, Predicate, Record, Schema,
    SyncMode, Value,
};

pub use crate::http::{LATEST_ARRIVAL, WaitCause, Waits, is_loopback};

pub use account::{Account, AccountAnswer, AccountForm};
pub use authorization::{Authorization, ClientAuthentication};
pub use bulk::{BulkBatch, Outcomes, SEGMENT_RECORDS, Segments};
pub use call::CallError;
pub use context::{Context, check_base_url};
pub use error::{ConfigError, ConnectorError, ErrorKind};
pub use fixture::FixtureForm;
pub use header_row::HeaderRow;
pub use host::{Host, Service};
pub use inspection::{Inspection, LimitLeft, Remark};
pub use key_option::KeyOption;
pub use meters::{Metered, Meters};
pub use offers::{
    Ages, BulkLoad, Canonical, EarlierJobs, Erase, Examples, FetchWhole, Fixtures, LinkedIds, LoadFrames,
    PartialDescribe, Permissions, Probe, ReadWhole, Replace, Unlink, age,
};
pub use registry::{ConfigCheck, Entry, Options, Registry, RegistryError};
pub use secret::Secret;
pub use standard::{StandardField, StandardFields, StandardNames};
pub use write_costs::{CallCost, WriteCosts};
pub use write_plan::{FormulaField, WritePlan};

/// What the author of a connector writes. The type carries no state.
pub trait Connector: 'static {
    /// The system's own name, `snake_case`: what `type:` says in a pipeline.
    const NAME: &'static str;
    /// What it can do and within which limits.
    const CAPABILITIES: Capabilities;
    /// What it calls the standard fields: its `standard.yaml`. Without one, it has the names of files.
    const STANDARD_FIELDS: Option<&'static str> = None;
    /// The hosts that a connection talks to; none where it talks to none.
    const HOSTS: &'static [Host] = &[];
    /// The options that hold a key for signing log-ins.
    const KEY_OPTIONS: &'static [KeyOption] = &[];
    /// The other spelling of its ids, where they have two.
    const OTHER_SPELLING: Option<OtherSpelling> = None;
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

    /// Returns the folder whose files are the connection's objects; none for a system that is asked over a network. Does no I/O.
    fn folder(_config: &Self::Config, _base_dir: &Path) -> Option<file::Folder> {
        None
    }

    /// How the system names its accounts; none where it has none, as a folder of files.
    const ACCOUNT: Option<AccountForm> = None;

    /// Says which account a connection talks to: what Ferry remembers belongs to it. A connector with [`ACCOUNT`](Self::ACCOUNT)
    /// answers with an account. Does no I/O; what is returned makes at most one call, and none where the options or the login
    /// tell.
    ///
    /// # Errors
    /// Names the option that cannot be right.
    fn account(_config: Self::Config, _context: &Context) -> Result<AccountAnswer, ConfigError> {
        Ok(AccountAnswer::None)
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

/// Reads records. The methods without a default body are what every source does.
#[async_trait]
pub trait Source: Debug + Send + Sync {
    /// Does what a run does with the least footprint: one call where that can be, no writes.
    ///
    /// # Errors
    /// Says why a run would not work.
    async fn check(&self) -> Result<(), ConnectorError>;

    /// Returns what the object looks like. Links come as fields `_links.<object>` of type link.
    ///
    /// # Errors
    /// Fails when the object does not exist or cannot be asked about.
    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError>;

    /// Yields the records in pages. Ends with its first error.
    fn read(&self, request: ReadRequest) -> BoxStream<'_, Result<Page, ConnectorError>>;

    /// Tells whether the ids of an object's records are made of their contents, so that a record that changes gets another id.
    fn has_content_ids(&self, _object: &ObjectName) -> bool {
        false
    }

    /// Offers to tell what the login may do and what is left of its limits.
    fn probe(&self) -> Option<&dyn Probe> {
        None
    }

    /// Offers to read an object from its beginning to its end in large frames.
    fn whole(&self) -> Option<&dyn ReadWhole> {
        None
    }

    /// Offers the form of the vendor's fixtures, where there is an emulator.
    fn fixtures(&self) -> Option<&dyn Fixtures> {
        None
    }
}

/// Writes records. The methods without a default body are what every destination does.
#[async_trait]
pub trait Destination: Debug + Send + Sync {
    /// Does what a run does with the least footprint: one call where that can be, no writes.
    ///
    /// # Errors
    /// Says why a run would not work.
    async fn check(&self) -> Result<(), ConnectorError>;

    /// Returns what the object looks like. Links that are written by calls of their own come as fields `_links.<object>`.
    ///
    /// # Errors
    /// Fails when the object does not exist or cannot be asked about.
    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError>;

    /// Takes what a run will write to an object, before the first look-up or batch of it. Does no I/O.
    ///
    /// # Errors
    /// Says why it cannot be written so.
    fn plan(&self, _plan: WritePlan) -> Result<(), ConnectorError> {
        Ok(())
    }

    /// Writes a batch and returns exactly one outcome per record, in the batch's order.
    ///
    /// # Errors
    /// An error speaks of the whole batch: [`ErrorKind::Refused`] when it was refused whole without a culprit (the engine
    /// halves it), [`ErrorKind::Unanswered`] when it may have been written (the engine settles it).
    async fn load(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError>;

    /// Returns the records with the given ids or keys, in any order; those that do not exist are absent. Several records may
    /// share a key: all are returned.
    ///
    /// # Errors
    /// Fails when the destination cannot be asked.
    async fn fetch(&self, request: &FetchRequest) -> Result<Vec<Record>, ConnectorError>;

    /// Offers to tell what the login may do and what is left of its limits.
    fn probe(&self) -> Option<&dyn Probe> {
        None
    }

    /// Offers to tell what the login may not write before it is written.
    fn permissions(&self) -> Option<&dyn Permissions> {
        None
    }

    /// Offers to describe only what a run writes, at a lower cost.
    fn partial_describe(&self) -> Option<&dyn PartialDescribe> {
        None
    }

    /// Offers example values for a test record.
    fn examples(&self) -> Option<&dyn Examples> {
        None
    }

    /// Offers all records of an object at once; its cost is [`Capabilities::fetch_whole`].
    fn fetch_whole(&self) -> Option<&dyn FetchWhole> {
        None
    }

    /// Offers a bulk API; its limits are [`Capabilities::bulk`].
    fn bulk(&self) -> Option<&dyn BulkLoad> {
        None
    }

    /// Offers to tell how long records have been there.
    fn ages(&self) -> Option<&dyn Ages> {
        None
    }

    /// Offers to say in which words values are kept.
    fn canonical(&self) -> Option<&dyn Canonical> {
        None
    }

    /// Offers to take links away that are written by calls of their own.
    fn unlink(&self) -> Option<&dyn Unlink> {
        None
    }

    /// Offers to delete records of people for good.
    fn erase(&self) -> Option<&dyn Erase> {
        None
    }

    /// Offers to wait for what a killed run left running.
    fn earlier_jobs(&self) -> Option<&dyn EarlierJobs> {
        None
    }

    /// Offers to say what writes take without sending them.
    fn write_costs(&self) -> Option<&dyn WriteCosts> {
        None
    }

    /// Offers to rewrite a whole object; its limits are [`Capabilities::replace`].
    fn replace(&self) -> Option<&dyn Replace> {
        None
    }

    /// Offers to take the records of an object that is rewritten as frames.
    fn frames(&self) -> Option<&dyn LoadFrames> {
        None
    }
}

/// Says what to read.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// The object.
    pub object: ObjectName,
    /// The fields that mappings, transforms and keys use, by the names of `describe`; never the reserved ones.
    pub fields: Vec<FieldName>,
    /// Further fields, which are looked at and not loaded: given where that costs no further call. A value that does not fit its
    /// type is blank there, and rejects no record.
    pub shown: Vec<FieldName>,
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

impl ReadRequest {
    /// Returns the fields that are looked at, as far as the names of all fields fit into so many bytes of a URL. A comma takes three.
    pub fn shown_within(&self, room: usize) -> &[FieldName] {
        let size = |name: &FieldName| name.len() + 3;
        let mut left = room.saturating_sub(self.fields.iter().map(size).sum());
        let mut count = 0;
        for name in &self.shown {
            let Some(rest) = left.checked_sub(size(name)) else { break };
            (left, count) = (rest, count + 1);
        }
        self.shown.get(..count).unwrap_or_default()
    }
}

/// Says which records to fetch, and which of their fields.
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
