//! Reads a CSV file record by record, with the line of each.
//!
//! The parser of the `csv` crate is lenient: it takes text behind a closing quote into the cell, and hands out the rest of a
//! file as one good cell where a quote is never closed. Both hide whole records. So the bytes of each record are kept and
//! looked at once more, and where its quotes are not whole, every line of it is refused by its number.

mod blocks;
mod cells;
mod header;
mod lines;

use std::{
    cell::RefCell,
    collections::VecDeque,
    fs::File,
    io::{self, Read},
    path::Path,
    rc::Rc,
};

use csv::{ByteRecord, StringRecord};
use memchr::memchr;
use serde::{Deserialize, Serialize};

use crate::connector::{
    ConnectorError, ErrorKind,
    file::{Encoding, TextReader, file_error},
};

use crate::model::has_text_behind_quote;

use super::{config::Form, limits};

use self::lines::{LineCount, numbered_lines};

pub(super) use self::blocks::TextBlocks;
pub(super) use self::cells::{Cells, Found, Splitter};
pub(super) use self::header::{Header, read_header};

/// Stands behind the end of every file. Its characters are neither separators nor quotes.
const END: &[u8] = b"\n\x01\x02\x03\x05\x03\x02\x01\n";
/// The mark as it comes out of the parser.
const END_CELL: &[u8] = b"\x01\x02\x03\x05\x03\x02\x01";
/// Stands before a text that is not the beginning of its file: a blank line, which is no record. The parser takes a byte order
/// mark for no text where it is the first that it gets, and there it is one.
const BEFORE: &[u8] = b"\n";
/// How much of a file is parsed at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

/// A place between two records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Bytes of text before it, as UTF-8, without a byte order mark.
    pub(super) byte: u64,
    /// Its line, from 1.
    pub(super) line: u64,
    /// Whether a carriage return comes before it: a line feed behind it begins no line.
    #[serde(default)]
    is_after_return: bool,
}

impl Place {
    /// The beginning of a file.
    pub(super) const START: Self = Self { byte: 0, line: 1, is_after_return: false };
}

/// What was read.
#[derive(Debug)]
pub(super) enum Item {
    /// A record whose cells are text.
    Record(StringRecord),
    /// A line that cannot be used.
    Broken {
        /// Its number, from 1.
        line: u64,
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
    form: Form,
    parser: csv::Reader<Watched>,
    watch: Rc<RefCell<Watch>>,
    start: Place,
    /// Bytes that the parser got before the text.
    before: u64,
    record: ByteRecord,
    /// Bytes up to the end of the last record.
    passed: u64,
    lines: LineCount,
    /// The line that the last record begins on.
    line: u64,
    /// The separator that the last record names, where it is a `sep=` line.
    said_separator: Option<u8>,
    /// Whether the last record has quotes.
    has_quotes: bool,
    /// Whether the last record begins with a quote.
    begins_with_quote: bool,
    /// Whether the last record ends with a carriage return that ends no line of this file.
    is_in_stray: bool,
    /// Lines that are refused and were not handed out yet.
    broken: VecDeque<Item>,
}

/// What the parser was given.
#[derive(Debug, Default)]
struct Watch {
    /// The bytes that are kept: those of the last record and behind it.
    raw: Vec<u8>,
    /// Where the bytes since the end of the last record begin in them.
    start: usize,
    /// Bytes before those.
    before: u64,
    /// Bytes of the file, once its end was seen.
    end: Option<u64>,
}

#[derive(Debug)]
struct Watched {
    text: TextReader,
    watch: Rc<RefCell<Watch>>,
    /// What is left to be put before the text.
    before: &'static [u8],
    /// What is left of the mark behind the end.
    mark: &'static [u8],
}

impl Read for Watched {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if !self.before.is_empty() {
            return self.before.read(out);
        }
        let mut watch = self.watch.borrow_mut();
        let mut count = if watch.end.is_none() { self.text.read(out)? } else { 0 };
        if count == 0 {
            let total = watch.before + length(watch.rest());
            watch.end.get_or_insert(total);
            count = self.mark.read(out)?;
        }
        let passed = std::mem::take(&mut watch.start);
        watch.raw.drain(..passed);
        watch.raw.extend_from_slice(&out[..count]);
        if length(&watch.raw) > limits::RECORD_BYTES {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        Ok(count)
    }
}

impl Watch {
    /// Returns the bytes of the file up to a place behind those that are known, without the mark behind its end.
    fn raw_to(&self, passed: u64) -> &[u8] {
        let end = self.end.map_or(passed, |end| passed.min(end));
        let count = usize::try_from(end.saturating_sub(self.before)).unwrap_or(usize::MAX);
        self.rest().get(..count).unwrap_or(self.rest())
    }

