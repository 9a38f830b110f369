//! Links to a duplicate lead to the record that stands for it, in the run that finds it and in later ones.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value as Json;

use super::support::{Crms, Desk, repository};

const SPEED: [&str; 2] = ["--clock-speed", "50"];

const PIPELINE: &str = "\
version: 1
name: firms
connections:
  files: { type: csv, path: ., id: { firms: id, people: id } }
  base: { type: airtable, token: \"${AIRTABLE_TOKEN}\", base_id: appFerryDemo00001, base_url: \"${AIRTABLE_URL}\" }
streams:
  - name: firms
    source: { connection: files, object: firms }
STEPS    destinations:
      - connection: base
        object: Companies
        write: upsert
        key: [Domain]
        mappings: { Domain: domain, HubSpot ID: domain, Name: name }
  - name: people
    source: { connection: files, object: people }
    destinations:
      - connection: base
        object: Contacts
        write: upsert
        key: [HubSpot ID]
        mappings: { HubSpot ID: email, Email: email, Name: name, Company: { from: firm, link: firms } }
";

fn put(desk: &Desk, steps: &str, firms: &str, people: &str) -> PathBuf {
    desk.write("firms.csv", &format!("id,domain,name\n{firms}"));
    desk.write("people.csv", &format!("id,email,name,firm\n{people}"));
    desk.write("firms.yaml", &PIPELINE.replace("STEPS", steps))
}

/// The ledger's details name the record that a duplicate was merged into, in all commands alike: by the destination's id, and by
/// names that tell nothing unless the source's ids are asked for.
fn check_merged(desk: &Desk, told: &Json, source_id: &str, into: &str) {
    let [pair] = told.as_array().unwrap().as_slice() else { panic!("{told}") };
    let keys: BTreeSet<&str> = pair.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(["record", "into", "into_id"]));
    assert!(pair["into_id"].as_str().unwrap().starts_with("rec"), "{told}");
    let show = |args: &[&str]| {
        let ran = desk.ferry([&["show"], args].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran
    };
    assert_eq!(show(&["--json"]).json()["streams"][0]["destinations"][0]["merged"], *told);
    let (name, into_name, id) = ["record", "into", "into_id"].map(|key| pair[key].as_str().unwrap()).into();
    let page = show(&[]).stdout;
    assert!(
        page.contains(&format!(
            "merged records of firms → base.Companies\n  {name} into {into_name} (its id there: {id})\n"
        )),
        "{page}"
    );
    let named = show(&["--json", "--ids"]).json()["streams"][0]["destinations"][0]["merged"][0].clone();
    assert_eq!((&named["source_id"], &named["into_source_id"]), (&source_id.into(), &into.into()), "{named}");
    let page = show(&["--ids"]).stdout;
    assert!(page.contains(&format!("\n  {source_id} into {into} (its id there: {id})\n")), "{page}");
}

/// Two firms of one domain, found by the key or by a step; a person of each, and later one more of the firm that is not there.
#[test]
fn children_of_duplicates_are_linked_to_the_survivor() {
    for (name, steps) in [("key", ""), ("step", "    transforms: [{ dedupe: { by: [domain], keep: first } }]\n")] {
        let crms = Crms::start(&["airtable"], Some(&repository("fixtures")), &SPEED);
        crms.get("airtable", "/v0/meta/bases/appFerryDemo00001/tables");
        let desk = Desk::new(&crms);
        let firms = "f1,one.example,One\nf2,one.example,One again\nf3,three.example,Three\n";
        let people = "p1,p1@example.org,P1,f1\np2,p2@example.org,P2,f2\np3,p3@example.org,P3,f3\n";
        let pipeline = put(&desk, steps, firms, people);
        let report = desk.run(&crms, &pipeline, &SPEED, 0);
        let account = |stream: usize| report["streams"][stream]["destinations"][0].clone();
        assert_eq!((&account(0)["created"], &account(0)["duplicate"]), (&2.into(), &1.into()), "{name}: {report}");
        check_merged(&desk, &account(0)["merged"], "f2", "f1");
        assert_eq!((&account(1)["created"], &account(1)["links_pending"]), (&3.into(), &0.into()), "{name}: {report}");
        put(&desk, steps, firms, &format!("{people}p4,p4@example.org,P4,f2\n"));
        let report = desk.run(&crms, &pipeline, &SPEED, 0);
        let people = &report["streams"][1]["destinations"][0];
        assert_eq!((&people["created"], &people["links_pending"]), (&1.into(), &0.into()), "{name}: {report}");
        // The firm that stood for the other one is gone from the file: the other one takes its record over.
        put(&desk, steps, "f2,one.example,One again\nf3,three.example,Three\n", "p5,p5@example.org,P5,f1\n");
        let report = desk.run(&crms, &pipeline, &SPEED, 0);
        let firms = &report["streams"][0]["destinations"][0];
        assert_eq!((&firms["created"], &firms["updated"]), (&0.into(), &1.into()), "{name}: {report}");
        let people = &report["streams"][1]["destinations"][0];
        assert_eq!((&people["created"], &people["links_pending"]), (&1.into(), &0.into()), "{name}: {report}");
    }
}

/// A record that comes again far behind is written once, whatever the file is.
#[test]
fn a_file_holds_each_record_once() {
    const RECORDS: usize = 10_050;
    let desk = Desk::without_tokens();
    let numbers: Vec<String> = (0..RECORDS).chain([7, 10_020]).map(|id| format!("{id},n{id}\n")).collect();
    fs::create_dir_all(desk.path("in")).unwrap();
    desk.write("in/people.csv", &format!("id,name\n{}", numbers.concat()));
    for connector in ["csv", "excel", "json", "parquet"] {
        let place = if connector == "excel" { "book.xlsx" } else { connector };
        let text = format!(
            "version: 1\nname: copy\nconnections:\n  in: {{ type: csv, path: in, id: {{ people: id }} }}\n  out: {{ type: {connector}, path: \
             {place} }}\nstreams:\n  - name: all\n    source: {{ connection: in, object: people }}\n    destinations:\n      - {{ connection: \
             out, object: people, mappings: {{ id: id, name: name }} }}\n"
        );
        let pipeline = format!("{connector}.yaml");
        desk.write(&pipeline, &text);
        let ran = desk.ferry(["run", &pipeline, "--json"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let tally = ran.json()["streams"][0]["destinations"][0].clone();
        let counted = ["read", "created", "duplicate"].map(|column| tally[column].as_u64().unwrap());
        assert_eq!(counted, [RECORDS as u64 + 2, RECORDS as u64, 2], "{connector}: {tally}");
        if connector == "csv" {
            let written = fs::read_to_string(desk.path("csv/people.csv")).unwrap();
            assert_eq!(written.lines().count(), RECORDS + 1);
            assert_eq!(written.lines().filter(|line| *line == "7,n7").count(), 1);
        }
    }
}
