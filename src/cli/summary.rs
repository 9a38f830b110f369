//! The table at the end of a run: per stream and destination the ledger, calls, quota, and why records were not written.

use std::{collections::BTreeMap, path::Path};

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use indicatif::HumanCount;

use crate::engine::{DestinationReport, QuotaReport, RunReport};
use crate::model::Ledger;
use crate::state::{RunStatus, TargetStatus};

use super::{output::counted, printable::one_line};

/// Reasons that the summary shows.
const MAX_REASONS: usize = 5;
/// One column of the ledger: its title and its count.
type Column = (&'static str, fn(&Ledger) -> u64);

const COLUMNS: [Column; 8] = [
    ("created", |ledger| ledger.created),
    ("updated", |ledger| ledger.updated),
    ("deleted", |ledger| ledger.deleted),
    ("same", |ledger| ledger.unchanged),
    ("filtered", |ledger| ledger.filtered),
    ("double", |ledger| ledger.duplicate),
    ("rejected", |ledger| ledger.rejected),
    ("held", |ledger| ledger.held),
];

/// Returns the summary of a run as text.
pub(super) fn summary(report: &RunReport) -> String {
    let mut text = table(report).to_string();
    for line in remarks(report).into_iter().chain(quotas(report)) {
        text.push('\n');
        text.push_str(&line);
    }
    if !report.reasons.is_empty() {
        text.push_str("\n\nwhy records were not written (the most frequent reasons)\n");
        text.push_str(&reasons(report).to_string());
    }
    text
}

fn table(report: &RunReport) -> Table {
    let destinations = || report.streams.iter().flat_map(|stream| &stream.destinations);
    // Columns that are zero everywhere say nothing and cost width; `created` always stays.
    let columns: Vec<Column> = COLUMNS
        .into_iter()
        .enumerate()
        .filter(|(index, (_, count))| *index == 0 || destinations().any(|account| count(&account.ledger) > 0))
        .map(|(_, column)| column)
        .collect();
    let has_quota = destinations().any(|account| account.quota_used.is_some());
    let mut table = new_table();
    let mut header = vec!["stream → destination", "read"];
    header.extend(columns.iter().map(|(title, _)| *title));
    header.push("calls");
    if has_quota {
        header.push("quota");
    }
    table.set_header(header);
    for stream in &report.streams {
        for account in &stream.destinations {
            let mut row = vec![place(&stream.name, account), HumanCount(account.ledger.read).to_string()];
            row.extend(columns.iter().map(|(_, count)| HumanCount(count(&account.ledger)).to_string()));
            row.push(HumanCount(account.calls).to_string());
            if has_quota {
                row.push(account.quota_used.map_or_else(String::new, |share| format!("{:.1} %", share * 100.0)));
            }
            table.add_row(row);
        }
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn place(stream: &str, account: &DestinationReport) -> String {
    format!("{stream} → {}.{}", account.connection, account.object)
}

/// Says what the numbers do not: what failed, what waits, what was refused.
fn remarks(report: &RunReport) -> Vec<String> {
    let mut remarks = Vec::new();
    for stream in &report.streams {
        if let Some(error) = &stream.error {
            remarks.push(format!("! {}: {}", stream.name, one_line(error)));
        }
        for account in &stream.destinations {
            let place = place(&stream.name, account);
            if !account.ledger.closes() {
                remarks.push(format!("! {place}: the ledger does not close; please report this"));
            }
            if !account.has_all_letters {
                remarks.push(format!("! {place}: not every rejected record has a dead letter; please report this"));
            }
            let is_left = account.status == TargetStatus::Running && report.status != RunStatus::Running;
            match &account.error {
                // The source's failure is told above.
                Some(error) if stream.error.as_ref() == Some(error) => {}
                Some(error) => remarks.push(format!("! {place}: {}", one_line(error))),
                None if is_left => remarks.push(format!("! {place}: not at its end")),
                None => {}
            }
            for waiting in &account.waiting {
                let links = agreeing(waiting.links, ["record waits", "records wait"]);
                let (field, stream) = (&waiting.field, &waiting.stream);
                remarks.push(format!("! {place}: with `{field}` {links} for others of `{stream}` that are not there"));
            }
            if account.missing > 0 {
                let records = agreeing(account.missing, ["record is", "records are"]);
                remarks
                    .push(format!("! {place}: {records} gone from the destination; the next run creates them again"));
            }
            if account.rate_limited > 0 {
                let answers = counted(account.rate_limited, "answer");
                remarks.push(format!("! {place}: {answers} said that the rate limit was crossed"));
            }
            if account.calls_halving > 0 {
                let calls = counted(account.calls_halving, "call");
                remarks.push(format!("· {place}: {calls} went into finding the culprits of refused batches"));
            }
        }
    }
    remarks
}

/// Says what the run spent of each budget that requests have a cost in, and what is left of it.
fn quotas(report: &RunReport) -> Vec<String> {
    let mut lines = Vec::new();
    let mut by_connection: BTreeMap<&str, QuotaReport> = BTreeMap::new();
    for stream in &report.streams {
        if let Some(quota) = &stream.quota {
            lines.push(format!("· reading {}: {}", stream.name, spent(quota)));
        }
        for account in &stream.destinations {
            let Some(quota) = account.quota else { continue };
            by_connection
                .entry(&account.connection)
                .and_modify(|known| {
                    known.spent += quota.spent;
                    known.left = known.left.min(quota.left);
                    // Of several kinds of records, the dearest is told.
                    let both = known.records_per_day.into_iter().chain(quota.records_per_day);
                    known.records_per_day = both.min();
                })
                .or_insert(quota);
        }
    }
    lines.extend(by_connection.iter().map(|(connection, quota)| format!("· {connection}: {}", spent(quota))));
    lines
}

fn spent(quota: &QuotaReport) -> String {
    let [spent, left, max] = [quota.spent, quota.left, quota.max].map(HumanCount);
    let unit = quota.unit;
    let records = quota.records_per_day.map(|count| format!("; a day allows {} records", HumanCount(count)));
    format!("{spent} {unit} spent, {left} of {max} left today{}", records.unwrap_or_default())
}

fn reasons(report: &RunReport) -> Table {
    let mut table = new_table();
    table.set_header(["records", "stream → destination", "reason", "field"]);
    for reason in report.reasons.iter().take(MAX_REASONS) {
        table.add_row([
            HumanCount(reason.records).to_string(),
            format!("{} → {}", reason.stream, reason.connection),
            if reason.kind == "rejected" { reason.code.clone() } else { format!("{} ({})", reason.code, reason.kind) },
            reason.field.clone().unwrap_or_default(),
        ]);
    }
    if let Some(column) = table.column_mut(0) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Makes a table that fits the terminal, if there is one.
pub(super) fn new_table() -> Table {
    let mut table = Table::new();
    let line = LineStyle::none().fill('─').junction('─');
    let style = TableStyle::new().top_border(line).header_separator(line).bottom_border(line);
    table.load_style(style);
    // Without a terminal (cron, a pipe) nothing is wrapped: lines are for programs there.
    let has_width = table.width().is_some();
    table.set_content_arrangement(if has_width { ContentArrangement::Dynamic } else { ContentArrangement::Disabled });
    table
}

/// Returns a number with the words for one and for several.
fn agreeing(count: u64, [one, several]: [&str; 2]) -> String {
    format!("{} {}", HumanCount(count), if count == 1 { one } else { several })
}

/// The command that a run was started with, to be named.
#[derive(Debug, Clone, Copy)]
pub(super) enum Started<'path> {
    /// `ferry run` with this pipeline.
    Run(&'path Path),
    /// `ferry apply` with this plan.
    Apply(&'path Path),
}

impl Started<'_> {
    /// Returns the command that takes it up again.
    fn again(self) -> String {
        match self {
            Self::Run(file) => format!("ferry run {}", file.display()),
            Self::Apply(plan) => format!("ferry apply {}", plan.display()),
        }
    }

    /// Says how what was corrected is written.
    fn anew(self) -> String {
        match self {
            Self::Run(_) => format!("then `{}` writes the files again", self.again()),
            Self::Apply(_) => "then make a new plan".to_owned(),
        }
    }
}

/// Says how the run ended, and what to type next.
pub(super) fn closing(report: &RunReport, started: Started<'_>, state: &str) -> String {
    let again = started.again();
    let run = &report.run_id;
    let destinations = || report.streams.iter().flat_map(|stream| &stream.destinations);
    let count = |account: &DestinationReport| account.ledger.rejected + account.ledger.held;
    let letters: u64 = destinations().map(count).sum();
    let has_files_alone = destinations().all(|account| account.is_replaced || count(account) == 0);
    match report.status {
        RunStatus::Done if letters > 0 && has_files_alone => format!(
            "{run} is done; {} not written\nnext: `ferry rejects {run}{state}` shows them; fix them in the source, {}",
            agreeing(letters, ["record was", "records were"]),
            started.anew()
        ),
        RunStatus::Done if letters == 0 && report.reasons.is_empty() && report.earlier_rejects > 0 => format!(
            "{run} is done; {} of earlier runs not written yet, or without a link\nnext: `ferry runs{state}` lists the runs, `ferry rejects RUN{state} -o rejects.csv` shows their records",
            agreeing(report.earlier_rejects, ["record is", "records are"])
        ),
        RunStatus::Done if letters == 0 && report.links_refused > 0 => format!(
            "{run} is done; all records are written, {} without a link that was refused\nnext: `ferry rejects {run}{state}` says why",
            counted(report.links_refused, "record")
        ),
        RunStatus::Done if report.has_dead_letters() => format!(
            "{run} is done; {} not written\nnext: `ferry rejects {run}{state} -o rejects.csv`, fix them there, `ferry redrive {run}{state} --from rejects.csv`",
            agreeing(letters, ["record was", "records were"])
        ),
        RunStatus::Done if destinations().any(|account| account.links_pending > 0) => format!(
            "{run} is done; every record is accounted for\nnext: `ferry rejects {run}{state}` names the records that wait for others"
        ),
        RunStatus::Done => format!("{run} is done; every record is accounted for"),
        RunStatus::Interrupted => format!("{run} was stopped\nnext: `{again}` resumes where it stopped"),
        RunStatus::Failed | RunStatus::Running | RunStatus::Killed => {
            format!("{run} failed\nnext: fix the errors above and run `{again}` again; it resumes where it stopped")
        }
    }
}
