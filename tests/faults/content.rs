//! What a destination holds, read back through its own API, without ids and times: links are told by the names of the records
//! that they lead to.

mod salesforce;

use std::{collections::BTreeMap, fmt::Write, fs, future::Future, pin::Pin, time::Duration};

use reqwest::Client;
use serde_json::Value as Json;

use crate::world::World;

pub(crate) use salesforce::{of_salesforce, records};

/// How a system's records are read back.
pub(crate) type Reading = for<'world> fn(&'world World) -> Pin<Box<dyn Future<Output = Content> + Send + 'world>>;

/// Every record, as text, with how often it is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Content {
    records: BTreeMap<String, usize>,
}

impl Content {
    fn add(&mut self, record: String) {
        *self.records.entry(record).or_default() += 1;
    }

    /// Returns the records that the other has more often than this.
    pub(crate) fn surplus_of<'other>(&self, other: &'other Self) -> Vec<&'other str> {
        let mut surplus = Vec::new();
        for (record, count) in &other.records {
            let own = self.records.get(record).copied().unwrap_or_default();
            surplus.extend(std::iter::repeat_n(record.as_str(), count.saturating_sub(own)));
        }
        surplus
    }

    pub(crate) fn len(&self) -> usize {
        self.records.values().sum()
    }
}

/// The objects of HubSpot: properties, by the first of which links name a record, and what they link to.
const HUBSPOT: &[(&str, &str, &str)] = &[
    ("companies", "name,domain,phone,country,external_id", "contacts,deals"),
    ("contacts", "email,firstname,lastname,phone", "companies,deals"),
    ("deals", "dealname,amount,dealstage,external_id", "companies,contacts"),
];

/// Reads the local HubSpot.
pub(crate) fn of_hubspot(world: &World) -> Pin<Box<dyn Future<Output = Content> + Send + '_>> {
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
                let page = get(world.url("hubspot"), &path).await;
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

/// Reads the local Airtable.
pub(crate) fn of_airtable(world: &World) -> Pin<Box<dyn Future<Output = Content> + Send + '_>> {
    Box::pin(async move {
        let url = world.url("airtable");
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

/// Reads the folder `out`.
pub(crate) fn of_files(world: &World) -> Pin<Box<dyn Future<Output = Content> + Send + '_>> {
    Box::pin(async move {
        let mut content = Content::default();
        let Ok(files) = fs::read_dir(world.folder().join("out")) else { return content };
        for file in files.map(|file| file.unwrap().path()) {
            let text = fs::read_to_string(&file).unwrap();
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            text.lines().for_each(|line| content.add(format!("{name}: {line}")));
        }
        content
    })
}

/// Reads one page; the emulator may misbehave, so it is asked until it answers.
async fn get(url: &str, path: &str) -> Json {
    for attempt in 0..200 {
        // A session that a disturbance has ended stays ended.
        let token = format!("pat-harness-{attempt}");
        let sent = Client::new().get(format!("{url}/{path}")).bearer_auth(token).send().await;
        if let Ok(answer) = sent
            && answer.status().is_success()
            && let Ok(json) = answer.json().await
        {
            return json;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("{url}/{path} does not answer")
}
