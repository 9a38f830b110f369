//! `ferry validate`: all findings of the pipelines, without leaving this machine.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde_json::{Value as Json, json};

use crate::config::{Diagnostic, Format, OfflineSchemas, Severity};

use super::{
    described::WithFiles,
    exit::{Exit, Failure},
    local::describe_fixtures,
    output::{self, counted},
    workspace::{Workspace, variable},
};

/// The finding that a variable is not set. A run fails for it; where pipelines are looked over, secrets are seldom at hand.
const UNSET: &str = "config.unset_variable";

/// What was found in all files.
#[derive(Default)]
struct Tally {
    errors: u64,
    warnings: u64,
    unset: BTreeSet<String>,
    findings: Vec<Json>,
}

pub(super) async fn validate(
    workspace: &Workspace,
    files: Vec<PathBuf>,
    fixtures: Option<&Path>,
) -> Result<Exit, Failure> {
    let files = if files.is_empty() { pipelines_here()? } else { files };
    let format = Format::new(&workspace.registry);
    let mut tally = Tally::default();
    for file in &files {
        match fixtures {
            None => tally.add(workspace, &format, file, &workspace.descriptions(file))?,
            Some(fixtures) => {
                tally.add(workspace, &format, file, &describe_fixtures(workspace, file, fixtures).await?)?;
            }
        }
    }
    let Tally { errors, warnings, unset, findings } = tally;
    if workspace.output.is_json {
        output::json(&json!({ "files": files, "errors": errors, "warnings": warnings, "findings": findings }))?;
    } else if errors + warnings > 0 {
        let (errors, warnings) = (counted(errors, "error"), counted(warnings, "warning"));
        let file_count = u64::try_from(files.len()).unwrap_or(u64::MAX);
        output::insist(&format!("{errors}, {warnings} in {}", counted(file_count, "file")));
    }
    if !unset.is_empty() && !workspace.output.is_json {
        let names = unset.into_iter().collect::<Vec<_>>().join("`, `");
        workspace.output.say(&format!("not set here, and needed by a run: `{names}`"));
    }
    Ok(if errors == 0 { Exit::Done } else { Exit::Usage })
}

impl Tally {
    fn add(
        &mut self,
        workspace: &Workspace,
        format: &Format<'_>,
        file: &Path,
        known: &dyn OfflineSchemas,
    ) -> Result<(), Failure> {
        let loaded = format.load(file, &variable, None, &WithFiles::new(file, known));
        let (unset, others): (Vec<Diagnostic>, Vec<Diagnostic>) =
            loaded.diagnostics.into_iter().partition(|finding| finding.code == UNSET);
        let errors = others.iter().filter(|finding| finding.severity == Severity::Error).count();
        self.errors += u64::try_from(errors).unwrap_or(u64::MAX);
        self.warnings += u64::try_from(others.len() - errors).unwrap_or(u64::MAX);
        if workspace.output.is_json {
            let unset = unset.into_iter().map(|finding| Diagnostic { severity: Severity::Warning, ..finding });
            for finding in others.into_iter().chain(unset) {
                self.warnings += u64::from(finding.code == UNSET);
                self.findings.push(json!(finding));
            }
            return Ok(());
        }
        // The name is what stands in backticks.
        self.unset.extend(unset.iter().filter_map(|finding| finding.message.split('`').nth(1)).map(str::to_owned));
        if !others.is_empty() {
            output::findings(&others, workspace.output);
        }
        if errors == 0 { output::data(&format!("{}: ok\n", file.display())) } else { Ok(()) }
    }
}

fn pipelines_here() -> Result<Vec<PathBuf>, Failure> {
    let nothing = || {
        Failure::new(Exit::Usage, "pipeline.absent", "there is no pipeline in the folder `pipelines`")
            .with_hint("name the files: `ferry validate FILE…`")
    };
    let entries = std::fs::read_dir(Path::new("pipelines")).map_err(|_| nothing())?;
    let is_pipeline = |path: &PathBuf| {
        let is_yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
        is_yaml && path.file_stem().is_some_and(|name| name != "connections")
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_pipeline).collect();
    files.sort();
    if files.is_empty() { Err(nothing()) } else { Ok(files) }
}
