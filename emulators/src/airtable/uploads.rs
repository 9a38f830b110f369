//! Uploading a file straight into an attachment field.

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json, json};

use super::{
    cells::{CellFormat, Row, write_record},
    errors::{Answer, ApiError},
    kinds::Kind,
    store::Base,
    values::attachment,
};

/// Largest file, in bytes. Source: airtable.com/developers/web/api/upload-attachment.
const MAX_FILE_BYTES: usize = 5 * 1024 * 1024;

/// Appends a file to a cell; the fields of the answer go by their ids.
pub(super) fn upload(
    base: &mut Base,
    record: &str,
    field: &str,
    body: &Map<String, Json>,
    now: DateTime<Utc>,
) -> Answer {
    let text = |name: &str| body.get(name).and_then(Json::as_str).ok_or_else(|| ApiError::missing_part(name));
    let (filename, media_type) = (text("filename")?.to_owned(), text("contentType")?.to_owned());
    let bytes = STANDARD.decode(text("file")?).map_err(|_| ApiError::invalid_request())?;
    if bytes.len() > MAX_FILE_BYTES {
        return Err(ApiError::invalid_request());
    }
    let holds = |table: &super::store::Table| table.record(record).is_some();
    let table = base.tables.iter().position(holds).ok_or_else(ApiError::record_not_found)?;
    let place = &base.tables[table];
    let index = place.field_index(field).ok_or_else(|| ApiError::unknown_field(field))?;
    if place.fields[index].kind != Kind::MultipleAttachments {
        return Err(ApiError::invalid_value(&place.fields[index].name));
    }
    let mut cell = place.record(record).map_or(Json::Null, |record| record.stored(index).clone());
    let id = base.next_id("att");
    let mut uploaded =
        attachment(&id, &format!("https://v5.airtableusercontent.com/{id}/{filename}"), &filename, bytes.len());
    uploaded["type"] = Json::from(media_type);
    match &mut cell {
        Json::Array(attachments) => attachments.push(uploaded),
        _ => cell = json!([uploaded]),
    }
    base.tables[table].set(record, index, cell, Some(now));
    let place = &base.tables[table];
    let record = place.record(record).ok_or_else(ApiError::record_not_found)?;
    Ok(write_record(Row::new(base, place, record, now), CellFormat::Json, true, Some(&[index])))
}
