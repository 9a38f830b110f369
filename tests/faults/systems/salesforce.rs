//! A Salesforce: accounts, contacts and opportunities in an org with fields of its own and three users, as source and as
//! destination, and how they are read back by queries.

use std::{fmt::Write as _, future::Future, path::Path, pin::Pin};

use serde_json::Value as Json;

use super::System;
use crate::content::{Content, get};
use crate::data::{BULK_PEOPLE, FIRMS, ORDERS, PEOPLE, bulk_email, domain, email, write};
use crate::disturbance::Kind;
use crate::testbed::Testbed;

pub(super) const SYSTEM: System = System {
    name: "salesforce",
    has_emulator: true,
    fill_source,
    fill_destination,
    read_back,
    own_kinds: &[Kind::RowLocks, Kind::FailingJobs, Kind::EndedSessions],
};

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
fn read_back(testbed: &Testbed) -> Pin<Box<dyn Future<Output = Content> + Send + '_>> {
    Box::pin(async move {
        let mut content = Content::default();
        for (object, fields) in OBJECTS {
            for record in records(testbed, &format!("SELECT {} FROM {object}", fields.join(", "))).await {
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
pub(crate) async fn records(testbed: &Testbed, soql: &str) -> Vec<Json> {
    let url = testbed.url("salesforce");
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

const MADE: &str = "2024-01-02T03:04:05.000Z";

/// Declares what this org added to Salesforce's own fields, and its users: one of them has left.
fn org(folder: &Path) {
    let text = |name: &str, marks: &str| {
        format!("  - {{ name: {name}, type: string, length: 80, externalId: true{marks} }}\n")
    };
    let objects = [
        ("Account", text("Domain__c", "") + &text("HubSpot_Id__c", ", unique: true")),
        ("Contact", text("HubSpot_Id__c", ", unique: true")),
        ("Lead", text("No__c", ", unique: true") + "  - { name: Size__c, type: double, precision: 6, scale: 0 }\n"),
        ("Opportunity", text("HubSpot_Id__c", ", unique: true")),
    ];
    for (object, fields) in objects {
        write(folder, &format!("{object}.schema.yaml"), &format!("fields:\n{fields}"));
    }
    let mut users = "Id,Username,Email,LastName,Alias,IsActive\n".to_owned();
    for (id, name, is_active) in [(1, "ada", true), (2, "bob", true), (3, "gone", false)] {
        writeln!(users, "005{id:012},{name}@ferry.example,{name}@ferry.example,{name},{name},{is_active}").unwrap();
    }
    write(folder, "User.csv", &users);
}

/// A Salesforce to read from.
fn fill_source(folder: &Path) {
    let folder = folder.join("fixtures/salesforce");
    org(&folder);
    let mut accounts = "Id,Name,Website,Phone,ParentId,OwnerId,SystemModstamp\n".to_owned();
    for firm in 0..FIRMS {
        let parent = if firm % 5 == 1 { format!("001{:012}", firm / 5 + 1) } else { String::new() };
        let (id, owner) = (firm + 1, firm % 2 + 1);
        writeln!(
            accounts,
            "001{id:012},Firm {firm} Ltd,https://{},+49 30 {firm:05},{parent},005{owner:012},{MADE}",
            domain(firm)
        )
        .unwrap();
    }
    let mut contacts = "Id,FirstName,LastName,Email,Phone,AccountId,SystemModstamp\n".to_owned();
    for person in 0..PEOPLE {
        let mail = if email(person).contains(' ') { String::new() } else { email(person) };
        let (id, firm) = (person + 1, person % FIRMS + 1);
        writeln!(contacts, "003{id:012},Ann{person},Lee,{mail},+49 40 {person:05},001{firm:012},{MADE}").unwrap();
    }
    let mut opportunities = "Id,Name,Amount,StageName,CloseDate,AccountId,SystemModstamp\n".to_owned();
    let mut roles = "OpportunityId,ContactId,Role\n".to_owned();
    for order in 0..ORDERS {
        // A stage of nobody's choice is rejected by the pipeline.
        let stage = if order == 9 { "Dreaming" } else { "Closed Won" };
        let (id, firm) = (order + 1, order % FIRMS + 1);
        writeln!(opportunities, "006{id:012},Order {order},{}.5,{stage},2025-03-04,001{firm:012},{MADE}", 100 + order)
            .unwrap();
        writeln!(roles, "006{id:012},003{:012},Other", order * 2 % PEOPLE + 1).unwrap();
    }
    write(&folder, "Account.csv", &accounts);
    write(&folder, "Contact.csv", &contacts);
    write(&folder, "Opportunity.csv", &opportunities);
    write(&folder, "OpportunityContactRole.csv", &roles);
}

/// A Salesforce to write to: it has some of the records already, two accounts with one domain and two contacts with one
/// address.
fn fill_destination(folder: &Path) {
    let folder = folder.join("fixtures/salesforce");
    org(&folder);
    let mut accounts = "Id,Name,Domain__c,HubSpot_Id__c,OwnerId\n".to_owned();
    for (id, firm) in [(1, 1), (2, 2), (3, 3), (4, 3)] {
        writeln!(accounts, "001{id:012},Old name {id},firm{firm}.example,{},005000000000002", 2000 + id).unwrap();
    }
    let mut contacts = "Id,LastName,Email,Phone,LeadSource\n".to_owned();
    for (id, person) in [(1, 2), (2, 4), (3, 8), (4, 8)] {
        let phone = if person == 4 { "" } else { "+49 1" };
        writeln!(contacts, "003{id:012},Old,{},{phone},Other", email(person)).unwrap();
    }
    // Half of those that come in bulk, so that one job changes what is there and another makes what is not.
    for person in (0..BULK_PEOPLE).step_by(2) {
        writeln!(contacts, "003{:012},Old,{},,Other", 1000 + person, bulk_email(person)).unwrap();
    }
    write(&folder, "Account.csv", &accounts);
    write(&folder, "Contact.csv", &contacts);
}
