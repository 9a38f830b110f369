//! The functions that are computed. Any other comes to an error that says so.

mod aggregates;
mod dates;
mod logic;
mod lookups;
mod math;
mod texts;

use super::super::cell::{ErrorKind, Value};
use super::ast::Expression;
use super::eval::{Eval, Outcome, fail};

/// The arguments of a call.
pub(super) struct Arguments<'call> {
    eval: Eval<'call>,
    name: &'call str,
    all: &'call [Expression],
}

impl<'call> Arguments<'call> {
    fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns an argument; a missing one is an error.
    fn at(&self, index: usize) -> Outcome<&'call Expression> {
        if let Some(argument) = self.all.get(index) {
            return Ok(argument);
        }
        let (name, count) = (self.name, self.len());
        fail(ErrorKind::NotAvailable, format!("Wrong number of arguments to {name}: got {count}."))
    }

    fn one(&self, index: usize) -> Outcome {
        self.eval.one(self.at(index)?)
    }

    fn number(&self, index: usize) -> Outcome<f64> {
        self.eval.number(self.at(index)?)
    }

    fn text(&self, index: usize) -> Outcome<String> {
        self.eval.text(self.at(index)?)
    }

    fn truth(&self, index: usize) -> Outcome<bool> {
        self.eval.truth(self.at(index)?)
    }

    fn rows(&self, index: usize) -> Outcome<Vec<Vec<Value>>> {
        self.eval.rows(self.at(index)?)
    }

    /// Returns an argument that may be left out.
    fn number_or(&self, index: usize, default: f64) -> Outcome<f64> {
        match self.all.get(index) {
            None | Some(Expression::Missing) => Ok(default),
            Some(argument) => self.eval.number(argument),
        }
    }

    /// Returns an argument that may be left out.
    fn truth_or(&self, index: usize, default: bool) -> Outcome<bool> {
        match self.all.get(index) {
            None | Some(Expression::Missing) => Ok(default),
            Some(argument) => self.eval.truth(argument),
        }
    }
}

/// Calls a function by its name in capitals.
pub(super) fn call(eval: Eval, name: &str, arguments: &[Expression]) -> Outcome {
    let arguments = Arguments { eval, name, all: arguments };
    let families = [logic::call, aggregates::call, math::call, texts::call, dates::call, lookups::call];
    for family in families {
        if let Some(outcome) = family(name, &arguments) {
            return outcome;
        }
    }
    fail(ErrorKind::Error, format!("The local sheet does not compute the function {name}."))
}
