//! Accounts that no stream loads are named by an external id of theirs, in requests and in Bulk API jobs.

use std::{fs, path::PathBuf};

use serde_json::Value as Json;

use super::support::{Crms, Desk};

const PIPELINE: &str = "\
version: 1
name: people
connections:
  files: { type: csv, path: ., id: no }
  org:
    type: salesforce
    base_url: \"${SALESFORCE_URL}\"
    client_id: app
    client_secret: \"${SALESFORCE_CLIENT_SECRET}\"
    bulk_min_records: 201
streams:
  - name: people
    source: { connection: files, object: people }
    destinations:
      - connection: org
        object: Contact
        write: upsert
        key: [Number__c]
        mappings:
          Number__c: no
          LastName: name
          Account.External_Id__c: { from: account, null: clear }
";
const KEY: &str = "{ type: string, length: 40, externalId: true, unique: true, name: ";

fn org() -> (tempfile::TempDir, Crms) {
    let folder = tempfile::tempdir().unwrap();
    let salesforce = folder.path().join("salesforce");
    fs::create_dir(&salesforce).unwrap();
    let put = |name: &str, text: String| fs::write(salesforce.join(name), text).unwrap();
    put("Account.schema.yaml", format!("fields:\n  - {KEY}External_Id__c }}\n"));
    put("Contact.schema.yaml", format!("fields:\n  - {KEY}Number__c }}\n"));
    put("Account.csv", "Name,External_Id__c\nAcme,A1\nGlobex,A2\n".to_owned());
    let crms = Crms::start(&["salesforce"], Some(folder.path()), &[]);
    (folder, crms)
}

/// Puts people on the desk, each with the account's number that `account` says.
fn put(desk: &Desk, count: usize, account: impl Fn(usize) -> &'static str) {
    let lines = (1..=count).map(|no| format!("{no},Person {no},{}\n", account(no)));
    let text: String = std::iter::once("no,name,account\n".to_owned()).chain(lines).collect();
    desk.write("people.csv", &text);
}

/// Returns the names of the people's accounts, in the order of their numbers; `-` for none.
fn accounts(crms: &Crms) -> Vec<String> {
    let query = "/services/data/v67.0/query?q=SELECT+Number__c,Account.Name+FROM+Contact";
    let answer = crms.get("salesforce", query);
    let mut people: Vec<(usize, String)> = answer["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|person| {
            let account = person["Account"]["Name"].as_str().unwrap_or("-").to_owned();
            (person["Number__c"].as_str().unwrap().parse().unwrap(), account)
        })
        .collect();
    people.sort_unstable();
    people.into_iter().map(|(_, account)| account).collect()
}

fn rejected(desk: &Desk) -> Vec<Json> {
    desk.ferry(["rejects", "--json"]).json()["rejects"].as_array().unwrap().clone()
}

fn load(count: usize) {
    let (_folder, crms) = org();
    let desk = Desk::new(&crms);
    let pipeline: PathBuf = desk.write("people.yaml", PIPELINE);
    put(&desk, count, |no| match no {
        1 => "",
        2 => "A9",
        no if no % 2 == 0 => "A2",
        _ => "A1",
    });
    let report = desk.run(&crms, &pipeline, &[], 4);
    assert_eq!(report["streams"][0]["destinations"][0]["created"], Json::from(count - 1), "{report}");
    let arrived = accounts(&crms);
    assert_eq!((arrived.len(), &arrived[..3]), (count - 1, &["-", "Acme", "Globex"].map(str::to_owned)[..]));
    let [letter] = rejected(&desk).try_into().unwrap();
    assert_eq!(
        (letter["code"].as_str(), letter["field"].as_str()),
        (Some("parent_not_found"), Some("Account.External_Id__c"))
    );
    assert_eq!((letter["value"].as_str(), letter["source_id"].as_str()), (Some("A9"), Some("2")));
    assert_eq!(letter["reason"], "no `Account` has `A9` in `External_Id__c`");

    put(&desk, count, |no| if no == 4 { "" } else { "A2" });
    let report = desk.run(&crms, &pipeline, &[], 0);
    assert_eq!(report["streams"][0]["destinations"][0]["rejected"], 0, "{report}");
    for (place, account) in accounts(&crms).iter().enumerate() {
        assert_eq!(account, if place == 3 { "-" } else { "Globex" }, "person {}", place + 1);
    }
}

#[test]
fn parents_are_named_by_an_external_id_in_requests() {
    load(6);
}

#[test]
fn parents_are_named_by_an_external_id_in_jobs() {
    load(450);
}

#[test]
fn the_keys_of_parents_are_described_and_validated() {
    let (folder, crms) = org();
    let desk = Desk::new(&crms);
    put(&desk, 1, |_| "A1");
    let twice = PIPELINE.replace(
        "LastName: name",
        "LastName: name\n          AccountId: account\n          ReportsTo.Number__c: account",
    );
    let pipeline = desk.write("people.yaml", &twice);
    let pipeline = pipeline.to_str().unwrap();
    let fixtures = folder.path().to_str().unwrap();
    let findings = |args: &[&str]| {
        let ran = desk.ferry(args.iter().chain(&["--json"]));
        let json = ran.json();
        let findings = json["findings"].as_array().unwrap().iter();
        findings.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let expected = ["config.own_parent", "transform.parent_twice"];
    assert_eq!(findings(&["validate", pipeline, "--fixtures", fixtures]), expected);
    let described = desk.ferry(["describe", "org", "Contact", "--file", pipeline]);
    let line = described.stdout.lines().find(|line| line.contains("Account.External_Id__c")).unwrap();
    assert!(line.contains("write-only"), "{line}");
    assert_eq!(findings(&["validate", pipeline]), expected, "what was described is known offline");
}
