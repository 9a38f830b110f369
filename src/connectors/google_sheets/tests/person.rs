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
    for (actions, has_new) in [
        (json!({ "action": "sort", "column": "Amount", "descending": true }), false),
        (json!({ "action": "insert_rows", "at": 2, "count": 2 }), false),
        (
            json!([{ "action": "insert_rows", "at": 2, "count": 1 }, { "action": "set", "range": "A2:C2", "values": [["n", 9, "of n"]] }]),
            true,
        ),
        (json!({ "action": "move_rows", "at": 2, "to": 6 }), false),
    ] {
        let desk = desk().await;
        let sheet = desk.planned("T", &["Id"], FIELDS, &[]).await;
        desk.meanwhile("values:batchUpdate", actions.clone());
        let outcomes = load(&*sheet, "T", Operation::Update, vec![change("a", 10.0), change("b", 20.0)]).await;
        assert_eq!(outcomes, [updated("a"), updated("b")]);
        let mut expected =
            vec![row("a", "10", "of a"), row("b", "20", "of b"), row("c", "3", "of c"), row("d", "4", "of d")];
        let mut found = rows(&desk).await;
        if has_new {
            // What a person wrote between the read and the write is not known: it is left blank, and said.
            assert!(found.contains(&row("n", "", "of n")), "{found:?}");
            found.retain(|row| row.0 != "n");
        }
        expected.sort();
        assert_eq!(found, expected, "{actions}");
    }
}

#[tokio::test]
async fn a_column_that_moves_between_read_and_write_is_put_right() {
    for actions in [
        json!({ "action": "insert_columns", "at": "A", "count": 1 }),
        json!({ "action": "insert_columns", "at": "B", "count": 2 }),
        json!({ "action": "insert_columns", "at": "C", "count": 1 }),
        json!({ "action": "move_columns", "at": "C", "to": "A" }),
        json!({ "action": "move_columns", "at": "A", "to": "D" }),
        json!({ "action": "delete_columns", "at": "D" }),
        json!({ "action": "rename", "from": "Note", "to": "Remark" }),
        json!({ "action": "delete_rows", "at": 3, "count": 1 }),
        json!([
            { "action": "insert_columns", "at": "B", "count": 1 },
            { "action": "sort", "column": "Amount", "descending": true },
        ]),
        json!([
            { "action": "move_columns", "at": "C", "to": "A" },
            { "action": "insert_rows", "at": 2, "count": 3 },
        ]),
    ] {
        let desk = desk().await;
        desk.person(json!({ "action": "set", "range": "D1:D5", "values": [["Double"], ["=B2*2"], ["=B3*2"], ["=B4*2"], ["=B5*2"]] })).await;
        let sheet = desk.planned("T", &["Id"], FIELDS, &[]).await;
        let is_deleted = actions["action"] == "delete_rows";
        let has_double = actions["action"] != "delete_columns";
        desk.meanwhile("values:batchUpdate", actions.clone());
        let changes = vec![change("a", 10.0), change("b", 20.0), change("d", 40.0)];
        let outcomes = load(&*sheet, "T", Operation::Update, changes).await;
        let b = if is_deleted { Outcome::Missing } else { updated("b") };
        assert_eq!(outcomes, [updated("a"), b, updated("d")], "{actions}");
        let note = if actions["action"] == "rename" { "Remark" } else { "Note" };
        let mut names = vec!["Id", "Amount", note];
        names.extend(has_double.then_some("Double"));
        let pages = desk.read("T", &names).await;
        let mut found: Vec<Vec<String>> = (0..column(&pages, "Id").len())
            .map(|row| names.iter().map(|name| column(&pages, name)[row].clone()).collect())
            .collect();
        found.sort();
        let mut expected = vec![("a", 10, "of a"), ("b", 20, "of b"), ("c", 3, "of c"), ("d", 40, "of d")];
        expected.retain(|row| !(is_deleted && row.0 == "b"));
        let expected: Vec<Vec<String>> = expected
            .into_iter()
            .map(|(id, amount, note)| {
                let mut row = vec![id.to_owned(), amount.to_string(), note.to_owned()];
                row.extend(has_double.then(|| (amount * 2).to_string()));
                row
            })
            .collect();
        assert_eq!(found, expected, "{actions}");
    }
}

