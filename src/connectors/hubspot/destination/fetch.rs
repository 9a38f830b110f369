//! Reading back by id or key.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use chrono::DateTime;
use serde_json::{Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind, FetchRequest, Selection, age};
use crate::model::{FieldName, FieldType, Fields, LINK_PREFIX, Record, Value};

use super::super::{
    client::{ADDITIONAL_EMAILS, BatchAnswer, WireRecord, has_key},
    errors::ApiError,
    limits,
    schema::{Catalog, ObjectInfo, decode, search_text},
    source::{read_links, unknown_field},
};

/// Characters that the names of properties may take of a search's body; with more, the records found are read by id.
const MAX_PROPERTIES_CHARS: usize = 1_000;

/// Returns the records with the given ids or keys.
pub(super) async fn fetch(catalog: &Catalog, request: &FetchRequest) -> Result<Vec<Record>, ConnectorError> {
    let info = catalog.object(&request.object).await?;
    let mut properties = Vec::new();
    let mut links = Vec::new();
    let key_fields: &[FieldName] = match &request.selection {
        Selection::Ids(_) => &[],
        Selection::Keys { fields, .. } => fields,
    };
    for field in key_fields.iter().chain(&request.fields) {
        match field.strip_prefix(LINK_PREFIX) {
            Some(object) => links.push(object.to_owned()),
            None if info.property(field).is_none() => return Err(unknown_field(field, &request.object)),
            None if properties.contains(&field.to_string()) => {}
            None => properties.push(field.to_string()),
        }
    }
    if properties.is_empty() {
        properties.push("hs_object_id".to_owned());
    }
    let fetcher = Fetcher { catalog, object: &request.object, info: &info, properties: &properties };
    let mut records = match &request.selection {
        Selection::Ids(ids) => fetcher.by_ids(ids).await?,
        Selection::Keys { fields, values } => fetcher.by_keys(fields, values).await?,
    };
    for object in links {
        let ids: Vec<String> = records.iter().map(|record| record.id.clone()).collect();
        let mut found = read_links(&catalog.api, &request.object, &object, &ids).await?;
        for record in &mut records {
            let targets = found.remove(&record.id).unwrap_or_default();
            record.fields.insert(FieldName::new(crate::model::link_field(&object)), Value::List(targets));
        }
    }
    Ok(records)
}

/// Returns how long ago records were created, by their ids.
pub(super) async fn ages(
    catalog: &Catalog,
    object: &str,
    ids: &[String],
) -> Result<HashMap<String, Duration>, ConnectorError> {
    let properties = ["hs_object_id".to_owned()];
    let mut ages = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(limits::MAX_BATCH_RECORDS) {
        let answer = catalog.api.batch_read(object, &properties, None, chunk).await?;
        let Some(answered_at) = answer.at else { continue };
        ages.extend(answer.content.results.into_iter().filter_map(|record| {
            let created_at = DateTime::parse_from_rfc3339(record.created_at.as_deref()?).ok()?;
            Some((record.id.0?, age(created_at.to_utc(), answered_at)?))
        }));
    }
    Ok(ages)
}

struct Fetcher<'fetch> {
    catalog: &'fetch Catalog,
    object: &'fetch str,
    info: &'fetch ObjectInfo,
    properties: &'fetch [String],
}

