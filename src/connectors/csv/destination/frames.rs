//! Writes frames as lines, cell by cell, without a value of its own for any of them. What comes out is what records of the same
//! values would become.

use std::borrow::Cow;

use polars::{
    error::polars_err,
    frame::DataFrame,
    prelude::{Column, DataType, PolarsResult, StringChunked},
};

use crate::connector::{ConnectorError, ErrorKind, file::FrameWriter};
use crate::model::{FieldName, Rejection, Value, guarded};

use super::{super::config::LineEnd, CsvWriter};

/// Which cells of a line are quoted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quoting {
    /// Those that cannot be read otherwise.
    Necessary,
    /// All, so that a line without any value is a record.
    Always,
}

/// The marks of a file's lines.
struct Marks {
    separator: char,
    quote: char,
    line_end: &'static str,
    /// The bytes for which a cell is quoted.
    needs_quotes: [bool; 256],
}

impl Marks {
    fn of(writer: &CsvWriter) -> Self {
        let mut needs_quotes = [false; 256];
        for mark in [writer.form.separator, writer.form.quote, b'\r', b'\n'] {
            needs_quotes[usize::from(mark)] = true;
        }
        let line_end = match writer.form.line_end {
            LineEnd::Lf => "\n",
            LineEnd::Crlf => "\r\n",
        };
        Self {
            separator: char::from(writer.form.separator),
            quote: char::from(writer.form.quote),
            line_end,
            needs_quotes,
        }
    }

    fn push_line(&self, text: &mut String, cells: &[Cow<'_, str>]) {
        let is_empty = cells.iter().all(|cell| cell.trim().is_empty());
        let quoting = if is_empty { Quoting::Always } else { Quoting::Necessary };
        for (place, cell) in cells.iter().enumerate() {
            if place > 0 {
                text.push(self.separator);
            }
            self.push_cell(text, cell, quoting);
        }
        text.push_str(self.line_end);
    }

    fn push_cell(&self, text: &mut String, cell: &str, quoting: Quoting) {
        let is_plain = || !cell.bytes().any(|byte| self.needs_quotes[usize::from(byte)]);
        if quoting == Quoting::Necessary && is_plain() {
            text.push_str(cell);
            return;
        }
        text.push(self.quote);
        for (place, part) in cell.split(self.quote).enumerate() {
            if place > 0 {
                text.push(self.quote);
                text.push(self.quote);
            }
            text.push_str(part);
        }
        text.push(self.quote);
    }
}

impl FrameWriter for CsvWriter {
    fn write_frame(&mut self, frame: &DataFrame) -> Result<Vec<(usize, Rejection)>, ConnectorError> {
        let unexpected = |reason: String| ConnectorError::new(ErrorKind::Unexpected, "file_error", reason);
        let column = |field: &FieldName| texts(frame.column(field)?);
        let columns: PolarsResult<Vec<StringChunked>> = self.fields.iter().map(column).collect();
        let columns = columns.map_err(|error| unexpected(error.to_string()))?;
        let mut values: Vec<_> = columns.iter().map(StringChunked::iter).collect();
        let marks = Marks::of(self);
        let holds_all = self.form.encoding.can_hold_all();
        let mut text = String::new();
        let mut refused = Vec::new();
        let mut cells: Vec<Cow<'_, str>> = Vec::with_capacity(columns.len());
        for record in 0..frame.height() {
            cells.clear();
            cells.extend(values.iter_mut().map(|column| Cow::Borrowed(column.next().flatten().unwrap_or_default())));
            if !holds_all && let Err(reason) = self.check_cells(&cells) {
                refused.push((record, reason));
                continue;
            }
            if self.form.guard_formulas {
                cells.iter_mut().for_each(guard);
            }
            marks.push_line(&mut text, &cells);
        }
        self.file.append(&self.form.encoding.encode(text))?;
        Ok(refused)
    }
}

impl CsvWriter {
    fn check_cells(&self, cells: &[Cow<'_, str>]) -> Result<(), Rejection> {
        let mut fields = self.fields.iter().zip(cells);
        fields.try_for_each(|(field, cell)| self.check_encodable(field, cell))
    }
}

fn guard(cell: &mut Cow<'_, str>) {
    if let Cow::Owned(guarded) = guarded(cell) {
        *cell = Cow::Owned(guarded);
    }
}

/// Returns the values of a column as [`Value::to_text`] writes them.
fn texts(column: &Column) -> PolarsResult<StringChunked> {
    match column.dtype() {
        DataType::String => Ok(column.str()?.clone()),
        dtype if dtype.is_integer() || dtype.is_bool() => Ok(column.cast(&DataType::String)?.str()?.clone()),
        DataType::Float64 => Ok(column.f64()?.iter().map(|number| number.map(|some| some.to_string())).collect()),
        _ => {
            let values = column.as_materialized_series().iter();
            let texts: PolarsResult<Vec<Option<String>>> = values
                .map(|any| {
                    let value = Value::from_any(&any).map_err(|error| polars_err!(ComputeError: "{error}"))?;
                    Ok((!value.is_null()).then(|| value.to_text()))
                })
                .collect();
            Ok(texts?.into_iter().collect())
        }
    }
}
