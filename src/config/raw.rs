//! What a pipeline file says, as it is written.
//!
//! The comments on these types are the user's reference: they become the descriptions in `schemas/pipeline.schema.json`.
//! What the schema requires is still optional here, so that one mistake does not keep the others from being found.

use std::fmt;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Capabilities, SyncMode};
use crate::transform::spec::{MappingSpecs, StepSpec};

use super::on_finish::RawOnFinish;

/// What a pipeline's name looks like: it becomes part of file names.
pub(super) const NAME_PATTERN: &str = r"^[\w][\w .()-]*$";
/// What a share looks like; a reference to the environment may stand for one.
pub(super) const SHARE_PATTERN: &str = r"^(\d+(\.\d+)?\s*%|.*\$\{.*)$";

/// A Ferry pipeline: moves records from sources to destinations.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Pipeline", extend("required" = ["version", "name", "streams"]))]
pub struct RawPipeline {
    /// The version of this format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: Option<u32>,
    /// The pipeline's name. Its state (checkpoints, ids, runs) is kept under it, so a pipeline that is renamed starts anew.
    #[schemars(regex(pattern = NAME_PATTERN), example = &"hubspot-to-airtable")]
    pub name: Option<String>,
    /// What the pipeline is for.
    pub description: Option<String>,
    /// The accounts and folders that the streams read and write, by a name of your choice. A file `connections.yaml` beside
    /// the pipeline may hold more of them, for several pipelines to share; those given here win.
    pub connections: IndexMap<String, RawConnection>,
    /// What is moved: each stream reads one object of a source and writes it to one or more destinations.
    #[schemars(length(min = 1))]
    pub streams: Option<Vec<RawStream>>,
    /// What a rejected record does to the run. Default: `continue`.
    pub on_error: OnError,
    /// What the run must stay within.
    pub limits: RawLimits,
    /// How long it is kept what records held before a run wrote them, so that `ferry undo` can take the run back. `off` keeps
    /// nothing, and saves the calls that read it. Default: for 30 days.
    pub undo: Option<RawUndo>,
    /// Who is told when a run has ended, and when: a webhook, a mail or a command. They get counts and errors, no values of records.
    pub on_finish: Vec<RawOnFinish>,
}

/// The shared connections of a folder: `connections.yaml` beside its pipelines.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "ConnectionsFile")]
pub struct RawConnectionsFile {
    /// The version of this format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: Option<u32>,
    /// The connections, by a name of your choice.
    pub connections: IndexMap<String, RawConnection>,
}

/// An account at a system, or a place for files: `{ type: hubspot, token: "${HUBSPOT_TOKEN}" }`. The other options depend on
/// the type.
#[derive(Clone, Default, Deserialize, JsonSchema)]
#[schemars(rename = "Connection", extend("required" = ["type"]))]
pub struct RawConnection {
    /// The connector that serves the connection.
    #[serde(rename = "type")]
    pub connector: Option<String>,
    /// A file, relative to the pipeline's folder, that gets one line of JSON for each request to this system: time, run,
    /// method, path, status, records, wait. It holds no token, body or personal value. `--audit FILE` does it for all connections.
    #[schemars(example = &"audit.jsonl")]
    pub audit: Option<String>,
    /// The id of the one account that this connection may read and write: the portal, organisation or base. Any other account is
    /// refused before anything is read or written, which keeps the pipeline of a sandbox out of production and the other way
    /// round. `ferry check` shows the id.
    #[schemars(example = &"12345678")]
    pub account: Option<RawAccount>,
    /// The connector's own options.
    #[serde(flatten)]
    pub options: serde_json::Map<String, serde_json::Value>,
}

impl fmt::Debug for RawConnection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RawConnection").field("connector", &self.connector).finish_non_exhaustive()
    }
}

/// The id of an account, in quotes or without.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum RawAccount {
    /// As a number.
    Number(u64),
    /// As text.
    Text(String),
}

/// A stream: one object of a source, and where its records go.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Stream", extend("required" = ["name", "source", "destinations"]))]
pub struct RawStream {
    /// The stream's name: what `link` and `ferry run --stream` say. No other stream of the pipeline has it.
    #[schemars(length(min = 1), example = &"contacts")]
    pub name: Option<String>,
    /// Where the records come from.
    pub source: Option<RawSource>,
    /// Steps between reading and mapping, in order: filter, derive, rename, drop, cast, split, explode, apply, dedupe, join,
    /// aggregate.
    pub transforms: Vec<StepSpec>,
    /// Mappings that all destinations of the stream share; a destination's own add to them and win.
    pub mappings: MappingSpecs,
    /// A JSON Schema file, relative to the pipeline's folder. Records that do not match it, by the source's field names, are
    /// rejected before anything of them is written.
    #[schemars(example = &"../schemas/contact.schema.json")]
    pub expect: Option<String>,
    /// Where the records go. Each destination has its own mappings, batches and ledger; one failing never stops the others.
    #[schemars(length(min = 1))]
    pub destinations: Option<Vec<RawDestination>>,
}

