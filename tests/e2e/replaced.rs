//! Objects that a run writes anew: what the ledger counts as created is there.

use std::fs;

use serde_json::{Value as Json, json};

use super::{
    answers::{Scene, writing},
    people::{PEOPLE, put_people},
    support::{Desk, Ran},
};

/// Returns the account of a destination in a report.
fn account(ran: &Ran, place: usize) -> Json {
    let report: Json = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.page()));
    report["streams"][0]["destinations"][place].clone()
}

/// Checks that nothing is counted as created, that the ledger closes, and that the history says the same.
fn check_nothing_created(desk: &Desk, ran: &Ran, place: usize, (code, rejected): (i32, u64)) {
    assert_eq!(ran.code, code, "{}", ran.page());
    for told in [account(ran, place), account(&desk.ferry(["show", "--json"]), place)] {
        assert_eq!((&told["created"], &told["rejected"]), (&json!(0), &json!(rejected)), "{told}");
        let columns = ["filtered", "duplicate", "unchanged", "created", "updated", "deleted", "rejected", "held"];
        let sum: u64 = columns.iter().map(|name| told[*name].as_u64().unwrap()).sum();
        assert_eq!(told["read"], json!(sum), "{told}");
        assert_eq!(told["status"], json!("failed"), "{told}");
    }
}

/// A pipeline from `data/people.csv` to destinations of its one stream.
fn put(desk: &Desk, connections: &str, destinations: &str) {
    let text = format!(
        "version: 1\nname: copy\nconnections:\n  in: {{ type: csv, path: data }}\n{connections}streams:\n  - name: all\n    \
         source: {{ connection: in, object: people }}\n    destinations:\n{destinations}"
    );
    desk.write("copy.yaml", &text);
    fs::create_dir_all(desk.path("data")).unwrap();
}

#[test]
fn a_file_that_cannot_be_put_in_its_place_has_no_created_records() {
    let desk = Desk::without_tokens();
    let to = |name: &str, object: &str| {
        format!("      - {{ connection: {name}, object: {object}, mappings: {{ first: first }} }}\n")
    };
    // The second destination makes a folder where the first one's file is to be.
    let connections = "  out: { type: csv, path: out }\n  below: { type: csv, path: out/people.csv }\n";
    put(&desk, connections, &(to("out", "people") + &to("below", "others")));
    desk.write("data/people.csv", PEOPLE);
    let ran = desk.ferry(["run", "copy.yaml", "--json"]);
    check_nothing_created(&desk, &ran, 0, (1, 0));
    let others = account(&ran, 1);
    assert_eq!((&others["created"], &others["status"]), (&others["read"], &json!("done")), "{others}");
    assert!(desk.path("out/people.csv/others.csv").is_file());
}

#[test]
fn a_file_that_stays_as_it_is_has_no_created_records() {
    let desk = Desk::without_tokens();
    put(
        &desk,
        "",
        "      - { connection: in, object: people, mappings: { name: name, age: { from: age, type: integer } } }\n",
    );
    desk.write("data/people.csv", "name,age\nAda,36\nBo,old\nCy,7\n");
    let ran = desk.ferry(["run", "copy.yaml", "--json"]);
    check_nothing_created(&desk, &ran, 0, (1, 1));
    assert!(fs::read_to_string(desk.path("data/people.csv")).unwrap().contains("Bo,old"));
}

#[test]
fn a_sheet_that_cannot_be_written_anew_has_no_created_records() {
    let scene = Scene::new("google_sheets");
    put_people(&scene.desk, PEOPLE, "");
    let sheet = "{ type: google_sheets, spreadsheet_id: 1FerryDemoSpreadsheet, credentials: \"${GOOGLE_CREDENTIALS}\", \
                 base_url: \"${GOOGLE_SHEETS_URL}\" }";
    writing(&scene, "anew", sheet, "Regions", "write: replace, mappings: { Country: email }");
    let denied = json!({ "error": { "code": 403, "message": "denied", "status": "PERMISSION_DENIED" } });
    let (_, ran) = scene.play_on(&("protected", &[("POST /v4/", 403, denied)], &["run", "anew.yaml", "--json"]));
    check_nothing_created(&scene.desk, &ran, 0, (3, 1));
}
