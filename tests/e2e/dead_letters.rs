//! Rejected records: shown with all their values, fixed in a spreadsheet, loaded again.

use serde_json::Value as Json;

use super::{
    people::{PEOPLE, put_people},
    support::{Crms, Desk},
};

/// A run that rejects two of five records.
fn rejecting_run() -> (Crms, Desk, std::path::PathBuf) {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    let pipeline = put_people(&desk, PEOPLE, "");
    let report = desk.run(&crms, &pipeline, &[], 4);
    let account = &report["streams"][0]["destinations"][0];
    assert_eq!((&account["created"], &account["rejected"]), (&3.into(), &2.into()), "{report}");
    (crms, desk, pipeline)
}

#[test]
fn are_printed_with_reason_and_values() {
    let (_crms, desk, _) = rejecting_run();
    let table = desk.ferry(["rejects"]);
    assert_eq!((table.code, table.stderr.as_str()), (0, ""));
    let mut reader = csv::Reader::from_reader(table.stdout.as_bytes());
    let header = reader.headers().unwrap().clone();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let column =
        |row: usize, name: &str| rows[row].get(header.iter().position(|column| column == name).unwrap()).unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((column(0, "source_id"), column(0, "code"), column(0, "field")), ("3", "invalid_email", "email"));
    assert_eq!((column(0, "value"), column(0, "source.last")), ("carla.costa-at-example.org", "Costa"));
    assert_eq!((column(1, "source_id"), column(1, "code"), column(1, "source.first")), ("4", "required", "Didier"));

    let letters = desk.ferry(["rejects", "--json"]).json();
    let ids: Vec<&Json> = letters["rejects"].as_array().unwrap().iter().map(|letter| &letter["source_id"]).collect();
    assert_eq!(ids, ["3", "4"]);
    assert_eq!(letters["rejects"][0]["source"]["first"], "Carla");
}

#[test]
fn stay_when_they_are_loaded_again_as_they_are() {
    let (crms, desk, pipeline) = rejecting_run();
    let report = desk.audited(&crms, &pipeline, &["redrive"], 4);
    assert_eq!(report["streams"][0]["destinations"][0]["rejected"], 2);
    assert_eq!(crms.held("hubspot", "contacts"), 3);
}

#[test]
fn leave_when_they_are_mended() {
    let (crms, desk, pipeline) = rejecting_run();
    let run = desk.ferry(["show", "--json"]).json()["run_id"].as_str().unwrap().to_owned();
    let file = desk.path("rejects.csv");
    let file = file.to_str().unwrap();
    assert_eq!(desk.ferry(["rejects", &run, "-o", file]).code, 0);
    corrected(file, &[("3", "carla.costa@example.org"), ("4", "didier.dupont@example.org")]);

    let report = desk.audited(&crms, &pipeline, &["redrive", &run, "--from", file], 0);
    let account = &report["streams"][0]["destinations"][0];
    assert_eq!((&account["read"], &account["created"]), (&2.into(), &2.into()), "{report}");
    assert_eq!(crms.held("hubspot", "contacts"), 5);
    assert_eq!(desk.ferry(["rejects", &run, "--json"]).json()["rejects"], Json::Array(Vec::new()));
    let runs = desk.ferry(["runs", "--json"]).json();
    let kinds: Vec<&Json> = runs["runs"].as_array().unwrap().iter().map(|run| &run["kind"]).collect();
    assert_eq!(kinds.len(), 2);
    assert!(kinds.contains(&&Json::from("redrive")), "{runs}");
}

#[test]
fn are_written_as_a_person_corrected_what_was_mapped() {
    let crms = Crms::start(&["hubspot"], None, &[]);
    let desk = Desk::new(&crms);
    let pipeline = put_people(&desk, PEOPLE, "");
    let text = std::fs::read_to_string(&pipeline).unwrap().replace("firstname: first", "hubspot_owner_id: first");
    std::fs::write(&pipeline, text).unwrap();
    desk.run(&crms, &pipeline, &[], 4);
    let mut file = desk.ferry(["rejects", "--format", "json"]).json();
    let letters = file["rejects"].as_array_mut().unwrap();
    letters.retain(|letter| !letter["mapped"].is_null());
    assert_eq!(letters.len(), 3, "the account has no such owners");
    for letter in letters {
        letter["mapped"]["hubspot_owner_id"] = Json::Null;
        letter["mapped"]["lastname"] = Json::from("Mended");
    }
    desk.write("corrected.json", &file.to_string());
    let report = desk.audited(&crms, &pipeline, &["redrive", "--from", "corrected.json"], 0);
    assert_eq!(report["streams"][0]["destinations"][0]["created"], 3, "{report}");
    let contacts = crms.get("hubspot", "/crm/v3/objects/contacts?properties=lastname");
    let mut names = contacts["results"].as_array().unwrap().iter().map(|contact| &contact["properties"]["lastname"]);
    assert!(names.all(|name| name == "Mended"), "{contacts}");
}

#[test]
fn leave_by_themselves_when_a_later_run_writes_the_record() {
    let (crms, desk, pipeline) = rejecting_run();
    let run = desk.ferry(["show", "--json"]).json()["run_id"].as_str().unwrap().to_owned();
    let good = PEOPLE.replace("-at-", "@").replace("4,,", "4,didier.dupont@example.org,");
    put_people(&desk, &good, "");
    desk.run(&crms, &pipeline, &[], 0);
    assert_eq!(crms.held("hubspot", "contacts"), 5);
    assert_eq!(desk.ferry(["rejects", &run, "--json"]).json()["rejects"], Json::Array(Vec::new()));
}

#[test]
fn a_correction_of_a_record_that_is_no_dead_letter_is_refused() {
    let (_crms, desk, _) = rejecting_run();
    let text = desk.ferry(["rejects"]).stdout;
    // Neither the mark of its letter nor its id is one of the run.
    let mark = regex::Regex::new("L-[0-9a-f]{16}").unwrap();
    let text = mark.replace_all(&text.replace("\n,3,", "\n,77,"), "L-0000000000000000").into_owned();
    assert!(text.contains(",77,"), "{text}");
    desk.write("rejects.csv", &text);
    let ran = desk.ferry(["redrive", "--from", "rejects.csv", "--json"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert_eq!(ran.json()["error"]["code"], "redrive.file");
}

/// Writes addresses into the column of the source, as a person does in a spreadsheet.
fn corrected(file: &str, addresses: &[(&str, &str)]) {
    let mut reader = csv::ReaderBuilder::new().delimiter(b';').from_path(file).unwrap();
    let header = reader.headers().unwrap().clone();
    let position = |name: &str| header.iter().position(|column| column == name).unwrap();
    let (id, address) = (position("source_id"), position("source.email"));
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let mut writer = csv::Writer::from_path(file).unwrap();
    writer.write_record(&header).unwrap();
    for row in rows {
        let corrected = addresses.iter().find(|(wanted, _)| *wanted == &row[id]).unwrap().1;
        let cells = row.iter().enumerate().map(|(index, cell)| if index == address { corrected } else { cell });
        writer.write_record(cells).unwrap();
    }
    writer.flush().unwrap();
}
