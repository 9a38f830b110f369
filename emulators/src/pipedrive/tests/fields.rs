//! Definitions of fields and their options.

use serde_json::{Value as Json, json};

use super::{Account, text};

#[tokio::test]
async fn names_fields_by_hashes_that_differ_per_account() {
    let account = Account::open().await;
    let body = json!({"field_name": "Contract end", "field_type": "date"});
    let code = account.field("dealFields", body.clone()).await;
    assert!(code.len() == 40 && code.bytes().all(|byte| byte.is_ascii_hexdigit()), "{code}");
    assert_ne!(account.field("dealFields", body.clone()).await, code, "two fields may have one name");
    let options =
        crate::options::EmulatorOptions { is_unlimited: true, account: Some("99".to_owned()), ..Default::default() };
    let other = Account::with(options, clock::Clock::system()).await;
    assert_ne!(other.field("dealFields", body).await, code);
}

#[tokio::test]
async fn lists_fields_with_options_and_subfields() {
    let account = Account::open().await;
    account.field("dealFields", json!({"field_name": "Budget", "field_type": "monetary"})).await;
    let fields = account.data("api/v2/dealFields?limit=500").await;
    let of = |name: &str| fields.as_array().unwrap().iter().find(|field| field["field_name"] == name).unwrap().clone();
    assert_eq!(
        (&of("Title")["field_code"], &of("Title")["options"], &of("Title")["is_custom_field"]),
        (&json!("title"), &Json::Null, &json!(false))
    );
    assert!(of("Status")["options"][0]["id"].is_string(), "options of Pipedrive's own have texts for ids");
    let parts: Vec<Json> =
        of("Budget")["subfields"].as_array().unwrap().iter().map(|part| part["field_code"].clone()).collect();
    assert_eq!(json!(parts), json!(["value", "currency"]));
    assert_eq!(of("Number of notes")["is_optional_response_field"], true);
    assert!(of("Title").get("ui_visibility").is_none());
    let whole = account.data("api/v2/dealFields/title?include_fields=ui_visibility,required_fields").await;
    assert!(
        whole["ui_visibility"].is_object()
            && whole["required_fields"].is_object()
            && whole.get("important_fields").is_none()
    );
    let (_, page) = account.get("api/v2/dealFields?limit=10").await;
    assert_eq!(page["data"].as_array().unwrap().len(), 10);
    assert!(page["additional_data"]["next_cursor"].is_string());
    let types = account.data("api/v2/activityFields/type").await;
    assert_eq!(types["options"][0], json!({"id": "call", "label": "Call"}));
}

#[tokio::test]
async fn changes_options_all_or_none() {
    let account = Account::open().await;
    let code = account
        .field("personFields", json!({"field_name": "Tier", "field_type": "enum", "options": [{"label": "Gold"}]}))
        .await;
    let path = format!("api/v2/personFields/{code}/options");
    let gold = account.data(&format!("api/v2/personFields/{code}")).await["options"][0]["id"].clone();
    let (_, added) = account.post(&path, json!([{"label": "Silver"}, {"label": "Bronze"}])).await;
    assert_eq!(added["data"].as_array().unwrap().len(), 2, "the new ones alone");
    assert_eq!(
        account.patch(&path, json!([{"id": gold, "label": "Golden"}, {"id": 9_999, "label": "x"}])).await.0,
        400
    );
    assert_eq!(
        account.patch(&path, json!([{"id": gold, "label": "Golden"}])).await.1["data"],
        json!([{"id": gold, "label": "Golden"}])
    );
    account.make("persons", json!({"name": "Ada", "custom_fields": {&code: gold}})).await;
    let gone = account.send(reqwest::Method::DELETE, &path, json!([{"id": gold}])).await;
    assert_eq!(gone.0, 200);
    assert_eq!(
        account.data("api/v2/persons/1").await["custom_fields"][&code],
        gold,
        "a record keeps the id of an option that is gone"
    );
    assert_eq!(account.post("api/v2/persons", json!({"name": "x", "custom_fields": {&code: gold}})).await.0, 400);
}

#[tokio::test]
async fn refuses_definitions_that_make_no_sense() {
    let account = Account::open().await;
    let code = account.field("dealFields", json!({"field_name": "x", "field_type": "varchar"})).await;
    for body in [
        json!({"field_name": "x"}),
        json!({"field_name": "x", "field_type": "int"}),
        json!({"field_name": "", "field_type": "varchar"}),
        json!({"field_name": "x", "field_type": "enum"}),
        json!({"field_name": "x".repeat(256), "field_type": "varchar"}),
    ] {
        assert_eq!(account.post("api/v2/dealFields", body).await.0, 400);
    }
    assert_eq!(account.patch(&format!("api/v2/dealFields/{code}"), json!({"field_type": "text"})).await.0, 400);
    assert_eq!(account.patch(&format!("api/v2/dealFields/{code}"), json!({})).await.0, 400);
    assert_eq!(
        account.patch(&format!("api/v2/dealFields/{code}"), json!({"field_name": "y"})).await.1["data"]["field_name"],
        "y"
    );
    assert_eq!(account.patch("api/v2/dealFields/title", json!({"field_name": "y"})).await.0, 403);
    assert_eq!(account.delete("api/v2/dealFields/title").await.0, 403);
    assert_eq!(account.delete(&format!("api/v2/dealFields/{code}")).await.0, 200);
    let (status, body) = account.post("api/v2/deals", json!({"title": "x", "custom_fields": {&code: "y"}})).await;
    assert_eq!(status, 400, "a hash that is gone fails the whole record");
    assert!(text(&body["error"]).contains("Unknown key"));
}

#[tokio::test]
async fn version_one_replaces_the_options_that_are_sent() {
    let account = Account::open().await;
    let options = json!([{"label": "Gold"}, {"label": "Silver"}]);
    let (status, made) =
        account.post("v1/dealFields", json!({"name": "Tier", "field_type": "enum", "options": options})).await;
    assert_eq!((status, made["data"]["key"].as_str().unwrap().len()), (200, 40));
    let id = &made["data"]["id"];
    let gold = &made["data"]["options"][0];
    let (_, changed) =
        account.put(&format!("v1/dealFields/{id}"), json!({"options": [gold, {"label": "Bronze"}]})).await;
    assert_eq!(changed["data"]["options"][1]["label"], "Bronze");
    assert_eq!(changed["data"]["options_deleted"][0]["label"], "Silver");
    assert_eq!(account.delete(&format!("v1/dealFields/{id}")).await.1["data"]["id"], *id);
    let (_, leads) = account.get("v1/leadFields").await;
    assert_eq!(leads["data"][1]["key"], "title");
    assert_eq!(leads["additional_data"]["pagination"]["more_items_in_collection"], false);
}
