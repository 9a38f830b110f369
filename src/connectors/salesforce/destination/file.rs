//! The file that a Bulk API job takes, and the files that it leaves.
//!
//! Salesforce gives results in an order of its own and refuses columns that are no fields, so a line is known again by what was
//! sent in it: its id, its key, or, of a new record, all of it. Lines that are the same in all of that are interchangeable.

use std::io::{self, Read, Write};

use xxhash_rust::xxh3::xxh3_128;

use crate::connector::ConnectorError;
use crate::model::{FieldName, Operation, Rejection, Value};

use super::{
    super::{
        client::JobFile,
        errors,
        limits::MAX_BULK_FIELD_CHARS,
        names::normal_id,
        schema::{ID_FIELD, ParentPath, SalesforceField, cell_text},
    },
    parents::NamedParent,
    row::Row,
};

/// What a cell says that clears its field; an empty one leaves the field as it is.
const CLEARED: &str = "#N/A";

/// Writes a job's file: UTF-8, no byte order mark, lines that end with a line feed.
pub(super) struct FileWriter<'info, W: Write> {
    writer: csv::Writer<W>,
    fields: Vec<&'info SalesforceField>,
    has_id: bool,
    /// The columns by which a line is known again.
    identity: Vec<usize>,
    lines: SentLines,
}

/// The lines of a file, each known again by a hash of what was sent: of a line that is all that is in memory.
#[derive(Debug, Default)]
pub(super) struct SentLines {
    columns: Vec<String>,
    /// The columns that name a parent by a key.
    parents: Vec<(FieldName, ParentPath)>,
    lines: Vec<SentLine>,
    left: usize,
    buffer: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SentLine {
    mark: [u64; 2],
    /// The row, by its number in the batch.
    place: u32,
    /// Of the first of several lines that are the same: how many of them a result has spoken of.
    taken: u32,
}

/// One line of a file of results.
#[derive(Debug)]
pub(super) struct ResultLine {
    /// The row, by its number in the batch.
    pub(super) place: usize,
    /// The record's id; empty where there is none.
    pub(super) id: String,
    /// Whether it was created.
    pub(super) is_created: bool,
    /// Why it failed; empty where it did not.
    pub(super) error: String,
    /// The keys by which a row that failed names its parents.
    pub(super) parents: Vec<NamedParent>,
}

impl<'info, W: Write> FileWriter<'info, W> {
    /// Begins a file with these columns. None where it would have none.
    pub(super) fn new(
        operation: &Operation,
        fields: Vec<&'info SalesforceField>,
        out: W,
    ) -> Result<Option<Self>, csv::Error> {
        let has_id = matches!(operation, Operation::Update | Operation::Delete);
        let mut header: Vec<&str> = has_id.then_some(ID_FIELD).into_iter().collect();
        header.extend(fields.iter().map(|field| field.field.name.as_str()));
        if header.is_empty() {
            return Ok(None);
        }
        let identity = identity_columns(operation, &header);
        let columns = identity.iter().filter_map(|place| header.get(*place)).map(ToString::to_string).collect();
        let named = fields.iter().filter_map(|field| Some((field.field.name.clone(), field.parent.clone()?)));
        let lines = SentLines { columns, parents: named.collect(), ..SentLines::default() };
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::Any(b'\n')).from_writer(out);
        writer.write_record(&header)?;
        Ok(Some(Self { writer, fields, has_id, identity, lines }))
    }

    /// Writes a row, unless a cell of it cannot go into a file.
    pub(super) fn write(&mut self, row: &Row<'_>) -> Result<Result<(), Unfit>, csv::Error> {
        let cells = match cells(row, &self.fields, self.has_id) {
            Ok(cells) => cells,
            Err(unfit) => return Ok(Err(unfit)),
        };
        self.writer.write_record(&cells)?;
        let of_identity = self.identity.iter().filter_map(|place| cells.get(*place));
        let mark = mark(of_identity, &mut self.lines.buffer);
        self.lines.lines.push(SentLine { mark, place: u32::try_from(row.place).unwrap_or(u32::MAX), taken: 0 });
        Ok(Ok(()))
    }

    /// Ends the file. Returns where it was written to, and what is in it.
    pub(super) fn finish(mut self) -> Result<(W, SentLines), csv::Error> {
        self.lines.lines.sort_unstable();
        self.lines.left = self.lines.lines.len();
        let out = self.writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
        Ok((out, self.lines))
    }
}

