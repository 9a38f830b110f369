//! JSON values whose numbers stay as they were written, and whose faults stay within one record.

use std::{collections::HashSet, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Map, Number, Value as Json, value::RawValue};

use crate::connector::file::UNDECODABLE;
use crate::model::{exact_number, plain_number};

/// Deepest nesting of a record, in levels: a record is no place for more, and a program's stack has an end.
const MAX_DEPTH: usize = 128;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum Node {
    Null,
    Boolean(bool),
    /// A number, as it was written.
    Number(String),
    Text(String),
    List(Vec<Node>),
    /// The members, in their order; no name is there twice.
    Object(Vec<(String, Node)>),
}

/// Why a text is no usable JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Fault {
    /// A stable word for the reason.
    pub(in super::super) code: &'static str,
    /// The reason, without any value of the record.
    pub(in super::super) reason: String,
    /// The field, where one is to blame.
    pub(in super::super) field: Option<String>,
}

impl Fault {
    fn new(code: &'static str, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into(), field: None }
    }
}

/// The members of an object, before what they hold is looked at.
struct Members<'text>(Vec<(String, &'text RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MemberVisitor)
    }
}

struct MemberVisitor;

impl<'de> Visitor<'de> for MemberVisitor {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

impl Node {
    /// Reads a text that holds one value.
    pub(in super::super) fn parse(text: &str) -> Result<Self, Fault> {
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| no_json(&error))?;
        if text.contains(UNDECODABLE) {
            return Err(Fault::new("invalid_encoding", "a text of the record holds bytes that are no UTF-8"));
        }
        Self::of(raw, MAX_DEPTH)
    }

    fn of(raw: &RawValue, depth: usize) -> Result<Self, Fault> {
        let text = raw.get();
        let Some(depth) = depth.checked_sub(1) else {
            return Err(Fault::new("too_deep", format!("the record is nested deeper than {MAX_DEPTH} levels")));
        };
        let read = |error: serde_json::Error| no_json(&error);
        Ok(match text.as_bytes().first() {
            Some(b'{') => Self::object(serde_json::from_str(text).map_err(read)?, depth)?,
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text).map_err(read)?;
                Self::List(items.into_iter().map(|item| Self::of(item, depth)).collect::<Result<_, _>>()?)
            }
            Some(b'"') => Self::Text(serde_json::from_str(text).map_err(read)?),
            Some(b't') => Self::Boolean(true),
            Some(b'f') => Self::Boolean(false),
            Some(b'n') => Self::Null,
            _ => Self::Number(text.to_owned()),
        })
    }

    fn object(members: Members<'_>, depth: usize) -> Result<Self, Fault> {
        let mut seen = HashSet::with_capacity(members.0.len());
        let mut object = Vec::with_capacity(members.0.len());
        for (name, raw) in members.0 {
            if !seen.insert(name.clone()) {
                let reason = format!("the name `{name}` appears twice in one object");
                return Err(Fault { field: Some(name), ..Fault::new("ambiguous_field", reason) });
            }
            object.push((name, Self::of(raw, depth)?));
        }
        Ok(Self::Object(object))
    }

    /// Tells whether it is no value.
    pub(in super::super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns a scalar as a person would write it, a number in its one form; none for null, lists and objects.
    pub(in super::super) fn scalar_text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Number(number) => Some(plain_number(number).unwrap_or_else(|| number.clone())),
            Self::Boolean(flag) => Some(flag.to_string()),
            Self::Null | Self::List(_) | Self::Object(_) => None,
        }
    }

    /// Returns it as plain JSON. A number that a float does not carry exactly becomes its text.
    pub(in super::super) fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Boolean(flag) => Json::from(*flag),
            Self::Number(number) => number_json(number).map_or_else(|| Json::from(number.as_str()), Json::Number),
            Self::Text(text) => Json::from(text.as_str()),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Object(members) => {
                Json::Object(members.iter().map(|(name, node)| (name.clone(), node.to_json())).collect::<Map<_, _>>())
            }
        }
    }
}

/// Writes compact JSON, with every digit of every number.
impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => match number_json(number) {
                Some(exact) => write!(formatter, "{exact}"),
                None => formatter.write_str(number),
            },
            Self::List(items) => {
                formatter.write_str("[")?;
                for (position, item) in items.iter().enumerate() {
                    write!(formatter, "{}{item}", if position > 0 { "," } else { "" })?;
                }
                formatter.write_str("]")
            }
            Self::Object(members) => {
                formatter.write_str("{")?;
                for (position, (name, node)) in members.iter().enumerate() {
                    let comma = if position > 0 { "," } else { "" };
                    write!(formatter, "{comma}{}:{node}", Json::from(name.as_str()))?;
                }
                formatter.write_str("}")
            }
            Self::Null | Self::Boolean(_) | Self::Text(_) => write!(formatter, "{}", self.to_json()),
        }
    }
}

/// Returns a number as JSON holds it, where that is exact.
fn number_json(number: &str) -> Option<Number> {
    let whole = number.parse::<i64>().map(Number::from).ok().or_else(|| number.parse::<u64>().map(Number::from).ok());
    whole.or_else(|| Number::from_f64(exact_number(number)?))
}

/// Says that a text is no JSON. The parser's own words name a place and no value.
fn no_json(error: &serde_json::Error) -> Fault {
    // The parser counts the lines of the record, a person those of the file.
    let said = error.to_string();
    let what = said.rsplit_once(" at line ").map_or(said.as_str(), |(what, _)| what);
    let place = if error.is_eof() { String::new() } else { format!(" (character {})", error.column()) };
    Fault::new("invalid_json", format!("it is no JSON: {what}{place}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_digit_of_a_number_is_kept() {
        for number in ["12345678901234567890123", "99999999999999.99", "9007199254740993", "0.1", "-5"] {
            let text = format!("{{\"a\":[{number}]}}");
            assert_eq!(Node::parse(&text).unwrap().to_string(), text);
        }
        assert_eq!(Node::parse("[1E2,3.0]").unwrap().to_string(), "[100.0,3.0]");
        assert_eq!(Node::parse("3.0").unwrap().scalar_text().as_deref(), Some("3"));
        assert_eq!(Node::parse("12345678901234567890123").unwrap().to_json(), Json::from("12345678901234567890123"));
    }

    #[test]
    fn a_fault_is_named() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for (text, code) in [
            ("{\"a\":1", "invalid_json"),
            ("{\"a\":1}{\"a\":2}", "invalid_json"),
            ("{\"a\":\"cut \\ud83d\"}", "invalid_json"),
            ("{\"a\":1,\"a\":2}", "ambiguous_field"),
            ("{\"a\":{\"b\":1},\"a\":{\"c\":1}}", "ambiguous_field"),
            ("{\"a\":\"\u{ffff}\"}", "invalid_encoding"),
            (deep.as_str(), "too_deep"),
        ] {
            assert_eq!(Node::parse(text).unwrap_err().code, code, "{text}");
        }
    }
}
