//! `ferry rejects`: the records of a run that were not written, to be fixed in a spreadsheet, and records whose links wait for others.
//!
//! This is the one command that prints personal values: that is what it is for.

use std::{collections::BTreeSet, path::Path};

use serde_json::{Value as Json, json};

use crate::model::{LIST_SEPARATOR, guarded, join_list};
use crate::private_file::PrivateFile;
use crate::redact::redact;
use crate::state::{DeadLetter, Run, WaitingLink};

use super::{
    args::ExportFormat,
    exit::{Exit, Failure},
    output,
    runs::find_run,
    workspace::Workspace,
};

/// The columns that come before those of the records.
const FIXED_COLUMNS: [&str; 10] =
    ["run_id", "stream", "connection", "object", "source_id", "kind", "code", "field", "value", "reason"];
/// The column by which a redrive finds the letter again, whatever a spreadsheet makes of its ids.
pub(super) const LETTER_COLUMN: &str = "letter";
/// Begins the columns of the record as the source gave it.
pub(super) const SOURCE_PREFIX: &str = "source.";
/// Begins the columns of the record as it was to be written.
pub(super) const MAPPED_PREFIX: &str = "mapped.";

/// The kind of a line that is no dead letter: its record is written, and a link of it waits for another record.
pub(super) const WAITING: &str = "waiting";

/// Why it waits.
const WAITING_CODE: &str = "target_not_there";

/// How letters are printed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) format: ExportFormat,
    /// Cells that a spreadsheet would run stay as they are.
    pub(super) is_raw: bool,
}

/// What is printed.
struct Lines {
    letters: Vec<DeadLetter>,
    waiting: Vec<WaitingLine>,
}

/// A link that waits, and why.
struct WaitingLine {
    link: WaitingLink,
    reason: String,
}

pub(super) async fn rejects(
    workspace: &Workspace,
    run_id: &str,
    form: Form,
    output: Option<&Path>,
) -> Result<Exit, Failure> {
    let state = workspace.find_state().await?;
    let run = find_run(&state, run_id).await?;
    let letters = state.letters(&run.run_id).await?.open;
    let waiting = state.waiting_links(&run.run_id).await?;
    let waiting = waiting.into_iter().map(|link| WaitingLine::new(&run, link, &letters)).collect();
    let lines = Lines { letters, waiting };
    let is_json = workspace.output.is_json || form.format == ExportFormat::Json;
    let text = if is_json { as_json(&run, &lines) } else { as_csv(&run, &lines, form.is_raw)? };
    match output {
        None if is_json => output::json_text(&text)?,
        None => output::exact(&text)?,
        Some(path) => {
            PrivateFile::write(path, text.as_bytes())?;
            let count = u64::try_from(lines.letters.len() + lines.waiting.len()).unwrap_or(u64::MAX);
            workspace.output.say(&format!("{} written to `{}`", output::counted(count, "record"), path.display()));
        }
    }
    Ok(Exit::Done)
}

impl WaitingLine {
    fn new(run: &Run, link: WaitingLink, letters: &[DeadLetter]) -> Self {
        let (stream, connection) = (&link.stream, &link.target.connection);
        if link.missing.is_empty() {
            let reason =
                format!("what it leads to is at `{connection}` by now: `ferry run {}` sets it", run.file.display());
            return Self { link, reason };
        }
        let named = link.missing.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
        let is_refused = |id: &String| {
            letters.iter().any(|letter| {
                letter.target.stream.as_str() == stream
                    && letter.target.connection == *connection
                    && letter.source_id == *id
            })
        };
        let mut reason = format!("waits for {named} of stream `{stream}`, not at `{connection}`");
        if link.missing.iter().all(is_refused) {
            reason.push_str(": it was not written, as its own line says");
        }
        Self { link, reason }
    }
}

/// Returns a mark for a letter that is told from every other of the run, and that no spreadsheet takes for a number.
pub(super) fn letter_mark(letter: &DeadLetter) -> String {
    let target = &letter.target;
    let number = letter.number.to_string();
    let field = letter.field.as_deref().filter(|_| letter.number == 0).unwrap_or_default();
    let kind = letter.kind.as_str();
    let parts =
        [&*target.stream, &*target.connection, &*target.object, kind, &letter.source_id, number.as_str(), field];
    format!("L-{:016x}", xxhash_rust::xxh3::xxh3_64(parts.join("\u{0}").as_bytes()))
}

