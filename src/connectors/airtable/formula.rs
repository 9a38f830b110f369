//! Formulas for `filterByFormula`: the only place where one is put together.
//!
//! Fields go by their ids, values only through [`quote`] and its kin: a formula is an injection point. A filter of a source may
//! let through more than the condition says, as the engine applies the condition again, and must never let through less. So
//! what Airtable may compare otherwise than SQL (empty cells count as 0 and as "", texts have no documented order, an error in
//! one argument may spoil a whole `OR`) is widened or left out.

use chrono::{DateTime, Days, SecondsFormat, TimeDelta, Utc};

use crate::model::{Comparison, ID, Predicate, Value};

use super::{
    limits::{MAX_FILTER_BYTES, MAX_FILTER_VALUES},
    schema::{Kind, Table, TableField},
};

/// Quotes a text: the backslash first, then the quote.
pub(super) fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Says: the record has one of these ids.
pub(super) fn has_id<'a>(ids: impl IntoIterator<Item = &'a str>) -> String {
    call("OR", ids.into_iter().map(|id| format!("RECORD_ID()={}", quote(id))).collect())
}

/// Says: the record has one of these keys. May let through more; the caller compares again.
///
/// Returns none when a key cannot be said.
pub(super) fn has_key(fields: &[&TableField], keys: &[Vec<Value>]) -> Option<String> {
    let of_key = |key: &Vec<Value>| {
        let parts = fields.iter().zip(key).map(|(field, value)| key_part(field, value));
        parts.collect::<Option<Vec<_>>>().map(|parts| call("AND", parts))
    };
    keys.iter().map(of_key).collect::<Option<Vec<_>>>().map(|alternatives| call("OR", alternatives))
}

/// Says: the record was changed or created at or after the moment.
///
/// `LAST_MODIFIED_TIME()` sees neither deletions nor changes that come from formulas alone, and may be empty for a record that
/// was never edited, which is why the second half exists.
pub(super) fn changed_since(since: DateTime<Utc>) -> String {
    let since = moment(since);
    let at_or_after = |time: &str| [format!("IS_SAME({time},{since})"), format!("IS_AFTER({time},{since})")];
    call("OR", ["LAST_MODIFIED_TIME()", "CREATED_TIME()"].into_iter().flat_map(at_or_after).collect())
}

/// Says that all of these hold.
pub(super) fn all(parts: Vec<String>) -> Option<String> {
    if parts.is_empty() { None } else { Some(call("AND", parts)) }
}

/// Says as much of a condition as Airtable can be told; none where that is nothing.
pub(super) fn filter(table: &Table, predicate: &Predicate) -> Option<String> {
    say(table, predicate, Place::Conjunct).filter(|formula| formula.len() <= MAX_FILTER_BYTES)
}

/// Where a condition stands: a part of an `OR` must be said wholly and must not give an error.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Conjunct,
    Alternative,
}

fn say(table: &Table, predicate: &Predicate, place: Place) -> Option<String> {
    let known = |name: &str| table.fields.iter().find(|field| field.name == name);
    match predicate {
        // Leaving out one part of an `AND` lets through more, which is allowed wherever it stands.
        Predicate::All(parts) => all(parts.iter().filter_map(|part| say(table, part, place)).collect()),
        Predicate::Any(parts) => {
            let said = parts.iter().map(|part| say(table, part, Place::Alternative)).collect::<Option<Vec<_>>>()?;
            if said.is_empty() { None } else { Some(call("OR", said)) }
        }
        Predicate::Compare { field, comparison, value } if field.as_str() == ID => match (comparison, value) {
            (Comparison::Equal, Value::Text(id)) => Some(has_id([id.as_str()])),
            _ => None,
        },
        Predicate::Compare { field, comparison, value } => compare(known(field)?, *comparison, value, place),
        Predicate::In { values, .. } if values.is_empty() || values.len() > MAX_FILTER_VALUES => None,
        Predicate::In { field, values } if field.as_str() == ID => {
            let texts =
                values.iter().map(|value| if let Value::Text(text) = value { Some(text.as_str()) } else { None });
            Some(has_id(texts.collect::<Option<Vec<_>>>()?))
        }
        Predicate::In { field, values } => {
            let field = known(field)?;
            let equals = values.iter().map(|value| compare(field, Comparison::Equal, value, Place::Alternative));
            equals.collect::<Option<Vec<_>>>().map(|equals| call("OR", equals))
        }
        Predicate::IsNull(field) => {
            let field = known(field)?;
            let is_sayable = is_plain_text(&field.kind) || is_plain_number(&field.kind) || is_time(&field.kind);
            // Lets through 0 as well.
            is_sayable.then(|| format!("{}=BLANK()", reference(field)))
        }
        Predicate::IsNotNull(field) => {
            let field = known(field)?;
            // A 0 would count as blank, so numbers are left out.
            let is_sayable = is_plain_text(&field.kind) || is_time(&field.kind);
            is_sayable.then(|| format!("NOT({}=BLANK())", reference(field)))
        }
    }
}

