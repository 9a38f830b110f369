//! Bases that start with fixtures.

use std::fs;

use clock::Clock;
use reqwest::Method;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::Local;
use crate::airtable::emulator;
use crate::options::EmulatorOptions;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn options(folder: &TempDir) -> EmulatorOptions {
    let fixtures = Some(folder.path().to_owned());
    EmulatorOptions { fixtures, is_unlimited: true, ..EmulatorOptions::default() }
}

const PEOPLE: &str = "
fields:
  - { name: Name }
  - { name: Status, type: singleSelect, options: { choices: [Lead, Won] } }
  - { name: Firms, type: multipleRecordLinks, options: { linkedTableId: Firms, inverseLinkFieldId: Staff } }
  - { name: Domains, type: multipleLookupValues, options: { recordLinkFieldId: Firms, fieldIdInLinkedTable: Domain } }
  - { name: Firm count, type: count, options: { recordLinkFieldId: Firms } }
  - { name: Number, type: autoNumber }
  - { name: Made, type: createdTime }
  - { name: Changed, type: lastModifiedTime }
  - { name: Label, type: formula, options: { formula: \"{Name} & ' of ' & {Firms}\" } }
  - { name: Broken, type: formula, options: { formula: \"{Name} + 1\" } }
  - { name: Score, type: rollup }
";

fn firms_and_people() -> TempDir {
    folder(&[
        ("Firms.csv", "_id,Name,Domain\nrecFirm0000000001,One,one.example\n,Two,two.example\n"),
        ("People.schema.yaml", PEOPLE),
        (
            "People.csv",
            "_id,_created_at,_updated_at,Name,Status,Firms,Score\n,2020-01-02T03:04:05Z,,Ann,Lead,recFirm0000000001;Two,7\n,,2021-01-01,Bob,,,\n",
        ),
    ])
}

#[tokio::test]
async fn every_base_starts_with_a_copy() {
    let local = Local::with(options(&firms_and_people())).await;
    local.person(json!({ "Name": "Cid" })).await;
    assert_eq!(local.names("sort[0][field]=Name").await, ["Ann", "Bob", "Cid"]);
    let (_, other) = local.ask_as("pat", Method::GET, "/v0/appOtherBase00001/People", None).await;
    assert_eq!(other["records"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn links_go_by_id_or_name_and_computed_fields_are_computed() {
    let local = Local::with(options(&firms_and_people())).await;
    let ann = local.get("/People?filterByFormula=Name='Ann'").await["records"][0]["fields"].clone();
    assert_eq!(ann["Firms"].as_array().unwrap()[0], "recFirm0000000001");
    assert_eq!(ann["Domains"], json!(["one.example", "two.example"]));
    assert_eq!((&ann["Firm count"], &ann["Number"], &ann["Score"]), (&json!(2), &json!(1), &json!("7")));
    assert_eq!((&ann["Made"], ann.get("Changed")), (&json!("2020-01-02T03:04:05.000Z"), None));
    assert_eq!((&ann["Label"], &ann["Broken"]), (&json!("Ann of One, Two"), &json!({ "specialValue": "NaN" })));
    let bob = local.get("/People?filterByFormula=Name='Bob'").await["records"][0]["fields"].clone();
    assert_eq!((&bob["Changed"], &bob["Firm count"]), (&json!("2021-01-01T00:00:00.000Z"), &json!(0)));
    let firm = local.get("/Firms/recFirm0000000001").await;
    assert_eq!(firm["fields"]["Staff"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn computed_fields_cannot_be_written() {
    let local = Local::with(options(&firms_and_people())).await;
    for field in ["Domains", "Firm count", "Number", "Made", "Changed", "Label", "Score"] {
        for value in [json!("x"), Json::Null] {
            let (status, answer) =
                local.ask(Method::POST, "/People", Some(json!({ "fields": { field: value } }))).await;
            let message = format!("Field \"{field}\" cannot accept a value because the field is computed");
            let error = json!({ "type": "INVALID_VALUE_FOR_COLUMN", "message": message });
            assert_eq!((status, &answer["error"]), (422, &error));
        }
    }
}

#[tokio::test]
async fn a_table_may_belong_to_one_base() {
    let schema = "base: appMine\nprimary: B\nfields: [{ name: A }, { name: B }]";
    let local = Local::with(options(&folder(&[("T.schema.yaml", schema)]))).await;
    let (_, bases) = local.ask_as("pat", Method::GET, "/v0/meta/bases", None).await;
    assert_eq!(bases["bases"][0]["id"], "appMine");
    let (_, mine) = local.ask_as("pat", Method::GET, "/v0/meta/bases/appMine/tables", None).await;
    assert_eq!(mine["tables"][0]["fields"][0]["name"], "B");
    let (_, other) = local.ask_as("pat", Method::GET, "/v0/meta/bases/appOther/tables", None).await;
    assert_eq!(other, json!({ "tables": [] }));
}

#[test]
fn unusable_fixtures_are_named() {
    let check = |files: &[(&str, &str)], expected: &str| {
        let error = emulator(options(&folder(files)), Clock::system()).unwrap_err();
        assert!(error.contains(expected), "{error}");
    };
    check(
        &[("T.schema.yaml", "fields: [{ name: A, type: number }]"), ("T.csv", "A\nmany\n")],
        "record 1: `A` cannot hold",
    );
    check(&[("T.schema.yaml", "fields: [{ name: A }]"), ("T.csv", "B\n1\n")], "no field is called `B`");
    check(&[("T.csv", "_id,A\nx,1\n")], "`x` is no record id");
    let link = "fields: [{ name: A }, { name: L, type: multipleRecordLinks, options: { linkedTableId: T } }]";
    check(&[("T.schema.yaml", link), ("T.csv", "A,L\n1,Nobody\n")], "which is in no record");
    check(
        &[("T.schema.yaml", "fields: [{ name: F, type: formula, options: { formula: '{X}' } }]")],
        "Unknown field names: x",
    );
}
