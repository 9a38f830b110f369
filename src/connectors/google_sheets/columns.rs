//! What the columns of a table are: their names, types and formats, from the header and the rows below it.

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{FieldType, ObjectName};

use super::{
    cell::Cell,
    client::{CellData, GridRange, NumberFormat, Sheet},
    config::Tables,
    header::{named_columns, suggested_row},
    place::{Place, nearest},
    schema::type_of,
};

/// The code of the error that names a column which is not there.
pub(super) const UNKNOWN_COLUMN: &str = "unknown_field";

/// A column that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    /// Its place on the tab, from 0.
    pub(super) place: usize,
    pub(super) name: String,
    pub(super) shared_heading: Option<String>,
    pub(super) field_type: FieldType,
    pub(super) format: Option<NumberFormat>,
    /// How many of a hundred of the first rows have a value, where there are any.
    pub(super) filled_percent: Option<u8>,
    /// Whether people's own formulas fill it.
    pub(super) is_formula: bool,
}

/// Learns the columns from the header and the rows below it.
pub(super) fn columns(
    place: &Place,
    rows: &[&[CellData]],
    object: &ObjectName,
    tables: &Tables,
) -> Result<Vec<Column>, ConnectorError> {
    let shown = |row: &&[CellData]| -> Vec<Cell> {
        row.iter().map(|cell| Cell::text(cell.formatted_value.clone().unwrap_or_default())).collect()
    };
    let headings = rows.first().map(shown).unwrap_or_default();
    let named = named_columns(&headings, place.span.0, &tables.id_columns(object));
    if named.is_empty() {
        let texts: Vec<Vec<Cell>> = rows.iter().map(shown).collect();
        return Err(no_header(place, object, suggested_row(&texts)));
    }
    let below = rows.get(1..).unwrap_or_default();
    let row_count = below.iter().filter(|row| row.iter().any(is_filled)).count();
    let columns: Vec<Column> = named
        .into_iter()
        .map(|named| {
            let offset = named.place - place.span.0;
            let cells = || below.iter().filter_map(|row| row.get(offset));
            let format = cells().find_map(|cell| {
                let own = cell.user_entered_format.number_format.as_ref();
                own.or(cell.effective_format.number_format.as_ref()).filter(|format| !format.kind.is_empty())
            });
            let filled = cells().find(|cell| is_filled(cell));
            let count = cells().filter(|cell| is_filled(cell)).count();
            let heading = rows.first().and_then(|row| row.get(offset));
            let declared = tables.field_type(object, &named.name);
            Column {
                place: named.place,
                field_type: declared.or_else(|| format.and_then(type_of)).unwrap_or(FieldType::Text),
                name: named.name,
                shared_heading: named.shared_heading,
                format: format.cloned(),
                filled_percent: (count * 100).checked_div(row_count).and_then(|share| u8::try_from(share).ok()),
                is_formula: filled.is_some_and(has_formula) || heading.is_some_and(has_formula),
            }
        })
        .collect();
    check_typed(place, object, tables, &columns)?;
    Ok(columns)
}

fn is_filled(cell: &CellData) -> bool {
    has_formula(cell) || cell.formatted_value.as_ref().is_some_and(|text| !text.is_empty())
}

fn has_formula(cell: &CellData) -> bool {
    cell.user_entered_value.formula_value.is_some()
}

/// Refuses options that give a type to a column that is not there: a typing error would leave the column text.
fn check_typed(place: &Place, object: &ObjectName, tables: &Tables, columns: &[Column]) -> Result<(), ConnectorError> {
    let is_known = |name: &&String| columns.iter().any(|column| column.name == **name);
    let Some(unknown) = tables.typed_columns(object).find(|name| !is_known(name)) else { return Ok(()) };
    let message = format!("option `fields` names a column `{unknown}`, which `{}` does not have", place.title);
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    Err(nearest(ConnectorError::new(ErrorKind::NotFound, UNKNOWN_COLUMN, message), unknown, &names))
}

/// Says which cells are merged below the header: only the first cell of each has the value.
pub(super) fn note_merges(place: &Place, head: &Sheet) {
    let is_of_table = |merge: &&GridRange| merge.end_row_index.is_none_or(|end| end > place.header_row);
    if let Some(merge) = head.merges.iter().find(is_of_table) {
        tracing::warn!(
            cell = %place.cell(merge.start_row_index, merge.start_column_index),
            merged = head.merges.len(),
            "merged cells: only the first cell of each has the value, the others are read as empty"
        );
    }
}

fn no_header(place: &Place, object: &ObjectName, suggested: Option<usize>) -> ConnectorError {
    let row = place.header_row + 1;
    let message = format!("row {row} of `{object}` names no column");
    let error = ConnectorError::new(ErrorKind::NotFound, "no_header", message);
    error.with_hint(match suggested {
        Some(offset) => {
            let row = row + offset;
            format!("row {row} looks like the header: set `header_row: {row}`")
        }
        None => "write the names of the columns into it, or set `header_row` to the row that has them".to_owned(),
    })
}
