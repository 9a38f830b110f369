//! From rows of cells to a page of records.

use std::collections::HashSet;

use chrono_tz::Tz;
use serde_json::{Map, Value as Json};

use crate::connector::{
    ConnectorError, ErrorKind, ReadRequest,
    file::{content_id, joined_id},
};
use crate::model::{DELETED, FieldType, ID, Page, ReadReject, UPDATED_AT, Value, column};

use super::super::{
    cell::Cell,
    columns::Column,
    config::Tables,
    errors::unexpected,
    header::{is_meant, named_columns},
    place::Place,
    rows::Rows,
    schema::decode,
    table::{ROW, Table},
};

/// One read of one table.
pub(super) struct Reading {
    place: Place,
    zone: Tz,
    columns: Vec<Column>,
    /// The columns that were asked for, by index into `columns`; none is the row's number.
    fields: Vec<(String, Option<usize>)>,
    /// How many of them are loaded; those behind are looked at.
    loaded: usize,
    /// The columns that identify a record; empty where its whole content does.
    id: Vec<usize>,
    updated: Option<usize>,
    since: Option<i64>,
    latest: Option<i64>,
    id_columns: Vec<String>,
    named_places: HashSet<usize>,
    /// The first cell that has a value in a column without a name, and how many there are.
    stray: Option<(String, u64)>,
}

/// The columns of a page on the way to a frame.
#[derive(Default)]
struct Frame {
    ids: Vec<Value>,
    updated: Vec<Value>,
    fields: Vec<Vec<Value>>,
}

impl Reading {
    pub(super) fn new(
        table: &Table,
        request: &ReadRequest,
        tables: &Tables,
        since: Option<i64>,
    ) -> Result<Self, ConnectorError> {
        if let Some(link) = request.links.first() {
            let message = format!("a sheet holds no links to `{link}`");
            return Err(ConnectorError::new(ErrorKind::NotFound, "unknown_field", message)
                .with_hint("a column that holds the other record's id can be mapped with `link`"));
        }
        let index = |name: &str| -> Result<usize, ConnectorError> {
            let found = table.columns.iter().position(|column| is_meant(&column.name, name));
            found.ok_or_else(|| table.unknown_column(name))
        };
        let mut fields = Vec::with_capacity(request.fields.len());
        for name in &request.fields {
            let place = match index(name) {
                Ok(place) => Some(place),
                Err(_) if name.as_str() == ROW => None,
                Err(error) => return Err(error),
            };
            fields.push((name.to_string(), place));
        }
        let loaded = fields.len();
        let shown = request.shown.iter().filter_map(|name| Some((name.to_string(), Some(index(name).ok()?))));
        fields.extend(shown);
        let id_columns = tables.id_columns(&request.object);
        let id = id_columns.iter().map(|name| index(name)).collect::<Result<Vec<usize>, _>>()?;
        let updated = tables.updated_column(&request.object).map(index).transpose()?;
        Ok(Self {
            place: table.place.clone(),
            zone: table.zone,
            named_places: table.columns.iter().map(|column| column.place).collect(),
            columns: table.columns.clone(),
            fields,
            loaded,
            id,
            updated,
            since,
            latest: None,
            id_columns,
            stray: None,
        })
    }

    /// Tells whether the header of the rows is the one that the columns were learned from.
    pub(super) fn is_header(&self, headings: &[Cell]) -> bool {
        let named = named_columns(headings, self.place.span.0, &self.id_columns);
        named.len() == self.columns.len()
            && named.iter().zip(&self.columns).all(|(now, then)| now.place == then.place && now.name == then.name)
    }

    /// Returns the latest moment in the column of changes.
    pub(super) fn latest(&self) -> Option<i64> {
        self.latest
    }

    /// Says what was left out, once.
    pub(super) fn tell(&self) {
        if let Some((cell, count)) = &self.stray {
            tracing::warn!(%cell, count, "cells in columns without a name are not read");
        }
    }

    /// Makes a page of rows; `first_row` is the number of the first one, from 0.
    pub(super) fn page(&mut self, first_row: usize, rows: &Rows) -> Result<Page, ConnectorError> {
        let mut frame = Frame { fields: self.fields.iter().map(|_| Vec::new()).collect(), ..Frame::default() };
        let mut rejects = Vec::new();
        for (offset, cells) in rows.iter().enumerate() {
            let row = first_row + offset;
            if row <= self.place.header_row || self.is_empty(row, &cells) {
                continue;
            }
            match self.record(row, &cells) {
                Ok(Some((id, updated, values))) => {
                    frame.ids.push(Value::Text(id));
                    frame.updated.push(updated);
                    frame.fields.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
                }
                Ok(None) => {}
                Err(reject) => rejects.push(*reject),
            }
        }
        Ok(Page { frame: self.frame(&frame)?, rejects, cursor: None, left: None })
    }

    /// Tells whether a row has no value in a column with a name, and notes values in those without.
    fn is_empty(&mut self, row: usize, cells: &[Cell]) -> bool {
        for (offset, _) in cells.iter().enumerate().filter(|(_, cell)| !cell.is_blank()) {
            let place = self.place.span.0 + offset;
            if !self.named_places.contains(&place) {
                let cell = self.place.cell(row, place);
                self.stray.get_or_insert((cell, 0)).1 += 1;
            }
        }
        self.columns.iter().all(|column| self.cell(cells, column).is_blank())
    }

