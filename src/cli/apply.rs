//! `ferry apply`: writes what a plan says.

use chrono::TimeDelta;
use indicatif::HumanDuration;

use crate::clock::Clock;
use crate::engine::{self, EngineError, PlanError, PlanFile};
use crate::state::RunKind;

use super::{
    args::ApplyArgs,
    exit::{Exit, Failure},
    load::load,
    run::{end, show},
    session::Session,
    summary::Started,
    workspace::Workspace,
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
    let session = Session::begin_attempt(workspace, &pipeline, state, clock, RunKind::Apply).await?;
    let Session { environment, audit, signals, .. } = &session;
    let finished = session.kept(workspace, &pipeline, engine::apply(environment, &pipeline, plan).await).await?;
    show(workspace, &pipeline, &finished, Started::Apply(&args.plan))?;
    audit.finish()?;
    end(workspace, &pipeline, environment, &finished, signals.number()).await
}
