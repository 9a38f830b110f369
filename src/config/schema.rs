//! The JSON Schema of a pipeline file, generated from the types, and the check of a file against it.
//!
//! The schema is what editors complete and explain with, so its descriptions are written for users. What the check finds is
//! said in our own words by [`explain`]; nobody is shown a bare `anyOf`.

mod explain;
mod tidy;
mod words;

use jsonschema::Validator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

use crate::connector::{Entry, Registry};
use crate::transform::cleaner_names;

use super::{
    broken::Broken,
    diagnostic::Diagnostic,
    options::OptionNames,
    raw::{RawConnectionsFile, RawPipeline},
    span::{At, Document},
};

/// Returns the JSON Schema of a pipeline file, with the options of every connector.
pub fn json_schema(registry: &Registry) -> Json {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let options: Vec<(&Entry, Json)> =
        registry.entries().map(|entry| (entry, (entry.config_schema)(&mut generator).to_value())).collect();
    generator.subschema_for::<RawConnectionsFile>();
    let mut root = generator.into_root_schema_for::<RawPipeline>().to_value();
    tidy::tidy(&mut root);
    if let Some(definitions) = root.get_mut("$defs").and_then(Json::as_object_mut) {
        define_connections(definitions, options);
        accept_null_for_otherwise(definitions);
        name_cleaners(definitions);
    }
    let mut ordered = Map::new();
    for (keyword, value) in [("$schema", root["$schema"].take()), ("title", json!("Ferry pipeline"))] {
        ordered.insert(keyword.to_owned(), value);
    }
    for (keyword, value) in root.as_object().cloned().unwrap_or_default() {
        ordered.entry(keyword).or_insert(value);
    }
    Json::Object(ordered)
}

/// The compiled schemas of the files that a user writes.
pub(super) struct Schemas {
    pipeline: (Json, Validator),
    connections: (Json, Validator),
    options: OptionNames,
}

impl Schemas {
    /// Compiles the schemas.
    ///
    /// # Errors
    /// Says why the types make no valid schema, as when a connector describes an option in a way that is none.
    pub(super) fn new(registry: &Registry) -> Result<Self, String> {
        let pipeline = json_schema(registry);
        let connections = json!({
            "$schema": pipeline["$schema"],
            "$ref": "#/$defs/ConnectionsFile",
            "$defs": pipeline["$defs"],
        });
        let compile = |schema: Json| {
            let validator = jsonschema::validator_for(&schema).map_err(|error| error.to_string())?;
            Ok::<_, String>((schema, validator))
        };
        let options = OptionNames::of_schema(&pipeline);
        Ok(Self { pipeline: compile(pipeline)?, connections: compile(connections)?, options })
    }

    /// Returns the options of connections.
    pub(super) fn options(&self) -> &OptionNames {
        &self.options
    }

    /// Checks a pipeline. Returns its content without the parts that do not fit, and where those are.
    pub(super) fn check_pipeline(&self, document: &Document, findings: &mut Vec<Diagnostic>) -> (Json, Broken) {
        check(&self.pipeline, &self.options, document, findings)
    }

    /// Checks a file of shared connections. Returns as for a pipeline.
    pub(super) fn check_connections(&self, document: &Document, findings: &mut Vec<Diagnostic>) -> (Json, Broken) {
        check(&self.connections, &self.options, document, findings)
    }
}

fn check(
    (schema, validator): &(Json, Validator),
    options: &OptionNames,
    document: &Document,
    findings: &mut Vec<Diagnostic>,
) -> (Json, Broken) {
    let written = document.root.to_json();
    let mut broken = Broken::default();
    for error in validator.iter_errors(&written) {
        explain::explain(&error, (schema, options), &At::root(document), findings, &mut broken);
    }
    let mut content = written;
    broken.cut_out(&mut content);
    (content, broken)
}

/// Makes the definition of a connection: its options follow from its `type`.
fn define_connections(definitions: &mut Map<String, Json>, options: Vec<(&Entry, Json)>) {
    let mut names = Vec::new();
    let mut rules = Vec::new();
    let mut replaced = Vec::new();
    let shared = definitions.get("Connection").map_or(Json::Null, |connection| connection["properties"].clone());
    for (entry, schema) in options {
        let name = entry.name;
        let definition = format!("{name}_connection");
        let referred = definition_name(&schema).map(str::to_owned);
        let written = referred.as_ref().and_then(|referred| definitions.get(referred)).unwrap_or(&schema).clone();
        replaced.extend(referred);
        definitions.insert(definition.clone(), connection_definition(entry, written, &shared));
        names.push(name);
        rules.push(json!({
            "if": { "properties": { "type": { "const": name } }, "required": ["type"] },
            "then": { "$ref": format!("#/$defs/{definition}") },
        }));
    }
    for name in replaced {
        definitions.remove(&name);
    }
    let Some(connection) = definitions.get_mut("Connection").and_then(Json::as_object_mut) else { return };
    let described = connection["properties"]["type"]["description"].clone();
    connection.insert("properties".to_owned(), json!({ "type": { "description": described, "enum": names } }));
    connection.remove("additionalProperties");
    if !rules.is_empty() {
        connection.insert("allOf".to_owned(), Json::Array(rules));
    }
}

/// Returns the name of the definition that a schema refers to.
fn definition_name(schema: &Json) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

/// Adds `type` and the options that all connections have to those of a connector, and refuses options that it does not have.
fn connection_definition(entry: &Entry, options: Json, shared: &Json) -> Json {
    let Json::Object(mut definition) = options else { return options };
    let written = definition.remove("properties");
    let mut properties = Map::new();
    properties.insert("type".to_owned(), json!({ "const": entry.name }));
    properties.extend(written.as_ref().and_then(Json::as_object).cloned().unwrap_or_default());
    properties.insert("audit".to_owned(), shared["audit"].clone());
    if entry.account_form.is_some() {
        properties.insert("account".to_owned(), shared["account"].clone());
    }
    definition.insert("type".to_owned(), json!("object"));
    definition.insert("properties".to_owned(), Json::Object(properties));
    let has_parts = ["allOf", "anyOf", "oneOf", "$ref"].iter().any(|keyword| definition.contains_key(*keyword));
    let keyword = if has_parts {
        definition.remove("additionalProperties");
        "unevaluatedProperties"
    } else {
        "additionalProperties"
    };
    definition.insert(keyword.to_owned(), json!(false));
    Json::Object(definition)
}

/// Lists the cleaners, so that an editor offers them.
fn name_cleaners(definitions: &mut Map<String, Json>) {
    let forms = definitions.get_mut("CleanerSpec").and_then(|definition| definition.get_mut("anyOf"));
    let Some([name, with_options]) = forms.and_then(Json::as_array_mut).map(Vec::as_mut_slice) else { return };
    name["enum"] = json!(cleaner_names());
    let options = cleaner_names().iter().map(|cleaner| ((*cleaner).to_owned(), json!(true)));
    with_options["properties"] = Json::Object(options.collect());
    with_options["additionalProperties"] = json!(false);
}

/// Lets `otherwise: null` be written as YAML reads it: as no value and not as the word.
fn accept_null_for_otherwise(definitions: &mut Map<String, Json>) {
    let choices = definitions.get_mut("Otherwise").and_then(|definition| definition.get_mut("anyOf"));
    if let Some(choices) = choices.and_then(Json::as_array_mut) {
        choices.push(json!({ "type": "null", "description": "The field gets no value." }));
    }
}

#[cfg(test)]
mod tests;
