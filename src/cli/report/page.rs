//! What a report says, whatever it is written as.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;

use crate::cli::night_end::NightEnd;
use crate::engine::schema_lines;
use crate::state::{AttemptError, History, SchemaChange, Standing};

use super::{
    backlog::BacklogLine,
    days::{Day, days},
    examples::Example,
    sentence::{Sentence, sentence},
};

/// A report on pipelines.
#[derive(Debug, Serialize)]
pub(super) struct Page {
    pub made_at: DateTime<Utc>,
    pub since: Option<DateTime<Utc>>,
    pub pipelines: Vec<PipelinePage>,
}

/// A report on one pipeline.
#[derive(Debug, Serialize)]
pub(super) struct PipelinePage {
    pub name: String,
    pub file: String,
    pub end: NightEnd,
    #[serde(flatten)]
    pub sentence: Sentence,
    pub run_id: String,
    pub error: Option<AttemptError>,
    pub days: Vec<Day>,
    pub backlog: Vec<BacklogLine>,
    /// What else a reader should know, under titles. Sections without a line are not written.
    pub sections: Vec<Section>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
}

/// Lines under a title.
#[derive(Debug, Serialize)]
pub(super) struct Section {
    pub title: &'static str,
    pub lines: Vec<String>,
}

impl Page {
    pub(super) fn new(made_at: DateTime<Utc>, since: Option<DateTime<Utc>>) -> Self {
        Self { made_at, since, pipelines: Vec::new() }
    }

    /// Makes the report on one pipeline.
    pub(super) fn pipeline(&self, standing: &Standing, history: &History, changes: &[SchemaChange]) -> PipelinePage {
        let name = &standing.run.pipeline;
        let backlog: Vec<BacklogLine> =
            history.backlog.iter().filter(|line| line.pipeline == *name).map(BacklogLine::of).collect();
        let end = NightEnd::of_last(standing.run.status, standing.last.exit_code);
        PipelinePage {
            name: name.clone(),
            file: standing.run.file.display().to_string(),
            end,
            sentence: sentence(standing, end, &backlog, self.since),
            run_id: standing.run.run_id.clone(),
            error: standing.last.errors.first().cloned(),
            days: days(&history.nights, name, self.made_at),
            backlog,
            sections: sections(standing, changes),
            examples: Vec::new(),
        }
    }
}

/// Collects what else there is to say of a pipeline: a list under a title for each kind of news.
fn sections(standing: &Standing, changes: &[SchemaChange]) -> Vec<Section> {
    let unreached = standing.last.notices.iter().filter_map(|notice| {
        let error = notice.error.as_ref()?;
        Some(format!("{}: {error}", notice.to))
    });
    let further = standing.last.errors.iter().skip(1).map(|error| format!("{} [{}]", error.message, error.code));
    let all = [
        Section { title: "What else failed", lines: further.collect() },
        Section { title: "Who was not told", lines: unreached.collect() },
        Section { title: "What changed in the schemas", lines: changes_by_day(changes) },
    ];
    all.into_iter().filter(|section| !section.lines.is_empty()).collect()
}

/// Says what changed on which day, in a line for each object.
fn changes_by_day(changes: &[SchemaChange]) -> Vec<String> {
    let mut days: BTreeMap<NaiveDate, Vec<SchemaChange>> = BTreeMap::new();
    for change in changes {
        days.entry(change.seen_at.date_naive()).or_default().push(change.clone());
    }
    let lines = days
        .into_iter()
        .flat_map(|(date, changes)| schema_lines(&changes).into_iter().map(move |line| format!("{date}: {line}")));
    lines.collect()
}
