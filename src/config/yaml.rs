//! Reads YAML into a tree that knows its places, and finds what is wrong with it as YAML.
//!
//! The events of the parser are counted before anything is built: aliases that would unfold to more than a small budget are
//! refused, as is nesting that no pipeline needs. Start at [`read`].

mod build;
mod words;

use std::path::Path;

use saphyr_parser::{Event, Marker, Parser, Span as EventSpan};

use super::{
    diagnostic::Diagnostic,
    span::{Node, Span, Spot},
};

/// An event of the parser and its place.
type Placed<'a> = (Event<'a>, EventSpan);

/// Reads a file's text. The tree is there even when there are findings, as far as it can be read.
pub(super) fn read(file: &Path, text: &str, findings: &mut Vec<Diagnostic>) -> Option<Node> {
    let lines: Vec<&str> = text.lines().collect();
    let mut events: Vec<Placed<'_>> = Vec::new();
    for event in Parser::new_from_str(text) {
        match event {
            Ok((Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Nothing, _)) => {}
            Ok(placed) => events.push(placed),
            Err(error) => {
                findings.push(words::syntax_error(file, &lines, *error.marker(), error.info()));
                return None;
            }
        }
    }
    let mut starts = events.iter().enumerate().filter(|(_, (event, _))| matches!(event, Event::DocumentStart(_)));
    let Some((first, _)) = starts.next() else {
        findings.push(empty(file));
        return None;
    };
    let end = starts.next().map_or(events.len(), |(second, (_, span))| {
        let message = "the file holds more than one YAML document";
        let spot = Spot::span(file, place(span.start, span.start, &lines));
        let hint = "keep one pipeline in each file: remove the `---` and what follows it";
        findings.push(Diagnostic::error("config.yaml_documents", spot, message).with_hint(hint));
        second
    });
    let root = build::build(file, &lines, &events[first + 1..end], findings)?;
    if root.to_json().is_null() {
        findings.push(empty(file));
        return None;
    }
    Some(root)
}

fn empty(file: &Path) -> Diagnostic {
    Diagnostic::error("config.empty", Spot::file(file), "the file is empty")
        .with_hint("a pipeline has at least `version: 1`, `name` and `streams`")
}

/// Returns the run of characters between two marks, no further than the end of the first line.
fn place(start: Marker, end: Marker, lines: &[&str]) -> Span {
    let extent = end.index().saturating_sub(start.index());
    let length = if start.line() == end.line() {
        extent
    } else {
        let line = lines.get(start.line().saturating_sub(1)).copied().unwrap_or_default();
        line.trim_end().chars().count().saturating_sub(start.col())
    };
    Span { start: start.index(), line: start.line(), column: start.col() + 1, length, extent }
}
