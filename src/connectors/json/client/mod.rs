//! Reads the elements of a JSON file one after the other.

mod node;

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::connector::{
    ConnectorError, ErrorKind,
    file::{Encoding, TextReader, file_error},
};
use crate::model::name_hint;

use super::{config::Format, limits};

pub(super) use self::node::{Fault, Node};

/// Most names that a hint lists, in names.
const LISTED_NAMES: usize = 8;

/// A place between two elements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// Elements before it, or lines in a file of lines.
    pub(super) count: u64,
    /// Bytes of text before it, in a file of lines.
    pub(super) byte: u64,
}

/// One element of the list, or one line.
#[derive(Debug)]
pub(super) struct Element {
    /// Its number, from 1: of the element, or of the line.
    pub(super) number: u64,
    /// What it is; a text that is no usable JSON comes with the reason.
    pub(super) node: Result<Node, (Fault, String)>,
    /// The place behind it.
    pub(super) next: Place,
}

/// Takes the elements; returns false when no more are wanted.
pub(super) type Take<'a> = &'a mut dyn FnMut(Element) -> Result<bool, ConnectorError>;

/// Where the elements are.
#[derive(Debug, Clone)]
pub(super) struct Location {
    pub(super) path: std::path::PathBuf,
    pub(super) format: Format,
    /// The names that lead to the list.
    pub(super) pointer: Vec<String>,
}

/// Hands out the elements from a place on.
pub(super) fn for_each(location: &Location, start: Place, take: Take<'_>) -> Result<(), ConnectorError> {
    match location.format {
        Format::Lines => each_line(&location.path, start, take),
        Format::Array => each_in_list(location, start, take),
    }
}

fn open(path: &Path, start_byte: u64) -> Result<BufReader<TextReader>, ConnectorError> {
    let failed = |error: io::Error| file_error("read", path, &error);
    let mut text = TextReader::sound(File::open(path).map_err(failed)?, Encoding::UTF_8).map_err(failed)?;
    text.skip(start_byte).map_err(failed)?;
    Ok(BufReader::with_capacity(64 * 1024, text))
}

fn each_line(path: &Path, start: Place, take: Take<'_>) -> Result<(), ConnectorError> {
    let mut reader = open(path, start.byte)?;
    let mut place = start;
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = Read::by_ref(&mut reader).take(limits::LINE_BYTES).read_until(b'\n', &mut line);
        let length = u64::try_from(read.map_err(|error| file_error("read", path, &error))?).unwrap_or(u64::MAX);
        if length == 0 {
            return Ok(());
        }
        place = Place { count: place.count + 1, byte: place.byte + length };
        if length == limits::LINE_BYTES && !line.ends_with(b"\n") {
            return Err(too_long(path, place.count));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        if !take(Element { number: place.count, node: parsed(&String::from_utf8_lossy(&line)), next: place })? {
            return Ok(());
        }
    }
}

fn parsed(text: &str) -> Result<Node, (Fault, String)> {
    Node::parse(text).map_err(|fault| (fault, text.trim().to_owned()))
}

fn each_in_list(location: &Location, start: Place, take: Take<'_>) -> Result<(), ConnectorError> {
    let mut walk = Walk { skip: start.count, take, is_found: false, names_there: Vec::new(), ended: None };
    let mut deserializer = serde_json::Deserializer::from_reader(open(&location.path, 0)?);
    let outcome = Seek { names: &location.pointer, walk: &mut walk }
        .deserialize(&mut deserializer)
        .and_then(|()| deserializer.end());
    if let Some(ended) = walk.ended {
        return ended;
    }
    match outcome {
        Ok(()) if walk.is_found => Ok(()),
        Ok(()) => Err(no_list(location, &walk.names_there)),
        Err(error) => Err(not_json(location, error, walk.is_found)),
    }
}

