//! Bodies of version 1 as bodies of version 2: `"5"` is 5, `0` and `1` are no and yes, `7,8` is a list, suffixes are parts.

use serde_json::{Map, Value as Json, json};

use super::{
    account::Account,
    fields::{Access, Field},
    flat::suffixes,
    forms::Form,
    kinds::Kind,
};

/// Turns a body around. Keys that no field has are left out: version 1 ignores them.
pub(super) fn body_of(account: &Account, kind: Kind, given: &Map<String, Json>) -> Map<String, Json> {
    let mut body = Map::new();
    let mut custom = Map::new();
    for field in account.fields(kind) {
        let Some((key, value)) = find(field, given) else { continue };
        let is_written = field.is_custom || matches!(field.access, Access::Rw | Access::Sync | Access::Create);
        if field.form == Form::Person && field.access == Access::Participant {
            body.insert("participants".to_owned(), participant(value));
        } else if is_written {
            let value = value_of(field, key, value, given);
            if field.is_custom {
                custom.insert(field.code.clone(), value)
            } else {
                body.insert(field.code.clone(), value)
            };
        }
    }
    if !custom.is_empty() {
        body.insert("custom_fields".to_owned(), Json::from(custom));
    }
    body
}

/// Finds the value of a field by the key of either version.
fn find<'given>(field: &'given Field, given: &'given Map<String, Json>) -> Option<(&'given str, &'given Json)> {
    let others: &[&str] = if field.code == "pipeline_id" { &["pipeline_id"] } else { &[] };
    let names = [field.key.as_str(), field.code.as_str()].into_iter().chain(others.iter().copied());
    names.into_iter().find_map(|name| given.get(name).map(|value| (name, value)))
}

fn participant(value: &Json) -> Json {
    match number(value).as_u64() {
        Some(person) => json!([{"person_id": person, "primary": true}]),
        None => json!([]),
    }
}

fn value_of(field: &Field, key: &str, value: &Json, given: &Map<String, Json>) -> Json {
    if value.is_null() || value == "" {
        return Json::Null;
    }
    match field.form {
        Form::Integer | Form::Number | Form::User | Form::Person | Form::Organization | Form::Deal | Form::Pipeline
        | Form::Stage | Form::VisibleTo | Form::Option | Form::Category => number(&value_in(value)),
        Form::Boolean => json!(*value == true || matches!(number(value).as_u64(), Some(1)) || value == "true"),
        Form::Options | Form::Labels => list(value),
        Form::Contacts => contacts(value),
        Form::Money | Form::DateRange | Form::TimeOfDay | Form::TimeRange => parts(field, key, value, given),
        Form::Address if value.is_string() => json!({"value": value}),
        Form::Participants => value.as_array().map_or(json!([]), |all| {
            all.iter().map(|one| json!({"person_id": one["person_id"], "primary": number(&one["primary_flag"]) == 1 || one["primary_flag"] == true})).collect()
        }),
        _ => value.clone(),
    }
}

/// Returns the id of what is given in brief.
fn value_in(value: &Json) -> Json {
    value.get("value").or_else(|| value.get("id")).unwrap_or(value).clone()
}

/// Reads a number, or the text of one.
fn number(value: &Json) -> Json {
    let parsed = value.as_str().and_then(|text| serde_json::from_str::<Json>(text.trim()).ok());
    parsed.filter(Json::is_number).unwrap_or_else(|| value.clone())
}

fn list(value: &Json) -> Json {
    match value {
        Json::Array(all) => all.iter().map(number).collect(),
        Json::String(text) => text.split(',').map(|part| number(&json!(part.trim()))).collect(),
        one => json!([one]),
    }
}

/// Reads one address or number, or a list of them or of objects.
fn contacts(value: &Json) -> Json {
    let all = if let Json::Array(all) = value { all.clone() } else { vec![value.clone()] };
    let entry = |one: Json| match one {
        Json::Object(mut one) => {
            one.retain(|name, _| matches!(name.as_str(), "value" | "primary" | "label"));
            Json::from(one)
        }
        text => json!({"value": text}),
    };
    all.into_iter().map(entry).collect()
}

/// Puts the parts together that have keys of their own.
fn parts(field: &Field, key: &str, value: &Json, given: &Map<String, Json>) -> Json {
    let main = if field.form == Form::Money { number(value) } else { value.clone() };
    if field.form == Form::Money && !field.is_custom {
        return main;
    }
    let mut whole = json!({"value": main});
    for suffix in suffixes(field.form) {
        if let Some(part) = given.get(&format!("{key}_{suffix}")) {
            whole[*suffix] = part.clone();
        }
    }
    whole
}
