//! Loads a pipeline for a command: shows its findings, and goes on only when there is no error among them.

use std::path::Path;

use crate::config::{self, NoSchemas, Pipeline};

use super::{
    diagnostics,
    exit::{Exit, Failure},
    output::{self, Talk},
    workspace::{Workspace, variable},
};

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
        Failure::new(Exit::Usage, "pipeline.invalid", message)
    })
}
