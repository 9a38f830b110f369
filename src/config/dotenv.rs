//! Reads `.env` files: `NAME=value` lines, whose values are taken as they stand.
//!
//! Nothing is substituted: a `$` is a `$`, as passwords hold them. In double quotes `\n`, `\r`, `\t`, `\"`, `\\` and `\$` are
//! escapes; in single quotes and without quotes there are none.

use std::{collections::HashMap, path::Path};

use super::{
    diagnostic::Diagnostic,
    span::{Span, Spot},
};

/// What is wrong with a line.
struct Mistake {
    /// Where it begins, in bytes from the file's start.
    start: usize,
    message: &'static str,
    hint: &'static str,
}

/// Reads the variables of a file. If a name occurs twice, the first value wins, as in other tools.
pub(super) fn parse(path: &Path, text: &str, findings: &mut Vec<Diagnostic>) -> HashMap<String, String> {
    let mut variables = HashMap::new();
    let mut start = 0;
    while start < text.len() {
        let line_end = text[start..].find('\n').map_or(text.len(), |end| start + end);
        match entry(text, start, line_end) {
            Ok(None) => start = line_end + 1,
            Ok(Some((name, value, end))) => {
                variables.entry(name.to_owned()).or_insert(value);
                start = text[end..].find('\n').map_or(text.len(), |found| end + found) + 1;
            }
            Err(mistake) => {
                let spot = Spot::span(path, span(text, mistake.start, line_end));
                findings.push(Diagnostic::error("config.dotenv", spot, mistake.message).with_hint(mistake.hint));
                start = line_end + 1;
            }
        }
    }
    variables
}

/// Reads what stands on a line: nothing, or a name, its value, and where that ends.
fn entry(text: &str, start: usize, line_end: usize) -> Result<Option<(&str, String, usize)>, Mistake> {
    let line = &text[start..line_end];
    let content = line.trim_start();
    if content.trim_end().is_empty() || content.starts_with('#') {
        return Ok(None);
    }
    let begin = start + line.len() - content.len();
    let no_entry = Mistake {
        start: begin,
        message: "the line is no `NAME=value`",
        hint: "begin a comment with `#`; a name has letters, digits and `_`",
    };
    let Some((written, _)) = content.split_once('=') else { return Err(no_entry) };
    let plain = written.trim();
    let name = plain.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).map_or(plain, str::trim_start);
    if !is_name(name) {
        return Err(no_entry);
    }
    let name_start = begin + written.find(name).unwrap_or_default();
    let name = &text[name_start..name_start + name.len()];
    let after = begin + written.len() + 1;
    let blanks = text[after..line_end].len() - text[after..line_end].trim_start().len();
    let (value, end) = value(text, after + blanks, line_end)?;
    Ok(Some((name, value, end)))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Reads a value, and returns where it ends: one in quotes may go over several lines.
fn value(text: &str, start: usize, line_end: usize) -> Result<(String, usize), Mistake> {
    let rest = &text[start..];
    match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => quoted(text, start, quote),
        _ => Ok((unquoted(&text[start..line_end]).to_owned(), line_end)),
    }
}

/// Returns a value without quotes: up to a comment, which a blank and `#` begin.
fn unquoted(written: &str) -> &str {
    let comment = written
        .char_indices()
        .find(|(index, letter)| *letter == '#' && (*index == 0 || written[..*index].ends_with([' ', '\t'])))
        .map_or(written.len(), |(index, _)| index);
    written[..comment].trim_end()
}

fn quoted(text: &str, start: usize, quote: char) -> Result<(String, usize), Mistake> {
    let mut value = String::new();
    let mut letters = text[start + 1..].char_indices();
    while let Some((index, letter)) = letters.next() {
        match letter {
            _ if letter == quote => {
                let end = start + 1 + index + 1;
                refuse_rest(text, end)?;
                return Ok((value.replace("\r\n", "\n"), end));
            }
            '\\' if quote == '"' => match letters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 'r')) => value.push('\r'),
                Some((_, 't')) => value.push('\t'),
                Some((_, escaped @ ('"' | '\\' | '$'))) => value.push(escaped),
                Some((_, other)) => value.extend(['\\', other]),
                None => value.push('\\'),
            },
            _ => value.push(letter),
        }
    }
    Err(Mistake {
        start,
        message: "a quote is opened and never closed",
        hint: "close it; a value that holds a quote stands in the other kind of quotes",
    })
}

