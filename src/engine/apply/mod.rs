//! Writes what a plan says and nothing else: a run whose records come out of the plan's file. Start at [`apply`](apply()).

mod applier;
mod target;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use tokio::task::spawn_blocking;

use crate::config::Pipeline;
use crate::state::{AttemptEnd, Run, RunKind, RunStatus, SealedReader, Target};

use super::{
    accounts::{RunAccounts, RunIdentity},
    environment::Environment,
    error::{EngineError, PlanError},
    fingerprint::fingerprint,
    place::{Finished, RunOptions, status_of},
    plan::{PlanFile, PlanHeader, entry::Part},
    report::{RunReport, StreamReport, links_refused, reason_reports},
    review::Review,
    run::new_run_id,
};

use applier::Applier;
use target::ApplyTarget;

/// What the fingerprint of an apply begins with; the plan's id follows.
const PREFIX: &str = "plan-";

/// Writes what a plan says. Records of the destination that changed since are held. An apply that was stopped or killed goes on.
///
/// # Errors
/// Fails when the plan does not fit the pipeline and the accounts, or was applied before, and when the state file cannot be used;
/// what fails in a single destination is in [`Finished::failures`].
pub async fn apply(environment: &Environment, pipeline: &Pipeline, file: PlanFile) -> Result<Finished, EngineError> {
    let plan_id = file.id().to_owned();
    let PlanFile { header, parts, .. } = file;
    let options = RunOptions { streams: header.streams.clone(), is_full_refresh: true, ..RunOptions::default() };
    if fingerprint(pipeline, &options) != header.fingerprint {
        return Err(PlanError::PipelineChanged { pipeline: pipeline.path.display().to_string() }.into());
    }
    let wanted = pipeline.streams.iter().filter(|stream| options.is_wanted(stream));
    let accounts = RunAccounts::learn(environment, pipeline, wanted).await?;
    check_accounts(&accounts, &header)?;
    let (run, is_resumed) = run_of_plan(environment, pipeline, &plan_id).await?;
    let now = environment.context.clock().now();
    let attempt = environment.state.start_attempt(run.clone(), now).await?;
    environment.observer.run_started(&run.run_id);
    accounts.note(environment, pipeline).await?;
    let applier = Arc::new(Applier::default());
    let review = Arc::clone(&applier) as Arc<dyn Review>;
    let identity = RunIdentity { id: &run.run_id, accounts: &accounts, review: Some(&review) };
    let mut work = Work { environment, pipeline, identity, applier, targets: Vec::new(), failures: Vec::new() };
    let ended = work.go(parts).await;
    if let Err(error) = ended {
        work.failures.push(error);
    }
    work.finish(run.run_id.clone(), attempt, is_resumed).await
}

fn check_accounts(accounts: &RunAccounts, header: &PlanHeader) -> Result<(), EngineError> {
    for (connection, meant) in &header.accounts {
        // Says why, where it is not known which account it is.
        let found = accounts.of(connection)?.map(|account| account.id().to_owned());
        if found.as_ref() != Some(meant) {
            let found = found.unwrap_or_else(|| "another one".to_owned());
            return Err(PlanError::OtherAccount { connection: connection.clone(), meant: meant.clone(), found }.into());
        }
    }
    Ok(())
}

/// Makes the run of a plan, or finds the one that was stopped.
async fn run_of_plan(
    environment: &Environment,
    pipeline: &Pipeline,
    plan_id: &str,
) -> Result<(Run, bool), EngineError> {
    let fingerprint = format!("{PREFIX}{plan_id}");
    let is_own = |run: &Run| run.kind == RunKind::Apply && run.fingerprint == fingerprint;
    match environment.state.runs().await?.into_iter().find(is_own) {
        Some(run) if run.status == RunStatus::Done => Err(PlanError::Used { run_id: run.run_id }.into()),
        Some(run) => Ok((Run { status: RunStatus::Running, finished_at: None, ..run }, true)),
        None => {
            let now = environment.context.clock().now();
            let run = Run {
                run_id: new_run_id(pipeline, now),
                pipeline: pipeline.name.clone(),
                file: std::path::absolute(&pipeline.path).unwrap_or_else(|_| pipeline.path.clone()),
                fingerprint,
                kind: RunKind::Apply,
                status: RunStatus::Running,
                started_at: now,
                finished_at: None,
                undone_run: None,
            };
            Ok((run, false))
        }
    }
}

