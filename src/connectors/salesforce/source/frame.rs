//! From Salesforce's records to typed frames.

use polars::prelude::{Column, DataFrame};
use serde_json::{Map, Value as Json};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::{DELETED, FieldName, FieldType, ID, ObjectName, ReadReject, UPDATED_AT, Value, column, link_field};

use super::{
    super::{
        errors,
        names::normal_id,
        schema::{DELETED_FIELD, ID_FIELD, Kind, Misfit, ObjectInfo, decode, decode_text},
    },
    csv_page::Lines,
};

/// Decodes the records of one read.
#[derive(Debug)]
pub(super) struct Decoder {
    fields: Vec<FieldPlan>,
    links: Vec<ObjectName>,
    /// What is selected beside the fields: id, last change, deleted.
    change: Option<String>,
    has_deleted: bool,
}

#[derive(Debug)]
struct FieldPlan {
    name: FieldName,
    kind: Kind,
    /// Whether it is looked at and not loaded.
    is_shown: bool,
}

/// One record on its way into a frame.
#[derive(Debug)]
struct Row {
    id: String,
    updated_at: Value,
    is_deleted: bool,
    cells: Vec<Value>,
}

/// A page's records, column by column.
#[derive(Debug, Default)]
pub(super) struct Rows {
    rows: Vec<Row>,
    pub(super) rejects: Vec<ReadReject>,
}

impl Decoder {
    /// Prepares to decode the fields that were asked for.
    pub(super) fn new(
        info: &ObjectInfo,
        (fields, shown): (&[FieldName], &[FieldName]),
        links: &[ObjectName],
    ) -> Result<Self, ConnectorError> {
        let plan = |name: &FieldName| match info.field(name) {
            Some(field) => Ok(FieldPlan { name: name.clone(), kind: field.kind, is_shown: false }),
            None => Err(unknown_field(name, &info.name)),
        };
        let mut fields = fields.iter().map(plan).collect::<Result<Vec<_>, _>>()?;
        let shown = shown.iter().filter_map(|name| plan(name).ok());
        // A body is read by a call of its own.
        let shown = shown.filter(|field| field.kind != Kind::Body);
        fields.extend(shown.map(|field| FieldPlan { is_shown: true, ..field }));
        let change = info.change_field().map(|field| field.field.name.to_string());
        Ok(Self { fields, links: links.to_vec(), change, has_deleted: info.has_deleted() })
    }

    /// Returns what to select, each once.
    pub(super) fn selection(&self) -> Vec<&str> {
        let mut names = vec![ID_FIELD];
        names.extend(self.change.as_deref());
        names.extend(self.has_deleted.then_some(DELETED_FIELD));
        for field in &self.fields {
            if !names.contains(&field.name.as_str()) {
                names.push(&field.name);
            }
        }
        names
    }

    /// Returns the fields whose values are bodies, to be read by calls of their own.
    pub(super) fn bodies(&self) -> impl Iterator<Item = &FieldName> {
        self.fields.iter().filter(|field| field.kind == Kind::Body).map(|field| &field.name)
    }

    /// Decodes records of a query.
    pub(super) fn decode(&self, records: &[Json]) -> Result<Rows, ConnectorError> {
        self.check_known(records)?;
        let mut rows = Rows::default();
        for record in records {
            let id =
                record[ID_FIELD].as_str().map(normal_id).ok_or_else(|| errors::unexpected("a record has no id"))?;
            let updated_at = self.change.as_deref().map(|name| decode(Kind::DateTime, at(record, name)));
            let is_deleted = record[DELETED_FIELD].as_bool().unwrap_or(false);
            let cells = self.fields.iter().map(|field| decode(field.kind, at(record, &field.name)));
            let cells = zipped(&self.fields, cells);
            rows.add(id, updated_at, is_deleted, cells, self.fields.len(), || plain(record));
        }
        Ok(rows)
    }

    /// Refuses a page whose fields are all other ones: empty cells would look like empty records.
    fn check_known(&self, records: &[Json]) -> Result<(), ConnectorError> {
        let asked = self.fields.iter().filter(|field| field.name.as_str() != ID_FIELD);
        // A field of a parent stands inside the parent's own object.
        let asked: Vec<&str> = asked.map(|field| field.name.split('.').next().unwrap_or_default()).collect();
        let is_known = |record: &Json| asked.iter().any(|name| record.get(name).is_some());
        if records.is_empty() || asked.is_empty() || records.iter().any(is_known) {
            return Ok(());
        }
        Err(errors::unexpected("a page holds none of the fields that were asked for"))
    }

