use super::*;
use crate::connector::ErrorKind;
use crate::model::Cursor;

fn leads() -> Json {
    json!([
        ["Leads of the fair"],
        ["Id", "E-Mail", "Phone", "Phone", " Notes ", ""],
        ["'1", "ada@mail.example", "'0301", "'0302", "x"],
        [],
        ["'2", "bob@mail.example"],
        ["", "", "", "", "", ""],
        ["'3", "cid@mail.example", "'0501", "", "", "stray"],
        ["Total", 3],
    ])
}

#[tokio::test]
async fn headers_twice_or_elsewhere_and_blank_rows_have_an_answer() {
    let desk = Desk::typed("Leads", leads()).await.with("header_row", json!(2)).with("id", json!("Id"));
    let schema = desk.source().describe(&"Leads".into()).await.unwrap();
    let names: Vec<&str> = schema.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["Id", "E-Mail", "Phone (C)", "Phone (D)", "Notes", "_row"]);
    let ambiguous = schema.find("Phone").unwrap_err();
    assert_eq!(ambiguous.names(), "`Phone (C)`, `Phone (D)`");
    let pages = desk.read("Leads", &["Id", "Phone (D)", "Notes", "_row"]).await;
    assert_eq!(column(&pages, "_id"), ["1", "2", "3", "Total"]);
    assert_eq!(column(&pages, "Phone (D)"), ["0302", "", "", ""]);
    assert_eq!(column(&pages, "_row"), ["3", "5", "7", "8"]);
    assert!(pages.iter().all(|page| page.rejects.is_empty()), "short rows are no mistake");
}

#[tokio::test]
async fn a_header_elsewhere_is_found_and_said() {
    let desk = Desk::typed("Leads", json!([[""], ["", ""], ["Id", "Name"], ["1", "Ada"]])).await;
    let error = desk.source().describe(&"Leads".into()).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::NotFound, "no_header"));
    assert_eq!(error.hint.as_deref(), Some("row 3 looks like the header: set `header_row: 3`"));
}

#[tokio::test]
async fn dates_are_typed_by_their_format_in_the_zone_of_the_sheet() {
    let schema = "columns:\n  - { name: Id, format: TEXT }\n  - { name: Zip }\n  - { name: Born, format: DATE, pattern: dd.mm.yyyy }\n  - { name: Seen, format: DATE_TIME }\n  - { name: Share, format: NUMBER }\n";
    let desk = Desk::start(&[("People", schema, "Id,Zip,Born,Seen,Share\n007,08028,31415,45292.75,0.123\n")])
        .await
        .with("id", json!("Id"));
    let numbers: Vec<Json> = [7, 501, 46000, 45292, 1]
        .iter()
        .map(|number| json!({ "userEnteredValue": { "numberValue": number } }))
        .collect();
    let texts: Vec<Json> = ["0050", "00501", "unknown", "2024-01-01 18:00"]
        .iter()
        .map(|text| json!({ "userEnteredValue": { "stringValue": text } }))
        .collect();
    let rows = json!([{ "values": numbers }, { "values": texts }]);
    let cells = json!({ "start": { "sheetId": 0, "rowIndex": 2 }, "fields": "userEnteredValue", "rows": rows });
    desk.person(json!({ "action": "request", "request": { "updateCells": cells } })).await;
    let pages = desk.read("People", &["Zip", "Born", "Seen", "Share"]).await;
    assert_eq!(column(&pages, "_id"), ["007", "7"]);
    assert_eq!(column(&pages, "Zip"), ["08028", "501"]);
    assert_eq!(column(&pages, "Born"), ["1986-01-03", "2025-12-09"]);
    assert_eq!(column(&pages, "Seen"), ["2024-01-01T17:00:00.000Z", "2023-12-31T23:00:00.000Z"]);
    assert_eq!(column(&pages, "Share"), ["0.123", "1"]);
    let reject = &pages[0].rejects[0];
    assert_eq!(
        (reject.id.as_str(), reject.code.as_str(), reject.value.as_deref()),
        ("0050", "not_a_date", Some("unknown"))
    );
    assert!(reject.reason.contains("People!C4"), "{}", reject.reason);
}

#[tokio::test]
async fn errors_of_formulas_reject_the_record_with_cell_and_value() {
    let desk = Desk::typed("T", json!([["Id", "Rate"], ["a", "=1/0"], ["b", "=1/2"]])).await.with("id", json!("Id"));
    let pages = desk.read("T", &["Rate"]).await;
    assert_eq!(column(&pages, "Rate"), ["0.5"]);
    let reject = &pages[0].rejects[0];
    assert_eq!((reject.code.as_str(), reject.value.as_deref()), ("formula_error", Some("#DIV/0!")));
    assert!(reject.reason.contains("T!B2"));
}

