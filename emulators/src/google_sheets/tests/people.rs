//! A person at work in the sheet.

use serde_json::json;

use super::{BOOK, Local};

#[tokio::test]
async fn a_person_sorts_inserts_renames_and_deletes() {
    let local = Local::start().await;
    local
        .put(
            "A1",
            "USER_ENTERED",
            json!([["Name", "Age", "Next"], ["Ugo", 7, "=B2+1"], ["Ona", 30, "=B3+1"], ["Eda", 5, "=B4+1"]]),
        )
        .await;
    local
        .person(json!([
            { "spreadsheet": BOOK, "action": "sort", "column": "Name" },
            { "spreadsheet": BOOK, "action": "insert_rows", "at": 3 },
            { "spreadsheet": BOOK, "action": "insert_columns", "at": "A" },
            { "spreadsheet": BOOK, "action": "rename", "from": "Age", "to": "Years" },
            { "spreadsheet": BOOK, "action": "delete_rows", "at": 5 },
            { "spreadsheet": BOOK, "action": "set", "range": "E2", "values": [["=C2&\"!\""]] },
        ]))
        .await;
    let formulas =
        json!([["", "Name", "Years", "Next"], ["", "Eda", 5, "=C2+1", "=C2&\"!\""], [], ["", "Ona", 30, "=C4+1"]]);
    assert_eq!(local.values("A:Z", "FORMULA").await, formulas);
    let shown = json!([["", "Name", "Years", "Next"], ["", "Eda", "5", "6", "5!"], [], ["", "Ona", "30", "31"]]);
    assert_eq!(local.values("A:Z", "FORMATTED_VALUE").await, shown);
}

#[tokio::test]
async fn an_action_that_cannot_be_says_why() {
    let local = Local::start().await;
    let url = format!("{}/_emulator/person", local.running.url());
    let answer = local.client.post(url).json(&json!({ "spreadsheet": BOOK, "action": "dance" })).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (400, "`dance` is no action"));
}
