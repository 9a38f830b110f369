//! Operators, and how values become numbers and truths.

use std::cmp::Ordering;

use super::super::{
    cell::{Entered, ErrorKind, Value},
    entered::typed,
    formats::{Locale, show},
};
use super::{
    ast::Operator,
    eval::{Outcome, fail},
};

/// Applies an operator.
pub(super) fn apply(operator: Operator, left: &Value, right: &Value, locale: &Locale) -> Outcome {
    let compared = |fits: fn(Ordering) -> bool| Ok(Value::Bool(fits(compare(left, right))));
    match operator {
        Operator::Concatenate => Ok(Value::Text(show(left, None, locale) + &show(right, None, locale))),
        Operator::Equal => compared(Ordering::is_eq),
        Operator::NotEqual => compared(Ordering::is_ne),
        Operator::Less => compared(Ordering::is_lt),
        Operator::LessOrEqual => compared(Ordering::is_le),
        Operator::Greater => compared(Ordering::is_gt),
        Operator::GreaterOrEqual => compared(Ordering::is_ge),
        Operator::Add | Operator::Subtract | Operator::Multiply | Operator::Divide | Operator::Power => {
            calculate(operator, number(left, locale)?, number(right, locale)?)
        }
    }
}

fn calculate(operator: Operator, left: f64, right: f64) -> Outcome {
    let result = match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide if right == 0.0 => {
            return fail(ErrorKind::DivideByZero, "Function DIVIDE parameter 2 cannot be zero.");
        }
        Operator::Divide => left / right,
        _ => left.powf(right),
    };
    finite(result)
}

/// Returns a number as a value; one that is none is an error.
pub(super) fn finite(number: f64) -> Outcome {
    if number.is_finite() { Ok(Value::Number(number)) } else { fail(ErrorKind::Num, "The result is not a number.") }
}

/// Returns a value as a number. Texts that look like one count.
pub(super) fn number(value: &Value, locale: &Locale) -> Outcome<f64> {
    match value {
        Value::Empty => Ok(0.0),
        Value::Number(number) => Ok(*number),
        Value::Bool(is_true) => Ok(if *is_true { 1.0 } else { 0.0 }),
        Value::Text(text) => match typed(text, locale, 2000).0 {
            Entered::Number(number) => Ok(number),
            _ => fail(
                ErrorKind::Value,
                format!("A number is expected. But '{text}' is a text and cannot be coerced to a number."),
            ),
        },
        Value::Error(fault) => fail(fault.kind, fault.message.clone()),
        Value::Rows(_) => fail(ErrorKind::Value, "A number is expected, not a range."),
    }
}

/// Returns a value as a truth.
pub(super) fn truth(value: &Value) -> Outcome<bool> {
    match value {
        Value::Empty => Ok(false),
        Value::Bool(is_true) => Ok(*is_true),
        Value::Number(number) => Ok(*number != 0.0),
        Value::Text(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::Text(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        Value::Text(text) => fail(
            ErrorKind::Value,
            format!("A boolean is expected. But '{text}' is a text and cannot be coerced to a boolean."),
        ),
        Value::Error(fault) => fail(fault.kind, fault.message.clone()),
        Value::Rows(_) => fail(ErrorKind::Value, "A boolean is expected, not a range."),
    }
}

/// Compares values as sheets sort them: numbers, then texts without their case, then truths. Nothing equals 0, "" and FALSE.
pub(in crate::google_sheets) fn compare(left: &Value, right: &Value) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Empty | Value::Number(_) => 0,
        Value::Text(_) => 1,
        Value::Bool(_) => 2,
        Value::Error(_) | Value::Rows(_) => 3,
    };
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.total_cmp(right),
        (Value::Text(left), Value::Text(right)) => left.to_lowercase().cmp(&right.to_lowercase()),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Empty, Value::Empty) => Ordering::Equal,
        (Value::Empty, other) => compare_empty(other),
        (other, Value::Empty) => compare_empty(other).reverse(),
        _ => rank(left).cmp(&rank(right)),
    }
}

fn compare_empty(other: &Value) -> Ordering {
    match other {
        Value::Number(number) => 0.0_f64.total_cmp(number),
        Value::Text(text) if text.is_empty() => Ordering::Equal,
        Value::Bool(false) => Ordering::Equal,
        _ => Ordering::Less,
    }
}
