//! Records of version 2: making, reading, changing, deleting, and the rules of each kind.

use serde_json::{Value as Json, json};

use super::{Account, ids, text};

#[tokio::test]
async fn makes_reads_changes_and_deletes_each_kind() {
    let account = Account::open().await;
    for (kind, body, change, created) in [
        ("organizations", json!({"name": "Acme"}), json!({"name": "Acme Inc"}), 200),
        ("persons", json!({"name": "Ada Lovelace"}), json!({"name": "Ada King"}), 200),
        ("deals", json!({"title": "Big"}), json!({"title": "Bigger"}), 200),
        ("activities", json!({"subject": "Call Ada"}), json!({"subject": "Call again"}), 200),
        ("products", json!({"name": "Oven"}), json!({"name": "Stove"}), 201),
        ("pipelines", json!({"name": "Second"}), json!({"name": "Other"}), 200),
        ("stages", json!({"name": "Last", "pipeline_id": 1}), json!({"name": "Very last"}), 200),
    ] {
        let (status, made) = account.post(&format!("api/v2/{kind}"), body).await;
        assert_eq!((status, &made["success"]), (created, &json!(true)), "{kind}: {made}");
        let path = format!("api/v2/{kind}/{}", made["data"]["id"]);
        assert_eq!(account.data(&path).await, made["data"], "{kind}");
        let (status, changed) = account.patch(&path, change.clone()).await;
        assert_eq!(status, 200, "{changed}");
        for (code, value) in change.as_object().unwrap() {
            assert_eq!(changed["data"][code], *value);
        }
        let (status, gone) = account.delete(&path).await;
        assert_eq!((status, &gone["data"]["id"]), (200, &made["data"]["id"]));
        assert!(!ids(&account.data(&format!("api/v2/{kind}")).await).contains(&made["data"]["id"].as_u64().unwrap()));
        assert_eq!(account.data(&path).await["is_deleted"], true, "{kind} can be asked for another thirty days");
        assert_eq!(account.delete(&path).await.0, 404);
        assert_eq!(account.patch(&path, change).await.0, 404);
    }
}

#[tokio::test]
async fn refuses_a_record_whole() {
    let account = Account::open().await;
    let long = "x".repeat(256);
    for (kind, body, problem) in [
        ("deals", json!({}), "title: is required"),
        ("persons", json!({"name": ""}), "name: is required"),
        ("stages", json!({"name": "x"}), "pipeline_id: is required"),
        ("deals", json!({"title": "x", "nonsense": 1}), "Unknown key 'nonsense'"),
        ("deals", json!({"title": "x", "update_time": "2026-01-01T00:00:00Z"}), "Unknown key 'update_time'"),
        ("deals", json!({"title": "x", "value": "5"}), "value: must be a number"),
        ("deals", json!({"title": "x", "org_id": "1"}), "org_id: must be an integer"),
        ("deals", json!({"title": "x", "org_id": 99}), "org_id: organization 99 not found"),
        ("deals", json!({"title": "x", "currency": "XXX"}), "currency: currency XXX is not available"),
        ("deals", json!({"title": long}), "title: must be at most 255 characters"),
        ("deals", json!({"title": "x", "lost_reason": "price"}), "lost_reason: can only be set"),
        ("deals", json!({"title": "x", "visible_to": 2}), "visible_to: must be one of"),
        ("deals", json!({"title": "x", "custom_fields": {"title": "y"}}), "custom_fields: Unknown key 'title'"),
        ("persons", json!({"name": "x", "emails": "a@x.test"}), "emails: must be an array"),
        ("persons", json!({"name": "x", "email": [{"value": "a"}]}), "Unknown key 'email'"),
        ("activities", json!({"done": 1}), "done: must be a boolean"),
        ("activities", json!({"type": "dance"}), "type: activity type dance does not exist"),
        ("activities", json!({"due_date": "31.01.2026"}), "due_date: must be a date"),
        ("activities", json!({"person_id": 1}), "person_id: is read-only"),
        (
            "products",
            json!({"name": "x", "prices": [{"price": 1, "currency": "EUR"}, {"price": 2, "currency": "EUR"}]}),
            "one price in \"EUR\"",
        ),
    ] {
        let (status, body) = account.post(&format!("api/v2/{kind}"), body).await;
        assert_eq!((status, text(&body["code"])), (400, "ERR_SCHEMA_VALIDATION_FAILED"), "{body}");
        assert!(text(&body["error"]).contains(problem), "{problem}: {body}");
        assert!(account.data(&format!("api/v2/{kind}?sort_by=id")).await.as_array().unwrap().len() <= 5);
    }
    assert_eq!(account.data("api/v2/deals").await, json!([]));
    let form = account.request(reqwest::Method::POST, "api/v2/deals").form(&[("title", "x")]);
    assert_eq!(super::read(form.send().await.unwrap()).await.0, 400, "version 2 takes JSON alone");
}

