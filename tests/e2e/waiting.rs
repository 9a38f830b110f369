//! Records whose links wait: a person learns which record waits for which, and it is set when that one comes.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use super::support::{Crms, Desk, Gateway};

const PIPELINE: &str = "\
version: 1
name: staff
connections:
  files: { type: csv, path: ., id: no }
  org:
    type: salesforce
    base_url: \"${SALESFORCE_URL}\"
    client_id: app
    client_secret: \"${SALESFORCE_CLIENT_SECRET}\"
streams:
  - name: firms
    source: { connection: files, object: firms }
    destinations:
      - connection: org
        object: Account
        mappings: { Name: { from: name, required: true }, ParentId: { link: firms, from: parent } }
  - name: staff
    source: { connection: files, object: staff }
    destinations:
      - connection: org
        object: Contact
        mappings: { LastName: name, AccountId: { link: firms, from: firm } }
";
const STAFF: &str = "no,name,firm\ns1,Ada,f1\ns2,Bob,f2\ns3,Cy,f9\n";

fn put(desk: &Desk, firms: &str) -> PathBuf {
    desk.write("firms.csv", &format!("no,name,parent\n{firms}"));
    desk.write("staff.csv", STAFF);
    desk.write("staff.yaml", PIPELINE)
}

fn waiting(desk: &Desk) -> Vec<(String, String, String)> {
    let rejects = desk.ferry(["rejects", "--json"]).json();
    let lines = rejects["rejects"].as_array().unwrap().iter().filter(|line| line["kind"] == "waiting");
    let word = |json: &Json| json.as_str().unwrap().to_owned();
    lines.map(|line| (word(&line["source_id"]), word(&line["value"]), word(&line["reason"]))).collect()
}

fn line(id: &str, target: &str, reason: &str) -> (String, String, String) {
    (id.to_owned(), target.to_owned(), format!("waits for `{target}` of stream `firms`, not at `org`{reason}"))
}

#[test]
fn a_record_that_waits_is_named_with_the_one_it_waits_for() {
    let crms = Crms::start(&["salesforce"], None, &[]);
    let desk = Desk::new(&crms);
    // The second firm has no name and is rejected; the third belongs to one that the file does not have.
    let pipeline = put(&desk, "f1,Acme,\nf2,,\nf3,Globex,f8\n");
    let report = desk.run(&crms, &pipeline, &[], 4);
    let staff = &report["streams"][1]["destinations"][0];
    assert_eq!(staff["waiting"], json!([{ "field": "AccountId", "stream": "firms", "links": 2 }]), "{report}");
    let expected =
        [line("f3", "f8", ""), line("s2", "f2", ": it was not written, as its own line says"), line("s3", "f9", "")];
    assert_eq!(waiting(&desk), expected);
    let shown = desk.ferry(["show"]);
    let remark = "! staff → org.Contact: with `AccountId` 2 records wait for others of `firms` that are not there";
    assert!(shown.stdout.contains(remark), "{}", shown.stdout);
    assert_eq!(desk.ferry(["show", "--json"]).json()["streams"][1]["destinations"][0]["waiting"], staff["waiting"]);
    assert!(
        !shown.stdout.contains("f9") && !report.to_string().contains("f9"),
        "ids are printed by `ferry rejects` alone"
    );

    // The lines of those that wait do not get into the way of fixing the others.
    let csv = desk.ferry(["rejects"]).stdout;
    assert_eq!(csv.lines().count(), 5, "{csv}");
    let corrected = corrected(&csv);
    desk.write("rejects.csv", &corrected);
    assert_eq!(desk.ferry(["redrive", "--from", "rejects.csv"]).code, 0, "{corrected}");

    let pipeline = put(&desk, "f1,Acme,\nf2,Hooli,\nf3,Globex,f8\nf8,Holding,\nf9,Initech,\n");
    desk.run(&crms, &pipeline, &[], 0);
    assert_eq!(waiting(&desk), []);
    let query = "/services/data/v67.0/query?q=SELECT+Account.Name+FROM+Contact+ORDER+BY+LastName";
    let answer = crms.get("salesforce", query);
    let firms: Vec<&Json> = answer["records"].as_array().unwrap().iter().map(|it| &it["Account"]["Name"]).collect();
    assert_eq!(firms, ["Acme", "Hooli", "Initech"]);
}

/// Gives the firm without a name one, in the column of its source's field.
fn corrected(rejects: &str) -> String {
    let mut reader = csv::Reader::from_reader(rejects.as_bytes());
    let header = reader.headers().unwrap().clone();
    let name = header.iter().position(|column| column == "source.name").unwrap();
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&header).unwrap();
    for record in reader.records() {
        let record = record.unwrap();
        let is_firm = record.iter().any(|cell| cell == "rejected");
        let cells = record.iter().enumerate().map(|(at, cell)| if at == name && is_firm { "Hooli" } else { cell });
        writer.write_record(cells).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

#[test]
fn a_link_that_meets_a_lock_is_told_and_set_by_the_next_run() {
    let crms = Crms::start(&["salesforce"], None, &[]);
    let gateway = Gateway::before(&crms, "salesforce");
    let mut desk = Desk::new(&crms);
    desk.set("SALESFORCE_URL", gateway.url());
    // The parent is not there yet, so the link waits for the next run.
    put(&desk, "f1,Acme,f2\n");
    let lock =
        json!({ "statusCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access", "fields": [] });
    let locked = json!([{ "success": false, "errors": [lock] }]);
    let run = || desk.ferry(["run", "staff.yaml", "--json", "--clock-speed", "60"]).json();
    let codes = || {
        let rejects = desk.ferry(["rejects", "--json"]).json();
        rejects["rejects"].as_array().unwrap().iter().map(|line| line["code"].clone()).collect::<Vec<_>>()
    };

    assert_eq!(run()["streams"][0]["destinations"][0]["links_pending"], 1);
    put(&desk, "f1,Acme,f2\nf2,Globex,\n");
    gateway.says(&[("PATCH /services/data/…/composite/sobjects", 200, locked)]);
    assert_eq!(run()["streams"][0]["destinations"][0]["links_pending"], 1);
    assert!(codes().contains(&json!("UNABLE_TO_LOCK_ROW")), "{:?}", codes());

    gateway.says(&[]);
    assert_eq!(run()["streams"][0]["destinations"][0]["links_pending"], 0);
    assert!(!codes().contains(&json!("UNABLE_TO_LOCK_ROW")), "{:?}", codes());
}
