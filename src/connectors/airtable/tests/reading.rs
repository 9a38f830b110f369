//! Pages, offsets that end, incremental reads and their cursors.

use std::collections::BTreeSet;

use futures::StreamExt;
use serde_json::{Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind, ReadRequest};
use crate::model::{Comparison, Cursor, ObjectName, Page, Predicate, SyncMode, UPDATED_AT, Value};

use super::{
    context, context_at,
    script::{Asked, Script, record, refusal},
    source,
};

fn request(fields: &[&str], sync_mode: SyncMode) -> ReadRequest {
    ReadRequest {
        shown: Vec::new(),
        object: ObjectName::new("Contacts"),
        fields: fields.iter().map(|name| (*name).into()).collect(),
        links: Vec::new(),
        filter: None,
        sync_mode,
        cursor: None,
    }
}

async fn read(script: &Script, request: ReadRequest) -> Vec<Result<Page, ConnectorError>> {
    source(&script.url, &context()).read(request).collect().await
}

async fn pages(script: &Script, request: ReadRequest) -> Vec<Page> {
    read(script, request).await.into_iter().map(Result::unwrap).collect()
}

fn cells(pages: &[Page], column: &str) -> Vec<Value> {
    let values = |page: &Page| -> Vec<Value> {
        let column = page.frame.column(column).unwrap();
        (0..column.len()).map(|place| Value::from_any(&column.get(place).unwrap()).unwrap()).collect()
    };
    pages.iter().flat_map(values).collect()
}

fn ids(pages: &[Page]) -> Vec<String> {
    cells(pages, "_id").iter().map(Value::to_text).collect()
}

/// Answers three pages of one record each.
fn three_pages(asked: &Asked) -> (u16, Json) {
    let offset = asked.json()["offset"].as_str().map(str::to_owned);
    let number: usize = match offset.as_deref().or(asked.parameters("offset").first().copied()) {
        Some(offset) => offset.trim_start_matches("itr/rec").parse().unwrap(),
        None => 0,
    };
    let mut page = json!({"records": [record(&format!("rec{number}"), json!({"fldName": "n"}))]});
    if number < 2 {
        page["offset"] = json!(format!("itr/rec{}", number + 1));
    }
    (200, page)
}

#[tokio::test]
async fn all_pages_are_read_by_field_ids_and_with_the_least_fields() {
    let script = Script::start(three_pages).await;
    let pages = pages(&script, request(&["Name"], SyncMode::FullRefresh)).await;
    assert_eq!(ids(&pages), ["rec0", "rec1", "rec2"]);
    let asked = script.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!((asked[0].method.as_str(), asked[0].path.as_str()), ("GET", "/v0/appFerryDemo00001/tblContacts"));
    // `Edited` tells when a record was changed.
    assert_eq!(asked[0].parameters("fields[]"), ["fldName", "fldEdited"]);
    assert_eq!(asked[0].parameters("returnFieldsByFieldId"), ["true"]);
    assert_eq!(asked[0].parameters("pageSize"), ["100"]);
    assert_eq!(asked[0].authorization, "Bearer patTest.1");
    assert_eq!(asked[2].parameters("offset"), ["itr/rec2"]);
    assert!(asked[2].raw_query.contains("itr%2Frec2"), "the slash of an offset is encoded");
    assert!(pages.iter().all(|page| page.cursor.is_none()), "an offset is no place to resume from");
}

