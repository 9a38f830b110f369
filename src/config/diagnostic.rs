//! What is found wrong with a pipeline: a code, the place, the words for it, and what to do.
//!
//! Nothing is printed here. The text of a line comes from a copy of the file in which literal secrets are masked.

use std::{
    cmp::Ordering,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Serialize;

use super::span::Spot;

/// Most findings that a file is shown with; more are no help.
const MAX_FINDINGS: usize = 500;

/// Says how bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The pipeline cannot be run.
    Error,
    /// The pipeline can be run, and is likely not what was meant.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// A stable word for the mistake: `config.unknown_key`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line and the user's words.
    pub message: String,
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; none where the file as a whole is meant.
    pub line: Option<usize>,
    /// The first character, from 1.
    pub column: Option<usize>,
    /// How many characters are meant.
    pub length: Option<usize>,
    /// The line itself, with literal secrets masked.
    pub text: Option<String>,
    /// The place in the pipeline: `streams.contacts.destinations.base.mappings.Email`.
    pub path: String,
    /// What to do about it, where that is likely right.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Makes an error.
    pub(super) fn error(code: &'static str, spot: Spot, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, spot, message)
    }

    /// Makes a warning.
    pub(super) fn warning(code: &'static str, spot: Spot, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, spot, message)
    }

    /// Adds what to do about it.
    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what to do about it, if that is known.
    pub(super) fn with_hint_if(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    fn new(severity: Severity, code: &'static str, spot: Spot, message: impl Into<String>) -> Self {
        Self {
            code,
            severity,
            message: message.into(),
            file: spot.file.to_path_buf(),
            line: spot.span.map(|span| span.line),
            column: spot.span.map(|span| span.column),
            length: spot.span.map(|span| span.length),
            text: None,
            path: spot.path,
            hint: None,
        }
    }
}

/// Puts findings into the order of the files' lines, drops those said twice, and adds the text of their lines.
pub(super) fn finish(findings: &mut Vec<Diagnostic>, pipeline: &Path, sources: &BTreeMap<PathBuf, String>) {
    findings.sort_by(|left, right| order(left, pipeline).cmp(&order(right, pipeline)).then(Ordering::Equal));
    findings.dedup();
    // Errors keep a file from being run, so none of them may be lost behind warnings.
    if findings.len() > MAX_FINDINGS {
        findings.sort_by_key(|finding| finding.severity);
        let rest = findings.len() - MAX_FINDINGS;
        findings.truncate(MAX_FINDINGS);
        findings.sort_by(|left, right| order(left, pipeline).cmp(&order(right, pipeline)));
        let message = format!("{rest} more findings are not shown");
        findings.push(
            Diagnostic::error("config.many_findings", Spot::file(pipeline), message)
                .with_hint("fix those above; the file may be no pipeline"),
        );
    }
    let lines: BTreeMap<&Path, Vec<&str>> =
        sources.iter().map(|(path, text)| (path.as_path(), text.lines().collect())).collect();
    for finding in findings {
        let line = finding.line.and_then(|line| lines.get(finding.file.as_path())?.get(line - 1).copied());
        finding.text = line.map(str::to_owned);
    }
}

type Order<'a> = (bool, &'a Path, Option<usize>, Option<usize>, Severity, &'static str, &'a str);

fn order<'a>(finding: &'a Diagnostic, pipeline: &Path) -> Order<'a> {
    let is_elsewhere = finding.file != pipeline;
    (
        is_elsewhere,
        &finding.file,
        finding.line,
        finding.column,
        finding.severity,
        finding.code,
        finding.message.as_str(),
    )
}
