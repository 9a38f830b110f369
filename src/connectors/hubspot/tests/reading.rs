//! Lists, searches, links, archived records, cursors.

use futures::StreamExt;
use serde_json::{Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind, ReadRequest};
use crate::model::{Cursor, DELETED, FieldName, ID, Page, Predicate, SyncMode, UPDATED_AT, Value};

use super::{
    script::{Asked, Script, record},
    source,
};

fn request(sync_mode: SyncMode, fields: &[&str], links: &[&str], cursor: Option<Json>) -> ReadRequest {
    ReadRequest {
        shown: Vec::new(),
        object: "contacts".into(),
        fields: fields.iter().map(FieldName::new).collect(),
        links: links.iter().map(|name| (*name).into()).collect(),
        filter: None,
        sync_mode,
        cursor: cursor.map(Cursor),
    }
}

fn full(fields: &[&str], links: &[&str]) -> ReadRequest {
    request(SyncMode::FullRefresh, fields, links, None)
}

fn since(millis: i64) -> Json {
    json!({ "phase": "done", "since": millis })
}

async fn read(url: &str, request: ReadRequest) -> Vec<Result<Page, ConnectorError>> {
    source(url).read(request).collect().await
}

async fn pages(url: &str, request: ReadRequest) -> Vec<Page> {
    read(url, request).await.into_iter().map(Result::unwrap).collect()
}

fn cells(pages: &[Page], column: &str) -> Vec<Value> {
    let values = |page: &Page| -> Vec<Value> {
        let column = page.frame.column(column).unwrap();
        (0..column.len()).map(|row| Value::from_any(&column.get(row).unwrap()).unwrap()).collect()
    };
    pages.iter().flat_map(values).collect()
}

fn ids(pages: &[Page]) -> Vec<String> {
    cells(pages, ID).iter().map(Value::to_text).collect()
}

/// Answers a search as the vendor does: by ids greater than the filter's, in their order, no more than the limit.
fn search_answer(asked: &Asked, all: impl Iterator<Item = u64> + Clone) -> (u16, Json) {
    let body = asked.json();
    let filters = body["filterGroups"][0]["filters"].as_array().unwrap();
    let last: u64 = filters[0]["value"].as_str().unwrap().parse().unwrap();
    assert_eq!((filters[0]["operator"].as_str(), body.get("after")), (Some("GT"), None));
    let limit = usize::try_from(body["limit"].as_u64().unwrap()).unwrap();
    let matching = all.filter(|id| *id > last);
    let total = matching.clone().count();
    let results: Vec<Json> = matching
        .take(limit)
        .map(|id| record(id, json!({ "email": null, "amount": null, "hs_object_id": id.to_string() })))
        .collect();
    let mut answer = json!({ "total": total, "results": results });
    if total > limit {
        answer["paging"] = json!({ "next": { "after": limit.to_string() } });
    }
    (200, answer)
}

#[tokio::test]
async fn a_full_read_lists_pages_until_paging_is_absent() {
    let script = Script::start(|asked| match asked.parameter("after") {
        "" => (200, json!({ "results": [record(1, json!({ "email": "a@x.test", "amount": "4.5" }))], "paging": { "next": { "after": "NTI1Cg==" } } })),
        _ => (200, json!({ "results": [record(2, json!({ "amount": null }))] })),
    })
    .await;
    let pages = pages(&script.url, full(&["email", "amount"], &[])).await;
    assert_eq!(ids(&pages), ["1", "2"]);
    assert_eq!(cells(&pages, "amount"), [Value::Number(4.5), Value::Null]);
    assert_eq!(cells(&pages, UPDATED_AT)[0].to_text(), "2026-11-01T08:00:00.123Z");
    let asked = script.asked();
    assert_eq!((asked[0].parameter("limit"), asked[0].parameter("properties")), ("100", "email,amount"));
    assert_eq!(asked[1].parameter("after"), "NTI1Cg==");
    assert_eq!(asked.len(), 2);
}

#[tokio::test]
async fn a_killed_full_read_goes_on_where_it_was() {
    let script = Script::start(|asked| match asked.parameter("after") {
        "" => (200, json!({ "results": [record(1, json!({}))], "paging": { "next": { "after": "2" } } })),
        _ => (200, json!({ "results": [record(2, json!({}))] })),
    })
    .await;
    let first = pages(&script.url, full(&["email"], &[])).await.remove(0);
    let resumed = ReadRequest { cursor: first.cursor, ..full(&["email"], &[]) };
    let rest = pages(&script.url, resumed).await;
    assert_eq!(ids(&rest), ["2"]);
    let done = ReadRequest { cursor: rest[0].cursor.clone(), ..full(&["email"], &[]) };
    assert!(pages(&script.url, done).await.is_empty());
}

