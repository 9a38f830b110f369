//! Requests about rows and columns.

use std::ops::Range;

use serde_json::{Value as Json, json};

use super::super::{
    account::Moment,
    cell::Cell,
    errors::{Answer, ApiError},
    grid::Dimension,
    numbers, protection,
    sheet::{Area, side},
    shift::{Change, follow},
    spreadsheet::{MAX_CELLS, Spreadsheet},
};
use super::{Fields, mask_of, object};

/// Rows or columns of a tab.
pub(super) struct Place {
    pub(super) sheet: usize,
    pub(super) dimension: Dimension,
    pub(super) range: Range<usize>,
}

/// Reads a dimension.
pub(super) fn dimension(json: Option<&Json>) -> Result<Dimension, ApiError> {
    match json.and_then(Json::as_str) {
        Some("ROWS") => Ok(Dimension::Rows),
        Some("COLUMNS") => Ok(Dimension::Columns),
        _ => Err(ApiError::invalid("No dimension specified.")),
    }
}

/// Reads a `DimensionRange`.
pub(super) fn place(book: &Spreadsheet, range: Option<&Json>) -> Result<Place, ApiError> {
    let range = range.filter(|range| range.is_object()).ok_or_else(|| ApiError::invalid("range is missing"))?;
    let sheet = book.sheet_of(range.get("sheetId"))?;
    let dimension = dimension(range.get("dimension"))?;
    let count = book.sheets[sheet].grid.count(dimension);
    let start = range.get("startIndex").and_then(numbers::integer).unwrap_or(0);
    let end = range.get("endIndex").and_then(numbers::integer);
    let (Ok(start), Ok(end)) = (usize::try_from(start), end.map_or(Ok(count), usize::try_from)) else {
        return Err(ApiError::invalid("startIndex and endIndex must not be negative"));
    };
    if end <= start {
        return Err(ApiError::invalid(format!("range.endIndex[{end}] must be after startIndex[{start}]")));
    }
    Ok(Place { sheet, dimension, range: start..end })
}

fn check_within(book: &Spreadsheet, place: &Place) -> Result<(), ApiError> {
    let count = book.sheets[place.sheet].grid.count(place.dimension);
    if place.range.end > count {
        let (start, end, name) = (place.range.start, place.range.end, noun(place.dimension));
        return Err(ApiError::invalid(format!("Range [{start}, {end}) is behind the last of {count} {name}")));
    }
    Ok(())
}

fn noun(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Rows => "rows",
        Dimension::Columns => "columns",
    }
}

/// Returns the cells of rows or columns.
fn cells_of(book: &Spreadsheet, place: &Place) -> Area {
    let whole = book.sheets[place.sheet].whole();
    match place.dimension {
        Dimension::Rows => Area { rows: place.range.clone(), ..whole },
        Dimension::Columns => Area { columns: place.range.clone(), ..whole },
    }
}

/// Fails where so many cells are too many.
///
/// # Errors
/// Refuses as Google does.
pub(in super::super) fn check_size(cells: usize) -> Result<(), ApiError> {
    if cells > MAX_CELLS {
        return Err(ApiError::invalid(format!(
            "This action would increase the number of cells in the workbook above the limit of {MAX_CELLS} cells."
        )));
    }
    Ok(())
}

fn check_growth(book: &Spreadsheet, sheet: usize, dimension: Dimension, count: usize) -> Result<(), ApiError> {
    let other = match dimension {
        Dimension::Rows => Dimension::Columns,
        Dimension::Columns => Dimension::Rows,
    };
    let cells: usize = book.sheets.iter().map(|sheet| sheet.grid.cell_count()).sum();
    check_size(cells.saturating_add(count.saturating_mul(book.sheets[sheet].grid.count(other))))
}

pub(super) fn append(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let sheet = book.sheet_of(fields.get("sheetId"))?;
    let dimension = dimension(fields.get("dimension"))?;
    let length = fields.get("length").and_then(numbers::index).filter(|length| *length > 0);
    let length = length.ok_or_else(|| ApiError::invalid("length must be positive"))?;
    check_growth(book, sheet, dimension, length)?;
    let at = book.sheets[sheet].grid.count(dimension);
    book.sheets[sheet].grid.insert(dimension, at, length);
    Ok(Json::Null)
}

pub(super) fn insert(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let place = place(book, fields.get("range"))?;
    let count = book.sheets[place.sheet].grid.count(place.dimension);
    let inherits = fields.get("inheritFromBefore") == Some(&Json::Bool(true));
    if place.range.start > count {
        let (start, name) = (place.range.start, noun(place.dimension));
        return Err(ApiError::invalid(format!("range.startIndex[{start}] is behind the last of {count} {name}")));
    }
    if inherits && place.range.start == 0 {
        return Err(ApiError::invalid("Cannot inherit from before the first row or column."));
    }
    check_growth(book, place.sheet, place.dimension, place.range.len())?;
    let like = if inherits { place.range.start.checked_sub(1) } else { Some(place.range.end) };
    insert_like(book, &place, like);
    Ok(Json::Null)
}

/// Inserts rows or columns that look like the one before them.
pub(in super::super) fn insert_like_above(
    book: &mut Spreadsheet,
    sheet: usize,
    dimension: Dimension,
    range: Range<usize>,
) {
    let like = range.start.checked_sub(1);
    insert_like(book, &Place { sheet, dimension, range }, like);
}

