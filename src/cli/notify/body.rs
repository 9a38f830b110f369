//! What receivers are told: the run as JSON, and as a text that people read. No value of a record is in either.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::cli::{
    night_end::NightEnd,
    output::counted,
    runs::written,
    words::{moment_text, wait_text},
};
use crate::model::Ledger;
use crate::redact::redact;
use crate::state::{AttemptError, RunKind, RunTally};

/// The end of a run, as it is told.
#[derive(Debug, Serialize)]
pub(crate) struct Ending<'a> {
    /// What Slack and Teams show.
    pub text: String,
    pub run_id: &'a str,
    pub pipeline: &'a str,
    pub kind: RunKind,
    pub status: NightEnd,
    pub exit_code: Option<u8>,
    pub attempt: u32,
    pub started_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub records: &'a Ledger,
    /// Records of this run and of earlier ones that are still not written.
    pub open_rejects: u64,
    pub errors: &'a [AttemptError],
}

impl<'a> Ending<'a> {
    /// Makes what is told of a run that has ended.
    pub(crate) fn new(tally: &'a RunTally, open_rejects: u64) -> Self {
        let RunTally { run, last, ledger, .. } = tally;
        let mut ending = Self {
            text: String::new(),
            run_id: &run.run_id,
            pipeline: &run.pipeline,
            kind: run.kind,
            status: NightEnd::of_last(run.status, last.exit_code),
            exit_code: last.exit_code,
            attempt: last.number,
            started_at: last.started_at,
            finished_at: last.finished_at,
            records: ledger,
            open_rejects,
            errors: &last.errors,
        };
        ending.text = ending.sentence();
        ending
    }

    /// Tells whether records were not written: in this run, or in earlier ones and not since.
    pub(crate) fn has_rejects(&self) -> bool {
        self.open_rejects > 0 || self.records.rejected + self.records.held > 0
    }

    /// Tells whether the run failed or could not begin.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.status, NightEnd::Failed | NightEnd::Killed)
    }

    /// Returns how the run ended in a few words.
    pub(crate) fn title(&self) -> String {
        let end = match self.status {
            NightEnd::Done => "done",
            NightEnd::Rejects => "done, with rejected records",
            NightEnd::Waiting => "waits for quota",
            NightEnd::Stopped => "was stopped",
            NightEnd::Failed => "failed",
            NightEnd::Killed => "was killed",
            NightEnd::Running => "is running",
        };
        format!("Ferry: {} {end}", self.pipeline)
    }

    fn sentence(&self) -> String {
        let records = self.records;
        let rejected = records.rejected + records.held;
        let counts = format!(
            "{} read, {} written, {} rejected; {} open",
            counted(records.read, "record"),
            written(records),
            rejected,
            self.open_rejects
        );
        let mut lines = vec![format!("{} ({}). {counts}.", self.title(), self.run_id)];
        for error in self.errors {
            lines.push(format!("{} [{}]", error.message, error.code));
            lines.extend(error.hint.iter().map(|hint| format!("Next: {hint}")));
            lines.extend(error.wait.iter().map(wait_text));
        }
        lines.push(format!("Started {} UTC.", moment_text(self.started_at)));
        redact(&lines.join("\n")).into_owned()
    }

    /// Returns the whole as JSON, without secrets.
    pub(crate) fn json(&self) -> Result<String, String> {
        let text = serde_json::to_string(self).map_err(|error| error.to_string())?;
        Ok(redact(&text).into_owned())
    }
}
