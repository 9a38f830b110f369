//! Where an object is in the spreadsheet, and what its columns are.
//!
//! An object is a tab by its title, a named range, or a range of a tab. A tab's own title wins, so that a tab `Q1` or `a!b` is
//! never taken for something else.

use chrono_tz::Tz;

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{Field, FieldType, ObjectName, Schema};

use super::{
    a1::{self, Area},
    cell::Cell,
    client::{CellData, GridRange, NumberFormat, SheetProperties, SheetsClient, Spreadsheet},
    columns::{columns, note_merges},
    config::Tables,
    header::{Named, is_meant},
    limits::FORMAT_ROWS,
    usual,
};

/// The number of a row, as a field.
pub(super) const ROW: &str = "_row";

/// The code of the error that names a column which is not there.
pub(super) const UNKNOWN_COLUMN: &str = "unknown_field";

/// Where an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) title: String,
    pub(super) sheet_id: i64,
    /// The tab's size, in rows and columns.
    pub(super) rows: usize,
    pub(super) columns: usize,
    /// The header's row, from 0.
    pub(super) header_row: usize,
    /// The first column and the last one, both included.
    pub(super) span: (usize, usize),
    /// The last row, where the object is a range that ends.
    pub(super) last_row: Option<usize>,
}

/// An object with its columns.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) place: Place,
    pub(super) columns: Vec<Column>,
    pub(super) zone: Tz,
}

/// A column that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// Its place on the tab, from 0.
    pub(super) place: usize,
    pub(super) name: String,
    pub(super) shared_heading: Option<String>,
    pub(super) field_type: FieldType,
    pub(super) format: Option<NumberFormat>,
    /// How many of a hundred of the first rows have a value, where there are any.
    pub(super) filled_percent: Option<u8>,
    /// Whether people's own formulas fill it.
    pub(super) is_formula: bool,
}

impl Place {
    /// Finds an object among the tabs and named ranges.
    pub(super) fn find(
        spreadsheet: &Spreadsheet,
        object: &ObjectName,
        tables: &Tables,
    ) -> Result<Self, ConnectorError> {
        let sheets: Vec<&SheetProperties> = spreadsheet.sheets.iter().map(|sheet| &sheet.properties).collect();
        let by_title = |title: &str| sheets.iter().copied().find(|sheet| sheet.title == title);
        let found = by_title(object).map(|sheet| (sheet, Area::ALL)).or_else(|| {
            let named = spreadsheet.named_ranges.iter().find(|range| range.name == object.as_str());
            if let Some(named) = named {
                let sheet = sheets.iter().copied().find(|sheet| sheet.sheet_id == named.range.sheet_id)?;
                return Some((sheet, area_of(&named.range)));
            }
            let (title, area) = a1::split(object)?;
            Some((by_title(&title)?, Area::parse(area)?))
        });
        let Some((sheet, area)) = found else { return Err(unknown_object(object, &sheets, spreadsheet)) };
        if !sheet.sheet_type.is_empty() && sheet.sheet_type != "GRID" {
            let message = format!("`{object}` is no tab with cells but one of type {}", sheet.sheet_type);
            return Err(ConnectorError::new(ErrorKind::NotFound, "no_grid", message));
        }
        Self::of(sheet, area, object, tables)
    }

    fn of(sheet: &SheetProperties, area: Area, object: &ObjectName, tables: &Tables) -> Result<Self, ConnectorError> {
        let (rows, columns) = (sheet.grid_properties.row_count, sheet.grid_properties.column_count);
        let header_row = tables.header_row(object).unwrap_or(area.first_row);
        let last_column = area.last_column.unwrap_or(usize::MAX).min(columns.saturating_sub(1));
        if header_row >= rows || header_row < area.first_row || area.first_column > last_column {
            let message = format!(
                "the header of `{object}` should be in row {}, and the tab has {rows} rows and {columns} columns",
                header_row + 1
            );
            return Err(ConnectorError::new(ErrorKind::NotFound, "no_header", message).with_hint("set `header_row`"));
        }
        Ok(Self {
            title: sheet.title.clone(),
            sheet_id: sheet.sheet_id,
            rows,
            columns,
            header_row,
            span: (area.first_column, last_column),
            last_row: area.last_row.map(|row| row.min(rows.saturating_sub(1))),
        })
    }

