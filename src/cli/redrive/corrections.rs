//! Reads what `ferry rejects` printed and a person corrected, mostly in a spreadsheet.
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

use super::super::{
    cells::{decoded, is_same_to_a_spreadsheet, separator},
    exit::{Exit, Failure},
    output::counted,
    rejects::{LETTER_COLUMN, MAPPED_PREFIX, SOURCE_PREFIX, WAITING, cell_text, letter_mark},
};

/// Columns that a note names.
const MAX_NAMED: usize = 5;

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) corrections: BTreeMap<LetterPlace, Correction>,
    /// What the person should know about how the file was read.
    pub(super) notes: Vec<String>,
}

/// A record of the file.
#[derive(Debug)]
struct Row {
    /// The mark of its letter; none in a file of an earlier version.
    mark: Option<String>,
    place: [String; 4],
    /// Whether a spreadsheet may have had it: then some changes are nobody's.
    is_table: bool,
    source: Map<String, Json>,
    mapped: Map<String, Json>,
}

/// Reads the corrections of a run's letters. A record whose `mapped.` columns were changed is written as they say; otherwise its
/// `source.` columns are mapped again.
pub(super) async fn read(state: &State, run_id: &str, file: &Path) -> Result<Read, Failure> {
    let wrong = |reason: String| {
        Failure::new(Exit::Usage, "redrive.file", format!("`{}` cannot be read: {reason}", file.display()))
            .with_hint("it must be what `ferry rejects` printed, as CSV or JSON, with all its columns")
    };
    let bytes = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(wrong("it is a workbook; save it as CSV".to_owned()));
    }
    let (text, encoding) = decoded(&bytes);
    let mut read = Read::default();
    if let Some(encoding) = encoding {
        read.notes.push(format!("`{}` is not UTF-8 and was read as {encoding}", file.display()));
    }
    let rows = if text.trim_start().starts_with('{') { json_rows(&text) } else { csv_rows(&text) }.map_err(wrong)?;
    let stored = state.letters(run_id).await?;
    let letters = Letters::new(&stored.open, &stored.answered);
    let mut spoiled: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows {
        let letter = match letters.find(&row) {
            Found::Letter(letter) => letter,
            // A redrive that was stopped has loaded it already.
            Found::Answered => continue,
            Found::Nothing => {
                let [stream, _, _, source_id] = &row.place;
                return Err(wrong(format!(
                    "run `{run_id}` has no open dead letter `{source_id}` of stream `{stream}`"
                )));
            }
        };
        let mut change = |original: &Json, cells: &Map<String, Json>, prefix: &str| {
            if row.is_table {
                changed_cells(original, cells, prefix, &mut spoiled)
            } else {
                changed_values(original, cells)
            }
        };
        let source = change(&letter.body.source, &row.source, SOURCE_PREFIX);
        let mapped = change(&letter.body.mapped, &row.mapped, MAPPED_PREFIX);
        read.corrections.insert(engine::letter_place(letter), Correction { source, mapped });
    }
    read.notes.extend(note_of_spoiled(&spoiled));
    Ok(read)
}

/// Returns the run that a file's records are of; none where it does not say, or cannot be read.
pub(super) fn run_of(file: &Path) -> Option<String> {
    let (text, _) = decoded(&std::fs::read(file).ok()?);
    if text.trim_start().starts_with('{') {
        let json: Json = serde_json::from_str(&text).ok()?;
        return json["rejects"].get(0)?["run_id"].as_str().map(str::to_owned);
    }
    let (separator, text) = separator(&text);
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(text.as_bytes());
    let column = reader.headers().ok()?.iter().position(|name| name.trim() == "run_id")?;
    let first = reader.records().next()?.ok()?;
    first.get(column).map(|run| run.trim().to_owned()).filter(|run| !run.is_empty())
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

/// Returns the record with the cells that a person changed; none where nobody changed one.
fn changed_cells(
    original: &Json,
    cells: &Map<String, Json>,
    prefix: &str,
    spoiled: &mut BTreeMap<String, u64>,
) -> Option<Json> {
    let mut record = original.as_object().cloned().unwrap_or_default();
    let mut is_changed = false;
    for (name, cell) in cells {
        let before = record.get(name).map_or_else(String::new, cell_text);
        let written = cell_text(cell);
        let after = unguarded(&written);
        if written == before || written == guarded(&before) || after == before {
            continue;
        }
        if is_same_to_a_spreadsheet(&before, after) {
            *spoiled.entry(format!("{prefix}{name}")).or_default() += 1;
            continue;
        }
        record.insert(name.clone(), if after.is_empty() { Json::Null } else { Json::from(after) });
        is_changed = true;
    }
    is_changed.then_some(Json::Object(record))
}

/// Returns the record with the values that differ; none where none does.
fn changed_values(original: &Json, values: &Map<String, Json>) -> Option<Json> {
    let mut record = original.as_object().cloned().unwrap_or_default();
    let mut is_changed = false;
    for (name, value) in values {
        if cell_text(value) != record.get(name).map_or_else(String::new, cell_text) {
            record.insert(name.clone(), value.clone());
            is_changed = true;
        }
    }
    is_changed.then_some(Json::Object(record))
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

fn json_rows(text: &str) -> Result<Vec<Row>, String> {
    let file: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let letters = file.get("rejects").and_then(Json::as_array).ok_or("it has no list `rejects`")?;
    let word = |letter: &Json, name: &str| -> Result<String, String> {
        letter.get(name).and_then(Json::as_str).map(str::to_owned).ok_or_else(|| format!("a record has no `{name}`"))
    };
    let part = |letter: &Json, name: &str| letter[name].as_object().cloned().unwrap_or_default();
    letters
        .iter()
        .filter(|letter| letter["kind"] != WAITING)
        .map(|letter| {
            Ok(Row {
                mark: word(letter, LETTER_COLUMN).ok(),
                place: [
                    word(letter, "stream")?,
                    word(letter, "connection")?,
                    word(letter, "object")?,
                    word(letter, "source_id")?,
                ],
                is_table: false,
                source: part(letter, "source"),
                mapped: part(letter, "mapped"),
            })
        })
        .collect()
}

fn csv_rows(text: &str) -> Result<Vec<Row>, String> {
    let (separator, text) = separator(text);
    // A spreadsheet leaves out the empty cells at the end of a line.
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| error.to_string())?.clone();
    let position = |name: &str| {
        header.iter().position(|column| column.trim() == name).ok_or_else(|| format!("it has no column `{name}`"))
    };
    let columns = [position("stream")?, position("connection")?, position("object")?, position("source_id")?];
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        let cell = |index: usize| record.get(index).unwrap_or_default();
        let is_waiting = position("kind").is_ok_and(|kind| cell(kind) == WAITING);
        if is_waiting || record.iter().all(str::is_empty) {
            continue;
        }
        let part = |prefix: &str| -> Map<String, Json> {
            let cells = header.iter().enumerate().filter_map(|(index, column)| {
                let name = column.strip_prefix(prefix)?;
                Some((name.to_owned(), Json::from(cell(index))))
            });
            cells.collect()
        };
        let mark = position(LETTER_COLUMN).ok().map(|column| cell(column).trim().to_owned());
        rows.push(Row {
            mark: mark.filter(|mark| !mark.is_empty()),
            place: columns.map(|column| unguarded(cell(column)).to_owned()),
            is_table: true,
            source: part(SOURCE_PREFIX),
            mapped: part(MAPPED_PREFIX),
        });
    }
    Ok(rows)
}
