//! Adds rows below the last one that has a key.
//!
//! One append takes all of them. Where it could miss the table (a gap in the rows or the columns), or where formulas come with
//! the rows, they are inserted at an exact place instead, all or nothing. Then the keys are read again: columns may have moved.

use serde_json::{Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::Outcome;

use super::{
    super::{
        a1::{self, Area},
        cell::Cell,
        client::{Input, RangeToWrite, Render},
        errors::{after_write, incomplete},
        limits::PAYLOAD_BYTES,
        table::Table,
    },
    Formula, Known, Plan, SheetsDestination,
    prepare::Prepared,
    structure::check_cells,
    view::View,
};

/// What became of records, by their places in the batch.
pub(super) type Outcomes = Vec<(usize, Outcome)>;

/// A cell of a row that is inserted at an exact place.
#[derive(Debug, Clone)]
pub(super) enum NewCell {
    /// A value, which stays what it is.
    Value(Cell),
    /// A formula of the pipeline, or one that stood in the row before.
    Formula(String),
}

impl SheetsDestination {
    pub(super) async fn insert(
        &self,
        known: &mut Known,
        table: &Table,
        plan: &Plan,
        records: Vec<Prepared>,
    ) -> Result<Outcomes, ConnectorError> {
        let mut outcomes = Outcomes::with_capacity(records.len());
        let mut rows: Vec<(Option<String>, Prepared)> = Vec::with_capacity(records.len());
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
        let view = match known.view.take() {
            Some(view) => view,
            None => View::read(&self.client, table, &plan.key).await?,
        };
        check_cells(known, table, rows.len())?;
        let landed = self.add_rows(table, plan, &view, &rows).await?;
        let first = landed.0;
        let now = self.confirm(table, plan, &view, landed, &rows).await.map_err(after_write)?;
        known.count_rows(table, rows.len());
        known.view = Some(now);
        let created = rows.into_iter().enumerate().map(|(offset, (key, record))| {
            (record.place, Outcome::Created { id: key.unwrap_or_else(|| format!("row {}", first + offset + 1)) })
        });
        outcomes.extend(created);
        Ok(outcomes)
    }

    /// Writes the rows and returns the cell that they begin at, from 0.
    async fn add_rows(
        &self,
        table: &Table,
        plan: &Plan,
        view: &View,
        rows: &[(Option<String>, Prepared)],
    ) -> Result<(usize, usize), ConnectorError> {
        let span = view.span();
        let layout = |record: &Prepared| layout(record, view, table);
        if plan.formulas.is_empty() && view.is_compact(table.place.header_row) {
            let cells = rows.iter().map(|(_, record)| layout(record)).collect::<Result<Vec<_>, _>>()?;
            let anchor = Area::of((view.last_row, view.last_row), span).on(&table.place.title);
            let written = self.client.append(&anchor, &cells).await?;
            let landed = a1::parse_on(&written.updated_range).map(|(_, area)| area);
            return match landed {
                Some(area) if area.first_row > table.place.header_row => Ok((area.first_row, area.first_column)),
                _ => Err(incomplete("the rows are not where the table is")),
            };
        }
        let first = view.last_row + 1;
        let mut cells = Vec::with_capacity(rows.len());
        let (mut bytes, mut begin) = (0, first);
        for (offset, (_, record)) in rows.iter().enumerate() {
            if bytes > PAYLOAD_BYTES {
                self.insert_part(table, (first, begin), span.0, &std::mem::take(&mut cells)).await?;
                (bytes, begin) = (0, first + offset);
            }
            let values =
                layout(record)?.into_iter().map(|cell| NewCell::Value(cell.unwrap_or_default())).collect::<Vec<_>>();
            let row = with_formulas(values, &plan.formulas, view, first + offset, table)?;
            bytes += row.iter().map(NewCell::bytes).sum::<usize>();
            cells.push(row);
        }
        self.insert_part(table, (first, begin), span.0, &cells).await?;
        Ok((first, span.0))
    }

    /// Inserts a part of some rows: `first` is where all of them begin, `begin` where this part does. If one fails, those before
    /// it are there.
    async fn insert_part(
        &self,
        table: &Table,
        (first, begin): (usize, usize),
        first_column: usize,
        rows: &[Vec<NewCell>],
    ) -> Result<(), ConnectorError> {
        let mut grown = table.clone();
        grown.place.rows += begin - first;
        let inserted = self.insert_at(&grown, begin, first_column, rows).await;
        inserted.map_err(|error| if begin > first { after_write(error) } else { error })
    }

    /// Inserts rows at an exact place, all or nothing.
    pub(super) async fn insert_at(
        &self,
        table: &Table,
        first: usize,
        first_column: usize,
        rows: &[Vec<NewCell>],
    ) -> Result<(), ConnectorError> {
        let sheet_id = table.place.sheet_id;
        let room = if first >= table.place.rows {
            json!({ "appendDimension": { "sheetId": sheet_id, "dimension": "ROWS", "length": rows.len() } })
        } else {
            json!({ "insertDimension": {
                "range": { "sheetId": sheet_id, "dimension": "ROWS", "startIndex": first, "endIndex": first + rows.len() },
                // A first row must not look like the header.
                "inheritFromBefore": first > table.place.header_row + 1,
            }})
        };
        let cells = json!({ "updateCells": {
            "rows": rows.iter().map(|row| json!({ "values": row.iter().map(NewCell::json).collect::<Vec<_>>() })).collect::<Vec<_>>(),
            "fields": "userEnteredValue",
            "start": { "sheetId": sheet_id, "rowIndex": first, "columnIndex": first_column },
        }});
        self.client.change(&[room, cells]).await.map(drop)
    }

    /// Reads the keys after a write. Rows that were written when somebody moved the columns are written to where the columns are
    /// now.
    async fn confirm(
        &self,
        table: &Table,
        plan: &Plan,
        before: &View,
        landed: (usize, usize),
        rows: &[(Option<String>, Prepared)],
    ) -> Result<View, ConnectorError> {
        let now = View::read(&self.client, table, &plan.key).await?;
        let is_missing = |key: &Option<String>| key.as_ref().is_some_and(|key| !now.rows.contains_key(key));
        let missing = rows.iter().filter(|(key, _)| is_missing(key)).count();
        let is_in_place = now.columns == before.columns && landed.1 == before.span().0;
        if is_in_place && missing == 0 {
            return self.close_gap(table, plan, (before.last_row + 1, landed.0, rows.len()), now).await;
        }
        if is_in_place {
            tracing::warn!(object = %table.place.title, rows = missing, "somebody removed rows right after they were added");
            return Ok(now);
        }
        if self.move_cells(table, before, &now, landed, rows).await? == 0 {
            return Ok(now);
        }
        tracing::warn!(object = %table.place.title, "somebody moved columns while rows were added: their cells are moved too");
        View::read(&self.client, table, &plan.key).await
    }

    /// Moves rows that an append put below notes up to the last row that has a key.
    async fn close_gap(
        &self,
        table: &Table,
        plan: &Plan,
        (wanted, first, count): (usize, usize, usize),
        now: View,
    ) -> Result<View, ConnectorError> {
        let is_between = |(row, _): &(usize, Vec<Cell>)| (wanted..first).contains(row);
        if first <= wanted || plan.key.is_empty() || now.keys.iter().any(is_between) {
            return Ok(now);
        }
        let rows = json!({ "sheetId": table.place.sheet_id, "dimension": "ROWS", "startIndex": first, "endIndex": first + count });
        self.client.change(&[json!({ "moveDimension": { "source": rows, "destinationIndex": wanted } })]).await?;
        View::read(&self.client, table, &plan.key).await
    }

    /// Moves the cells of rows that were written by the columns as they were to where the columns are now. Returns how many rows
    /// that took.
    async fn move_cells(
        &self,
        table: &Table,
        before: &View,
        now: &View,
        landed: (usize, usize),
        rows: &[(Option<String>, Prepared)],
    ) -> Result<usize, ConnectorError> {
        let only = |key: &Option<String>| now.rows.get(key.as_ref()?).and_then(|rows| rows.first()).copied();
        let places: Vec<usize> =
            rows.iter().enumerate().map(|(offset, (key, _))| only(key).unwrap_or(landed.0 + offset)).collect();
        let (top, bottom) = (places.iter().min().copied().unwrap_or(0), places.iter().max().copied().unwrap_or(0));
        let old_last = landed.1 + before.span().1 - before.span().0;
        let span = (landed.1.min(now.span().0), old_last.max(now.span().1));
        let read = self.client.values(&[Area::of((top, bottom), span).on(&table.place.title)], Render::Values).await?;
        let found = read.into_iter().next().map(|range| range.values).unwrap_or_default();
        let mut data = Vec::new();
        for (row, (_, record)) in places.iter().zip(rows) {
            let cells = found.get(row - top).map(Vec::as_slice).unwrap_or_default();
            let is_at =
                |place: usize, cell: &Cell| cells.get(place - span.0).unwrap_or(&Cell::Empty).seen() == cell.seen();
            let (mut is_right, mut is_ours) = (true, true);
            let mut moved = vec![None; span.1 - span.0 + 1];
            for (name, cell) in &record.cells {
                let new = now.place(name).ok_or_else(|| table.unknown_column(name))?;
                let old = before.place(name).unwrap_or(new) - before.span().0 + landed.1;
                is_right &= is_at(new, cell);
                is_ours &= is_at(old, cell);
                moved[old - span.0].get_or_insert(Cell::Empty);
                moved[new - span.0] = Some(cell.clone());
            }
            for (name, cell) in &record.cells {
                let new = now.place(name).ok_or_else(|| table.unknown_column(name))?;
                moved[new - span.0] = Some(cell.clone());
            }
            if !is_right && is_ours {
                data.push(RangeToWrite {
                    range: Area::of((*row, *row), span).on(&table.place.title),
                    values: vec![moved],
                });
            }
        }
        if !data.is_empty() {
            self.client.update(&data, Input::Raw).await?;
        }
        Ok(data.len())
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