/// What is known while a document is walked.
struct Walk<'a> {
    /// Elements to leave out.
    skip: u64,
    take: Take<'a>,
    is_found: bool,
    /// The names found where the next one was looked for.
    names_there: Vec<String>,
    /// Set when the walk was ended from here, and how.
    ended: Option<Result<(), ConnectorError>>,
}

/// Follows the names that are left to the list.
struct Seek<'w, 'a> {
    names: &'w [String],
    walk: &'w mut Walk<'a>,
}

impl<'de> DeserializeSeed<'de> for Seek<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.names.is_empty() { deserializer.deserialize_seq(self) } else { deserializer.deserialize_map(self) }
    }
}

impl<'de> Visitor<'de> for Seek<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.names.is_empty() { "a list of records" } else { "an object" })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((name, rest)) = self.names.split_first() else { return Err(A::Error::custom("no list")) };
        let mut names_there = Vec::new();
        let mut is_there = false;
        while let Some(key) = map.next_key::<String>()? {
            if key == *name {
                is_there = true;
                map.next_value_seed(Seek { names: rest, walk: self.walk })?;
            } else {
                map.next_value::<IgnoredAny>()?;
                if names_there.len() < LISTED_NAMES {
                    names_there.push(key);
                }
            }
        }
        if !is_there {
            self.walk.names_there = names_there;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.walk.is_found = true;
        let mut number = 0;
        while number < self.walk.skip && list.next_element::<IgnoredAny>()?.is_some() {
            number += 1;
        }
        while let Some(raw) = list.next_element::<Box<RawValue>>()? {
            number += 1;
            let element = Element { number, node: parsed(raw.get()), next: Place { count: number, byte: 0 } };
            let ended = match (self.walk.take)(element) {
                Ok(true) => continue,
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            };
            self.walk.ended = Some(ended);
            return Err(A::Error::custom("ended"));
        }
        Ok(())
    }
}

fn no_list(location: &Location, names_there: &[String]) -> ConnectorError {
    let message = format!("`{}` holds no list at {}", location.path.display(), shown(&location.pointer));
    let error = ConnectorError::new(ErrorKind::NotFound, "records_not_found", message);
    let wanted = location.pointer.last().map(String::as_str).unwrap_or_default();
    let known: Vec<&str> = names_there.iter().map(String::as_str).collect();
    error.with_hint_if(name_hint(wanted, &known, "there are"))
}

/// Says where a document is not as it should be. The parser's own words may quote a value, so they are not shown.
fn not_json(location: &Location, error: serde_json::Error, is_found: bool) -> ConnectorError {
    let (line, column) = (error.line(), error.column());
    let path = location.path.display();
    match error.classify() {
        serde_json::error::Category::Io => file_error("read", &location.path, &error.into()),
        serde_json::error::Category::Eof => refused("invalid_json", format!("`{path}` ends at line {line} unfinished")),
        serde_json::error::Category::Syntax => {
            refused("invalid_json", format!("`{path}` is not valid JSON at line {line}, column {column}"))
        }
        serde_json::error::Category::Data if is_found => {
            refused("invalid_json", format!("`{path}` is not valid JSON at line {line}, column {column}"))
        }
        serde_json::error::Category::Data => {
            let place = shown(&location.pointer);
            refused("records_not_found", format!("`{path}` holds no list at {place} (line {line}, column {column})"))
                .with_hint(
                    "`records` names the list of records in a document, e.g. `/data/items`; a file with one record per line \
                     has `format: lines`",
                )
        }
    }
}

fn shown(pointer: &[String]) -> String {
    if pointer.is_empty() { "its top".to_owned() } else { format!("`/{}`", pointer.join("/")) }
}

fn too_long(path: &Path, line: u64) -> ConnectorError {
    let limit = limits::LINE_BYTES / (1024 * 1024);
    refused("line_too_long", format!("line {line} of `{}` is longer than {limit} MB", path.display()))
        .with_hint("for a list of records, set `format: array`")
}

fn refused(code: &str, message: String) -> ConnectorError {
    ConnectorError::new(ErrorKind::Io, code, message)
}
