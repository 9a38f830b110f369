//! Choices, truths, and what a value is.

use super::super::super::cell::{ErrorKind, Value};
use super::super::eval::{Outcome, Stop, fail};
use super::super::operators::compare;
use super::Arguments;

/// Calls a function of this family.
pub(super) fn call(name: &str, arguments: &Arguments) -> Option<Outcome> {
    Some(match name {
        "IF" => choose(arguments),
        "IFS" => ifs(arguments),
        "SWITCH" => switch(arguments),
        "IFERROR" => caught(arguments, |_| true),
        "IFNA" => caught(arguments, |kind| kind == ErrorKind::NotAvailable),
        "AND" => all(arguments).map(|all| Value::Bool(all.iter().all(|it| *it))),
        "OR" => all(arguments).map(|all| Value::Bool(all.iter().any(|it| *it))),
        "XOR" => all(arguments).map(|all| Value::Bool(all.iter().filter(|it| **it).count() % 2 == 1)),
        "NOT" => arguments.truth(0).map(|is_true| Value::Bool(!is_true)),
        "TRUE" => Ok(Value::Bool(true)),
        "FALSE" => Ok(Value::Bool(false)),
        "NA" => fail(ErrorKind::NotAvailable, "Error"),
        "ISBLANK" => is(arguments, |value| *value == Value::Empty),
        "ISNUMBER" => is(arguments, |value| matches!(value, Value::Number(_))),
        "ISTEXT" => is(arguments, |value| matches!(value, Value::Text(_))),
        "ISLOGICAL" => is(arguments, |value| matches!(value, Value::Bool(_))),
        "ISERROR" => is(arguments, |value| matches!(value, Value::Error(_))),
        "ISNA" => is(arguments, |value| matches!(value, Value::Error(fault) if fault.kind == ErrorKind::NotAvailable)),
        "ISERR" => is(arguments, |value| matches!(value, Value::Error(fault) if fault.kind != ErrorKind::NotAvailable)),
        _ => return None,
    })
}

fn choose(arguments: &Arguments) -> Outcome {
    if arguments.truth(0)? {
        return arguments.one(1);
    }
    if arguments.len() > 2 { arguments.one(2) } else { Ok(Value::Bool(false)) }
}

fn ifs(arguments: &Arguments) -> Outcome {
    for pair in 0..arguments.len() / 2 {
        if arguments.truth(2 * pair)? {
            return arguments.one(2 * pair + 1);
        }
    }
    fail(ErrorKind::NotAvailable, "No match")
}

fn switch(arguments: &Arguments) -> Outcome {
    let wanted = arguments.one(0)?;
    let rest = arguments.len().saturating_sub(1);
    for pair in 0..rest / 2 {
        if compare(&wanted, &arguments.one(1 + 2 * pair)?).is_eq() {
            return arguments.one(2 + 2 * pair);
        }
    }
    if rest % 2 == 1 { arguments.one(rest) } else { fail(ErrorKind::NotAvailable, "No match") }
}

fn caught(arguments: &Arguments, is_caught: fn(ErrorKind) -> bool) -> Outcome {
    match arguments.one(0) {
        Err(Stop::Fault(fault)) if is_caught(fault.kind) => {
            if arguments.len() > 1 {
                arguments.one(1)
            } else {
                Ok(Value::Text(String::new()))
            }
        }
        other => other,
    }
}

fn all(arguments: &Arguments) -> Outcome<Vec<bool>> {
    let mut all = Vec::new();
    for index in 0..arguments.len() {
        for value in arguments.rows(index)?.iter().flatten() {
            // Of a range, texts and blank cells do not count.
            match value {
                Value::Bool(is_true) => all.push(*is_true),
                Value::Number(number) => all.push(*number != 0.0),
                Value::Error(fault) => return Err(Stop::Fault(fault.clone())),
                _ => {}
            }
        }
    }
    Ok(all)
}

fn is(arguments: &Arguments, test: fn(&Value) -> bool) -> Outcome {
    match arguments.one(0) {
        Ok(value) => Ok(Value::Bool(test(&value))),
        Err(Stop::Fault(fault)) => Ok(Value::Bool(test(&Value::Error(fault)))),
        Err(needs) => Err(needs),
    }
}
