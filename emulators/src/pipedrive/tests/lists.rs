//! Lists: cursors, order, bounds, filters, what is deleted.

use std::time::Duration;

use clock::Clock;
use serde_json::{Value as Json, json};

use super::{Account, ids, text};
use crate::options::EmulatorOptions;

async fn paused() -> Account {
    Account::with(EmulatorOptions { is_unlimited: true, ..EmulatorOptions::default() }, Clock::system()).await
}

/// Reads all pages of a list.
async fn pages(account: &Account, path: &str) -> Vec<Vec<u64>> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, body) = account.get(&format!("{path}{cursor}")).await;
        assert_eq!(status, 200, "{body}");
        pages.push(ids(&body["data"]));
        match &body["additional_data"]["next_cursor"] {
            Json::Null => return pages,
            next => cursor = format!("&cursor={}", text(next)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_border_inside_one_second_loses_none() {
    let account = paused().await;
    for number in 0..25 {
        account.make("persons", json!({"name": format!("P{number}")})).await;
    }
    for (query, expected) in [
        ("sort_by=id", (1..=25).collect::<Vec<u64>>()),
        ("sort_by=update_time", (1..=25).collect()),
        ("sort_by=update_time&sort_direction=desc", (1..=25).rev().collect()),
        ("sort_by=add_time&sort_direction=desc", (1..=25).rev().collect()),
    ] {
        let pages = pages(&account, &format!("api/v2/persons?limit=10&{query}")).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 5], "{query}");
        assert_eq!(pages.concat(), expected, "{query}");
    }
    let (_, first) = account.get("api/v2/persons").await;
    assert_eq!(first["data"].as_array().unwrap().len(), 25, "a page has a hundred");
}

#[tokio::test(start_paused = true)]
async fn tells_what_changed_since_a_whole_second() {
    let account = paused().await;
    let first = account.make("deals", json!({"title": "a"})).await;
    tokio::time::advance(Duration::from_secs(10)).await;
    let second = account.make("deals", json!({"title": "b"})).await;
    let since = async |query: String| ids(&account.data(&format!("api/v2/deals?{query}")).await);
    let (old, new) = (text(&first["update_time"]), text(&second["update_time"]));
    assert_eq!(since(format!("updated_since={new}")).await, [2], "since is inclusive");
    assert_eq!(since(format!("updated_since={old}&updated_until={new}")).await, [1], "until is exclusive");
    tokio::time::advance(Duration::from_secs(10)).await;
    account.patch("api/v2/deals/1", json!({"title": "c"})).await;
    assert_eq!(since(format!("updated_since={new}&sort_by=update_time")).await, [2, 1]);
    account.patch("api/v2/deals/2", json!({"title": "b"})).await;
    assert_eq!(
        since(format!("updated_since={new}&sort_by=update_time")).await,
        [2, 1],
        "what changes nothing moves nothing"
    );
    let (status, refused) = account.get(&format!("api/v2/deals?updated_since={}", new.replace('Z', ".5Z"))).await;
    assert_eq!((status, text(&refused["code"])), (400, "ERR_SCHEMA_VALIDATION_FAILED"), "whole seconds alone");
}

#[tokio::test]
async fn refuses_what_a_list_cannot_do() {
    let account = Account::open().await;
    let many = (1..=101).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
    for query in [
        "limit=501",
        "limit=0",
        "limit=ten",
        "sort_by=title",
        "sort_direction=up",
        "cursor=nonsense",
        "status=closed",
        "owner_id=me",
        "include_fields=nonsense",
        &format!("ids={many}"),
        &format!("custom_fields={}", vec!["a"; 16].join(",")),
    ] {
        assert_eq!(account.get(&format!("api/v2/deals?{query}")).await.0, 400, "{query}");
    }
    assert_eq!(account.get("api/v2/deals/x").await.0, 400);
    assert_eq!(account.get("api/v2/deals/1").await.0, 404);
    assert_eq!(account.get("api/v2/deals?filter_id=99").await.0, 404);
}

