//! The files that a destination is writing, one per object.

use std::{
    collections::HashMap,
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
};

use polars::frame::DataFrame;

use crate::model::{Batch, Field, ObjectName, Operation, Outcome, Rejection};

use super::{folder::Folder, page::background, replacement::Replacement};
use crate::connector::{ConnectorError, ErrorKind};

/// Writes the records of one file in its format.
pub trait FileWriter: Debug + Send + 'static {
    /// Writes records and returns one answer for each, in order: an error is a record that the format cannot hold.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    fn write(&mut self, batch: &Batch) -> Result<Vec<Result<(), Rejection>>, ConnectorError>;

    /// Writes what stands at the file's end and puts the file in place.
    ///
    /// # Errors
    /// Fails when that cannot be done; an earlier file is untouched then.
    fn finish(self) -> Result<(), ConnectorError>;
}

/// Writes frames, too.
pub trait FrameWriter: FileWriter {
    /// Writes the records of a frame, in their order. Returns those that the format cannot hold, by their places in the frame.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    fn write_frame(&mut self, frame: &DataFrame) -> Result<Vec<(usize, Rejection)>, ConnectorError>;
}

/// The files that are being written. The threads that may block work on them, one at a time per file.
#[derive(Debug)]
pub struct Writers<W> {
    folder: Folder,
    open: Mutex<HashMap<ObjectName, Arc<Mutex<Open<W>>>>>,
}

#[derive(Debug)]
struct Open<W> {
    writer: W,
    record_count: u64,
}

impl<W: FileWriter> Writers<W> {
    /// Writes files into a folder.
    pub fn new(folder: Folder) -> Self {
        Self { folder, open: Mutex::new(HashMap::new()) }
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Starts the file of an object from scratch; `make` writes its beginning.
    ///
    /// # Errors
    /// Fails when nothing can be written.
    pub async fn begin<F>(&self, object: &ObjectName, fields: &[Field], make: F) -> Result<(), ConnectorError>
    where
        F: FnOnce(Replacement, Vec<Field>) -> Result<W, ConnectorError> + Send + 'static,
    {
        let target = self.folder.target(object)?;
        let fields = fields.to_vec();
        let writer = background(move || make(Replacement::start(&target)?, fields)).await?;
        let open = Arc::new(Mutex::new(Open { writer, record_count: 0 }));
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(object.clone(), open);
        Ok(())
    }

    /// Writes a batch. A record's id is its number in the file, from 1.
    ///
    /// # Errors
    /// Fails when the file was not begun, or cannot be written.
    pub async fn load(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
        if batch.operation != Operation::Insert {
            return Err(unexpected(&batch.object, "is written anew by each run, so its records can only be inserted"));
        }
        let open = self.begun(&batch.object)?;
        let batch = batch.clone();
        background(move || {
            let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
            let answers = open.writer.write(&batch)?;
            let mut outcomes = Vec::with_capacity(answers.len());
            for answer in answers {
                outcomes.push(match answer {
                    Ok(()) => {
                        open.record_count += 1;
                        Outcome::Created { id: open.record_count.to_string() }
                    }
                    Err(rejection) => Outcome::Rejected(rejection),
                });
            }
            Ok(outcomes)
        })
        .await
    }

    fn begun(&self, object: &ObjectName) -> Result<Arc<Mutex<Open<W>>>, ConnectorError> {
        let found = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(object).cloned();
        found.ok_or_else(|| unexpected(object, "was not begun"))
    }

    /// Completes the file of an object and puts it in place; does nothing when it was not begun.
    ///
    /// # Errors
    /// Fails when that cannot be done; an earlier file is untouched then.
    pub async fn finish(&self, object: &ObjectName) -> Result<(), ConnectorError> {
        let taken = self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(object);
        let Some(open) = taken else { return Ok(()) };
        let open = Arc::into_inner(open).ok_or_else(|| unexpected(object, "is still being written"))?;
        let open = open.into_inner().unwrap_or_else(PoisonError::into_inner);
        background(move || open.writer.finish()).await
    }
}

impl<W: FrameWriter> Writers<W> {
    /// Writes the records of a frame. Returns those that the file cannot hold, by their places in the frame.
    ///
    /// # Errors
    /// Fails when the file was not begun, or cannot be written.
    pub async fn load_frame(
        &self,
        object: &ObjectName,
        frame: DataFrame,
    ) -> Result<Vec<(usize, Rejection)>, ConnectorError> {
        let open = self.begun(object)?;
        background(move || open.lock().unwrap_or_else(PoisonError::into_inner).writer.write_frame(&frame)).await
    }
}

fn unexpected(object: &ObjectName, what: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::Unexpected, "file_error", format!("`{object}` {what}"))
}
