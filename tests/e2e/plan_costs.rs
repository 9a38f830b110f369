//! What a plan says that a run takes is what the run then takes.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::mirrors::{PLACES, SPEED};
use super::plans::{person, pipeline, put};
use super::support::{Crms, Desk};

/// More than a batch holds at each system, but for a sheet.
const PEOPLE: usize = 210;

/// Plans a pipeline, runs it, and checks that the run takes of the CRM what the plan says.
fn check(desk: &Desk, crms: &Crms, (file, more): (&Path, &[&str]), what: &str) -> Json {
    let more = [more, &SPEED].concat();
    let args = ["plan", file.to_str().unwrap(), "--json", "--quiet"];
    let planned = desk.ferry([&args[..], &more].concat());
    assert_eq!(planned.code, 0, "{what}: {}", planned.stderr);
    let summary: Json = serde_json::from_str(planned.stdout.lines().last().unwrap()).unwrap();
    let costs = summary["connections"].as_array().unwrap().iter().find(|costs| costs["connection"] == "crm");
    let costs = costs.unwrap_or_else(|| panic!("{what}: {summary}"));
    // With a new state, a record that was there may be told as created, so the ledger of such a run is not audited.
    let report = if more.contains(&"--state") {
        desk.ferry([&["run", file.to_str().unwrap(), "--json", "--quiet"], &more[..]].concat()).json()
    } else {
        desk.run(crms, file, &more, 0)
    };
    let (mut read, mut write, mut spent) = (0, 0, 0);
    for stream in report["streams"].as_array().unwrap() {
        if stream["source_account"].is_string() {
            read += stream["calls"].as_u64().unwrap();
        }
        for destination in stream["destinations"].as_array().unwrap() {
            read += destination["calls_read"].as_u64().unwrap();
            write += destination["calls_write"].as_u64().unwrap();
            spent += destination["quota"]["spent"].as_u64().unwrap_or_default();
        }
    }
    let took = (read, write);
    assert_eq!(
        (costs["calls_read"].as_u64(), costs["calls_write"].as_u64()),
        (Some(read), Some(write)),
        "{what}: {costs}"
    );
    assert_eq!(costs["calls"], took.0 + took.1, "{what}: {costs}");
    if costs["quota"]["unit"] == "tokens" {
        assert_eq!(costs["quota"]["needed"], spent, "{what}: {costs}");
    } else if !costs["quota"].is_null() {
        assert_eq!(costs["quota"]["needed"], costs["calls"], "{what}: {costs}");
    }
    costs.clone()
}

#[test]
fn a_run_takes_the_calls_and_tokens_that_its_plan_says() {
    for place in PLACES {
        let (crms, vendor) = (place.start(), place.vendor);
        let desk = Desk::new(&crms);
        let rows = |numbers: std::ops::RangeInclusive<usize>, name: &str| -> Vec<String> {
            numbers.map(|number| person(number, name)).collect()
        };
        let file = pipeline(&desk, &place, "people", "upsert");
        put(&desk, "people", &rows(1..=PEOPLE, "Ada"));
        let creates = check(&desk, &crms, (&file, &[]), &format!("{vendor}, creates"));
        assert_ne!(creates["calls_write"], 0, "{vendor}");
        put(&desk, "people", &rows(1..=PEOPLE, "Grace"));
        check(&desk, &crms, (&file, &[]), &format!("{vendor}, updates"));
        let mixed = [rows(1..=10, "Grace"), rows(11..=PEOPLE - 5, "Edsger"), rows(PEOPLE + 1..=PEOPLE + 120, "Alan")];
        put(&desk, "people", &mixed.concat());
        check(&desk, &crms, (&file, &[]), &format!("{vendor}, a mix"));
        let unchanged = check(&desk, &crms, (&file, &[]), &format!("{vendor}, nothing"));
        assert_eq!(unchanged["calls_write"], 0, "{vendor}: {unchanged}");
        // A state that knows nothing: a run sends again what it has not compared.
        if vendor == "google_sheets" {
            // A sheet is read before it is written, and a row that holds all of it is not written: only then is that known.
            continue;
        }
        let fresh = desk.path("fresh.db");
        let again =
            check(&desk, &crms, (&file, &["--state", fresh.to_str().unwrap()]), &format!("{vendor}, a new state"));
        assert_ne!(again["calls_write"], 0, "{vendor}: {again}");
    }
}

#[test]
fn the_costs_of_a_mirror_are_those_of_its_deletes_too() {
    for place in PLACES {
        let (crms, vendor) = (place.start(), place.vendor);
        let desk = Desk::new(&crms);
        let file = pipeline(&desk, &place, "people", "mirror");
        put(&desk, "people", &(1..=30).map(|number| person(number, "Ada")).collect::<Vec<_>>());
        desk.run(&crms, &file, &SPEED, 0);
        put(&desk, "people", &(1..=26).map(|number| person(number, "Ada")).collect::<Vec<_>>());
        let costs = check(&desk, &crms, (&file, &[]), &format!("{vendor}, deletes"));
        assert_eq!(costs["connection"], json!("crm"), "{vendor}");
        assert_ne!(costs["calls_write"], 0, "{vendor}: {costs}");
    }
}
