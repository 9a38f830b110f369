//! `ferry preview`: what a pipeline makes of its records, before anything is written.

mod paging;
mod rejects;
mod text;

use std::{path::Path, sync::Arc};

use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::engine::{self, Environment, PreviewOptions, PreviewReport, Silent};
use crate::http::{MemoryTokens, TokenStore};
use crate::model::StreamName;
use crate::state::{Seal, State};

use super::{
    args::PreviewArgs,
    audit::{self, Audit},
    exit::{Exit, Failure},
    load::load_with_placeholder,
    local, output,
    run::{check_streams, show_mistakes},
    tokens::StateTokens,
    workspace::{Workspace, context},
};

pub(super) async fn preview(workspace: &Workspace, args: &PreviewArgs) -> Result<Exit, Failure> {
    let is_local = args.is_local();
    let placeholder = is_local.then_some(local::PLACEHOLDER);
    let mut pipeline = load_with_placeholder(workspace, &args.file, placeholder)?;
    check_streams(&pipeline, &args.streams)?;
    let clock = Clock::system();
    let fixtures = local::fixtures_folder(args.fixtures.as_deref(), &args.file);
    let _locals =
        if is_local { local::redirect(workspace, &mut pipeline, &fixtures, &clock).await? } else { Vec::new() };
    let tokens: Arc<dyn TokenStore> = if is_local {
        Arc::new(MemoryTokens::default())
    } else {
        Arc::new(StateTokens(workspace.open_state_for_tokens(&args.file, &pipeline).await?))
    };
    let pace = pipeline.limits.requests_per_sec;
    let mut context = context(clock, &pipeline.base_dir, tokens, CancellationToken::new(), pace)?;
    // Local CRMs are nobody's live system.
    let audit = if is_local { Audit::default() } else { audit::attach(workspace, &pipeline, &mut context)? };
    let environment = Environment {
        registry: workspace.registry.clone(),
        context,
        state: State::in_memory(Seal::ephemeral())?,
        observer: Arc::new(Silent),
    };
    let options = PreviewOptions {
        streams: args.streams.iter().map(StreamName::new).collect(),
        filter: args.condition.clone(),
        rows: args.rows,
        shown: args.show,
    };
    let previewed = engine::preview(&environment, &pipeline, &options).await;
    audit.finish()?;
    let report = match previewed {
        Ok(report) => report,
        Err(error) => {
            let failures = std::slice::from_ref(&error);
            show_mistakes(workspace, &pipeline, &environment.context, failures, placeholder).await;
            return Err(error.into());
        }
    };
    if let Some(path) = &args.rejects {
        write_rejects(workspace, path, &report)?;
    }
    show(workspace, &report)?;
    let fixtures = if is_local { format!(" of the fixtures in `{}`", fixtures.display()) } else { String::new() };
    workspace.output.say(&format!("this was a preview{fixtures}: nothing was written and nothing is kept"));
    Ok(if report.has_rejects() { Exit::Rejected } else { Exit::Done })
}

/// Writes the records that would be rejected to a file, and says how many.
pub(super) fn write_rejects(workspace: &Workspace, path: &Path, report: &PreviewReport) -> Result<(), Failure> {
    let count = rejects::write(path, report)?;
    workspace.output.say(&format!("{} written to `{}`", output::counted(count, "record"), path.display()));
    Ok(())
}

/// Returns all that a preview found, as text.
pub(super) fn text(report: &PreviewReport) -> String {
    text::whole(report)
}

fn show(workspace: &Workspace, report: &PreviewReport) -> Result<(), Failure> {
    if workspace.output.is_json {
        output::json(report)
    } else if paging::can_page(workspace.output) {
        paging::page(report)
    } else {
        output::data(&text::whole(report))
    }
}
