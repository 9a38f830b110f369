//! Compares values in the form in which a destination keeps them: what was written, what is to be written, what is there now.
//!
//! A destination gives a value back in its own words: a number without its zeros, an option by its value and not its label, an
//! address in lower case, a list in another order. None of that is a difference. Pure.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};

use crate::model::{Field, FieldName, FieldType, Fields, LIST_SEPARATOR, Schema, Value, plain_number, split_list};

use super::lookup::is_blank;

/// A value in the one form of all values that are the same to a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Canonical {
    Blank,
    Text(String),
    /// In its one form ([`plain_number`]).
    Decimal(String),
    Boolean(bool),
    Date(NaiveDate),
    /// In whole seconds since 1970: vendors keep no more.
    Moment(i64),
    Set(BTreeSet<String>),
}

/// Tells whether a field holds a value. `declared` is the field as the destination declares it, where it does.
///
/// To clear a check box is to set it to false: `wanted` of no value is held by a false one, but not the other way round.
pub(in crate::engine) fn holds(declared: Option<&Field>, wanted: &Value, found: &Value) -> bool {
    match (canonical(declared, wanted), canonical(declared, found)) {
        (Canonical::Blank, Canonical::Boolean(false)) => true,
        // One linked record may be declared as the text of its id.
        (Canonical::Set(items), Canonical::Text(text)) | (Canonical::Text(text), Canonical::Set(items)) => {
            items.len() == 1 && items.contains(&text)
        }
        (wanted, found) => wanted == found,
    }
}

/// Returns a value in the one form of all values that are the same to a destination, to find records by.
pub(in crate::engine) fn form(declared: Option<&Field>, value: &Value) -> String {
    format!("{:?}", canonical(declared, value))
}

/// Returns the fields whose values a record does not hold, in the order of `wanted`. What was not read of it counts as blank.
pub(in crate::engine) fn differing<'fields>(
    schema: &Schema,
    wanted: &'fields Fields,
    found: &Fields,
) -> Vec<&'fields FieldName> {
    let is_other = |(name, value): &(&FieldName, &Value)| {
        !holds(schema.field(name), value, found.get(*name).unwrap_or(&Value::Null))
    };
    wanted.iter().filter(is_other).map(|(name, _)| name).collect()
}

fn canonical(declared: Option<&Field>, value: &Value) -> Canonical {
    if is_blank(value) {
        return Canonical::Blank;
    }
    let Some(field) = declared else { return undeclared(value) };
    let typed = match field.field_type {
        FieldType::Text => None,
        FieldType::Integer | FieldType::Number => plain_number(value.to_text().trim()).map(Canonical::Decimal),
        FieldType::Boolean => boolean(value).map(Canonical::Boolean),
        FieldType::Date => date(value).map(Canonical::Date),
        FieldType::Datetime => moment(value).map(|moment| Canonical::Moment(moment.timestamp())),
        FieldType::Choice => Some(Canonical::Text(option(field, &value.to_text()))),
        FieldType::MultiChoice | FieldType::Link => Some(set(field, value)),
    };
    // A value that is not of the field's type is what it is: the destination may keep it as text.
    typed.unwrap_or_else(|| match undeclared(value) {
        Canonical::Text(text) if field.is_case_insensitive => Canonical::Text(text.to_lowercase()),
        // A text field keeps the text of a number.
        Canonical::Decimal(_) | Canonical::Boolean(_) if field.field_type == FieldType::Text => {
            Canonical::Text(value.to_text())
        }
        other => other,
    })
}

/// The form of a value of a field of which nothing is declared.
fn undeclared(value: &Value) -> Canonical {
    match value {
        Value::Null => Canonical::Blank,
        Value::Text(text) => Canonical::Text(plain_text(text)),
        Value::Integer(_) | Value::Number(_) => {
            let text = value.to_text();
            Canonical::Decimal(plain_number(&text).unwrap_or(text))
        }
        Value::Boolean(flag) => Canonical::Boolean(*flag),
        Value::Date(date) => Canonical::Date(*date),
        Value::DateTime(moment) => Canonical::Moment(moment.timestamp()),
        Value::List(items) => Canonical::Set(items.iter().map(|item| item.trim().to_owned()).collect()),
    }
}

