//! Airtable's tables and field types, and what they are to Ferry.
//!
//! Empty cells are absent from every answer, so types come from the meta API alone, never from records. Inside the connector
//! fields go by their ids, which no user can edit between two pages; names are for the outside.

mod decode;
mod encode;

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::{
    connector::{ConnectorError, ErrorKind},
    model::{Choice, Field, FieldType, ObjectName, Schema, Value, is_reserved, link_field},
};

pub(super) use decode::{Misfit, decode};
pub(super) use encode::encode;

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

/// What the cells of a field hold. Kinds that read and write alike are one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// `singleLineText`, `multilineText`.
    Text,
    /// `richText`: Markdown; a read ends with a line break.
    RichText,
    /// `email`, `url`, `phoneNumber`: text to Airtable, not confirmed as keys of an upsert.
    ContactText,
    /// `number`.
    Number,
    /// `currency`, `percent` (0.123 is 12.3 %), `duration` (seconds): numbers, not listed as keys of an upsert.
    Measure,
    /// `rating`, from 1 to `max`.
    Rating {
        /// The best rating.
        max: i64,
    },
    /// `checkbox`: true or absent.
    Checkbox,
    /// `singleSelect`.
    Select,
    /// `multipleSelects`.
    MultiSelect,
    /// `singleCollaborator`: by mail address, where Airtable shows it.
    Collaborator,
    /// `multipleCollaborators`: by user id, as only ids can be written.
    Collaborators,
    /// `multipleRecordLinks`.
    Links,
    /// `multipleAttachments`: by attachment id. URLs end two hours after the read and are never kept.
    Attachments,
    /// `date`.
    Date,
    /// `dateTime`.
    DateTime,
    /// `barcode`: its text.
    Barcode,
    /// `formula`, `rollup`: what it computes.
    Computed(Box<Kind>),
    /// `multipleLookupValues`: each value as text.
    Lookup(Box<Kind>),
    /// `count`, `autoNumber`.
    Counter,
    /// `createdTime`.
    CreatedTime,
    /// `lastModifiedTime`.
    ModifiedTime {
        /// Whether it watches every field of the table.
        is_of_record: bool,
    },
    /// `createdBy`, `lastModifiedBy`: by mail address, where Airtable shows it.
    Person,
    /// `button`: its URL, else its label.
    Button,
    /// `aiText`: its value.
    AiText,
    /// `externalSyncSource`, `manualSort` and types that Airtable may add: whatever it is, as text.
    Unknown,
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

impl Kind {
    fn of(field_type: &str, options: &Json) -> Self {
        match field_type {
            "singleLineText" | "multilineText" => Self::Text,
            "richText" => Self::RichText,
            "email" | "url" | "phoneNumber" => Self::ContactText,
            "number" => Self::Number,
            "currency" | "percent" | "duration" => Self::Measure,
            "rating" => Self::Rating { max: options.get("max").and_then(Json::as_i64).unwrap_or(10) },
            "checkbox" => Self::Checkbox,
            "singleSelect" => Self::Select,
            "multipleSelects" => Self::MultiSelect,
            "singleCollaborator" => Self::Collaborator,
            "multipleCollaborators" => Self::Collaborators,
            "multipleRecordLinks" => Self::Links,
            "multipleAttachments" => Self::Attachments,
            "date" => Self::Date,
            "dateTime" => Self::DateTime,
            "barcode" => Self::Barcode,
            "formula" | "rollup" => Self::Computed(Box::new(Self::of_result(options))),
            "multipleLookupValues" | "lookup" => Self::Lookup(Box::new(Self::of_result(options))),
            "count" | "autoNumber" => Self::Counter,
            "createdTime" => Self::CreatedTime,
            "lastModifiedTime" => {
                let watched = options.get("referencedFieldIds").and_then(Json::as_array);
                Self::ModifiedTime { is_of_record: watched.is_none_or(Vec::is_empty) }
            }
            "createdBy" | "lastModifiedBy" => Self::Person,
            "button" => Self::Button,
            "aiText" => Self::AiText,
            _ => Self::Unknown,
        }
    }

    /// What a computed field gives; unknown where its formula is broken and has no result type.
    fn of_result(options: &Json) -> Self {
        let result = options.get("result");
        let result_type = result.and_then(|result| result.get("type")?.as_str()).unwrap_or_default();
        Self::of(result_type, result.and_then(|result| result.get("options")).unwrap_or(&Json::Null))
    }

    /// Returns the type of the field's values in every frame.
    pub(super) fn field_type(&self) -> FieldType {
        match self {
            Self::Text
            | Self::RichText
            | Self::ContactText
            | Self::Collaborator
            | Self::Barcode
            | Self::Person
            | Self::Button
            | Self::AiText
            | Self::Unknown => FieldType::Text,
            // The precision of a number is how it is shown: a field without decimals may hold them.
            Self::Number | Self::Measure => FieldType::Number,
            Self::Rating { .. } | Self::Counter => FieldType::Integer,
            Self::Checkbox => FieldType::Boolean,
            Self::Select => FieldType::Choice,
            Self::MultiSelect | Self::Collaborators | Self::Attachments | Self::Lookup(_) => FieldType::MultiChoice,
            Self::Links => FieldType::Link,
            Self::Date => FieldType::Date,
            Self::DateTime | Self::CreatedTime | Self::ModifiedTime { .. } => FieldType::Datetime,
            Self::Computed(result) => match result.field_type() {
                FieldType::Choice => FieldType::Text,
                FieldType::Link => FieldType::MultiChoice,
                other => other,
            },
        }
    }

    /// Tells whether Airtable fills the field itself and refuses to have it written.
    pub(super) fn is_read_only(&self) -> bool {
        matches!(
            self,
            Self::Computed(_)
                | Self::Lookup(_)
                | Self::Counter
                | Self::CreatedTime
                | Self::ModifiedTime { .. }
                | Self::Person
                | Self::Button
                | Self::AiText
                | Self::Unknown
        )
    }

    /// Tells whether `fieldsToMergeOn` takes the field. Airtable lists number, text, long text, single and multiple select, and
    /// date ("Update multiple records"); mail addresses, URLs and phone numbers are not in the list.
    fn is_upsert_key(&self) -> bool {
        matches!(self, Self::Text | Self::Number | Self::Select | Self::MultiSelect | Self::Date)
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
    let similarity = |other: &str| strsim::jaro_winkler(&name.to_lowercase(), &other.to_lowercase());
    let nearest = known.map(|other| (similarity(other), other)).max_by(|one, two| one.0.total_cmp(&two.0));
    match nearest {
        Some((similarity, other)) if similarity > 0.8 => error.with_hint(format!("did you mean `{other}`?")),
        _ => error.with_hint("`ferry describe` lists what there is"),
    }
}
