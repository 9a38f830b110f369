//! `ferry show`: the ledger of a run, and the processes that worked on it.

use crate::engine::{RunReport, UndoReport};
use crate::state::{Attempt, MergedRecord, Run, RunKind, RunStatus, SourceIds, State};

use super::{
    exit::{Exit, Failure},
    output,
    printable::one_line,
    runs::{find_run, status_text},
    summary::summary,
    undone,
    words::{moment_text, time_text, wait_text},
    workspace::Workspace,
};

/// Merged records that the page of a run names for each destination.
const MAX_MERGED: usize = 10;

pub(super) async fn show(workspace: &Workspace, run_id: &str, are_ids_shown: bool) -> Result<Exit, Failure> {
    let state = workspace.find_state().await?;
    let run = find_run(&state, run_id).await?;
    if run.kind == RunKind::Undo && run.undone_run.is_some() {
        return show_undo(workspace, &state, &run).await;
    }
    let ids = if are_ids_shown { SourceIds::Shown } else { SourceIds::Hidden };
    let report = RunReport::stored(&state, &run, ids).await?;
    if workspace.output.is_json {
        output::json(&report)?;
    } else {
        workspace.output.say(&format!("{} of pipeline `{}`: {}", run.run_id, run.pipeline, run.status.as_str()));
        output::data(&format!("{}\n", summary(&report)))?;
        output::data(&merged_lines(&report))?;
        output::data(&attempt_lines(&run, report.attempts.as_deref().unwrap_or_default()))?;
    }
    Ok(Exit::Done)
}

async fn show_undo(workspace: &Workspace, state: &State, run: &Run) -> Result<Exit, Failure> {
    let report = UndoReport::stored(state, run).await?;
    if workspace.output.is_json {
        output::json(&report)?;
        return Ok(Exit::Done);
    }
    workspace.output.say(&format!("{} of pipeline `{}`: {}", run.run_id, run.pipeline, status_text(run)));
    output::data(&undone::text(&report))?;
    let attempts = state.stored_run(&run.run_id, SourceIds::Hidden).await?.attempts;
    output::data(&attempt_lines(run, &attempts))?;
    Ok(Exit::Done)
}

/// Says, a line each, which records were merged into which; nothing where none were.
fn merged_lines(report: &RunReport) -> String {
    let accounts = report.streams.iter().flat_map(|stream| stream.destinations.iter().map(move |one| (stream, one)));
    let lines = accounts.filter(|(_, account)| !account.merged.is_empty()).map(|(stream, account)| {
        let named = account.merged.iter().take(MAX_MERGED).map(merged_line).collect::<Vec<_>>().concat();
        let more = account.merged.len().saturating_sub(MAX_MERGED);
        let rest =
            if more > 0 { format!("  and {more} more: `ferry show --json` names them\n") } else { String::new() };
        let target = format!("{} → {}.{}", stream.name, account.connection, account.object);
        format!("\nmerged records of {}\n{named}{rest}", one_line(&target))
    });
    lines.collect::<Vec<_>>().concat()
}

fn merged_line(merged: &MergedRecord) -> String {
    let record = merged.source_id.as_ref().unwrap_or(&merged.record);
    let into = merged.into_source_id.as_ref().unwrap_or(&merged.into);
    let id = merged.into_id.as_ref().map_or_else(String::new, |id| format!(" (its id there: {id})"));
    format!("  {}\n", one_line(&format!("{record} into {into}{id}")))
}

/// Says which processes worked on a run, and why each ended; nothing where one did and came to its end.
fn attempt_lines(run: &Run, attempts: &[Attempt]) -> String {
    let is_plain =
        |attempt: &Attempt| attempt.finished_at.is_some() && attempt.errors.is_empty() && attempt.notices.is_empty();
    if attempts.len() < 2 && attempts.iter().all(is_plain) {
        return String::new();
    }
    let last = attempts.last().map_or(0, |attempt| attempt.number);
    let lines = attempts.iter().map(|attempt| {
        let is_open = attempt.number == last && run.status == RunStatus::Running;
        let started = moment_text(attempt.started_at);
        format!("{}. started {started} UTC, {}\n{}", attempt.number, end_text(attempt, is_open), details(attempt))
    });
    format!("\nattempts\n{}", lines.collect::<Vec<_>>().concat())
}

fn end_text(attempt: &Attempt, is_open: bool) -> String {
    match (attempt.finished_at, attempt.exit_code) {
        (Some(end), Some(code)) => format!("took {}, exit code {code}", time_text(end - attempt.started_at)),
        (Some(end), None) => format!("took {}", time_text(end - attempt.started_at)),
        (None, _) if is_open => "still running".to_owned(),
        (None, _) => "killed".to_owned(),
    }
}

/// What failed in an attempt and who was told, a line each.
fn details(attempt: &Attempt) -> String {
    let mut lines = Vec::new();
    for error in &attempt.errors {
        lines.push(format!("   ! {} [{}]\n", one_line(&error.message), one_line(&error.code)));
        if let Some(request_id) = &error.request_id {
            lines.push(format!("     the vendor's id of the request: {}\n", one_line(request_id)));
        }
        if let Some(hint) = &error.hint {
            lines.push(format!("     hint: {}\n", one_line(hint)));
        }
        if let Some(wait) = &error.wait {
            lines.push(format!("     {}\n", one_line(&wait_text(wait))));
        }
    }
    for notice in &attempt.notices {
        let end = notice.error.as_ref().map_or_else(|| "told".to_owned(), |error| format!("not told: {error}"));
        lines.push(format!("   · {}: {}\n", one_line(&notice.to), one_line(&end)));
    }
    lines.concat()
}
