//! What formulas come to in a sheet.

use serde_json::{Value as Json, json};

use super::Local;

#[tokio::test]
async fn formulas_are_computed_shown_and_kept() {
    let local = Local::start().await;
    local.put("A1", "RAW", json!([["Lead", 12, 43831], ["Customer", 7.5, ""], ["", "", ""]])).await;
    for (formula, value) in [
        ("=B1+B2*2", json!(27)),
        ("=SUM(B1:B)", json!(19.5)),
        ("=IF(A3=\"\",\"\",1)", json!("")),
        ("=MIN(100,IF(A2=\"Customer\",40,10)+IF(B1>10,30,0))", json!(70)),
        ("=VLOOKUP(\"customer\",A1:B,2,FALSE)", json!(7.5)),
        ("=INDEX(B:B,MATCH(\"Customer\",A:A,0))", json!(7.5)),
        ("=IFS(B1>20,\"big\",B1>10,\"mid\",TRUE,\"small\")", json!("mid")),
        ("=SWITCH(A1,\"Lead\",1,\"Customer\",2,0)", json!(1)),
        ("=VLOOKUP(A2,{\"Lead\",10;\"Customer\",90},2,FALSE)", json!(90)),
        ("=A1&\" / \"&B2", json!("Lead / 7.5")),
        ("=TEXT(C1,\"yyyy-mm-dd\")", json!("2020-01-01")),
        ("=INT(C1+0.5)", json!(43831)),
        ("=COUNTIF(A:A,\"*e*\")", json!(2)),
        ("=SUMIF(B1:B2,\">10\")", json!(12)),
        ("=INDIRECT(\"B\"&ROW()-3)", json!(12)),
        ("=-2^2", json!(4)),
        ("=50%", json!(0.5)),
        ("=1/0", json!("#DIV/0!")),
        ("=A1*2", json!("#VALUE!")),
        ("=VLOOKUP(\"x\",A1:B,2,FALSE)", json!("#N/A")),
        ("=IFERROR(VLOOKUP(\"x\",A1:B,2,FALSE),\"none\")", json!("none")),
        ("=nobody+1", json!("#NAME?")),
        ("=D4", json!("#REF!")),
        ("=IMPORTXML(\"https://x\",\"//a\")", json!("#ERROR!")),
        ("=IF(", json!("#ERROR!")),
    ] {
        local.put("D4", "USER_ENTERED", json!([[formula]])).await;
        assert_eq!(local.values("D4", "UNFORMATTED_VALUE").await, json!([[value]]), "{formula}");
        assert_eq!(local.values("D4", "FORMULA").await, json!([[formula]]));
    }
}

#[tokio::test]
async fn what_is_not_computed_says_so() {
    let local = Local::start().await;
    local.put("A1", "USER_ENTERED", json!([["=SPARKLINE(B1:C1)"]])).await;
    let data = local.get("?ranges=A1&fields=sheets.data.rowData.values.effectiveValue").await;
    let error: &Json = &data["sheets"][0]["data"][0]["rowData"][0]["values"][0]["effectiveValue"]["errorValue"];
    assert_eq!(
        *error,
        json!({ "type": "ERROR", "message": "The local sheet does not compute the function SPARKLINE." })
    );
}

#[tokio::test]
async fn today_is_a_date_in_the_zone_of_the_spreadsheet() {
    let local = Local::start().await;
    let properties = json!({ "timeZone": "Pacific/Kiritimati", "locale": "de_DE" });
    local
        .change(json!({ "updateSpreadsheetProperties": { "properties": properties, "fields": "timeZone,locale" } }))
        .await;
    let zone: chrono_tz::Tz = "Pacific/Kiritimati".parse().unwrap();
    let today = || clock::Clock::system().now().with_timezone(&zone).format("%d.%m.%Y").to_string();
    let before = today();
    local.put("A1", "USER_ENTERED", json!([["=TODAY()", "=TODAY()-A1"]])).await;
    let shown = local.values("A1:B1", "FORMATTED_VALUE").await;
    assert!(shown == json!([[before, "0"]]) || shown == json!([[today(), "0"]]), "{shown}");
}

#[tokio::test]
async fn a_long_chain_of_formulas_is_worked_out() {
    let local = Local::start().await;
    let rows: Vec<Json> = (2..=1000).map(|row| json!([format!("=A{}+1", row - 1)])).collect();
    local.put("A1", "RAW", json!([[1]])).await;
    local.put("A2", "USER_ENTERED", json!(rows)).await;
    assert_eq!(local.values("A1000", "UNFORMATTED_VALUE").await, json!([[1000]]));
    assert_eq!(local.values("A999:A1000", "UNFORMATTED_VALUE").await, json!([[999], [1000]]));
}

#[tokio::test]
async fn references_follow_rows_columns_and_titles() {
    let local = Local::start().await;
    local.change(json!({ "addSheet": { "properties": { "title": "Other" } } })).await;
    let formulas = json!([["=A2+$B$3", "=SUM(A2:A4)", "=Other!A2", "=A:A", "=A3"]]);
    local.put("D5", "USER_ENTERED", formulas).await;
    let rows =
        |start: u32, end: u32| json!({ "sheetId": 0, "dimension": "ROWS", "startIndex": start, "endIndex": end });
    local.change(json!({ "insertDimension": { "range": rows(1, 2) } })).await;
    assert_eq!(
        local.values("D6:H6", "FORMULA").await,
        json!([["=A3+$B$4", "=SUM(A3:A5)", "=Other!A2", "=A:A", "=A4"]])
    );
    local.change(json!({ "deleteDimension": { "range": rows(3, 4) } })).await;
    let after = json!([["=A3+#REF!", "=SUM(A3:A4)", "=Other!A2", "=A:A", "=#REF!"]]);
    assert_eq!(local.values("D5:H5", "FORMULA").await, after);
    let other = local.get("?fields=sheets.properties").await["sheets"][1]["properties"]["sheetId"].clone();
    let renamed = json!({ "properties": { "sheetId": other, "title": "My data" }, "fields": "title" });
    local.change(json!({ "updateSheetProperties": renamed })).await;
    assert_eq!(local.values("F5", "FORMULA").await, json!([["='My data'!A2"]]));
}
