//! Takes a person out of rows that are about others too: links to them, batches without an outcome, and what images and letters of
//! other records hold of these links.

use std::collections::{HashMap, HashSet};

use rusqlite::params;
use serde_json::Value as Json;

use crate::model::LINK_PREFIX;
use crate::state::{SourceKey, Work, error::StateError, links::SealedLink, seal::Cell, target::TargetId};

use super::{
    action::{Action, Rewrite},
    address::Mention,
    find::Finder,
    sealed::{COLUMNS, CellRow},
};

/// What is known of links that lead to the person.
#[derive(Debug, Default)]
pub(super) struct LinksToThem {
    /// The link fields of other records that lead to them.
    fields: HashSet<(TargetId, SourceKey, String)>,
    /// The streams that link fields of a target lead to.
    streams: HashMap<(TargetId, String), String>,
    /// The ids of their records at destinations.
    destination_ids: HashSet<String>,
}

impl LinksToThem {
    pub(super) fn find(finder: &Finder<'_>) -> Result<Self, StateError> {
        let mut found = Self::default();
        for (target, placed) in &finder.targets {
            let own = finder.keys_of(placed.group, |_| true);
            let entries = finder.work.entries_of(*target, &own)?;
            found.destination_ids.extend(entries.into_values().map(|entry| entry.destination_id));
        }
        for column in COLUMNS.iter().filter(|column| column.table == "links") {
            finder.work.visit_cells(column, |row| {
                let (Some(target), Some(own)) = (row.target, row.records.first()) else { return Ok(()) };
                let Some((field, stream)) = names_of_link(finder, &row)? else { return Ok(()) };
                found.streams.entry((target, field.clone())).or_insert_with(|| stream.clone());
                let ends: SealedLink = serde_json::from_value(row.json()?)?;
                if ends.linked_ids.iter().any(|id| finder.is_linked_to(row.target, &stream, id)) {
                    found.fields.insert((target, *own, field));
                }
                Ok(())
            })?;
        }
        Ok(found)
    }
}

/// Returns the field of a link, and the stream that it leads to.
fn names_of_link(finder: &Finder<'_>, row: &CellRow<'_>) -> Result<Option<(String, String)>, StateError> {
    let Some(link_id) = row.number() else { return Ok(None) };
    let mut statement = finder.work.transaction.prepare_cached("SELECT field, stream FROM links WHERE link_id = ?1")?;
    Ok(Some(statement.query_row([link_id], |row| Ok((row.get(0)?, row.get(1)?)))?))
}

/// Takes records of the person out of what another record's link leads to.
pub(super) fn link(finder: &Finder<'_>, row: &CellRow<'_>) -> Result<Option<Action>, StateError> {
    let (Some(target), Some(link_id), Some((_, stream))) = (row.target, row.number(), names_of_link(finder, row)?)
    else {
        return Ok(None);
    };
    let mut ends: SealedLink = serde_json::from_value(row.json()?)?;
    let known = ends.linked_ids.len();
    ends.linked_ids.retain(|id| !finder.is_linked_to(row.target, &stream, id));
    Ok(if ends.linked_ids.len() == known {
        None
    } else if ends.linked_ids.is_empty() {
        Some(Action::Delete)
    } else {
        let total = i64::try_from(ends.linked_ids.len()).ok();
        let content = serde_json::to_value(&ends)?;
        Some(Action::Rewrite(Rewrite { table: "links", target, row: link_id, content, total }))
    })
}

/// Takes records of the person out of a batch without an outcome.
pub(super) fn intent(finder: &Finder<'_>, row: &CellRow<'_>) -> Result<Option<Action>, StateError> {
    let content = row.json()?;
    let (ids, mut before) = match &content {
        Json::Array(ids) => (ids.clone(), Vec::new()),
        other => (array(&other["source_ids"]), array(&other["before"])),
    };
    let is_theirs = |id: &Json| id.as_str().is_some_and(|id| finder.is_theirs_by_id(row.target, id));
    let kept: Vec<usize> = (0..ids.len()).filter(|place| !is_theirs(&ids[*place])).collect();
    let mut is_changed = kept.len() < ids.len();
    for held in &mut before {
        if finder.mention_in_value(held) > Mention::None {
            *held = Json::Null;
            is_changed = true;
        }
    }
    if !is_changed {
        return Ok(None);
    }
    if kept.is_empty() {
        return Ok(Some(Action::Delete));
    }
    let of_kept =
        |values: &[Json]| -> Vec<Json> { kept.iter().filter_map(|place| values.get(*place).cloned()).collect() };
    let content = match content {
        Json::Array(_) => Json::Array(of_kept(&ids)),
        _ => serde_json::json!({ "source_ids": of_kept(&ids), "before": of_kept(&before) }),
    };
    Ok(rewritten("intents", row, content))
}

