//! `derive`: adds fields, each computed by SQL.

use indexmap::IndexMap;
use polars::prelude::DataFrame;

use super::{PageStep, Tally, refuse_reserved};
use crate::model::Schema;
use crate::transform::{
    columns,
    draft::{Cell, Draft, Failure, with_cells},
    error::TransformError,
    sql,
};

/// `derive: { full_name: "concat_ws(' ', firstname, lastname)" }`: Ada, Lovelace → `full_name` Ada Lovelace. Each field may
/// use those before it.
#[derive(Debug)]
pub(super) struct Derive {
    draft: Draft,
    cells: Vec<(String, Cell)>,
}

pub(super) fn check_alone(fields: &IndexMap<String, String>) -> Vec<TransformError> {
    fields.iter().filter_map(|(name, text)| sql::names(text).err().map(|error| error.under(["derive", name]))).collect()
}

pub(super) fn compile(fields: &IndexMap<String, String>, schema: &mut Schema) -> Result<Derive, TransformError> {
    let mut draft = Draft::default();
    let mut cells = Vec::new();
    for (name, text) in fields {
        let compiled = refuse_reserved(name).and_then(|()| sql::compile(text, schema));
        let compiled = compiled.map_err(|error| error.under(["derive", name]))?;
        let cell = draft.set(name, compiled.expr, compiled.field_type);
        if let Some(failed) = compiled.failed {
            let condition = draft.note(failed);
            let failure = Failure::new("cast_failed", "has no value, as a value does not fit the type it is cast to");
            draft.check(name, None, condition, failure);
        }
        columns::set(schema, name, cell.field_type);
        cells.push((name.clone(), cell));
    }
    Ok(Derive { draft, cells })
}

impl PageStep for Derive {
    fn apply(&self, frame: DataFrame, tally: &mut Tally) -> Result<DataFrame, TransformError> {
        let (derived, rejects) = self.draft.run(&frame, &with_cells(&frame, &self.cells))?;
        tally.rejects.extend(rejects);
        Ok(derived)
    }
}
