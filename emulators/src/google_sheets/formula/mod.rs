//! Formulas: their text, what it refers to, and what it comes to.
//!
//! The functions that sales people's sheets use are computed; any other comes to `#ERROR!` with a message that says so. References
//! follow when rows come, go or move, and relative ones when a formula is copied or sorted.

mod ast;
mod eval;
mod functions;
mod lexer;
mod operators;
mod parser;
mod references;

use super::{
    cell::{ErrorKind, Fault, Value},
    evaluator::{Evaluator, Place},
    grid::Dimension,
    shift::Change,
};

use ast::Expression;
use references::Mention;

pub(super) use eval::Needs;
pub(super) use operators::compare;

/// A formula as it was entered.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Formula {
    text: Box<str>,
    expression: Result<Expression, Fault>,
    mentions: Vec<Mention>,
}

impl Formula {
    /// Takes a text that begins with `=`.
    pub(super) fn new(text: &str) -> Self {
        let tokens = lexer::tokens(text.strip_prefix('=').unwrap_or(text));
        let mentions = tokens.as_ref().map_or_else(|_| Vec::new(), |tokens| references::mentions(tokens));
        let expression = tokens
            .and_then(|tokens| parser::parse(&tokens))
            .map_err(|message| Fault { kind: ErrorKind::Error, message: format!("Formula parse error: {message}") });
        Self { text: text.into(), expression, mentions }
    }

    /// Returns the text, with its `=`.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the type of number format that the formula brings along where its cell has none.
    pub(super) fn natural_format(&self) -> Option<&'static str> {
        match self.expression.as_ref().ok()? {
            Expression::Call(name, _) => match name.as_str() {
                "TODAY" | "DATE" | "EDATE" | "EOMONTH" | "DATEVALUE" => Some("DATE"),
                "NOW" => Some("DATE_TIME"),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether it refers to cells of a tab, or by names that may be in it.
    pub(super) fn speaks_of(&self, is_at_home: bool, title: &str) -> bool {
        self.mentions.iter().any(|mention| mention.is_of(is_at_home, title))
    }

    /// Returns the formula as it is after a change of a tab's rows or columns; none where it stays the same.
    pub(super) fn shifted(
        &self,
        (is_at_home, title): (bool, &str),
        dimension: Dimension,
        change: &Change,
    ) -> Option<Self> {
        self.rewritten(
            |mention| {
                if mention.is_of(is_at_home, title) { mention.shifted(dimension, change) } else { None }
            },
        )
    }

    /// Returns the formula as it is in a cell so many rows and columns away, with its relative references moved along.
    pub(super) fn copied(&self, rows: isize, columns: isize) -> Self {
        self.rewritten(|mention| Some(mention.copied(rows, columns))).unwrap_or_else(|| self.clone())
    }

    /// Returns the formula after a tab was given another title; none where it stays the same.
    pub(super) fn renamed(&self, old: &str, new: &str) -> Option<Self> {
        self.rewritten(|mention| mention.renamed(old, new))
    }

    fn rewritten(&self, change: impl Fn(&Mention) -> Option<String>) -> Option<Self> {
        let start = usize::from(self.text.starts_with('='));
        let mut text = self.text[..start].to_owned();
        let (mut at, mut is_changed) = (start, false);
        for mention in &self.mentions {
            let place = mention.place.start + start..mention.place.end + start;
            let Some(new) = change(mention).filter(|new| *new != self.text[place.clone()]) else { continue };
            text.push_str(&self.text[at..place.start]);
            text.push_str(&new);
            (at, is_changed) = (place.end, true);
        }
        text.push_str(&self.text[at..]);
        is_changed.then(|| Self::new(&text))
    }
}

/// Works a formula out, at its place.
pub(super) fn evaluate(formula: &Formula, evaluator: &Evaluator, place: Place) -> Result<Value, Needs> {
    match &formula.expression {
        Ok(expression) => eval::Eval { evaluator, place }.top(expression),
        Err(fault) => Ok(Value::Error(fault.clone())),
    }
}
