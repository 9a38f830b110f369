//! Creating, updating and deleting records.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{Local, ids};

#[tokio::test]
async fn created_records_are_answered_in_order_without_empty_cells() {
    let local = Local::start().await;
    local.people().await;
    let records = json!([{ "fields": { "Name": "A", "Email": "", "Tags": [], "Active": false, "Age": null } }, { "fields": { "Name": "B" } }]);
    let made = local.post("/People", json!({ "records": records })).await;
    assert_eq!(made["records"][0]["fields"], json!({ "Name": "A" }));
    assert_eq!(made["records"][1]["fields"], json!({ "Name": "B" }));
    let record = &made["records"][0];
    assert!(record["id"].as_str().is_some_and(|id| id.starts_with("rec") && id.len() == 17));
    let created = record["createdTime"].as_str().unwrap();
    assert!(created.len() == 24 && created.ends_with('Z') && created.contains('.'), "{created}");
    assert_eq!(made.get("createdRecords"), None);
}

#[tokio::test]
async fn a_batch_holds_one_to_ten_records() {
    let local = Local::start().await;
    local.people().await;
    for count in [0, 11] {
        let records: Vec<Json> = (0..count).map(|_| json!({ "fields": {} })).collect();
        let refused = local.refused(Method::POST, "/People", json!({ "records": records })).await;
        assert_eq!(refused, (422, "INVALID_RECORDS".to_owned()));
    }
    let query: Vec<String> = (0..11).map(|number| format!("records[]=rec{number:014}")).collect();
    let refused = local.refused(Method::DELETE, &format!("/People?{}", query.join("&")), json!({})).await;
    assert_eq!(refused, (422, "INVALID_RECORDS".to_owned()));
}

#[tokio::test]
async fn one_bad_record_refuses_the_whole_batch() {
    let local = Local::start().await;
    local.people().await;
    let id = local.person(json!({ "Name": "A" })).await;
    let records = json!([{ "fields": { "Name": "B", "Status": "New" } }, { "fields": { "Age": "many", "Foo": 1 } }]);
    let refused = local.refused(Method::POST, "/People", json!({ "records": records, "typecast": true })).await;
    assert_eq!(refused, (422, "UNKNOWN_FIELD_NAME".to_owned()));
    let records = json!([{ "id": id, "fields": { "Name": "C" } }, { "id": "rec00000000000000", "fields": {} }]);
    let refused = local.refused(Method::PATCH, "/People", json!({ "records": records })).await;
    assert_eq!(refused, (422, "ROW_DOES_NOT_EXIST".to_owned()));
    assert_eq!(local.names("").await, ["A"]);
    let status = local.refused(Method::POST, "/People", json!({ "fields": { "Status": "New" } })).await;
    assert_eq!(status.1, "INVALID_MULTIPLE_CHOICE_OPTIONS");
}

#[tokio::test]
async fn fields_go_by_name_or_id_and_unknown_ones_are_refused() {
    let local = Local::start().await;
    local.people().await;
    let id = local.person(json!({ "Name": "A" })).await;
    let by_id = local.get(&format!("/People/{id}?returnFieldsByFieldId=true")).await;
    let field = by_id["fields"].as_object().unwrap().keys().next().unwrap().clone();
    assert!(field.starts_with("fld"));
    let changed = local.patch(&format!("/People/{id}"), json!({ "fields": { field: "B", "Age": 3 } })).await;
    assert_eq!(changed["fields"], json!({ "Name": "B", "Age": 3 }));
    let (status, answer) = local.ask(Method::POST, "/People", Some(json!({ "fields": { "Foo": 1 } }))).await;
    let error = json!({ "type": "UNKNOWN_FIELD_NAME", "message": "Unknown field name: \"Foo\"" });
    assert_eq!((status, &answer["error"]), (422, &error));
}

