//! `apply`: cleans fields in place.

use indexmap::IndexMap;
use polars::prelude::DataFrame;

use super::{PageStep, Tally, refuse_reserved};
use crate::model::Schema;
use crate::transform::{
    cleaners,
    column_query::{Cell, ColumnQuery, with_cells},
    columns,
    error::TransformError,
    mapping,
    spec::CleanerSpec,
};

/// `apply: { email: [trim, lowercase] }`: " ADA@EXAMPLE.COM" becomes "ada@example.com". A value that a cleaner cannot make
/// sense of rejects its record.
#[derive(Debug)]
pub(super) struct Apply {
    query: ColumnQuery,
    cells: Vec<(String, Cell)>,
}

pub(super) fn check_alone(fields: &IndexMap<String, Vec<CleanerSpec>>) -> Vec<TransformError> {
    let mut mistakes = Vec::new();
    for (name, specs) in fields {
        for (index, spec) in specs.iter().enumerate() {
            let mistake = cleaners::compile(spec).err();
            mistakes.extend(mistake.map(|error| error.under(["apply", name, &index.to_string()])));
        }
    }
    mistakes
}

pub(super) fn compile(
    fields: &IndexMap<String, Vec<CleanerSpec>>,
    schema: &mut Schema,
) -> Result<Apply, TransformError> {
    let mut query = ColumnQuery::default();
    let mut cells = Vec::new();
    for (name, specs) in fields {
        let cell = clean(&mut query, name, specs, schema).map_err(|error| error.under(["apply", name]))?;
        cells.push((name.clone(), cell));
    }
    for (name, cell) in &cells {
        columns::set(schema, name, cell.field_type);
    }
    Ok(Apply { query, cells })
}

fn clean(query: &mut ColumnQuery, name: &str, specs: &[CleanerSpec], schema: &Schema) -> Result<Cell, TransformError> {
    refuse_reserved(name)?;
    let mut cell = ColumnQuery::start(name, columns::require(schema, name)?);
    for (index, spec) in specs.iter().enumerate() {
        let cleaned = cleaners::compile(spec).and_then(|cleaner| mapping::apply(query, name, &cleaner, schema, &cell));
        cell = cleaned.map_err(|error| error.under([index.to_string()]))?;
    }
    Ok(cell)
}

impl PageStep for Apply {
    fn apply(&self, frame: DataFrame, tally: &mut Tally) -> Result<DataFrame, TransformError> {
        let (cleaned, rejects) = self.query.run(&frame, &with_cells(&frame, &self.cells))?;
        tally.rejects.extend(rejects);
        Ok(cleaned)
    }
}
