//! `ferry run`: the main job.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::clock::Clock;
use crate::config::{Pipeline, Stream, replaced_source};
use crate::connector::Context;
use crate::engine::{self, EngineError, Environment, Finished, RunOptions, RunReport};
use crate::model::{ConnectionName, StreamName, name_hint};
use crate::state::{AttemptExit, RunKind, Wait};

use super::{
    args::RunArgs,
    conclusion::conclude,
    described,
    exit::{Exit, Failure},
    load::load_for_attempt,
    output::{self, Talk},
    printable::one_line,
    session::Session,
    summary::{Started, closing, summary},
    words::wait_text,
    workspace::Workspace,
};

pub(super) async fn run(workspace: &Workspace, args: &RunArgs) -> Result<Exit, Failure> {
    let pipeline = load_for_attempt(workspace, &args.file, RunKind::Run).await?;
    refuse_limit_in_place(workspace, &pipeline, args)?;
    let clock = Clock::accelerated(args.clock_speed);
    let state = workspace.open_state(&args.file).await?;
    let options = options(&pipeline, args)?;
    let session = Session::begin_attempt(workspace, &pipeline, state, clock, RunKind::Run).await?;
    let Session { environment, audit, signals, .. } = &session;
    let finished = session.kept(workspace, &pipeline, engine::run(environment, &pipeline, &options).await).await?;
    show_mistakes(workspace, &pipeline, &environment.context, &finished.failures, None).await;
    show(workspace, &pipeline, &finished, Started::Run(&args.file))?;
    audit.finish()?;
    end(workspace, &pipeline, environment, &finished, signals.number()).await
}

/// Decides how the process ends, keeps it with the attempt, and tells whom the pipeline names.
pub(super) async fn end(
    workspace: &Workspace,
    pipeline: &Pipeline,
    environment: &Environment,
    finished: &Finished,
    signal: Option<u8>,
) -> Result<Exit, Failure> {
    let exit = Exit::of_run(finished, signal);
    let noted = AttemptExit { exit_code: exit.code(), quotas: quotas(&finished.report) };
    environment.state.note_exit(&finished.report.run_id, finished.attempt, noted).await?;
    conclude(workspace, pipeline, &environment.state, &finished.report.run_id).await;
    Ok(exit)
}

/// Returns the share of each connection's quota that was used when the run ended, from 0 to 1, where the vendor tells it.
fn quotas(report: &RunReport) -> BTreeMap<ConnectionName, f64> {
    let destinations = report.streams.iter().flat_map(|stream| &stream.destinations);
    let told = destinations.filter_map(|account| Some((account.connection.clone(), account.quota_used?)));
    told.collect()
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
pub(super) fn show(
    workspace: &Workspace,
    pipeline: &Pipeline,
    finished: &Finished,
    started: Started<'_>,
) -> Result<(), Failure> {
    let wait = finished.failures.iter().find_map(EngineError::wait);
    if workspace.output.is_json {
        output::json(&WithWait { report: &finished.report, wait: wait.as_ref() })?;
    } else {
        if workspace.output.talk == Talk::Quiet {
            // Nothing else says whose table it is, and a log holds those of many nights.
            let (run_id, status) = (&finished.report.run_id, finished.report.status.as_str());
            output::data(&format!("{run_id} of pipeline `{}`: {status}\n", one_line(&pipeline.name)))?;
        }
        output::data(&format!("{}\n", summary(&finished.report)))?;
    }
    show_hints(finished);
    if let Some(wait) = &wait {
        output::insist(&one_line(&format!("{} {}", finished.report.run_id, wait_text(wait))));
    }
    let state = workspace.global.state.as_ref().map_or_else(String::new, |path| format!(" --state {}", path.display()));
    workspace.output.say(&closing(&finished.report, started, &state));
    Ok(())
}

/// What a run prints as JSON.
#[derive(Serialize)]
struct WithWait<'a> {
    #[serde(flatten)]
    report: &'a RunReport,
    /// What has to be waited for before the rest can be done.
    #[serde(skip_serializing_if = "Option::is_none")]
    wait: Option<&'a Wait>,
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
