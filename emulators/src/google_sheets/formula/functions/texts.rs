//! Texts.

use super::super::super::cell::{ErrorKind, Value};
use super::super::super::formats::{NumberFormat, show};
use super::super::super::numbers::{double, position};
use super::super::eval::{Outcome, fail};
use super::super::operators;
use super::Arguments;

/// Calls a function of this family.
pub(super) fn call(name: &str, arguments: &Arguments) -> Option<Outcome> {
    Some(match name {
        "CONCATENATE" | "CONCAT" => joined(arguments, "", 0, false),
        "JOIN" => arguments.text(0).and_then(|mark| joined(arguments, &mark, 1, false)),
        "TEXTJOIN" => arguments.text(0).and_then(|mark| joined(arguments, &mark, 2, arguments.truth(1)?)),
        "LEFT" => cut(arguments, |letters, count| letters[..count.min(letters.len())].iter().collect()),
        "RIGHT" => cut(arguments, |letters, count| letters[letters.len().saturating_sub(count)..].iter().collect()),
        "MID" => middle(arguments),
        "LEN" => arguments.text(0).map(|text| Value::Number(double(text.chars().count()))),
        "UPPER" => text(arguments, str::to_uppercase),
        "LOWER" => text(arguments, str::to_lowercase),
        "PROPER" => text(arguments, proper),
        "TRIM" => text(arguments, |text| text.split_whitespace().collect::<Vec<_>>().join(" ")),
        "CLEAN" => text(arguments, |text| text.chars().filter(|it| !it.is_control()).collect()),
        "SUBSTITUTE" => substitute(arguments),
        "FIND" => find(arguments, str::to_owned),
        "SEARCH" => find(arguments, str::to_lowercase),
        "EXACT" => arguments.text(0).and_then(|one| Ok(Value::Bool(one == arguments.text(1)?))),
        "REPT" => repeated(arguments),
        "VALUE" => arguments.number(0).map(Value::Number),
        "T" => {
            arguments.one(0).map(|value| if let Value::Text(_) = value { value } else { Value::Text(String::new()) })
        }
        "N" => arguments.one(0).map(|value| match value {
            Value::Number(_) => value,
            Value::Bool(true) => Value::Number(1.0),
            _ => Value::Number(0.0),
        }),
        "TEXT" => formatted(arguments),
        "HYPERLINK" => {
            if arguments.len() > 1 {
                arguments.one(1)
            } else {
                arguments.one(0)
            }
        }
        _ => return None,
    })
}

fn text(arguments: &Arguments, change: fn(&str) -> String) -> Outcome {
    arguments.text(0).map(|text| Value::Text(change(&text)))
}

fn joined(arguments: &Arguments, mark: &str, first: usize, skips_blank: bool) -> Outcome {
    let mut parts = Vec::new();
    for index in first..arguments.len() {
        for value in arguments.rows(index)?.iter().flatten() {
            if let Value::Error(fault) = value {
                return fail(fault.kind, fault.message.clone());
            }
            let text = arguments.eval.text_of(value);
            if !skips_blank || !text.is_empty() {
                parts.push(text);
            }
        }
    }
    Ok(Value::Text(parts.join(mark)))
}

fn count(number: f64, name: &str) -> Outcome<usize> {
    match position(number) {
        Some(count) => Ok(count),
        None => fail(ErrorKind::Value, format!("Function {name} expects a number that is not negative, not {number}.")),
    }
}

fn cut(arguments: &Arguments, pick: fn(&[char], usize) -> String) -> Outcome {
    let letters: Vec<char> = arguments.text(0)?.chars().collect();
    let count = count(arguments.number_or(1, 1.0)?, arguments.name)?;
    Ok(Value::Text(pick(&letters, count)))
}

fn middle(arguments: &Arguments) -> Outcome {
    let text = arguments.text(0)?;
    let start = count(arguments.number(1)?, "MID")?.max(1);
    let length = count(arguments.number(2)?, "MID")?;
    Ok(Value::Text(text.chars().skip(start - 1).take(length).collect()))
}

fn proper(text: &str) -> String {
    let mut is_inside = false;
    let change = |letter: char| {
        let changed: String = if is_inside { letter.to_lowercase().collect() } else { letter.to_uppercase().collect() };
        is_inside = letter.is_alphabetic();
        changed
    };
    text.chars().map(change).collect()
}

fn substitute(arguments: &Arguments) -> Outcome {
    let (text, old, new) = (arguments.text(0)?, arguments.text(1)?, arguments.text(2)?);
    if old.is_empty() {
        return Ok(Value::Text(text));
    }
    let nth = count(arguments.number_or(3, 0.0)?, "SUBSTITUTE")?;
    if nth == 0 {
        return Ok(Value::Text(text.replace(&old, &new)));
    }
    let found = text.match_indices(&old).nth(nth - 1).map(|(at, _)| at);
    Ok(Value::Text(found.map_or_else(|| text.clone(), |at| format!("{}{new}{}", &text[..at], &text[at + old.len()..]))))
}

fn find(arguments: &Arguments, fold: fn(&str) -> String) -> Outcome {
    let (wanted, text) = (fold(&arguments.text(0)?), fold(&arguments.text(1)?));
    let start = count(arguments.number_or(2, 1.0)?, arguments.name)?.max(1) - 1;
    let rest: String = text.chars().skip(start).collect();
    match rest.find(&wanted) {
        Some(at) => Ok(Value::Number(double(start + rest[..at].chars().count() + 1))),
        None => {
            fail(ErrorKind::Value, format!("In {} evaluation, cannot find '{wanted}' within '{text}'.", arguments.name))
        }
    }
}

fn repeated(arguments: &Arguments) -> Outcome {
    let (text, times) = (arguments.text(0)?, count(arguments.number(1)?, "REPT")?);
    if text.len().saturating_mul(times) > super::super::super::write::MAX_CHARACTERS {
        return fail(ErrorKind::Value, "The text of REPT is too long.");
    }
    Ok(Value::Text(text.repeat(times)))
}

fn formatted(arguments: &Arguments) -> Outcome {
    let pattern = arguments.text(1)?;
    let locale = arguments.eval.evaluator.locale();
    let value = arguments.one(0)?;
    let Ok(number) = operators::number(&value, locale) else { return Ok(value) };
    let format = NumberFormat { kind: String::new(), pattern };
    Ok(Value::Text(show(&Value::Number(number), Some(&format), locale)))
}
