//! What every command that moves records works in: the lease on the pipeline, the signals that stop it, the audit log, the environment.

use std::{path::Path, sync::Arc};

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Pipeline;
use crate::engine::{EngineError, Environment};
use crate::state::{Lease, LeaseName, RunKind, Start, StartFailure, State};

use super::{
    audit::{self, Audit},
    conclusion::conclude,
    exit::Failure,
    log,
    progress::observer,
    signals::Signals,
    tokens::StateTokens,
    workspace::{Workspace, context},
};

/// A command at work on a pipeline; no other one works on the pipeline meanwhile.
pub(super) struct Session {
    pub environment: Environment,
    pub audit: Audit,
    pub signals: Signals,
    _lease: Lease,
}

impl Session {
    /// Begins to work on a pipeline.
    ///
    /// # Errors
    /// Fails when another process works on the pipeline, or when the audit log cannot be written.
    pub(super) async fn begin(
        workspace: &Workspace,
        pipeline: &Pipeline,
        state: State,
        clock: Clock,
    ) -> Result<Self, Failure> {
        log::set_pipeline(&pipeline.name);
        let name = LeaseName::Run { pipeline: pipeline.name.clone() };
        let lease = state.take_lease(name, &pipeline.name, clock.now()).await?;
        Self::begin_leased(workspace, pipeline, state, clock, lease)
    }

    /// Begins to work on a pipeline whose lease is taken.
    ///
    /// # Errors
    /// Fails when the audit log cannot be written.
    pub(super) fn begin_leased(
        workspace: &Workspace,
        pipeline: &Pipeline,
        state: State,
        clock: Clock,
        lease: Lease,
    ) -> Result<Self, Failure> {
        let shutdown = CancellationToken::new();
        let signals = Signals::listen(shutdown.clone(), workspace.output);
        let tokens = Arc::new(StateTokens(state.clone()));
        let mut context = context(clock, &pipeline.base_dir, tokens, shutdown, pipeline.limits.requests_per_sec)?;
        let audit = audit::attach(workspace, pipeline, &mut context)?;
        let observer = audit.observer(observer(workspace.output));
        let environment = Environment { registry: workspace.registry.clone(), context, state, observer };
        Ok(Self { environment, audit, signals, _lease: lease })
    }

    /// Begins to work on a pipeline, and keeps in the state that it did, or why it could not.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub(super) async fn begin_attempt(
        workspace: &Workspace,
        pipeline: &Pipeline,
        state: State,
        clock: Clock,
        kind: RunKind,
    ) -> Result<Self, Failure> {
        let start = start(&pipeline.name, &pipeline.path, kind, &clock);
        match Self::begin(workspace, pipeline, state.clone(), clock).await {
            Ok(session) => {
                session.environment.state.note_start(start).await?;
                Ok(session)
            }
            Err(failure) => {
                if let Some(run_id) = refuse(&state, start, &failure).await {
                    conclude(workspace, pipeline, &state, &run_id).await;
                }
                Err(failure)
            }
        }
    }

    /// Keeps in the state that the work begins, where it was only looked at so far.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub(super) async fn note_start(&self, pipeline: &Pipeline, kind: RunKind) -> Result<(), Failure> {
        let start = start(&pipeline.name, &pipeline.path, kind, self.environment.context.clock());
        Ok(self.environment.state.note_start(start).await?)
    }

    /// Keeps why the work could not begin or could not be ended, before anybody is told.
    ///
    /// # Errors
    /// Fails as the work did.
    pub(super) async fn kept<T>(
        &self,
        workspace: &Workspace,
        pipeline: &Pipeline,
        worked: Result<T, EngineError>,
    ) -> Result<T, Failure> {
        let state = &self.environment.state;
        match worked {
            Ok(result) => {
                state.forget_start(&pipeline.name).await?;
                Ok(result)
            }
            Err(error) => {
                let failure = Failure::from(error);
                let kept = failed(&failure, self.environment.context.clock());
                match state.fail_start(&pipeline.name, kept).await {
                    Ok(Some(run_id)) => conclude(workspace, pipeline, state, &run_id).await,
                    Ok(None) => {}
                    // A full disk takes no note of itself; the next command finds the attempt without an end.
                    Err(error) => tracing::warn!(%error, "the failure could not be kept"),
                }
                Err(failure)
            }
        }
    }
}

/// Keeps why a command could not begin, where the state can be written. Returns the run that this is kept as.
pub(super) async fn refuse(state: &State, start: Start, failure: &Failure) -> Option<String> {
    let kept = state.refuse_start(start, failed(failure, &Clock::system())).await;
    kept.inspect_err(|error| tracing::warn!(%error, "the failure could not be kept")).ok()
}

/// Makes what is kept of a command that is about to begin a run.
pub(super) fn start(pipeline: &str, file: &Path, kind: RunKind, clock: &Clock) -> Start {
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    Start { pipeline: pipeline.to_owned(), file, kind, started_at: clock.now() }
}

fn failed(failure: &Failure, clock: &Clock) -> StartFailure {
    StartFailure { error: failure.of_attempt(), exit_code: failure.exit.code(), now: clock.now() }
}
