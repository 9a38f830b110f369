use super::*;
use crate::connector::ErrorKind;
use crate::model::FieldType::{Date, Number, Text};

async fn deals() -> Desk {
    Desk::typed(
        "Deals",
        json!([
            ["Id", "Amount", "Vat", "Total", "Owner"],
            ["'1", 100, "=B2*0.19", "=B2+C2", "Ada"],
            ["'2", 200, "=B3*0.19", "=B3+C3", "Bob"],
        ]),
    )
    .await
}

const DEAL: &[(&str, FieldType)] = &[("Id", Text), ("Amount", Number), ("Owner", Text)];

fn deal(id: Option<&str>, key: &str, amount: f64, owner: &str) -> BatchRecord {
    record(id, &[("Id", text(key)), ("Amount", Value::Number(amount)), ("Owner", text(owner))])
}

#[tokio::test]
async fn formulas_and_columns_of_others_survive() {
    let desk = deals().await;
    desk.person(
        json!({ "sheet": "Deals", "action": "set", "range": "A7:B8", "values": [["", "notes"], ["", "below"]] }),
    )
    .await;
    let sheet = desk.planned("Deals", &["Id"], DEAL, &[]).await;
    let outcomes = load(&*sheet, "Deals", Operation::Update, vec![deal(Some("1"), "1", 150.0, "Ada")]).await;
    assert_eq!(outcomes, [updated("1")]);
    let outcomes = load(&*sheet, "Deals", Operation::Insert, vec![deal(None, "3", 70.0, "Cid")]).await;
    assert_eq!(outcomes, [created("3")]);
    assert_eq!(
        desk.cells("Deals!A1:E9").await,
        json!([
            ["Id", "Amount", "Vat", "Total", "Owner"],
            ["1", 150, "=B2*0.19", "=B2+C2", "Ada"],
            ["2", 200, "=B3*0.19", "=B3+C3", "Bob"],
            ["3", 70, "", "", "Cid"],
            [],
            [],
            [],
            ["", "notes"],
            ["", "below"],
        ])
    );
}

