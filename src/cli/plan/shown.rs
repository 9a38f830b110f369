//! How values, records and counts of a plan are written, in text and on its page alike.

use std::time::Duration;

use indicatif::{HumanCount, HumanDuration};
use serde_json::Value as Json;

use crate::engine::{Change, ChangeKind, PlanReport, QuotaCosts, ReplacedRows, TargetPlan};

use super::super::{output::counted, printable::one_line, rejects::cell_text};

/// Most letters of a value that are shown.
const MAX_VALUE: usize = 40;
/// Most fields of a record that are shown.
pub(super) const MAX_FIELDS: usize = 8;
/// Most fields of a target that are counted.
pub(super) const MAX_COUNTED: usize = 12;
/// Most fields without a mapping that are shown.
pub(super) const MAX_UNMAPPED: usize = 15;

pub(super) fn sign(kind: ChangeKind) -> char {
    match kind {
        ChangeKind::Create => '+',
        ChangeKind::Update => '~',
        ChangeKind::Delete => '-',
        ChangeKind::Reject => 'x',
        ChangeKind::Hold => '?',
        ChangeKind::Drift => '!',
    }
}

/// Returns what a plan without a change to write means; none where it has one.
pub(super) fn verdict(report: &PlanReport) -> Option<&'static str> {
    let is_whole = report.errors.is_empty() && report.targets.iter().all(|target| target.error.is_none());
    match (report.has_changes, is_whole) {
        (true, _) => None,
        (false, true) => Some("nothing would be written: the destinations hold what the sources and the mappings say"),
        (false, false) => Some("nothing was planned to be written before it failed: this plan is not whole"),
    }
}

/// Names a record by its ids.
pub(super) fn name(change: &Change) -> String {
    let id = one_line(&change.id);
    let own = change.destination_id.as_deref().map(one_line);
    match (id.is_empty(), own) {
        (true, Some(own)) => own.into_owned(),
        (true, None) => String::new(),
        (false, Some(own)) => format!("{id} = {own}"),
        (false, None) => id.into_owned(),
    }
}

/// Says why a record is refused or held; nothing where it is not.
pub(super) fn reason(change: &Change) -> String {
    change.reason.as_ref().map_or_else(String::new, |reason| {
        let field = reason.field.as_ref().map_or_else(String::new, |field| format!("{}: ", one_line(field)));
        let value = reason.value.as_deref().map_or_else(String::new, |value| format!(" ({})", short(&one_line(value))));
        format!("{field}{}{value}", one_line(&reason.code))
    })
}

/// Counts the changes of a target that are not shown.
pub(super) fn hidden(target: &TargetPlan) -> u64 {
    let counts = &target.counts;
    let all = counts.create + counts.update + counts.delete + counts.reject + counts.hold + counts.drift;
    all.saturating_sub(u64::try_from(target.examples.len()).unwrap_or(u64::MAX))
}

/// Says of an object that is written anew how its rows are compared.
pub(super) fn replaced(target: &TargetPlan) -> Option<String> {
    let rows = match &target.replaced {
        None if !target.is_replaced => return None,
        None => return Some("written anew by each run".to_owned()),
        Some(rows) => rows,
    };
    let ReplacedRows { rows_now, rows_then, matched_by, not_compared } = rows;
    let how = match (not_compared, matched_by.as_slice()) {
        (Some(reason), _) => format!("not compared: {}", one_line(reason)),
        (None, []) => "compared as whole rows".to_owned(),
        (None, key) => {
            let names: Vec<String> = key.iter().map(|name| format!("`{}`", one_line(name))).collect();
            format!("matched by {}", names.join(", "))
        }
    };
    let (now, then) = (counted(*rows_now, "row"), HumanCount(*rows_then));
    Some(format!("written anew by each run: {now} now, {then} then, {how}"))
}

pub(super) fn quota(quota: &QuotaCosts) -> String {
    format!("{} of {} {} left", HumanCount(quota.needed), HumanCount(quota.left), one_line(&quota.unit))
}

/// Says how long the limits alone take.
pub(super) fn time(seconds: u64) -> String {
    if seconds == 0 { "no time".to_owned() } else { HumanDuration(Duration::from_secs(seconds)).to_string() }
}

/// Writes a count; nothing where it is none.
pub(super) fn some(number: u64) -> String {
    if number == 0 { String::new() } else { HumanCount(number).to_string() }
}

pub(super) fn value(json: &Json) -> String {
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

pub(super) fn short(text: &str) -> String {
    if text.chars().count() <= MAX_VALUE {
        return text.to_owned();
    }
    let begin: String = text.chars().take(MAX_VALUE - 1).collect();
    format!("{begin}…")
}
