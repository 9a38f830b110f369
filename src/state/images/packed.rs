//! Fields in few bytes, with the types of their values: an image is stored of every record that is written.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::model::{FieldName, Fields, Value};

/// Fields as they are stored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Packed(BTreeMap<FieldName, Short>);

/// A value that JSON tells from others by itself, where it can.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Short {
    Null(()),
    Boolean(bool),
    Integer(i64),
    Number(f64),
    Text(String),
    List(Vec<String>),
    Date {
        #[serde(rename = "d")]
        date: chrono::NaiveDate,
    },
    Moment {
        #[serde(rename = "m")]
        millis: i64,
    },
    /// What JSON has no number for.
    Odd {
        #[serde(rename = "n")]
        number: String,
    },
}

impl Packed {
    pub(super) fn of(fields: &Fields) -> Self {
        Self(fields.iter().map(|(name, value)| (name.clone(), Short::of(value))).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Leaves out what has the same value in `other`.
    pub(super) fn without(mut self, other: &Fields) -> Self {
        self.0.retain(|name, value| other.get(name).is_none_or(|other| Short::of(other) != *value));
        self
    }

    pub(super) fn fields(self) -> Fields {
        self.0.into_iter().map(|(name, value)| (name, value.value())).collect()
    }

    /// Returns the fields, with those that were left out as they are in `other`.
    pub(super) fn over(self, other: &Fields) -> Fields {
        let mut fields = other.clone();
        fields.extend(self.fields());
        fields
    }
}

impl Short {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null(()),
            Value::Text(text) => Self::Text(text.clone()),
            Value::Integer(number) => Self::Integer(*number),
            Value::Number(number) if number.is_finite() => Self::Number(*number),
            Value::Number(number) => Self::Odd { number: number.to_string() },
            Value::Boolean(flag) => Self::Boolean(*flag),
            Value::Date(date) => Self::Date { date: *date },
            Value::DateTime(moment) => Self::Moment { millis: moment.timestamp_millis() },
            Value::List(items) => Self::List(items.clone()),
        }
    }

    fn value(self) -> Value {
        match self {
            Self::Null(()) => Value::Null,
            Self::Text(text) => Value::Text(text),
            Self::Integer(number) => Value::Integer(number),
            Self::Number(number) => Value::Number(number),
            Self::Odd { number } => number.parse().map_or(Value::Null, Value::Number),
            Self::Boolean(flag) => Value::Boolean(flag),
            Self::Date { date } => Value::Date(date),
            Self::Moment { millis } => {
                DateTime::<Utc>::from_timestamp_millis(millis).map_or(Value::Null, Value::DateTime)
            }
            Self::List(items) => Value::List(items),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Fields {
        let named = [
            Value::Null,
            Value::Text("2026-03-01".to_owned()),
            Value::Text("7".to_owned()),
            Value::Integer(7),
            Value::Number(7.0),
            Value::Number(0.1),
            Value::Number(f64::INFINITY),
            Value::Boolean(false),
            Value::Date("2026-03-01".parse().unwrap()),
            Value::DateTime(DateTime::from_timestamp_millis(1_772_323_200_250).unwrap()),
            Value::List(vec!["a;b".to_owned(), String::new()]),
            Value::List(Vec::new()),
        ];
        named.into_iter().enumerate().map(|(at, value)| (FieldName::new(format!("f{at}")), value)).collect()
    }

    #[test]
    fn values_come_back_with_their_types() {
        let json = serde_json::to_string(&Packed::of(&fields())).unwrap();
        let back: Packed = serde_json::from_str(&json).unwrap();
        assert_eq!(back.fields(), fields());
    }

    #[test]
    fn what_was_written_as_it_was_is_not_stored_twice() {
        let wrote = fields();
        let mut before = fields();
        before.insert(FieldName::new("f3"), Value::Integer(8));
        before.insert(FieldName::new("more"), Value::Boolean(true));
        let packed = Packed::of(&before).without(&wrote);
        assert_eq!(serde_json::to_string(&packed).unwrap(), r#"{"f3":8,"more":true}"#);
        assert_eq!(packed.over(&wrote), before);
    }
}
