//! Adds tabs and columns that a pipeline writes, and counts cells before they are added.

use serde_json::{Value as Json, json};
use xxhash_rust::xxh3::xxh3_64;

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{Field, FieldType, ObjectName};

use super::{
    super::{
        a1,
        columns::Column,
        errors::after_write,
        limits::MAX_CELLS,
        place::Place,
        schema::format_of,
        table::{Table, zone_of},
    },
    Known, SheetsDestination,
    plan::Plan,
};

/// A column that is to be added.
pub(super) struct NewColumn {
    name: String,
    /// None for one that a formula fills.
    field_type: Option<FieldType>,
}

impl SheetsDestination {
    /// Sees to it that tab and columns are there, once a run.
    pub(super) async fn make_ready(
        &self,
        known: &mut Known,
        plan: &Plan,
        object: &ObjectName,
    ) -> Result<(), ConnectorError> {
        if known.is_ready {
            return Ok(());
        }
        let missing = missing_columns(known.table.as_ref(), plan);
        match known.table.clone() {
            None => self.add_tab(known, &missing, object).await?,
            Some(_) if missing.is_empty() => {}
            Some(table) => self.add_columns(known, &table, &missing).await?,
        }
        known.is_ready = true;
        Ok(())
    }

    async fn add_tab(
        &self,
        known: &mut Known,
        columns: &[NewColumn],
        object: &ObjectName,
    ) -> Result<(), ConnectorError> {
        let Some(spreadsheet) = &known.spreadsheet else { return Ok(()) };
        let is_taken = |id: i64| spreadsheet.sheets.iter().any(|sheet| sheet.properties.sheet_id == id);
        let hash = i64::try_from(xxh3_64(object.as_bytes()) & 0x3fff_ffff).unwrap_or(1);
        let sheet_id = (hash.max(1)..=i64::from(i32::MAX)).find(|id| !is_taken(*id)).unwrap_or(hash);
        // A frozen row needs one below it.
        let (rows, width) = (2, columns.len().max(1));
        check_added(known, rows * width)?;
        let mut requests = vec![json!({ "addSheet": { "properties": {
            "sheetId": sheet_id, "title": object.as_str(), "sheetType": "GRID",
            "gridProperties": { "rowCount": rows, "columnCount": width, "frozenRowCount": 1 },
        }}})];
        requests.extend(headings(sheet_id, 0, 0, columns));
        self.client.change(&requests).await?;
        let place = Place {
            title: object.to_string(),
            sheet_id,
            rows,
            columns: width,
            header_row: 0,
            span: (0, width - 1),
            last_row: None,
        };
        let zone = zone_of(spreadsheet)?;
        known.table = Some(Table { place, columns: placed(columns, 0), zone });
        known.view = None;
        Ok(())
    }

    async fn add_columns(&self, known: &mut Known, table: &Table, columns: &[NewColumn]) -> Result<(), ConnectorError> {
        let first_missing = columns.first().map(|column| column.name.as_str()).unwrap_or_default();
        let is_part = table.place.last_row.is_some() || table.place.span.1 + 1 < table.place.columns;
        if !self.options.creates_columns || is_part {
            return Err(table.unknown_column(first_missing));
        }
        check_added(known, table.place.rows * columns.len())?;
        let sheet_id = table.place.sheet_id;
        let at = table.columns.iter().map(|column| column.place + 1).max().unwrap_or_default();
        // What stands to the right of the table moves to the right, even what somebody put there since.
        let room = json!({ "insertDimension": {
            "range": { "sheetId": sheet_id, "dimension": "COLUMNS", "startIndex": at, "endIndex": at + columns.len() },
            // At the end of the grid there is nothing after it to look like.
            "inheritFromBefore": at >= table.place.columns,
        }});
        let mut requests = vec![room];
        requests.extend(headings(sheet_id, table.place.header_row, at, columns));
        self.client.change(&requests).await.map_err(after_write)?;
        let mut grown = table.clone();
        grown.columns.extend(placed(columns, at));
        grown.place.columns += columns.len();
        grown.place.span.1 += columns.len();
        known.table = Some(grown);
        known.view = None;
        Ok(())
    }
}

