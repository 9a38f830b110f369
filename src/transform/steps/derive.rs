//! `derive`: adds fields, each computed by SQL.

use indexmap::IndexMap;
use polars::prelude::DataFrame;

use super::{PageStep, Tally, refuse_reserved};
use crate::model::Schema;
use crate::transform::{
    column_query::{Cell, ColumnQuery, Failure, with_cells},
    columns,
    error::TransformError,
    sql,
};

/// `derive: { full_name: "concat_ws(' ', firstname, lastname)" }`: Ada, Lovelace → `full_name` Ada Lovelace. Each field may
/// use those before it.
#[derive(Debug)]
pub(super) struct Derive {
    query: ColumnQuery,
    cells: Vec<(String, Cell)>,
}

pub(super) fn check_alone(fields: &IndexMap<String, String>) -> Vec<TransformError> {
    fields.iter().filter_map(|(name, text)| sql::names(text).err().map(|error| error.under(["derive", name]))).collect()
}

pub(super) fn compile(fields: &IndexMap<String, String>, schema: &mut Schema) -> Result<Derive, TransformError> {
    let mut query = ColumnQuery::default();
    let mut cells = Vec::new();
    for (name, text) in fields {
        let compiled = refuse_reserved(name).and_then(|()| sql::compile(text, schema));
        let compiled = compiled.map_err(|error| error.under(["derive", name]))?;
        let cell = query.set(name, compiled.expr, compiled.field_type);
        if let Some(failed) = compiled.failed {
            let condition = query.note(failed);
            let failure = Failure::new("cast_failed", "has no value, as a value does not fit the type it is cast to");
            query.check(name, None, condition, failure);
        }
        columns::set(schema, name, cell.field_type);
        cells.push((name.clone(), cell));
    }
    Ok(Derive { query, cells })
}

impl PageStep for Derive {
    fn apply(&self, frame: DataFrame, tally: &mut Tally) -> Result<DataFrame, TransformError> {
        let (derived, rejects) = self.query.run(&frame, &with_cells(&frame, &self.cells))?;
        tally.rejects.extend(rejects);
        Ok(derived)
    }
}
