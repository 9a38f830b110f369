//! Look-ups and places.

use super::super::super::a1;
use super::super::super::cell::{ErrorKind, Value};
use super::super::super::numbers::{double, position};
use super::super::ast::Expression;
use super::super::eval::{Outcome, fail};
use super::super::operators::compare;
use super::Arguments;

/// Calls a function of this family.
pub(super) fn call(name: &str, arguments: &Arguments) -> Option<Outcome> {
    Some(match name {
        "VLOOKUP" => lookup(arguments, false),
        "HLOOKUP" => lookup(arguments, true),
        "XLOOKUP" => xlookup(arguments),
        "INDEX" => index(arguments),
        "MATCH" => matched(arguments),
        "CHOOSE" => chosen(arguments),
        "ROW" => placed(arguments, |(_, row, _)| row, |reference| reference.rows().start),
        "COLUMN" => placed(arguments, |(_, _, column)| column, |reference| reference.columns().start),
        "ROWS" => arguments.rows(0).map(|rows| Value::Number(double(rows.len()))),
        "COLUMNS" => arguments.rows(0).map(|rows| Value::Number(double(rows.first().map_or(0, Vec::len)))),
        "INDIRECT" => indirect(arguments),
        _ => return None,
    })
}

fn transposed(rows: &[Vec<Value>]) -> Vec<Vec<Value>> {
    let width = rows.first().map_or(0, Vec::len);
    (0..width).map(|column| rows.iter().map(|row| row[column].clone()).collect()).collect()
}

fn missing(arguments: &Arguments, wanted: &Value) -> Outcome {
    let (name, wanted) = (arguments.name, arguments.eval.text_of(wanted));
    fail(ErrorKind::NotAvailable, format!("Did not find value '{wanted}' in {name} evaluation."))
}

fn lookup(arguments: &Arguments, is_across: bool) -> Outcome {
    let wanted = arguments.one(0)?;
    let rows = arguments.rows(1)?;
    let rows = if is_across { transposed(&rows) } else { rows };
    let index = position(arguments.number(2)?).unwrap_or_default();
    let is_sorted = arguments.truth_or(3, true)?;
    let keys: Vec<&Value> = rows.iter().filter_map(|row| row.first()).collect();
    let Some(found) = place(&keys, &wanted, i8::from(is_sorted)) else { return missing(arguments, &wanted) };
    match index.checked_sub(1).and_then(|index| rows[found].get(index)) {
        Some(value) => settled(value),
        None => fail(ErrorKind::Ref, format!("{} evaluates to an out of bounds range.", arguments.name)),
    }
}

/// Finds a value: exactly (0), the last that is not greater (1), or the last that is not less (-1).
fn place(keys: &[&Value], wanted: &Value, order: i8) -> Option<usize> {
    let is_alike = |key: &&Value| std::mem::discriminant(*key) == std::mem::discriminant(wanted);
    match order {
        0 => keys.iter().position(|key| is_alike(key) && compare(key, wanted).is_eq()),
        1 => keys.iter().rposition(|key| is_alike(key) && compare(key, wanted).is_le()),
        _ => keys.iter().rposition(|key| is_alike(key) && compare(key, wanted).is_ge()),
    }
}

fn settled(value: &Value) -> Outcome {
    match value {
        Value::Error(fault) => fail(fault.kind, fault.message.clone()),
        value => Ok(value.clone()),
    }
}

fn xlookup(arguments: &Arguments) -> Outcome {
    let wanted = arguments.one(0)?;
    let keys: Vec<Value> = arguments.rows(1)?.into_iter().flatten().collect();
    let results: Vec<Value> = arguments.rows(2)?.into_iter().flatten().collect();
    match place(&keys.iter().collect::<Vec<_>>(), &wanted, 0).and_then(|found| results.get(found)) {
        Some(value) => settled(value),
        None if arguments.len() > 3 => arguments.one(3),
        None => missing(arguments, &wanted),
    }
}

fn index(arguments: &Arguments) -> Outcome {
    let rows = arguments.rows(0)?;
    let (mut row, mut column) = (arguments.number_or(1, 0.0)?, arguments.number_or(2, 0.0)?);
    if rows.len() == 1 && arguments.len() == 2 {
        (row, column) = (1.0, row);
    }
    let at = |number: f64| position(number).map(|number| number.saturating_sub(1));
    let found = at(row).zip(at(column)).and_then(|(row, column)| rows.get(row)?.get(column));
    match found {
        Some(value) => settled(value),
        None => fail(ErrorKind::Num, "Function INDEX parameter 2 or 3 is out of range."),
    }
}

fn matched(arguments: &Arguments) -> Outcome {
    let wanted = arguments.one(0)?;
    let keys: Vec<Value> = arguments.rows(1)?.into_iter().flatten().collect();
    let order = arguments.number_or(2, 1.0)?;
    let order = if order == 0.0 {
        0
    } else if order > 0.0 {
        1
    } else {
        -1
    };
    match place(&keys.iter().collect::<Vec<_>>(), &wanted, order) {
        Some(found) => Ok(Value::Number(double(found + 1))),
        None => missing(arguments, &wanted),
    }
}

fn chosen(arguments: &Arguments) -> Outcome {
    match position(arguments.number(0)?).filter(|index| (1..arguments.len()).contains(index)) {
        Some(index) => arguments.one(index),
        None => fail(ErrorKind::Num, "Function CHOOSE parameter 1 is out of range."),
    }
}

fn placed(
    arguments: &Arguments,
    own: fn((usize, usize, usize)) -> usize,
    of: fn(&super::super::references::Reference) -> usize,
) -> Outcome {
    match arguments.all.first() {
        None => Ok(Value::Number(double(own(arguments.eval.place) + 1))),
        Some(Expression::Reference(reference)) => Ok(Value::Number(double(of(reference) + 1))),
        Some(_) => fail(ErrorKind::NotAvailable, "Argument must be a range."),
    }
}

fn indirect(arguments: &Arguments) -> Outcome {
    let text = arguments.text(0)?;
    let book = arguments.eval.evaluator.book();
    let wrong = || {
        fail(
            ErrorKind::Ref,
            format!("Function INDIRECT parameter 1 value is '{text}'. It is not a valid cell/range reference."),
        )
    };
    let found = match a1::split_title(&text) {
        Some(_) => book.locate(&text).ok().map(|found| (found.sheet, found.cells)),
        None => a1::cells(&text)
            .map(|cells| (arguments.eval.place.0, cells))
            .or_else(|| book.named(&text).map(|found| (found.sheet, found.cells))),
    };
    let Some((sheet, cells)) = found else { return wrong() };
    if cells.is_cell {
        let value = arguments.eval.evaluator.try_value((sheet, cells.rows.start, cells.columns.start))?;
        return settled(&value);
    }
    arguments.eval.area(sheet, cells.rows, cells.columns)
}