impl Fetcher<'_> {
    async fn by_ids(&self, ids: &[String]) -> Result<Vec<Record>, ConnectorError> {
        let mut records = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(limits::MAX_BATCH_RECORDS) {
            let answer = self.read_values(chunk).await?;
            let denied = denied_ids(&answer);
            let asked: HashSet<&str> = chunk.iter().map(String::as_str).collect();
            let mut open: HashSet<&str> = asked.iter().copied().filter(|id| !denied.contains(*id)).collect();
            for record in answer.results {
                let Some(id) = record.id.0.clone() else { continue };
                if open.remove(id.as_str()) {
                    records.push(self.record(&id, &record));
                }
            }
            // A merged record answers to its old ids too, but under its new one, or is not spoken of at all: ask again, one by
            // one. A record that the answer does not mention does not count as deleted.
            for id in open {
                if let Some(record) = self.catalog.api.get(self.object, id, self.properties).await? {
                    records.push(self.record(id, &record));
                }
            }
        }
        Ok(records)
    }

    /// Reads records whose values decide what is written. HubSpot shows a property without a value as null, so an answer that
    /// does not speak of one at all may be that to a look-up of fewer properties: it is asked for once more.
    async fn read_values(&self, ids: &[String]) -> Result<BatchAnswer<WireRecord>, ConnectorError> {
        let api = &self.catalog.api;
        let answer = api.batch_read(self.object, self.properties, None, ids).await?.content;
        let is_shown = |name: &String| answer.results.iter().any(|record| record.properties.contains_key(name));
        if answer.results.is_empty() || self.properties.iter().all(is_shown) {
            return Ok(answer);
        }
        Ok(api.batch_read(self.object, self.properties, None, ids).await?.content)
    }

    async fn by_keys(&self, fields: &[FieldName], keys: &[Vec<Value>]) -> Result<Vec<Record>, ConnectorError> {
        let unique = match fields {
            [field] => self.info.property(field).filter(|property| property.field.is_unique),
            _ => None,
        };
        match unique {
            Some(property) => self.by_unique_property(&property.field.name, keys).await,
            None => self.by_search(fields, keys).await,
        }
    }

    async fn by_unique_property(&self, name: &str, keys: &[Vec<Value>]) -> Result<Vec<Record>, ConnectorError> {
        let mut texts: Vec<String> = keys.iter().flatten().map(|value| value.to_text().trim().to_owned()).collect();
        let mut seen = HashSet::new();
        // E-mails that differ in case alone are one key to the vendor, which refuses a batch that has a key twice.
        texts.retain(|text| !text.is_empty() && seen.insert(text.to_lowercase()));
        let mut properties = self.properties.to_vec();
        // Tells a contact that was found by another of its addresses from one that nobody asked for.
        let others = Some(ADDITIONAL_EMAILS).filter(|others| name == "email" && self.info.property(others).is_some());
        properties.extend([name].into_iter().chain(others).map(str::to_owned));
        properties.sort_unstable();
        properties.dedup();
        let properties = properties.as_slice();
        let mut records = Vec::with_capacity(texts.len());
        for chunk in texts.chunks(limits::MAX_BATCH_RECORDS) {
            let answer = self.catalog.api.batch_read(self.object, properties, Some(name), chunk).await?.content;
            records.extend(answer.results.iter().filter_map(|record| self.record_of(record)));
            // A key that the answer does not mention does not count as absent: its record would be created a second time.
            for text in unspoken(name, chunk, &answer) {
                let alone = std::slice::from_ref(text);
                let answer = self.catalog.api.batch_read(self.object, properties, Some(name), alone).await?.content;
                records.extend(answer.results.iter().filter_map(|record| self.record_of(record)));
            }
        }
        Ok(records)
    }

    async fn by_search(&self, fields: &[FieldName], keys: &[Vec<Value>]) -> Result<Vec<Record>, ConnectorError> {
        let mut by_id: BTreeMap<String, Record> = BTreeMap::new();
        let keys_alone: Vec<String> = fields.iter().map(ToString::to_string).collect();
        let is_wide = json!(self.properties).to_string().chars().count() > MAX_PROPERTIES_CHARS;
        let inline = if is_wide { keys_alone.as_slice() } else { self.properties };
        for groups in plan(self.info, fields, keys, inline)? {
            let mut last_id = 0;
            loop {
                let body = search_body(&groups, last_id, inline);
                let page = self.catalog.api.find(self.object, body, asked_for(self.info, &groups)).await?;
                let ids: Vec<String> = page.results.iter().filter_map(|record| record.id.0.clone()).collect();
                let greatest = ids.iter().filter_map(|id| id.parse::<u64>().ok()).max().unwrap_or(last_id);
                let is_cut = page.total.is_some_and(|total| total > u64::try_from(ids.len()).unwrap_or(u64::MAX));
                let has_more = (page.paging.after().is_some() || is_cut) && greatest > last_id;
                let records = if is_wide {
                    self.by_ids(&ids).await?
                } else {
                    page.results.iter().filter_map(|record| self.record_of(record)).collect()
                };
                by_id.extend(records.into_iter().map(|record| (record.id.clone(), record)));
                if !has_more {
                    break;
                }
                last_id = greatest;
            }
        }
        Ok(by_id.into_values().collect())
    }

    fn record_of(&self, record: &WireRecord) -> Option<Record> {
        record.id.as_deref().map(|id| self.record(id, record))
    }

    fn record(&self, id: &str, record: &WireRecord) -> Record {
        let mut fields = Fields::new();
        for name in self.properties {
            let text = record.property(name).unwrap_or_default();
            let field_type = self.info.property(name).map_or(FieldType::Text, |property| property.field.field_type);
            // A value that does not fit its own type is shown as it is: it is compared, not loaded.
            let value = decode(field_type, text).unwrap_or_else(|_| Value::Text(text.to_owned()));
            fields.insert(FieldName::new(name), value);
        }
        let current = record.id.as_deref().filter(|current| *current != id);
        Record { id: id.to_owned(), fields, place: None, merged_into: current.map(str::to_owned) }
    }
}

