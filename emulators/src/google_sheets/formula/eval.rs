//! Works expressions out.

use super::super::{
    a1::Span,
    cell::{ErrorKind, Fault, Value},
    evaluator::{Evaluator, Place},
    formats::general,
    sheet::Area,
};
use super::{ast::Expression, functions, operators, references::Reference};

/// A formula that has to be worked out before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::google_sheets) struct Needs(pub(in crate::google_sheets) Place);

/// Why an expression has no value (yet).
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stop {
    Needs(Place),
    Fault(Fault),
}

impl From<Needs> for Stop {
    fn from(Needs(place): Needs) -> Self {
        Self::Needs(place)
    }
}

/// What an expression comes to.
pub(super) type Outcome<T = Value> = Result<T, Stop>;

/// Refuses with an error value.
pub(super) fn fail<T>(kind: ErrorKind, message: impl Into<String>) -> Outcome<T> {
    Err(Stop::Fault(Fault { kind, message: message.into() }))
}

/// Works expressions out at the place of their formula.
#[derive(Debug, Clone, Copy)]
pub(in crate::google_sheets) struct Eval<'eval> {
    pub(super) evaluator: &'eval Evaluator<'eval>,
    pub(super) place: Place,
}

impl Eval<'_> {
    /// Works a whole formula out: to one value.
    pub(super) fn top(self, expression: &Expression) -> Result<Value, Needs> {
        match self.one(expression) {
            Ok(value) => Ok(value),
            Err(Stop::Fault(fault)) => Ok(Value::Error(fault)),
            Err(Stop::Needs(place)) => Err(Needs(place)),
        }
    }

    /// Works an expression out to one value, not an error: of a range, the cell in the formula's own row or column.
    pub(super) fn one(self, expression: &Expression) -> Outcome {
        let value = match (self.any(expression)?, expression) {
            (Value::Rows(rows), Expression::Reference(reference)) => self.intersection(rows, reference),
            (Value::Rows(rows), _) => first(rows),
            (value, _) => value,
        };
        if let Value::Error(fault) = value { Err(Stop::Fault(fault)) } else { Ok(value) }
    }

    fn intersection(self, mut rows: Vec<Vec<Value>>, reference: &Reference) -> Value {
        let (_, row, column) = self.place;
        let (down, across) = (reference.rows(), reference.columns());
        if rows.first().is_some_and(|row| row.len() == 1) && row >= down.start && row - down.start < rows.len() {
            return first(vec![rows.swap_remove(row - down.start)]);
        }
        if rows.len() == 1 && column >= across.start && column - across.start < rows[0].len() {
            return rows.swap_remove(0).swap_remove(column - across.start);
        }
        first(rows)
    }

    /// Works an expression out: to a value or to rows of them, either of which may hold errors.
    pub(super) fn any(self, expression: &Expression) -> Outcome {
        match expression {
            Expression::Number(number) => Ok(Value::Number(*number)),
            Expression::Text(text) => Ok(Value::Text(text.clone())),
            Expression::Bool(is_true) => Ok(Value::Bool(*is_true)),
            Expression::Error(kind) => fail(*kind, ""),
            Expression::Missing => Ok(Value::Empty),
            Expression::Reference(reference) => self.cells(reference),
            Expression::Name(name) => self.named(name),
            Expression::Negate(inner) => Ok(Value::Number(-self.number(inner)?)),
            Expression::Percent(inner) => Ok(Value::Number(self.number(inner)? / 100.0)),
            Expression::Binary(operator, left, right) => {
                let (left, right) = (self.one(left)?, self.one(right)?);
                operators::apply(*operator, &left, &right, self.evaluator.locale())
            }
            Expression::Call(name, arguments) => functions::call(self, name, arguments),
            Expression::Array(rows) => {
                let row = |row: &Vec<Expression>| row.iter().map(|one| self.one(one)).collect::<Outcome<Vec<_>>>();
                Ok(Value::Rows(rows.iter().map(row).collect::<Outcome<_>>()?))
            }
        }
    }

    fn cells(self, reference: &Reference) -> Outcome {
        let sheet = match &reference.sheet {
            None => self.place.0,
            Some(title) => match self.evaluator.book().titled(title) {
                Some(sheet) => sheet,
                None => return fail(ErrorKind::Ref, format!("Unresolved sheet name '{title}'.")),
            },
        };
        let (rows, columns) = (reference.rows(), reference.columns());
        if reference.is_cell() {
            return Ok(self.evaluator.try_value((sheet, rows.start, columns.start))?);
        }
        self.area(sheet, rows, columns)
    }

    fn named(self, name: &str) -> Outcome {
        match self.evaluator.book().named(name) {
            Some(found) => self.area(found.sheet, found.cells.rows, found.cells.columns),
            None => fail(ErrorKind::Name, format!("Unknown range name: '{}'.", name.to_uppercase())),
        }
    }

    /// Reads the cells of an area, as far as any row is kept.
    pub(super) fn area(self, sheet: usize, rows: Span, columns: Span) -> Outcome {
        let Some(found) = self.evaluator.book().sheets.get(sheet) else { return fail(ErrorKind::Ref, "") };
        let Area { rows, columns } = found.area(rows, columns);
        let is_open = rows.end == found.grid.row_count();
        let end = if is_open { rows.end.min(found.grid.kept_rows()).max(rows.start) } else { rows.end };
        let row = |row: usize| {
            columns.clone().map(|column| self.evaluator.try_value((sheet, row, column))).collect::<Result<Vec<_>, _>>()
        };
        Ok(Value::Rows((rows.start..end).map(row).collect::<Result<_, _>>()?))
    }

    /// Works an expression out to a number.
    pub(super) fn number(self, expression: &Expression) -> Outcome<f64> {
        operators::number(&self.one(expression)?, self.evaluator.locale())
    }

    /// Works an expression out to a text.
    pub(super) fn text(self, expression: &Expression) -> Outcome<String> {
        Ok(self.text_of(&self.one(expression)?))
    }

    /// Returns a value as a text.
    pub(super) fn text_of(self, value: &Value) -> String {
        match value {
            Value::Number(number) => general(*number, self.evaluator.locale()),
            other => super::super::formats::show(other, None, self.evaluator.locale()),
        }
    }

    /// Works an expression out to a truth.
    pub(super) fn truth(self, expression: &Expression) -> Outcome<bool> {
        operators::truth(&self.one(expression)?)
    }

    /// Works an expression out to rows; one value is a row of one.
    pub(super) fn rows(self, expression: &Expression) -> Outcome<Vec<Vec<Value>>> {
        Ok(match self.any(expression)? {
            Value::Rows(rows) => rows,
            value => vec![vec![value]],
        })
    }
}

fn first(rows: Vec<Vec<Value>>) -> Value {
    rows.into_iter().next().and_then(|row| row.into_iter().next()).unwrap_or(Value::Empty)
}
