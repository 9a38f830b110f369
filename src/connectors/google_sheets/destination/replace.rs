//! Writes a tab's data anew: all rows in one call, so that readers see the earlier version or the new one. The header comes back
//! in the same answer: where somebody moved a column meanwhile, what was overwritten is put back, and the rows are written again.

use async_trait::async_trait;
use serde_json::{Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind, Replace};
use crate::model::{Field, ObjectName, Outcome};

use super::{
    super::{cell::Cell, errors::after_write, limits::MAX_REPAIRS, rows::Rows, table::Table},
    Known, SheetsDestination,
    insert::NewCell,
    new_version::NewVersion,
    plan::Plan,
    prepare::{Outcomes, Prepared},
    rules::{always_moving, check_shared},
    settle::Settling,
    snapshot::Snapshot,
    structure::check_cells,
    view::View,
    whole::put_columns_right,
};

/// Most bytes of the one call. A request that runs over 180 seconds is cut off.
const MAX_BYTES: usize = 20_000_000;
/// Bytes that a cell takes in the call at least, beside its text.
const CELL_BYTES: usize = r#"{"userEnteredValue":{"boolValue":true}},"#.len();

#[async_trait]
impl Replace for SheetsDestination {
    async fn begin(&self, object: &ObjectName, _fields: &[Field]) -> Result<(), ConnectorError> {
        let mut objects = self.objects.lock().await;
        self.known(&mut objects, object).await?.new_version = Some(NewVersion::default());
        Ok(())
    }

    async fn put_in_place(&self, object: &ObjectName) -> Result<(), ConnectorError> {
        let plan = self.plan_of(object);
        let mut objects = self.objects.lock().await;
        let known = self.known(&mut objects, object).await?;
        self.make_ready(known, &plan, object).await?;
        let Some(version) = known.new_version.take() else { return Ok(()) };
        check_size(version.bytes, object)?;
        self.write_anew(known, (object, &plan), &version.rows).await
    }
}

impl SheetsDestination {
    /// Writes all rows, and again where the columns moved meanwhile; what hit another column is put right first.
    async fn write_anew(
        &self,
        known: &mut Known,
        (object, plan): (&ObjectName, &Plan),
        records: &Rows,
    ) -> Result<(), ConnectorError> {
        let mut is_written = false;
        for attempt in 0..MAX_REPAIRS {
            let told = |error| if is_written { after_write(error) } else { error };
            let mut table = known.table()?;
            let before = Snapshot::read(&self.client, &table, |_, _| Ok(Vec::new())).await.map_err(told)?;
            check_shared(&table, &before.view.columns, plan).map_err(told)?;
            check_cells(known, &table, records.len().saturating_sub(table.place.rows)).map_err(told)?;
            let requests = requests(&table, plan, &before.view, records).map_err(told)?;
            check_size(requests.iter().map(|request| request.to_string().len()).sum(), object)?;
            let ranges = [table.place.header_row_range()];
            let shown = match self.client.change_showing(&requests, &ranges).await {
                Ok(shown) => shown,
                // Somebody deleted rows or columns since, it may be: nothing was written.
                Err(error) if error.kind == ErrorKind::Refused && attempt == 0 => {
                    self.find_again(known, &mut table, object).await.map_err(told)?;
                    continue;
                }
                Err(error) => return Err(told(error)),
            };
            is_written = true;
            let headings = table.place.headings_of(&shown.into_iter().next().unwrap_or_default());
            let written = written_places(plan, &before.view, &table)?;
            if before.view.is_same_header(&headings, &table) {
                return Ok(());
            }
            let mut now = self.read_again(known, &mut table, object, &before).await.map_err(after_write)?;
            tracing::warn!(%object, "somebody moved columns while they were written anew: they are put right");
            put_columns_right(&before, &headings, &mut now, &written, &table);
            let settling = Settling { snapshot: now.with_correct_keys(), changes: &mut [], is_written: true };
            self.settle(known, &mut table, (object, plan), settling).await?;
        }
        Err(always_moving(&known.table()?))
    }
}

fn check_size(bytes: usize, object: &ObjectName) -> Result<(), ConnectorError> {
    if bytes <= MAX_BYTES {
        return Ok(());
    }
    let message =
        format!("the new version of `{object}` has more than {MAX_BYTES} bytes, and a tab is written anew in one call");
    Err(ConnectorError::new(ErrorKind::Refused, "too_large_to_replace", message)
        .with_hint("write fewer columns, or share the records out over several tabs"))
}