    fn cell<'cells>(&self, cells: &'cells [Cell], column: &Column) -> &'cells Cell {
        cells.get(column.place - self.place.span.0).unwrap_or(&Cell::Empty)
    }

    /// Reads a record: its id, when it was changed, its fields. None where it did not change since the last read.
    #[expect(clippy::type_complexity, reason = "the parts of a record, taken apart at once")]
    fn record(&mut self, row: usize, cells: &[Cell]) -> Result<Option<(String, Value, Vec<Value>)>, Box<ReadReject>> {
        let id = self.id(row, cells)?;
        let updated = match self.updated {
            Some(place) => self.value(&id, row, cells, place, Some(FieldType::Datetime))?,
            None => Value::Null,
        };
        if let Value::DateTime(moment) = &updated {
            let millis = moment.timestamp_millis();
            self.latest = self.latest.max(Some(millis));
            if self.since.is_some_and(|since| millis < since) {
                return Ok(None);
            }
        }
        let mut values = Vec::with_capacity(self.fields.len());
        for (position, (_, place)) in self.fields.iter().enumerate() {
            values.push(match place {
                Some(place) if position >= self.loaded => self.value(&id, row, cells, *place, None).unwrap_or_default(),
                Some(place) => self.value(&id, row, cells, *place, None)?,
                None => Value::Integer(i64::try_from(row + 1).unwrap_or(i64::MAX)),
            });
        }
        Ok(Some((id, updated, values)))
    }

    fn id(&self, row: usize, cells: &[Cell]) -> Result<String, Box<ReadReject>> {
        let texts: Vec<String> = if self.id.is_empty() {
            self.columns.iter().map(|column| self.cell(cells, column).seen()).collect()
        } else {
            self.id.iter().map(|place| self.cell(cells, &self.columns[*place]).key()).collect()
        };
        if self.is_repeated_header(cells) {
            let reason = "the row repeats the header: a second table begins here, read it as an object of its own";
            return Err(self.reject(row, cells, None, "repeated_header", reason));
        }
        if self.id.is_empty() {
            return Ok(content_id(texts.iter().map(String::as_bytes)));
        }
        if let Some(empty) = texts.iter().position(String::is_empty) {
            return Err(self.reject(row, cells, Some(self.id[empty]), "no_id", "the id column is empty"));
        }
        Ok(joined_id(&texts.iter().map(String::as_str).collect::<Vec<_>>()))
    }

    fn is_repeated_header(&self, cells: &[Cell]) -> bool {
        self.columns.len() > 1
            && self.columns.iter().all(|column| {
                let heading = column.shared_heading.as_ref().unwrap_or(&column.name);
                self.cell(cells, column).key() == *heading
            })
    }

    fn value(
        &self,
        id: &str,
        row: usize,
        cells: &[Cell],
        place: usize,
        wanted: Option<FieldType>,
    ) -> Result<Value, Box<ReadReject>> {
        let column = &self.columns[place];
        decode(self.cell(cells, column), wanted.unwrap_or(column.field_type), self.zone).map_err(|misfit| {
            let mut reject = self.reject(row, cells, Some(place), misfit.code, &misfit.reason);
            (reject.id, reject.has_id) = (id.to_owned(), true);
            reject
        })
    }

    fn reject(&self, row: usize, cells: &[Cell], place: Option<usize>, code: &str, reason: &str) -> Box<ReadReject> {
        let column = place.map(|place| &self.columns[place]);
        let at = match column {
            Some(column) => format!("cell {}: {reason}", self.place.cell(row, column.place)),
            None => format!("row {} of `{}`: {reason}", row + 1, self.place.title),
        };
        let named =
            self.columns.iter().map(|column| (column.name.clone(), Json::from(self.cell(cells, column).seen())));
        let record: Map<String, Json> = named.filter(|(_, text)| text != "").collect();
        Box::new(ReadReject {
            id: format!("row {}", row + 1),
            has_id: false,
            number: u64::try_from(row + 1).ok(),
            line: None,
            field: column.map(|column| column.name.clone()),
            value: column.map(|column| self.cell(cells, column).seen()),
            code: code.to_owned(),
            reason: at,
            record: Json::Object(record),
        })
    }

    fn frame(&self, frame: &Frame) -> Result<polars::frame::DataFrame, ConnectorError> {
        let failed = |error: polars::error::PolarsError| unexpected(&error.to_string());
        let deleted = vec![Value::Boolean(false); frame.ids.len()];
        let mut columns = vec![
            column(ID, FieldType::Text, &frame.ids).map_err(failed)?,
            column(UPDATED_AT, FieldType::Datetime, &frame.updated).map_err(failed)?,
            column(DELETED, FieldType::Boolean, &deleted).map_err(failed)?,
        ];
        for ((name, place), values) in self.fields.iter().zip(&frame.fields) {
            let field_type = place.map_or(FieldType::Integer, |place| self.columns[place].field_type);
            columns.push(column(name, field_type, values).map_err(failed)?);
        }
        polars::frame::DataFrame::new(frame.ids.len(), columns).map_err(failed)
    }
}
