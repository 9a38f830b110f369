//! A Pipedrive: what it holds as source and as destination, and how its records are read back.

use std::{collections::BTreeMap, fmt::Write as _, future::Future, path::Path, pin::Pin};

use serde_json::Value as Json;

use super::System;
use crate::content::{Content, get};
use crate::data::{FIRMS, ORDERS, PEOPLE, domain, email, write};
use crate::testbed::Testbed;

pub(super) const SYSTEM: System =
    System { name: "pipedrive", has_emulator: true, fill_source, fill_destination, read_back, own_kinds: &[] };

/// Codes of the fields that people made.
const DOMAIN: &str = "d000000000000000000000000000000000000001";
const PHONE: &str = "d000000000000000000000000000000000000002";
const COUNTRY: &str = "d000000000000000000000000000000000000003";
const EXTERNAL: [&str; 3] = [
    "e000000000000000000000000000000000000001",
    "e000000000000000000000000000000000000002",
    "e000000000000000000000000000000000000003",
];

/// Reads the local Pipedrive.
fn read_back(testbed: &Testbed) -> Pin<Box<dyn Future<Output = Content> + Send + '_>> {
    Box::pin(async move {
        let mut names: BTreeMap<(&str, u64), String> = BTreeMap::new();
        let mut records: Vec<(&str, Json)> = Vec::new();
        for object in ["organizations", "persons", "deals"] {
            let mut cursor = String::new();
            loop {
                let page = get(testbed.url("pipedrive"), &format!("api/v2/{object}?limit=500{cursor}")).await;
                for record in page["data"].as_array().unwrap() {
                    let name = record["name"].as_str().or_else(|| record["title"].as_str()).unwrap_or("-");
                    names.insert((object, record["id"].as_u64().unwrap()), name.to_owned());
                    records.push((object, record.clone()));
                }
                match page["additional_data"]["next_cursor"].as_str() {
                    Some(next) => cursor = format!("&cursor={next}"),
                    None => break,
                }
            }
        }
        let mut content = Content::default();
        for (object, record) in records {
            let mut text = shown(object, &record, &names);
            if object == "deals" {
                text.push_str(&participants(testbed, &record["id"], &names).await);
            }
            content.add(text);
        }
        content
    })
}

/// Returns the names of those who take part in a deal.
async fn participants(testbed: &Testbed, deal: &Json, names: &BTreeMap<(&str, u64), String>) -> String {
    let page = get(testbed.url("pipedrive"), &format!("api/v1/deals/{deal}/participants")).await;
    let mut text = String::new();
    for person in page["data"].as_array().into_iter().flatten() {
        let id = person["person_id"]["value"].as_u64().unwrap();
        write!(text, " + {}", names.get(&("persons", id)).map_or("?", String::as_str)).unwrap();
    }
    text
}

fn shown(object: &str, record: &Json, names: &BTreeMap<(&str, u64), String>) -> String {
    let mut text = object.to_owned();
    for code in ["name", "title", "value"] {
        write!(text, " | {}", record[code]).unwrap();
    }
    for code in ["emails", "phones"] {
        let values = record[code].as_array().into_iter().flatten().map(|one| one["value"].as_str().unwrap_or_default());
        write!(text, " | {}", values.collect::<Vec<_>>().join(",")).unwrap();
    }
    for code in [DOMAIN, PHONE, COUNTRY].iter().chain(&EXTERNAL) {
        write!(text, " | {}", record["custom_fields"][code].as_str().unwrap_or_default()).unwrap();
    }
    for (code, to) in [("org_id", "organizations"), ("person_id", "persons")] {
        let linked = record[code].as_u64().map(|id| names.get(&(to, id)).map_or("?", String::as_str));
        write!(text, " | {}", linked.unwrap_or_default()).unwrap();
    }
    text
}

fn schemas(folder: &Path) {
    let field = |name: &str, code: &str| format!("  - {{ name: {name}, type: varchar, code: {code} }}\n");
    let organizations = [field("Domain", DOMAIN), field("Phone", PHONE), field("Country", COUNTRY)].concat();
    let objects = [("organizations", organizations), ("persons", String::new()), ("deals", String::new())];
    for ((object, fields), external) in objects.into_iter().zip(EXTERNAL) {
        write(
            folder,
            &format!("{object}.schema.yaml"),
            &format!("fields:\n{fields}{}", field("External ID", external)),
        );
    }
    write(folder, "company.schema.yaml", "plan: ultimate\n");
}

/// A Pipedrive to read from.
fn fill_source(folder: &Path) {
    let folder = folder.join("fixtures/pipedrive");
    schemas(&folder);
    let made = "2024-01-02T03:04:05Z,2024-01-02T03:04:05Z";
    let mut organizations = "id,name,Domain,Phone,add_time,update_time\n".to_owned();
    for firm in 0..FIRMS {
        writeln!(organizations, "{},Firm {firm} Ltd,{},+49 30 {firm:05},{made}", 200 + firm, domain(firm)).unwrap();
    }
    let mut persons = "id,name,emails,phones,org_id,add_time,update_time\n".to_owned();
    for person in 0..PEOPLE {
        let email =
            if person == 50 || email(person).contains(' ') { String::new() } else { email(person).to_lowercase() };
        let firm = 200 + person % FIRMS;
        writeln!(persons, "{},Ann{person} Lee,{email},+49 40 {person:05},{firm},{made}", 500 + person).unwrap();
    }
    let mut deals = "id,title,value,org_id,add_time,update_time\n".to_owned();
    for order in 0..ORDERS {
        let title = if order == 20 { "Order 19".to_owned() } else { format!("Order {order}") };
        writeln!(deals, "{},{title},{}.5,{},{made}", 900 + order, 100 + order, 200 + order % FIRMS).unwrap();
    }
    write(&folder, "organizations.csv", &organizations);
    write(&folder, "persons.csv", &persons);
    write(&folder, "deals.csv", &deals);
}

/// A Pipedrive to write to: it has some of the records already, and two organizations with the same domain.
fn fill_destination(folder: &Path) {
    let folder = folder.join("fixtures/pipedrive");
    schemas(&folder);
    let made = "2023-01-02T03:04:05Z,2023-01-02T03:04:05Z";
    let mut organizations = "id,External ID,name,Domain,add_time,update_time\n".to_owned();
    for (id, firm) in [(1, 1), (2, 2), (3, 3), (4, 3)] {
        writeln!(organizations, "{id},X{id},Old name {id},firm{firm}.example,{made}").unwrap();
    }
    let mut persons = "id,name,emails,phones,add_time,update_time\n".to_owned();
    for person in [2, 4, 8] {
        let phone = if person == 4 { "" } else { "+49 1" };
        writeln!(persons, "{person},Old {person},{},{phone},{made}", email(person)).unwrap();
    }
    write(&folder, "organizations.csv", &organizations);
    write(&folder, "persons.csv", &persons);
}
