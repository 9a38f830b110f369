//! Appending rows.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::Local;

async fn append(local: &Local, range: &str, query: &str, values: Json) -> Json {
    local.post(&format!("/values/{range}:append?valueInputOption=RAW{query}"), json!({ "values": values })).await
}

#[tokio::test]
async fn rows_go_below_the_table_and_begin_at_its_first_column() {
    let local = Local::start().await;
    let first = append(&local, "Sheet1", "", json!([["Name", "Email"]])).await;
    assert_eq!(first["updates"]["updatedRange"], "Sheet1!A1:B1");
    assert!(first.get("tableRange").is_none());
    let second = append(&local, "B1:Z1", "", json!([["Ona", "o@x"], ["Ugo"]])).await;
    assert_eq!(second["tableRange"], "Sheet1!A1:B1");
    assert_eq!(second["updates"]["updatedRange"], "Sheet1!A2:B3");
    assert_eq!(second["updates"]["updatedCells"], 3);
}

#[tokio::test]
async fn new_rows_push_down_what_lies_below_and_old_ones_are_written_over() {
    let local = Local::start().await;
    local.put("A1", "RAW", json!([["Name"], ["Ona"], [], ["below"]])).await;
    let inserted = append(&local, "A1:A1", "&insertDataOption=INSERT_ROWS", json!([["Ugo"], ["Eda"]])).await;
    assert_eq!(inserted["updates"]["updatedRange"], "Sheet1!A3:A4");
    assert_eq!(
        local.values("A:A", "FORMATTED_VALUE").await,
        json!([["Name"], ["Ona"], ["Ugo"], ["Eda"], [], ["below"]])
    );
    append(&local, "A1:A1", "&insertDataOption=OVERWRITE", json!([["x"], ["y"]])).await;
    assert_eq!(local.values("A5:A", "FORMATTED_VALUE").await, json!([["x"], ["y"]]));
    let grid = local.get("?fields=sheets.properties.gridProperties.rowCount").await;
    assert_eq!(grid["sheets"][0]["properties"]["gridProperties"]["rowCount"], 1002);
}

#[tokio::test]
async fn a_formula_that_comes_to_nothing_moves_where_rows_land() {
    let local = Local::start().await;
    local.put("A1", "USER_ENTERED", json!([["Name", "Days"], ["Ona", "=\"\""], ["", "=\"\""]])).await;
    assert_eq!(append(&local, "A1:B1", "", json!([["Ugo"]])).await["updates"]["updatedRange"], "Sheet1!A4");
}

#[tokio::test]
async fn the_grid_grows_by_appending_up_to_ten_million_cells() {
    let local = Local::start().await;
    let full = json!({ "title": "Full", "gridProperties": { "rowCount": 2, "columnCount": 1 } });
    local.change(json!({ "addSheet": { "properties": full } })).await;
    append(&local, "Full", "", json!([["a"], ["b"], ["c"]])).await;
    assert_eq!(local.get("/values/Full").await["range"], "Full!A1:A3");
    let huge =
        json!({ "addSheet": { "properties": { "gridProperties": { "rowCount": 5_000_000, "columnCount": 2 } } } });
    let (status, message) = local.refused(Method::POST, ":batchUpdate", json!({ "requests": [huge] })).await;
    assert_eq!(status, 400);
    assert!(message.ends_with("above the limit of 10000000 cells."), "{message}");
    let large = json!({ "addSheet": { "properties": { "title": "Large", "gridProperties": { "rowCount": 997_000, "columnCount": 10 } } } });
    local.change(large).await;
    let rows: Vec<Json> = (0..400).map(|row| json!([row])).collect();
    let path = "/values/Large:append?valueInputOption=RAW&insertDataOption=INSERT_ROWS";
    local.put("Large!A1", "RAW", json!([["h"]])).await;
    let (status, message) = local.refused(Method::POST, path, json!({ "values": rows })).await;
    assert_eq!((status, message.contains("10000000")), (400, true), "{message}");
}
