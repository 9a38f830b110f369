//! What the local Airtable holds: bases, tables, fields and records.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json};

use super::{formula::Expression, ids::id_of, kinds::Kind};

/// A base and its tables.
#[derive(Debug, Clone)]
pub(super) struct Base {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) tables: Vec<Table>,
    /// Counts the ids given out, so that no id comes twice.
    serial: u64,
}

/// A table: its fields in order (the first is the primary one), and its records in the order they were made.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) fields: Vec<Field>,
    pub(super) views: Vec<View>,
    records: BTreeMap<u64, Record>,
    numbers: HashMap<String, u64>,
    last_number: u64,
    indexes: Vec<KeyIndex>,
}

/// A field of a table. Fields are never removed, so their position names them inside the emulator.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) kind: Kind,
    /// The type's name as it was given, for types that are not known.
    pub(super) type_name: String,
    pub(super) options: Map<String, Json>,
    /// What a formula field computes.
    pub(super) formula: Option<Arc<Expression>>,
}

/// A view; views here show all records in the order they were made.
#[derive(Debug, Clone)]
pub(super) struct View {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) kind: String,
}

/// A record.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) id: String,
    /// Its place in the order of creation, from 1: what an autonumber field shows.
    pub(super) number: u64,
    pub(super) created_at: DateTime<Utc>,
    pub(super) comments: Vec<Json>,
    cells: BTreeMap<usize, Cell>,
}

#[derive(Debug, Clone, Default)]
struct Cell {
    value: Json,
    edited_at: Option<DateTime<Utc>>,
}

/// Finds records by the values of the fields that an upsert matches on.
#[derive(Debug, Clone)]
struct KeyIndex {
    fields: Vec<usize>,
    numbers: HashMap<String, BTreeSet<u64>>,
}

impl Base {
    /// Makes a base without tables.
    pub(super) fn new(id: &str, name: &str) -> Self {
        Self { id: id.to_owned(), name: name.to_owned(), tables: Vec::new(), serial: 0 }
    }

    /// Returns the position of a table by its id or its exact name.
    pub(super) fn table_index(&self, id_or_name: &str) -> Option<usize> {
        self.tables
            .iter()
            .position(|table| table.id == id_or_name)
            .or_else(|| self.tables.iter().position(|table| table.name == id_or_name))
    }

    /// Gives out an id that this base has not given out before.
    pub(super) fn next_id(&mut self, prefix: &str) -> String {
        self.serial += 1;
        id_of(prefix, &[&self.id, &self.serial.to_string()])
    }

    /// Tells the id that `next_id` will give out after `skipped` others.
    pub(super) fn coming_id(&self, prefix: &str, skipped: usize) -> String {
        let serial = self.serial + 1 + u64::try_from(skipped).unwrap_or_default();
        id_of(prefix, &[&self.id, &serial.to_string()])
    }

    /// Returns where a link field leads: the table, and the field that shows the link from the other side.
    pub(super) fn link_of(&self, field: &Field) -> Option<(usize, Option<usize>)> {
        let table = self.table_index(field.options.get("linkedTableId")?.as_str()?)?;
        let inverse = field.options.get("inverseLinkFieldId").and_then(Json::as_str);
        Some((table, inverse.and_then(|id| self.tables[table].field_index(id))))
    }
}