#[tokio::test(start_paused = true)]
async fn deleted_deals_are_listed_for_thirty_days_and_others_never() {
    let account = paused().await;
    account.make("deals", json!({"title": "kept"})).await;
    account.make("deals", json!({"title": "gone"})).await;
    account.make("persons", json!({"name": "gone"})).await;
    account.delete("api/v2/deals/2").await;
    account.delete("api/v2/persons/1").await;
    let deals = async |status: &str| ids(&account.data(&format!("api/v2/deals?status={status}")).await);
    assert_eq!(
        (deals("open").await, deals("deleted").await, deals("open,deleted").await),
        (vec![1], vec![2], vec![1, 2])
    );
    assert_eq!(account.data("api/v2/persons").await, json!([]));
    let (_, restored) = account.patch("api/v2/deals/2", json!({"is_deleted": false})).await;
    assert_eq!(restored["data"]["is_deleted"], false);
    account.delete("api/v2/deals/2").await;
    tokio::time::advance(Duration::from_hours(30 * 24)).await;
    assert_eq!(deals("deleted").await, Vec::<u64>::new());
    assert_eq!(account.get("api/v2/deals/2").await.0, 404);
    assert_eq!(account.get("api/v2/persons/1").await.0, 404);
}

#[tokio::test]
async fn narrows_lists_by_links_ids_and_filters() {
    let account = Account::open().await;
    account.make("organizations", json!({"name": "Acme"})).await;
    account.make("persons", json!({"name": "Ada", "org_id": 1})).await;
    account.make("persons", json!({"name": "Bob"})).await;
    account.make("deals", json!({"title": "big", "value": 900, "person_id": 1, "org_id": 1})).await;
    account.make("deals", json!({"title": "small", "value": 5})).await;
    for (path, expected) in [
        ("deals?person_id=1", vec![1]),
        ("deals?org_id=1&status=open", vec![1]),
        ("deals?stage_id=2", vec![]),
        ("deals?ids=2,1,77", vec![1, 2]),
        ("persons?org_id=1", vec![1]),
        ("persons?deal_id=1", vec![1]),
        ("stages?pipeline_id=9", vec![]),
    ] {
        assert_eq!(ids(&account.data(&format!("api/v2/{path}")).await), expected, "{path}");
    }
    let fields = account.data("v1/dealFields").await;
    let value = fields.as_array().unwrap().iter().find(|field| field["key"] == "value").unwrap()["id"].clone();
    let conditions = json!({"glue": "and", "conditions": [
        {"glue": "and", "conditions": [{"object": "deal", "field_id": value.to_string(), "operator": ">=", "value": "100", "extra_value": null}]},
        {"glue": "or", "conditions": []},
    ]});
    let (status, filter) =
        account.post("v1/filters", json!({"name": "Big ones", "type": "deals", "conditions": conditions})).await;
    assert_eq!(status, 200, "{filter}");
    let id = &filter["data"]["id"];
    // A filter overrides the other ones.
    assert_eq!(ids(&account.data(&format!("api/v2/deals?filter_id={id}&ids=2&stage_id=3")).await), [1]);
    assert_eq!(account.get(&format!("api/v2/persons?filter_id={id}")).await.0, 404, "a filter of deals");
    let shown = account.data(&format!("v1/filters/{id}?include_field_code=true")).await;
    assert_eq!(shown["conditions"]["conditions"][0]["conditions"][0]["field_code"], "value");
    assert_eq!(account.delete(&format!("v1/filters/{id}")).await.0, 200);
}

#[tokio::test]
async fn counts_what_hangs_on_a_record_on_request() {
    let account = Account::open().await;
    account.make("organizations", json!({"name": "Acme"})).await;
    account.make("persons", json!({"name": "Ada", "org_id": 1})).await;
    account.make("deals", json!({"title": "a", "org_id": 1, "status": "won"})).await;
    account.make("activities", json!({"org_id": 1, "done": true})).await;
    account.make("activities", json!({"org_id": 1})).await;
    account.post("v1/notes", json!({"content": "hello", "org_id": 1})).await;
    let names = "people_count,won_deals_count,open_deals_count,activities_count,done_activities_count,notes_count,next_activity_id";
    let org = account.data(&format!("api/v2/organizations/1?include_fields={names}")).await;
    let counts: Vec<&Json> = names.split(',').map(|name| &org[name]).collect();
    assert_eq!(json!(counts), json!([1, 1, 0, 2, 1, 1, 2]));
    assert!(account.data("api/v2/organizations/1").await.get("people_count").is_none());
}
