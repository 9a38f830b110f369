//! What each type of field takes and gives.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::Local;

/// Makes a table with one field `X` of a type.
async fn field(kind: &str, options: Json) -> Local {
    let local = Local::start().await;
    let mut field = json!({ "name": "X", "type": kind });
    if !options.is_null() {
        field["options"] = options;
    }
    local.table("T", json!([field])).await;
    local
}

/// Writes a value and checks what is read then; null for an empty cell.
async fn check(local: &Local, written: Json, read: Json) {
    let answer = local.post("/T", json!({ "fields": { "X": written } })).await;
    assert_eq!(answer["fields"].get("X").cloned().unwrap_or_default(), read, "{written}");
}

/// Writes a value with `typecast` and checks what is read then.
async fn check_cast(local: &Local, written: Json, read: Json) {
    let answer = local.post("/T", json!({ "fields": { "X": written }, "typecast": true })).await;
    assert_eq!(answer["fields"].get("X").cloned().unwrap_or_default(), read, "{written}");
}

/// Checks that values are refused as unfit.
async fn check_refused(local: &Local, values: Json) {
    for value in values.as_array().unwrap() {
        let (status, answer) = local.ask(Method::POST, "/T", Some(json!({ "fields": { "X": value } }))).await;
        assert_eq!(status, 422, "{value}");
        assert_eq!(answer["error"]["type"], "INVALID_VALUE_FOR_COLUMN", "{value}");
        assert_eq!(answer["error"]["message"], "Field \"X\" cannot accept the provided value", "{value}");
    }
}

#[tokio::test]
async fn texts_take_texts_and_empty_ones_are_absent() {
    for kind in ["singleLineText", "multilineText", "email", "url", "phoneNumber"] {
        let local = field(kind, Json::Null).await;
        check(&local, json!("not checked"), json!("not checked")).await;
        check(&local, json!(""), Json::Null).await;
        check_refused(&local, json!([1, true, ["a"], {}, "x".repeat(100_001)])).await;
        check_cast(&local, json!(1.5), json!("1.5")).await;
    }
    let local = field("richText", Json::Null).await;
    check(&local, json!("**bold**"), json!("**bold**\n")).await;
}

#[tokio::test]
async fn numbers_take_numbers() {
    for (kind, options) in [
        ("number", json!({ "precision": 2 })),
        ("currency", json!({ "precision": 2, "symbol": "€" })),
        ("percent", json!({ "precision": 0 })),
        ("duration", json!({ "durationFormat": "h:mm" })),
    ] {
        let local = field(kind, options).await;
        check(&local, json!(0.125), json!(0.125)).await;
        check(&local, json!(5.0), json!(5)).await;
        check(&local, json!(0), json!(0)).await;
        check(&local, Json::Null, Json::Null).await;
        check_refused(&local, json!(["5", "", true, [5]])).await;
        check_cast(&local, json!("$1,250.5"), json!(1250.5)).await;
        check_cast(&local, json!("many"), Json::Null).await;
    }
}

#[tokio::test]
async fn a_rating_goes_from_one_to_its_maximum() {
    let local = field("rating", json!({ "icon": "star", "max": 5, "color": "yellowBright" })).await;
    check(&local, json!(5), json!(5)).await;
    check(&local, Json::Null, Json::Null).await;
    check_refused(&local, json!([0, 6, 1.5, "3"])).await;
}

#[tokio::test]
async fn an_unchecked_box_is_absent() {
    let local = field("checkbox", json!({ "icon": "check", "color": "greenBright" })).await;
    check(&local, json!(true), json!(true)).await;
    check(&local, json!(false), Json::Null).await;
    check_refused(&local, json!(["true", 1])).await;
    check_cast(&local, json!("checked"), json!(true)).await;
}

#[tokio::test]
async fn an_unknown_choice_is_made_by_typecast_alone() {
    let local = field("singleSelect", json!({ "choices": [{ "name": "a" }] })).await;
    check(&local, json!("a"), json!("a")).await;
    for unknown in ["A", ""] {
        let (status, answer) = local.ask(Method::POST, "/T", Some(json!({ "fields": { "X": unknown } }))).await;
        let message = format!("Insufficient permissions to create new select option \"{unknown}\"");
        assert_eq!((status, &answer["error"]["message"]), (422, &json!(message)));
        assert_eq!(answer["error"]["type"], "INVALID_MULTIPLE_CHOICE_OPTIONS");
    }
    check_cast(&local, json!("new"), json!("new")).await;
    check(&local, json!("new"), json!("new")).await;
    check_refused(&local, json!([1, ["a"]])).await;
}

