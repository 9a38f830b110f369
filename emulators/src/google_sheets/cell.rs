//! What a cell holds, and what a formula makes of it.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::{formula::Formula, numbers};

/// A cell: what was entered, and how it looks.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    pub(super) entered: Entered,
    /// The other fields of `CellData` that a user sets: `userEnteredFormat`, `note`, `dataValidation` … Many cells share one.
    pub(super) look: Option<Arc<Map<String, Json>>>,
}

/// What was entered in a cell.
#[derive(Debug, Clone, Default)]
pub(super) enum Entered {
    #[default]
    Empty,
    Number(f64),
    Text(Box<str>),
    Bool(bool),
    Formula(Arc<Formula>),
}

impl Entered {
    /// Takes a text; the empty one is nothing.
    pub(super) fn text(text: &str) -> Self {
        if text.is_empty() { Self::Empty } else { Self::Text(text.into()) }
    }

    /// Whether nothing was entered.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Returns it as an `ExtendedValue`; none where nothing was entered.
    pub(super) fn json(&self) -> Option<Json> {
        match self {
            Self::Empty => None,
            Self::Number(number) => Some(json!({ "numberValue": numbers::json(*number) })),
            Self::Text(text) => Some(json!({ "stringValue": text })),
            Self::Bool(is_true) => Some(json!({ "boolValue": is_true })),
            Self::Formula(formula) => Some(json!({ "formulaValue": formula.text() })),
        }
    }
}

impl Cell {
    /// Whether nothing was entered; it may have a format or a note.
    pub(super) fn is_blank(&self) -> bool {
        self.entered.is_empty()
    }

    /// Returns the format that was set.
    pub(super) fn format(&self) -> Option<&Map<String, Json>> {
        self.look.as_ref()?.get("userEnteredFormat")?.as_object()
    }

    /// Returns the number format that was set: its type and pattern.
    pub(super) fn number_format(&self) -> Option<(&str, &str)> {
        let format = self.format()?.get("numberFormat")?;
        let text = |name: &str| format.get(name).and_then(Json::as_str).unwrap_or_default();
        Some((text("type"), text("pattern")))
    }

    /// Changes how it looks.
    pub(super) fn change_look(&mut self, change: impl FnOnce(&mut Map<String, Json>)) {
        let mut look = self.look.take().map(Arc::unwrap_or_clone).unwrap_or_default();
        change(&mut look);
        self.look = (!look.is_empty()).then(|| Arc::new(look));
    }

    /// Sets the number format.
    pub(super) fn set_number_format(&mut self, kind: &str, pattern: &str) {
        self.change_look(|look| {
            let format = look.entry("userEnteredFormat").or_insert_with(|| json!({}));
            format["numberFormat"] = json!({ "type": kind, "pattern": pattern });
        });
    }
}

/// What a cell comes to.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Empty,
    Number(f64),
    Text(String),
    Bool(bool),
    Error(Fault),
    /// Rows of values: a range, or what a formula spreads.
    Rows(Vec<Vec<Value>>),
}

impl Value {
    /// Refuses with an error value.
    pub(super) fn error(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::Error(Fault { kind, message: message.into() })
    }

    /// Returns it as an `ExtendedValue`; none where there is nothing.
    pub(super) fn json(&self) -> Option<Json> {
        match self {
            Self::Empty => None,
            Self::Number(number) => Some(json!({ "numberValue": numbers::json(*number) })),
            Self::Text(text) => Some(json!({ "stringValue": text })),
            Self::Bool(is_true) => Some(json!({ "boolValue": is_true })),
            Self::Error(fault) => {
                Some(json!({ "errorValue": { "type": fault.kind.name(), "message": fault.message } }))
            }
            Self::Rows(rows) => rows.first().and_then(|row| row.first()).and_then(Self::json),
        }
    }
}

/// An error value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: ErrorKind,
    pub(super) message: String,
}

/// The kinds of error values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorKind {
    Error,
    Null,
    DivideByZero,
    Value,
    Ref,
    Name,
    Num,
    NotAvailable,
}

impl ErrorKind {
    /// Every kind, with its name in the API and its text in a cell.
    const ALL: [(Self, &'static str, &'static str); 8] = [
        (Self::Error, "ERROR", "#ERROR!"),
        (Self::Null, "NULL_VALUE", "#NULL!"),
        (Self::DivideByZero, "DIVIDE_BY_ZERO", "#DIV/0!"),
        (Self::Value, "VALUE", "#VALUE!"),
        (Self::Ref, "REF", "#REF!"),
        (Self::Name, "NAME", "#NAME?"),
        (Self::Num, "NUM", "#NUM!"),
        (Self::NotAvailable, "N_A", "#N/A"),
    ];

    fn entry(self) -> (Self, &'static str, &'static str) {
        Self::ALL.into_iter().find(|(kind, ..)| *kind == self).unwrap_or(Self::ALL[0])
    }

    /// Its name in the API.
    pub(super) fn name(self) -> &'static str {
        self.entry().1
    }

    /// Its text in a cell.
    pub(super) fn text(self) -> &'static str {
        self.entry().2
    }

    /// Reads the text of an error value at the start of a formula's rest.
    pub(super) fn at_start(text: &str) -> Option<(Self, &'static str)> {
        Self::ALL.into_iter().find(|(_, _, shown)| text.starts_with(shown)).map(|(kind, _, shown)| (kind, shown))
    }
}
