//! Whole pipelines: what they mean, and that no text makes loading fail in any other way than with a finding.

use std::{fs, num::NonZeroU32, path::Path};

use schemars::JsonSchema;
use serde::Deserialize;

use super::*;
use crate::connector::{AccountForm, ConfigError, Connector, Entry, Registry};
use crate::model::{BatchLimit, Capabilities, PerKeys, SyncMode};

const ONE: NonZeroU32 = NonZeroU32::MIN;
const LIMIT: Option<BatchLimit> = Some(BatchLimit { max_records: ONE, max_bytes: 1_000_000, is_idempotent: false });
const BOTH_WAYS: Capabilities = Capabilities {
    sync_modes: &[SyncMode::FullRefresh, SyncMode::Incremental],
    insert: LIMIT,
    update: LIMIT,
    fetch: Some(PerKeys::of(ONE)),
    concurrency: ONE,
    ..Capabilities::NONE
};

/// A connector that reads and writes, with the options of many.
struct Shop;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ShopConfig {
    token: String,
    #[serde(default)]
    page_size: u32,
}

impl Connector for Shop {
    const NAME: &'static str = "shop";
    const CAPABILITIES: Capabilities = BOTH_WAYS;
    const ACCOUNT: Option<AccountForm> = Some(AccountForm {
        noun: "shop",
        looks_like: "digits",
        normal: |text| text.parse::<u32>().ok().map(|id| id.to_string()),
    });
    type Config = ShopConfig;

    fn check_config(config: &ShopConfig) -> Result<(), ConfigError> {
        match (config.token.as_str(), config.page_size) {
            ("retired", _) => Err(ConfigError::new("token", "`retired` is retired").with_hint("not retired")),
            (_, 1000..) => Err(ConfigError::new("page_size", "is above 999")),
            _ => Ok(()),
        }
    }
}

fn registry() -> Registry {
    Registry::new([Entry::of::<Shop>()])
}

fn environment(name: &str) -> Option<String> {
    (name == "TOKEN").then(|| "retired".to_owned())
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        fs::write(folder.join(name), text).unwrap();
    }
}

fn load_files(files: &[(&str, &str)]) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), files);
    load(&folder.path().join("pipeline.yaml"), &registry(), &environment, &NoSchemas)
}

const VALID: &str = r#"version: 1
name: two-shops
description: Everything a pipeline can say.
connections:
  here: { type: shop, token: "${OTHER_TOKEN:-abc}" }
  there:
    type: shop
    token: "${file:token.txt}"
    page_size: 10
streams:
  - name: companies
    source: { connection: here, object: companies, sync: incremental }
    mappings: { Name: name, City: { from: town, apply: [trim] } }
    destinations:
      - connection: there
        object: Companies
        key: [Name]
        mappings: { City: city, Kind: { value: shop } }
  - name: contacts
    source: { connection: here, object: contacts, where: "email IS NOT NULL" }
    transforms:
      - derive: { full_name: "concat_ws(' ', first, last)" }
      - dedupe: { by: [email], keep: newest }
    destinations:
      - connection: there
        object: Contacts
        write: insert
        mappings:
          Email: { from: email, required: true }
          State: { from: state, values: { A: a }, otherwise: null }
          Company: { link: companies, from: _links.companies }
on_error: stop
limits: { max_rejects: 5%, max_deletes: 7, quota_share: 0.5, requests_per_sec: 2, batch_size: 10 }
"#;

