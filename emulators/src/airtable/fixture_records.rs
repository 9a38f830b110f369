//! Fills tables with the records of fixtures; their form is described in `fixture`.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json, json};

use crate::fixtures::Fixture;

use super::{
    accept::Acceptor,
    dates::read_instant,
    ids::{id_of, is_id},
    kinds::Kind,
    links::set_cell,
    records::make_noted,
    store::Base,
};

/// What is filled in: links come last, when all records are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Values,
    Links,
}

/// Fills a part of a table's cells in.
pub(super) fn fill(
    base: &mut Base,
    (name, fixture): (&String, &Fixture),
    part: Part,
    now: DateTime<Utc>,
) -> Result<(), String> {
    let Some(table) = base.table_index(name) else { return Ok(()) };
    for (position, record) in fixture.records.iter().enumerate() {
        let wrong = |reason: String| format!("fixture `{name}`, record {}: {reason}", position + 1);
        let id = match record.get("_id").and_then(Json::as_str) {
            Some(id) if is_id("rec", id) => id.to_owned(),
            Some(id) => return Err(wrong(format!("`{id}` is no record id: write `rec` and 14 letters or digits"))),
            None => id_of("rec", &[name, &position.to_string()]),
        };
        if part == Part::Values {
            if base.tables[table].record(&id).is_some() {
                return Err(wrong(format!("`{id}` is there twice")));
            }
            base.tables[table].insert(&id, time_of(record, "_created_at").map_err(wrong)?.unwrap_or(now));
        }
        fill_cells(base, (table, &id), record, part, now).map_err(wrong)?;
    }
    Ok(())
}

fn fill_cells(
    base: &mut Base,
    (table, id): (usize, &str),
    record: &Map<String, Json>,
    part: Part,
    now: DateTime<Utc>,
) -> Result<(), String> {
    let edited_at = time_of(record, "_updated_at")?;
    for (name, value) in record.iter().filter(|(name, _)| !name.starts_with('_')) {
        let index = base.tables[table].field_index(name).ok_or_else(|| format!("no field is called `{name}`"))?;
        let kind = base.tables[table].fields[index].kind;
        let is_link = kind == Kind::MultipleRecordLinks;
        if is_link != (part == Part::Links) {
            continue;
        }
        let typed = typed(kind, value).ok_or_else(|| format!("`{name}` cannot hold {value}"))?;
        if kind.is_computed() {
            base.tables[table].set(id, index, typed, edited_at);
            continue;
        }
        let mut acceptor = Acceptor::new(base, table, true);
        let cells = acceptor
            .record(&Map::from_iter([(name.clone(), typed)]), Some(id))
            .map_err(|_| format!("`{name}` cannot hold {value}"))?;
        let notes = acceptor.finish();
        if !notes.records.is_empty() {
            return Err(format!("`{name}` links to {value}, which is in no record"));
        }
        make_noted(base, table, notes, now);
        for (index, value) in cells {
            set_cell(base, (table, id), index, value, edited_at, None);
        }
    }
    Ok(())
}

/// Makes of a CSV cell what the field's type is written as; what is no text is taken as it is.
fn typed(kind: Kind, value: &Json) -> Option<Json> {
    let Json::String(text) = value else { return Some(value.clone()) };
    let parts = || text.split(';').map(str::trim).filter(|part| !part.is_empty());
    Some(match kind {
        Kind::MultipleSelects
        | Kind::MultipleRecordLinks
        | Kind::MultipleCollaborators
        | Kind::MultipleLookupValues => parts().collect(),
        Kind::MultipleAttachments => parts().map(|url| json!({ "url": url })).collect(),
        Kind::SingleCollaborator => {
            if text.starts_with("usr") {
                json!({ "id": text })
            } else {
                json!({ "email": text })
            }
        }
        Kind::Rating | Kind::Count | Kind::AutoNumber => Json::from(text.trim().parse::<i64>().ok()?),
        kind if kind.is_number() => {
            let whole = text.trim().parse::<i64>().map(Json::from);
            whole.or_else(|_| text.trim().parse::<f64>().map(Json::from)).ok()?
        }
        Kind::Date | Kind::DateTime => read_instant(text, chrono_tz::UTC).map(|_| value.clone())?,
        _ => value.clone(),
    })
}

fn time_of(record: &Map<String, Json>, name: &str) -> Result<Option<DateTime<Utc>>, String> {
    let Some(text) = record.get(name).and_then(Json::as_str) else { return Ok(None) };
    read_instant(text, chrono_tz::UTC).map(Some).ok_or_else(|| format!("`{text}` is no time"))
}