#[tokio::test]
async fn a_mapped_cell_with_a_formula_is_not_overwritten() {
    let desk = deals().await;
    let fields = &[("Id", Text), ("Total", Number)];
    let sheet = desk.planned("Deals", &["Id"], fields, &[]).await;
    let write = record(Some("1"), &[("Id", text("1")), ("Total", Value::Number(1.0))]);
    let outcomes = load(&*sheet, "Deals", Operation::Update, vec![write]).await;
    let [Outcome::Rejected(rejection)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!(rejection.code, "computed");
    assert!(rejection.reason.contains("Deals!D2"));
    let schema = sheet.describe(&"Deals".into()).await.unwrap();
    assert!(schema.field("Total").unwrap().is_read_only && !schema.field("Amount").unwrap().is_read_only);
}

#[tokio::test]
async fn rows_are_below_the_last_key_and_never_shifted() {
    for (rows, expected) in [
        // A gap in the rows, and one in the columns.
        (
            json!([["Id", "Amount", "", "Owner"], ["'1", 1, "", "x"], [], ["'2", 2, "", ""]]),
            json!(["3", 70, "", "Cid"]),
        ),
        // Notes right below the table.
        (
            json!([["Id", "Amount", "Owner"], ["'1", 1, "x"], ["'2", 2, "y"], ["", "", "note"], ["", "", "note"]]),
            json!(["3", 70, "Cid"]),
        ),
    ] {
        let desk = Desk::typed("Deals", rows.clone()).await;
        let sheet = desk.planned("Deals", &["Id"], DEAL, &[]).await;
        let last = rows.as_array().unwrap().iter().rposition(|row| row[0].is_string() && row[0] != "").unwrap();
        assert_eq!(load(&*sheet, "Deals", Operation::Insert, vec![deal(None, "3", 70.0, "Cid")]).await, [created("3")]);
        assert_eq!(desk.cells(&format!("Deals!A{0}:D{0}", last + 2)).await, json!([expected]), "{rows}");
    }
}

#[tokio::test]
async fn new_and_changed_rows_cost_as_few_calls_as_can_be() {
    let desk = deals().await;
    let sheet = desk.planned("Deals", &["Id"], DEAL, &[]).await;
    let (reads, writes) = (desk.asked("values:batchGet"), desk.asked("values:batchUpdate"));
    let records = (10..2_010).map(|number| deal(None, &number.to_string(), 1.0, "x")).collect();
    load(&*sheet, "Deals", Operation::Insert, records).await;
    assert_eq!((desk.asked(":append"), desk.asked("values:batchGet") - reads), (1, 2), "the keys before and after");
    let records = (10..2_010)
        .map(|number| {
            let id = number.to_string();
            deal(Some(&id), &id, 2.0, "x")
        })
        .collect();
    load(&*sheet, "Deals", Operation::Update, records).await;
    assert_eq!(desk.asked("values:batchUpdate") - writes, 1);
    let records = (10..2_010)
        .map(|number| {
            let id = number.to_string();
            deal(Some(&id), &id, 2.0, "x")
        })
        .collect();
    load(&*sheet, "Deals", Operation::Update, records).await;
    assert_eq!(desk.asked("values:batchUpdate") - writes, 1, "what is there already is not written");
}

#[tokio::test]
async fn a_key_twice_is_held_with_both_rows() {
    let desk = Desk::typed("Deals", json!([["Id", "Amount", "Owner"], [1, 1, "x"], ["'1", 2, "y"]])).await;
    let sheet = desk.planned("Deals", &["Id"], DEAL, &[]).await;
    let found = sheet.fetch_whole().unwrap().fetch_whole(&"Deals".into(), &["Id".into()]).await.unwrap();
    let told: Vec<_> = found.iter().map(|record| (record.id.as_str(), record.place.as_deref())).collect();
    assert_eq!(told, [("1", Some("row 2")), ("1", Some("row 3"))], "1 and the text 1 are one key");
    let outcomes = load(&*sheet, "Deals", Operation::Update, vec![deal(Some("1"), "1", 5.0, "z")]).await;
    let [Outcome::Held(reason)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert!(reason.reason.contains("rows 2, 3"), "{}", reason.reason);
}

#[tokio::test]
async fn a_missing_tab_and_missing_columns_are_added_with_their_formats() {
    let desk = Desk::start(&[]).await.with("create_tab", json!(true)).with("create_columns", json!(true));
    let fields = &[("Phone", Text), ("Since", Date)];
    let sheet = desk.planned("People", &["Phone"], fields, &[("Days", "=TODAY()-{Since}", false)]).await;
    let day = Value::Date("2024-02-29".parse().unwrap());
    let write = record(None, &[("Phone", text("0049 30")), ("Since", day.clone())]);
    assert_eq!(load(&*sheet, "People", Operation::Insert, vec![write]).await, [created("0049 30")]);
    assert_eq!(desk.cells("People").await, json!([["Phone", "Since", "Days"], ["0049 30", 45_351, "=TODAY()-B2"]]));
    let schema = desk.source().describe(&"People".into()).await.unwrap();
    assert_eq!(schema.field("Since").unwrap().field_type, Date);
    let sheet = desk.planned("People", &["Phone"], &[("Phone", Text), ("Name", Text)], &[]).await;
    let write = record(Some("0049 30"), &[("Phone", text("0049 30")), ("Name", text("Ada"))]);
    assert_eq!(load(&*sheet, "People", Operation::Update, vec![write]).await, [updated("0049 30")]);
    assert_eq!(
        desk.cells("People!A1:D2").await,
        json!([["Phone", "Since", "Days", "Name"], ["0049 30", 45_351, "=TODAY()-B2", "Ada"]])
    );
}

#[tokio::test]
async fn what_is_not_there_and_not_to_be_created_is_told() {
    let desk = deals().await;
    let error = desk.destination().describe(&"People".into()).await.unwrap_err();
    assert_eq!(error.code, "unknown_tab");
    let sheet = desk.destination();
    sheet.describe(&"Deals".into()).await.unwrap();
    let plan = WritePlan {
        object: "Deals".into(),
        key: Vec::new(),
        only_adds: false,
        fields: Vec::new(),
        formulas: vec![FormulaField { field: "Vat".into(), formula: "={Amuont}*2".to_owned(), is_rewritten: true }],
    };
    let error = sheet.plan(plan).unwrap_err();
    assert_eq!((error.kind, error.hint.as_deref()), (ErrorKind::NotFound, Some("did you mean `Amount`?")));
}

#[tokio::test]
async fn formulas_of_the_pipeline_are_written_for_new_rows_and_for_all_where_it_says_so() {
    let desk =
        Desk::typed("Deals", json!([["Id", "Amount", "Owner", "Vat", "Score"], ["'1", 1, "x", "=B2", ""]])).await;
    let formulas = &[("Vat", "={Amount}*0.19", false), ("Score", "=MIN(100,{Amount})", true)];
    let sheet = desk.planned("Deals", &["Id"], DEAL, formulas).await;
    load(&*sheet, "Deals", Operation::Insert, vec![deal(None, "2", 70.0, "Cid")]).await;
    load(&*sheet, "Deals", Operation::Update, vec![deal(Some("1"), "1", 5.0, "x")]).await;
    assert_eq!(
        desk.cells("Deals!A2:E3").await,
        json!([["1", 5, "x", "=B2", "=MIN(100,B2)"], ["2", 70, "Cid", "=B3*0.19", "=MIN(100,B3)"],])
    );
}

#[tokio::test]
async fn rows_are_removed_by_their_keys() {
    let desk = deals().await;
    let sheet = desk.planned("Deals", &["Id"], DEAL, &[]).await;
    let gone = vec![record(Some("1"), &[]), record(Some("9"), &[])];
    assert_eq!(load(&*sheet, "Deals", Operation::Delete, gone).await, [Outcome::Deleted, Outcome::Deleted]);
    assert_eq!(desk.cells("Deals!A1:B3").await, json!([["Id", "Amount"], ["2", 200]]));
}

#[tokio::test]
async fn a_tab_is_written_anew_with_its_header_and_the_columns_of_others() {
    let desk = deals().await;
    let sheet = desk.planned("Deals", &[], DEAL, &[]).await;
    let replace = sheet.replace().unwrap();
    replace.begin(&"Deals".into(), &[]).await.unwrap();
    load(&*sheet, "Deals", Operation::Insert, vec![deal(None, "9", 9.0, "Zoe")]).await;
    assert_eq!(desk.cells("Deals!A2").await, json!([["1"]]), "readers see the earlier version until the end");
    replace.put_in_place(&"Deals".into()).await.unwrap();
    assert_eq!(
        desk.cells("Deals!A1:E4").await,
        json!([
            ["Id", "Amount", "Vat", "Total", "Owner"],
            ["9", 9, "=B2*0.19", "=B2+C2", "Zoe"],
            ["", "", "=B3*0.19", "=B3+C3"],
        ])
    );
}

#[tokio::test]
async fn ten_million_cells_are_counted_before() {
    let desk = Desk::start(&[("T", "columns: [Id, Amount, Owner]\nsize: [3333333, 3]\n", "")]).await;
    let sheet = desk.planned("T", &["Id"], DEAL, &[]).await;
    let records = (0..2).map(|number| deal(None, &number.to_string(), 1.0, "x")).collect();
    let batch = Batch { object: "T".into(), operation: Operation::Insert, records };
    let error = sheet.load(&batch).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Unavailable, "too_many_cells"));
    assert_eq!(desk.asked(":append"), 0);
}

