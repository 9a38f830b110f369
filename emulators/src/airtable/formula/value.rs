//! The values that formulas work with, and how they turn into one another.

use std::cmp::Ordering;

use chrono::{DateTime, Utc};

use chrono_tz::Tz;

use super::super::{dates::write_instant, locales::Locale};

/// A value in a formula. There is no boolean: true is 1.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// An empty cell.
    Blank,
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// An instant; a day is its midnight, UTC.
    Instant(DateTime<Utc>),
    /// An instant as it is shown somewhere.
    Local(Local),
    /// Several values, e.g. of a lookup.
    List(Vec<Value>),
    /// What Airtable shows as `#ERROR!`.
    Error,
}

/// An instant, and where it is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Local {
    pub(crate) instant: DateTime<Utc>,
    pub(crate) zone: Tz,
    pub(crate) locale: &'static Locale,
}

impl Value {
    /// Makes 1 or 0.
    pub(crate) fn truth(is_true: bool) -> Self {
        Self::Number(if is_true { 1.0 } else { 0.0 })
    }

    /// Makes a text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Tells whether a filter keeps the record: everything but 0, "", NaN, [] and errors.
    pub(crate) fn is_true(&self) -> bool {
        match self {
            Self::Blank | Self::Error => false,
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::Instant(_) | Self::Local(_) => true,
            Self::List(items) => !items.is_empty(),
        }
    }

    /// Tells whether there is nothing.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Blank => true,
            Self::Text(text) => text.is_empty(),
            Self::List(items) => items.iter().all(Self::is_empty),
            Self::Number(_) | Self::Instant(_) | Self::Local(_) | Self::Error => false,
        }
    }

    /// Writes the value as text.
    pub(crate) fn to_text(&self) -> String {
        match self {
            Self::Blank => String::new(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
            Self::Instant(instant) | Self::Local(Local { instant, .. }) => write_instant(*instant),
            Self::List(items) => items.iter().map(Self::to_text).collect::<Vec<_>>().join(", "),
            Self::Error => "#ERROR!".to_owned(),
        }
    }

    /// Returns the value as a number; NaN where it is none.
    pub(crate) fn to_number(&self) -> f64 {
        match self {
            Self::Blank => 0.0,
            Self::Number(number) => *number,
            Self::List(items) if items.len() == 1 => items[0].to_number(),
            Self::Text(_) | Self::Instant(_) | Self::Local(_) | Self::List(_) | Self::Error => f64::NAN,
        }
    }

    /// Takes the one value out of a list of one.
    fn alone(&self) -> &Self {
        match self {
            Self::List(items) if items.len() == 1 => items[0].alone(),
            _ => self,
        }
    }

    /// Returns the text that `=` compares with a text; none for what never equals a text.
    pub(crate) fn comparable_text(&self) -> Option<String> {
        match self.alone() {
            Self::Number(_) | Self::Instant(_) | Self::Local(_) | Self::Error => None,
            value @ (Self::Blank | Self::Text(_) | Self::List(_)) => Some(value.to_text()),
        }
    }

    /// Compares as `=` and `<` do; none where two values cannot be compared.
    pub(crate) fn compare(&self, other: &Self) -> Option<Ordering> {
        match (self.alone(), other.alone()) {
            (Self::Number(left), Self::Number(right)) => left.partial_cmp(right),
            (Self::Number(number), Self::Blank) => number.partial_cmp(&0.0),
            (Self::Blank, Self::Number(number)) => 0.0.partial_cmp(number),
            (
                Self::Instant(left) | Self::Local(Local { instant: left, .. }),
                Self::Instant(right) | Self::Local(Local { instant: right, .. }),
            ) => Some(left.cmp(right)),
            (left, right) => Some(left.comparable_text()?.cmp(&right.comparable_text()?)),
        }
    }
}
