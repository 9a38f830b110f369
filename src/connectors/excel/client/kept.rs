//! The other sheets of a workbook that is written: those that Ferry wrote stay, and others are never lost.

use std::{path::Path, sync::Mutex};

use crate::connector::{ConnectorError, ErrorKind, file::file_error};
use crate::model::ObjectName;
use crate::workbook::{Cell, Column, Look, MAX_COLUMNS, NewSheet, Reader, WriteError, Writer};

use super::{is_alike, open, unreadable};

/// The property of a workbook that names the sheets that Ferry wrote, as a list of JSON.
const OWN_SHEETS: &str = "Ferry sheets";

/// Held while a workbook is put in place: two sheets of one workbook must not overtake each other.
pub(in super::super) static PUT_IN_PLACE: Mutex<()> = Mutex::new(());

/// Returns the sheets beside the object's that the workbook holds already and that must stay, all of them written by Ferry.
///
/// # Errors
/// Fails when there is one that Ferry did not write: its formats and formulas would be lost.
pub(in super::super) fn check_room(path: &Path, object: &ObjectName) -> Result<Vec<String>, ConnectorError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let mut book = open(path)?;
    let own = own_sheets(&mut book);
    let others: Vec<String> = book.sheets().into_iter().filter(|name| !is_alike(name, object)).collect();
    if let Some(foreign) = others.iter().find(|name| !own.contains(name)) {
        let message =
            format!("`{}` holds the sheet `{foreign}`, which Ferry did not write and would lose", path.display());
        return Err(ConnectorError::new(ErrorKind::Io, "foreign_sheet", message)
            .with_hint("write to a workbook of its own, and refer to it from yours"));
    }
    Ok(others)
}

fn own_sheets(book: &mut Reader) -> Vec<String> {
    let named = book.custom_property(OWN_SHEETS);
    named.and_then(|list| serde_json::from_str(&list).ok()).unwrap_or_default()
}

/// Notes in a workbook that Ferry wrote these sheets.
fn note_sheets(writer: &mut Writer, sheets: &[String]) {
    let list = serde_json::Value::from(sheets).to_string();
    writer.set_properties("Ferry", &[(OWN_SHEETS, &list)]);
}

/// Puts the workbook's other sheets and the new one into a workbook in the making, in the order that they have.
pub(in super::super) fn keep_others(
    path: &Path,
    object: &ObjectName,
    writer: &mut Writer,
    new: NewSheet,
) -> Result<(), ConnectorError> {
    let failed = |error: WriteError| unwritable(path, &error);
    let others = check_room(path, object)?;
    let mut sheets: Vec<String> = Vec::new();
    let mut new = Some(new);
    if path.exists() {
        let mut book = open(path)?;
        for name in book.sheets() {
            if others.contains(&name) {
                let kept = copied(path, &mut book, &name, writer)?;
                writer.put(kept).map_err(failed)?;
            } else if let Some(new) = new.take() {
                writer.put(new).map_err(failed)?;
            }
            sheets.push(if others.contains(&name) { name } else { object.to_string() });
        }
    }
    if let Some(new) = new {
        writer.put(new).map_err(failed)?;
        sheets.push(object.to_string());
    }
    note_sheets(writer, &sheets);
    Ok(())
}

/// Copies a sheet cell by cell.
fn copied(path: &Path, book: &mut Reader, name: &str, writer: &mut Writer) -> Result<NewSheet, ConnectorError> {
    let mut looks: Vec<Look> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let scanned = book.for_each_row(name, |row, cells| {
        for (column, cell) in cells {
            let column = usize::try_from(*column).unwrap_or(usize::MAX).min(MAX_COLUMNS - 1);
            if names.len() <= column {
                names.resize(column + 1, String::new());
                looks.resize(column + 1, Look::Plain);
            }
            match (row, cell) {
                (1, cell) => names[column] = cell.text(),
                (_, Cell::Text(_)) => looks[column] = Look::Text,
                (_, Cell::Day(_)) if looks[column] == Look::Plain => looks[column] = Look::Day,
                (_, Cell::Moment(_)) if looks[column] != Look::Text => looks[column] = Look::Moment,
                _ => {}
            }
        }
        true
    });
    scanned.map_err(|error| unreadable(path, error))?;
    let columns = names.into_iter().zip(looks).map(|(name, look)| Column { name, look });
    let columns: Vec<Column> = columns.collect();
    let mut sheet = writer.begin(name, columns).map_err(|error| unwritable(path, &error))?;
    let width = sheet.width();
    let mut failure: Option<WriteError> = None;
    let copied = book.for_each_row(name, |row, cells| {
        if row == 1 {
            return true;
        }
        let mut line = vec![Cell::Empty; width];
        for (column, cell) in cells {
            if let Some(place) = usize::try_from(*column).ok().and_then(|column| line.get_mut(column)) {
                *place = cell.clone();
            }
        }
        // A row without a cell is no record, and leaves no trace.
        failure = sheet.append(&line).err();
        failure.is_none()
    });
    copied.map_err(|error| unreadable(path, error))?;
    failure.map_or(Ok(sheet), |error| Err(unwritable(path, &error)))
}

/// Says that a workbook cannot be written.
pub(in super::super) fn unwritable(path: &Path, error: &WriteError) -> ConnectorError {
    match error.io() {
        Some(error) => file_error("write", path, error),
        None => ConnectorError::new(ErrorKind::Io, "file_error", format!("cannot write `{}`", path.display()))
            .with_detail(error.to_string()),
    }
}
