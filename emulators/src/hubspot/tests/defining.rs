//! Properties, custom objects, pipelines and owners.

use serde_json::{Value as Json, json};

use super::{Account, text};

const PROPERTIES: &str = "crm/properties/2026-09/contacts";

fn property(name: &str) -> Json {
    json!({"name": name, "label": "P", "type": "string", "fieldType": "text", "groupName": "contactinformation"})
}

#[tokio::test]
async fn describes_standard_properties() {
    let account = Account::open().await;
    let (_, body) = account.get(PROPERTIES).await;
    let results = body["results"].as_array().unwrap();
    assert!(results.len() > 30 && body.get("paging").is_none());
    let find = |name: &str| results.iter().find(|property| property["name"] == name).unwrap();
    assert_eq!(find("hubspot_owner_id")["referencedObjectType"], "OWNER");
    assert_eq!(find("hubspot_owner_id")["options"], json!([]));
    assert_eq!(find("lastmodifieddate")["modificationMetadata"]["readOnlyValue"], true);
    assert_eq!(find("email")["hasUniqueValue"], true);
    assert_eq!(find("lifecyclestage")["options"][2]["value"], "marketingqualifiedlead");
    let (_, stage) = account.get("crm/v3/properties/deals/dealstage").await;
    assert_eq!(
        stage["options"][5],
        json!({"label": "Closed Won", "value": "closedwon", "displayOrder": 5,
        "hidden": false, "description": ""})
    );
}

#[tokio::test]
async fn a_new_property_takes_values() {
    let account = Account::open().await;
    let (status, body) = account.post(PROPERTIES, property("shoe_size")).await;
    assert_eq!((status, &body["hubspotDefined"]), (201, &json!(false)));
    account.create("contacts", json!({"shoe_size": "42"})).await;
    let (status, body) = account.post(PROPERTIES, property("shoe_size")).await;
    assert_eq!((status, text(&body["category"])), (409, "OBJECT_ALREADY_EXISTS"));
    let (status, body) = account.patch(&format!("{PROPERTIES}/shoe_size"), json!({"label": "Size"})).await;
    assert_eq!((status, text(&body["label"])), (200, "Size"));
}

#[tokio::test]
async fn an_archived_property_is_gone_until_it_is_made_again() {
    let account = Account::open().await;
    account.post(PROPERTIES, property("shoe_size")).await;
    let id = account.create("contacts", json!({"shoe_size": "42"})).await;
    assert_eq!(account.delete(&format!("{PROPERTIES}/shoe_size")).await.0, 204);
    let path = format!("crm/v3/objects/contacts/{id}?properties=shoe_size");
    assert_eq!(account.get(&path).await.1["properties"].get("shoe_size"), None);
    let (status, _) = account.post("crm/v3/objects/contacts", json!({"properties": {"shoe_size": "42"}})).await;
    assert_eq!(status, 400);
    assert_eq!(account.get(&format!("{PROPERTIES}?archived=true")).await.1["results"][0]["name"], "shoe_size");
    assert_eq!(account.post(PROPERTIES, property("shoe_size")).await.0, 201);
    assert_eq!(account.get(&path).await.1["properties"]["shoe_size"], "42");
}

#[tokio::test]
async fn refuses_definitions_that_make_no_sense() {
    let account = Account::open().await;
    let with = |name: &str, value: Json| {
        let mut property = property("p");
        property[name] = value;
        property
    };
    let cases = [
        with("name", json!("Shoe Size!")),
        with("groupName", json!("nowhere")),
        with("fieldType", json!("date")),
        with("type", json!("enumeration")),
        with("type", json!("colour")),
        json!({"name": "p", "type": "string"}),
    ];
    for body in cases {
        assert_eq!(account.post(PROPERTIES, body.clone()).await.0, 400, "{body}");
    }
    assert_eq!(account.patch(&format!("{PROPERTIES}/email"), json!({"label": "Mail"})).await.0, 400);
    assert_eq!(account.delete(&format!("{PROPERTIES}/email")).await.0, 400);
    assert_eq!(account.get(&format!("{PROPERTIES}/nothing")).await.0, 404);
}

#[tokio::test]
async fn unique_properties_are_ten_at_most_and_enforced() {
    let account = Account::open().await;
    let unique = |number: u32| {
        let mut property = property(&format!("key_{number}"));
        property["hasUniqueValue"] = Json::from(true);
        property
    };
    for number in 0..10 {
        assert_eq!(account.post(PROPERTIES, unique(number)).await.0, 201);
    }
    assert_eq!(account.post(PROPERTIES, unique(10)).await.0, 400);
    account.create("contacts", json!({"key_0": "A"})).await;
    let (status, body) = account.post("crm/v3/objects/contacts", json!({"properties": {"key_0": "A"}})).await;
    assert_eq!((status, super::codes(&body).as_str()), (400, "CONFLICTING_UNIQUE_VALUE"));
    let inputs = json!([{"id": "A", "idProperty": "key_0", "properties": {"city": "Bern"}}]);
    let (status, body) = account.post("crm/v3/objects/contacts/batch/upsert", json!({"inputs": inputs})).await;
    assert_eq!((status, &body["results"][0]["new"]), (200, &json!(false)));
}

