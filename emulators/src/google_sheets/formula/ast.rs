//! What a formula is once it is read.

use super::super::cell::ErrorKind;
use super::references::Reference;

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Number(f64),
    Text(String),
    Bool(bool),
    Error(ErrorKind),
    /// An argument that was left out: `IF(A1,,"x")`.
    Missing,
    Reference(Reference),
    /// A named range.
    Name(String),
    Negate(Box<Expression>),
    Percent(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
    /// A function with its arguments; the name is in capitals.
    Call(String, Vec<Expression>),
    /// `{1,2;3,4}`: rows of expressions.
    Array(Vec<Vec<Expression>>),
}

/// What stands between two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
    Concatenate,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// Returns an operator and how tightly it binds.
    pub(super) fn of(symbol: &str) -> Option<(Self, u8)> {
        Some(match symbol {
            "=" => (Self::Equal, 1),
            "<>" => (Self::NotEqual, 1),
            "<" => (Self::Less, 1),
            "<=" => (Self::LessOrEqual, 1),
            ">" => (Self::Greater, 1),
            ">=" => (Self::GreaterOrEqual, 1),
            "&" => (Self::Concatenate, 2),
            "+" => (Self::Add, 3),
            "-" => (Self::Subtract, 3),
            "*" => (Self::Multiply, 4),
            "/" => (Self::Divide, 4),
            "^" => (Self::Power, 5),
            _ => return None,
        })
    }
}