#[test]
fn a_whole_pipeline_means_what_it_says() {
    let loaded = load_files(&[("pipeline.yaml", VALID), ("token.txt", "xyz\n")]);
    assert_eq!(loaded.diagnostics, []);
    let pipeline = loaded.pipeline.unwrap();
    assert_eq!(pipeline.name, "two-shops");
    assert_eq!(pipeline.connections["here"].options["token"], "abc");
    assert_eq!(pipeline.connections["there"].options["token"], "xyz");
    assert!(!pipeline.connections["there"].options.contains_key("type"));
    assert_eq!(pipeline.on_error, OnError::Stop);
    assert_eq!(pipeline.limits.max_rejects, Some(CountOrShare::Share(0.05)));
    assert_eq!(pipeline.limits.max_deletes, Some(CountOrShare::Count(7)));
    let [companies, contacts] = pipeline.streams.as_slice() else { panic!("two streams") };
    assert_eq!(companies.sync_mode, SyncMode::Incremental);
    assert_eq!(contacts.filter.as_deref(), Some("email IS NOT NULL"));
    assert_eq!(contacts.transforms.len(), 2);
    assert_eq!(contacts.destinations[0].write, WriteMode::Insert);
    let destination = &companies.destinations[0];
    assert_eq!(destination.write, WriteMode::Upsert, "the default where there is a key");
    let fields: Vec<&String> = destination.mappings.keys().collect();
    assert_eq!(fields, ["Name", "City", "Kind"], "the stream's mappings come first");
    assert_eq!(destination.mappings["City"], crate::transform::spec::MappingSpec::Field("city".to_owned()));
}

#[test]
fn shared_connections_and_variables_stand_beside_the_pipeline() {
    let pipeline = "version: 1\nname: p\nstreams:\n  - name: s\n    source: { connection: shared, object: a }\n    \
                    destinations:\n      - { connection: shared, object: b, mappings: { x: y } }\n";
    let shared = "connections:\n  shared: { type: shop, token: \"${SHARED}\" }\n  unused: { type: shop, token: \"${NOT_SET}\" }\n";
    let loaded = load_files(&[
        ("pipeline.yaml", pipeline),
        ("connections.yaml", shared),
        (".env", "# a comment\nexport SHARED='a b'\n"),
    ]);
    assert_eq!(loaded.diagnostics, []);
    let pipeline = loaded.pipeline.unwrap();
    assert_eq!(pipeline.connections["shared"].options["token"], "a b");
    assert!(!pipeline.connections.contains_key("unused"), "what other pipelines use need not work here");
}

#[test]
fn a_pipelines_own_connection_wins_over_a_shared_one() {
    let shared = "connections: { here: { type: shop, token: \"${NOT_SET}\" } }\n";
    let loaded = load_files(&[("pipeline.yaml", VALID), ("token.txt", "x"), ("connections.yaml", shared)]);
    assert_eq!(loaded.diagnostics, []);
}

#[test]
fn the_process_environment_wins_over_the_env_file() {
    let text = VALID.replace("${OTHER_TOKEN:-abc}", "${TOKEN}");
    let loaded = load_files(&[("pipeline.yaml", &text), ("token.txt", "x"), (".env", "TOKEN=fine\n")]);
    assert_eq!(loaded.diagnostics.len(), 1);
    let finding = &loaded.diagnostics[0];
    assert_eq!((finding.code, finding.line), ("config.wrong_option", Some(5)));
    assert_eq!(finding.message, "option `token`: `***` is ***", "the value came from outside the file");
}

#[test]
fn a_placeholder_stands_for_every_secret() {
    let text = VALID.replace("${file:token.txt}", "${TOKEN_OF_ENV_FILE} ${UNSET}");
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[("pipeline.yaml", &text), (".env", "TOKEN_OF_ENV_FILE=x\n")]);
    let path = folder.path().join("pipeline.yaml");
    let loaded = load_with_placeholder(&path, &registry(), &environment, Some("any"), &NoSchemas);
    let connections = loaded.pipeline.unwrap().connections;
    assert_eq!(connections["here"].options["token"], "any", "no secret is read, whatever the default is");
    assert_eq!(connections["there"].options["token"], "any");
    assert!(load(&path, &registry(), &environment, &NoSchemas).pipeline.is_none());
}

