//! Turns mapped frames into records to write, with the hashes that matching goes by.

use std::{collections::HashSet, sync::Arc};

use polars::prelude::{DataFrame, Series};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use xxhash_rust::xxh3::Xxh3Default;

use crate::engine::error::EngineError;
use crate::model::{ABSENT, DELETED, FieldName, Fields, ID, StreamName, Value, one_form};
use crate::state::ReadRecord;
use crate::transform::{
    MappedField,
    spec::{NullPolicy, When},
};

/// A mapped record, ready to be matched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::engine) struct Prepared {
    /// The source's id.
    pub source_id: String,
    /// Its number in the read, from 1 on.
    pub number: u64,
    /// Whether the source has deleted it.
    pub is_deleted: bool,
    /// The fields to write, links left out; null where the destination's value is cleared, absent if it is kept.
    pub fields: Fields,
    /// The links.
    pub links: Vec<LinkValue>,
    /// Of all fields that make a record worth writing again.
    pub content_hash: u128,
    /// The key, where no part of it is empty.
    pub key: Option<Key>,
}

/// The values of a key and their hash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::engine) struct Key {
    pub values: Vec<Value>,
    pub hash: u128,
    /// The hash of the key without what does not show (accents in two encodings, kinds of blanks); none where there is no such.
    pub plain_hash: Option<u128>,
}

/// One link field of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::engine) struct LinkValue {
    pub field: FieldName,
    pub stream: StreamName,
    /// The linked records' source ids.
    pub linked_ids: Vec<String>,
}

impl Prepared {
    /// Names the record to the state.
    pub(in crate::engine) fn read_record(&self) -> ReadRecord {
        ReadRecord { source_id: self.source_id.clone(), number: self.number }
    }

    /// Returns the record as JSON by the destination's names, its links as lists of source ids.
    pub(in crate::engine) fn to_json(&self) -> Json {
        let fields = self.fields.iter().map(|(name, value)| (name.to_string(), value.to_json()));
        let links = self.links.iter().map(|link| (link.field.to_string(), Json::from(link.linked_ids.clone())));
        Json::Object(fields.chain(links).collect())
    }
}

/// What the records of one destination are prepared by.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Preparation {
    pub fields: Arc<[MappedField]>,
    pub key: Arc<[FieldName]>,
    /// Of each field of the key, whether upper and lower case are the same to the destination.
    pub are_keys_case_insensitive: Arc<[bool]>,
}

impl Preparation {
    /// Turns a mapped frame into records, in its order.
    pub(in crate::engine) fn records(&self, frame: &DataFrame) -> Result<Vec<Prepared>, EngineError> {
        let ids = frame.column(ID)?.str()?;
        let deleted = frame.column(DELETED)?.bool()?;
        let absent = frame.column(ABSENT).ok().map(|column| column.list()).transpose()?;
        let columns = self.fields.iter().map(|field| frame.column(&field.name)).collect::<Result<Vec<_>, _>>()?;
        let mut records = Vec::with_capacity(frame.height());
        for row in 0..frame.height() {
            let mut values = Vec::with_capacity(columns.len());
            for column in &columns {
                values.push(Value::from_any(&column.get(row)?)?);
            }
            let source_id = ids.get(row).unwrap_or_default().to_owned();
            let is_deleted = deleted.get(row).unwrap_or(false);
            let absent = absent.and_then(|lists| lists.get_as_series(row)).map(|names| texts(&names)).transpose()?;
            records.push(self.record(source_id, is_deleted, values, &absent.unwrap_or_default()));
        }
        Ok(records)
    }

    /// Makes a record of its values; `absent` are the fields that the source says nothing of.
    pub(in crate::engine) fn record(
        &self,
        source_id: String,
        is_deleted: bool,
        values: Vec<Value>,
        absent: &HashSet<String>,
    ) -> Prepared {
        let content_hash = self.content_hash(&values, absent);
        let key = self.key_of(&values);
        let mut fields = Fields::new();
        let mut links = Vec::new();
        for (field, value) in self.fields.iter().zip(values) {
            let clears = field.null == NullPolicy::Clear && !absent.contains(field.name.as_str());
            let Some(stream) = &field.link else {
                if !value.is_null() || clears {
                    fields.insert(field.name.clone(), value);
                }
                continue;
            };
            let linked_ids = match value {
                Value::List(linked_ids) => linked_ids,
                Value::Text(target) => vec![target],
                _ => Vec::new(),
            };
            if !linked_ids.is_empty() {
                links.push(LinkValue { field: field.name.clone(), stream: stream.clone(), linked_ids });
            } else if clears {
                fields.insert(field.name.clone(), Value::List(Vec::new()));
            }
        }
        Prepared { source_id, number: 0, is_deleted, fields, links, content_hash, key }
    }

