//! Batches, links, and what became of each record.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind, FetchRequest, Selection};
use crate::model::{Batch, BatchRecord, FieldName, Operation, Outcome, Record, Value};

use super::{
    destination, samples,
    script::{Asked, Script, record},
};

fn entry(trace: &str, id: Option<&str>, fields: &[(&str, Value)]) -> BatchRecord {
    let fields = fields.iter().map(|(name, value)| (FieldName::new(name), value.clone())).collect();
    BatchRecord { trace_id: trace.to_owned(), destination_id: id.map(str::to_owned), fields }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn ids_of(ids: &[&str]) -> Value {
    Value::List(ids.iter().map(|id| (*id).to_owned()).collect())
}

async fn load(
    script: &Script,
    operation: Operation,
    records: Vec<BatchRecord>,
) -> Result<Vec<Outcome>, ConnectorError> {
    destination(&script.url).load(&Batch { object: "contacts".into(), operation, records }).await
}

fn upsert() -> Operation {
    Operation::Upsert { key: vec!["email".into()] }
}

fn named(traces: &[&str]) -> Vec<BatchRecord> {
    traces.iter().map(|trace| entry(trace, None, &[("email", text(&format!("{trace}@x.test")))])).collect()
}

fn updates(ids: &[&str]) -> Vec<BatchRecord> {
    ids.iter().map(|id| entry(&format!("t{id}"), Some(id), &[("firstname", text("Ada"))])).collect()
}

fn result(id: u64, trace: &str) -> Json {
    let mut result = record(id, json!({ "firstname": "Ada" }));
    result["objectWriteTraceId"] = json!(trace);
    result
}

fn created(id: &str) -> Outcome {
    Outcome::Created { id: id.to_owned() }
}

fn updated(id: &str) -> Outcome {
    Outcome::Updated { id: id.to_owned() }
}

fn code(outcome: &Outcome) -> &str {
    if let Outcome::Rejected(rejection) = outcome { &rejection.code } else { "" }
}

/// Returns the first input of a request beside its trace id, which begins so.
fn without_trace(asked: &Asked, begin: &str) -> Json {
    let mut input = asked.json()["inputs"][0].clone();
    let trace = input.as_object_mut().unwrap().remove("objectWriteTraceId").unwrap();
    assert!(trace.as_str().unwrap().starts_with(begin), "{trace}");
    input
}

#[tokio::test]
async fn created_records_are_matched_by_trace_id_in_any_order_and_refused_ones_by_name() {
    let script = Script::start(|_| {
        let errors = [samples::invalid_value("b", "email", "INVALID_EMAIL")];
        (207, json!({ "status": "COMPLETE", "results": [result(3, "c"), result(1, "a")], "numErrors": 1, "errors": errors }))
    })
    .await;
    let outcomes = load(&script, Operation::Insert, named(&["a", "b", "c"])).await.unwrap();
    assert_eq!((&outcomes[0], &outcomes[2]), (&created("1"), &created("3")));
    let Outcome::Rejected(rejection) = &outcomes[1] else { panic!("{:?}", outcomes[1]) };
    assert_eq!(
        (rejection.code.as_str(), rejection.field.as_deref(), rejection.value.as_deref()),
        ("invalid_email", Some("email"), Some("b@x.test"))
    );
    assert_eq!(script.asked()[0].path, "/crm/objects/2026-09/contacts/batch/create");
    assert!(script.asked()[0].json()["inputs"][1]["objectWriteTraceId"].as_str().unwrap().starts_with("b~"));
}

#[tokio::test]
async fn a_success_with_errors_in_its_body_is_no_success_whatever_its_status() {
    let errors = [samples::invalid_value("b", "email", "INVALID_EMAIL")];
    let answer = json!({ "status": "COMPLETE", "results": [result(1, "a")], "numErrors": 1, "errors": errors });
    let script = Script::start(move |_| (201, answer.clone())).await;
    let outcomes = load(&script, Operation::Insert, named(&["a", "b"])).await.unwrap();
    assert_eq!((&outcomes[0], code(&outcomes[1])), (&created("1"), "invalid_email"));
}

#[tokio::test]
async fn inserts_without_trace_ids_in_the_answer_are_matched_by_what_it_repeats() {
    let script = Script::start(|_| {
        let results = [record(2, json!({ "email": "b@x.test" })), record(1, json!({ "email": "A@X.test" }))];
        (201, json!({ "results": results }))
    })
    .await;
    assert_eq!(load(&script, Operation::Insert, named(&["a", "b"])).await.unwrap(), [created("1"), created("2")]);
}

#[tokio::test]
async fn an_insert_that_the_answer_does_not_speak_of_is_never_a_silent_success() {
    let script = Script::start(|_| (201, json!({ "results": [result(1, "a")] }))).await;
    let error = load(&script, Operation::Insert, named(&["a", "b"])).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unanswered);
    let empty = Script::start(|_| (201, json!({ "status": "COMPLETE", "results": [] }))).await;
    assert_eq!(load(&empty, Operation::Insert, named(&["a"])).await.unwrap_err().kind, ErrorKind::Unanswered);
}

