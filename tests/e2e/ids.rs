//! `ferry ids` prints which record of the source is which record of the destination, and no other.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::Value as Json;

use super::pages::check_all;
use super::support::{Crms, Desk, Ran, repository};

const PIPELINE: &str = "\
version: 1
name: people
connections:
  files: { type: csv, path: ., id: { people: id, more: id } }
  crm: { type: hubspot, token: \"${HUBSPOT_TOKEN}\", base_url: \"${HUBSPOT_URL}\" }
streams:
  - name: people
    source: { connection: files, object: people }
    destinations:
      - { connection: crm, object: contacts, write: upsert, key: [email], mappings: { email: email, firstname: name } }
  - name: more
    source: { connection: files, object: more }
    destinations:
      - { connection: crm, object: contacts, write: upsert, key: [email], mappings: { email: email, firstname: name } }
";

/// One id that a spreadsheet would run, and two that are the same person.
const PEOPLE: &str = "\
id,email,name
a1,ada@example.org,Ada
=1+1,bob@example.org,Bob
\"c,3\",cleo@example.org,Cleo
c4,cleo@example.org,Cleo again
";

fn desk() -> (Crms, Desk, PathBuf) {
    let crms = Crms::start(&["hubspot"], None, &["--clock-speed", "50"]);
    let desk = Desk::new(&crms);
    desk.write("people.csv", PEOPLE);
    desk.write("more.csv", "id,email,name\nd1,dora@example.org,Dora\n");
    let pipeline = desk.write("people.yaml", PIPELINE);
    desk.run(&crms, &pipeline, &["--clock-speed", "50"], 0);
    (crms, desk, pipeline)
}

fn csv_rows(text: &str) -> Vec<BTreeMap<String, String>> {
    csv::Reader::from_reader(text.as_bytes()).deserialize().collect::<Result<_, _>>().unwrap()
}

/// Prints the ids as JSON, which has to be as the schema says, and returns them.
fn json_ids(desk: &Desk, more: &[&str]) -> Vec<Json> {
    let ran = desk.ferry([&["ids", "people.yaml", "--json"], more].concat());
    assert_eq!(ran.code, 0, "{}", ran.page());
    let schema = fs::read_to_string(repository("schemas/ids.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    let report = ran.json();
    assert!(schema.is_valid(&report), "{report}: {:?}", schema.iter_errors(&report).next());
    report["ids"].as_array().unwrap().clone()
}

#[test]
fn each_id_leads_to_the_record_that_the_destination_holds() {
    let (crms, desk, _) = desk();
    let ran = desk.ferry(["ids", "people.yaml"]);
    assert_eq!(ran.code, 0, "{}", ran.page());
    let rows = csv_rows(&ran.stdout);
    let of = |id: &str| rows.iter().find(|row| row["source_id"] == id).unwrap_or_else(|| panic!("{id}: {rows:?}"));
    assert_eq!(rows.len(), 5, "{rows:?}");
    for (id, email, stream) in [
        ("a1", "ada@example.org", "people"),
        ("'=1+1", "bob@example.org", "people"),
        ("c4", "cleo@example.org", "people"),
        ("c,3", "cleo@example.org", "people"),
        ("d1", "dora@example.org", "more"),
    ] {
        let row = of(id);
        let contact = crms.get("hubspot", &format!("/crm/v3/objects/contacts/{}", row["destination_id"]));
        assert_eq!(contact["properties"]["email"], email, "{row:?}");
        assert_eq!((row["stream"].as_str(), row["connection"].as_str()), (stream, "crm"), "{row:?}");
        assert!(row["run_id"].starts_with("run_") && row["since"].ends_with('Z'), "{row:?}");
    }
    let mut twins = [of("c,3"), of("c4")];
    twins.sort_by_key(|row| row["state"].clone());
    assert_eq!(twins.map(|row| row["state"].as_str()), ["duplicate", "written"], "{rows:?}");
    assert_eq!(twins[0]["same_as"], twins[1]["source_id"], "{rows:?}");
    assert_eq!(ran.stdout, desk.ferry(["ids", "people.yaml"]).stdout, "the order is the same each time");

    let raw = csv_rows(&desk.ferry(["ids", "people.yaml", "--raw", "--stream", "people"]).stdout);
    assert_eq!(raw.len(), 4);
    assert!(raw.iter().any(|row| row["source_id"] == "=1+1"), "{raw:?}");
    assert_eq!(json_ids(&desk, &[]).len(), 5);
    assert_eq!(json_ids(&desk, &["--stream", "more"])[0]["source_id"], "d1");
}

#[test]
fn a_file_of_ids_is_for_its_owner_alone() {
    let (_crms, desk, _) = desk();
    let ran = desk.ferry(["ids", "people.yaml", "--stream", "people", "--format", "json", "-o", "ids.json"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.page());
    let report: Json = serde_json::from_str(&fs::read_to_string(desk.path("ids.json")).unwrap()).unwrap();
    assert_eq!(report["ids"].as_array().unwrap().len(), 4);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(desk.path("ids.json")).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

/// An entry keeps its date over later runs; one that an older version wrote is named by the next run that reads its record.
#[test]
fn ids_that_an_older_version_did_not_keep_come_with_the_next_run() {
    let (crms, desk, pipeline) = desk();
    let before = json_ids(&desk, &[]);
    let file = rusqlite::Connection::open(desk.path("state.db")).unwrap();
    let forget = "UPDATE id_map SET sealed = NULL, mapped_at = NULL; UPDATE duplicates SET sealed = NULL;";
    file.execute_batch(forget).unwrap();
    drop(file);
    let old = desk.ferry(["ids", "people.yaml", "--stream", "more"]);
    let (row, talk) = (csv_rows(&old.stdout).remove(0), old.stderr);
    assert_eq!((row["source_id"].as_str(), row["since"].as_str(), row["run_id"].as_str()), ("", "", ""), "{row:?}");
    assert!(row["note"].starts_with("the source id is not known"), "{row:?}");
    assert!(talk.contains("the source ids of 1 record are not known"), "{talk}");
    let again = desk.run(&crms, &pipeline, &["--clock-speed", "50", "--full-refresh"], 0);
    assert_eq!(again["streams"][0]["destinations"][0]["unchanged"], 3, "{again}");
    let names =
        |ids: &[Json]| ids.iter().map(|id| (id["source_id"].clone(), id["same_as"].clone())).collect::<Vec<_>>();
    assert_eq!(names(&json_ids(&desk, &[])), names(&before));
}

#[test]
fn what_cannot_be_printed_says_so() {
    let (_crms, desk, _) = desk();
    // The name of the temporary file is another one each time.
    let no_folder = desk.ferry(["ids", "people.yaml", "--output", "nowhere/ids.csv"]);
    let temporary = regex::Regex::new(r"\.ferry-\w+\.part").unwrap();
    let stderr = temporary.replace_all(&no_folder.stderr, ".ferry-[NAME].part").into_owned();
    let no_folder = Ran { stderr, ..no_folder };
    check_all(
        &desk,
        "ids",
        &[
            ("help", desk.ferry(["ids", "--help"])),
            ("to a file", desk.ferry(["ids", "people.yaml", "--output", "ids.csv"])),
            ("no such stream", desk.ferry(["ids", "people.yaml", "--stream", "peopel"])),
            ("no such folder", no_folder),
            ("raw JSON", desk.ferry(["ids", "people.yaml", "--raw", "--json"])),
            ("no state", desk.ferry(["ids", "people.yaml", "--state", "other.db"])),
            ("audit", desk.ferry(["ids", "people.yaml", "--audit", "audit.jsonl"])),
        ],
    );
}
