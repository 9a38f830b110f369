//! Reads a CSV file into columns at once, as far as nothing about its lines is in doubt. A line that is goes to the strict reader,
//! with some behind it: where one is bad, the next often are too.

use polars::prelude::{Column, IntoColumn, PlSmallStr, StringChunkedBuilder};

use crate::connector::{
    ConnectorError, ReadRequest,
    file::{ContentIds, PageSender, assemble_columns, joined_id},
};
use crate::model::{ID, Page};

use super::{
    super::{
        client::{Cells, Found, Place, Splitter, TextBlocks},
        limits,
    },
    Ended, Reading,
    page::Findings,
};

/// Records that the strict reader reads at least where a line is in doubt.
const FEWEST_STRICT: usize = if cfg!(test) { 2 } else { 256 };
/// Records between two lines in doubt from which on they are rare: closer together, the strict reader reads twice as many as the
/// last time.
const RARE: usize = if cfg!(test) { 5 } else { 20_000 };

/// Why records are not read at once any more.
enum Stopped {
    /// What comes next is in doubt, or the file's last line, or nothing.
    ForStrict,
    /// Nobody takes the pages any more.
    Unwanted,
}

impl Reading {
    /// Reads the whole file, most of it in columns.
    pub(super) fn run_in_columns(&self, request: &ReadRequest, pages: &PageSender) -> Result<(), ConnectorError> {
        // What an empty cell says, and lines that end otherwise, only the strict reader knows.
        if !self.clear_words.is_empty() || self.form.is_return_line_end {
            return self.run(request, pages);
        }
        let mut findings = Findings::default();
        let mut blocks = TextBlocks::open(&self.path, self.form, self.start)?;
        let mut most = FEWEST_STRICT;
        loop {
            let mut read = 0;
            if let Stopped::Unwanted = self.read_blocks(request, &mut blocks, &mut findings, pages, &mut read)? {
                return Ok(());
            }
            most = if read < RARE { most.saturating_mul(2) } else { FEWEST_STRICT };
            let mut place = match self.run_strictly(request, (blocks.place(), most), &mut findings, pages)? {
                Ended::AtEnd => break,
                Ended::Unwanted => return Ok(()),
                Ended::At(place) => place,
            };
            if blocks.go_to(place) {
                continue;
            }
            if !blocks.is_plain() {
                // The way to the place would lead through the file's beginning each time.
                match self.run_strictly(request, (place, usize::MAX), &mut findings, pages)? {
                    Ended::AtEnd => break,
                    Ended::Unwanted => return Ok(()),
                    Ended::At(end) => place = end,
                }
            }
            blocks = TextBlocks::open(&self.path, self.form, place)?;
        }
        findings.tell(&request.object);
        Ok(())
    }

    /// Reads pages until something is in doubt, and counts their records.
    fn read_blocks(
        &self,
        request: &ReadRequest,
        blocks: &mut TextBlocks<'_>,
        findings: &mut Findings,
        pages: &PageSender,
        read: &mut usize,
    ) -> Result<Stopped, ConnectorError> {
        let splitter = Splitter::new(self.form);
        loop {
            let mut page = ColumnPage::new(self);
            let (passed, found) = page.fill(blocks.lines(), blocks.place(), &splitter, (request, findings));
            if page.count > 0 {
                *read += page.count;
                if !pages.send(page.into_page()?) {
                    return Ok(Stopped::Unwanted);
                }
            }
            blocks.pass(passed);
            let goes_on = match found {
                Found::Record(_) => true,
                Found::Doubt => false,
                Found::Blank(_) | Found::Part => blocks.read_on()?,
            };
            if !goes_on {
                return Ok(Stopped::ForStrict);
            }
        }
    }

    /// Tells whether a record is one without any doubt.
    fn is_sound(&self, text: &str, cells: &Cells) -> bool {
        let width = self.header.len();
        let is_whole = cells.len() >= width && (width..cells.len()).all(|cell| cells.get(text, cell).is_empty());
        let is_visible = |cell: &str| cell.as_bytes().first().is_some_and(u8::is_ascii_graphic);
        // A line of one cell is a record whatever it holds.
        let holds_something = || {
            let mut all = cells.all(text);
            width == 1 || is_visible(cells.get(text, 0)) || all.any(|cell| !cell.trim().is_empty())
        };
        let has_id = || self.id_cells.iter().all(|cell| !self.is_null(cells.get(text, *cell)));
        is_whole && holds_something() && has_id()
    }
}

