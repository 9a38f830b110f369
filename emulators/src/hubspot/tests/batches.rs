//! Records by the hundred.

use serde_json::{Value as Json, json};

use super::{Account, ids, text};

const BATCH: &str = "crm/objects/2026-09/contacts/batch";

fn traced(row: u32, email: &str) -> Json {
    json!({"objectWriteTraceId": format!("row-{row}"), "properties": {"email": email}})
}

async fn count(account: &Account) -> u64 {
    account.get("_emulator/counts").await.1["records"]["contacts"].as_u64().unwrap()
}

#[tokio::test]
async fn results_come_back_in_another_order() {
    let account = Account::open().await;
    let created = account.create_contacts(20).await;
    let inputs: Vec<Json> = created.iter().map(|id| json!({"id": id})).collect();
    let (status, body) = account.post(&format!("{BATCH}/read"), json!({"inputs": inputs, "properties": []})).await;
    assert_eq!((status, text(&body["status"])), (200, "COMPLETE"));
    let mut read = ids(&body);
    assert_ne!(read, created);
    read.sort();
    assert_eq!(read, created);
}

#[tokio::test]
async fn a_hundred_and_one_inputs_are_too_many() {
    let account = Account::open().await;
    let inputs: Vec<Json> = (0..101).map(|number| json!({"id": number.to_string()})).collect();
    let (status, body) = account.post(&format!("{BATCH}/read"), json!({"inputs": inputs})).await;
    assert_eq!((status, text(&body["category"])), (400, "VALIDATION_ERROR"));
}

#[tokio::test]
async fn reading_ids_that_are_not_there_is_a_partial_success() {
    let account = Account::open().await;
    let id = account.create("contacts", json!({"email": "a@x.test"})).await;
    let inputs = json!([{"id": id}, {"id": "77"}, {"id": "78"}]);
    let (status, body) =
        account.post(&format!("{BATCH}/read"), json!({"inputs": inputs, "properties": ["email"]})).await;
    assert_eq!((status, &body["numErrors"]), (207, &json!(1)));
    assert_eq!(ids(&body), [id]);
    assert_eq!(body["errors"][0]["category"], "OBJECT_NOT_FOUND");
    assert_eq!(body["errors"][0]["context"]["ids"], json!(["77", "78"]));
    let by_email = json!({"idProperty": "email", "inputs": [{"id": "A@x.test"}]});
    assert_eq!(account.post(&format!("{BATCH}/read"), by_email).await.0, 200);
}

#[tokio::test]
async fn with_traces_a_create_fails_by_the_record() {
    let account = Account::open().await;
    let existing = account.create("contacts", json!({"email": "old@x.test"})).await;
    let inputs = [traced(1, "new@x.test"), traced(2, "no address"), traced(3, "old@x.test")];
    let (status, body) = account.post(&format!("{BATCH}/create"), json!({"inputs": inputs})).await;
    assert_eq!((status, &body["numErrors"]), (207, &json!(2)));
    assert_eq!(body["results"][0]["objectWriteTraceId"], "row-1");
    let errors = body["errors"].as_array().unwrap();
    assert_eq!(errors[0]["context"]["objectWriteTraceId"], json!(["row-2"]));
    assert!(text(&errors[0]["message"]).contains("INVALID_EMAIL"));
    assert_eq!(errors[0].get("errors"), None);
    assert_eq!(errors[1]["category"], "CONFLICT");
    assert!(text(&errors[1]["message"]).ends_with(&format!("Existing ID: {existing}")));
    assert_eq!(count(&account).await, 2);
}

#[tokio::test]
async fn without_traces_one_bad_input_refuses_the_whole() {
    let account = Account::open().await;
    account.create("contacts", json!({"email": "old@x.test"})).await;
    let good = json!({"properties": {"email": "new@x.test"}});
    let half_traced = traced(1, "no address");
    let bad = json!({"properties": {"email": "no address"}});
    for inputs in [[good.clone(), bad], [good.clone(), half_traced]] {
        let (status, body) = account.post(&format!("{BATCH}/create"), json!({"inputs": inputs})).await;
        assert_eq!((status, text(&body["category"])), (400, "VALIDATION_ERROR"));
    }
    let conflict = json!({"properties": {"email": "old@x.test"}});
    let (status, _) = account.post(&format!("{BATCH}/create"), json!({"inputs": [good, conflict]})).await;
    assert_eq!(status, 409);
    assert_eq!(count(&account).await, 1);
}

#[tokio::test]
async fn duplicates_refuse_the_whole_even_with_traces() {
    let account = Account::open().await;
    let id = account.create("contacts", json!({"email": "old@x.test"})).await;
    let change = |trace: &str| json!({"id": id, "objectWriteTraceId": trace, "properties": {"city": "Bern"}});
    let (status, body) = account.post(&format!("{BATCH}/update"), json!({"inputs": [change("a"), change("b")]})).await;
    assert_eq!(status, 400);
    assert_eq!(body["message"], format!("Duplicate IDs found in batch input: [{id}]. IDs must be unique"));
    assert_eq!(body["context"]["ids"], json!([id]));
    let inputs = [traced(1, "a@x.test"), traced(2, "A@x.test")];
    assert_eq!(account.post(&format!("{BATCH}/create"), json!({"inputs": inputs})).await.0, 400);
    let upsert = |id: &str| json!({"id": id, "idProperty": "email", "properties": {}});
    let inputs = [upsert("n@x.test"), upsert("N@x.test")];
    assert_eq!(account.post(&format!("{BATCH}/upsert"), json!({"inputs": inputs})).await.0, 400);
    let inputs = [traced(1, "a@x.test"), traced(1, "b@x.test")];
    let (status, body) = account.post(&format!("{BATCH}/create"), json!({"inputs": inputs})).await;
    assert_eq!((status, &body["context"]["objectWriteTraceId"]), (400, &json!(["row-1"])));
}

