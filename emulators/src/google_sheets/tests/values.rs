//! Reading and writing values.

use reqwest::Method;
use serde_json::json;

use super::Local;

#[tokio::test]
async fn blank_ends_are_left_out_and_blank_middles_are_not() {
    let local = Local::start().await;
    let written = local.put("Sheet1!B2", "RAW", json!([["a", "", "c"], [], ["", "x", ""]])).await;
    assert_eq!(written["updatedRange"], "Sheet1!B2:D4");
    assert_eq!(local.values("A:Z", "FORMATTED_VALUE").await, json!([[], ["", "a", "", "c"], [], ["", "", "x"]]));
    let columns = local.get("/values/B2:D4?majorDimension=COLUMNS").await;
    assert_eq!(columns["values"], json!([["a"], ["", "", "x"], ["c"]]));
    let blank = local.get("/values/F1:G9").await;
    assert_eq!(blank, json!({ "range": "Sheet1!F1:G9", "majorDimension": "ROWS" }));
}

#[tokio::test]
async fn raw_texts_stay_texts_and_typed_ones_become_what_they_look_like() {
    let local = Local::start().await;
    let texts = json!([["=1+1", "007", "1/2/2020", "TRUE", "'x", "-5"]]);
    local.put("A1", "RAW", texts.clone()).await;
    assert_eq!(local.values("A1:F1", "UNFORMATTED_VALUE").await, texts);
    local.put("A2", "USER_ENTERED", texts.clone()).await;
    assert_eq!(local.values("A2:F2", "UNFORMATTED_VALUE").await, json!([[2, 7, 43832, true, "x", -5]]));
    assert_eq!(local.values("A2:F2", "FORMATTED_VALUE").await, json!([["2", "7", "1/2/2020", "TRUE", "x", "-5"]]));
    assert_eq!(local.values("A2:F2", "FORMULA").await, json!([["=1+1", 7, 43832, true, "x", -5]]));
    let dates = local.get("/values/C2?valueRenderOption=UNFORMATTED_VALUE&dateTimeRenderOption=FORMATTED_STRING").await;
    assert_eq!(dates["values"], json!([["1/2/2020"]]));
    // A cell for texts keeps what is typed.
    let cell = json!({ "userEnteredFormat": { "numberFormat": { "type": "TEXT" } } });
    let range = json!({ "sheetId": 0, "startRowIndex": 2, "endRowIndex": 3 });
    local
        .change(json!({ "repeatCell": { "range": range, "cell": cell, "fields": "userEnteredFormat.numberFormat" } }))
        .await;
    local.put("A3", "USER_ENTERED", json!([["007", "=1"]])).await;
    assert_eq!(local.values("A3:B3", "UNFORMATTED_VALUE").await, json!([["007", "=1"]]));
}

#[tokio::test]
async fn null_leaves_a_cell_alone_and_the_empty_text_clears_it() {
    let local = Local::start().await;
    local.put("A1", "RAW", json!([["a", "b", "c"]])).await;
    let written = local.put("A1:C1", "RAW", json!([[null, "", 5]])).await;
    assert_eq!((&written["updatedCells"], &written["updatedRows"]), (&json!(2), &json!(1)));
    assert_eq!(local.values("A1:C1", "UNFORMATTED_VALUE").await, json!([["a", "", 5]]));
}

#[tokio::test]
async fn ranges_are_answered_with_the_titles_quoted_where_they_must_be() {
    let local = Local::start().await;
    for (title, range, answered) in [
        ("Jon's Data", "%27Jon%27%27s%20Data%27!A1", "'Jon''s Data'!A1"),
        ("Q1", "%27Q1%27!A1:B", "'Q1'!A1:B1000"),
        ("Leads", "Leads", "Leads!A1:Z1000"),
        ("🌵 x", "%F0%9F%8C%B5+x!2:2", "'🌵 x'!A2:Z2"),
    ] {
        local.change(json!({ "addSheet": { "properties": { "title": title } } })).await;
        let range = range.replace('+', "%20");
        assert_eq!(local.get(&format!("/values/{range}")).await["range"], answered);
    }
    // A bare title shaped like a cell is a cell, here of the first tab and within its grid.
    assert_eq!(local.get("/values/Q1").await["range"], "Sheet1!Q1");
    let (status, message) = local.refused(Method::GET, "/values/CRM26", json!(null)).await;
    assert_eq!(
        (status, message.as_str()),
        (400, "Range (Sheet1!CRM26) exceeds grid limits. Max rows: 1000, max columns: 26")
    );
    let (status, message) = local.refused(Method::GET, "/values/Nobody!A1", json!(null)).await;
    assert_eq!((status, message.as_str()), (400, "Unable to parse range: Nobody!A1"));
}

