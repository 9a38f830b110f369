//! A plan as text.

use comfy_table::CellAlignment;
use indicatif::HumanCount;
use serde_json::Value as Json;

use crate::engine::{Change, ChangeKind, FieldCounts, PlanReport, TargetPlan};

use super::super::{output::counted, printable::one_line, rejects::cell_text, summary::new_table};

/// Most letters of a value that are shown.
const MAX_VALUE: usize = 40;
/// Most fields of a record that are shown.
const MAX_FIELDS: usize = 8;
/// Most fields of a target that are counted.
const MAX_COUNTED: usize = 12;

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
    parts.push(if report.has_changes {
        "+ new · ~ changed · = the same · - deleted · x rejected · ? held\n! drift: people changed what Ferry wrote"
            .to_owned()
    } else {
        "nothing would be written: the destinations hold what the sources and the mappings say".to_owned()
    });
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
    let anew = if target.is_replaced { ", written anew by each run" } else { "" };
    let error = target.error.as_ref().map_or_else(String::new, |error| format!("\nnot planned to its end: {error}"));
    format!("\n{} → {}{anew}{calls}{quota}{error}", one_line(&target.stream), one_line(&place))
}

/// Shows one record: a line for it, and one for each field.
pub(super) fn change(change: &Change) -> String {
    let id = one_line(&change.id);
    let own = change.destination_id.as_deref().map(one_line);
    let name = match (id.is_empty(), own) {
        (true, Some(own)) => own.into_owned(),
        (true, None) => String::new(),
        (false, Some(own)) => format!("{id} = {own}"),
        (false, None) => id.into_owned(),
    };
    let reason = change.reason.as_ref().map_or_else(String::new, |reason| {
        let field = reason.field.as_ref().map_or_else(String::new, |field| format!("{}: ", one_line(field)));
        let value = reason.value.as_deref().map_or_else(String::new, |value| format!(" ({})", short(&one_line(value))));
        format!(": {field}{}{value}", one_line(&reason.code))
    });
    let mut lines = vec![format!("  {} {name}{reason}", sign(change.change))];
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

fn sign(kind: ChangeKind) -> char {
    match kind {
        ChangeKind::Create => '+',
        ChangeKind::Update => '~',
        ChangeKind::Delete => '-',
        ChangeKind::Reject => 'x',
        ChangeKind::Hold => '?',
        ChangeKind::Drift => '!',
    }
}

/// Says how many changes are not shown.
fn more(target: &TargetPlan) -> Option<String> {
    let counts = &target.counts;
    let all = counts.create + counts.update + counts.delete + counts.reject + counts.hold + counts.drift;
    let rest = all.saturating_sub(u64::try_from(target.examples.len()).unwrap_or(u64::MAX));
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
        let numbers = [filled, overwritten, cleared, kept, drifted].map(|number| match number {
            0 => String::new(),
            number => HumanCount(*number).to_string(),
        });
        table.add_row(std::iter::once(one_line(field).into_owned()).chain(numbers));
    }
    for index in 1..6 {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    Some(table.to_string())
}

fn value(json: &Json) -> String {
    match json {
        Json::Null => "(blank)".to_owned(),
        Json::String(text) => format!("\"{}\"", short(&one_line(text))),
        // A whole number is one, whatever type its field has.
        Json::Number(number) => {
            let text = number.to_string();
            text.strip_suffix(".0").unwrap_or(&text).to_owned()
        }
        other => short(&one_line(&cell_text(other))),
    }
}

fn short(text: &str) -> String {
    if text.chars().count() <= MAX_VALUE {
        return text.to_owned();
    }
    let begin: String = text.chars().take(MAX_VALUE - 1).collect();
    format!("{begin}…")
}
