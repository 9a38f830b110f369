//! The audit log: every request is in it, and nothing secret or personal.

use std::{fs, path::Path};

use serde_json::Value as Json;

use super::{
    people::{BACK, PEOPLE, put_people},
    support::{Crms, Desk, repository},
};

/// The same people into a table whose key is looked up by formulas, which carry the addresses.
const TO_AIRTABLE: &str = "\
version: 1
name: people-to-airtable
connections:
  files: { type: csv, path: ., id: { people: id } }
  base: { type: airtable, token: \"${AIRTABLE_TOKEN}\", base_url: \"${AIRTABLE_URL}\", base_id: appFerryDemo00001, audit: base.jsonl }
streams:
  - name: people
    source: { connection: files, object: people }
    destinations:
      - connection: base
        object: Contacts
        key: [Email]
        mappings: { Email: { from: email, apply: [email], required: true }, Name: last }
";

fn lines(path: &Path) -> Vec<Json> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Checks that no planted value is anywhere in the file.
fn assert_impersonal(path: &Path) {
    let text = fs::read_to_string(path).unwrap().to_lowercase();
    for planted in ["example.org", "carla", "costa", "dupont", "didier", "albrecht", "secret-", "bearer"] {
        assert!(!text.contains(planted), "`{planted}` is in the audit log:\n{text}");
    }
}

fn requests(crms: &Crms, vendor: &str) -> u64 {
    let requests = &crms.counts()[vendor]["requests"];
    requests["read"].as_u64().unwrap() + requests["write"].as_u64().unwrap()
}

#[test]
fn every_request_of_a_run_has_a_line_and_none_holds_a_value() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    let pipeline = put_people(&desk, PEOPLE, "");
    let report = desk.run(&crms, &pipeline, &["--audit", "logs/audit.jsonl"], 4);
    let log = desk.path("logs/audit.jsonl");
    let lines = lines(&log);
    assert_eq!(lines.len() as u64, requests(&crms, "hubspot"));
    let write = lines.iter().find(|line| line["path"].as_str().unwrap().ends_with("/batch/upsert")).unwrap();
    assert_eq!(write["run"], report["run_id"]);
    assert_eq!((&write["connection"], &write["method"]), (&"crm".into(), &"POST".into()));
    assert_eq!((&write["status"], &write["records"]), (&200.into(), &3.into()), "{write}");
    assert!(write["time"].as_str().unwrap().ends_with('Z') && write["wait_ms"].is_u64(), "{write}");
    assert_impersonal(&log);
}

#[test]
fn reads_count_what_they_bring_and_failures_are_logged_too() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let mut desk = Desk::new(&crms);
    let pipeline = put_people(&desk, PEOPLE, "");
    desk.run(&crms, &pipeline, &[], 4);
    let back = desk.write("back.yaml", BACK);
    desk.run(&crms, &back, &["--audit", "audit.jsonl"], 0);
    desk.set("HUBSPOT_TOKEN", "invalid-token");
    assert_eq!(desk.ferry(["check", "back.yaml", "--audit", "audit.jsonl"]).code, 3);
    let log = desk.path("audit.jsonl");
    let lines = lines(&log);
    let list = lines.iter().find(|line| line["path"].as_str().unwrap().ends_with("/contacts") && line["records"] == 3);
    assert!(list.is_some(), "{lines:?}");
    let refused = lines.last().unwrap();
    assert_eq!((&refused["status"], &refused["run"]), (&401.into(), &Json::Null), "{refused}");
    assert_impersonal(&log);
}

#[test]
fn a_connection_names_its_own_log_beside_the_pipeline() {
    let crms = Crms::start(&["airtable"], Some(&repository("fixtures")), &[]);
    let desk = Desk::new(&crms);
    desk.write("people.csv", PEOPLE);
    desk.write("people-to-airtable.yaml", TO_AIRTABLE);
    let ran = desk.ferry(["run", "people-to-airtable.yaml"]);
    assert_eq!(ran.code, 4, "{ran:?}");
    let log = desk.path("base.jsonl");
    assert_eq!(lines(&log).len() as u64, requests(&crms, "airtable"));
    assert!(lines(&log).iter().any(|line| line["path"].as_str().unwrap().ends_with("/listRecords")));
    assert_impersonal(&log);
}

#[test]
fn a_log_that_cannot_be_written_stops_the_run_before_its_first_request() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    put_people(&desk, PEOPLE, "");
    let ran = desk.ferry(["run", "people.yaml", "--audit", "people.csv/audit.jsonl"]);
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stderr.contains("[audit]"), "{}", ran.stderr);
    assert_eq!(requests(&crms, "hubspot"), 0);
    let dry = desk.ferry(["run", "people.yaml", "--dry-run", "--audit", "audit.jsonl"]);
    assert_eq!(dry.code, 2, "{dry:?}");
}
