//! Writes `.xlsx` workbooks row by row, with the rows of a sheet on disk until the workbook is saved.

use std::{
    io::{self, Write},
    ops::Range,
};

use rust_xlsxwriter::{DocProperties, Format, IgnoreError, Workbook, Worksheet, XlsxError};

use super::{cell::Cell, serial};

/// Most rows of a sheet, in rows, with its header.
pub const MAX_ROWS: u32 = 1_048_576;
/// Most columns of a sheet, in columns.
pub const MAX_COLUMNS: usize = 16_384;
/// Most characters of a cell, as UTF-16 counts them.
const MAX_TEXT: usize = 32_767;
/// The days whose numbers all spreadsheets agree on: from 1900-03-01, as they take 1900 for a leap year, to the end of 9999.
const SERIALS: Range<f64> = 61.0..2_958_466.0;
/// The widest that a column gets by itself, in characters.
const MAX_WIDTH: usize = 60;
/// The narrowest.
const MIN_WIDTH: usize = 8;

/// How the cells of a column look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// As texts, also what a person types there later: zeros in front stay.
    Text,
    /// As numbers and what else there is.
    Plain,
    /// As days.
    Day,
    /// As days with a time.
    Moment,
}

/// A column of a sheet that is written.
#[derive(Debug, Clone)]
pub struct Column {
    /// What its head says.
    pub name: String,
    /// How its cells look.
    pub look: Look,
}

/// A workbook in the making.
pub struct Writer {
    book: Workbook,
    formats: Formats,
}

/// A sheet in the making.
pub struct NewSheet {
    sheet: Worksheet,
    formats: Formats,
    columns: Vec<Column>,
    widths: Vec<usize>,
    row: u32,
}

#[derive(Clone)]
struct Formats {
    head: Format,
    text: Format,
    day: Format,
    moment: Format,
}

/// Why something cannot be written.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct WriteError(#[from] XlsxError);

impl WriteError {
    /// Returns what the system says where that is the reason.
    pub fn io(&self) -> Option<&io::Error> {
        match &self.0 {
            XlsxError::IoError(error) => Some(error),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl std::fmt::Debug for NewSheet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("NewSheet")
            .field("name", &self.sheet.name())
            .field("row", &self.row)
            .finish_non_exhaustive()
    }
}

impl Default for Writer {
    fn default() -> Self {
        let formats = Formats {
            head: Format::new().set_bold(),
            text: Format::new().set_num_format("@"),
            day: Format::new().set_num_format("yyyy-mm-dd"),
            moment: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss"),
        };
        Self { book: Workbook::new(), formats }
    }
}

impl Writer {
    /// Gives the workbook properties: who made it, and words of one's own by their names.
    pub fn set_properties(&mut self, author: &str, custom: &[(&str, &str)]) {
        let properties = DocProperties::new().set_author(author);
        let properties =
            custom.iter().fold(properties, |properties, (name, value)| properties.set_custom_property(*name, *value));
        self.book.set_properties(&properties);
    }

    /// Begins a sheet, with its head frozen.
    ///
    /// # Errors
    /// Fails when no sheet can have the name, or there is no room for its rows.
    pub fn begin(&mut self, name: &str, columns: Vec<Column>) -> Result<NewSheet, WriteError> {
        let mut sheet = self.book.new_worksheet_with_constant_memory()?;
        sheet.set_name(name)?;
        sheet.set_freeze_panes(1, 0)?;
        let formats = self.formats.clone();
        for (place, column) in (0_u16..).zip(&columns) {
            if let Some(format) = formats.of(column.look) {
                sheet.set_column_format(place, format)?;
            }
            sheet.write_string_with_format(0, place, column.name.as_str(), &formats.head)?;
        }
        let widths = columns.iter().map(|column| column.name.chars().count()).collect();
        Ok(NewSheet { sheet, formats, columns, widths, row: 1 })
    }

    /// Puts a sheet behind those that were put here before.
    ///
    /// # Errors
    /// Fails when another sheet has its name.
    pub fn put(&mut self, mut sheet: NewSheet) -> Result<(), WriteError> {
        for (place, width) in (0_u16..).zip(&sheet.widths) {
            // A little more than its text, for the letters that are wide.
            let width = u16::try_from(width.clamp(&MIN_WIDTH, &MAX_WIDTH) + 2).unwrap_or_default();
            sheet.sheet.set_column_width(place, width)?;
        }
        let last = u16::try_from(sheet.columns.len().saturating_sub(1)).unwrap_or(u16::MAX);
        let row = sheet.row - 1;
        sheet.sheet.ignore_error_range(0, 0, row, last, IgnoreError::NumberStoredAsText)?;
        self.book.push_worksheet(sheet.sheet);
        Ok(())
    }

