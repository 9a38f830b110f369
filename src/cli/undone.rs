//! What taking back a run did, or would do, as a person reads it.

use comfy_table::{CellAlignment, Table};
use indicatif::HumanCount;
use serde_json::Value as Json;

use crate::engine::{LeftRecord, UndoCounts, UndoReport};
use crate::state::{ImageFate, RunStatus};

use super::{output::counted, printable::one_line, summary::new_table};

/// Records that are named one by one; `--json` names more.
const MAX_NAMED: usize = 20;

type Column = (&'static str, fn(&UndoCounts) -> u64);

const COLUMNS: [Column; 8] = [
    ("written", |counts| counts.written),
    ("restored", |counts| counts.restored),
    ("deleted", |counts| counts.deleted),
    ("recreated", |counts| counts.recreated),
    ("left: changed since", |counts| counts.left_changed),
    ("left: gone", |counts| counts.left_gone),
    ("left: impossible", |counts| counts.left_impossible),
    ("rejected", |counts| counts.rejected),
];
/// Columns that are shown whatever they count.
const ALWAYS: usize = 3;

pub(super) fn text(report: &UndoReport) -> String {
    let mut text = format!("{}\n", table(report));
    for target in &report.targets {
        if let Some(error) = &target.error {
            let place = format!("{} → {}.{}", target.stream, target.connection, target.object);
            text.extend([format!("! {place}: {}\n", one_line(error))]);
        }
    }
    for remark in &report.remarks {
        text.extend([format!("· {}\n", one_line(remark))]);
    }
    for later in &report.later_runs {
        let records = counted(later.records, "record");
        text.extend([format!("· {} wrote {records} of these later\n", later.run_id)]);
    }
    if !report.left.is_empty() {
        text.push_str("\nrecords that are left\n");
        text.extend(report.left.iter().take(MAX_NAMED).map(left_lines));
        let more = report.left.len().saturating_sub(MAX_NAMED);
        if more > 0 {
            text.extend([format!("  and {more} more: `--json` names the first 1,000\n")]);
        }
    }
    text
}

fn table(report: &UndoReport) -> Table {
    let is_shown = |(index, (_, count)): &(usize, Column)| {
        *index < ALWAYS || report.targets.iter().any(|target| count(&target.counts) > 0)
    };
    let columns: Vec<Column> = COLUMNS.into_iter().enumerate().filter(is_shown).map(|(_, column)| column).collect();
    let mut table = new_table();
    let mut header = vec!["stream → destination"];
    header.extend(columns.iter().map(|(title, _)| *title));
    header.push("calls");
    table.set_header(header);
    for target in &report.targets {
        let mut row = vec![format!("{} → {}.{}", target.stream, target.connection, target.object)];
        row.extend(columns.iter().map(|(_, count)| HumanCount(count(&target.counts)).to_string()));
        row.push(HumanCount(target.calls_read + target.calls_write).to_string());
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn left_lines(left: &LeftRecord) -> String {
    let why = match left.why {
        ImageFate::Changed => "changed since",
        ImageFate::Gone => "gone",
        ImageFate::Impossible => "cannot be taken back",
        ImageFate::Refused => "refused",
        ImageFate::Restored | ImageFate::Deleted | ImageFate::Recreated => "taken back",
    };
    let place = one_line(&format!("{} {} {}", left.connection, left.object, left.id)).into_owned();
    let mut lines = format!("  {place}: {why}\n");
    for field in &left.fields {
        let line = format!("{}: {} was left there, {} is there", field.field, shown(&field.wrote), shown(&field.holds));
        lines.extend([format!("    {}\n", one_line(&line))]);
    }
    lines
}

fn shown(value: &Json) -> String {
    if value.is_null() { "nothing".to_owned() } else { value.to_string() }
}

/// Says how it ended, and what to type next.
pub(super) fn closing(report: &UndoReport) -> String {
    let undone = &report.undone_run;
    let Some(run_id) = &report.run_id else {
        return format!("nothing was written\nnext: `ferry undo {undone} --yes` does it");
    };
    match report.status {
        Some(RunStatus::Done) if report.is_whole() => format!("{run_id} took {undone} back"),
        Some(RunStatus::Done) => format!(
            "{run_id} took {undone} back, but for the records that are left\nnext: `ferry undo {undone}` looks at them again"
        ),
        Some(RunStatus::Interrupted) => {
            format!("{run_id} was stopped\nnext: `ferry undo {undone}` goes on where it stands")
        }
        Some(RunStatus::Failed | RunStatus::Running | RunStatus::Killed) | None => {
            format!("{run_id} failed\nnext: fix the errors above and run `ferry undo {undone}` again")
        }
    }
}
