//! Files that are not what their name says: workbooks, archives, web pages.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{FILE_HEAD_BYTES, FileKind, PARQUET, file_kind};

use super::folder::file_error;

/// A file whose beginning looks like text.
const TEXT: FileKind =
    FileKind { name: "a text file", advice: "read it with a connection of `type: csv` or `type: json`" };

/// Refuses a file that is no text but something else with a known beginning, and names what it is.
///
/// # Errors
/// Fails when the file is of another kind, or cannot be read.
pub fn refuse_other_kind(path: &Path) -> Result<(), ConnectorError> {
    let head = head_of(path).map_err(|error| file_error("read", path, &error))?;
    file_kind(&head).map_or(Ok(()), |kind| Err(other_kind(path, kind)))
}

/// Says what a file is that is no Parquet file; none where its beginning is not known.
pub fn not_parquet_but(path: &Path) -> Option<ConnectorError> {
    let head = head_of(path).ok()?;
    if let Some(kind) = file_kind(&head) {
        return (kind != PARQUET).then(|| other_kind(path, kind));
    }
    // A character may be cut where the head ends.
    let is_utf_8 = std::str::from_utf8(&head).map_or_else(|error| error.error_len().is_none(), |_| true);
    let is_text = !head.is_empty() && !head.contains(&0) && is_utf_8;
    is_text.then(|| other_kind(path, TEXT))
}

fn head_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    File::open(path)?.take(FILE_HEAD_BYTES).read_to_end(&mut head)?;
    Ok(head)
}

fn other_kind(path: &Path, kind: FileKind) -> ConnectorError {
    let message = format!("`{}` is {}, whatever its name says", path.display(), kind.name);
    ConnectorError::new(ErrorKind::Io, "other_file_kind", message).with_hint(kind.advice)
}
