//! Runs the streams of a pipeline in order, then closes links and mirrors deletes.

use std::{collections::BTreeSet, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::{Pipeline, UNDO_DAYS, WriteMode};
use crate::model::Ledger;
use crate::state::{AttemptEnd, Run, RunKind, RunStatus, run_id};

use super::{
    accounts::RunAccounts,
    close::{links::close_links, mirror::delete_unseen},
    environment::Environment,
    error::EngineError,
    order::order_streams,
    place::{Finished, RunOptions, RunPlace},
    report::{RunReport, links_refused, reason_reports},
    resume::Resumable,
    review::Review,
    stream::{StreamRun, run_stream},
};

/// Runs a pipeline. A run that was killed, stopped or failed is taken up where it stood, if pipeline and options are the same.
///
/// # Errors
/// Fails when the run cannot begin or the state file cannot be used; what fails in a single stream or destination is in
/// [`Finished::failures`].
pub async fn run(
    environment: &Environment,
    pipeline: &Pipeline,
    options: &RunOptions,
) -> Result<Finished, EngineError> {
    let wanted = pipeline.streams.iter().filter(|stream| options.is_wanted(stream));
    let accounts = RunAccounts::learn(environment, pipeline, wanted).await?;
    run_reviewed(environment, pipeline, options, accounts, None).await
}

/// Runs a pipeline while somebody looks at what it is about to do. Such a run goes on with no other one.
pub(super) async fn run_reviewed(
    environment: &Environment,
    pipeline: &Pipeline,
    options: &RunOptions,
    accounts: RunAccounts,
    review: Option<Arc<dyn Review>>,
) -> Result<Finished, EngineError> {
    let order = order_streams(&pipeline.streams)?;
    let place = begin(environment, pipeline, options, (accounts, review)).await?;
    environment.observer.run_started(&place.run_id);
    place.accounts.note(environment, pipeline).await?;
    let mut stream_runs: Vec<StreamRun> = Vec::new();
    let mut is_interrupted = false;
    for index in order {
        let stream = &pipeline.streams[index];
        if !options.is_wanted(stream) {
            continue;
        }
        environment.observer.stream_started(&stream.name);
        let stream_run = run_stream(environment, pipeline, index, &place).await?;
        environment.observer.stream_finished(&stream.name);
        is_interrupted = stream_run.is_interrupted();
        stream_runs.push(stream_run);
        if is_interrupted {
            break;
        }
    }
    if !is_interrupted {
        close_all_links(environment, pipeline, &mut stream_runs).await?;
        mirror_all(&mut stream_runs).await;
        is_interrupted = stream_runs.iter().any(StreamRun::is_interrupted);
    }
    finish(environment, &place, stream_runs, is_interrupted).await
}

async fn close_all_links(
    environment: &Environment,
    pipeline: &Pipeline,
    stream_runs: &mut [StreamRun],
) -> Result<(), EngineError> {
    let destinations = stream_runs.iter().flat_map(|stream_run| &stream_run.destinations);
    let connections: BTreeSet<String> =
        destinations.map(|destination| destination.loader.connection().to_string()).collect();
    environment.state.reopen_links(&pipeline.name, connections.into_iter().collect()).await?;
    for stream_run in stream_runs {
        for destination in stream_run.destinations.iter_mut().filter(|destination| destination.is_done()) {
            match close_links(&destination.loader).await {
                Ok(halving_calls) => destination.halving_calls += halving_calls,
                Err(error) => destination.fail(error),
            }
        }
    }
    Ok(())
}

/// Deletes in the reverse order of the streams, so that a linked record goes after those that link to it.
async fn mirror_all(stream_runs: &mut [StreamRun]) {
    for stream_run in stream_runs.iter_mut().rev() {
        if !stream_run.is_read_to_end {
            continue;
        }
        let doubts: Vec<_> = stream_run.destinations.iter().map(|destination| stream_run.doubt(destination)).collect();
        for (destination, doubt) in stream_run.destinations.iter_mut().zip(doubts) {
            if !destination.is_done() || destination.loader.policy.write != WriteMode::Mirror {
                continue;
            }
            if let Some(doubt) = doubt {
                destination.remark(format!("the mirror deletes nothing: {doubt}"));
                continue;
            }
            let mut ledger = Ledger::default();
            let (read, chunk) = (destination.tally.ledger.read, destination.chunk);
            let deleted = delete_unseen(&destination.loader, read, chunk, &mut ledger).await;
            destination.tally.ledger += ledger;
            if let Err(error) = deleted {
                destination.fail(error);
            }
        }
    }
}

async fn begin(
    environment: &Environment,
    pipeline: &Pipeline,
    options: &RunOptions,
    (accounts, review): (RunAccounts, Option<Arc<dyn Review>>),
) -> Result<RunPlace, EngineError> {
    let resumable = Resumable::new(pipeline, options, &accounts);
    let now = environment.context.clock().now();
    let (name, new_id) = (pipeline.name.clone(), new_run_id(pipeline, now));
    let file = std::path::absolute(&pipeline.path).unwrap_or_else(|_| pipeline.path.clone());
    let stopped = if review.is_none() { resumable.find(&environment.state).await? } else { None };
    let is_resumed = stopped.is_some();
    let run = match stopped {
        Some(run) => Run { status: RunStatus::Running, finished_at: None, ..run },
        None => Run {
            run_id: new_id,
            pipeline: name.clone(),
            file,
            fingerprint: resumable.fingerprint,
            kind: RunKind::Run,
            status: RunStatus::Running,
            started_at: now,
            finished_at: None,
            undone_run: None,
        },
    };
    let run_id = run.run_id.clone();
    prune(environment, pipeline, now).await?;
    let attempt = environment.state.start_attempt(run, now).await?;
    Ok(RunPlace {
        pipeline: name,
        run_id,
        attempt,
        is_resumed,
        schema_mark: environment.state.schema_mark().await?,
        limit: options.limit,
        is_full_refresh: options.is_full_refresh || options.is_verifying,
        is_verifying: options.is_verifying,
        accounts,
        review,
    })
}

/// Removes what records held before runs that are too old to be taken back.
async fn prune(environment: &Environment, pipeline: &Pipeline, now: DateTime<Utc>) -> Result<(), EngineError> {
    let days = pipeline.undo_days.unwrap_or(UNDO_DAYS);
    let oldest = now - TimeDelta::days(i64::from(days.get()));
    environment.state.prune_images(&pipeline.name, oldest).await?;
    Ok(())
}

async fn finish(
    environment: &Environment,
    place: &RunPlace,
    mut stream_runs: Vec<StreamRun>,
    is_interrupted: bool,
) -> Result<Finished, EngineError> {
    let mut failures = Vec::new();
    for stream_run in &mut stream_runs {
        stream_run.save(&place.run_id).await?;
        failures.extend(stream_run.take_failures());
    }
    let has_failed = stream_runs.iter().any(StreamRun::has_failed) || (!failures.is_empty() && !is_interrupted);
    let status = match (is_interrupted, has_failed) {
        (true, _) => RunStatus::Interrupted,
        (false, true) => RunStatus::Failed,
        (false, false) => RunStatus::Done,
    };
    let state = &environment.state;
    let errors = failures.iter().map(EngineError::of_attempt).collect();
    let end = AttemptEnd { status, now: environment.context.clock().now(), errors };
    state.finish_attempt(&place.run_id, place.attempt, end).await?;
    let reasons = state.reasons(&place.run_id).await?;
    let own_rejects: u64 = reasons.iter().map(|reason| reason.letters).sum();
    let open_rejects = state.count_open_letters(&place.pipeline).await?;
    let letters = state.count_letters(&place.run_id).await?;
    stream_runs.sort_by_key(|stream_run| stream_run.position);
    let mut streams = Vec::with_capacity(stream_runs.len());
    for stream_run in stream_runs {
        let mut report = stream_run.report(&place.accounts).await?;
        // Of a run that was cut short, letters and ledger meet again when it is resumed.
        if status == RunStatus::Done {
            report.compare_letters(&letters);
        }
        streams.push(report);
    }
    let report = RunReport {
        run_id: place.run_id.clone(),
        status,
        is_resumed: place.is_resumed,
        streams,
        reasons: reason_reports(&reasons),
        links_refused: links_refused(&reasons),
        schema_changes: state.schema_changes_behind(&place.pipeline, place.schema_mark).await?,
        earlier_rejects: open_rejects.saturating_sub(own_rejects),
        attempts: None,
    };
    Ok(Finished { report, failures, attempt: place.attempt })
}

pub(super) fn new_run_id(pipeline: &Pipeline, now: DateTime<Utc>) -> String {
    run_id(&pipeline.name, now)
}
