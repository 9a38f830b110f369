//! Requests about merges, borders and data validation.

use serde_json::{Map, Value as Json, json};

use super::super::{
    cell::Entered,
    errors::{Answer, ApiError},
    sheet::Area,
    spreadsheet::Spreadsheet,
};
use super::{Fields, area};

pub(super) fn merge(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let (sheet, area) = area(book, fields.get("range"))?;
    let own = &mut book.sheets[sheet];
    if own.merges.iter().any(|merge| merge.meets(&area) && !area.holds(merge)) {
        return Err(ApiError::invalid("You must select all cells in a merged range to merge or unmerge them."));
    }
    own.merges.retain(|merge| !area.holds(merge));
    let Area { rows, columns } = area;
    let new: Vec<Area> = match fields.get("mergeType").and_then(Json::as_str).unwrap_or("MERGE_ALL") {
        "MERGE_ROWS" => rows.map(|row| Area { rows: row..row + 1, columns: columns.clone() }).collect(),
        "MERGE_COLUMNS" => columns.map(|column| Area { rows: rows.clone(), columns: column..column + 1 }).collect(),
        _ => vec![Area { rows, columns }],
    };
    for merge in new.into_iter().filter(|merge| merge.rows.len() * merge.columns.len() > 1) {
        // Only the first cell keeps what was entered.
        for row in merge.rows.clone() {
            for column in merge.columns.clone() {
                if (row, column) != (merge.rows.start, merge.columns.start) && !own.grid.cell(row, column).is_blank() {
                    own.grid.cell_mut(row, column).entered = Entered::Empty;
                }
            }
        }
        own.merges.push(merge);
    }
    Ok(Json::Null)
}

pub(super) fn unmerge(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let (sheet, area) = area(book, fields.get("range"))?;
    let merges = &mut book.sheets[sheet].merges;
    if merges.iter().any(|merge| merge.meets(&area) && !area.holds(merge)) {
        return Err(ApiError::invalid("You must select all cells in a merged range to merge or unmerge them."));
    }
    merges.retain(|merge| !area.holds(merge));
    Ok(Json::Null)
}

pub(super) fn borders(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let (sheet, area) = area(book, fields.get("range"))?;
    let (last_row, last_column) = (area.rows.end - 1, area.columns.end - 1);
    for row in area.rows.clone() {
        for column in area.columns.clone() {
            let side = |is_outer: bool, outer: &str, inner: &str| {
                fields.get(if is_outer { outer } else { inner }).filter(|border| border.is_object()).cloned()
            };
            let sides = [
                ("top", side(row == area.rows.start, "top", "innerHorizontal")),
                ("bottom", side(row == last_row, "bottom", "innerHorizontal")),
                ("left", side(column == area.columns.start, "left", "innerVertical")),
                ("right", side(column == last_column, "right", "innerVertical")),
            ];
            let cell = book.sheets[sheet].grid.cell_mut(row, column);
            for (name, border) in sides.into_iter().filter_map(|(name, border)| Some((name, border?))) {
                cell.change_look(|look| {
                    let format = look.entry("userEnteredFormat").or_insert_with(|| json!({}));
                    format["borders"][name] = border;
                });
            }
        }
    }
    Ok(Json::Null)
}

pub(super) fn validation(book: &mut Spreadsheet, fields: &Fields) -> Answer {
    let (sheet, area) = area(book, fields.get("range"))?;
    let rule = fields.get("rule").filter(|rule| rule.is_object());
    for row in area.rows.clone() {
        for column in area.columns.clone() {
            if rule.is_none() && book.sheets[sheet].grid.cell(row, column).look.is_none() {
                continue;
            }
            book.sheets[sheet].grid.cell_mut(row, column).change_look(|look: &mut Map<String, Json>| match rule {
                Some(rule) => {
                    look.insert("dataValidation".to_owned(), rule.clone());
                }
                None => {
                    look.remove("dataValidation");
                }
            });
        }
    }
    Ok(Json::Null)
}
