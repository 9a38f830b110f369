//! A YAML file as a tree in which every key and value knows its place, and the ways to name a place in it.

use std::{collections::HashMap, fmt::Write as _, ops::Deref, path::Path, sync::Arc};

use serde_json::{Map, Value as Json};

/// A run of characters on one line of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// The first character, counted through the file from 0.
    pub(super) start: usize,
    /// The line, from 1.
    pub(super) line: usize,
    /// The first character of the run in its line, from 1.
    pub(super) column: usize,
    /// How many characters are meant, on this line; 0 for a place between characters.
    pub(super) length: usize,
    /// How many characters there are in all, on this line and those after it.
    pub(super) extent: usize,
}

/// A value of the file.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) content: Content,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// Text, a number, true, false, or nothing.
    Scalar(Json),
    List(Vec<Node>),
    Mapping(Entries),
}

/// The entries of a mapping, in the file's order, found by key without a search.
#[derive(Debug, Clone, Default)]
pub(super) struct Entries {
    list: Vec<Entry>,
    by_key: HashMap<String, usize>,
}

impl Entries {
    /// Adds an entry, unless there is one of its key already: returns that one then.
    pub(super) fn add(&mut self, entry: Entry) -> Result<(), &Entry> {
        if let Some(first) = self.by_key.get(&entry.key).copied() {
            return Err(&self.list[first]);
        }
        self.by_key.insert(entry.key.clone(), self.list.len());
        self.list.push(entry);
        Ok(())
    }

    fn get(&self, key: &str) -> Option<&Entry> {
        self.by_key.get(key).map(|index| &self.list[*index])
    }
}

impl Deref for Entries {
    type Target = [Entry];

    fn deref(&self) -> &[Entry] {
        &self.list
    }
}

impl IntoIterator for Entries {
    type Item = Entry;
    type IntoIter = std::vec::IntoIter<Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}

/// A key with its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Node,
}

/// A file that was read.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) file: Arc<Path>,
    pub(super) text: String,
    pub(super) root: Node,
}

/// One step down from a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Segment {
    Key(String),
    Index(usize),
}

/// Names a place in a document by its keys, whether the document goes that far or not.
#[derive(Debug, Clone)]
pub(super) struct At<'a> {
    pub(super) document: &'a Document,
    path: Vec<Segment>,
}

/// A place that a finding shows.
#[derive(Debug, Clone)]
pub(super) struct Spot {
    pub(super) file: Arc<Path>,
    pub(super) span: Option<Span>,
    pub(super) path: String,
}

impl Spot {
    /// Means a file as a whole.
    pub(super) fn file(file: &Path) -> Self {
        Self { file: Arc::from(file), span: None, path: String::new() }
    }

    /// Means a run of characters of a file.
    pub(super) fn span(file: &Path, span: Span) -> Self {
        Self { file: Arc::from(file), span: Some(span), path: String::new() }
    }
}

impl Node {
    /// Returns the entry of a mapping.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.content {
            Content::Mapping(entries) => entries.get(key),
            Content::Scalar(_) | Content::List(_) => None,
        }
    }

    /// Returns the entries of a mapping; none for other values.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Mapping(entries) => entries,
            Content::Scalar(_) | Content::List(_) => &[],
        }
    }

    /// Returns the text of a scalar, if it is text.
    pub(super) fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(value) => value.as_str(),
            Content::List(_) | Content::Mapping(_) => None,
        }
    }

    /// Returns all texts of the value, those of lists and mappings in it too.
    pub(super) fn texts(&self) -> Vec<&str> {
        match &self.content {
            Content::Scalar(value) => value.as_str().into_iter().collect(),
            Content::List(items) => items.iter().flat_map(Self::texts).collect(),
            Content::Mapping(entries) => entries.iter().flat_map(|entry| entry.value.texts()).collect(),
        }
    }

    /// Returns the value without its places.
    pub(super) fn to_json(&self) -> Json {
        match &self.content {
            Content::Scalar(value) => value.clone(),
            Content::List(items) => Json::Array(items.iter().map(Self::to_json).collect()),
            Content::Mapping(entries) => {
                let pairs = entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json()));
                Json::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    fn child(&self, segment: &Segment) -> Option<&Self> {
        match (segment, &self.content) {
            (Segment::Key(key), Content::Mapping(_)) => self.entry(key).map(|entry| &entry.value),
            (Segment::Index(index), Content::List(items)) => items.get(*index),
            _ => None,
        }
    }

    /// Returns what to mark for the value: a scalar itself, a list's or mapping's first word.
    fn mark(&self) -> Span {
        match &self.content {
            Content::Scalar(_) => self.span,
            Content::List(items) => items.first().map_or(self.span, Self::mark),
            Content::Mapping(entries) => entries.first().map_or(self.span, |entry| entry.key_span),
        }
    }
}

