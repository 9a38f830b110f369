//! Listing records.

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{Local, ids};

/// Makes five people, A to E, of ages 1 to 5.
async fn five() -> Local {
    let local = Local::start().await;
    local.people().await;
    let records: Vec<Json> = ["A", "B", "C", "D", "E"]
        .iter()
        .zip(1..)
        .map(|(name, age)| json!({ "fields": { "Name": name, "Age": age } }))
        .collect();
    local.post("/People", json!({ "records": records })).await;
    local
}

#[tokio::test]
async fn pages_follow_each_other_by_an_opaque_offset() {
    let local = five().await;
    let mut seen = Vec::new();
    let mut offset = String::new();
    for _ in 0..3 {
        let page = local.get(&format!("/People?pageSize=2&offset={}", offset.replace('/', "%2F"))).await;
        seen.extend(ids(&page["records"]));
        offset = page["offset"].as_str().unwrap_or_default().to_owned();
        assert_eq!(seen.len() == 5, offset.is_empty());
        assert!(offset.is_empty() || (offset.starts_with("itr") && offset.contains("/rec")), "{offset}");
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 5);
}

#[tokio::test]
async fn the_body_of_list_records_says_the_same_as_the_query() {
    let local = five().await;
    let options = json!({ "pageSize": 2, "sort": [{ "field": "Age", "direction": "desc" }], "fields": ["Name"], "maxRecords": 3 });
    let mut first = local.post("/People/listRecords", options.clone()).await;
    let by_query =
        local.get("/People?pageSize=2&sort[0][field]=Age&sort[0][direction]=desc&fields[]=Name&maxRecords=3").await;
    assert_eq!(first["records"], by_query["records"]);
    assert_eq!(first["records"][0]["fields"], json!({ "Name": "E" }));
    let mut next = options;
    next["offset"] = first["offset"].take();
    let last = local.post("/People/listRecords", next).await;
    assert_eq!((last["records"].as_array().unwrap().len(), last.get("offset")), (1, None));
}

#[tokio::test]
async fn an_offset_dies_and_a_wrong_one_is_told_apart() {
    let local = five().await;
    let page = local.get("/People?pageSize=2").await;
    let offset = page["offset"].as_str().unwrap().replace('/', "%2F");
    local.get(&format!("/People?pageSize=2&offset={offset}")).await;
    local.table("Others", json!([])).await;
    let refused = local.refused(Method::GET, &format!("/Others?offset={offset}"), json!({})).await;
    assert_eq!(refused, (422, "INVALID_OFFSET_VALUE".to_owned()));
    let life = local.client.put(local.url("/_emulator/offset_life_secs")).json(&0).send().await.unwrap();
    assert_eq!(life.status(), 204);
    let (status, answer) = local.ask(Method::GET, &format!("/People?offset={offset}"), None).await;
    assert_eq!((status, answer), (422, json!({ "error": { "type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE" } })));
    for wrong in ["nonsense", "itr1/rec2"] {
        let refused = local.refused(Method::GET, &format!("/People?offset={wrong}"), json!({})).await;
        assert_eq!(refused, (422, "INVALID_OFFSET_VALUE".to_owned()));
    }
}

#[tokio::test]
async fn later_pages_show_records_as_they_are_then() {
    let local = five().await;
    let query = "sort[0][field]=Name&pageSize=2";
    let page = local.get(&format!("/People?{query}")).await;
    let third = local.get("/People?filterByFormula=Name='C'").await["records"][0]["id"].as_str().unwrap().to_owned();
    local.ask(Method::DELETE, &format!("/People/{third}"), None).await;
    let offset = page["offset"].as_str().unwrap().replace('/', "%2F");
    assert_eq!(local.names(&format!("{query}&offset={offset}")).await, ["D"]);
}

