//! `ferry validate`: all findings of the pipelines, without any network.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::config::{self, NoSchemas, Severity};

use super::{
    diagnostics,
    exit::{Exit, Failure},
    output,
    world::{World, variable},
};

pub(super) fn validate(world: &World, files: Vec<PathBuf>) -> Result<Exit, Failure> {
    let files = if files.is_empty() { pipelines_here()? } else { files };
    let mut errors = 0;
    let mut warnings = 0;
    let mut findings = Vec::new();
    for file in &files {
        let loaded = config::load(file, &world.registry, &variable, &NoSchemas);
        let file_errors = loaded.diagnostics.iter().filter(|finding| finding.severity == Severity::Error).count();
        errors += file_errors;
        warnings += loaded.diagnostics.len() - file_errors;
        if world.output.is_json {
            findings.extend(loaded.diagnostics.iter().map(|finding| json!(finding)));
        } else if !loaded.diagnostics.is_empty() {
            output::insist(&diagnostics::render(&loaded.diagnostics, world.output.has_color));
        }
        if file_errors == 0 && !world.output.is_json {
            output::data(&format!("{}: ok\n", file.display()))?;
        }
    }
    if world.output.is_json {
        output::json(&json!({ "files": files, "errors": errors, "warnings": warnings, "findings": findings }))?;
    } else if errors + warnings > 0 {
        let counts = [counted(errors, "error"), counted(warnings, "warning"), counted(files.len(), "file")];
        let [errors, warnings, files] = counts;
        output::insist(&format!("{errors}, {warnings} in {files}"));
    }
    Ok(if errors == 0 { Exit::Done } else { Exit::Usage })
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
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
