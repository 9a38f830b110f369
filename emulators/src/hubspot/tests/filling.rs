//! Fixtures.

use std::{fs, path::Path};

use clock::Clock;
use serde_json::json;

use super::{Account, emulator, ids};
use crate::options::EmulatorOptions;

fn options(folder: &Path) -> EmulatorOptions {
    EmulatorOptions { fixtures: Some(folder.to_owned()), is_unlimited: true, ..EmulatorOptions::default() }
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

const FILES: [(&str, &str); 6] = [
    (
        "companies.csv",
        "_id,name,domain,createdate,hs_lastmodifieddate\n501,Acme,acme.test,2024-01-02,2024-03-04T05:06:07Z\n",
    ),
    (
        "contacts.jsonl",
        "{\"_id\": 7, \"email\": \"Ada@X.test\", \"_links.companies\": [501], \"shoe_size\": 38.5}\n{\"firstname\": \"B\"}\n",
    ),
    ("contacts.schema.yaml", "properties:\n  - {name: shoe_size, type: number, fieldType: number}\n"),
    ("cars.csv", "_id,plate,_links.contacts\n1,BE 1,7;10001\n"),
    (
        "cars.schema.yaml",
        "labels: {singular: Car, plural: Cars}\nproperties:\n  - {name: plate, label: Plate, type: string, fieldType: text, hasUniqueValue: true}\n",
    ),
    ("owners.csv", "id,email,firstName,lastName,userId\n11,o@x.test,O,Wner,99\n"),
];

#[tokio::test]
async fn records_keep_their_ids_times_and_links() {
    let folder = folder(&FILES);
    let account = Account::with(options(folder.path()), Clock::system()).await;
    let (_, company) = account.get("crm/v3/objects/companies/501?associations=contacts").await;
    assert_eq!(company["createdAt"], "2024-01-02T00:00:00.000Z");
    assert_eq!(company["properties"]["hs_lastmodifieddate"], "2024-03-04T05:06:07.000Z");
    assert_eq!(company["associations"]["contacts"]["results"][0]["id"], "7");
    let (_, contact) = account.get("crm/v3/objects/contacts/ada@x.test?idProperty=email&properties=shoe_size").await;
    assert_eq!((&contact["id"], &contact["properties"]["shoe_size"]), (&json!("7"), &json!("38.5")));
    let (_, counts) = account.get("_emulator/counts").await;
    assert_eq!(counts["records"]["cars"], 1);
    assert_eq!(counts["associations"]["cars>contacts"], 2);
    assert_eq!(counts["associations"]["contacts>companies"], 1);
    let (_, found) = account.post("crm/v3/objects/contacts/search", json!({})).await;
    assert_eq!(found["total"], 2);
}

#[tokio::test]
async fn owners_can_be_assigned_by_id_only() {
    let folder = folder(&FILES);
    let account = Account::with(options(folder.path()), Clock::system()).await;
    let (_, owners) = account.get("crm/owners/2026-09?limit=1").await;
    assert_eq!((ids(&owners), owners.get("paging")), (vec!["11".to_owned()], None));
    assert_eq!(account.get("crm/v3/owners/99?idProperty=userId").await.1["id"], "11");
    account.create("contacts", json!({"hubspot_owner_id": "11"})).await;
    let by_user = json!({"properties": {"hubspot_owner_id": "99"}});
    assert_eq!(account.post("crm/v3/objects/contacts", by_user).await.0, 400);
}

#[test]
fn says_what_is_wrong_with_a_fixture() {
    let cases = [
        (("contacts.csv", "email,zodiac\na@x.test,leo\n"), "column `zodiac` is no property"),
        (("contacts.csv", "email\na@x.test\nA@x.test\n"), "the unique value `a@x.test` is used twice"),
        (("contacts.csv", "_id\n1\n1\n"), "the id 1 is used twice"),
        (("companies.csv", "numberofemployees\nmany\n"), "column `numberofemployees`: many was not a valid number."),
        (("contacts.csv", "firstname,_links.companies\nA,9\n"), "no record of `companies` has the id 9"),
        (("cars.csv", "plate\nBE 1\n"), "the object is not a standard one and has no schema file"),
        (("pipelines.schema.yaml", "deals: 1\n"), "fixture `pipelines.schema.yaml`"),
    ];
    for (file, expected) in cases {
        let folder = folder(&[file]);
        let error = emulator(options(folder.path()), Clock::system()).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}