/// Leaves out what systems change of a text without a word: blanks at its ends, and how its lines end.
fn plain_text(text: &str) -> String {
    text.trim().replace("\r\n", "\n").replace('\r', "\n")
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Boolean(flag) => Some(*flag),
        other => other.to_text().trim().to_ascii_lowercase().parse().ok(),
    }
}

fn date(value: &Value) -> Option<NaiveDate> {
    match value {
        Value::Date(date) => Some(*date),
        Value::DateTime(moment) => Some(moment.date_naive()),
        other => {
            let text = other.to_text();
            text.trim().parse().ok().or_else(|| Some(rfc3339(&text)?.date_naive()))
        }
    }
}

fn moment(value: &Value) -> Option<DateTime<Utc>> {
    match value {
        Value::DateTime(moment) => Some(*moment),
        other => rfc3339(&other.to_text()).or_else(|| Some(date(other)?.and_hms_opt(0, 0, 0)?.and_utc())),
    }
}

fn rfc3339(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text.trim()).ok().map(|moment| moment.to_utc())
}

/// Returns the value of the option that is meant: by its value, else by its label.
fn option(field: &Field, text: &str) -> String {
    let text = text.trim();
    let is_value = field.options.iter().any(|option| option.value == text);
    let labelled = field.options.iter().find(|option| !is_value && option.label == text);
    labelled.map_or(text, |option| &option.value).to_owned()
}