#[tokio::test]
async fn patch_merges_and_put_clears() {
    let local = Local::start().await;
    local.people().await;
    let id = local.person(json!({ "Name": "A", "Age": 1, "Email": "a@example.com" })).await;
    let records = json!({ "records": [{ "id": id, "fields": { "Age": 2, "Email": null } }] });
    let changed = local.patch("/People", records).await;
    assert_eq!(changed["records"][0]["fields"], json!({ "Name": "A", "Age": 2 }));
    let records = json!({ "records": [{ "id": id, "fields": { "Email": "b@example.com" } }] });
    let (_, replaced) = local.ask(Method::PUT, "/People", Some(records)).await;
    assert_eq!(replaced["records"][0]["fields"], json!({ "Email": "b@example.com" }));
    let (_, replaced) = local.ask(Method::PUT, &format!("/People/{id}"), Some(json!({ "fields": { "Age": 9 } }))).await;
    assert_eq!(replaced["fields"], json!({ "Age": 9 }));
}

#[tokio::test]
async fn a_record_comes_once_in_a_batch_and_needs_its_id() {
    let local = Local::start().await;
    local.people().await;
    let id = local.person(json!({ "Name": "A" })).await;
    let twice = json!({ "records": [{ "id": id, "fields": {} }, { "id": id, "fields": {} }] });
    assert_eq!(local.refused(Method::PATCH, "/People", twice).await, (422, "INVALID_RECORDS".to_owned()));
    let nameless = json!({ "records": [{ "fields": { "Name": "B" } }] });
    assert_eq!(local.refused(Method::PATCH, "/People", nameless).await, (422, "INVALID_RECORDS".to_owned()));
}

#[tokio::test]
async fn records_are_deleted_alone_or_together_or_not_at_all() {
    let local = Local::start().await;
    local.people().await;
    let records: Vec<Json> = (0..4).map(|number| json!({ "fields": { "Name": format!("P{number}") } })).collect();
    let made = ids(&local.post("/People", json!({ "records": records })).await["records"]);
    let (_, answer) = local.ask(Method::DELETE, &format!("/People/{}", made[0]), None).await;
    assert_eq!(answer, json!({ "id": made[0], "deleted": true }));
    let path = format!("/People?records[]={}&records[]={}", made[1], made[0]);
    assert_eq!(local.refused(Method::DELETE, &path, json!({})).await, (422, "ROW_DOES_NOT_EXIST".to_owned()));
    let path = format!("/People?records[]={}&records%5B%5D={}", made[2], made[1]);
    let (_, answer) = local.ask(Method::DELETE, &path, None).await;
    assert_eq!(answer["records"], json!([{ "id": made[2], "deleted": true }, { "id": made[1], "deleted": true }]));
    assert_eq!(local.names("").await, ["P3"]);
}

#[tokio::test]
async fn a_record_that_is_not_there_is_not_found() {
    let local = Local::start().await;
    local.people().await;
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let body = json!({ "fields": {} });
        let refused = local.refused(method.clone(), "/People/rec00000000000000", body.clone()).await;
        assert_eq!(refused, (404, "MODEL_ID_NOT_FOUND".to_owned()));
        assert_eq!(local.refused(method, "/People/nothing", body).await, (404, "NOT_FOUND".to_owned()));
    }
}

#[tokio::test]
async fn comments_are_kept_newest_first() {
    let local = Local::start().await;
    local.people().await;
    let path = format!("/People/{}/comments", local.person(json!({ "Name": "A" })).await);
    let first = local.post(&path, json!({ "text": "one" })).await;
    local.post(&path, json!({ "text": "two" })).await;
    let page = local.get(&format!("{path}?pageSize=1")).await;
    assert_eq!((&page["comments"][0]["text"], &page["offset"]), (&json!("two"), &first["id"]));
    let comment = format!("{path}/{}", first["id"].as_str().unwrap());
    local.patch(&comment, json!({ "text": "changed" })).await;
    let page = local.get(&format!("{path}?offset={}", first["id"].as_str().unwrap())).await;
    assert_eq!((&page["comments"][0]["text"], &page["offset"]), (&json!("changed"), &Json::Null));
    assert_eq!(local.ask(Method::DELETE, &comment, None).await.1["deleted"], true);
    let counted = local.get("/People?recordMetadata[]=commentCount").await;
    assert_eq!(counted["records"][0]["commentCount"], 1);
}
