//! The `_id` of a record that comes from a file.

use std::{collections::BTreeMap, path::Path};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::model::ObjectName;

/// The columns that identify a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum IdOption {
    /// One column, in all files of the connection.
    Column(String),
    /// Several columns together, in all files of the connection.
    Columns(Vec<String>),
    /// File → its columns, for files that differ: `{ accounts: [account], deals: [deal_id] }`. A file that is not named
    /// has no such columns.
    PerObject(BTreeMap<String, ObjectId>),
}

/// The columns that identify a record of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ObjectId {
    /// One column.
    Column(String),
    /// Several columns together.
    Columns(Vec<String>),
}

impl IdOption {
    /// Returns the id columns of an object; none where its records are told apart by their whole content.
    pub fn columns(&self, object: &ObjectName) -> Vec<String> {
        match self {
            Self::Column(column) => vec![column.clone()],
            Self::Columns(columns) => columns.clone(),
            Self::PerObject(objects) => {
                let stem = |name: &str| Path::new(name).with_extension("").to_string_lossy().into_owned();
                let exact = objects.get(object.as_str());
                let found = exact.or_else(|| {
                    objects.iter().find(|(name, _)| stem(name) == stem(object.as_str())).map(|(_, columns)| columns)
                });
                match found {
                    None => Vec::new(),
                    Some(ObjectId::Column(column)) => vec![column.clone()],
                    Some(ObjectId::Columns(columns)) => columns.clone(),
                }
            }
        }
    }
}

/// Makes an id of the values of the id columns: a single one as it is, several joined with `|`.
///
/// `|` and `\` in a value of several are escaped with `\`, so that no two records share an id by accident.
pub fn joined_id(values: &[&str]) -> String {
    match values {
        [single] => (*single).to_owned(),
        several => {
            let escaped = several.iter().map(|value| value.replace('\\', r"\\").replace('|', r"\|"));
            escaped.collect::<Vec<_>>().join("|")
        }
    }
}

/// Makes an id of a record's whole content: 128 bits as 32 hexadecimal digits, the same for the same content.
pub fn content_id<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    ContentIds::default().id(parts).to_owned()
}

/// Makes ids of the whole content of records, one after the other.
#[derive(Debug, Default)]
pub struct ContentIds {
    content: Vec<u8>,
    id: String,
}

impl ContentIds {
    /// Makes the id that [`content_id`] makes.
    pub fn id<'a>(&mut self, parts: impl IntoIterator<Item = &'a [u8]>) -> &str {
        self.content.clear();
        for part in parts {
            // The length keeps `ab`, `c` and `a`, `bc` apart.
            self.content.extend_from_slice(&part.len().to_le_bytes());
            self.content.extend_from_slice(part);
        }
        self.id.clear();
        for byte in xxh3_128(&self.content).to_be_bytes() {
            for digit in [byte >> 4, byte & 0xf] {
                self.id.extend(char::from_digit(u32::from(digit), 16));
            }
        }
        &self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_values_never_make_the_same_id_by_accident() {
        assert_eq!(joined_id(&["a|b"]), "a|b");
        assert_eq!(joined_id(&["a", "b"]), "a|b");
        assert_ne!(joined_id(&["a|b", "c"]), joined_id(&["a", "b|c"]));
        assert_ne!(joined_id(&["a\\", "b"]), joined_id(&["a", "\\b"]));
    }

    #[test]
    fn content_is_told_apart_by_where_a_value_ends() {
        let id = |parts: &[&str]| content_id(parts.iter().map(|part| part.as_bytes()));
        assert_eq!(id(&["ab", "c"]), id(&["ab", "c"]));
        assert_ne!(id(&["ab", "c"]), id(&["a", "bc"]));
        assert_ne!(id(&["a", ""]), id(&["", "a"]));
        // Ids of earlier versions stay what they are.
        assert_eq!(id(&["a"]), format!("{:032x}", xxh3_128(b"\x01\0\0\0\0\0\0\0a")));
    }

    #[test]
    fn the_id_columns_may_differ_by_file() {
        let option: IdOption =
            serde_json::from_str(r#"{ "accounts.csv": "account", "deals": ["deal", "part"] }"#).unwrap();
        assert_eq!(option.columns(&"accounts".into()), ["account"]);
        assert_eq!(option.columns(&"deals.csv".into()), ["deal", "part"]);
        assert!(option.columns(&"notes".into()).is_empty());
        let one: IdOption = serde_json::from_str(r#""email""#).unwrap();
        assert_eq!(one.columns(&"any".into()), ["email"]);
    }
}
