//! Splits a formula into tokens.

use std::ops::Range;

use super::super::{a1, cell::ErrorKind};
use super::references::{Corner, Reference};

/// A token of a formula.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Text(String),
    Error(ErrorKind),
    Reference(Reference),
    /// A name: of a function, a named range, or `TRUE`.
    Name(String),
    /// An operator or a bracket.
    Symbol(&'static str),
}

const SYMBOLS: [&str; 20] =
    ["<>", "<=", ">=", "=", "<", ">", "&", "+", "-", "*", "/", "^", "%", "(", ")", ",", ";", "{", "}", "\\"];

/// Splits a formula, without its `=`, into tokens with their places.
///
/// # Errors
/// Fails, with a text, on what is no token.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, Range<usize>)>, String> {
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        let rest = &text[at..];
        if rest.is_empty() {
            return Ok(tokens);
        }
        let (token, length) = token(rest)?;
        tokens.push((token, at..at + length));
        at += length;
    }
}

fn token(rest: &str) -> Result<(Token, usize), String> {
    if let Some(quoted) = rest.strip_prefix('"') {
        return quoted_text(quoted).map(|(text, length)| (Token::Text(text), length + 1));
    }
    if let Some((kind, text)) = ErrorKind::at_start(rest) {
        return Ok((Token::Error(kind), text.len()));
    }
    if let Some((reference, length)) = reference(rest) {
        return Ok((Token::Reference(reference), length));
    }
    if rest.starts_with(|it: char| it.is_ascii_digit() || it == '.') {
        return number(rest);
    }
    if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
        return Ok((Token::Symbol(symbol), symbol.len()));
    }
    let end = rest.find(|it: char| !(it.is_alphanumeric() || it == '_' || it == '.')).unwrap_or(rest.len());
    if end == 0 { Err(format!("`{rest}` cannot be read")) } else { Ok((Token::Name(rest[..end].to_owned()), end)) }
}

fn quoted_text(rest: &str) -> Result<(String, usize), String> {
    let mut text = String::new();
    let mut at = 0;
    loop {
        let end = rest[at..].find('"').ok_or("a text has no closing quote")?;
        text.push_str(&rest[at..at + end]);
        at += end + 1;
        if !rest[at..].starts_with('"') {
            return Ok((text, at));
        }
        text.push('"');
        at += 1;
    }
}

fn number(rest: &str) -> Result<(Token, usize), String> {
    let digits = |text: &str| text.find(|it: char| !it.is_ascii_digit()).unwrap_or(text.len());
    let mut end = digits(rest);
    if let Some(fraction) = rest[end..].strip_prefix('.') {
        end += 1 + digits(fraction);
    }
    if let Some(exponent) = rest[end..].strip_prefix(['e', 'E']) {
        let sign = usize::from(exponent.starts_with(['+', '-']));
        let length = digits(&exponent[sign..]);
        if length > 0 {
            end += 1 + sign + length;
        }
    }
    let number = rest[..end].parse().map_err(|_| format!("`{}` is no number", &rest[..end]))?;
    Ok((Token::Number(number), end))
}

/// Reads a reference at the start of a text, with its length.
fn reference(text: &str) -> Option<(Reference, usize)> {
    let (sheet, rest) = sheet(text);
    let (first, after) = Corner::at_start(rest)?;
    let (last, after) = match after.strip_prefix(':').and_then(Corner::at_start) {
        Some((last, after)) => (Some(last), after),
        None => (None, after),
    };
    let is_whole = first.column.is_some() && first.row.is_some() || last.is_some();
    let is_over = !after.starts_with(|it: char| it.is_alphanumeric() || matches!(it, '_' | '.' | '(' | '!'));
    (is_whole && is_over).then(|| (Reference { sheet, first, last }, text.len() - after.len()))
}

/// Reads a title with its `!` at the start of a text.
fn sheet(text: &str) -> (Option<String>, &str) {
    if let Some((title, rest)) = text.strip_prefix('\'').and_then(a1::unquote) {
        return rest.strip_prefix('!').map_or((None, text), |rest| (Some(title), rest));
    }
    let end = text.find(|it: char| !(it.is_alphanumeric() || it == '_' || it == '.')).unwrap_or(text.len());
    match text[end..].strip_prefix('!') {
        Some(rest) if end > 0 => (Some(text[..end].to_owned()), rest),
        _ => (None, text),
    }
}
