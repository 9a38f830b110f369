//! JSON values ↔ our types.

use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

use crate::connector::file::scalar_text;
use crate::model::{Field, FieldType, Value, is_reserved};

/// Whole numbers up to this are exact as floats too: 2^53.
const EXACT_WHOLE: u64 = 1 << 53;

/// What the values of a field have been so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Boolean,
    Whole,
    /// A whole number that a float cannot hold.
    LargeWhole,
    Float,
    List,
    Text,
}

/// The types of all fields of a file, found by looking at every record.
#[derive(Debug, Default)]
pub(super) struct Types {
    fields: IndexMap<String, Option<Seen>>,
}

impl Types {
    /// Looks at one record.
    pub(super) fn look_at(&mut self, record: &Map<String, Json>) {
        for (name, leaf) in leaves(record) {
            let seen = kind(leaf);
            let known = self.fields.entry(name).or_default();
            *known = match (*known, seen) {
                (None, other) | (other, None) => other,
                (Some(known), Some(seen)) => Some(combine(known, seen)),
            };
        }
    }

    /// Returns the fields, in the order in which they were first seen.
    pub(super) fn fields(&self) -> Vec<Field> {
        let named = self.fields.iter().filter(|(name, _)| !name.is_empty() && !is_reserved(name));
        named.map(|(name, seen)| Field::new(name, field_type(*seen))).collect()
    }
}

/// Returns the values of a record, those of nested objects under names with dots.
pub(super) fn leaves(record: &Map<String, Json>) -> Vec<(String, &Json)> {
    let mut leaves = Vec::with_capacity(record.len());
    collect("", record, &mut leaves);
    leaves
}

fn collect<'a>(prefix: &str, object: &'a Map<String, Json>, leaves: &mut Vec<(String, &'a Json)>) {
    for (name, value) in object {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Json::Object(inner) => collect(&path, inner, leaves),
            leaf => leaves.push((path, leaf)),
        }
    }
}

fn kind(leaf: &Json) -> Option<Seen> {
    Some(match leaf {
        Json::Null => return None,
        Json::Bool(_) => Seen::Boolean,
        Json::Number(number) => match (number.as_i64(), number.is_f64()) {
            (Some(whole), _) if whole.unsigned_abs() <= EXACT_WHOLE => Seen::Whole,
            (Some(_), _) => Seen::LargeWhole,
            (None, true) => Seen::Float,
            (None, false) => Seen::Text,
        },
        Json::Array(items) if items.iter().all(|item| scalar_text(item).is_some()) => Seen::List,
        Json::String(_) | Json::Array(_) | Json::Object(_) => Seen::Text,
    })
}

fn combine(one: Seen, other: Seen) -> Seen {
    match (one, other) {
        _ if one == other => one,
        (Seen::Whole, Seen::LargeWhole) | (Seen::LargeWhole, Seen::Whole) => Seen::LargeWhole,
        (Seen::Whole, Seen::Float) | (Seen::Float, Seen::Whole) => Seen::Float,
        _ => Seen::Text,
    }
}

fn field_type(seen: Option<Seen>) -> FieldType {
    match seen {
        Some(Seen::Boolean) => FieldType::Boolean,
        Some(Seen::Whole | Seen::LargeWhole) => FieldType::Integer,
        Some(Seen::Float) => FieldType::Number,
        Some(Seen::List) => FieldType::MultiChoice,
        Some(Seen::Text) | None => FieldType::Text,
    }
}

/// Returns a value as the field's type; none when it does not fit.
pub(super) fn decode(leaf: &Json, field_type: FieldType) -> Option<Value> {
    if leaf.is_null() {
        return Some(Value::Null);
    }
    match field_type {
        FieldType::Boolean => leaf.as_bool().map(Value::Boolean),
        FieldType::Integer => leaf.as_i64().map(Value::Integer),
        FieldType::Number => leaf.as_f64().map(Value::Number),
        FieldType::MultiChoice => {
            let items = leaf.as_array()?.iter().map(scalar_text).collect::<Option<Vec<_>>>()?;
            Some(Value::List(items))
        }
        FieldType::Text | FieldType::Choice | FieldType::Date | FieldType::Datetime | FieldType::Link => {
            Some(Value::Text(text_of(leaf)))
        }
    }
}

/// Returns any value as text: lists of scalars joined with `;`, what is nested deeper as JSON.
pub(super) fn text_of(leaf: &Json) -> String {
    if let Some(text) = scalar_text(leaf) {
        return text;
    }
    let items = leaf.as_array().and_then(|items| items.iter().map(scalar_text).collect::<Option<Vec<_>>>());
    items.map_or_else(|| leaf.to_string(), |items| items.join(";"))
}
