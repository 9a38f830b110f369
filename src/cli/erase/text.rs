//! What is kept of a person, and what was removed, as people read it.

use std::{collections::BTreeSet, fmt::Write as _};

use crate::engine::{EraseOutcome, ErasedRecord};
use crate::state::FoundBy;

use super::{
    super::{output::counted, printable::one_line, summary::new_table},
    files::{FileKind, PersonFile},
    report::{EraseReport, PersonRecord},
};

pub(super) fn text(report: &EraseReport) -> String {
    if report.is_empty() {
        return format!("ferry keeps nothing of this person\n\n{}", out_of_reach(report));
    }
    let mut text = String::new();
    if !report.removed.is_empty() {
        let mut table = new_table();
        table.set_header(["in the state file", if report.is_done { "removed" } else { "to be removed" }]);
        for (kind, count) in &report.removed {
            table.add_row([kind.words().to_owned(), count.to_string()]);
        }
        text.extend([format!("{table}\n")]);
    }
    for file in &report.files {
        // Writing to a text does not fail.
        let _ = writeln!(text, "· {}", file_line(file, report.is_done));
    }
    if !report.records.is_empty() {
        text.push_str("\nwhere their records are\n");
        let mut table = new_table();
        table.set_header(["stream", "source", "id there", "destination", "id there", "found by"]);
        let pipelines: BTreeSet<&str> = report.records.iter().map(|record| record.pipeline.as_str()).collect();
        for record in &report.records {
            table.add_row(row(record, pipelines.len() > 1));
        }
        text.extend([format!("{table}\n")]);
    }
    if !report.at_destinations.is_empty() {
        text.push_str(&there(&report.at_destinations));
    }
    format!("{text}\n{}", out_of_reach(report))
}

fn file_line(file: &PersonFile, is_done: bool) -> String {
    let path = file.path.display();
    match (file.kind, is_done) {
        (FileKind::Backup, false) => {
            format!("`{path}`, a copy of the state file in an older form, cannot be searched and is to be deleted")
        }
        (FileKind::Backup, true) => format!("`{path}`, a copy of the state file in an older form, is deleted"),
        (FileKind::Plan, false) => format!("`{path}`, a plan that holds them, is to be deleted: make it anew"),
        (FileKind::Plan, true) => format!("`{path}`, a plan that held them, is deleted: make it anew"),
        (FileKind::AuditLog, false) => {
            format!("`{path}`, an audit log, names them in {}, to be masked", lines(file))
        }
        (FileKind::AuditLog, true) => format!("`{path}`, an audit log, named them in {}, now masked", lines(file)),
    }
}

fn lines(file: &PersonFile) -> String {
    counted(file.lines.unwrap_or_default(), "line")
}

fn row(record: &PersonRecord, has_several_pipelines: bool) -> [String; 6] {
    let known = |id: &Option<String>, unknown: &str| {
        id.as_deref().map_or_else(|| unknown.to_owned(), |id| one_line(id).into_owned())
    };
    let id = known(&record.destination_id, "not written");
    [
        if has_several_pipelines {
            format!("{}: {}", record.pipeline, record.stream)
        } else {
            record.stream.to_string()
        },
        record.source.clone().unwrap_or_default(),
        known(&record.source_id, "not known"),
        format!("{}.{}", record.connection, record.object),
        if record.is_missing { format!("{id} (gone)") } else { id },
        record.found_by.words().to_owned(),
    ]
}

fn there(records: &[ErasedRecord]) -> String {
    let mut text = "\nat the destinations\n".to_owned();
    let mut table = new_table();
    table.set_header(["destination", "account", "id there", "call", "outcome"]);
    for record in records {
        table.add_row([
            format!("{}.{}", record.connection, record.object),
            record.account.clone().unwrap_or_default(),
            one_line(&record.id).into_owned(),
            record.call.clone().unwrap_or_default(),
            record.outcome.as_str().to_owned(),
        ]);
    }
    text.extend([format!("{table}\n")]);
    for record in records {
        if let Some(reason) = &record.reason {
            let place = format!("{}.{} {}", record.connection, record.object, one_line(&record.id));
            let mark = if record.outcome == EraseOutcome::Failed { '!' } else { '·' };
            let _ = writeln!(text, "{mark} {place}: {}", one_line(reason));
        }
    }
    let kept: BTreeSet<String> = records.iter().filter_map(kept_there).collect();
    for line in kept {
        let _ = writeln!(text, "· {line}");
    }
    text
}

/// Says what a system keeps of a record that is deleted by its ordinary call.
fn kept_there(record: &ErasedRecord) -> Option<String> {
    let keeps =
        record.keeps.as_ref().filter(|_| matches!(record.outcome, EraseOutcome::Planned | EraseOutcome::Deleted));
    Some(format!("{}.{} has no call for erasures: {}", record.connection, record.object, keeps?))
}

fn out_of_reach(report: &EraseReport) -> String {
    let lines: Vec<String> = report.out_of_reach.iter().map(|line| format!("· {line}\n")).collect();
    format!("out of ferry's reach\n{}", lines.concat())
}

/// What is said where a signal came while records were deleted at the destinations.
pub(super) const STOPPED: &str = "stopped: nothing was removed from the state file\nnext: type the same command again";

/// Says how it ended, and what to do next.
pub(super) fn closing(report: &EraseReport) -> String {
    let failed = report.at_destinations.iter().filter(|record| record.outcome == EraseOutcome::Failed).count();
    let entries =
        if failed == 1 { "one entry of the id map".to_owned() } else { format!("{failed} entries of the id map") };
    let mut lines = vec![match (report.is_clean, failed) {
        (Some(true), 0) => {
            "searched again, every cell and the bytes of the file: nothing of theirs is left in it".to_owned()
        }
        (Some(true), _) => format!(
            "searched again: nothing of theirs is left in the state file but {entries}, whose records could not be deleted\n             next: fix the errors above and type the same command again, with `--id STREAM:ID` where an address no longer finds them"
        ),
        _ if !report.names_left.is_empty() => {
            let columns = report.names_left.join("`, `");
            format!("the address is still in the state file, as a name that you gave: `{columns}`")
        }
        _ => "something of theirs is still in the state file\nnext: type the same command again".to_owned(),
    }];
    let is_there = |record: &&PersonRecord| record.destination_id.is_some() && record.found_by != FoundBy::Mention;
    if report.at_destinations.is_empty() && report.records.iter().any(|record| is_there(&record)) {
        lines.push("their records at the destinations stay: delete them there, by the ids above".to_owned());
    }
    lines
        .push("a record that is still at its source is loaded again by the next run: delete it there first".to_owned());
    lines.join("\n")
}
