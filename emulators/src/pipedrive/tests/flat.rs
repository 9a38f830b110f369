//! Version 1: leads, notes, participants, users, and the records that version 2 replaced.

use serde_json::{Value as Json, json};

use super::{Account, ids, text};

async fn with_people() -> Account {
    let account = Account::open().await;
    account.make("organizations", json!({"name": "Acme", "address": {"value": "Main St 1"}})).await;
    account.make("persons", json!({"name": "Ada Lovelace", "org_id": 1, "emails": [{"value": "ada@x.test"}]})).await;
    account.make("persons", json!({"name": "Bob"})).await;
    account.make("deals", json!({"title": "Big", "person_id": 1, "org_id": 1})).await;
    account
}

#[tokio::test]
async fn a_lead_hangs_on_a_person_or_an_organization() {
    let account = with_people().await;
    let code = account.field("dealFields", json!({"field_name": "Budget", "field_type": "monetary"})).await;
    for (body, problem) in [
        (json!({"title": "x"}), "must be linked"),
        (json!({"person_id": 1}), "title is required"),
        (json!({"title": "x", "person_id": 9}), "person_id: must be the id"),
        (json!({"title": "x", "person_id": 1, "value": {"amount": 5}}), "value: must be a string"),
        (json!({"title": "x", "person_id": 1, "label_ids": ["nonsense"]}), "label_ids: must be ids"),
        (json!({"title": "x", "person_id": 1, "nonsense": 1}), "nonsense: is not allowed"),
    ] {
        let (status, refused) = account.post("v1/leads", body).await;
        assert!(status == 400 && text(&refused["error"]).contains(problem), "{problem}: {refused}");
    }
    let label = account.data("v1/leadLabels").await[0]["id"].clone();
    let body = json!({"title": "Hot one", "person_id": 1, "value": {"amount": 5, "currency": "EUR"}, "label_ids": [label],
        &code: 7, format!("{code}_currency"): "USD"});
    let (status, lead) = account.post("api/v1/leads", body).await;
    assert_eq!(status, 201, "{lead}");
    let lead = &lead["data"];
    assert_eq!(text(&lead["id"]).len(), 36);
    assert_eq!(
        (&lead[&code], &lead[format!("{code}_currency")], &lead["organization_id"]),
        (&json!(7), &json!("USD"), &Json::Null)
    );
    let path = format!("v1/leads/{}", text(&lead["id"]));
    let (_, changed) = account.patch(&path, json!({"title": "Cold one", &code: null})).await;
    assert_eq!(changed["data"]["title"], "Cold one");
    assert!(changed["data"].get(&code).is_none(), "a field without a value is not there");
    account.patch(&path, json!({"is_archived": true})).await;
    assert_eq!(account.data("v1/leads").await, json!([]));
    assert_eq!(account.data("v1/leads/archived").await.as_array().unwrap().len(), 1);
    assert_eq!(account.patch(&path, json!({"title": "x"})).await.0, 400, "archived ones are not edited");
    assert_eq!(account.delete(&path).await.1["data"]["id"], lead["id"]);
    assert_eq!(
        account.get("v1/leads/adf21080-0e10-11eb-879b-05d71fb426ec").await.1["error"],
        "requested lead not found"
    );
}