/// Returns what tells a record that a search asked for: it fits one of the groups of filters, as far as texts tell.
fn asked_for(info: &ObjectInfo, groups: &[Vec<Json>]) -> impl Fn(&WireRecord) -> bool + Send + Sync + 'static {
    let text = |value: &Json| value.as_str().map(|text| text.trim().to_lowercase());
    let compared = |filter: &Json| {
        let name = filter["propertyName"].as_str()?;
        info.property(name).filter(|property| property.is_string)?;
        let values = filter["values"].as_array().into_iter().flatten().chain([&filter["value"]]);
        Some((name.to_owned(), values.filter_map(text).collect::<HashSet<String>>()))
    };
    let groups: Vec<Vec<_>> = groups.iter().map(|group| group.iter().filter_map(compared).collect()).collect();
    move |record| {
        let fits = |(name, keys): &(String, HashSet<String>)| {
            record.property(name).is_none_or(|_| has_key(record, name, keys))
        };
        groups.iter().any(|group| group.iter().all(fits))
    }
}

/// Returns the keys that an answer speaks of neither as found nor as absent. A record that was found by another of its
/// e-mail addresses shows these beside its main one.
fn unspoken<'keys>(name: &str, keys: &'keys [String], answer: &BatchAnswer<WireRecord>) -> Vec<&'keys String> {
    let mut spoken: HashSet<String> = denied_ids(answer).iter().map(|key| key.to_lowercase()).collect();
    for record in &answer.results {
        let others = record.property(ADDITIONAL_EMAILS).into_iter().flat_map(|others| others.split(';'));
        spoken.extend(record.property(name).into_iter().chain(others).map(|value| value.trim().to_lowercase()));
    }
    keys.iter().filter(|key| !spoken.contains(&key.to_lowercase())).collect()
}

