//! A preview as text.

use comfy_table::{CellAlignment, Table};
use indicatif::HumanCount;
use serde_json::Value as Json;

use crate::engine::{
    DestinationPreview, DroppedValue, PreviewReport, RecordPreview, RejectPreview, StandardPreview, StreamPreview,
};

use super::super::{
    output::{counted, share},
    printable::one_line,
    rejects::cell_text,
    summary::new_table,
};

/// Most letters of a value that are shown.
const MAX_VALUE: usize = 30;
/// Most fields without a mapping that are shown, and most values that are given up.
const MAX_LINES: usize = 15;

/// Returns everything.
pub(super) fn whole(report: &PreviewReport) -> String {
    let mut parts = Vec::new();
    for stream in &report.streams {
        parts.push(title(stream));
        for destination in &stream.destinations {
            parts.push(heading(stream, destination));
            parts.extend(standard(destination));
            let records = destination.records.iter().enumerate();
            parts.extend(records.map(|(index, shown)| record(destination, shown, index)));
            parts.extend(findings(destination));
        }
        parts.extend(unmapped(stream));
    }
    format!("{}\n", parts.join("\n\n"))
}

/// Says what was read.
pub(super) fn title(stream: &StreamPreview) -> String {
    let of = if stream.is_whole { "all" } else { "the first" };
    let mut text =
        format!("{}: {of} {} of {}.{}", stream.name, counted(stream.read, "record"), stream.connection, stream.object);
    for (count, what) in [(stream.filtered, "filtered"), (stream.duplicate, "duplicate")] {
        if count > 0 {
            text = format!("{text}, {} {what}", HumanCount(count));
        }
    }
    text
}

/// Says how much a destination would take.
pub(super) fn heading(stream: &StreamPreview, destination: &DestinationPreview) -> String {
    let mapped = counted(u64::try_from(destination.fields.len()).unwrap_or(u64::MAX), "field");
    format!(
        "{} → {}.{}: {} to be sent, {} rejected, {mapped} mapped",
        stream.name,
        destination.connection,
        destination.object,
        counted(destination.accepted, "record"),
        HumanCount(destination.rejected),
    )
}

/// Says what `standard` came to; nothing where the destination has none.
pub(super) fn standard(destination: &DestinationPreview) -> Option<String> {
    let StandardPreview { kind, mapped, left_out } = destination.standard.as_ref()?;
    let mut table = new_table();
    table.set_header(["source", "rule", "destination"]);
    for field in destination.fields.iter().filter(|field| field.is_standard) {
        table.add_row([
            one_line(&field.from.join(", ")).into_owned(),
            short(&one_line(&field.rule)),
            one_line(&field.field).into_owned(),
        ]);
    }
    let not_there = if left_out.is_empty() {
        String::new()
    } else {
        format!("\none of the two systems does not have: {}", left_out.join(", "))
    };
    let all = mapped.len() + left_out.len();
    Some(format!("`standard: {kind}` maps {} of {all} fields\n{table}{not_there}", mapped.len()))
}

/// Shows a record on both sides.
pub(super) fn record(destination: &DestinationPreview, shown: &RecordPreview, index: usize) -> String {
    let mut table = new_table();
    table.set_header(["source", "value", "rule", "destination", "value"]);
    for field in &destination.fields {
        let source: Vec<String> =
            field.from.iter().map(|name| value(shown.source.get(name).unwrap_or(&Json::Null))).collect();
        let rule = if field.is_standard { joined(&["standard", &field.rule]) } else { field.rule.clone() };
        let written = shown.destination.get(field.field.as_str()).unwrap_or(&Json::Null);
        table.add_row([
            one_line(&field.from.join(", ")).into_owned(),
            source.join(", "),
            short(&one_line(&rule)),
            one_line(&field.field).into_owned(),
            value(written),
        ]);
    }
    format!("record {}: {}\n{table}", index + 1, one_line(&shown.id))
}

/// Says what would be refused and what would be given up; nothing where there is neither.
pub(super) fn findings(destination: &DestinationPreview) -> Vec<String> {
    let rejects = (!destination.rejects.is_empty()).then(|| rejects(&destination.rejects));
    let dropped = (!destination.dropped.is_empty()).then(|| dropped(&destination.dropped));
    rejects.into_iter().chain(dropped).collect()
}

fn rejects(rejects: &[RejectPreview]) -> String {
    let mut table = new_table();
    table.set_header(["records", "field", "reason", "values", "at"]);
    for reject in rejects {
        let places = reject.samples.iter().map(|sample| match sample.line {
            Some(line) => format!("line {line}"),
            None => one_line(&sample.id).into_owned(),
        });
        let values = reject.samples.iter().filter_map(|sample| sample.value.as_deref());
        table.add_row([
            HumanCount(reject.records).to_string(),
            one_line(reject.field.as_deref().unwrap_or_default()).into_owned(),
            one_line(&reject.code).into_owned(),
            values.map(|value| short(&one_line(value))).collect::<Vec<_>>().join(" · "),
            places.take(3).collect::<Vec<_>>().join(", "),
        ]);
    }
    right(&mut table, 0);
    let remedies = rejects.iter().filter_map(|reject| {
        let remedy = reject.remedy.as_deref()?;
        let field = reject.field.as_deref().unwrap_or("the field");
        Some(format!(
            "\nhint: for `{}`, {} ({} of these)",
            one_line(field),
            one_line(remedy),
            HumanCount(reject.records)
        ))
    });
    format!("would be rejected\n{table}{}", remedies.collect::<String>())
}

fn dropped(dropped: &[DroppedValue]) -> String {
    let mut table = new_table();
    table.set_header(["records", "field", "value that is not written"]);
    for one in dropped.iter().take(MAX_LINES) {
        let field = one_line(&one.field).into_owned();
        table.add_row([HumanCount(one.records).to_string(), field, short(&one_line(&one.value))]);
    }
    right(&mut table, 0);
    format!("values that the mapping gives up\n{table}{}", more(dropped.len()))
}

/// Shows the fields that have values and no mapping; nothing where there are none.
pub(super) fn unmapped(stream: &StreamPreview) -> Option<String> {
    if stream.unmapped.is_empty() {
        return None;
    }
    let mut table = new_table();
    table.set_header(["field without a mapping", "filled", "for example"]);
    for field in stream.unmapped.iter().take(MAX_LINES) {
        let filled = share(field.filled, stream.read);
        table.add_row([one_line(&field.field).into_owned(), filled, value(&field.sample)]);
    }
    right(&mut table, 1);
    Some(format!("not mapped\n{table}{}", more(stream.unmapped.len())))
}

fn more(count: usize) -> String {
    match count.checked_sub(MAX_LINES) {
        None | Some(0) => String::new(),
        Some(more) => format!("\nand {more} more; `--json` lists all"),
    }
}

fn right(table: &mut Table, column: usize) {
    if let Some(column) = table.column_mut(column) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn value(value: &Json) -> String {
    let text = match value.as_f64() {
        // `40`, not `40.0`: people see numbers, not types.
        Some(number) if value.is_f64() => number.to_string(),
        _ => cell_text(value),
    };
    short(&one_line(&text))
}

fn short(text: &str) -> String {
    if text.chars().count() <= MAX_VALUE {
        return text.to_owned();
    }
    text.chars().take(MAX_VALUE - 1).chain(['…']).collect()
}

fn joined(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" → ")
}
