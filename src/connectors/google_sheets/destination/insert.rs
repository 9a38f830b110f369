//! Adds rows below the last one that has a key.
//!
//! One append takes all of them. Where it could miss the table (a gap in the rows or the columns), or where formulas come with
//! the rows, they are inserted at an exact place instead, all or nothing, and the header comes back in the same answer. An append
//! does not tell the header, so header and keys are read after it. Rows that were written when somebody moved the columns are
//! put right by `misplaced`.

use serde_json::{Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{ObjectName, Outcome};

use super::{
    super::{
        a1::{self, Area},
        cell::Cell,
        client::Render,
        errors::{after_write, incomplete},
        limits::PAYLOAD_BYTES,
        table::Table,
    },
    Formula, Known, Plan, SheetsDestination,
    moves::{is_in_place, moves},
    prepare::{Outcomes, Prepared},
    structure::check_cells,
    update::check_shared,
    view::{View, key_places, key_text},
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
        Ok(table.place.headings_of(shown.into_iter().next().unwrap_or_default()))
    }

    /// Sees to it that rows that were added are in the table's columns, and returns the keys as they are then.
    async fn confirm(
        &self,
        known: &mut Known,
        (object, plan): (&ObjectName, &Plan),
        mut before: View,
        landed: Landed,
        rows: &[NewRow],
    ) -> Result<View, ConnectorError> {
        let table = known.table()?;
        let headings = match landed.headings.clone() {
            Some(headings) if before.is_same_header(&headings, &table) => None,
            Some(headings) => Some(headings),
            None => self.misfit(&table, plan, &before, &landed, rows).await?,
        };
        let Some(headings) = headings else {
            let is_below = before.add_rows(landed.row, rows, plan);
            return if is_below {
                self.close_gap(&table, plan, landed.row, rows.len(), before).await
            } else {
                Ok(before)
            };
        };
        let landed = Landed { headings: Some(headings), ..landed };
        self.put_in_columns(known, (object, plan), &before, &landed, rows).await
    }

    /// Reads the header and the keys of rows that were added; returns the header where not all is as it was meant.
    async fn misfit(
        &self,
        table: &Table,
        plan: &Plan,
        before: &View,
        landed: &Landed,
        rows: &[NewRow],
    ) -> Result<Option<Vec<Cell>>, ConnectorError> {
        let places = key_places(&before.columns, &plan.key, table)?;
        let span = (landed.row, landed.row + rows.len() - 1);
        let title = &table.place.title;
        let ranges: Vec<String> = std::iter::once(table.place.header())
            .chain(
                places.iter().filter(|_| !plan.key.is_empty()).map(|place| Area::of(span, (*place, *place)).on(title)),
            )
            .collect();
        let mut read = self.client.values(&ranges, Render::Values).await?.into_iter();
        let headings = read.next().and_then(|header| header.values.into_iter().next()).unwrap_or_default();
        let keys: Vec<Vec<Vec<Cell>>> = read.map(|range| range.values).collect();
        let key = |offset: usize| {
            let cell =
                |column: &Vec<Vec<Cell>>| column.get(offset).and_then(|row| row.first()).cloned().unwrap_or_default();
            key_text(&keys.iter().map(cell).collect::<Vec<_>>())
        };
        let are_keys_there = rows.iter().enumerate().all(|(offset, row)| row.0 == key(offset));
        let is_there = before.is_same_header(&headings, table) && are_keys_there && landed.column == before.span().0;
        Ok((!is_there).then_some(headings))
    }

    /// Moves rows that an append put below notes up to the last row that has a key.
    async fn close_gap(
        &self,
        table: &Table,
        plan: &Plan,
        first: usize,
        count: usize,
        now: View,
    ) -> Result<View, ConnectorError> {
        let wanted = now.keys.iter().map(|(row, _)| row + 1).filter(|row| *row <= first).max();
        let wanted = wanted.unwrap_or(table.place.header_row + 1);
        if first <= wanted || plan.key.is_empty() {
            return Ok(now);
        }
        let rows = json!({ "sheetId": table.place.sheet_id, "dimension": "ROWS", "startIndex": first, "endIndex": first + count });
        self.client.change(&[json!({ "moveDimension": { "source": rows, "destinationIndex": wanted } })]).await?;
        View::read(&self.client, table, &plan.key).await
    }
}

impl View {
    /// Tells whether every column that has a name is where it was.
    pub(super) fn is_same_header(&self, headings: &[Cell], table: &Table) -> bool {
        let moves = moves(&self.headings, headings);
        let first = table.place.span.0;
        self.columns.iter().all(|column| is_in_place(&self.headings, headings, &moves, column.place - first))
    }

    /// Adds rows that were written; tells whether they are below all others.
    fn add_rows(&mut self, first: usize, rows: &[NewRow], plan: &Plan) -> bool {
        let is_below = first > self.last_row;
        if !is_below {
            // Rows in the middle move those below.
            let moved = |row: &mut usize| {
                if *row >= first {
                    *row += rows.len();
                }
            };
            self.keys.iter_mut().for_each(|(row, _)| moved(row));
            self.rows.values_mut().flatten().for_each(moved);
            self.last_row += rows.len();
        }
        let columns: Vec<String> = self.columns.iter().map(|column| column.name.clone()).collect();
        let key = if plan.key.is_empty() { &columns } else { &plan.key };
        for (offset, (_, record)) in rows.iter().enumerate() {
            self.add(first + offset, key.iter().map(|name| record.cell(name).cloned().unwrap_or_default()).collect());
        }
        self.keys.sort_by_key(|(row, _)| *row);
        is_below
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

impl Formula {
    /// Writes the formula for a row.
    pub(super) fn text(&self, row: usize, view: &View, table: &Table) -> Result<String, ConnectorError> {
        self.template.at(row, |name| view.place(name)).ok_or_else(|| {
            let unknown = self.template.columns().find(|name| view.place(name).is_none()).unwrap_or_default();
            let error = table.unknown_column(unknown);
            let message = format!(
                "the formula of `{}` names a column `{unknown}` that `{}` does not have",
                self.column, table.place.title
            );
            ConnectorError { kind: ErrorKind::NotFound, message, ..error }
        })
    }
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