/// Keeps records for the new version. Of one that is certain to be too large, only the size is kept.
pub(super) fn keep(known: &mut Known, plan: &Plan, records: Vec<Prepared>) -> Outcomes {
    let version = known.new_version.get_or_insert_default();
    let mut outcomes = Outcomes::with_capacity(records.len());
    for record in records {
        version.count += 1;
        let id = format!("row {}", version.count);
        outcomes.push((record.place, Outcome::Created { id }));
        let cell = |field: &Field| record.cell(field.name.as_str()).cloned().unwrap_or_default();
        let cells: Vec<Cell> = plan.fields.iter().map(cell).collect();
        let filled = cells.iter().filter(|cell| **cell != Cell::Empty);
        version.bytes += filled.map(|cell| CELL_BYTES + cell.length()).sum::<usize>();
        version.rows.push(&cells);
    }
    if version.bytes > MAX_BYTES {
        version.rows = Rows::default();
    }
    outcomes
}

/// Returns the requests that write every row: room for them, then each run of columns that the pipeline writes. Within a range,
/// cells without data are cleared, so that nothing of the earlier version stays below.
fn requests(table: &Table, plan: &Plan, view: &View, records: &Rows) -> Result<Vec<Json>, ConnectorError> {
    let sheet_id = table.place.sheet_id;
    let first = table.place.header_row + 1;
    let rows = table.place.rows.max(first + records.len());
    let mut requests = Vec::new();
    if let Some(last) = table.place.last_row.filter(|last| first + records.len() > last + 1) {
        let message = format!("the object ends in row {}, and there are {} records", last + 1, records.len());
        return Err(ConnectorError::new(ErrorKind::Refused, "no_room", message)
            .with_hint("name the tab, or a range without a last row"));
    }
    if rows > table.place.rows {
        requests.push(json!({ "updateSheetProperties": {
            "properties": { "sheetId": sheet_id, "gridProperties": { "rowCount": rows } },
            "fields": "gridProperties.rowCount",
        }}));
    }
    let end = table.place.last_row.map_or(rows, |last| last + 1);
    for run in runs(&written_places(plan, view, table)?) {
        let mut data = Vec::with_capacity(records.len());
        for (offset, record) in records.iter().enumerate() {
            let mut cells = Vec::with_capacity(run.len());
            for place in &run {
                cells.push(cell(plan, view, table, &record, first + offset, *place)?.json());
            }
            data.push(json!({ "values": cells }));
        }
        let last = run.last().copied().unwrap_or_default();
        requests.push(json!({ "updateCells": {
            "rows": data,
            "fields": "userEnteredValue",
            "range": {
                "sheetId": sheet_id, "startRowIndex": first, "endRowIndex": end.max(first + 1),
                "startColumnIndex": run[0], "endColumnIndex": last + 1,
            },
        }}));
    }
    Ok(requests)
}

fn written_places(plan: &Plan, view: &View, table: &Table) -> Result<Vec<usize>, ConnectorError> {
    let names = plan.fields.iter().map(|field| field.name.to_string());
    let names = names.chain(plan.formulas.iter().map(|formula| formula.column.clone()));
    let place = |name: String| view.place(&name).ok_or_else(|| table.unknown_column(&name));
    let mut places = names.map(place).collect::<Result<Vec<usize>, _>>()?;
    places.sort_unstable();
    Ok(places)
}

fn runs(places: &[usize]) -> Vec<Vec<usize>> {
    let mut runs: Vec<Vec<usize>> = Vec::new();
    for place in places {
        match runs.last_mut() {
            Some(run) if run.last().is_some_and(|last| last + 1 == *place) => run.push(*place),
            _ => runs.push(vec![*place]),
        }
    }
    runs
}

fn cell(
    plan: &Plan,
    view: &View,
    table: &Table,
    record: &[Cell],
    row: usize,
    place: usize,
) -> Result<NewCell, ConnectorError> {
    let formula = plan.formulas.iter().find(|formula| view.place(&formula.column) == Some(place));
    if let Some(formula) = formula {
        return Ok(NewCell::Formula(formula.text(row, view, table)?));
    }
    let field = plan.fields.iter().position(|field| view.place(&field.name) == Some(place));
    Ok(NewCell::Value(field.and_then(|field| record.get(field)).cloned().unwrap_or_default()))
}
