//! Opens workbooks, and puts sheets into them.

mod header;
mod kept;
mod seen;

use std::path::Path;

use crate::connector::{
    ConnectorError, ErrorKind,
    file::{file_error, other_kind},
};
use crate::model::{ObjectName, name_list, nearest, one_form, visible};
use crate::workbook::{ReadError, Reader};

pub(super) use self::{
    header::{Scan, is_null, place, read_header},
    kept::{PUT_IN_PLACE, check_room, keep_others, unwritable},
    seen::Seen,
};

/// Opens a workbook.
pub(super) fn open(path: &Path) -> Result<Reader, ConnectorError> {
    Reader::open(path).map_err(|error| unreadable(path, error))
}

/// Returns the name that a sheet has in its workbook: the object's own, or the one that differs in case or in nothing that shows.
pub(super) fn sheet_name(path: &Path, book: &Reader, object: &ObjectName) -> Result<String, ConnectorError> {
    let names = book.sheets();
    if let Some(exact) = names.iter().find(|name| name.as_str() == object.as_str()) {
        return Ok(exact.clone());
    }
    let mut alike = names.iter().filter(|name| is_alike(name, object));
    if let (Some(found), None) = (alike.next(), alike.next()) {
        return Ok(found.clone());
    }
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let held = name_list(&known).unwrap_or_else(|| "no sheet with cells".to_owned());
    let hint = match nearest(object.as_str(), known.iter().copied()) {
        Some(near) => format!("did you mean `{}`? the workbook holds {held}", visible(near)),
        None => format!("the workbook holds {held}"),
    };
    let message = format!("`{}` holds no sheet `{object}`", path.display());
    Err(ConnectorError::new(ErrorKind::NotFound, "sheet_not_found", message).with_hint(hint))
}

/// Tells whether two names are one to a spreadsheet, which does not tell letters by their case.
pub(super) fn is_alike(one: &str, other: &str) -> bool {
    one_form(one).to_lowercase() == one_form(other).to_lowercase()
}

/// Says why a workbook cannot be read.
pub(super) fn unreadable(path: &Path, error: ReadError) -> ConnectorError {
    let shown = path.display();
    match error {
        ReadError::Io(error) => file_error("read", path, &error),
        ReadError::Other(kind) => other_kind(path, kind),
        ReadError::Password => {
            let message = format!("`{shown}` is protected with a password");
            ConnectorError::new(ErrorKind::Io, "password", message)
                .with_hint("open it in the spreadsheet program, remove the password and save it")
        }
        ReadError::Broken(reason) => {
            let message = format!("`{shown}` cannot be read as a workbook: it is damaged, or something else");
            ConnectorError::new(ErrorKind::Io, "invalid_workbook", message)
                .with_detail(reason)
                .with_hint("open it in a spreadsheet and save it anew as .xlsx, or export it again")
        }
    }
}