impl SentLines {
    /// Reads a file of results, each line of which takes its row away. A line that nobody sent is left out: another's row. What
    /// was read before a file ends too early is handed on, but for the line that it ends in.
    ///
    /// # Errors
    /// Fails where the file is not of this kind: another answer that came in its place would turn refusals into writes.
    pub(super) fn take(
        &mut self,
        kind: JobFile,
        file: impl Read,
        mut found: impl FnMut(ResultLine),
    ) -> Result<(), ConnectorError> {
        let unreadable = |_| errors::incomplete("a file of results is no CSV or was cut off");
        let mut reader = csv::Reader::from_reader(LastByte { inner: file, byte: None });
        let header = reader.headers().map_err(unreadable)?.clone();
        if header.is_empty() {
            return Ok(());
        }
        let columns = ResultColumns::new(self, &header)?;
        if !columns.are_of(kind) {
            return Err(errors::incomplete("a file of results has the columns of another one"));
        }
        let (mut line, mut next) = (csv::StringRecord::new(), csv::StringRecord::new());
        let mut has_line = reader.read_record(&mut line).map_err(unreadable)?;
        while has_line {
            let read = reader.read_record(&mut next).map_err(unreadable);
            if let Ok(false) = read
                && reader.get_ref().byte != Some(b'\n')
            {
                // Salesforce ends every line. One without an end may be half a line, and half a key is another record's.
                return Ok(());
            }
            let mark = columns.mark(&line, &mut self.buffer);
            if let Some(place) = self.take_line(mark) {
                found(columns.result(place, &line, &self.parents));
            }
            has_line = read?;
            std::mem::swap(&mut line, &mut next);
        }
        Ok(())
    }

    /// Returns how many rows were sent.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Returns how many rows no result has spoken of yet.
    pub(super) fn left(&self) -> usize {
        self.left
    }

    fn take_line(&mut self, mark: [u64; 2]) -> Option<usize> {
        let first = self.lines.partition_point(|line| line.mark < mark);
        let taken = usize::try_from(self.lines.get(first)?.taken).ok()?;
        let next = self.lines.get(first + taken).filter(|line| line.mark == mark)?.place;
        self.lines.get_mut(first)?.taken += 1;
        self.left -= 1;
        usize::try_from(next).ok()
    }
}

/// Where a file of results has what is read of it.
struct ResultColumns {
    id: Option<usize>,
    created: Option<usize>,
    error: Option<usize>,
    identity: Vec<usize>,
    parents: Vec<Option<usize>>,
    /// Whether lines are known again by their ids, which Salesforce may spell in two lengths.
    is_by_id: bool,
}

impl ResultColumns {
    fn new(sent: &SentLines, header: &csv::StringRecord) -> Result<Self, ConnectorError> {
        let find = |name: &str| header.iter().position(|column| column.eq_ignore_ascii_case(name));
        let identity: Option<Vec<usize>> = sent.columns.iter().map(|name| find(name)).collect();
        Ok(Self {
            id: find("sf__Id"),
            created: find("sf__Created"),
            error: find("sf__Error"),
            identity: identity.ok_or_else(|| errors::incomplete("a file of results lacks a column that was sent"))?,
            parents: sent.parents.iter().map(|(name, _)| find(name)).collect(),
            is_by_id: sent.columns.len() == 1 && sent.columns.first().is_some_and(|name| name == ID_FIELD),
        })
    }

    /// Tells whether a file has what Salesforce adds to files of this kind, and nothing of the others.
    fn are_of(&self, kind: JobFile) -> bool {
        let found = (self.id.is_some(), self.created.is_some(), self.error.is_some());
        match kind {
            JobFile::Successful => found == (true, true, false),
            // `sf__Id` is there since version 53.
            JobFile::Failed => matches!(found, (_, false, true)),
            JobFile::Unprocessed => found == (false, false, false),
        }
    }

    fn mark(&self, line: &csv::StringRecord, buffer: &mut Vec<u8>) -> [u64; 2] {
        let sent = self.identity.iter().map(|place| line.get(*place).unwrap_or_default());
        if self.is_by_id { mark(sent.map(normal_id), buffer) } else { mark(sent, buffer) }
    }

    fn result(&self, place: usize, line: &csv::StringRecord, parents: &[(FieldName, ParentPath)]) -> ResultLine {
        let cell = |place: Option<usize>| place.and_then(|place| line.get(place)).unwrap_or_default();
        let error = cell(self.error).to_owned();
        let named = self.parents.iter().zip(parents).filter(|_| !error.is_empty()).map(|(place, (field, path))| {
            NamedParent { field: field.clone(), path: path.clone(), key: cell(*place).to_owned() }
        });
        ResultLine {
            place,
            id: normal_id(cell(self.id)),
            is_created: cell(self.created).eq_ignore_ascii_case("true"),
            parents: named.filter(|parent| !parent.key.is_empty()).collect(),
            error,
        }
    }
}

/// Reads on, and knows the last byte that it read.
struct LastByte<R> {
    inner: R,
    byte: Option<u8>,
}

impl<R: Read> Read for LastByte<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.byte = buffer.get(..count).and_then(<[u8]>::last).copied().or(self.byte);
        Ok(count)
    }
}

/// Returns the columns by which a line is known again.
fn identity_columns(operation: &Operation, header: &[&str]) -> Vec<usize> {
    let named = |name: &str| header.iter().position(|column| *column == name).into_iter().collect();
    match operation {
        Operation::Update | Operation::Delete => named(ID_FIELD),
        Operation::Upsert { key } => key.first().map(|key| named(key)).unwrap_or_default(),
        Operation::Insert | Operation::Link => (0..header.len()).collect(),
    }
}

