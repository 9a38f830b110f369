//! Reads pages of a Bulk query's file.

use crate::connector::ConnectorError;

use super::super::{client::CsvPage, errors};

/// One page, parsed: each begins with the header again.
pub(super) struct Lines {
    columns: Vec<String>,
    lines: csv::ByteRecordsIntoIter<std::io::Cursor<Vec<u8>>>,
}

impl Lines {
    /// Begins to parse a page. A page without even a header has no records.
    pub(super) fn new(body: Vec<u8>) -> Result<Self, ConnectorError> {
        let mut reader = csv::ReaderBuilder::new().flexible(false).from_reader(std::io::Cursor::new(body));
        let headers = reader.headers().map_err(|_| errors::unexpected("a file of results has no header"))?;
        let columns = headers.iter().map(str::to_owned).collect();
        Ok(Self { columns, lines: reader.into_byte_records() })
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

/// Checks that as many records came as Salesforce says there are: a file that was cut off is still a file.
pub(super) fn check_count(said: Option<u64>, found: usize) -> Result<(), ConnectorError> {
    match said {
        Some(said) if u64::try_from(found).is_ok_and(|found| found != said) => {
            Err(errors::unexpected(&format!("a page of results has {found} records instead of {said}")))
        }
        _ => Ok(()),
    }
}

/// Takes a page apart into its lines, and what is said of it.
pub(super) fn open(page: CsvPage) -> Result<(Lines, Option<u64>, Option<String>), ConnectorError> {
    let CsvPage { body, next, count } = page;
    Ok((Lines::new(body)?, count, next))
}
