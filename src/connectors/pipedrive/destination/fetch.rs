//! Looks records up: by id, by key through the search, or all of an object.
//!
//! A search costs 20 tokens a key and sees late; a page of 500 records costs 10. The engine takes the cheaper way, for which
//! [`cost_of_whole`] counts.

use std::collections::HashSet;

use crate::connector::{ConnectorError, FetchRequest, Selection};
use crate::model::{FieldName, Fields, ObjectName, Record, Value};

use super::super::{
    client::{Next, Raw, Shelf, id_of},
    errors::CallError,
    limits::{ARCHIVED_PAGE_TOKENS, MAX_CUSTOM_FIELDS, MAX_IDS, PAGE_RECORDS, PAGE_TOKENS},
    object::Object,
    schema::{Catalog, Column, Names, ObjectInfo, Part, decode, normal},
};

/// Returns the records with the given ids or keys.
pub(super) async fn fetch(catalog: &Catalog, request: &FetchRequest) -> Result<Vec<Record>, ConnectorError> {
    let info = catalog.object(&request.object).await?;
    match &request.selection {
        Selection::Ids(ids) => {
            let fetcher = Fetcher::new(catalog, &info, &request.fields).await?;
            let records = fetcher.by_ids(ids).await?;
            let mut found: Vec<Record> = records.iter().filter_map(|raw| fetcher.record(raw)).collect();
            found.extend(fetcher.merged(ids, &found).await?);
            Ok(found)
        }
        Selection::Keys { fields: key, values } => {
            let fields: Vec<FieldName> = key.iter().chain(&request.fields).cloned().collect();
            let fetcher = Fetcher::new(catalog, &info, &fields).await?;
            match searched(&info, key) {
                Some((place, term_of)) => fetcher.by_keys(key, values, place, term_of).await,
                None => fetcher.all(&key[..]).await,
            }
        }
    }
}

/// Returns every record of an object.
pub(super) async fn whole(
    catalog: &Catalog,
    object: &ObjectName,
    fields: &[FieldName],
) -> Result<Vec<Record>, ConnectorError> {
    let info = catalog.object(object).await?;
    Fetcher::new(catalog, &info, fields).await?.all(fields).await
}

/// Returns the tokens that it costs to read an object, as counted: ids are given one after the other, so the last one is the most
/// that there can be. None where that cannot be counted.
pub(super) async fn cost_of_whole(
    catalog: &Catalog,
    object: &ObjectName,
    key: &[FieldName],
) -> Result<Option<u32>, ConnectorError> {
    let info = catalog.object(object).await?;
    if searched(&info, key).is_none() {
        // There is no other way.
        return Ok(Some(0));
    }
    if info.object.is_v1() {
        return Ok(None);
    }
    let mut query =
        vec![("sort_by", "id".to_owned()), ("sort_direction", "desc".to_owned()), ("limit", "1".to_owned())];
    query.extend(custom_fields(&info, std::iter::empty()));
    let page = catalog.api.list(info.object, Shelf::Current, &query, None).await?;
    let last: u64 = page.records.first().and_then(id_of).and_then(|id| id.parse().ok()).unwrap_or_default();
    let per_page = u64::try_from(PAGE_RECORDS).unwrap_or(u64::MAX);
    let pages = u32::try_from(last.div_ceil(per_page).max(1)).unwrap_or(u32::MAX);
    let archived = if info.object.has_archive() { ARCHIVED_PAGE_TOKENS } else { 0 };
    let cost = pages.saturating_mul(PAGE_TOKENS).saturating_add(archived);
    tracing::info!(object = info.object.name(), tokens = cost, "the cost of reading all records was counted");
    Ok(Some(cost))
}

/// Returns the first field of a key that can be searched: the place that search looks into, and the place in the key.
fn searched(info: &ObjectInfo, key: &[FieldName]) -> Option<(&'static str, usize)> {
    key.iter().enumerate().find_map(|(number, name)| {
        let column = info.find(name)?;
        let property = info.property(column);
        let is_main = match column.part {
            Part::Whole | Part::Primary => true,
            Part::Of(part) => property.kind.parts().first().is_some_and(|(main, _)| *main == part),
            Part::All | Part::Labelled(_) => false,
        };
        let place = match property.is_custom {
            true if property.is_searchable => Some("custom_fields"),
            true => None,
            false => info.object.searched(&property.code),
        };
        place.filter(|_| is_main).map(|place| (place, number))
    })
}