#[tokio::test]
async fn wrong_options_are_refused() {
    let local = five().await;
    for (query, kind) in [
        ("pageSize=0", "INVALID_REQUEST_UNKNOWN"),
        ("pageSize=101", "INVALID_REQUEST_UNKNOWN"),
        ("pageSize=many", "INVALID_REQUEST_UNKNOWN"),
        ("maxRecords=0", "INVALID_REQUEST_UNKNOWN"),
        ("fields[]=Foo", "UNKNOWN_FIELD_NAME"),
        ("sort[0][field]=Foo", "UNKNOWN_FIELD_NAME"),
        ("sort[0][field]=Name&sort[0][direction]=up", "INVALID_REQUEST_UNKNOWN"),
        ("view=Foo", "VIEW_NAME_NOT_FOUND"),
        ("cellFormat=string", "INVALID_REQUEST_UNKNOWN"),
        ("filterByFormula={Foo}=1", "INVALID_FILTER_BY_FORMULA"),
    ] {
        let refused = local.refused(Method::GET, &format!("/People?{query}"), json!({})).await;
        assert_eq!(refused, (422, kind.to_owned()), "{query}");
    }
}

#[tokio::test]
async fn fields_come_by_name_or_by_id() {
    let local = five().await;
    for (flag, is_by_id) in [("1", true), ("true", true), ("0", false), ("false", false)] {
        let answer = local.get(&format!("/People?maxRecords=1&returnFieldsByFieldId={flag}")).await;
        let keys: Vec<&String> = answer["records"][0]["fields"].as_object().unwrap().keys().collect();
        assert!(keys.iter().all(|key| key.starts_with("fld") == is_by_id), "{flag} {keys:?}");
    }
}

#[tokio::test]
async fn sorts_numbers_as_numbers_and_empty_cells_first() {
    let local = five().await;
    local.person(json!({ "Name": "F", "Age": 10 })).await;
    local.person(json!({ "Name": "G" })).await;
    assert_eq!(local.names("sort[0][field]=Age").await, ["G", "A", "B", "C", "D", "E", "F"]);
    assert_eq!(local.names("sort[0][field]=Age&sort[0][direction]=desc&maxRecords=2").await, ["F", "E"]);
    assert_eq!(local.names("view=Grid+view").await, ["A", "B", "C", "D", "E", "F", "G"]);
}

#[tokio::test]
async fn nobody_is_promised_the_order_of_creation() {
    let local = Local::start().await;
    local.people().await;
    for batch in 0..3 {
        let names: Vec<Json> =
            (0..10).map(|number| json!({ "fields": { "Name": format!("{batch}{number}") } })).collect();
        local.post("/People", json!({ "records": names })).await;
    }
    let names = local.names("").await;
    assert_eq!(names.len(), 30);
    assert!(!names.is_sorted());
}

#[tokio::test]
async fn texts_for_people_need_a_zone_and_a_locale_in_the_query() {
    let local = five().await;
    local.person(json!({ "Name": "F", "Active": true, "Born": "2000-02-01", "Tags": ["a", "b"] })).await;
    let body = json!({ "cellFormat": "string", "filterByFormula": "{Active}", "timeZone": "utc", "userLocale": "en" });
    let refused = local.refused(Method::POST, "/People/listRecords", body.clone()).await;
    assert_eq!(refused, (422, "INVALID_REQUEST_UNKNOWN".to_owned()));
    let answer = local.post("/People/listRecords?timeZone=Europe/Berlin&userLocale=en", body).await;
    let shown = json!({ "Name": "F", "Tags": "a, b", "Active": "checked", "Born": "2000-02-01" });
    assert_eq!(answer["records"][0]["fields"], shown);
}

#[tokio::test]
async fn texts_for_people_have_the_field_s_format_and_the_reader_s_locale() {
    let local = five().await;
    let fields = json!({ "name": "Price", "type": "currency", "options": { "precision": 2, "symbol": "€" } });
    local.add_field(fields).await;
    local.add_field(json!({ "name": "Since", "type": "date", "options": { "dateFormat": { "name": "local" } } })).await;
    local.person(json!({ "Name": "F", "Active": true, "Price": 1234.5, "Since": "2000-02-01" })).await;
    for (locale, since) in [("en", "2/1/2000"), ("de", "1.2.2000"), ("en-gb", "1/2/2000")] {
        let path = format!("/People?cellFormat=string&timeZone=utc&userLocale={locale}&filterByFormula=%7BActive%7D");
        let answer = local.get(&path).await;
        let cells = &answer["records"][0]["fields"];
        assert_eq!((&cells["Since"], &cells["Price"]), (&json!(since), &json!("€1,234.50")), "{locale}");
    }
}
