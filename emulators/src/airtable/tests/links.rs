//! Linked records: both sides, and what is refused.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{BASE, Local};

/// Makes `Firms`, and `People` with a link `Firm` to them.
async fn linked() -> Local {
    let local = Local::start().await;
    local.table("Firms", json!([])).await;
    let (_, tables) = local.ask_as("pat", Method::GET, &format!("/v0/meta/bases/{BASE}/tables"), None).await;
    let options = json!({ "linkedTableId": tables["tables"][0]["id"] });
    local.table("People", json!([{ "name": "Firm", "type": "multipleRecordLinks", "options": options }])).await;
    local
}

async fn firm(local: &Local, name: &str) -> String {
    let made = local.post("/Firms", json!({ "fields": { "Name": name } })).await;
    made["id"].as_str().unwrap().to_owned()
}

async fn people_of(local: &Local, firm: &str) -> Json {
    local.get(&format!("/Firms/{firm}")).await["fields"]["People"].clone()
}

#[tokio::test]
async fn a_link_field_makes_its_inverse() {
    let local = linked().await;
    let (_, answer) = local.ask_as("pat", Method::GET, &format!("/v0/meta/bases/{BASE}/tables"), None).await;
    let (firms, people) = (&answer["tables"][0], &answer["tables"][1]);
    let (inverse, link) = (&firms["fields"][1], &people["fields"][1]);
    assert_eq!((&inverse["name"], &inverse["type"]), (&json!("People"), &json!("multipleRecordLinks")));
    assert_eq!(inverse["options"]["inverseLinkFieldId"], link["id"]);
    assert_eq!(inverse["options"]["linkedTableId"], people["id"]);
    assert_eq!(link["options"]["inverseLinkFieldId"], inverse["id"]);
    assert_eq!(link["options"]["prefersSingleRecordLink"], false);
}

#[tokio::test]
async fn writing_a_link_changes_the_other_side() {
    let local = linked().await;
    let (one, two) = (firm(&local, "One").await, firm(&local, "Two").await);
    let person = local.person(json!({ "Name": "A", "Firm": [one] })).await;
    assert_eq!(people_of(&local, &one).await, json!([person]));
    local.patch(&format!("/People/{person}"), json!({ "fields": { "Firm": [two] } })).await;
    assert_eq!((people_of(&local, &one).await, people_of(&local, &two).await), (Json::Null, json!([person])));
    local.patch(&format!("/Firms/{one}"), json!({ "fields": { "People": [person] } })).await;
    let firms = local.get(&format!("/People/{person}")).await["fields"]["Firm"].clone();
    assert_eq!(firms, json!([two, one]));
}

#[tokio::test]
async fn deleting_a_record_takes_it_out_of_links() {
    let local = linked().await;
    let one = firm(&local, "One").await;
    let person = local.person(json!({ "Name": "A", "Firm": [one] })).await;
    local.ask(Method::DELETE, &format!("/Firms/{one}"), None).await;
    assert_eq!(local.get(&format!("/People/{person}")).await["fields"], json!({ "Name": "A" }));
}

#[tokio::test]
async fn a_link_takes_only_ids_of_records_that_exist() {
    let local = linked().await;
    let send = async |firm: Json| local.ask(Method::POST, "/People", Some(json!({ "fields": { "Firm": firm } }))).await;
    let (status, answer) = send(json!(["rec00000000000000"])).await;
    let message = "Record ID rec00000000000000 does not exist in this table";
    assert_eq!((status, &answer["error"]["message"]), (422, &json!(message)));
    for wrong in [json!("One"), json!(["One"]), json!([1])] {
        let (status, answer) = send(wrong.clone()).await;
        let expected = (422, &json!("Value is not an array of record IDs."));
        assert_eq!((status, &answer["error"]["message"]), expected, "{wrong}");
    }
}

#[tokio::test]
async fn typecast_finds_the_first_record_of_a_name_or_makes_one() {
    let local = linked().await;
    let (one, _) = (firm(&local, "One").await, firm(&local, "One").await);
    let records =
        json!([{ "fields": { "Firm": ["One"] } }, { "fields": { "Firm": "New" } }, { "fields": { "Firm": ["New"] } }]);
    let made = local.post("/People", json!({ "records": records, "typecast": true })).await;
    assert_eq!(made["records"][0]["fields"]["Firm"], json!([one]));
    assert_eq!(made["records"][1]["fields"]["Firm"], made["records"][2]["fields"]["Firm"]);
    let new = made["records"][1]["fields"]["Firm"][0].as_str().unwrap();
    assert_eq!(local.get(&format!("/Firms/{new}")).await["fields"]["Name"], "New");
}

#[tokio::test]
async fn a_refused_batch_makes_no_linked_records_either() {
    let local = linked().await;
    let records = json!([{ "fields": { "Firm": ["New"] } }, { "fields": { "Nothing": 1 } }]);
    let refused = local.refused(Method::POST, "/People", json!({ "records": records, "typecast": true })).await;
    assert_eq!(refused.1, "UNKNOWN_FIELD_NAME");
    assert_eq!(local.get("/Firms").await, json!({ "records": [] }));
}
