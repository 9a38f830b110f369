//! Descriptions of real orgs, where the samples are there.

use std::{fs, path::Path};

use serde_json::Value as Json;

use crate::model::FieldType;

use super::super::{
    client::WireObject,
    schema::{ObjectInfo, RecordTypeMatch},
};

fn sample(path: &str) -> Option<Json> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/salesforce").join(path);
    let Ok(text) = fs::read_to_string(&path) else {
        println!("skipped: {} is not here", path.display());
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

fn described(object: &str) -> Option<ObjectInfo> {
    let wire: WireObject = serde_json::from_value(sample(&format!("describe/{object}.json"))?).unwrap();
    ObjectInfo::new(&wire)
}

#[test]
fn real_objects_require_what_salesforce_documents() {
    let cases: [(&str, &[&str]); 4] = [
        ("Account", &["Name"]),
        ("Contact", &["LastName"]),
        ("Lead", &["LastName", "Company"]),
        ("Opportunity", &["Name", "StageName", "CloseDate"]),
    ];
    for (object, expected) in cases {
        let Some(info) = described(object) else { return };
        let schema = info.destination_schema();
        let required: Vec<&str> =
            schema.fields.iter().filter(|field| field.is_required).map(|field| field.name.as_str()).collect();
        assert_eq!(required, expected, "{object}");
        assert!(schema.field("MailingAddress").is_none(), "compound fields are left out");
    }
}

#[test]
fn real_objects_have_their_keys_types_and_parents() {
    let (Some(contact), Some(event)) = (described("Contact"), described("Event")) else { return };
    let schema = contact.source_schema();
    let email = schema.field("Email").unwrap();
    assert!(email.is_upsert_key && email.is_case_insensitive && !email.is_unique);
    assert!(!schema.field("Id").unwrap().is_upsert_key);
    assert_eq!(schema.field("Birthdate").unwrap().field_type, FieldType::Date);
    assert_eq!(schema.field("SystemModstamp").unwrap().field_type, FieldType::Datetime);
    assert_eq!(schema.field("MailingLatitude").unwrap().field_type, FieldType::Number);
    assert!(schema.field("Account.Name").unwrap().is_read_only);
    assert!(schema.field("Owner.Email").is_some());
    assert!(contact.destination_schema().field("Account.Name").is_none());
    assert!(event.source_schema().field("Who.Name").is_some());
    assert!(contact.has_deleted() && contact.change_field().unwrap().field.name.as_str() == "SystemModstamp");
}

#[test]
fn picklists_that_are_not_enforced_limit_no_write() {
    let Some(opportunity) = described("Opportunity") else { return };
    assert!(!opportunity.source_schema().field("StageName").unwrap().options.is_empty());
    assert!(opportunity.destination_schema().field("StageName").unwrap().options.is_empty());
}

#[test]
fn record_types_are_found_by_developer_name_and_told_apart_by_label() {
    let Some(account) = described("Account.person-accounts") else { return };
    assert_eq!(account.record_type("HH_Account"), RecordTypeMatch::One("0125j000000RqVkAAK".to_owned()));
    assert_eq!(account.record_type("Person Account"), RecordTypeMatch::One("0125j000000bo4yAAA".to_owned()));
    // Two have this developer name; one of them this label.
    assert_eq!(account.record_type("PersonAccount"), RecordTypeMatch::One("0125j000000bo53AAA".to_owned()));
    assert_eq!(account.record_type("Elsewhere"), RecordTypeMatch::None);
}
