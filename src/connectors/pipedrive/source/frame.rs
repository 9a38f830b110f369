//! From the vendor's records to typed frames.

use std::sync::Arc;

use polars::prelude::{Column as FrameColumn, DataFrame, PolarsResult};
use serde_json::Value as Json;

use crate::connector::{ConnectorError, ErrorKind, ReadRequest};
use crate::model::{DELETED, FieldType, ID, ReadReject, UPDATED_AT, Value, column, link_field};

use super::super::{
    client::{Raw, id_of},
    limits::MAX_CUSTOM_FIELDS,
    object::Object,
    schema::{Catalog, Column, Kind, Names, ObjectInfo, decode, moment, normal},
};

/// Decodes the records of one read.
#[derive(Debug)]
pub(super) struct Decoder {
    info: Arc<ObjectInfo>,
    /// The frame's name of each column, and the column's.
    columns: Vec<(String, String)>,
    /// How many of the columns are loaded; those behind are looked at.
    loaded: usize,
    names: Names,
}

/// A record, and whether Pipedrive has deleted it.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) raw: Raw,
    pub(super) is_deleted: bool,
}

impl Decoder {
    /// Prepares to decode the fields that were asked for.
    pub(super) async fn new(
        catalog: &Catalog,
        info: Arc<ObjectInfo>,
        request: &ReadRequest,
    ) -> Result<Self, ConnectorError> {
        let mut columns = Vec::with_capacity(request.links.len() + request.fields.len());
        for object in &request.links {
            columns.push((link_field(object), info.link_to(object)?.field.name.to_string()));
        }
        for field in &request.fields {
            columns.push((field.to_string(), info.column(field)?.field.name.to_string()));
        }
        let loaded = columns.len();
        columns.extend(request.shown.iter().filter_map(|field| {
            let column = info.find(field).filter(|column| is_free(&info, column))?;
            Some((field.to_string(), column.field.name.to_string()))
        }));
        let kinds = columns.iter().filter_map(|(_, name)| info.find(name)).map(|column| info.property(column).kind);
        let names = catalog.names(kinds.collect::<Vec<_>>().into_iter()).await?;
        Ok(Self { info, columns, loaded, names })
    }

    fn columns(&self) -> impl Iterator<Item = (&str, &Column)> {
        self.columns.iter().filter_map(|(name, own)| Some((name.as_str(), self.info.find(own)?)))
    }

    /// Tells whether each deal's participants are asked for, which costs a call a deal.
    pub(super) fn wants_participants(&self) -> bool {
        self.info.object == Object::Deals
            && self.columns().any(|(_, column)| self.info.property(column).kind == Kind::People)
    }

    /// Returns what a list is asked for: of the fields that people made, only those that are used.
    pub(super) fn query(&self) -> Vec<(&'static str, String)> {
        if self.info.object.is_v1() || matches!(self.info.object, Object::Pipelines | Object::Stages) {
            return Vec::new();
        }
        let used = || self.columns().map(|(_, column)| self.info.property(column));
        let joined = |mut codes: Vec<&str>| {
            codes.sort_unstable();
            codes.dedup();
            codes.join(",")
        };
        let mut query = Vec::new();
        let optional: Vec<&str> = used().filter(|of| of.is_optional).map(|of| of.code.as_str()).collect();
        if !optional.is_empty() {
            query.push(("include_fields", joined(optional)));
        }
        let mut custom: Vec<&str> = used().filter(|of| of.is_custom).map(|of| of.code.as_str()).collect();
        if custom.is_empty() {
            // Without a name, a list has all of them; one is the least that can be asked for.
            custom.extend(self.info.properties.iter().find(|of| of.is_custom).map(|of| of.code.as_str()));
        }
        let codes = joined(custom);
        let is_short = codes.split(',').count() <= MAX_CUSTOM_FIELDS;
        if !codes.is_empty() && is_short && self.info.object.has_custom_fields() {
            query.push(("custom_fields", codes));
        }
        query
    }

