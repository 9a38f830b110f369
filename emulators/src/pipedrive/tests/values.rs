//! Every type of field that people can make: read and written, with its parts, and what is refused.

use serde_json::{Value as Json, json};

use super::{Account, text};

/// An account with a person, an organization, and a field of each type on deals.
async fn with_fields() -> (Account, impl Fn(&str) -> String) {
    let account = Account::open().await;
    account.make("organizations", json!({"name": "Acme"})).await;
    account.make("persons", json!({"name": "Ada"})).await;
    let mut codes = Vec::new();
    for kind in [
        "varchar",
        "varchar_auto",
        "text",
        "phone",
        "double",
        "date",
        "daterange",
        "time",
        "timerange",
        "enum",
        "set",
        "address",
        "monetary",
        "org",
        "people",
        "user",
    ] {
        let options = json!([{"label": "Gold"}, {"label": "Silver"}]);
        let mut body = json!({"field_name": format!("My {kind}"), "field_type": kind});
        if matches!(kind, "enum" | "set") {
            body["options"] = options;
        }
        codes.push((kind.to_owned(), account.field("dealFields", body).await));
    }
    (account, move |kind: &str| codes.iter().find(|(name, _)| name == kind).unwrap().1.clone())
}

#[tokio::test]
async fn reads_back_every_type() {
    let (account, code) = with_fields().await;
    let (gold, silver) = option_ids(&account, &code("enum")).await;
    let (one, two) = option_ids(&account, &code("set")).await;
    assert_ne!(gold, one, "an option's id is its own");
    for (kind, written, kept) in [
        ("varchar", json!("text"), None),
        ("varchar_auto", json!("text"), None),
        ("text", json!("x".repeat(60_000)), None),
        ("phone", json!("+49 30 1"), None),
        ("double", json!(500.25), None),
        ("date", json!("2026-01-31"), None),
        ("daterange", json!({"value": "2026-01-01", "until": "2026-02-01"}), None),
        ("time", json!({"value": "09:00:00", "timezone_name": "Europe/London"}), None),
        ("time", json!({"value": "09:00"}), Some(json!({"value": "09:00:00", "timezone_name": "UTC"}))),
        ("timerange", json!({"value": "09:00:00", "until": "11:00:00", "timezone_name": "Europe/London"}), None),
        ("enum", json!(silver), None),
        ("set", json!([one, two]), None),
        ("monetary", json!({"value": 500, "currency": "USD"}), None),
        ("monetary", json!({"value": 500}), Some(json!({"value": 500, "currency": "EUR"}))),
        ("org", json!(1), None),
        ("people", json!(1), None),
        ("user", json!(1), None),
    ] {
        let deal = account.make("deals", json!({"title": kind, "custom_fields": {code(kind): written}})).await;
        assert_eq!(deal["custom_fields"][code(kind)], kept.unwrap_or(written), "{kind}");
        let path = format!("api/v2/deals/{}", deal["id"]);
        let (_, cleared) = account.patch(&path, json!({"custom_fields": {code(kind): null}})).await;
        assert_eq!(cleared["data"]["custom_fields"][code(kind)], Json::Null, "{kind}");
    }
    let deal = account
        .make(
            "deals",
            json!({"title": "x", "custom_fields": {code("address"): {"value": "Main St 1, Town", "country": "UK"}}}),
        )
        .await;
    let address = &deal["custom_fields"][code("address")];
    assert_eq!((&address["country"], &address["locality"]), (&json!("UK"), &Json::Null));
    let path = format!("api/v2/deals/{}", deal["id"]);
    let (_, moved) = account.patch(&path, json!({"custom_fields": {code("address"): {"value": "Side St 2"}}})).await;
    assert_eq!(moved["data"]["custom_fields"][code("address")]["country"], Json::Null, "parts left out become null");
}

async fn option_ids(account: &Account, code: &str) -> (u64, u64) {
    let field = account.data(&format!("api/v2/dealFields/{code}")).await;
    (field["options"][0]["id"].as_u64().unwrap(), field["options"][1]["id"].as_u64().unwrap())
}

