//! A report as one HTML file: no script, and nothing is fetched from anywhere.

use askama::Template;
use indicatif::HumanCount;

use crate::cli::{
    exit::{Exit, Failure},
    night_end::NightEnd,
};

use super::{
    days::Day,
    page::{Page, PipelinePage},
    sentence::minute,
};

/// Height of a chart, in its own units.
const HEIGHT: f64 = 60.0;
/// Width of one day's bar with its gap.
const STEP: usize = 10;
/// A chart is as wide as so many days at least: one bar alone would be a block.
const LEAST_DAYS: usize = 30;

/// Writes a report as HTML.
pub(super) fn html(page: &Page) -> Result<String, Failure> {
    let template = ReportTemplate {
        made_at: minute(page.made_at),
        since: page.since.map(minute),
        pipelines: page.pipelines.iter().map(PipelineView::of).collect(),
    };
    template.render().map_err(|error| Failure::new(Exit::Failed, "report.html", error.to_string()))
}

#[derive(Template)]
#[template(path = "report.html")]
struct ReportTemplate<'a> {
    made_at: String,
    since: Option<String>,
    pipelines: Vec<PipelineView<'a>>,
}

/// A pipeline as the page shows it.
struct PipelineView<'a> {
    page: &'a PipelinePage,
    class: &'static str,
    word: &'static str,
    cells: Vec<Cell>,
    charts: Vec<Chart>,
    backlog: Vec<Line>,
}

/// A night in the grid.
struct Cell {
    class: &'static str,
    label: String,
}

/// A row of the backlog.
struct Line {
    records: String,
    place: String,
    code: String,
    field: String,
    since: String,
}

/// A chart of one number over the days.
struct Chart {
    title: &'static str,
    most: String,
    width: usize,
    bars: Vec<Bar>,
}

/// A day's bar.
struct Bar {
    x: usize,
    y: String,
    height: String,
    label: String,
}

impl<'a> PipelineView<'a> {
    fn of(page: &'a PipelinePage) -> Self {
        let (class, word) = look(Some(page.end));
        let backlog = page.backlog.iter().map(|line| Line {
            records: HumanCount(line.records).to_string(),
            place: line.place.clone(),
            code: line.code.clone(),
            field: line.field.clone().unwrap_or_default(),
            since: minute(line.oldest_at),
        });
        Self {
            page,
            class,
            word,
            cells: page.days.iter().map(cell).collect(),
            charts: charts(&page.days),
            backlog: backlog.collect(),
        }
    }
}

/// Returns the class and the word for how a night ended.
fn look(end: Option<NightEnd>) -> (&'static str, &'static str) {
    match end {
        None => ("none", "no run"),
        Some(NightEnd::Done) => ("done", "done"),
        Some(NightEnd::Rejects) => ("rejects", "done with rejects"),
        Some(NightEnd::Waiting) => ("waiting", "waits for quota"),
        Some(NightEnd::Stopped) => ("stopped", "stopped"),
        Some(NightEnd::Failed) => ("failed", "failed"),
        Some(NightEnd::Killed) => ("failed", "killed"),
        Some(NightEnd::Running) => ("running", "running"),
    }
}

fn cell(day: &Day) -> Cell {
    let (class, word) = look(day.end);
    let label = match day.attempts {
        0 => format!("{}: {word}", day.date),
        attempts => format!(
            "{}: {word}; {attempts} attempts, {} read, {} written, {} rejected, {} s",
            day.date,
            HumanCount(day.read),
            HumanCount(day.written),
            HumanCount(day.rejected),
            HumanCount(day.seconds)
        ),
    };
    Cell { class, label }
}

#[expect(clippy::cast_precision_loss, reason = "a bar needs no more digits than a float has")]
fn charts(days: &[Day]) -> Vec<Chart> {
    let all = [
        chart("Records read", days, |day| day.read as f64, |number| format!("{number:.0}")),
        chart("Records written", days, |day| day.written as f64, |number| format!("{number:.0}")),
        chart("Duration", days, |day| day.seconds as f64, |number| format!("{number:.0} s")),
        chart("Quota used", days, |day| day.quota.unwrap_or(0.0) * 100.0, |number| format!("{number:.1} %")),
    ];
    all.into_iter().flatten().collect()
}

/// Draws a number over the days; nothing where it is zero on all of them.
fn chart(title: &'static str, days: &[Day], number: fn(&Day) -> f64, shown: fn(f64) -> String) -> Option<Chart> {
    let most = days.iter().map(number).fold(0.0, f64::max);
    if most <= 0.0 {
        return None;
    }
    let bars = days.iter().enumerate().filter(|(_, day)| number(day) > 0.0).map(|(index, day)| {
        let height = (number(day) / most * HEIGHT).max(1.0);
        Bar {
            x: index * STEP,
            y: format!("{:.1}", HEIGHT - height),
            height: format!("{height:.1}"),
            label: format!("{}: {}", day.date, shown(number(day))),
        }
    });
    Some(Chart { title, most: shown(most), width: days.len().max(LEAST_DAYS) * STEP, bars: bars.collect() })
}
