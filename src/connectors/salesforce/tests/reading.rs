//! Reads: pages, places to go on from, types.

use futures::StreamExt;
use serde_json::{Value as Json, json};

use crate::connector::{ErrorKind, ReadRequest};
use crate::model::{Cursor, DELETED, ID, Page, SyncMode, Value};

use super::{
    request,
    script::{Asked, Reply, Script, csv, error, ok},
    source, source_with,
};

async fn read(url: &str, request: ReadRequest) -> Vec<Page> {
    source(url).read(request).map(Result::unwrap).collect().await
}

fn column(pages: &[Page], name: &str) -> Vec<Value> {
    let cells = pages.iter().flat_map(|page| {
        let column = page.frame.column(name).unwrap();
        (0..page.frame.height()).map(|row| Value::from_any(&column.get(row).unwrap()).unwrap()).collect::<Vec<_>>()
    });
    cells.collect()
}

fn record(number: u32, more: &Json) -> Json {
    let mut record = json!({
        "attributes": { "type": "Contact" }, "Id": format!("0030000000000{number:02}AAA"), "IsDeleted": false,
        "SystemModstamp": "2026-11-01T08:00:00.000+0000", "Account": null,
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        record[name] = value.clone();
    }
    record
}

fn page(records: &[Json], next: Option<&str>) -> Reply {
    let total = records.len() + 2 * usize::from(next.is_some());
    let next = next.map(|next| format!("/services/data/v67.0/query/{next}"));
    ok(&json!({ "totalSize": total, "done": next.is_none(), "nextRecordsUrl": next, "records": records }))
}

/// Three records in two pages.
fn two_pages(asked: &Asked) -> Reply {
    match asked.path.as_str() {
        "query" | "queryAll" => page(&[record(1, &Json::Null), record(2, &Json::Null)], Some("01g-2000")),
        _ => page(&[record(3, &Json::Null)], None),
    }
}

#[tokio::test]
async fn all_pages_are_read_in_the_order_of_ids_and_only_what_is_used_is_selected() {
    let script = Script::start(two_pages).await;
    let pages = read(&script.url, request(&["LastName", "Account.Name"])).await;
    assert_eq!(column(&pages, ID).len(), 3);
    let query = script.asked()[0].parameter("q").to_owned();
    assert_eq!(query, "SELECT Id,SystemModstamp,IsDeleted,LastName,Account.Name FROM Contact ORDER BY Id");
    assert_eq!(script.asked()[1].path, "query/01g-2000");
}

#[tokio::test]
async fn a_cursor_that_salesforce_has_dropped_is_replaced_by_the_last_id() {
    let script = Script::start(|asked| match asked.path.as_str() {
        "query" if asked.parameter("q").contains("Id > ") => page(&[record(3, &Json::Null)], None),
        "query" => page(&[record(1, &Json::Null), record(2, &Json::Null)], Some("01g-2000")),
        _ => error(400, "INVALID_QUERY_LOCATOR", "invalid query locator"),
    })
    .await;
    let pages = read(&script.url, request(&[])).await;
    assert_eq!(column(&pages, ID).len(), 3);
    assert!(script.asked()[2].parameter("q").contains("WHERE Id > '003000000000002AAA' ORDER BY Id"));
}

#[tokio::test]
async fn a_broken_off_read_goes_on_behind_the_last_id() {
    let script = Script::start(two_pages).await;
    let first = source(&script.url).read(request(&[])).next().await.unwrap().unwrap();
    let on = Script::start(|_| page(&[record(3, &Json::Null)], None)).await;
    let pages = read(&on.url, ReadRequest { cursor: first.cursor, ..request(&[]) }).await;
    assert_eq!(column(&pages, ID).len(), 1);
    assert!(on.asked()[0].parameter("q").contains("Id > '003000000000002AAA'"));
}

#[tokio::test]
async fn what_changed_is_told_by_system_modstamp_with_an_overlap_and_deleted_records_too() {
    let script = Script::start(|_| page(&[record(1, &json!({ "IsDeleted": true, "Amount": "broken" }))], None)).await;
    let since = 1_764_000_000_000_i64;
    let cursor = Some(Cursor(json!({ "phase": "done", "since": since })));
    let pages =
        read(&script.url, ReadRequest { sync_mode: SyncMode::Incremental, cursor, ..request(&["Amount"]) }).await;
    let asked = script.asked()[0].clone();
    assert_eq!(asked.path, "queryAll");
    assert!(asked.parameter("q").contains("WHERE SystemModstamp >= 2025-11-24T15:55:00.000Z"), "{:?}", asked.query);
    assert_eq!(column(&pages, DELETED), [Value::Boolean(true)], "of a deleted record no more than its id is needed");
    assert!(pages.last().unwrap().cursor.as_ref().unwrap().0["since"].is_i64());
}

#[tokio::test]
async fn values_come_in_their_types_and_a_missing_parent_is_no_value() {
    let values = json!({
        "LastName": "Ada", "Amount": 5, "Count__c": 5.0, "Birthdate": "1815-12-10", "Topics__c": "four;six",
        "Seen__c": "2011-07-07T00:37:00.000+0000", "Account": null, "AccountId": "0017e00001W4GYR",
    });
    let script = Script::start(move |_| page(&[record(1, &values)], None)).await;
    let fields = ["LastName", "Amount", "Count__c", "Birthdate", "Topics__c", "Seen__c", "Account.Name", "AccountId"];
    let pages = read(&script.url, request(&fields)).await;
    let cell = |name: &str| column(&pages, name).remove(0);
    assert_eq!(cell("Amount"), Value::Number(5.0));
    assert_eq!(cell("Count__c"), Value::Integer(5));
    assert_eq!(cell("Birthdate"), Value::Date("1815-12-10".parse().unwrap()));
    assert_eq!(cell("Topics__c"), Value::List(vec!["four".to_owned(), "six".to_owned()]));
    assert_eq!(cell("Seen__c"), Value::DateTime("2011-07-07T00:37:00Z".parse().unwrap()), "`+0000` without a colon");
    assert_eq!(cell("Account.Name"), Value::Null);
    assert_eq!(cell("AccountId"), Value::Text("0017e00001W4GYRAA3".to_owned()), "ids are compared by 18 characters");
}

#[tokio::test]
async fn a_value_that_does_not_fit_rejects_its_record_and_no_other() {
    let script = Script::start(|_| {
        page(&[record(1, &json!({ "Birthdate": "soon" })), record(2, &json!({ "Birthdate": null }))], None)
    })
    .await;
    let pages = read(&script.url, request(&["Birthdate"])).await;
    assert_eq!(pages[0].rejects.len(), 1);
    assert_eq!((pages[0].rejects[0].code.as_str(), pages[0].frame.height()), ("not_a_date", 1));
}

#[tokio::test]
async fn the_text_of_a_note_is_read_by_a_call_of_its_own() {
    let path = "/services/data/v67.0/sobjects/ContentNote/0690/Content";
    let script = Script::start(move |asked| match asked.path.as_str() {
        "query" => page(&[record(1, &json!({ "Content": path })), record(2, &json!({ "Content": null }))], None),
        _ => super::script::text("<p>Hello</p>"),
    })
    .await;
    let pages = read(&script.url, request(&["Content"])).await;
    assert_eq!(column(&pages, "Content"), [super::text("<p>Hello</p>"), Value::Null]);
}

#[tokio::test]
async fn unknown_names_never_reach_a_query() {
    let script = Script::start(|_| page(&[], None)).await;
    let error = source(&script.url).read(request(&["Name FROM User--"])).next().await.unwrap().unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::NotFound, "unknown_field"));
    let object = source(&script.url).describe(&"Contact' OR".into()).await.unwrap_err();
    assert_eq!(object.code, "unknown_object");
    assert!(script.asked().is_empty());
}