/// Why a row does not go into a file.
#[derive(Debug)]
pub(super) enum Unfit {
    /// A file would change a text of it, or cannot hold it; a request takes it as it is.
    ByRequest,
    /// Salesforce would refuse it either way.
    Rejected(Rejection),
}

impl From<Rejection> for Unfit {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

fn cells(row: &Row<'_>, fields: &[&SalesforceField], has_id: bool) -> Result<Vec<String>, Unfit> {
    let mut cells: Vec<String> = has_id.then(|| row.id.map(normal_id).unwrap_or_default()).into_iter().collect();
    for field in fields {
        let value = row.fields.iter().find(|(own, _)| std::ptr::eq(*own, *field)).map(|(_, value)| value);
        cells.push(value.map_or(Ok(String::new()), |value| cell(field, value))?);
    }
    Ok(cells)
}

fn cell(field: &SalesforceField, value: &Value) -> Result<String, Unfit> {
    let Some(text) = cell_text(field, value)? else { return Ok(CLEARED.to_owned()) };
    // Salesforce reads its word for "clear this field", cuts long texts, and writes a carriage return as a line feed.
    let is_fit = text != CLEARED && !text.contains('\r') && text.chars().count() <= MAX_BULK_FIELD_CHARS;
    if is_fit { Ok(text) } else { Err(Unfit::ByRequest) }
}

fn mark(cells: impl Iterator<Item = impl AsRef<str>>, buffer: &mut Vec<u8>) -> [u64; 2] {
    buffer.clear();
    for cell in cells {
        buffer.extend_from_slice(&cell.as_ref().len().to_le_bytes());
        buffer.extend_from_slice(cell.as_ref().as_bytes());
    }
    let hash = xxh3_128(buffer);
    let half = |hash: u128| u64::try_from(hash & u128::from(u64::MAX)).unwrap_or(u64::MAX);
    [half(hash >> 64), half(hash)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(lines: &[(&str, u32)]) -> SentLines {
        let mut sent = SentLines { columns: vec!["Name".to_owned()], ..SentLines::default() };
        for (cell, place) in lines {
            let mark = mark([cell].into_iter(), &mut sent.buffer);
            sent.lines.push(SentLine { mark, place: *place, taken: 0 });
        }
        sent.lines.sort_unstable();
        sent.left = sent.lines.len();
        sent
    }

    fn places(sent: &mut SentLines, file: &str) -> (Vec<usize>, bool) {
        let mut places = Vec::new();
        let is_whole = sent.take(JobFile::Successful, file.as_bytes(), |line| places.push(line.place)).is_ok();
        (places, is_whole)
    }

    #[test]
    fn lines_that_are_the_same_take_one_row_each() {
        let mut sent = sent(&[("a", 0), ("b", 1), ("a", 2), ("a", 3)]);
        let (found, _) = places(&mut sent, "sf__Id,sf__Created,Name\nx,true,a\nx,true,b\nx,true,a\nx,true,c\n");
        assert_eq!((found, sent.left()), (vec![0, 1, 2], 1));
        let other_order = "Name,sf__Created,sf__Id\na,true,x\na,true,x\n";
        assert_eq!(places(&mut sent, other_order).0, vec![3], "no fourth row was sent");
        assert_eq!(sent.left(), 0);
    }

    #[test]
    fn what_comes_before_a_file_is_cut_off_is_not_lost() {
        let mut sent = sent(&[("a", 0), ("b", 1)]);
        assert_eq!(places(&mut sent, "sf__Id,sf__Created,Name\nx,true,a\nx,tr"), (vec![0], false));
        assert_eq!(places(&mut sent, "sf__Id,sf__Created,Name\nx,true,a\nx,true,b\n"), (vec![1], true));
        assert_eq!(sent.left(), 0);
    }

    #[test]
    fn a_key_that_is_cut_off_is_not_taken_for_another_one() {
        let mut sent = sent(&[("n1", 0), ("n12", 1)]);
        assert_eq!(places(&mut sent, "sf__Id,sf__Created,Name\nx,true,n1"), (vec![], true));
        assert_eq!(sent.left(), 2);
    }

    #[test]
    fn a_file_in_the_place_of_another_is_not_believed() {
        let kinds = [JobFile::Successful, JobFile::Failed, JobFile::Unprocessed];
        let files = ["sf__Id,sf__Created,Name\nx,true,a\n", "sf__Id,sf__Error,Name\n,REQUIRED:x:--,a\n", "Name\na\n"];
        for (asked, kind) in kinds.into_iter().enumerate() {
            for (given, file) in files.into_iter().enumerate() {
                let mut sent = sent(&[("a", 0)]);
                let is_taken = sent.take(kind, file.as_bytes(), drop).is_ok();
                assert_eq!((is_taken, sent.left()), (asked == given, usize::from(asked != given)), "{asked} {given}");
            }
        }
    }
}
