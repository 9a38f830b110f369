//! Numbers as patterns such as `#,##0.00;(#,##0.00)` show them.

use std::fmt::Write as _;

use super::Locale;

/// Shows a number without a format.
pub(in crate::google_sheets) fn general(number: f64, locale: &Locale) -> String {
    if number != 0.0 && (number.abs() >= 1e15 || number.abs() < 1e-9) {
        let text = format!("{number:.5E}");
        let (mantissa, exponent) = text.split_once('E').unwrap_or((&text, "0"));
        let mantissa = trimmed(mantissa).replace('.', &locale.decimal.to_string());
        let sign = if exponent.starts_with('-') { "-" } else { "+" };
        return format!("{mantissa}E{sign}{:0>2}", exponent.trim_start_matches('-'));
    }
    let text = format!("{number:.10}");
    let text = trimmed(&text);
    if text == "-0" { "0".to_owned() } else { text.replace('.', &locale.decimal.to_string()) }
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// Text that is shown as it stands.
    Literal(String),
    /// Digits: `0`, `#`, `?`, `.` and `,`.
    Digits(String),
    Percent,
    /// An exponent, with its number of digits.
    Exponent(usize),
}

/// Shows a number by a pattern.
pub(super) fn show(number: f64, pattern: &str, locale: &Locale) -> String {
    let sections = sections(pattern);
    let (section, number) = match sections.as_slice() {
        [_, negative, ..] if number < 0.0 => (negative, -number),
        [_, _, zero, ..] if number == 0.0 => (zero, number),
        [first, ..] => (first, number),
        [] => return general(number, locale),
    };
    let pieces = pieces(section);
    let has_digits = pieces.iter().any(|piece| matches!(piece, Piece::Digits(_)));
    if !has_digits {
        return pieces.iter().map(literal).collect();
    }
    let percents = pieces.iter().filter(|piece| **piece == Piece::Percent).count();
    let mut number = (0..percents).fold(number, |number, _| number * 100.0);
    let exponent =
        pieces.iter().find_map(|piece| if let Piece::Exponent(digits) = piece { Some(*digits) } else { None });
    let mut power = 0;
    if exponent.is_some() {
        (number, power) = scientific(number);
    }
    let mut is_first = true;
    let mut text = if number < 0.0 { "-".to_owned() } else { String::new() };
    for piece in &pieces {
        match piece {
            Piece::Digits(digits) if is_first => {
                is_first = false;
                text.push_str(&show_digits(number.abs(), digits, locale));
            }
            Piece::Exponent(digits) => {
                let sign = if power < 0 { '-' } else { '+' };
                let _ = write!(text, "E{sign}{:0>digits$}", power.abs());
            }
            other => text.push_str(&literal(other)),
        }
    }
    text
}

fn literal(piece: &Piece) -> String {
    match piece {
        Piece::Literal(text) => text.clone(),
        Piece::Percent => "%".to_owned(),
        Piece::Digits(_) | Piece::Exponent(_) => String::new(),
    }
}

fn scientific(number: f64) -> (f64, i32) {
    let text = format!("{number:E}");
    let (mantissa, power) = text.split_once('E').unwrap_or((&text, "0"));
    (mantissa.parse().unwrap_or_default(), power.parse().unwrap_or_default())
}

/// Shows digits: `#,##0.00`.
fn show_digits(number: f64, digits: &str, locale: &Locale) -> String {
    let (before, behind) = digits.split_once('.').unwrap_or((digits, ""));
    let least = before.matches('0').count();
    let (needed, most) = (behind.matches('0').count(), behind.chars().filter(|it| *it != ',').count());
    // Halves are rounded away from zero, as people do.
    let scale = 10_f64.powi(i32::try_from(most).unwrap_or(0));
    let rounded = (number * scale).round() / scale;
    let text = format!("{:.most$}", if rounded.is_finite() { rounded } else { number });
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let whole = format!("{:0>least$}", if whole == "0" && least == 0 { "" } else { whole });
    let whole = if before.contains(',') { grouped(&whole, locale.group) } else { whole };
    let kept = fraction.trim_end_matches('0').len().max(needed);
    let fraction = fraction.get(..kept).unwrap_or(fraction);
    if fraction.is_empty() { whole } else { format!("{whole}{}{fraction}", locale.decimal) }
}

fn grouped(digits: &str, mark: char) -> String {
    let count = digits.chars().count();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (count - index).is_multiple_of(3) {
            text.push(mark);
        }
        text.push(digit);
    }
    text
}

/// Splits a pattern at its semicolons.
fn sections(pattern: &str) -> Vec<String> {
    let mut sections = vec![String::new()];
    let (mut is_quoted, mut is_escaped) = (false, false);
    for letter in pattern.chars() {
        match letter {
            ';' if !is_quoted && !is_escaped => {
                sections.push(String::new());
                continue;
            }
            '"' if !is_escaped => is_quoted = !is_quoted,
            _ => {}
        }
        is_escaped = letter == '\\' && !is_escaped;
        if let Some(section) = sections.last_mut() {
            section.push(letter);
        }
    }
    sections
}

fn pieces(section: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let letters: Vec<char> = section.chars().collect();
    let mut at = 0;
    while let Some(letter) = letters.get(at) {
        let rest = &letters[at..];
        let (piece, length) = match letter {
            '0' | '#' | '?' | '.' | ',' => {
                let length = rest.iter().take_while(|it| "0#?.,".contains(**it)).count();
                (Piece::Digits(rest[..length].iter().collect()), length)
            }
            '%' => (Piece::Percent, 1),
            'E' | 'e' if matches!(rest.get(1), Some('+' | '-')) => {
                let digits = rest[2..].iter().take_while(|it| **it == '0').count();
                (Piece::Exponent(digits.max(1)), 2 + digits)
            }
            '"' => {
                let length = rest[1..].iter().take_while(|it| **it != '"').count();
                (Piece::Literal(rest[1..=length].iter().collect()), (length + 2).min(rest.len()))
            }
            '\\' => (Piece::Literal(rest.get(1).map(char::to_string).unwrap_or_default()), 2),
            '_' => (Piece::Literal(" ".to_owned()), 2),
            '*' => (Piece::Literal(String::new()), 2),
            '[' => {
                let length = rest.iter().take_while(|it| **it != ']').count();
                let inner: String = rest[1..length].iter().collect();
                let symbol = inner.strip_prefix('$').map(|it| it.split('-').next().unwrap_or_default().to_owned());
                (Piece::Literal(symbol.unwrap_or_default()), length + 1)
            }
            other => (Piece::Literal(other.to_string()), 1),
        };
        pieces.push(piece);
        at += length;
    }
    pieces
}
