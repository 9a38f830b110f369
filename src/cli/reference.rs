//! The reference page of pipelines, `docs/reference/pipeline.md`: written from the JSON Schema and from the comments on the cleaners.
//!
//! The test rewrites the page where it is out of date, and then fails once.

use std::{collections::VecDeque, fmt::Write as _, fs, path::Path};

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value as Json};

use crate::config::json_schema;
use crate::connectors::registry;
use crate::engine::{PlanLine, PreviewReport};
use crate::transform::cleaner_names;

use super::{erase::EraseReport, ids::IdReport};

/// The page, below the crate's folder.
const PAGE: &str = "docs/reference/pipeline.md";
/// The schema of what a preview prints, below the crate's folder.
const PREVIEW_SCHEMA: &str = "schemas/preview.schema.json";
/// The schema of a line of a plan, below the crate's folder.
const PLAN_SCHEMA: &str = "schemas/plan.schema.json";
/// The schema of an id map, below the crate's folder.
const IDS_SCHEMA: &str = "schemas/ids.schema.json";
/// The schema of what is removed of a person, below the crate's folder.
const ERASE_SCHEMA: &str = "schemas/erase.schema.json";
/// Begins the references of the schema.
const DEFINITIONS: &str = "#/$defs/";
const HEAD: &str = "<!-- Generated from the types in src/config/raw.rs, src/transform/spec.rs and the connectors' config.rs: `cargo test` \
                    rewrites it. -->\n\n# Pipeline files\n\nEverything that a pipeline may say. The same as a JSON Schema: `ferry schema`.\n\n\
                    Texts may hold `${NAME}` (from the environment, or a file `.env` next to the pipeline), `${NAME:-default}` and \
                    `${file:path}`; `$${` means `${`. Values in `.env` are taken literally: a `$` is a `$`. A blank and \
                    `#` begin a comment; single quotes hold anything; in double quotes `\\n`, `\\r`, `\\t`, `\\\"`, `\\\\` and \
                    `\\$` are escapes. A secret may be used in the options of a connection that are made for one, and in constant \
                    values; not in names, paths and SQL.\n\nEvery record has the fields `_id`, `_updated_at` and `_deleted`, and \
                    `_links.<object>` with the ids of the records that it is linked to.\n";
const CLEANERS_HEAD: &str = "\n## Cleaners\n\nWhat `apply` may name. A value that a cleaner can make nothing of rejects its record.\n\n\
                             | Cleaner | Does | Examples and options |\n|---|---|---|\n";

#[test]
fn the_reference_page_is_what_the_types_say() {
    let page = page();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    if fs::read_to_string(&path).is_ok_and(|written| written == page) {
        return;
    }
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, page).unwrap();
    panic!("`{PAGE}` was out of date and is rewritten: look at the change and commit it");
}

#[test]
fn the_schema_of_a_preview_is_what_the_types_say() {
    check_schema::<PreviewReport>(PREVIEW_SCHEMA, "What `ferry preview --json` prints");
}

#[test]
fn the_schema_of_a_plan_is_what_the_types_say() {
    check_schema::<PlanLine<'_>>(PLAN_SCHEMA, "A line of what `ferry plan --json` prints");
}

#[test]
fn the_schema_of_an_id_map_is_what_the_types_say() {
    check_schema::<IdReport>(IDS_SCHEMA, "What `ferry ids --json` prints");
}

#[test]
fn the_schema_of_an_erasure_is_what_the_types_say() {
    check_schema::<EraseReport>(ERASE_SCHEMA, "What `ferry erase --json` prints");
}

fn check_schema<T: JsonSchema>(file: &str, title: &str) {
    let mut schema = SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), Json::from(title));
    let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if fs::read_to_string(&path).is_ok_and(|written| written == text) {
        return;
    }
    fs::write(&path, text).unwrap();
    panic!("`{file}` was out of date and is rewritten: look at the change and commit it");
}

fn page() -> String {
    let schema = json_schema(&registry());
    let mut page = HEAD.to_owned();
    let mut seen: Vec<String> = Vec::new();
    let mut waiting = VecDeque::from([("Pipeline".to_owned(), schema.clone())]);
    while let Some((name, definition)) = waiting.pop_front() {
        write_definition(&mut page, &schema, &name, &definition);
        // Depth first: what a block needs follows it.
        for reference in references(&definition).into_iter().rev() {
            waiting.retain(|(known, _)| *known != reference);
            if !seen.contains(&reference) && reference != name {
                waiting.push_front((reference.clone(), schema["$defs"][&reference].clone()));
            }
        }
        seen.push(name);
        waiting.retain(|(name, _)| !seen.contains(name));
    }
    page.push_str(CLEANERS_HEAD);
    for name in cleaner_names() {
        let (does, examples) = cleaner_comments(name);
        writeln!(page, "| `{name}` | {} | {} |", cell(&does), cell(&examples)).unwrap();
    }
    page
}

