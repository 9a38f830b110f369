//! `ferry apply`: writes what a plan says.

use std::sync::Arc;

use chrono::TimeDelta;
use indicatif::HumanDuration;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::engine::{self, EngineError, Environment, PlanError, PlanFile};
use crate::state::LeaseName;

use super::{
    args::ApplyArgs,
    audit,
    exit::{Exit, Failure},
    load::load,
    run::{end, observer, show},
    signals::Signals,
    summary::Started,
    tokens::StateTokens,
    workspace::{Workspace, context},
};

/// From which age on a plan's age is said.
const OLD: TimeDelta = TimeDelta::minutes(10);

pub(super) async fn apply(workspace: &Workspace, args: &ApplyArgs) -> Result<Exit, Failure> {
    let plan = PlanFile::open(&workspace.opener_of(&args.plan)?, &args.plan)?;
    match &plan.approval {
        None if args.approved_only => return Err(EngineError::from(PlanError::NotApproved).into()),
        None => {}
        Some(approval) => workspace.output.say(&format!("the plan was approved by {}", approval.by)),
    }
    let file = plan.header.file.clone();
    let pipeline = load(workspace, &file)?;
    let clock = Clock::accelerated(args.clock_speed);
    let age: TimeDelta = clock.now() - plan.header.created_at;
    if let Some(age) = age.to_std().ok().filter(|_| age > OLD) {
        workspace.output.say(&format!("the plan is {} old", HumanDuration(age)));
    }
    let state = workspace.open_state(&file).await?;
    let name = LeaseName::Run { pipeline: pipeline.name.clone() };
    let _lease = state.take_lease(name, &pipeline.name, clock.now()).await?;
    let shutdown = CancellationToken::new();
    let signals = Signals::listen(shutdown.clone(), workspace.output);
    let tokens = Arc::new(StateTokens(state.clone()));
    let mut context = context(clock, &pipeline.base_dir, tokens, shutdown, pipeline.limits.requests_per_sec)?;
    let audit = audit::attach(workspace, &pipeline, &mut context)?;
    let observer = audit.observer(observer(workspace.output));
    let environment = Environment { registry: workspace.registry.clone(), context, state, observer };
    let finished = engine::apply(&environment, &pipeline, plan).await?;
    show(workspace, &finished, Started::Apply(&args.plan))?;
    audit.finish()?;
    end(&environment, &finished, signals.number()).await
}
