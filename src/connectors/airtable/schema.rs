//! Airtable's tables and field types, and what they are to Ferry.
//!
//! Empty cells are absent from every answer, so types come from the meta API alone, never from records. Inside the connector
//! fields go by their ids, which no user can edit between two pages; names are for the outside.

mod decode;
mod encode;
mod kind;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{Choice, Field, FieldType, ObjectName, Schema, Value, is_reserved, link_field, name_hint};

pub(super) use decode::{Misfit, decode};
pub(super) use encode::encode;
pub(super) use kind::Kind;

/// The tables of a base.
#[derive(Debug, Clone)]
pub(super) struct Base {
    tables: Vec<Table>,
}

/// A table.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// `tbl…`
    pub(super) id: String,
    /// What users call it.
    pub(super) name: String,
    /// The field that every record shows first.
    pub(super) primary_field_id: Option<String>,
    /// The fields, in the table's order.
    pub(super) fields: Vec<TableField>,
}

/// A field of a table.
#[derive(Debug, Clone)]
pub(super) struct TableField {
    /// `fld…`
    pub(super) id: String,
    /// What users call it.
    pub(super) name: String,
    /// What its cells hold.
    pub(super) kind: Kind,
    /// The options of a select, by name.
    pub(super) choices: Vec<String>,
    /// The table that a link field links to.
    pub(super) linked_table_id: Option<String>,
}

/// The answer of `GET v0/meta/bases/{base}/tables`.
#[derive(Deserialize)]
pub(super) struct TablesAnswer {
    tables: Vec<TableAnswer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TableAnswer {
    id: String,
    name: String,
    primary_field_id: Option<String>,
    #[serde(default)]
    fields: Vec<FieldAnswer>,
}

#[derive(Deserialize)]
struct FieldAnswer {
    id: String,
    name: String,
    #[serde(rename = "type")]
    field_type: String,
    #[serde(default)]
    options: Json,
}

impl From<TablesAnswer> for Base {
    fn from(answer: TablesAnswer) -> Self {
        Self { tables: answer.tables.into_iter().map(Table::from).collect() }
    }
}

impl From<TableAnswer> for Table {
    fn from(answer: TableAnswer) -> Self {
        Self {
            id: answer.id,
            name: answer.name,
            primary_field_id: answer.primary_field_id,
            // A field that is named as one of Ferry's own columns could not be told from it.
            fields: answer.fields.into_iter().map(TableField::from).filter(|field| !is_reserved(&field.name)).collect(),
        }
    }
}

impl From<FieldAnswer> for TableField {
    fn from(answer: FieldAnswer) -> Self {
        let options = &answer.options;
        let linked_table_id = options.get("linkedTableId").and_then(Json::as_str).map(str::to_owned);
        let choices = options.get("choices").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let names = choices.iter().filter_map(|choice| choice.get("name")?.as_str());
        Self {
            kind: Kind::of(&answer.field_type, options),
            choices: names.map(str::to_owned).collect(),
            linked_table_id,
            id: answer.id,
            name: answer.name,
        }
    }
}

impl Base {
    /// Returns the table of that name or id.
    pub(super) fn table(&self, object: &ObjectName) -> Result<&Table, ConnectorError> {
        let by_name = self.tables.iter().find(|table| table.name == object.as_str());
        let by_id = || self.tables.iter().find(|table| table.id == object.as_str());
        by_name.or_else(by_id).ok_or_else(|| {
            let names = self.tables.iter().map(|table| table.name.as_str());
            not_found("unknown_table", format!("the base has no table `{object}`"), object, names)
        })
    }