#[tokio::test]
async fn a_heading_that_is_gone_stops_the_batch_and_leaves_everything_as_it_was() {
    for (actions, message) in [
        (
            json!({ "action": "rename", "from": "Amount", "to": "Sum" }),
            "`T` has no column `Amount` any more: cell T!B1 says `Sum`",
        ),
        (
            json!({ "action": "delete_columns", "at": "B" }),
            "`T` has no column `Amount` any more: cell T!B1 says `Note`",
        ),
        (
            json!({ "action": "rename", "from": "Id", "to": "Key" }),
            "`T` has no column `Id` any more: cell T!A1 says `Key`",
        ),
        (
            json!({ "action": "insert_rows", "at": 1, "count": 1 }),
            "`T` has no column `Id` any more: cell T!A1 is empty",
        ),
    ] {
        let [touched, other] = [desk().await, desk().await];
        let sheet = touched.planned("T", &["Id"], FIELDS, &[]).await;
        touched.meanwhile("values:batchUpdate", actions.clone());
        other.person(actions.clone()).await;
        if actions["from"] == "Id" {
            // The cells that are written are still those of their rows.
            other.person(json!({ "action": "set", "range": "B2:B4", "values": [[10], [2], [30]] })).await;
        }
        let records = vec![change("a", 10.0), change("c", 30.0)];
        let batch = Batch { object: "T".into(), operation: Operation::Update, records };
        let error = sheet.load(&batch).await.unwrap_err();
        assert!(error.message.starts_with(message), "{actions}: {}", error.message);
        assert_eq!(touched.cells("T").await, other.cells("T").await, "{actions}");
    }
}

#[tokio::test]
async fn blank_rows_that_appear_between_read_and_write_stay_blank() {
    let desk = desk().await;
    let sheet = desk.planned("T", &["Id"], FIELDS, &[]).await;
    desk.meanwhile("values:batchUpdate", json!({ "action": "insert_rows", "at": 3, "count": 2 }));
    let changes = vec![change("a", 10.0), change("b", 20.0), change("c", 30.0), change("d", 40.0)];
    load(&*sheet, "T", Operation::Update, changes).await;
    let expected = json!([
        ["Id", "Amount", "Note"],
        ["a", 10, "of a"],
        [],
        [],
        ["b", 20, "of b"],
        ["c", 30, "of c"],
        ["d", 40, "of d"],
    ]);
    assert_eq!(desk.cells("T").await, expected);
}

#[tokio::test]
async fn a_tab_that_is_written_anew_leaves_a_column_that_moved_alone() {
    for actions in [
        json!({ "action": "move_columns", "at": "C", "to": "A" }),
        json!({ "action": "insert_columns", "at": "A", "count": 1 }),
    ] {
        let desk = desk().await;
        let sheet = desk.planned("T", &[], FIELDS, &[]).await;
        let replace = sheet.replace().unwrap();
        replace.begin(&"T".into(), &[]).await.unwrap();
        let new = record(None, &[("Id", text("z")), ("Amount", Value::Number(9.0))]);
        load(&*sheet, "T", Operation::Insert, vec![new]).await;
        desk.meanwhile(":batchUpdate", actions.clone());
        replace.put_in_place(&"T".into()).await.unwrap();
        let pages = desk.read("T", &["Id", "Amount", "Note"]).await;
        assert_eq!(column(&pages, "Id"), ["z", "", "", ""], "{actions}");
        assert_eq!(column(&pages, "Amount"), ["9", "", "", ""], "{actions}");
        assert_eq!(column(&pages, "Note"), ["of a", "of b", "of c", "of d"], "{actions}");
    }
}

#[tokio::test]
async fn rows_that_somebody_else_removes_meanwhile_stay_removed() {
    let desk = desk().await;
    let sheet = desk.planned("T", &["Id"], FIELDS, &[]).await;
    desk.meanwhile(":batchUpdate", json!({ "action": "delete_rows", "at": 5, "count": 1 }));
    assert_eq!(load(&*sheet, "T", Operation::Delete, vec![record(Some("b"), &[])]).await, [Outcome::Deleted]);
    assert_eq!(rows(&desk).await, [row("a", "1", "of a"), row("c", "3", "of c")]);
}

#[tokio::test]
async fn columns_that_move_between_read_and_append_are_found() {
    for actions in [
        json!({ "action": "insert_columns", "at": "A", "count": 1 }),
        json!({ "action": "insert_columns", "at": "B", "count": 1 }),
        json!({ "action": "move_columns", "at": "B", "to": "A" }),
        json!({ "action": "sort", "column": "Amount", "descending": true }),
        json!({ "action": "delete_rows", "at": 2, "count": 2 }),
    ] {
        let desk = desk().await;
        let sheet = desk.planned("T", &["Id"], FIELDS, &[]).await;
        desk.meanwhile(":append", actions.clone());
        let new = record(None, &[("Id", text("e")), ("Amount", Value::Number(5.0))]);
        assert_eq!(load(&*sheet, "T", Operation::Insert, vec![new]).await, [created("e")]);
        let found = rows(&desk).await;
        assert_eq!(found.last().unwrap(), &row("e", "5", ""), "{actions}");
        assert!(found.contains(&row("d", "4", "of d")), "{actions}");
    }
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
