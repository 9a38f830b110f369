//! Adds rows below the last one that has a key.
//!
//! One append takes all of them. Where it could miss the table (a gap in the rows or the columns), or where formulas come with
//! the rows, they are inserted at an exact place instead, all or nothing, and the header comes back in the same answer. An append
//! does not tell the header, so header and keys are read after it. Rows that were written when somebody moved the columns are
//! looked at in `added`, and put right by `misplaced`.

use serde_json::{Value as Json, json};

use crate::connector::ConnectorError;
use crate::model::{ObjectName, Outcome};

use super::{
    super::{
        a1::{self, Area},
        cell::Cell,
        errors::{after_write, incomplete},
        limits::PAYLOAD_BYTES,
        table::Table,
    },
    Known, SheetsDestination,
    plan::{Formula, Plan},
    prepare::{Outcomes, Prepared},
    rules::check_shared,
    structure::check_cells,
    view::View,
};

/// A record that is added, with its key where the pipeline has one.
pub(super) type NewRow = (Option<String>, Prepared);

/// A cell of a row that is inserted at an exact place.
#[derive(Debug, Clone)]
pub(super) enum NewCell {
    /// A value, which stays what it is.
    Value(Cell),
    /// A formula of the pipeline, or one that stood in the row before.
    Formula(String),
}

/// Where rows were written.
#[derive(Debug, Clone)]
pub(super) struct Landed {
    /// The first of the rows, from 0.
    pub(super) row: usize,
    /// The column in which the table's first column was written.
    pub(super) column: usize,
    /// The header right after the write, where it came back with it.
    pub(super) headings: Option<Vec<Cell>>,
}

impl SheetsDestination {
    pub(super) async fn insert(
        &self,
        known: &mut Known,
        (object, plan): (&ObjectName, &Plan),
        records: Vec<Prepared>,
    ) -> Result<Outcomes, ConnectorError> {
        let mut outcomes = Outcomes::with_capacity(records.len());
        let mut rows: Vec<NewRow> = Vec::with_capacity(records.len());
        for record in records {
            if plan.key.is_empty() {
                rows.push((None, record));
                continue;
            }
            match record.key(&plan.key) {
                Ok(key) => rows.push((Some(key), record)),
                Err(rejection) => outcomes.push((record.place, Outcome::Rejected(rejection))),
            }
        }
        if rows.is_empty() {
            return Ok(outcomes);
        }
        let table = known.table()?;
        let view = match known.view.take() {
            Some(view) => view,
            None => View::read(&self.client, &table, &plan.key).await?,
        };
        check_shared(&table, &view.columns, plan)?;
        check_cells(known, &table, rows.len())?;
        let landed = self.add_rows(&table, plan, &view, &rows).await?;
        let first = landed.row;
        known.count_rows(&table, rows.len());
        let now = self.confirm(known, (object, plan), view, landed, &rows).await.map_err(after_write)?;
        known.view = Some(now);
        let created = rows.into_iter().enumerate().map(|(offset, (key, record))| {
            (record.place, Outcome::Created { id: key.unwrap_or_else(|| format!("row {}", first + offset + 1)) })
        });
        outcomes.extend(created);
        Ok(outcomes)
    }

    /// Writes the rows.
    async fn add_rows(
        &self,
        table: &Table,
        plan: &Plan,
        view: &View,
        rows: &[NewRow],
    ) -> Result<Landed, ConnectorError> {
        let span = view.span();
        let layout = |record: &Prepared| layout(record, view, table);
        if plan.formulas.is_empty() && view.is_compact(table.place.header_row) {
            let cells = rows.iter().map(|(_, record)| layout(record)).collect::<Result<Vec<_>, _>>()?;
            // From the header to the last row: where no table is found in a range, an append writes over what the range holds.
            let anchor = Area::of((table.place.header_row, view.last_row), span).on(&table.place.title);
            let written = self.client.append(&anchor, &cells).await?;
            let landed = a1::parse_on(&written.updated_range).map(|(_, area)| area);
            return match landed {
                Some(area) if area.first_row > table.place.header_row => {
                    Ok(Landed { row: area.first_row, column: area.first_column, headings: None })
                }
                _ => Err(incomplete("the rows are not where the table is")),
            };
        }
        let first = view.last_row + 1;
        let mut headings = Vec::new();
        let mut cells = Vec::with_capacity(rows.len());
        let (mut bytes, mut begin) = (0, first);
        for (offset, (_, record)) in rows.iter().enumerate() {
            if bytes > PAYLOAD_BYTES {
                let part = std::mem::take(&mut cells);
                headings = self.insert_part(table, view, (first, begin), &part).await?;
                (bytes, begin) = (0, first + offset);
            }
            let values =
                layout(record)?.into_iter().map(|cell| NewCell::Value(cell.unwrap_or_default())).collect::<Vec<_>>();
            let row = with_formulas(values, &plan.formulas, view, first + offset, table)?;
            bytes += row.iter().map(NewCell::bytes).sum::<usize>();
            cells.push(row);
        }
        // What one part meets, the next one does too: a column does not move back.
        let last = self.insert_part(table, view, (first, begin), &cells).await?;
        let is_same = headings.is_empty() || view.is_same_header(&headings, table);
        let headings = Some(if is_same { last } else { headings });
        Ok(Landed { row: first, column: span.0, headings })
    }

