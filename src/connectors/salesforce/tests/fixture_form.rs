//! What is recorded of real objects can be loaded into the local Salesforce, which then describes them alike.

use std::{fs, path::Path};

use emulators::{EmulatorOptions, salesforce::emulator, serve};
use serde_json::{Value as Json, json};

use crate::clock::Clock;
use crate::connector::FixtureForm;
use crate::model::{FieldName, ObjectName, Schema};

use super::{
    description,
    script::{Script, ok, standing_answer},
    source,
};

/// An org with one object, whose record types of people have this id.
async fn org(described: Json, person_type: &'static str) -> Script {
    Script::start_raw(move |asked, url| match asked.path.as_str() {
        path if path.ends_with("/describe") => ok(&described),
        "query" if asked.parameter("q").contains("FROM RecordType") => {
            ok(&json!({ "totalSize": 1, "done": true, "records": [{ "Id": person_type }] }))
        }
        "query" => {
            let user =
                json!({ "Id": "0057f00000AbCdE", "Username": "ada@acme.example", "Email": null, "IsActive": true });
            ok(&json!({ "totalSize": 1, "done": true, "records": [user] }))
        }
        _ => standing_answer(asked, url).unwrap(),
    })
    .await
}

/// Writes a form down as `ferry record` does, starts the local Salesforce on it and asks that for the object.
async fn recorded(object: &str, form: &FixtureForm) -> Schema {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, schema: &Json| {
        fs::write(folder.path().join(format!("{name}.schema.yaml")), serde_yaml::to_string(schema).unwrap()).unwrap();
    };
    write(object, &form.schema);
    for (name, schema) in &form.beside {
        write(name, schema);
    }
    for (name, records) in &form.records_beside {
        let lines: Vec<String> = records.iter().map(|record| Json::Object(record.clone()).to_string()).collect();
        fs::write(folder.path().join(format!("{name}.jsonl")), lines.join("\n")).unwrap();
    }
    let options = EmulatorOptions {
        fixtures: Some(folder.path().to_owned()),
        exchanges: std::env::var_os("FERRY_EXCHANGES").map(Into::into),
        ..EmulatorOptions::default()
    };
    let service = emulator(options, Clock::system()).unwrap_or_else(|error| panic!("{object}: {error}"));
    let local = serve(service, 0).await.unwrap();
    source(&local.url()).describe(&object.into()).await.unwrap()
}

#[tokio::test]
async fn the_descriptions_of_real_objects_survive() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/salesforce/describe");
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    let people = "0125j000000bo4yAAA";
    for name in [
        "Account",
        "Account.person-accounts",
        "Case",
        "Contact",
        "Custom__c",
        "Event",
        "Lead",
        "Opportunity",
        "OpportunityContactRole",
    ] {
        let described: Json =
            serde_json::from_str(&fs::read_to_string(folder.join(format!("{name}.json"))).unwrap()).unwrap();
        let object = described["name"].as_str().unwrap().to_owned();
        let script = org(described, people).await;
        let source = source(&script.url);
        let (real, form) = (
            source.describe(&ObjectName::new(&object)).await.unwrap(),
            source.fixtures().unwrap().fixture(&ObjectName::new(&object)).await.unwrap(),
        );
        let local = recorded(&object, &form).await;
        for field in form.fields.iter().chain(form.links.keys()) {
            let (real, local) =
                (real.field(field).unwrap(), local.field(field).unwrap_or_else(|| panic!("{name}.{field}")));
            assert_eq!((real.field_type, &real.options), (local.field_type, &local.options), "{name}.{field}");
            assert_eq!(
                (real.is_required, real.is_upsert_key),
                (local.is_required, local.is_upsert_key),
                "{name}.{field}"
            );
        }
        let is_of_people = form.schema["recordTypes"].as_array().unwrap().iter().any(|one| one["isPersonType"] == true);
        assert_eq!(is_of_people, name == "Account.person-accounts");
        assert_eq!(form.beside.contains_key("org"), is_of_people, "{name}");
    }
}

#[tokio::test]
async fn references_are_links_users_come_along_and_what_is_not_the_object_s_own_is_left_out() {
    let script = org(description("Contact"), "").await;
    let form = source(&script.url).fixtures().unwrap().fixture(&"Contact".into()).await.unwrap();
    let names: Vec<&str> = form.fields.iter().map(FieldName::as_str).collect();
    for absent in ["Id", "IsDeleted", "Account.Name", "Content", "MailingAddress", "AccountId"] {
        assert!(!names.contains(&absent), "{absent}");
    }
    assert!(names.contains(&"RecordTypeId") && names.contains(&"CreatedDate"), "{names:?}");
    assert_eq!(form.links[&FieldName::new("ReportsToId")], [ObjectName::new("Contact")]);
    let user = &form.records_beside["User"][0];
    assert_eq!((user["id"].as_str(), user.get("Email")), (Some("0057f00000AbCdEAAV"), None), "{user:?}");
    let status = form.schema["fields"].as_array().unwrap().iter().find(|field| field["name"] == "Status").unwrap();
    assert_eq!(status["picklistValues"][1], json!({ "value": "Won", "label": "Won!", "active": true }));
    assert_eq!(status["restrictedPicklist"], true);
}
