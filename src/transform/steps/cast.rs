//! `cast`: changes the types of fields.

use indexmap::IndexMap;
use polars::prelude::DataFrame;

use super::{PageStep, Tally, refuse_reserved};
use crate::model::{FieldType, Schema};
use crate::transform::{
    column_query::{Cell, ColumnQuery, with_cells},
    columns,
    error::TransformError,
    formats::Formats,
    mapping::to_type,
};

/// `cast: { employees: integer }`: the text "12" becomes the number 12; a record with "a dozen" is rejected.
#[derive(Debug)]
pub(super) struct Cast {
    query: ColumnQuery,
    cells: Vec<(String, Cell)>,
}

pub(super) fn compile(fields: &IndexMap<String, FieldType>, schema: &mut Schema) -> Result<Cast, TransformError> {
    let mut query = ColumnQuery::default();
    let mut cells = Vec::new();
    for (name, wanted) in fields {
        let cell = cast(&mut query, name, *wanted, schema).map_err(|error| error.under(["cast", name]))?;
        cells.push((name.clone(), cell));
    }
    for (name, wanted) in fields {
        columns::set(schema, name, *wanted);
    }
    Ok(Cast { query, cells })
}

fn cast(query: &mut ColumnQuery, name: &str, wanted: FieldType, schema: &Schema) -> Result<Cell, TransformError> {
    refuse_reserved(name)?;
    let start = ColumnQuery::start(name, columns::require(schema, name)?);
    to_type(query, name, &start, wanted, &Formats::default())
}

impl PageStep for Cast {
    fn apply(&self, frame: DataFrame, tally: &mut Tally) -> Result<DataFrame, TransformError> {
        let (cast, rejects) = self.query.run(&frame, &with_cells(&frame, &self.cells))?;
        tally.rejects.extend(rejects);
        Ok(cast)
    }
}
