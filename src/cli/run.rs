//! `ferry run`: the main job.

use std::collections::BTreeSet;

use crate::clock::Clock;
use crate::config::{Pipeline, Stream, replaced_source};
use crate::connector::Context;
use crate::engine::{self, EngineError, Environment, Finished, RunOptions};
use crate::model::{StreamName, name_hint};

use super::{
    args::RunArgs,
    described,
    exit::{Exit, Failure},
    load::load,
    output,
    printable::one_line,
    session::Session,
    summary::{Started, closing, summary},
    workspace::Workspace,
};

pub(super) async fn run(workspace: &Workspace, args: &RunArgs) -> Result<Exit, Failure> {
    let pipeline = load(workspace, &args.file)?;
    refuse_limit_in_place(workspace, &pipeline, args)?;
    let clock = Clock::accelerated(args.clock_speed);
    let state = workspace.open_state(&args.file).await?;
    let session = Session::begin(workspace, &pipeline, state, clock).await?;
    let Session { environment, audit, signals, .. } = &session;
    let finished = engine::run(environment, &pipeline, &options(&pipeline, args)?).await?;
    show_mistakes(workspace, &pipeline, &environment.context, &finished.failures, None).await;
    show(workspace, &finished, Started::Run(&args.file))?;
    audit.finish()?;
    end(environment, &finished, signals.number()).await
}

/// Decides how the process ends, and keeps it with the attempt.
pub(super) async fn end(environment: &Environment, finished: &Finished, signal: Option<u8>) -> Result<Exit, Failure> {
    let exit = Exit::of_run(finished, signal);
    environment.state.note_exit_code(&finished.report.run_id, finished.attempt, exit.code()).await?;
    Ok(exit)
}

/// Refuses to replace a file by the first records of itself.
fn refuse_limit_in_place(workspace: &Workspace, pipeline: &Pipeline, args: &RunArgs) -> Result<(), Failure> {
    if args.limit.is_none() {
        return Ok(());
    }
    let is_run = |stream: &&Stream| args.streams.is_empty() || args.streams.iter().any(|name| *name == *stream.name);
    let replaced = |stream: &Stream| {
        let mut targets = stream.destinations.iter();
        targets.find_map(|target| replaced_source(pipeline, stream, target, &workspace.registry))
    };
    let mut streams = pipeline.streams.iter().filter(is_run);
    let Some((stream, file)) = streams.find_map(|stream| Some((&stream.name, replaced(stream)?))) else {
        return Ok(());
    };
    let message = format!(
        "stream `{stream}` writes `{}`, the file it reads, and with `--limit` the rest of it would be gone",
        file.display()
    );
    Err(Failure::new(Exit::Usage, "limit.in_place", message)
        .with_hint("run it without `--limit`, or write to another file"))
}

/// Refuses names of streams that the pipeline does not have.
pub(super) fn check_streams(pipeline: &Pipeline, names: &[String]) -> Result<(), Failure> {
    for name in names {
        if pipeline.stream(name).is_none() {
            let known: Vec<&str> = pipeline.streams.iter().map(|stream| stream.name.as_str()).collect();
            let message = format!("the pipeline has no stream `{name}`");
            return Err(Failure::new(Exit::Usage, "stream.unknown", message).with_hint_if(name_hint(
                name,
                &known,
                "its streams are",
            )));
        }
    }
    Ok(())
}

/// Turns arguments into what the engine is asked.
pub(super) fn options(pipeline: &Pipeline, args: &RunArgs) -> Result<RunOptions, Failure> {
    check_streams(pipeline, &args.streams)?;
    Ok(RunOptions {
        limit: args.limit,
        streams: args.streams.iter().map(StreamName::new).collect(),
        is_full_refresh: args.full_refresh,
        is_verifying: args.verify,
    })
}

/// Shows how a run ended.
pub(super) fn show(workspace: &Workspace, finished: &Finished, started: Started<'_>) -> Result<(), Failure> {
    if workspace.output.is_json {
        output::json(&finished.report)?;
    } else {
        output::data(&format!("{}\n", summary(&finished.report)))?;
    }
    show_hints(finished);
    let state = workspace.global.state.as_ref().map_or_else(String::new, |path| format!(" --state {}", path.display()));
    workspace.output.say(&closing(&finished.report, started, &state));
    Ok(())
}

/// Shows all that does not fit what the systems declare, with its lines, where a stream failed for the first of it.
pub(super) async fn show_mistakes(
    workspace: &Workspace,
    pipeline: &Pipeline,
    context: &Context,
    failures: &[EngineError],
    placeholder: Option<&str>,
) {
    if !failures.iter().any(described::is_about_fields) {
        return;
    }
    let mistakes = described::all_mistakes(workspace, pipeline, context, placeholder).await;
    if !mistakes.is_empty() {
        output::findings(&mistakes, workspace.output);
    }
}

/// Says what can be done about the failures of a run: each thing once, however many destinations it would help.
pub(super) fn show_hints(finished: &Finished) {
    for hint in hints_of(&finished.failures) {
        output::insist(&hint);
    }
}

/// Returns what can be done about failures, a line for each thing.
pub(super) fn hints_of(failures: &[EngineError]) -> Vec<String> {
    let hints: BTreeSet<&str> = failures.iter().filter_map(EngineError::hint).collect();
    hints.into_iter().map(|hint| format!("hint: {}", one_line(hint))).collect()
}