#[tokio::test]
async fn a_lead_becomes_a_deal() {
    let account = with_people().await;
    let (_, lead) = account
        .post("v1/leads", json!({"title": "Hot", "organization_id": 1, "value": {"amount": 5, "currency": "USD"}}))
        .await;
    let id = text(&lead["data"]["id"]).to_owned();
    account.post("v1/notes", json!({"content": "met", "lead_id": id})).await;
    let (status, job) = account.post(&format!("api/v2/leads/{id}/convert/deal"), json!({"stage_id": 2})).await;
    assert_eq!(status, 200, "{job}");
    let conversion = text(&job["data"]["conversion_id"]).to_owned();
    let done = account.data(&format!("api/v2/leads/{id}/convert/status/{conversion}")).await;
    assert_eq!((&done["status"], &done["deal_id"]), (&json!("completed"), &json!(2)));
    let deal = account.data("api/v2/deals/2?include_fields=source_lead_id,notes_count").await;
    assert_eq!(
        (&deal["value"], &deal["currency"], &deal["org_id"], &deal["stage_id"]),
        (&json!(5), &json!("USD"), &json!(1), &json!(2))
    );
    assert_eq!((&deal["source_lead_id"], &deal["notes_count"]), (&json!(id), &json!(1)));
    assert_eq!(account.data("v1/leads").await, json!([]));
    assert_eq!(account.get(&format!("api/v2/leads/{id}/convert/status/{id}")).await.0, 404);
}

#[tokio::test]
async fn notes_hang_on_something_and_are_sanitised() {
    let account = with_people().await;
    for body in [
        json!({"content": "x"}),
        json!({"deal_id": 1}),
        json!({"content": "x", "deal_id": 9}),
        json!({"content": "x", "deal_id": 1, "add_time": "2020-01-01T00:00:00Z"}),
        json!({"content": "x", "deal_id": 1, "pinned_to_person_flag": 1}),
    ] {
        assert_eq!(account.post("v1/notes", body).await.0, 400);
    }
    let html = "<b onclick=\"x()\">Hi</b><script>alert(1)</script>";
    let (status, note) = account
        .post(
            "v1/notes",
            json!({"content": html, "deal_id": 1, "add_time": "2020-01-02 03:04:05", "pinned_to_deal_flag": 1}),
        )
        .await;
    assert_eq!((status, &note["data"]["content"]), (200, &json!("<b>Hi</b>")));
    assert_eq!(
        (&note["data"]["add_time"], &note["data"]["deal"]["title"]),
        (&json!("2020-01-02 03:04:05"), &json!("Big"))
    );
    account.post("v1/notes", json!({"content": "second", "person_id": 1})).await;
    for (query, expected) in [
        ("deal_id=1", vec![1]),
        ("person_id=1", vec![2]),
        ("pinned_to_deal_flag=1", vec![1]),
        ("sort=add_time%20DESC", vec![2, 1]),
        ("start_date=2020-01-02&end_date=2020-01-02", vec![1]),
        ("updated_since=2030-01-01T00:00:00Z", vec![]),
        ("start=1&limit=1", vec![2]),
    ] {
        assert_eq!(ids(&account.data(&format!("v1/notes?{query}")).await), expected, "{query}");
    }
    assert_eq!(account.put("v1/notes/1", json!({"content": "new"})).await.1["data"]["content"], "new");
    assert_eq!(account.delete("v1/notes/1").await.1["data"], true);
    assert_eq!(ids(&account.data("v1/notes").await), [2]);
}

#[tokio::test]
async fn participants_are_more_persons_of_a_deal() {
    let account = with_people().await;
    let (status, added) = account.post("v1/deals/1/participants", json!({"person_id": 2})).await;
    assert_eq!((status, &added["data"]["person_id"]["value"]), (200, &json!(2)));
    assert_eq!(account.post("v1/deals/1/participants", json!({"person_id": 2})).await.0, 400);
    assert_eq!(account.data("v1/deals/1/participants").await.as_array().unwrap().len(), 1);
    assert_eq!(ids(&account.data("api/v2/persons?deal_id=1").await), [1, 2]);
    assert_eq!(account.data("api/v2/deals/1?include_fields=participants_count").await["participants_count"], 1);
    let path = format!("v1/deals/1/participants/{}", added["data"]["id"]);
    assert_eq!(account.delete(&path).await.0, 200);
    assert_eq!(account.delete(&path).await.0, 404);
}

