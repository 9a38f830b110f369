//! A run that only adds was stopped, and the next one looks for the rows that it may have added.

use super::*;
use crate::model::FieldType::{Number, Text};

const DEAL: &[(&str, FieldType)] = &[("Id", Text), ("Amount", Number), ("Owner", Text)];

fn deal((key, amount, owner): (&str, f64, &str)) -> BatchRecord {
    record(Some(key), &[("Id", text(key)), ("Amount", Value::Number(amount)), ("Owner", text(owner))])
}

/// Returns what becomes of records, and the sheet's rows afterwards.
async fn go(rows: &Json, records: &[(&str, f64, &str)], only_adds: bool) -> (Vec<String>, Json) {
    let mut cells = json!([["Id", "Amount", "Owner"]]);
    cells.as_array_mut().unwrap().extend(rows.as_array().unwrap().clone());
    let desk = Desk::typed("Deals", cells).await;
    let sheet = desk.knowing(WritePlan { only_adds, ..write_plan("Deals", &["Id"], DEAL, &[]) }).await;
    let outcomes = load(&*sheet, "Deals", Operation::Update, records.iter().copied().map(deal).collect()).await;
    let told = |outcome| match outcome {
        Outcome::Updated { id } => format!("updated {id}"),
        Outcome::Held(reason) => format!("held: {}", reason.reason),
        other => format!("{other:?}"),
    };
    (outcomes.into_iter().map(told).collect(), desk.values("Deals!A2:C9").await)
}

#[tokio::test]
async fn a_row_of_a_stopped_run_is_told_by_what_it_holds() {
    let (first, second, persons) = (json!(["A", 1, "x"]), json!(["A", 2, "y"]), json!(["A", 9, "z"]));
    let (one, two) = (("A", 1.0, "x"), ("A", 2.0, "y"));
    let another =
        "held: an earlier run was stopped while it added this record; row 2 has its key and holds something else";
    for (what, rows, records, expected) in [
        ("two with one key", json!([first, second]), vec![one, two], vec!["updated A", "updated A"]),
        ("in another order by now", json!([second, first]), vec![one, two], vec!["updated A", "updated A"]),
        ("two that are equal", json!([first, first]), vec![one, one], vec!["updated A", "updated A"]),
        ("behind a person's row", json!([persons, first]), vec![one], vec!["updated A"]),
        ("only a person's row", json!([persons]), vec![one], vec![another]),
        ("only one of two", json!([first]), vec![one, two], vec!["updated A", another]),
        (
            "two rows, neither of them",
            json!([persons, second]),
            vec![one],
            vec!["held: 2 rows have this key: rows 2, 3"],
        ),
        ("none", json!([["B", 1, "x"]]), vec![one], vec!["Missing"]),
    ] {
        let (outcomes, after) = go(&rows, &records, true).await;
        assert_eq!(outcomes, expected, "{what}");
        assert_eq!(after, rows, "{what}: nothing is written");
    }
}

#[tokio::test]
async fn a_link_that_was_not_known_then_is_added() {
    let (outcomes, after) = go(&json!([["A", 1]]), &[("A", 1.0, "x")], true).await;
    assert_eq!((outcomes, after), (vec!["updated A".to_owned()], json!([["A", 1, "x"]])));
}

#[tokio::test]
async fn other_runs_change_the_row_that_has_the_key() {
    let (outcomes, after) = go(&json!([["A", 9, "z"]]), &[("A", 1.0, "x")], false).await;
    assert_eq!((outcomes, after), (vec!["updated A".to_owned()], json!([["A", 1, "x"]])));
}
