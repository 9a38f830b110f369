//! Requests that sort rows and drop duplicates.

use std::{cmp::Ordering, collections::HashSet};

use serde_json::{Value as Json, json};

use super::super::{
    account::Moment,
    cell::{Cell, Entered, Value},
    errors::{Answer, ApiError},
    evaluator::Evaluator,
    formula::compare,
    numbers, protection,
    sheet::Area,
    spreadsheet::Spreadsheet,
};
use super::{Fields, area};

pub(super) fn answer(book: &mut Spreadsheet, fields: &Fields, moment: &Moment) -> Answer {
    let (sheet, area) = area(book, fields.get("range"))?;
    protection::check(book, sheet, &area, moment)?;
    let mut keys = Vec::new();
    for spec in fields.get("sortSpecs").and_then(Json::as_array).into_iter().flatten() {
        let column = spec.get("dimensionIndex").and_then(numbers::index).unwrap_or(0);
        if !area.columns.contains(&column) {
            return Err(ApiError::invalid(format!("dimensionIndex[{column}] is outside the range")));
        }
        keys.push((column, spec["sortOrder"] == "DESCENDING"));
    }
    let own = &book.sheets[sheet];
    if own.merges.iter().any(|merge| merge.meets(&area) && merge.rows.len() > 1) {
        return Err(ApiError::invalid("You can't sort a range containing vertical merges."));
    }
    sort(book, sheet, &area, &keys, moment);
    Ok(Json::Null)
}

/// Sorts the rows of an area by columns; blank cells come last, whatever the order. Equal rows keep theirs.
pub(in super::super) fn sort(
    book: &mut Spreadsheet,
    sheet: usize,
    area: &Area,
    keys: &[(usize, bool)],
    moment: &Moment,
) {
    let keyed = {
        let evaluator = Evaluator::new(book, moment.now);
        let values = |row: usize| keys.iter().map(|(column, _)| evaluator.value((sheet, row, *column))).collect();
        let end = area.rows.end.min(book.sheets[sheet].grid.kept_rows()).max(area.rows.start);
        let mut keyed: Vec<(usize, Vec<Value>)> = (area.rows.start..end).map(|row| (row, values(row))).collect();
        keyed.sort_by(|(_, one), (_, other)| {
            let pairs = one.iter().zip(other).zip(keys);
            pairs
                .map(|((one, other), (_, is_down))| order(one, other, *is_down))
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal)
        });
        keyed
    };
    let order: Vec<usize> = keyed.into_iter().map(|(row, _)| row).collect();
    arrange(book, sheet, area, &order);
}

fn order(one: &Value, other: &Value, is_down: bool) -> Ordering {
    match (one, other) {
        (Value::Empty, Value::Empty) => Ordering::Equal,
        (Value::Empty, _) => Ordering::Greater,
        (_, Value::Empty) => Ordering::Less,
        _ if is_down => compare(other, one),
        _ => compare(one, other),
    }
}

/// Puts the rows of an area in an order. Formulas move as if they were copied: their relative references follow.
fn arrange(book: &mut Spreadsheet, sheet: usize, area: &Area, order: &[usize]) {
    let grid = &mut book.sheets[sheet].grid;
    let lift = |row: usize| area.columns.clone().map(|column| grid.cell(row, column).clone()).collect::<Vec<Cell>>();
    let rows: Vec<(usize, Vec<Cell>)> = order.iter().map(|row| (*row, lift(*row))).collect();
    for (row, (from, cells)) in (area.rows.start..).zip(rows) {
        let steps = isize::try_from(row).unwrap_or_default() - isize::try_from(from).unwrap_or_default();
        for (column, mut cell) in area.columns.clone().zip(cells) {
            if let Entered::Formula(formula) = &cell.entered
                && steps != 0
            {
                cell.entered = Entered::Formula(formula.copied(steps, 0).into());
            }
            let is_nothing = cell.is_blank() && cell.look.is_none();
            let is_kept = column < grid.row(row).len();
            if !is_nothing || is_kept {
                *grid.cell_mut(row, column) = cell;
            }
        }
    }
}

pub(super) fn deduplicate(book: &mut Spreadsheet, fields: &Fields, moment: &Moment) -> Answer {
    let (sheet, area) = area(book, fields.get("range"))?;
    protection::check(book, sheet, &area, moment)?;
    let given = fields.get("comparisonColumns").and_then(Json::as_array);
    let mut columns: Vec<usize> = Vec::new();
    for one in given.into_iter().flatten() {
        let index = |name: &str| one.get(name).and_then(numbers::index);
        columns.extend(index("startIndex").unwrap_or(0)..index("endIndex").unwrap_or(area.columns.end));
    }
    if columns.is_empty() {
        columns.extend(area.columns.clone());
    }
    let mut seen: HashSet<Vec<String>> = HashSet::new();
    let mut kept = Vec::new();
    let mut gone = Vec::new();
    {
        let evaluator = Evaluator::new(book, moment.now);
        for row in area.rows.clone() {
            let key: Vec<String> =
                columns.iter().map(|column| format!("{:?}", evaluator.value((sheet, row, *column)))).collect();
            if seen.insert(key) { &mut kept } else { &mut gone }.push(row);
        }
    }
    let count = gone.len();
    arrange(book, sheet, &area, &kept);
    for row in area.rows.end - count..area.rows.end {
        for cell in book.sheets[sheet].grid.row_mut(row).iter_mut().skip(area.columns.start).take(area.columns.len()) {
            cell.entered = Entered::Empty;
        }
    }
    Ok(if count == 0 { json!({}) } else { json!({ "duplicatesRemovedCount": count }) })
}