impl Known {
    /// Counts rows that were added to a table.
    pub(super) fn count_rows(&mut self, table: &Table, rows: usize) {
        let sheets = self.spreadsheet.iter_mut().flat_map(|spreadsheet| &mut spreadsheet.sheets);
        let sheet = sheets.map(|sheet| &mut sheet.properties).find(|sheet| sheet.sheet_id == table.place.sheet_id);
        if let Some(sheet) = sheet {
            sheet.grid_properties.row_count += rows;
        }
        if let Some(table) = &mut self.table {
            table.place.rows += rows;
        }
    }
}

pub(super) fn missing_columns(table: Option<&Table>, plan: &Plan) -> Vec<NewColumn> {
    let field = |field: &Field| NewColumn { name: field.name.to_string(), field_type: Some(field.field_type) };
    let formula = |formula: &super::plan::Formula| NewColumn { name: formula.column.clone(), field_type: None };
    let all = plan.fields.iter().map(field).chain(plan.formulas.iter().map(formula));
    all.filter(|column| table.is_none_or(|table| table.column(&column.name).is_err())).collect()
}

/// Returns the columns as they are once they were added.
fn placed(columns: &[NewColumn], first: usize) -> Vec<Column> {
    let column = |(offset, column): (usize, &NewColumn)| Column {
        place: first + offset,
        name: column.name.clone(),
        shared_heading: None,
        field_type: column.field_type.unwrap_or(FieldType::Text),
        format: None,
        filled_percent: None,
        is_formula: column.field_type.is_none(),
    };
    columns.iter().enumerate().map(column).collect()
}

/// Returns the requests that write headings and set the number formats of the columns below them.
fn headings(sheet_id: i64, header_row: usize, first: usize, columns: &[NewColumn]) -> Vec<Json> {
    let cells: Vec<Json> =
        columns.iter().map(|column| json!({ "userEnteredValue": { "stringValue": column.name } })).collect();
    let mut requests = vec![json!({ "updateCells": {
        "rows": [{ "values": cells }],
        "fields": "userEnteredValue",
        "start": { "sheetId": sheet_id, "rowIndex": header_row, "columnIndex": first },
    }})];
    for (offset, column) in columns.iter().enumerate() {
        // Without a format of its own, a column must not have that of its neighbour.
        let format = column.field_type.and_then(format_of);
        let format = format.map(|(kind, pattern)| json!({ "numberFormat": { "type": kind, "pattern": pattern } }));
        let place = first + offset;
        debug_assert!(place < a1::MAX_COLUMNS, "a tab with more columns is refused before");
        requests.push(json!({ "repeatCell": {
            "range": {
                "sheetId": sheet_id, "startRowIndex": header_row + 1, "startColumnIndex": place, "endColumnIndex": place + 1,
            },
            "cell": { "userEnteredFormat": format.unwrap_or_else(|| json!({})) },
            "fields": "userEnteredFormat.numberFormat",
        }}));
    }
    requests
}

/// Refuses rows that the spreadsheet has no room for, before any of them is written.
pub(super) fn check_cells(known: &Known, table: &Table, rows: usize) -> Result<(), ConnectorError> {
    check_added(known, rows * table.place.columns)
}

/// Refuses cells beyond what a spreadsheet may hold.
fn check_added(known: &Known, added: usize) -> Result<(), ConnectorError> {
    let grids = known.spreadsheet.iter().flat_map(|spreadsheet| &spreadsheet.sheets);
    let cells: usize = grids
        .map(|sheet| sheet.properties.grid_properties)
        .map(|grid| grid.row_count.saturating_mul(grid.column_count))
        .sum();
    let total = u64::try_from(cells.saturating_add(added)).unwrap_or(u64::MAX);
    if total <= MAX_CELLS {
        return Ok(());
    }
    let message = format!(
        "the spreadsheet has {cells} cells and would have {total}: Google allows {MAX_CELLS}, empty ones included"
    );
    Err(ConnectorError::new(ErrorKind::Unavailable, "too_many_cells", message)
        .with_hint("delete empty rows, columns and tabs, or write to another spreadsheet"))
}
