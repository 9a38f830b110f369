//! The words in which the schema's findings are said.

use jsonschema::error::TypeKind;
use serde_json::Value as Json;

use super::super::{
    interpolate::has_reference,
    options::{OptionNames, is_secret_name},
    span::{At, Segment},
};

/// Tells whether a value is an option of a connection that the environment fills in; the connector checks it then.
pub(super) fn is_filled_later(at: &At<'_>, instance: &Json) -> bool {
    let is_option = matches!(at.path(), [Segment::Key(top), _, Segment::Key(option), ..] if top == "connections" && option != "type");
    is_option && instance.as_str().is_some_and(has_reference)
}

/// Tells whether a place is the mapping of a field.
pub(super) fn is_mapping(at: &At<'_>) -> bool {
    matches!(at.path(), [.., Segment::Key(map), Segment::Key(_)] if map == "mappings")
}

/// Tells whether a place is an item of `apply`.
pub(super) fn is_cleaner(at: &At<'_>) -> bool {
    let is_apply = |segment: &Segment| matches!(segment, Segment::Key(key) if key == "apply");
    matches!(at.path(), [above @ .., Segment::Index(_)] if above.iter().rev().take(2).any(is_apply))
}

/// Names what is talked about: the key, or the item of a list.
pub(super) fn subject(at: &At<'_>) -> String {
    match at.path() {
        [] => "the file".to_owned(),
        [Segment::Key(top), Segment::Key(name)] if top == "connections" => format!("the connection `{name}`"),
        [Segment::Key(top), Segment::Index(_)] if top == "streams" => named(at, "stream", "name"),
        [.., Segment::Key(list), Segment::Index(_)] if list == "destinations" => named(at, "destination", "connection"),
        [.., Segment::Key(list), Segment::Index(_)] if list == "transforms" => "the step".to_owned(),
        [.., Segment::Key(list), Segment::Index(_)] => format!("an item of `{list}`"),
        [.., Segment::Key(map), Segment::Key(field)] if map == "mappings" => format!("the mapping of `{field}`"),
        [.., Segment::Key(key)] => format!("`{key}`"),
        [.., Segment::Index(_)] => "the item".to_owned(),
    }
}

/// Names an item by one of its keys.
fn named(at: &At<'_>, noun: &str, key: &str) -> String {
    match at.key(key).node().and_then(|node| node.as_text()) {
        Some(name) => format!("the {noun} `{name}`"),
        None => format!("the {noun}"),
    }
}

/// Returns the types that would fit, in plain words.
pub(super) fn type_names(kind: &TypeKind) -> Vec<&'static str> {
    let names: Vec<String> = match kind {
        TypeKind::Single(kind) => vec![kind.to_string()],
        TypeKind::Multiple(kinds) => kinds.iter().map(|kind| kind.to_string()).collect(),
    };
    names.iter().map(|name| plain_type(name.trim_matches('"'))).collect()
}

/// Returns a type of JSON Schema in plain words.
fn plain_type(name: &str) -> &'static str {
    match name {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        "array" => "a list",
        "object" => "a mapping",
        _ => "nothing",
    }
}

/// Returns what a value is, in plain words.
pub(super) fn kind_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "nothing",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "text",
        Json::Array(_) => "a list",
        Json::Object(_) => "a mapping",
    }
}

/// Returns a value as it is written.
pub(super) fn scalar_text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Returns a limit without the fraction that the schema writes for every number.
pub(super) fn plain_number(limit: &Json) -> String {
    limit.as_f64().map_or_else(|| limit.to_string(), |number| number.to_string())
}

/// Returns a value for a message, unless it may be a secret.
pub(super) fn shown(at: &At<'_>, value: &Json, options: &OptionNames) -> String {
    let has_secret_name = at.path().iter().any(|segment| matches!(segment, Segment::Key(key) if is_secret_name(key)));
    let is_hidden_option = match at.path() {
        [Segment::Key(top), Segment::Key(name), Segment::Key(option), ..] if top == "connections" => {
            let connection = at.at(&[Segment::Key(top.clone()), Segment::Key(name.clone())]);
            let connector = connection.key("type").node().and_then(|node| node.as_text());
            !options.is_open(connector, option)
        }
        _ => false,
    };
    if has_secret_name || is_hidden_option { "this value".to_owned() } else { format!("`{}`", scalar_text(value)) }
}

/// Returns the first sentence of a description, without its full stop. An abbreviation such as `e.g.` ends none.
pub(super) fn first_sentence(text: &str) -> &str {
    let ends = text.match_indices(". ").map(|(index, _)| index);
    let begins_another =
        |index: &usize| text[index + 2..].starts_with(|first: char| first.is_uppercase() || first == '`');
    let is_abbreviation = |index: &usize| text[..*index].ends_with("e.g") || text[..*index].ends_with("i.e");
    let end = ends.into_iter().find(|index| begins_another(index) && !is_abbreviation(index));
    end.map_or(text, |end| &text[..end]).trim_end_matches('.')
}

/// Returns a sentence as it goes on after a colon.
pub(super) fn lowercase_start(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_lowercase().to_string()).unwrap_or_default();
    format!("{first}{}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_does_not_end_at_an_abbreviation() {
        for (text, sentence) in [
            ("The folder, e.g. `data/export`.", "The folder, e.g. `data/export`"),
            ("The folder, i.e. `data`. Other words.", "The folder, i.e. `data`"),
            ("One. Two.", "One"),
            ("The version: 1.10 of it.", "The version: 1.10 of it"),
        ] {
            assert_eq!(first_sentence(text), sentence);
        }
    }
}