    /// Hashes what decides whether a record is written again. Fields that are written on creation only do not count.
    fn content_hash(&self, values: &[Value], absent: &HashSet<String>) -> u128 {
        let mut hasher = Xxh3Default::new();
        for (field, value) in self.fields.iter().zip(values) {
            if field.when != When::OnCreate {
                hash_text(&mut hasher, &field.name);
                hash_value(&mut hasher, value);
                // What clears a field and what says nothing of it are not the same.
                if field.null == NullPolicy::Clear && absent.contains(field.name.as_str()) {
                    hasher.update(&[3]);
                }
            }
        }
        hasher.digest128()
    }

    fn key_of(&self, values: &[Value]) -> Option<Key> {
        let value_of = |key_field: &FieldName| {
            let position = self.fields.iter().position(|field| field.name == *key_field)?;
            let value = values.get(position)?;
            (!value.to_text().trim().is_empty()).then(|| value.clone())
        };
        if self.key.is_empty() {
            return None;
        }
        let values: Vec<Value> = self.key.iter().map(value_of).collect::<Option<_>>()?;
        Some(self.key(values))
    }

    /// Makes a key of its values.
    pub(in crate::engine) fn key(&self, values: Vec<Value>) -> Key {
        let is_odd = |value: &Value| match value {
            Value::Text(text) => !is_plain(text) && one_form(text) != *text,
            Value::Null
            | Value::Integer(_)
            | Value::Number(_)
            | Value::Boolean(_)
            | Value::Date(_)
            | Value::DateTime(_)
            | Value::List(_) => false,
        };
        let plain_hash = values.iter().any(is_odd).then(|| {
            let forms: Vec<Value> = values.iter().map(|value| Value::Text(one_form(&value.to_text()))).collect();
            self.hash_key(&forms)
        });
        Key { hash: self.hash_key(&values), values, plain_hash }
    }

    /// Hashes a key by its text, so that the number 5 and the text `5` are one key; in lower case where the destination takes
    /// upper and lower case for the same.
    pub(in crate::engine) fn hash_key(&self, values: &[Value]) -> u128 {
        let mut hasher = Xxh3Default::new();
        for (value, is_insensitive) in values.iter().zip(self.are_keys_case_insensitive.iter()) {
            let text = value.to_text();
            if *is_insensitive {
                hash_text(&mut hasher, &text.to_lowercase());
            } else {
                hash_text(&mut hasher, &text);
            }
        }
        hasher.digest128()
    }
}

/// Returns the hashes that a text has as a key of one field, whether or not the destination tells upper from lower case.
pub(in crate::engine) fn key_hashes_of(text: &str) -> Vec<u128> {
    let hash = |text: &str| {
        let mut hasher = Xxh3Default::new();
        hash_text(&mut hasher, text);
        hasher.digest128()
    };
    let text = text.trim();
    let (own, lower) = (hash(text), hash(&text.to_lowercase()));
    if own == lower { vec![own] } else { vec![own, lower] }
}

/// Tells quickly of most texts that they are in plain form.
fn is_plain(text: &str) -> bool {
    text.is_ascii() && text.trim() == text && !text.contains("  ") && !text.contains(char::is_control)
}

fn texts(names: &Series) -> Result<HashSet<String>, EngineError> {
    Ok(names.str()?.iter().flatten().map(str::to_owned).collect())
}

fn hash_value(hasher: &mut Xxh3Default, value: &Value) {
    match value {
        Value::Null => hasher.update(&[0]),
        Value::Text(text) => {
            hasher.update(&[1]);
            hash_text(hasher, text);
        }
        Value::List(items) => {
            hasher.update(&[2]);
            for item in items {
                hash_text(hasher, item);
            }
        }
        other => {
            hasher.update(&[1]);
            hash_text(hasher, &other.to_text());
        }
    }
}

fn hash_text(hasher: &mut Xxh3Default, text: &str) {
    hasher.update(&text.len().to_le_bytes());
    hasher.update(text.as_bytes());
}
