//! Evaluates a formula on a record.

use std::cmp::Ordering;

use super::{
    super::{
        cells::{Row, value_of},
        kinds::Kind,
    },
    function_numbers::quotient,
    parser::Expression,
    value::Value,
};

/// Evaluates an expression on a record.
pub(crate) fn evaluate(expression: &Expression, row: Row<'_>) -> Value {
    match expression {
        Expression::Literal(value) => value.clone(),
        Expression::Field(field) => value_of(row, *field),
        Expression::Negative(operand) => match evaluate(operand, row) {
            Value::Error => Value::Error,
            value => Value::Number(-value.to_number()),
        },
        Expression::Binary(operator, left, right) => match plain_equality(operator, left, right, row) {
            Some(is_equal) => Value::truth(is_equal),
            None => binary(operator, &evaluate(left, row), &evaluate(right, row)),
        },
        Expression::Call(function, arguments) => {
            let mut values = Vec::with_capacity(arguments.len());
            for argument in arguments {
                let value = evaluate(argument, row);
                if let Some(settled) = function.settled_by(&value) {
                    return settled;
                }
                values.push(value);
            }
            function.apply(row, &values)
        }
        Expression::LastModified(fields) => row.record.edited_at(fields).map_or(Value::Blank, Value::Instant),
        Expression::OneOf(subject, texts) => match evaluate(subject, row) {
            Value::Error => Value::Error,
            value => Value::truth(value.comparable_text().is_some_and(|text| texts.contains(&text))),
        },
    }
}

/// Compares a stored text with a text of the formula in place: what most filters are made of.
fn plain_equality(operator: &str, left: &Expression, right: &Expression, row: Row<'_>) -> Option<bool> {
    let ("=", Expression::Field(field), Expression::Literal(Value::Text(text))) = (operator, left, right) else {
        return None;
    };
    let kind = row.table.fields[*field].kind;
    let stored = row.record.stored(*field).as_str().filter(|_| kind.is_text() || kind == Kind::SingleSelect)?;
    Some(stored == text)
}

fn binary(operator: &str, left: &Value, right: &Value) -> Value {
    if *left == Value::Error || *right == Value::Error {
        return Value::Error;
    }
    let ordering = left.compare(right);
    match operator {
        "&" => Value::Text(left.to_text() + &right.to_text()),
        "+" => Value::Number(left.to_number() + right.to_number()),
        "-" => Value::Number(left.to_number() - right.to_number()),
        "*" => Value::Number(left.to_number() * right.to_number()),
        "/" => quotient(left.to_number(), right.to_number(), |quotient| quotient),
        "=" => Value::truth(ordering == Some(Ordering::Equal)),
        "!=" => Value::truth(ordering != Some(Ordering::Equal)),
        "<" => Value::truth(ordering == Some(Ordering::Less)),
        ">" => Value::truth(ordering == Some(Ordering::Greater)),
        "<=" => Value::truth(matches!(ordering, Some(Ordering::Less | Ordering::Equal))),
        ">=" => Value::truth(matches!(ordering, Some(Ordering::Greater | Ordering::Equal))),
        _ => Value::Error,
    }
}
