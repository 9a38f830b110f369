//! Paths, bodies and counts.

use reqwest::Method;
use serde_json::json;

use super::{BASE, Local};
use crate::options::EmulatorOptions;

#[tokio::test]
async fn an_unknown_path_is_a_bare_string_and_an_unknown_table_may_not_be_seen() {
    let local = Local::start().await;
    let (status, answer) = local.ask_as("pat", Method::GET, "/v0", None).await;
    assert_eq!((status, answer), (404, json!({ "error": "NOT_FOUND" })));
    let refused = local.refused(Method::GET, "/Nothing", json!({})).await;
    assert_eq!(refused, (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND".to_owned()));
    let (status, _) = local.ask_as("pat", Method::GET, "/v0/meta/bases/appNoAccess000001/tables", None).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn a_slash_and_a_question_mark_at_the_end_count_for_nothing() {
    let local = Local::start().await;
    local.people().await;
    local.post("/People/?", json!({ "fields": { "Name": "A" } })).await;
    assert_eq!(local.names("").await, ["A"]);
}

#[tokio::test]
async fn names_are_percent_encoded_in_paths_and_spaces_are_plus_in_queries() {
    let local = Local::start().await;
    local.table("Über/Leute", json!([{ "name": "Full name", "type": "singleLineText" }])).await;
    let made = local.post("/%C3%9Cber%2FLeute", json!({ "fields": { "Full name": "A B" } })).await;
    let found = local.get("/%C3%9Cber%2FLeute?fields[]=Full+name&filterByFormula={Full+name}='A+B'").await;
    assert_eq!(found["records"][0]["id"], made["id"]);
}

#[tokio::test]
async fn too_long_urls_are_refused_and_the_body_of_list_records_takes_their_place() {
    let local = Local::start().await;
    local.people().await;
    let formula = format!("{{Name}}='{}'", "x".repeat(16_000));
    let (status, _) = local.ask(Method::GET, &format!("/People?filterByFormula={formula}"), None).await;
    assert_eq!(status, 414);
    let found = local.post("/People/listRecords", json!({ "filterByFormula": formula })).await;
    assert_eq!(found, json!({ "records": [] }));
}

#[tokio::test]
async fn too_large_and_unreadable_bodies_are_refused() {
    let local = Local::start().await;
    local.people().await;
    let large = json!({ "fields": { "Notes": "x".repeat(16 * 1024 * 1024) } });
    assert_eq!(local.refused(Method::POST, "/People", large).await.0, 413);
    let url = local.url(&format!("/v0/{BASE}/People"));
    let answer = local.client.post(url).bearer_auth("pat").body("{").send().await.unwrap();
    assert_eq!(answer.status(), 422);
    let refused = local.refused(Method::POST, "/People", json!({ "records": {} })).await;
    assert_eq!(refused, (422, "INVALID_RECORDS".to_owned()));
    let refused = local.refused(Method::POST, "/People", json!({})).await;
    assert_eq!(refused, (422, "INVALID_REQUEST_MISSING_FIELDS".to_owned()));
}

#[tokio::test]
async fn tells_what_it_holds_and_what_it_was_asked_without_a_token() {
    let local = Local::start().await;
    local.people().await;
    local.person(json!({ "Name": "A" })).await;
    local.post("/People/listRecords", json!({})).await;
    let counts: serde_json::Value =
        local.client.get(local.url("/_emulator/counts")).send().await.unwrap().json().await.unwrap();
    let requests = json!({ "read": 1, "write": 2, "rate_limited": 0 });
    assert_eq!(counts, json!({ "records": { "People": 1 }, "requests": requests }));
    local.ask_as("pat", Method::POST, "/v0/appFerryTests0002/People", None).await;
    let counts: serde_json::Value =
        local.client.get(local.url("/_emulator/counts")).send().await.unwrap().json().await.unwrap();
    assert_eq!(counts["records"], json!({ "appFerryTests0001/People": 1 }));
}

#[tokio::test]
async fn misbehaves_with_the_vendors_own_error_bodies() {
    let faults = "503=1".parse().unwrap();
    let local = Local::with(EmulatorOptions { faults, ..EmulatorOptions::default() }).await;
    let refused = local.refused(Method::GET, "/People", json!({})).await;
    assert_eq!(refused, (503, "RETRIABLE_ERROR".to_owned()));
    let faults = "429=1".parse().unwrap();
    let local = Local::with(EmulatorOptions { faults, ..EmulatorOptions::default() }).await;
    let (status, answer) = local.ask(Method::GET, "/People", None).await;
    assert_eq!((status, &answer["errors"][0]["error"]), (429, &json!("RATE_LIMIT_REACHED")));
}