/// Inserts rows or columns that look like another one, given by its position afterwards.
fn insert_like(book: &mut Spreadsheet, place: &Place, like: Option<usize>) {
    let Place { sheet, dimension, range } = place;
    let change = Change::Insert { at: range.start, count: range.len() };
    book.sheets[*sheet].grid.insert(*dimension, range.start, range.len());
    follow(book, *sheet, *dimension, &change);
    let grid = &mut book.sheets[*sheet].grid;
    let Some(like) = like.filter(|like| *like < grid.count(*dimension)) else { return };
    let format = |cell: &Cell| cell.format().cloned();
    match dimension {
        Dimension::Rows => {
            let formats: Vec<_> = grid.row(like).iter().map(format).collect();
            let formats: Vec<_> = formats.into_iter().enumerate().filter_map(|(at, it)| Some((at, it?))).collect();
            for row in range.clone() {
                for (column, format) in &formats {
                    set_format(grid.cell_mut(row, *column), format);
                }
            }
        }
        Dimension::Columns => {
            for row in 0..grid.kept_rows() {
                let Some(format) = format(grid.cell(row, like)) else { continue };
                for column in range.clone() {
                    set_format(grid.cell_mut(row, column), &format);
                }
            }
        }
    }
}

fn set_format(cell: &mut Cell, format: &Fields) {
    cell.change_look(|look| {
        look.insert("userEnteredFormat".to_owned(), Json::Object(format.clone()));
    });
}

pub(super) fn delete(book: &mut Spreadsheet, fields: &Fields, moment: &Moment) -> Answer {
    let place = place(book, fields.get("range"))?;
    check_within(book, &place)?;
    protection::check(book, place.sheet, &cells_of(book, &place), moment)?;
    if place.range.len() == book.sheets[place.sheet].grid.count(place.dimension) {
        let name = noun(place.dimension);
        return Err(ApiError::invalid(format!("You can't delete all the {name} on the sheet.")));
    }
    let frozen = match place.dimension {
        Dimension::Rows => "frozenRowCount",
        Dimension::Columns => "frozenColumnCount",
    };
    let sheet = &mut book.sheets[place.sheet];
    if let Some(count) = sheet.grid_properties.get(frozen).and_then(numbers::index) {
        let left = sheet.grid.count(place.dimension) - place.range.len();
        if count >= left && count > 0 && place.range.start >= count {
            let name = noun(place.dimension);
            return Err(ApiError::invalid(format!("Sorry, it is not possible to delete all non-frozen {name}.")));
        }
        let gone = place.range.end.min(count).saturating_sub(place.range.start);
        sheet.grid_properties.insert(frozen.to_owned(), json!(count - gone));
        sheet.grid_properties.retain(|name, value| name != frozen || value.as_i64() != Some(0));
    }
    sheet.grid.delete(place.dimension, place.range.clone());
    follow(book, place.sheet, place.dimension, &Change::Delete(place.range));
    Ok(Json::Null)
}

pub(super) fn move_to(book: &mut Spreadsheet, fields: &Fields, moment: &Moment) -> Answer {
    let place = place(book, fields.get("source"))?;
    check_within(book, &place)?;
    let count = book.sheets[place.sheet].grid.count(place.dimension);
    let to = fields.get("destinationIndex").and_then(numbers::index).filter(|to| *to <= count);
    let to = to.ok_or_else(|| ApiError::invalid("destinationIndex is behind the last one"))?;
    if (place.range.start..=place.range.end).contains(&to) {
        return Err(ApiError::invalid("The destination lies within the source."));
    }
    protection::check(book, place.sheet, &cells_of(book, &place), moment)?;
    book.sheets[place.sheet].grid.shift(place.dimension, &place.range, to);
    follow(book, place.sheet, place.dimension, &Change::Move { range: place.range, to });
    Ok(Json::Null)
}

pub(super) fn update(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let place = place(book, fields.get("range"))?;
    check_within(book, &place)?;
    let given = object(fields, "properties")?;
    let mask = mask_of(fields, "properties", "DimensionProperties")?;
    let properties = &mut book.sheets[place.sheet].dimensions[side(place.dimension)];
    for index in place.range {
        let own = properties.entry(index).or_default();
        mask.update(own, given);
        own.retain(|_, value| *value != Json::Bool(false));
        if own.is_empty() {
            properties.remove(&index);
        }
    }
    Ok(Json::Null)
}

pub(super) fn auto_resize(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let place = place(book, fields.get("dimensions"))?;
    check_within(book, &place)?;
    let sheet = &mut book.sheets[place.sheet];
    for index in place.range {
        let longest = match place.dimension {
            Dimension::Rows => 0,
            Dimension::Columns => (0..sheet.grid.kept_rows())
                .filter_map(|row| sheet.grid.cell(row, index).entered.json())
                .map(|value| value.to_string().len().saturating_sub(18))
                .max()
                .unwrap_or(0),
        };
        let width = if place.dimension == Dimension::Rows { 21 } else { (longest * 7 + 10).clamp(21, 2000) };
        let own = sheet.dimensions[side(place.dimension)].entry(index).or_default();
        own.insert("pixelSize".to_owned(), Json::from(width));
    }
    Ok(Json::Null)
}