/// The targets of a plan, in its order.
struct Work<'run> {
    environment: &'run Environment,
    pipeline: &'run Pipeline,
    identity: RunIdentity<'run>,
    applier: Arc<Applier>,
    targets: Vec<ApplyTarget>,
    failures: Vec<EngineError>,
}

impl Work<'_> {
    async fn go(&mut self, mut parts: SealedReader) -> Result<(), EngineError> {
        let mut deletes: HashMap<Target, Vec<_>> = HashMap::new();
        let mut deleting: Vec<Target> = Vec::new();
        loop {
            let part;
            (parts, part) = next(parts).await?;
            let Some(part) = part else { break };
            match part {
                Part::Header(_) | Part::End | Part::Approved(_) => {}
                Part::LeftOut { target, left_out } => self.target(&target).await?.left_out(left_out).await,
                Part::Refused { target, letters } => self.target(&target).await?.refused(letters).await,
                Part::Decided { target, planned } => {
                    let applier = Arc::clone(&self.applier);
                    self.target(&target).await?.decided(&applier, planned).await;
                }
                Part::Deleted { target, deletes: of_target } => {
                    if !deletes.contains_key(&target) {
                        deleting.push(target.clone());
                    }
                    // As many as the pipeline allows a mirror to delete.
                    deletes.entry(target).or_default().extend(of_target);
                }
            }
            if self.targets.iter().any(ApplyTarget::is_interrupted) {
                return Ok(());
            }
        }
        for target in &mut self.targets {
            target.flush().await;
        }
        self.close_links().await?;
        for target in deleting {
            let planned = deletes.remove(&target).unwrap_or_default();
            let applier = Arc::clone(&self.applier);
            self.target(&target).await?.delete(&applier, planned).await;
        }
        for target in &mut self.targets {
            target.close(self.identity.id).await?;
        }
        Ok(())
    }

    async fn close_links(&mut self) -> Result<(), EngineError> {
        let connections = self.targets.iter().map(|target| target.connection().to_string());
        let connections = connections.collect::<BTreeSet<_>>().into_iter().collect();
        self.environment.state.reopen_links(&self.pipeline.name, connections).await?;
        for target in &mut self.targets {
            target.close_links().await;
        }
        Ok(())
    }

    /// Returns a target of the plan, connected.
    async fn target(&mut self, target: &Target) -> Result<&mut ApplyTarget, EngineError> {
        let known = self.targets.iter().position(|known| known.is(target));
        let place = if let Some(place) = known {
            place
        } else {
            let opened = ApplyTarget::open(self.environment, self.pipeline, self.identity, target).await?;
            self.targets.push(opened);
            self.targets.len() - 1
        };
        self.targets.get_mut(place).ok_or(EngineError::Stopped)
    }

    async fn finish(mut self, run_id: String, attempt: u32, is_resumed: bool) -> Result<Finished, EngineError> {
        let state = self.environment.state.clone();
        let mut streams: Vec<StreamReport> = Vec::new();
        for target in &mut self.targets {
            target.end(&run_id).await?;
            let report = target.report().await?;
            self.failures.extend(target.take_failure());
            match streams.iter_mut().find(|known| known.name == *target.stream()) {
                Some(known) => known.destinations.push(report),
                None => streams.push(target.stream_report(report)),
            }
        }
        let status = status_of(&self.failures);
        let errors = self.failures.iter().map(EngineError::of_attempt).collect();
        let now = self.environment.context.clock().now();
        state.finish_attempt(&run_id, attempt, AttemptEnd { status, now, errors }).await?;
        let letters = state.count_letters(&run_id).await?;
        if status == RunStatus::Done {
            for stream in &mut streams {
                stream.compare_letters(&letters);
            }
        }
        let reasons = state.reasons(&run_id).await?;
        let report = RunReport {
            status,
            is_resumed,
            streams,
            reasons: reason_reports(&reasons),
            links_refused: links_refused(&reasons),
            schema_changes: Vec::new(),
            earlier_rejects: 0,
            attempts: None,
            run_id,
        };
        Ok(Finished { report, failures: self.failures, attempt })
    }
}

/// Reads the next part, on a thread that may block.
async fn next(mut parts: SealedReader) -> Result<(SealedReader, Option<Part>), EngineError> {
    let read = spawn_blocking(move || parts.next_part::<Part>().map(|part| (parts, part)));
    Ok(read.await.map_err(|_| EngineError::Stopped)??)
}
