//! What fixtures fill, and which fixtures are refused.

use std::fs;

use clock::Clock;
use reqwest::Method;
use serde_json::json;

use super::{BOOK, Local};
use crate::google_sheets::emulator;
use crate::options::EmulatorOptions;

const TAB: &str = "header_row: 2\nfrozen_rows: 2\ncolumns:\n  - { name: Email, format: TEXT }\n  - { name: Since, format: DATE, pattern: \
                   yyyy-mm-dd }\n  - { name: Amount, format: NUMBER }\n  - { name: Next, formula: \"=B{row}+1\" }\n";
const ABOUT: &str = "title: Sales\ntime_zone: Europe/Berlin\nnamed_ranges: { Leads: \"'My leads'!A2:B\" }\n\
                     shared_with: { ya29.test: writer, reader@x.example: reader }\n";

fn options(files: &[(&str, &str)], folder: &tempfile::TempDir) -> EmulatorOptions {
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let fixtures = Some(folder.path().to_owned());
    EmulatorOptions { fixtures, is_unlimited: true, ..EmulatorOptions::default() }
}

#[tokio::test]
async fn a_tab_is_filled_typed_and_formatted_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let records = "Email,Since,Amount\n007,2020-01-01,1.5\nb@x,,\n";
    let files = [("My leads.schema.yaml", TAB), ("My leads.csv", records), ("spreadsheet.schema.yaml", ABOUT)];
    let local = Local::with(options(&files, &folder)).await;
    let values = json!([[], ["Email", "Since", "Amount", "Next"], ["007", 43831, 1.5, 43832], ["b@x", "", "", 1]]);
    assert_eq!(local.values("A1:D", "UNFORMATTED_VALUE").await, values);
    assert_eq!(local.get("/values/Leads").await["range"], "'My leads'!A2:B1000");
    let shown = local.get("?fields=properties(title,timeZone),sheets.properties.gridProperties.frozenRowCount").await;
    assert_eq!(shown["properties"], json!({ "title": "Sales", "timeZone": "Europe/Berlin" }));
    assert_eq!(shown["sheets"][0]["properties"]["gridProperties"]["frozenRowCount"], 2);
    let last = local.get("?ranges=B1000&fields=sheets.data.rowData.values.userEnteredFormat.numberFormat.type").await;
    let format = &last["sheets"][0]["data"][0]["rowData"][0]["values"][0]["userEnteredFormat"]["numberFormat"]["type"];
    assert_eq!(format, "DATE");
    let path = format!("/v4/spreadsheets/{BOOK}/values/A1");
    assert_eq!(local.send("reader@x.example", Method::GET, &path, None).await.0, 200);
    assert_eq!(local.send("reader@x.example", Method::POST, &format!("{path}:clear"), None).await.0, 403);
    assert_eq!(local.send("stranger", Method::GET, &path, None).await.0, 403);
}

#[tokio::test]
async fn a_get_that_is_too_long_comes_as_a_post() {
    let local = Local::start().await;
    local.put("A1", "RAW", json!([["a"], ["b"]])).await;
    let url = format!("{}/v4/spreadsheets/{BOOK}/values:batchGet?fields=valueRanges.values", local.running.url());
    let request = local.client.post(url).bearer_auth("ya29.test").header("x-http-method-override", "GET");
    let answer = request.form(&[("ranges", "A1"), ("ranges", "A2")]).send().await.unwrap();
    let answer: serde_json::Value = answer.json().await.unwrap();
    assert_eq!(answer, json!({ "valueRanges": [{ "values": [["a"]] }, { "values": [["b"]] }] }));
}

#[test]
fn fixtures_that_cannot_be_say_which_and_why() {
    for (name, text, reason) in [
        ("Leads.schema.yaml", "columns: [{ name: A, format: MONEY }]", "fixture `Leads`: `MONEY` is no number format"),
        (
            "spreadsheet.schema.yaml",
            "shared_with: { a: boss }",
            "fixture `spreadsheet`: the role of `a` is reader, writer or owner",
        ),
        (
            "spreadsheet.schema.yaml",
            "named_ranges: { x: Nobody!A1 }",
            "fixture `spreadsheet`: `\"Nobody!A1\"` is no range of a tab",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let error = emulator(options(&[(name, text)], &folder), Clock::system()).unwrap_err();
        assert_eq!(error, reason);
    }
}
