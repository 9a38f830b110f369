//! A mirror deletes only what the source no longer has: a rejected row is still there, no matter what rejected it.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::support::{Crms, Desk, repository};

pub(crate) const SPEED: [&str; 2] = ["--clock-speed", "50"];

/// A vendor, its connection, and where people go there.
pub(crate) struct Place {
    pub(crate) vendor: &'static str,
    pub(crate) connection: &'static str,
    pub(crate) object: &'static str,
    /// Whether the options of the field for the stage are all that it takes.
    pub(crate) has_options: bool,
    pub(crate) key: &'static str,
    /// The fields for a person's name and address.
    pub(crate) name: &'static str,
    pub(crate) email: &'static str,
    /// The mappings of the fields that only some tests have.
    pub(crate) rest: &'static str,
    mappings: &'static str,
}

pub(crate) const PLACES: [Place; 5] = [
    Place {
        vendor: "hubspot",
        connection: "{ type: hubspot, token: \"${HUBSPOT_TOKEN}\", base_url: \"${HUBSPOT_URL}\" }",
        object: "contacts",
        has_options: true,
        key: "email",
        name: "firstname",
        email: "email",
        rest: ", lifecyclestage: stage, jobtitle: age, city: { from: picked, values: { a: A }, otherwise: reject }, state: listed",
        mappings: "email: { from: email, apply: [email] }, firstname: { from: name, required: true }, lifecyclestage: stage, \
                   jobtitle: { from: age, apply: [collapse_spaces] }",
    },
    Place {
        vendor: "salesforce",
        connection: "{ type: salesforce, base_url: \"${SALESFORCE_URL}\", client_id: \"${SALESFORCE_CLIENT_ID}\", \
                     client_secret: \"${SALESFORCE_CLIENT_SECRET}\" }",
        object: "Contact",
        has_options: false,
        key: "Email",
        name: "LastName",
        email: "Email",
        rest: ", LeadSource: stage, Department: age, MailingCity: { from: picked, values: { a: A }, otherwise: reject }, \
               MailingState: listed",
        mappings: "Email: { from: email, apply: [email] }, LastName: { from: name, required: true }, LeadSource: stage, \
                   Department: { from: age, apply: [collapse_spaces] }",
    },
    Place {
        vendor: "airtable",
        connection: "{ type: airtable, token: \"${AIRTABLE_TOKEN}\", base_id: appFerryDemo00001, base_url: \"${AIRTABLE_URL}\" }",
        object: "Contacts",
        has_options: true,
        key: "HubSpot ID",
        name: "Name",
        email: "Email",
        rest: ", Status: stage, Job Title: age, Country: { from: picked, values: { a: A }, otherwise: reject }, Source: listed",
        mappings: "HubSpot ID: { from: email, apply: [email] }, Email: email, Name: { from: name, required: true }, Status: stage, \
                   Job Title: { from: age, apply: [collapse_spaces] }",
    },
    Place {
        vendor: "pipedrive",
        connection: "{ type: pipedrive, token: \"${PIPEDRIVE_TOKEN}\", base_url: \"${PIPEDRIVE_URL}\" }",
        object: "persons",
        has_options: true,
        key: "email",
        name: "name",
        email: "email",
        rest: ", label_ids: stage, Role: age, Country: { from: picked, values: { a: A }, otherwise: reject }, Remarks: listed",
        mappings: "email: { from: email, apply: [email] }, name: { from: name, required: true }, label_ids: stage, \
                   Role: { from: age, apply: [collapse_spaces] }",
    },
    Place {
        vendor: "google_sheets",
        connection: "{ type: google_sheets, credentials: \"${GOOGLE_CREDENTIALS}\", spreadsheet_id: 1FerryDemoSpreadsheet, \
                     base_url: \"${GOOGLE_SHEETS_URL}\", create_columns: true }",
        object: "CRM contacts",
        has_options: false,
        key: "HubSpot ID",
        name: "Name",
        email: "Email",
        rest: ", Status: stage, Age: age, Picked: { from: picked, values: { a: A }, otherwise: reject }, Listed: listed",
        mappings: "HubSpot ID: { from: email, apply: [email] }, Email: email, Name: { from: name, required: true }, Status: stage, \
                   Age: { from: age, apply: [collapse_spaces] }",
    },
];