impl Table {
    /// Makes a table without fields.
    pub(super) fn new(id: &str, name: &str) -> Self {
        let view = View { id: id_of("viw", &[id, "Grid view"]), name: "Grid view".to_owned(), kind: "grid".to_owned() };
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            description: None,
            fields: Vec::new(),
            views: vec![view],
            records: BTreeMap::new(),
            numbers: HashMap::new(),
            last_number: 0,
            indexes: Vec::new(),
        }
    }

    /// Returns the position of a field by its id or its exact name.
    pub(super) fn field_index(&self, id_or_name: &str) -> Option<usize> {
        self.fields
            .iter()
            .position(|field| field.id == id_or_name)
            .or_else(|| self.fields.iter().position(|field| field.name == id_or_name))
    }

    /// Returns the id for a field of that name: always the same one, unless a renamed field already has it.
    pub(super) fn free_field_id(&self, name: &str) -> String {
        let mut id = id_of("fld", &[&self.id, name]);
        while self.fields.iter().any(|field| field.id == id) {
            id = id_of("fld", &[&id, name]);
        }
        id
    }

    /// Returns how many records the table holds.
    pub(super) fn record_count(&self) -> usize {
        self.records.len()
    }

    /// Returns the records in the order they were made.
    pub(super) fn records(&self) -> impl Iterator<Item = &Record> {
        self.records.values()
    }

    /// Returns a record by its id.
    pub(super) fn record(&self, id: &str) -> Option<&Record> {
        self.records.get(self.numbers.get(id)?)
    }

    /// Returns a record by its id, to change what is not a cell.
    pub(super) fn record_mut(&mut self, id: &str) -> Option<&mut Record> {
        self.records.get_mut(self.numbers.get(id)?)
    }

    /// Returns a record by its number.
    pub(super) fn numbered(&self, number: u64) -> Option<&Record> {
        self.records.get(&number)
    }

    /// Adds an empty record.
    pub(super) fn insert(&mut self, id: &str, created_at: DateTime<Utc>) {
        self.last_number += 1;
        let number = self.last_number;
        let record = Record { id: id.to_owned(), number, created_at, comments: Vec::new(), cells: BTreeMap::new() };
        self.numbers.insert(id.to_owned(), number);
        self.records.insert(number, record);
    }

    /// Takes a record away.
    pub(super) fn remove(&mut self, id: &str) -> Option<Record> {
        let number = self.numbers.remove(id)?;
        let record = self.records.remove(&number)?;
        for index in &mut self.indexes {
            index.forget(&record);
        }
        Some(record)
    }

    /// Sets one cell. `edited_at` is none for a value that the record was created with.
    pub(super) fn set(&mut self, id: &str, field: usize, value: Json, edited_at: Option<DateTime<Utc>>) {
        let Some(record) = self.numbers.get(id).and_then(|number| self.records.get_mut(number)) else { return };
        let is_indexed = |index: &&mut KeyIndex| index.fields.contains(&field);
        for index in self.indexes.iter_mut().filter(is_indexed) {
            index.forget(record);
        }
        let cell = record.cells.entry(field).or_default();
        cell.value = value;
        cell.edited_at = edited_at.or(cell.edited_at);
        for index in self.indexes.iter_mut().filter(is_indexed) {
            index.learn(record);
        }
    }

    /// Returns the numbers of the records whose fields have these values; none when a value is empty.
    pub(super) fn find(&mut self, fields: &[usize], values: &[&Json]) -> Vec<u64> {
        let Some(key) = key_of(values.iter().copied()) else { return Vec::new() };
        let position = self.indexes.iter().position(|index| index.fields == fields).unwrap_or_else(|| {
            let mut index = KeyIndex { fields: fields.to_vec(), numbers: HashMap::new() };
            for record in self.records.values() {
                index.learn(record);
            }
            self.indexes.push(index);
            self.indexes.len() - 1
        });
        let found = self.indexes[position].numbers.get(&key);
        found.map(|numbers| numbers.iter().copied().collect()).unwrap_or_default()
    }
}

impl Field {
    /// Makes a field from its parts.
    pub(super) fn new(id: &str, name: &str, type_name: &str, options: Map<String, Json>) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            description: None,
            kind: Kind::of(type_name),
            type_name: type_name.to_owned(),
            options,
            formula: None,
        }
    }

    /// Returns the names of a select field's choices.
    pub(super) fn choices(&self) -> impl Iterator<Item = &str> {
        let choices = self.options.get("choices").and_then(Json::as_array);
        choices.into_iter().flatten().filter_map(|choice| choice.get("name")?.as_str())
    }

    /// Returns a text among the options.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options.get(name).and_then(Json::as_str)
    }
}

impl Record {
    /// Returns what is stored in a cell; null where there is nothing.
    pub(super) fn stored(&self, field: usize) -> &Json {
        self.cells.get(&field).map_or(&Json::Null, |cell| &cell.value)
    }

    /// Returns when one of these fields (or any, when none is named) was last changed after the record was made.
    pub(super) fn edited_at(&self, fields: &[usize]) -> Option<DateTime<Utc>> {
        let is_asked = |field: &usize| fields.is_empty() || fields.contains(field);
        self.cells.iter().filter(|(field, _)| is_asked(field)).filter_map(|(_, cell)| cell.edited_at).max()
    }
}

impl KeyIndex {
    fn key(&self, record: &Record) -> Option<String> {
        key_of(self.fields.iter().map(|field| record.stored(*field)))
    }

    fn learn(&mut self, record: &Record) {
        if let Some(key) = self.key(record) {
            self.numbers.entry(key).or_default().insert(record.number);
        }
    }

    fn forget(&mut self, record: &Record) {
        let Some(key) = self.key(record) else { return };
        if let Some(numbers) = self.numbers.get_mut(&key) {
            numbers.remove(&record.number);
        }
    }
}

/// Joins the values of a key; none when one of them is empty, because an empty value matches nothing.
fn key_of<'a>(values: impl Iterator<Item = &'a Json>) -> Option<String> {
    let mut key = String::new();
    for value in values {
        match value {
            Json::Null => return None,
            Json::String(text) => key.push_str(text),
            Json::Number(number) => key.push_str(&number.as_f64().unwrap_or_default().to_string()),
            Json::Array(items) => {
                let mut names: Vec<&str> = items.iter().filter_map(Json::as_str).collect();
                names.sort_unstable();
                key.push_str(&names.join("\u{1e}"));
            }
            Json::Bool(_) | Json::Object(_) => key.push_str(&value.to_string()),
        }
        key.push('\u{1f}');
    }
    Some(key)
}