#[tokio::test]
async fn any_title_named_range_or_range_is_an_object() {
    let mut desk = Desk::start(&[]).await;
    for title in ["Q1", "A1", "Jon's Data", "🎉", "a!b", "AB12", "R1C1"] {
        desk.person(json!([
            { "action": "request", "request": { "addSheet": { "properties": { "title": title } } } },
            { "action": "set", "sheet": title, "range": "B3:C4", "values": [["Name", "x"], [title, "y"]] },
        ]))
        .await;
        desk.options["header_row"] = json!(3);
        assert_eq!(column(&desk.read(title, &["Name"]).await, "Name"), [title]);
        desk.options.as_object_mut().unwrap().remove("header_row");
        let range = format!("{title}!B3:B");
        assert_eq!(column(&desk.read(&range, &["Name"]).await, "Name"), [title], "{range}");
    }
    desk.person(json!({ "action": "request", "request": { "addNamedRange": { "namedRange": {
        "name": "Leads", "range": { "sheetId": 0, "startRowIndex": 1, "startColumnIndex": 1 } } } } }))
        .await;
    desk.person(json!({ "action": "set", "range": "B2:B3", "values": [["Name"], ["Ada"]] })).await;
    assert_eq!(column(&desk.read("Leads", &["Name"]).await, "Name"), ["Ada"]);
    let error = desk.source().describe(&"Contact".into()).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::NotFound, "unknown_tab"));
}

#[tokio::test]
async fn an_unchanged_sheet_costs_one_call_and_a_changed_one_is_read() {
    let desk = Desk::typed("T", json!([["Id"], ["a"]])).await.with("id", json!("Id"));
    let source = desk.source();
    let read = |cursor: Option<Cursor>| {
        let request = ReadRequest { sync_mode: SyncMode::Incremental, cursor, ..request("T", &["Id"]) };
        source.read(request).map(Result::unwrap).collect::<Vec<Page>>()
    };
    let pages = read(None).await;
    let cursor = pages.last().unwrap().cursor.clone();
    assert!(cursor.is_some());
    let before = desk.asked("");
    assert!(read(cursor.clone()).await.is_empty());
    assert_eq!(desk.asked("") - before, 1, "the version alone");
    desk.person(json!({ "action": "set", "range": "A3", "values": [["b"]] })).await;
    assert_eq!(column(&read(cursor).await, "Id"), ["a", "b"]);
}

#[tokio::test]
async fn a_column_of_changes_leaves_out_what_did_not_change() {
    let schema = "columns:\n  - Id\n  - { name: Changed, format: DATE_TIME }\n";
    let desk = Desk::start(&[("T", schema, "Id,Changed\na,45292\nb,45293\n")])
        .await
        .with("id", json!("Id"))
        .with("updated_column", json!("Changed"));
    let request = |cursor| ReadRequest { sync_mode: SyncMode::Incremental, cursor, ..request("T", &["Id"]) };
    let source = desk.source();
    let pages: Vec<Page> = source.read(request(None)).map(Result::unwrap).collect().await;
    assert_eq!(column(&pages, "_updated_at"), ["2023-12-31T23:00:00.000Z", "2024-01-01T23:00:00.000Z"]);
    let cursor = pages.last().unwrap().cursor.clone();
    desk.person(json!({ "action": "set", "range": "C1", "values": [["note"]] })).await;
    let pages: Vec<Page> = source.read(request(cursor)).map(Result::unwrap).collect().await;
    assert_eq!(column(&pages, "Id"), ["b"], "what is as new as the newest may have changed again");
}

#[tokio::test]
async fn a_sheet_that_changes_between_blocks_is_read_again() {
    let rows = (0..60_000).map(|row| format!("{row},x")).collect::<Vec<_>>().join("\n");
    let desk = Desk::start(&[("T", "columns: [Id, Name]\nsize: [60001, 2]\n", &format!("Id,Name\n{rows}\n"))])
        .await
        .with("id", json!("Id"));
    // The second block is asked for after a row was inserted above it: without a look at the version, one would come twice.
    desk.meanwhile("values:batchGet", json!({ "action": "set", "range": "B2", "values": [["y"]] }));
    let before = desk.asked("values:batchGet");
    let pages = desk.read("T", &["Name"]).await;
    assert_eq!(column(&pages, "_id").len(), 60_000);
    assert!(desk.asked("values:batchGet") - before >= 4, "two blocks, twice");
}

#[tokio::test]
async fn a_heading_that_is_renamed_while_the_tab_is_read_is_seen() {
    let desk = Desk::typed("T", json!([["Id", "Note"], ["a", "x"]])).await.with("id", json!("Id"));
    desk.meanwhile("values:batchGet", json!({ "action": "rename", "from": "Note", "to": "Remark" }));
    assert_eq!(column(&desk.read("T", &["Id"]).await, "Id"), ["a"], "it is read again, and nothing is lost");
    // Whatever is read, somebody renames a heading first.
    for (from, to) in [("Remark", "A"), ("A", "B"), ("B", "C"), ("C", "D")] {
        desk.meanwhile("values:batchGet", json!({ "action": "rename", "from": from, "to": to }));
    }
    let error = desk.try_read("T", &["Id"]).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Unavailable, "sheet_changes"));
}

