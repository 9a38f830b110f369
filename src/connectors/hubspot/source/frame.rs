//! From the vendor's records to typed frames.

use std::{collections::HashMap, sync::Arc};

use chrono::DateTime;
use polars::prelude::{Column, DataFrame};
use serde_json::{Map, Value as Json};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{DELETED, FieldName, FieldType, ID, ObjectName, ReadReject, UPDATED_AT, Value, column, link_field};

use super::{
    super::{
        client::WireRecord,
        limits,
        schema::{Catalog, Derived, ObjectInfo, Owners, Pipelines, decode},
    },
    links::Links,
};

/// Decodes the records of one read.
#[derive(Debug)]
pub(super) struct Decoder {
    fields: Vec<FieldPlan>,
    links: Vec<ObjectName>,
    modified: &'static str,
    names: Names,
}

#[derive(Debug)]
struct FieldPlan {
    name: FieldName,
    field_type: FieldType,
    from: From,
    /// Whether it is looked at and not loaded.
    is_shown: bool,
}

#[derive(Debug)]
enum From {
    Property(String),
    Derived(Derived),
}

/// What ids are called.
#[derive(Debug, Default)]
struct Names {
    owners: Option<Arc<Owners>>,
    former_owners: Option<Arc<Owners>>,
    pipelines: Option<Arc<Pipelines>>,
}

/// A record and, by object, the ids of its linked records.
#[derive(Debug, Default)]
pub(super) struct LinkedRecord {
    pub(super) record: WireRecord,
    pub(super) links: Vec<Vec<String>>,
    pub(super) is_deleted: bool,
}

impl Decoder {
    /// Prepares to decode the fields that were asked for.
    pub(super) async fn new(
        catalog: &Catalog,
        info: &ObjectInfo,
        (fields, shown): (&[FieldName], &[FieldName]),
        links: &[ObjectName],
    ) -> Result<Self, ConnectorError> {
        let mut fields = fields.iter().map(|name| FieldPlan::new(name, info)).collect::<Result<Vec<_>, _>>()?;
        fields.extend(shown.iter().filter_map(|name| FieldPlan::shown(name, info)));
        let mut names = Names::default();
        for field in &fields {
            match field.from {
                From::Derived(Derived::OwnerEmail) => {
                    names.owners = Some(catalog.owners().await?);
                    names.former_owners = Some(catalog.former_owners().await?);
                }
                From::Derived(Derived::PipelineLabel(_) | Derived::StageLabel(_)) => {
                    names.pipelines = Some(catalog.pipelines(&info.object).await?);
                }
                From::Property(_) => {}
            }
        }
        let modified = limits::modified_property(&info.object);
        Ok(Self { fields, links: links.to_vec(), modified, names })
    }

    /// Returns the properties to ask for. There is always one: without any the vendor sends its own choice.
    pub(super) fn properties(&self) -> Vec<String> {
        let mut properties: Vec<String> = Vec::new();
        for field in &self.fields {
            let name = match &field.from {
                From::Property(name) => name.as_str(),
                From::Derived(derived) => derived.property(),
            };
            if !properties.iter().any(|known| known == name) {
                properties.push(name.to_owned());
            }
        }
        if properties.is_empty() {
            properties.push("hs_object_id".to_owned());
        }
        properties
    }

    /// Makes a frame of the records, and rejects those that do not fit it.
    pub(super) fn decode(&self, records: Vec<LinkedRecord>) -> Result<(DataFrame, Vec<ReadReject>), ConnectorError> {
        self.check_known(&records)?;
        let mut rejects = Vec::new();
        let mut ids = Vec::with_capacity(records.len());
        let mut updates = Vec::with_capacity(records.len());
        let mut deletions = Vec::with_capacity(records.len());
        let mut links: Vec<Vec<Value>> = vec![Vec::new(); self.links.len()];
        let mut values: Vec<Vec<Value>> = vec![Vec::new(); self.fields.len()];
        for linked in records {
            let Some(id) = linked.record.id.0.clone() else { return Err(unreadable()) };
            let cells = match self.cells(&linked.record) {
                Ok(cells) => cells,
                // Of a deleted record no more than its id is needed.
                Err(_) if linked.is_deleted => vec![Value::Null; self.fields.len()],
                Err(reject) => {
                    rejects.push(reject);
                    continue;
                }
            };
            updates.push(self.updated_at(&linked.record));
            ids.push(Value::Text(id));
            deletions.push(Value::Boolean(linked.is_deleted));
            let mut targets = linked.links.into_iter();
            for column in &mut links {
                column.push(Value::List(targets.next().unwrap_or_default()));
            }
            for (column, cell) in values.iter_mut().zip(cells) {
                column.push(cell);
            }
        }
        let mut columns: Vec<Column> = Vec::with_capacity(3 + links.len() + values.len());
        let row_count = ids.len();
        let mut push = |name: &str, field_type, values: &[Value]| -> Result<(), ConnectorError> {
            columns.push(column(name, field_type, values).map_err(|error| unbuilt(&error))?);
            Ok(())
        };
        push(ID, FieldType::Text, &ids)?;
        push(UPDATED_AT, FieldType::Datetime, &updates)?;
        push(DELETED, FieldType::Boolean, &deletions)?;
        for (object, values) in self.links.iter().zip(&links) {
            push(&link_field(object), FieldType::Link, values)?;
        }
        for (field, values) in self.fields.iter().zip(&values) {
            push(&field.name, field.field_type, values)?;
        }
        let frame = DataFrame::new(row_count, columns).map_err(|error| unbuilt(&error))?;
        Ok((frame, rejects))
    }

