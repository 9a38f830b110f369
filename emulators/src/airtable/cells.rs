//! What a cell holds when it is read: stored or computed, as JSON, as text, and as a value of a formula.

use chrono::{DateTime, NaiveTime, Utc};
use serde_json::{Map, Number, Value as Json, json};

use super::{
    dates::{read_day, read_instant, write_instant},
    display::{Reader, display, result_of},
    formula::{Value, evaluate},
    kinds::Kind,
    store::{Base, Field, Record, Table},
};

/// How many formula fields and lookups may stand behind one another.
const MAX_DEPTH: usize = 20;

/// A record in its place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub(super) base: &'a Base,
    pub(super) table: &'a Table,
    pub(super) record: &'a Record,
    pub(super) now: DateTime<Utc>,
    /// How many computed fields led here.
    depth: usize,
}

impl<'a> Row<'a> {
    /// Puts a record in its place.
    pub(super) fn new(base: &'a Base, table: &'a Table, record: &'a Record, now: DateTime<Utc>) -> Self {
        Self { base, table, record, now, depth: 0 }
    }

    /// Returns the rows that a link field leads to.
    fn linked(self, field: usize) -> Vec<Row<'a>> {
        let Some((table, _)) = self.table.fields.get(field).and_then(|field| self.base.link_of(field)) else {
            return Vec::new();
        };
        let table = &self.base.tables[table];
        let ids = self.record.stored(field).as_array().into_iter().flatten().filter_map(Json::as_str);
        ids.filter_map(|id| table.record(id)).map(|record| Row { table, record, ..self }).collect()
    }

    /// Returns the rows behind the link field that a computed field names, and the field it shows of them.
    fn looked_up(self, field: &Field) -> Option<(Vec<Row<'a>>, usize)> {
        let link = self.table.field_index(field.option("recordLinkFieldId")?)?;
        let (table, _) = self.base.link_of(&self.table.fields[link])?;
        let shown = field.option("fieldIdInLinkedTable").and_then(|id| self.base.tables[table].field_index(id));
        Some((self.linked(link), shown.unwrap_or_default()))
    }

    /// Returns the type and the options that a field is shown by: of a lookup, those of the field that it shows.
    pub(super) fn shown_as(self, field: &'a Field) -> (Kind, &'a Map<String, Json>) {
        let looked_up = (field.kind == Kind::MultipleLookupValues).then(|| self.looked_up(field)).flatten();
        let shown = looked_up.and_then(|(rows, shown)| rows.first().map(|row| &row.table.fields[shown]));
        result_of(shown.unwrap_or(field))
    }
}

/// Writes a record as the API answers it, without its empty cells; `shown` are the fields that were asked for.
pub(super) fn write_record(row: Row<'_>, format: CellFormat, is_by_id: bool, shown: Option<&[usize]>) -> Json {
    let mut cells = Map::new();
    for (index, field) in row.table.fields.iter().enumerate() {
        if shown.is_some_and(|shown| !shown.contains(&index)) {
            continue;
        }
        let cell = match format {
            CellFormat::Json => read_cell(row, index),
            CellFormat::Text(reader) => display(row, index, reader),
        };
        if let Some(cell) = cell {
            cells.insert(if is_by_id { field.id.clone() } else { field.name.clone() }, cell);
        }
    }
    json!({ "id": row.record.id, "createdTime": write_instant(row.record.created_at), "fields": cells })
}

/// How cells are answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum CellFormat {
    /// As values.
    Json,
    /// As the text that the user interface shows.
    Text(Reader),
}

/// Reads a cell as JSON; none when it is empty.
pub(super) fn read_cell(row: Row<'_>, index: usize) -> Option<Json> {
    let field = &row.table.fields[index];
    let stored = row.record.stored(index);
    if !stored.is_null() {
        return Some(stored.clone());
    }
    let is_user = matches!(field.kind, Kind::CreatedBy | Kind::LastModifiedBy);
    if is_user {
        return (field.kind == Kind::CreatedBy || row.record.edited_at(&[]).is_some()).then(user);
    }
    if !field.kind.is_computed() {
        return None;
    }
    if field.kind == Kind::MultipleLookupValues {
        return looked_up_cells(row, field);
    }
    write_value(&value_of(row, index))
}

/// Returns the one user of this Airtable.
pub(super) fn user() -> Json {
    json!({ "id": "usrFerryEmulator1", "email": "ferry@example.com", "name": "Ferry" })
}

fn looked_up_cells(row: Row<'_>, field: &Field) -> Option<Json> {
    let (rows, shown) = row.looked_up(field)?;
    if row.depth >= MAX_DEPTH {
        return None;
    }
    let mut found = Vec::new();
    for other in rows {
        match read_cell(Row { depth: row.depth + 1, ..other }, shown) {
            Some(Json::Array(cells)) => found.extend(cells),
            Some(cell) => found.push(cell),
            None => {}
        }
    }
    (!found.is_empty()).then_some(Json::Array(found))
}