impl<'a> At<'a> {
    /// Names the whole document.
    pub(super) fn root(document: &'a Document) -> Self {
        Self { document, path: Vec::new() }
    }

    /// Names the value of a key.
    pub(super) fn key(&self, key: &str) -> Self {
        self.down(Segment::Key(key.to_owned()))
    }

    /// Names an item of a list.
    pub(super) fn index(&self, index: usize) -> Self {
        self.down(Segment::Index(index))
    }

    /// Names a place further down, whose keys may be indices where the document has a list.
    pub(super) fn descend<'k>(&self, keys: impl IntoIterator<Item = &'k str>) -> Self {
        let mut at = self.clone();
        for key in keys {
            let index =
                key.parse().ok().filter(|_| matches!(at.node().map(|node| &node.content), Some(Content::List(_))));
            at = at.down(index.map_or_else(|| Segment::Key(key.to_owned()), Segment::Index));
        }
        at
    }

    /// Names a place by its keys from the document's root.
    pub(super) fn at(&self, path: &[Segment]) -> Self {
        Self { document: self.document, path: path.to_vec() }
    }

    /// Returns the value at the place, if the document goes that far.
    pub(super) fn node(&self) -> Option<&'a Node> {
        self.path.iter().try_fold(&self.document.root, |node, segment| node.child(segment))
    }

    /// Returns the keys from the document's root.
    pub(super) fn path(&self) -> &[Segment] {
        &self.path
    }

    /// Shows the key; an item of a list by its first word. Where the document does not go that far, the nearest key above.
    pub(super) fn key_spot(&self) -> Spot {
        self.spot(self.key_span())
    }

    /// Shows the value where it is a word, and the key where it is a list, a mapping or nothing.
    pub(super) fn value_spot(&self) -> Spot {
        let scalar = self.node().filter(|node| matches!(node.content, Content::Scalar(_)) && node.span.length > 0);
        self.spot(scalar.map_or_else(|| self.key_span(), |node| node.span))
    }

    /// Shows a part of a value that is written on one line; the value where the part is not found in it.
    pub(super) fn part_spot(&self, part: &str) -> Spot {
        let whole = self.value_spot();
        let Some(span) = whole.span else { return whole };
        let written: String = self.document.text.chars().skip(span.start).take(span.length).collect();
        let Some(offset) = written.find(part) else { return whole };
        let before = written[..offset].chars().count();
        let narrowed = Span {
            start: span.start + before,
            line: span.line,
            column: span.column + before,
            length: part.chars().count(),
            extent: part.chars().count(),
        };
        Spot { span: Some(narrowed), ..whole }
    }

    fn down(&self, segment: Segment) -> Self {
        let mut below = self.clone();
        below.path.push(segment);
        below
    }

    fn spot(&self, span: Span) -> Spot {
        Spot { file: Arc::clone(&self.document.file), span: Some(span), path: self.describe() }
    }

    fn key_span(&self) -> Span {
        let mut node = &self.document.root;
        let mut span = node.mark();
        for segment in &self.path {
            let Some(below) = node.child(segment) else { break };
            span = match segment {
                Segment::Key(key) => node.entry(key).map_or(span, |entry| entry.key_span),
                Segment::Index(_) => below.mark(),
            };
            node = below;
        }
        span
    }

    /// Writes the path as a person would say it: items of lists by their name, where they have one.
    fn describe(&self) -> String {
        let mut described = String::new();
        let mut node = Some(&self.document.root);
        for segment in &self.path {
            node = node.and_then(|node| node.child(segment));
            match segment {
                Segment::Key(key) if described.is_empty() => described.push_str(key),
                Segment::Key(key) => {
                    described.push('.');
                    described.push_str(key);
                }
                Segment::Index(index) => {
                    let name = node.and_then(|node| node.entry("name").or_else(|| node.entry("connection")));
                    let name = name.and_then(|entry| entry.value.as_text());
                    // Writing to a string cannot fail.
                    let _ = match name {
                        Some(name) => write!(described, ".{name}"),
                        None => write!(described, "[{index}]"),
                    };
                }
            }
        }
        described
    }
}
