//! From trees to source files, a pipeline, and the schemas of the objects that an org has to have for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
};

use serde_json::Value as Json;

use super::{
    super::support::Crms,
    REFERENCE,
    forest::{Forest, Record, object_of_name},
};

/// What a person would type and put beside it to load a forest.
#[derive(Debug)]
pub(super) struct Conversion {
    /// The source files, by name.
    pub(super) files: BTreeMap<String, String>,
    pub(super) pipeline: String,
    /// Of each object the fields that are written, with their types; numbers with how many digits are kept behind the point.
    pub(super) fields: BTreeMap<String, BTreeMap<String, String>>,
}

/// The records of an object whose links lead to the same streams. A link field leads to one stream, so a task about an
/// opportunity and one about a case come from two.
type Streams<'forest> = BTreeMap<String, (String, Vec<&'forest Record>)>;

const HEAD: &str = "\
version: 1
name: forest
connections:
  trees: { type: csv, path: ., id: ref }
  org:
    type: salesforce
    base_url: \"${SALESFORCE_URL}\"
    client_id: app
    client_secret: \"${SALESFORCE_CLIENT_SECRET}\"
streams:
";

impl Conversion {
    /// Converts a forest for an org, whose descriptions tell how it spells fields.
    pub(super) fn new(crms: &Crms, forest: &Forest) -> Self {
        let mut conversion = Self { files: BTreeMap::new(), pipeline: HEAD.to_owned(), fields: BTreeMap::new() };
        let streams = streams(forest);
        for (stream, (object, records)) in &streams {
            let described = crms.get("salesforce", &format!("/services/data/v67.0/sobjects/{object}/describe"));
            let known: BTreeMap<String, (String, String)> = described["fields"]
                .as_array()
                .unwrap()
                .iter()
                .map(|field| {
                    let word = |name: &str| field[name].as_str().unwrap().to_owned();
                    let kind = match word("type").as_str() {
                        "double" | "currency" | "percent" | "int" => format!("number {}", field["scale"]),
                        other => other.to_owned(),
                    };
                    (word("name").to_lowercase(), (word("name"), kind))
                })
                .collect();
            conversion.add(forest, stream, object, records, &known);
        }
        conversion
    }

    fn add(
        &mut self,
        forest: &Forest,
        stream: &str,
        object: &str,
        records: &[&Record],
        known: &BTreeMap<String, (String, String)>,
    ) {
        let links: BTreeMap<&String, &String> = records.iter().flat_map(|record| &record.links).collect();
        let values: BTreeSet<&String> = records.iter().flat_map(|record| record.values.keys()).collect();
        let names: Vec<&String> = values.iter().copied().chain(links.keys().copied()).collect();
        let mut mappings = format!("          {REFERENCE}: ref\n");
        let fields = self.fields.entry(object.to_owned()).or_default();
        fields.insert(REFERENCE.to_owned(), "string".to_owned());
        for name in &names {
            let (field, kind) = known.get(&name.to_lowercase()).unwrap_or_else(|| panic!("{object} has no {name}"));
            fields.insert(field.clone(), kind.clone());
            let mapping = match links.get(name) {
                Some(target) => {
                    let target = forest.object_of(target).unwrap_or_else(|| object_of_name(target));
                    format!("{{ link: {}, from: {name} }}", stream_of(target))
                }
                None if kind == "date" => format!("{{ from: {name}, apply: [date] }}"),
                None => (*name).clone(),
            };
            writeln!(mappings, "          {field}: {mapping}").unwrap();
        }
        if records.is_empty() {
            mappings.push_str(&required(known));
        }
        // Salesforce upserts nothing whose parents are set once and for all.
        let write = if object == "AccountContactRelation" { "insert" } else { "upsert" };
        let key = if write == "upsert" { format!("        key: [{REFERENCE}]\n") } else { String::new() };
        write!(
            self.pipeline,
            "  - name: {stream}\n    source: {{ connection: trees, object: {stream} }}\n    destinations:\n      \
             - connection: org\n        object: {object}\n        write: {write}\n{key}        mappings:\n{mappings}"
        )
        .unwrap();
        self.files.insert(format!("{stream}.csv"), table(records, &names));
    }
}

