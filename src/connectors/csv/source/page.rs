//! Pages of a CSV file that is read record by record, and what is found on the way.

use polars::prelude::{Column, IntoColumn, PlSmallStr, StringChunkedBuilder};
use serde::{Deserialize, Serialize};

use crate::connector::{
    ConnectorError,
    file::{GarbledTexts, Stamp, absent_column, assemble},
};
use crate::model::{Cursor, ObjectName, Page, ReadReject};

use super::super::{client::Place, limits};

/// Where a read may go on, in which version of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Bookmark {
    file: Stamp,
    place: Place,
}

/// What is told of a file once it was read.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) garbled: GarbledTexts,
    pub(super) blank: BlankLines,
}

impl Findings {
    pub(super) fn tell(&self, object: &ObjectName) {
        self.garbled.tell(object);
        self.blank.tell(object);
    }
}

/// Lines that were left out: they hold separators and blanks and no value.
#[derive(Debug, Default)]
pub(super) struct BlankLines {
    count: u64,
    first: Option<u64>,
}

impl BlankLines {
    pub(super) fn count(&mut self, line: u64) {
        self.count += 1;
        self.first.get_or_insert(line);
    }

    pub(super) fn tell(&self, object: &ObjectName) {
        if let Some(line) = self.first {
            tracing::warn!(%object, lines = self.count, first_at = line, "lines without any value were left out");
        }
    }
}

/// A page in the making.
pub(super) struct OpenPage {
    pub(super) ids: Vec<String>,
    pub(super) columns: Vec<StringChunkedBuilder>,
    /// Of each record the fields that it says nothing of, where a line can tell.
    pub(super) absent: Option<Vec<Vec<String>>>,
    pub(super) rejects: Vec<ReadReject>,
    pub(super) byte_count: usize,
}

impl OpenPage {
    /// Makes a page without records. `absent` is there where a line can tell which fields it says nothing of.
    pub(super) fn new<'a>(fields: impl Iterator<Item = &'a PlSmallStr>, absent: Option<Vec<Vec<String>>>) -> Self {
        let columns = fields.map(|name| StringChunkedBuilder::new(name.clone(), limits::PAGE_RECORDS)).collect();
        Self { ids: Vec::new(), columns, absent, rejects: Vec::new(), byte_count: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.rejects.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.ids.len() + self.rejects.len() >= limits::PAGE_RECORDS || self.byte_count >= limits::PAGE_BYTES
    }

    pub(super) fn into_page(self, stamp: &Stamp, place: Place) -> Result<Page, ConnectorError> {
        let mut columns: Vec<Column> = self.columns.into_iter().map(|column| column.finish().into_column()).collect();
        columns.extend(self.absent.as_deref().map(absent_column));
        let bookmark = serde_json::to_value(Bookmark { file: stamp.clone(), place });
        let cursor = bookmark.ok().map(Cursor);
        Ok(Page { frame: assemble(self.ids, columns)?, rejects: self.rejects, cursor, left: None })
    }
}

/// Returns where the cursor leads, if the file is still the same.
pub(super) fn resume(cursor: Option<&Cursor>, stamp: &Stamp) -> Option<Place> {
    let bookmark: Bookmark = serde_json::from_value(cursor?.0.clone()).ok()?;
    if bookmark.file != *stamp {
        tracing::info!("csv file changed since the checkpoint, reading it from its beginning");
        return None;
    }
    Some(bookmark.place)
}
