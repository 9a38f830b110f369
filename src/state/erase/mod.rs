//! Removes a person from the state file, and proves it.
//!
//! Which source records are theirs is found by the address, which may be a key, an id or a record's own mail field, or is told. Then every
//! cell is opened that can hold something of them ([`sealed::COLUMNS`] lists them all): rows about these records go, and so does what else
//! names the address. The file is then written anew, so that no free page and no log holds what went. Start at [`State::erase_person`].

mod action;
mod address;
mod bytes;
mod find;
mod plans;
mod remove;
mod rewrite;
mod rows;
mod sealed;
mod search;
#[cfg(test)]
mod tests;
mod traced;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    SourceKey, State, Work,
    error::StateError,
    target::{Target, TargetId},
};

/// Who is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Person {
    /// Who has a mail address.
    Email {
        /// The address, in whatever case.
        address: String,
        /// The hashes that the address has as a key.
        key_hashes: Vec<u128>,
    },
    /// A record of a source.
    Record {
        /// The pipeline.
        pipeline: String,
        /// The stream.
        stream: String,
        /// The source's id.
        source_id: String,
    },
}

/// What the state file holds of a person.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traces {
    /// Their source records, each with where it went; one that went nowhere comes without a destination id. Behind them, records of others
    /// whose values name them.
    pub records: Vec<TracedRecord>,
    /// How many rows there are of each kind.
    pub counts: BTreeMap<Kind, u64>,
}

/// A source record of a person, at one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedRecord {
    /// Identifies the target.
    pub target_id: TargetId,
    /// The target.
    pub target: Target,
    /// The connection that the stream was last read from.
    pub source_connection: Option<String>,
    /// The source's id, as it is looked up.
    pub source_key: SourceKey,
    /// The source's id, where it is known.
    pub source_id: Option<String>,
    /// What says that it is theirs.
    pub found_by: FoundBy,
    /// The destination's id; none where the record was not written there.
    pub destination_id: Option<String>,
    /// Whether the destination was found not to hold it any more.
    pub is_missing: bool,
}

/// What says that a record is a person's, the most certain first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoundBy {
    /// It was named by stream and id.
    Named,
    /// Its key is the address.
    Key,
    /// Its id at the destination has the address in it.
    DestinationId,
    /// A field of its own that holds a mail address.
    Field,
    /// It has the same key as another record of theirs.
    Duplicate,
    /// It is the same record of the destination as another one of theirs.
    SameRecord,
    /// Its id at the source has the address in it, and nothing else says so: it may be a firm that was read from the same line.
    SourceId,
    /// It is another's record, and a value of it names the address.
    Mention,
}

/// What was removed, and what is left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    /// How many rows of each kind were found.
    pub counts: BTreeMap<Kind, u64>,
    /// What a second search finds: nothing but the entries that were to stay.
    pub left: Traces,
    /// Columns of names that hold the address, as `table.column`: a pipeline's file or a connection that is called so.
    pub columns: Vec<String>,
    /// Whether the bytes of the file still hold something that was removed, or the address in clear.
    pub is_in_file: bool,
}

/// A pipeline that the state file knows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownPipeline {
    /// The file of its last run.
    pub file: Option<PathBuf>,
    /// Its streams.
    pub streams: BTreeSet<String>,
}

/// Kinds of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A record that was not written.
    DeadLetter,
    /// What a record held before it was written.
    Image,
    /// An entry of the id map.
    Id,
    /// A record that is the same as another one.
    Duplicate,
    /// A record of a run that was merged into another one.
    Merged,
    /// A link of a record of theirs, set or waiting.
    Link,
    /// A link of another record that leads to them.
    LinkToThem,
    /// A batch without an outcome that has a record of theirs.
    Intent,
    /// A cursor that names them.
    Cursor,
    /// A cursor that names them and that a run began at.
    StartCursor,
    /// The errors of a run, which name them.
    Error,
    /// Who was told of the end of a run, which names them.
    Notice,
    /// A choice of a field that is called as they are.
    Choice,
}

impl Kind {
    /// Returns what it is called.
    pub fn words(self) -> &'static str {
        match self {
            Self::DeadLetter => "dead letters",
            Self::Image => "before-images",
            Self::Id => "id map entries",
            Self::Duplicate => "duplicates",
            Self::Merged => "merged records of runs",
            Self::Link => "links",
            Self::LinkToThem => "links of other records to theirs",
            Self::Intent => "unfinished batches",
            Self::Cursor => "cursors",
            Self::StartCursor => "start cursors of runs",
            Self::Error => "error messages of runs",
            Self::Notice => "notices of runs",
            Self::Choice => "options of fields",
        }
    }
}

impl FoundBy {
    /// Returns what it is called.
    pub fn words(self) -> &'static str {
        match self {
            Self::Named => "named by `--id`",
            Self::Key => "key",
            Self::DestinationId => "id there",
            Self::Field => "mail field",
            Self::Duplicate => "duplicate of theirs",
            Self::SameRecord => "same record there",
            Self::SourceId => "id at the source",
            Self::Mention => "another's, names them",
        }
    }

    /// Tells whether it is certain enough to delete the record where it is.
    pub fn is_certain(self) -> bool {
        match self {
            Self::Named | Self::Key | Self::DestinationId | Self::Field | Self::Duplicate | Self::SameRecord => true,
            Self::SourceId | Self::Mention => false,
        }
    }
}

impl Traces {
    /// Tells whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty() && self.counts.is_empty()
    }
}

impl State {
    /// Returns the pipelines that the state file knows.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn pipelines(&self) -> Result<BTreeMap<String, KnownPipeline>, StateError> {
        self.read(|work: &Work<'_>| {
            let sql = "SELECT pipeline, stream, NULL FROM targets
                 UNION ALL SELECT pipeline, NULL, file FROM (SELECT * FROM runs ORDER BY rowid)";
            let mut statement = work.transaction.prepare_cached(sql)?;
            let mut rows = statement.query([])?;
            let mut pipelines: BTreeMap<String, KnownPipeline> = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let known = pipelines.entry(row.get(0)?).or_default();
                known.streams.extend(row.get::<_, Option<String>>(1)?);
                known.file = row.get::<_, Option<String>>(2)?.map(PathBuf::from).or(known.file.take());
            }
            Ok(pipelines)
        })
        .await
    }
}