/// Where a stream's records come from.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Source", extend("required" = ["connection", "object"]))]
pub struct RawSource {
    /// The name of a connection.
    pub connection: Option<String>,
    /// What is read, in the system's own word: an object, a table, a file.
    #[schemars(length(min = 1), example = &"contacts")]
    pub object: Option<String>,
    /// A SQL condition, e.g. `email IS NOT NULL AND country = 'DE'`. As far as the system understands it, it is sent there;
    /// the rest is applied here. A label with spaces goes into double quotes: `"Lead Status" = 'NEW'`.
    #[serde(rename = "where")]
    pub filter: Option<String>,
    /// Whether all records are read, or those that changed since the last run. Default: `full_refresh`.
    #[schemars(extend("default" = "full_refresh"))]
    pub sync: Option<SyncMode>,
}

/// Where a stream's records go.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Destination", extend("required" = ["connection", "object"]))]
pub struct RawDestination {
    /// The name of a connection.
    pub connection: Option<String>,
    /// What is written, in the system's own word: an object, a table, a file.
    #[schemars(length(min = 1), example = &"Contacts")]
    pub object: Option<String>,
    /// What is done with the records. Default: `upsert` where a `key` is given, `insert` otherwise.
    pub write: Option<WriteMode>,
    /// The destination's fields that identify a record: one with the same values is updated. Each of them must be mapped.
    #[schemars(example = ["Email"])]
    pub key: Vec<String>,
    /// What is done with a record that Ferry wrote and that somebody deleted at the destination, while the source still has it.
    /// Noticed when the record is written or linked to, and by `ferry run --verify`. Default: `recreate`.
    #[schemars(extend("default" = "recreate"))]
    pub on_missing: Option<OnMissing>,
    /// Fills in the mappings of the standard fields that both systems have; mappings written out win.
    pub standard: Option<Standard>,
    /// Destination field → where its value comes from: a source field, or a mapping in full. A field is called by its name, or by
    /// its label where only one field has that label; `ferry describe` lists both.
    pub mappings: MappingSpecs,
}

/// What is done with a stream's records at a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WriteMode {
    /// Records are created. One that Ferry created before is left as it is.
    Insert,
    /// Records that exist are changed; the others are rejected.
    Update,
    /// Records that exist are changed; the others are created.
    Upsert,
    /// As `upsert`; and records that Ferry wrote before and that the source no longer has are deleted. A row that is rejected is still
    /// at the source: its record stays.
    Mirror,
    /// The whole object is written anew by each run and put in place once it is complete; until then, it keeps its old content.
    /// Not every system offers it. Files are always written like this, also with `insert` and `upsert`.
    Replace,
}

impl WriteMode {
    /// Returns what a destination of these capabilities makes of it: where an object can only be written anew, to insert and to
    /// upsert is to replace.
    #[must_use]
    pub fn at(self, capabilities: &Capabilities) -> Self {
        match self {
            Self::Insert | Self::Upsert if capabilities.only_replaces() => Self::Replace,
            Self::Insert | Self::Update | Self::Upsert | Self::Mirror | Self::Replace => self,
        }
    }
}

/// What is done with a record that was deleted at the destination while the source still has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnMissing {
    /// It is created again, or taken up again where another record has its key by now; links to it are set again.
    #[default]
    Recreate,
    /// It is held, and a person decides: `ferry redrive` creates it again.
    Hold,
    /// It stays deleted, and counts as filtered.
    Skip,
}

/// The kinds of records whose standard fields Ferry knows at each vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standard {
    /// People.
    Contact,
    /// Companies, accounts, organisations.
    Company,
    /// Deals, opportunities.
    Deal,
}

/// What a rejected record does to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The record becomes a dead letter, and the run goes on.
    #[default]
    Continue,
    /// The run stops.
    Stop,
}

/// What the run must stay within.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Limits")]
pub struct RawLimits {
    /// The run stops when more records of a stream are rejected at a destination: a number, or a share such as `5%`.
    pub max_rejects: Option<RawCountOrShare>,
    /// A mirror deletes nothing when it would delete more: a number, or a share such as `5%`. Default: 100 records
    /// or 5 %.
    pub max_deletes: Option<RawCountOrShare>,
    /// The share of the vendor's daily quota that a run may use, 0 to 1; then it stops with a clean checkpoint.
    #[schemars(range(min = 0.0, max = 1.0), example = 0.8)]
    pub quota_share: Option<f64>,
    /// Most requests a second to each connection, where the vendor allows more.
    #[schemars(range(min = 0.001))]
    pub requests_per_sec: Option<f64>,
    /// Most records in one batch, where the destination allows more.
    #[schemars(range(min = 1))]
    pub batch_size: Option<u32>,
}

/// How long runs can be taken back: `off`, or `{ keep_days: 30 }`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Undo")]
pub enum RawUndo {
    /// Runs cannot be taken back.
    Off(RawOff),
    /// They can, for some time.
    Keep(RawKeep),
}

/// The word `off`.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum RawOff {
    /// Off.
    Off,
}

/// For how long runs can be taken back.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "Keep")]
pub struct RawKeep {
    /// How many days what records held before is kept. Default: 30.
    #[schemars(range(min = 1, max = 3650), extend("default" = 30))]
    pub keep_days: Option<u32>,
}

/// A number of records, or a share of all records such as `5%`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "CountOrShare")]
pub enum RawCountOrShare {
    /// A number of records.
    Count(u64),
    /// A share: `5%`.
    Share(#[schemars(regex(pattern = SHARE_PATTERN))] String),
}
