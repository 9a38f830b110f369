//! Every mistake that a pipeline can hold, as its author sees it: one small file in `mistakes/` each, and what is said of it.
//!
//! A folder holds a pipeline with what stands beside it. The findings are kept in `snapshots/`.

use std::{
    fs,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use ferry::{
    cli::diagnostics::render,
    config::{Diagnostic, Loaded, OfflineSchemas, json_schema, load},
    connector::{Connector, Entry, Registry},
    connectors,
    model::{
        BatchLimit, Capabilities, Choice, ConnectionName, Field, FieldType, ObjectName, ParentKey, Schema, SyncMode,
    },
};
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;

const ONE: NonZeroU32 = NonZeroU32::MIN;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NoOptions {}

/// Can be read only.
struct Feed;

impl Connector for Feed {
    const NAME: &'static str = "feed";
    const CAPABILITIES: Capabilities = Capabilities { sync_modes: &[SyncMode::FullRefresh], ..Capabilities::NONE };
    type Config = NoOptions;
}

/// Can only be written, and only as a whole.
struct Archive;

impl Connector for Archive {
    const NAME: &'static str = "archive";
    const CAPABILITIES: Capabilities = Capabilities {
        insert: Some(BatchLimit { max_records: ONE, max_bytes: 1000, is_idempotent: false }),
        ..Capabilities::NONE
    };
    type Config = NoOptions;
}

/// The connectors of the binary, and two that lack one side.
fn registry() -> Registry {
    let of_the_binary = connectors::registry();
    let entries: Vec<Entry> = of_the_binary.entries().copied().collect();
    Registry::new(entries.into_iter().chain([Entry::of::<Feed>(), Entry::of::<Archive>()]))
}

/// What is known offline of a CRM's contacts and of a base's table.
struct Known;

impl OfflineSchemas for Known {
    fn schema(&self, connector: &str, _connection: &ConnectionName, object: &ObjectName) -> Option<Schema> {
        let fields = match (connector, object.as_str()) {
            ("hubspot", "contacts") => ["email", "firstname", "lastname", "country", "jobtitle"]
                .map(|name| Field::new(name, FieldType::Text))
                .into(),
            ("airtable", "Contacts") => contacts_table(),
            ("salesforce", "Person__c") => people_with_parents(),
            ("salesforce", "Deal__c") => deals_with_labels(),
            _ => return None,
        };
        Some(Schema { object: object.clone(), fields, is_open: false })
    }

    fn objects(&self, connector: &str, _connection: &ConnectionName) -> Option<Vec<ObjectName>> {
        let names: &[&str] = match connector {
            "hubspot" => &["companies", "contacts", "deals"],
            "airtable" => &["Companies", "Contacts"],
            _ => return None,
        };
        Some(names.iter().map(ObjectName::new).collect())
    }
}

fn contacts_table() -> Vec<Field> {
    let choice = |value: &str| Choice { value: value.to_owned(), label: value.to_owned() };
    let status = Field { options: vec![choice("Lead"), choice("Customer")], ..Field::new("Status", FieldType::Choice) };
    let count = Field { is_read_only: true, ..Field::new("Count", FieldType::Integer) };
    let name = Field { is_required: true, ..Field::new("Name", FieldType::Text) };
    let (age, company) = (Field::new("Age", FieldType::Integer), Field::new("Company", FieldType::Link));
    vec![Field::new("Email", FieldType::Text), name, status, count, age, company]
}

/// Names that say nothing, as some vendors make them of custom fields; two fields have one label.
fn deals_with_labels() -> Vec<Field> {
    let labelled =
        |name: &str, label: &str, field_type| Field { label: Some(label.to_owned()), ..Field::new(name, field_type) };
    vec![
        labelled("f01__c", "Deal Name", FieldType::Text),
        labelled("f02__c", "Amount", FieldType::Number),
        labelled("f03__c", "Score", FieldType::Integer),
        labelled("f04__c", "Score", FieldType::Integer),
        // A name is stronger than another field's label.
        labelled("f05__c", "Stage", FieldType::Text),
        labelled("Stage", "State", FieldType::Text),
    ]
}

fn people_with_parents() -> Vec<Field> {
    let key = |name: &str, sets: &str, object: &str| Field {
        parent: Some(ParentKey { sets: sets.into(), object: object.into() }),
        ..Field::new(name, FieldType::Text)
    };
    vec![
        Field::new("Email", FieldType::Text),
        Field::new("LastName", FieldType::Text),
        Field::new("AccountId", FieldType::Link),
        key("Account.External_Id__c", "AccountId", "Account"),
        key("ReportsTo.Email", "ReportsToId", "Person__c"),
    ]
}

fn environment(name: &str) -> Option<String> {
    matches!(name, "HUBSPOT_TOKEN" | "AIRTABLE_TOKEN" | "SALESFORCE_TOKEN").then(|| "from-the-environment".to_owned())
}

fn load_file(path: &Path) -> Loaded {
    load(path, &registry(), &environment, &Known)
}

/// The files of `mistakes/`, and the pipelines of its folders, by the name of the mistake.
fn mistakes() -> Vec<(String, PathBuf)> {
    let folder = Path::new("tests/cli/mistakes");
    let mut found: Vec<(String, PathBuf)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, if path.is_dir() { path.join("pipeline.yaml") } else { path })
        })
        .collect();
    found.sort();
    found
}

