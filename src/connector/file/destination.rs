//! A folder of files as a destination: an object is a file, and each run writes it anew. Formats differ in their writers alone.

use std::{fmt::Debug, path::Path};

use async_trait::async_trait;
use polars::frame::DataFrame;

use crate::connector::{ConnectorError, Destination, ErrorKind, FetchRequest, LoadFrames, Replace};
use crate::model::{Batch, Field, ObjectName, Outcome, Record, Rejection, Schema};

use super::{
    folder::Folder,
    page::background,
    replacement::Replacement,
    writers::{FrameWriter, Writers},
};

/// How files of a format are written.
pub trait FileFormat: Clone + Debug + Send + Sync + 'static {
    /// Writes one file.
    type Writer: FrameWriter;

    /// What messages call the format: `csv`.
    const NAME: &'static str;

    /// Writes the beginning of the file that is to be at `target`.
    ///
    /// # Errors
    /// Fails when the file cannot be written, or cannot have one of the fields.
    fn start(&self, target: &Path, file: Replacement, fields: Vec<Field>) -> Result<Self::Writer, ConnectorError>;
}

/// A folder of files of one format, to write.
#[derive(Debug)]
pub struct FileDestination<F: FileFormat> {
    writers: Writers<F::Writer>,
    format: F,
}

impl<F: FileFormat> FileDestination<F> {
    /// Writes files into a folder. Does no I/O.
    pub fn new(folder: Folder, format: F) -> Self {
        Self { writers: Writers::new(folder), format }
    }
}

#[async_trait]
impl<F: FileFormat> Destination for FileDestination<F> {
    async fn check(&self) -> Result<(), ConnectorError> {
        let folder = self.writers.folder().clone();
        background(move || folder.check_writable()).await
    }

    async fn describe(&self, object: &ObjectName) -> Result<Schema, ConnectorError> {
        self.writers.folder().target(object)?;
        Ok(Schema { object: object.clone(), fields: Vec::new(), is_open: true })
    }

    async fn load(&self, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
        self.writers.load(batch).await
    }

    async fn fetch(&self, _request: &FetchRequest) -> Result<Vec<Record>, ConnectorError> {
        let message = format!("records of a {} file cannot be looked up", F::NAME);
        Err(ConnectorError::new(ErrorKind::Unexpected, "not_supported", message))
    }

    fn replace(&self) -> Option<&dyn Replace> {
        Some(self)
    }

    fn frames(&self) -> Option<&dyn LoadFrames> {
        Some(self)
    }
}

#[async_trait]
impl<F: FileFormat> LoadFrames for FileDestination<F> {
    async fn load_frame(
        &self,
        object: &ObjectName,
        frame: DataFrame,
    ) -> Result<Vec<(usize, Rejection)>, ConnectorError> {
        self.writers.load_frame(object, frame).await
    }
}

#[async_trait]
impl<F: FileFormat> Replace for FileDestination<F> {
    async fn begin(&self, object: &ObjectName, fields: &[Field]) -> Result<(), ConnectorError> {
        let (format, target) = (self.format.clone(), self.writers.folder().target(object)?);
        self.writers.begin(object, fields, move |file, fields| format.start(&target, file, fields)).await
    }

    async fn put_in_place(&self, object: &ObjectName) -> Result<(), ConnectorError> {
        self.writers.finish(object).await
    }
}
