//! The sample set "CRM Sales Opportunities": CSV to HubSpot to Airtable, with the vendors' limits on.

use std::{collections::BTreeMap, path::Path, process::Command, time::Duration};

use serde_json::Value as Json;

use super::support::{Crms, Desk, pause, repository, sample_data};

const ACCOUNTS: u64 = 85;
const DEALS: u64 = 8_800;
const LINKED_DEALS: u64 = 7_375;
/// The least possible number of calls; `tests/data/expect_sales.py` derives it.
const LEAST_CALLS_TO_HUBSPOT: u64 = 96;
const LEAST_CALLS_TO_AIRTABLE: u64 = 981;
/// How many times as fast as the machine's the clocks of the emulators and of the runs are. Limits keep their proportions.
const CLOCK_SPEED: &str = "10";
/// Airtable's requests per second, on that clock.
const AIRTABLE_PACE: Duration = Duration::from_millis(1_000 / 5 / 10 + 10);
const BASE: &str = "appFerrySales0001";

#[test]
fn arrive_whole_with_the_fewest_calls() {
    let Some(folder) = sample_data("crm-sales-opportunities") else { return };
    let speed = ["--clock-speed", CLOCK_SPEED];
    let fixtures = repository("tests/pipelines/sales/fixtures");
    let crms = Crms::start(&["hubspot", "airtable"], Some(&fixtures), &speed);
    let mut desk = Desk::new(&crms);
    desk.set("SALES_DATA", folder.to_str().unwrap());
    let to_hubspot = repository("tests/pipelines/sales/csv-to-hubspot.yaml");
    let to_airtable = repository("tests/pipelines/sales/hubspot-to-airtable.yaml");

    let report = desk.run(&crms, &to_hubspot, &speed, 0);
    check_first_run(&report, LEAST_CALLS_TO_HUBSPOT);
    let links = &crms.counts()["hubspot"]["associations"]["deals>companies"];
    assert_eq!(links.as_u64(), Some(LINKED_DEALS));

    let report = desk.run(&crms, &to_airtable, &speed, 0);
    check_first_run(&report, LEAST_CALLS_TO_AIRTABLE);
    if let Some(expected) = expected_content(&folder) {
        compare(&expected, &airtable_content(&crms));
    }

    for pipeline in [&to_hubspot, &to_airtable] {
        check_second_run(&desk.run(&crms, pipeline, &speed, 0));
    }
}

fn check_first_run(report: &Json, least_calls: u64) {
    let [accounts, deals] = report["streams"].as_array().unwrap().as_slice() else { panic!("{report}") };
    assert_eq!(accounts["destinations"][0]["created"], ACCOUNTS);
    assert_eq!(deals["destinations"][0]["created"], DEALS);
    let mut calls = 0;
    for stream in [accounts, deals] {
        let destination = &stream["destinations"][0];
        calls += stream["calls"].as_u64().unwrap() + destination["calls"].as_u64().unwrap();
        assert_eq!((&stream["rate_limited"], &destination["rate_limited"]), (&Json::from(0), &Json::from(0)));
    }
    assert!(calls >= least_calls, "{calls} calls are fewer than the least possible {least_calls}");
    assert!(calls * 100 <= least_calls * 102, "{calls} calls, the least possible are {least_calls}: {report}");
}

fn check_second_run(report: &Json) {
    for (stream, records) in report["streams"].as_array().unwrap().iter().zip([ACCOUNTS, DEALS]) {
        let destination = &stream["destinations"][0];
        assert_eq!(destination["unchanged"], records, "{report}");
        assert_eq!(destination["calls_write"], 0, "{report}");
    }
}

/// Records by table and key.
type Content = BTreeMap<(String, String), Json>;

/// Asks the independent script; says so and returns none where there is no Python.
fn expected_content(folder: &Path) -> Option<Content> {
    let script = repository("tests/data/expect_sales.py");
    let Ok(output) = Command::new("python3").arg(script).arg(folder).output() else {
        println!("skipped: there is no python3 to say what the base must hold");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let records = lines.lines().map(|line| {
        let record: Json = serde_json::from_str(line).unwrap();
        entry(record["table"].as_str().unwrap(), record["fields"].clone())
    });
    Some(records.collect())
}

/// Lists the base as a client of the vendor does, and turns links into names.
fn airtable_content(crms: &Crms) -> Content {
    let accounts = list(crms, "Accounts");
    let names: BTreeMap<&str, &Json> =
        accounts.iter().map(|record| (record["id"].as_str().unwrap(), &record["fields"]["Name"])).collect();
    let mut content = Content::new();
    let mut back_links = 0;
    for account in &accounts {
        let mut fields = account["fields"].clone();
        // The other side of the deals' links, which the vendor keeps by itself.
        let deals = fields.as_object_mut().unwrap().remove("Deals");
        back_links += deals.as_ref().and_then(Json::as_array).map_or(0, Vec::len);
        content.extend([entry("Accounts", fields)]);
    }
    assert_eq!(u64::try_from(back_links).unwrap(), LINKED_DEALS);
    for deal in list(crms, "Deals") {
        let mut fields = deal["fields"].clone();
        for link in fields.get_mut("Account").and_then(Json::as_array_mut).into_iter().flatten() {
            *link = names[link.as_str().unwrap()].clone();
        }
        content.extend([entry("Deals", fields)]);
    }
    content
}

fn list(crms: &Crms, table: &str) -> Vec<Json> {
    let mut records = Vec::new();
    let mut offset = String::new();
    loop {
        let mut page = crms.get("airtable", &format!("/v0/{BASE}/{table}?pageSize=100{offset}"));
        records.append(page["records"].as_array_mut().unwrap());
        let Some(next) = page["offset"].as_str() else { return records };
        offset = format!("&offset={next}");
        pause(AIRTABLE_PACE);
    }
}

fn entry(table: &str, mut fields: Json) -> ((String, String), Json) {
    let key = if table == "Deals" { "Opportunity ID" } else { "Name" };
    // 1054 and 1054.0 are the same number.
    for value in fields.as_object_mut().unwrap().values_mut() {
        if let Some(number) = value.as_f64() {
            *value = Json::from(number);
        }
    }
    ((table.to_owned(), fields[key].as_str().unwrap().to_owned()), fields)
}

fn compare(expected: &Content, arrived: &Content) {
    assert_eq!(u64::try_from(expected.len()).unwrap(), ACCOUNTS + DEALS);
    for (place, fields) in expected {
        assert_eq!(arrived.get(place), Some(fields), "{place:?}");
    }
    assert_eq!(arrived.len(), expected.len(), "there are records that nobody expects");
}
