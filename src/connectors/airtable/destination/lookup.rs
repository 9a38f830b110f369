//! Looks records up by id or key.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use chrono::DateTime;

use crate::connector::{ConnectorError, ErrorKind, age};
use crate::model::{FieldName, Fields, Record, Value};

use super::{
    super::{
        client::{Listing, RawRecord},
        errors::unexpected,
        formula,
        limits::{MAX_BARREN_RESTARTS, PAGE_RECORDS},
        schema::{Table, TableField, decode, encode},
    },
    AirtableDestination,
    sent::comparable,
};

impl AirtableDestination {
    /// Returns the records with these ids.
    pub(super) async fn fetch_ids(
        &self,
        table: &Table,
        fields: &[&TableField],
        ids: &[String],
    ) -> Result<Vec<Record>, ConnectorError> {
        let mut found = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(page_len()) {
            let formula = formula::has_id(chunk.iter().map(String::as_str));
            let asked: HashSet<String> = chunk.iter().cloned().collect();
            let is_asked_for = Arc::new(move |record: &RawRecord| asked.contains(&record.id));
            for record in self.list_all(table, fields, formula, is_asked_for).await? {
                found.push(typed(fields, &record));
            }
        }
        Ok(found)
    }

    /// Returns how long ago records were created, by their ids.
    pub(super) async fn ages_of(
        &self,
        table: &Table,
        ids: &[String],
    ) -> Result<HashMap<String, Duration>, ConnectorError> {
        let mut ages = HashMap::with_capacity(ids.len());
        for chunk in ids.chunks(page_len()) {
            let formula = Some(formula::has_id(chunk.iter().map(String::as_str)));
            let listing = Listing { fields: table.primary_field_id.clone().into_iter().collect(), formula };
            // One page holds as many as were asked for.
            let page = self.client.list(table, &listing, None).await?;
            let Some(answered_at) = page.answered_at else { continue };
            ages.extend(page.records.into_iter().filter_map(|record| {
                let created_at = DateTime::parse_from_rfc3339(record.created_time.as_str()?).ok()?;
                Some((record.id, age(created_at.to_utc(), answered_at)?))
            }));
        }
        Ok(ages)
    }

    /// Returns the records with these keys, several of one key too.
    pub(super) async fn fetch_keys(
        &self,
        table: &Table,
        fields: &[&TableField],
        key: &[&TableField],
        values: &[Vec<Value>],
    ) -> Result<Vec<Record>, ConnectorError> {
        let keys: Vec<Vec<Value>> = values.iter().filter_map(|values| self.cell_values(key, values)).collect();
        let own_key: Vec<TableField> = key.iter().map(|field| (*field).clone()).collect();
        let key_of = move |record: &RawRecord| {
            comparable(&own_key.iter().map(|field| field.value(&record.fields).unwrap_or_default()).collect::<Vec<_>>())
        };
        let wanted: HashSet<Vec<String>> = keys.iter().map(|values| comparable(values)).collect();
        let loose = |key: Vec<String>| key.iter().map(|part| part.trim().to_lowercase()).collect::<Vec<_>>();
        let mut asked: Vec<&TableField> = fields.to_vec();
        asked.extend(key.iter().filter(|field| !fields.iter().any(|other| other.id == field.id)));
        let mut found = Vec::new();
        for chunk in keys.chunks(page_len()) {
            let formula = formula::has_key(key, chunk).ok_or_else(|| {
                let message = "a key with an empty value cannot be looked up";
                ConnectorError::new(ErrorKind::Unexpected, "no_key", message)
            })?;
            let chunk: HashSet<Vec<String>> = chunk.iter().map(|values| loose(comparable(values))).collect();
            let of_record = key_of.clone();
            let is_asked_for = Arc::new(move |record: &RawRecord| chunk.contains(&loose(of_record(record))));
            for record in self.list_all(table, &asked, formula, is_asked_for).await? {
                // The formula may let through more than the key: Airtable's comparison is not SQL's.
                if wanted.contains(&key_of(&record)) {
                    found.push(typed(fields, &record));
                }
            }
        }
        Ok(found)
    }

    /// Returns a key as the cells that hold it would read, so that a number is looked for as a number. A key that no cell can
    /// hold (an option that does not exist) is none: no record has it.
    fn cell_values(&self, key: &[&TableField], values: &[Value]) -> Option<Vec<Value>> {
        let cell_value = |field: &&TableField, value: &Value| {
            if field.kind.is_read_only() {
                return Some(value.clone());
            }
            let cell = encode(field, value, self.client.is_typecast()).ok()?;
            // With typecast a text stays one and may not fit; it is looked for as it is then.
            Some(decode(&field.kind, &cell).unwrap_or_else(|_| value.clone()))
        };
        key.iter().zip(values).map(|(field, value)| cell_value(field, value)).collect()
    }

    /// Lists every record that a formula keeps, each once; starts over when an offset expires.
    async fn list_all(
        &self,
        table: &Table,
        fields: &[&TableField],
        formula: String,
        is_asked_for: Arc<dyn Fn(&RawRecord) -> bool + Send + Sync>,
    ) -> Result<Vec<RawRecord>, ConnectorError> {
        let mut ids: Vec<String> = fields.iter().map(|field| field.id.clone()).collect();
        if ids.is_empty() {
            // No field named would mean every field.
            ids.extend(table.primary_field_id.clone());
        }
        let listing = Listing { fields: ids, formula: Some(formula) };
        let mut records: HashMap<String, RawRecord> = HashMap::new();
        let mut offset: Option<String> = None;
        let mut restarts = 0;
        loop {
            match self.client.look_up(table, &listing, offset.as_deref(), Arc::clone(&is_asked_for)).await {
                Ok(page) => {
                    let known = records.len();
                    records.extend(page.records.into_iter().map(|record| (record.id.clone(), record)));
                    if page.offset.is_none() {
                        return Ok(records.into_values().collect());
                    }
                    if records.len() == known && page.offset == offset {
                        return Err(unexpected("its pages lead back to where they began").about_page(&page.request));
                    }
                    offset = page.offset;
                }
                Err(error) if error.kind == ErrorKind::CursorExpired && restarts < MAX_BARREN_RESTARTS => {
                    restarts += 1;
                    offset = None;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn typed(fields: &[&TableField], record: &RawRecord) -> Record {
    let mut values = Fields::new();
    for field in fields {
        // A cell that is no value of its type (a broken formula) is left out: nobody can have written it.
        if let Ok(value) = field.value(&record.fields)
            && !value.is_null()
        {
            values.insert(FieldName::new(&field.name), value);
        }
    }
    Record { id: record.id.clone(), fields: values, place: None, merged_into: None }
}

fn page_len() -> usize {
    usize::try_from(PAGE_RECORDS.get()).unwrap_or(usize::MAX)
}
