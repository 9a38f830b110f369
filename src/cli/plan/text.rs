//! A plan as text.

use comfy_table::CellAlignment;
use indicatif::HumanCount;

use crate::engine::{Change, ChangeKind, FieldCounts, PlanReport, StreamCoverage, TargetPlan, schema_lines};

use super::{
    super::{
        output::{counted, share},
        printable::one_line,
        summary::new_table,
    },
    shown::{
        MAX_COUNTED, MAX_FIELDS, MAX_UNMAPPED, hidden, name, quota, reason, replaced, short, sign, some, time, value,
        verdict,
    },
};

/// Returns everything; the changes themselves only where they were not shown before.
pub(super) fn whole(report: &PlanReport, are_shown: bool) -> String {
    let mut parts = vec![counts(report)];
    for target in &report.targets {
        parts.push(heading(target));
        if !are_shown {
            parts.extend(target.examples.iter().map(change));
            parts.extend(more(target));
        }
        parts.extend(fields(target));
    }
    parts.extend(schema(report));
    parts.extend(report.coverage.iter().filter_map(coverage));
    parts.extend(costs(report));
    let legend =
        "+ new · ~ changed · = the same · - deleted · x rejected · ? held\n! drift: people changed what Ferry wrote";
    parts.push(verdict(report).unwrap_or(legend).to_owned());
    format!("{}\n", parts.join("\n"))
}