#[test]
fn every_mistake_is_found_where_it_stands() {
    let mistakes = mistakes();
    assert!(mistakes.len() >= 25, "{} mistakes", mistakes.len());
    for (name, path) in mistakes {
        let loaded = load_file(&path);
        insta::assert_snapshot!(name.as_str(), render(&loaded.diagnostics, false));
        let has_errors = loaded.diagnostics.iter().any(|found| found.severity == ferry::config::Severity::Error);
        assert_eq!(loaded.pipeline.is_none(), has_errors, "{name}");
    }
}

#[test]
fn a_finding_in_json_holds_all_that_is_shown() {
    let loaded = load_file(Path::new("tests/cli/mistakes/unknown_key.yaml"));
    let json = serde_json::to_string_pretty(&loaded.diagnostics).unwrap();
    insta::assert_snapshot!("json", json);
}

#[test]
fn all_mistakes_of_a_file_are_found_at_once_and_in_order() {
    let loaded = load_file(Path::new("tests/cli/mistakes/several.yaml"));
    let lines: Vec<usize> = loaded.diagnostics.iter().filter_map(|found| found.line).collect();
    assert!(lines.len() >= 8 && lines.is_sorted(), "{lines:?}");
}

#[test]
fn standard_fields_are_mapped_where_both_sides_have_them_and_written_ones_win() {
    let loaded = load_file(Path::new("tests/cli/mistakes/none_with_standard.yaml"));
    assert_eq!(loaded.diagnostics, []);
    let pipeline = loaded.pipeline.unwrap();
    let mappings = serde_json::to_value(&pipeline.streams[0].destinations[0].mappings).unwrap();
    let expected = serde_json::json!({
        "Email": { "from": "email", "apply": ["trim", "lowercase"], "required": false, "when": "always", "null": "keep" },
        "Name": "lastname",
    });
    assert_eq!(mappings, expected);
}

fn lines(numbers: std::ops::Range<u32>, line: fn(u32) -> String) -> String {
    numbers.map(line).fold(String::new(), |text, line| text + &line)
}

#[test]
fn a_file_with_very_many_mistakes_is_explained_by_the_first_of_them_at_once() {
    let keys = lines(0..100_000, |number| format!("key{number}: hunter2\n"));
    let twice = lines(0..50_000, |number| format!("key{number}: 1\n"));
    let maps = lines(0..50_000, |number| format!("          f{number}: [email]\n"));
    let findings = load_bytes(format!("{VALID}{keys}").as_bytes());
    assert!(
        findings.len() < 100 && findings.iter().any(|finding| finding.message == "99950 more keys are not known here")
    );
    assert!(findings.iter().all(|finding| !finding.text.as_deref().unwrap_or_default().contains("hunter2")));
    let findings = load_bytes(format!("{VALID}{keys}{twice}").as_bytes());
    insta::assert_snapshot!(
        "many",
        render(&findings[findings.len() - 1..], false).replace(findings[0].file.to_str().unwrap(), "pipeline.yaml")
    );
    let with_maps = VALID.replacen("        mappings:\n", &format!("        mappings:\n{maps}"), 1);
    assert!(with_maps.len() > VALID.len(), "the pipeline has mappings");
    load_bytes(with_maps.as_bytes());
}

/// The schema that editors use is generated: this test rewrites it, and fails once when it has changed.
#[test]
fn the_committed_schema_is_the_generated_one() {
    let path = Path::new("schemas/pipeline.schema.json");
    let mut generated = serde_json::to_string_pretty(&json_schema(&connectors::registry())).unwrap();
    generated.push('\n');
    let committed = fs::read_to_string(path).unwrap_or_default();
    if committed != generated {
        fs::write(path, generated).unwrap();
        panic!("{} was out of date and has been rewritten: commit it", path.display());
    }
}

/// A pipeline without mistakes, to be damaged.
const VALID: &str = include_str!("mistakes/none.yaml");

fn load_bytes(bytes: &[u8]) -> Vec<Diagnostic> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipeline.yaml");
    fs::write(&path, bytes).unwrap();
    let loaded = load_file(&path);
    assert!(loaded.pipeline.is_some() || !loaded.diagnostics.is_empty(), "no pipeline and no reason");
    render(&loaded.diagnostics, true);
    loaded.diagnostics
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_loaded_or_explained(text in "(\\PC|[\\n\\t :{}\\[\\]\"'&*#|>-]){0,200}") {
        load_bytes(text.as_bytes());
    }

    #[test]
    fn any_bytes_are_loaded_or_explained(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        load_bytes(&bytes);
    }

    #[test]
    fn a_damaged_pipeline_is_loaded_or_explained(
        start in 0..VALID.len(),
        length in 0_usize..30,
        patch in "[a-z${}\\[\\]:,&*|>'\"\\n\\t #0-9!é-]{0,12}",
    ) {
        let end = (start + length).min(VALID.len());
        let damaged = [&VALID.as_bytes()[..start], patch.as_bytes(), &VALID.as_bytes()[end..]].concat();
        load_bytes(&damaged);
    }

    #[test]
    fn a_pipeline_whose_lines_were_shuffled_is_loaded_or_explained(line in 0_usize..60, other in 0_usize..60) {
        let mut lines: Vec<&str> = VALID.lines().collect();
        let count = lines.len();
        lines.swap(line % count, other % count);
        load_bytes(lines.join("\n").as_bytes());
    }
}
