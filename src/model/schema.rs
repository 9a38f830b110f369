//! What an object looks like: its fields, their types, and what may be written to them.

use polars::prelude::{DataType, TimeUnit, TimeZone};
use serde::{Deserialize, Serialize};

use super::name::{FieldName, ObjectName};

/// Describes an object as its system declares it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schema {
    /// The object's name, in the system's own word.
    pub object: ObjectName,
    /// The fields, in the system's order.
    pub fields: Vec<Field>,
    /// Whether fields that are not listed may be used too: a file that is written takes any field, and one that is read may hold
    /// nothing that says which fields its records have.
    #[serde(default)]
    pub is_open: bool,
}

/// Describes one field of an object.
#[expect(clippy::struct_excessive_bools, reason = "each is a separate fact that the system declares of the field")]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// The name that mappings use.
    pub name: FieldName,
    /// What the system's screens call it, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What its values are.
    #[serde(rename = "type")]
    pub field_type: FieldType,
    /// Whether a record cannot be created without it.
    #[serde(default)]
    pub is_required: bool,
    /// Whether the system computes it and refuses to have it written.
    #[serde(default)]
    pub is_read_only: bool,
    /// Whether no two records can share a value of it, by the system's own rule.
    #[serde(default)]
    pub is_unique: bool,
    /// Whether values that differ in upper and lower case alone are one value to the system, where the field is a key.
    #[serde(default)]
    pub is_case_insensitive: bool,
    /// Whether a record is found by other values of it too, as a person is by a second mail address. To write one of these would
    /// make it the record's own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub has_aliases: bool,
    /// Whether its values only move forward: the system ignores an earlier one (a stage of a person's life as a customer).
    #[serde(default, skip_serializing_if = "is_false")]
    pub only_advances: bool,
    /// Whether the system's own upsert takes it as a key. It is asked for where the key rule is
    /// [`KeyRule::NativeUpTo`](super::KeyRule::NativeUpTo); fields without it are matched with `fetch`.
    #[serde(default)]
    pub is_upsert_key: bool,
    /// Whether it can be written and not read.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_write_only: bool,
    /// How its values are shown, where the system declares that of a column (`DATE yyyy-mm-dd`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// How many of a hundred records have a value of it, where the system tells cheaply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filled_percent: Option<u8>,
    /// Whether people's formulas fill it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_formula: bool,
    /// Whether its links are written by calls of their own once the record is there, where the other links are fields of the record.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_linked_apart: bool,
    /// The parent that its values name, where it stands for another field that holds the parent's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentKey>,
    /// The values that a choice accepts; empty when the field is no choice or the system does not list them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<Choice>,
}

/// A parent that is named by a field of its own instead of by its id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentKey {
    /// The field that holds the parent's id: the two are not written together.
    pub sets: FieldName,
    /// The parent's object.
    pub object: ObjectName,
}

/// One option of a choice field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What is written and read.
    pub value: String,
    /// What the system's screens show.
    pub label: String,
}

/// Names the types that fields have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Text.
    Text,
    /// Whole numbers.
    Integer,
    /// Numbers with a fraction.
    Number,
    /// True or false.
    Boolean,
    /// A day.
    Date,
    /// A moment, UTC.
    Datetime,
    /// One of several options.
    Choice,
    /// Any of several options.
    MultiChoice,
    /// Other records, by their ids.
    Link,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands references")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl FieldType {
    /// Returns the dtype that a column of this type has in every frame.
    pub fn dtype(self) -> DataType {
        match self {
            Self::Text | Self::Choice => DataType::String,
            Self::Integer => DataType::Int64,
            Self::Number => DataType::Float64,
            Self::Boolean => DataType::Boolean,
            Self::Date => DataType::Date,
            Self::Datetime => DataType::Datetime(TimeUnit::Milliseconds, Some(TimeZone::UTC)),
            Self::MultiChoice | Self::Link => DataType::List(Box::new(DataType::String)),
        }
    }

    /// Returns the word for the type in a pipeline and in messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Choice => "choice",
            Self::MultiChoice => "multi_choice",
            Self::Link => "link",
        }
    }
}

/// Says that several fields of an object have one label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{label}` is the label of {} fields of `{object}`", fields.len())]
pub struct AmbiguousLabel {
    object: ObjectName,
    label: String,
    fields: Vec<FieldName>,
}

impl AmbiguousLabel {
    /// Returns the names of the fields, for a person.
    pub fn names(&self) -> String {
        self.fields.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

impl Schema {
    /// Returns the field of that name, if the object has one.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name.as_str() == name)
    }

    /// Returns the field that a word of a pipeline means: the one of that name, else the one with that label.
    ///
    /// # Errors
    /// Fails when no field has that name and several have that label.
    pub fn find(&self, word: &str) -> Result<Option<&Field>, AmbiguousLabel> {
        if let Some(field) = self.field(word) {
            return Ok(Some(field));
        }
        let labelled: Vec<&Field> = self.fields.iter().filter(|field| field.label.as_deref() == Some(word)).collect();
        match labelled.as_slice() {
            [] => Ok(None),
            [field] => Ok(Some(field)),
            fields => Err(AmbiguousLabel {
                object: self.object.clone(),
                label: word.to_owned(),
                fields: fields.iter().map(|field| field.name.clone()).collect(),
            }),
        }
    }
}

impl Field {
    /// Makes a writable, optional field without options.
    pub fn new(name: impl AsRef<str>, field_type: FieldType) -> Self {
        Self {
            name: FieldName::new(name),
            label: None,
            field_type,
            is_required: false,
            is_read_only: false,
            is_unique: false,
            is_case_insensitive: false,
            has_aliases: false,
            only_advances: false,
            format: None,
            filled_percent: None,
            is_formula: false,
            is_linked_apart: false,
            is_upsert_key: false,
            is_write_only: false,
            parent: None,
            options: Vec::new(),
        }
    }
}
