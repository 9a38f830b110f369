//! An Airtable: what it holds as source and as destination, and how its records are read back.

use std::{collections::BTreeMap, fmt::Write as _, future::Future, path::Path, pin::Pin};

use serde_json::Value as Json;

use super::System;
use crate::content::{Content, get};
use crate::data::{FIRMS, ORDERS, PEOPLE, domain, email, write};
use crate::testbed::Testbed;

pub(super) const SYSTEM: System =
    System { name: "airtable", has_emulator: true, fill_source, fill_destination, read_back, own_kinds: &[] };

/// Reads the local Airtable.
fn read_back(testbed: &Testbed) -> Pin<Box<dyn Future<Output = Content> + Send + '_>> {
    Box::pin(async move {
        let url = testbed.url("airtable");
        let base = "appFerryFaults001";
        let tables = get(url, &format!("v0/meta/bases/{base}/tables")).await;
        let mut names = BTreeMap::new();
        let mut records = Vec::new();
        for table in tables["tables"].as_array().unwrap() {
            let (table_name, fields) = (table["name"].as_str().unwrap(), table["fields"].as_array().unwrap());
            let primary = fields.iter().find(|field| field["id"] == table["primaryFieldId"]).unwrap();
            let mut offset = String::new();
            loop {
                let page = get(url, &format!("v0/{base}/{table_name}?pageSize=100{offset}")).await;
                for record in page["records"].as_array().unwrap() {
                    let name = record["fields"][primary["name"].as_str().unwrap()].to_string();
                    names.insert(record["id"].as_str().unwrap().to_owned(), name);
                    records.push((table_name, fields, record["fields"].clone()));
                }
                match page["offset"].as_str() {
                    Some(next) => offset = format!("&offset={next}"),
                    None => break,
                }
            }
        }
        let mut content = Content::default();
        for (table, fields, record) in records {
            let mut text = table.to_owned();
            for field in fields {
                let value = &record[field["name"].as_str().unwrap()];
                text += " | ";
                if field["type"] == "multipleRecordLinks" {
                    let empty = Vec::new();
                    let ids = value.as_array().unwrap_or(&empty).iter().filter_map(Json::as_str);
                    let mut targets: Vec<&str> = ids.map(|id| names.get(id).map_or("?", String::as_str)).collect();
                    targets.sort_unstable();
                    write!(text, "{targets:?}").unwrap();
                } else if !value.is_null() {
                    text += &value.to_string();
                }
            }
            content.add(text);
        }
        content
    })
}

fn tables(folder: &Path, tables: &[(&str, &str, &str)]) {
    for (name, primary, fields) in tables {
        write(folder, &format!("{name}.schema.yaml"), &format!("primary: {primary}\nfields:\n{fields}"));
    }
}

fn texts(names: &[&str]) -> String {
    names.iter().fold(String::new(), |text, name| text + &format!("  - {{ name: {name}, type: singleLineText }}\n"))
}

fn link(name: &str, table: &str) -> String {
    format!("  - {{ name: {name}, type: multipleRecordLinks, options: {{ linkedTableId: {table} }} }}\n")
}

fn number(name: &str) -> String {
    format!("  - {{ name: {name}, type: number, options: {{ precision: 2 }} }}\n")
}

/// An Airtable to read from.
fn fill_source(folder: &Path) {
    let folder = folder.join("fixtures/airtable");
    tables(
        &folder,
        &[
            ("Accounts", "Account", &texts(&["Account", "Account No", "Website", "Phone"])),
            ("Leads", "Name", &(texts(&["Name", "Email", "Phone"]) + &link("Account", "Accounts"))),
            (
                "Opportunities",
                "Opportunity",
                &(texts(&["Opportunity", "Number"])
                    + &number("Value")
                    + &link("Account", "Accounts")
                    + &link("People", "Leads")),
            ),
        ],
    );
    let mut accounts = "_id,Account,Account No,Website,Phone\n".to_owned();
    for firm in 0..FIRMS {
        let number = if firm == 11 { String::new() } else { format!("A-{}", if firm == 30 { 29 } else { firm }) };
        writeln!(accounts, "recAcc{firm:011},Firm {firm} Ltd,{number},{},+49 30 {firm:05}", domain(firm)).unwrap();
    }
    let mut leads = "_id,Name,Email,Phone,Account\n".to_owned();
    for person in 0..PEOPLE {
        let account = person % FIRMS;
        writeln!(leads, "recLea{person:011},Lee {person},{},+49 40 {person:05},recAcc{account:011}", email(person))
            .unwrap();
    }
    let mut opportunities = "_id,Opportunity,Number,Value,Account,People\n".to_owned();
    for order in 0..ORDERS {
        let (account, person) = (order % FIRMS, order * 2 % PEOPLE);
        writeln!(
            opportunities,
            "recOpp{order:011},Order {order},O-{order},{}.5,recAcc{account:011},recLea{person:011}",
            100 + order
        )
        .unwrap();
    }
    write(&folder, "Accounts.csv", &accounts);
    write(&folder, "Leads.csv", &leads);
    write(&folder, "Opportunities.csv", &opportunities);
}

/// An Airtable to write to: it has some of the records already, and two contacts with the same address.
fn fill_destination(folder: &Path) {
    let folder = folder.join("fixtures/airtable");
    tables(
        &folder,
        &[
            ("Companies", "Name", &(texts(&["Name", "HubSpot ID", "Domain", "Phone"]) + &link("People", "Contacts"))),
            ("Contacts", "Name", &(texts(&["Name", "Email", "Phone", "Source"]) + &link("Company", "Companies"))),
            ("Deals", "Name", &(texts(&["Name"]) + &number("Amount") + &link("Company", "Companies"))),
        ],
    );
    write(&folder, "Companies.csv", "_id,Name,HubSpot ID\nrecOld00000000001,Old name,2001\n");
    let mut contacts = "_id,Name,Email,Source\n".to_owned();
    for (id, person) in [(2, 2), (3, 3), (4, 3)] {
        writeln!(contacts, "recOld{id:011},Old {id},{},Paper", email(person)).unwrap();
    }
    write(&folder, "Contacts.csv", &contacts);
}
