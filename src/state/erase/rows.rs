//! Finds every row about the person's records, and every other one that names them, and says what is done with it.

use std::collections::HashSet;

use serde_json::Value as Json;

use crate::state::{SourceKey, error::StateError, target::TargetId};

use super::{
    Kind,
    action::{Action, FoundRow},
    address::Mention,
    find::Finder,
    rewrite,
    sealed::{COLUMNS, CellRow, Column, Form},
};

/// Records of others whose values name the person.
pub(super) type Mentioning = HashSet<(TargetId, SourceKey)>;

impl Finder<'_> {
    pub(super) fn find_rows(&self) -> Result<(Vec<FoundRow>, Mentioning), StateError> {
        let (mut rows, mut mentioning) = (Vec::new(), Mentioning::new());
        let links_to_them = rewrite::LinksToThem::find(self)?;
        for column in COLUMNS.iter().filter(|column| column.form != Form::Alike) {
            self.work.visit_cells(column, |row| {
                let Some((kind, action)) = self.judge(column, &row, &links_to_them)? else { return Ok(()) };
                let is_of_others = !row.records.iter().any(|record| self.is_theirs(row.target, *record));
                if is_of_others && matches!((kind, &action), (Kind::DeadLetter | Kind::Image, Action::Delete)) {
                    mentioning.extend(row.target.zip(row.records.first().copied()));
                }
                let CellRow { identity, target, records, stored, .. } = row;
                rows.push(FoundRow { column, identity, stored, target, records, action, kind });
                Ok(())
            })?;
        }
        Ok((rows, mentioning))
    }

    /// Says what is to be done with a row; nothing where it holds nothing of the person.
    fn judge(
        &self,
        column: &Column,
        row: &CellRow<'_>,
        links_to_them: &rewrite::LinksToThem,
    ) -> Result<Option<(Kind, Action)>, StateError> {
        let is_theirs = row.records.iter().any(|record| self.is_theirs(row.target, *record));
        let removed = |kind: Kind, is_found: bool| is_found.then_some((kind, Action::Delete));
        let emptied = |kind: Kind, is_found: bool| is_found.then_some((kind, Action::Clear));
        let rewritten = |kind: Kind, action: Option<Action>| action.map(|action| (kind, action));
        Ok(match (column.table, column.name) {
            ("dead_letters", _) if is_theirs || self.is_mentioned(row)? => removed(Kind::DeadLetter, true),
            ("dead_letters", _) => rewritten(Kind::DeadLetter, rewrite::letter(self, row, links_to_them)?),
            ("images", _) if is_theirs || self.is_mentioned(row)? => removed(Kind::Image, true),
            ("images", _) => rewritten(Kind::Image, rewrite::image(self, row, links_to_them)?),
            ("id_map", _) => removed(Kind::Id, is_theirs),
            ("duplicates", _) => removed(Kind::Duplicate, is_theirs),
            ("merged", _) => removed(Kind::Merged, is_theirs || self.is_mentioned(row)?),
            ("links", _) if is_theirs => removed(Kind::Link, true),
            ("links", _) => rewritten(Kind::LinkToThem, rewrite::link(self, row)?),
            ("intents", _) => rewritten(Kind::Intent, rewrite::intent(self, row)?),
            ("checkpoints", _) => removed(Kind::Cursor, self.is_cursor_at_them(row)?),
            ("ledgers", "sealed") => emptied(Kind::StartCursor, self.is_cursor_at_them(row)?),
            ("ledgers", _) | ("attempts", "sealed") => emptied(Kind::Error, self.is_mentioned(row)?),
            ("attempts", _) => emptied(Kind::Notice, self.is_mentioned(row)?),
            ("schema_options" | "schema_changes", _) => removed(Kind::Choice, self.is_mentioned(row)?),
            // A login is the administrator's own, and the key check is a word of Ferry's.
            _ => None,
        })
    }

    /// Tells whether a cell names the address in whatever it holds.
    fn is_mentioned(&self, row: &CellRow<'_>) -> Result<bool, StateError> {
        let Some(address) = &self.address else { return Ok(false) };
        let Some(text) = row.text()? else { return Ok(false) };
        let mention = match serde_json::from_str::<Json>(&text) {
            Ok(value) => address.mention_in_json(&value),
            Err(_) => address.mention_in(&text),
        };
        Ok(mention > Mention::None)
    }

    /// Tells whether a cursor holds the address or the id of one of the records.
    fn is_cursor_at_them(&self, row: &CellRow<'_>) -> Result<bool, StateError> {
        let Some(group) = row.target.and_then(|target| self.group(target)) else { return Ok(false) };
        let cursor = row.json()?;
        let own = self.keys_of(group, |_| true);
        let names: HashSet<&str> = own.iter().filter_map(|key| self.names.get(key)).map(String::as_str).collect();
        let is_mentioned =
            self.address.as_ref().is_some_and(|address| address.mention_in_json(&cursor) > Mention::None);
        Ok(is_mentioned || has_text(&cursor, &names))
    }

    /// Tells whether a record of a target is the person's.
    pub(super) fn is_theirs(&self, target: Option<TargetId>, record: SourceKey) -> bool {
        let group = target.and_then(|target| self.group(target));
        group.is_some_and(|group| self.records.contains_key(&(group, record)))
    }

    /// Tells whether a source id names a record of the person in a target.
    pub(super) fn is_theirs_by_id(&self, target: Option<TargetId>, source_id: &str) -> bool {
        self.is_theirs(target, self.work.source_key(source_id)) || self.mention(source_id) > Mention::None
    }

    /// Tells whether a source id names a record of the person in a stream of a target's pipeline.
    pub(super) fn is_linked_to(&self, from: Option<TargetId>, stream: &str, source_id: &str) -> bool {
        let Some(own) = from.and_then(|target| self.targets.get(&target)) else { return false };
        let source_key = self.work.source_key(source_id);
        let is_of_stream =
            |target: &crate::state::Target| target.pipeline == own.target.pipeline && &*target.stream == stream;
        let mut of_stream = self.targets.values().filter(|placed| is_of_stream(&placed.target));
        of_stream.any(|placed| self.records.contains_key(&(placed.group, source_key)))
            || self.mention(source_id) > Mention::None
    }

    pub(super) fn mention(&self, text: &str) -> Mention {
        self.address.as_ref().map_or(Mention::None, |address| address.mention_in(text))
    }

    pub(super) fn mention_in_value(&self, value: &Json) -> Mention {
        self.address.as_ref().map_or(Mention::None, |address| address.mention_in_json(value))
    }
}

fn has_text(value: &Json, texts: &HashSet<&str>) -> bool {
    match value {
        Json::String(text) => texts.contains(text.as_str()),
        Json::Number(number) => texts.contains(number.to_string().as_str()),
        Json::Array(items) => items.iter().any(|item| has_text(item, texts)),
        Json::Object(fields) => fields.values().any(|field| has_text(field, texts)),
        Json::Null | Json::Bool(_) => false,
    }
}
