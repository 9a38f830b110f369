//! An object with its columns: a table.

use chrono_tz::Tz;

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{Field, FieldType, ObjectName, Schema};

use super::{
    a1::Area,
    cell::Cell,
    client::{CellData, SheetsClient, Spreadsheet},
    columns::{Column, UNKNOWN_COLUMN, columns, note_merges},
    config::Tables,
    header::{Named, is_meant},
    limits::FORMAT_ROWS,
    place::{Place, nearest},
    usual,
};

/// The number of a row, as a field.
pub(super) const ROW: &str = "_row";

/// An object with its columns.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) place: Place,
    pub(super) columns: Vec<Column>,
    pub(super) zone: Tz,
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
