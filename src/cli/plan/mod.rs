//! `ferry plan`: what a run would do, against what is there now, as text, as lines of JSON and as a page.

mod page;
mod shown;
mod text;
mod viewers;

use std::{path::Path, sync::Arc};

use crate::clock::Clock;
use crate::engine::{self, PlanLine, PlanOptions, PlanReport, PlanViewer};
use crate::model::StreamName;
use crate::state::is_sealed_file;

use super::{
    args::PlanArgs,
    exit::{Exit, Failure},
    load::load,
    output,
    run::{check_streams, show_mistakes},
    session::Session,
    workspace::Workspace,
};

use viewers::{JsonLines, Nobody, TextLines};

pub(super) async fn plan(workspace: &Workspace, args: &PlanArgs) -> Result<Exit, Failure> {
    if let Some(name) = &args.approve
        && is_sealed_file(&args.file)
    {
        return approve(workspace, &args.file, name);
    }
    let pipeline = load(workspace, &args.file)?;
    check_streams(&pipeline, &args.streams)?;
    let clock = Clock::accelerated(args.clock_speed);
    let state = workspace.open_state(&args.file).await?;
    let session = Session::begin(workspace, &pipeline, state, clock).await?;
    let Session { environment, audit, signals, .. } = &session;
    let options =
        PlanOptions { streams: args.streams.iter().map(StreamName::new).collect(), file: args.output.clone() };
    let viewer: Arc<dyn PlanViewer> = match (workspace.output.is_json, args.all) {
        (true, _) => Arc::new(JsonLines),
        (false, true) => Arc::new(TextLines),
        (false, false) => Arc::new(Nobody),
    };
    let planned = engine::plan(environment, &pipeline, &options, viewer).await;
    audit.finish()?;
    let report = planned?;
    show_mistakes(workspace, &pipeline, &environment.context, &report.failures, None).await;
    show(workspace, &report, args)?;
    if let Some(path) = &args.html {
        page::write(path, &report)?;
        workspace
            .output
            .say(&format!("the page is in `{}`, readable for you alone: it shows values of records", path.display()));
    }
    if let Some(name) = args.approve.as_ref().filter(|_| report.plan_id.is_some())
        && let Some(path) = &args.output
    {
        engine::approve(&environment.state, path, name, environment.context.clock().now())?;
        workspace.output.say(&format!("approved by {name}"));
    }
    Ok(exit(&report, args.exit_code, signals.number()))
}

/// Says how a plan ends: what kept it from being whole first.
fn exit(report: &PlanReport, tells_changes: bool, signal: Option<u8>) -> Exit {
    if let Some(failure) = report.failures.first() {
        return signal.map_or_else(|| Exit::of_error(failure), Exit::Signal);
    }
    if tells_changes && report.has_changes { Exit::Changes } else { Exit::Done }
}

fn show(workspace: &Workspace, report: &PlanReport, args: &PlanArgs) -> Result<(), Failure> {
    if workspace.output.is_json {
        output::json(&PlanLine::Summary(report))?;
    } else {
        output::data(&text::whole(report, args.all))?;
    }
    let file = args.output.as_deref();
    match (file, &report.plan_id) {
        (Some(path), Some(_)) => {
            let path = path.display();
            workspace.output.say(&format!(
                "the plan is in `{path}`, sealed; `ferry apply {path}` writes what it says and nothing else"
            ));
        }
        (Some(_), None) => output::insist("the plan is not whole, so no file was written"),
        (None, _) => workspace.output.say("this was a plan: nothing was written"),
    }
    Ok(())
}

fn approve(workspace: &Workspace, path: &Path, name: &str) -> Result<Exit, Failure> {
    let header = engine::approve(&workspace.opener_of(path)?, path, name, Clock::system().now())?;
    workspace.output.say(&format!("the plan of `{}` is approved by {name}", header.pipeline));
    Ok(Exit::Done)
}
