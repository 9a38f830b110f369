//! `ferry report`: the morning after, in text or as one HTML file.

mod backlog;
mod days;
mod examples;
mod html;
mod page;
mod sentence;
mod text;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use chrono::TimeDelta;

use crate::clock::Clock;
use crate::private_file::PrivateFile;
use crate::state::State;

use self::page::Page;
use super::{
    args::ReportArgs,
    exit::{Exit, Failure},
    load::name_in,
    output,
    workspace::Workspace,
};

pub(super) async fn report(workspace: &Workspace, args: &ReportArgs) -> Result<Exit, Failure> {
    let now = Clock::system().now();
    let since = args.since.and_then(|since| Some(now - TimeDelta::from_std(since).ok()?));
    let mut page = Page::new(now, since);
    if args.files.is_empty() {
        add(&mut page, &workspace.find_state().await?, None, args.values).await?;
    }
    for (state, names) in states(workspace, &args.files)? {
        add(&mut page, &workspace.state_at(&state).await?, Some(&names), args.values).await?;
    }
    if let Some(file) = &args.html {
        // With `--values` it holds personal data, so it is for its owner alone in any case.
        PrivateFile::write(file, html::html(&page)?.as_bytes()).map_err(|error| unwritable(file, &error))?;
    }
    if workspace.output.is_json {
        output::json(&page)?;
    } else {
        output::data(&text::text(&page))?;
    }
    if let Some(file) = &args.html {
        workspace.output.say(&format!("the report is in {}", file.display()));
    }
    Ok(Exit::Done)
}

/// Returns the state files of pipelines, each with the names of those whose state it holds.
fn states(workspace: &Workspace, files: &[PathBuf]) -> Result<BTreeMap<PathBuf, BTreeSet<String>>, Failure> {
    let mut states: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let name = name_in(file).ok_or_else(|| {
            let message = format!("`{}` has no pipeline's name in it", file.display());
            Failure::new(Exit::Usage, "report.no_pipeline", message)
                .with_hint("name pipelines, or no file for all pipelines of a state file")
        })?;
        states.entry(workspace.state_path(file)).or_default().insert(name);
    }
    Ok(states)
}

async fn add(
    page: &mut Page,
    state: &State,
    names: Option<&BTreeSet<String>>,
    has_values: bool,
) -> Result<(), Failure> {
    let history = state.history(page.since).await?;
    let is_wanted = |name: &str| names.is_none_or(|names| names.contains(name));
    for (name, standing) in history.standings.iter().filter(|(name, _)| is_wanted(name)) {
        let changes = state.schema_changes(name, page.since.unwrap_or_else(|| days::first_shown(page.made_at))).await?;
        let mut own = page.pipeline(standing, &history, &changes);
        if has_values {
            own.examples = examples::of(state, name, &history.backlog).await?;
        }
        page.pipelines.push(own);
    }
    Ok(())
}

fn unwritable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Environment, "report.file", format!("`{}` cannot be written: {error}", file.display()))
        .with_hint("name a file in a folder that is there and can be written")
}