/// A page in the making, in columns.
struct ColumnPage<'a> {
    reading: &'a Reading,
    ids: Ids,
    columns: Vec<StringChunkedBuilder>,
    count: usize,
}

/// Where the ids of a page come from.
enum Ids {
    /// They are the cells of one of the columns.
    Column(usize),
    /// They are made of one cell, several or all of them.
    Made(Box<StringChunkedBuilder>, ContentIds),
}

impl<'a> ColumnPage<'a> {
    fn new(reading: &'a Reading) -> Self {
        let builder = |name: &PlSmallStr| StringChunkedBuilder::new(name.clone(), limits::COLUMN_RECORDS);
        let of_field = match reading.id_cells.as_slice() {
            [id] => reading.field_cells.iter().position(|(_, cell)| cell == id),
            _ => None,
        };
        let ids = of_field.map_or_else(|| Ids::Made(Box::new(builder(&ID.into())), ContentIds::default()), Ids::Column);
        let columns = reading.field_cells.iter().map(|(name, _)| builder(name)).collect();
        Self { reading, ids, columns, count: 0 }
    }

    /// Takes records of a text until it is at its end, one is in doubt, or the page is full. Returns how much of the text was
    /// taken, and what comes behind it: a record where the page is full.
    fn fill(
        &mut self,
        text: &str,
        place: Place,
        splitter: &Splitter,
        (request, findings): (&ReadRequest, &mut Findings),
    ) -> (usize, Found) {
        let reading = self.reading;
        let is_ascii = text.is_ascii();
        let mut cells = Cells::default();
        let mut at = 0;
        while at < text.len() {
            match splitter.split(text, at, &mut cells) {
                Found::Record(end) if self.count == limits::COLUMN_RECORDS => return (at, Found::Record(end)),
                Found::Record(end) if reading.is_sound(text, &cells) => {
                    self.take(text, &cells);
                    if !is_ascii {
                        let loaded = reading.field_cells.iter().take(request.fields.len());
                        let texts = loaded.map(|(_, cell)| cells.get(text, *cell)).filter(|cell| !cell.is_ascii());
                        let line = || {
                            let lines = text.get(..at).unwrap_or_default();
                            place.line_behind(lines)
                        };
                        texts.for_each(|cell| findings.garbled.look_at_with(cell, line));
                    }
                    at = end;
                }
                Found::Blank(end) => at = end,
                Found::Record(_) | Found::Doubt => return (at, Found::Doubt),
                Found::Part => return (at, Found::Part),
            }
        }
        (at, Found::Part)
    }

    fn take(&mut self, text: &str, cells: &Cells) {
        let reading = self.reading;
        self.count += 1;
        for (column, (_, cell)) in self.columns.iter_mut().zip(&reading.field_cells) {
            let cell = cells.get(text, *cell);
            if reading.is_null(cell) {
                column.append_null();
            } else {
                column.append_value(reading.plain(cell));
            }
        }
        let Ids::Made(ids, made) = &mut self.ids else { return };
        match reading.id_cells.as_slice() {
            [] => ids.append_value(made.id(cells.all(text).take(reading.header.len()).map(str::as_bytes))),
            [only] => ids.append_value(reading.plain(cells.get(text, *only))),
            several => {
                let values: Vec<&str> = several.iter().map(|cell| reading.plain(cells.get(text, *cell))).collect();
                ids.append_value(joined_id(&values));
            }
        }
    }

    fn into_page(self) -> Result<Page, ConnectorError> {
        let columns: Vec<Column> = self.columns.into_iter().map(|column| column.finish().into_column()).collect();
        let ids = match self.ids {
            Ids::Made(ids, _) => ids.finish().into_column(),
            Ids::Column(place) => columns.get(place).cloned().unwrap_or_default(),
        };
        Ok(Page { frame: assemble_columns(ids, columns)?, rejects: Vec::new(), cursor: None, left: None })
    }
}