fn as_json(run: &Run, lines: &Lines) -> String {
    let waiting = lines.waiting.iter().map(|WaitingLine { link, reason }| {
        json!({
            "run_id": run.run_id, "stream": link.target.stream, "connection": link.target.connection,
            "object": link.target.object, "source_id": link.source_id, "kind": WAITING, "code": WAITING_CODE,
            "field": link.field, "value": link.missing.join(";"), "reason": reason,
            "waits_for": { "stream": link.stream, "source_ids": link.missing },
        })
    });
    let letters: Vec<Json> = lines
        .letters
        .iter()
        .map(|letter| {
            json!({
                "letter": letter_mark(letter), "line": letter.line, "run_id": letter.run_id, "stream": letter.target.stream, "connection": letter.target.connection,
                "object": letter.target.object, "source_id": letter.source_id, "kind": letter.kind, "code": letter.code,
                "field": letter.field, "value": letter.body.value, "reason": redact(&letter.body.reason),
                "request_id": letter.body.request_id, "created_at": letter.created_at,
                "source": letter.body.source, "mapped": letter.body.mapped,
            })
        })
        .chain(waiting)
        .collect();
    format!("{}\n", json!({ "rejects": letters }))
}

fn as_csv(run: &Run, lines: &Lines, is_raw: bool) -> Result<String, Failure> {
    let letters = &lines.letters;
    let names = |record: fn(&DeadLetter) -> &Json| -> BTreeSet<&String> {
        letters.iter().filter_map(|letter| record(letter).as_object()).flat_map(serde_json::Map::keys).collect()
    };
    let (sources, mapped) = (names(|letter| &letter.body.source), names(|letter| &letter.body.mapped));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let failed = |error: csv::Error| Failure::new(Exit::Failed, "csv", error.to_string());
    let safe = |cell: &str| if is_raw { cell.to_owned() } else { guarded(cell).into_owned() };
    let header = FIXED_COLUMNS.iter().chain(&["request_id", "line", LETTER_COLUMN]).map(|column| (*column).to_owned());
    let header = header.chain(mapped.iter().map(|name| format!("{MAPPED_PREFIX}{name}")));
    writer.write_record(header.chain(sources.iter().map(|name| format!("{SOURCE_PREFIX}{name}")))).map_err(failed)?;
    for letter in letters {
        let fixed = [
            letter.run_id.clone(),
            letter.target.stream.to_string(),
            letter.target.connection.to_string(),
            letter.target.object.to_string(),
            letter.source_id.clone(),
            letter.kind.as_str().to_owned(),
            letter.code.clone(),
            letter.field.clone().unwrap_or_default(),
            letter.body.value.clone().unwrap_or_default(),
            redact(&letter.body.reason).into_owned(),
            letter.body.request_id.clone().unwrap_or_default(),
            letter.line.map_or_else(String::new, |line| line.to_string()),
            letter_mark(letter),
        ];
        let cell = |record: &Json, name: &str| record.get(name).map_or_else(String::new, cell_text);
        let mapped_cells = mapped.iter().map(|name| cell(&letter.body.mapped, name));
        let source_cells = sources.iter().map(|name| cell(&letter.body.source, name));
        let cells = fixed.into_iter().chain(mapped_cells).chain(source_cells);
        writer.write_record(cells.map(|cell| safe(&cell))).map_err(failed)?;
    }
    let blanks = 3 + mapped.len() + sources.len();
    for WaitingLine { link, reason } in &lines.waiting {
        let fixed = [
            run.run_id.as_str(),
            link.target.stream.as_str(),
            link.target.connection.as_str(),
            link.target.object.as_str(),
            link.source_id.as_str(),
            WAITING,
            WAITING_CODE,
            link.field.as_str(),
            &link.missing.join(";"),
            reason,
        ];
        let cells = fixed.into_iter().chain(std::iter::repeat_n("", blanks));
        writer.write_record(cells.map(safe)).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|error| Failure::new(Exit::Failed, "csv", error.to_string()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Returns a value as a cell shows it; lists are joined with `;`.
pub(super) fn cell_text(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Array(items) => join_list(items.iter().map(cell_text), LIST_SEPARATOR),
        other => other.to_string(),
    }
}