#[tokio::test]
async fn the_roles_of_an_opportunity_are_links_to_contacts() {
    let script = Script::start(|asked| {
        let query = asked.parameter("q").to_owned();
        if query.contains("OpportunityContactRole") {
            let role = |contact: &str| json!({ "OpportunityId": "003000000000001AAA", "ContactId": contact });
            return page(&[role("0030000000000C1"), role("0030000000000C2"), role("0030000000000C1")], None);
        }
        page(&[record(1, &Json::Null), record(2, &Json::Null)], None)
    })
    .await;
    let wanted = ReadRequest { object: "Opportunity".into(), links: vec!["Contact".into()], ..request(&[]) };
    let pages = read(&script.url, wanted).await;
    let Value::List(first) = column(&pages, "_links.Contact").remove(0) else { panic!("no list") };
    assert_eq!(first.len(), 2);
    assert!(script.asked()[1].parameter("q").contains("OpportunityId IN ('003000000000001AAA',"));
}

/// A Bulk query with two pages of results, each with the header.
fn bulk(asked: &Asked) -> Reply {
    let job = |state: &str| ok(&json!({ "id": "750x", "state": state, "numberRecordsProcessed": 3 }));
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "query" | "queryAll") => page(&[record(1, &Json::Null), record(2, &Json::Null)], Some("01g-2")),
        ("POST", "jobs/query") => job("UploadComplete"),
        ("GET", "jobs/query/750x") => job("JobComplete"),
        ("GET", "jobs/query/750x/results") if asked.parameter("locator").is_empty() => {
            let lines = "\"Id\",\"SystemModstamp\",\"IsDeleted\",\"LastName\"\n\"003000000000001AAA\",\"2026-11-01T08:00:00.000Z\",\"false\",\"A\n, B\"\n\"003000000000002AAA\",\"\",\"false\",\"\"\n";
            csv(lines).with("sforce-locator", "MTAw").with("sforce-numberofrecords", "2")
        }
        ("GET", "jobs/query/750x/results") => {
            let lines =
                "\"Id\",\"SystemModstamp\",\"IsDeleted\",\"LastName\"\n\"003000000000003AAA\",\"\",\"true\",\"C\"\n";
            csv(lines).with("sforce-locator", "null").with("sforce-numberofrecords", "1")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn many_records_are_read_by_a_job_whose_pages_all_begin_with_the_header() {
    let script = Script::start(bulk).await;
    let source = source_with(&script.url, &json!({ "bulk_query_min_records": 4 }));
    let pages: Vec<Page> = source.read(request(&["LastName"])).map(Result::unwrap).collect().await;
    assert_eq!(column(&pages, "LastName"), [super::text("A\n, B"), Value::Null, super::text("C")]);
    assert_eq!(column(&pages, DELETED)[2], Value::Boolean(true));
    let created = script.asked().into_iter().find(|asked| asked.method == "POST").unwrap().json();
    let query = created["query"].as_str().unwrap();
    assert!(!query.contains("ORDER BY"), "an order would keep Salesforce from splitting the query: {query}");
    assert_eq!(created["operation"], "query");
}

#[tokio::test]
async fn a_job_s_results_are_read_on_from_their_locator() {
    let script = Script::start(bulk).await;
    let source = source_with(&script.url, &json!({ "bulk_query_min_records": 4 }));
    let first = source.read(request(&["LastName"])).next().await.unwrap().unwrap();
    let on = Script::start(bulk).await;
    let pages = read(&on.url, ReadRequest { cursor: first.cursor, ..request(&["LastName"]) }).await;
    assert_eq!(column(&pages, "LastName"), [super::text("C")]);
    let gone = Script::start(|_| error(404, "NOT_FOUND", "The requested resource does not exist")).await;
    let cursor = Some(Cursor(json!({ "phase": "bulk", "job": "750x", "locator": "MTAw", "started_at": 1 })));
    let again = ReadRequest { cursor, ..request(&["LastName"]) };
    let error = super::source(&gone.url).read(again).next().await.unwrap().unwrap_err();
    assert_eq!(error.kind, ErrorKind::CursorExpired, "jobs are kept for seven days");
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_not_taken_for_whole() {
    let script = Script::start(|asked| match asked.path.as_str() {
        "jobs/query/750x/results" => csv("\"Id\",\"LastName\"\n").with("sforce-numberofrecords", "2"),
        _ => bulk(asked),
    })
    .await;
    let source = source_with(&script.url, &json!({ "bulk_query_min_records": 4 }));
    assert!(source.read(request(&["LastName"])).next().await.unwrap().is_err());
}

/// A Bulk query whose results are one file of 250 records; Salesforce says that there are `said`.
fn long_file(asked: &Asked, said: &str) -> Reply {
    if asked.path != "jobs/query/750x/results" {
        return bulk(asked);
    }
    let line = |at: usize| format!("\"00300000000{at:04}AAA\",\"n{at}\"\n");
    csv(&format!("\"Id\",\"LastName\"\n{}", (0..250).map(line).collect::<String>()))
        .with("sforce-locator", "null")
        .with("sforce-numberofrecords", said)
}

#[tokio::test]
async fn a_long_file_of_results_is_one_call_and_several_pages_and_is_read_on_within() {
    let script = Script::start(|asked| long_file(asked, "250")).await;
    let source = source_with(&script.url, &json!({ "bulk_query_min_records": 4 }));
    let pages: Vec<Page> = source.read(request(&["LastName"])).map(Result::unwrap).collect().await;
    assert_eq!(pages.iter().map(|page| page.frame.height()).collect::<Vec<_>>(), [100, 100, 50]);
    assert_eq!(script.count("results"), 1);
    let on = ReadRequest { cursor: pages[1].cursor.clone(), ..request(&["LastName"]) };
    let rest = read(&script.url, on).await;
    assert_eq!(column(&rest, "LastName").len(), 50);
    assert_eq!(column(&rest, "LastName")[0], super::text("n200"));
}

#[tokio::test]
async fn of_a_long_file_that_was_cut_off_only_what_is_surely_whole_is_taken() {
    let script = Script::start(|asked| long_file(asked, "300")).await;
    let source = source_with(&script.url, &json!({ "bulk_query_min_records": 4 }));
    let pages: Vec<Result<Page, _>> = source.read(request(&["LastName"])).collect().await;
    assert_eq!(pages.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false]);
}

#[tokio::test]
async fn an_object_that_the_bulk_api_does_not_have_is_read_by_pages() {
    let script = Script::start(|asked| match asked.path.as_str() {
        "jobs/query" => error(400, "INVALIDENTITY", "Entity 'Contact' is not supported by the Bulk API."),
        _ => two_pages(asked),
    })
    .await;
    let source = source_with(&script.url, &json!({ "bulk_query_min_records": 1 }));
    let pages: Vec<Page> = source.read(request(&[])).map(Result::unwrap).collect().await;
    assert_eq!(column(&pages, ID).len(), 3);
}
