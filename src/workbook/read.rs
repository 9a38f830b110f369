//! Reads workbooks row by row.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use calamine::{
    Data, DataRef, ExcelDateTime, Ods, OdsError, Range, Reader as _, SheetType, Sheets, Xls, XlsError, Xlsb, XlsbError,
    Xlsx, XlsxError,
};

use crate::model::{FILE_HEAD_BYTES, FileKind, ODS, XLS, XLSX, file_kind, text_kind};

use super::{cell::Cell, mask::Shown};

/// A workbook that is open for reading.
///
/// A sheet of an `.xlsx` is read in one pass; what all its texts need is in memory. Other workbooks are small and in memory whole.
pub struct Reader {
    book: Sheets<BufReader<File>>,
}

/// Why a workbook cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is something else.
    #[error("it is {}", .0.name)]
    Other(FileKind),
    /// A password is needed to open it.
    #[error("it is protected with a password")]
    Password,
    /// The file is no workbook, or it is damaged.
    #[error("{0}")]
    Broken(String),
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Reader").field("sheets", &self.sheets()).finish_non_exhaustive()
    }
}

impl Reader {
    /// Opens a workbook, whatever its name is.
    ///
    /// # Errors
    /// Says what the file is if it is none.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let mut file = File::open(path)?;
        let mut head = Vec::new();
        Read::by_ref(&mut file).take(FILE_HEAD_BYTES).read_to_end(&mut head)?;
        file.seek(SeekFrom::Start(0))?;
        let file = BufReader::new(file);
        let kind = file_kind(&head).or_else(|| text_kind(&head));
        let is_binary = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("xlsb"));
        let book = match kind {
            Some(XLSX) if is_binary => Sheets::Xlsb(Xlsb::new(file)?),
            Some(XLSX) => Sheets::Xlsx(Xlsx::new(file)?),
            Some(ODS) => Sheets::Ods(Ods::new(file)?),
            Some(XLS) => Self::open_old(path, file)?,
            Some(other) => return Err(ReadError::Other(other)),
            None => return Err(ReadError::Broken("it is no workbook".to_owned())),
        };
        Ok(Self { book })
    }

    /// A password puts a new workbook into the shell of an old one.
    fn open_old(path: &Path, file: BufReader<File>) -> Result<Sheets<BufReader<File>>, ReadError> {
        if let Err(XlsxError::Password) = Xlsx::new(file) {
            return Err(ReadError::Password);
        }
        Ok(Sheets::Xls(Xls::new(BufReader::new(File::open(path)?))?))
    }

    /// Returns the names of the sheets that hold cells, in their order.
    pub fn sheets(&self) -> Vec<String> {
        let sheets = self.book.sheets_metadata().iter().filter(|sheet| sheet.typ == SheetType::WorkSheet);
        sheets.map(|sheet| sheet.name.clone()).collect()
    }

    /// Returns a property that somebody gave the workbook.
    pub fn custom_property(&mut self, name: &str) -> Option<String> {
        self.book.workbook_properties().ok()?.custom_properties.get(name).cloned()
    }

    /// Hands out the rows of a sheet that hold something, each with its number from 1 and its cells by their column from 0, until
    /// `take` returns false.
    ///
    /// # Errors
    /// Fails when the sheet is not there, or is damaged.
    pub fn for_each_row<F>(&mut self, sheet: &str, take: F) -> Result<(), ReadError>
    where
        F: FnMut(u32, &[(u32, Cell)]) -> bool,
    {
        match &mut self.book {
            Sheets::Xlsx(book) => return stream_rows(book, sheet, take),
            Sheets::Xlsb(book) => range_rows(&book.worksheet_range(sheet)?, take),
            Sheets::Xls(book) => range_rows(&book.worksheet_range(sheet)?, take),
            Sheets::Ods(book) => range_rows(&book.worksheet_range(sheet)?, take),
        }
        Ok(())
    }

    /// Hands out the places of formulas whose result the file does not hold: row from 1, column from 0. Programs that only write
    /// formulas leave that to a spreadsheet.
    ///
    /// # Errors
    /// Fails when the sheet is not there, or is damaged.
    pub fn for_each_open_formula(&mut self, sheet: &str, mut take: impl FnMut(u32, u32)) -> Result<(), ReadError> {
        let Sheets::Xlsx(book) = &mut self.book else { return Ok(()) };
        let mut cells = book.worksheet_cells_reader(sheet)?;
        while let Some(record) = cells.next_cell_with_formula_metadata()? {
            if record.formula.is_some() && record.value == DataRef::Empty {
                take(record.pos.0 + 1, record.pos.1);
            }
        }
        Ok(())
    }
}

