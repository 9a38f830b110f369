//! The corrections as a person sees them before they are loaded.

use std::collections::BTreeSet;

use super::{
    super::{output::counted, printable::one_line},
    corrections::{Change, Read},
};

/// Most corrections that are shown, in cells.
const MAX_SHOWN: usize = 20;
/// Most of a value that is shown, in characters.
const MAX_VALUE: usize = 60;

/// Returns the lines that show what a file corrects.
pub(super) fn lines(read: &Read) -> Vec<String> {
    let records: BTreeSet<(&str, &str)> =
        read.changes.iter().map(|change| (change.stream.as_str(), change.source_id.as_str())).collect();
    let count = |number: usize, word: &str| counted(u64::try_from(number).unwrap_or(u64::MAX), word);
    let unchanged = read.corrections.len().saturating_sub(records.len());
    let mut lines = Vec::new();
    if !read.changes.is_empty() {
        let (cells, records) = (count(read.changes.len(), "cell"), count(records.len(), "record"));
        lines.push(format!("{cells} corrected in {records}:"));
    }
    lines.extend(read.changes.iter().take(MAX_SHOWN).map(|change| {
        let Change { stream, source_id, column, before, after } = change;
        let text = format!("  {stream} {source_id}: {column} {} → {}", value(before), value(after));
        one_line(&text).into_owned()
    }));
    if read.changes.len() > MAX_SHOWN {
        lines.push(format!("  and {} more", count(read.changes.len() - MAX_SHOWN, "cell")));
    }
    if unchanged > 0 {
        lines.push(format!("{} without a correction, loaded as before", count(unchanged, "record")));
    }
    lines
}

fn value(text: &str) -> String {
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    let shown: String = text.chars().take(MAX_VALUE).collect();
    if shown.len() < text.len() { format!("`{shown}…`") } else { format!("`{shown}`") }
}
