//! What a pipeline file means: every name resolved, every default filled in, every rule of the format kept.
//!
//! A value of these types came through all checks, so the engine asks nothing twice. Start at [`Pipeline`].

use std::{
    collections::BTreeMap,
    fmt,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

use crate::connector::{Account, Options};
use crate::model::{ConnectionName, FieldName, ObjectName, StreamName, SyncMode};
use crate::transform::spec::{MappingSpecs, StepSpec};

use super::on_finish::OnFinish;
use super::raw::{OnError, OnMissing, WriteMode};

/// A pipeline that can be run.
#[derive(Debug, Clone)]
pub struct Pipeline {
    /// The pipeline's name: what its state is kept under.
    pub name: String,
    /// What it is for, in the words of its author.
    pub description: Option<String>,
    /// The file.
    pub path: PathBuf,
    /// The file's folder, which relative paths start from.
    pub base_dir: PathBuf,
    /// The connections of the file and those of `connections.yaml` that its streams use.
    pub connections: BTreeMap<ConnectionName, Connection>,
    /// The streams, in the file's order.
    pub streams: Vec<Stream>,
    /// The streams as their author wrote them, interpolated, with the keys of all objects in order. A release that reads the file
    /// into other types has the same text here, so a run that was stopped by one release is known to the next.
    pub definition: Json,
    /// What a rejected record does to the run.
    pub on_error: OnError,
    /// What the run must stay within.
    pub limits: Limits,
    /// For how many days runs can be taken back; none where they cannot.
    pub undo_days: Option<NonZeroU32>,
    /// Who is told when a run has ended.
    pub on_finish: Vec<OnFinish>,
}

/// For how many days runs can be taken back where `undo` does not say it.
pub const UNDO_DAYS: NonZeroU32 = match NonZeroU32::new(30) {
    Some(days) => days,
    None => NonZeroU32::MIN,
};

/// An account at a system, or a place for files.
#[derive(Clone)]
pub struct Connection {
    /// Its name in the pipeline.
    pub name: ConnectionName,
    /// The connector that serves it: what `type` says.
    pub connector: String,
    /// The connector's options without `type`, interpolated: they hold secrets.
    pub options: Options,
    /// The one account that it may read and write; any where there is none.
    pub account: Option<Account>,
    /// The file that gets a line for each request to the system.
    pub audit: Option<PathBuf>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let masked: BTreeMap<&str, &str> = self.options.keys().map(|name| (name.as_str(), "***")).collect();
        formatter
            .debug_struct("Connection")
            .field("name", &self.name)
            .field("connector", &self.connector)
            .field("options", &masked)
            .field("account", &self.account)
            .field("audit", &self.audit)
            .finish()
    }
}

/// The records of one object of a source, and where they go.
#[derive(Debug, Clone)]
pub struct Stream {
    /// Its name: what links and `--stream` say.
    pub name: StreamName,
    /// The connection that is read.
    pub connection: ConnectionName,
    /// The object that is read.
    pub object: ObjectName,
    /// The SQL condition of `where`.
    pub filter: Option<String>,
    /// All records, or those that changed since the last run.
    pub sync_mode: SyncMode,
    /// The steps between source and mapping, in order.
    pub transforms: Vec<StepSpec>,
    /// The JSON Schema that records are checked against before they are written; the file exists.
    pub expect: Option<PathBuf>,
    /// Where the records go.
    pub destinations: Vec<StreamDestination>,
}

/// One place that a stream's records are written to.
#[derive(Debug, Clone)]
pub struct StreamDestination {
    /// The connection that is written.
    pub connection: ConnectionName,
    /// The object that is written.
    pub object: ObjectName,
    /// What is done with the records.
    pub write: WriteMode,
    /// The destination's fields that identify a record; each of them is mapped.
    pub key: Vec<FieldName>,
    /// What is done with a record that was deleted at the destination while the source still has it.
    pub on_missing: OnMissing,
    /// The standard mappings, the stream's and the destination's, where the later win.
    pub mappings: MappingSpecs,
    /// What its `standard` stands for, where it has one.
    pub standard: Option<StandardUse>,
}