fn stream_rows<F>(book: &mut Xlsx<BufReader<File>>, sheet: &str, mut take: F) -> Result<(), ReadError>
where
    F: FnMut(u32, &[(u32, Cell)]) -> bool,
{
    let mut cells = book.worksheet_cells_reader(sheet)?;
    let codes =
        cells.styles().iter().map(|style| style.number_format.as_ref().map(|format| format.format_code.as_str()));
    let shown: Vec<Shown> = codes.map(|code| code.map(Shown::of).unwrap_or_default()).collect();
    let plain = Shown::default();
    let mut open = 0;
    let mut row: Vec<(u32, Cell)> = Vec::new();
    while let Some((cell, style)) = cells.next_cell_with_style_id()? {
        let (number, column) = cell.get_position();
        if number + 1 != open {
            if !row.is_empty() && !take(open, &row) {
                return Ok(());
            }
            row.clear();
            open = number + 1;
        }
        let value = cell_of(cell.get_value(), shown.get(style).unwrap_or(&plain));
        if value != Cell::Empty {
            row.push((column, value));
        }
    }
    if !row.is_empty() {
        take(open, &row);
    }
    Ok(())
}

fn range_rows<F>(range: &Range<Data>, mut take: F)
where
    F: FnMut(u32, &[(u32, Cell)]) -> bool,
{
    let (first_row, first_column) = range.start().unwrap_or_default();
    for (number, cells) in (first_row + 1..).zip(range.rows()) {
        let cells = (first_column..).zip(cells).map(|(column, data)| (column, cell_of_data(data)));
        let row: Vec<(u32, Cell)> = cells.filter(|(_, cell)| *cell != Cell::Empty).collect();
        if !row.is_empty() && !take(number, &row) {
            break;
        }
    }
}

fn cell_of(value: &DataRef<'_>, shown: &Shown) -> Cell {
    match value {
        DataRef::Empty => Cell::Empty,
        DataRef::String(text) => text_cell(text),
        DataRef::SharedString(text) => text_cell(text),
        #[expect(clippy::cast_precision_loss, reason = "a cell's number is a float, however it is stored")]
        DataRef::Int(whole) => number_cell(*whole as f64, shown),
        DataRef::Float(number) => number_cell(*number, shown),
        DataRef::Bool(flag) => Cell::Boolean(*flag),
        DataRef::DateTime(time) => time_cell(*time, shown),
        DataRef::DateTimeIso(text) => Cell::of_iso(text),
        DataRef::DurationIso(text) => Cell::of_iso_duration(text),
        DataRef::Error(error) => Cell::Error(error.to_string()),
    }
}

fn cell_of_data(value: &Data) -> Cell {
    match value {
        Data::Empty => Cell::Empty,
        Data::String(text) => text_cell(text),
        #[expect(clippy::cast_precision_loss, reason = "a cell's number is a float, however it is stored")]
        Data::Int(whole) => Cell::number(*whole as f64),
        Data::Float(number) => Cell::number(*number),
        Data::Bool(flag) => Cell::Boolean(*flag),
        Data::DateTime(time) => time_cell(*time, &Shown::default()),
        Data::DateTimeIso(text) => Cell::of_iso(text),
        Data::DurationIso(text) => Cell::of_iso_duration(text),
        Data::Error(error) => Cell::Error(error.to_string()),
    }
}

fn text_cell(text: &str) -> Cell {
    if text.is_empty() { Cell::Empty } else { Cell::Text(text.to_owned()) }
}

fn number_cell(number: f64, shown: &Shown) -> Cell {
    shown.mask.as_ref().and_then(|mask| mask.shown(number)).map_or_else(|| Cell::number(number), Cell::Text)
}

fn time_cell(time: ExcelDateTime, shown: &Shown) -> Cell {
    let serial = time.as_f64();
    // Before the first day of the calendar there are only times of day.
    if time.is_duration() || (0.0..1.0).contains(&serial) {
        return Cell::of_duration(serial);
    }
    if !(0.0..2_958_466.0).contains(&serial) {
        return Cell::number(serial);
    }
    Cell::of_calendar(time.to_ymd_hms_milli(), shown.has_time)
}

impl From<XlsxError> for ReadError {
    fn from(error: XlsxError) -> Self {
        match error {
            XlsxError::Password => Self::Password,
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<XlsbError> for ReadError {
    fn from(error: XlsbError) -> Self {
        match error {
            XlsbError::Password => Self::Password,
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<XlsError> for ReadError {
    fn from(error: XlsError) -> Self {
        match error {
            XlsError::Password => Self::Password,
            other => Self::Broken(other.to_string()),
        }
    }
}

impl From<OdsError> for ReadError {
    fn from(error: OdsError) -> Self {
        match error {
            OdsError::Password => Self::Password,
            other => Self::Broken(other.to_string()),
        }
    }
}
