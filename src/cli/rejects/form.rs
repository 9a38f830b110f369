//! The forms in which rejected records are written: for a person's spreadsheet, and for a program.

use std::path::Path;

use crate::model::guarded;
use crate::workbook::{Cell, Column, Look, Writer, cut_text};

use super::{
    super::{
        args::RejectsFormat,
        exit::{Exit, Failure},
    },
    table::Table,
};

/// The sheet of the records.
const SHEET: &str = "Rejects";
/// What stands beside it.
const HOW_TO: [&str; 6] = [
    "Correct the cells of the record in the sheet `Rejects`, save, and load the file with: ferry redrive --from FILE",
    "`source.` columns are the record as the source gave it; it is mapped again. `mapped.` columns are what is written; one that you change is \
     written as it is.",
    "Remove the rows of records that should not be loaded again.",
    "Leave the names of the columns and the column `letter` as they are. Other columns may be moved or removed.",
    "Only cells that you change count as corrections. `redrive` shows them before it loads.",
    "The file holds personal data: delete it when you are done.",
];

impl RejectsFormat {
    /// Returns the form that a file's ending names; CSV for any other.
    pub(in super::super) fn of_file(path: &Path) -> Self {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("xlsx") => Self::Xlsx,
            Some("json") => Self::Json,
            _ => Self::Csv,
        }
    }
}

/// Writes a table as CSV. A file for a person has semicolons and a byte order mark, as spreadsheets of Europe want it; what goes to
/// another program has commas.
pub(super) fn csv(table: &Table, is_file: bool, is_raw: bool) -> Result<Vec<u8>, Failure> {
    let failed = |error: String| Failure::new(Exit::Failed, "csv", error);
    let start = if is_file { b"\xEF\xBB\xBF".to_vec() } else { Vec::new() };
    let mut writer = csv::WriterBuilder::new().delimiter(if is_file { b';' } else { b',' }).from_writer(start);
    let safe = |cell: &String| if is_raw { cell.clone() } else { guarded(cell).into_owned() };
    writer.write_record(&table.header).map_err(|error| failed(error.to_string()))?;
    for row in &table.rows {
        writer.write_record(row.iter().map(safe)).map_err(|error| failed(error.to_string()))?;
    }
    writer.into_inner().map_err(|error| failed(error.to_string()))
}

fn text_cell(text: &str) -> Cell {
    if text.is_empty() { Cell::Empty } else { Cell::Text(cut_text(text).to_owned()) }
}

/// Writes a table as a workbook whose cells are all texts, so that nothing in them runs or changes.
pub(super) fn xlsx(table: &Table) -> Result<Vec<u8>, Failure> {
    let failed = |error: crate::workbook::WriteError| Failure::new(Exit::Failed, "xlsx", error.to_string());
    let mut writer = Writer::default();
    writer.set_properties("Ferry", &[]);
    let column = |name: &str| Column { name: name.to_owned(), look: Look::Text };
    let mut sheet = writer.begin(SHEET, table.header.iter().map(|name| column(name)).collect()).map_err(failed)?;
    for row in &table.rows {
        // `redrive` knows a text that a cell does not hold whole.
        let cells: Vec<Cell> = row.iter().map(|cell| text_cell(cell)).collect();
        sheet.append(&cells).map_err(failed)?;
    }
    writer.put(sheet).map_err(failed)?;
    let mut how = writer.begin("How to", vec![column("What to do with this file")]).map_err(failed)?;
    for line in HOW_TO {
        how.append(&[Cell::Text(line.to_owned())]).map_err(failed)?;
    }
    writer.put(how).map_err(failed)?;
    let mut bytes = Vec::new();
    writer.save(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
