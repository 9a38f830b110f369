//! What a field of each type takes, and what is stored then; none for a value that it refuses. With `typecast`, texts are turned
//! into the type as well as can be.

use serde_json::{Value as Json, json};

use super::{
    cells::write_number,
    dates::{read_day, read_instant, write_instant},
    formula::read_number,
    ids::{id_of, is_id},
    kinds::Kind,
    store::Field,
};

/// Longest text of a cell, in characters. Source: users' reports; a longer one is refused.
const MAX_TEXT: usize = 100_000;

/// Makes a cell of a list; an empty one is an empty cell.
pub(super) fn list_or_nothing(items: Vec<Json>) -> Json {
    if items.is_empty() { Json::Null } else { Json::Array(items) }
}

/// Takes a text; an empty one is an empty cell, and a rich one ends with a line break.
pub(super) fn text(kind: Kind, value: &Json, is_typecast: bool) -> Option<Json> {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Number(_) | Json::Bool(_) if is_typecast => value.to_string(),
        Json::Array(items) if is_typecast => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join(", "),
        _ => return None,
    };
    if text.chars().count() > MAX_TEXT {
        return None;
    }
    let is_rich = kind == Kind::RichText && !text.is_empty() && !text.ends_with('\n');
    Some(match text.as_str() {
        "" => Json::Null,
        _ if is_rich => Json::from(text + "\n"),
        _ => Json::from(text),
    })
}

/// Takes a number.
pub(super) fn number(value: &Json, is_typecast: bool) -> Option<Json> {
    match value {
        Json::Number(number) => number.as_f64().map(write_number),
        Json::String(text) if is_typecast => Some(read_number(text).map_or(Json::Null, write_number)),
        _ => None,
    }
}

/// Takes a whole number from 1 to the field's maximum.
pub(super) fn rating(field: &Field, value: &Json, is_typecast: bool) -> Option<Json> {
    let max = field.options.get("max").and_then(Json::as_f64).unwrap_or(10.0);
    let rating = number(value, is_typecast)?;
    if rating.is_null() {
        return Some(rating);
    }
    let stars = rating.as_f64().filter(|stars| stars.fract() == 0.0 && (1.0..=max).contains(stars))?;
    format!("{stars:.0}").parse::<i64>().ok().map(Json::from)
}

/// Takes a truth; an unchecked box is an empty cell.
pub(super) fn checkbox(value: &Json, is_typecast: bool) -> Option<Json> {
    let is_checked = match value {
        Json::Bool(is_checked) => *is_checked,
        Json::String(text) if is_typecast => matches!(text.to_lowercase().as_str(), "true" | "1" | "yes" | "checked"),
        Json::Number(number) if is_typecast => number.as_f64() != Some(0.0),
        _ => return None,
    };
    Some(if is_checked { Json::Bool(true) } else { Json::Null })
}

/// Takes a day.
pub(super) fn date(value: &Json, is_typecast: bool) -> Option<Json> {
    match read_day(value.as_str()?) {
        Some(day) => Some(Json::from(day.format("%Y-%m-%d").to_string())),
        None => is_typecast.then_some(Json::Null),
    }
}

/// A time without an offset is meant in the field's own zone, unless that is `utc` or `client`.
pub(super) fn date_time(field: &Field, value: &Json, is_typecast: bool) -> Option<Json> {
    let zone = field.option("timeZone").and_then(|zone| zone.parse().ok()).unwrap_or(chrono_tz::UTC);
    match read_instant(value.as_str()?, zone) {
        Some(instant) => Some(Json::from(write_instant(instant))),
        None => is_typecast.then_some(Json::Null),
    }
}

/// Takes an object with a text and maybe a type.
pub(super) fn barcode(value: &Json, is_typecast: bool) -> Option<Json> {
    match value {
        Json::Object(barcode) if barcode.get("text").is_some_and(Json::is_string) => {
            let is_known = |key: &String| key == "text" || key == "type";
            barcode.keys().all(is_known).then(|| value.clone())
        }
        Json::String(text) if is_typecast => Some(json!({ "text": text })),
        _ => None,
    }
}

/// A user is named by id or e-mail address; what is not named is filled in.
pub(super) fn collaborator(value: &Json) -> Option<Json> {
    let given = value.as_object()?;
    let (id, email) = (given.get("id").and_then(Json::as_str), given.get("email").and_then(Json::as_str));
    let email = match (id, email) {
        (Some(id), _) => return is_id("usr", id).then(|| user_of(id)),
        (None, email) => email.filter(|email| email.contains('@'))?,
    };
    let name = email.split('@').next().unwrap_or(email);
    Some(json!({ "id": id_of("usr", &[email]), "email": email, "name": name }))
}

/// Users and groups are named by their ids alone.
pub(super) fn collaborators(value: &Json) -> Option<Json> {
    let mut accepted = Vec::new();
    for item in value.as_array()? {
        let id = item.as_str().or_else(|| item.get("id")?.as_str())?;
        if !is_id("usr", id) && !is_id("ugp", id) {
            return None;
        }
        accepted.push(user_of(id));
    }
    Some(list_or_nothing(accepted))
}

fn user_of(id: &str) -> Json {
    let email = format!("{}@example.com", id.to_lowercase());
    json!({ "id": id, "email": email, "name": id })
}

/// New attachments come by URL, old ones are kept by their id; what is not listed is gone.
pub(super) fn attachments(value: &Json, old: &Json) -> Option<Json> {
    let mut accepted: Vec<Json> = Vec::new();
    for item in value.as_array()? {
        let text = |key: &str| item.get(key).and_then(Json::as_str);
        if let Some(id) = text("id") {
            let kept = old.as_array()?.iter().find(|old| old.get("id").and_then(Json::as_str) == Some(id))?;
            accepted.push(kept.clone());
            continue;
        }
        let url = text("url").filter(|url| url.starts_with("http://") || url.starts_with("https://"))?;
        let filename = text("filename").unwrap_or_else(|| url.rsplit('/').next().unwrap_or(url));
        let id = id_of("att", &[url, filename, &accepted.len().to_string()]);
        accepted.push(attachment(&id, url, filename, 0));
    }
    Some(list_or_nothing(accepted))
}

/// Writes an attachment as it is read.
pub(super) fn attachment(id: &str, url: &str, filename: &str, size: usize) -> Json {
    let ending = filename.rsplit_once('.').map(|(_, ending)| ending.to_lowercase());
    let media_type = match ending.as_deref() {
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("pdf") => "application/pdf",
        Some("txt") => "text/plain",
        Some("csv") => "text/csv",
        _ => "application/octet-stream",
    };
    json!({ "id": id, "url": url, "filename": filename, "size": size, "type": media_type })
}
