//! What the accounts hold: the repository's fixtures with the standard fields that they lack, and what is read of an account.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value as Json;

use super::super::support::{Crms, repository};

/// Records by the id that they had in the beginning.
pub(super) type Records = BTreeMap<String, Record>;

/// One record of an account.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// The values, where there are any.
    pub(super) fields: BTreeMap<String, String>,
    /// By object, what it is linked to, by the ids of the beginning.
    pub(super) links: BTreeMap<String, BTreeSet<String>>,
}

const KEY: &str =
    "{ name: external_id, label: External ID, type: string, fieldType: text, hasUniqueValue: true, groupName: ";

/// Writes `full` (an account and an empty org) and `empty` (an account without records).
pub(super) fn write_fixtures(folder: &Path) {
    for name in ["full/hubspot", "full/salesforce", "empty/hubspot"] {
        fs::create_dir_all(folder.join(name)).unwrap();
    }
    for object in ["companies", "contacts", "deals"] {
        let schema = fs::read_to_string(repository(&format!("fixtures/hubspot/{object}.schema.yaml"))).unwrap();
        let group = if object == "deals" { "dealinformation" } else { "contactinformation" };
        let group = if object == "companies" { "companyinformation" } else { group };
        let has_key = schema.contains("external_id");
        let key = if has_key { String::new() } else { format!("  - {KEY}{group} }}\n") };
        for account in ["full", "empty"] {
            let path = folder.join(account).join(format!("hubspot/{object}.schema.yaml"));
            fs::write(path, format!("{schema}{key}")).unwrap();
        }
        let records = fs::read_to_string(repository(&format!("fixtures/hubspot/{object}.csv"))).unwrap();
        fs::write(folder.join(format!("full/hubspot/{object}.csv")), with_addresses(object, &records)).unwrap();
    }
    fs::copy(repository("fixtures/hubspot/owners.csv"), folder.join("full/hubspot/owners.csv")).unwrap();
    fs::copy(repository("fixtures/hubspot/owners.csv"), folder.join("empty/hubspot/owners.csv")).unwrap();
    for object in ["Account", "Contact", "Opportunity"] {
        let key = "fields:\n  - { name: HubSpot_Id__c, type: string, length: 40, externalId: true, unique: true }\n";
        fs::write(folder.join(format!("full/salesforce/{object}.schema.yaml")), key).unwrap();
    }
}

/// Gives records what the fixtures have nothing of: streets (some of two lines), states, postal codes with zeros in front, mobile
/// numbers and websites.
fn with_addresses(object: &str, records: &str) -> String {
    type Made = fn(usize) -> String;
    let columns: &[(&str, Made)] = match object {
        "companies" => &[("address", street), ("state", state), ("zip", postal_code)],
        "contacts" => &[
            ("address", street),
            ("state", state),
            ("zip", postal_code),
            ("mobilephone", |at| format!("+49 170 {:07}", at * 7_919 % 10_000_000)),
            ("website", |at| format!("https://people.example/~{at}")),
        ],
        _ => &[],
    };
    let mut reader = csv::Reader::from_reader(records.as_bytes());
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = reader.headers().unwrap().clone();
    writer.write_record(header.iter().chain(columns.iter().map(|(name, _)| *name))).unwrap();
    for (at, record) in reader.records().enumerate() {
        let record = record.unwrap();
        // Every fifth has none.
        let made = columns
            .iter()
            .enumerate()
            .map(|(column, (_, make))| if (at + column).is_multiple_of(5) { String::new() } else { make(at) });
        writer.write_record(record.iter().map(str::to_owned).chain(made)).unwrap();
    }
    String::from_utf8(writer.into_inner().unwrap()).unwrap()
}

fn street(at: usize) -> String {
    let building = if at.is_multiple_of(7) { "\nBuilding B, 3rd floor" } else { "" };
    format!("{} Harbour Street{building}", at + 1)
}

fn state(at: usize) -> String {
    ["Bayern", "Västra Götaland", "NSW", "Île-de-France"][at % 4].to_owned()
}

fn postal_code(at: usize) -> String {
    format!("{:05}", at * 37 % 99_999)
}

/// Reads all records of an object; `id_field` holds the ids that they had in the beginning.
pub(super) fn read(crms: &Crms, object: &str, fields: &[&str], id_field: &str) -> Records {
    let kinds: Vec<&str> = ["companies", "contacts", "deals"].into_iter().filter(|kind| *kind != object).collect();
    let names = kinds.iter().map(|kind| (*kind, first_ids(crms, kind, id_field))).collect::<BTreeMap<_, _>>();
    let properties = format!("{},{id_field}", fields.join(","));
    let mut records = Records::new();
    for json in list(crms, object, &format!("properties={properties}&associations={}", kinds.join(","))) {
        let mut record = Record::default();
        for (name, value) in json["properties"].as_object().unwrap() {
            let value = value.as_str().filter(|value| !value.is_empty() && fields.contains(&name.as_str()));
            record.fields.extend(value.map(|value| (name.clone(), value.to_owned())));
        }
        for kind in &kinds {
            let linked = json["associations"][*kind]["results"].as_array().into_iter().flatten();
            let ids: BTreeSet<String> = linked.map(|link| names[kind][link["id"].as_str().unwrap()].clone()).collect();
            if !ids.is_empty() {
                record.links.insert((*kind).to_owned(), ids);
            }
        }
        assert!(records.insert(first_id(&json, id_field), record).is_none(), "{object} {} is there twice", json["id"]);
    }
    records
}

/// Returns the ids of the beginning, by those of the account.
fn first_ids(crms: &Crms, object: &str, id_field: &str) -> BTreeMap<String, String> {
    let records = list(crms, object, &format!("properties={id_field}"));
    records.iter().map(|json| (json["id"].as_str().unwrap().to_owned(), first_id(json, id_field))).collect()
}

fn first_id(json: &Json, id_field: &str) -> String {
    let id = if id_field == "_id" { &json["id"] } else { &json["properties"][id_field] };
    id.as_str().unwrap().to_owned()
}

fn list(crms: &Crms, object: &str, query: &str) -> Vec<Json> {
    let mut records = Vec::new();
    let mut after = String::new();
    loop {
        let mut page = crms.get("hubspot", &format!("/crm/v3/objects/{object}?limit=100&{query}{after}"));
        records.append(page["results"].as_array_mut().unwrap());
        let Some(next) = page["paging"]["next"]["after"].as_str() else { return records };
        after = format!("&after={next}");
    }
}
