//! How values are read: formatted, unformatted, or as formulas; rows or columns; without the blank ends.

use serde_json::{Value as Json, json};

use super::{
    cell::{Cell, Entered, Value},
    errors::ApiError,
    evaluator::Evaluator,
    formats::{NumberFormat, show},
    grid::Dimension,
    numbers, schema,
    sheet::Area,
    spreadsheet::Spreadsheet,
};

/// How values are rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rendering {
    Formatted,
    Unformatted,
    Formula,
}

/// How a request wants values to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReadOptions {
    pub(super) dimension: Dimension,
    pub(super) rendering: Rendering,
    /// Whether dates come as texts where values are not formatted.
    pub(super) has_date_texts: bool,
}

impl ReadOptions {
    /// Reads the options of a query or body by their names.
    ///
    /// # Errors
    /// Fails on a value that is none of the option's.
    pub(super) fn read<'call>(
        get: impl Fn(&str) -> Option<&'call str>,
        [dimension, rendering, dates]: [&str; 3],
    ) -> Result<Self, ApiError> {
        let dimension = match get(dimension).unwrap_or_default() {
            "" | "ROWS" | "DIMENSION_UNSPECIFIED" => Dimension::Rows,
            "COLUMNS" => Dimension::Columns,
            other => return Err(unknown("major_dimension", "Dimension", other)),
        };
        let rendering = match get(rendering).unwrap_or_default() {
            "" | "FORMATTED_VALUE" => Rendering::Formatted,
            "UNFORMATTED_VALUE" => Rendering::Unformatted,
            "FORMULA" => Rendering::Formula,
            other => return Err(unknown("value_render_option", "ValueRenderOption", other)),
        };
        let has_date_texts = match get(dates).unwrap_or_default() {
            "" | "SERIAL_NUMBER" => false,
            "FORMATTED_STRING" => true,
            other => return Err(unknown("date_time_render_option", "DateTimeRenderOption", other)),
        };
        Ok(Self { dimension, rendering, has_date_texts })
    }
}

/// Refuses a value of an enum.
pub(super) fn unknown(field: &str, kind: &str, value: &str) -> ApiError {
    schema::invalid(field, &format!("type.googleapis.com/google.apps.sheets.v4.{kind}"), &Json::from(value))
}

/// Returns the name of a dimension.
pub(super) fn dimension_name(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Rows => "ROWS",
        Dimension::Columns => "COLUMNS",
    }
}

/// Reads an area as a `ValueRange`. Blank ends of lines and blank lines at the end are left out.
pub(super) fn value_range(
    book: &Spreadsheet,
    sheet: usize,
    area: &Area,
    options: ReadOptions,
    evaluator: &Evaluator,
) -> Json {
    let mut lines = match options.dimension {
        Dimension::Rows => rows(book, sheet, area, options, evaluator),
        Dimension::Columns => columns(book, sheet, area, options, evaluator),
    };
    let filled = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    lines.truncate(filled);
    let range = book.sheets[sheet].name_of(area);
    let mut answer = json!({ "range": range, "majorDimension": dimension_name(options.dimension) });
    if !lines.is_empty() {
        answer["values"] = Json::Array(lines.into_iter().map(Json::Array).collect());
    }
    answer
}

fn rows(book: &Spreadsheet, sheet: usize, area: &Area, options: ReadOptions, evaluator: &Evaluator) -> Vec<Vec<Json>> {
    let grid = &book.sheets[sheet].grid;
    let last = area.rows.end.min(grid.kept_rows());
    let read = |row: usize| {
        let kept = grid.row(row);
        let end = area.columns.end.min(kept.len());
        let cells = kept.get(area.columns.start..end).unwrap_or_default();
        let filled = cells.iter().rposition(|cell| !cell.is_blank()).map_or(0, |last| last + 1);
        let place = |index: usize| (sheet, row, area.columns.start + index);
        cells[..filled].iter().enumerate().map(|(index, cell)| scalar(cell, place(index), options, evaluator)).collect()
    };
    (area.rows.start..last).map(read).collect()
}

fn columns(
    book: &Spreadsheet,
    sheet: usize,
    area: &Area,
    options: ReadOptions,
    evaluator: &Evaluator,
) -> Vec<Vec<Json>> {
    let grid = &book.sheets[sheet].grid;
    let last = area.rows.end.min(grid.kept_rows()).max(area.rows.start);
    let read = |column: usize| {
        let rows = area.rows.start..last;
        let filled = rows.clone().rposition(|row| !grid.cell(row, column).is_blank()).map_or(0, |last| last + 1);
        let value = |row: usize| scalar(grid.cell(row, column), (sheet, row, column), options, evaluator);
        rows.take(filled).map(value).collect()
    };
    area.columns.clone().map(read).collect()
}

/// Renders one cell.
fn scalar(cell: &Cell, place: (usize, usize, usize), options: ReadOptions, evaluator: &Evaluator) -> Json {
    if let (Rendering::Formula, Entered::Formula(formula)) = (options.rendering, &cell.entered) {
        return Json::from(formula.text());
    }
    let value = evaluator.value(place);
    if options.rendering == Rendering::Formatted {
        return Json::from(show(&value, effective_format(cell, evaluator).as_ref(), evaluator.locale()));
    }
    match value {
        Value::Empty | Value::Rows(_) => Json::from(""),
        Value::Text(text) => Json::from(text),
        Value::Bool(is_true) => Json::from(is_true),
        Value::Error(fault) => Json::from(fault.kind.text()),
        Value::Number(number) => {
            let format = effective_format(cell, evaluator);
            match format.filter(|format| options.has_date_texts && format.is_time()) {
                Some(format) => Json::from(show(&Value::Number(number), Some(&format), evaluator.locale())),
                None => numbers::json(number),
            }
        }
    }
}

/// Returns the number format that counts for a cell: the one that was set, or the one that its formula brings.
pub(super) fn effective_format(cell: &Cell, evaluator: &Evaluator) -> Option<NumberFormat> {
    let own = NumberFormat::of(cell, evaluator.locale());
    own.or_else(|| match &cell.entered {
        Entered::Formula(formula) => {
            formula.natural_format().map(|kind| NumberFormat::new(kind, "", evaluator.locale()))
        }
        _ => None,
    })
}
