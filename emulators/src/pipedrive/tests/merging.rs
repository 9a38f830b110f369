//! Merges.

use serde_json::{Value as Json, json};

use super::{Account, ids};

#[tokio::test]
async fn the_loser_of_a_merge_disappears_and_what_hung_on_it_moves() {
    let account = Account::open().await;
    let code = account.field("personFields", json!({"field_name": "City", "field_type": "varchar"})).await;
    account
        .make(
            "persons",
            json!({"name": "Ada L", "emails": [{"value": "old@x.test"}], "custom_fields": {&code: "Rome"}}),
        )
        .await;
    account.make("persons", json!({"name": "Ada", "emails": [{"value": "ada@x.test"}]})).await;
    account.make("deals", json!({"title": "x", "person_id": 1})).await;
    account.make("activities", json!({"participants": [{"person_id": 1}]})).await;
    account.post("v1/notes", json!({"content": "x", "person_id": 1})).await;
    let (status, merged) = account.put("v1/persons/1/merge", json!({"merge_with_id": 2})).await;
    assert_eq!(
        (status, &merged["data"]["id"], &merged["data"]["merge_what_id"]),
        (200, &json!(2), &json!(1)),
        "{merged}"
    );
    let winner = account.data("api/v2/persons/2").await;
    assert_eq!((&winner["name"], &winner["custom_fields"][&code]), (&json!("Ada"), &json!("Rome")));
    let emails: Vec<(&Json, &Json)> =
        winner["emails"].as_array().unwrap().iter().map(|one| (&one["value"], &one["primary"])).collect();
    assert_eq!(emails, [(&json!("ada@x.test"), &json!(true)), (&json!("old@x.test"), &json!(false))]);
    assert_eq!(ids(&account.data("api/v2/persons").await), [2]);
    assert_eq!(account.data("api/v2/deals/1").await["person_id"], 2);
    assert_eq!(account.data("api/v2/activities/1").await["person_id"], 2);
    assert_eq!(account.data("v1/notes/1").await["person_id"], 2);
    let recents = account.data("v1/recents?items=person&since_timestamp=2000-01-01%2000:00:00").await;
    let told = recents.as_array().unwrap().iter().map(|one| (&one["id"], &one["data"]["merge_what_id"]));
    assert!(told.collect::<Vec<_>>().contains(&(&json!(2), &json!(1))), "{recents}");
    for (path, body, expected) in [
        ("v1/persons/2/merge", json!({"merge_with_id": 2}), 400),
        ("v1/persons/2/merge", json!({}), 400),
        ("v1/persons/2/merge", json!({"merge_with_id": 1}), 404),
        ("v1/persons/9/merge", json!({"merge_with_id": 2}), 404),
        ("v1/products/1/merge", json!({"merge_with_id": 2}), 501),
    ] {
        assert_eq!(account.put(path, body).await.0, expected, "{path}");
    }
}

#[tokio::test]
async fn organizations_and_deals_merge_too() {
    let account = Account::open().await;
    for name in ["One", "Two"] {
        account.make("organizations", json!({"name": name})).await;
        account.make("deals", json!({"title": name, "org_id": 1})).await;
    }
    assert_eq!(
        account.put("v1/organizations/1/merge", json!({"merge_with_id": 2})).await.1,
        json!({"success": true, "data": {"id": 2}})
    );
    assert_eq!(account.data("api/v2/deals/1").await["org_id"], 2);
    let (_, merged) = account.put("v1/deals/1/merge", json!({"merge_with_id": 2})).await;
    assert_eq!((&merged["data"]["title"], &merged["data"]["merge_what_id"]), (&json!("Two"), &json!(1)));
}
