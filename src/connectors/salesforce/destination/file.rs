//! The file that a Bulk API job takes, and the files that it leaves.
//!
//! Salesforce gives results in an order of its own and refuses columns that are no fields, so a line is known again by what was
//! sent in it: its id, its key, or, of a new record, all of it. Lines that are the same in all of that are interchangeable.

use std::collections::{HashMap, VecDeque};

use xxhash_rust::xxh3::xxh3_128;

use crate::connector::ConnectorError;
use crate::model::{Operation, Rejection, Value};

use super::{
    super::{
        errors,
        limits::MAX_BULK_FIELD_CHARS,
        schema::{ID_FIELD, SalesforceField, cell_text, normal_id},
    },
    prepare::Row,
};

/// What a cell says that clears its field; an empty one leaves the field as it is.
const CLEARED: &str = "#N/A";

/// A file that is ready to be uploaded.
#[derive(Debug)]
pub(super) struct Upload {
    /// Its text: UTF-8, no byte order mark, lines that end with a line feed.
    pub(super) text: String,
    /// By what was sent, the rows that sent it.
    pub(super) rows: RowsByContent,
    /// The rows that cannot go into a file.
    pub(super) rejected: Vec<(usize, Rejection)>,
}

/// Rows by what is sent of them.
#[derive(Debug, Default)]
pub(super) struct RowsByContent {
    columns: Vec<String>,
    places: HashMap<u128, VecDeque<usize>>,
}

/// One line of a file of results.
#[derive(Debug)]
pub(super) struct ResultLine {
    /// The row, by its number in what was sent.
    pub(super) place: usize,
    /// The record's id; empty where there is none.
    pub(super) id: String,
    /// Whether it was created.
    pub(super) is_created: bool,
    /// Why it failed; empty where it did not.
    pub(super) error: String,
}

impl Upload {
    /// Writes the rows of these numbers. None where there is nothing to write: no row, or none with a field.
    pub(super) fn new(operation: &Operation, rows: &[Row<'_>], places: &[usize]) -> Option<Self> {
        let fields = columns(rows, places);
        let has_id = matches!(operation, Operation::Update | Operation::Delete);
        let mut header: Vec<&str> = has_id.then_some(ID_FIELD).into_iter().collect();
        header.extend(fields.iter().map(|field| field.field.name.as_str()));
        if header.is_empty() {
            return None;
        }
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(Vec::new());
        writer.write_record(&header).ok()?;
        let identity = identity_columns(operation, &header);
        let mut content =
            RowsByContent { columns: identity.iter().map(ToString::to_string).collect(), ..Default::default() };
        let (mut rejected, mut count) = (Vec::new(), 0);
        for place in places {
            let row = &rows[*place];
            let cells = match cells(row, &fields, has_id) {
                Ok(cells) => cells,
                Err(rejection) => {
                    rejected.push((*place, rejection));
                    continue;
                }
            };
            writer.write_record(&cells).ok()?;
            let of_identity = header.iter().zip(&cells).filter(|(name, _)| identity.contains(*name));
            let mark = mark(of_identity.map(|(_, cell)| cell.as_str()));
            content.places.entry(mark).or_default().push_back(*place);
            count += 1;
        }
        let text = String::from_utf8(writer.into_inner().ok()?).ok()?;
        let is_empty = count == 0 && rejected.is_empty();
        (!is_empty).then_some(Self { text, rows: content, rejected })
    }

    /// Tells whether any row is in the file.
    pub(super) fn has_rows(&self) -> bool {
        !self.rows.places.is_empty()
    }
}

impl RowsByContent {
    /// Reads a file of results, each line of which takes its row away. A line that nobody sent is left out: another's row.
    pub(super) fn take(&mut self, file: &[u8]) -> Result<Vec<ResultLine>, ConnectorError> {
        let unreadable = |_| errors::incomplete("a file of results is no CSV or was cut off");
        if file.is_empty() {
            return Ok(Vec::new());
        }
        let mut reader = csv::Reader::from_reader(file);
        let header = reader.headers().map_err(unreadable)?.clone();
        let find = |name: &str| header.iter().position(|column| column.eq_ignore_ascii_case(name));
        let (id, created, error) = (find("sf__Id"), find("sf__Created"), find("sf__Error"));
        let places: Option<Vec<usize>> = self.columns.iter().map(|name| find(name)).collect();
        let Some(places) = places else {
            return Err(errors::incomplete("a file of results lacks a column that was sent"));
        };
        // The whole file before the first row of it: a line that cannot be read must not lose those before it.
        let mut records: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().map_err(unreadable)?;
        if !file.ends_with(b"\n") {
            // Salesforce ends every line. One without an end may be half a line, and half a key is another record's.
            records.pop();
        }
        let mut lines = Vec::new();
        for line in records {
            let cell = |place: Option<usize>| place.and_then(|place| line.get(place)).unwrap_or_default();
            let is_id = self.columns.len() == 1 && self.columns.first().is_some_and(|name| name == ID_FIELD);
            let sent = places.iter().map(|place| cell(Some(*place)));
            let mark = if is_id { mark(sent.map(normal_id).collect::<Vec<_>>().iter()) } else { mark(sent) };
            let Some(place) = self.places.get_mut(&mark).and_then(VecDeque::pop_front) else { continue };
            lines.push(ResultLine {
                place,
                id: normal_id(cell(id)),
                is_created: cell(created).eq_ignore_ascii_case("true"),
                error: cell(error).to_owned(),
            });
        }
        Ok(lines)
    }

