use reqwest::Method;
use serde_json::Value as Json;

use super::{Org, text};

#[tokio::test]
async fn offers_versions_31_to_68_and_says_that_older_ones_are_gone() {
    let org = Org::open().await;
    let (status, versions) = org.get("/services/data").await;
    assert_eq!((status, versions.as_array().unwrap().len()), (200, 38));
    for (version, expected) in [("v31.0", 200), ("v68.0", 200), ("v30.0", 410), ("v69.0", 404)] {
        assert_eq!(org.get(&format!("/services/data/{version}/sobjects")).await.0, expected, "{version}");
    }
}

#[tokio::test]
async fn describes_standard_objects_with_what_writers_need_to_know() {
    let org = Org::open().await;
    let (_, contact) = org.get("sobjects/contact/describe").await;
    let field =
        |name: &str| contact["fields"].as_array().unwrap().iter().find(|it| it["name"] == name).unwrap().clone();
    assert_eq!(field("Email")["idLookup"], true);
    assert_eq!(
        (&field("LastName")["nillable"], &field("LastName")["createable"]),
        (&Json::from(false), &Json::from(true))
    );
    assert_eq!(field("Name")["createable"], false);
    assert_eq!(field("MailingStreet")["compoundFieldName"], "MailingAddress");
    assert_eq!(field("AccountId")["relationshipName"], "Account");
    let children = contact["childRelationships"].as_array().unwrap();
    assert!(children.iter().any(|it| it["relationshipName"] == "Tasks" && it["field"] == "WhoId"));
    let (status, refusal) = org.get("sobjects/Nonsense__c/describe").await;
    assert_eq!((status, text(&refusal[0]["errorCode"])), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn answers_304_to_who_has_the_describe() {
    let org = Org::open().await;
    let first = org.request(Method::GET, "sobjects").send().await.unwrap();
    let date = first.headers()["last-modified"].to_str().unwrap().to_owned();
    let again = org.request(Method::GET, "sobjects").header("if-modified-since", date).send().await.unwrap();
    assert_eq!(again.status(), 304);
}

#[tokio::test]
async fn knows_the_objects_and_the_record_types_of_the_fixtures() {
    let schema = "label: Space\nfields:\n  - {name: Key__c, type: string, length: 20, externalId: true, unique: true}\n  \
                  - {name: Market__c, type: reference, referenceTo: [Account], childRelationshipName: Spaces__r}\n\
                  recordTypes:\n  - {developerName: Small, name: Small one}\n";
    let org = Org::with_files(&[("Space__c.schema.yaml", schema)]).await;
    let (_, space) = org.get("sobjects/Space__c/describe").await;
    let names: Vec<&str> = space["fields"].as_array().unwrap().iter().map(|it| text(&it["name"])).collect();
    for name in ["Id", "Name", "OwnerId", "Key__c", "Market__c", "RecordTypeId", "SystemModstamp"] {
        assert!(names.contains(&name), "{name}");
    }
    assert_eq!(space["recordTypeInfos"][0]["developerName"], "Small");
    assert_eq!(space["recordTypeInfos"][1]["recordTypeId"], "012000000000000AAA");
    let id = text(&space["recordTypeInfos"][0]["recordTypeId"]).to_owned();
    assert_eq!(org.column("SELECT Id FROM RecordType WHERE DeveloperName = 'Small'", "/Id").await, id);
    assert!(text(&space["keyPrefix"]).starts_with('a'));
}

/// The real describes are data beside the clone; without them there is nothing to compare with.
fn real(name: &str) -> Option<Json> {
    let path = format!("{}/../../shared/data/salesforce/describe/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: there is no {path}");
        return None;
    };
    serde_json::from_str(&text).ok()
}

#[tokio::test]
async fn describes_fields_with_the_keys_and_types_of_real_describes() {
    let org = Org::open().await;
    for name in ["Account", "Contact", "Lead", "Opportunity", "Case", "Event", "OpportunityContactRole"] {
        let Some(real) = real(name) else { return };
        let (_, ours) = org.get(&format!("sobjects/{name}/describe")).await;
        for field in ours["fields"].as_array().unwrap() {
            let twin = real["fields"].as_array().unwrap().iter().find(|it| it["name"] == field["name"]);
            let Some(twin) = twin else { panic!("{name}.{} is not the vendor's", field["name"]) };
            for (key, value) in twin.as_object().unwrap() {
                assert!(field.get(key).is_some(), "{name}.{}: {key} is missing", field["name"]);
                let is_told = matches!(
                    key.as_str(),
                    "type"
                        | "length"
                        | "precision"
                        | "scale"
                        | "nillable"
                        | "createable"
                        | "updateable"
                        | "externalId"
                        | "idLookup"
                        | "unique"
                        | "relationshipName"
                        | "compoundFieldName"
                        | "restrictedPicklist"
                        | "filterable"
                        | "soapType"
                );
                if is_told && !(name == "Account" && key == "length") {
                    assert_eq!(&field[key], value, "{name}.{}: {key}", field["name"]);
                }
            }
        }
        for key in real.as_object().unwrap().keys().filter(|key| *key != "sobjectDescribeOption") {
            assert!(ours.get(key).is_some(), "{name}: {key} is missing");
        }
    }
}
