//! `ferry runs` and `ferry show`: the history and the ledger of a run.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use serde::Serialize;
use serde_json::json;

use crate::engine::{RunReport, UndoReport};
use crate::model::ConnectionName;
use crate::state::{Attempt, MergedRecord, Run, RunKind, RunStatus, SourceIds, State};

use super::{
    exit::{Exit, Failure},
    output,
    printable::one_line,
    summary::{new_table, summary},
    undone,
    workspace::Workspace,
};

/// Merged records that the page of a run names for each destination.
const MAX_MERGED: usize = 10;

pub(super) async fn runs(workspace: &Workspace) -> Result<Exit, Failure> {
    let state = workspace.find_state().await?;
    let runs = state.runs().await?;
    let mut accounts = state.accounts_of_runs().await?;
    if workspace.output.is_json {
        let listed = |run: Run| Listed { accounts: accounts.remove(&run.run_id).unwrap_or_default(), run };
        let listed: Vec<_> = runs.into_iter().map(listed).collect();
        output::json(&json!({ "runs": listed }))?;
        return Ok(Exit::Done);
    }
    let mut table = new_table();
    table.set_header(["run", "pipeline", "status", "started (UTC)", "took", "accounts"]);
    for run in &runs {
        let took = run.finished_at.map_or_else(String::new, |end| time_text(end - run.started_at));
        table.add_row([
            run.run_id.clone(),
            run.pipeline.clone(),
            status_text(run),
            moment_text(run.started_at),
            took,
            accounts.get(&run.run_id).map_or_else(String::new, accounts_text),
        ]);
    }
    output::data(&format!("{table}\n"))?;
    Ok(Exit::Done)
}

fn status_text(run: &Run) -> String {
    match &run.undone_run {
        Some(undone) => format!("{} (undo of {undone})", run.status.as_str()),
        None => run.status.as_str().to_owned(),
    }
}

/// A run with the accounts of its connections; those of files are not among them.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    run: Run,
    accounts: BTreeMap<ConnectionName, String>,
}

fn accounts_text(accounts: &BTreeMap<ConnectionName, String>) -> String {
    let each: Vec<String> = accounts.iter().map(|(connection, account)| format!("{connection} {account}")).collect();
    each.join(", ")
}

pub(super) async fn show(workspace: &Workspace, run_id: &str, are_ids_shown: bool) -> Result<Exit, Failure> {
    let state = workspace.find_state().await?;
    let run = find_run(&state, run_id).await?;
    if run.kind == RunKind::Undo {
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

/// Says, a line each, which processes worked on a run; nothing where one did and came to its end.
fn attempt_lines(run: &Run, attempts: &[Attempt]) -> String {
    let is_plain = |attempt: &Attempt| attempt.finished_at.is_some() && attempt.errors.is_empty();
    if attempts.len() < 2 && attempts.iter().all(is_plain) {
        return String::new();
    }
    let last = attempts.last().map_or(0, |attempt| attempt.number);
    let lines = attempts.iter().map(|attempt| {
        let is_open = attempt.number == last && run.status == RunStatus::Running;
        let end = match (attempt.finished_at, attempt.exit_code) {
            (Some(end), Some(code)) => format!("took {}, exit code {code}", time_text(end - attempt.started_at)),
            (Some(end), None) => format!("took {}", time_text(end - attempt.started_at)),
            (None, _) if is_open => "still running, or killed".to_owned(),
            (None, _) => "killed".to_owned(),
        };
        let errors = attempt.errors.iter().map(|error| format!("\n   ! {}", one_line(&error.message)));
        let errors = errors.collect::<Vec<_>>().concat();
        format!("{}. started {} UTC, {end}{errors}\n", attempt.number, moment_text(attempt.started_at))
    });
    format!("\nattempts\n{}", lines.collect::<Vec<_>>().concat())
}

fn moment_text(moment: DateTime<Utc>) -> String {
    moment.trunc_subsecs(0).format("%Y-%m-%d %H:%M:%S").to_string()
}

fn time_text(time: TimeDelta) -> String {
    let seconds = time.num_seconds().max(0);
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Returns the run with this id, or the newest one for `last`.
pub(super) async fn find_run(state: &State, run_id: &str) -> Result<Run, Failure> {
    state.run(run_id).await?.ok_or_else(|| {
        Failure::new(Exit::Usage, "run.unknown", format!("the state file knows no run `{run_id}`"))
            .with_hint("`ferry runs` lists them; `last` is the newest")
    })
}
