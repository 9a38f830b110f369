//! Makes a generated schema read as the format is meant: a key that may be left out is not a key that may be null.

use serde_json::{Map, Value as Json};

/// Tidies a schema and all schemas in it.
pub(super) fn tidy(schema: &mut Json) {
    match schema {
        Json::Array(items) => items.iter_mut().for_each(tidy),
        Json::Object(keywords) => {
            refuse_null(keywords);
            drop_noise(keywords);
            keywords.values_mut().for_each(tidy);
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn refuse_null(keywords: &mut Map<String, Json>) {
    if let Some(Json::Array(types)) = keywords.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            keywords.insert("type".to_owned(), only);
        }
    }
    if let Some(Json::Array(choices)) = keywords.get_mut("enum") {
        choices.retain(|choice| !choice.is_null());
    }
    let Some(Json::Array(branches)) = keywords.get_mut("anyOf") else { return };
    branches.retain(|branch| branch.get("type").is_none_or(|name| name != "null"));
    if let [only] = branches.as_slice()
        && let Json::Object(only) = only.clone()
    {
        keywords.remove("anyOf");
        for (keyword, value) in only {
            keywords.entry(keyword).or_insert(value);
        }
    }
}

/// Drops empty defaults and Rust's number formats, and unwraps the lines of descriptions.
fn drop_noise(keywords: &mut Map<String, Json>) {
    let is_schema = ["type", "$ref", "anyOf", "oneOf", "enum", "const", "description"]
        .iter()
        .any(|keyword| keywords.contains_key(*keyword));
    if !is_schema {
        return;
    }
    let is_empty = |default: &Json| match default {
        Json::Null => true,
        Json::Array(items) => items.is_empty(),
        Json::Object(entries) => entries.is_empty(),
        Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
    };
    // A property called `default` has an object with keywords here, a default value seldom has.
    if keywords.get("default").is_some_and(is_empty) {
        keywords.remove("default");
    }
    if keywords.get("format").is_some_and(Json::is_string) {
        keywords.remove("format");
    }
    if let Some(Json::String(description)) = keywords.get_mut("description") {
        let paragraphs: Vec<String> = description.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
        *description = paragraphs.join("\n\n");
    }
}
