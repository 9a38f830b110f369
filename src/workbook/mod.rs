//! Workbooks (`.xlsx`, `.xls`, `.ods`): their cells as they are meant, read row by row, and `.xlsx` written row by row.
//!
//! A cell has a type of its own, so nothing is guessed here: a text stays a text whatever it looks like. This module knows no
//! records and no fields. Start at [`Reader`] and [`Writer`].

mod cell;
mod mask;
mod read;
pub mod serial;
mod write;

pub use cell::{Cell, cell_name, is_whole};
pub use read::{ReadError, Reader};
pub use write::{
    Column, Look, MAX_COLUMNS, MAX_ROWS, NewSheet, WriteError, Writer, check_sheet_name, check_text, cut_text,
};
