//! The id map as text: CSV for spreadsheets, JSON for programs.

use chrono::{DateTime, SecondsFormat, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{ConnectionName, ObjectName, StreamName, guarded};
use crate::state::{ListedId, Target};

use super::super::exit::{Exit, Failure};

/// The columns of CSV, named as the fields of JSON.
const COLUMNS: [&str; 11] = [
    "stream",
    "connection",
    "object",
    "account",
    "source_id",
    "destination_id",
    "state",
    "same_as",
    "since",
    "run_id",
    "note",
];

/// What `ferry ids --json` prints.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[cfg_attr(not(test), expect(dead_code, reason = "the schema is made of it; the text is written line by line"))]
pub(in crate::cli) struct IdReport {
    /// The pipeline's name.
    pub pipeline: String,
    /// Its ids: by stream and destination, in the order in which records were first written; duplicates come behind them.
    pub ids: Vec<IdLine>,
}

/// A source record and the record that it is at a destination.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::cli) struct IdLine {
    /// The stream.
    pub stream: StreamName,
    /// The destination's connection.
    pub connection: ConnectionName,
    /// The destination's object.
    pub object: ObjectName,
    /// The destination's account; null where the system has none, or where no run has asked for it yet.
    pub account: Option<String>,
    /// The record's id at the source; null where an older version of Ferry wrote the entry and no run has read the record since.
    pub source_id: Option<String>,
    /// The record's id at the destination; null where a duplicate's survivor was not written there.
    pub destination_id: Option<String>,
    /// What the destination holds of it.
    pub state: IdState,
    /// The source's id of the record that this one is the same as: the survivor of a duplicate, or a record that it was merged with at
    /// the destination.
    pub same_as: Option<String>,
    /// Since when the record has that id at the destination; null where an older version of Ferry did not keep it.
    #[schemars(with = "Option<String>")]
    pub since: Option<DateTime<Utc>>,
    /// The run that found or gave it that id; null where an older version of Ferry did not keep it.
    pub run_id: Option<String>,
    /// What is missing or special about the line, in words.
    pub note: Option<String>,
}

/// What a destination holds of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum IdState {
    /// The record.
    Written,
    /// Nothing any more: it was found to be deleted there.
    Missing,
    /// The record that this one is a duplicate of.
    Duplicate,
}

/// How the map is written.
pub(super) enum Form {
    Csv {
        /// Cells that a spreadsheet would run stay as they are.
        is_raw: bool,
    },
    Json {
        is_first: bool,
    },
}

impl IdLine {
    pub(super) fn new(target: &Target, id: ListedId) -> Self {
        let Target { stream, connection, object, accounts, .. } = target.clone();
        let is_unnamed = id.source_id.is_none();
        let state = match (&id.survivor, id.is_missing) {
            (Some(_), _) => IdState::Duplicate,
            (None, true) => IdState::Missing,
            (None, false) => IdState::Written,
        };
        let survivor = id.survivor.and_then(|survivor| survivor.source_id);
        let mut notes = Vec::new();
        if is_unnamed {
            notes.push("the source id is not known: an older version of ferry wrote this");
        }
        if state == IdState::Duplicate && survivor.is_none() {
            notes.push("the source id of the record that it is a duplicate of is not known");
        }
        if id.shared_with.is_some() {
            notes.push("merged with that record at the destination");
        }
        Self {
            stream,
            connection,
            object,
            account: accounts.destination,
            source_id: id.source_id,
            destination_id: id.destination_id,
            state,
            same_as: survivor.or(id.shared_with),
            since: id.since,
            run_id: id.run_id,
            note: Some(notes.join("; ")).filter(|note| !note.is_empty()),
        }
    }
}

impl IdState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Missing => "missing",
            Self::Duplicate => "duplicate",
        }
    }
}

impl Form {
    pub(super) fn csv(is_raw: bool) -> Self {
        Self::Csv { is_raw }
    }

    pub(super) fn json() -> Self {
        Self::Json { is_first: true }
    }

    pub(super) fn is_json(&self) -> bool {
        matches!(self, Self::Json { .. })
    }

    /// Returns what comes before the lines.
    pub(super) fn head(&self, pipeline: &str) -> Result<String, Failure> {
        match self {
            Self::Csv { .. } => row(COLUMNS),
            Self::Json { .. } => Ok(format!("{{\"pipeline\":{},\"ids\":[", json(&pipeline)?)),
        }
    }

    /// Returns a line. Those of JSON are parted by commas, each on a line of its own.
    pub(super) fn line(&mut self, line: &IdLine) -> Result<String, Failure> {
        match self {
            Self::Csv { is_raw } => {
                let safe = |cell: &str| if *is_raw { cell.to_owned() } else { guarded(cell).into_owned() };
                row(cells(line).map(|cell| safe(&cell)))
            }
            Self::Json { is_first } => {
                let comma = if std::mem::take(is_first) { "" } else { "," };
                Ok(format!("{comma}\n{}", json(line)?))
            }
        }
    }

    /// Returns what comes behind the lines.
    pub(super) fn tail(&self) -> String {
        match self {
            Self::Csv { .. } => String::new(),
            Self::Json { is_first: true } => "]}\n".to_owned(),
            Self::Json { is_first: false } => "\n]}\n".to_owned(),
        }
    }
}

fn cells(line: &IdLine) -> [String; 11] {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    [
        line.stream.to_string(),
        line.connection.to_string(),
        line.object.to_string(),
        text(&line.account),
        text(&line.source_id),
        text(&line.destination_id),
        line.state.as_str().to_owned(),
        text(&line.same_as),
        line.since.map_or_else(String::new, |since| since.to_rfc3339_opts(SecondsFormat::Secs, true)),
        text(&line.run_id),
        text(&line.note),
    ]
}

fn row<Cell: AsRef<[u8]>>(cells: impl IntoIterator<Item = Cell>) -> Result<String, Failure> {
    let failed = |error: String| Failure::new(Exit::Failed, "csv", error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(cells).map_err(|error| failed(error.to_string()))?;
    let bytes = writer.into_inner().map_err(|error| failed(error.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn json(value: &impl Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string(value).map_err(std::io::Error::from)?)
}
