//! A file that `ferry rejects` wrote, as programs for spreadsheets save it: as a workbook, or as text with any separator, in any
//! encoding.

use std::path::Path;

use encoding_rs::{Encoding, WINDOWS_1252};
use serde_json::{Map, Value as Json};

use crate::model::unguarded;
use crate::workbook::Reader;

use super::super::{
    cells::{ENCODINGS, decoded, separator},
    rejects::{LETTER_COLUMN, MAPPED_PREFIX, SOURCE_PREFIX, WAITING},
};

/// Begins of workbooks: those of ZIP archives, and of Excel before 2007.
const WORKBOOKS: [&[u8]; 2] = [b"PK\x03\x04", b"\xD0\xCF\x11\xE0"];

/// A record of the file.
#[derive(Debug)]
pub(super) struct Row {
    /// The mark of its letter; none in a file of an earlier version.
    pub(super) mark: Option<String>,
    pub(super) place: [String; 4],
    /// Whether a spreadsheet may have had it: then some changes are nobody's.
    pub(super) is_table: bool,
    pub(super) source: Map<String, Json>,
    pub(super) mapped: Map<String, Json>,
    pub(super) run_id: Option<String>,
}

/// The ways to read a file, of which one is right.
pub(super) enum Readings {
    /// The file says itself what it is.
    One(Vec<Row>, Option<&'static str>),
    /// A text in an encoding that it does not name: what each of them makes of it.
    Several(Vec<(&'static Encoding, Vec<Row>)>),
}

/// Reads a file.
///
/// # Errors
/// Says why it cannot be what `ferry rejects` wrote.
pub(super) fn read(file: &Path) -> Result<Readings, String> {
    let bytes = std::fs::read(file).map_err(|error| error.to_string())?;
    if WORKBOOKS.iter().any(|begin| bytes.starts_with(begin)) {
        return Ok(Readings::One(workbook_rows(file)?, None));
    }
    if let Some((text, encoding)) = decoded(&bytes) {
        return Ok(Readings::One(text_rows(&text)?, encoding));
    }
    let decode = |encoding: &'static Encoding| {
        let (text, is_lossy) = encoding.decode_without_bom_handling(&bytes);
        Some((encoding, text_rows(&text).ok()?)).filter(|_| !is_lossy)
    };
    let readings: Vec<_> = ENCODINGS.into_iter().filter_map(decode).collect();
    if readings.is_empty() {
        let (text, _) = WINDOWS_1252.decode_without_bom_handling(&bytes);
        return Ok(Readings::One(text_rows(&text)?, Some(WINDOWS_1252.name())));
    }
    Ok(Readings::Several(readings))
}

impl Readings {
    /// Returns the run that the file's records are of; none where it does not say.
    pub(super) fn run(&self) -> Option<String> {
        let rows = match self {
            Self::One(rows, _) => rows,
            Self::Several(readings) => &readings.first()?.1,
        };
        rows.iter().find_map(|row| row.run_id.clone())
    }
}

fn text_rows(text: &str) -> Result<Vec<Row>, String> {
    if text.trim_start().starts_with('{') {
        return json_rows(text);
    }
    let (separator, text) = separator(text);
    // A spreadsheet leaves out the empty cells at the end of a line.
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).delimiter(separator).flexible(true).from_reader(text.as_bytes());
    let mut lines = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| error.to_string())?;
        lines.push(record.iter().map(str::to_owned).collect());
    }
    table_rows(&lines)
}

/// Reads the sheet that has the columns: programs put others before it.
fn workbook_rows(file: &Path) -> Result<Vec<Row>, String> {
    let mut book = Reader::open(file).map_err(|error| error.to_string())?;
    let mut reason = None;
    for sheet in book.sheets() {
        let mut lines: Vec<Vec<String>> = Vec::new();
        let read = book.for_each_row(&sheet, |_, cells| {
            let mut line = Vec::new();
            for (column, cell) in cells {
                let column = usize::try_from(*column).unwrap_or_default();
                line.resize(column.max(line.len()), String::new());
                line.push(cell.text());
            }
            lines.push(line);
            true
        });
        read.map_err(|error| error.to_string())?;
        match table_rows(&lines) {
            Ok(rows) => return Ok(rows),
            Err(error) => reason = reason.or(Some(error)),
        }
    }
    Err(reason.unwrap_or_else(|| "it holds no sheet".to_owned()))
}

/// Takes the records out of lines of cells. Above the names of the columns may be a title.
fn table_rows(lines: &[Vec<String>]) -> Result<Vec<Row>, String> {
    const NEEDED: [&str; 4] = ["stream", "connection", "object", "source_id"];
    let has = |line: &&Vec<String>, name: &str| line.iter().any(|cell| cell.trim() == name);
    let header_place = lines.iter().position(|line| NEEDED.iter().all(|name| has(&line, name)));
    let Some((place, header)) = header_place.and_then(|place| Some((place, lines.get(place)?))) else {
        let first = lines.first().map(Vec::as_slice).unwrap_or_default();
        let missing = NEEDED.iter().find(|name| !first.iter().any(|cell| cell.trim() == **name)).unwrap_or(&NEEDED[0]);
        return Err(format!("it has no column `{missing}`"));
    };
    let position = |name: &str| header.iter().position(|column| column.trim() == name);
    let mut rows = Vec::new();
    for line in &lines[place + 1..] {
        let cell = |name: &str| position(name).and_then(|at| line.get(at)).map(String::as_str).unwrap_or_default();
        if cell("kind") == WAITING || line.iter().all(String::is_empty) {
            continue;
        }
        let part = |prefix: &str| -> Map<String, Json> {
            let cells = header.iter().enumerate().filter_map(|(index, column)| {
                let name = column.strip_prefix(prefix)?;
                Some((name.to_owned(), Json::from(line.get(index).map(String::as_str).unwrap_or_default())))
            });
            cells.collect()
        };
        let text = |name: &str| Some(cell(name).trim().to_owned()).filter(|text| !text.is_empty());
        rows.push(Row {
            mark: text(LETTER_COLUMN),
            place: NEEDED.map(|name| unguarded(cell(name)).to_owned()),
            is_table: true,
            source: part(SOURCE_PREFIX),
            mapped: part(MAPPED_PREFIX),
            run_id: text("run_id"),
        });
    }
    Ok(rows)
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
                run_id: word(letter, "run_id").ok(),
            })
        })
        .collect()
}