#[tokio::test]
async fn a_run_at_the_limit_is_answered_no_429() {
    let desk = deals().await;
    let sheet = desk.planned("Deals", &["Id"], DEAL, &[]).await;
    for number in 0..130 {
        let amount = f64::from(number + 1_000);
        load(&*sheet, "Deals", Operation::Update, vec![deal(Some("1"), "1", amount, "Ada")]).await;
    }
    let counts = desk.counts().await;
    assert!(counts["write"].as_u64() >= Some(130), "{counts}");
    assert_eq!(counts["rate_limited"], 0, "{counts}");
}

#[tokio::test]
async fn columns_tell_their_format_their_share_and_their_formulas() {
    let schema = "columns:\n  - { name: Id }\n  - { name: Since, format: DATE, pattern: yyyy-mm-dd }\n  - { name: Days, formula: \"=B{row}\" }\n";
    let desk = Desk::start(&[("T", schema, "Id,Since\na,2024-01-01\nb,\nc,\n,\n")]).await;
    let schema = desk.source().describe(&"T".into()).await.unwrap();
    let found: Vec<_> = schema
        .fields
        .iter()
        .map(|field| (field.name.as_str(), field.format.as_deref(), field.filled_percent, field.is_formula))
        .collect();
    let expected = [
        ("Id", None, Some(75), false),
        ("Since", Some("DATE yyyy-mm-dd"), Some(25), false),
        ("Days", None, Some(100), true),
        ("_row", None, None, false),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn an_append_whose_answer_is_lost_is_sent_once_and_not_taken_for_failed() {
    let desk = deals().await;
    let sheet = desk.planned("Deals", &["Id"], DEAL, &[]).await;
    desk.lose_answer(":append");
    let batch =
        Batch { object: "Deals".into(), operation: Operation::Insert, records: vec![deal(None, "3", 70.0, "Cid")] };
    let error = sheet.load(&batch).await.unwrap_err();
    assert!(!error.kind.proves_no_write(), "{error:?}");
    assert_eq!(desk.asked(":append"), 1);
    let found = sheet.fetch_whole().unwrap().fetch_whole(&"Deals".into(), &["Id".into()]).await.unwrap();
    assert_eq!(
        found.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(),
        ["1", "2", "3"],
        "the key tells that it is there"
    );
}

#[tokio::test]
async fn a_protected_header_hinders_no_change() {
    let desk = deals().await;
    let protected =
        json!({ "range": { "sheetId": 0, "endRowIndex": 1 }, "editors": { "users": ["owner@example.com"] } });
    desk.person(json!({ "action": "request", "request": { "addProtectedRange": { "protectedRange": protected } } }))
        .await;
    let sheet = desk.planned("Deals", &["Id"], DEAL, &[]).await;
    let outcomes = load(&*sheet, "Deals", Operation::Update, vec![deal(Some("1"), "1", 150.0, "Ada")]).await;
    assert_eq!(outcomes, [updated("1")]);
    assert_eq!(desk.cells("Deals!A1:B2").await, json!([["Id", "Amount"], ["1", 150]]));
}

#[tokio::test]
async fn a_protected_column_between_those_that_are_written_hinders_no_change() {
    let desk = deals().await;
    let range = json!({ "sheetId": 0, "startColumnIndex": 2, "endColumnIndex": 4 });
    let protected = json!({ "range": range, "editors": { "users": ["owner@example.com"] } });
    desk.person(json!({ "action": "request", "request": { "addProtectedRange": { "protectedRange": protected } } }))
        .await;
    let sheet = desk.planned("Deals", &["Id"], DEAL, &[]).await;
    let outcomes = load(&*sheet, "Deals", Operation::Update, vec![deal(Some("1"), "1", 150.0, "Zoe")]).await;
    assert_eq!(outcomes, [updated("1")]);
    assert_eq!(desk.cells("Deals!A2:E2").await, json!([["1", 150, "=B2*0.19", "=B2+C2", "Zoe"]]));
}

#[tokio::test]
async fn a_429_waits_for_the_minute() {
    let desk = deals().await;
    let sheet = desk.planned("Deals", &["Id"], DEAL, &[]).await;
    desk.refuse("values:batchUpdate");
    let outcomes = load(&*sheet, "Deals", Operation::Update, vec![deal(Some("1"), "1", 150.0, "Ada")]).await;
    assert_eq!(outcomes, [updated("1")]);
    assert_eq!(desk.asked("values:batchUpdate"), 1, "the refused one did not reach the sheet");
    let waited = desk.waited("values:batchUpdate");
    assert!(waited >= chrono::TimeDelta::minutes(1), "{waited}");
}

#[tokio::test]
async fn without_a_key_nobody_can_tell_whether_an_append_arrived() {
    let desk = deals().await;
    let sheet = desk.planned("Deals", &[], DEAL, &[]).await;
    desk.lose_answer(":append");
    let batch =
        Batch { object: "Deals".into(), operation: Operation::Insert, records: vec![deal(None, "3", 70.0, "Cid")] };
    let error = sheet.load(&batch).await.unwrap_err();
    assert_eq!((error.kind, desk.asked(":append")), (ErrorKind::Unanswered, 1), "sent once, and to be settled");
    let ids = crate::connector::Selection::Ids(vec!["row 4".to_owned()]);
    let request = crate::connector::FetchRequest { object: "Deals".into(), selection: ids, fields: Vec::new() };
    let error = sheet.fetch(&request).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::NotFound, "no_key"), "so the engine holds the record");
}
