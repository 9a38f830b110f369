//! Says in plain words what does not fit the schema, where, and what was most likely meant.

use jsonschema::{
    ValidationError,
    error::ValidationErrorKind as Kind,
    paths::{Location, LocationSegment},
};
use serde_json::Value as Json;

use crate::model::{name_hint, name_list, nearest};

use super::super::{
    broken::Broken,
    diagnostic::Diagnostic,
    options::OptionNames,
    raw::{NAME_PATTERN, SHARE_PATTERN},
    span::{At, Segment},
};
use super::words::{
    first_sentence, is_cleaner, is_filled_later, is_mapping, kind_of, lowercase_start, plain_number, scalar_text,
    shown, subject, type_names,
};

/// Most unknown keys of one mapping that are named one by one.
const MAX_UNKNOWN: usize = 50;

/// Adds findings for one error of the validator, and notes which parts do not fit.
pub(super) fn explain(
    error: &ValidationError<'_>,
    (schema, options): (&Json, &OptionNames),
    root: &At<'_>,
    findings: &mut Vec<Diagnostic>,
    broken: &mut Broken,
) {
    Explainer { schema, options, root, findings, broken }.explain(error);
}

struct Explainer<'a, 'd> {
    schema: &'a Json,
    options: &'a OptionNames,
    root: &'a At<'d>,
    findings: &'a mut Vec<Diagnostic>,
    broken: &'a mut Broken,
}

