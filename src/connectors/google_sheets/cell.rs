//! What a cell holds, as the API gives and takes it, and how a person sees it.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, Visitor},
};

use crate::model::plain_number;

/// The whole numbers that a double carries one by one.
const SAFE_INTEGER: f64 = 9_007_199_254_740_992.0;

/// What the errors of formulas read as. Source: the discovery document, `ErrorValue`.
const ERRORS: [&str; 9] = ["#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!", "#ERROR!", "Loading..."];

/// The value of a cell.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Cell {
    /// Nothing. Written, it clears the cell.
    #[default]
    Empty,
    /// A text, or a formula where formulas were asked for.
    Text(String),
    /// A number; days and moments are numbers too.
    Number(f64),
    /// A checkbox, or a formula's answer.
    Boolean(bool),
}

impl Cell {
    /// Makes a cell of a text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        if text.is_empty() { Self::Empty } else { Self::Text(text) }
    }

    /// Tells whether there is nothing that a person sees.
    pub(super) fn is_blank(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Text(text) => text.trim().is_empty(),
            Self::Number(_) | Self::Boolean(_) => false,
        }
    }

    /// Returns the text as a person sees it: `123.0` is `123`, true is `TRUE`.
    pub(super) fn seen(&self) -> String {
        match self {
            Self::Empty => String::new(),
            Self::Text(text) => text.clone(),
            Self::Number(number) => digits(*number),
            Self::Boolean(flag) => if *flag { "TRUE" } else { "FALSE" }.to_owned(),
        }
    }

    /// Returns the form in which keys are compared: what is seen, without blanks around it.
    pub(super) fn key(&self) -> String {
        self.seen().trim().to_owned()
    }

    /// Returns the error of a formula, if the cell shows one.
    pub(super) fn error(&self) -> Option<&str> {
        let Self::Text(text) = self else { return None };
        ERRORS.iter().copied().find(|error| text == error)
    }

    /// Tells whether the cell, read as a formula, begins as one. A text that was written raw may too.
    pub(super) fn looks_like_formula(&self) -> bool {
        matches!(self, Self::Text(text) if text.starts_with('='))
    }

    /// Returns the characters of a text, as the limit of a cell counts them.
    pub(super) fn length(&self) -> usize {
        match self {
            Self::Text(text) => text.encode_utf16().count(),
            Self::Empty | Self::Number(_) | Self::Boolean(_) => 0,
        }
    }
}

/// Writes a number with the digits that a cell shows: whole numbers without a fraction, others with 15 digits, which leaves the
/// noise of floats out.
pub(super) fn digits(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    if number.fract() == 0.0 && number.abs() < SAFE_INTEGER {
        return format!("{number:.0}");
    }
    let rounded = format!("{number:.14e}");
    plain_number(&rounded).unwrap_or(rounded)
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Empty => serializer.serialize_str(""),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Boolean(flag) => serializer.serialize_bool(*flag),
            #[expect(clippy::cast_possible_truncation, reason = "the number is whole and within 53 bits")]
            Self::Number(number) if number.fract() == 0.0 && number.abs() < SAFE_INTEGER => {
                serializer.serialize_i64(*number as i64)
            }
            Self::Number(number) => serializer.serialize_f64(*number),
        }
    }
}

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

#[expect(clippy::cast_precision_loss, reason = "the API's numbers are doubles")]
impl Visitor<'_> for CellVisitor {
    type Value = Cell;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text, a number or a boolean")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cell, E> {
        Ok(Cell::text(text))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Cell, E> {
        Ok(Cell::text(text))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Cell, E> {
        Ok(Cell::Boolean(flag))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Cell, E> {
        Ok(Cell::Number(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Cell, E> {
        Ok(Cell::Number(number as f64))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Cell, E> {
        Ok(Cell::Number(number as f64))
    }

    fn visit_unit<E: Error>(self) -> Result<Cell, E> {
        Ok(Cell::Empty)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::any, prop_assert_eq, proptest};
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_show_the_digits_that_a_person_sees() {
        for (number, shown) in [
            (123.0, "123"),
            (-5.0, "-5"),
            (-10.0, "-10"),
            (-0.0, "0"),
            (0.123, "0.123"),
            (0.1 + 0.2, "0.3"),
            (1e15, "1000000000000000"),
            (1e17, "100000000000000000"),
            (1.5e-7, "0.00000015"),
            (501.0, "501"),
        ] {
            assert_eq!(digits(number), shown);
        }
    }

    #[test]
    fn cells_are_read_and_written_typed() {
        let cells: Vec<Cell> = serde_json::from_value(json!(["", "007", 7, 0.5, true, null])).unwrap();
        let expected = [
            Cell::Empty,
            Cell::Text("007".to_owned()),
            Cell::Number(7.0),
            Cell::Number(0.5),
            Cell::Boolean(true),
            Cell::Empty,
        ];
        assert_eq!(cells, expected);
        assert_eq!(serde_json::to_value(&cells).unwrap(), json!(["", "007", 7, 0.5, true, ""]));
        assert!(serde_json::from_value::<Cell>(json!([1])).is_err());
    }

    #[test]
    fn keys_are_compared_as_they_are_seen() {
        let key = |json| serde_json::from_value::<Cell>(json).unwrap().key();
        assert_eq!(key(json!(123.0)), key(json!("123")));
        assert_eq!(key(json!(" a ")), key(json!("a")));
        assert_eq!(key(json!(true)), key(json!("TRUE")));
        assert_ne!(key(json!("007")), key(json!(7)));
    }

    proptest! {
        #[test]
        fn any_text_is_written_and_read_as_the_same_text(text in any::<String>()) {
            let written = serde_json::to_string(&Cell::text(text.clone())).unwrap();
            prop_assert_eq!(serde_json::from_str::<Cell>(&written).unwrap().seen(), text);
        }
    }
}