#[tokio::test]
async fn a_value_that_does_not_fit_rejects_its_record_and_the_read_goes_on() {
    let script = Script::start(|_| {
        (200, json!({ "results": [record(1, json!({ "amount": "many", "email": "a@x.test" })), record(2, json!({ "amount": "1" }))] }))
    })
    .await;
    let pages = pages(&script.url, full(&["email", "amount"], &[])).await;
    assert_eq!(ids(&pages), ["2"]);
    let reject = &pages[0].rejects[0];
    assert_eq!(
        (reject.id.as_str(), reject.field.as_deref(), reject.value.as_deref()),
        ("1", Some("amount"), Some("many"))
    );
    assert_eq!((reject.code.as_str(), &reject.record["email"]), ("not_a_number", &json!("a@x.test")));
}

#[tokio::test]
async fn more_properties_than_a_url_holds_are_read_by_batch() {
    let names: Vec<Json> = (0..400)
        .map(|at| json!({ "name": format!("a_rather_long_property_name_{at:03}"), "type": "string", "fieldType": "text" }))
        .collect();
    let definitions = json!({ "results": names }).to_string();
    let script = Script::start_raw(move |asked| {
        if asked.path.contains("/properties/") {
            return (200, definitions.clone());
        }
        if asked.method == "GET" {
            assert_eq!(asked.parameter("properties"), "hs_object_id");
            return (200, json!({ "results": [record(1, json!({})), record(2, json!({}))] }).to_string());
        }
        // The second one is gone by now, and the order has changed.
        let results = [record(9, json!({})), record(1, json!({ "a_rather_long_property_name_399": "x" }))];
        (207, json!({ "results": results, "numErrors": 1, "errors": [] }).to_string())
    })
    .await;
    let fields: Vec<String> = (0..400).map(|at| format!("a_rather_long_property_name_{at:03}")).collect();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let pages = pages(&script.url, full(&fields, &[])).await;
    assert_eq!(ids(&pages), ["1"]);
    assert_eq!(cells(&pages, "a_rather_long_property_name_399"), [Value::Text("x".to_owned())]);
    assert_eq!(script.asked()[1].json()["properties"].as_array().unwrap().len(), 400);
}

#[tokio::test]
async fn listed_links_are_each_once_and_the_rest_is_read_by_batch() {
    let script = Script::start(|asked| {
        if asked.path.ends_with("/contacts/companies/batch/read") {
            return if asked.json()["inputs"][0]["after"] == "c2" {
                (200, json!({ "results": [{ "from": { "id": "2" }, "to": [{ "toObjectId": 32 }] }] }))
            } else {
                let first = json!({ "from": { "id": "2" }, "to": [{ "toObjectId": "31" }], "paging": { "next": { "after": "c2" } } });
                (200, json!({ "results": [first] }))
            };
        }
        assert_eq!(asked.parameter("associations"), "companies,line_items");
        let (mut one, mut two) = (record(1, json!({})), record(2, json!({})));
        one["associations"] = json!({ "companies": { "results": [{ "id": "30", "type": "a" }, { "id": "30", "type": "a_unlabeled" }] }, "line items": { "results": [{ "id": 5 }] } });
        two["associations"] = json!({ "companies": { "results": [{ "id": "31" }], "paging": { "next": { "after": "x" } } } });
        (200, json!({ "results": [one, two, record(3, json!({}))] }))
    })
    .await;
    let pages = pages(&script.url, full(&[], &["companies", "line_items"])).await;
    let list = |ids: &[&str]| Value::List(ids.iter().map(|id| (*id).to_owned()).collect());
    assert_eq!(cells(&pages, "_links.companies"), [list(&["30"]), list(&["31", "32"]), list(&[])]);
    assert_eq!(cells(&pages, "_links.line_items"), [list(&["5"]), list(&[]), list(&[])]);
}

