//! Writes SOQL. Names come from descriptions alone and are checked again here; values become literals of their field's type.
//!
//! Nothing from a record, a pipeline or a description can end a literal or add a word: [`text_literal`] escapes what SOQL
//! escapes, numbers and dates are formatted from their types, and a name is letters, digits, `_` and dots.

use std::fmt::Write;

use chrono::SecondsFormat;

use crate::model::{Comparison, FieldName, Predicate, Value};

use super::{
    names::{is_name, is_path},
    schema::{Kind, ObjectInfo, SalesforceField},
};

/// A query for one object.
#[derive(Debug, Clone, Default)]
pub(super) struct Query<'info> {
    /// What to select.
    pub(super) fields: Vec<&'info str>,
    /// The object.
    pub(super) object: &'info str,
    /// Conditions that must all hold, each SOQL already.
    pub(super) conditions: Vec<String>,
    /// The field to sort by.
    pub(super) order_by: Option<&'info str>,
}

impl Query<'_> {
    /// Returns the query's text. Names that are none (a description with a forged one) are left out; there is always `Id`.
    pub(super) fn text(&self) -> String {
        let named = self.fields.iter().copied().filter(|name| is_path(name));
        let fields: Vec<&str> = named.collect();
        let fields = if fields.is_empty() { "Id".to_owned() } else { fields.join(",") };
        let mut text = format!("SELECT {fields} FROM {}", if is_name(self.object) { self.object } else { "_" });
        for (place, condition) in self.conditions.iter().enumerate() {
            let _ = write!(text, " {} {condition}", if place == 0 { "WHERE" } else { "AND" });
        }
        if let Some(field) = self.order_by.filter(|name| is_path(name)) {
            let _ = write!(text, " ORDER BY {field}");
        }
        text
    }
}

/// Puts a condition into SOQL, as far as SOQL means the same by it or lets more through; none where nothing can be said.
pub(super) fn condition(predicate: &Predicate, info: &ObjectInfo) -> Option<String> {
    match predicate {
        Predicate::All(parts) => {
            let parts: Vec<String> = parts.iter().filter_map(|part| condition(part, info)).collect();
            (!parts.is_empty()).then(|| grouped(&parts, " AND "))
        }
        Predicate::Any(parts) => {
            let parts: Option<Vec<String>> = parts.iter().map(|part| condition(part, info)).collect();
            parts.filter(|parts| !parts.is_empty()).map(|parts| grouped(&parts, " OR "))
        }
        Predicate::Compare { field, comparison, value } => compare(filterable(field, info)?, *comparison, value),
        Predicate::In { field, values } => {
            let field = filterable(field, info)?;
            let values: Option<Vec<String>> = values.iter().map(|value| literal(field, value)).collect();
            values.filter(|values| !values.is_empty()).map(|values| is_in(&field.field.name, &values))
        }
        Predicate::IsNull(field) => Some(format!("{} = NULL", filterable(field, info)?.field.name)),
        Predicate::IsNotNull(field) => Some(format!("{} != NULL", filterable(field, info)?.field.name)),
    }
}

/// Says that a field has one of these values, which are literals.
pub(super) fn is_in(field: &str, literals: &[String]) -> String {
    format!("{field} IN ({})", literals.join(","))
}

fn grouped(parts: &[String], word: &str) -> String {
    if let [alone] = parts { alone.clone() } else { format!("({})", parts.join(word)) }
}

fn compare(field: &SalesforceField, comparison: Comparison, value: &Value) -> Option<String> {
    let operator = match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "!=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    };
    // SOQL takes `ada` and `Ada` for equal, so `!=` would leave out what SQL keeps; and it sorts texts in its own way.
    let is_exact = comparison == Comparison::Equal || !field.kind.is_text();
    let is_ordered =
        !matches!(field.kind, Kind::Boolean) || matches!(comparison, Comparison::Equal | Comparison::NotEqual);
    if !is_exact || !is_ordered {
        return None;
    }
    Some(format!("{} {operator} {}", field.field.name, literal(field, value)?))
}

/// Returns the field where it can stand in a condition.
fn filterable<'info>(name: &FieldName, info: &'info ObjectInfo) -> Option<&'info SalesforceField> {
    info.field(name).filter(|field| field.is_filterable && is_path(&field.field.name))
}

/// Writes a value as a literal of the field's type; none where it is none of that type.
pub(super) fn literal(field: &SalesforceField, value: &Value) -> Option<String> {
    match (field.kind, value) {
        (Kind::Text | Kind::LongText | Kind::Choice | Kind::Email | Kind::Reference | Kind::Id, Value::Text(text)) => {
            Some(text_literal(text))
        }
        // Without a fraction for whole numbers: `int` fields refuse `5.0`. Rust writes no exponent.
        (Kind::Integer | Kind::Number, Value::Number(number)) if number.is_finite() => Some((number + 0.0).to_string()),
        (Kind::Integer | Kind::Number, Value::Integer(number)) => Some(number.to_string()),
        (Kind::Boolean, Value::Boolean(flag)) => Some(if *flag { "TRUE" } else { "FALSE" }.to_owned()),
        (Kind::Date, Value::Date(day)) => Some(day.format("%Y-%m-%d").to_string()),
        (Kind::DateTime, Value::DateTime(moment)) => Some(moment.to_rfc3339_opts(SecondsFormat::Millis, true)),
        _ => None,
    }
}

/// Writes a text as a literal. The backslash is escaped first; any other backslash would be an error.
pub(super) fn text_literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for letter in text.chars() {
        match letter {
            '\\' => literal.push_str("\\\\"),
            '\'' => literal.push_str("\\'"),
            '\n' => literal.push_str("\\n"),
            '\r' => literal.push_str("\\r"),
            '\t' => literal.push_str("\\t"),
            '\u{8}' => literal.push_str("\\b"),
            '\u{c}' => literal.push_str("\\f"),
            other => literal.push(other),
        }
    }
    literal.push('\'');
    literal
}
