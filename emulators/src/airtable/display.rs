//! Cells as the user interface shows them: in the format of the field, and in the time zone and the locale of the request.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde_json::{Map, Value as Json};

use super::{
    cells::{Row, value_of},
    formula::Value,
    kinds::Kind,
    locales::Locale,
    store::Field,
};

/// The time zone and the locale of a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reader {
    pub(super) zone: Tz,
    pub(super) locale: &'static Locale,
}

/// Writes a cell as the user interface shows it; none when it is empty.
pub(super) fn display(row: Row<'_>, index: usize, reader: Reader) -> Option<Json> {
    let field = &row.table.fields[index];
    let (kind, options) = row.shown_as(field);
    let text = shown(&value_of(row, index), kind, options, reader);
    (!text.is_empty()).then(|| Json::from(text))
}

/// Returns the type and the options that a field is shown by: of computed fields, those of their result.
pub(super) fn result_of(field: &Field) -> (Kind, &Map<String, Json>) {
    let result = field.options.get("result").and_then(Json::as_object);
    let kind = result.and_then(|result| result.get("type")).and_then(Json::as_str);
    let options = result.and_then(|result| result.get("options")).and_then(Json::as_object);
    match kind {
        Some(kind) => (Kind::of(kind), options.unwrap_or(&field.options)),
        None => (field.kind, &field.options),
    }
}

fn shown(value: &Value, kind: Kind, options: &Map<String, Json>, reader: Reader) -> String {
    match value {
        Value::List(items) => {
            let items = items.iter().map(|item| shown(item, kind, options, reader));
            items.collect::<Vec<_>>().join(", ")
        }
        Value::Instant(instant) => date(*instant, kind, options, reader),
        Value::Number(number) if number.is_finite() => shown_number(*number, kind, options),
        _ => value.to_text(),
    }
}

fn shown_number(number: f64, kind: Kind, options: &Map<String, Json>) -> String {
    let digits = options.get("precision").and_then(Json::as_u64).and_then(|digits| usize::try_from(digits).ok());
    match (kind, digits) {
        (Kind::Checkbox, _) => if number == 0.0 { "" } else { "checked" }.to_owned(),
        (Kind::Number, Some(digits)) => format!("{number:.digits$}"),
        (Kind::Percent, digits) => format!("{:.digits$}%", number * 100.0, digits = digits.unwrap_or_default()),
        (Kind::Currency, digits) => {
            let symbol = options.get("symbol").and_then(Json::as_str).unwrap_or("$");
            let sign = if number < 0.0 { "-" } else { "" };
            format!("{sign}{symbol}{}", grouped(&format!("{:.digits$}", number.abs(), digits = digits.unwrap_or(2))))
        }
        (Kind::Duration, _) => duration(number, options.get("durationFormat").and_then(Json::as_str)),
        _ => number.to_string(),
    }
}

/// Puts commas between thousands.
fn grouped(number: &str) -> String {
    let (whole, rest) = number.split_at(number.find('.').unwrap_or(number.len()));
    let mut out = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out + rest
}

/// Writes seconds as `1:05`, `1:05:30` or `1:05:30.5`.
fn duration(seconds: f64, format: Option<&str>) -> String {
    let sign = if seconds < 0.0 { "-" } else { "" };
    let format = format.unwrap_or("h:mm");
    let digits = format.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let seconds = seconds.abs();
    let (hours, minutes) = ((seconds / 3_600.0).floor(), (seconds % 3_600.0 / 60.0).floor());
    let head = format!("{sign}{hours:.0}:{minutes:02.0}");
    if !format.contains("ss") {
        return head;
    }
    let width = if digits == 0 { 2 } else { 3 + digits };
    format!("{head}:{:0width$.digits$}", seconds % 60.0)
}

fn date(instant: DateTime<Utc>, kind: Kind, options: &Map<String, Json>, reader: Reader) -> String {
    let name = |format: &str| options.get(format).and_then(|format| format.get("name")).and_then(Json::as_str);
    let day = match name("dateFormat") {
        Some("us") => "%-m/%-d/%Y",
        Some("european") => "%-d/%-m/%Y",
        Some("iso") => "%Y-%m-%d",
        Some("friendly") => reader.locale.long,
        _ => reader.locale.short,
    };
    if kind == Kind::Date {
        return reader.locale.write(&instant.with_timezone(&Tz::UTC), day).unwrap_or_default();
    }
    let time = if name("timeFormat") == Some("24hour") { "%H:%M" } else { "%-I:%M%P" };
    // A field may have a time zone of its own; without one it is shown in the reader's.
    let zone = match options.get("timeZone").and_then(Json::as_str) {
        None | Some("client") => reader.zone,
        Some("utc") => Tz::UTC,
        Some(zone) => zone.parse().unwrap_or(reader.zone),
    };
    reader.locale.write(&instant.with_timezone(&zone), &format!("{day} {time}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::airtable::locales::locale_of;

    fn check(value: &Value, kind: Kind, options: &Json, expected: &str) {
        let reader = Reader { zone: Tz::America__New_York, locale: locale_of("de") };
        let options = options.as_object().unwrap();
        assert_eq!(shown(value, kind, options, reader), expected, "{kind:?} {options:?}");
    }

    #[test]
    fn numbers_have_the_format_of_their_field() {
        let number = |number: f64| Value::Number(number);
        check(&number(3.0), Kind::Number, &json!({"precision": 2}), "3.00");
        check(&number(1_234_567.891), Kind::Currency, &json!({"precision": 2, "symbol": "€"}), "€1,234,567.89");
        check(&number(-5.0), Kind::Currency, &json!({"precision": 0, "symbol": "$"}), "-$5");
        check(&number(0.123), Kind::Percent, &json!({"precision": 1}), "12.3%");
        check(&number(3_930.0), Kind::Duration, &json!({"durationFormat": "h:mm"}), "1:05");
        check(&number(3_930.5), Kind::Duration, &json!({"durationFormat": "h:mm:ss.SS"}), "1:05:30.50");
        check(&number(4.0), Kind::Rating, &json!({"max": 5}), "4");
        check(&number(1.0), Kind::Checkbox, &json!({}), "checked");
        check(&Value::List(vec![number(1.0), number(2.5)]), Kind::Number, &json!({"precision": 1}), "1.0, 2.5");
    }

    #[test]
    fn dates_have_the_format_of_their_field_and_the_readers_locale_and_zone() {
        let instant = Value::Instant(DateTime::parse_from_rfc3339("2026-03-05T02:30:00Z").unwrap().to_utc());
        let format = |day: &str, time: &str| json!({"dateFormat": {"name": day}, "timeFormat": {"name": time}});
        check(&instant, Kind::Date, &format("local", ""), "5.3.2026");
        check(&instant, Kind::Date, &format("friendly", ""), "5. März 2026");
        check(&instant, Kind::Date, &format("us", ""), "3/5/2026");
        check(&instant, Kind::Date, &format("iso", ""), "2026-03-05");
        check(&instant, Kind::DateTime, &format("european", "24hour"), "4/3/2026 21:30");
        check(&instant, Kind::DateTime, &format("local", "12hour"), "4.3.2026 9:30pm");
        let mut utc = format("iso", "24hour");
        utc["timeZone"] = json!("utc");
        check(&instant, Kind::DateTime, &utc, "2026-03-05 02:30");
    }
}