impl Place {
    /// Starts the vendor with its fixtures.
    pub(crate) fn start(&self) -> Crms {
        let crms = Crms::start(&[self.vendor], Some(&repository("fixtures")), &SPEED);
        // A local base or spreadsheet exists, with its fixtures, from its first use on.
        let first_use = match self.vendor {
            "airtable" => Some("/v0/meta/bases/appFerryDemo00001/tables"),
            "google_sheets" => Some("/v4/spreadsheets/1FerryDemoSpreadsheet?fields=spreadsheetId"),
            _ => None,
        };
        if let Some(path) = first_use {
            crms.get(self.vendor, path);
        }
        crms
    }
}

/// What happens to the row of one person, and the code that its reject has; whether its id can still be read.
const BROKEN: [(&str, &str, bool); 6] = [
    (r#"{"id": "p3", "email": "nobody", "name": "P", "age": "3"}"#, "invalid_email", true),
    (r#"{"id": "p3", "email": "p3@example.org", "name": null, "age": "3"}"#, "required", true),
    (
        r#"{"id": "p3", "email": "p3@example.org", "name": "P", "age": "3", "stage": "no such stage"}"#,
        "unknown_option",
        true,
    ),
    (r#"{"id": "p3", "email": "p3@example.org", "name": "P unexpected", "age": "3"}"#, "unexpected", true),
    (r#"{"id": "p3", "email": "p3@example.org", "name": "P"#, "invalid_json", false),
    (r#"{"email": "p3@example.org", "name": "P", "age": "3"}"#, "missing_id", false),
];

fn good(number: usize) -> String {
    format!(r#"{{"id": "p{number}", "email": "p{number}@example.org", "name": "P", "age": "{number}", "stage": null}}"#)
}

fn put_people(desk: &Desk, rows: &[String]) {
    desk.write("people.jsonl", &format!("{}\n", rows.join("\n")));
}

fn put_pipeline(desk: &Desk, place: &Place) -> PathBuf {
    let schema = json!({ "not": { "anyOf": [
        { "properties": { "firstname": { "const": "P unexpected" } }, "required": ["firstname"] },
        { "properties": { "LastName": { "const": "P unexpected" } }, "required": ["LastName"] },
        { "properties": { "Name": { "const": "P unexpected" } }, "required": ["Name"] },
        { "properties": { "name": { "const": "P unexpected" } }, "required": ["name"] },
    ] } });
    desk.write("expect.json", &schema.to_string());
    let Place { connection, object, key, mappings, .. } = place;
    desk.write(
        "people.yaml",
        &format!(
            "version: 1\nname: people\nconnections:\n  files: {{ type: json, path: ., format: lines, id: id }}\n  crm: {connection}\n\
             streams:\n  - name: people\n    source: {{ connection: files, object: people }}\n    expect: expect.json\n    destinations:\n\
             \x20     - connection: crm\n        object: {object}\n        write: mirror\n        key: [{key}]\n        mappings: {{ {mappings} }}\n"
        ),
    )
}

fn account(report: &Json) -> &Json {
    &report["streams"][0]["destinations"][0]
}

#[test]
fn a_mirror_deletes_no_record_whose_row_was_rejected() {
    for place in PLACES {
        let crms = place.start();
        let desk = Desk::new(&crms);
        let pipeline = put_pipeline(&desk, &place);
        let all: Vec<String> = (1..=20).map(good).collect();
        put_people(&desk, &all);
        let run = |code| desk.run(&crms, &pipeline, &SPEED, code);
        assert_eq!(account(&run(0))["created"], 20, "{}", place.vendor);
        let cases = BROKEN.iter().filter(|(_, reason, _)| place.has_options || *reason != "unknown_option");
        for &(broken, reason, has_id) in cases {
            let mut rows = all.clone();
            rows[2] = broken.to_owned();
            rows.pop();
            put_people(&desk, &rows);
            let report = run(4);
            let (vendor, counts) = (place.vendor, account(&report));
            let deleted = u64::from(has_id);
            assert_eq!(
                (&counts["rejected"], &counts["deleted"]),
                (&json!(1), &json!(deleted)),
                "{vendor} {reason}: {report}"
            );
            assert_eq!(report["reasons"][0]["code"], reason, "{vendor}: {report}");
            if !has_id {
                let error = counts["error"].as_str().unwrap_or_default();
                assert!(error.contains("the mirror deletes nothing"), "{vendor} {reason}: {report}");
            }
            put_people(&desk, &all);
            let counts = run(0);
            let counts = account(&counts);
            assert_eq!(
                (&counts["created"], &counts["deleted"]),
                (&json!(deleted), &json!(0)),
                "{vendor} {reason}: {counts}"
            );
            assert_eq!(counts["unchanged"], 20 - deleted, "{vendor} {reason}: the record is the one it was: {counts}");
        }
    }
}
