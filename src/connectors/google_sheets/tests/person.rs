//! A person works in the sheet while Ferry writes: nothing of theirs is lost, nothing lands in a wrong row.

use super::*;
use crate::model::FieldType::{Number, Text};

const FIELDS: &[(&str, FieldType)] = &[("Id", Text), ("Amount", Number)];

async fn desk() -> Desk {
    Desk::typed(
        "T",
        json!([["Id", "Amount", "Note"], ["a", 1, "of a"], ["b", 2, "of b"], ["c", 3, "of c"], ["d", 4, "of d"],]),
    )
    .await
}

fn change(id: &str, amount: f64) -> BatchRecord {
    record(Some(id), &[("Id", text(id)), ("Amount", Value::Number(amount))])
}

/// Returns the rows by their ids: amount and note.
async fn rows(desk: &Desk) -> Vec<(String, String, String)> {
    let pages = desk.read("T", &["Id", "Amount", "Note"]).await;
    let mut rows: Vec<_> = column(&pages, "Id")
        .into_iter()
        .zip(column(&pages, "Amount"))
        .zip(column(&pages, "Note"))
        .map(|((id, amount), note)| (id, amount, note))
        .collect();
    rows.sort();
    rows
}

fn row(id: &str, amount: &str, note: &str) -> (String, String, String) {
    (id.to_owned(), amount.to_owned(), note.to_owned())
}

#[tokio::test]
async fn a_sort_between_read_and_write_is_put_right() {
    let desk = desk().await;
    let sheet = desk.planned("T", &["Id"], FIELDS, &[]).await;
    desk.meanwhile("values:batchUpdate", json!({ "action": "sort", "column": "Amount", "descending": true }));
    let outcomes = load(&*sheet, "T", Operation::Update, vec![change("a", 10.0), change("b", 20.0)]).await;
    assert_eq!(outcomes, [updated("a"), updated("b")]);
    let expected = [row("a", "10", "of a"), row("b", "20", "of b"), row("c", "3", "of c"), row("d", "4", "of d")];
    assert_eq!(rows(&desk).await, expected);
}

#[tokio::test]
async fn rows_that_move_before_they_are_removed_are_put_back() {
    let desk = desk().await;
    let sheet = desk.planned("T", &["Id"], FIELDS, &[]).await;
    desk.meanwhile(":batchUpdate", json!({ "action": "sort", "column": "Amount", "descending": true }));
    assert_eq!(load(&*sheet, "T", Operation::Delete, vec![record(Some("a"), &[])]).await, [Outcome::Deleted]);
    assert_eq!(rows(&desk).await, [row("b", "2", "of b"), row("c", "3", "of c"), row("d", "4", "of d")]);
}

#[tokio::test]
async fn what_people_do_between_two_writes_is_found_again() {
    let desk = desk().await;
    let sheet = desk.planned("T", &["Id"], FIELDS, &[]).await;
    load(&*sheet, "T", Operation::Update, vec![change("a", 10.0)]).await;
    desk.person(json!([
        { "action": "sort", "column": "Id", "descending": true },
        { "action": "insert_rows", "at": 3, "count": 1 },
        { "action": "insert_columns", "at": "A", "count": 2 },
        { "action": "rename", "from": "Note", "to": "Remark" },
        { "action": "set", "range": "F2", "values": [["=C2&\"!\""]] },
    ]))
    .await;
    load(&*sheet, "T", Operation::Update, vec![change("a", 11.0), change("d", 40.0)]).await;
    let pages = desk.read("T", &["Id", "Amount", "Remark"]).await;
    assert_eq!(column(&pages, "Id"), ["d", "c", "b", "a"]);
    assert_eq!(column(&pages, "Amount"), ["40", "3", "2", "11"]);
    assert_eq!(column(&pages, "Remark"), ["of d", "of c", "of b", "of a"]);
    assert_eq!(desk.cells("T!F2").await, json!([["=C2&\"!\""]]));
}
