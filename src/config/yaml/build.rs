//! Builds the tree out of the parser's events, once it is known to stay small.

use std::{collections::HashMap, path::Path};

use saphyr_parser::{Event, ScalarStyle, Span as EventSpan, Tag};
use serde_json::{Number, Value as Json};

use crate::model::exact_number;

use super::{
    super::{
        diagnostic::Diagnostic,
        span::{Content, Entries, Entry, Node, Span, Spot},
    },
    Placed, place,
    words::TOO_DEEP,
};

/// Most values that aliases may add to those written out, in values. A pipeline that shares a block of fields between ten
/// streams needs a few hundred.
const MAX_ALIASED_VALUES: usize = 10_000;
/// Deepest nesting of lists and mappings; a pipeline's own keys reach 8.
const MAX_DEPTH: usize = 48;

/// Builds the tree of one document. Nothing is built when aliases would unfold beyond the budget.
pub(super) fn build(
    file: &Path,
    lines: &[&str],
    events: &[Placed<'_>],
    findings: &mut Vec<Diagnostic>,
) -> Option<Node> {
    let mut builder = Builder { file, lines, events, next: 0, anchors: HashMap::new(), findings };
    if let Err((span, code, message)) = builder.measure() {
        let spot = builder.spot(span);
        builder.findings.push(Diagnostic::error(code, spot, message));
        return None;
    }
    builder.node(None)
}

struct Builder<'a> {
    file: &'a Path,
    lines: &'a [&'a str],
    events: &'a [Placed<'a>],
    next: usize,
    anchors: HashMap<usize, Node>,
    findings: &'a mut Vec<Diagnostic>,
}

type Refusal = (EventSpan, &'static str, &'static str);

/// What a value unfolds to.
#[derive(Clone, Copy, Default)]
struct Size {
    values: usize,
    depth: usize,
}

