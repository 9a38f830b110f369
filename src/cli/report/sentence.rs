//! How a pipeline stands, in one sentence, and what to do about it.

use chrono::{DateTime, Utc};
use indicatif::HumanCount;
use serde::Serialize;

use crate::cli::{night_end::NightEnd, output::counted, runs::written, words::wait_text};
use crate::model::Ledger;
use crate::state::{AttemptError, Standing};

use super::backlog::BacklogLine;

/// How a pipeline stands.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Sentence {
    /// What happened.
    pub state: String,
    /// What to do; none where nothing is to be done.
    pub advice: Option<String>,
}

/// Says how a pipeline stands. `since` is the time that the report is about.
pub(super) fn sentence(
    standing: &Standing,
    end: NightEnd,
    backlog: &[BacklogLine],
    since: Option<DateTime<Utc>>,
) -> Sentence {
    let error = standing.last.errors.first();
    let at = at(standing);
    let counts = standing.last.ledger.as_ref().map_or_else(String::new, counts_text);
    let file = standing.run.file.display();
    let (state, own_advice) = match end {
        NightEnd::Done => (format!("Done {at}{counts}."), None),
        NightEnd::Rejects => (format!("Done {at}{counts}, but not every record was written."), None),
        NightEnd::Running => (format!("Running since {} UTC.", minute(standing.last.started_at)), None),
        NightEnd::Stopped => (
            format!("Stopped {at} by a signal{counts}."),
            Some(format!("`ferry run {file}` resumes where it stopped.")),
        ),
        NightEnd::Waiting => (format!("Stopped {at}{counts}: {}.", reason(error)), Some(wait_advice(error, &file))),
        NightEnd::Failed | NightEnd::Killed => {
            let verb = match (end, standing.is_begun) {
                (NightEnd::Killed, _) => "Was killed",
                (_, false) => "Did not begin",
                (_, true) => "Failed",
            };
            (format!("{verb} {at}{counts}: {}.", reason(error)), Some(failure_advice(error, &file)))
        }
    };
    let is_late = since.is_some_and(|since| standing.last.started_at < since);
    let state = if is_late { format!("No run in this time. The last one: {state}") } else { state };
    let advice = [own_advice, backlog_advice(backlog)].into_iter().flatten().collect::<Vec<_>>().join(" ");
    Sentence { state, advice: Some(advice).filter(|advice| !advice.is_empty()) }
}

fn at(standing: &Standing) -> String {
    let last = &standing.last;
    let end = last.finished_at.or(last.last_sign_at).unwrap_or(last.started_at);
    let tries = if last.number > 1 { format!(" in attempt {}", last.number) } else { String::new() };
    format!("on {} UTC{tries}", minute(end))
}

fn counts_text(ledger: &Ledger) -> String {
    let rejected = ledger.rejected + ledger.held;
    let rejected = if rejected > 0 { format!(", {} rejected", HumanCount(rejected)) } else { String::new() };
    format!(", {} read and {} written{rejected}", counted(ledger.read, "record"), HumanCount(written(ledger)))
}

fn reason(error: Option<&AttemptError>) -> String {
    error.map_or_else(|| "no reason is kept".to_owned(), |error| format!("{} [{}]", error.message, error.code))
}

fn failure_advice(error: Option<&AttemptError>, file: &std::path::Display<'_>) -> String {
    match error.and_then(|error| error.hint.as_deref()) {
        Some(hint) => {
            let end = if hint.ends_with('?') { "" } else { "." };
            format!("{}{end} Then `ferry run {file}` resumes.", capital(hint))
        }
        None => format!("Fix it. Then `ferry run {file}` resumes."),
    }
}

fn wait_advice(error: Option<&AttemptError>, file: &std::path::Display<'_>) -> String {
    match error.and_then(|error| error.wait.as_ref()) {
        Some(wait) => format!("It {}; `ferry run {file}` resumes then.", wait_text(wait)),
        None => format!("`ferry run {file}` resumes when there is quota again."),
    }
}

fn backlog_advice(backlog: &[BacklogLine]) -> Option<String> {
    let newest = backlog.iter().map(|line| line.run_id.as_str()).max()?;
    let records: u64 = backlog.iter().map(|line| line.records).sum();
    let waits = if records == 1 { "waits" } else { "wait" };
    Some(format!(
        "{} {waits} for you: `ferry rejects {newest} -o rejects.csv`, fix them there, `ferry redrive {newest} --from rejects.csv`.",
        counted(records, "record")
    ))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Returns a moment to the minute.
pub(super) fn minute(moment: DateTime<Utc>) -> String {
    moment.format("%Y-%m-%d %H:%M").to_string()
}
