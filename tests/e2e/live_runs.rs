//! The repository's pipelines against emulators that stay: the dirty fixtures arrive once, and a second run has nothing to do.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

use super::plans::check_is_empty;
use super::support::{Crms, Desk, repository};

/// How many times as fast as the machine's the clocks are: as in a dry run.
const SPEED: [&str; 2] = ["--clock-speed", "50"];

#[test]
fn hubspot_to_airtable_arrives_once() {
    check("hubspot-to-airtable", [4, 4]);
}

#[test]
fn airtable_to_hubspot_arrives_once() {
    check("airtable-to-hubspot", [4, 4]);
}

#[test]
fn csv_to_hubspot_arrives_once() {
    check("csv-to-hubspot", [4, 4]);
}

#[test]
fn two_destinations_arrive_once() {
    check("two-destinations", [0, 0]);
}

#[test]
fn hubspot_to_salesforce_arrives_once() {
    check("hubspot-to-salesforce", [4, 4]);
}

#[test]
fn csv_to_salesforce_arrives_once_by_a_job() {
    let [first, _] = check("csv-to-salesforce", [4, 4]);
    let calls = destinations(&first).map(|account| account["calls_write"].as_u64().unwrap()).sum::<u64>();
    assert!(calls <= 3, "2,400 leads are one job: {first}");
}

/// What was rejected is not read again before it changes, and a run tells of it until it is written.
#[test]
fn salesforce_to_hubspot_arrives_once() {
    let [first, second] = check("salesforce-to-hubspot", [4, 4]);
    let letters = |report: &Json| {
        destinations(report)
            .map(|account| account["rejected"].as_u64().unwrap() + account["held"].as_u64().unwrap())
            .sum::<u64>()
    };
    let again = letters(&second);
    assert!(again < letters(&first), "only what is read whole is rejected again: {second}");
    assert_eq!(second["earlier_rejects"].as_u64().unwrap(), letters(&first) - again, "{second}");
}

#[test]
fn salesforce_to_airtable_arrives_once() {
    check("salesforce-to-airtable", [4, 4]);
}

#[test]
fn sheets_to_hubspot_arrives_once() {
    check("sheets-to-hubspot", [4, 4]);
}

#[test]
fn hubspot_to_sheets_arrives_once_with_its_formulas() {
    let crms = local_crms();
    check_at(&crms, "hubspot-to-sheets", [0, 0]);
    let contacts = values(&crms, "CRM%20contacts");
    assert!(contacts.len() > 300, "{} rows", contacts.len());
    let mut looked_up = 0;
    for contact in &contacts {
        // Days since contact, a score, the representative by country.
        assert!(contact[7] == "" || contact[7].as_f64().unwrap() >= 0.0, "{contact:?}");
        assert!((10.0..=100.0).contains(&contact[8].as_f64().unwrap()), "{contact:?}");
        assert!(["", "Ines", "Jonas", "Kaya"].contains(&contact[9].as_str().unwrap()), "{contact:?}");
        looked_up += usize::from(contact[9] != "");
    }
    assert!(looked_up > contacts.len() / 2, "{looked_up} of {} have a representative", contacts.len());
    for deal in values(&crms, "CRM%20deals") {
        assert!((0.0..=1.0).contains(&deal[5].as_f64().unwrap()), "{deal:?}");
    }
}

#[test]
fn sheets_to_airtable_arrives_once() {
    check("sheets-to-airtable", [4, 4]);
}

#[test]
fn the_nightly_run_reads_little_the_next_night() {
    let [first, second] = check("nightly-incremental", [0, 0]);
    let read = |report: &Json| {
        report["streams"].as_array().unwrap().iter().map(|stream| stream["read"].as_u64().unwrap()).sum::<u64>()
    };
    assert!(read(&second) < read(&first) / 4, "{second}");
}

/// Runs a pipeline twice. The second run rejects the same records as the first, where it reads them, and writes nothing.
fn check(name: &str, codes: [i32; 2]) -> [Json; 2] {
    check_at(&local_crms(), name, codes)
}

fn local_crms() -> Crms {
    let crms =
        Crms::start(&["hubspot", "airtable", "salesforce", "google_sheets"], Some(&repository("fixtures")), &SPEED);
    // A local base or spreadsheet exists, with its fixtures, from its first use on.
    crms.get("airtable", "/v0/meta/bases/appFerryDemo00001/tables");
    crms.get("google_sheets", "/v4/spreadsheets/1FerryDemoSpreadsheet?fields=spreadsheetId");
    crms
}

fn check_at(crms: &Crms, name: &str, codes: [i32; 2]) -> [Json; 2] {
    let desk = Desk::new(crms);
    let pipeline = put_pipeline(&desk, name);
    let first = desk.run(crms, &pipeline, &SPEED, codes[0]);
    let second = desk.run(crms, &pipeline, &SPEED, codes[1]);
    for (was, is) in destinations(&first).zip(destinations(&second)) {
        assert!(
            was["created"].as_u64().unwrap() + was["updated"].as_u64().unwrap() > 0,
            "{name}: nothing arrives: {was}"
        );
        assert_eq!(is["rate_limited"], 0, "{name}: {is}");
        if is["connection"] == "lake" {
            // Every run rewrites a file.
            assert_eq!(is["created"], was["created"], "{name}: {is}");
            continue;
        }
        assert_eq!(is["calls_write"], 0, "{name}: {is}");
        assert_eq!((&is["created"], &is["updated"]), (&0.into(), &0.into()), "{name}: {is}");
    }
    check_is_empty(&desk, &pipeline);
    [first, second]
}

/// Returns what the rows of a tab show, below the header.
fn values(crms: &Crms, tab: &str) -> Vec<Vec<Json>> {
    let path =
        format!("/v4/spreadsheets/1FerryDemoSpreadsheet/values/'{tab}'!A2:J?valueRenderOption=UNFORMATTED_VALUE");
    let answer = crms.get("google_sheets", &path);
    let row = |row: &Json| {
        let mut row = row.as_array().unwrap().clone();
        row.resize(10, Json::from(""));
        row
    };
    answer["values"].as_array().unwrap().iter().map(row).collect()
}

/// Puts a pipeline of the repository on a desk, with its connections pointed at the emulators.
fn put_pipeline(desk: &Desk, name: &str) -> PathBuf {
    fs::create_dir(desk.path("pipelines")).unwrap();
    copy_files(&repository("fixtures/csv"), &desk.path("fixtures/csv"));
    let mut text = fs::read_to_string(repository("pipelines").join(format!("{name}.yaml"))).unwrap();
    for vendor in ["hubspot", "airtable"] {
        let directed = format!("type: {vendor}, base_url: \"${{{}_URL}}\",", vendor.to_uppercase());
        text = text.replace(&format!("type: {vendor},"), &directed);
    }
    text =
        text.replace("    type: google_sheets\n", "    type: google_sheets\n    base_url: \"${GOOGLE_SHEETS_URL}\"\n");
    desk.write(&format!("pipelines/{name}.yaml"), &text)
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn destinations(report: &Json) -> impl Iterator<Item = &Json> {
    report["streams"].as_array().unwrap().iter().flat_map(|stream| stream["destinations"].as_array().unwrap())
}