fn set(field: &Field, value: &Value) -> Canonical {
    let items = match value {
        Value::List(items) => items.clone(),
        // One linked record may come as the text of its id, whatever is in it.
        other if field.field_type == FieldType::Link => vec![other.to_text()],
        other => split_list(&other.to_text(), LIST_SEPARATOR),
    };
    Canonical::Set(items.iter().map(|item| option(field, item)).collect())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use crate::model::Choice;

    use super::*;

    fn field(field_type: FieldType) -> Field {
        let choice = |value: &str, label: &str| Choice { value: value.to_owned(), label: label.to_owned() };
        let options = match field_type {
            FieldType::Choice | FieldType::MultiChoice => vec![choice("NEW", "New lead"), choice("OPEN", "NEW")],
            _ => Vec::new(),
        };
        Field { options, ..Field::new("f", field_type) }
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn list(items: &[&str]) -> Value {
        Value::List(items.iter().map(|item| (*item).to_owned()).collect())
    }

    fn day(text: &str) -> Value {
        Value::Date(text.parse().unwrap())
    }

    fn at(text: &str) -> Value {
        Value::DateTime(rfc3339(text).unwrap())
    }

    #[test]
    fn what_a_destination_gives_back_in_its_own_words_is_the_same() {
        let midnight = at("2026-03-01T00:00:00Z");
        for (field_type, wanted, found) in [
            (FieldType::Text, text(" Ada "), text("Ada")),
            (FieldType::Text, text("a\r\nb\r"), text("a\nb")),
            (FieldType::Text, text("  "), Value::Null),
            (FieldType::Text, Value::Integer(7), text("7")),
            (FieldType::Text, list(&["0015"]), text("0015")),
            (FieldType::Text, Value::Boolean(true), text("true")),
            (FieldType::Number, Value::Number(7.5), text("7.50")),
            (FieldType::Number, Value::Integer(7), Value::Number(7.0)),
            (FieldType::Integer, text("1e3"), Value::Integer(1000)),
            (FieldType::Boolean, text("TRUE"), Value::Boolean(true)),
            (FieldType::Boolean, Value::Null, Value::Boolean(false)),
            (FieldType::Date, midnight.clone(), day("2026-03-01")),
            (FieldType::Date, text("2026-03-01"), day("2026-03-01")),
            (FieldType::Datetime, day("2026-03-01"), midnight.clone()),
            (FieldType::Datetime, at("2026-03-01T00:00:00.250Z"), midnight.clone()),
            (FieldType::Datetime, text("2026-03-01T01:00:00+01:00"), midnight),
            (FieldType::Choice, text("New lead"), text("NEW")),
            (FieldType::MultiChoice, list(&["New lead", "x"]), list(&["x", "NEW"])),
            (FieldType::MultiChoice, text("x; NEW"), list(&["NEW", "x", "x"])),
            (FieldType::MultiChoice, list(&[]), Value::Null),
            (FieldType::Link, list(&["2", "1"]), list(&["1", "2"])),
            (FieldType::Link, text("a;b"), list(&["a;b"])),
        ] {
            assert!(holds(Some(&field(field_type)), &wanted, &found), "{field_type:?} {wanted:?} {found:?}");
        }
    }

    #[test]
    fn another_value_is_another_value() {
        for (field_type, wanted, found) in [
            (FieldType::Text, text("Ada"), text("ada")),
            (FieldType::Text, text("007"), text("7")),
            (FieldType::Text, text("7"), Value::Number(7.5)),
            (FieldType::Text, Value::Null, text("x")),
            (FieldType::Number, Value::Number(0.1), Value::Number(0.11)),
            (FieldType::Number, Value::Integer(0), Value::Null),
            (FieldType::Number, text("many"), text("few")),
            (FieldType::Boolean, Value::Boolean(false), Value::Null),
            (FieldType::Boolean, Value::Null, Value::Boolean(true)),
            (FieldType::Date, day("2026-03-01"), day("2026-03-02")),
            (FieldType::Datetime, at("2026-03-01T00:00:00Z"), at("2026-03-01T00:00:01Z")),
            // The value of one option is the label of another: the value counts.
            (FieldType::Choice, text("NEW"), text("OPEN")),
            (FieldType::MultiChoice, list(&["NEW"]), list(&["NEW", "OPEN"])),
            (FieldType::Link, list(&["1"]), list(&["2"])),
            (FieldType::Link, list(&[]), list(&["2"])),
        ] {
            assert!(!holds(Some(&field(field_type)), &wanted, &found), "{field_type:?} {wanted:?} {found:?}");
        }
    }

    #[test]
    fn case_counts_unless_the_field_says_otherwise() {
        let email = Field { is_case_insensitive: true, ..Field::new("email", FieldType::Text) };
        assert!(holds(Some(&email), &text("Ada@Example.test"), &text("ada@example.test")));
        assert!(!holds(Some(&email), &text("ada@example.test"), &text("eve@example.test")));
    }

    #[test]
    fn a_field_that_nobody_declared_is_compared_by_its_values() {
        assert!(holds(None, &Value::Integer(7), &Value::Number(7.0)));
        assert!(holds(None, &list(&["b", "a"]), &list(&["a", "b"])));
        assert!(!holds(None, &text("a"), &text("A")));
        let second = at("2026-03-01T00:00:00Z");
        let Value::DateTime(moment) = second else { panic!("a moment") };
        assert!(!holds(None, &second, &Value::DateTime(moment + TimeDelta::seconds(1))));
    }

    #[test]
    fn the_fields_that_differ_are_named_and_what_was_not_read_is_blank() {
        let schema = Schema {
            object: "people".into(),
            fields: vec![Field::new("name", FieldType::Text), Field::new("age", FieldType::Number)],
            is_open: false,
        };
        let wanted: Fields = [
            (FieldName::new("name"), text("Ada ")),
            (FieldName::new("age"), Value::Integer(36)),
            (FieldName::new("note"), Value::Null),
        ]
        .into();
        let found: Fields = [(FieldName::new("name"), text("Ada"))].into();
        assert_eq!(differing(&schema, &wanted, &found), [&FieldName::new("age")]);
    }
}
