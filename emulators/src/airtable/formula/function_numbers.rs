//! Functions on numbers.

use super::value::Value;

/// Combines all numbers of the values; what is no number is left out, and no number at all gives 0.
pub(crate) fn fold(values: &[Value], start: f64, combine: fn(f64, f64) -> f64) -> Value {
    let numbers = numbers_of(values);
    if numbers.is_empty() { Value::Number(0.0) } else { Value::Number(numbers.into_iter().fold(start, combine)) }
}

/// Returns the mean of the numbers.
pub(crate) fn average(values: &[Value]) -> Value {
    let numbers = numbers_of(values);
    let count = numbers.iter().fold(0.0, |count, _| count + 1.0);
    Value::Number(numbers.iter().sum::<f64>() / count)
}

/// Rounds to a number of decimals, by default none.
pub(crate) fn round(values: &[Value], towards: fn(f64) -> f64) -> Value {
    let decimals = values.get(1).map_or(0.0, Value::to_number);
    let factor = 10_f64.powf(decimals);
    Value::Number(towards(values[0].to_number() * factor) / factor)
}

/// Rounds to a multiple of a number, by default of 1.
pub(crate) fn multiple(values: &[Value], towards: fn(f64) -> f64) -> Value {
    let step = values.get(1).map_or(1.0, Value::to_number);
    quotient(values[0].to_number(), step, |times| towards(times) * step)
}

/// Rounds away from zero to the next number that is `rest` more than an even one.
pub(crate) fn parity(value: &Value, rest: f64) -> Value {
    let number = value.to_number();
    let sign = if number < 0.0 { -1.0 } else { 1.0 };
    Value::Number(sign * (((number.abs() - rest) / 2.0).ceil().max(0.0) * 2.0 + rest))
}

/// Returns the logarithm, by default to the base 10.
pub(crate) fn logarithm(values: &[Value]) -> Value {
    let base = values.get(1).map_or(10.0, Value::to_number);
    let number = values[0].to_number();
    // The general way is not exact for powers of ten.
    let is_ten = (base - 10.0).abs() < f64::EPSILON;
    Value::Number(if is_ten { number.log10() } else { number.log(base) })
}

/// Divides, and makes something of the quotient. By zero nothing can be divided.
pub(crate) fn quotient(number: f64, by: f64, of: impl Fn(f64) -> f64) -> Value {
    if by == 0.0 { Value::Error } else { Value::Number(of(number / by)) }
}

/// Rounds away from zero.
pub(crate) fn away(number: f64) -> f64 {
    if number < 0.0 { number.floor() } else { number.ceil() }
}

fn numbers_of(values: &[Value]) -> Vec<f64> {
    let mut numbers = Vec::new();
    for value in values {
        match value {
            Value::Number(number) => numbers.push(*number),
            Value::List(items) => numbers.extend(numbers_of(items)),
            Value::Blank | Value::Text(_) | Value::Instant(_) | Value::Local(_) | Value::Error => {}
        }
    }
    numbers
}
