//! Reads pages of a Bulk query's file.

use std::{io::Read, iter::Peekable};

use crate::connector::ConnectorError;

use super::super::{client::CsvPage, errors};

/// One page, parsed line by line: each begins with the header again.
pub(super) struct Lines {
    columns: Vec<String>,
    lines: Peekable<csv::ByteRecordsIntoIter<Box<dyn Read + Send + Sync>>>,
}

/// A page that is being read.
pub(super) struct OpenPage {
    pub(super) lines: Lines,
    /// Where the page began; the first page begins nowhere.
    pub(super) locator: Option<String>,
    /// Where the next page begins; none on the last.
    pub(super) next: Option<String>,
    /// How many lines are read.
    pub(super) read: u64,
    /// The request, as messages may show it.
    pub(super) request: String,
    /// How many records Salesforce says it has.
    said: Option<u64>,
}

impl Lines {
    /// Begins to parse a page. A page without even a header has no records.
    fn new(file: Box<dyn Read + Send + Sync>) -> Result<Self, ConnectorError> {
        let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(file);
        let headers = reader.headers().map_err(|_| errors::unexpected("a file of results has no header"))?;
        let columns = headers.iter().map(str::to_owned).collect();
        Ok(Self { columns, lines: reader.into_byte_records().peekable() })
    }

    /// Returns where a column is. Salesforce spells fields as the query did, but case is nothing to it.
    pub(super) fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| known.eq_ignore_ascii_case(column))
    }
}

impl Iterator for Lines {
    type Item = Result<csv::ByteRecord, ConnectorError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.lines.next()?;
        Some(line.map_err(|_| errors::unexpected("a file of results is no CSV or was cut off")))
    }
}

impl OpenPage {
    /// Begins to read a page, behind the lines that were read before.
    pub(super) fn new(page: CsvPage, locator: Option<String>, read: u64) -> Result<Self, ConnectorError> {
        let CsvPage { file, next, count } = page;
        let request = file.request.clone();
        let begin = || {
            let mut lines = Lines::new(file.reader())?;
            for _ in 0..read {
                lines.next().transpose()?;
            }
            Ok(lines)
        };
        let lines = begin().map_err(|error: ConnectorError| error.about_page(&request))?;
        Ok(Self { lines, locator, next, read, request, said: count })
    }

    /// Tells whether all lines are read, and checks that as many came as Salesforce says there are: a file that was cut off is
    /// still a file.
    pub(super) fn is_at_end(&mut self) -> Result<bool, ConnectorError> {
        if self.lines.lines.peek().is_some() {
            return Ok(false);
        }
        match self.said {
            Some(said) if self.read != said => {
                let message = format!("a page of results has {} records instead of {said}", self.read);
                Err(errors::unexpected(&message).about_page(&self.request))
            }
            _ => Ok(true),
        }
    }
}
