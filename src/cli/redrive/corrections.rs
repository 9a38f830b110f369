//! What a person corrected in what `ferry rejects` wrote, mostly in a spreadsheet.
//!
//! Of each record only the cells that a person changed are taken. A spreadsheet changes others by itself: it drops zeros, writes
//! dates its own way, saves with semicolons or in Windows-1252. Such cells keep the value that Ferry has.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde_json::{Map, Value as Json};

use crate::engine::{self, Correction, LetterPlace};
use crate::model::{guarded, unguarded};
use crate::state::{DeadLetter, State};

use super::{
    super::{
        cells::is_same_to_a_spreadsheet,
        exit::{Exit, Failure},
        output::counted,
        rejects::{MAPPED_PREFIX, SOURCE_PREFIX, cell_text, letter_mark},
    },
    table::{Readings, Row},
};

/// Columns that a note names.
const MAX_NAMED: usize = 5;

/// A cell that a person changed.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) stream: String,
    pub(super) source_id: String,
    pub(super) column: String,
    pub(super) before: String,
    pub(super) after: String,
}

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) corrections: BTreeMap<LetterPlace, Correction>,
    /// The cells that a person changed.
    pub(super) changes: Vec<Change>,
    /// Records of the file that an earlier redrive has loaded, or refused again, already.
    answered: u64,
    /// Cells that a spreadsheet changed by itself, by column.
    spoiled: BTreeMap<String, u64>,
    /// What the person should know about how the file was read.
    pub(super) notes: Vec<String>,
}

/// Says that a file is none that `ferry rejects` wrote.
pub(super) fn wrong(file: &Path, reason: &str) -> Failure {
    Failure::new(Exit::Usage, "redrive.file", format!("`{}` cannot be read: {reason}", file.display()))
        .with_hint("it must be what `ferry rejects` printed, as CSV, JSON or a workbook, with all its columns")
}

/// Finds the corrections of a run's letters. A record whose `mapped.` columns were changed is written as they say; otherwise its
/// `source.` columns are mapped again.
pub(super) async fn find(state: &State, run_id: &str, file: &Path, readings: Readings) -> Result<Read, Failure> {
    let stored = state.letters(run_id).await?;
    let letters = Letters::new(&stored.open, &stored.answered);
    let unknown = |id: &[String; 4]| {
        let [stream, _, _, source_id] = id;
        wrong(file, &format!("run `{run_id}` has no open dead letter `{source_id}` of stream `{stream}`"))
    };
    let (mut read, encoding) = match readings {
        Readings::One(rows, encoding) => (compare(&letters, rows).map_err(|place| unknown(&place))?, encoding),
        // In the right encoding, the fewest cells differ from what was written.
        Readings::Several(readings) => {
            let mut best: Option<(Read, &'static str)> = None;
            let mut failure = None;
            for (encoding, rows) in readings {
                match compare(&letters, rows) {
                    Ok(read) if best.as_ref().is_none_or(|(best, _)| read.changes.len() < best.changes.len()) => {
                        best = Some((read, encoding.name()));
                    }
                    Ok(_) => {}
                    Err(place) => failure = failure.or(Some(place)),
                }
            }
            match (best, failure) {
                (Some((read, encoding)), _) => (read, Some(encoding)),
                (None, Some(place)) => return Err(unknown(&place)),
                (None, None) => (Read::default(), None),
            }
        }
    };
    if let Some(encoding) = encoding {
        read.notes.push(format!("`{}` is not UTF-8 and was read as {encoding}", file.display()));
    }
    read.notes.extend(note_of_spoiled(&read.spoiled));
    if read.answered > 0 {
        let count = counted(read.answered, "record");
        read.notes.push(format!(
            "{count} of the file went through a redrive before and {} left out: `ferry rejects` prints what is still rejected",
            if read.answered == 1 { "is" } else { "are" }
        ));
    }
    Ok(read)
}

/// Compares the rows of a file with what was written; an error is the place of a row that no letter has.
fn compare(letters: &Letters<'_>, rows: Vec<Row>) -> Result<Read, [String; 4]> {
    let mut read = Read::default();
    for row in rows {
        let letter = match letters.find(&row) {
            Found::Letter(letter) => letter,
            // An earlier redrive was there, or one that was stopped.
            Found::Answered => {
                read.answered += 1;
                continue;
            }
            Found::Nothing => return Err(row.place),
        };
        let mut change = |original: &Json, cells: &Map<String, Json>, prefix: &str| {
            let changed = changed(original, cells, row.is_table);
            for name in changed.spoiled {
                *read.spoiled.entry(format!("{prefix}{name}")).or_default() += 1;
            }
            let mut record = original.as_object().cloned().unwrap_or_default();
            let is_changed = !changed.values.is_empty();
            for (name, value) in changed.values {
                let before = record.get(&name).map_or_else(String::new, cell_text);
                read.changes.push(Change {
                    stream: letter.target.stream.to_string(),
                    source_id: letter.source_id.clone(),
                    column: format!("{prefix}{name}"),
                    before,
                    after: cell_text(&value),
                });
                record.insert(name, value);
            }
            is_changed.then_some(Json::Object(record))
        };
        let source = change(&letter.body.source, &row.source, SOURCE_PREFIX);
        let mapped = change(&letter.body.mapped, &row.mapped, MAPPED_PREFIX);
        read.corrections.insert(engine::letter_place(letter), Correction { source, mapped });
    }
    Ok(read)
}

/// What is different in a part of a record.
#[derive(Debug, Default)]
struct Changed {
    /// The values that a person changed.
    values: Vec<(String, Json)>,
    /// The fields that a spreadsheet changed by itself.
    spoiled: Vec<String>,
}

fn changed(original: &Json, cells: &Map<String, Json>, is_table: bool) -> Changed {
    let mut changed = Changed::default();
    for (name, cell) in cells {
        let before = original.get(name).map_or_else(String::new, cell_text);
        let written = cell_text(cell);
        if !is_table {
            if written != before {
                changed.values.push((name.clone(), cell.clone()));
            }
            continue;
        }
        let after = unguarded(&written);
        if written == before || written == guarded(&before) || after == before {
            continue;
        }
        if is_same_to_a_spreadsheet(&before, after) {
            changed.spoiled.push(name.clone());
        } else {
            changed.values.push((name.clone(), if after.is_empty() { Json::Null } else { Json::from(after) }));
        }
    }
    changed
}

/// The letters of a run, by what a file says of them.
struct Letters<'a> {
    open: &'a [DeadLetter],
    open_marks: BTreeMap<String, &'a DeadLetter>,
    answered: BTreeSet<[String; 4]>,
    answered_marks: BTreeSet<String>,
}