#[tokio::test]
async fn several_choices_replace_the_ones_before() {
    let local = field("multipleSelects", json!({ "choices": [{ "name": "a" }, { "name": "b" }] })).await;
    let made = local.post("/T", json!({ "fields": { "X": ["a", "b"] } })).await;
    let path = format!("/T/{}", made["id"].as_str().unwrap());
    let changed = local.patch(&path, json!({ "fields": { "X": ["b"] } })).await;
    assert_eq!(changed["fields"]["X"], json!(["b"]));
    check(&local, json!([]), Json::Null).await;
    check_refused(&local, json!(["a"])).await;
    let refused = local.refused(Method::POST, "/T", json!({ "fields": { "X": ["a", "c"] } })).await;
    assert_eq!(refused.1, "INVALID_MULTIPLE_CHOICE_OPTIONS");
    check_cast(&local, json!("a, c"), json!(["a", "c"])).await;
}

#[tokio::test]
async fn days_and_times_are_iso_and_times_are_read_in_the_fields_zone() {
    let local = field("date", json!({ "dateFormat": { "name": "european" } })).await;
    check(&local, json!("2026-11-23"), json!("2026-11-23")).await;
    check_refused(&local, json!(["23/11/2026", "2026-13-01", "", 20_261_123])).await;
    let zone =
        |zone: &str| json!({ "dateFormat": { "name": "iso" }, "timeFormat": { "name": "24hour" }, "timeZone": zone });
    let local = field("dateTime", zone("Europe/Berlin")).await;
    check(&local, json!("2026-11-23T10:30:00+02:00"), json!("2026-11-23T08:30:00.000Z")).await;
    check(&local, json!("2026-11-23T10:30:00"), json!("2026-11-23T09:30:00.000Z")).await;
    check_refused(&local, json!(["soon", 1])).await;
    let local = field("dateTime", zone("client")).await;
    check(&local, json!("2026-11-23T10:30"), json!("2026-11-23T10:30:00.000Z")).await;
}

#[tokio::test]
async fn users_are_named_by_id_or_address() {
    let local = field("singleCollaborator", Json::Null).await;
    let made = local.post("/T", json!({ "fields": { "X": { "email": "ann@example.com" } } })).await;
    assert_eq!(
        (&made["fields"]["X"]["email"], &made["fields"]["X"]["name"]),
        (&json!("ann@example.com"), &json!("ann"))
    );
    let id = made["fields"]["X"]["id"].as_str().unwrap().to_owned();
    let again = local.post("/T", json!({ "fields": { "X": { "id": id } } })).await;
    assert_eq!(again["fields"]["X"]["id"], json!(id));
    check_refused(&local, json!(["ann@example.com", { "name": "ann" }])).await;
    let local = field("multipleCollaborators", Json::Null).await;
    let made = local.post("/T", json!({ "fields": { "X": [id] } })).await;
    assert_eq!(made["fields"]["X"][0]["id"], json!(id));
    check_refused(&local, json!([["ann@example.com"], [{ "email": "ann@example.com" }], id])).await;
}

#[tokio::test]
async fn attachments_come_by_url_and_are_kept_by_id() {
    let local = field("multipleAttachments", Json::Null).await;
    let made = local.post("/T", json!({ "fields": { "X": [{ "url": "https://example.com/a.pdf" }] } })).await;
    let file = made["fields"]["X"][0].clone();
    assert_eq!((&file["filename"], &file["type"]), (&json!("a.pdf"), &json!("application/pdf")));
    let path = format!("/T/{}", made["id"].as_str().unwrap());
    let files = json!([{ "id": file["id"] }, { "url": "https://example.com/b.png", "filename": "c.png" }]);
    let changed = local.patch(&path, json!({ "fields": { "X": files } })).await;
    assert_eq!((&changed["fields"]["X"][0], &changed["fields"]["X"][1]["filename"]), (&file, &json!("c.png")));
    check_refused(
        &local,
        json!([["https://example.com/a.pdf"], [{ "url": "a.pdf" }], [{ "id": "att00000000000000" }]]),
    )
    .await;
    let body = json!({ "contentType": "text/plain", "filename": "n.txt", "file": "aGVsbG8=" });
    let uploaded = local.post(&format!("/{}/X/uploadAttachment", made["id"].as_str().unwrap()), body).await;
    let cell = uploaded["fields"].as_object().unwrap().values().next().unwrap().clone();
    assert_eq!((cell.as_array().unwrap().len(), &cell[2]["size"]), (3, &json!(5)));
}

#[tokio::test]
async fn a_barcode_is_an_object() {
    let local = field("barcode", Json::Null).await;
    check(
        &local,
        json!({ "text": "4006381333931", "type": "ean13" }),
        json!({ "text": "4006381333931", "type": "ean13" }),
    )
    .await;
    check_refused(&local, json!(["4006381333931", { "type": "ean13" }])).await;
}
