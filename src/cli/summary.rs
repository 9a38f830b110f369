//! The table at the end of a run: per stream and destination the ledger, calls, quota, and why records were not written.

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use indicatif::HumanCount;

use crate::{
    engine::{DestinationReport, RunReport},
    model::Ledger,
    state::{RunStatus, ScopeStatus},
};

/// Reasons that the summary shows.
const MAX_REASONS: usize = 5;
/// Columns of a terminal that tells no width (cron, a pipe).
const DEFAULT_WIDTH: u16 = 80;

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
    for line in remarks(report) {
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
            remarks.push(format!("! {}: {error}", stream.name));
        }
        for account in &stream.destinations {
            let place = place(&stream.name, account);
            if !account.ledger.closes() {
                remarks.push(format!("! {place}: the ledger does not close; please report this"));
            }
            if let Some(error) = &account.error {
                remarks.push(format!("! {place}: {error}"));
            } else if account.status == ScopeStatus::Running && report.status != RunStatus::Running {
                remarks.push(format!("! {place}: not at its end"));
            }
            if account.links_pending > 0 {
                let links = HumanCount(account.links_pending);
                remarks
                    .push(format!("! {place}: {links} link fields point to records that are not at the destination"));
            }
            if account.rate_limited > 0 {
                let answers = HumanCount(account.rate_limited);
                remarks.push(format!("! {place}: {answers} answers said the rate limit was crossed"));
            }
            if account.calls_halving > 0 {
                let calls = HumanCount(account.calls_halving);
                remarks
                    .push(format!("· {place}: {calls} of the calls went into finding the culprits of refused batches"));
            }
        }
    }
    remarks
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

/// Makes a table that fits the terminal.
pub(super) fn new_table() -> Table {
    let mut table = Table::new();
    let line = LineStyle::none().fill('─').junction('─');
    let style = TableStyle::new().top_border(line).header_separator(line).bottom_border(line);
    table.load_style(style).set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(DEFAULT_WIDTH);
    }
    table
}

/// Says how the run ended, and what to type next.
pub(super) fn closing(report: &RunReport, file: &str, state: &str) -> String {
    let run = &report.run_id;
    let open = report.streams.iter().flat_map(|stream| &stream.destinations);
    let letters: u64 = open.map(|account| account.ledger.rejected + account.ledger.held).sum();
    match report.status {
        RunStatus::Done if report.has_dead_letters() => format!(
            "{run} is done; {} records were not written\nnext: `ferry rejects {run}{state} -o rejects.csv`, mend them there, `ferry redrive {run}{state} --from rejects.csv`",
            HumanCount(letters)
        ),
        RunStatus::Done => format!("{run} is done; every record is accounted for"),
        RunStatus::Interrupted => format!("{run} was stopped\nnext: `ferry run {file}` goes on where it stands"),
        RunStatus::Failed | RunStatus::Running => {
            format!("{run} failed\nnext: mend what is named above; `ferry run {file}` then goes on where it stands")
        }
    }
}
