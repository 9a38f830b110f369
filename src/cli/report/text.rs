//! A report as text: for a terminal, a mail, or a log.

use comfy_table::CellAlignment;
use indicatif::HumanCount;

use crate::cli::{night_end::NightEnd, printable::one_line, summary::new_table};

use super::{
    days::Day,
    page::{Page, PipelinePage},
    sentence::minute,
};

/// Most nights that a text shows, the latest ones: a line of 80 columns holds them.
const MAX_NIGHTS: usize = 30;

pub(super) fn text(page: &Page) -> String {
    let since = page.since.map_or_else(String::new, |since| format!(", since {} UTC", minute(since)));
    let mut text = format!("report of {} UTC{since}\n", minute(page.made_at));
    if page.pipelines.is_empty() {
        text.push_str("\nno pipeline has run yet\n");
    }
    for pipeline in &page.pipelines {
        text.push_str(&of_pipeline(pipeline));
    }
    text
}

fn of_pipeline(pipeline: &PipelinePage) -> String {
    let mut text = format!("\n{}\n  {}\n", one_line(&pipeline.name), one_line(&pipeline.sentence.state));
    if let Some(advice) = &pipeline.sentence.advice {
        text.extend(["  next: ", &one_line(advice), "\n"]);
    }
    if let Some(request_id) = pipeline.error.as_ref().and_then(|error| error.request_id.as_ref()) {
        text.extend(["  the vendor's id of the request: ", &one_line(request_id), "\n"]);
    }
    let shown = &pipeline.days[pipeline.days.len().saturating_sub(MAX_NIGHTS)..];
    if let (Some(first), Some(last)) = (shown.first(), shown.last()) {
        let cells: String = shown.iter().map(|day| letter(day.end)).collect();
        let nights = format!("  nights {} to {}: {cells}   ({LEGEND})\n", first.date, last.date);
        text.push_str(&nights);
        text.push_str(&volumes(shown));
    }
    if !pipeline.backlog.is_empty() {
        text.push_str(&backlog(pipeline));
    }
    for section in &pipeline.sections {
        text.extend(["  ", &section.title.to_lowercase(), "\n"]);
        text.extend(section.lines.iter().map(|line| format!("    {}\n", one_line(line))));
    }
    for example in &pipeline.examples {
        let field = example.field.as_ref().map_or_else(String::new, |field| format!(" `{field}`"));
        let value = example.value.as_ref().map_or_else(String::new, |value| format!(" is `{value}`"));
        let line = format!("{}:{field}{value}: {}", example.source_id, example.reason);
        text.extend(["  · ", &one_line(&line), "\n"]);
    }
    text
}

const LEGEND: &str = "# done, r rejects, w waits, s stopped, F failed, K killed, > running, . none";

fn letter(end: Option<NightEnd>) -> char {
    match end {
        None => '.',
        Some(NightEnd::Done) => '#',
        Some(NightEnd::Rejects) => 'r',
        Some(NightEnd::Waiting) => 'w',
        Some(NightEnd::Stopped) => 's',
        Some(NightEnd::Failed) => 'F',
        Some(NightEnd::Killed) => 'K',
        Some(NightEnd::Running) => '>',
    }
}

fn volumes(days: &[Day]) -> String {
    let sum = |count: fn(&Day) -> u64| HumanCount(days.iter().map(count).sum());
    let most = days.iter().map(|day| day.seconds).max().unwrap_or(0);
    let quota = days
        .iter()
        .filter_map(|day| day.quota)
        .fold(None, |most: Option<f64>, quota| Some(most.map_or(quota, |most| most.max(quota))));
    let quota = quota.map_or_else(String::new, |quota| format!(", at most {:.1} % of a quota", quota * 100.0));
    format!(
        "  in these: {} read, {} written, {} rejected, the longest day {} s{quota}\n",
        sum(|day| day.read),
        sum(|day| day.written),
        sum(|day| day.rejected),
        HumanCount(most)
    )
}

fn backlog(pipeline: &PipelinePage) -> String {
    let mut table = new_table();
    table.set_header(["records", "stream → destination", "reason", "field", "since (UTC)"]);
    for line in &pipeline.backlog {
        let field = line.field.clone().unwrap_or_default();
        let records = HumanCount(line.records).to_string();
        table.add_row([records, line.place.clone(), line.code.clone(), field, minute(line.oldest_at)]);
    }
    if let Some(column) = table.column_mut(0) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    format!("  records that wait for you\n{table}\n")
}