#[tokio::test]
async fn more_fields_than_fit_a_url_are_asked_for_in_a_body() {
    let script = Script::start_raw(|asked| {
        let field =
            |number| json!({"id": format!("fldXXXXXXXXXXX{number:03}"), "name": format!("f{number}"), "type": "url"});
        let fields: Vec<Json> = (0..500).map(field).collect();
        let tables = json!({"tables": [{"id": "tblContacts", "name": "Contacts", "fields": fields}]});
        let answer = if asked.path.ends_with("/tables") { tables } else { json!({"records": []}) };
        (200, answer.to_string())
    })
    .await;
    let names: Vec<String> = (0..500).map(|number| format!("f{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    pages(&script, request(&names, SyncMode::FullRefresh)).await;
    pages(&script, request(&names[..200], SyncMode::FullRefresh)).await;
    let asked = script.asked();
    assert_eq!((asked[0].method.as_str(), asked[0].json()["fields"].as_array().unwrap().len()), ("POST", 500));
    assert!(asked[1].method == "GET" && asked[1].raw_query.len() < 15_000);
}

#[tokio::test]
async fn a_listing_whose_offset_ended_is_begun_anew_and_repeats_no_record() {
    let mut has_failed = false;
    let script = Script::start(move |asked| {
        if asked.parameters("offset").first() == Some(&"itr/rec2") && !has_failed {
            has_failed = true;
            return (422, json!({"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}}));
        }
        three_pages(asked)
    })
    .await;
    let pages = pages(&script, request(&["Name"], SyncMode::Incremental)).await;
    assert_eq!(ids(&pages), ["rec0", "rec1", "rec2"]);
    assert_eq!(script.asked().len(), 6);
    assert!(pages.last().unwrap().cursor.is_some());
}

#[tokio::test]
async fn a_listing_whose_offsets_always_end_fails_in_the_end() {
    let script = Script::start(|asked| {
        if asked.parameters("offset").is_empty() {
            three_pages(asked)
        } else {
            (422, json!({"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}}))
        }
    })
    .await;
    let read = read(&script, request(&["Name"], SyncMode::FullRefresh)).await;
    assert_eq!(read.last().unwrap().as_ref().unwrap_err().kind, ErrorKind::CursorExpired);
    assert_eq!(read.len(), 2, "the first page, then the error");
}

#[tokio::test]
async fn an_incremental_read_asks_for_what_changed_with_a_minutes_overlap() {
    let script = Script::start(three_pages).await;
    let mut request = request(&["Name"], SyncMode::Incremental);
    request.cursor = Some(Cursor(json!({"since": "2026-11-23T09:30:00.000Z"})));
    request.filter = Some(Predicate::Compare {
        field: "Name".into(),
        comparison: Comparison::Equal,
        value: Value::Text("O'Hara".to_owned()),
    });
    let pages = pages(&script, request).await;
    let body = script.asked()[1].json();
    assert_eq!(script.asked()[1].path, "/v0/appFerryDemo00001/tblContacts/listRecords");
    let formula = body["filterByFormula"].as_str().unwrap();
    assert!(formula.starts_with("AND(OR(IS_SAME(LAST_MODIFIED_TIME(),DATETIME_PARSE('2026-11-23T09:29:00.000Z'))"));
    assert!(formula.ends_with(r"{fldName}='O\'Hara')"));
    assert_eq!((&body["pageSize"], &body["returnFieldsByFieldId"]), (&json!(100), &json!(true)));
    assert!(pages[..2].iter().all(|page| page.cursor.is_none()));
    assert!(pages[2].cursor.as_ref().unwrap().0["since"].is_string());
}

#[tokio::test]
async fn an_empty_table_still_yields_the_cursor_of_its_read() {
    let script = Script::start(|_| (200, json!({"records": []}))).await;
    let pages = pages(&script, request(&["Name"], SyncMode::Incremental)).await;
    assert_eq!((pages.len(), pages[0].frame.height()), (1, 0));
    assert!(pages[0].cursor.is_some());
}

#[tokio::test]
async fn the_cursor_is_not_later_than_the_vendors_clock() {
    let script = Script::start(|_| (200, json!({"records": []}))).await;
    let context = context_at(1e6);
    // This clock has run ahead of the server's by a long way.
    context.clock().sleep(std::time::Duration::from_hours(10)).await;
    let ahead = context.clock().now();
    let source = source(&script.url, &context);
    let page = source.read(request(&["Name"], SyncMode::Incremental)).next().await.unwrap().unwrap();
    let since: chrono::DateTime<chrono::Utc> = serde_json::from_value(page.cursor.unwrap().0["since"].clone()).unwrap();
    assert!(since < ahead - chrono::TimeDelta::hours(1));
}

#[tokio::test]
async fn a_cursor_of_another_make_is_called_expired() {
    let script = Script::start(three_pages).await;
    let mut request = request(&["Name"], SyncMode::Incremental);
    request.cursor = Some(Cursor(json!({"after": 7})));
    assert_eq!(read(&script, request).await[0].as_ref().unwrap_err().kind, ErrorKind::CursorExpired);
}

#[tokio::test]
async fn a_record_that_does_not_fit_is_rejected_and_the_rest_is_read() {
    let script = Script::start(|_| {
        let records = [
            record("rec1", json!({"fldSum": {"specialValue": "NaN"}, "fldName": "Ada"})),
            record("rec2", json!({"fldSum": 3, "fldCompany": ["recA"]})),
        ];
        (200, json!({"records": records}))
    })
    .await;
    let mut request = request(&["Name", "Sum"], SyncMode::FullRefresh);
    request.links = vec![ObjectName::new("Companies")];
    let pages = pages(&script, request).await;
    assert_eq!(ids(&pages), ["rec2"]);
    assert_eq!(cells(&pages, "_links.Companies"), [Value::List(vec!["recA".to_owned()])]);
    let reject = &pages[0].rejects[0];
    assert_eq!((reject.id.as_str(), reject.field.as_deref()), ("rec1", Some("Sum")));
    assert_eq!(reject.code, "broken_formula");
    assert_eq!(reject.value.as_deref(), Some(r#"{"specialValue":"NaN"}"#));
    assert_eq!(reject.record["Name"], "Ada");
}

#[tokio::test]
async fn the_last_change_comes_from_a_field_that_watches_all_others() {
    let script = Script::start(|_| {
        let records = [record("rec1", json!({"fldEdited": "2026-11-23T09:30:00.000Z"})), record("rec2", json!({}))];
        (200, json!({"records": records}))
    })
    .await;
    let pages = pages(&script, request(&["Name"], SyncMode::FullRefresh)).await;
    let moments: Vec<String> = cells(&pages, UPDATED_AT).iter().map(Value::to_text).collect();
    // A record that was never edited was last changed when it was created.
    assert_eq!(moments, ["2026-11-23T09:30:00.000Z", "2026-11-01T08:00:00.000Z"]);
}

#[tokio::test]
async fn a_table_without_such_a_field_tells_no_last_change() {
    let script = Script::start(|_| (200, json!({"records": [record("rec1", json!({}))]}))).await;
    let mut request = request(&[], SyncMode::FullRefresh);
    request.object = ObjectName::new("Companies");
    let pages = pages(&script, request).await;
    assert_eq!(cells(&pages, UPDATED_AT), [Value::Null]);
    assert_eq!(script.asked()[0].parameters("fields[]"), ["fldTitle"], "no field named would mean every field");
}

#[tokio::test]
async fn unknown_fields_and_ambiguous_links_end_the_read() {
    let script = Script::start(three_pages).await;
    let error = read(&script, request(&["Nmae"], SyncMode::FullRefresh)).await.remove(0).unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::NotFound, "unknown_field"));
    assert_eq!(error.hint.as_deref(), Some("did you mean `Name`?"));
    let mut of_companies = request(&["Title"], SyncMode::FullRefresh);
    of_companies.object = ObjectName::new("Companies");
    of_companies.links = vec![ObjectName::new("Contacts")];
    let error = read(&script, of_companies).await.remove(0).unwrap_err();
    assert!(error.hint.unwrap().contains("`Boss`, `Staff`"));
    assert!(script.asked().is_empty());
}

#[tokio::test]
async fn a_slow_consumer_does_not_hold_an_offset() {
    let script = Script::start(three_pages).await;
    let (source, clock) = (source(&script.url, &context()), crate::clock::Clock::system());
    let mut stream = source.read(request(&["Name"], SyncMode::FullRefresh));
    let first = stream.next().await.unwrap().unwrap();
    // Nobody asks for another page; the rest is read nevertheless.
    while script.asked().len() < 3 {
        clock.sleep(std::time::Duration::from_millis(1)).await;
    }
    let rest: Vec<Page> = stream.map(Result::unwrap).collect().await;
    assert_eq!(first.frame.height() + rest.len(), 3);
}

#[tokio::test]
async fn a_429_is_waited_out_and_the_months_quota_is_not() {
    let mut count = 0;
    let script = Script::start(move |asked| {
        count += 1;
        match count {
            1 => (429, json!({"errors": [{"error": "RATE_LIMIT_REACHED", "message": "m"}]})),
            _ => three_pages(asked),
        }
    })
    .await;
    let context = context();
    let source = source(&script.url, &context);
    let before = context.clock().elapsed();
    let pages: Vec<_> = source.read(request(&["Name"], SyncMode::FullRefresh)).collect().await;
    assert!(pages.iter().all(Result::is_ok));
    assert!(context.clock().elapsed() >= before + std::time::Duration::from_secs(30));
    assert_eq!(context.meter.calls().rate_limited, 1);

    let spent = Script::start(|_| (429, json!({"error": {"type": "PUBLIC_API_BILLING_LIMIT_EXCEEDED"}}))).await;
    let error = read(&spent, request(&["Name"], SyncMode::FullRefresh)).await.remove(0).unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::QuotaSpent, "PUBLIC_API_BILLING_LIMIT_EXCEEDED"));
    assert_eq!(spent.asked().len(), 1);
}

#[tokio::test]
async fn a_token_that_is_refused_is_not_tried_again() {
    let script = Script::start(|_| (401, json!({"error": {"type": "AUTHENTICATION_REQUIRED"}}))).await;
    let error = read(&script, request(&["Name"], SyncMode::FullRefresh)).await.remove(0).unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Unauthorized, "AUTHENTICATION_REQUIRED"));
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test]
async fn a_read_that_finds_only_faults_ends_as_unavailable() {
    let script = Script::start_raw(|_| (200, "<html>bad gateway</html>".to_owned())).await;
    let error = source(&script.url, &context()).check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_base_is_checked_with_one_call() {
    let script = Script::start(|_| refusal("X", "m")).await;
    let context = context();
    source(&script.url, &context).check().await.unwrap();
    assert_eq!((context.meter.calls().total(), script.asked().len()), (1, 0));
    let ids: BTreeSet<_> =
        super::base().describe(&"Contacts".into(), true).unwrap().fields.into_iter().map(|field| field.name).collect();
    assert!(ids.contains("_links.Companies"));
}