#[tokio::test]
async fn a_repeated_post_makes_a_second_record() {
    let account = Account::open().await;
    let body = json!({"name": "Ada", "emails": [{"value": "ada@x.test"}]});
    let (first, second) = (account.make("persons", body.clone()).await, account.make("persons", body).await);
    assert_ne!(first["id"], second["id"]);
    assert_eq!(first["emails"], second["emails"]);
}

#[tokio::test]
async fn a_deal_follows_its_stage_and_status() {
    let account = Account::open().await;
    let second = account.make("pipelines", json!({"name": "Second"})).await["id"].clone();
    let stage = account.make("stages", json!({"name": "Start", "pipeline_id": second})).await["id"].clone();
    let deal = account.make("deals", json!({"title": "x"})).await;
    assert_eq!(
        (&deal["pipeline_id"], &deal["stage_id"], &deal["status"], &deal["currency"]),
        (&json!(1), &json!(1), &json!("open"), &json!("EUR"))
    );
    let path = format!("api/v2/deals/{}", deal["id"]);
    let (_, moved) = account.patch(&path, json!({"pipeline_id": second})).await;
    assert_eq!(moved["data"]["stage_id"], stage, "a pipeline alone leads to its first stage");
    assert!(moved["data"]["stage_change_time"].is_string());
    assert_eq!(account.patch(&path, json!({"pipeline_id": second, "stage_id": 1})).await.0, 400);
    let (_, lost) = account.patch(&path, json!({"status": "lost", "lost_reason": "price"})).await;
    assert!(
        lost["data"]["lost_time"].is_string()
            && lost["data"]["close_time"].is_string()
            && lost["data"]["won_time"].is_null()
    );
    let (_, won) = account.patch(&path, json!({"status": "won", "won_time": "2026-01-02T03:04:05Z"})).await;
    assert_eq!((&won["data"]["won_time"], &won["data"]["lost_reason"]), (&json!("2026-01-02T03:04:05Z"), &Json::Null));
    let (_, open) = account.patch(&path, json!({"status": "open"})).await;
    assert!(open["data"]["won_time"].is_null() && open["data"]["close_time"].is_null());
}

#[tokio::test]
async fn archived_deals_are_apart_and_cannot_be_edited() {
    let account = Account::open().await;
    let deal = account.make("deals", json!({"title": "old", "is_archived": true})).await;
    assert!(deal["archive_time"].is_string());
    let path = format!("api/v2/deals/{}", deal["id"]);
    assert_eq!(account.data("api/v2/deals").await, json!([]));
    assert_eq!(ids(&account.data("api/v2/deals/archived").await), [1]);
    assert_eq!(account.patch(&path, json!({"title": "new"})).await.0, 400);
    assert_eq!(account.patch(&path, json!({"is_archived": false, "title": "new"})).await.0, 200);
    assert_eq!(ids(&account.data("api/v2/deals").await), [1]);
}