#[tokio::test]
async fn an_incremental_read_goes_beyond_ten_thousand_of_one_moment_without_an_offset() {
    let script = Script::start(|asked| {
        if asked.method == "GET" {
            return (200, json!({ "results": [] }));
        }
        search_answer(asked, (1..=10_450).chain([9_007_199_254_740_993]))
    })
    .await;
    let pages =
        pages(&script.url, request(SyncMode::Incremental, &["email"], &[], Some(since(1_700_000_000_000)))).await;
    let found = ids(&pages);
    assert_eq!(found.len(), 10_451);
    assert_eq!(found.iter().collect::<std::collections::HashSet<_>>().len(), 10_451);
    assert_eq!(script.count("/search"), 53, "200 records a call");
    let filter = &script.asked()[0].json()["filterGroups"][0]["filters"][1];
    assert_eq!(
        filter,
        &json!({ "propertyName": "lastmodifieddate", "operator": "GTE", "value": "1699999700000" }),
        "five minutes back"
    );
}

#[tokio::test]
async fn a_killed_incremental_read_goes_on_with_the_next_id_and_the_same_moment() {
    let script = Script::start(|asked| {
        if asked.method == "GET" {
            return (200, json!({ "results": [] }));
        }
        search_answer(asked, 1..=500)
    })
    .await;
    let whole =
        pages(&script.url, request(SyncMode::Incremental, &["email"], &[], Some(since(1_700_000_000_000)))).await;
    let cursor = whole[0].cursor.clone();
    let resumed = ReadRequest { cursor, ..request(SyncMode::Incremental, &["email"], &[], None) };
    let rest = pages(&script.url, resumed).await;
    assert_eq!(ids(&rest), (201..=500).map(|id: u64| id.to_string()).collect::<Vec<_>>());
    let last = script.asked().into_iter().rfind(|asked| asked.path.ends_with("/search")).unwrap();
    assert_eq!(last.json()["filterGroups"][0]["filters"][1]["value"], "1699999700000");
}

#[tokio::test]
async fn records_archived_since_come_last_as_deleted() {
    let archived = |id: u64, at: &str| {
        let mut gone = record(id, json!({ "amount": "not even a number" }));
        gone["archived"] = json!(true);
        gone["archivedAt"] = json!(at);
        gone
    };
    let script = Script::start(move |asked| {
        if asked.path.ends_with("/companies/batch/read") {
            return (200, json!({ "results": [] }));
        }
        if asked.method == "POST" {
            return search_answer(asked, 5..=5);
        }
        assert_eq!(asked.parameter("archived"), "true");
        (200, json!({ "results": [archived(1, "2020-01-01T00:00:00Z"), archived(2, "2026-11-01T00:00:00Z")] }))
    })
    .await;
    let pages =
        pages(&script.url, request(SyncMode::Incremental, &["amount"], &["companies"], Some(since(1_700_000_000_000))))
            .await;
    assert_eq!(ids(&pages), ["5", "2"]);
    assert_eq!(cells(&pages, DELETED), [Value::Boolean(false), Value::Boolean(true)]);
    let cursor = pages.last().unwrap().cursor.clone().unwrap();
    assert_eq!(cursor.0["phase"], "done");
    assert!(
        cursor.0["since"].as_i64().unwrap() > 1_700_000_000_000,
        "the next read takes what changed since this one began"
    );
}

#[tokio::test]
async fn the_first_incremental_read_lists_everything_and_knows_when_it_began() {
    let script = Script::start(|_| (200, json!({ "results": [record(1, json!({}))] }))).await;
    let pages = pages(&script.url, request(SyncMode::Incremental, &["email"], &[], None)).await;
    assert_eq!((ids(&pages).len(), script.asked().len()), (1, 1));
    assert_eq!(pages[0].cursor.as_ref().unwrap().0["phase"], "done");
}

#[tokio::test]
async fn links_of_searched_records_are_read_for_a_thousand_in_a_call() {
    let script = Script::start(|asked| {
        if asked.method == "GET" {
            return (200, json!({ "results": [] }));
        }
        if asked.path.ends_with("/search") {
            return search_answer(asked, 1..=1_200);
        }
        let linked = asked.ids().into_iter().filter(|id| id == "7").map(|id| json!({ "from": { "id": id }, "to": [{ "toObjectId": 70 }, { "toObjectId": "70" }] }));
        let none = json!({ "status": "error", "category": "OBJECT_NOT_FOUND", "message": "No company is associated with contact 8.", "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND" });
        (207, json!({ "results": linked.collect::<Vec<_>>(), "numErrors": 1, "errors": [none] }))
    })
    .await;
    let pages =
        pages(&script.url, request(SyncMode::Incremental, &[], &["companies"], Some(since(1_700_000_000_000)))).await;
    assert_eq!(script.count("/contacts/companies/batch/read"), 2);
    let links = cells(&pages, "_links.companies");
    assert_eq!((links.len(), &links[6]), (1_200, &Value::List(vec!["70".to_owned()])));
}