impl<'a> Builder<'a> {
    /// Counts what the aliases unfold to, and the nesting, without building anything.
    fn measure(&self) -> Result<(), Refusal> {
        let mut open: Vec<(usize, Size)> = Vec::new();
        let mut anchored: HashMap<usize, Size> = HashMap::new();
        let mut aliased_values = 0_usize;
        for (event, span) in self.events {
            let size = match event {
                Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                    open.push((*anchor, Size { values: 1, depth: 0 }));
                    if open.len() > MAX_DEPTH {
                        return Err((*span, "config.yaml_depth", TOO_DEEP));
                    }
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let Some((anchor, size)) = open.pop() else { continue };
                    let size = Size { values: size.values, depth: size.depth + 1 };
                    anchored.insert(anchor, size);
                    size
                }
                Event::Scalar(_, _, anchor, _) => {
                    let size = Size { values: 1, depth: 0 };
                    anchored.insert(*anchor, size);
                    size
                }
                Event::Alias(anchor) => {
                    let Some(size) = anchored.get(anchor).copied() else {
                        return Err((*span, "config.yaml_alias", "the alias stands inside the value that it names"));
                    };
                    aliased_values = aliased_values.saturating_add(size.values);
                    if aliased_values > MAX_ALIASED_VALUES {
                        return Err((*span, "config.yaml_alias_bomb", "the aliases unfold to more than 10,000 values"));
                    }
                    size
                }
                _ => continue,
            };
            if open.len() + size.depth > MAX_DEPTH {
                return Err((*span, "config.yaml_depth", TOO_DEEP));
            }
            if let Some((_, outer)) = open.last_mut() {
                outer.values = outer.values.saturating_add(size.values);
                outer.depth = outer.depth.max(size.depth);
            }
        }
        Ok(())
    }

    /// Builds the value that the next event begins; `under` is the key above it.
    fn node(&mut self, under: Option<&str>) -> Option<Node> {
        let (event, span) = self.take()?;
        let (node, anchor) = match event {
            Event::Alias(anchor) => {
                let node = self.anchors.get(anchor)?.clone();
                return Some(Node { span: self.place(*span), ..node });
            }
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_deref();
                let place = self.place(*span);
                self.check_tag(tag, place);
                let is_plain = *style == ScalarStyle::Plain && !tag.is_some_and(names_text);
                let value = if is_plain { plain_scalar(text) } else { Json::from(text.as_ref()) };
                (Node { span: place, content: Content::Scalar(value) }, *anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                let place = self.place(*span);
                self.check_tag(tag.as_deref(), place);
                (Node { span: place, content: Content::List(self.items()) }, *anchor)
            }
            Event::MappingStart(anchor, tag) => {
                let place = self.place(*span);
                self.check_tag(tag.as_deref(), place);
                (Node { span: place, content: Content::Mapping(self.entries(under)) }, *anchor)
            }
            _ => return None,
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Some(node)
    }

    fn items(&mut self) -> Vec<Node> {
        let mut items = Vec::new();
        while !self.ends() {
            let Some(item) = self.node(None) else { break };
            items.push(item);
        }
        items
    }

    fn entries(&mut self, under: Option<&str>) -> Entries {
        let mut entries = Entries::default();
        let mut merged: Vec<Entry> = Vec::new();
        while !self.ends() {
            let Some((key, key_span)) = self.key() else { break };
            let Some(value) = self.node(key.as_deref()) else { break };
            let Some(key) = key else { continue };
            if key == "<<" {
                merged.extend(self.merge(value, key_span));
                continue;
            }
            let entry = Entry { key, key_span, value };
            let key = entry.key.clone();
            if let Err(first) = entries.add(entry) {
                let finding = self.duplicate(&key, first.key_span, key_span, under);
                self.findings.push(finding);
            }
        }
        for entry in merged {
            // What the mapping says itself wins over what it takes over.
            let _ = entries.add(entry);
        }
        entries
    }

    /// Reads a key; one that is not a word is reported here, and there is no word for it.
    fn key(&mut self) -> Option<(Option<String>, Span)> {
        let is_scalar = matches!(self.events.get(self.next), Some((Event::Scalar(..), _)));
        if is_scalar {
            let (event, span) = self.take()?;
            let Event::Scalar(text, ..) = event else { return None };
            return Some((Some(text.to_string()), self.place(*span)));
        }
        let node = self.node(None)?;
        let spot = Spot::span(self.file, node.span);
        let finding = Diagnostic::error("config.yaml_key", spot, "a key is a list, a mapping or an alias")
            .with_hint("a key is a word; put quotes around one that begins with `[`, `{` or `*`");
        self.findings.push(finding);
        Some((None, node.span))
    }

    /// Returns the entries that `<<` takes over from a mapping, or from several of which the first win.
    fn merge(&mut self, value: Node, key_span: Span) -> Vec<Entry> {
        match value.content {
            Content::Mapping(entries) => return entries.into_iter().collect(),
            Content::List(items) if items.iter().all(|item| matches!(item.content, Content::Mapping(_))) => {
                let mut entries = Entries::default();
                for entry in items.iter().flat_map(Node::entries) {
                    // Of several, the first wins.
                    let _ = entries.add(entry.clone());
                }
                return entries.into_iter().collect();
            }
            Content::Scalar(_) | Content::List(_) => {}
        }
        let spot = Spot::span(self.file, key_span);
        let hint = "give it the anchor of a mapping that stands above: `<<: *name`";
        let message = "`<<` takes over what is no mapping";
        self.findings.push(Diagnostic::error("config.yaml_merge", spot, message).with_hint(hint));
        Vec::new()
    }

    fn duplicate(&self, key: &str, first: Span, second: Span, under: Option<&str>) -> Diagnostic {
        let spot = Spot::span(self.file, second);
        let hint = format!("the first one is on line {}", first.line);
        match under {
            Some("mappings") => {
                Diagnostic::error("config.duplicate_mapping", spot, format!("`{key}` is mapped twice")).with_hint(hint)
            }
            _ => Diagnostic::error("config.duplicate_key", spot, format!("the key `{key}` is there twice"))
                .with_hint(hint),
        }
    }

    fn check_tag(&mut self, tag: Option<&Tag>, place: Span) {
        let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema() && !names_text(tag)) else { return };
        let spot = Spot::span(self.file, place);
        let message = format!("the YAML tag `{tag}` has no meaning in a pipeline");
        let hint = "put a text that begins with `!` in quotes";
        self.findings.push(Diagnostic::error("config.yaml_tag", spot, message).with_hint(hint));
    }

    fn take(&mut self) -> Option<&'a Placed<'a>> {
        let placed = self.events.get(self.next)?;
        self.next += 1;
        Some(placed)
    }

    /// Steps over the end of a list or mapping, if one is next.
    fn ends(&mut self) -> bool {
        let ends = matches!(self.events.get(self.next), None | Some((Event::SequenceEnd | Event::MappingEnd, _)));
        self.next += usize::from(ends);
        ends
    }

    fn place(&self, span: EventSpan) -> Span {
        place(span.start, span.end, self.lines)
    }

    fn spot(&self, span: EventSpan) -> Spot {
        Spot::span(self.file, self.place(span))
    }
}

/// Tells whether a tag makes a word text whatever it looks like: `!!str` and the bare `!`.
fn names_text(tag: &Tag) -> bool {
    (tag.is_yaml_core_schema() && tag.suffix == "str") || (tag.handle.is_empty() && tag.suffix == "!")
}

/// Returns the value of an unquoted word by YAML 1.2's core schema. Digits with a leading zero stay text: they are postcodes
/// and phone numbers, and so are numbers too large to be exact.
fn plain_scalar(text: &str) -> Json {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Json::Null,
        "true" | "True" | "TRUE" => return Json::Bool(true),
        "false" | "False" | "FALSE" => return Json::Bool(false),
        _ => {}
    }
    number(text).map_or_else(|| Json::from(text), Json::Number)
}

fn number(text: &str) -> Option<Number> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let has_leading_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    let is_numeric = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if has_leading_zero || !is_numeric {
        return None;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.trim_start_matches('+').parse::<i64>().ok().map(Number::from);
    }
    // What a number cannot carry exactly stays the text that was written.
    exact_number(text).and_then(Number::from_f64)
}
