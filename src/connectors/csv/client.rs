//! Reads a CSV file record by record, with the place of each.
//!
//! Two things are added to the parser of the `csv` crate: a mark behind the file's end, which shows a quote that was never
//! closed (the parser would hand out the rest of the file as one good cell), and the line a record begins on for every line
//! end (the parser counts a `CRLF` on the next record).

use std::{
    cell::RefCell,
    fs::File,
    io::{self, Read},
    path::Path,
    rc::Rc,
};

use csv::{ByteRecord, StringRecord};
use serde::{Deserialize, Serialize};

use crate::connector::{
    ConnectorError, ErrorKind,
    file::{Encoding, TextReader, file_error},
};

use super::{config::Form, limits};

/// Stands behind the end of every file. Its characters are neither separators nor quotes.
const END: &[u8] = b"\n\x01\x02\x03\x05\x03\x02\x01\n";
/// The mark as it comes out of the parser.
const END_CELL: &[u8] = b"\x01\x02\x03\x05\x03\x02\x01";
/// How much of a file is parsed at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// A place between two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Bytes of text before it, as UTF-8, without a byte order mark.
    pub(super) byte: u64,
    /// Its line, from 1.
    pub(super) line: u64,
}

impl Place {
    /// The beginning of a file.
    pub(super) const START: Self = Self { byte: 0, line: 1 };
}

/// What was read.
#[derive(Debug)]
pub(super) enum Item {
    /// A record whose cells are text.
    Record(StringRecord),
    /// A record that cannot be used.
    Broken {
        /// Its cells, as far as they are text.
        cells: StringRecord,
        /// A stable word for the reason.
        code: &'static str,
        /// The reason, for a person.
        reason: String,
    },
}

/// Reads one file.
#[derive(Debug)]
pub(super) struct RecordReader<'a> {
    path: &'a Path,
    parser: csv::Reader<Watched>,
    watch: Rc<RefCell<Watch>>,
    start: Place,
    record: ByteRecord,
    /// Line breaks inside the last record.
    inner_breaks: u64,
}

/// What the parser's input is watched for.
#[derive(Debug, Default)]
struct Watch {
    /// The bytes that the parser got last, and how many it got before them.
    chunk: Vec<u8>,
    before_chunk: u64,
    /// Bytes since a record was complete.
    since_record: u64,
    /// Bytes of the file, once its end was seen.
    end: Option<u64>,
}

#[derive(Debug)]
struct Watched {
    text: TextReader,
    watch: Rc<RefCell<Watch>>,
    /// What is left of the mark behind the end.
    mark: &'static [u8],
}

impl Read for Watched {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut watch = self.watch.borrow_mut();
        let mut count = if watch.end.is_none() { self.text.read(out)? } else { 0 };
        let total = watch.before_chunk + length(&watch.chunk);
        if count == 0 {
            watch.end.get_or_insert(total);
            count = self.mark.read(out)?;
        }
        watch.before_chunk = total;
        watch.chunk.clear();
        watch.chunk.extend_from_slice(&out[..count]);
        watch.since_record += length(&out[..count]);
        if watch.since_record > limits::RECORD_BYTES {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Ok(count)
    }
}

impl<'a> RecordReader<'a> {
    /// Opens a file at a place.
    pub(super) fn open(path: &'a Path, form: Form, start: Place) -> Result<Self, ConnectorError> {
        let failed = |error: io::Error| file_error("read", path, &error);
        let mut text = TextReader::new(File::open(path).map_err(failed)?, form.encoding).map_err(failed)?;
        text.skip(start.byte).map_err(failed)?;
        let watch = Rc::new(RefCell::new(Watch::default()));
        let watched = Watched { text, watch: Rc::clone(&watch), mark: END };
        let parser = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(form.separator)
            .quote(form.quote)
            .buffer_capacity(CHUNK_BYTES)
            .from_reader(watched);
        Ok(Self { path, parser, watch, start, record: ByteRecord::new(), inner_breaks: 0 })
    }

