//! Loads a pipeline for a command: shows its findings, and goes on only when there is no error among them.

use std::path::Path;

use crate::clock::Clock;
use crate::config::{self, NoSchemas, Pipeline, Severity};
use crate::state::RunKind;

use super::{
    diagnostics,
    exit::{Exit, Failure},
    output::{self, Talk},
    session::{refuse, start},
    workspace::{Workspace, variable},
};

/// Loads the pipeline of a file for work that the state file keeps: also that the pipeline could not be loaded, where its name can be read
/// and there is a state file.
pub(super) async fn load_for_attempt(workspace: &Workspace, file: &Path, kind: RunKind) -> Result<Pipeline, Failure> {
    let loaded = load(workspace, file);
    if let Err(failure) = &loaded
        && let Some(name) = name_in(file)
        && workspace.state_path(file).exists()
    {
        let state = workspace.open_state(file).await?;
        refuse(&state, start(&name, file, kind, &Clock::system()), failure).await;
    }
    loaded
}

/// Reads the name out of a pipeline that may be wrong in everything else.
pub(super) fn name_in(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    let content: serde_yaml::Value = serde_yaml::from_str(&text).ok()?;
    content.get("name")?.as_str().map(str::to_owned)
}

/// Loads the pipeline of a file with the environment's variables.
pub(super) fn load(workspace: &Workspace, file: &Path) -> Result<Pipeline, Failure> {
    load_with_placeholder(workspace, file, None)
}

/// Loads the pipeline of a file; the placeholder stands for variables that have neither a value nor a default.
pub(super) fn load_with_placeholder(
    workspace: &Workspace,
    file: &Path,
    placeholder: Option<&str>,
) -> Result<Pipeline, Failure> {
    let loaded = config::load_with_placeholder(file, &workspace.registry, &variable, placeholder, &NoSchemas);
    let is_quiet = workspace.output.talk == Talk::Quiet;
    let has_pipeline = loaded.pipeline.is_some();
    let is_shown = !is_quiet || !has_pipeline;
    if is_shown && !loaded.diagnostics.is_empty() {
        output::findings(&loaded.diagnostics, workspace.output);
    }
    let findings = diagnostics::count(&loaded.diagnostics);
    loaded.pipeline.ok_or_else(|| {
        let message = format!("`{}` has {findings} and was not run", file.display());
        let first = loaded.diagnostics.iter().find(|finding| finding.severity == Severity::Error);
        let why = first.map(|finding| format!("{message}: {}", finding.message));
        Failure::new(Exit::Usage, "pipeline.invalid", message).kept_as(why)
    })
}
