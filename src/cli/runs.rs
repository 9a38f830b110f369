//! `ferry runs` and `ferry show`: the history and the ledger of a run.

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use comfy_table::Table;
use serde::Serialize;
use serde_json::json;

use crate::engine::RunReport;
use crate::model::ConnectionName;
use crate::state::{Attempt, Run, RunStatus, State};

use super::{
    exit::{Exit, Failure},
    output,
    printable::one_line,
    summary::{new_table, summary},
    workspace::Workspace,
};

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
            run.status.as_str().to_owned(),
            moment_text(run.started_at),
            took,
            accounts.get(&run.run_id).map_or_else(String::new, accounts_text),
        ]);
    }
    output::data(&format!("{table}\n"))?;
    Ok(Exit::Done)
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

pub(super) async fn show(workspace: &Workspace, run_id: &str) -> Result<Exit, Failure> {
    let state = workspace.find_state().await?;
    let run = find_run(&state, run_id).await?;
    let report = RunReport::stored(&state, &run).await?;
    if workspace.output.is_json {
        output::json(&report)?;
    } else {
        workspace.output.say(&format!("{} of pipeline `{}`: {}", run.run_id, run.pipeline, run.status.as_str()));
        output::data(&format!("{}\n", summary(&report)))?;
        if let Some(table) = attempts_table(&run, report.attempts.as_deref().unwrap_or_default()) {
            output::data(&format!("\nattempts\n{table}\n"))?;
        }
    }
    Ok(Exit::Done)
}

/// Lists the processes that worked on a run; none where one did and came to its end.
fn attempts_table(run: &Run, attempts: &[Attempt]) -> Option<Table> {
    if let [only] = attempts
        && only.finished_at.is_some()
        && only.errors.is_empty()
    {
        return None;
    }
    let last = attempts.last()?.number;
    let mut table = new_table();
    table.set_header(["attempt", "started (UTC)", "took", "ended", "what failed in it"]);
    for attempt in attempts {
        let is_open = attempt.number == last && run.status == RunStatus::Running;
        let ended = match (attempt.finished_at, attempt.exit_code) {
            (Some(_), Some(code)) => format!("exit code {code}"),
            (Some(_), None) => String::new(),
            (None, _) if is_open => "running, or killed".to_owned(),
            (None, _) => "killed".to_owned(),
        };
        let errors: Vec<String> = attempt.errors.iter().map(|error| one_line(&error.message).into_owned()).collect();
        table.add_row([
            attempt.number.to_string(),
            moment_text(attempt.started_at),
            attempt.finished_at.map_or_else(String::new, |end| time_text(end - attempt.started_at)),
            ended,
            errors.join("; "),
        ]);
    }
    Some(table)
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
