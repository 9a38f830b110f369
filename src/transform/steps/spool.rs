//! Pages of a stream in files, for the steps that must see all of it.

use std::{
    fs::File,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use polars::prelude::{DataFrame, ParquetCompression, ParquetReader, ParquetWriter, SerReader};
use tempfile::TempDir;

use crate::transform::error::TransformError;

/// Most records of a frame that is delivered, so that memory is bounded whatever the size of the files.
pub(super) const MAX_FRAME_RECORDS: usize = 10_000;

/// Holds pages in a folder that is removed with it.
#[derive(Debug)]
pub struct Spool {
    folder: TempDir,
    paths: Vec<PathBuf>,
}

impl Spool {
    /// Makes an empty spool in the system's folder for temporary files.
    ///
    /// # Errors
    /// Fails when the disk cannot be written.
    pub fn new() -> Result<Self, TransformError> {
        let folder = TempDir::with_prefix("ferry-spool-").map_err(|error| io_error(&error, &std::env::temp_dir()))?;
        Ok(Self { folder, paths: Vec::new() })
    }

    /// Makes an empty spool on the disk where the pages lie.
    pub(super) fn beside(pages: &[PathBuf]) -> Result<Self, TransformError> {
        let parent = pages.first().and_then(|page| page.parent());
        let folder = match parent {
            Some(parent) => tempfile::tempdir_in(parent),
            None => tempfile::tempdir(),
        };
        let folder = folder.map_err(|error| io_error(&error, parent.unwrap_or(Path::new("."))))?;
        Ok(Self { folder, paths: Vec::new() })
    }

    /// Writes a page; an empty one only if it is the first, which shows the columns.
    ///
    /// # Errors
    /// Fails when the disk cannot be written.
    pub fn push(&mut self, mut frame: DataFrame) -> Result<(), TransformError> {
        if frame.height() == 0 && !self.paths.is_empty() {
            return Ok(());
        }
        let path = self.folder.path().join(format!("{}.parquet", self.paths.len()));
        let file = File::create(&path).map_err(|error| io_error(&error, &path))?;
        ParquetWriter::new(file).with_compression(ParquetCompression::Uncompressed).finish(&mut frame)?;
        self.paths.push(path);
        Ok(())
    }

    /// Returns the files, in order.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }
}

/// Pages as they came, or as they were rewritten.
#[derive(Debug)]
pub(super) enum Pages<'a> {
    AsTheyCame(&'a [PathBuf]),
    Rewritten(Spool),
}

impl Pages<'_> {
    pub(super) fn paths(&self) -> &[PathBuf] {
        match self {
            Self::AsTheyCame(paths) => paths,
            Self::Rewritten(spool) => spool.paths(),
        }
    }
}

/// Rewrites every page as the closure changes it, until it stops; unless there is nothing to change.
pub(super) fn through<'a>(
    pages: &'a [PathBuf],
    is_unchanged: bool,
    change: &mut dyn FnMut(DataFrame) -> Result<(DataFrame, ControlFlow<()>), TransformError>,
) -> Result<Pages<'a>, TransformError> {
    if is_unchanged {
        return Ok(Pages::AsTheyCame(pages));
    }
    let mut spool = Spool::beside(pages)?;
    each_page(pages, &mut |frame| {
        let (changed, flow) = change(frame)?;
        spool.push(changed)?;
        Ok(flow)
    })?;
    Ok(Pages::Rewritten(spool))
}

/// Reads the pages one by one, large ones in parts.
pub(super) fn each_page(
    pages: &[PathBuf],
    visit: &mut dyn FnMut(DataFrame) -> Result<ControlFlow<()>, TransformError>,
) -> Result<(), TransformError> {
    for path in pages {
        let count = reader(path)?.num_rows()?;
        let mut start = 0;
        while start < count || (start == 0 && count == 0) {
            let length = MAX_FRAME_RECORDS.min(count - start);
            let frame = reader(path)?.with_slice(Some((start, length))).finish()?;
            if visit(frame)?.is_break() {
                return Ok(());
            }
            start += MAX_FRAME_RECORDS;
        }
    }
    Ok(())
}

fn reader(path: &Path) -> Result<ParquetReader<File>, TransformError> {
    let file = File::open(path).map_err(|error| io_error(&error, path))?;
    Ok(ParquetReader::new(file))
}

fn io_error(error: &std::io::Error, path: &Path) -> TransformError {
    TransformError::new("transform.spool", format!("{}: {error}", path.display()))
}
