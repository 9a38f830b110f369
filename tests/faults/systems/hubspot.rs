//! A HubSpot: what it holds as source and as destination, and how its records are read back.

use std::{collections::BTreeMap, fmt::Write as _, future::Future, path::Path, pin::Pin};

use super::System;
use crate::content::{Content, get};
use crate::data::{FIRMS, ORDERS, PEOPLE, domain, email, write};
use crate::testbed::Testbed;

pub(super) const SYSTEM: System =
    System { name: "hubspot", has_emulator: true, fill_source, fill_destination, read_back, own_kinds: &[] };

/// The objects of HubSpot: properties, by the first of which links name a record, and what they link to.
const HUBSPOT: &[(&str, &str, &str)] = &[
    ("companies", "name,domain,phone,country,external_id", "contacts,deals"),
    ("contacts", "email,firstname,lastname,phone", "companies,deals"),
    ("deals", "dealname,amount,dealstage,external_id", "companies,contacts"),
];

/// Reads the local HubSpot.
fn read_back(testbed: &Testbed) -> Pin<Box<dyn Future<Output = Content> + Send + '_>> {
    Box::pin(async move {
        let mut names = BTreeMap::new();
        let mut records = Vec::new();
        for (object, properties, links) in HUBSPOT {
            let properties =
                if *object == "contacts" { properties.replace(",external_id", "") } else { (*properties).to_owned() };
            let mut after = String::new();
            loop {
                let path = format!(
                    "crm/v3/objects/{object}?limit=100&properties={properties}&associations={links}&after={after}"
                );
                let page = get(testbed.url("hubspot"), &path).await;
                for record in page["results"].as_array().unwrap() {
                    let name = record["properties"][properties.split(',').next().unwrap()].as_str().unwrap_or("-");
                    names.insert((*object, record["id"].as_str().unwrap().to_owned()), name.to_owned());
                    records.push((*object, properties.clone(), *links, record.clone()));
                }
                match page["paging"]["next"]["after"].as_str() {
                    Some(next) => next.clone_into(&mut after),
                    None => break,
                }
            }
        }
        let mut content = Content::default();
        for (object, properties, links, record) in records {
            let mut text = object.to_owned();
            for property in properties.split(',') {
                write!(text, " | {}", record["properties"][property].as_str().unwrap_or_default()).unwrap();
            }
            for linked in links.split(',') {
                let empty = Vec::new();
                let targets = record["associations"][linked]["results"].as_array().unwrap_or(&empty);
                let ids = targets.iter().map(|target| target["id"].as_str().unwrap().to_owned());
                let mut targets: Vec<&str> =
                    ids.map(|id| names.get(&(linked, id)).map_or("?", String::as_str)).collect();
                targets.sort_unstable();
                targets.dedup();
                write!(text, " | {linked} {targets:?}").unwrap();
            }
            content.add(text);
        }
        content
    })
}

fn schemas(folder: &Path) {
    for (object, group) in [("companies", "companyinformation"), ("deals", "dealinformation")] {
        let schema = format!(
            "properties:\n  - {{ name: external_id, label: External ID, type: string, fieldType: text, groupName: {group}, \
             hasUniqueValue: true }}\n"
        );
        write(folder, &format!("{object}.schema.yaml"), &schema);
    }
}

/// A HubSpot to read from.
fn fill_source(folder: &Path) {
    let folder = folder.join("fixtures/hubspot");
    schemas(&folder);
    let made = "2024-01-02T03:04:05.000Z,2024-01-02T03:04:05.000Z";
    let mut companies = "_id,name,domain,phone,createdate,hs_lastmodifieddate\n".to_owned();
    for firm in 0..FIRMS {
        let name = if firm == 11 { String::new() } else { format!("Firm {firm} Ltd") };
        writeln!(companies, "{},{name},{},+49 30 {firm:05},{made}", 2000 + firm, domain(firm)).unwrap();
    }
    let mut contacts = "_id,email,firstname,lastname,phone,createdate,lastmodifieddate,_links.companies\n".to_owned();
    for person in 0..PEOPLE {
        let email =
            if person == 50 || email(person).contains(' ') { String::new() } else { email(person).to_lowercase() };
        let firm = 2000 + person % FIRMS;
        writeln!(contacts, "{},{email},Ann{person},Lee,+49 40 {person:05},{made},{firm}", 5000 + person).unwrap();
    }
    let mut deals =
        "_id,dealname,amount,pipeline,dealstage,createdate,hs_lastmodifieddate,_links.companies\n".to_owned();
    for order in 0..ORDERS {
        let title = if order == 20 { "Order 19".to_owned() } else { format!("Order {order}") };
        writeln!(deals, "{},{title},{}.5,default,closedwon,{made},{}", 9000 + order, 100 + order, 2000 + order % FIRMS)
            .unwrap();
    }
    write(&folder, "companies.csv", &companies);
    write(&folder, "contacts.csv", &contacts);
    write(&folder, "deals.csv", &deals);
}

/// A HubSpot to write to: it has some of the records already, and two companies with the same domain.
fn fill_destination(folder: &Path) {
    let folder = folder.join("fixtures/hubspot");
    schemas(&folder);
    let made = "2023-01-02T03:04:05.000Z,2023-01-02T03:04:05.000Z";
    let mut companies = "_id,external_id,name,domain,createdate,hs_lastmodifieddate\n".to_owned();
    for (id, firm) in [(1, 1), (2, 2), (3, 3), (4, 3)] {
        writeln!(companies, "{id},X{id},Old name {id},firm{firm}.example,{made}").unwrap();
    }
    let mut contacts = "_id,email,lastname,phone,createdate,lastmodifieddate\n".to_owned();
    for person in [2, 4, 8] {
        let phone = if person == 4 { "" } else { "+49 1" };
        writeln!(contacts, "{person},{},Old,{phone},{made}", email(person)).unwrap();
    }
    write(&folder, "companies.csv", &companies);
    write(&folder, "contacts.csv", &contacts);
}