#[tokio::test]
async fn refuses_what_does_not_fit_a_type() {
    let (account, code) = with_fields().await;
    for (kind, value, problem) in [
        ("varchar", json!(5), "must be a string"),
        ("varchar", json!("x".repeat(256)), "at most 255"),
        ("text", json!("x".repeat(65_536)), "at most 65535"),
        ("double", json!("5"), "must be a number"),
        ("date", json!("2026-02-30"), "must be a date"),
        ("date", json!("2026-01-31T00:00:00Z"), "must be a date"),
        ("daterange", json!("2026-01-01"), "must be an object"),
        ("daterange", json!({"value": "2026-01-01"}), "until: must be a date"),
        ("time", json!("09:00:00"), "must be an object"),
        ("time", json!({"value": "09:00:00", "timezone_name": "Mars"}), "timezone_name"),
        ("time", json!({"value": "09:00:00", "timezone_id": 5}), "Unknown key 'timezone_id'"),
        ("enum", json!("Gold"), "must be an integer"),
        ("enum", json!(9_999), "option 9999 does not exist"),
        ("set", json!([]), "must not be empty"),
        ("set", json!("1,2"), "must be an array"),
        ("monetary", json!(5), "must be an object"),
        ("monetary", json!({"value": 5, "currency": "XXX"}), "currency XXX is not available"),
        ("monetary", json!({"value": "5", "currency": "EUR"}), "value: must be a number"),
        ("address", json!("Main St"), "must be an object"),
        ("org", json!(9), "organization 9 not found"),
        ("people", json!("1"), "must be an integer"),
        ("user", json!(9), "user 9 not found"),
    ] {
        let (status, body) =
            account.post("api/v2/deals", json!({"title": "x", "custom_fields": {code(kind): value}})).await;
        assert_eq!(status, 400, "{kind} {value}");
        assert!(
            text(&body["error"]).contains(problem) && text(&body["error"]).contains(&code(kind)),
            "{problem}: {body}"
        );
    }
    assert_eq!(account.data("api/v2/deals").await, json!([]));
}

#[tokio::test]
async fn shows_labels_beside_ids_on_request() {
    let (account, code) = with_fields().await;
    let (gold, _) = option_ids(&account, &code("enum")).await;
    let (one, two) = option_ids(&account, &code("set")).await;
    let custom = json!({code("enum"): gold, code("set"): [one, two], code("varchar"): "x"});
    account.make("deals", json!({"title": "x", "label_ids": [1], "custom_fields": custom})).await;
    let query =
        format!("include_option_labels=true&include_labels=true&custom_fields={},{}", code("enum"), code("set"));
    let deal = account.data(&format!("api/v2/deals/1?{query}")).await;
    assert_eq!(
        deal["custom_fields"],
        json!({
        code("enum"): {"id": gold, "label": "Gold"}, code("set"): [{"id": one, "label": "Gold"}, {"id": two, "label": "Silver"}]})
    );
    assert_eq!(deal["labels"], json!([{"id": 1, "label": "Hot"}]));
}

#[tokio::test]
async fn version_one_shows_the_same_values_flat() {
    let (account, code) = with_fields().await;
    let (one, two) = option_ids(&account, &code("set")).await;
    let custom = json!({code("monetary"): {"value": 5, "currency": "USD"}, code("daterange"): {"value": "2026-01-01", "until": "2026-02-01"},
        code("set"): [one, two], code("enum"): option_ids(&account, &code("enum")).await.0});
    account.make("deals", json!({"title": "x", "custom_fields": custom})).await;
    let deal = account.data("v1/deals/1").await;
    assert_eq!((&deal[code("monetary")], &deal[format!("{}_currency", code("monetary"))]), (&json!(5), &json!("USD")));
    assert_eq!(deal[format!("{}_until", code("daterange"))], "2026-02-01");
    assert_eq!(deal[code("set")], json!(format!("{one},{two}")));
    assert!(deal[code("enum")].is_string() && deal[code("varchar")].is_null() && deal.get("custom_fields").is_none());
    let body = json!({code("monetary"): "7", format!("{}_currency", code("monetary")): "GBP", code("set"): two.to_string(), "value": "12"});
    assert_eq!(account.put("v1/deals/1", body).await.0, 200);
    let deal = account.data("api/v2/deals/1").await;
    assert_eq!(
        (&deal["custom_fields"][code("monetary")], &deal["value"]),
        (&json!({"value": 7, "currency": "GBP"}), &json!(12))
    );
    assert_eq!(deal["custom_fields"][code("set")], json!([two]));
}
