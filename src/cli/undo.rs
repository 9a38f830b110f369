//! `ferry undo`: takes back what a run wrote.

use std::io::{self, IsTerminal};

use crate::clock::Clock;
use crate::engine::{self, UndoOptions, Undone};
use crate::model::StreamName;
use crate::state::{AttemptExit, RunKind, RunStatus};

use super::{
    args::UndoArgs,
    ask::is_agreed,
    conclusion::conclude,
    exit::{Exit, Failure},
    load::load,
    output,
    run::{check_streams, hints_of},
    runs::find_run,
    session::Session,
    undone,
    workspace::Workspace,
};

pub(super) async fn undo(workspace: &Workspace, args: &UndoArgs) -> Result<Exit, Failure> {
    let state = workspace.find_state().await?;
    let run = find_run(&state, &args.run).await?;
    if !args.plan && !args.yes && !io::stdin().is_terminal() {
        let message = format!("what {} wrote would be taken back, and there is no terminal to ask", run.run_id);
        return Err(Failure::new(Exit::Usage, "undo.unasked", message)
            .with_hint("`--plan` shows what would be done, `--yes` does it without asking"));
    }
    let pipeline = load(workspace, &run.file)?;
    check_streams(&pipeline, &args.streams)?;
    let clock = Clock::accelerated(args.clock_speed);
    let session = Session::begin(workspace, &pipeline, state, clock).await?;
    let Session { environment, audit, signals, .. } = &session;
    let streams: Vec<StreamName> = args.streams.iter().map(StreamName::new).collect();
    if args.plan || !args.yes {
        let options = UndoOptions { streams: streams.clone(), is_plan: true };
        let planned = engine::undo(environment, &pipeline, &run, &options).await?;
        let exit = show(workspace, &planned)?;
        if args.plan || exit != Exit::Done || !is_agreed("take this back?").await? {
            audit.finish()?;
            return Ok(exit);
        }
    }
    session.note_start(&pipeline, RunKind::Undo).await?;
    let options = UndoOptions { streams, is_plan: false };
    let worked = engine::undo(environment, &pipeline, &run, &options).await;
    let undone = session.kept(workspace, &pipeline, worked).await?;
    let exit = show(workspace, &undone)?;
    let exit = match (undone.report.status, signals.number()) {
        (Some(RunStatus::Interrupted), Some(signal)) => Exit::Signal(signal),
        _ => exit,
    };
    if let (Some(run_id), Some(attempt)) = (&undone.report.run_id, undone.attempt) {
        environment.state.note_exit(run_id, attempt, AttemptExit::of(exit.code())).await?;
        conclude(workspace, &pipeline, &environment.state, run_id).await;
    }
    audit.finish()?;
    Ok(exit)
}

/// Shows what was done, or would be, and decides how the process ends.
fn show(workspace: &Workspace, undone: &Undone) -> Result<Exit, Failure> {
    let Undone { report, failures, attempt } = undone;
    if workspace.output.is_json {
        output::json(report)?;
    } else {
        output::data(&undone::text(report))?;
    }
    for hint in hints_of(failures) {
        output::insist(&hint);
    }
    workspace.output.say(&undone::closing(report));
    if let Some(failure) = failures.first() {
        return Ok(Exit::of_error(failure));
    }
    Ok(if attempt.is_some() && !report.is_whole() { Exit::Rejected } else { Exit::Done })
}