    /// Decodes up to `most` lines of a Bulk query's page. Returns how many there were too.
    pub(super) fn decode_lines(&self, lines: &mut Lines, most: usize) -> Result<(Rows, u64), ConnectorError> {
        let missing = |name: &str| errors::unexpected(&format!("the results have no column `{name}`"));
        let place = |lines: &Lines, name: &str| lines.place(name);
        let mut rows = Rows::default();
        let (id_place, change_place) =
            (place(lines, ID_FIELD), self.change.as_deref().and_then(|name| place(lines, name)));
        let deleted_place = place(lines, DELETED_FIELD);
        let places: Vec<Option<usize>> = self.fields.iter().map(|field| place(lines, &field.name)).collect();
        let mut count = 0;
        for line in lines.take(most) {
            let line = line?;
            count += 1;
            let cell = |place: Option<usize>| place.and_then(|place| line.get(place)).map(String::from_utf8_lossy);
            let id = cell(id_place).filter(|id| !id.is_empty()).ok_or_else(|| missing(ID_FIELD))?;
            let updated_at = cell(change_place).map(|text| decode_text(Kind::DateTime, &text));
            let is_deleted = cell(deleted_place).is_some_and(|text| text.eq_ignore_ascii_case("true"));
            for (field, place) in self.fields.iter().zip(&places) {
                place.ok_or_else(|| missing(&field.name))?;
            }
            let cells = self.fields.iter().zip(&places);
            let cells = cells.map(|(field, place)| decode_text(field.kind, &cell(*place).unwrap_or_default()));
            let cells = zipped(&self.fields, cells);
            rows.add(normal_id(&id), updated_at, is_deleted, cells, self.fields.len(), || {
                let fields = self.fields.iter().zip(&places);
                let texts = fields.map(|(field, place)| {
                    (field.name.to_string(), Json::from(cell(*place).unwrap_or_default().into_owned()))
                });
                Json::Object(texts.collect())
            });
        }
        Ok((rows, count))
    }

    /// Makes the frame of a page. `links` gives, by object, the linked ids of each record in order.
    pub(super) fn frame(&self, rows: &Rows, links: &[Vec<Vec<String>>]) -> Result<DataFrame, ConnectorError> {
        let height = rows.rows.len();
        let mut columns: Vec<Column> = Vec::with_capacity(3 + links.len() + self.fields.len());
        let mut push = |name: &str, field_type, values: &[Value]| -> Result<(), ConnectorError> {
            columns.push(column(name, field_type, values).map_err(|error| unbuilt(&error))?);
            Ok(())
        };
        let of = |value: fn(&Row) -> Value| rows.rows.iter().map(value).collect::<Vec<_>>();
        push(ID, FieldType::Text, &of(|row| Value::Text(row.id.clone())))?;
        push(UPDATED_AT, FieldType::Datetime, &of(|row| row.updated_at.clone()))?;
        push(DELETED, FieldType::Boolean, &of(|row| Value::Boolean(row.is_deleted)))?;
        for (object, targets) in self.links.iter().zip(links) {
            let values: Vec<Value> = targets.iter().map(|ids| Value::List(ids.clone())).collect();
            push(&link_field(object), FieldType::Link, &values)?;
        }
        for (place, field) in self.fields.iter().enumerate() {
            let values: Vec<Value> =
                rows.rows.iter().map(|row| row.cells.get(place).cloned().unwrap_or_default()).collect();
            push(&field.name, field.kind.field_type(), &values)?;
        }
        DataFrame::new(height, columns).map_err(|error| unbuilt(&error))
    }
}

impl Rows {
    /// Returns the ids of the rows, in order.
    pub(super) fn ids(&self) -> Vec<String> {
        self.rows.iter().map(|row| row.id.clone()).collect()
    }

    fn add(
        &mut self,
        id: String,
        updated_at: Option<Result<Value, Misfit>>,
        is_deleted: bool,
        cells: Result<Vec<Value>, (String, Misfit)>,
        width: usize,
        record: impl FnOnce() -> Json,
    ) {
        let updated_at = updated_at.and_then(Result::ok).unwrap_or_default();
        match cells {
            Ok(cells) => self.rows.push(Row { id, updated_at, is_deleted, cells }),
            // Of a deleted record no more than its id is needed.
            Err(_) if is_deleted => self.rows.push(Row { id, updated_at, is_deleted, cells: vec![Value::Null; width] }),
            Err((field, misfit)) => self.rejects.push(ReadReject {
                has_id: true,
                number: None,
                line: None,
                id,
                field: Some(field),
                value: Some(misfit.value),
                code: misfit.code.to_owned(),
                reason: misfit.reason,
                record: record(),
            }),
        }
    }
}

fn zipped(
    fields: &[FieldPlan],
    cells: impl Iterator<Item = Result<Value, Misfit>>,
) -> Result<Vec<Value>, (String, Misfit)> {
    let named = fields.iter().zip(cells);
    let fitting = |(field, cell): (&FieldPlan, Result<Value, Misfit>)| match cell {
        Err(_) if field.is_shown => Ok(Value::Null),
        cell => cell.map_err(|misfit| (field.name.to_string(), misfit)),
    };
    named.map(fitting).collect()
}

/// Finds a field by its name, of the record or of a parent; a record without the parent has `null` in its place.
fn at<'json>(record: &'json Json, path: &str) -> &'json Json {
    path.split('.').fold(record, |json, step| json.get(step).unwrap_or(&Json::Null))
}

/// Returns the record without Salesforce's own `attributes`.
fn plain(record: &Json) -> Json {
    let fields = record.as_object().into_iter().flatten().filter(|(name, _)| *name != "attributes");
    Json::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>())
}

/// Says that an object has no such field.
pub(in super::super) fn unknown_field(name: &str, object: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::NotFound, "unknown_field", format!("`{object}` has no field `{name}`")).with_hint(
        "`ferry describe` lists the fields that this user may see; those of parents are named in `parent_fields`",
    )
}

fn unbuilt(error: &polars::error::PolarsError) -> ConnectorError {
    tracing::error!(%error, "frame cannot be built");
    ConnectorError::new(ErrorKind::Unexpected, "frame", "the records do not make a frame")
}
