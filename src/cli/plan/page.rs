//! A plan as one HTML file of its own: nothing is loaded from elsewhere, and every value is escaped by the template
//! (`templates/plan.html`).

use std::path::Path;

use askama::Template;
use indicatif::HumanCount;

use crate::engine::{
    Change, ChangeKind, ConnectionCosts, EngineError, FieldChange, FieldCounts, PlanReport, StreamCoverage, TargetPlan,
    UnmappedShare, schema_lines,
};
use crate::private_file::PrivateFile;

use super::{
    super::{
        exit::Failure,
        output::{counted, share},
        printable::one_line,
    },
    shown::{
        MAX_COUNTED, MAX_FIELDS, MAX_UNMAPPED, hidden, name, quota, reason, replaced, short, sign, some, time, value,
        verdict,
    },
};

/// What the page holds.
#[derive(Template)]
#[template(path = "plan.html")]
struct Page {
    pipeline: String,
    created_at: String,
    verdict: &'static str,
    errors: Vec<String>,
    targets: Vec<TargetSection>,
    schema_changes: Vec<String>,
    coverage: Vec<CoverageSection>,
    costs: Vec<CostsRow>,
}

struct TargetSection {
    title: String,
    lines: Vec<String>,
    errors: Vec<String>,
    counts: Vec<Count>,
    changes: Vec<ChangeCard>,
    hidden: String,
    fields: Vec<FieldRow>,
}

struct Count {
    word: &'static str,
    number: String,
}

struct ChangeCard {
    kind: &'static str,
    sign: char,
    word: &'static str,
    name: String,
    reason: String,
    fields: Vec<FieldLine>,
    more: Vec<String>,
}

struct FieldLine {
    name: String,
    old: Option<String>,
    new: Option<String>,
    remark: &'static str,
}

struct FieldRow {
    name: String,
    numbers: [String; 5],
}

struct CoverageSection {
    title: String,
    used: String,
    fields: Vec<UnmappedRow>,
    more: String,
}

struct UnmappedRow {
    name: String,
    filled: String,
    sample: String,
}

struct CostsRow {
    name: String,
    system: String,
    calls: [String; 3],
    quota: String,
    time: String,
}

/// Writes the page, for its owner alone.
pub(super) fn write(path: &Path, report: &PlanReport) -> Result<(), Failure> {
    let failed = |reason: String| EngineError::File { path: path.display().to_string(), reason };
    let page = Page::of(report).render().map_err(|error| failed(error.to_string()))?;
    Ok(PrivateFile::write(path, page.as_bytes()).map_err(|error| failed(error.to_string()))?)
}

impl Page {
    fn of(report: &PlanReport) -> Self {
        let covered = report.coverage.iter().filter(|stream| !stream.unmapped.is_empty());
        Self {
            pipeline: one_line(&report.pipeline).into_owned(),
            created_at: report.created_at.format("%Y-%m-%d %H:%M UTC").to_string(),
            verdict: verdict(report).unwrap_or("a run would write what is listed here"),
            errors: report.errors.iter().map(|error| one_line(error).into_owned()).collect(),
            targets: report.targets.iter().map(TargetSection::of).collect(),
            schema_changes: schema_lines(&report.schema_changes),
            coverage: covered.map(CoverageSection::of).collect(),
            costs: report.connections.iter().map(CostsRow::of).collect(),
        }
    }
}

impl TargetSection {
    fn of(target: &TargetPlan) -> Self {
        let place = format!("{}.{}", target.connection, target.object);
        let account = target.account.iter().map(|account| format!("account {}", one_line(account)));
        let anew = replaced(target);
        let calls = (target.calls_write + target.calls_read > 0).then(|| {
            format!("{} to write, {} to look", counted(target.calls_write, "call"), HumanCount(target.calls_read))
        });
        let hidden = match hidden(target) {
            0 => String::new(),
            more => format!("… and {}", counted(more, "more change")),
        };
        let counts = &target.counts;
        let numbers = [
            ("read", counts.read),
            ("+ new", counts.create),
            ("~ changed", counts.update),
            ("= the same", counts.unchanged),
            ("- deleted", counts.delete),
            ("x rejected", counts.reject),
            ("? held", counts.hold),
            ("left out", counts.filtered + counts.duplicate),
            ("! drift", counts.drift),
            ("links", counts.links),
        ];
        let is_told = |(word, number): &(&str, u64)| *word == "read" || *number > 0;
        Self {
            title: format!("{} → {}", one_line(&target.stream), one_line(&place)),
            lines: account.chain(anew).chain(calls).collect(),
            errors: target.error.iter().map(|error| format!("not planned to its end: {}", one_line(error))).collect(),
            counts: numbers
                .into_iter()
                .filter(is_told)
                .map(|(word, number)| Count { word, number: HumanCount(number).to_string() })
                .collect(),
            changes: target.examples.iter().map(ChangeCard::of).collect(),
            hidden,
            fields: target.fields.iter().take(MAX_COUNTED).map(FieldRow::of).collect(),
        }
    }
}