impl<'a> Explainer<'a, '_> {
    fn explain(&mut self, error: &ValidationError<'_>) {
        let at = at(self.root, error.instance_path());
        match error.kind() {
            Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
                let known = self.known_keys(error.schema_path());
                let free = |name: &&&str| at.node().is_none_or(|node| node.entry(name).is_none());
                let free: Vec<&str> = known.iter().filter(free).copied().collect();
                for (index, key) in unexpected.iter().enumerate() {
                    let child = at.key(key);
                    self.broken.add(&child);
                    self.broken.add_unknown(&child, nearest(key, free.iter().copied()));
                    if index < MAX_UNKNOWN {
                        self.unknown_key(&at, key, &free);
                    }
                }
                if let Some(rest) = unexpected.len().checked_sub(MAX_UNKNOWN).filter(|rest| *rest > 0) {
                    let message = format!("{rest} more keys are not known here");
                    self.findings.push(Diagnostic::error("config.unknown_key", at.key_spot(), message));
                }
            }
            Kind::Required { property } => self.missing_key(&at, property.as_str().unwrap_or_default(), error),
            Kind::Type { kind } => self.wrong_type(&at, &type_names(kind), error.instance()),
            Kind::Constant { expected_value } => self.unknown_value(&at, &[expected_value], error.instance()),
            Kind::Enum { options } => {
                let options: Vec<&Json> = options.as_array().map(|items| items.iter().collect()).unwrap_or_default();
                self.unknown_value(&at, &options, error.instance());
            }
            Kind::AnyOf { context } | Kind::OneOfNotValid { context } => self.alternatives(error, context),
            Kind::PropertyNames { error } => self.explain(error),
            kind => {
                if !is_filled_later(&at, error.instance()) {
                    self.wrong_value(&at, kind, error.instance());
                }
            }
        }
    }

    fn unknown_key(&mut self, at: &At<'_>, key: &str, known: &[&str]) {
        let child = at.key(key);
        let finding = match at.path() {
            [Segment::Key(connections), Segment::Key(name)] if connections == "connections" => {
                let connector = at.key("type").node().and_then(|node| node.as_text()).unwrap_or(name);
                let message = format!("`{connector}` has no option `{key}`");
                let hint = name_hint(key, known, "its options are");
                Diagnostic::error("config.unknown_option", child.key_spot(), message).with_hint_if(hint)
            }
            _ if is_cleaner(at) => unknown_cleaner(&child, key, known),
            [] if child.key("type").node().is_some() => {
                let message = format!("the connection `{key}` does not stand under `connections`");
                Diagnostic::error("config.unknown_key", child.key_spot(), message)
                    .with_hint("move it there, with two spaces in front")
            }
            _ => {
                let hint = name_hint(key, known, "the keys that may stand here are");
                Diagnostic::error("config.unknown_key", child.key_spot(), format!("the key `{key}` is not known here"))
                    .with_hint_if(hint)
            }
        };
        self.findings.push(finding);
    }

    fn missing_key(&mut self, at: &At<'_>, key: &str, error: &ValidationError<'_>) {
        let is_optional_for_reading = match at.path() {
            [] | [Segment::Key(_), Segment::Index(_)] => true,
            [.., Segment::Key(last)] => last == "source",
            [.., Segment::Key(list), Segment::Index(_)] => list == "destinations",
            _ => false,
        };
        if !is_optional_for_reading {
            self.broken.add(at);
        }
        if self.is_misspelt(at, key, error.schema_path()) {
            return;
        }
        let object = self.schema_of(error.schema_path());
        let property = object.and_then(|object| object.get("properties")?.get(key));
        let description = property.and_then(|property| self.resolve(property).get("description")?.as_str());
        let hint = description.map(|text| format!("`{key}`: {}", lowercase_start(first_sentence(text))));
        let message = format!("{} has no `{key}`", subject(at));
        self.findings.push(Diagnostic::error("config.missing_key", at.key_spot(), message).with_hint_if(hint));
    }

    /// Tells whether a required key stands there under a misspelt name: that finding says it all.
    fn is_misspelt(&self, at: &At<'_>, key: &str, keyword: &Location) -> bool {
        let known = self.known_keys(keyword);
        let is_it = |written: &str| !known.contains(&written) && nearest(written, known.iter().copied()) == Some(key);
        let is_option = matches!(at.path(), [Segment::Key(top), _] if top == "connections");
        !is_option && at.node().is_some_and(|node| node.entries().iter().any(|entry| is_it(&entry.key)))
    }

    fn wrong_type(&mut self, at: &At<'_>, expected: &[&str], instance: &Json) {
        self.broken.add(at);
        let message = if instance.is_null() {
            format!("{} has no value", subject(at))
        } else {
            format!("{} must be {}, and is {}", subject(at), expected.join(" or "), kind_of(instance))
        };
        let hint = match instance {
            Json::Null => Some(format!("write {}, or remove the key", expected.join(" or "))),
            Json::Bool(_) | Json::Number(_) if expected.contains(&"text") => Some("put it in quotes".to_owned()),
            Json::Array(_) if is_mapping(at) => {
                Some("to join fields, write `{ expr: \"concat_ws(' ', first, last)\" }`".to_owned())
            }
            _ if at.path().is_empty() => Some("a pipeline begins with `version: 1`".to_owned()),
            Json::String(_) if expected.contains(&"a list") => Some("put it in brackets: `[…]`".to_owned()),
            Json::String(text) if text.parse::<f64>().is_ok() || matches!(text.as_str(), "true" | "false") => {
                Some("remove the quotes".to_owned())
            }
            _ => None,
        };
        self.findings.push(Diagnostic::error("config.wrong_type", at.value_spot(), message).with_hint_if(hint));
    }

    fn unknown_value(&mut self, at: &At<'_>, options: &[&Json], instance: &Json) {
        if is_filled_later(at, instance) {
            return;
        }
        self.broken.add(at);
        let known: Vec<String> = options.iter().map(|option| scalar_text(option)).collect();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let written = shown(at, instance, self.options);
        let is_connector =
            matches!(at.path(), [Segment::Key(top), _, Segment::Key(last)] if top == "connections" && last == "type");
        let finding = if is_connector {
            let message = format!("there is no connector {written}");
            let hint = name_hint(&scalar_text(instance), &known, "the connectors are");
            Diagnostic::error("config.unknown_connector", at.value_spot(), message).with_hint_if(hint)
        } else if is_cleaner(at) {
            unknown_cleaner(at, &scalar_text(instance), &known)
        } else {
            let hint = match (nearest(&scalar_text(instance), known.iter().copied()), name_list(&known)) {
                (Some(name), Some(_)) if known.len() > 1 => Some(format!("did you mean `{name}`?")),
                (_, listed) => listed.map(|names| match known.len() {
                    1 => format!("write {names}"),
                    2 => format!("write {}", names.replacen("`, `", "` or `", 1)),
                    _ => format!("write one of {names}"),
                }),
            };
            let message = format!("{} cannot be {written}", subject(at));
            Diagnostic::error("config.unknown_value", at.value_spot(), message).with_hint_if(hint)
        };
        self.findings.push(finding);
    }

    /// Says what is wrong with a value that fits none of several forms: what is wrong by the form it comes nearest to.
    fn alternatives(&mut self, error: &ValidationError<'_>, context: &[Vec<ValidationError<'static>>]) {
        let here = error.instance_path().as_str();
        let at = at(self.root, error.instance_path());
        if is_filled_later(&at, error.instance()) {
            return;
        }
        let mismatches = |branch: &[ValidationError<'_>]| {
            branch
                .iter()
                .any(|inner| inner.instance_path().as_str() == here && matches!(inner.kind(), Kind::Type { .. }))
        };
        let fitting: Vec<(usize, &Vec<ValidationError<'static>>)> =
            context.iter().enumerate().filter(|(_, branch)| !mismatches(branch)).collect();
        if fitting.is_empty() {
            let mut expected: Vec<&str> = Vec::new();
            for inner in context.iter().flatten() {
                if let Kind::Type { kind } = inner.kind() {
                    expected.extend(type_names(kind).iter().filter(|name| **name != "nothing"));
                }
            }
            expected.dedup();
            return self.wrong_type(&at, &expected, error.instance());
        }
        let constants = constants(here, &fitting);
        if !constants.is_empty() {
            return self.unknown_value(&at, &constants, error.instance());
        }
        let tags = self.tags(error.schema_path());
        if tags.len() == context.len() {
            return self.tagged(&at, &tags, context, error.instance());
        }
        let Some((_, nearest)) = fitting.iter().min_by_key(|(_, branch)| branch.len()) else { return };
        for inner in *nearest {
            self.explain(inner);
        }
    }

    /// Says what is wrong with a mapping whose single key says what it is.
    fn tagged(&mut self, at: &At<'_>, tags: &[&str], context: &[Vec<ValidationError<'static>>], instance: &Json) {
        let keys: Vec<&str> =
            instance.as_object().map(|entries| entries.keys().map(String::as_str).collect()).unwrap_or_default();
        let known: Vec<&str> = keys.iter().copied().filter(|key| tags.contains(key)).collect();
        match (keys.as_slice(), known.as_slice()) {
            ([only], [_]) => {
                let branch = tags.iter().position(|tag| tag == only).and_then(|index| context.get(index));
                for inner in branch.into_iter().flatten() {
                    self.explain(inner);
                }
            }
            ([], _) => {
                self.broken.add(at);
                let hint = name_list(tags).map(|names| format!("the steps are: {names}"));
                self.findings.push(
                    Diagnostic::error("config.missing_key", at.key_spot(), format!("{} is empty", subject(at)))
                        .with_hint_if(hint),
                );
            }
            (_, [_, _, ..]) => {
                self.broken.add(at);
                let message = format!(
                    "one step does both {}",
                    known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" and ")
                );
                let hint = "begin each step with a `-` of its own";
                let spot = at.key(known[1]).key_spot();
                self.findings.push(Diagnostic::error("config.step", spot, message).with_hint(hint));
            }
            _ => {
                self.broken.add(at);
                for key in keys.iter().filter(|key| !tags.contains(key)) {
                    let message = format!("there is no step `{key}`");
                    let hint = name_hint(key, tags, "the steps are");
                    let spot = at.key(key).key_spot();
                    self.findings.push(Diagnostic::error("config.unknown_step", spot, message).with_hint_if(hint));
                }
            }
        }
    }

    fn wrong_value(&mut self, at: &At<'_>, kind: &Kind, instance: &Json) {
        self.broken.add(at);
        let subject = subject(at);
        let (message, hint) = match kind {
            Kind::MinItems { .. } | Kind::MinLength { .. } | Kind::MinProperties { .. } => {
                (format!("{subject} is empty"), None)
            }
            Kind::Minimum { limit } => (
                format!(
                    "{subject} must be {} or more, and is {}",
                    plain_number(limit),
                    shown(at, instance, self.options)
                ),
                None,
            ),
            Kind::Maximum { limit } => (
                format!(
                    "{subject} must be {} or less, and is {}",
                    plain_number(limit),
                    shown(at, instance, self.options)
                ),
                None,
            ),
            Kind::Pattern { pattern } if pattern == SHARE_PATTERN => (
                format!("{subject} is {}, which is no share", shown(at, instance, self.options)),
                Some("write a number of records, or a share such as `5%`"),
            ),
            Kind::Pattern { pattern } if pattern == NAME_PATTERN => (
                format!("{subject} is {}, which is no name", shown(at, instance, self.options)),
                Some("use letters, digits, spaces, `_`, `-` and `.`; the name becomes part of file names"),
            ),
            Kind::Pattern { pattern } => (format!("{subject} does not have the form `{pattern}`"), None),
            other => (format!("{subject} breaks the rule `{}` of the schema", other.keyword()), None),
        };
        // The version has its own words: the number is not wrong in itself.
        let is_version = matches!(at.path(), [Segment::Key(key)] if key == "version");
        let finding = if is_version {
            let message = format!("version {} of the format is not known", scalar_text(instance));
            Diagnostic::error("config.unknown_version", at.value_spot(), message).with_hint("write `version: 1`")
        } else {
            Diagnostic::error("config.wrong_value", at.value_spot(), message).with_hint_if(hint.map(str::to_owned))
        };
        self.findings.push(finding);
    }

    /// Returns the schema that a keyword belongs to.
    fn schema_of(&self, keyword: &Location) -> Option<&'a Json> {
        let pointer = keyword.as_str();
        let (object, _) = pointer.rsplit_once('/')?;
        self.schema.pointer(object)
    }

    fn resolve(&self, schema: &'a Json) -> &'a Json {
        let reference = schema.get("$ref").and_then(Json::as_str).and_then(|reference| reference.strip_prefix('#'));
        reference
            .and_then(|pointer| self.schema.pointer(pointer))
            .filter(|_| schema.get("description").is_none())
            .unwrap_or(schema)
    }

    /// Returns the keys that the schema of a keyword lists, those of its parts among them.
    fn known_keys(&self, keyword: &Location) -> Vec<&'a str> {
        let mut known = Vec::new();
        if let Some(object) = self.schema_of(keyword) {
            self.collect_keys(object, &mut known, 0);
        }
        known
    }

    fn collect_keys(&self, schema: &'a Json, known: &mut Vec<&'a str>, depth: usize) {
        let is_deprecated = |schema: &Json| schema.get("deprecated").is_some_and(|flag| flag == true);
        if let Some(properties) = schema.get("properties").and_then(Json::as_object) {
            known.extend(properties.iter().filter(|(_, schema)| !is_deprecated(schema)).map(|(key, _)| key.as_str()));
        }
        if depth > 4 {
            return;
        }
        let reference = schema.get("$ref").and_then(Json::as_str).and_then(|reference| reference.strip_prefix('#'));
        let referred = reference.and_then(|pointer| self.schema.pointer(pointer));
        let parts = ["allOf", "anyOf", "oneOf"].iter().filter_map(|keyword| schema.get(keyword)?.as_array()).flatten();
        for part in referred.into_iter().chain(parts) {
            self.collect_keys(part, known, depth + 1);
        }
    }

    /// Returns the one required key of each alternative, where all of them have just one.
    fn tags(&self, keyword: &Location) -> Vec<&'a str> {
        let branches = self.schema.pointer(keyword.as_str()).and_then(Json::as_array);
        branches
            .into_iter()
            .flatten()
            .filter_map(|branch| {
                let [only] = branch.get("required")?.as_array()?.as_slice() else { return None };
                only.as_str()
            })
            .collect()
    }
}

fn at<'d>(root: &At<'d>, location: &Location) -> At<'d> {
    location.segments().fold(root.clone(), |at, segment| match segment {
        LocationSegment::Property(key) => at.key(&key),
        LocationSegment::Index(index) => at.index(index),
    })
}

/// Returns the constants among which a value was to be chosen, where every alternative that fits at all is one.
fn constants<'e>(here: &str, fitting: &[(usize, &'e Vec<ValidationError<'static>>)]) -> Vec<&'e Json> {
    let mut constants = Vec::new();
    for (_, branch) in fitting {
        let found = branch.iter().find(|inner| inner.instance_path().as_str() == here);
        match found.map(ValidationError::kind) {
            Some(Kind::Constant { expected_value }) => constants.push(&**expected_value),
            Some(Kind::Enum { options }) => constants.extend(options.as_array().into_iter().flatten()),
            _ => return Vec::new(),
        }
    }
    constants
}

fn unknown_cleaner(at: &At<'_>, name: &str, known: &[&str]) -> Diagnostic {
    let hint = name_hint(name, known, "the cleaners are");
    Diagnostic::error("config.unknown_cleaner", at.value_spot(), format!("there is no cleaner `{name}`"))
        .with_hint_if(hint)
}