    fn rest(&self) -> &[u8] {
        self.raw.get(self.start..).unwrap_or_default()
    }

    /// Forgets the bytes before a place.
    fn forget(&mut self, passed: u64) {
        let count = usize::try_from(passed.saturating_sub(self.before)).unwrap_or(usize::MAX);
        self.start = self.start.saturating_add(count).min(self.raw.len());
        self.before = passed;
    }
}

impl<'a> RecordReader<'a> {
    /// Opens a file at a place.
    pub(super) fn open(path: &'a Path, form: Form, start: Place) -> Result<Self, ConnectorError> {
        let failed = |error: io::Error| file_error("read", path, &error);
        let mut text = TextReader::new(File::open(path).map_err(failed)?, form.encoding).map_err(failed)?;
        text.skip(start.byte).map_err(failed)?;
        let watch = Rc::new(RefCell::new(Watch::default()));
        let before = if start == Place::START { &[] } else { BEFORE };
        let watched = Watched { text, watch: Rc::clone(&watch), before, mark: END };
        let parser = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(form.separator)
            .quote(form.quote)
            .buffer_capacity(CHUNK_BYTES)
            .from_reader(watched);
        let lines = LineCount { line: start.line, is_after_return: start.is_after_return };
        Ok(Self {
            path,
            form,
            parser,
            watch,
            start,
            before: length(before),
            record: ByteRecord::new(),
            passed: 0,
            lines,
            line: start.line,
            said_separator: None,
            has_quotes: false,
            begins_with_quote: false,
            is_in_stray: false,
            broken: VecDeque::new(),
        })
    }

    /// Returns the next record; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Item>, ConnectorError> {
        if let Some(broken) = self.broken.pop_front() {
            return Ok(Some(broken));
        }
        self.watch.borrow_mut().forget(self.passed);
        let is_read = self.parser.read_byte_record(&mut self.record).map_err(|error| self.failed(&error))?;
        if !is_read || self.is_mark() {
            return Ok(None);
        }
        self.passed = self.parsed();
        if let Some(fault) = self.pass_record() {
            self.refuse_lines(fault);
            return Ok(self.broken.pop_front());
        }
        let is_rest = std::mem::take(&mut self.is_in_stray);
        self.is_in_stray = !self.form.is_return_line_end && self.ends_with_lone_return();
        if is_rest || self.is_in_stray {
            let cells = StringRecord::from_byte_record_lossy(std::mem::take(&mut self.record));
            let reason = "a cell without quotes holds a carriage return, which cuts its record in two".to_owned();
            return Ok(Some(Item::Broken { line: self.line, cells, code: "stray_return", reason }));
        }
        match StringRecord::from_byte_record(std::mem::take(&mut self.record)) {
            Ok(record) => Ok(Some(Item::Record(record))),
            Err(error) => {
                let cell = error.utf8_error().field() + 1;
                let cells = StringRecord::from_byte_record_lossy(error.into_byte_record());
                let reason = format!("cell {cell} holds bytes that {} does not have", self.form.encoding.name());
                Ok(Some(Item::Broken { line: self.line, cells, code: "invalid_encoding", reason }))
            }
        }
    }

    /// Takes a record's memory back for the next one.
    pub(super) fn recycle(&mut self, record: StringRecord) {
        self.record = record.into_byte_record();
    }

    /// Returns the place behind the last record.
    pub(super) fn place(&self) -> Place {
        let LineCount { line, is_after_return } = self.lines;
        Place { byte: self.start.byte + self.passed, line, is_after_return }
    }

    /// Returns the line that the last record begins on.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Tells whether the last record has quotes: somebody meant its cells to be there, even if they are empty.
    pub(super) fn has_quotes(&self) -> bool {
        self.has_quotes
    }

    /// Tells whether the first cell of the last record is quoted.
    pub(super) fn begins_with_quote(&self) -> bool {
        self.begins_with_quote
    }

    /// Tells whether more lines must be refused for the same reason as the last.
    pub(super) fn has_more_broken(&self) -> bool {
        self.is_in_stray || !self.broken.is_empty()
    }