fn denied_ids(answer: &BatchAnswer<WireRecord>) -> HashSet<String> {
    let errors = answer.errors.iter().map(ApiError::of_json);
    errors.flat_map(|error| error.facts(&["ids", "id"]).into_iter().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Splits keys into searches, each within the vendor's limits: one field by `IN`, several by a group of filters for each key.
pub(in super::super) fn plan(
    info: &ObjectInfo,
    fields: &[FieldName],
    keys: &[Vec<Value>],
    properties: &[String],
) -> Result<Vec<Vec<Vec<Json>>>, ConnectorError> {
    let [field] = fields else { return plan_groups(info, fields, keys, properties) };
    let mut searches = Vec::new();
    let mut values: Vec<String> = Vec::new();
    for key in keys {
        let Some(text) = key.first().and_then(|value| key_text(info, field, value)) else {
            return Err(unsearchable(field));
        };
        if values.contains(&text) {
            continue;
        }
        let candidate = in_filter(field, values.iter().chain([&text]));
        let is_full = values.len() == limits::MAX_IN_VALUES || !fits(&[vec![candidate]], properties);
        if is_full && !values.is_empty() {
            searches.push(vec![vec![in_filter(field, values.iter())]]);
            values.clear();
        }
        values.push(text);
    }
    if !values.is_empty() {
        searches.push(vec![vec![in_filter(field, values.iter())]]);
    }
    Ok(searches)
}

fn plan_groups(
    info: &ObjectInfo,
    fields: &[FieldName],
    keys: &[Vec<Value>],
    properties: &[String],
) -> Result<Vec<Vec<Vec<Json>>>, ConnectorError> {
    // One filter of each group is the last id. Fields beyond the limit are left out: more is found, and the engine compares.
    let used = fields.len().min(limits::MAX_GROUP_FILTERS - 1);
    let group_count = limits::MAX_FILTER_GROUPS.min(limits::MAX_FILTERS / (used + 1));
    let mut searches: Vec<Vec<Vec<Json>>> = Vec::new();
    for key in keys {
        let mut group = Vec::with_capacity(used);
        for (field, value) in fields.iter().zip(key).take(used) {
            let property = info.property(field).ok_or_else(|| unsearchable(field))?;
            let text = search_text(property.field.field_type, value).ok_or_else(|| unsearchable(field))?;
            group.push(json!({ "propertyName": field, "operator": "EQ", "value": text }));
        }
        let has_room = |search: &Vec<Vec<Json>>| {
            search.len() < group_count && fits(&search.iter().chain([&group]).cloned().collect::<Vec<_>>(), properties)
        };
        match searches.last_mut().filter(|search| has_room(search)) {
            Some(search) => search.push(group),
            None => searches.push(vec![group]),
        }
    }
    Ok(searches)
}

fn key_text(info: &ObjectInfo, field: &str, value: &Value) -> Option<String> {
    let property = info.property(field)?;
    let text = search_text(property.field.field_type, value)?;
    // Lists of texts must be lower case (search-the-crm).
    Some(if property.is_string { text.to_lowercase() } else { text })
}

fn in_filter<'text>(field: &str, values: impl Iterator<Item = &'text String>) -> Json {
    json!({ "propertyName": field, "operator": "IN", "values": values.collect::<Vec<_>>() })
}

fn fits(groups: &[Vec<Json>], properties: &[String]) -> bool {
    search_body(groups, u64::MAX, properties).to_string().chars().count() <= limits::MAX_SEARCH_CHARS
}

fn search_body(groups: &[Vec<Json>], last_id: u64, properties: &[String]) -> Json {
    let after = json!({ "propertyName": "hs_object_id", "operator": "GT", "value": last_id.to_string() });
    let filter_groups: Vec<Json> =
        groups.iter().map(|group| json!({ "filters": group.iter().chain([&after]).collect::<Vec<_>>() })).collect();
    json!({
        "filterGroups": filter_groups,
        "sorts": [{ "propertyName": "hs_object_id", "direction": "ASCENDING" }],
        "properties": properties,
        "limit": limits::MAX_SEARCH_PAGE,
    })
}

fn unsearchable(field: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::NotFound, "unsearchable_key", format!("HubSpot cannot look records up by `{field}`"))
        .with_hint("take a text, number, date or single-choice property as key, best one with unique values")
}
