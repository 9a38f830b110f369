//! Where an object is in the spreadsheet.
//!
//! An object is a tab by its title, a named range, or a range of a tab. A tab's own title wins, so that a tab `Q1` or `a!b` is
//! never taken for something else.

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::ObjectName;

use super::{
    a1::{self, Area},
    cell::Cell,
    client::{GridRange, SheetProperties, Spreadsheet},
    config::Tables,
    rows::Rows,
};

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
    pub(super) fn headings_of(&self, rows: &Rows) -> Vec<Cell> {
        let (first, last) = self.span;
        rows.row(0).into_iter().skip(first).take(last - first + 1).collect()
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