fn write_definition(page: &mut String, schema: &Json, name: &str, definition: &Json) {
    write!(page, "\n## {}\n\n{}\n", title(name), description(definition)).unwrap();
    if let Some(choices) = choices(definition) {
        page.push_str("\n| Written as | Means |\n|---|---|\n");
        for choice in choices {
            writeln!(page, "| {} | {} |", cell(&written_as(choice)), cell(&meaning(schema, choice))).unwrap();
        }
    }
    let Some(properties) = definition["properties"].as_object().filter(|properties| !properties.is_empty()) else {
        return;
    };
    page.push_str("\n| Option | Type | Means |\n|---|---|---|\n");
    for (option, content) in properties {
        let is_required =
            definition["required"].as_array().is_some_and(|names| names.iter().any(|name| name == option));
        let note = if is_required { " Required." } else { "" };
        let text = format!("{}{note}", description(content));
        writeln!(page, "| `{option}` | {} | {} |", cell(&type_of(content)), cell(&text)).unwrap();
    }
}

/// Returns the forms that a definition offers.
fn choices(definition: &Json) -> Option<&Vec<Json>> {
    definition["oneOf"].as_array().or_else(|| definition["anyOf"].as_array())
}

fn written_as(choice: &Json) -> String {
    if let Some(word) = choice.get("const") {
        return format!("`{}`", word.as_str().unwrap_or_default());
    }
    if let Some(properties) = choice["properties"].as_object() {
        let names: Vec<String> =
            properties.iter().map(|(name, content)| format!("`{name}:` {}", type_of(content))).collect();
        return names.join(", ");
    }
    type_of(choice)
}

fn meaning(schema: &Json, choice: &Json) -> String {
    let own = description(choice);
    if !own.is_empty() {
        return own;
    }
    let target = choice["$ref"].as_str().and_then(|reference| reference.strip_prefix(DEFINITIONS));
    target.map_or_else(String::new, |name| description(&schema["$defs"][name]))
}

/// Says in words what may stand for a value.
fn type_of(content: &Json) -> String {
    if let Some(name) = content["$ref"].as_str().and_then(|reference| reference.strip_prefix(DEFINITIONS)) {
        return format!("[{}](#{})", title(name), anchor(name));
    }
    if let Some(word) = content.get("const").and_then(Json::as_str) {
        return format!("`{word}`");
    }
    if let Some(words) = content["enum"].as_array() {
        let words: Vec<String> = words.iter().filter_map(Json::as_str).map(|word| format!("`{word}`")).collect();
        return words.join(", ");
    }
    match content["type"].as_str() {
        Some("string") => "text".to_owned(),
        Some("integer") => "whole number".to_owned(),
        Some("number") => "number".to_owned(),
        Some("boolean") => "`true` or `false`".to_owned(),
        Some("null") => "`null`".to_owned(),
        Some("array") => format!("list of {}", type_of(&content["items"])),
        Some("object") if content["additionalProperties"].is_object() => {
            format!("name → {}", type_of(&content["additionalProperties"]))
        }
        Some("object") => "name → value".to_owned(),
        _ => "any value".to_owned(),
    }
}

/// Returns the names that a definition refers to, in the order of their first mention.
fn references(content: &Json) -> Vec<String> {
    let mut found = Vec::new();
    collect_references(content, &mut found);
    found
}

fn collect_references(content: &Json, found: &mut Vec<String>) {
    match content {
        Json::Object(keywords) => collect_of_keywords(keywords, found),
        Json::Array(items) => items.iter().for_each(|item| collect_references(item, found)),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => {}
    }
}

fn collect_of_keywords(keywords: &Map<String, Json>, found: &mut Vec<String>) {
    let own = keywords.get("$ref").and_then(Json::as_str).and_then(|reference| reference.strip_prefix(DEFINITIONS));
    if let Some(name) = own.filter(|name| !found.iter().any(|known| known == name)) {
        found.push(name.to_owned());
    }
    for (keyword, content) in keywords {
        if keyword != "$defs" {
            collect_references(content, found);
        }
    }
}

fn description(content: &Json) -> String {
    content["description"].as_str().unwrap_or_default().to_owned()
}

/// `hubspot_connection` → "Connection: hubspot", `FullMapping` → "Full mapping".
fn title(name: &str) -> String {
    if let Some(connector) = name.strip_suffix("_connection") {
        return format!("Connection: {connector}");
    }
    let name = name.strip_suffix("Spec").unwrap_or(name);
    let mut title = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !title.is_empty() {
            title.push(' ');
            title.extend(letter.to_lowercase());
        } else {
            title.push(letter);
        }
    }
    title
}

fn anchor(name: &str) -> String {
    title(name).to_lowercase().replace(' ', "-").replace(':', "")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Reads what a cleaner's file says of it: its first line, and the comment on `compile`.
fn cleaner_comments(name: &str) -> (String, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/transform/cleaners").join(format!("{name}.rs"));
    let source = fs::read_to_string(path).unwrap();
    let first = source.lines().next().unwrap_or_default();
    let does = first.split_once(": ").map_or(first, |(_, does)| does);
    let before = source.split("pub(super) fn compile").next().unwrap_or_default();
    let comment =
        before.lines().rev().skip_while(|line| !line.starts_with("///")).take_while(|line| line.starts_with("///"));
    let mut lines: Vec<&str> = comment.map(|line| line.trim_start_matches("///").trim()).collect();
    lines.reverse();
    (does.to_owned(), lines.join(" "))
}