    /// Returns the next record; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Item>, ConnectorError> {
        let is_read = self.parser.read_byte_record(&mut self.record).map_err(|error| self.failed(&error))?;
        self.watch.borrow_mut().since_record = 0;
        if !is_read {
            return Ok(None);
        }
        let mut record = std::mem::take(&mut self.record);
        self.inner_breaks = count_breaks(record.as_slice());
        if self.is_past_end() {
            if record.len() == 1 && record.as_slice() == END_CELL {
                return Ok(None);
            }
            remove_mark(&mut record);
            let cells = StringRecord::from_byte_record_lossy(record);
            let reason = "a quote is opened in this record and never closed".to_owned();
            return Ok(Some(Item::Broken { cells, code: "unclosed_quote", reason }));
        }
        match StringRecord::from_byte_record(record) {
            Ok(record) => Ok(Some(Item::Record(record))),
            Err(error) => {
                let cell = error.utf8_error().field() + 1;
                let cells = StringRecord::from_byte_record_lossy(error.into_byte_record());
                let reason = format!("cell {cell} holds bytes that the file's encoding does not have");
                Ok(Some(Item::Broken { cells, code: "invalid_encoding", reason }))
            }
        }
    }

    /// Takes a record's memory back for the next one.
    pub(super) fn recycle(&mut self, record: StringRecord) {
        self.record = record.into_byte_record();
    }

    /// Returns the place behind the last record.
    pub(super) fn place(&self) -> Place {
        let position = self.parser.position();
        Place { byte: self.start.byte + position.byte(), line: self.start.line + position.line() - 1 }
    }

    /// Returns the line that the last record begins on.
    pub(super) fn line(&self) -> u64 {
        // A line feed at the record's end is counted already, a carriage return is not.
        let ended_with_feed = u64::from(!self.is_past_end() && self.last_byte() == Some(b'\n'));
        self.place().line.saturating_sub(self.inner_breaks + ended_with_feed)
    }

    fn last_byte(&self) -> Option<u8> {
        let watch = self.watch.borrow();
        let offset = self.parser.position().byte().checked_sub(watch.before_chunk + 1)?;
        watch.chunk.get(usize::try_from(offset).ok()?).copied()
    }

    /// Tells whether the parser has read into the mark: the first byte of it only ends the last line.
    fn is_past_end(&self) -> bool {
        let end = self.watch.borrow().end;
        end.is_some_and(|end| self.parser.position().byte() > end + 1)
    }

    fn failed(&self, error: &csv::Error) -> ConnectorError {
        if let csv::ErrorKind::Io(error) = error.kind()
            && error.kind() != io::ErrorKind::FileTooLarge
        {
            return file_error("read", self.path, error);
        }
        let message = format!(
            "the record behind line {} of `{}` is longer than {} MB: a quote is opened and never closed",
            self.place().line,
            self.path.display(),
            limits::RECORD_BYTES / (1024 * 1024),
        );
        ConnectorError::new(ErrorKind::Io, "unclosed_quote", message)
            .with_hint("close the quote in the file, or set `quote` to the character that the file quotes with")
    }
}

/// Returns the names in the file's first line, and the place behind it.
pub(super) fn read_header(path: &Path, form: Form) -> Result<(Vec<String>, Place), ConnectorError> {
    let mut reader = RecordReader::open(path, form, Place::START)?;
    let shown = path.display();
    let header = match reader.next()? {
        Some(Item::Record(header)) => header,
        None => {
            let message = format!("`{shown}` is empty");
            return Err(refused("empty_file", message).with_hint("its first line must name the columns"));
        }
        Some(Item::Broken { code: "invalid_encoding", .. }) => {
            let message = format!("the first line of `{shown}` is not {}", form.encoding.as_str());
            return Err(refused("invalid_encoding", message).with_hint(encoding_hint(form.encoding)));
        }
        Some(Item::Broken { code, reason, .. }) => {
            return Err(refused(code, format!("the first line of `{shown}` cannot be read: {reason}")));
        }
    };
    let names: Vec<String> = header.iter().map(str::to_owned).collect();
    check_header(&names, path, form)?;
    Ok((names, reader.place()))
}

fn check_header(names: &[String], path: &Path, form: Form) -> Result<(), ConnectorError> {
    if let [only] = names {
        let other = [b',', b';', b'\t', b'|'].into_iter().find(|mark| only.contains(char::from(*mark)));
        if let Some(other) = other {
            let shown = if other == b'\t' { "tab".to_owned() } else { format!("\"{}\"", char::from(other)) };
            let message = format!(
                "`{}` has a single column when it is split at `{}`",
                path.display(),
                char::from(form.separator).escape_default()
            );
            return Err(refused("wrong_separator", message).with_hint(format!("set `separator: {shown}`")));
        }
    }
    for (position, name) in names.iter().enumerate() {
        if !name.is_empty() && names[..position].contains(name) {
            let message = format!("`{}` has two columns `{name}`", path.display());
            return Err(refused("duplicate_column", message).with_hint("rename one of them in the file's first line"));
        }
    }
    Ok(())
}

/// Says what else the encoding might be.
pub(super) fn encoding_hint(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Utf8 | Encoding::Utf8Bom => "set `encoding: windows-1252`, or the encoding the file was saved in",
        Encoding::Windows1252 | Encoding::Utf16Le | Encoding::Utf16Be => {
            "set `encoding: utf-8`, or the encoding the file was saved in"
        }
    }
}

fn refused(code: &str, message: String) -> ConnectorError {
    ConnectorError::new(ErrorKind::Io, code, message)
}

/// Takes the mark behind the end out of the cell that swallowed it.
fn remove_mark(record: &mut ByteRecord) {
    let Some(last) = record.iter().next_back() else { return };
    let Some(kept) = last.windows(END_CELL.len()).rposition(|window| window == END_CELL) else { return };
    let last = last[..kept].strip_suffix(b"\n").unwrap_or(&last[..kept]).to_vec();
    record.truncate(record.len() - 1);
    record.push_field(&last);
}

fn count_breaks(text: &[u8]) -> u64 {
    // Few records hold line breaks: the search is for none.
    text.iter().fold(0, |count, byte| count + u64::from(*byte == b'\n'))
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
