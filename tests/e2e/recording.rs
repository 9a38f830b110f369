//! `ferry record`: what it takes can be loaded, and shows nobody.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value as Json;

use super::{
    pages::check_all,
    people::BACK,
    support::{Crms, Desk, repository},
};

const BASE: &str = "\
version: 1
name: base
connections:
  base: { type: airtable, token: \"${AIRTABLE_TOKEN}\", base_url: \"${AIRTABLE_URL}\", base_id: appFerryDemo00001 }
  files: { type: csv, path: out }
streams:
  - name: leads
    source: { connection: base, object: Leads }
    destinations: [{ connection: files, object: leads, mappings: { name: Name, mail: Email, account: _links.Accounts } }]
";

const ORG: &str = "\
version: 1
name: org
connections:
  org: { type: salesforce, client_id: \"${SALESFORCE_CLIENT_ID}\", client_secret: \"${SALESFORCE_CLIENT_SECRET}\", base_url: \"${SALESFORCE_URL}\" }
  files: { type: csv, path: out }
streams:
  - name: contacts
    source: { connection: org, object: Contact }
    destinations: [{ connection: files, object: contacts, mappings: { name: LastName, mail: Email, account: AccountId } }]
";

fn lines(path: &Path) -> Vec<Json> {
    fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The records of a fixture of the repository, by id.
fn originals(file: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(repository(file)).unwrap();
    let header = reader.headers().unwrap().clone();
    let rows = reader.records().map(|row| {
        let row = row.unwrap();
        let cells = header.iter().map(str::to_owned).zip(row.iter().map(str::to_owned));
        cells.collect::<BTreeMap<String, String>>()
    });
    rows.map(|row| (row.get("_id").or_else(|| row.get("Id")).unwrap().clone(), row)).collect()
}

fn record(desk: &Desk, connection: &str, object: &str, more: &[&str]) -> Json {
    let words = ["record", connection, object, "--file", "back.yaml", "--output", "taken", "--json"];
    let ran = desk.ferry([&words, more].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.json()
}

#[test]
fn people_of_hubspot_are_taken_masked_with_links_and_doubles() {
    let crms = Crms::start(&["hubspot"], Some(&repository("fixtures")), &["--no-limits"]);
    let desk = Desk::new(&crms);
    desk.write("back.yaml", BACK);
    record(&desk, "crm", "companies", &["--limit", "1000"]);
    let taken = record(&desk, "crm", "contacts", &["--limit", "200"]);
    assert_eq!((&taken["records"], &taken["is_masked"]), (&200.into(), &true.into()));
    let masked = lines(&desk.path("taken/hubspot/contacts.jsonl"));
    let originals = originals("fixtures/hubspot/contacts.csv");
    let text = fs::read_to_string(desk.path("taken/hubspot/contacts.jsonl")).unwrap().to_lowercase();
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for record in &masked {
        let original = &originals[record["_id"].as_str().unwrap()];
        for field in ["email", "work_email", "phone"] {
            let value = original[field].trim().to_lowercase();
            assert!(value.len() < 6 || !text.contains(&value), "`{field}` of a record is shown");
        }
        assert_eq!(original["email"].is_empty(), record["email"].is_null(), "{record}");
        assert_eq!(original["country"].is_empty(), record["country"].is_null(), "{record}");
        if !original["email"].is_empty() {
            before.push(original["email"].trim().to_lowercase());
            after.push(record["email"].as_str().unwrap().trim().to_lowercase());
        }
    }
    let distinct = |list: &[String]| list.iter().collect::<BTreeSet<_>>().len();
    assert_eq!(distinct(&before), distinct(&after), "as many different addresses as before");
    let linked =
        masked.iter().filter(|record| record["_links.companies"].as_array().is_some_and(|list| !list.is_empty()));
    assert!(linked.count() > 50, "links survive");
}

#[test]
fn a_dry_run_runs_on_what_was_taken() {
    let crms = Crms::start(&["hubspot"], Some(&repository("fixtures")), &["--no-limits"]);
    let desk = Desk::new(&crms);
    desk.write("back.yaml", BACK);
    for object in ["companies", "contacts", "deals"] {
        record(&desk, "crm", object, &["--limit", "60"]);
    }
    let airtable = desk.path("taken/airtable");
    fs::create_dir_all(&airtable).unwrap();
    for entry in fs::read_dir(repository("fixtures/airtable")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), airtable.join(entry.file_name())).unwrap();
    }
    let pipeline = repository("pipelines/hubspot-to-airtable.yaml");
    let words = ["run", pipeline.to_str().unwrap(), "--dry-run", "--fixtures", "taken", "--json", "--quiet"];
    let ran = desk.ferry(words);
    assert!(matches!(ran.code, 0 | 4), "{ran:?}");
    let report = ran.json();
    for stream in report["streams"].as_array().unwrap() {
        assert_eq!(stream["destinations"][0]["read"], 60, "{stream}");
        let created = stream["destinations"][0]["created"].as_u64().unwrap();
        assert!(created > 30, "most records are as good as the ones they stand for: {stream}");
    }
}

#[test]
fn a_table_of_airtable_is_taken_with_its_base() {
    let crms = Crms::start(&["airtable"], Some(&repository("fixtures")), &["--no-limits"]);
    let desk = Desk::new(&crms);
    desk.write("back.yaml", BASE);
    record(&desk, "base", "Accounts", &["--limit", "1000"]);
    record(&desk, "base", "Leads", &["--limit", "80"]);
    let leads = lines(&desk.path("taken/airtable/Leads.jsonl"));
    assert_eq!(leads.len(), 80);
    let linked = leads.iter().filter(|lead| lead["Account"].as_array().is_some_and(|list| !list.is_empty()));
    assert!(linked.count() > 10, "links survive");
    let ran = desk.ferry(["run", "back.yaml", "--dry-run", "--fixtures", "taken", "--json", "--quiet"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.json()["streams"][0]["destinations"][0]["created"], 80, "{ran:?}");
}

#[test]
fn people_of_salesforce_are_taken_masked_with_accounts_owners_and_definitions() {
    let crms = Crms::start(&["salesforce"], Some(&repository("fixtures")), &["--no-limits"]);
    let desk = Desk::new(&crms);
    desk.write("back.yaml", ORG);
    let accounts = record(&desk, "org", "Account", &["--limit", "1000"]);
    assert_eq!(accounts["links_left_out"], 0, "the users come along, and accounts lead to accounts");
    let taken = record(&desk, "org", "Contact", &["--limit", "120"]);
    assert_eq!((&taken["records"], &taken["is_masked"]), (&120.into(), &true.into()));
    let originals = originals("fixtures/salesforce/Contact.csv");
    let text = fs::read_to_string(desk.path("taken/salesforce/Contact.jsonl")).unwrap().to_lowercase();
    let known: BTreeSet<String> = ["Account", "User"]
        .iter()
        .flat_map(|object| lines(&desk.path(&format!("taken/salesforce/{object}.jsonl"))))
        .map(|record| record.get("_id").or_else(|| record.get("id")).unwrap().as_str().unwrap().to_owned())
        .collect();
    let mut linked = 0;
    for record in lines(&desk.path("taken/salesforce/Contact.jsonl")) {
        // The fixture has ids of 15 letters, the API answers with 18.
        let original = &originals[&record["_id"].as_str().unwrap()[..15]];
        for field in ["Email", "Phone"] {
            let value = original[field].trim().to_lowercase();
            assert!(value.len() < 6 || !text.contains(&value), "`{field}` of a record is shown");
            assert_eq!(original[field].is_empty(), record[field].is_null(), "{record}");
        }
        assert_eq!(original["MailingCountry"].trim(), record["MailingCountry"].as_str().unwrap_or_default());
        assert_eq!(original["Newsletter__c"] == "true", record["Newsletter__c"] == true);
        assert_eq!(original["AccountId"].is_empty(), record["AccountId"].is_null(), "{record}");
        for link in ["AccountId", "OwnerId"].iter().filter_map(|name| record[*name].as_str()) {
            assert!(known.contains(link), "{link} leads nowhere");
            linked += 1;
        }
    }
    assert!(linked > 120, "links survive: {linked}");
    let schema = fs::read_to_string(desk.path("taken/salesforce/Contact.schema.yaml")).unwrap();
    assert!(schema.contains("name: Topics__c") && schema.contains("training"), "the choices come along");
    let users = fs::read_to_string(desk.path("taken/salesforce/User.jsonl")).unwrap();
    assert!(users.contains("\"IsActive\":true") && !users.to_lowercase().contains("solberg"), "{users}");
    let ran = desk.ferry(["run", "back.yaml", "--dry-run", "--fixtures", "taken", "--json", "--quiet"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.json()["streams"][0]["destinations"][0]["created"], 120, "{ran:?}");
}

#[test]
fn a_dry_run_from_salesforce_runs_on_what_was_taken() {
    let crms = Crms::start(&["salesforce"], Some(&repository("fixtures")), &["--no-limits"]);
    let desk = Desk::new(&crms);
    desk.write("back.yaml", ORG);
    for object in ["Account", "Contact", "Opportunity", "OpportunityContactRole"] {
        record(&desk, "org", object, &["--limit", "60"]);
    }
    let roles = lines(&desk.path("taken/salesforce/OpportunityContactRole.jsonl"));
    assert!(roles.iter().any(|role| role["OpportunityId"].is_string() && role["ContactId"].is_string()), "{roles:?}");
    let hubspot = desk.path("taken/hubspot");
    fs::create_dir_all(&hubspot).unwrap();
    for entry in fs::read_dir(repository("fixtures/hubspot")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), hubspot.join(entry.file_name())).unwrap();
    }
    let pipeline = repository("pipelines/salesforce-to-hubspot.yaml");
    let words = ["run", pipeline.to_str().unwrap(), "--dry-run", "--fixtures", "taken", "--json", "--quiet"];
    let ran = desk.ferry(words);
    assert!(matches!(ran.code, 0 | 4), "{ran:?}");
    for stream in ran.json()["streams"].as_array().unwrap() {
        let counts = &stream["destinations"][0];
        let written = counts["created"].as_u64().unwrap() + counts["updated"].as_u64().unwrap();
        assert!(written > 30, "most records are as good as the ones they stand for: {stream}");
    }
}

#[test]
fn nothing_is_overwritten_and_what_is_kept_is_asked_for() {
    let crms = Crms::start(&["hubspot"], Some(&repository("fixtures")), &["--no-limits"]);
    let desk = Desk::new(&crms);
    desk.write("back.yaml", BACK);
    record(&desk, "crm", "contacts", &["--limit", "5", "--keep", "city"]);
    let words = ["record", "crm", "contacts", "--file", "back.yaml", "--output", "taken"];
    let again = desk.ferry(words);
    let open = record(&desk, "crm", "contacts", &["--limit", "5", "--force", "--no-mask"]);
    assert_eq!(open["is_masked"], false);
    let originals = originals("fixtures/hubspot/contacts.csv");
    for record in lines(&desk.path("taken/hubspot/contacts.jsonl")) {
        assert_eq!(
            record["lastname"].as_str().unwrap_or_default(),
            originals[record["_id"].as_str().unwrap()]["lastname"]
        );
    }
    let unknown = desk.ferry([&words[..], &["--force", "--keep", "cities"]].concat());
    let files = desk.ferry(["record", "files", "people", "--file", "back.yaml"]);
    let path = desk.ferry(["record", "crm", "../contacts", "--file", "back.yaml"]);
    let connection = desk.ferry(["record", "crn", "contacts", "--file", "back.yaml"]);
    fs::write(desk.path("taken/hubspot/deals.schema.yaml"), "properties: [{ name: amount, type: money }]").unwrap();
    let odd = desk.ferry([&words[..], &["--force", "--limit", "5"]].concat());
    fs::write(desk.path("taken/hubspot/deals.schema.yaml"), "properties: [").unwrap();
    let broken = desk.ferry([&words[..], &["--force", "--limit", "5"]].concat());
    let pages = [
        ("the fixture is there already", again),
        ("a field to keep is unknown", unknown),
        ("files are no CRM", files),
        ("the object cannot be a file's name", path),
        ("the connection is misspelt", connection),
        ("another fixture cannot be loaded", odd),
        ("another fixture cannot be read", broken),
    ];
    check_all(&desk, "records_that_cannot_be_taken", &pages);
}