#[tokio::test]
async fn what_version_two_replaced_still_answers_in_its_own_way() {
    let account = with_people().await;
    let deal = account.data("v1/deals/1").await;
    assert_eq!(
        (&deal["person_id"]["value"], &deal["user_id"]["id"], &deal["org_id"]["name"]),
        (&json!(1), &json!(1), &json!("Acme"))
    );
    assert_eq!((text(&deal["add_time"]).len(), &deal["visible_to"], &deal["active"]), (19, &json!("3"), &json!(true)));
    let person = account.data("v1/persons/1").await;
    assert_eq!(
        (&person["email"][0]["value"], &person["phone"]),
        (&json!("ada@x.test"), &json!([{"value": "", "primary": true}]))
    );
    let body =
        json!({"title": "Old way", "value": "12.5", "user_id": "1", "person_id": 2, "nonsense": 1, "status": "won"});
    let (status, made) = account.post("v1/deals", body).await;
    assert_eq!((status, &made["data"]["value"]), (201, &json!(12.5)), "{made}");
    let (_, person) =
        account.post("v1/persons", json!({"name": "Cy", "email": ["cy@x.test", "c@y.test"], "phone": "1"})).await;
    assert_eq!(person["data"]["email"][1], json!({"value": "c@y.test", "primary": false, "label": "work"}));
    let (_, activity) = account
        .post(
            "v1/activities",
            json!({"subject": "Call", "type": "call", "done": 1, "person_id": 1, "due_time": "10:00"}),
        )
        .await;
    assert_eq!(
        (&activity["data"]["done"], &activity["data"]["person_id"], &activity["data"]["due_time"]),
        (&json!(true), &json!(1), &json!("10:00"))
    );
    let form =
        account.request(reqwest::Method::POST, "v1/organizations").form(&[("name", "By form"), ("owner_id", "1")]);
    assert_eq!(super::read(form.send().await.unwrap()).await.0, 201, "version 1 takes forms");
    assert_eq!(account.put("v1/deals/2", json!({"status": "lost"})).await.1["data"]["status"], "lost");
    let (_, page) = account.get("v1/deals?limit=1").await;
    assert_eq!(
        page["additional_data"]["pagination"],
        json!({"start": 0, "limit": 1, "more_items_in_collection": true, "next_start": 1})
    );
    assert_eq!(ids(&account.data("v1/persons/1/deals").await), [1]);
    assert_eq!(account.delete("v1/deals/2").await.1["data"]["id"], 2);
    assert_eq!(account.data("v1/deals/2").await["status"], "deleted");
    assert_eq!(account.data("v1/products").await, Json::Null, "an empty list is null");
}

#[tokio::test]
async fn tells_users_types_and_what_is_recent() {
    let account = with_people().await;
    assert_eq!(account.data("v1/users").await[0]["email"], "ada@ferry.example");
    assert_eq!(
        account.get("v1/users/9").await.1,
        json!({"success": false, "error": "User not found or not accessible."})
    );
    assert_eq!(account.data("v1/users/find?term=ferry.example&search_by_email=1").await.as_array().unwrap().len(), 1);
    assert_eq!(account.data("v1/currencies?term=euro").await[0]["code"], "EUR");
    let (_, kind) = account.post("v1/activityTypes", json!({"name": "Video call", "icon_key": "camera"})).await;
    assert_eq!(kind["data"]["key_string"], "video_call");
    assert_eq!(account.post("api/v2/activities", json!({"type": "video_call"})).await.0, 200);
    account.delete(&format!("v1/activityTypes/{}", kind["data"]["id"])).await;
    assert_eq!(account.post("api/v2/activities", json!({"type": "video_call"})).await.0, 400);
    let recent = account.data("v1/recents?since_timestamp=2020-01-01%2000:00:00&items=deal,person").await;
    let found: Vec<_> = recent
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (text(&one["item"]).to_owned(), one["id"].as_u64().unwrap()))
        .collect();
    assert_eq!(found.iter().filter(|(item, _)| item == "person").count(), 2);
    assert!(found.contains(&("deal".to_owned(), 1)));
    assert_eq!(account.get("v1/recents").await.0, 400);
}