#[tokio::test]
async fn values_that_do_not_fit_are_refused_whole() {
    let local = Local::start().await;
    local.put("A1", "RAW", json!([["kept"]])).await;
    let long = "x".repeat(50_001);
    for (range, values, message) in [
        (
            "A1:B1",
            json!([["a", "b", "c"]]),
            "Requested writing within range [Sheet1!A1:B1], but tried writing to column [C]",
        ),
        ("A1:B1", json!([["a"], ["b"]]), "Requested writing within range [Sheet1!A1:B1], but tried writing to row [2]"),
        (
            "A1000",
            json!([["a"], ["b"]]),
            "Range (Sheet1!A1000:A1001) exceeds grid limits. Max rows: 1000, max columns: 26",
        ),
        ("A1001", json!([["a"]]), "Range (Sheet1!A1001) exceeds grid limits. Max rows: 1000, max columns: 26"),
        ("A1", json!([["a", long]]), "Your input contains more than the maximum of 50000 characters in a single cell."),
        ("A1", json!([[{ "a": 1 }]]), "Invalid data.values[0][0]: struct_value {\"a\":1}"),
    ] {
        let path = format!("/values/{range}?valueInputOption=RAW");
        assert_eq!(local.refused(Method::PUT, &path, json!({ "values": values })).await, (400, message.to_owned()));
    }
    let (_, message) = local.refused(Method::PUT, "/values/A1", json!({ "values": [["a"]] })).await;
    assert_eq!(message, "'valueInputOption' is required but not specified");
    let body = json!({ "valueInputOption": "RAW", "data": [{ "range": "A1", "values": [["new"]] }, { "range": "A1001", "values": [[1]] }] });
    assert_eq!(local.refused(Method::POST, "/values:batchUpdate", body).await.0, 400);
    assert_eq!(local.values("A1:C3", "FORMATTED_VALUE").await, json!([["kept"]]));
}

#[tokio::test]
async fn keys_that_the_api_does_not_know_are_refused_with_their_place() {
    let local = Local::start().await;
    for (path, body, message) in [
        (
            "/values:batchUpdate",
            json!({ "valueInputOption": "RAW", "data": [{ "range": "A1", "value": [] }] }),
            "Invalid JSON payload received. Unknown name \"value\" at 'data[0]': Cannot find field.",
        ),
        (
            ":batchUpdate",
            json!({ "requests": [{ "addSheet": { "properties": { "titel": "x" } } }] }),
            "Invalid JSON payload received. Unknown name \"titel\" at 'requests[0].add_sheet.properties': Cannot find field.",
        ),
        (
            ":batchUpdate",
            json!({ "requests": [{ "addSheet": { "properties": { "title": 5 } } }] }),
            "Invalid value at 'requests[0].add_sheet.properties.title' (TYPE_STRING), 5",
        ),
        (
            "/values:batchUpdate",
            json!({ "valueInputOption": "AS_IS", "data": [] }),
            "Invalid value at 'value_input_option' (type.googleapis.com/google.apps.sheets.v4.ValueInputOption), \"AS_IS\"",
        ),
    ] {
        assert_eq!(local.refused(Method::POST, path, body).await, (400, message.to_owned()));
    }
}

#[tokio::test]
async fn many_ranges_are_read_written_and_cleared_at_once() {
    let local = Local::start().await;
    let data = json!([{ "range": "A1:B1", "values": [["a", "b"]] }, { "range": "A3", "majorDimension": "COLUMNS", "values": [[1, 2]] }]);
    let body = json!({ "valueInputOption": "RAW", "data": data, "includeValuesInResponse": true });
    let answer = local.post("/values:batchUpdate", body).await;
    assert_eq!(answer["totalUpdatedRows"], 3);
    assert_eq!(answer["totalUpdatedColumns"], 2);
    assert_eq!(answer["totalUpdatedCells"], 4);
    assert_eq!(answer["responses"][1]["updatedData"]["values"], json!([["1"], ["2"]]));
    let read = local.get("/values:batchGet?ranges=A1:B1&ranges=A3:A&fields=valueRanges.values").await;
    assert_eq!(read, json!({ "valueRanges": [{ "values": [["a", "b"]] }, { "values": [["1"], ["2"]] }] }));
    let cleared = local.post("/values:batchClear", json!({ "ranges": ["A1:B1", "A3:A3"] })).await;
    assert_eq!(cleared["clearedRanges"], json!(["Sheet1!A1:B1", "Sheet1!A3"]));
    assert_eq!(local.values("A:B", "FORMATTED_VALUE").await, json!([[], [], [], ["2"]]));
}

#[tokio::test]
async fn what_comes_along_is_the_whole_range_of_the_request() {
    let local = Local::start().await;
    local.put("A1", "RAW", json!([["Id", "Name", "Note"], ["a", "Ada", "x"], ["b", "Bob"]])).await;
    let data = json!([
        { "range": "Sheet1!A1:E1", "values": [[null, null, null, null, null]] },
        { "range": "Sheet1!A1:E1", "values": [] },
        { "range": "Sheet1!A2:C9", "values": [[null, "Eve"]] },
    ]);
    let body = json!({ "valueInputOption": "RAW", "data": data, "includeValuesInResponse": true });
    let answer = local.post("/values:batchUpdate", body).await;
    let shown: Vec<_> = (0..3).map(|place| answer["responses"][place]["updatedData"]["values"].clone()).collect();
    let header = json!([["Id", "Name", "Note"]]);
    assert_eq!(shown, [header.clone(), header, json!([["a", "Eve", "x"], ["b", "Bob"]])]);
    assert_eq!(answer["totalUpdatedCells"], 1);
}
