//! Files that are not what their name says: workbooks, archives, web pages, texts.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{FILE_HEAD_BYTES, FileKind, PARQUET, file_kind, text_kind, wide_text_kind};

use super::folder::file_error;

/// Refuses a file that is no text but something else with a known beginning, and names what it is.
///
/// # Errors
/// Fails when the file is of another kind, or cannot be read.
pub fn refuse_other_kind(path: &Path) -> Result<(), ConnectorError> {
    let head = head_of(path).map_err(|error| file_error("read", path, &error))?;
    file_kind(&head).map_or(Ok(()), |kind| Err(other_kind(path, kind)))
}

/// Refuses a text in UTF-16 that nothing in it says to be one, where a connection has no option for it.
///
/// # Errors
/// Fails when the file is one, or cannot be read.
pub fn refuse_wide_text(path: &Path) -> Result<(), ConnectorError> {
    let head = head_of(path).map_err(|error| file_error("read", path, &error))?;
    wide_text_kind(&head).map_or(Ok(()), |kind| Err(other_kind(path, kind).with_hint("save it as UTF-8")))
}

/// Says what a file is that is no Parquet file; none where its beginning is not known.
pub fn not_parquet_but(path: &Path) -> Option<ConnectorError> {
    let head = head_of(path).ok()?;
    let kind = file_kind(&head).or_else(|| text_kind(&head)).filter(|kind| *kind != PARQUET)?;
    Some(other_kind(path, kind))
}

fn head_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(FILE_HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

/// Says that a file is of another kind than its name.
pub fn other_kind(path: &Path, kind: FileKind) -> ConnectorError {
    let message = format!("`{}` is {}, whatever its name says", path.display(), kind.name);
    ConnectorError::new(ErrorKind::Io, "other_file_kind", message).with_hint(kind.advice)
}