/// What `standard` stands for between two systems.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandardUse {
    /// The kind of records, by its word in the pipeline.
    pub kind: &'static str,
    /// Ferry's word for each field, and what the destination calls it; none where one of the systems is known not to have it.
    pub fields: Vec<(String, Option<String>)>,
}

impl StandardUse {
    /// Returns Ferry's words for the fields that take part and for those that do not, where `takes_part` knows which of the
    /// destination's fields do.
    pub fn split(&self, takes_part: impl Fn(&str) -> bool) -> (Vec<&str>, Vec<&str>) {
        let (mut matched, mut left_out) = (Vec::new(), Vec::new());
        for (word, name) in &self.fields {
            let is_in = name.as_deref().is_some_and(&takes_part);
            if is_in { matched.push(word.as_str()) } else { left_out.push(word.as_str()) }
        }
        (matched, left_out)
    }

    /// Says that no field takes part.
    pub fn unmatched(&self) -> String {
        let count = self.fields.len();
        format!(
            "`standard: {}` maps none of its {count} fields: no field of both systems is known to be one of them",
            self.kind
        )
    }
}

/// What a run must stay within.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Limits {
    /// The run stops when more records of a stream are rejected at a destination.
    pub max_rejects: Option<CountOrShare>,
    /// A mirror deletes nothing when it would delete more.
    pub max_deletes: Option<CountOrShare>,
    /// The run stops with a clean checkpoint when it would use more than this share of the daily quota, 0 to 1.
    pub quota_share: Option<f64>,
    /// Most requests a second to each connection, where the vendor allows more.
    pub requests_per_sec: Option<f64>,
    /// Most records in one batch, where the destination allows more.
    pub batch_size: Option<NonZeroU32>,
}

/// A limit in records, or as a share of all records.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CountOrShare {
    /// In records.
    Count(u64),
    /// As a share, 0 to 1.
    Share(f64),
}

impl CountOrShare {
    /// Tells whether `count` of `total` records is more than the limit.
    pub fn is_exceeded_by(self, count: u64, total: u64) -> bool {
        match self {
            Self::Count(limit) => count > limit,
            #[expect(clippy::cast_precision_loss, reason = "a share is compared: 2^53 records are beyond any run")]
            Self::Share(share) => count as f64 > share * total as f64,
        }
    }
}

impl Pipeline {
    /// Returns the stream of that name.
    pub fn stream(&self, name: &str) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.name.as_str() == name)
    }

    /// Returns the objects that streams read or write at a connection.
    pub fn objects_of(&self, connection: &ConnectionName) -> Vec<ObjectName> {
        let mut objects: Vec<ObjectName> = Vec::new();
        for stream in &self.streams {
            let read = (stream.connection == *connection).then(|| stream.object.clone());
            let written = stream.destinations.iter().filter(|target| target.connection == *connection);
            objects.extend(read.into_iter().chain(written.map(|target| target.object.clone())));
        }
        objects.sort();
        objects.dedup();
        objects
    }

    /// Returns a path of the pipeline as one that can be opened: relative ones start from the pipeline's folder.
    pub fn resolve_path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.base_dir.join(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_count_or_a_share_of_all_records() {
        assert!(!CountOrShare::Count(3).is_exceeded_by(3, 1));
        assert!(CountOrShare::Count(3).is_exceeded_by(4, 1000));
        assert!(!CountOrShare::Share(0.05).is_exceeded_by(5, 100));
        assert!(CountOrShare::Share(0.05).is_exceeded_by(6, 100));
    }

    #[test]
    fn the_debug_form_of_a_connection_shows_no_option_values() {
        let options = serde_json::json!({ "token": "sesame" });
        let connection = Connection {
            name: "crm".into(),
            connector: "hubspot".to_owned(),
            options: options.as_object().cloned().unwrap_or_default(),
            account: None,
            audit: None,
        };
        let shown = format!("{connection:?}");
        assert!(shown.contains("token") && shown.contains("***") && !shown.contains("sesame"), "{shown}");
    }
}
