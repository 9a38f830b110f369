//! One record at a time.

use serde_json::{Value as Json, json};

use super::{Account, codes, ids, text};

const CONTACTS: &str = "crm/objects/2026-09/contacts";

async fn refused_value(object: &str, properties: Json) -> (u16, Json) {
    let account = Account::open().await;
    account.post(&format!("crm/v3/objects/{object}"), json!({"properties": properties})).await
}

#[tokio::test]
async fn shows_only_default_properties_unless_asked() {
    let account = Account::open().await;
    let id = account.create("contacts", json!({"email": "a@x.test", "phone": "1", "city": "Bern"})).await;
    let (status, plain) = account.get(&format!("{CONTACTS}/{id}")).await;
    assert_eq!(status, 200);
    let names: Vec<&String> = plain["properties"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"]);
    assert_eq!(plain["properties"]["firstname"], Json::Null);
    for query in ["properties=phone&properties=city&properties=nothing", "properties=phone,city,nothing"] {
        let (_, asked) = account.get(&format!("{CONTACTS}/{id}?{query}")).await;
        assert_eq!(asked["properties"]["city"], "Bern");
        assert_eq!(asked["properties"]["phone"], "1");
        assert_eq!(asked["properties"].get("nothing"), None);
        assert_eq!(asked["properties"].get("email"), None);
    }
}

#[tokio::test]
async fn the_old_paths_and_type_ids_lead_to_the_same_record() {
    let account = Account::open().await;
    let id = account.create("deals", json!({"dealname": "D", "dealstage": "closedwon", "amount": 42})).await;
    for path in ["crm/v3/objects/deals", "crm/objects/2026-03/0-3", "crm/objects/2027-03-beta/deal"] {
        let (status, body) = account.get(&format!("{path}/{id}?properties=amount,hs_is_closed_won")).await;
        assert_eq!((status, &body["properties"]["amount"]), (200, &json!("42")));
        assert_eq!(body["properties"]["hs_is_closed_won"], "true");
    }
    let (status, body) = account.get("crm/v3/objects/spaceships").await;
    assert_eq!((status, text(&body["message"])), (400, "Unable to infer object type from: spaceships"));
}

#[tokio::test]
async fn lists_by_id_and_names_the_next_page() {
    let account = Account::open().await;
    let all = account.create_contacts(3).await;
    let (_, first) = account.get(&format!("{CONTACTS}?limit=2")).await;
    let mut listed = ids(&first);
    let after = text(&first["paging"]["next"]["after"]);
    assert!(text(&first["paging"]["next"]["link"]).contains(&format!("limit=2&after={after}")));
    let (_, second) = account.get(&format!("{CONTACTS}?limit=2&after={after}")).await;
    listed.extend(ids(&second));
    assert_eq!(listed, all);
    assert_eq!(second.get("paging"), None);
    assert_eq!(account.get(&format!("{CONTACTS}?limit=101")).await.0, 400);
}

#[tokio::test]
async fn an_unknown_property_is_named_in_text_and_in_errors() {
    let (status, body) = refused_value("contacts", json!({"email": "a@x.test", "favourite": "x"})).await;
    assert_eq!((status, text(&body["category"])), (400, "VALIDATION_ERROR"));
    let detail = text(&body["message"]).strip_prefix("Property values were not valid: ").unwrap();
    let detail: Json = serde_json::from_str(detail).unwrap();
    assert_eq!(detail[0]["name"], "favourite");
    assert_eq!(detail[0]["error"], "PROPERTY_DOESNT_EXIST");
    assert_eq!(body["errors"][0]["message"], "Property \"favourite\" does not exist");
    assert_eq!(body["errors"][0]["context"]["propertyName"], json!(["favourite"]));
    assert!(!text(&body["correlationId"]).is_empty());
}

#[tokio::test]
async fn refuses_values_that_do_not_fit_their_type() {
    let company = |name: &str, value: &str| json!({"name": "C", name: value});
    let cases = [
        (company("numberofemployees", "1,000"), "INVALID_INTEGER"),
        (company("numberofemployees", " 5"), "INVALID_INTEGER"),
        (company("is_public", "yes"), "INVALID_BOOLEAN"),
        (company("closedate", "31.01.2026"), "INVALID_LONG"),
        (company("industry", "Banking"), "INVALID_OPTION"),
        (company("hs_object_id", "5"), "READ_ONLY_VALUE"),
        (company("hubspot_owner_id", "5"), "INVALID_OWNER_ID"),
        (company("description", &"x".repeat(65_537)), "VALUE_TOO_LONG"),
    ];
    for (properties, code) in cases {
        let (status, body) = refused_value("companies", properties.clone()).await;
        assert_eq!((status, codes(&body).as_str()), (400, code), "{properties}");
    }
    let (_, body) = refused_value("contacts", json!({"email": "nobody", "zodiac": "x"})).await;
    assert_eq!(codes(&body), "INVALID_EMAIL PROPERTY_DOESNT_EXIST");
    let (_, body) = refused_value("line_items", json!({"hs_recurring_billing_start_date": "1769817600001"})).await;
    assert_eq!(codes(&body), "INVALID_DATE");
}

#[tokio::test]
async fn keeps_dates_as_iso_and_numbers_as_text() {
    let account = Account::open().await;
    let item = json!({"hs_recurring_billing_start_date": "1769817600000", "quantity": 2});
    let id = account.create("line_items", item).await;
    let path = format!("crm/v3/objects/line_items/{id}?properties=hs_recurring_billing_start_date,quantity");
    let (_, body) = account.get(&path).await;
    assert_eq!(body["properties"]["hs_recurring_billing_start_date"], "2026-01-31");
    assert_eq!(body["properties"]["quantity"], "2");
    let deal = json!({"dealname": "D", "dealstage": "contractsent", "closedate": "2026-01-31T13:00:00+01:00"});
    let id = account.create("deals", deal).await;
    let (_, body) = account.get(&format!("crm/v3/objects/deals/{id}")).await;
    assert_eq!(body["properties"]["closedate"], "2026-01-31T12:00:00.000Z");
}

#[tokio::test]
async fn an_address_in_use_is_a_conflict_that_names_the_contact() {
    let account = Account::open().await;
    let id = account.create("contacts", json!({"email": "Ada@X.test"})).await;
    let (status, body) = account.post(CONTACTS, json!({"properties": {"email": "ada@x.TEST"}})).await;
    assert_eq!((status, text(&body["category"])), (409, "CONFLICT"));
    assert_eq!(body["message"], format!("Contact already exists. Existing ID: {id}"));
    let (_, found) = account.get(&format!("{CONTACTS}/ADA@x.test?idProperty=email")).await;
    assert_eq!(found["properties"]["email"], "ada@x.test");
    let (status, body) = account.get(&format!("{CONTACTS}/x?idProperty=firstname")).await;
    assert_eq!(status, 400, "{body}");
}

#[tokio::test]
async fn some_properties_are_required_to_make_a_record() {
    let cases = [
        ("companies", json!({"city": "Bern"})),
        ("deals", json!({"dealname": "D"})),
        ("tickets", json!({"subject": "T", "hs_pipeline_stage": "1"})),
        ("notes", json!({"hs_note_body": "N"})),
        ("emails", json!({"hs_timestamp": "2026-01-31"})),
    ];
    for (object, properties) in cases {
        let (status, body) = refused_value(object, properties).await;
        assert_eq!(status, 400);
        assert!(text(&body["message"]).contains("Some required properties were not set"), "{body}");
    }
    let account = Account::open().await;
    account.create("companies", json!({"domain": "x.test"})).await;
    account.create("contacts", json!({})).await;
}

#[tokio::test]
async fn an_empty_text_clears_and_a_null_does_nothing() {
    let account = Account::open().await;
    let id = account.create("contacts", json!({"firstname": "A", "lastname": "B"})).await;
    let path = format!("{CONTACTS}/{id}");
    let (status, _) = account.patch(&path, json!({"properties": {"firstname": "", "lastname": null}})).await;
    let (_, body) = account.get(&path).await;
    assert_eq!((status, &body["properties"]["firstname"]), (200, &Json::Null));
    assert_eq!(body["properties"]["lastname"], "B");
    assert_eq!(account.patch(&format!("{CONTACTS}/1"), json!({"properties": {}})).await.0, 404);
}

#[tokio::test]
async fn a_leading_semicolon_appends_to_a_checkbox() {
    let account = Account::open().await;
    let id = account.create("contacts", json!({"hs_buying_role": "CHAMPION;END_USER"})).await;
    let path = format!("{CONTACTS}/{id}?properties=hs_buying_role");
    account.patch(&path, json!({"properties": {"hs_buying_role": ";BLOCKER;CHAMPION"}})).await;
    assert_eq!(account.get(&path).await.1["properties"]["hs_buying_role"], "CHAMPION;END_USER;BLOCKER");
    account.patch(&path, json!({"properties": {"hs_buying_role": "BLOCKER"}})).await;
    assert_eq!(account.get(&path).await.1["properties"]["hs_buying_role"], "BLOCKER");
    let (status, _) = account.patch(&path, json!({"properties": {"hs_buying_role": "BLOCKER; CHAMPION"}})).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn the_lifecycle_moves_forward_only() {
    let account = Account::open().await;
    let id = account.create("contacts", json!({"lifecyclestage": "customer"})).await;
    let path = format!("{CONTACTS}/{id}?properties=lifecyclestage");
    let stage = |stage: &str| json!({"properties": {"lifecyclestage": stage}});
    assert_eq!(account.patch(&path, stage("lead")).await.0, 200);
    assert_eq!(account.get(&path).await.1["properties"]["lifecyclestage"], "customer");
    account.patch(&path, stage("")).await;
    account.patch(&path, stage("lead")).await;
    assert_eq!(account.get(&path).await.1["properties"]["lifecyclestage"], "lead");
}

#[tokio::test]
async fn a_stage_belongs_to_its_pipeline() {
    let account = Account::open().await;
    let stages = json!([{"label": "Only", "stageId": "only", "displayOrder": 0, "metadata": {"probability": "0.5"}}]);
    let pipeline = json!({"label": "Other", "pipelineId": "other", "displayOrder": 1, "stages": stages});
    assert_eq!(account.post("crm/pipelines/2026-09/deals", pipeline).await.0, 201);
    let deal = |pipeline: &str| json!({"properties": {"dealname": "D", "dealstage": "only", "pipeline": pipeline}});
    let (status, body) = account.post("crm/v3/objects/deals", deal("default")).await;
    assert_eq!((status, codes(&body).as_str()), (400, "INVALID_OPTION"));
    assert_eq!(account.post("crm/v3/objects/deals", deal("other")).await.0, 201);
}

#[tokio::test]
async fn archived_records_are_listed_apart_and_free_their_address() {
    let account = Account::open().await;
    let id = account.create("contacts", json!({"email": "a@x.test"})).await;
    assert_eq!(account.delete(&format!("{CONTACTS}/{id}")).await.0, 204);
    assert_eq!(account.get(&format!("{CONTACTS}/{id}")).await.0, 404);
    let (_, body) = account.get(&format!("{CONTACTS}?archived=true")).await;
    assert_eq!(ids(&body), std::slice::from_ref(&id));
    assert_eq!(body["results"][0]["archived"], true);
    assert!(!text(&body["results"][0]["archivedAt"]).is_empty());
    assert_ne!(account.create("contacts", json!({"email": "a@x.test"})).await, id);
    assert_eq!(account.delete(&format!("{CONTACTS}/99")).await.0, 404);
}

#[tokio::test]
async fn a_merge_mints_an_id_that_the_old_ones_lead_to() {
    let account = Account::open().await;
    let one = account.create("contacts", json!({"email": "one@x.test", "city": "Bern"})).await;
    let two = account.create("contacts", json!({"email": "two@x.test", "city": "Basel", "phone": "2"})).await;
    let body = json!({"primaryObjectId": one, "objectIdToMerge": two});
    let (status, merged) = account.post(&format!("{CONTACTS}/merge"), body).await;
    let id = text(&merged["id"]).to_owned();
    assert_eq!(status, 200);
    assert!(id != one && id != two);
    for key in [one.as_str(), &two, "two@x.test?idProperty=email"] {
        let query = if key.contains('?') { '&' } else { '?' };
        let (_, found) = account.get(&format!("{CONTACTS}/{key}{query}properties=email,city,phone")).await;
        assert_eq!(text(&found["id"]), id);
        assert_eq!(found["properties"]["city"], "Bern");
        assert_eq!(found["properties"]["phone"], "2");
    }
    let (status, _) = account.post(CONTACTS, json!({"properties": {"email": "two@x.test"}})).await;
    assert_eq!(status, 409);
}

#[tokio::test]
async fn a_privacy_deletion_leaves_nothing() {
    let account = Account::open().await;
    account.create("contacts", json!({"email": "a@x.test"})).await;
    let body = json!({"objectId": "a@x.test", "idProperty": "email"});
    assert_eq!(account.post(&format!("{CONTACTS}/gdpr-delete"), body).await.0, 204);
    let (_, archived) = account.get(&format!("{CONTACTS}?archived=true")).await;
    assert!(ids(&archived).is_empty());
}

#[tokio::test]
async fn tells_the_history_of_a_property() {
    let account = Account::open().await;
    let id = account.create("contacts", json!({"city": "Bern"})).await;
    account.patch(&format!("{CONTACTS}/{id}"), json!({"properties": {"city": "Basel"}})).await;
    let (_, body) = account.get(&format!("{CONTACTS}/{id}?propertiesWithHistory=city")).await;
    let history = body["propertiesWithHistory"]["city"].as_array().unwrap();
    let values: Vec<&str> = history.iter().map(|change| text(&change["value"])).collect();
    assert_eq!(values, ["Basel", "Bern"]);
    assert_eq!(account.get(&format!("{CONTACTS}?limit=51&propertiesWithHistory=city")).await.0, 400);
}

#[tokio::test]
async fn the_create_form_counts_from_2026_09_on() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("contacts.schema.yaml"), "requiredOnForm: [phone]").unwrap();
    let options = crate::options::EmulatorOptions {
        fixtures: Some(folder.path().to_owned()),
        ..crate::options::EmulatorOptions::default()
    };
    let account = Account::with(options, clock::Clock::system()).await;
    let body = json!({"properties": {"email": "a@x.test"}});
    let (status, answer) = account.post("crm/objects/2026-09/contacts", body.clone()).await;
    assert_eq!((status, codes(&answer).as_str()), (400, "MISSING_REQUIRED_PROPERTY"));
    assert_eq!(account.post("crm/objects/2026-03/contacts", body).await.0, 201);
}

