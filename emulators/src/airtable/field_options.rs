//! The options of a new field: which a type needs, which it may have, and what the server adds.

use serde_json::{Map, Value as Json, json};

use super::{ids::id_of, kinds::Kind};

/// Options of one field.
pub(super) type Options = Map<String, Json>;

/// Checks the options of a new field and completes them as the server does. The error says what is wrong.
///
/// Source: airtable.com/developers/web/api/field-model.
pub(super) fn complete(kind: Kind, field_id: &str, given: Option<&Json>) -> Result<Options, String> {
    let needed = needed(kind);
    let given = match given {
        None | Some(Json::Null) if needed.is_empty() => return Ok(added(kind, Options::new())),
        None | Some(Json::Null) => return Err("options is missing".to_owned()),
        Some(Json::Object(given)) => given,
        Some(_) => return Err("options is not an object".to_owned()),
    };
    if let Some(missing) = needed.iter().find(|name| !given.contains_key(**name)) {
        return Err(format!("options.{missing} is missing"));
    }
    let is_known = |name: &str| needed.contains(&name) || optional(kind).contains(&name);
    if let Some(unknown) = given.keys().find(|name| !is_known(name)) {
        return Err(format!("{unknown} is not included in the options schema"));
    }
    let mut options = given.clone();
    for (name, value) in &mut options {
        if !complete_option(kind, field_id, name, value) {
            return Err(format!("options.{name} is not valid"));
        }
    }
    Ok(added(kind, options))
}

fn needed(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Number | Kind::Percent => &["precision"],
        Kind::Currency => &["precision", "symbol"],
        Kind::Duration => &["durationFormat"],
        Kind::Rating => &["icon", "max", "color"],
        Kind::Checkbox => &["icon", "color"],
        Kind::SingleSelect | Kind::MultipleSelects => &["choices"],
        Kind::Date => &["dateFormat"],
        Kind::DateTime => &["dateFormat", "timeFormat", "timeZone"],
        Kind::MultipleRecordLinks => &["linkedTableId"],
        _ => &[],
    }
}

fn optional(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::MultipleRecordLinks => &["viewIdForRecordSelection"],
        _ => &[],
    }
}

/// Checks one option and fills in what the server adds to it.
fn complete_option(kind: Kind, field_id: &str, name: &str, value: &mut Json) -> bool {
    let highest_precision = if kind == Kind::Currency { 7 } else { 8 };
    match name {
        "precision" => value.as_u64().is_some_and(|digits| digits <= highest_precision),
        "max" => value.as_u64().is_some_and(|max| (1..=10).contains(&max)),
        "durationFormat" => {
            let formats = ["h:mm", "h:mm:ss", "h:mm:ss.S", "h:mm:ss.SS", "h:mm:ss.SSS"];
            value.as_str().is_some_and(|format| formats.contains(&format))
        }
        "choices" => complete_choices(field_id, value),
        "dateFormat" => complete_format(
            value,
            &[("local", "l"), ("friendly", "LL"), ("us", "M/D/YYYY"), ("european", "D/M/YYYY"), ("iso", "YYYY-MM-DD")],
        ),
        "timeFormat" => complete_format(value, &[("12hour", "h:mma"), ("24hour", "HH:mm")]),
        "timeZone" => {
            let is_zone = |zone: &str| zone != "UTC" && zone.parse::<chrono_tz::Tz>().is_ok();
            value.as_str().is_some_and(|zone| zone == "utc" || zone == "client" || is_zone(zone))
        }
        _ => value.is_string(),
    }
}

fn complete_choices(field_id: &str, choices: &mut Json) -> bool {
    let Some(choices) = choices.as_array_mut() else { return false };
    let mut names: Vec<String> = Vec::new();
    for choice in choices {
        let Some(choice) = choice.as_object_mut() else { return false };
        let Some(name) = choice.get("name").and_then(Json::as_str).filter(|name| !name.is_empty()) else {
            return false;
        };
        let name = name.to_owned();
        if names.contains(&name) {
            return false;
        }
        let color = choice.get("color").cloned().unwrap_or_else(|| json!("blueLight2"));
        *choice = Map::from_iter([
            ("id".to_owned(), Json::from(id_of("sel", &[field_id, &name]))),
            ("name".to_owned(), Json::from(name.as_str())),
            ("color".to_owned(), color),
        ]);
        names.push(name);
    }
    true
}

fn complete_format(value: &mut Json, formats: &[(&str, &str)]) -> bool {
    let Some(name) = value.get("name").and_then(Json::as_str) else { return false };
    let Some((name, format)) = formats.iter().find(|(known, _)| *known == name) else { return false };
    if value.get("format").is_some_and(|given| given != format) {
        return false;
    }
    *value = json!({ "name": name, "format": format });
    true
}

/// Adds what every field of the type shows when it is read.
fn added(kind: Kind, mut options: Options) -> Options {
    let defaults = match kind {
        Kind::MultipleAttachments => json!({ "isReversed": false }),
        Kind::MultipleRecordLinks => json!({ "isReversed": false, "prefersSingleRecordLink": false }),
        Kind::Count | Kind::Rollup | Kind::MultipleLookupValues => json!({ "isValid": true }),
        Kind::Formula => json!({ "isValid": true, "referencedFieldIds": [], "result": { "type": "singleLineText" } }),
        Kind::CreatedTime => json!({ "result": time_result() }),
        Kind::LastModifiedTime => json!({ "isValid": true, "referencedFieldIds": [], "result": time_result() }),
        _ => Json::Null,
    };
    if let Json::Object(defaults) = defaults {
        for (name, value) in defaults {
            options.entry(name).or_insert(value);
        }
    }
    options
}

fn time_result() -> Json {
    json!({
        "type": "dateTime",
        "options": {
            "dateFormat": { "name": "local", "format": "l" },
            "timeFormat": { "name": "12hour", "format": "h:mma" },
            "timeZone": "client"
        }
    })
}

/// Completes the options of a field in a fixture: what a client would have to send may be left out there.
pub(super) fn complete_fixture(kind: Kind, field_id: &str, given: Options) -> Result<Options, String> {
    let defaults = match kind {
        Kind::Number => json!({ "precision": 8 }),
        Kind::Percent => json!({ "precision": 0 }),
        Kind::Currency => json!({ "precision": 2, "symbol": "$" }),
        Kind::Duration => json!({ "durationFormat": "h:mm" }),
        Kind::Rating => json!({ "icon": "star", "max": 5, "color": "yellowBright" }),
        Kind::Checkbox => json!({ "icon": "check", "color": "greenBright" }),
        Kind::SingleSelect | Kind::MultipleSelects => json!({ "choices": [] }),
        Kind::Date => json!({ "dateFormat": { "name": "iso" } }),
        Kind::DateTime => {
            json!({ "dateFormat": { "name": "iso" }, "timeFormat": { "name": "24hour" }, "timeZone": "utc" })
        }
        _ => json!({}),
    };
    let mut options = given;
    if let Json::Object(defaults) = defaults {
        for (name, value) in defaults {
            options.entry(name).or_insert(value);
        }
    }
    for (name, value) in &mut options {
        if name == "choices" {
            name_choices(value);
        }
        if needed(kind).contains(&name.as_str()) && !complete_option(kind, field_id, name, value) {
            return Err(format!("options.{name} is not valid"));
        }
    }
    Ok(added(kind, options))
}

/// Lets a fixture write a choice as its bare name.
fn name_choices(choices: &mut Json) {
    for choice in choices.as_array_mut().into_iter().flatten() {
        if choice.is_string() {
            *choice = json!({ "name": choice });
        }
    }
}
