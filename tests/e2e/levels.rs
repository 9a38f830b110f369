//! Records that link to records of their own stream are written after them, with the link, and ids of 15 and 18 characters match.

use std::{collections::BTreeMap, fmt::Write, fs};

use serde_json::Value as Json;

use super::support::{Crms, Desk};

const PIPELINE: &str = "\
version: 1
name: regions
connections:
  files: { type: csv, path: ., id: id }
  org:
    type: salesforce
    base_url: \"${SALESFORCE_URL}\"
    client_id: app
    client_secret: \"${SALESFORCE_CLIENT_SECRET}\"
    bulk_min_records: 201
streams:
  - name: regions
    source: { connection: files, object: regions }
    destinations:
      - connection: org
        object: Account
        write: upsert
        key: [Ext__c]
        mappings:
          Ext__c: id
          Name: name
          ParentId: { link: regions, from: parent }
";

/// The ids of 18 characters differ in the case of a letter alone.
const TREE: [(&str, &str, &str); 5] = [
    ("leaf", "Leaf", "0017a00000QxTmb"),
    ("0017a00000QxTmbAAF", "Branch", "0017a00000qxtmb"),
    ("0017a00000QxTmBAAV", "Other", ""),
    ("0017a00000qxtmbAAA", "Root", ""),
    ("loop", "Loop", "0017a00000QxTmBAAV"),
];

/// Loads the tree, with so many leaves more, and returns the report.
fn load(more: usize) -> (Json, BTreeMap<String, String>) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("salesforce")).unwrap();
    let schema = "fields:\n  - { type: string, length: 40, externalId: true, unique: true, name: Ext__c }\n";
    fs::write(folder.path().join("salesforce/Account.schema.yaml"), schema).unwrap();
    let crms = Crms::start(&["salesforce"], Some(folder.path()), &[]);
    let desk = Desk::new(&crms);
    let mut text = String::from("id,name,parent\n");
    for (id, name, parent) in TREE {
        writeln!(text, "{id},{name},{parent}").unwrap();
    }
    (0..more).for_each(|number| writeln!(text, "more-{number},More,0017a00000qxtmbAAA").unwrap());
    desk.write("regions.csv", &text);
    let pipeline = desk.write("regions.yaml", PIPELINE);
    let report = desk.run(&crms, &pipeline, &[], 0);
    let answer = crms.get("salesforce", "/services/data/v67.0/query?q=SELECT+Name,Parent.Name+FROM+Account");
    let name = |json: &Json| json.as_str().unwrap_or("-").to_owned();
    let accounts = answer["records"].as_array().unwrap().iter();
    let parents = accounts.map(|account| (name(&account["Name"]), name(&account["Parent"]["Name"]))).collect();
    let again = desk.run(&crms, &pipeline, &[], 0);
    assert_eq!(again["streams"][0]["destinations"][0]["calls_write"], 0, "{again}");
    (report["streams"][0]["destinations"][0].clone(), parents)
}

fn assert_tree(parents: &BTreeMap<String, String>) {
    for (name, parent) in [("Leaf", "Branch"), ("Branch", "Root"), ("Root", "-"), ("Other", "-"), ("Loop", "Other")] {
        assert_eq!(parents[name], parent, "{name}");
    }
}

#[test]
fn a_record_is_created_with_the_link_to_one_of_its_own_stream() {
    let (report, parents) = load(0);
    assert_tree(&parents);
    assert_eq!((&report["created"], &report["links_pending"]), (&Json::from(5), &Json::from(0)), "{report}");
    // One request for each level, and none to set links afterwards.
    assert_eq!(report["calls_write"], 3, "{report}");
}

#[test]
fn so_it_is_in_a_bulk_job() {
    let (report, parents) = load(400);
    assert_tree(&parents);
    assert_eq!(parents["More"], "Root");
    assert_eq!((&report["created"], &report["links_pending"]), (&Json::from(405), &Json::from(0)), "{report}");
}
