//! Upserts.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{Local, ids};

fn upsert(merge: impl Into<Json>, records: impl Into<Json>) -> Json {
    json!({ "performUpsert": { "fieldsToMergeOn": merge.into() }, "records": records.into() })
}

async fn local() -> Local {
    let local = Local::start().await;
    local.people().await;
    local
}

#[tokio::test]
async fn creates_what_is_new_and_updates_what_is_there() {
    let local = local().await;
    let known = local.person(json!({ "Name": "A", "Email": "a@example.com", "Age": 1 })).await;
    let records = json!([
        { "fields": { "Email": "b@example.com", "Name": "B" } },
        { "fields": { "Email": "a@example.com", "Name": "A2" } },
    ]);
    let answer = local.patch("/People", upsert(json!(["Email"]), records)).await;
    let made = ids(&answer["records"]);
    assert_eq!(answer["records"][1]["fields"], json!({ "Name": "A2", "Email": "a@example.com", "Age": 1 }));
    assert_eq!((&answer["createdRecords"], &answer["updatedRecords"]), (&json!([made[0]]), &json!([known])));
    let records = json!([{ "fields": { "Email": "a@example.com" } }]);
    let (_, answer) = local.ask(Method::PUT, "/People", Some(upsert(json!(["Email"]), records))).await;
    assert_eq!(answer["records"][0]["fields"], json!({ "Email": "a@example.com" }));
}

#[tokio::test]
async fn matches_on_up_to_three_fields_that_are_not_computed() {
    let local = local().await;
    let known = local.person(json!({ "Name": "A", "Age": 1, "Tags": ["a", "b"] })).await;
    let records = json!([{ "fields": { "Name": "A", "Age": 1.0, "Tags": ["b", "a"] } }]);
    let answer = local.patch("/People", upsert(json!(["Name", "Age", "Tags"]), records.clone())).await;
    assert_eq!(answer["updatedRecords"], json!([known]));
    for merge in [json!([]), json!(["Name", "Age", "Tags", "Email"]), json!("Name"), json!(["Active"])] {
        let refused = local.refused(Method::PATCH, "/People", upsert(merge.clone(), records.clone())).await;
        assert_eq!(refused, (422, "INVALID_REQUEST_UNKNOWN".to_owned()), "{merge}");
    }
    let refused = local.refused(Method::PATCH, "/People", upsert(json!(["Foo"]), records)).await;
    assert_eq!(refused, (422, "UNKNOWN_FIELD_NAME".to_owned()));
}

#[tokio::test]
async fn several_matches_refuse_the_whole_request() {
    let local = local().await;
    for _ in 0..2 {
        local.person(json!({ "Name": "Twin" })).await;
    }
    let records = json!([{ "fields": { "Name": "New" } }, { "fields": { "Name": "Twin" } }]);
    let refused = local.refused(Method::PATCH, "/People", upsert(json!(["Name"]), records)).await;
    assert_eq!(refused.0, 422);
    assert_eq!(local.names("").await, ["Twin", "Twin"]);
}

#[tokio::test]
async fn a_missing_key_is_refused_and_an_empty_one_makes_a_record() {
    let local = local().await;
    local.person(json!({ "Name": "A" })).await;
    let records = json!([{ "fields": { "Name": "B" } }]);
    assert_eq!(local.refused(Method::PATCH, "/People", upsert(json!(["Email"]), records)).await.0, 422);
    for empty in [Json::Null, json!("")] {
        let records = json!([{ "fields": { "Email": empty, "Name": "B" } }]);
        let answer = local.patch("/People", upsert(json!(["Email"]), records)).await;
        assert_eq!(answer["createdRecords"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_id_goes_before_the_key_and_must_exist() {
    let local = local().await;
    let known = local.person(json!({ "Name": "A" })).await;
    let records = json!([{ "id": known, "fields": { "Age": 5 } }]);
    let answer = local.patch("/People", upsert(json!(["Name"]), records)).await;
    assert_eq!((&answer["updatedRecords"], &answer["records"][0]["fields"]["Age"]), (&json!([known]), &json!(5)));
    let records = json!([{ "id": "rec00000000000000", "fields": { "Name": "A" } }]);
    let refused = local.refused(Method::PATCH, "/People", upsert(json!(["Name"]), records)).await;
    assert_eq!(refused, (422, "ROW_DOES_NOT_EXIST".to_owned()));
}

#[tokio::test]
async fn one_key_twice_is_refused_when_it_is_known_and_made_twice_when_it_is_new() {
    let local = local().await;
    local.person(json!({ "Name": "A" })).await;
    let twice = |name: &str| json!([{ "fields": { "Name": name } }, { "fields": { "Name": name } }]);
    let refused = local.refused(Method::PATCH, "/People", upsert(json!(["Name"]), twice("A"))).await;
    assert_eq!(refused, (422, "INVALID_RECORDS".to_owned()));
    let answer = local.patch("/People", upsert(json!(["Name"]), twice("B"))).await;
    assert_eq!(answer["createdRecords"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn keys_are_compared_as_they_are_now() {
    let local = local().await;
    let known = local.person(json!({ "Name": "A" })).await;
    let send = async |name: &str| {
        local.patch("/People", upsert(json!(["Name"]), json!([{ "fields": { "Name": name } }]))).await
    };
    assert_eq!(send("A").await["updatedRecords"], json!([known]));
    local.patch(&format!("/People/{known}"), json!({ "fields": { "Name": "B" } })).await;
    assert_eq!(send("B").await["updatedRecords"], json!([known]));
    let again = send("A").await["createdRecords"][0].as_str().unwrap().to_owned();
    local.ask(Method::DELETE, &format!("/People/{again}"), None).await;
    assert_eq!(send("A").await["createdRecords"].as_array().unwrap().len(), 1);
    assert_eq!(send("a").await["createdRecords"].as_array().unwrap().len(), 1);
}
