//! Files beside the state file that may hold the person: copies of it, plans, audit logs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::Serialize;

use crate::config::{self, NoSchemas};
use crate::engine::PlanFile;
use crate::private_file::PrivateFile;
use crate::redact::MASK;
use crate::state::{KnownPipeline, Person, State, Traces};

use super::super::{
    args::EraseArgs,
    audit::files_of,
    exit::{Exit, Failure},
    local::PLACEHOLDER,
    workspace::{Workspace, variable},
};

/// A file that holds the person, or cannot be searched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(in crate::cli) struct PersonFile {
    /// The file.
    pub path: PathBuf,
    /// What it is.
    pub kind: FileKind,
    /// Lines that name the person: they are masked there. Null where the file is deleted whole.
    pub lines: Option<u64>,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum FileKind {
    /// A copy of the state file in an older form, which cannot be searched.
    Backup,
    /// A plan that holds the person: with them taken out, it would be another plan.
    Plan,
    /// An audit log with lines that name the person.
    AuditLog,
}

/// Finds the files.
pub(super) async fn find(
    workspace: &Workspace,
    state: &State,
    args: &EraseArgs,
    known: &BTreeMap<String, KnownPipeline>,
    (person, traces): (&Person, &Traces),
) -> Result<Vec<PersonFile>, Failure> {
    let mut files = backups(state)?;
    for path in &args.plans {
        PlanFile::open(state, path)?;
        if state.plan_names(path.clone(), person.clone(), traces.records.clone()).await? {
            files.push(PersonFile { path: path.clone(), kind: FileKind::Plan, lines: None });
        }
    }
    if let Person::Email { address, .. } = person {
        for path in audit_logs(workspace, known) {
            let lines = count_lines(&path, address).map_err(|error| unusable(&path, &error))?;
            if lines > 0 {
                files.push(PersonFile { path, kind: FileKind::AuditLog, lines: Some(lines) });
            }
        }
    }
    Ok(files)
}

/// Deletes the files, and masks the person in those that are about others too.
pub(super) fn remove(files: &[PersonFile], person: &Person) -> Result<(), Failure> {
    for file in files {
        let removed = match (file.kind, person) {
            (FileKind::Backup | FileKind::Plan, _) => fs::remove_file(&file.path),
            (FileKind::AuditLog, Person::Email { address, .. }) => mask(&file.path, address),
            (FileKind::AuditLog, Person::Record { .. }) => Ok(()),
        };
        removed.map_err(|error| unusable(&file.path, &error))?;
    }
    Ok(())
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    let message = format!("`{}` may hold the person and cannot be read or changed: {error}", path.display());
    Failure::new(Exit::Environment, "erase.file", message)
        .with_hint("delete it yourself, or give yourself the right to, and type the same command again")
}

/// Returns the copies of the state file that were made when its form changed: a person cannot be taken out of them.
fn backups(state: &State) -> Result<Vec<PersonFile>, Failure> {
    let Some(path) = state.path() else { return Ok(Vec::new()) };
    let begin = format!("{}.backup-", path.file_name().unwrap_or_default().to_string_lossy());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut backups = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(&begin) {
            backups.push(path.with_file_name(entry.file_name()));
        }
    }
    backups.sort();
    Ok(backups.into_iter().map(|path| PersonFile { path, kind: FileKind::Backup, lines: None }).collect())
}

/// Returns the audit logs that the pipelines of the state file name, as far as these can be loaded, and the one that is named here.
fn audit_logs(workspace: &Workspace, known: &BTreeMap<String, KnownPipeline>) -> BTreeSet<PathBuf> {
    let mut logs: BTreeSet<PathBuf> = workspace.global.audit.iter().cloned().collect();
    for file in known.values().filter_map(|pipeline| pipeline.file.as_deref()) {
        let loaded = config::load_with_placeholder(file, &workspace.registry, &variable, Some(PLACEHOLDER), &NoSchemas);
        let connections = loaded.pipeline.into_iter().flat_map(|pipeline| pipeline.connections.into_values());
        logs.extend(connections.filter_map(|connection| connection.audit));
    }
    logs.iter().flat_map(|log| files_of(log)).filter(|file| file.is_file()).collect()
}

fn count_lines(path: &Path, address: &str) -> io::Result<u64> {
    let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
    let named = text.lines().filter(|line| masked_line(line, address) != *line).count();
    Ok(u64::try_from(named).unwrap_or(u64::MAX))
}

fn mask(path: &Path, address: &str) -> io::Result<()> {
    let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
    let lines: String = text.split_inclusive('\n').map(|line| masked_line(line, address)).collect();
    PrivateFile::write(path, lines.as_bytes())
}

/// Returns a line without the address, as it is or as a URL has it, in whatever case.
fn masked_line(line: &str, address: &str) -> String {
    let address = address.trim();
    let in_url = percent_encoding::utf8_percent_encode(address, percent_encoding::NON_ALPHANUMERIC).to_string();
    [address, in_url.as_str()].into_iter().fold(line.to_owned(), |line, form| without(&line, form))
}

fn without(line: &str, form: &str) -> String {
    let wanted = regex::RegexBuilder::new(&regex::escape(form)).case_insensitive(true).build();
    match wanted {
        Ok(wanted) if !form.is_empty() => wanted.replace_all(line, MASK).into_owned(),
        _ => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::masked_line;

    #[test]
    fn a_line_of_a_log_is_masked_and_stays() {
        let line = r#"{"path":"contacts/Ada@Example.org?x=ada%40example%2Eorg","status":200}"#;
        let expected = r#"{"path":"contacts/***?x=***","status":200}"#;
        assert_eq!(masked_line(line, " ada@example.org"), expected);
        assert_eq!(masked_line(expected, "ada@example.org"), expected);
    }
}
