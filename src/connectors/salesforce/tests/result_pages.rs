//! Large results of Bulk queries: their pages come several at once, by lists of addresses.

use std::{fmt::Write, sync::Arc};

use futures::StreamExt;
use serde_json::{Value as Json, json};
use tokio::sync::Notify;

use crate::connector::{ConnectorError, ReadRequest, Source};
use crate::model::{ID, Page, Value};

use super::{
    request,
    script::{Asked, Reply, Script, csv, error, ok},
    source_with,
};

/// Pages of the result, three records each: more than one list of addresses holds.
const PAGES: usize = 7;
/// Most addresses in one list. Source: the vendor's page on parallel results.
const LISTED: usize = 5;

fn source(script: &Script) -> Box<dyn Source> {
    source_with(&script.url, &json!({ "bulk_query_min_records": 1 }))
}

async fn read(source: &dyn Source, request: ReadRequest) -> Result<Vec<Page>, ConnectorError> {
    source.read(request).collect::<Vec<_>>().await.into_iter().collect()
}

fn ids(pages: &[Page]) -> Vec<String> {
    let ids = pages.iter().flat_map(|page| {
        let column = page.frame.column(ID).unwrap();
        (0..page.frame.height())
            .map(|row| Value::from_any(&column.get(row).unwrap()).unwrap().to_text())
            .collect::<Vec<_>>()
    });
    ids.collect()
}

fn expected(pages: std::ops::Range<usize>) -> Vec<String> {
    (pages.start * 3..pages.end * 3).map(|number| format!("0030000000{number:05}AAA")).collect()
}

fn result(page: usize) -> Reply {
    let mut lines = "\"Id\",\"SystemModstamp\",\"IsDeleted\"\n".to_owned();
    for id in expected(page..page + 1) {
        let _ = writeln!(lines, "\"{id}\",\"2026-11-01T08:00:00.000Z\",\"false\"");
    }
    let next = if page + 1 < PAGES { format!("page{}", page + 1) } else { "null".to_owned() };
    csv(&lines).with("sforce-locator", &next).with("sforce-numberofrecords", "3")
}

/// The list of addresses from a page on.
fn list(from: usize) -> Reply {
    let end = PAGES.min(from + LISTED);
    let url = |page: usize| json!({ "resultUrl": format!("/services/data/v67.0/jobs/query/750x/results?locator=page{page}") });
    let mut body = json!({ "resultPages": (from..end).map(url).collect::<Vec<_>>(), "done": end == PAGES });
    if end < PAGES {
        body["nextRecordUrl"] =
            Json::from(format!("/services/data/v67.0/jobs/query/750x/resultPages?locator=page{end}"));
    }
    ok(&body)
}

/// Which page is asked for; the first where nothing is said.
fn page_of(asked: &Asked) -> usize {
    asked.parameter("locator").strip_prefix("page").map_or(0, |number| number.parse().unwrap())
}

/// A query of a million records; the script has a few of them.
fn large(asked: &Asked) -> Reply {
    let job = |state: &str| ok(&json!({ "id": "750x", "state": state, "numberRecordsProcessed": 1_000_000 }));
    let first = json!({ "Id": "003000000000000AAA", "attributes": { "type": "Contact" } });
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "query") => ok(&json!({ "totalSize": 1_000_000, "done": false, "records": [first],
            "nextRecordsUrl": "/services/data/v67.0/query/01g-1" })),
        ("POST", "jobs/query") => job("UploadComplete"),
        ("GET", "jobs/query/750x") => job("JobComplete"),
        ("GET", "jobs/query/750x/resultPages") => list(page_of(asked)),
        ("GET", "jobs/query/750x/results") => result(page_of(asked)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn every_page_of_every_list_comes_once() {
    let script = Script::start(large).await;
    let pages = read(source(&script).as_ref(), request(&[])).await.unwrap();
    assert_eq!(ids(&pages), expected(0..PAGES));
    assert_eq!((script.count("resultPages"), script.count("results")), (2, PAGES));
}

#[tokio::test]
async fn pages_that_arrive_out_of_order_are_put_in_order() {
    let is_asked = Arc::new(Notify::new());
    let script = Script::start(move |asked| match (asked.path.as_str(), page_of(asked)) {
        // The first page is answered only when the second was asked for: were they read in turn, nothing would come.
        ("jobs/query/750x/results", 0) => result(0).after(&is_asked),
        ("jobs/query/750x/results", 1) => {
            is_asked.notify_one();
            result(1)
        }
        _ => large(asked),
    })
    .await;
    let pages = read(source(&script).as_ref(), request(&[])).await.unwrap();
    assert_eq!(ids(&pages), expected(0..PAGES));
}

#[tokio::test]
async fn a_page_that_fails_once_is_asked_for_again_and_no_other() {
    let mut has_failed = false;
    let script = Script::start(move |asked| {
        if asked.path.ends_with("/results") && page_of(asked) == 3 && !has_failed {
            has_failed = true;
            return error(503, "SERVER_UNAVAILABLE", "Server is not available");
        }
        large(asked)
    })
    .await;
    let pages = read(source(&script).as_ref(), request(&[])).await.unwrap();
    assert_eq!(ids(&pages), expected(0..PAGES));
    assert_eq!(script.count("results"), PAGES + 1);
}

#[tokio::test]
async fn an_org_without_the_list_is_read_page_after_page() {
    for (code, word) in [(404, "NOT_FOUND"), (400, "INVALID_OPERATION")] {
        let script = Script::start(move |asked| match asked.path.as_str() {
            "jobs/query/750x/resultPages" => error(code, word, "The requested resource does not exist"),
            _ => large(asked),
        })
        .await;
        let pages = read(source(&script).as_ref(), request(&[])).await.unwrap();
        assert_eq!(ids(&pages), expected(0..PAGES));
        assert_eq!((script.count("resultPages"), script.count("results")), (1, PAGES), "{word}");
    }
}

#[tokio::test]
async fn a_list_that_breaks_off_half_way_is_no_end() {
    let script = Script::start(|asked| match asked.path.as_str() {
        "jobs/query/750x/resultPages" if page_of(asked) > 0 => error(404, "NOT_FOUND", "gone"),
        _ => large(asked),
    })
    .await;
    let mut pages = Vec::new();
    let source = source(&script);
    let mut reading = source.read(request(&[]));
    let failed = loop {
        match reading.next().await {
            Some(Ok(page)) => pages.push(page),
            Some(Err(error)) => break Some(error),
            None => break None,
        }
    };
    assert!(failed.is_some(), "two pages are missing, and nobody said so");
    assert_eq!(ids(&pages), expected(0..LISTED));
}

#[tokio::test]
async fn a_read_that_broke_off_goes_on_behind_the_page_that_was_loaded() {
    let script = Script::start(large).await;
    let source = source(&script);
    let loaded: Vec<Page> = source.read(request(&[])).take(3).map(Result::unwrap).collect().await;
    assert_eq!(ids(&loaded), expected(0..3));
    let on = ReadRequest { cursor: loaded.last().unwrap().cursor.clone(), ..request(&[]) };
    let rest = read(source_with(&script.url, &json!({})).as_ref(), on).await.unwrap();
    assert_eq!(ids(&rest), expected(3..PAGES));
}
