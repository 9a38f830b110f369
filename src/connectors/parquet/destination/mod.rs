//! Writes Parquet files.

mod frames;

use std::{fmt, fs::File, mem, path::Path};

use polars::{
    io::parquet::write::BatchedWriter,
    prelude::{DataFrame, Field as PolarsField, ParquetWriter, PlSmallStr, PolarsError, Schema as PolarsSchema},
};

use crate::connector::{
    ConnectorError, ErrorKind,
    file::{FileFormat, FileWriter, Replacement},
};
use crate::model::{Batch, BatchRecord, Field, Rejection, Value, column};

use super::{limits, schema::fit};

/// Writes Parquet files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Groups;

impl FileFormat for Groups {
    type Writer = GroupWriter;

    const NAME: &'static str = "parquet";

    fn start(&self, _target: &Path, file: Replacement, fields: Vec<Field>) -> Result<GroupWriter, ConnectorError> {
        GroupWriter::start(file, fields)
    }
}

/// One file in the making: records are gathered until they make a group of rows.
pub(super) struct GroupWriter {
    file: Replacement,
    fields: Vec<Field>,
    writer: BatchedWriter<File>,
    /// The gathered values, by field.
    values: Vec<Vec<Value>>,
    record_count: usize,
    byte_count: usize,
    /// The gathered records, where they come in frames.
    frame: Option<DataFrame>,
}

impl fmt::Debug for GroupWriter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("GroupWriter").field("file", &self.file).finish_non_exhaustive()
    }
}

impl GroupWriter {
    fn start(file: Replacement, fields: Vec<Field>) -> Result<Self, ConnectorError> {
        let dtypes =
            fields.iter().map(|field| PolarsField::new(PlSmallStr::from_str(&field.name), field.field_type.dtype()));
        let schema: PolarsSchema = dtypes.collect();
        let writer = ParquetWriter::new(file.handle()?).batched(&schema).map_err(|error| failed(&file, &error))?;
        let values = vec![Vec::new(); fields.len()];
        Ok(Self { file, fields, writer, values, record_count: 0, byte_count: 0, frame: None })
    }

    fn fitted(&self, record: &BatchRecord) -> Result<Vec<Value>, Rejection> {
        let is_known = |name: &str| self.fields.iter().any(|field| field.name.as_str() == name);
        if let Some(unknown) = record.fields.keys().find(|name| !is_known(name)) {
            return Err(Rejection::new("unknown_field", format!("the file has no column `{unknown}`")));
        }
        let mut values = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let value = record.fields.get(&field.name).unwrap_or(&Value::Null);
            values.push(fit(value, field.field_type).ok_or_else(|| {
                let reason = format!("the column holds values of type {}", field.field_type.as_str());
                Rejection::new("does_not_fit", reason).at(field.name.as_str(), value.to_text())
            })?);
        }
        Ok(values)
    }

    fn flush(&mut self) -> Result<(), ConnectorError> {
        if self.record_count == 0 {
            return Ok(());
        }
        let gathered = mem::replace(&mut self.values, vec![Vec::new(); self.fields.len()]);
        let mut columns = Vec::with_capacity(gathered.len());
        for (field, values) in self.fields.iter().zip(&gathered) {
            columns.push(column(&field.name, field.field_type, values).map_err(|error| failed(&self.file, &error))?);
        }
        let frame = DataFrame::new(self.record_count, columns).map_err(|error| failed(&self.file, &error))?;
        self.writer.write_batch(&frame).map_err(|error| failed(&self.file, &error))?;
        self.record_count = 0;
        self.byte_count = 0;
        Ok(())
    }
}

impl FileWriter for GroupWriter {
    fn write(&mut self, batch: &Batch) -> Result<Vec<Result<(), Rejection>>, ConnectorError> {
        let mut answers = Vec::with_capacity(batch.records.len());
        for record in &batch.records {
            let fitted = self.fitted(record);
            answers.push(fitted.map(|values| {
                for (column, value) in self.values.iter_mut().zip(values) {
                    self.byte_count += if let Value::Text(text) = &value { text.len() } else { size_of::<Value>() };
                    column.push(value);
                }
                self.record_count += 1;
            }));
        }
        if self.record_count >= limits::GROUP_RECORDS || self.byte_count >= limits::GROUP_BYTES {
            self.flush()?;
        }
        Ok(answers)
    }

    fn finish(mut self) -> Result<(), ConnectorError> {
        self.flush()?;
        self.flush_frame()?;
        self.writer.finish().map_err(|error| failed(&self.file, &error))?;
        self.file.put_in_place()
    }
}

fn failed(file: &Replacement, error: &PolarsError) -> ConnectorError {
    let message = format!("cannot write `{}`", file.target().display());
    ConnectorError::new(ErrorKind::Io, "file_error", message).with_detail(error.to_string())
}
