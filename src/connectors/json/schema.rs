//! JSON values ↔ our types.

use std::collections::HashSet;

use indexmap::IndexMap;

use crate::connector::file::field_name;
use crate::model::{Field, FieldType, LIST_SEPARATOR, Value, exact_integer, exact_number, join_list};

use super::client::Node;

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
    /// The names that held an object in some record.
    objects: HashSet<String>,
}

impl Types {
    /// Looks at one record.
    pub(super) fn look_at(&mut self, record: &[(String, Node)]) {
        for (name, leaf) in leaves(record) {
            if matches!(leaf, Node::Object(_)) {
                self.objects.insert(name);
                continue;
            }
            let seen = kind(leaf);
            let known = self.fields.entry(name).or_default();
            *known = match (*known, seen) {
                (None, other) | (other, None) => other,
                (Some(known), Some(seen)) => Some(combine(known, seen)),
            };
        }
    }

    /// Tells whether no record said anything about its fields.
    pub(super) fn is_blank(&self) -> bool {
        self.fields.is_empty() && self.objects.is_empty()
    }

    /// Returns the fields, in the order in which they were first seen. A field that holds an object in one record and another
    /// value in the next is a text, in addition to the fields of the object's members.
    pub(super) fn fields(&self, id_fields: &[String]) -> Vec<Field> {
        let named = self.fields.iter().filter(|(name, _)| !name.is_empty());
        let fields = named.filter_map(|(name, seen)| {
            // What is null wherever it is no object has no own value.
            if seen.is_none() && self.objects.contains(name) {
                return None;
            }
            let is_mixed = self.objects.contains(name);
            Some(Field::new(field_name(name, id_fields)?, if is_mixed { FieldType::Text } else { field_type(*seen) }))
        });
        fields.collect()
    }
}

/// Returns the values of a record, those of nested objects under names with dots, and each nested object itself before them.
pub(super) fn leaves(record: &[(String, Node)]) -> Vec<(String, &Node)> {
    let mut leaves = Vec::with_capacity(record.len());
    collect("", record, &mut leaves);
    leaves
}

fn collect<'a>(prefix: &str, object: &'a [(String, Node)], leaves: &mut Vec<(String, &'a Node)>) {
    for (name, node) in object {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        leaves.push((path.clone(), node));
        if let Node::Object(members) = node {
            collect(&path, members, leaves);
        }
    }
}

fn kind(leaf: &Node) -> Option<Seen> {
    Some(match leaf {
        Node::Null => return None,
        Node::Boolean(_) => Seen::Boolean,
        Node::Number(number) => match number.parse::<i64>() {
            Ok(whole) if whole.unsigned_abs() <= EXACT_WHOLE => Seen::Whole,
            Ok(_) => Seen::LargeWhole,
            Err(_) if number.contains(['.', 'e', 'E']) && exact_number(number).is_some() => Seen::Float,
            // No number type carries it exactly, a text does.
            Err(_) => Seen::Text,
        },
        Node::List(items) if items.iter().all(|item| item.scalar_text().is_some()) => Seen::List,
        Node::Text(_) | Node::List(_) | Node::Object(_) => Seen::Text,
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
pub(super) fn decode(leaf: &Node, field_type: FieldType) -> Option<Value> {
    match (leaf, field_type) {
        (Node::Null, _) => Some(Value::Null),
        (Node::Boolean(flag), FieldType::Boolean) => Some(Value::Boolean(*flag)),
        (Node::Number(number), FieldType::Integer) => exact_integer(number).map(Value::Integer),
        (Node::Number(number), FieldType::Number) => exact_number(number).map(Value::Number),
        (Node::List(items), FieldType::MultiChoice) => {
            Some(Value::List(items.iter().map(Node::scalar_text).collect::<Option<_>>()?))
        }
        (_, FieldType::Boolean | FieldType::Integer | FieldType::Number | FieldType::MultiChoice) => None,
        (leaf, FieldType::Text | FieldType::Choice | FieldType::Date | FieldType::Datetime | FieldType::Link) => {
            Some(Value::Text(text_of(leaf)))
        }
    }
}

/// Returns any value as text: lists of scalars joined with `;`, what is nested deeper as JSON.
pub(super) fn text_of(leaf: &Node) -> String {
    if let Some(text) = leaf.scalar_text() {
        return text;
    }
    let Node::List(items) = leaf else { return leaf.to_string() };
    let texts: Option<Vec<String>> = items.iter().map(Node::scalar_text).collect();
    texts.map_or_else(|| leaf.to_string(), |texts| join_list(texts, LIST_SEPARATOR))
}
