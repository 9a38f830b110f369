//! Cuts a formula into tokens.

use super::FormulaError;

/// The smallest piece of a formula.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A number literal.
    Number(f64),
    /// A text literal, without its quotes and escapes.
    Text(String),
    /// A field's name or id in braces.
    Field(String),
    /// A bare word: a function's name or a field's.
    Word(String),
    /// An operator or a mark.
    Mark(&'static str),
}

/// The marks; longer ones first, because `<=` begins like `<`.
const MARKS: [&str; 15] = ["!=", "<=", ">=", "=", "<", ">", "&", "+", "-", "*", "/", "(", ")", ",", "%"];

/// Cuts a formula into tokens.
pub(crate) fn tokens(text: &str) -> Result<Vec<Token>, FormulaError> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '\'' | '"' => quoted(rest, first)?,
            '{' => braced(rest)?,
            _ if first.is_ascii_digit() || first == '.' => number(rest)?,
            _ if first.is_alphabetic() || first == '_' => word(rest),
            _ => mark(rest)?,
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn quoted(text: &str, quote: char) -> Result<(Token, usize), FormulaError> {
    let mut content = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == quote {
            return Ok((Token::Text(content), at + quote.len_utf8()));
        }
        if character != '\\' {
            content.push(character);
            continue;
        }
        match characters.next().ok_or(FormulaError::Unreadable)?.1 {
            'n' => content.push('\n'),
            'r' => content.push('\r'),
            't' => content.push('\t'),
            escaped @ ('\\' | '\'' | '"') => content.push(escaped),
            other => content.extend(['\\', other]),
        }
    }
    Err(FormulaError::Unreadable)
}

fn braced(text: &str) -> Result<(Token, usize), FormulaError> {
    let mut name = String::new();
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '}' => return Ok((Token::Field(name), at + 1)),
            '\\' if matches!(characters.peek(), Some((_, '}' | '{' | '\\'))) => {
                name.extend(characters.next().map(|(_, escaped)| escaped));
            }
            _ => name.push(character),
        }
    }
    Err(FormulaError::Unreadable)
}

fn number(text: &str) -> Result<(Token, usize), FormulaError> {
    let is_outside = |character: char| !character.is_ascii_digit() && character != '.';
    let length = text.find(is_outside).unwrap_or(text.len());
    let number = text[..length].parse().map_err(|_| FormulaError::Unreadable)?;
    Ok((Token::Number(number), length))
}

fn word(text: &str) -> (Token, usize) {
    let is_outside = |character: char| !character.is_alphanumeric() && character != '_';
    let length = text.find(is_outside).unwrap_or(text.len());
    (Token::Word(text[..length].to_owned()), length)
}

fn mark(text: &str) -> Result<(Token, usize), FormulaError> {
    let mark = MARKS.iter().find(|mark| text.starts_with(**mark)).ok_or(FormulaError::Unreadable)?;
    Ok((Token::Mark(mark), mark.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_escapes_out_of_texts_and_braces() {
        let found = tokens(r#"{a \} b}!='it\'s \\ \"\n'"#).unwrap();
        let expected = [Token::Field("a } b".to_owned()), Token::Mark("!="), Token::Text("it's \\ \"\n".to_owned())];
        assert_eq!(found, expected);
    }

    #[test]
    fn refuses_a_text_or_brace_without_end() {
        for text in ["'abc", "{abc", "'abc\\'", "#"] {
            assert_eq!(tokens(text), Err(FormulaError::Unreadable), "{text}");
        }
    }
}