#[tokio::test]
async fn an_insert_whose_answer_is_lost_is_not_sent_twice() {
    let script = Script::start(|_| (502, json!({}))).await;
    let error = load(&script, Operation::Insert, named(&["a"])).await.unwrap_err();
    assert_eq!((error.kind, script.asked().len()), (ErrorKind::Unanswered, 1));
    let script = Script::start(|_| (502, json!({}))).await;
    let error = load(&script, Operation::Update, updates(&["1"])).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unanswered);
    assert!(script.asked().len() > 1, "an update is repeated");
}

#[tokio::test]
async fn a_batch_refused_without_a_culprit_is_refused_whole_and_a_lone_record_is_the_culprit() {
    let script = Script::start(|_| (409, samples::conflict())).await;
    let error = load(&script, Operation::Insert, named(&["a", "b"])).await.unwrap_err();
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Refused, "conflict"));
    let outcomes = load(&script, Operation::Insert, named(&["a"])).await.unwrap();
    let Outcome::Rejected(rejection) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert!(rejection.reason.contains("Existing ID: 123"));
    assert_eq!(rejection.value.as_deref(), Some("a@x.test"));
}

#[tokio::test]
async fn keys_twice_in_a_batch_refuse_it_whole() {
    let message = "Duplicate IDs found in batch input: [a@x.test]. IDs must be unique";
    let refusal = json!({ "status": "error", "category": "VALIDATION_ERROR", "message": message, "context": { "ids": ["a@x.test"] } });
    let script = Script::start(move |_| (400, refusal.clone())).await;
    assert_eq!(load(&script, upsert(), named(&["a", "b"])).await.unwrap_err().kind, ErrorKind::Refused);
}

#[tokio::test]
async fn an_upsert_names_its_property_on_each_input_and_tells_new_from_changed() {
    let script = Script::start(|_| {
        let (mut one, mut two) = (result(1, "a"), record(2, json!({ "email": "b@x.test" })));
        one["new"] = json!(true);
        two["new"] = json!(false);
        (200, json!({ "results": [two, one] }))
    })
    .await;
    let mut records = named(&["a", "b"]);
    records[0].fields.insert("firstname".into(), text("Ada"));
    records[1].fields.insert("email".into(), text("B@x.test"));
    assert_eq!(load(&script, upsert(), records).await.unwrap(), [created("1"), updated("2")]);
    let input = without_trace(&script.asked()[0], "a~");
    let expected = json!({ "properties": { "firstname": "Ada" }, "id": "a@x.test", "idProperty": "email" });
    assert_eq!(input, expected);
}

#[tokio::test]
async fn what_a_lost_attempt_of_the_same_batch_created_counts_as_created() {
    let script = Script::start(|_| {
        let (mut one, mut two) = (result(1, "a"), result(2, "b"));
        (one["new"], two["new"]) = (json!(false), json!(false));
        one["createdAt"] = json!("2999-01-01T00:00:00.000Z");
        two["createdAt"] = json!("2020-01-01T00:00:00.000Z");
        (200, json!({ "results": [one, two] }))
    })
    .await;
    assert_eq!(load(&script, upsert(), named(&["a", "b"])).await.unwrap(), [created("1"), updated("2")]);
}

#[tokio::test]
async fn a_record_without_its_key_is_rejected_and_the_rest_is_sent() {
    let script = Script::start(|asked| {
        assert_eq!(asked.ids(), ["b@x.test"]);
        (200, json!({ "results": [result(2, "b")] }))
    })
    .await;
    let mut records = named(&["a", "b"]);
    records[0].fields.insert("email".into(), Value::Null);
    let outcomes = load(&script, upsert(), records).await.unwrap();
    assert_eq!((code(&outcomes[0]), &outcomes[1]), ("missing_key", &updated("2")));
}