#[tokio::test]
async fn an_update_reports_ids_that_are_not_there_and_writes_the_rest() {
    let account = Account::open().await;
    let id = account.create("contacts", json!({"email": "a@x.test"})).await;
    let change = |id: &str| json!({"id": id, "properties": {"city": "Bern"}});
    let (status, body) = account.post(&format!("{BATCH}/update"), json!({"inputs": [change(&id), change("77")]})).await;
    assert_eq!(status, 207);
    assert_eq!(body["errors"][0]["context"]["ids"], json!(["77"]));
    assert_eq!(body["results"][0]["properties"]["city"], "Bern");
    let traced = json!({"id": "77", "objectWriteTraceId": "t", "properties": {"city": "Bern"}});
    let (_, body) = account.post(&format!("{BATCH}/update"), json!({"inputs": [traced]})).await;
    let context = json!({"ids": ["77"], "objectWriteTraceId": ["t"]});
    assert_eq!(body["errors"][0]["context"], context);
}

#[tokio::test]
async fn an_update_by_a_merged_id_answers_with_the_new_one() {
    let account = Account::open().await;
    let all = account.create_contacts(2).await;
    let body = json!({"primaryObjectId": all[0], "objectIdToMerge": all[1]});
    let merged = account.post("crm/objects/2026-09/contacts/merge", body).await.1;
    let inputs = json!([{"id": all[1], "properties": {"city": "Bern"}}]);
    let (status, body) = account.post(&format!("{BATCH}/update"), json!({"inputs": inputs})).await;
    assert_eq!((status, ids(&body)), (200, vec![text(&merged["id"]).to_owned()]));
}

#[tokio::test]
async fn an_upsert_creates_and_updates_and_says_which() {
    let account = Account::open().await;
    account.create("contacts", json!({"email": "old@x.test"})).await;
    let input = |id: &str| json!({"id": id, "idProperty": "email", "properties": {"city": "Bern"}});
    let inputs = [input("OLD@x.test"), input("new@x.test")];
    let (status, body) = account.post(&format!("{BATCH}/upsert"), json!({"inputs": inputs})).await;
    assert_eq!(status, 200);
    let results = body["results"].as_array().unwrap();
    assert_eq!(results.iter().filter(|result| result["new"] == true).count(), 1);
    assert_eq!(results.iter().filter(|result| result["new"] == false).count(), 1);
    assert_eq!(count(&account).await, 2);
    assert_eq!(account.get("crm/v3/objects/contacts/new@x.test?idProperty=email").await.0, 200);
}

#[tokio::test]
async fn an_upsert_needs_a_unique_property() {
    let account = Account::open().await;
    let inputs = json!([{"id": "D", "idProperty": "dealname", "properties": {"dealname": "D"}}]);
    let (status, body) = account.post("crm/v3/objects/deals/batch/upsert", json!({"inputs": inputs})).await;
    assert_eq!(status, 400);
    assert_eq!(body["message"], "Unable to perform upsert by non-unique 0-3 property dealname");
}

#[tokio::test]
async fn an_upsert_without_traces_writes_all_or_nothing() {
    let account = Account::open().await;
    let input = |id: &str, city: &str, trace: Option<&str>| {
        let mut input = json!({"id": id, "idProperty": "email", "properties": {"numemployees": city}});
        if let Some(trace) = trace {
            input["objectWriteTraceId"] = Json::from(trace);
        }
        input
    };
    let plain = [input("a@x.test", "1-5", None), input("b@x.test", "many", None)];
    assert_eq!(account.post(&format!("{BATCH}/upsert"), json!({"inputs": plain})).await.0, 400);
    assert_eq!(count(&account).await, 0);
    let traced = [input("a@x.test", "1-5", Some("a")), input("b@x.test", "many", Some("b"))];
    let (status, body) = account.post(&format!("{BATCH}/upsert"), json!({"inputs": traced})).await;
    assert_eq!((status, &body["errors"][0]["context"]["objectWriteTraceId"]), (207, &json!(["b"])));
    assert_eq!(count(&account).await, 1);
}

#[tokio::test]
async fn a_unique_value_is_not_given_twice_in_one_batch() {
    let account = Account::open().await;
    let all = account.create_contacts(2).await;
    let input = |id: &String| json!({"id": id, "objectWriteTraceId": id, "properties": {"email": "same@x.test"}});
    let inputs: Vec<Json> = all.iter().map(input).collect();
    let (status, body) = account.post(&format!("{BATCH}/update"), json!({"inputs": inputs})).await;
    assert_eq!((status, &body["numErrors"]), (207, &json!(1)));
    assert_eq!(body["errors"][0]["category"], "CONFLICT");
}

#[tokio::test]
async fn archives_what_is_there() {
    let account = Account::open().await;
    let id = account.create("contacts", json!({})).await;
    let inputs = json!([{"id": id}, {"id": "77"}]);
    assert_eq!(account.post(&format!("{BATCH}/archive"), json!({"inputs": inputs})).await.0, 204);
    let read = json!({"inputs": [{"id": id}]});
    let (status, body) = account.post(&format!("{BATCH}/read?archived=true"), read).await;
    assert_eq!((status, &body["results"][0]["archived"]), (200, &json!(true)));
    assert_eq!(count(&account).await, 0);
}
