//! The parser's complaints in plain words, with what most often causes them.

use std::path::Path;

use saphyr_parser::Marker;

use super::{
    super::{
        diagnostic::Diagnostic,
        span::{Span, Spot},
    },
    place,
};

/// Says what is wrong where the parser stopped.
pub(super) fn syntax_error(file: &Path, lines: &[&str], marker: Marker, info: &str) -> Diagnostic {
    if let Some(tab) = indenting_tab(lines, marker.line()) {
        return Diagnostic::error("config.yaml_tab", Spot::span(file, tab), "a tab is used for indentation")
            .with_hint("indent with spaces; most editors can convert tabs");
    }
    let line = lines.get(marker.line().saturating_sub(1)).copied().unwrap_or_default();
    let (message, hint) = explain(info, line);
    let mut span = place(marker, marker, lines);
    span.length = 1;
    if info.contains("escape") {
        span = escape(span, lines);
    }
    let line = lines.get(span.line.saturating_sub(1)).copied().unwrap_or_default();
    let finding = Diagnostic::error("config.yaml_syntax", Spot::span(file, span), message);
    if has_bare_reference(line) {
        return finding.with_hint("put quotes around a value with `${…}`: `\"${NAME}\"`");
    }
    finding.with_hint_if(hint.map(str::to_owned))
}

/// Returns the first tab in the indentation of a line down to the one where the parser stopped, or the one after it.
fn indenting_tab(lines: &[&str], last: usize) -> Option<Span> {
    let mut before = 0;
    for (number, line) in (1..).zip(lines).take(last + 1) {
        let indentation = line.len() - line.trim_start_matches([' ', '\t']).len();
        let is_content = line[indentation..].starts_with(|first| first != '#');
        if let Some(tab) = line[..indentation].find('\t').filter(|_| is_content) {
            return Some(Span { start: before + tab, line: number, column: tab + 1, length: 1, extent: 1 });
        }
        before += line.chars().count() + 1;
    }
    None
}

/// Letters that may stand behind a `\` in double quotes (YAML 1.2, section 5.7), the end of a line included.
const ESCAPED: &str = "0abt\tnvfre \"/\\N_LPxuU\n";

/// Finds the first `\` behind the beginning of a text in double quotes that begins no known character; the parser names the beginning.
fn escape(begin: Span, lines: &[&str]) -> Span {
    let mut at = begin;
    let mut letters =
        lines.iter().skip(begin.line - 1).flat_map(|line| line.chars().chain(['\n'])).skip(begin.column - 1).peekable();
    while let Some(letter) = letters.next() {
        let is_escape = letter == '\\';
        let next = letters.peek().copied().unwrap_or('\n');
        if is_escape && !ESCAPED.contains(next) {
            return at;
        }
        let steps = if is_escape { letters.next().map_or(1, |_| 2) } else { 1 };
        at.start += steps;
        at.column += steps;
        if letter == '\n' || (is_escape && next == '\n') {
            (at.line, at.column) = (at.line + 1, 1);
        }
    }
    begin
}

/// Tells whether a `${` of the line stands outside quotes.
fn has_bare_reference(line: &str) -> bool {
    line.find("${").is_some_and(|start| !line[..start].contains(['"', '\'']))
}

fn explain(info: &str, line: &str) -> (String, Option<&'static str>) {
    let said = |message: &str, hint| (message.to_owned(), Some(hint));
    if info.starts_with("mapping values are not allowed") {
        let hint = if line.trim_start().starts_with(['-', '{']) || line.matches(": ").count() > 1 {
            "put quotes around a text that holds `: `"
        } else {
            "put a space after the `:` of the line above, or give both lines the same indentation"
        };
        return said("a `:` stands where no key can be", hint);
    }
    if info.contains("expected ',' or '}'") {
        return said("a `,` or `}` is missing", "put quotes around a text that holds `{`, `}`, `,` or `: `");
    }
    if info.contains("expected ',' or ']'") || info.contains("illegal placement of ':'") {
        return said("a `,` or `]` is missing", "close the list with `]` where it ends");
    }
    if info.contains("block collection") || info.contains("block mapping") || info.contains("expected <document start>")
    {
        return said(
            "the line does not fit the indentation above it",
            "give all keys of one mapping, and all `-` of one list, the same indentation",
        );
    }
    if info.contains("escape") {
        return said("a `\\` in double quotes begins no known character", "write `\\\\`, or use single quotes");
    }
    if info.contains("trailing content after") {
        return said("something stands behind a text in quotes", "put a `,` between the two, or both into the quotes");
    }
    if info.contains("quoted scalar") {
        return said("a quote is opened and never closed", "close it; inside single quotes, write `''` for one");
    }
    if let Some(character) = info.strip_prefix("unexpected character: `").and_then(|rest| rest.chars().next()) {
        let message = format!("a text cannot begin with `{character}`");
        return said(&message, "put it in quotes");
    }
    if info.contains("unknown anchor") {
        return said("the alias names no anchor above it", "put a text that begins with `*` in quotes");
    }
    if info.contains("recursion limit") {
        return (TOO_DEEP.to_owned(), None);
    }
    (info.to_owned(), None)
}

/// Says that lists and mappings are nested too deeply.
pub(super) const TOO_DEEP: &str = "lists and mappings are nested more deeply than any pipeline needs";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_escape_is_named_where_it_stands() {
        let lines = ["path: \"C:\\\\new\\t", "  and\\", "  D\\data\""];
        let begin = Span { start: 6, line: 1, column: 7, length: 1, extent: 0 };
        let found = escape(begin, &lines);
        assert_eq!((found.line, found.column), (3, 4));
    }
}