#[tokio::test]
async fn batches_of_properties_and_their_groups() {
    let account = Account::open().await;
    let group = json!({"name": "shoes", "label": "Shoes"});
    assert_eq!(account.post(&format!("{PROPERTIES}/groups"), group.clone()).await.0, 201);
    assert_eq!(account.post(&format!("{PROPERTIES}/groups"), group).await.0, 409);
    let inputs = json!({"inputs": [property("a"), property("email")]});
    let (status, body) = account.post(&format!("{PROPERTIES}/batch/create"), inputs).await;
    assert_eq!((status, &body["results"][0]["name"]), (207, &json!("a")));
    let inputs = json!({"archived": false, "inputs": [{"name": "a"}, {"name": "email"}]});
    let (status, body) = account.post(&format!("{PROPERTIES}/batch/read"), inputs).await;
    assert_eq!((status, body["results"].as_array().unwrap().len()), (200, 2));
    let inputs = json!({"inputs": [{"name": "a"}]});
    assert_eq!(account.post(&format!("{PROPERTIES}/batch/archive"), inputs).await.0, 204);
    assert_eq!(account.delete(&format!("{PROPERTIES}/groups/shoes")).await.0, 204);
}

#[tokio::test]
async fn a_custom_object_holds_records_and_associations() {
    let account = Account::open().await;
    let plate =
        json!({"name": "plate", "label": "Plate", "type": "string", "fieldType": "text", "hasUniqueValue": true});
    let schema = json!({"name": "cars", "labels": {"singular": "Car", "plural": "Cars"}, "properties": [plate],
        "requiredProperties": ["plate"], "primaryDisplayProperty": "plate", "searchableProperties": ["plate"],
        "secondaryDisplayProperties": [], "associatedObjects": ["CONTACT"]});
    let (status, body) = account.post("crm-object-schemas/2026-09/schemas", schema).await;
    assert_eq!(status, 201, "{body}");
    let type_id = text(&body["objectTypeId"]);
    assert!(type_id.starts_with("2-"));
    let id = account.create("cars", json!({"plate": "BE 1"})).await;
    for name in [type_id, "cars", text(&body["fullyQualifiedName"])] {
        assert_eq!(account.get(&format!("crm/v3/objects/{name}/{id}")).await.1["properties"]["plate"], "BE 1");
    }
    assert_eq!(account.post("crm/v3/objects/cars", json!({"properties": {}})).await.0, 400);
    let contact = account.create("contacts", json!({})).await;
    let path = format!("crm/v4/objects/cars/{id}/associations/default/contacts/{contact}");
    let (_, linked) = account.send(reqwest::Method::PUT, &path, Json::Null).await;
    assert_eq!(linked["results"][0]["associationSpec"]["associationCategory"], "USER_DEFINED");
    assert_eq!(account.get("crm-object-schemas/v3/schemas").await.1["results"][0]["name"], "cars");
    assert_eq!(account.delete("crm-object-schemas/v3/schemas/cars").await.0, 400);
}

#[tokio::test]
async fn pipelines_have_stages_in_order() {
    let account = Account::open().await;
    let (_, body) = account.get("crm/pipelines/2026-09/deals").await;
    let stages = body["results"][0]["stages"].as_array().unwrap();
    let stages: Vec<&str> = stages.iter().map(|stage| text(&stage["id"])).collect();
    assert_eq!((stages[0], stages[6]), ("appointmentscheduled", "closedlost"));
    let path = "crm/v3/pipelines/deals/default/stages";
    assert_eq!(account.post(path, json!({"label": "Won?", "displayOrder": 9, "metadata": {}})).await.0, 400);
    let stage = json!({"label": "On hold", "displayOrder": 9, "metadata": {"probability": "0.1"}});
    let (status, body) = account.post(path, stage).await;
    assert_eq!((status, text(&body["id"])), (201, "onhold"));
    account.create("deals", json!({"dealname": "D", "dealstage": "onhold"})).await;
    let used = format!("{path}/onhold?validateReferencesBeforeDelete=true");
    assert_eq!(account.delete(&used).await.0, 400);
    assert_eq!(account.delete(&format!("{path}/onhold")).await.0, 204);
}
