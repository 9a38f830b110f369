//! `drop`: removes fields.

use polars::prelude::DataFrame;

use super::{PageStep, Tally};
use crate::model::{DELETED, ID, Schema, UPDATED_AT};
use crate::transform::{columns, error::TransformError};

/// `drop: [notes]`: the field `notes` is gone; the other fields stay.
#[derive(Debug)]
pub(super) struct Drop {
    names: Vec<String>,
}

pub(super) fn compile(names: &[String], schema: &mut Schema) -> Result<Drop, TransformError> {
    for (index, name) in names.iter().enumerate() {
        check(name, schema).map_err(|error| error.under(["drop", &index.to_string()]))?;
    }
    schema.fields.retain(|field| !names.iter().any(|name| name == field.name.as_str()));
    Ok(Drop { names: names.to_vec() })
}

fn check(name: &str, schema: &Schema) -> Result<(), TransformError> {
    if matches!(name, ID | UPDATED_AT | DELETED) {
        let message = format!("`{name}` is needed for every record and cannot be dropped");
        return Err(TransformError::new("transform.reserved", message));
    }
    columns::require(schema, name).map(|_| ())
}

impl PageStep for Drop {
    fn apply(&self, frame: DataFrame, _tally: &mut Tally) -> Result<DataFrame, TransformError> {
        Ok(frame.drop_many(self.names.iter().map(String::as_str)))
    }
}
