//! HubSpot → Salesforce → HubSpot: companies, contacts and deals with their links. What does not come back as it went is counted
//! and named in `docs/reference/round-trip.md`, which this test writes.

mod page;
mod portal;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value as Json;

use super::support::{Crms, Desk, audit_ledgers, repository};

use page::{Row, page};
use portal::{Records, read, write_fixtures};

const PAGE: &str = "docs/reference/round-trip.md";
const THERE: &str = "tests/pipelines/round-trip/hubspot-to-salesforce.yaml";
const BACK: &str = "tests/pipelines/round-trip/salesforce-to-hubspot.yaml";
/// HubSpot's objects, with what the crosswalk calls them.
const OBJECTS: [(&str, &str); 3] = [("companies", "company"), ("contacts", "contact"), ("deals", "deal")];

/// One standard field at both systems.
#[derive(Debug)]
struct StandardField {
    hubspot: String,
    salesforce: Option<String>,
}

#[test]
fn standard_fields_come_back_as_they_went_or_are_named_in_the_reference() {
    let fixtures = tempfile::tempdir().unwrap();
    write_fixtures(fixtures.path());
    let here = Crms::start(&["hubspot", "salesforce"], Some(&fixtures.path().join("full")), &["--no-limits"]);
    let back = Crms::start(&["hubspot"], Some(&fixtures.path().join("empty")), &["--no-limits"]);
    let mut desk = Desk::new(&here);
    desk.set("HUBSPOT_BACK_URL", back.url("hubspot"));
    let mut refused = BTreeMap::new();
    for pipeline in [THERE, BACK] {
        run(&desk, &repository(pipeline), &mut refused);
    }

    let mut rows = Vec::new();
    let mut counts = Vec::new();
    for (object, kind) in OBJECTS {
        let fields = standard_fields(kind, object);
        let names: Vec<&str> = fields.iter().map(|field| field.hubspot.as_str()).collect();
        let (before, after) = (read(&here, object, &names, "_id"), read(&back, object, &names, "external_id"));
        let ids: BTreeSet<&String> = before.keys().collect();
        assert!(after.keys().all(|id| ids.contains(id)), "{object} came back that nobody sent");
        counts.push((object, before.len(), after.len()));
        rows.extend(fields.iter().map(|field| Row::of_field(object, field, &before, &after)));
        rows.extend(Row::of_links(object, &before, &after));
    }
    let written = page(&rows, &counts, &refused);
    let path = repository(PAGE);
    if fs::read_to_string(&path).is_ok_and(|committed| committed == written) {
        return;
    }
    fs::write(&path, written).unwrap();
    panic!("`{PAGE}` was out of date and is rewritten: look at the change and commit it");
}

/// Runs a pipeline and notes what it refused.
fn run(desk: &Desk, pipeline: &Path, refused: &mut BTreeMap<(String, String), u64>) {
    let file = pipeline.to_str().unwrap();
    let ran = desk.ferry(["run", file, "--json"]);
    assert!([0, 4].contains(&ran.code), "{ran:?}");
    let report = ran.json();
    assert_eq!(report["status"], "done", "{report}");
    audit_ledgers(&report);
    for reason in report["reasons"].as_array().unwrap() {
        let word = |name: &str| reason[name].as_str().unwrap_or_default().to_owned();
        let why =
            if word("field").is_empty() { word("code") } else { format!("{} (`{}`)", word("code"), word("field")) };
        *refused.entry((word("stream"), why)).or_default() += reason["records"].as_u64().unwrap();
    }
}

/// Reads the crosswalk, and the stage of deals, which is no standard field but that without which there is no deal.
fn standard_fields(kind: &str, object: &str) -> Vec<StandardField> {
    let read = |path: &str| -> Json { serde_yaml::from_str(&fs::read_to_string(repository(path)).unwrap()).unwrap() };
    let standard = read("src/config/standard.yaml");
    let [of_hubspot, of_salesforce] =
        ["hubspot", "salesforce"].map(|name| read(&format!("src/connectors/{name}/standard.yaml"))[kind].clone());
    let salesforce = |json: &Json| match (json.as_str(), json["fields"].as_array()) {
        (Some(name), _) => Some(format!("`{name}`")),
        (None, Some(fields)) => Some(format!("read from `{}`", fields[0].as_str().unwrap())),
        (None, None) => None,
    };
    let mut fields: Vec<StandardField> = standard[kind]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|field| {
            let name = field["field"].as_str()?;
            let hubspot = of_hubspot[name].as_str()?.to_owned();
            Some(StandardField { hubspot, salesforce: salesforce(&of_salesforce[name]) })
        })
        .collect();
    if object == "deals" {
        fields.push(StandardField { hubspot: "dealstage".to_owned(), salesforce: Some("`StageName`".to_owned()) });
    }
    fields
}

/// Returns the values of a field of the records that came back, with those they had.
fn pairs<'a>(before: &'a Records, after: &'a Records, field: &str) -> Vec<(Option<&'a str>, Option<&'a str>)> {
    let value = |record: &'a portal::Record| record.fields.get(field).map(String::as_str);
    after.iter().map(|(id, came)| (value(&before[id]), came.fields.get(field).map(String::as_str))).collect()
}
