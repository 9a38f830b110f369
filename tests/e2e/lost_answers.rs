//! Answers to upserts are lost and the requests repeated: what the run created counts as created, and what was there as updated.

use std::{fs, time::Duration};

use super::support::{Crms, Desk, pause, repository};

const RECORDS: usize = 60;
/// Some three of ten requests are carried out and not answered.
const FAULTS: [&str; 3] = ["--no-limits", "--fault", "drop_after=0.3,seed=5"];

const HUBSPOT: &str = "{ type: hubspot, token: \"${HUBSPOT_TOKEN}\", base_url: \"${HUBSPOT_URL}\" }";
const AIRTABLE: &str =
    "{ type: airtable, token: \"${AIRTABLE_TOKEN}\", base_url: \"${AIRTABLE_URL}\", base_id: appFerryDemo00001 }";
const SALESFORCE: &str = "{ type: salesforce, access_token: \"${SALESFORCE_TOKEN}\", base_url: \"${SALESFORCE_URL}\" }";

/// Writes a pipeline of a name: another one has an id map of its own, so that it upserts what the first one created.
fn put(desk: &Desk, name: &str, connection: &str, (object, key, other): (&str, &str, &str)) -> String {
    let lines = (1..=RECORDS).map(|number| format!("{number},lost.{number}@example.org,{name}\n"));
    desk.write("people.csv", &format!("id,email,last\n{}", lines.collect::<String>()));
    let file = format!("{name}.yaml");
    desk.write(
        &file,
        &format!(
            "version: 1\nname: {name}\nconnections:\n  files: {{ type: csv, path: ., id: id }}\n  crm: {connection}\nstreams:\n  \
             - name: people\n    source: {{ connection: files, object: people }}\n    destinations:\n      \
             - {{ connection: crm, object: {object}, write: upsert, key: [{key}], mappings: {{ {key}: email, {other}: last }} }}\n\
             limits: {{ batch_size: 10 }}\n"
        ),
    );
    file
}

#[test]
fn upserts_with_lost_answers_tell_what_they_created_from_what_was_there() {
    let org = tempfile::tempdir().unwrap();
    fs::create_dir(org.path().join("salesforce")).unwrap();
    let key = "fields:\n  - { type: string, length: 80, externalId: true, unique: true, name: Ext__c }\n";
    fs::write(org.path().join("salesforce/Account.schema.yaml"), key).unwrap();
    let base = repository("fixtures");
    let cases = [
        ("hubspot", None, HUBSPOT, ("contacts", "email", "lastname")),
        ("airtable", Some(base.as_path()), AIRTABLE, ("Contacts", "HubSpot ID", "Name")),
        ("salesforce", Some(org.path()), SALESFORCE, ("Account", "Ext__c", "Name")),
    ];
    for (vendor, fixtures, connection, fields) in cases {
        let crms = Crms::start(&[vendor], fixtures, &FAULTS);
        let desk = Desk::new(&crms);
        for (name, expected) in [("first", (RECORDS, 0)), ("second", (0, RECORDS))] {
            let file = put(&desk, name, connection, fields);
            let ran = desk.ferry(["run", &file, "--json", "--quiet"]);
            assert_eq!(ran.code, 0, "{vendor}: {}", ran.stderr);
            let account = ran.json()["streams"][0]["destinations"][0].clone();
            let counts = (&account["created"], &account["updated"]);
            assert_eq!(counts, (&expected.0.into(), &expected.1.into()), "{vendor}, {name}: {account}");
            // A record that is younger than two seconds cannot be told from one of the run.
            pause(Duration::from_secs(3));
        }
    }
}