    /// Refuses a page whose properties are all other ones: empty cells would look like empty records.
    fn check_known(&self, records: &[LinkedRecord]) -> Result<(), ConnectorError> {
        let asked = self.properties();
        let mut of_living = records.iter().filter(|linked| !linked.is_deleted).map(|linked| &linked.record.properties);
        let has_properties = of_living.clone().any(|properties| !properties.is_empty());
        let is_known = of_living.any(|properties| asked.iter().any(|name| properties.contains_key(name)));
        if has_properties && !is_known { Err(unknown_page()) } else { Ok(()) }
    }

    fn cells(&self, record: &WireRecord) -> Result<Vec<Value>, ReadReject> {
        let mut cells = Vec::with_capacity(self.fields.len());
        for field in &self.fields {
            let cell = match &field.from {
                From::Derived(derived) => self.names.of(*derived, record),
                From::Property(name) => {
                    let text = record.property(name).unwrap_or_default();
                    let decoded = decode(field.field_type, text);
                    let decoded = if field.is_shown { Ok(decoded.unwrap_or_default()) } else { decoded };
                    decoded.map_err(|misfit| ReadReject {
                        has_id: true,
                        number: None,
                        line: None,
                        id: record.id.0.clone().unwrap_or_default(),
                        field: Some(field.name.to_string()),
                        value: Some(text.to_owned()),
                        code: misfit.code.to_owned(),
                        reason: misfit.reason,
                        record: plain(record),
                    })?
                }
            };
            cells.push(cell);
        }
        Ok(cells)
    }

    fn updated_at(&self, record: &WireRecord) -> Value {
        let text = record.updated_at.as_deref().or_else(|| record.property(self.modified)).unwrap_or_default();
        decode(FieldType::Datetime, text).unwrap_or_default()
    }
}

impl FieldPlan {
    fn new(name: &FieldName, info: &ObjectInfo) -> Result<Self, ConnectorError> {
        if let Some(property) = info.property(name) {
            let from = From::Property(name.to_string());
            return Ok(Self { name: name.clone(), field_type: property.field.field_type, from, is_shown: false });
        }
        if let Some(derived) = info.derived_field(name) {
            let from = From::Derived(derived);
            return Ok(Self { name: name.clone(), field_type: FieldType::Text, from, is_shown: false });
        }
        Err(unknown_field(name, &info.object))
    }

    /// Plans a field that is looked at: names of what has ids cost calls of their own, so they are none.
    fn shown(name: &FieldName, info: &ObjectInfo) -> Option<Self> {
        info.property(name)?;
        Some(Self { is_shown: true, ..Self::new(name, info).ok()? })
    }
}

impl Names {
    fn of(&self, derived: Derived, record: &WireRecord) -> Value {
        let Some(id) = record.property(derived.property()) else { return Value::Null };
        let pipelines = self.pipelines.as_deref();
        let name = match derived {
            Derived::OwnerEmail => {
                let owners = [&self.owners, &self.former_owners];
                owners.into_iter().flatten().find_map(|owners| owners.email_of(id))
            }
            Derived::PipelineLabel(_) => pipelines.and_then(|pipelines| pipelines.pipeline_label(id)),
            Derived::StageLabel(_) => pipelines.and_then(|pipelines| pipelines.stage_label(id)),
        };
        name.map_or(Value::Null, |name| Value::Text(name.to_owned()))
    }
}

/// Says that an object has no such property.
pub(in super::super) fn unknown_field(name: &str, object: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::NotFound, "unknown_field", format!("HubSpot's `{object}` have no property `{name}`"))
}

/// Returns the links of each record of a page, in the order of `objects`.
pub(super) fn linked(records: Vec<WireRecord>, by_object: &[Links]) -> Vec<LinkedRecord> {
    let of = |record: WireRecord| {
        let id = record.id.as_deref().unwrap_or_default();
        let links = by_object.iter().map(|links| links.get(id).cloned().unwrap_or_default()).collect();
        LinkedRecord { record, links, is_deleted: false }
    };
    records.into_iter().map(of).collect()
}

fn plain(record: &WireRecord) -> Json {
    let mut fields: Vec<_> = record.properties.iter().collect();
    fields.sort_by_key(|(name, _)| name.as_str());
    let fields = fields.into_iter().map(|(name, value)| (name.clone(), Json::from(value.0.clone())));
    let mut whole: Map<String, Json> = fields.collect();
    whole.insert(ID.to_owned(), Json::from(record.id.0.clone()));
    Json::Object(whole)
}

fn unknown_page() -> ConnectorError {
    let message = "HubSpot's page holds none of the properties that were asked for";
    ConnectorError::new(ErrorKind::Unexpected, "unknown_fields", message)
}

fn unreadable() -> ConnectorError {
    ConnectorError::new(ErrorKind::Unexpected, "record_without_id", "HubSpot sent a record without an id")
}

fn unbuilt(error: &polars::error::PolarsError) -> ConnectorError {
    tracing::error!(%error, "frame cannot be built");
    ConnectorError::new(ErrorKind::Unexpected, "frame", "the records do not make a frame")
}

/// Returns a moment of the vendor as epoch milliseconds.
pub(super) fn millis(text: &str) -> Option<i64> {
    match decode(FieldType::Datetime, text) {
        Ok(Value::DateTime(moment)) => Some(DateTime::timestamp_millis(&moment)),
        _ => None,
    }
}

/// Puts the records that a batch read returned in the order they were asked for; others are left out.
pub(super) fn in_order(ids: &[String], records: Vec<WireRecord>) -> Vec<WireRecord> {
    let mut by_id: HashMap<String, WireRecord> =
        records.into_iter().filter_map(|record| Some((record.id.0.clone()?, record))).collect();
    ids.iter().filter_map(|id| by_id.remove(id)).collect()
}
