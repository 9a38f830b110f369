//! `ferry rejects`: the records of a run that were not written, to be fixed in a spreadsheet, and records whose links wait for others.
//!
//! This is the one command that prints personal values: that is what it is for.

mod advice;
mod form;
mod lines;
mod table;

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::config::{self, NoSchemas, Pipeline};
use crate::private_file::PrivateFile;
use crate::redact::redact;
use crate::state::Run;

use super::{
    args::RejectsFormat,
    exit::{Exit, Failure},
    output,
    runs::find_run,
    workspace::{Workspace, variable},
};

use self::{
    lines::{Lines, WAITING_CODE, WaitingLine},
    table::Table,
};

pub(super) use self::lines::{LETTER_COLUMN, MAPPED_PREFIX, SOURCE_PREFIX, WAITING, cell_text, letter_mark};

/// Stands for variables that have no value while rejected records are printed: only the mappings are looked at.
const PLACEHOLDER: &str = "unset";
/// How letters are printed; where no format is named, the file's ending says it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) format: Option<RejectsFormat>,
    /// Cells that a spreadsheet would run stay as they are.
    pub(super) is_raw: bool,
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
    let format = if workspace.output.is_json { RejectsFormat::Json } else { format_of(form.format, output) };
    let is_json = format == RejectsFormat::Json;
    let table = || Table::of(&run, &lines, pipeline(workspace, &run).as_ref());
    let bytes = match format {
        RejectsFormat::Json => as_json(&run, &lines).into_bytes(),
        RejectsFormat::Csv => form::csv(&table(), output.is_some(), form.is_raw)?,
        RejectsFormat::Xlsx => form::xlsx(&table())?,
    };
    let text = || String::from_utf8_lossy(&bytes);
    match output {
        None if is_json => output::json_text(&text())?,
        None => output::exact(&text())?,
        Some(path) => {
            PrivateFile::write(path, &bytes)?;
            let count = u64::try_from(lines.letters.len() + lines.waiting.len()).unwrap_or(u64::MAX);
            workspace.output.say(&format!("{} written to `{}`", output::counted(count, "record"), path.display()));
        }
    }
    Ok(Exit::Done)
}

/// Returns the format that is asked for, else the one that a file's ending names.
pub(super) fn format_of(format: Option<RejectsFormat>, output: Option<&Path>) -> RejectsFormat {
    format.or_else(|| output.map(RejectsFormat::of_file)).unwrap_or(RejectsFormat::Csv)
}

/// Returns the run's pipeline as it is today, for the order of its fields; none where it cannot be loaded.
fn pipeline(workspace: &Workspace, run: &Run) -> Option<Pipeline> {
    config::load_with_placeholder(&run.file, &workspace.registry, &variable, Some(PLACEHOLDER), &NoSchemas).pipeline
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
                "what_to_do": advice::advice(letter).0,
                "request_id": letter.body.request_id, "created_at": letter.created_at,
                "source": letter.body.source, "mapped": letter.body.mapped,
            })
        })
        .chain(waiting)
        .collect();
    format!("{}\n", json!({ "rejects": letters }))
}