fn compare(field: &TableField, comparison: Comparison, value: &Value, place: Place) -> Option<String> {
    let cell = reference(field);
    match value {
        // Equal texts are equal even if Airtable should ignore case; unequal ones might not be, and their order is unknown.
        Value::Text(text) if is_plain_text(&field.kind) && is_plain(text) && comparison == Comparison::Equal => {
            Some(format!("{cell}={}", quote(text)))
        }
        // An empty cell counts as 0: more is let through, except with `<> 0`, where SQL leaves it out too.
        Value::Integer(_) | Value::Number(_) if is_plain_number(&field.kind) => {
            Some(format!("{cell}{}{}", sign(comparison), number(value)?))
        }
        Value::Boolean(flag) if field.kind == Kind::Checkbox => match (comparison, flag) {
            (Comparison::Equal, true) | (Comparison::NotEqual, false) => Some(cell),
            (Comparison::Equal, false) | (Comparison::NotEqual, true) => Some(format!("NOT({cell})")),
            _ => None,
        },
        // A comparison with an empty date may be an error, which would spoil an `OR`.
        Value::Date(day) if is_time(&field.kind) && place == Place::Conjunct => {
            compare_time(&cell, comparison, day.and_time(chrono::NaiveTime::MIN).and_utc())
        }
        Value::DateTime(moment) if is_time(&field.kind) && place == Place::Conjunct => {
            compare_time(&cell, comparison, *moment)
        }
        _ => None,
    }
}

/// Compares a date with a day's margin on either side, so that neither the field's zone nor how finely Airtable compares can
/// lose a record.
fn compare_time(cell: &str, comparison: Comparison, value: DateTime<Utc>) -> Option<String> {
    let margin = Days::new(1);
    let after = || Some(format!("IS_AFTER({cell},{})", moment(value.checked_sub_days(margin)?)));
    let not_after = || {
        let end = value.checked_add_days(margin)?.checked_add_signed(TimeDelta::days(1))?;
        Some(format!("NOT(IS_AFTER({cell},{}))", moment(end)))
    };
    match comparison {
        Comparison::Greater | Comparison::GreaterOrEqual => after(),
        Comparison::Less | Comparison::LessOrEqual => not_after(),
        Comparison::Equal => Some(call("AND", vec![after()?, not_after()?])),
        Comparison::NotEqual => None,
    }
}

fn key_part(field: &TableField, value: &Value) -> Option<String> {
    let cell = reference(field);
    Some(match value {
        Value::Null => return None,
        Value::Text(text) => format!("{cell}={}", quote(text)),
        Value::Integer(_) | Value::Number(_) if is_text(&field.kind) => format!("{cell}={}", quote(&value.to_text())),
        Value::Integer(_) | Value::Number(_) => format!("{cell}={}", number(value)?),
        Value::Boolean(true) => cell,
        Value::Boolean(false) => format!("NOT({cell})"),
        Value::Date(day) if is_text(&field.kind) => format!("{cell}={}", quote(&day.to_string())),
        Value::Date(day) => format!("IS_SAME({cell},DATETIME_PARSE({}),'day')", quote(&day.to_string())),
        Value::DateTime(time) => format!("IS_SAME({cell},{})", moment(*time)),
        // A list of options or links is the joined text of its items to a formula.
        Value::List(items) => format!("({cell}&'')={}", quote(&items.join(", "))),
    })
}

fn reference(field: &TableField) -> String {
    format!("{{{}}}", field.id.replace('}', "\\}"))
}

fn call(function: &str, arguments: Vec<String>) -> String {
    match <[String; 1]>::try_from(arguments) {
        Ok([single]) => single,
        Err(arguments) => format!("{function}({})", arguments.join(",")),
    }
}

fn moment(moment: DateTime<Utc>) -> String {
    format!("DATETIME_PARSE({})", quote(&moment.to_rfc3339_opts(SecondsFormat::Millis, true)))
}

fn number(value: &Value) -> Option<String> {
    match value {
        Value::Integer(number) => Some(number.to_string()),
        Value::Number(number) if number.is_finite() => Some(number.to_string()),
        _ => None,
    }
}

fn sign(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "!=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
    }
}

/// Tells whether the text can be sent in a filter: an empty one would match empty cells, and how line breaks in literals are
/// read is not documented.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

/// Tells whether a formula sees the cell's text exactly as a read gives it.
fn is_plain_text(kind: &Kind) -> bool {
    matches!(kind, Kind::Text | Kind::ContactText | Kind::Select)
}

fn is_text(kind: &Kind) -> bool {
    is_plain_text(kind) || *kind == Kind::RichText
}

/// Tells whether a formula sees the cell's number exactly as a read gives it; not confirmed for percentages and durations.
fn is_plain_number(kind: &Kind) -> bool {
    matches!(kind, Kind::Number | Kind::Rating { .. } | Kind::Counter)
}

fn is_time(kind: &Kind) -> bool {
    matches!(kind, Kind::Date | Kind::DateTime | Kind::CreatedTime | Kind::ModifiedTime { .. })
}
