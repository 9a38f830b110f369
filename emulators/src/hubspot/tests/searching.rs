//! Searches.

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{Account, ids, text};

const SEARCH: &str = "crm/objects/2026-09/contacts/search";

/// Lets the moment pass after which the index has what was written.
async fn settle() {
    tokio::time::advance(Duration::from_secs(1)).await;
}

fn filter(name: &str, operator: &str, value: &str) -> Json {
    json!({"propertyName": name, "operator": operator, "value": value})
}

fn by(filters: &[Json]) -> Json {
    json!({"filterGroups": [{"filters": filters}]})
}

#[tokio::test(start_paused = true)]
async fn a_write_is_found_a_moment_later() {
    let account = Account::open().await;
    let id = account.create("contacts", json!({"city": "Bern"})).await;
    let in_bern = by(&[filter("city", "EQ", "bern")]);
    assert_eq!(account.post(SEARCH, in_bern.clone()).await.1["total"], 0);
    assert_eq!(account.get(&format!("crm/v3/objects/contacts/{id}")).await.0, 200);
    settle().await;
    assert_eq!(account.post(SEARCH, in_bern).await.1["total"], 1);
}

#[tokio::test(start_paused = true)]
async fn every_operator_finds_what_it_should() {
    let account = Account::open().await;
    let one = json!({"firstname": "Ada", "email": "ada@one.test", "hs_lead_status": "NEW", "closedate": "2026-01-01"});
    let two = json!({"firstname": "Bob Lee", "email": "bob@two.test", "closedate": "2026-02-01"});
    account.create("contacts", one).await;
    account.create("contacts", two).await;
    account.create("contacts", json!({"lastname": "Nobody"})).await;
    settle().await;
    let values = |name: &str, operator: &str, values: &[&str]| json!({"propertyName": name, "operator": operator, "values": values});
    let between =
        json!({"propertyName": "closedate", "operator": "BETWEEN", "value": "2026-01-15", "highValue": "2026-03-01"});
    let cases = [
        (filter("firstname", "EQ", "ADA"), 1),
        (filter("firstname", "NEQ", "ada"), 1),
        (filter("hs_lead_status", "EQ", "new"), 0),
        (filter("closedate", "GTE", "1769904000000"), 1),
        (filter("closedate", "LT", "2026-02-01T00:00:00Z"), 1),
        (between, 1),
        (values("firstname", "IN", &["ada", "bob lee"]), 2),
        (values("firstname", "IN", &["Ada"]), 0),
        (values("email", "NOT_IN", &["ada@one.test"]), 1),
        (json!({"propertyName": "email", "operator": "HAS_PROPERTY"}), 2),
        (json!({"propertyName": "email", "operator": "NOT_HAS_PROPERTY"}), 1),
        (filter("firstname", "CONTAINS_TOKEN", "lee"), 1),
        (filter("email", "CONTAINS_TOKEN", "*@one.test"), 1),
        (filter("firstname", "NOT_CONTAINS_TOKEN", "lee"), 1),
    ];
    for (filter, expected) in cases {
        let (status, body) = account.post(SEARCH, by(std::slice::from_ref(&filter))).await;
        assert_eq!((status, &body["total"]), (200, &json!(expected)), "{filter}");
    }
    let (_, body) = account.post(SEARCH, json!({"query": "two.test"})).await;
    assert_eq!(body["total"], 1);
}

#[tokio::test(start_paused = true)]
async fn groups_are_alternatives_and_filters_all_hold() {
    let account = Account::open().await;
    for (city, phone) in [("Bern", "1"), ("Bern", "2"), ("Basel", "1")] {
        account.create("contacts", json!({"city": city, "phone": phone})).await;
    }
    settle().await;
    let both = json!([filter("city", "EQ", "Bern"), filter("phone", "EQ", "1")]);
    let body = json!({"filterGroups": [{"filters": both}, {"filters": [filter("city", "EQ", "Basel")]}]});
    assert_eq!(account.post(SEARCH, body).await.1["total"], 2);
}

