//! Looks rows up by their keys.

use std::collections::HashSet;

use crate::connector::{ConnectorError, ErrorKind, FetchRequest, Selection};
use crate::model::{FieldName, Fields, ObjectName, Record, Value};

use super::{
    super::{
        cell::Cell,
        schema::{decode, encode},
        table::Table,
    },
    SheetsDestination,
    keys::key_text,
    plan::Plan,
    view::View,
};

impl SheetsDestination {
    /// Returns every row by its key. The view that is read stays for the writes that follow.
    pub(super) async fn all_keys(
        &self,
        object: &ObjectName,
        fields: &[FieldName],
    ) -> Result<Vec<Record>, ConnectorError> {
        let mut objects = self.objects.lock().await;
        let known = self.known(&mut objects, object).await?;
        if known.table.is_none() {
            return Ok(Vec::new());
        }
        let key: Vec<String> = fields.iter().map(ToString::to_string).collect();
        let view = self.read_view(known, object, &key).await?;
        let table = &known.table()?;
        let records = view.keys.iter().filter_map(|(row, cells)| {
            let id = key_text(&cells)?;
            let place = shared_place(&view, row, &id);
            let value = |(name, cell): (&FieldName, Cell)| (name.clone(), typed(table, name, &cell));
            Some(Record { id, fields: fields.iter().zip(cells).map(value).collect(), place, merged_into: None })
        });
        let records = records.collect();
        known.view = Some(view);
        Ok(records)
    }

    /// Returns rows by ids or keys, with the fields that are asked for.
    pub(super) async fn look_up(&self, request: &FetchRequest) -> Result<Vec<Record>, ConnectorError> {
        let Plan { key: planned, .. } = self.plan_of(&request.object);
        let mut objects = self.objects.lock().await;
        let known = self.known(&mut objects, &request.object).await?;
        let Some(described) = &known.table else { return Ok(Vec::new()) };
        let key = match &request.selection {
            Selection::Keys { fields, .. } => fields.iter().map(ToString::to_string).collect(),
            Selection::Ids(_) => planned,
        };
        if key.is_empty() {
            let message = "rows without a key cannot be found again";
            return Err(
                ConnectorError::new(ErrorKind::NotFound, "no_key", message).with_hint("give the destination a `key`")
            );
        }
        let wanted: HashSet<String> = match &request.selection {
            Selection::Ids(ids) => ids.iter().cloned().collect(),
            Selection::Keys { values, .. } => values.iter().filter_map(|values| text_of(values, described)).collect(),
        };
        let mut columns = key.clone();
        columns.extend(request.fields.iter().map(ToString::to_string).filter(|name| !key.contains(name)));
        let view = self.read_view(known, &request.object, &columns).await?;
        let table = &known.table()?;
        let only_keys = view.keys.iter().map(|(row, cells)| (row, cells[..key.len()].to_vec()));
        let by_key = View::empty(table).with_keys(only_keys, table.place.header_row);
        let records = view.keys.iter().filter_map(|(row, cells)| {
            let id = key_text(&cells[..key.len()]).filter(|id| wanted.contains(id))?;
            let named = columns
                .iter()
                .zip(cells)
                .filter(|(name, _)| request.fields.iter().any(|field| field.as_str() == *name));
            let fields: Fields = named
                .map(|(name, cell)| (FieldName::new(name), typed(table, name, &cell)))
                .filter(|(_, value)| !value.is_null())
                .collect();
            Some(Record { place: shared_place(&by_key, row, &id), id, fields, merged_into: None })
        });
        Ok(records.collect())
    }
}

/// Says where a row is whose key others have too.
fn shared_place(view: &View, row: usize, key: &str) -> Option<String> {
    (view.rows.of(key).len() > 1).then(|| format!("row {}", row + 1))
}

/// Returns a cell's value by its column's type; as it is seen where it has another.
fn typed(table: &Table, name: &str, cell: &Cell) -> Value {
    let Ok(column) = table.column(name) else { return Value::Text(cell.key()) };
    match decode(cell, column.field_type, table.zone) {
        Ok(Value::Text(text)) => Value::Text(text.trim().to_owned()),
        Ok(value) => value,
        Err(_) => Value::Text(cell.key()),
    }
}

/// Returns a key as the cells that hold it are seen.
fn text_of(values: &[Value], table: &Table) -> Option<String> {
    let cells: Option<Vec<Cell>> = values.iter().map(|value| encode(value, table.zone).ok()).collect();
    key_text(&cells?)
}