#[test]
fn yaml_aliases_and_merge_keys_share_blocks() {
    let text = VALID
        .replace(
            "mappings: { City: city, Kind: { value: shop } }",
            "mappings: &shared { City: city, Kind: { value: shop } }",
        )
        .replace(
            "        write: insert\n        mappings:\n",
            "        write: insert\n        mappings:\n          <<: *shared\n",
        );
    let loaded = load_files(&[("pipeline.yaml", &text), ("token.txt", "x")]);
    assert_eq!(loaded.diagnostics, []);
    let pipeline = loaded.pipeline.unwrap();
    assert!(pipeline.streams[1].destinations[0].mappings.contains_key("Kind"));
}

#[test]
fn literal_secrets_are_masked_wherever_their_line_is_shown() {
    let text = VALID.replace("\"${OTHER_TOKEN:-abc}\"", "pat-secret, page_sise: 1");
    let loaded = load_files(&[("pipeline.yaml", &text), ("token.txt", "x")]);
    let codes: Vec<&str> = loaded.diagnostics.iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["config.literal_secret", "config.unknown_option"]);
    assert!(loaded.pipeline.is_none());
    let shown = format!("{loaded:?}");
    assert!(!shown.contains("pat-secret"), "{shown}");
    assert!(shown.contains("token: **********, page_sise: *"), "{shown}");
}

#[test]
fn a_misspelt_key_is_one_finding_and_shows_its_value_unless_it_may_be_a_secret() {
    for (written, misspelt, codes, shown) in [
        ("mappings: { Name: name", "mapings: { Name: name", &["config.unknown_key"][..], "mapings: { Name: name"),
        ("apply: [trim] }", "aply: [trim] }", &["config.unknown_key"], "aply: [trim] }"),
        (
            "object: Companies\n",
            "object: Companies\n        tokn: pat-secret\n",
            &["config.unknown_key"],
            "tokn: **********",
        ),
        (
            "object: Companies\n",
            "object: Companies\n        zebra: pat-secret\n",
            &["config.unknown_key"],
            "zebra: **********",
        ),
        ("page_size: 10", "page_sise: \"10\"", &["config.unknown_option"], "page_sise: \"**\""),
        ("connections:\n", "conections:\n", &["config.unknown_key"], "page_size: 10"),
    ] {
        assert!(VALID.contains(written), "{written}");
        let text = VALID.replace(written, misspelt);
        let loaded = load_files(&[("pipeline.yaml", &text), ("token.txt", "x")]);
        let found: Vec<&str> = loaded.diagnostics.iter().map(|finding| finding.code).collect();
        assert_eq!(found, codes, "{misspelt}");
        let lines = format!("{:?}", loaded.sources).replace("\\\"", "\"");
        assert!(lines.contains(shown) && !lines.contains("pat-secret"), "{misspelt}: {lines}");
    }
}

#[test]
fn a_line_of_the_env_file_that_cannot_be_read_is_named_without_its_text() {
    let files = [("pipeline.yaml", VALID), ("token.txt", "x"), (".env", "TOKEN=fine\nOTHER TOKEN=pat-secret\n")];
    let loaded = load_files(&files);
    let finding = &loaded.diagnostics[0];
    assert_eq!((finding.code, finding.line, &finding.text), ("config.dotenv", Some(2), &None));
    assert!(!format!("{loaded:?}").contains("pat-secret"));
}

#[test]
fn a_pipeline_in_the_current_folder_needs_no_path() {
    let loaded = load(Path::new("no-such-pipeline.yaml"), &registry(), &environment, &NoSchemas);
    assert_eq!(loaded.diagnostics[0].message, "the file cannot be read: there is no such file");
}

#[test]
fn what_the_environment_fills_into_sql_is_not_shown() {
    let text = VALID.replace("email IS NOT NULL", "email = = '${TOKEN}'");
    let loaded = load_files(&[("pipeline.yaml", &text), ("token.txt", "x")]);
    let finding = &loaded.diagnostics[0];
    assert_eq!((finding.code, finding.line), ("transform.sql", Some(20)));
    assert!(!format!("{loaded:?}").contains("retired"), "{finding:?}");
}

