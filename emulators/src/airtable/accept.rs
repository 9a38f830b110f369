//! What a client may write into a cell, and what is stored then.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::{
    cells::{Row, value_of},
    errors::ApiError,
    ids::is_id,
    kinds::Kind,
    store::Base,
    values::{
        attachments, barcode, checkbox, collaborator, collaborators, date, date_time, list_or_nothing, number, rating,
        text,
    },
};

/// Cells that may be written: the field's position and what is stored.
pub(super) type Cells = Vec<(usize, Json)>;

/// Checks values against the fields of one table without changing anything; what `typecast` would make on the way (choices,
/// linked records) is noted, so that a batch is carried out whole or not at all.
#[derive(Debug)]
pub(super) struct Acceptor<'a> {
    base: &'a Base,
    table: usize,
    is_typecast: bool,
    notes: Notes,
}

/// What `typecast` makes beside the written records.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// New choices: the field's position and the name.
    pub(super) choices: Vec<(usize, String)>,
    /// New records of linked tables.
    pub(super) records: Vec<NewRecord>,
    /// What linked tables hold by their primary text, read once.
    primary_texts: HashMap<usize, HashMap<String, String>>,
}

/// A record that a link by text makes in the other table.
#[derive(Debug)]
pub(super) struct NewRecord {
    pub(super) table: usize,
    pub(super) id: String,
    pub(super) name: String,
}

impl<'a> Acceptor<'a> {
    /// Starts checking a batch for a table.
    pub(super) fn new(base: &'a Base, table: usize, is_typecast: bool) -> Self {
        Self { base, table, is_typecast, notes: Notes::default() }
    }

    /// Returns what `typecast` has to make.
    pub(super) fn finish(self) -> Notes {
        self.notes
    }

    /// Checks the cells of one record; the keys are names or ids of fields. `current` is the record when it exists.
    pub(super) fn record(&mut self, fields: &Map<String, Json>, current: Option<&str>) -> Result<Cells, ApiError> {
        let table = &self.base.tables[self.table];
        let mut cells = Cells::new();
        for (key, value) in fields {
            let index = table.field_index(key).ok_or_else(|| ApiError::unknown_field(key))?;
            let old = current.and_then(|id| table.record(id)).map_or(&Json::Null, |record| record.stored(index));
            cells.push((index, self.cell(index, value, old)?));
        }
        Ok(cells)
    }

    fn cell(&mut self, index: usize, value: &Json, old: &Json) -> Result<Json, ApiError> {
        let field = &self.base.tables[self.table].fields[index];
        if field.kind.is_computed() {
            return Err(ApiError::computed(&field.name));
        }
        if value.is_null() {
            return Ok(Json::Null);
        }
        let is_typecast = self.is_typecast;
        let accepted = match field.kind {
            Kind::SingleSelect => return self.choice(index, value),
            Kind::MultipleSelects => return self.choices(index, value),
            Kind::MultipleRecordLinks => return self.links(index, value),
            Kind::Checkbox => checkbox(value, is_typecast),
            Kind::Rating => rating(field, value, is_typecast),
            Kind::Date => date(value, is_typecast),
            Kind::DateTime => date_time(field, value, is_typecast),
            Kind::Barcode => barcode(value, is_typecast),
            Kind::SingleCollaborator => collaborator(value),
            Kind::MultipleCollaborators => collaborators(value),
            Kind::MultipleAttachments => attachments(value, old),
            kind if kind.is_number() => number(value, is_typecast),
            kind => text(kind, value, is_typecast),
        };
        accepted.ok_or_else(|| ApiError::invalid_value(&field.name))
    }

    fn choice(&mut self, index: usize, value: &Json) -> Result<Json, ApiError> {
        let field = &self.base.tables[self.table].fields[index];
        let name = match value {
            Json::String(name) => name.clone(),
            Json::Number(_) if self.is_typecast => value.to_string(),
            _ => return Err(ApiError::invalid_value(&field.name)),
        };
        if self.is_typecast && name.trim().is_empty() {
            return Ok(Json::Null);
        }
        let is_known = field.choices().any(|choice| choice == name)
            || self.notes.choices.iter().any(|(noted, choice)| *noted == index && *choice == name);
        if !is_known {
            if !self.is_typecast {
                return Err(ApiError::unknown_choice(&name));
            }
            self.notes.choices.push((index, name.clone()));
        }
        Ok(Json::from(name))
    }

    fn choices(&mut self, index: usize, value: &Json) -> Result<Json, ApiError> {
        let field = &self.base.tables[self.table].fields[index];
        let names: Vec<Json> = match value {
            Json::Array(names) => names.clone(),
            Json::String(names) if self.is_typecast => names.split(',').map(|name| name.trim().into()).collect(),
            _ => return Err(ApiError::invalid_value(&field.name)),
        };
        let mut accepted = Vec::new();
        for name in &names {
            let choice = self.choice(index, name)?;
            if !choice.is_null() && !accepted.contains(&choice) {
                accepted.push(choice);
            }
        }
        Ok(list_or_nothing(accepted))
    }

    fn links(&mut self, index: usize, value: &Json) -> Result<Json, ApiError> {
        let field = &self.base.tables[self.table].fields[index];
        let (table, _) = self.base.link_of(field).ok_or_else(|| ApiError::invalid_value(&field.name))?;
        let items = match value {
            Json::Array(items) => items.clone(),
            Json::String(_) if self.is_typecast => vec![value.clone()],
            _ => return Err(ApiError::not_record_ids()),
        };
        let mut accepted = Vec::new();
        for item in &items {
            let id = match item {
                Json::String(text) if is_id("rec", text) => self.known_record(table, text)?,
                Json::String(text) if self.is_typecast => match text.trim() {
                    "" => continue,
                    name => self.named_record(table, name),
                },
                Json::Object(linked) => match linked.get("id").and_then(Json::as_str) {
                    Some(id) => self.known_record(table, id)?,
                    None => return Err(ApiError::not_record_ids()),
                },
                _ => return Err(ApiError::not_record_ids()),
            };
            let id = Json::from(id);
            if !accepted.contains(&id) {
                accepted.push(id);
            }
        }
        Ok(list_or_nothing(accepted))
    }

    fn known_record(&self, table: usize, id: &str) -> Result<String, ApiError> {
        let is_known = self.base.tables[table].record(id).is_some();
        if is_known { Ok(id.to_owned()) } else { Err(ApiError::row_does_not_exist(id)) }
    }

    /// Finds a record by its primary text: the first match wins, else a new record is noted.
    fn named_record(&mut self, table: usize, name: &str) -> String {
        let base = self.base;
        let known = self.notes.primary_texts.entry(table).or_insert_with(|| primary_texts(base, table));
        if let Some(id) = known.get(name) {
            return id.clone();
        }
        let id = base.coming_id("rec", self.notes.records.len());
        known.insert(name.to_owned(), id.clone());
        self.notes.records.push(NewRecord { table, id: id.clone(), name: name.to_owned() });
        id
    }
}

fn primary_texts(base: &Base, table: usize) -> HashMap<String, String> {
    let place = &base.tables[table];
    let mut found = HashMap::new();
    for record in place.records() {
        let row = Row::new(base, place, record, record.created_at);
        found.entry(value_of(row, 0).to_text()).or_insert_with(|| record.id.clone());
    }
    found
}
