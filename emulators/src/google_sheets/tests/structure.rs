//! `:batchUpdate`, and the spreadsheet as it is shown.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{BOOK, Local};

fn range(rows: (u32, u32), columns: (u32, u32)) -> Json {
    json!({
        "sheetId": 0, "startRowIndex": rows.0, "endRowIndex": rows.1, "startColumnIndex": columns.0, "endColumnIndex": columns.1,
    })
}

#[tokio::test]
async fn tabs_are_added_changed_copied_and_deleted() {
    let local = Local::start().await;
    let grid = json!({ "rowCount": 5, "columnCount": 3, "frozenRowCount": 1 });
    let made =
        local.change(json!({ "addSheet": { "properties": { "title": "Deals", "gridProperties": grid } } })).await;
    let properties = &made["addSheet"]["properties"];
    assert_eq!(properties["gridProperties"], grid);
    let id = properties["sheetId"].as_i64().unwrap();
    let copied = local
        .change(json!({ "duplicateSheet": { "sourceSheetId": id, "newSheetName": "Copy", "insertSheetIndex": 0 } }))
        .await;
    assert_eq!(copied["duplicateSheet"]["properties"]["index"], 0);
    let update = json!({ "properties": { "sheetId": id, "gridProperties": { "rowCount": 9 } }, "fields": "gridProperties.rowCount" });
    local.change(json!({ "updateSheetProperties": update })).await;
    local.change(json!({ "deleteSheet": { "sheetId": 0 } })).await;
    let shown = local.get("?fields=sheets.properties(title,gridProperties)").await;
    let sheet = |title: &str, rows: u32| json!({ "properties": { "title": title, "gridProperties": { "rowCount": rows, "columnCount": 3, "frozenRowCount": 1 } } });
    assert_eq!(shown, json!({ "sheets": [sheet("Copy", 5), sheet("Deals", 9)] }));
}

#[tokio::test]
async fn one_wrong_request_keeps_all_of_them_from_being_done() {
    let local = Local::start().await;
    let requests = json!([{ "addSheet": { "properties": { "title": "New" } } }, { "deleteSheet": { "sheetId": 77 } }]);
    let (status, message) = local.refused(Method::POST, ":batchUpdate", json!({ "requests": requests })).await;
    assert_eq!((status, message.as_str()), (400, "Invalid requests[1].deleteSheet: No grid with id: 77"));
    assert_eq!(local.get("?fields=sheets.properties.title").await["sheets"].as_array().unwrap().len(), 1);
    for (request, message) in [
        (
            json!({ "addSheet": { "properties": { "title": "sheet1" } } }),
            "addSheet: A sheet with the name \"Sheet1\" already exists.",
        ),
        (
            json!({ "deleteSheet": { "sheetId": 0 } }),
            "deleteSheet: You can't remove all the visible sheets in a document.",
        ),
        (
            json!({ "updateSheetProperties": { "properties": { "title": "x" } } }),
            "updateSheetProperties: At least one field must be listed",
        ),
        (json!({ "addChart": {} }), "addChart: The local sheet does not carry this request out."),
    ] {
        let (_, told) = local.refused(Method::POST, ":batchUpdate", json!({ "requests": [request] })).await;
        assert!(told.starts_with(&format!("Invalid requests[0].{message}")), "{told}");
    }
    let both = json!([{ "addSheet": {}, "deleteSheet": {} }]);
    assert_eq!(local.refused(Method::POST, ":batchUpdate", json!({ "requests": both })).await.0, 400);
    let (_, none) = local.refused(Method::POST, ":batchUpdate", json!({ "requests": [] })).await;
    assert_eq!(none, "Must specify at least one request.");
}

#[tokio::test]
async fn cells_are_written_typed_with_formats_and_notes() {
    let local = Local::start().await;
    let since = json!({ "userEnteredValue": { "numberValue": 43831 }, "userEnteredFormat": { "numberFormat": { "type": "DATE", "pattern": "yyyy-mm-dd" } } });
    let rows = json!([{ "values": [{ "userEnteredValue": { "stringValue": "=not a formula" } }, since, { "userEnteredValue": { "formulaValue": "=B1+1" }, "note": "n" }] }]);
    local.change(json!({ "appendCells": { "sheetId": 0, "rows": rows, "fields": "*" } })).await;
    assert_eq!(local.values("A1:C1", "FORMATTED_VALUE").await, json!([["=not a formula", "2020-01-01", "43832"]]));
    let data = local.get("?ranges=A1:C1&fields=sheets.data.rowData.values(userEnteredValue,effectiveValue,userEnteredFormat.numberFormat,note)").await;
    let values = &data["sheets"][0]["data"][0]["rowData"][0]["values"];
    assert_eq!(
        values[0],
        json!({ "userEnteredValue": { "stringValue": "=not a formula" }, "effectiveValue": { "stringValue": "=not a formula" } })
    );
    assert_eq!(values[1]["userEnteredFormat"]["numberFormat"]["type"], "DATE");
    assert_eq!(
        values[2],
        json!({ "userEnteredValue": { "formulaValue": "=B1+1" }, "effectiveValue": { "numberValue": 43832 }, "note": "n" })
    );
    // Within a range, what the mask names and the rows lack is cleared.
    local
        .change(json!({ "updateCells": { "range": range((0, 1), (0, 3)), "rows": [], "fields": "userEnteredValue" } }))
        .await;
    assert_eq!(local.values("A1:C1", "FORMATTED_VALUE").await, json!(null));
    let note = local.get("?ranges=C1&fields=sheets.data.rowData.values.note").await;
    assert_eq!(note["sheets"][0]["data"][0]["rowData"][0]["values"][0]["note"], "n");
}