    /// Tells whether the last record ends with a carriage return that no line feed follows.
    pub(super) fn ends_with_lone_return(&self) -> bool {
        let watch = self.watch.borrow();
        let raw = watch.raw_to(self.passed);
        raw.last() == Some(&b'\r') && watch.rest().get(raw.len()).is_some_and(|next| *next != b'\n')
    }

    /// Returns the separator that the last record names, where it is a `sep=` line.
    pub(super) fn said_separator(&self) -> Option<u8> {
        self.said_separator
    }

    /// Counts the lines of the record that was just read, and finds what is wrong with its quotes.
    fn pass_record(&mut self) -> Option<Fault> {
        let watch = self.watch.borrow();
        let raw = watch.raw_to(self.passed);
        let blank = raw.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let (blank, body) = raw.split_at(blank);
        self.lines.pass(blank);
        self.line = self.lines.line;
        let first = self.lines;
        self.lines.pass(body);
        if self.start == Place::START && self.line == 1 {
            self.said_separator = header::said_separator(body);
        }
        // The first byte of the mark only ends the last line: what reaches behind it is in an open quote.
        let is_open = watch.end.is_some_and(|end| self.passed > end + 1);
        let Form { separator, quote, .. } = self.form;
        self.has_quotes = memchr(quote, body).is_some();
        self.begins_with_quote = body.first() == Some(&quote);
        let is_faulty = is_open || (self.has_quotes && has_text_behind_quote(body, separator, quote));
        is_faulty.then(|| Fault { is_open, lines: owned(numbered_lines(body, first)) })
    }

    /// Refuses each line of a record whose quotes are not whole.
    fn refuse_lines(&mut self, fault: Fault) {
        let opened = self.line;
        let (code, reason) = if fault.is_open {
            ("unclosed_quote", "a quote is opened in this line and never closed".to_owned())
        } else {
            let reason = "there is text behind a closing quote: a quote inside a quoted cell must be doubled";
            ("text_behind_quote", reason.to_owned())
        };
        let behind = format!("it may belong to the quoted cell that line {opened} opens: correct the quotes there");
        for (line, text) in fault.lines {
            let (code, reason) =
                if line == opened { (code, reason.clone()) } else { ("behind_open_quote", behind.clone()) };
            let cells = StringRecord::from(vec![String::from_utf8_lossy(&text)]);
            self.broken.push_back(Item::Broken { line, cells, code, reason });
        }
    }

    /// Tells whether what was read is the mark behind the file's end.
    fn is_mark(&self) -> bool {
        let is_past_end = self.watch.borrow().end.is_some_and(|end| self.parsed() > end + 1);
        is_past_end && self.record.len() == 1 && self.record.as_slice() == END_CELL
    }

    /// Returns how many bytes of the text the parser is through with.
    fn parsed(&self) -> u64 {
        self.parser.position().byte().saturating_sub(self.before)
    }

    fn failed(&self, error: &csv::Error) -> ConnectorError {
        if let csv::ErrorKind::Io(error) = error.kind()
            && error.kind() != io::ErrorKind::FileTooLarge
        {
            return file_error("read", self.path, error);
        }
        let message = format!(
            "the record that begins on line {} of `{}` is longer than {} MB: a quote is opened and never closed",
            self.lines.line,
            self.path.display(),
            limits::RECORD_BYTES / (1024 * 1024),
        );
        ConnectorError::new(ErrorKind::Io, "unclosed_quote", message)
            .with_hint("close the quote in the file, or set `quote` to the character that the file quotes with")
    }
}

/// A record whose quotes are not whole, line by line.
#[derive(Debug)]
struct Fault {
    /// Whether the last quote is never closed.
    is_open: bool,
    lines: Vec<(u64, Vec<u8>)>,
}

fn owned(lines: Vec<(u64, &[u8])>) -> Vec<(u64, Vec<u8>)> {
    lines.into_iter().map(|(number, line)| (number, line.to_owned())).collect()
}

/// Says what else the encoding might be. It names no single one: the wrong one would change the text without a word.
pub(super) fn encoding_hint(encoding: Encoding) -> &'static str {
    if encoding.is_utf_8() {
        "set `encoding` to the one that the file was saved in: Excel saves windows-1252 in western and windows-1250 in central \
         Europe, windows-1251 for Cyrillic, macintosh on a Mac; \"CSV UTF-8\" needs none"
    } else {
        "set `encoding` to the one that the file was saved in, such as utf-8"
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
