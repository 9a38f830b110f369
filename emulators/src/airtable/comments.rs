//! Comments on records.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json, json};

use super::{
    cells::user,
    dates::write_instant,
    errors::{Answer, ApiError},
    records::check_path_id,
    store::Base,
};

/// Most comments of one answer. Source: airtable.com/developers/web/api/list-comments.
const MAX_PAGE: usize = 100;

/// Answers a list of comments, newest first; an offset is the id of the comment that comes next.
pub(super) fn list(base: &Base, table: usize, record: &str, query: &[(String, String)]) -> Answer {
    check_path_id(base, table, record)?;
    let value = |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let page_size: usize =
        value("pageSize").map_or(Ok(MAX_PAGE), str::parse).map_err(|_| ApiError::invalid_request())?;
    if !(1..=MAX_PAGE).contains(&page_size) {
        return Err(ApiError::invalid_request());
    }
    let record = base.tables[table].record(record).ok_or_else(ApiError::record_not_found)?;
    let newest_first: Vec<&Json> = record.comments.iter().rev().collect();
    let start = match value("offset").filter(|offset| !offset.is_empty()) {
        None => 0,
        Some(offset) => {
            newest_first.iter().position(|comment| comment["id"] == offset).ok_or_else(ApiError::invalid_request)?
        }
    };
    let page: Vec<&Json> = newest_first.iter().skip(start).take(page_size).copied().collect();
    let offset = newest_first.get(start + page_size).map_or(Json::Null, |comment| comment["id"].clone());
    Ok(json!({ "comments": page, "offset": offset }))
}

/// Adds a comment.
pub(super) fn create(
    base: &mut Base,
    table: usize,
    record: &str,
    body: &Map<String, Json>,
    now: DateTime<Utc>,
) -> Answer {
    check_path_id(base, table, record)?;
    let text = text_of(body)?;
    let id = base.next_id("com");
    let mut comment = json!({
        "id": id, "author": user(), "text": text, "createdTime": write_instant(now), "lastUpdatedTime": Json::Null
    });
    if let Some(parent) = body.get("parentCommentId") {
        comment["parentCommentId"] = parent.clone();
    }
    let record = base.tables[table].record_mut(record).ok_or_else(ApiError::record_not_found)?;
    record.comments.push(comment.clone());
    Ok(comment)
}

/// Changes the text of a comment.
pub(super) fn update(
    base: &mut Base,
    table: usize,
    (record, comment): (&str, &str),
    body: &Map<String, Json>,
    now: DateTime<Utc>,
) -> Answer {
    check_path_id(base, table, record)?;
    let text = text_of(body)?;
    let record = base.tables[table].record_mut(record).ok_or_else(ApiError::record_not_found)?;
    let found = record.comments.iter_mut().find(|known| known["id"] == comment).ok_or_else(ApiError::not_found)?;
    found["text"] = Json::from(text);
    found["lastUpdatedTime"] = Json::from(write_instant(now));
    Ok(found.clone())
}

/// Takes a comment away.
pub(super) fn delete(base: &mut Base, table: usize, (record, comment): (&str, &str)) -> Answer {
    check_path_id(base, table, record)?;
    let record = base.tables[table].record_mut(record).ok_or_else(ApiError::record_not_found)?;
    let count = record.comments.len();
    record.comments.retain(|known| known["id"] != comment);
    if record.comments.len() == count {
        return Err(ApiError::not_found());
    }
    Ok(json!({ "id": comment, "deleted": true }))
}

fn text_of(body: &Map<String, Json>) -> Result<&str, ApiError> {
    body.get("text")
        .and_then(Json::as_str)
        .filter(|text| !text.is_empty())
        .ok_or_else(|| ApiError::missing_part("text"))
}