    /// Returns the last row that can hold records, from 0.
    pub(super) fn end(&self) -> usize {
        self.last_row.unwrap_or_else(|| self.rows.saturating_sub(1))
    }

    /// Returns the range of the header.
    pub(super) fn header(&self) -> String {
        Area::of((self.header_row, self.header_row), self.span).on(&self.title)
    }

    /// Returns the whole row of the header: it is within the grid whatever columns somebody deleted.
    pub(super) fn header_row_range(&self) -> String {
        format!("{}!{row}:{row}", a1::quoted(&self.title), row = self.header_row + 1)
    }

    /// Returns a whole column, from the first row of the tab on.
    pub(super) fn column_range(&self, column: usize) -> String {
        format!("{}!{letters}:{letters}", a1::quoted(&self.title), letters = a1::letters(column))
    }

    /// Returns the cells of the header among those of [`Self::header_row_range`].
    pub(super) fn headings_of(&self, rows: Vec<Vec<Cell>>) -> Vec<Cell> {
        let (first, last) = self.span;
        let row = rows.into_iter().next().unwrap_or_default();
        row.into_iter().skip(first).take(last - first + 1).collect()
    }

    /// Returns the range of some columns below the header, open where the object is; none where the grid ends with the header:
    /// a range that begins outside it is refused.
    pub(super) fn below_header(&self, columns: (usize, usize)) -> Option<String> {
        let area = Area::below(self.header_row + 1, columns);
        (self.header_row < self.end()).then(|| Area { last_row: self.last_row, ..area }.on(&self.title))
    }

    /// Names a cell for a person: `Contacts!C2`.
    pub(super) fn cell(&self, row: usize, column: usize) -> String {
        format!("{}!{}", self.title, a1::cell(row, column))
    }
}

impl Table {
    /// Reads the header and the formats of an object.
    pub(super) async fn read(
        client: &SheetsClient,
        spreadsheet: &Spreadsheet,
        object: &ObjectName,
        tables: &Tables,
    ) -> Result<Self, ConnectorError> {
        let place = Place::find(spreadsheet, object, tables)?;
        let zone = zone_of(spreadsheet)?;
        let last = place.end().min(place.header_row + FORMAT_ROWS);
        let head = client.head(&Area::of((place.header_row, last), place.span).on(&place.title)).await?;
        let rows: Vec<&[CellData]> = head
            .data
            .first()
            .map(|data| data.row_data.iter().map(|row| row.values.as_slice()).collect())
            .unwrap_or_default();
        let columns = columns(&place, &rows, object, tables)?;
        note_merges(&place, &head);
        Ok(Self { place, columns, zone })
    }

    /// Returns the columns by their names and places.
    pub(super) fn named(&self) -> Vec<Named> {
        let named = |column: &Column| Named {
            place: column.place,
            name: column.name.clone(),
            shared_heading: column.shared_heading.clone(),
        };
        self.columns.iter().map(named).collect()
    }

    /// Returns the column of that name.
    pub(super) fn column(&self, name: &str) -> Result<&Column, ConnectorError> {
        self.columns.iter().find(|column| is_meant(&column.name, name)).ok_or_else(|| self.unknown_column(name))
    }

    /// Says that there is no such column.
    pub(super) fn unknown_column(&self, name: &str) -> ConnectorError {
        let message = format!("`{}` has no column `{name}`", self.place.title);
        let names: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        nearest(ConnectorError::new(ErrorKind::NotFound, UNKNOWN_COLUMN, message), name, &names)
    }