#[tokio::test]
async fn a_body_that_is_not_understood_is_placed_by_line_and_column() {
    let account = Account::open().await;
    let (status, body) = account.post(CONTACTS, json!({"fields": {}})).await;
    assert_eq!(status, 400);
    assert!(text(&body["message"]).starts_with("Invalid input JSON on line 1, column "), "{body}");
    let (status, _) = account.post(CONTACTS, json!({"properties": {"city": ["Bern"]}})).await;
    assert_eq!(status, 400);
    let long = format!("{CONTACTS}?properties={}", "x".repeat(16_000));
    let response = account.request(reqwest::Method::GET, &long).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 414);
}

#[tokio::test]
async fn a_deal_without_a_pipeline_is_in_the_default_one() {
    let account = Account::open().await;
    let id = account.create("deals", json!({"dealname": "D", "dealstage": "closedwon"})).await;
    let (_, deal) = account.get(&format!("crm/v3/objects/deals/{id}?properties=pipeline")).await;
    assert_eq!(deal["properties"]["pipeline"], "default");
    let inputs = json!({"inputs": [{"properties": {"dealname": "E", "dealstage": "closedlost"}}]});
    let (status, batch) = account.post("crm/v3/objects/deals/batch/create", inputs).await;
    assert_eq!(status, 201);
    let path = format!("crm/v3/objects/deals/{}?properties=pipeline", text(&batch["results"][0]["id"]));
    assert_eq!(account.get(&path).await.1["properties"]["pipeline"], "default");
}

#[tokio::test]
async fn erasing_an_address_that_nobody_has_blocks_it() {
    let account = Account::open().await;
    let erase = |id: &str| json!({"objectId": id, "idProperty": "email"});
    assert_eq!(account.post(&format!("{CONTACTS}/gdpr-delete"), erase("Gone@X.test")).await.0, 204);
    assert_eq!(account.post(&format!("{CONTACTS}/gdpr-delete"), erase("Gone@X.test")).await.0, 204);
    let properties = json!({"properties": {"email": "gone@x.test"}});
    let (status, body) = account.post(CONTACTS, properties).await;
    assert_eq!((status, codes(&body).as_str()), (400, "BLOCKED_EMAIL"));
    let other = account.create("contacts", json!({"email": "stays@x.test"})).await;
    let (status, _) =
        account.patch(&format!("{CONTACTS}/{other}"), json!({"properties": {"email": "gone@x.test"}})).await;
    assert_eq!(status, 400);
    assert_eq!(account.post(&format!("{CONTACTS}/gdpr-delete"), json!({"objectId": "77"})).await.0, 404);
}
