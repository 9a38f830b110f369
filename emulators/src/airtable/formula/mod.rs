//! Airtable's formula language: what `filterByFormula` and formula fields say.
//!
//! The vendor's own language has no reader to borrow, so this one is written by hand: [`parse`] finds the fields in a table,
//! [`evaluate`] works on one record. Nothing here changes a record.

mod eval;
mod function_dates;
mod function_lists;
mod function_numbers;
mod function_texts;
mod functions;
mod lexer;
mod parser;
mod value;

pub(super) use eval::evaluate;
pub(super) use function_texts::read_number;
pub(super) use parser::{Expression, parse};
pub(super) use value::Value;

#[cfg(test)]
mod tests;

/// Says why a formula cannot be read, in Airtable's words.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum FormulaError {
    /// It is not a formula.
    #[error("Invalid formula. Please check your formula text.")]
    Unreadable,
    /// It names fields that the table does not have.
    #[error("Unknown field names: {}", .0.join(", "))]
    UnknownFields(Vec<String>),
    /// It calls functions that do not exist.
    #[error("Unknown function names: {}", .0.join(", "))]
    UnknownFunctions(Vec<String>),
}
