//! Reads a CSV file in large pieces of text that end with a line.

use std::{fs::File, io, io::Read, path::Path};

use memchr::memrchr;

use crate::connector::{
    ConnectorError,
    file::{TextReader, file_error},
};

use super::{super::config::Form, Place, lines::LineCount};

/// How much of a file is read at once, in bytes.
const BLOCK_BYTES: usize = if cfg!(test) { 64 } else { 2 * 1024 * 1024 };

/// A file as text, from a place on.
#[derive(Debug)]
pub(in super::super) struct TextBlocks<'a> {
    path: &'a Path,
    text: TextReader,
    place: Place,
    /// What was read of the text behind `place`.
    known: Vec<u8>,
    is_end: bool,
}

impl<'a> TextBlocks<'a> {
    /// Opens a file at a place.
    pub(in super::super) fn open(path: &'a Path, form: Form, place: Place) -> Result<Self, ConnectorError> {
        let failed = |error: io::Error| file_error("read", path, &error);
        let mut text = TextReader::new(File::open(path).map_err(failed)?, form.encoding).map_err(failed)?;
        text.skip(place.byte).map_err(failed)?;
        Ok(Self { path, text, place, known: Vec::new(), is_end: false })
    }

    /// Returns the place that the text is known from.
    pub(in super::super) fn place(&self) -> Place {
        self.place
    }

    /// Tells whether reading can begin at any place without reading what is before it.
    pub(in super::super) fn is_plain(&self) -> bool {
        self.text.is_plain()
    }

    /// Returns the lines that are known: text up to a line end, without bytes that are of no character.
    pub(in super::super) fn lines(&self) -> &str {
        let lines = |bytes: &[u8]| memrchr(b'\n', bytes).map_or(0, |at| at + 1);
        let known = self.known.get(..lines(&self.known)).unwrap_or_default();
        std::str::from_utf8(known).unwrap_or_else(|error| {
            let sound = known.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(sound.get(..lines(sound)).unwrap_or_default()).unwrap_or_default()
        })
    }

    /// Reads on, if less than a block is known. Returns false where there is nothing more.
    pub(in super::super) fn read_on(&mut self) -> Result<bool, ConnectorError> {
        let missing = BLOCK_BYTES.saturating_sub(self.known.len());
        if self.is_end || missing == 0 {
            return Ok(false);
        }
        let limit = u64::try_from(missing).unwrap_or(u64::MAX);
        let read = Read::by_ref(&mut self.text).take(limit).read_to_end(&mut self.known);
        let count = read.map_err(|error| file_error("read", self.path, &error))?;
        self.is_end = count == 0;
        Ok(!self.is_end)
    }

    /// Goes on behind so many bytes of what is known.
    pub(in super::super) fn pass(&mut self, count: usize) {
        let passed = self.known.get(..count).unwrap_or_default();
        let mut lines = LineCount { line: self.place.line, is_after_return: self.place.is_after_return };
        lines.pass(passed);
        let byte = self.place.byte + super::length(passed);
        self.place = Place { byte, line: lines.line, is_after_return: lines.is_after_return };
        self.known.drain(..count.min(self.known.len()));
    }

    /// Goes on at a place that another reader has come to. Returns false where that is not in what is known.
    pub(in super::super) fn go_to(&mut self, place: Place) -> bool {
        let count = place.byte.checked_sub(self.place.byte).and_then(|count| usize::try_from(count).ok());
        let Some(count) = count.filter(|count| *count <= self.known.len()) else { return false };
        self.known.drain(..count);
        self.place = place;
        true
    }
}

impl Place {
    /// Returns the line on which a record begins that stands behind so much text.
    pub(in super::super) fn line_behind(self, passed: &str) -> u64 {
        let mut lines = LineCount { line: self.line, is_after_return: self.is_after_return };
        lines.pass(passed.as_bytes());
        lines.line
    }
}
