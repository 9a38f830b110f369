//! What cells come to: the values of formulas, worked out when they are read.

use std::{cell::RefCell, collections::HashMap};

use chrono::NaiveDateTime;

use super::{
    cell::{Entered, ErrorKind, Value},
    formats::Locale,
    formula::{self, Needs},
    spreadsheet::Spreadsheet,
};

/// How many formulas may lead to one another before the ones that are needed are worked out first.
const MAX_DEPTH: usize = 48;

/// A tab, a row and a column.
pub(super) type Place = (usize, usize, usize);

/// Works out the values of one spreadsheet at one moment.
#[derive(Debug)]
pub(super) struct Evaluator<'book> {
    book: &'book Spreadsheet,
    /// Now, on the clocks of the spreadsheet's zone.
    now: NaiveDateTime,
    locale: Locale,
    known: RefCell<HashMap<Place, Value>>,
    /// The formulas that are being worked out.
    open: RefCell<Vec<Place>>,
}

impl<'book> Evaluator<'book> {
    /// Looks at a spreadsheet at a moment.
    pub(super) fn new(book: &'book Spreadsheet, now: chrono::DateTime<chrono::Utc>) -> Self {
        let now = now.with_timezone(&book.zone()).naive_local();
        let (known, open) = (RefCell::default(), RefCell::default());
        Self { book, now, locale: book.locale(), known, open }
    }

    /// Returns the spreadsheet.
    pub(super) fn book(&self) -> &'book Spreadsheet {
        self.book
    }

    /// Returns the moment, in the spreadsheet's zone.
    pub(super) fn now(&self) -> NaiveDateTime {
        self.now
    }

    /// Returns the spreadsheet's locale.
    pub(super) fn locale(&self) -> &Locale {
        &self.locale
    }

    /// Returns what a cell comes to. A long chain of formulas is worked out from its far end, so that it cannot exhaust the stack.
    pub(super) fn value(&self, place: Place) -> Value {
        let mut waiting = vec![place];
        while let Some(next) = waiting.last().copied() {
            match self.try_value(next) {
                Ok(value) => {
                    waiting.pop();
                    if waiting.is_empty() {
                        return value;
                    }
                }
                Err(Needs(needed)) if waiting.contains(&needed) => {
                    self.open.borrow_mut().clear();
                    self.known.borrow_mut().insert(needed, circular());
                    waiting.pop();
                }
                Err(Needs(needed)) => {
                    self.open.borrow_mut().clear();
                    waiting.push(needed);
                }
            }
        }
        Value::Empty
    }

    /// Returns what a cell comes to, or the formula that has to be worked out before.
    pub(super) fn try_value(&self, place: Place) -> Result<Value, Needs> {
        let (sheet, row, column) = place;
        let Some(sheet) = self.book.sheets.get(sheet) else { return Ok(Value::Empty) };
        let formula = match &sheet.grid.cell(row, column).entered {
            Entered::Empty => return Ok(Value::Empty),
            Entered::Number(number) => return Ok(Value::Number(*number)),
            Entered::Text(text) => return Ok(Value::Text(text.to_string())),
            Entered::Bool(is_true) => return Ok(Value::Bool(*is_true)),
            Entered::Formula(formula) => formula,
        };
        if let Some(value) = self.known.borrow().get(&place) {
            return Ok(value.clone());
        }
        if self.open.borrow().contains(&place) {
            return Ok(circular());
        }
        if self.open.borrow().len() >= MAX_DEPTH {
            return Err(Needs(place));
        }
        self.open.borrow_mut().push(place);
        let value = formula::evaluate(formula, self, place)?;
        self.open.borrow_mut().pop();
        self.known.borrow_mut().insert(place, value.clone());
        Ok(value)
    }
}

fn circular() -> Value {
    Value::error(
        ErrorKind::Ref,
        "Circular dependency detected. To resolve with iterative calculation, see File > Settings.",
    )
}
