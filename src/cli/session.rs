//! What every command that moves records works in: the lease on the pipeline, the signals that stop it, the audit log, the environment.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Pipeline;
use crate::engine::Environment;
use crate::state::{Lease, LeaseName, State};

use super::{
    audit::{self, Audit},
    exit::Failure,
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
        let name = LeaseName::Run { pipeline: pipeline.name.clone() };
        let lease = state.take_lease(name, &pipeline.name, clock.now()).await?;
        let shutdown = CancellationToken::new();
        let signals = Signals::listen(shutdown.clone(), workspace.output);
        let tokens = Arc::new(StateTokens(state.clone()));
        let mut context = context(clock, &pipeline.base_dir, tokens, shutdown, pipeline.limits.requests_per_sec)?;
        let audit = audit::attach(workspace, pipeline, &mut context)?;
        let observer = audit.observer(observer(workspace.output));
        let environment = Environment { registry: workspace.registry.clone(), context, state, observer };
        Ok(Self { environment, audit, signals, _lease: lease })
    }
}
