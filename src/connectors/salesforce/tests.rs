//! What the connector does with Salesforce's answers: each trap of the vendor once.
//!
//! The answers come from a scripted server on loopback here, so that it can answer what a well-behaved Salesforce never would.

mod bulk;
mod fixture_form;
mod injection;
mod login;
mod parents;
mod reading;
mod recorded;
mod result_pages;
mod rules;
mod samples;
mod script;
mod strangers;
mod writing;

use std::{path::PathBuf, sync::Arc};

use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::connector::{Connector, Context, Destination, ReadRequest, Source};
use crate::http::{MemoryTokens, Meter, Transport};
use crate::model::{Batch, BatchRecord, ConnectionName, FieldName, Operation, Outcome, SyncMode, Value};

use super::{Salesforce, client::WireObject, schema::ObjectInfo};

/// A field of a description, with what differs from an optional text that may be written.
fn described(name: &str, field_type: &str, more: &Json) -> Json {
    let mut field = json!({
        "name": name, "label": format!("The {name}"), "type": field_type, "length": 0, "nillable": true,
        "createable": true, "updateable": true, "filterable": true,
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        field[name] = value.clone();
    }
    field
}

/// An object with a field of each kind.
fn description(object: &str) -> Json {
    let system = json!({ "createable": false, "updateable": false });
    let reference = |name: &str, relationship: &str, to: &[&str]| {
        described(name, "reference", &json!({ "relationshipName": relationship, "referenceTo": to }))
    };
    let values = json!([{ "value": "New", "label": "New" }, { "value": "Won", "label": "Won!", "active": true },
        { "value": "Old", "active": false }]);
    let fields = json!([
        described(
            "Id",
            "id",
            &json!({ "createable": false, "updateable": false, "idLookup": true, "nillable": false })
        ),
        described("IsDeleted", "boolean", &system),
        described("SystemModstamp", "datetime", &system),
        described("LastName", "string", &json!({ "length": 20, "nillable": false })),
        described("Email", "email", &json!({ "length": 80, "idLookup": true })),
        described("Ext__c", "string", &json!({ "length": 18, "externalId": true, "unique": true, "idLookup": true })),
        described("Description", "textarea", &json!({ "length": 32_000, "filterable": false })),
        described("Amount", "currency", &json!({})),
        described("Count__c", "int", &json!({})),
        described("Optin__c", "boolean", &json!({ "nillable": false, "defaultedOnCreate": true })),
        described("Birthdate", "date", &json!({})),
        described("Seen__c", "datetime", &json!({})),
        described("Status", "picklist", &json!({ "picklistValues": values, "restrictedPicklist": true })),
        described("Source", "picklist", &json!({ "picklistValues": values })),
        described("Topics__c", "multipicklist", &json!({ "picklistValues": values })),
        described("Content", "base64", &json!({})),
        described("MailingAddress", "address", &system),
        described("CreatedDate", "datetime", &json!({ "updateable": false })),
        reference("AccountId", "Account", &["Account"]),
        reference("ReportsToId", "ReportsTo", &["Contact"]),
        reference("WhoId", "Who", &["Contact", "Lead"]),
        reference("WhatId", "What", &["Account", "Asset", "Campaign", "Case"]),
        reference("OwnerId", "Owner", &["User"]),
        reference("RecordTypeId", "RecordType", &["RecordType"]),
        described("Evil' OR Id != '", "string", &json!({})),
    ]);
    let record_type =
        |id: &str, developer: &str, name: &str| json!({ "recordTypeId": id, "developerName": developer, "name": name });
    json!({
        "name": object, "queryable": true, "createable": true, "updateable": true, "fields": fields,
        "recordTypeInfos": [
            record_type("0125j000000RqVl", "Organization", "Organization"),
            record_type("0125j000000bo4yAAA", "PersonAccount", "Person Account"),
            record_type("0125j000000bo53AAA", "PersonAccount", "PersonAccount"),
        ],
    })
}

fn info(object: &str) -> ObjectInfo {
    let wire: WireObject = serde_json::from_value(description(object)).unwrap();
    ObjectInfo::new(&wire).unwrap()
}

fn context() -> Context {
    let (clock, tokens) = (Clock::accelerated(5_000.0), Arc::new(MemoryTokens::default()));
    let transport = Transport::new(clock, CancellationToken::new(), tokens).unwrap();
    let connection = ConnectionName::new("org");
    Context { connection, transport, meter: Meter::default(), base_dir: PathBuf::new(), meters: None }
}

fn options(url: &str, more: &Json) -> Json {
    let mut options = json!({ "client_id": "app", "client_secret": "s3cret", "base_url": url });
    for (name, value) in more.as_object().into_iter().flatten() {
        options[name] = value.clone();
    }
    options
}

fn source_with(url: &str, more: &Json) -> Box<dyn Source> {
    Salesforce::source(serde_json::from_value(options(url, more)).unwrap(), &context()).unwrap()
}

fn source(url: &str) -> Box<dyn Source> {
    source_with(url, &json!({}))
}

fn destination_with(url: &str, more: &Json) -> Box<dyn Destination> {
    Salesforce::destination(serde_json::from_value(options(url, more)).unwrap(), &context()).unwrap()
}

fn destination(url: &str) -> Box<dyn Destination> {
    destination_with(url, &json!({}))
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn entry(id: Option<&str>, fields: &[(&str, Value)]) -> BatchRecord {
    let fields = fields.iter().map(|(name, value)| (FieldName::new(name), value.clone())).collect();
    BatchRecord { trace_id: String::new(), destination_id: id.map(str::to_owned), fields }
}

fn batch(operation: Operation, records: Vec<BatchRecord>) -> Batch {
    Batch { object: "Contact".into(), operation, records }
}

fn request(fields: &[&str]) -> ReadRequest {
    ReadRequest {
        shown: Vec::new(),
        object: "Contact".into(),
        fields: fields.iter().map(FieldName::new).collect(),
        links: Vec::new(),
        filter: None,
        sync_mode: SyncMode::FullRefresh,
        cursor: None,
    }
}

fn created(id: &str) -> Outcome {
    Outcome::Created { id: id.to_owned() }
}

fn updated(id: &str) -> Outcome {
    Outcome::Updated { id: id.to_owned() }
}