/// Names the custom fields that a list is to have; one at least, for without any it has them all.
fn custom_fields<'info>(
    info: &'info ObjectInfo,
    used: impl Iterator<Item = &'info Column>,
) -> Option<(&'static str, String)> {
    let custom = used.map(|column| info.property(column)).filter(|property| property.is_custom);
    let mut codes: Vec<&str> = custom.map(|property| property.code.as_str()).collect();
    if codes.is_empty() {
        codes.extend(info.properties.iter().find(|property| property.is_custom).map(|of| of.code.as_str()));
    }
    codes.sort_unstable();
    codes.dedup();
    let is_named = !codes.is_empty() && codes.len() <= MAX_CUSTOM_FIELDS && !info.object.is_v1();
    (is_named && info.object.has_custom_fields()).then(|| ("custom_fields", codes.join(",")))
}

struct Fetcher<'fetch> {
    catalog: &'fetch Catalog,
    info: &'fetch ObjectInfo,
    columns: Vec<&'fetch Column>,
    names: Names,
}

impl<'fetch> Fetcher<'fetch> {
    async fn new(
        catalog: &'fetch Catalog,
        info: &'fetch ObjectInfo,
        fields: &[FieldName],
    ) -> Result<Self, ConnectorError> {
        let mut columns: Vec<&Column> = Vec::with_capacity(fields.len());
        for name in fields {
            let column = info.column(name)?;
            if !columns.iter().any(|known| known.field.name == column.field.name) {
                columns.push(column);
            }
        }
        let kinds: Vec<_> = columns.iter().map(|column| info.property(column).kind).collect();
        let names = catalog.names(kinds.into_iter()).await?;
        Ok(Self { catalog, info, columns, names })
    }

    /// Returns a record as the engine takes it; none where it is deleted. A value that is none of its field's type is left out:
    /// nobody can have written it.
    fn record(&self, raw: &Raw) -> Option<Record> {
        if raw.get("is_deleted").is_some_and(|flag| *flag == true)
            || raw.get("active_flag").is_some_and(|flag| *flag == false)
        {
            return None;
        }
        let raw = normal(self.info, raw.clone());
        let mut fields = Fields::new();
        for column in &self.columns {
            match decode(self.info, column, &raw, &self.names) {
                Ok(value) if !value.is_null() => {
                    fields.insert(column.field.name.clone(), value);
                }
                _ => {}
            }
        }
        Some(Record { id: id_of(&raw)?, fields, place: None, merged_into: None })
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let optional = self.columns.iter().map(|column| self.info.property(column)).filter(|of| of.is_optional);
        let mut optional: Vec<&str> = optional.map(|of| of.code.as_str()).collect();
        optional.dedup();
        let included = (!optional.is_empty()).then(|| ("include_fields", optional.join(",")));
        custom_fields(self.info, self.columns.iter().copied()).into_iter().chain(included).collect()
    }

    async fn by_ids(&self, ids: &[String]) -> Result<Vec<Raw>, ConnectorError> {
        let object = self.info.object;
        if matches!(object, Object::Pipelines | Object::Stages) {
            let all = self.list(Shelf::Current, &[]).await?;
            return Ok(all.into_iter().filter(|raw| id_of(raw).is_some_and(|id| ids.contains(&id))).collect());
        }
        let mut found = Vec::with_capacity(ids.len());
        if object.is_v1() || ids.len() < 10 {
            // One record costs a tenth of a list.
            for id in ids {
                match self.catalog.api.one(object, id).await {
                    Ok(raw) => found.push(raw),
                    Err(CallError::Refused(error)) if error.is_missing() => {}
                    Err(error) => return Err(error.into()),
                }
            }
            return Ok(found);
        }
        for chunk in ids.chunks(MAX_IDS) {
            let query = [("ids", chunk.join(","))];
            let mut records = self.list(Shelf::Current, &query).await?;
            let seen: HashSet<String> = records.iter().filter_map(id_of).collect();
            let missing: Vec<String> = chunk.iter().filter(|id| !seen.contains(*id)).cloned().collect();
            if object.has_archive() && !missing.is_empty() {
                records.extend(self.list(Shelf::Archived, &[("ids", missing.join(","))]).await?);
            }
            found.extend(records);
        }
        Ok(found)
    }

