//! A sheet whose quota is used up, whose answers are lost, or whose run is killed: each row arrives once.

use std::{collections::BTreeSet, fs};

use serde_json::{Value as Json, json};

use super::support::{Crms, Desk, Gateway, Ran, wait_until};

const ROWS: usize = 1_000;
/// How many times as fast as the machine's the clocks are: a minute is two seconds.
const SPEED: [&str; 2] = ["--clock-speed", "30"];

const PIPELINE: &str = r#"version: 1
name: sheet-quota
connections:
  in: { type: csv, path: ., id: id }
  sheet: { type: google_sheets, spreadsheet: 1FerryQuota, access_token: "${GOOGLE_SHEETS_TOKEN}", base_url: "${GOOGLE_SHEETS_URL}" }
streams:
  - name: rows
    source: { connection: in, object: rows }
    destinations: [ { connection: sheet, object: Rows, key: [Id], mappings: { Id: id, Name: name } } ]
"#;

/// Starts an empty tab, and lays out the rows that go into it.
fn scene(args: &[&str]) -> (Crms, Desk) {
    let fixtures = tempfile::tempdir().unwrap();
    let folder = fixtures.path().join("google_sheets");
    fs::create_dir(&folder).unwrap();
    fs::write(
        folder.join("Rows.schema.yaml"),
        "columns:\n  - { name: Id, format: TEXT }\n  - { name: Name, format: TEXT }\n",
    )
    .unwrap();
    let crms = Crms::start(&["google_sheets"], Some(fixtures.path()), &[&SPEED, args].concat());
    let desk = Desk::new(&crms);
    desk.write("quota.yaml", PIPELINE);
    let rows: Vec<String> = (0..ROWS).map(|row| format!("{row},Row {row}\n")).collect();
    desk.write("rows.csv", &format!("id,name\n{}", rows.concat()));
    (crms, desk)
}

fn run(desk: &Desk, args: &[&str]) -> Ran {
    desk.ferry([&["run", "quota.yaml"], &SPEED[..], args].concat())
}

/// Checks that each row is in the sheet once, and with its name.
fn check_rows(crms: &Crms, what: &str) {
    let cells = crms.get_at_last("google_sheets", "/v4/spreadsheets/1FerryQuota/values/Rows!A2:B");
    let rows = cells["values"].as_array().unwrap();
    let found: BTreeSet<(&str, &str)> =
        rows.iter().map(|row| (row[0].as_str().unwrap(), row[1].as_str().unwrap())).collect();
    assert_eq!((rows.len(), found.len()), (ROWS, ROWS), "{what}");
    for row in 0..ROWS {
        assert!(found.contains(&(row.to_string().as_str(), format!("Row {row}").as_str())), "{what}: row {row}");
    }
}

fn account(report: &Json) -> &Json {
    &report["streams"][0]["destinations"][0]
}

#[test]
fn a_used_up_minute_is_waited_for_and_told() {
    let (crms, mut desk) = scene(&[]);
    let gateway = Gateway::before(&crms, "google_sheets");
    desk.set("GOOGLE_SHEETS_URL", gateway.url());
    // Somebody else uses up what the login may write.
    let message = "Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute per user'";
    let spent = json!({ "error": { "code": 429, "message": message, "status": "RESOURCE_EXHAUSTED" } });
    gateway.says(&[("POST /v4/", 429, spent)]);
    let run = desk.start("run", [&["run", "quota.yaml", "--json"], &SPEED[..]].concat());
    wait_until("a write is refused twice", || gateway.answered() >= 2);
    gateway.says(&[]);
    let ran = run.finish();
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report = ran.json();
    let account = account(&report);
    assert_eq!(account["created"], ROWS, "{account}");
    assert!(account["rate_limited"].as_u64().unwrap() >= 2, "{account}");
    assert!(account["calls"].as_u64().unwrap() < 10, "many rows go in one call: {account}");
    check_rows(&crms, "used up");
    let shown = desk.ferry(["show", report["run_id"].as_str().unwrap()]);
    assert!(shown.stdout.contains("said that the rate limit was crossed"), "{}{}", shown.stdout, shown.stderr);
}

#[test]
fn lost_answers_double_no_row() {
    for seed in 1..=4 {
        let (crms, desk) = scene(&["--fault", &format!("drop_after=0.3,seed={seed}")]);
        let ran = run(&desk, &["--json"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(account(&ran.json())["created"], ROWS);
        check_rows(&crms, &format!("seed {seed}"));
    }
}

#[test]
fn a_run_that_is_killed_doubles_no_row() {
    // Before anything is asked, and when the rows are there and the run may not know.
    for rows in [0, 1] {
        let (crms, desk) = scene(&[]);
        let first = desk.start("first", [&["run", "quota.yaml"], &SPEED[..]].concat());
        wait_until("the rows are there", || crms.held("google_sheets", "Rows") >= rows);
        drop(first);
        let ran = run(&desk, &["--json"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert_eq!(account(&ran.json())["created"], ROWS);
        check_rows(&crms, &format!("killed with {rows}"));
        let again = run(&desk, &["--json"]).json();
        let again = account(&again);
        assert_eq!((&again["unchanged"], &again["calls_write"]), (&ROWS.into(), &0.into()), "{again}");
    }
}