enum Found<'a> {
    Letter(&'a DeadLetter),
    Answered,
    Nothing,
}

impl<'a> Letters<'a> {
    fn new(open: &'a [DeadLetter], answered: &[DeadLetter]) -> Self {
        Self {
            open,
            open_marks: open.iter().map(|letter| (letter_mark(letter), letter)).collect(),
            answered: answered.iter().map(place).collect(),
            answered_marks: answered.iter().map(letter_mark).collect(),
        }
    }

    /// Finds a letter by its mark, else by the id, else by the id as a spreadsheet leaves it where just one fits.
    fn find(&self, row: &Row) -> Found<'a> {
        if let Some(mark) = &row.mark {
            if let Some(letter) = self.open_marks.get(mark) {
                return Found::Letter(letter);
            }
            if self.answered_marks.contains(mark) {
                return Found::Answered;
            }
        }
        if let Some(letter) = self.open.iter().find(|letter| place(letter) == row.place) {
            return Found::Letter(letter);
        }
        if self.answered.contains(&row.place) {
            return Found::Answered;
        }
        let is_alike =
            |known: &[String; 4]| known[..3] == row.place[..3] && is_same_to_a_spreadsheet(&known[3], &row.place[3]);
        let mut alike = self.open.iter().filter(|letter| is_alike(&place(letter)));
        match (alike.next(), alike.next()) {
            (Some(letter), None) => Found::Letter(letter),
            (None, _) if self.answered.iter().any(is_alike) => Found::Answered,
            _ => Found::Nothing,
        }
    }
}

fn place(letter: &DeadLetter) -> [String; 4] {
    let target = &letter.target;
    [target.stream.to_string(), target.connection.to_string(), target.object.to_string(), letter.source_id.clone()]
}

fn note_of_spoiled(spoiled: &BTreeMap<String, u64>) -> Option<String> {
    let count: u64 = spoiled.values().sum();
    let names: Vec<String> = spoiled.keys().take(MAX_NAMED).map(|name| format!("`{name}`")).collect();
    let more = if spoiled.len() > MAX_NAMED { " and others" } else { "" };
    (count > 0).then(|| {
        format!(
            "{} changed as spreadsheets do by themselves (zeros in front, long numbers, dates) and kept the original value: {}{more}",
            counted(count, "cell"),
            names.join(", ")
        )
    })
}