#[tokio::test]
async fn ranges_names_protections_and_metadata_follow_their_rows() {
    let local = Local::start().await;
    let named = local
        .change(json!({ "addNamedRange": { "namedRange": { "name": "Leads", "range": range((1, 3), (0, 2)) } } }))
        .await;
    assert!(named["addNamedRange"]["namedRange"]["namedRangeId"].is_string());
    let at = json!({ "dimensionRange": { "sheetId": 0, "dimension": "ROWS", "startIndex": 2, "endIndex": 3 } });
    let metadata = json!({ "metadataKey": "id", "metadataValue": "7", "visibility": "DOCUMENT", "location": at });
    local.change(json!({ "createDeveloperMetadata": { "developerMetadata": metadata } })).await;
    local.put("A3", "RAW", json!([["row 3"]])).await;
    let rows = json!({ "sheetId": 0, "dimension": "ROWS", "startIndex": 0, "endIndex": 2 });
    local.change(json!({ "insertDimension": { "range": rows } })).await;
    assert_eq!(local.get("/values/Leads").await["range"], "Sheet1!A4:B5");
    let lookup = json!([{ "developerMetadataLookup": { "metadataKey": "id", "metadataValue": "7" } }]);
    let found = local.post("/values:batchGetByDataFilter", json!({ "dataFilters": lookup })).await;
    assert_eq!(found["valueRanges"][0]["valueRange"]["range"], "Sheet1!A5:Z5");
    assert_eq!(found["valueRanges"][0]["valueRange"]["values"], json!([["row 3"]]));
    let searched = local.post("/developerMetadata:search", json!({ "dataFilters": lookup })).await;
    let location = &searched["matchedDeveloperMetadata"][0]["developerMetadata"]["location"];
    assert_eq!((&location["locationType"], &location["dimensionRange"]["startIndex"]), (&json!("ROW"), &json!(4)));
    let gone = json!({ "sheetId": 0, "dimension": "ROWS", "startIndex": 4, "endIndex": 5 });
    local.change(json!({ "deleteDimension": { "range": gone } })).await;
    assert_eq!(local.post("/developerMetadata:search", json!({ "dataFilters": lookup })).await, json!({}));
}

#[tokio::test]
async fn a_protected_range_is_its_editors_alone() {
    let local = Local::start().await;
    local.change(json!({ "addProtectedRange": { "protectedRange": { "range": range((0, 1), (0, 26)) } } })).await;
    local.put("A1", "RAW", json!([["mine"]])).await;
    let path = |range: &str| format!("/v4/spreadsheets/{BOOK}/values/{range}?valueInputOption=RAW");
    let body = || Some(json!({ "values": [["theirs"]] }));
    let (status, answer) = local.send("other", Method::PUT, &path("A1"), body()).await;
    assert_eq!((status, &answer["error"]["status"]), (403, &json!("PERMISSION_DENIED")));
    assert_eq!(local.send("other", Method::PUT, &path("A2"), body()).await.0, 200);
    let rows = json!({ "range": { "sheetId": 0, "dimension": "ROWS", "startIndex": 0, "endIndex": 1 } });
    let batch = json!({ "requests": [{ "deleteDimension": rows }] });
    assert_eq!(
        local.send("other", Method::POST, &format!("/v4/spreadsheets/{BOOK}:batchUpdate"), Some(batch)).await.0,
        403
    );
    assert_eq!(local.values("A1:A2", "FORMATTED_VALUE").await, json!([["mine"], ["theirs"]]));
}

#[tokio::test]
async fn texts_are_found_and_replaced_and_rows_are_sorted() {
    let local = Local::start().await;
    local.put("A1", "USER_ENTERED", json!([["b", 2, "=B1*10"], ["a", 10, "=B2*10"], ["", 1, "=B3*10"]])).await;
    let sort =
        json!({ "range": range((0, 3), (0, 3)), "sortSpecs": [{ "dimensionIndex": 0, "sortOrder": "ASCENDING" }] });
    local.change(json!({ "sortRange": sort })).await;
    assert_eq!(
        local.values("A1:C3", "FORMULA").await,
        json!([["a", 10, "=B1*10"], ["b", 2, "=B2*10"], ["", 1, "=B3*10"]])
    );
    let replace = json!({ "find": "B", "replacement": "c", "sheetId": 0 });
    let found = local.change(json!({ "findReplace": replace })).await;
    assert_eq!(
        found["findReplace"],
        json!({ "valuesChanged": 1, "rowsChanged": 1, "sheetsChanged": 1, "occurrencesChanged": 1 })
    );
    assert_eq!(local.values("A2", "FORMULA").await, json!([["c"]]));
    let copy = json!({ "source": range((0, 1), (2, 3)), "destination": range((4, 6), (2, 3)) });
    local.change(json!({ "copyPaste": copy })).await;
    assert_eq!(local.values("C5:C6", "FORMULA").await, json!([["=B5*10"], ["=B6*10"]]));
}

#[tokio::test]
async fn masks_that_name_what_is_not_there_are_refused() {
    let local = Local::start().await;
    let (status, answer) = local.ask(Method::GET, "?fields=sheets.titles", None).await;
    assert_eq!((status, &answer["error"]["details"][0]["fieldViolations"][0]["field"]), (400, &json!("fields")));
    // A mask decides alone whether cells come along.
    local.put("A1", "RAW", json!([["x"]])).await;
    assert!(local.get("").await["sheets"][0].get("data").is_none());
    assert!(local.get("?includeGridData=true").await["sheets"][0]["data"][0]["rowData"].is_array());
    let masked = local.get("?includeGridData=false&fields=sheets.data.rowData.values.formattedValue").await;
    assert_eq!(masked, json!({ "sheets": [{ "data": [{ "rowData": [{ "values": [{ "formattedValue": "x" }] }] }] }] }));
}
