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

fn numbers_of(values: &[Value]) -> Vec<f64> {
    let mut numbers = Vec::new();
    for value in values {
        match value {
            Value::Number(number) => numbers.push(*number),
            Value::List(items) => numbers.extend(numbers_of(items)),
            Value::Blank | Value::Text(_) | Value::Instant(_) | Value::Error => {}
        }
    }
    numbers
}
