//! The records that are printed, and the words by which a file of them is known again.

use serde_json::Value as Json;

use crate::model::{LIST_SEPARATOR, join_list};
use crate::state::{DeadLetter, Run, WaitingLink};

/// The column by which a redrive finds the letter again, whatever a spreadsheet makes of its ids.
pub(in super::super) const LETTER_COLUMN: &str = "letter";
/// Begins the columns of the record as the source gave it.
pub(in super::super) const SOURCE_PREFIX: &str = "source.";
/// Begins the columns of the record as it was to be written.
pub(in super::super) const MAPPED_PREFIX: &str = "mapped.";

/// The kind of a line that is no dead letter: its record is written, and a link of it waits for another record.
pub(in super::super) const WAITING: &str = "waiting";

/// Why it waits.
pub(super) const WAITING_CODE: &str = "target_not_there";

/// What is printed.
pub(super) struct Lines {
    pub(super) letters: Vec<DeadLetter>,
    pub(super) waiting: Vec<WaitingLine>,
}

/// A link that waits, and why.
pub(super) struct WaitingLine {
    pub(super) link: WaitingLink,
    pub(super) reason: String,
}

impl WaitingLine {
    pub(super) fn new(run: &Run, link: WaitingLink, letters: &[DeadLetter]) -> Self {
        let (stream, connection) = (&link.stream, &link.target.connection);
        if link.missing.is_empty() {
            let reason =
                format!("what it leads to is at `{connection}` by now: `ferry run {}` sets it", run.file.display());
            return Self { link, reason };
        }
        let named = link.missing.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ");
        let is_refused = |id: &String| {
            letters.iter().any(|letter| {
                letter.target.stream.as_str() == stream
                    && letter.target.connection == *connection
                    && letter.source_id == *id
            })
        };
        let mut reason = format!("waits for {named} of stream `{stream}`, not at `{connection}`");
        if link.missing.iter().all(is_refused) {
            reason.push_str(": it was not written, as its own line says");
        }
        Self { link, reason }
    }
}

/// Returns a mark for a letter that is told from every other of the run, and that no spreadsheet takes for a number.
pub(in super::super) fn letter_mark(letter: &DeadLetter) -> String {
    let target = &letter.target;
    let number = letter.number.to_string();
    let field = letter.field.as_deref().filter(|_| letter.number == 0).unwrap_or_default();
    let kind = letter.kind.as_str();
    let parts =
        [&*target.stream, &*target.connection, &*target.object, kind, &letter.source_id, number.as_str(), field];
    format!("L-{:016x}", xxhash_rust::xxh3::xxh3_64(parts.join("\u{0}").as_bytes()))
}

/// Returns a value as a cell shows it; lists are joined with `;`.
pub(in super::super) fn cell_text(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Array(items) => join_list(items.iter().map(cell_text), LIST_SEPARATOR),
        other => other.to_string(),
    }
}
