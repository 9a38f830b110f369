//! Sums, counts and averages, with or without a criterion.

use regex::RegexBuilder;

use super::super::super::cell::{Entered, ErrorKind, Value};
use super::super::super::entered::typed;
use super::super::super::numbers::double;
use super::super::ast::{Expression, Operator};
use super::super::eval::{Outcome, Stop, fail};
use super::super::operators::{apply, compare, finite};
use super::Arguments;

/// Calls a function of this family.
pub(super) fn call(name: &str, arguments: &Arguments) -> Option<Outcome> {
    Some(match name {
        "SUM" => numbers(arguments).and_then(|all| finite(all.iter().sum())),
        "PRODUCT" => numbers(arguments).and_then(|all| finite(all.iter().product())),
        "AVERAGE" => numbers(arguments).and_then(|all| mean(&all)),
        "MEDIAN" => numbers(arguments).and_then(median),
        "MIN" => numbers(arguments).map(|all| Value::Number(all.into_iter().reduce(f64::min).unwrap_or(0.0))),
        "MAX" => numbers(arguments).map(|all| Value::Number(all.into_iter().reduce(f64::max).unwrap_or(0.0))),
        "COUNT" => count(arguments, |value| matches!(value, Value::Number(_))),
        "COUNTA" => count(arguments, |value| *value != Value::Empty),
        "COUNTBLANK" => count(arguments, |value| matches!(value, Value::Empty) || *value == Value::Text(String::new())),
        "COUNTIF" | "COUNTIFS" => matching(arguments, 0).map(|found| Value::Number(double(found.len()))),
        "SUMIF" | "AVERAGEIF" => {
            let range = if arguments.len() > 2 { 2 } else { 0 };
            conditional(name, arguments, (range, 0, 1))
        }
        "SUMIFS" | "AVERAGEIFS" => conditional(name, arguments, (0, 1, arguments.len().saturating_sub(1) / 2)),
        _ => return None,
    })
}

/// Collects the numbers of all arguments; in ranges, other values do not count.
fn numbers(arguments: &Arguments) -> Outcome<Vec<f64>> {
    let mut all = Vec::new();
    for index in 0..arguments.len() {
        let argument = arguments.at(index)?;
        let is_range = matches!(argument, Expression::Reference(_) | Expression::Name(_) | Expression::Array(_));
        if !is_range && !matches!(argument, Expression::Call(..)) {
            all.push(arguments.number(index)?);
            continue;
        }
        for value in arguments.rows(index)?.into_iter().flatten() {
            match value {
                Value::Number(number) => all.push(number),
                Value::Error(fault) => return Err(Stop::Fault(fault)),
                _ => {}
            }
        }
    }
    Ok(all)
}

fn mean(all: &[f64]) -> Outcome {
    if all.is_empty() {
        return fail(ErrorKind::DivideByZero, "Evaluation of function AVERAGE caused a divide by zero error.");
    }
    finite(all.iter().sum::<f64>() / double(all.len()))
}

fn median(mut all: Vec<f64>) -> Outcome {
    all.sort_by(f64::total_cmp);
    let middle = all.len() / 2;
    match (all.len(), all.get(middle)) {
        (0, _) | (_, None) => fail(ErrorKind::Num, "Function MEDIAN has no valid input data."),
        (count, Some(upper)) if count % 2 == 0 => finite(f64::midpoint(all[middle - 1], *upper)),
        (_, Some(middle)) => finite(*middle),
    }
}

fn count(arguments: &Arguments, is_counted: fn(&Value) -> bool) -> Outcome {
    let mut total = 0;
    for index in 0..arguments.len() {
        total += arguments.rows(index)?.iter().flatten().filter(|value| is_counted(value)).count();
    }
    Ok(Value::Number(double(total)))
}

fn conditional(name: &str, arguments: &Arguments, (range, first, pairs): (usize, usize, usize)) -> Outcome {
    let found = matching_pairs(arguments, first, pairs)?;
    let values: Vec<Value> = arguments.rows(range)?.into_iter().flatten().collect();
    let all: Vec<f64> = found
        .into_iter()
        .filter_map(|index| if let Some(Value::Number(number)) = values.get(index) { Some(*number) } else { None })
        .collect();
    if name.starts_with("AVERAGE") { mean(&all) } else { finite(all.iter().sum()) }
}

fn matching(arguments: &Arguments, first: usize) -> Outcome<Vec<usize>> {
    matching_pairs(arguments, first, arguments.len().saturating_sub(first) / 2)
}

/// Returns the positions at which every pair of a range and a criterion fits.
fn matching_pairs(arguments: &Arguments, first: usize, pairs: usize) -> Outcome<Vec<usize>> {
    let mut found: Option<Vec<usize>> = None;
    for pair in 0..pairs.max(1) {
        let values: Vec<Value> = arguments.rows(first + 2 * pair)?.into_iter().flatten().collect();
        let criterion = Criterion::of(&arguments.one(first + 2 * pair + 1)?, arguments);
        let mut fitting = Vec::new();
        for (index, value) in values.iter().enumerate() {
            if criterion.fits(value, arguments) {
                fitting.push(index);
            }
        }
        found = Some(match found {
            None => fitting,
            Some(before) => before.into_iter().filter(|index| fitting.binary_search(index).is_ok()).collect(),
        });
    }
    Ok(found.unwrap_or_default())
}

/// A criterion such as `">=10"` or `"Lead*"`.
struct Criterion {
    operator: Operator,
    value: Value,
    pattern: Option<regex::Regex>,
}

impl Criterion {
    fn of(value: &Value, arguments: &Arguments) -> Self {
        let Value::Text(text) = value else {
            return Self { operator: Operator::Equal, value: value.clone(), pattern: None };
        };
        let symbol = ["<>", "<=", ">=", "<", ">", "="].into_iter().find(|symbol| text.starts_with(symbol));
        let operator = symbol.and_then(Operator::of).map_or(Operator::Equal, |(operator, _)| operator);
        let rest = symbol.map_or(text.as_str(), |symbol| &text[symbol.len()..]);
        let value = match typed(rest, arguments.eval.evaluator.locale(), 2000).0 {
            Entered::Number(number) => Value::Number(number),
            Entered::Bool(is_true) => Value::Bool(is_true),
            Entered::Empty => Value::Empty,
            Entered::Text(_) | Entered::Formula(_) => Value::Text(rest.to_owned()),
        };
        Self { operator, value, pattern: wildcard(rest) }
    }

    fn fits(&self, value: &Value, arguments: &Arguments) -> bool {
        if let (Some(pattern), Value::Text(text)) = (&self.pattern, value) {
            return pattern.is_match(text) == (self.operator == Operator::Equal);
        }
        let is_same_kind = std::mem::discriminant(value) == std::mem::discriminant(&self.value);
        match self.operator {
            Operator::Equal => is_same_kind && compare(value, &self.value).is_eq(),
            Operator::NotEqual => !is_same_kind || compare(value, &self.value).is_ne(),
            other => {
                is_same_kind
                    && apply(other, value, &self.value, arguments.eval.evaluator.locale()) == Ok(Value::Bool(true))
            }
        }
    }
}

/// Returns the pattern of a text with `*` or `?`.
fn wildcard(text: &str) -> Option<regex::Regex> {
    if !text.contains(['*', '?']) {
        return None;
    }
    let pattern = regex::escape(text).replace(r"\*", ".*").replace(r"\?", ".");
    RegexBuilder::new(&format!("^{pattern}$")).case_insensitive(true).dot_matches_new_line(true).build().ok()
}
