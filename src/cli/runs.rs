//! `ferry runs`: the history.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use comfy_table::CellAlignment;
use indicatif::HumanCount;
use serde::Serialize;
use serde_json::json;

use crate::clock::Clock;
use crate::model::{ConnectionName, Ledger};
use crate::state::{Attempt, FoundRun, Run, RunFilter, RunStatus, RunTally, State};

use super::{
    args::RunsArgs,
    exit::{Exit, Failure},
    output::{self, counted},
    printable::one_line,
    summary::new_table,
    words::{moment_text, time_text, wait_text},
    workspace::Workspace,
};

/// Most runs whose error is named below the table.
const MAX_REASONS: usize = 10;
/// Most candidates that are named for a part of an id.
const MAX_CANDIDATES: usize = 10;
/// Columns behind the first ones that hold numbers.
const NUMBERS: std::ops::Range<usize> = 5..10;

pub(super) async fn runs(workspace: &Workspace, args: &RunsArgs) -> Result<Exit, Failure> {
    let state = workspace.find_state().await?;
    let now = Clock::system().now();
    let since = args.since.and_then(|since| Some(now - TimeDelta::from_std(since).ok()?));
    let limit = Some(args.limit).filter(|limit| *limit > 0);
    let filter = RunFilter {
        pipeline: args.pipeline.clone(),
        status: args.status.map(RunStatus::from),
        since,
        limit,
        ..RunFilter::default()
    };
    let (tallies, all) = state.run_tallies(filter).await?;
    let mut accounts = state.accounts_of_runs().await?;
    let left_out = all.saturating_sub(u64::try_from(tallies.len()).unwrap_or(u64::MAX));
    if workspace.output.is_json {
        let listed = |tally| Listed::new(tally, &mut accounts);
        let listed: Vec<_> = tallies.into_iter().map(listed).collect();
        output::json(&json!({ "runs": listed, "left_out": left_out }))?;
        return Ok(Exit::Done);
    }
    output::data(&format!("{}\n{}", table(&tallies, &accounts), reasons(&tallies)))?;
    if left_out > 0 {
        workspace
            .output
            .say(&format!("{} not shown: `--limit N` shows more, `--limit 0` all", counted(left_out, "run")));
    }
    Ok(Exit::Done)
}

fn table(tallies: &[RunTally], accounts: &BTreeMap<String, BTreeMap<ConnectionName, String>>) -> comfy_table::Table {
    let mut table = new_table();
    table.set_header([
        "run",
        "pipeline",
        "status",
        "started (UTC)",
        "took",
        "tries",
        "read",
        "written",
        "rejected",
        "open",
        "accounts",
    ]);
    for tally in tallies {
        let run = &tally.run;
        let number = |count: u64| HumanCount(count).to_string();
        table.add_row([
            run.run_id.clone(),
            run.pipeline.clone(),
            status_text(run),
            moment_text(run.started_at),
            took(tally),
            number(tally.attempts.into()),
            number(tally.ledger.read),
            number(written(&tally.ledger)),
            number(tally.ledger.rejected + tally.ledger.held),
            number(tally.open_rejects),
            accounts.get(&run.run_id).map_or_else(String::new, accounts_text),
        ]);
    }
    for index in NUMBERS {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// Returns how many records a run wrote.
pub(super) fn written(ledger: &Ledger) -> u64 {
    ledger.created + ledger.updated + ledger.deleted
}

fn took(tally: &RunTally) -> String {
    tally.run.finished_at.map_or_else(String::new, |end| time_text(end - tally.run.started_at))
}

/// Names the last error of each run that is not done, the newest first.
fn reasons(tallies: &[RunTally]) -> String {
    let is_over = |tally: &&RunTally| tally.run.status != RunStatus::Done;
    let told = tallies.iter().filter(is_over).filter_map(|tally| Some((tally, tally.last.errors.first()?)));
    let lines = told.take(MAX_REASONS).map(|(tally, error)| {
        let hint = error.hint.as_ref().map_or_else(String::new, |hint| format!("\n  hint: {}", one_line(hint)));
        let wait = error.wait.as_ref().map_or_else(String::new, |wait| format!("\n  {}", one_line(&wait_text(wait))));
        format!("! {}: {} [{}]{hint}{wait}\n", tally.run.run_id, one_line(&error.message), one_line(&error.code))
    });
    lines.collect::<Vec<_>>().concat()
}

/// Says how a run stands, and what it took back.
pub(super) fn status_text(run: &Run) -> String {
    match &run.undone_run {
        Some(undone) => format!("{} (undo of {undone})", run.status.as_str()),
        None => run.status.as_str().to_owned(),
    }
}

/// A run with its counts and the accounts of its connections; those of files are not among them.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    run: Run,
    is_begun: bool,
    attempts: u32,
    exit_code: Option<u8>,
    #[serde(flatten)]
    ledger: Ledger,
    open_rejects: u64,
    last_attempt: Attempt,
    accounts: BTreeMap<ConnectionName, String>,
}

impl Listed {
    fn new(tally: RunTally, accounts: &mut BTreeMap<String, BTreeMap<ConnectionName, String>>) -> Self {
        let accounts = accounts.remove(&tally.run.run_id).unwrap_or_default();
        let RunTally { run, is_begun, attempts, last, ledger, open_rejects } = tally;
        Self { run, is_begun, attempts, exit_code: last.exit_code, ledger, open_rejects, last_attempt: last, accounts }
    }
}

fn accounts_text(accounts: &BTreeMap<ConnectionName, String>) -> String {
    let each: Vec<String> = accounts.iter().map(|(connection, account)| format!("{connection} {account}")).collect();
    each.join(", ")
}

/// Returns the run with this id or part of one, or the newest one for `last`.
pub(super) async fn find_run(state: &State, part: &str) -> Result<Run, Failure> {
    let candidates = match state.find_run(part).await? {
        FoundRun::One(run) => return Ok(run),
        FoundRun::Several(candidates) => candidates,
    };
    if candidates.is_empty() {
        return Err(Failure::new(Exit::Usage, "run.unknown", format!("the state file knows no run `{part}`"))
            .with_hint("`ferry runs` lists them; `last` is the newest"));
    }
    let more = candidates.len().saturating_sub(MAX_CANDIDATES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named: Vec<String> = candidates.iter().take(MAX_CANDIDATES).map(|run_id| format!("`{run_id}`")).collect();
    let message = format!("`{part}` is a part of {} ids of runs: {}{more}", candidates.len(), named.join(", "));
    Err(Failure::new(Exit::Usage, "run.ambiguous", message).with_hint("give more of the id; any unique part will do"))
}