    /// Makes a frame of the records, and rejects those that do not fit it.
    pub(super) fn decode(&self, records: Vec<Record>) -> Result<(DataFrame, Vec<ReadReject>), ConnectorError> {
        let mut own: [Vec<Value>; 3] = Default::default();
        let mut cells: Vec<Vec<Value>> = self.columns().map(|_| Vec::with_capacity(records.len())).collect();
        let mut rejects = Vec::new();
        for Record { raw, is_deleted } in records {
            let raw = normal(&self.info, raw);
            let Some(id) = id_of(&raw) else { return Err(unbuilt("a record has no id")) };
            let values = match self.values(&id, &raw) {
                Ok(values) => values,
                // Of a deleted record no more than its id is needed.
                Err(_) if is_deleted => vec![Value::Null; cells.len()],
                Err(reject) => {
                    rejects.push(*reject);
                    continue;
                }
            };
            own[0].push(Value::Text(id));
            own[1].push(updated_at(&raw));
            own[2].push(Value::Boolean(is_deleted));
            cells.iter_mut().zip(values).for_each(|(column, value)| column.push(value));
        }
        let frame = self.frame(&own, &cells).map_err(|error| unbuilt(&error.to_string()))?;
        Ok((frame, rejects))
    }

    fn values(&self, id: &str, raw: &Raw) -> Result<Vec<Value>, Box<ReadReject>> {
        let value = |(place, (_, column)): (usize, (&str, &Column))| {
            let decoded = decode(&self.info, column, raw, &self.names);
            if place >= self.loaded {
                return Ok(decoded.unwrap_or_default());
            }
            decoded.map_err(|misfit| {
                let property = self.info.property(column);
                let custom =
                    raw.get("custom_fields").filter(|_| property.is_custom).and_then(|of| of.get(&property.code));
                let json = custom.or_else(|| raw.get(&property.code)).cloned().unwrap_or_default();
                Box::new(ReadReject {
                    id: id.to_owned(),
                    has_id: true,
                    number: None,
                    line: None,
                    field: Some(property.shown().to_owned()),
                    value: Some(json.as_str().map_or_else(|| json.to_string(), str::to_owned)),
                    code: misfit.code.to_owned(),
                    reason: misfit.reason,
                    record: Json::Object(raw.clone()),
                })
            })
        };
        self.columns().enumerate().map(value).collect()
    }

    fn frame(&self, own: &[Vec<Value>; 3], cells: &[Vec<Value>]) -> PolarsResult<DataFrame> {
        let [ids, moments, flags] = own;
        let mut columns: Vec<FrameColumn> = vec![
            column(ID, FieldType::Text, ids)?,
            column(UPDATED_AT, FieldType::Datetime, moments)?,
            column(DELETED, FieldType::Boolean, flags)?,
        ];
        for ((name, read), values) in self.columns().zip(cells) {
            columns.push(column(name, read.field.field_type, values)?);
        }
        DataFrame::new(ids.len(), columns)
    }
}

/// Tells whether a list brings a field without a further call: names of users and stages are looked up, participants are asked for.
fn is_free(info: &ObjectInfo, column: &Column) -> bool {
    !matches!(info.property(column).kind, Kind::User | Kind::Pipeline | Kind::Stage | Kind::People)
}

/// Returns the moment of a record's last change. Users have `modified`; what was never changed has the time of its creation.
fn updated_at(raw: &Raw) -> Value {
    let times = ["update_time", "modified", "add_time"].into_iter();
    let mut times = times.filter_map(|name| raw.get(name)?.as_str()).filter_map(moment);
    times.next().map_or(Value::Null, Value::DateTime)
}

fn unbuilt(what: &str) -> ConnectorError {
    let message = format!("Pipedrive's page makes no frame: {what}");
    ConnectorError::new(ErrorKind::Unexpected, "unreadable_page", message)
}