    /// Returns what the table looks like. A source also offers each linked table as `_links.<table>`, where one field alone
    /// links to it.
    pub(super) fn describe(&self, object: &ObjectName, has_link_columns: bool) -> Result<Schema, ConnectorError> {
        let table = self.table(object)?;
        let mut fields: Vec<Field> = table.fields.iter().map(TableField::describe).collect();
        if has_link_columns {
            let linked = self.tables.iter().filter(|other| table.links_to(&other.id).count() == 1);
            fields.extend(linked.map(|other| {
                let mut field = Field::new(link_field(&other.name), FieldType::Link);
                field.is_read_only = true;
                field
            }));
        }
        Ok(Schema { object: object.clone(), fields, is_open: false })
    }

    /// Returns the one field of `table` that links to `object`.
    pub(super) fn link_field_to<'a>(
        &self,
        table: &'a Table,
        object: &ObjectName,
    ) -> Result<&'a TableField, ConnectorError> {
        let linked = self.table(object)?;
        let links: Vec<&TableField> = table.links_to(&linked.id).collect();
        let [link] = links[..] else {
            let names: Vec<String> = links.iter().map(|field| format!("`{}`", field.name)).collect();
            let message = match names.len() {
                0 => format!("no field of `{}` links to `{object}`", table.name),
                _ => format!("several fields of `{}` link to `{object}`", table.name),
            };
            let error = ConnectorError::new(ErrorKind::NotFound, "unknown_link", message);
            return Err(if names.is_empty() {
                error
            } else {
                error.with_hint(format!("read one of them by its name: {}", names.join(", ")))
            });
        };
        Ok(link)
    }
}

impl Table {
    /// Returns the field of that name or id.
    pub(super) fn field(&self, name: &str) -> Result<&TableField, ConnectorError> {
        let by_name = self.fields.iter().find(|field| field.name == name);
        let by_id = || self.fields.iter().find(|field| field.id == name);
        by_name.or_else(by_id).ok_or_else(|| {
            let names = self.fields.iter().map(|field| field.name.as_str());
            not_found("unknown_field", format!("table `{}` has no field `{name}`", self.name), name, names)
        })
    }

    /// Returns the field that tells when a record was last changed, if the table has one that watches every field.
    pub(super) fn modified_time(&self) -> Option<&TableField> {
        self.fields.iter().find(|field| field.kind == Kind::ModifiedTime { is_of_record: true })
    }

    /// Returns a record's cells under the fields' names instead of their ids.
    pub(super) fn named(&self, cells: &Map<String, Json>) -> Map<String, Json> {
        let name =
            |id: &String| self.fields.iter().find(|field| field.id == *id).map_or(id, |field| &field.name).clone();
        cells.iter().map(|(id, cell)| (name(id), cell.clone())).collect()
    }

    fn links_to<'a, 'b>(&'a self, table_id: &'b str) -> impl Iterator<Item = &'a TableField> + use<'a, 'b> {
        self.fields
            .iter()
            .filter(move |field| field.kind == Kind::Links && field.linked_table_id.as_deref() == Some(table_id))
    }
}

impl TableField {
    fn describe(&self) -> Field {
        let mut field = Field::new(&self.name, self.kind.field_type());
        field.is_read_only = self.kind.is_read_only();
        field.is_upsert_key = self.kind.is_upsert_key();
        if matches!(self.kind, Kind::Select | Kind::MultiSelect) {
            let choice = |name: &String| Choice { value: name.clone(), label: name.clone() };
            field.options = self.choices.iter().map(choice).collect();
        }
        field
    }

    /// Decodes the field's cell of a record; absent cells are empty.
    pub(super) fn value(&self, cells: &Map<String, Json>) -> Result<Value, Misfit> {
        decode(&self.kind, cells.get(&self.id).unwrap_or(&Json::Null))
    }
}

fn not_found<'a>(code: &str, message: String, name: &str, known: impl Iterator<Item = &'a str>) -> ConnectorError {
    let error = ConnectorError::new(ErrorKind::NotFound, code, message);
    let known: Vec<&str> = known.collect();
    error.with_hint_if(name_hint(name, &known, "there are"))
}
