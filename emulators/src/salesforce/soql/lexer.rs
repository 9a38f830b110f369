//! The words of a query.

use super::{super::errors::Problem, complaint};

/// One word, and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// Its first byte in the query.
    pub(super) at: usize,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a word is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a keyword; dots are part of it.
    Word(String),
    /// A text in quotes, unescaped. The second is the pattern it makes for LIKE, which keeps what was escaped apart.
    Text(String, Vec<Glob>),
    /// A number, a day or a time.
    Literal(String),
    /// An operator, a bracket or a comma.
    Mark(&'static str),
    /// The end of the query.
    End,
}

/// One character of a LIKE pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glob {
    /// This character.
    Is(char),
    /// Any one.
    One,
    /// Any number of any.
    Many,
}

const MARKS: [&str; 12] = ["<=", ">=", "!=", "<>", "=", "<", ">", "(", ")", ",", ";", ":"];

/// Splits a query into its words.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Problem> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let (kind, length) = if first == '\'' {
            quoted(text, at)?
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length =
                rest.find(|it: char| !(it.is_ascii_alphanumeric() || it == '_' || it == '.')).unwrap_or(rest.len());
            (Kind::Word(rest[..length].to_owned()), length)
        } else if first.is_ascii_digit()
            || (matches!(first, '-' | '+') && rest[1..].starts_with(|it: char| it.is_ascii_digit()))
        {
            let is_part = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '+' | ':' | '.');
            let length = rest.find(|it| !is_part(it)).unwrap_or(rest.len());
            (Kind::Literal(rest[..length].to_owned()), length)
        } else if let Some(mark) = MARKS.iter().find(|mark| rest.starts_with(**mark)) {
            (Kind::Mark(mark), mark.len())
        } else {
            return Err(complaint("MALFORMED_QUERY", text, at, &format!("unexpected token: '{first}'")));
        };
        tokens.push(Token { at, kind });
        at += length;
    }
    tokens.push(Token { at: text.len(), kind: Kind::End });
    Ok(tokens)
}

/// Reads a text in quotes; returns its length in the query, too.
fn quoted(text: &str, at: usize) -> Result<(Kind, usize), Problem> {
    let (mut plain, mut pattern) = (String::new(), Vec::new());
    let mut letters = text[at + 1..].char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '\'' => return Ok((Kind::Text(plain, pattern), place + 2)),
            '\\' => {
                let escaped = letters.next().map(|(_, letter)| letter);
                let meant = match escaped {
                    Some('n' | 'N') => '\n',
                    Some('r' | 'R') => '\r',
                    Some('t' | 'T') => '\t',
                    Some('b' | 'B') => '\u{8}',
                    Some('f' | 'F') => '\u{c}',
                    Some(letter @ ('\'' | '"' | '\\' | '%' | '_')) => letter,
                    _ => {
                        let sequence = escaped.map(String::from).unwrap_or_default();
                        let reason = format!("Illegal character sequence '\\{sequence}' in string literal");
                        return Err(complaint("MALFORMED_QUERY", text, at + 1 + place, &reason));
                    }
                };
                plain.push(meant);
                pattern.push(Glob::Is(meant));
            }
            '\n' | '\r' => break,
            letter => {
                plain.push(letter);
                pattern.push(match letter {
                    '%' => Glob::Many,
                    '_' => Glob::One,
                    letter => Glob::Is(letter),
                });
            }
        }
    }
    Err(complaint("MALFORMED_QUERY", text, at, "line breaks not allowed in string literals"))
}