#[tokio::test(start_paused = true)]
async fn sorts_and_pages_by_offset() {
    let account = Account::open().await;
    for city in ["B", "C", "A"] {
        account.create("companies", json!({"name": city, "numberofemployees": city.len() * 10})).await;
    }
    settle().await;
    let path = "crm/v3/objects/companies/search";
    let sorts = json!([{"propertyName": "name", "direction": "DESCENDING"}]);
    let (_, first) = account.post(path, json!({"sorts": sorts, "limit": 2, "properties": ["name"]})).await;
    assert_eq!((&first["total"], text(&first["paging"]["next"]["after"])), (&json!(3), "2"));
    assert_eq!(first["results"][0]["properties"]["name"], "C");
    let (_, last) =
        account.post(path, json!({"sorts": ["-name"], "limit": 2, "after": "2", "properties": ["name"]})).await;
    assert_eq!(last["results"][0]["properties"]["name"], "A");
    assert_eq!(last.get("paging"), None);
}

#[tokio::test(start_paused = true)]
async fn never_finds_archived_records() {
    let account = Account::open().await;
    let id = account.create("contacts", json!({})).await;
    account.delete(&format!("crm/v3/objects/contacts/{id}")).await;
    settle().await;
    assert!(ids(&account.post(SEARCH, json!({})).await.1).is_empty());
}

#[tokio::test(start_paused = true)]
async fn refuses_what_is_over_its_limits() {
    let account = Account::open().await;
    let one = filter("city", "EQ", "x");
    let group = |count: usize| json!({"filters": vec![one.clone(); count]});
    let cases = [
        json!({"limit": 201}),
        json!({"limit": 200, "after": "9900"}),
        json!({"after": "next"}),
        json!({"filterGroups": vec![group(1); 6]}),
        json!({"filterGroups": [group(7)]}),
        json!({"filterGroups": vec![group(4); 5]}),
        json!({"sorts": ["city", "email"]}),
        json!({"query": "x".repeat(3_000)}),
        by(&[filter("zodiac", "EQ", "x")]),
        by(&[filter("city", "LIKE", "x")]),
        by(&[json!({"propertyName": "city", "operator": "EQ"})]),
        by(&[json!({"propertyName": "city", "operator": "IN", "value": "x"})]),
        by(&[filter("createdate", "GT", "yesterday")]),
    ];
    for body in cases {
        let (status, answer) = account.post(SEARCH, body.clone()).await;
        assert_eq!((status, text(&answer["category"])), (400, "VALIDATION_ERROR"), "{body}");
    }
    assert_eq!(account.post(SEARCH, json!({"limit": 200, "after": "9800"})).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn finds_by_associated_record() {
    let account = Account::open().await;
    let company = account.create("companies", json!({"name": "C"})).await;
    let contact = account.create("contacts", json!({})).await;
    account.create("contacts", json!({})).await;
    let path = format!("crm/v4/objects/contacts/{contact}/associations/default/companies/{company}");
    account.send(reqwest::Method::PUT, &path, Json::Null).await;
    settle().await;
    let (_, body) = account.post(SEARCH, by(&[filter("associations.company", "EQ", &company)])).await;
    assert_eq!(ids(&body), [contact]);
}

#[tokio::test(start_paused = true)]
async fn filters_beside_the_groups_are_one_group_more() {
    let account = Account::open().await;
    for (city, zip) in [("Bern", "1"), ("Bern", "2"), ("Basel", "2")] {
        account.create("contacts", json!({"city": city, "zip": zip})).await;
    }
    settle().await;
    let (bern, two) = (filter("city", "EQ", "Bern"), filter("zip", "EQ", "2"));
    for (body, total) in [
        (json!({"filters": [bern, two]}), 1),
        (json!({"filters": [two], "filterGroups": [{"filters": [bern]}]}), 3),
        (json!({"filters": []}), 3),
    ] {
        assert_eq!(account.post(SEARCH, body.clone()).await.1["total"], total, "{body}");
    }
    let seven = vec![bern; 7];
    assert_eq!(account.post(SEARCH, json!({"filters": seven})).await.0, 400);
}

#[tokio::test(start_paused = true)]
async fn a_sort_has_one_of_two_directions() {
    let account = Account::open().await;
    let sort = |direction: &str| json!({"sorts": [{"propertyName": "city", "direction": direction}]});
    for (direction, expected) in [("ASCENDING", 200), ("DESCENDING", 200), ("descending", 400), ("UP", 400)] {
        let (status, body) = account.post(SEARCH, sort(direction)).await;
        assert_eq!(status, expected, "{direction}: {body}");
    }
    let (_, body) = account.post(SEARCH, sort("UP")).await;
    assert!(text(&body["message"]).contains("\"UP\""), "{body}");
    assert_eq!(account.post(SEARCH, json!({"sorts": [{"propertyName": "city"}]})).await.0, 200);
}