#[tokio::test]
async fn links_that_could_not_be_read_are_no_empty_links() {
    let script = Script::start(|asked| {
        if asked.path.ends_with("/search") {
            return search_answer(asked, 1..=2);
        }
        let error = json!({ "status": "error", "category": "VALIDATION_ERROR", "message": "no" });
        (207, json!({ "results": [], "numErrors": 1, "errors": [error] }))
    })
    .await;
    let read = read(&script.url, request(SyncMode::Incremental, &[], &["companies"], Some(since(0)))).await;
    assert_eq!(read[0].as_ref().unwrap_err().kind, ErrorKind::Unexpected);
}

#[tokio::test]
async fn a_condition_is_searched_for_in_the_order_of_ids() {
    let script = Script::start(|asked| search_answer(asked, 1..=250)).await;
    let filtered = ReadRequest { filter: Some(Predicate::IsNotNull("email".into())), ..full(&["email"], &[]) };
    assert_eq!(ids(&pages(&script.url, filtered).await).len(), 250);
    let body = script.asked()[0].json();
    assert_eq!(body["filterGroups"][0]["filters"][1], json!({ "propertyName": "email", "operator": "HAS_PROPERTY" }));
    assert_eq!(body["sorts"], json!([{ "propertyName": "hs_object_id", "direction": "ASCENDING" }]));
    assert_eq!(script.asked().len(), 2);
}

#[tokio::test]
async fn pages_out_of_order_end_the_read_instead_of_skipping_records() {
    let script = Script::start(|_| (200, json!({ "total": 300, "results": [record(0, json!({}))] }))).await;
    let filtered = ReadRequest { filter: Some(Predicate::IsNotNull("email".into())), ..full(&["email"], &[]) };
    let read = read(&script.url, filtered).await;
    assert_eq!((read.len(), read[0].as_ref().unwrap_err().code.as_str()), (1, "unordered_pages"));
}

#[tokio::test]
async fn owners_pipelines_and_stages_are_filled_in_by_name() {
    let script = Script::start(|_| {
        let deal = |id, owner: &str, stage: &str| {
            record(id, json!({ "hubspot_owner_id": owner, "pipeline": "77", "dealstage": stage }))
        };
        (200, json!({ "results": [deal(1, "1", "701"), deal(2, "9", "702"), deal(3, "", "gone")] }))
    })
    .await;
    let fields = ["hubspot_owner_email", "pipeline_label", "dealstage_label"];
    let pages = pages(&script.url, ReadRequest { object: "deals".into(), ..full(&fields, &[]) }).await;
    let texts = |name: &str| cells(&pages, name).iter().map(Value::to_text).collect::<Vec<_>>();
    assert_eq!(texts("hubspot_owner_email"), ["Ada@example.test", "gone@example.test", ""]);
    assert_eq!(texts("dealstage_label"), ["Won", "Signed", ""]);
    assert_eq!(texts("pipeline_label"), ["Partners", "Partners", "Partners"]);
    let list = script
        .asked()
        .into_iter()
        .find(|asked| asked.path.ends_with("/deals") && asked.path.contains("objects"))
        .unwrap();
    assert_eq!(list.parameter("properties"), "hubspot_owner_id,pipeline,dealstage");
}

#[tokio::test]
async fn a_page_of_a_gateway_is_asked_for_again() {
    let mut is_first = true;
    let script = Script::start_raw(move |asked| {
        if asked.path.contains("/properties/") {
            return (200, super::properties().to_string());
        }
        if std::mem::take(&mut is_first) {
            return (200, "<html>502</html>".to_owned());
        }
        (200, json!({ "results": [record(1, json!({}))] }).to_string())
    })
    .await;
    assert_eq!(ids(&pages(&script.url, full(&["email"], &[])).await), ["1"]);
}

#[tokio::test]
async fn an_unknown_field_or_object_is_named_before_anything_is_read() {
    let script = Script::start(|_| (200, json!({ "results": [] }))).await;
    let read_one = read(&script.url, full(&["emial"], &[])).await;
    let error = read_one[0].as_ref().unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.message.contains("`emial`") && script.asked().is_empty());
    let refusal = json!({ "status": "error", "message": "Unable to infer object type from: kontakte", "category": "VALIDATION_ERROR" });
    let script = Script::start_raw(move |_| (400, refusal.to_string())).await;
    let error = source(&script.url).describe(&"kontakte".into()).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::NotFound, "unknown_object"));
}