    /// Says that a column is gone that was there, and what its heading's cell says now.
    pub(super) fn gone_column(&self, name: &str, headings: &[Cell]) -> ConnectorError {
        let Ok(column) = self.column(name) else { return self.unknown_column(name) };
        let at = self.place.cell(self.place.header_row, column.place);
        let now = column.place.checked_sub(self.place.span.0).and_then(|offset| headings.get(offset));
        let now = now.map(Cell::seen).filter(|text| !text.trim().is_empty());
        let now = now.map_or_else(|| "is empty".to_owned(), |heading| format!("says `{heading}`"));
        let message = format!("`{}` has no column `{name}` any more: cell {at} {now}", self.place.title);
        ConnectorError::new(ErrorKind::NotFound, UNKNOWN_COLUMN, message)
    }

    /// Returns what the object looks like.
    pub(super) fn describe(&self, object: &ObjectName, is_source: bool) -> Schema {
        let headings: Vec<&str> = self.columns.iter().map(|column| column.name.as_str()).collect();
        let described = self.columns.iter().zip(usual::labels(&headings));
        let mut fields: Vec<Field> = described.map(|(column, label)| column.describe(is_source, label)).collect();
        if is_source && !self.columns.iter().any(|column| column.name == ROW) {
            let mut row = Field::new(ROW, FieldType::Integer);
            row.is_read_only = true;
            fields.push(row);
        }
        Schema { object: object.clone(), fields, is_open: false }
    }
}

impl Column {
    fn describe(&self, is_source: bool, usual_name: Option<&str>) -> Field {
        let mut field = Field::new(&self.name, self.field_type);
        field.label = self.shared_heading.clone().or_else(|| usual_name.map(str::to_owned));
        field.is_read_only = self.is_formula && !is_source;
        field.is_formula = self.is_formula;
        field.filled_percent = self.filled_percent;
        field.format =
            self.format.as_ref().map(|format| format!("{} {}", format.kind, format.pattern).trim().to_owned());
        field
    }
}

/// Returns the zone of a spreadsheet.
pub(super) fn zone_of(spreadsheet: &Spreadsheet) -> Result<Tz, ConnectorError> {
    let name = &spreadsheet.properties.time_zone;
    if name.is_empty() {
        return Ok(Tz::UTC);
    }
    name.parse().map_err(|_| {
        let message = format!("the spreadsheet's time zone `{name}` is not known here");
        ConnectorError::new(ErrorKind::Unexpected, "unknown_zone", message)
            .with_hint("choose a zone by its city in File > Settings")
    })
}

fn area_of(range: &GridRange) -> Area {
    Area {
        first_row: range.start_row_index,
        last_row: range.end_row_index.and_then(|end| end.checked_sub(1)),
        first_column: range.start_column_index,
        last_column: range.end_column_index.and_then(|end| end.checked_sub(1)),
    }
}

fn unknown_object(object: &ObjectName, sheets: &[&SheetProperties], spreadsheet: &Spreadsheet) -> ConnectorError {
    let names = sheets.iter().map(|sheet| sheet.title.as_str());
    let names: Vec<&str> = names.chain(spreadsheet.named_ranges.iter().map(|range| range.name.as_str())).collect();
    let message = format!("the spreadsheet has no tab and no named range `{object}`");
    nearest(ConnectorError::new(ErrorKind::NotFound, "unknown_tab", message), object, &names)
}

/// Adds the nearest known name to an error, or all of them.
pub(super) fn nearest(error: ConnectorError, name: &str, known: &[&str]) -> ConnectorError {
    let similarity = |other: &str| strsim::jaro_winkler(&name.to_lowercase(), &other.to_lowercase());
    let nearest = known.iter().map(|other| (similarity(other), other)).max_by(|one, two| one.0.total_cmp(&two.0));
    match nearest {
        Some((similarity, other)) if similarity > 0.8 => error.with_hint(format!("did you mean `{other}`?")),
        _ if known.is_empty() => error,
        _ => error.with_hint(format!("there are `{}`", known.join("`, `"))),
    }
}