/// Takes the person out of the links in another record's image: what the links of a deleted record led to, and the link fields of one that
/// was written.
pub(super) fn image(finder: &Finder<'_>, row: &CellRow<'_>, known: &LinksToThem) -> Result<Option<Action>, StateError> {
    let mut content = row.json()?;
    let mut is_changed = false;
    // By `get_mut`, since an index would put a null where there is nothing.
    if let Some(links) = content.get_mut("l").and_then(Json::as_array_mut) {
        for link in links.iter_mut() {
            let stream = link["stream"].as_str().unwrap_or_default().to_owned();
            let Some(ids) = link.get_mut("linked_ids") else { continue };
            is_changed |= strip(ids, |id| finder.is_linked_to(row.target, &stream, id));
        }
        links.retain(|link| link["linked_ids"].as_array().is_none_or(|ids| !ids.is_empty()));
    }
    let own = row.target.zip(row.records.first().copied());
    for fields in ["b", "w"] {
        let Some(fields) = content.get_mut(fields).and_then(Json::as_object_mut) else { continue };
        let leads_to_them = |field: &String| {
            own.is_some_and(|(target, record)| known.fields.contains(&(target, record, field.clone())))
        };
        let names: Vec<String> = fields.keys().filter(|field| leads_to_them(field)).cloned().collect();
        for name in names {
            let Some(value) = fields.get_mut(&name) else { continue };
            if strip(value, |id| known.destination_ids.contains(id)) {
                is_changed = true;
            } else if text_of(value).is_some_and(|id| known.destination_ids.contains(&id)) {
                fields.remove(&name);
                is_changed = true;
            }
        }
    }
    Ok(if is_changed { rewritten("images", row, content) } else { None })
}

/// Takes the person out of the links in another record's letter. Which stream a link field leads to is known from links that are kept; by
/// what is mapped it is known which ids of the source's record are meant.
pub(super) fn letter(
    finder: &Finder<'_>,
    row: &CellRow<'_>,
    known: &LinksToThem,
) -> Result<Option<Action>, StateError> {
    let Some(target) = row.target else { return Ok(None) };
    let mut content = row.json()?;
    let mut taken: HashSet<String> = HashSet::new();
    if let Some(mapped) = content.pointer_mut("/body/mapped").and_then(Json::as_object_mut) {
        for (field, value) in mapped.iter_mut() {
            let Some(stream) = known.streams.get(&(target, field.clone())) else { continue };
            strip(value, |id| {
                let is_theirs = finder.is_linked_to(row.target, stream, id);
                taken.extend(is_theirs.then(|| id.to_owned()));
                is_theirs
            });
        }
    }
    if taken.is_empty() {
        return Ok(None);
    }
    for (name, value) in content.pointer_mut("/body/source").and_then(Json::as_object_mut).into_iter().flatten() {
        if name.starts_with(LINK_PREFIX) {
            strip(value, |id| taken.contains(id));
        }
    }
    Ok(rewritten("dead_letters", row, content))
}

/// Takes ids out of a list, and tells whether any was in it.
fn strip(value: &mut Json, mut is_theirs: impl FnMut(&str) -> bool) -> bool {
    let Some(items) = value.as_array_mut() else { return false };
    let known = items.len();
    items.retain(|item| !text_of(item).is_some_and(|id| is_theirs(&id)));
    items.len() < known
}

fn text_of(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

fn rewritten(table: &'static str, row: &CellRow<'_>, content: Json) -> Option<Action> {
    let (target, row) = row.target.zip(row.number())?;
    Some(Action::Rewrite(Rewrite { table, target, row, content, total: None }))
}

fn array(value: &Json) -> Vec<Json> {
    value.as_array().cloned().unwrap_or_default()
}

impl Work<'_> {
    pub(super) fn rewrite(&self, rewrite: &Rewrite, identity: &str) -> Result<(), StateError> {
        let Rewrite { table, target, row, content, total } = rewrite;
        let sealed = self.seal.seal(&Cell::new(table, &[&target.0, row]), content)?;
        let sql = format!("UPDATE {table} SET sealed = ?2 WHERE {identity} = ?1");
        self.transaction.prepare_cached(&sql)?.execute(params![row, sealed])?;
        if let Some(total) = total {
            // One that was fully set stays so; of another one it is not known which records it was set to, so a run looks again.
            let sql =
                "UPDATE links SET total = ?2, linked = CASE WHEN linked >= total THEN ?2 ELSE min(linked, ?2 - 1) END
                 WHERE link_id = ?1";
            self.transaction.prepare_cached(sql)?.execute(params![row, total])?;
        }
        Ok(())
    }
}