#[tokio::test]
async fn a_read_after_a_description_costs_one_call_and_misses_nothing() {
    let grid = |rows: u32| json!({ "sheetId": 0, "dimension": "ROWS", "startIndex": 2, "endIndex": 2 + rows });
    for (change, expected, calls) in [
        (json!([]), vec!["a", "b", "c"], 1),
        // Rows that were added below the grid, or deleted from it, since it was described.
        (
            json!([
                { "action": "request", "request": { "appendDimension": { "sheetId": 0, "dimension": "ROWS", "length": 5 } } },
                { "action": "set", "range": "A5", "values": [["d"]] },
            ]),
            vec!["a", "b", "c", "d"],
            1,
        ),
        (json!([{ "action": "request", "request": { "deleteDimension": { "range": grid(2) } } }]), vec!["a"], 1),
        (json!([{ "action": "insert_columns", "at": "A", "count": 1 }]), vec!["a", "b", "c"], 4),
    ] {
        let desk =
            Desk::start(&[("T", "columns: [Id]\nsize: [4, 1]\n", "Id\na\nb\nc\n")]).await.with("id", json!("Id"));
        let source = desk.source();
        source.describe(&"T".into()).await.unwrap();
        desk.person(change.clone()).await;
        let before = desk.asked("");
        let pages: Vec<Page> = source.read(request("T", &["Id"])).map(Result::unwrap).collect().await;
        assert_eq!(column(&pages, "Id"), expected, "{change}");
        assert_eq!(desk.asked("") - before, calls, "{change}");
    }
}

#[tokio::test]
async fn merged_hidden_and_filtered_rows_are_read() {
    let rows = json!([["Id", "Team"], ["a", "North"], ["b"], ["c", "South"], ["d", "East"]]);
    let desk = Desk::typed("T", rows).await.with("id", json!("Id"));
    let range = |first: u32, last: u32, column: u32| json!({ "sheetId": 0, "startRowIndex": first, "endRowIndex": last, "startColumnIndex": column, "endColumnIndex": 2 });
    let hidden = json!({ "sheetId": 0, "dimension": "ROWS", "startIndex": 3, "endIndex": 4 });
    let only_north = json!({ "1": { "hiddenValues": ["East"] } });
    for request in [
        json!({ "mergeCells": { "range": range(1, 3, 1), "mergeType": "MERGE_ALL" } }),
        json!({ "updateDimensionProperties": { "range": hidden, "properties": { "hiddenByUser": true }, "fields": "hiddenByUser" } }),
        json!({ "setBasicFilter": { "filter": { "range": range(0, 5, 0), "criteria": only_north } } }),
    ] {
        desk.person(json!({ "action": "request", "request": request })).await;
    }
    let pages = desk.read("T", &["Id", "Team"]).await;
    assert_eq!(column(&pages, "Id"), ["a", "b", "c", "d"], "what is hidden is there");
    assert_eq!(column(&pages, "Team"), ["North", "", "South", "East"], "the first of merged cells has the value");
}

#[tokio::test]
async fn several_tables_on_a_tab_are_objects_of_their_own() {
    let desk = Desk::typed(
        "T",
        json!([
            ["Id", "Name", "", "Id", "Sum"],
            ["a", "Ada", "", "x", 1],
            ["b", "Bob", "", "y", 2],
            [],
            ["Id", "Name"],
            ["c", "Cid"],
        ]),
    )
    .await;
    assert_eq!(column(&desk.read("T!D1:E3", &["Sum"]).await, "Sum"), ["1", "2"]);
    assert_eq!(column(&desk.read("T!A5:B", &["Name"]).await, "Name"), ["Cid"]);
    let pages = desk.read("T!A1:B", &["Name"]).await;
    assert_eq!(column(&pages, "Name"), ["Ada", "Bob", "Cid"]);
    let reject = &pages[0].rejects[0];
    assert_eq!((reject.code.as_str(), reject.number), ("repeated_header", Some(5)));
    // The whole tab has a heading twice, so both go by their letters.
    let error = desk.try_read("T", &["Id"]).await.unwrap_err();
    assert_eq!(error.code, "unknown_field");
}

#[tokio::test]
async fn usual_headings_are_known_by_the_names_of_the_standard_fields() {
    let desk = Desk::typed("T", json!([["E-mail", "First name", "Note"], ["a@b.example", "Ada", "x"]])).await;
    let schema = desk.source().describe(&"T".into()).await.unwrap();
    for (word, name) in [("Email", "E-mail"), ("First Name", "First name"), ("Note", "Note")] {
        assert_eq!(schema.find(word).unwrap().unwrap().name.as_str(), name);
    }
}
