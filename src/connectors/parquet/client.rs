//! Opens Parquet files and looks at their columns.

use std::{fs::File, path::Path};

use polars::prelude::{ParquetReader, PolarsError, SerReader};

use crate::connector::{
    ConnectorError, ErrorKind,
    file::{file_error, not_parquet_but},
};
use crate::model::FieldType;

use super::{
    limits,
    schema::{self, Reading},
};

/// A column of a file.
#[derive(Debug, Clone)]
pub(super) struct FileColumn {
    pub(super) name: String,
    /// Its type in Parquet's words.
    pub(super) dtype: String,
    pub(super) reading: Reading,
    /// The type of its field.
    pub(super) field_type: FieldType,
}

/// Returns all columns of a file. The values of those whose type does not say it all are looked at.
pub(super) fn columns(path: &Path) -> Result<Vec<FileColumn>, ConnectorError> {
    let mut reader = open(path)?;
    let schema = reader.schema().map_err(|error| not_parquet(path, &error))?;
    let mut columns = Vec::with_capacity(schema.len());
    for (name, column) in schema.iter() {
        let (reading, field_type) = schema::reading(&column.dtype);
        let mut found =
            FileColumn { name: name.to_string(), dtype: format!("{:?}", column.dtype), reading, field_type };
        if schema::must_look(&column.dtype) && !all_fit(path, &found)? {
            found.reading = if reading == Reading::Bytes { Reading::Refused } else { Reading::Text };
            found.field_type = FieldType::Text;
        }
        columns.push(found);
    }
    Ok(columns)
}

/// Tells whether all values of a column fit the type that its field would have.
fn all_fit(path: &Path, column: &FileColumn) -> Result<bool, ConnectorError> {
    let failed = |error: PolarsError| not_parquet(path, &error);
    let record_count = open(path)?.num_rows().map_err(failed)?;
    for start in (0..record_count).step_by(limits::SLICE_RECORDS) {
        let slice = open(path)?
            .with_columns(Some(vec![column.name.clone()]))
            .with_slice(Some((start, limits::SLICE_RECORDS)))
            .finish()
            .map_err(failed)?;
        let values = slice.column(&column.name).map_err(failed)?.as_materialized_series().clone();
        if !values.iter().all(|any| schema::is_fitting(&any, column.field_type)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Opens a file.
pub(super) fn open(path: &Path) -> Result<ParquetReader<File>, ConnectorError> {
    let file = File::open(path).map_err(|error| file_error("read", path, &error))?;
    Ok(ParquetReader::new(file))
}

/// Says that a file is no Parquet, and what it is instead where that is known.
pub(super) fn not_parquet(path: &Path, error: &PolarsError) -> ConnectorError {
    if let Some(named) = not_parquet_but(path) {
        return named;
    }
    let message = format!("`{}` cannot be read as Parquet", path.display());
    ConnectorError::new(ErrorKind::Io, "invalid_parquet", message).with_detail(error.to_string())
}
