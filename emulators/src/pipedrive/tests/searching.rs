//! Searches: least lengths, exact match, fields, the late index.

use std::time::Duration;

use clock::Clock;
use serde_json::{Value as Json, json};

use super::{Account, ids, text};
use crate::options::EmulatorOptions;

/// Returns the ids that a search finds.
async fn found(account: &Account, path: &str) -> Vec<u64> {
    let data = account.data(path).await;
    let items = data["items"].as_array().unwrap();
    items.iter().filter_map(|one| one["item"]["id"].as_u64()).collect()
}

async fn filled() -> Account {
    let account = Account::open().await;
    let code = account.field("personFields", json!({"field_name": "Key", "field_type": "varchar"})).await;
    let hidden = account.field("personFields", json!({"field_name": "Since", "field_type": "date"})).await;
    account.make("organizations", json!({"name": "Acme", "address": {"value": "Main St 1"}})).await;
    account
        .make(
            "persons",
            json!({"name": "Ada Lovelace", "org_id": 1, "emails": [{"value": "ada@x.test"}, {"value": "al@y.test"}],
        "phones": [{"value": "+49301"}], "custom_fields": {code: "EXT-1", hidden: "2026-01-31"}}),
        )
        .await;
    account.make("persons", json!({"name": "Adam"})).await;
    account.make("deals", json!({"title": "Acme deal", "org_id": 1, "person_id": 1})).await;
    account.make("products", json!({"name": "Oven", "code": "OV-1"})).await;
    account.post("v1/leads", json!({"title": "Acme lead", "organization_id": 1})).await;
    account
}

#[tokio::test]
async fn finds_by_part_or_exactly_in_the_fields_that_are_named() {
    let account = filled().await;
    for (query, expected) in [
        ("persons/search?term=ada", vec![1, 2]),
        ("persons/search?term=ADA%20LOVELACE&exact_match=true", vec![1]),
        ("persons/search?term=ada&exact_match=true", vec![]),
        ("persons/search?term=al@y.test&fields=email&exact_match=true", vec![1]),
        ("persons/search?term=ada&fields=email", vec![1]),
        ("persons/search?term=49301&fields=phone", vec![1]),
        ("persons/search?term=ext-1&fields=custom_fields&exact_match=true", vec![1]),
        ("persons/search?term=2026-01-31", vec![]),
        ("persons/search?term=ad&organization_id=1", vec![1]),
        ("organizations/search?term=main", vec![1]),
        ("deals/search?term=acme&status=won", vec![]),
        ("deals/search?term=acme&person_id=1", vec![1]),
        ("products/search?term=ov-1&fields=code", vec![1]),
        ("itemSearch?term=acme&item_types=deal,organization", vec![1, 1]),
    ] {
        assert_eq!(found(&account, &format!("api/v2/{query}")).await, expected, "{query}");
    }
    let item = account.data("api/v2/persons/search?term=lovelace").await["items"][0]["item"].clone();
    assert_eq!((&item["emails"], &item["organization"]["name"]), (&json!(["ada@x.test", "al@y.test"]), &json!("Acme")));
    assert!(
        item.get("custom_fields").unwrap().is_array() && item.get("update_time").is_none(),
        "what is found is reduced"
    );
    let all = account.data("api/v2/itemSearch?term=acme").await;
    assert!(all["items"].as_array().unwrap().iter().any(|one| one["item"]["type"] == "lead"));
    assert_eq!(account.data("v1/leads/search?term=acme").await["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_term_has_two_characters_or_one_to_match_exactly() {
    let account = filled().await;
    for (query, expected) in [
        ("persons/search", 400),
        ("persons/search?term=a", 400),
        ("persons/search?term=a&exact_match=true", 200),
        ("persons/search?term=ab&fields=title", 400),
        ("persons/search?term=ab&limit=501", 400),
        ("itemSearch?term=ab&limit=101", 400),
        ("itemSearch?term=ab&limit=100", 200),
        ("itemSearch?term=ab&item_types=user", 400),
        ("itemSearch?term=ab&search_for_related_items=true", 501),
    ] {
        assert_eq!(account.get(&format!("api/v2/{query}")).await.0, expected, "{query}");
    }
    let (_, page) = account.get("api/v2/persons/search?term=ada&limit=1").await;
    let next =
        format!("api/v2/persons/search?term=ada&limit=1&cursor={}", text(&page["additional_data"]["next_cursor"]));
    assert_eq!(found(&account, &next).await.len(), 1);
}

#[tokio::test]
async fn a_search_in_one_field_minds_upper_and_lower_case() {
    let account = filled().await;
    let ask =
        async |rest: &str| ids(&account.data(&format!("api/v2/itemSearch/field?entity_type=person&{rest}")).await);
    assert_eq!(ask("field=name&term=Adam").await, [2]);
    assert_eq!(ask("field=name&term=adam").await, Vec::<u64>::new());
    assert_eq!(ask("field=name&term=Ada&match=beginning").await, [1, 2]);
    assert_eq!(ask("field=emails&term=x.test&match=middle").await, [1]);
    assert_eq!(account.get("api/v2/itemSearch/field?entity_type=person&field=name&term=a&match=middle").await.0, 400);
}

#[tokio::test(start_paused = true)]
async fn sees_changes_late() {
    let account = Account::with(EmulatorOptions::default(), Clock::system()).await;
    account.make("persons", json!({"name": "Early Bird"})).await;
    let ask = async |term: &str| found(&account, &format!("api/v2/persons/search?term={term}")).await;
    assert_eq!(ask("early").await, Vec::<u64>::new());
    assert_eq!(ids(&account.data("api/v2/persons").await), [1], "a list sees it at once");
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(ask("early").await, [1]);
    account.patch("api/v2/persons/1", json!({"name": "Late Bird"})).await;
    assert_eq!((ask("early").await, ask("late").await), (vec![1], vec![]));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!((ask("early").await, ask("late").await), (vec![], vec![1]));
    let none: Json = json!(0);
    account.client.put(account.url("_emulator/search_lag_secs")).json(&none).send().await.unwrap();
    account.delete("api/v2/persons/1").await;
    assert_eq!(ask("late").await, Vec::<u64>::new());
}