fn counts(report: &PlanReport) -> String {
    let mut table = new_table();
    table.set_header(["stream", "to", "read", "+", "~", "=", "-", "x", "?", "left out", "drift", "links"]);
    for target in &report.targets {
        let counts = &target.counts;
        let numbers = [
            counts.read,
            counts.create,
            counts.update,
            counts.unchanged,
            counts.delete,
            counts.reject,
            counts.hold,
            counts.filtered + counts.duplicate,
            counts.drift,
            counts.links,
        ];
        let place = format!("{}.{}", target.connection, target.object);
        let cells = [one_line(&target.stream).into_owned(), one_line(&place).into_owned()];
        table.add_row(cells.into_iter().chain(numbers.into_iter().map(|number| HumanCount(number).to_string())));
    }
    for index in 2..12 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

fn heading(target: &TargetPlan) -> String {
    let account = target.account.as_ref().map_or_else(String::new, |account| format!(" ({account})"));
    let place = format!("{}.{}{account}", target.connection, target.object);
    let calls = match (target.calls_write, target.calls_read) {
        (0, 0) => String::new(),
        (write, read) => format!("\n  {} to write, {} to look", counted(write, "call"), HumanCount(read)),
    };
    let quota =
        target.quota_used.map_or_else(String::new, |used| format!(", {:.1} % of today's quota used", used * 100.0));
    let anew = replaced(target).map_or_else(String::new, |anew| format!("\n  {anew}"));
    let error = target.error.as_ref().map_or_else(String::new, |error| format!("\nnot planned to its end: {error}"));
    format!("\n{} → {}{anew}{calls}{quota}{error}", one_line(&target.stream), one_line(&place))
}

/// Shows one record: a line for it, and one for each field.
pub(super) fn change(change: &Change) -> String {
    let reason = match reason(change) {
        reason if reason.is_empty() => reason,
        reason => format!(": {reason}"),
    };
    let mut lines = vec![format!("  {} {}{reason}", sign(change.change), name(change))];
    for field in change.fields.iter().take(MAX_FIELDS) {
        let name = one_line(&field.field);
        lines.push(match change.change {
            ChangeKind::Create => format!("      {name}: {}", value(&field.new)),
            ChangeKind::Delete => format!("      {name}: {}", value(&field.old)),
            ChangeKind::Drift => {
                format!("      {name}: Ferry wrote {}, now {}", value(&field.new), value(&field.old))
            }
            ChangeKind::Update | ChangeKind::Reject | ChangeKind::Hold => {
                format!("      {name}: {} → {}", value(&field.old), value(&field.new))
            }
        });
    }
    let rest = change.fields.len().saturating_sub(MAX_FIELDS);
    if rest > 0 {
        lines.push(format!("      and {}", counted(u64::try_from(rest).unwrap_or(u64::MAX), "more field")));
    }
    for link in &change.links {
        let ids = one_line(&link.linked_ids.join(", ")).into_owned();
        lines.push(format!("      {}: link to {} {}", one_line(&link.field), one_line(&link.stream), short(&ids)));
    }
    lines.join("\n")
}

/// Says how many changes are not shown.
fn more(target: &TargetPlan) -> Option<String> {
    let rest = hidden(target);
    (rest > 0).then(|| format!("  … {} more; `--all` shows them", HumanCount(rest)))
}

/// Says what becomes of fields, over all records.
fn fields(target: &TargetPlan) -> Option<String> {
    let counted: Vec<&FieldCounts> = target.fields.iter().take(MAX_COUNTED).collect();
    if counted.is_empty() {
        return None;
    }
    let mut table = new_table();
    table.set_header(["field", "filled", "overwritten", "cleared", "kept", "drift"]);
    for FieldCounts { field, filled, overwritten, cleared, kept, drifted } in counted {
        let numbers = [filled, overwritten, cleared, kept, drifted].map(|number| some(*number));
        table.add_row(std::iter::once(one_line(field).into_owned()).chain(numbers));
    }
    for index in 1..6 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    Some(table.to_string())
}

/// Says what changed at either end since the last run.
fn schema(report: &PlanReport) -> Option<String> {
    let lines = schema_lines(&report.schema_changes);
    let lines: Vec<String> = lines.iter().map(|line| format!("  {}", one_line(line))).collect();
    (!lines.is_empty()).then(|| format!("\nchanged since the last run\n{}", lines.join("\n")))
}

/// Shows the fields of a stream's source that have values and that nothing uses; nothing where there are none.
fn coverage(stream: &StreamCoverage) -> Option<String> {
    if stream.unmapped.is_empty() {
        return None;
    }
    let mut table = new_table();
    table.set_header(["field without a mapping", "filled", "for example"]);
    for field in stream.unmapped.iter().take(MAX_UNMAPPED) {
        table.add_row([one_line(&field.field).into_owned(), share(field.filled, stream.records), value(&field.sample)]);
    }
    if let Some(column) = table.column_mut(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let more = match stream.unmapped.len().saturating_sub(MAX_UNMAPPED) {
        0 => String::new(),
        more => format!("\nand {more} more; `--json` lists all"),
    };
    let used = counted(u64::try_from(stream.used.len()).unwrap_or(u64::MAX), "field");
    let place = format!("{}.{}", stream.connection, stream.object);
    Some(format!("\n{}: {used} of {} used, these are not\n{table}{more}", one_line(&stream.stream), one_line(&place)))
}

/// Says what a run would take of each system; nothing where it calls none.
fn costs(report: &PlanReport) -> Option<String> {
    if report.connections.is_empty() {
        return None;
    }
    let mut table = new_table();
    table.set_header(["connection", "system", "calls", "to read", "to write", "quota", "at least"]);
    for costs in &report.connections {
        let numbers = [costs.calls, costs.calls_read, costs.calls_write].map(|number| HumanCount(number).to_string());
        let cells = [one_line(&costs.connection).into_owned(), costs.system.clone()];
        let ends = [costs.quota.as_ref().map_or_else(String::new, quota), time(costs.seconds)];
        table.add_row(cells.into_iter().chain(numbers).chain(ends));
    }
    for index in 2..5 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let is_sent_again = !report.has_changes && report.connections.iter().any(|costs| costs.calls_write > 0);
    let again = if is_sent_again {
        "\na run sends records that it does not know, also where they are the same; `ferry apply` sends none"
    } else {
        ""
    };
    Some(format!("\nwhat a run would take\n{table}{again}\n"))
}
