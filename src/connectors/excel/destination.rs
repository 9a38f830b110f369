//! Writes sheets of workbooks.

use std::{
    io::{BufWriter, Write},
    path::PathBuf,
    sync::PoisonError,
};

use async_trait::async_trait;
use chrono_tz::Tz;

use crate::connector::{
    ConfigError, ConnectorError, Context, Destination, ErrorKind, FetchRequest, Replace,
    file::{FileWriter, Folder, Replacement, Stamp, Writers, background, file_error},
};
use crate::model::{Batch, BatchRecord, Field, FieldName, ObjectName, Outcome, Record, Rejection, Schema, Value};
use crate::workbook::{Cell, Column, MAX_COLUMNS, MAX_ROWS, NewSheet, Writer, check_sheet_name};

use super::{
    client::{PUT_IN_PLACE, check_room, keep_others, unwritable},
    config::ExcelConfig,
    schema::{encode, look},
};

/// A workbook, to write.
#[derive(Debug)]
pub(super) struct ExcelDestination {
    writers: Writers<SheetWriter>,
    zone: Tz,
}

impl ExcelDestination {
    pub(super) fn new(config: &ExcelConfig, context: &Context) -> Result<Self, ConfigError> {
        config.check_written()?;
        let folder = Folder::one_file(&context.base_dir, &config.path);
        Ok(Self { writers: Writers::new(folder), zone: config.zone()? })
    }

    /// Checks that the workbook can get a sheet of this name without losing another one.
    async fn check_sheet(&self, object: &ObjectName) -> Result<(), ConnectorError> {
        check_sheet_name(object).map_err(|reason| {
            let message = format!("no sheet can be called `{object}`: {reason}");
            ConnectorError::new(ErrorKind::NotFound, "bad_sheet_name", message)
                .with_hint("give the sheet another name as `object`")
        })?;
        let path = self.writers.folder().target(object)?;
        let object = object.clone();
        background(move || check_room(&path, &object).map(|_| ())).await
    }
}

#[async_trait]
impl Destination for ExcelDestination {
    async fn check(&self) -> Result<(), ConnectorError> {
        let folder = self.writers.folder().clone();
        background(move || folder.check_writable()).await
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        self.check_sheet(object).await?;
        Ok(Schema { object: object.clone(), fields: Vec::new(), is_open: true })
    }

    async fn load(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
        self.writers.load(batch).await
    }

    async fn fetch(&self, _request: &FetchRequest) -> Result<Vec<Record>, ConnectorError> {
        let message = "records of a workbook cannot be looked up";
        Err(ConnectorError::new(ErrorKind::Unexpected, "not_supported", message))
    }

    fn replace(&self) -> Option<&dyn Replace> {
        Some(self)
    }
}

#[async_trait]
impl Replace for ExcelDestination {
    async fn begin(&self, object: &ObjectName, fields: &[Field]) -> Result<(), ConnectorError> {
        self.check_sheet(object).await?;
        let (name, zone) = (object.clone(), self.zone);
        self.writers.begin(object, fields, move |file, fields| SheetWriter::start(file, name, &fields, zone)).await
    }

    async fn put_in_place(&self, object: &ObjectName) -> Result<(), ConnectorError> {
        self.writers.finish(object).await
    }
}

/// One sheet in the making, and the workbook that it will be in.
#[derive(Debug)]
struct SheetWriter {
    file: Replacement,
    object: ObjectName,
    fields: Vec<FieldName>,
    writer: Writer,
    sheet: NewSheet,
    zone: Tz,
}

impl SheetWriter {
    fn start(file: Replacement, object: ObjectName, fields: &[Field], zone: Tz) -> Result<Self, ConnectorError> {
        if fields.len() > MAX_COLUMNS {
            let message = format!("a sheet has {MAX_COLUMNS} columns at most, `{object}` has {} fields", fields.len());
            return Err(ConnectorError::new(ErrorKind::Io, "too_many_columns", message));
        }
        let columns = fields.iter().map(|field| Column { name: field.name.to_string(), look: look(field.field_type) });
        let mut writer = Writer::default();
        let sheet = writer.begin(&object, columns.collect()).map_err(|error| unwritable(file.target(), &error))?;
        let fields = fields.iter().map(|field| field.name.clone()).collect();
        Ok(Self { file, object, fields, writer, sheet, zone })
    }

    fn cells(&self, record: &BatchRecord) -> Result<Vec<Cell>, Rejection> {
        if let Some(unknown) = record.fields.keys().find(|name| !self.fields.contains(name)) {
            return Err(Rejection::new("unknown_field", format!("the sheet has no column `{unknown}`")));
        }
        let mut cells = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let value = record.fields.get(field).unwrap_or(&Value::Null);
            let cell = encode(value, self.zone);
            cells.push(
                cell.map_err(|misfit| Rejection::new(misfit.code, misfit.reason).at(field.as_str(), value.to_text()))?,
            );
        }
        Ok(cells)
    }

    fn target(&self) -> PathBuf {
        self.file.target().to_owned()
    }
}

impl FileWriter for SheetWriter {
    fn write(&mut self, batch: &Batch) -> Result<Vec<Result<(), Rejection>>, ConnectorError> {
        let mut answers = Vec::with_capacity(batch.records.len());
        for record in &batch.records {
            let cells = match self.cells(record) {
                Ok(cells) => cells,
                Err(rejection) => {
                    answers.push(Err(rejection));
                    continue;
                }
            };
            if self.sheet.is_full() {
                let message = format!("sheet `{}` is full: it holds {} records at most", self.object, MAX_ROWS - 1);
                return Err(ConnectorError::new(ErrorKind::Io, "sheet_full", message)
                    .with_hint("write to CSV or Parquet, or split the stream with `where`"));
            }
            self.sheet.append(&cells).map_err(|error| unwritable(&self.target(), &error))?;
            answers.push(Ok(()));
        }
        Ok(answers)
    }

    fn finish(mut self) -> Result<(), ConnectorError> {
        let _alone = PUT_IN_PLACE.lock().unwrap_or_else(PoisonError::into_inner);
        let target = self.target();
        let earlier = target.exists().then(|| Stamp::of(&target)).transpose()?;
        keep_others(&target, &self.object, &mut self.writer, self.sheet)?;
        let mut file = BufWriter::new(self.file.handle()?);
        self.writer.save(&mut file).map_err(|error| unwritable(&target, &error))?;
        file.flush().map_err(|error| file_error("write", &target, &error))?;
        if let Some(earlier) = earlier {
            earlier.check(&target)?;
        }
        self.file.put_in_place()
    }
}