/// A record of an object that nobody wrote would need its name; the stream is there for links to lead to.
fn required(known: &BTreeMap<String, (String, String)>) -> String {
    let name = known.get("lastname").or_else(|| known.get("name")).map_or("Subject", |(name, _)| name);
    format!("          {name}: ref\n")
}

fn table(records: &[&Record], names: &[&String]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(std::iter::once("ref").chain(names.iter().map(|name| name.as_str()))).unwrap();
    for record in records {
        let cell = |name: &&String| match (record.links.get(*name), record.values.get(*name)) {
            (Some(target), _) => target.clone(),
            (None, Some(Json::String(text))) => text.clone(),
            (None, Some(value)) => value.to_string(),
            (None, None) => String::new(),
        };
        writer.write_record(std::iter::once(record.reference.clone()).chain(names.iter().map(cell))).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

fn stream_of(object: &str) -> String {
    object.to_lowercase()
}

/// Puts the records of each object into streams; objects that links lead to have one even without records.
fn streams(forest: &Forest) -> Streams<'_> {
    let mut streams = Streams::new();
    let targets = forest.records.iter().flat_map(|record| record.links.values());
    let targets = targets.map(|target| forest.object_of(target).unwrap_or_else(|| object_of_name(target)).to_owned());
    for object in forest.objects.iter().cloned().chain(targets) {
        streams.entry(stream_of(&object)).or_insert_with(|| (object, Vec::new()));
    }
    let mut led_to: BTreeMap<(String, String), String> = BTreeMap::new();
    for record in &forest.records {
        let mut name = stream_of(&record.object);
        for (field, target) in &record.links {
            let target = forest.object_of(target).unwrap_or_else(|| object_of_name(target)).to_owned();
            let first = led_to.entry((record.object.clone(), field.clone())).or_insert_with(|| target.clone());
            if *first != target {
                name = format!("{name}_of_{}", stream_of(&target));
            }
        }
        streams.entry(name).or_insert_with(|| (record.object.clone(), Vec::new())).1.push(record);
    }
    streams
}

/// Returns the schema of every object of a folder: the reference and what its people added to Salesforce's own fields.
pub(super) fn schemas(forests: &[Forest]) -> BTreeMap<String, String> {
    let mut objects: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for forest in forests {
        for object in &forest.objects {
            objects.entry(object.clone()).or_default();
        }
        for record in &forest.records {
            for (name, target) in record.links.iter().filter(|(name, _)| name.ends_with("__c")) {
                let target = forest.object_of(target).unwrap_or_else(|| object_of_name(target));
                objects.entry(target.to_owned()).or_default();
                let fields = objects.entry(record.object.clone()).or_default();
                fields.insert(name.clone(), format!("type: reference, referenceTo: [{target}]"));
            }
            for target in record.links.values() {
                let target = forest.object_of(target).unwrap_or_else(|| object_of_name(target));
                objects.entry(target.to_owned()).or_default();
            }
            let fields = objects.entry(record.object.clone()).or_default();
            for (name, value) in record.values.iter().filter(|(name, _)| name.ends_with("__c") || name.ends_with("__s"))
            {
                let kind = kind_of(name, value);
                let known = fields.entry(name.clone()).or_insert_with(|| kind.to_owned());
                // One long or odd text among short ones makes the field what holds them all.
                if known != kind {
                    LONG.clone_into(known);
                }
            }
        }
    }
    let key =
        format!("fields:\n  - {{ name: {REFERENCE}, type: string, length: 80, externalId: true, unique: true }}\n");
    let schema = |fields: &BTreeMap<String, String>| {
        fields.iter().fold(key.clone(), |text, (name, kind)| format!("{text}  - {{ name: {name}, {kind} }}\n"))
    };
    objects.iter().map(|(object, fields)| (object.clone(), schema(fields))).collect()
}

const LONG: &str = "type: textarea, length: 32768";

/// Tells what field an admin would have made for a value.
fn kind_of(name: &str, value: &Json) -> &'static str {
    let is_day = |text: &str| text.len() == 10 && text.bytes().filter(|byte| *byte == b'-').count() == 2;
    match value {
        Json::Number(_) => "type: double, precision: 18, scale: 6",
        Json::Bool(_) => "type: boolean",
        Json::String(text) if is_day(text) => "type: date",
        Json::String(text) if text.contains('@') && name.contains("Email") => "type: email",
        Json::String(text) if text.len() > 255 => LONG,
        _ => "type: string, length: 255",
    }
}