#[tokio::test]
async fn updates_of_records_that_are_gone_are_missing_and_merged_ones_have_a_new_id() {
    let script = Script::start(|_| {
        (207, json!({ "results": [result(77, "t1"), record(3, json!({}))], "numErrors": 1, "errors": [samples::not_found(&["2"])] }))
    })
    .await;
    let outcomes = load(&script, Operation::Update, updates(&["1", "2", "3"])).await.unwrap();
    assert_eq!(outcomes, [updated("77"), Outcome::Missing, updated("3")]);
    let input = without_trace(&script.asked()[0], "t1~");
    assert_eq!(input, json!({ "properties": { "firstname": "Ada" }, "id": "1" }));
}

#[tokio::test]
async fn a_record_missing_from_results_and_errors_is_looked_up() {
    let script = Script::start(|asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", path) if path.ends_with("/1") => (200, record(77, json!({ "firstname": "Ada" }))),
        ("GET", path) if path.ends_with("/2") => (404, samples::not_found(&["2"])),
        ("GET", _) => (200, record(88, json!({ "firstname": "Bo" }))),
        // The one that holds something else is sent again, to where it was merged into.
        _ if asked.ids() == ["88"] => (200, json!({ "results": [result(88, "t3")] })),
        _ => (200, json!({ "results": [result(4, "t4")] })),
    })
    .await;
    let outcomes = load(&script, Operation::Update, updates(&["1", "2", "3", "4"])).await.unwrap();
    assert_eq!(outcomes, [updated("77"), Outcome::Missing, updated("88"), updated("4")]);
}

#[tokio::test]
async fn an_upsert_missing_from_the_answer_is_looked_up_by_its_key() {
    let script = Script::start(|asked| {
        if asked.path.ends_with("/batch/read") {
            assert_eq!(
                (asked.json()["idProperty"].as_str(), asked.ids()),
                (Some("email"), vec!["a@x.test".to_owned()])
            );
            // The contact has this address as its second one: it holds all the same what was sent.
            return (200, json!({ "results": [record(5, json!({ "email": "main@x.test" }))] }));
        }
        (200, json!({ "results": [] }))
    })
    .await;
    assert_eq!(load(&script, upsert(), named(&["a"])).await.unwrap(), [updated("5")]);
}

#[tokio::test]
async fn as_many_nameless_errors_as_open_records_are_theirs() {
    let nameless = |message: &str| json!({ "status": "error", "category": "VALIDATION_ERROR", "message": message });
    let script =
        Script::start(move |_| (207, json!({ "results": [result(1, "a")], "errors": [nameless("x"), nameless("y")] })))
            .await;
    let outcomes = load(&script, Operation::Insert, named(&["a", "b", "c"])).await.unwrap();
    let Outcome::Rejected(rejection) = &outcomes[2] else { panic!("{outcomes:?}") };
    assert_eq!((code(&outcomes[1]), rejection.reason.as_str()), ("refused", "one of: x | y"));
}

#[tokio::test]
async fn a_record_put_off_is_no_rejection() {
    let error = json!({ "status": "error", "category": "RATE_LIMITS", "message": "slow", "context": { "objectWriteTraceId": ["b"] } });
    let script = Script::start(move |_| (207, json!({ "results": [result(1, "a")], "errors": [error] }))).await;
    assert_eq!(load(&script, upsert(), named(&["a", "b"])).await.unwrap_err().kind, ErrorKind::Unanswered);
}