#[tokio::test]
async fn a_patch_keeps_what_it_does_not_name_and_replaces_lists_whole() {
    let account = Account::open().await;
    let code = account.field("personFields", json!({"field_name": "City", "field_type": "varchar"})).await;
    let other = account.field("personFields", json!({"field_name": "Hobby", "field_type": "varchar"})).await;
    let emails = json!([{"value": "a@x.test", "label": "home"}, {"value": "b@x.test", "primary": true}]);
    let person = account
        .make(
            "persons",
            json!({"name": "Ada Byron King", "emails": emails, "custom_fields": {&code: "Rome", &other: "chess"}}),
        )
        .await;
    assert_eq!((&person["first_name"], &person["last_name"]), (&json!("Ada"), &json!("Byron King")));
    assert_eq!(person["emails"][1], json!({"value": "b@x.test", "primary": true, "label": "work"}));
    let (_, changed) = account
        .patch("api/v2/persons/1", json!({"emails": [{"value": "c@x.test"}], "custom_fields": {&code: null}}))
        .await;
    let changed = &changed["data"];
    assert_eq!(changed["emails"], json!([{"value": "c@x.test", "primary": true, "label": "work"}]));
    assert_eq!(changed["custom_fields"], json!({&code: null, &other: "chess"}));
    assert_eq!(
        account.post("api/v2/persons", json!({"name": "x", "job_title": "Boss"})).await.0,
        403,
        "contact sync is off"
    );
    let (_, added) = account.post("api/v2/persons", json!({"name": "x", "add_time": "2020-01-01T00:00:00Z"})).await;
    assert_eq!(added["data"]["add_time"], "2020-01-01T00:00:00Z");
    assert_eq!(account.patch("api/v2/persons/1", json!({"add_time": "2020-01-01T00:00:00Z"})).await.0, 400);
}

#[tokio::test]
async fn an_activity_has_one_primary_participant() {
    let account = Account::open().await;
    for name in ["Ada", "Bob"] {
        account.make("persons", json!({"name": name})).await;
    }
    let participants = json!([{"person_id": 1}, {"person_id": 2, "primary": true}]);
    let activity = account
        .make(
            "activities",
            json!({"type": "task", "due_date": "2026-02-01", "due_time": "09:30", "participants": participants}),
        )
        .await;
    assert_eq!(
        (&activity["person_id"], &activity["due_time"], &activity["subject"]),
        (&json!(2), &json!("09:30:00"), &json!("Task"))
    );
    assert!(activity.get("attendees").is_none(), "attendees come on request");
    assert_eq!(account.data("api/v2/activities/1?include_fields=attendees").await["attendees"], json!([]));
    let (_, done) = account.patch("api/v2/activities/1", json!({"done": true})).await;
    assert!(done["data"]["marked_as_done_time"].is_string());
    assert_eq!(ids(&account.data("api/v2/activities?done=true&person_id=2").await), [1]);
    assert_eq!(account.data("api/v2/activities?done=false").await, json!([]));
}

#[tokio::test]
async fn attaches_products_and_followers_to_a_deal() {
    let account = Account::open().await;
    account.make("deals", json!({"title": "x"})).await;
    account.make("products", json!({"name": "Oven", "prices": [{"price": 5, "currency": "EUR"}]})).await;
    let one = json!({"product_id": 1, "item_price": 10, "quantity": 3, "discount": 10});
    let (status, attached) = account.post("api/v2/deals/1/products", one.clone()).await;
    assert_eq!((status, &attached["data"]["sum"], &attached["data"]["name"]), (201, &json!(27.0), &json!("Oven")));
    let (status, many) = account.post("api/v2/deals/1/products/bulk", json!({"data": [one, one]})).await;
    assert_eq!((status, many["data"].as_array().unwrap().len()), (201, 2));
    assert_eq!(
        account.post("api/v2/deals/1/products/bulk", json!({"data": [one, {"product_id": 9}]})).await.0,
        400,
        "all or none"
    );
    assert_eq!(account.data("api/v2/deals/products?deal_ids=1").await.as_array().unwrap().len(), 3);
    assert_eq!(account.data("api/v2/deals/1?include_fields=products_count").await["products_count"], 3);
    let (status, _) = account.delete(&format!("api/v2/deals/1/products/{}", attached["data"]["id"])).await;
    assert_eq!(status, 200);
    let (_, gone) = account.delete("api/v2/deals/1/products").await;
    assert_eq!(gone["data"]["ids"].as_array().unwrap().len(), 2);

    assert_eq!(account.post("api/v2/deals/1/followers", json!({"user_id": 1})).await.0, 201);
    assert_eq!(account.post("api/v2/deals/1/followers", json!({"user_id": 1})).await.0, 400);
    assert_eq!(account.data("v1/deals/1/followers").await[0]["deal_id"], 1);
    assert_eq!(account.delete("api/v2/deals/1/followers/1").await.1["data"], json!({"user_id": 1}));
    let log = account.data("api/v2/deals/1/followers/changelog").await;
    assert_eq!((&log[0]["action"], &log[1]["action"]), (&json!("added"), &json!("removed")));
}