impl ChangeCard {
    fn of(change: &Change) -> Self {
        let (kind, word) = match change.change {
            ChangeKind::Create => ("create", "new"),
            ChangeKind::Update => ("update", "changed"),
            ChangeKind::Delete => ("delete", "deleted"),
            ChangeKind::Reject => ("reject", "rejected"),
            ChangeKind::Hold => ("hold", "held"),
            ChangeKind::Drift => ("drift", "drift: people changed what Ferry wrote"),
        };
        let rest = change.fields.len().saturating_sub(MAX_FIELDS);
        let rest =
            (rest > 0).then(|| format!("and {}", counted(u64::try_from(rest).unwrap_or(u64::MAX), "more field")));
        let links = change.links.iter().map(|link| {
            let ids = one_line(&link.linked_ids.join(", ")).into_owned();
            format!("{}: link to {} {}", one_line(&link.field), one_line(&link.stream), short(&ids))
        });
        Self {
            kind,
            sign: sign(change.change),
            word,
            name: name(change),
            reason: reason(change),
            fields: change.fields.iter().take(MAX_FIELDS).map(|field| FieldLine::of(change.change, field)).collect(),
            more: rest.into_iter().chain(links).collect(),
        }
    }
}

impl FieldLine {
    fn of(kind: ChangeKind, field: &FieldChange) -> Self {
        let (old, new) = (value(&field.old), value(&field.new));
        let (old, new, remark) = match kind {
            ChangeKind::Create => (None, Some(new), ""),
            ChangeKind::Delete => (Some(old), None, ""),
            // What Ferry wrote comes first here: people changed it to what is there now.
            ChangeKind::Drift => (Some(new), Some(old), "by hand"),
            ChangeKind::Update | ChangeKind::Reject | ChangeKind::Hold => (Some(old), Some(new), ""),
        };
        Self { name: one_line(&field.field).into_owned(), old, new, remark }
    }

    fn is_both(&self) -> bool {
        self.old.is_some() && self.new.is_some()
    }
}

impl FieldRow {
    fn of(counts: &FieldCounts) -> Self {
        let FieldCounts { field, filled, overwritten, cleared, kept, drifted } = counts;
        let numbers = [filled, overwritten, cleared, kept, drifted].map(|number| some(*number));
        Self { name: one_line(field).into_owned(), numbers }
    }
}

impl CoverageSection {
    fn of(stream: &StreamCoverage) -> Self {
        let place = format!("{}.{}", stream.connection, stream.object);
        let used = counted(u64::try_from(stream.used.len()).unwrap_or(u64::MAX), "field");
        let row = |field: &UnmappedShare| UnmappedRow {
            name: one_line(&field.field).into_owned(),
            filled: share(field.filled, stream.records),
            sample: value(&field.sample),
        };
        let more = stream.unmapped.len().saturating_sub(MAX_UNMAPPED);
        Self {
            title: format!("{}: fields that are not used", one_line(&stream.stream)),
            used: format!("{used} of {} used", one_line(&place)),
            fields: stream.unmapped.iter().take(MAX_UNMAPPED).map(row).collect(),
            more: if more > 0 { format!("and {more} more") } else { String::new() },
        }
    }
}

impl CostsRow {
    fn of(costs: &ConnectionCosts) -> Self {
        Self {
            name: one_line(&costs.connection).into_owned(),
            system: costs.system.clone(),
            calls: [costs.calls, costs.calls_read, costs.calls_write].map(|number| HumanCount(number).to_string()),
            quota: costs.quota.as_ref().map_or_else(String::new, quota),
            time: time(costs.seconds),
        }
    }
}
