//! Functions on texts. Positions count characters from 1.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use regex::Regex;

use super::value::Value;

/// Longest text that `REPT` makes, in characters: the limit of a cell.
const MAX_REPEATED: usize = 100_000;

/// Counts the characters.
pub(crate) fn length(value: &Value) -> Value {
    Value::Number(value.to_text().chars().fold(0.0, |count, _| count + 1.0))
}

/// Finds where a text stands in another; `missing` where it does not.
pub(crate) fn find(values: &[Value], missing: Value) -> Value {
    let (wanted, text) = (values[0].to_text(), values[1].to_text());
    let start = values.get(2).map_or(1, position).max(1) - 1;
    let skipped: usize = text.chars().take(start).map(char::len_utf8).sum();
    match text[skipped..].find(&wanted) {
        Some(at) => length(&Value::text(&text[..skipped + at])).plus_one(),
        None => missing,
    }
}

/// Takes characters from the beginning.
pub(crate) fn left(values: &[Value]) -> Value {
    Value::Text(values[0].to_text().chars().take(position(&values[1])).collect())
}

/// Takes characters from the end.
pub(crate) fn right(values: &[Value]) -> Value {
    let characters: Vec<char> = values[0].to_text().chars().collect();
    let skipped = characters.len().saturating_sub(position(&values[1]));
    Value::Text(characters[skipped..].iter().collect())
}

/// Takes characters from the middle.
pub(crate) fn middle(values: &[Value]) -> Value {
    let start = position(&values[1]).max(1) - 1;
    Value::Text(values[0].to_text().chars().skip(start).take(position(&values[2])).collect())
}

/// Puts a text in the place of some characters.
pub(crate) fn replace(values: &[Value]) -> Value {
    let characters: Vec<char> = values[0].to_text().chars().collect();
    let start = (position(&values[1]).max(1) - 1).min(characters.len());
    let end = (start + position(&values[2])).min(characters.len());
    let head: String = characters[..start].iter().collect();
    let tail: String = characters[end..].iter().collect();
    Value::Text(head + &values[3].to_text() + &tail)
}

/// Puts a text in the place of another, everywhere or at one occurrence.
pub(crate) fn substitute(values: &[Value]) -> Value {
    let (text, old, new) = (values[0].to_text(), values[1].to_text(), values[2].to_text());
    if old.is_empty() {
        return Value::Text(text);
    }
    let Some(occurrence) = values.get(3).map(position) else { return Value::Text(text.replace(&old, &new)) };
    let found = text.match_indices(&old).nth(occurrence.max(1) - 1).map(|(at, _)| at);
    Value::Text(match found {
        Some(at) => format!("{}{new}{}", &text[..at], &text[at + old.len()..]),
        None => text,
    })
}

/// Repeats a text.
pub(crate) fn repeat(values: &[Value]) -> Value {
    let (text, times) = (values[0].to_text(), position(&values[1]));
    if text.len().saturating_mul(times) > MAX_REPEATED { Value::Error } else { Value::Text(text.repeat(times)) }
}

/// Reads the number in a text.
pub(crate) fn value(value: &Value) -> Value {
    match value {
        Value::Number(_) | Value::Blank => value.clone(),
        _ => read_number(&value.to_text()).map_or(Value::Error, Value::Number),
    }
}

/// Reads a number with a currency sign, thousands commas or a percent sign around it.
pub(crate) fn read_number(text: &str) -> Option<f64> {
    let kept = |character: &char| !character.is_whitespace() && !matches!(character, ',' | '$' | '€' | '£' | '%');
    let digits: String = text.chars().filter(kept).collect();
    let number: f64 = digits.parse().ok()?;
    number.is_finite().then_some(if text.contains('%') { number / 100.0 } else { number })
}

/// What is encoded: all but letters, digits, `-`, `_`, `~` and `.`. Source: formula field reference.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~').remove(b'.');

/// Encodes a text for a URL.
pub(crate) fn encode(value: &Value) -> Value {
    Value::Text(utf8_percent_encode(&value.to_text(), ENCODED).to_string())
}

/// Tells whether a pattern matches.
pub(crate) fn matches(values: &[Value]) -> Value {
    with_pattern(&values[1], |pattern| Value::truth(pattern.is_match(&values[0].to_text())))
}

/// Takes out the first match of a pattern.
pub(crate) fn extract(values: &[Value]) -> Value {
    with_pattern(&values[1], |pattern| {
        let text = values[0].to_text();
        pattern.find(&text).map_or(Value::Error, |found| Value::text(found.as_str()))
    })
}

/// Puts a text in the place of every match of a pattern.
pub(crate) fn replace_pattern(values: &[Value]) -> Value {
    with_pattern(&values[1], |pattern| {
        let (text, new) = (values[0].to_text(), values[2].to_text());
        Value::Text(pattern.replace_all(&text, new.as_str()).into_owned())
    })
}

fn with_pattern(pattern: &Value, apply: impl Fn(&Regex) -> Value) -> Value {
    Regex::new(&pattern.to_text()).map_or(Value::Error, |pattern| apply(&pattern))
}

/// Reads a count of characters; what is no count is 0.
fn position(value: &Value) -> usize {
    format!("{:.0}", value.to_number().floor()).parse().unwrap_or(0)
}

impl Value {
    fn plus_one(self) -> Self {
        Self::Number(self.to_number() + 1.0)
    }
}