    /// Returns how many rows no result has spoken of yet.
    pub(super) fn left(&self) -> usize {
        self.places.values().map(VecDeque::len).sum()
    }
}

/// Returns the fields of any of the rows, each once, in the order they come.
fn columns<'batch>(rows: &[Row<'batch>], places: &[usize]) -> Vec<&'batch SalesforceField> {
    let mut fields: Vec<&SalesforceField> = Vec::new();
    for place in places {
        for (field, _) in &rows[*place].fields {
            if !fields.iter().any(|known| std::ptr::eq(*known, *field)) {
                fields.push(field);
            }
        }
    }
    fields
}

/// Returns the columns by which a line is known again.
fn identity_columns<'header>(operation: &Operation, header: &[&'header str]) -> Vec<&'header str> {
    let named = |name: &str| header.iter().copied().filter(|column| *column == name).collect();
    match operation {
        Operation::Update | Operation::Delete => named(ID_FIELD),
        Operation::Upsert { key } => key.first().map(|key| named(key)).unwrap_or_default(),
        Operation::Insert | Operation::Link => header.to_vec(),
    }
}

fn cells(row: &Row<'_>, fields: &[&SalesforceField], has_id: bool) -> Result<Vec<String>, Rejection> {
    let mut cells: Vec<String> = has_id.then(|| row.id.map(normal_id).unwrap_or_default()).into_iter().collect();
    for field in fields {
        let value = row.fields.iter().find(|(own, _)| std::ptr::eq(*own, *field)).map(|(_, value)| value);
        cells.push(value.map_or(Ok(String::new()), |value| cell(field, value))?);
    }
    Ok(cells)
}

fn cell(field: &SalesforceField, value: &Value) -> Result<String, Rejection> {
    let name = field.field.name.as_str();
    let Some(text) = cell_text(field, value)? else { return Ok(CLEARED.to_owned()) };
    if text == CLEARED {
        let reason = format!("a Bulk API job takes `{CLEARED}` for an order to clear `{name}`");
        return Err(Rejection::new("reserved_text", reason).at(name, text));
    }
    if text.chars().count() > MAX_BULK_FIELD_CHARS {
        let reason = format!("a Bulk API job takes at most {MAX_BULK_FIELD_CHARS} characters of a field");
        return Err(Rejection::new("too_long", reason).at(name, text.chars().take(200).collect::<String>()));
    }
    // Lines are said to end with a line feed, and Salesforce looks for other ends inside of cells too.
    Ok(if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text })
}

fn mark(cells: impl Iterator<Item = impl AsRef<str>>) -> u128 {
    let mut bytes = Vec::new();
    for cell in cells {
        bytes.extend_from_slice(&cell.as_ref().len().to_le_bytes());
        bytes.extend_from_slice(cell.as_ref().as_bytes());
    }
    xxh3_128(&bytes)
}
