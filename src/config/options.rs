//! What is known of the options of connections: which there are, and which of them hold secrets.

use std::collections::BTreeMap;

use serde_json::Value as Json;

/// Words that name a secret when they are the whole name of an option or its end after `_`.
pub(super) const SECRET_NAMES: [&str; 10] = [
    "token",
    "secret",
    "password",
    "passphrase",
    "api_key",
    "apikey",
    "hapikey",
    "private_key",
    "credentials",
    "authorization",
];

/// Tells whether an option of that name holds a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let lower = name.to_lowercase().replace('-', "_");
    SECRET_NAMES
        .iter()
        .any(|secret| lower == *secret || lower.strip_suffix(secret).is_some_and(|before| before.ends_with('_')))
}

/// Deepest nesting of parts in a connector's schema.
const MAX_DEPTH: usize = 4;

/// The options of each connector, by name.
#[derive(Debug, Clone, Default)]
pub(super) struct OptionNames(BTreeMap<String, BTreeMap<String, Facts>>);

/// What a connector's schema says of an option.
#[derive(Debug, Clone, Copy, Default)]
struct Facts {
    is_secret: bool,
    /// The least value that makes a difference: smaller ones work as it does.
    effect_from: Option<u64>,
}

impl OptionNames {
    /// Reads the options out of the JSON Schema of a pipeline.
    pub(super) fn of_schema(schema: &Json) -> Self {
        let mut connectors = BTreeMap::new();
        for (definition, options) in schema["$defs"].as_object().into_iter().flatten() {
            if let Some(connector) = definition.strip_suffix("_connection") {
                let mut names = BTreeMap::new();
                collect(options, schema, &mut names, 0);
                connectors.insert(connector.to_owned(), names);
            }
        }
        Self(connectors)
    }

    /// Tells whether an option's value may be shown: the option is known and holds no secret. Of a connection whose type is not
    /// known, every connector that has the option must say so.
    pub(super) fn is_open(&self, connector: Option<&str>, option: &str) -> bool {
        if is_secret_name(option) {
            return false;
        }
        if let Some(options) = connector.and_then(|connector| self.0.get(connector)) {
            return options.get(option).is_some_and(|facts| !facts.is_secret);
        }
        let mut known = self.0.values().filter_map(|options| options.get(option)).peekable();
        known.peek().is_some() && known.all(|facts| !facts.is_secret)
    }

    /// Tells whether an option holds a secret: by its name, or as its connector says.
    pub(super) fn is_secret(&self, connector: Option<&str>, option: &str) -> bool {
        is_secret_name(option) || self.facts(connector, option).is_some_and(|facts| facts.is_secret)
    }

    /// Returns the least value of an option that makes a difference, where its connector names one.
    pub(super) fn effect_from(&self, connector: Option<&str>, option: &str) -> Option<u64> {
        self.facts(connector, option)?.effect_from
    }

    fn facts(&self, connector: Option<&str>, option: &str) -> Option<&Facts> {
        self.0.get(connector?)?.get(option)
    }
}

fn collect(schema: &Json, root: &Json, names: &mut BTreeMap<String, Facts>, depth: usize) {
    if depth > MAX_DEPTH {
        return;
    }
    for (name, option) in schema["properties"].as_object().into_iter().flatten() {
        let facts = names.entry(name.clone()).or_default();
        facts.is_secret |= option["writeOnly"] == true;
        facts.effect_from = facts.effect_from.or(option["x-effect-from"].as_u64());
    }
    let reference = schema["$ref"].as_str().and_then(|reference| root.pointer(reference.strip_prefix('#')?));
    let parts = ["allOf", "anyOf", "oneOf"].iter().filter_map(|keyword| schema[*keyword].as_array()).flatten();
    for part in reference.into_iter().chain(parts) {
        collect(part, root, names, depth + 1);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_option_is_shown_when_it_is_known_to_hold_no_secret() {
        let schema = json!({ "$defs": {
            "crm_connection": { "properties": { "type": {}, "base_url": {}, "key_file": { "writeOnly": true } } },
            "base_connection": { "$ref": "#/$defs/Base" },
            "Base": { "anyOf": [{ "properties": { "type": {}, "base_id": {}, "base_url": {}, "token": {} } }] },
        } });
        let names = OptionNames::of_schema(&schema);
        assert!(names.is_open(Some("crm"), "base_url") && names.is_open(Some("base"), "base_id"));
        for (connector, option) in
            [(Some("crm"), "tokn"), (Some("crm"), "key_file"), (Some("base"), "token"), (Some("crm"), "base_id")]
        {
            assert!(!names.is_open(connector, option), "{option}");
        }
        assert!(names.is_open(Some("unknown"), "base_id") && names.is_open(None, "type"));
        assert!(!names.is_open(None, "key_file") && !names.is_open(Some("unknown"), "tokn"));
        assert!(names.is_secret(Some("crm"), "key_file") && names.is_secret(None, "token"));
    }
}