#[tokio::test]
async fn inserts_carry_links_with_the_vendors_types_or_the_accounts_own() {
    let script = Script::start(|asked| {
        if asked.path.ends_with("/contacts/cars/labels") {
            let labels = [
                json!({ "category": "USER_DEFINED", "typeId": 9, "label": "Drives" }),
                json!({ "category": "HUBSPOT_DEFINED", "typeId": 40, "label": null }),
            ];
            return (200, json!({ "results": labels }));
        }
        (201, json!({ "results": [result(1, "a")] }))
    })
    .await;
    let linked = [("_links.companies", ids_of(&["55"])), ("_links.cars", ids_of(&["66"]))];
    load(&script, Operation::Insert, vec![entry("a", None, &linked)]).await.unwrap();
    let sent = script.asked().into_iter().find(|asked| asked.path.ends_with("/create")).unwrap().json();
    let types: HashMap<String, Json> = sent["inputs"][0]["associations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| (link["to"]["id"].as_str().unwrap().to_owned(), link["types"][0].clone()))
        .collect();
    assert_eq!(types["55"], json!({ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279 }));
    assert_eq!(types["66"], json!({ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 40 }));
}

#[tokio::test]
async fn values_are_texts_and_nothing_clears_with_the_empty_one() {
    let script = Script::start(|_| (200, json!({ "results": [result(1, "t")] }))).await;
    let fields = [
        ("amount", Value::Number(3.0)),
        ("firstname", Value::Null),
        ("newsletter", Value::Boolean(true)),
        ("topics", ids_of(&["NEW", "OPEN"])),
    ];
    load(&script, Operation::Update, vec![entry("t", Some("1"), &fields)]).await.unwrap();
    let expected = json!({ "amount": "3", "firstname": "", "newsletter": "true", "topics": "NEW;OPEN" });
    assert_eq!(script.asked()[0].json()["inputs"][0]["properties"], expected);
}

#[tokio::test]
async fn deletes_archive_and_what_is_gone_counts_as_deleted() {
    let script = Script::start(|_| (204, json!(null))).await;
    let outcomes = load(&script, Operation::Delete, updates(&["1", "2"])).await.unwrap();
    assert_eq!(outcomes, [Outcome::Deleted, Outcome::Deleted]);
    assert_eq!(script.asked()[0].json(), json!({ "inputs": [{ "id": "1" }, { "id": "2" }] }));
    let with_body = Script::start(|_| {
        let locked = json!({ "category": "VALIDATION_ERROR", "message": "locked", "context": { "ids": ["2"] } });
        (200, json!({ "status": "COMPLETE", "numErrors": 2, "errors": [samples::not_found(&["1"]), locked] }))
    })
    .await;
    let outcomes = load(&with_body, Operation::Delete, updates(&["1", "2", "3"])).await.unwrap();
    assert_eq!(
        (&outcomes[0], code(&outcomes[1]), &outcomes[2]),
        (&Outcome::Deleted, "validation_error", &Outcome::Deleted)
    );
    let vague = Script::start(|_| (200, json!({ "numErrors": 1 }))).await;
    assert_eq!(load(&vague, Operation::Delete, updates(&["1"])).await.unwrap_err().kind, ErrorKind::Unanswered);
}

#[tokio::test]
async fn links_go_by_type_or_by_default_two_thousand_in_a_call() {
    let script = Script::start(|asked| {
        let inputs = asked.json()["inputs"].as_array().cloned().unwrap();
        let made = inputs
            .iter()
            .map(|input| json!({ "fromObjectId": input["from"]["id"], "toObjectId": input["to"]["id"], "labels": [] }));
        (201, json!({ "status": "COMPLETE", "results": made.collect::<Vec<_>>() }))
    })
    .await;
    let many: Vec<String> = (0..2_001).map(|id| id.to_string()).collect();
    let links = [("_links.companies", Value::List(many)), ("_links.cars", ids_of(&["7"]))];
    let outcomes = load(&script, Operation::Link, vec![entry("a", Some("1"), &links)]).await.unwrap();
    assert_eq!(outcomes, [updated("1")]);
    let asked = script.asked();
    let sizes: Vec<(String, usize)> =
        asked.iter().map(|asked| (asked.path.clone(), asked.json()["inputs"].as_array().unwrap().len())).collect();
    let typed = "/crm/associations/2026-09/contacts/companies/batch/create".to_owned();
    let default = "/crm/associations/2026-09/contacts/cars/batch/associate/default".to_owned();
    assert_eq!(sizes, [(default, 1), (typed.clone(), 2_000), (typed, 1)]);
    assert_eq!(asked[1].json()["inputs"][0]["types"][0]["associationTypeId"], 279);
}

#[tokio::test]
async fn a_link_that_the_answer_does_not_speak_of_is_looked_up() {
    let script = Script::start(|asked| {
        if asked.path.ends_with("/batch/read") {
            return (200, json!({ "results": [{ "from": { "id": "1" }, "to": [{ "toObjectId": 7 }] }] }));
        }
        (201, json!({ "results": [] }))
    })
    .await;
    let link = |to: &str| vec![entry("a", Some("1"), &[("_links.companies", ids_of(&[to]))])];
    assert_eq!(load(&script, Operation::Link, link("7")).await.unwrap(), [updated("1")]);
    assert_eq!(load(&script, Operation::Link, link("8")).await.unwrap_err().kind, ErrorKind::Unanswered);
}

async fn fetch(script: &Script, selection: Selection) -> Vec<Record> {
    let request = FetchRequest { object: "contacts".into(), selection, fields: vec!["amount".into()] };
    let mut records = destination(&script.url).fetch(&request).await.unwrap();
    records.sort_by(|one, other| one.id.cmp(&other.id));
    records
}

fn keys(field: &str, values: &[&str]) -> Selection {
    Selection::Keys { fields: vec![field.into()], values: values.iter().map(|value| vec![text(value)]).collect() }
}

fn found(records: &[Record]) -> Vec<&str> {
    records.iter().map(|record| record.id.as_str()).collect()
}

#[tokio::test]
async fn records_are_fetched_by_id_and_those_merged_away_under_the_id_asked_for() {
    let script = Script::start(|asked| {
        if asked.method == "GET" {
            assert!(asked.path.ends_with("/2"));
            return (200, record(99, json!({ "amount": "2" })));
        }
        let results = [record(99, json!({ "amount": "2" })), record(1, json!({ "amount": "1" }))];
        (207, json!({ "results": results, "numErrors": 1, "errors": [samples::not_found(&["3"])] }))
    })
    .await;
    let ids = ["1", "2", "3"].map(str::to_owned).to_vec();
    let records = fetch(&script, Selection::Ids(ids)).await;
    assert_eq!(found(&records), ["1", "2"]);
    assert_eq!(records[1].fields["amount"], Value::Number(2.0));
}

#[tokio::test]
async fn a_unique_key_is_read_by_batch_and_once_for_each_spelling() {
    let script = Script::start(|asked: &Asked| {
        assert_eq!((asked.ids(), asked.json()["idProperty"].as_str()), (vec!["a@x.test".to_owned()], Some("email")));
        (200, json!({ "results": [record(1, json!({ "email": "a@x.test", "amount": "" }))] }))
    })
    .await;
    let records = fetch(&script, keys("email", &["a@x.test", "A@x.test"])).await;
    assert_eq!(
        (records[0].fields["email"].clone(), records[0].fields["amount"].clone()),
        (text("a@x.test"), Value::Null)
    );
}

#[tokio::test]
async fn another_key_is_searched_and_all_who_share_it_are_found() {
    let script = Script::start(|asked| {
        let body = asked.json();
        let filters = &body["filterGroups"][0]["filters"];
        assert_eq!(filters[0], json!({ "propertyName": "firstname", "operator": "IN", "values": ["ada"] }));
        let last: u64 = filters[1]["value"].as_str().unwrap().parse().unwrap();
        let results: Vec<Json> =
            (last + 1..=(last + 200).min(250)).map(|id| record(id, json!({ "firstname": "Ada" }))).collect();
        let mut answer = json!({ "total": 250 - last, "results": results });
        if last == 0 {
            answer["paging"] = json!({ "next": { "after": "200" } });
        }
        (200, answer)
    })
    .await;
    assert_eq!(fetch(&script, keys("firstname", &["Ada"])).await.len(), 250);
    assert_eq!(script.asked().len(), 2);
}

#[tokio::test]
async fn older_versions_have_their_own_paths() {
    let script = Script::start(|asked| match asked.method.as_str() {
        "GET" => (200, record(1, json!({}))),
        _ => (200, json!({ "results": [] })),
    })
    .await;
    let options = json!({ "token": "x", "base_url": script.url, "api_version": "v3" });
    let config = serde_json::from_value(options).unwrap();
    let destination = <super::HubSpot as crate::connector::Connector>::destination(config, &super::context()).unwrap();
    let linked = FetchRequest {
        object: "contacts".into(),
        selection: Selection::Ids(vec!["1".to_owned()]),
        fields: vec!["_links.companies".into()],
    };
    destination.fetch(&linked).await.unwrap();
    let paths: Vec<String> = script.asked().into_iter().map(|asked| asked.path).collect();
    // What the batch does not speak of is asked for alone; it is there, and then its links are.
    let links = "/crm/v4/associations/contacts/companies/batch/read";
    assert_eq!(paths, ["/crm/v3/objects/contacts/batch/read", "/crm/v3/objects/contacts/1", links]);
    assert_eq!(script.count("/crm/v3/properties/contacts"), 1);
}