    /// Inserts a part of some rows: `first` is where all of them begin, `begin` where this part does. If one fails, those before
    /// it are there. Returns the header as it is then.
    async fn insert_part(
        &self,
        table: &Table,
        view: &View,
        (first, begin): (usize, usize),
        rows: &[Vec<NewCell>],
    ) -> Result<Vec<Cell>, ConnectorError> {
        let mut grown = table.clone();
        grown.place.rows += begin - first;
        let inserted = self.insert_at(&grown, begin, view.span().0, rows).await;
        inserted.map_err(|error| if begin > first { after_write(error) } else { error })
    }

    /// Inserts rows at an exact place, all or nothing. Returns the header as it is then.
    pub(super) async fn insert_at(
        &self,
        table: &Table,
        first: usize,
        first_column: usize,
        rows: &[Vec<NewCell>],
    ) -> Result<Vec<Cell>, ConnectorError> {
        let sheet_id = table.place.sheet_id;
        // Rows are inserted even at the end of the grid: what somebody put there since moves down and is not overwritten.
        let room = json!({ "insertDimension": {
            "range": { "sheetId": sheet_id, "dimension": "ROWS", "startIndex": first, "endIndex": first + rows.len() },
            // A first row must not look like the header; at the end of the grid there is nothing else to look like.
            "inheritFromBefore": first > table.place.header_row + 1 || first >= table.place.rows,
        }});
        let cells = json!({ "updateCells": {
            "rows": rows.iter().map(|row| json!({ "values": row.iter().map(NewCell::json).collect::<Vec<_>>() })).collect::<Vec<_>>(),
            "fields": "userEnteredValue",
            "start": { "sheetId": sheet_id, "rowIndex": first, "columnIndex": first_column },
        }});
        let shown = self.client.change_showing(&[room, cells], &[table.place.header_row_range()]).await?;
        Ok(table.place.headings_of(&shown.into_iter().next().unwrap_or_default()))
    }
}

/// Returns a record's cells from the table's first column to its last; columns that it does not have are left alone.
fn layout(record: &Prepared, view: &View, table: &Table) -> Result<Vec<Option<Cell>>, ConnectorError> {
    let (first, last) = view.span();
    let mut cells = vec![None; last - first + 1];
    for (name, cell) in &record.cells {
        let place = view.place(name).ok_or_else(|| table.unknown_column(name))?;
        cells[place - first] = Some(cell.clone());
    }
    Ok(cells)
}

/// Puts the pipeline's formulas into a row.
pub(super) fn with_formulas(
    mut row: Vec<NewCell>,
    formulas: &[Formula],
    view: &View,
    number: usize,
    table: &Table,
) -> Result<Vec<NewCell>, ConnectorError> {
    let (first, _) = view.span();
    for formula in formulas {
        let place = view.place(&formula.column).ok_or_else(|| table.unknown_column(&formula.column))?;
        row[place - first] = NewCell::Formula(formula.text(number, view, table)?);
    }
    Ok(row)
}

impl NewCell {
    /// Estimates the bytes of the cell in a request.
    fn bytes(&self) -> usize {
        match self {
            Self::Value(Cell::Empty) => 3,
            Self::Value(Cell::Text(text)) | Self::Formula(text) => text.len() + 45,
            Self::Value(Cell::Number(_) | Cell::Boolean(_)) => 50,
        }
    }

    /// Returns the value, or the formula as a text.
    pub(super) fn into_cell(self) -> Cell {
        match self {
            Self::Value(cell) => cell,
            Self::Formula(formula) => Cell::text(formula),
        }
    }

    pub(super) fn json(&self) -> Json {
        match self {
            Self::Value(Cell::Empty) => json!({}),
            Self::Value(Cell::Text(text)) => json!({ "userEnteredValue": { "stringValue": text } }),
            Self::Value(Cell::Number(number)) => json!({ "userEnteredValue": { "numberValue": number } }),
            Self::Value(Cell::Boolean(flag)) => json!({ "userEnteredValue": { "boolValue": flag } }),
            Self::Formula(formula) => json!({ "userEnteredValue": { "formulaValue": formula } }),
        }
    }
}
