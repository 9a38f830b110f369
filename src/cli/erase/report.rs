//! What `ferry erase` says: the same for people and programs, and without the person's address.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::engine::ErasedRecord;
use crate::model::{ConnectionName, ObjectName, StreamName};
use crate::redact::MASK;
use crate::state::{FoundBy, TraceKind, TracedRecord, Traces};

use super::files::PersonFile;

/// What nobody can search for, each a sentence.
const OUT_OF_REACH: [&str; 4] = [
    "what you exported: rejects, id maps, reports, samples in `fixtures/`, and plans that no `--plan FILE` named",
    "files that pipelines write: run these once the person is gone at the source",
    "what cron or a supervisor kept of ferry's output, and the history of your shell, which holds this command",
    "backups of the state file that others made",
];

/// What `ferry erase --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::cli) struct EraseReport {
    /// Whether it was done, or is only shown.
    pub is_done: bool,
    /// Whether a second search, of every cell and of the file's bytes, found nothing; null where nothing was done.
    pub is_clean: Option<bool>,
    /// How many rows of the state file are about the person or name them, by kind.
    pub removed: BTreeMap<TraceKind, u64>,
    /// Columns of names that still hold the address, as `table.column`: the path of a pipeline, or the name of a connection.
    pub names_left: Vec<String>,
    /// Files beside the state file that hold the person, or that cannot be searched.
    pub files: Vec<PersonFile>,
    /// The records of the person, each with where it is. Mail addresses in ids are masked.
    pub records: Vec<PersonRecord>,
    /// What becomes of the records at the destinations; empty without `--at-destinations`.
    pub at_destinations: Vec<ErasedRecord>,
    /// Where else the person may be, which Ferry cannot reach.
    pub out_of_reach: Vec<String>,
}

/// A record of the person.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::cli) struct PersonRecord {
    /// The pipeline.
    pub pipeline: String,
    /// The stream.
    pub stream: StreamName,
    /// The connection that the stream is read from.
    pub source: Option<String>,
    /// The record's id at the source; null where it is not known.
    pub source_id: Option<String>,
    /// The destination's connection.
    pub connection: ConnectionName,
    /// The destination's object.
    pub object: ObjectName,
    /// The destination's account; null where the system has none.
    pub account: Option<String>,
    /// The record's id at the destination; null where it was not written there.
    pub destination_id: Option<String>,
    /// Whether the destination was found not to hold it any more.
    pub is_missing: bool,
    /// What says that it is theirs.
    pub found_by: FoundBy,
}

impl EraseReport {
    pub(super) fn new(traces: &Traces, files: Vec<PersonFile>) -> Self {
        Self {
            is_done: false,
            is_clean: None,
            removed: traces.counts.clone(),
            names_left: Vec::new(),
            files,
            records: traces.records.iter().map(PersonRecord::of).collect(),
            at_destinations: Vec::new(),
            out_of_reach: OUT_OF_REACH.map(str::to_owned).to_vec(),
        }
    }

    /// Says what is planned at the destinations, or was done there.
    pub(super) fn set_at_destinations(&mut self, records: &[ErasedRecord]) {
        let masked = |record: &ErasedRecord| ErasedRecord { id: masked(&record.id), ..record.clone() };
        self.at_destinations = records.iter().map(masked).collect();
    }

    /// Tells whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.removed.is_empty() && self.records.is_empty() && self.files.is_empty()
    }
}

impl PersonRecord {
    fn of(record: &TracedRecord) -> Self {
        let target = record.target.clone();
        Self {
            pipeline: target.pipeline,
            stream: target.stream,
            source: record.source_connection.clone(),
            source_id: record.source_id.as_deref().map(masked),
            connection: target.connection,
            object: target.object,
            account: target.accounts.destination,
            destination_id: record.destination_id.as_deref().map(masked),
            is_missing: record.is_missing,
            found_by: record.found_by,
        }
    }
}

/// Returns an id without the mail addresses in it.
pub(super) fn masked(id: &str) -> String {
    let is_part = |letter: char| letter.is_alphanumeric() || "@._%+-'".contains(letter);
    let mut text = String::new();
    let mut rest = id;
    while let Some(start) = rest.find(is_part) {
        let (before, word) = rest.split_at(start);
        let end = word.find(|letter| !is_part(letter)).unwrap_or(word.len());
        let (word, behind) = word.split_at(end);
        text.push_str(before);
        text.push_str(if word.contains('@') { MASK } else { word });
        rest = behind;
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn addresses_in_ids_are_masked_and_nothing_else() {
        for (id, expected) in [
            ("10001", "10001"),
            ("ada@example.org", "***"),
            ("ada@x.de|2024-01", "***|2024-01"),
            ("<Ada.L+x@x.de> 7", "<***> 7"),
            ("recA B", "recA B"),
            ("", ""),
        ] {
            assert_eq!(masked(id), expected);
        }
    }
}