    /// Returns those of the ids that were not found and are another record now.
    async fn merged(&self, ids: &[String], found: &[Record]) -> Result<Vec<Record>, ConnectorError> {
        let known: HashSet<&str> = found.iter().map(|record| record.id.as_str()).collect();
        let mut merged = Vec::new();
        for id in ids.iter().filter(|id| !known.contains(id.as_str())) {
            let Some(survivor) = self.catalog.survivor(self.info.object, id).await? else { continue };
            for raw in self.by_ids(std::slice::from_ref(&survivor)).await? {
                let record = self.record(&raw);
                merged.extend(record.map(|record| Record {
                    id: id.clone(),
                    merged_into: Some(survivor.clone()),
                    ..record
                }));
            }
        }
        Ok(merged)
    }

    /// Lists records, all pages.
    async fn list(&self, from: Shelf, query: &[(&'static str, String)]) -> Result<Vec<Raw>, ConnectorError> {
        let mut query = query.to_vec();
        query.extend(self.query());
        let (mut records, mut next): (Vec<Raw>, Option<Next>) = (Vec::new(), None);
        let mut seen: HashSet<String> = HashSet::new();
        loop {
            let page = self.catalog.api.look_through(self.info.object, from, &query, next.as_ref()).await?;
            records.extend(page.records.into_iter().filter(|raw| id_of(raw).is_some_and(|id| seen.insert(id))));
            match page.next {
                Some(more) if next.as_ref() != Some(&more) => next = Some(more),
                Some(_) => return Err(super::super::errors::unexpected("its pages lead back to where they began")),
                None => return Ok(records),
            }
        }
    }

    /// Searches for each key, and reads what was found: a hit is not the whole record.
    async fn by_keys(
        &self,
        key: &[FieldName],
        values: &[Vec<Value>],
        place: &'static str,
        term_of: usize,
    ) -> Result<Vec<Record>, ConnectorError> {
        let mut found = Vec::new();
        for asked in values {
            let term = asked.get(term_of).map(Value::to_text).unwrap_or_default();
            if term.trim().is_empty() {
                continue;
            }
            let ids = self.catalog.api.search(self.info.object, place, term.trim()).await?;
            for raw in self.by_ids(&ids).await? {
                found.extend(self.known_by(&raw, key, Some(&asked[term_of])));
            }
        }
        Ok(found)
    }

    async fn all(&self, key: &[FieldName]) -> Result<Vec<Record>, ConnectorError> {
        let mut records = self.list(Shelf::Current, &[]).await?;
        if self.info.object.has_archive() {
            records.extend(self.list(Shelf::Archived, &[]).await?);
        }
        Ok(records.iter().flat_map(|raw| self.known_by(raw, key, None)).collect())
    }

    /// Returns a record once for each value that it is known by: a person has several addresses. Of a look-up, only the value that
    /// was asked for counts.
    fn known_by(&self, raw: &Raw, key: &[FieldName], asked: Option<&Value>) -> Vec<Record> {
        let Some(record) = self.record(raw) else { return Vec::new() };
        let aliased = key.iter().find(|name| self.info.find(name).is_some_and(|column| column.field.has_aliases));
        let Some(name) = aliased else { return vec![record] };
        let list = raw.get("emails").and_then(serde_json::Value::as_array);
        let mut values: Vec<&str> = list.into_iter().flatten().filter_map(|one| one["value"].as_str()).collect();
        values.retain(|value| !value.is_empty());
        values.sort_unstable_by_key(|value| value.to_lowercase());
        values.dedup_by_key(|value| value.to_lowercase());
        let asked = asked.map(|value| value.to_text().trim().to_lowercase());
        let of = |value: &str| {
            let mut one = record.clone();
            one.fields.insert(name.clone(), Value::Text(value.to_owned()));
            one
        };
        let is_asked = |value: &&str| asked.as_ref().is_none_or(|asked| value.to_lowercase() == *asked);
        values.into_iter().filter(is_asked).map(of).collect()
    }
}