/// Refuses what stands behind a closing quote on the same line and is no comment.
fn refuse_rest(text: &str, end: usize) -> Result<(), Mistake> {
    let line = text[end..].lines().next().unwrap_or_default();
    let rest = line.trim_start();
    let is_comment = rest.starts_with('#') && (rest.len() < line.len());
    if rest.trim_end().is_empty() || is_comment {
        return Ok(());
    }
    Err(Mistake {
        start: end + line.len() - rest.len(),
        message: "something stands behind a value in quotes",
        hint: "put the whole value in quotes; inside double quotes, write `\\\"` for one",
    })
}

/// Returns the place from a byte of the text to the end of its line. Its length is not shown: it may be a secret's.
fn span(text: &str, start: usize, line_end: usize) -> Span {
    let before = &text[..start];
    let line_start = before.rfind('\n').map_or(0, |index| index + 1);
    let extent = text[start..line_end.max(start)].trim_end().chars().count();
    Span {
        start: before.chars().count(),
        line: before.matches('\n').count() + 1,
        column: text[line_start..start].chars().count() + 1,
        length: 0,
        extent,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &str)]) {
        let mut findings = Vec::new();
        let variables = parse(Path::new(".env"), text, &mut findings);
        let mut found: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        found.sort_unstable();
        assert_eq!((found.as_slice(), findings), (expected, Vec::new()), "{text}");
    }

    #[test]
    fn values_are_taken_as_they_stand() {
        for (written, value) in [
            ("kx$Tr0ubadour", "kx$Tr0ubadour"),
            ("lo${NOPE}ck", "lo${NOPE}ck"),
            ("my$$secret", "my$$secret"),
            ("\"qz$Wonder@42\"", "qz$Wonder@42"),
            ("'qz$Wonder@42'", "qz$Wonder@42"),
            ("ab#cd", "ab#cd"),
            ("\"ab #cd\"", "ab #cd"),
            ("ab # a comment", "ab"),
            ("# a comment", ""),
            ("a=b==", "a=b=="),
            ("a!b&c*d", "a!b&c*d"),
            ("%41%20", "%41%20"),
            (r"C:\temp\new", r"C:\temp\new"),
            (r"'C:\temp\new'", r"C:\temp\new"),
            (r#""one\ntwo \"x\" \\ \$A \q""#, "one\ntwo \"x\" \\ $A \\q"),
            ("it's", "it's"),
            ("two words", "two words"),
            ("`x`", "`x`"),
            ("", ""),
            ("\"\"", ""),
            ("'x' # a comment", "x"),
        ] {
            check(&format!("A={written}\nB=1"), &[("A", value), ("B", "1")]);
        }
    }

    #[test]
    fn lines_are_read_as_people_write_them() {
        check("export A=1\r\n  B = 2 \r\n\r\n# note\r\nA=other\r\n", &[("A", "1"), ("B", "2")]);
        check(
            "KEY=\"-----BEGIN-----\nabc\n-----END-----\"\nB=1",
            &[("B", "1"), ("KEY", "-----BEGIN-----\nabc\n-----END-----")],
        );
        check("exported=1\nexport=2\n", &[("export", "2"), ("exported", "1")]);
    }

    #[test]
    fn each_bad_line_is_named_where_it_stands_and_the_others_are_read() {
        let text = "A=1\nthis is no line\nA B=2\n  C=\"open\nD='x' y\n\n7=8\nE=ü\nF=1\n";
        let mut findings = Vec::new();
        let variables = parse(Path::new(".env"), text, &mut findings);
        let places: Vec<_> = findings.iter().map(|finding| (finding.line, finding.column)).collect();
        let at = |line, column| (Some(line), Some(column));
        assert_eq!(places, [at(2, 1), at(3, 1), at(4, 5), at(5, 7), at(7, 1)]);
        assert_eq!(variables.get("F").map(String::as_str), Some("1"));
        assert_eq!(variables.get("E").map(String::as_str), Some("ü"));
    }
}