    /// Writes the workbook.
    ///
    /// # Errors
    /// Fails when that cannot be done, or two sheets have one name.
    pub fn save(mut self, file: impl Write + Send) -> Result<(), WriteError> {
        Ok(self.book.save_to_writer(file)?)
    }
}

impl Formats {
    fn of(&self, look: Look) -> Option<&Format> {
        match look {
            Look::Text => Some(&self.text),
            Look::Plain => None,
            Look::Day => Some(&self.day),
            Look::Moment => Some(&self.moment),
        }
    }
}

impl NewSheet {
    /// Returns the number of columns.
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// Tells whether no further row has room.
    pub fn is_full(&self) -> bool {
        self.row >= MAX_ROWS
    }

    /// Appends a row: as many cells as there are columns.
    ///
    /// # Errors
    /// Fails when the sheet is full or a text too long.
    pub fn append(&mut self, cells: &[Cell]) -> Result<(), WriteError> {
        let row = self.row;
        for (place, cell) in (0_u16..).zip(cells) {
            let width = self.write(row, place, cell)?;
            if let Some(widest) = self.widths.get_mut(usize::from(place)) {
                *widest = width.max(*widest);
            }
        }
        self.row += 1;
        Ok(())
    }

    /// Writes a cell and returns how wide it is, in characters.
    fn write(&mut self, row: u32, place: u16, cell: &Cell) -> Result<usize, WriteError> {
        let Formats { text: text_format, day, moment, .. } = &self.formats;
        match cell {
            Cell::Empty => return Ok(0),
            Cell::Text(text) | Cell::Error(text) => {
                self.sheet.write_string_with_format(row, place, text.as_str(), text_format)?;
                let lines = text.lines().map(|line| line.chars().take(MAX_WIDTH).count());
                return Ok(lines.max().unwrap_or_default());
            }
            Cell::Number(number) | Cell::TooLong(number) => {
                self.sheet.write_number(row, place, *number)?;
            }
            Cell::Boolean(flag) => {
                self.sheet.write_boolean(row, place, *flag)?;
            }
            Cell::Day(date) => {
                let serial = serial::of_date(*date);
                if SERIALS.contains(&serial) {
                    self.sheet.write_number_with_format(row, place, serial, day)?;
                } else {
                    self.sheet.write_string_with_format(row, place, cell.text(), text_format)?;
                }
            }
            Cell::Moment(time) => {
                let serial = serial::of_local(*time);
                if SERIALS.contains(&serial) {
                    self.sheet.write_number_with_format(row, place, serial, moment)?;
                } else {
                    self.sheet.write_string_with_format(row, place, cell.text(), text_format)?;
                }
            }
        }
        Ok(cell.text().chars().count())
    }
}

/// Checks that a cell can hold a text.
///
/// # Errors
/// Says why it cannot.
pub fn check_text(text: &str) -> Result<(), String> {
    let length = text.encode_utf16().count();
    if length > MAX_TEXT {
        return Err(format!("a cell holds {MAX_TEXT} characters at most, this is {length}"));
    }
    Ok(())
}

/// Returns as much of a text as a cell can hold.
pub fn cut_text(text: &str) -> &str {
    let mut length = 0;
    let is_over = |(_, letter): &(usize, char)| {
        length += letter.len_utf16();
        length > MAX_TEXT
    };
    let end = text.char_indices().find(is_over).map_or(text.len(), |(place, _)| place);
    text.get(..end).unwrap_or(text)
}

/// Checks that a sheet can have a name.
///
/// # Errors
/// Says why it cannot.
pub fn check_sheet_name(name: &str) -> Result<(), &'static str> {
    const MAX_NAME: usize = 31;
    if name.trim().is_empty() {
        Err("it is blank")
    } else if name.encode_utf16().count() > MAX_NAME {
        Err("it has more than 31 characters")
    } else if name.contains(['[', ']', ':', '*', '?', '/', '\\']) {
        Err("it holds one of `[ ] : * ? / \\`")
    } else if name.starts_with('\'') || name.ends_with('\'') {
        Err("it begins or ends with `'`")
    } else if name.eq_ignore_ascii_case("history") {
        Err("Excel has that name for itself")
    } else {
        Ok(())
    }
}