#[test]
fn a_connection_is_pinned_to_an_account_as_a_number_or_as_text() {
    let pinned = |account: &str| {
        let text = VALID.replace("page_size: 10", &format!("account: {account}"));
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &[("pipeline.yaml", &text), ("token.txt", "x")]);
        let lookup = |name: &str| (name == "SHOP").then(|| "0123".to_owned());
        let path = folder.path().join("pipeline.yaml");
        let loaded = load_with_placeholder(&path, &registry(), &lookup, Some("any"), &NoSchemas);
        let codes: Vec<&str> = loaded.diagnostics.iter().map(|finding| finding.code).collect();
        let account = loaded.pipeline.map(|pipeline| pipeline.connections["there"].account.clone());
        (codes, account.flatten().map(|account| account.to_string()))
    };
    for spelling in ["123", "\"123\"", "\" 123 \"", "0123", "\"${SHOP}\""] {
        assert_eq!(pinned(spelling), (vec![], Some("shop 123".to_owned())), "{spelling}");
    }
    assert_eq!(pinned("\"${UNSET}\""), (vec![], None), "a dry run knows no account");
    assert_eq!(pinned("acme"), (vec!["config.wrong_account"], None));
    for spelling in ["1.5", "[123]", "true", "-1"] {
        assert_eq!(pinned(spelling).0.len(), 1, "{spelling}");
    }
}

#[test]
fn a_definition_is_the_same_however_it_is_spelled() {
    let definition =
        |text: &str| load_files(&[("pipeline.yaml", text), ("token.txt", "x")]).pipeline.unwrap().definition;
    let own = definition(VALID);
    let other_spellings = [
        VALID.replace(
            "{ Name: name, City: { from: town, apply: [trim] } }",
            "{ City: { apply: [trim], from: \"town\" }, Name: name }",
        ),
        VALID.replace("object: Companies\n", "object: Companies # ours\n"),
        VALID.replace("description: Everything", "description: All"),
        VALID.replace("page_size: 10", "page_size: 11"),
    ];
    for text in other_spellings {
        assert_eq!(definition(&text), own, "{text}");
    }
    assert_ne!(definition(&VALID.replace("apply: [trim]", "apply: [lowercase]")), own);
    assert!(!own.to_string().contains("abc"), "connections are no part of it");
}

#[test]
fn labels_of_a_mapping_are_mappings_of_their_own() {
    let pipeline = |mappings: &str| {
        format!(
            "version: 1\nname: shops\nconnections:\n  here: {{ type: shop, token: a }}\n  there: {{ type: shop, token: b }}\nstreams:\n  - name: people\n    \
             source: {{ connection: here, object: people }}\n    destinations:\n      - {{ connection: there, object: people, mappings: {mappings} }}\n"
        )
    };
    let loaded = |mappings: &str| load_files(&[("pipeline.yaml", &pipeline(mappings))]);
    let short = loaded("{ phone: { work: Desk, mobile: { from: Cell, apply: [trim] } }, name: name }");
    let long = loaded("{ phone_work: Desk, phone_mobile: { from: Cell, apply: [trim] }, name: name }");
    let mappings = |loaded: &Loaded| loaded.pipeline.as_ref().unwrap().streams[0].destinations[0].mappings.clone();
    assert_eq!(mappings(&short), mappings(&long));
    for mistaken in [
        "{ phone: { work: Desk, from: Phone } }",
        "{ phone: { work: { home: Desk } } }",
        "{ phone: { work: Desk }, phone_work: Other }",
    ] {
        let found = loaded(mistaken).diagnostics;
        assert!(found.iter().any(|finding| finding.message.contains("mappings of their own")), "{mistaken}: {found:?}");
    }
}
