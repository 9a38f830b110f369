//! Reads the local Salesforce by queries.

use std::{fmt::Write, future::Future, pin::Pin};

use serde_json::Value as Json;

use super::{Content, get};
use crate::world::World;

/// The objects, and what is told of a record: its values, and the names of its parents and of its owner.
const OBJECTS: &[(&str, &[&str])] = &[
    ("Account", &["Name", "Domain__c", "HubSpot_Id__c", "Phone", "BillingCountry", "Parent.Name", "Owner.Username"]),
    (
        "Contact",
        &["FirstName", "LastName", "Email", "HubSpot_Id__c", "Phone", "LeadSource", "Account.Name", "Owner.Username"],
    ),
    ("Lead", &["FirstName", "LastName", "Company", "No__c", "Email", "Phone", "Size__c"]),
    ("Opportunity", &["Name", "HubSpot_Id__c", "Amount", "StageName", "CloseDate", "Account.Name"]),
];

/// Reads the local Salesforce.
pub(crate) fn of_salesforce(world: &World) -> Pin<Box<dyn Future<Output = Content> + Send + '_>> {
    Box::pin(async move {
        let mut content = Content::default();
        for (object, fields) in OBJECTS {
            for record in records(world, &format!("SELECT {} FROM {object}", fields.join(", "))).await {
                let mut text = (*object).to_owned();
                for field in *fields {
                    let value = field.split('.').fold(&record, |value, name| &value[name]);
                    let value = if value.is_null() { String::new() } else { value.to_string() };
                    write!(text, " | {value}").unwrap();
                }
                content.add(text);
            }
        }
        content
    })
}

/// Returns the records of a query.
pub(crate) async fn records(world: &World, soql: &str) -> Vec<Json> {
    let url = world.url("salesforce");
    let mut path = format!("services/data/v67.0/query?q={}", soql.replace(' ', "+"));
    let mut records = Vec::new();
    loop {
        let page = get(url, &path).await;
        records.extend(page["records"].as_array().unwrap().iter().cloned());
        match page["nextRecordsUrl"].as_str() {
            Some(next) => next.trim_start_matches('/').clone_into(&mut path),
            None => return records,
        }
    }
}