/// Reads a cell as formulas see it.
pub(super) fn value_of(row: Row<'_>, index: usize) -> Value {
    let field = &row.table.fields[index];
    let stored = row.record.stored(index);
    if !stored.is_null() {
        return stored_value(row, index, field.kind, stored);
    }
    if !field.kind.is_computed() {
        return Value::Blank;
    }
    if row.depth >= MAX_DEPTH {
        return Value::Error;
    }
    let row = Row { depth: row.depth + 1, ..row };
    match field.kind {
        Kind::Formula => field.formula.as_ref().map_or(Value::Blank, |formula| evaluate(formula, row)),
        Kind::MultipleLookupValues => {
            let Some((rows, shown)) = row.looked_up(field) else { return Value::Blank };
            let values = rows.into_iter().map(|other| value_of(other, shown)).filter(|value| !value.is_empty());
            Value::List(values.collect())
        }
        Kind::Count => row.looked_up(field).map_or(Value::Blank, |(rows, _)| count_of(rows.len())),
        Kind::AutoNumber => Value::Number(row.record.number.to_string().parse().unwrap_or_default()),
        Kind::CreatedTime => Value::Instant(row.record.created_at),
        Kind::LastModifiedTime => {
            let fields = field.options.get("referencedFieldIds").and_then(Json::as_array);
            let ids = fields.into_iter().flatten().filter_map(Json::as_str);
            let fields: Vec<usize> = ids.filter_map(|id| row.table.field_index(id)).collect();
            row.record.edited_at(&fields).map_or(Value::Blank, Value::Instant)
        }
        Kind::CreatedBy | Kind::LastModifiedBy => Value::text("Ferry"),
        _ => Value::Blank,
    }
}

fn count_of(count: usize) -> Value {
    Value::Number(count.to_string().parse().unwrap_or_default())
}

fn stored_value(row: Row<'_>, index: usize, kind: Kind, stored: &Json) -> Value {
    let named = |item: &Json, key: &str| item.get(key).and_then(Json::as_str).map(Value::text);
    match kind {
        Kind::MultipleRecordLinks => {
            if row.depth >= MAX_DEPTH {
                return Value::Error;
            }
            let rows = row.linked(index).into_iter();
            Value::List(rows.map(|other| value_of(Row { depth: row.depth + 1, ..other }, 0)).collect())
        }
        Kind::Date => {
            let day = stored.as_str().and_then(read_day);
            day.map_or(Value::Error, |day| Value::Instant(day.and_time(NaiveTime::MIN).and_utc()))
        }
        Kind::DateTime => {
            let instant = stored.as_str().and_then(|text| read_instant(text, chrono_tz::UTC));
            instant.map_or(Value::Error, Value::Instant)
        }
        Kind::Barcode => named(stored, "text").unwrap_or(Value::Blank),
        _ => match stored {
            Json::Null => Value::Blank,
            Json::Bool(is_true) => Value::truth(*is_true),
            Json::Number(number) => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
            Json::String(text) => Value::text(text),
            Json::Array(items) => Value::List(items.iter().map(|item| stored_value(row, index, kind, item)).collect()),
            Json::Object(_) if kind == Kind::MultipleAttachments => {
                let (name, url) = (named(stored, "filename"), named(stored, "url"));
                let text = |value: Option<Value>| value.as_ref().map(Value::to_text).unwrap_or_default();
                Value::Text(format!("{} ({})", text(name), text(url)))
            }
            Json::Object(_) => named(stored, "name").or_else(|| named(stored, "email")).unwrap_or(Value::Error),
        },
    }
}

/// Writes a formula's result as JSON; none when it is empty. Numbers without a value come as an object.
fn write_value(value: &Value) -> Option<Json> {
    match value {
        Value::Blank => None,
        Value::Text(text) => (!text.is_empty()).then(|| Json::from(text.as_str())),
        Value::Number(number) => Some(write_number(*number)),
        Value::Instant(_) | Value::Local(_) => Some(Json::from(value.to_text())),
        Value::List(items) => {
            let items: Vec<Json> = items.iter().filter_map(write_value).collect();
            (!items.is_empty()).then_some(Json::Array(items))
        }
        Value::Error => Some(json!({ "error": "#ERROR!" })),
    }
}

/// Writes a number as JSON does: whole ones without a fraction, and those without a value as an object.
pub(super) fn write_number(number: f64) -> Json {
    if number.is_nan() {
        return json!({ "specialValue": "NaN" });
    }
    if number.is_infinite() {
        return json!({ "specialValue": if number > 0.0 { "Infinity" } else { "-Infinity" } });
    }
    let whole = (number.fract() == 0.0).then(|| format!("{number:.0}").parse::<i64>().ok()).flatten();
    whole.map_or_else(|| Number::from_f64(number).map_or(Json::Null, Json::Number), Json::from)
}
