//! Every column of the state file that can hold something of a person, so that a search passes none of them by.
//!
//! A migration that adds a column of texts or bytes adds it to one of the three lists here: a test compares them with the file.

use rusqlite::types::Value;
use serde_json::Value as Json;

use crate::state::{
    SourceKey, Work,
    error::StateError,
    seal::{Cell, Seal},
    target::TargetId,
};

/// A column whose cells are looked at one by one.
#[derive(Debug)]
pub(super) struct Column {
    pub table: &'static str,
    pub name: &'static str,
    /// The columns that tell a row of the table from others.
    pub identity: &'static [&'static str],
    /// What cells are bound to: a table, and parts of their row.
    place: &'static str,
    bound_to: &'static [&'static str],
    pub form: Form,
    pub owner: Owner,
}

/// How cells of a column are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A JSON value, sealed with a random nonce.
    Json,
    /// A source id, sealed with a nonce that is made of its place.
    Named,
    /// A destination id, sealed alike; in clear where ids are no keys.
    Alike,
    /// A text in clear that a vendor's description or error put there.
    Clear,
}

/// Whom a row is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The source record of its `target_id` and `source_key`.
    Record,
    /// That record, and the one of its `survivor_key`.
    Pair,
    /// Records of its `target_id`.
    Target,
    /// No record.
    Nobody,
}

const KEY: &str = "lower(hex(source_key))";

pub(super) const COLUMNS: &[Column] = &[
    sealed("attempts", &["run_id", "number"], &["run_id", "number"], Form::Json, Owner::Nobody),
    Column {
        name: "notices",
        place: "attempts.notices",
        ..sealed("attempts", &["run_id", "number"], &["run_id", "number"], Form::Json, Owner::Nobody)
    },
    sealed("checkpoints", &["target_id"], &["target_id"], Form::Json, Owner::Target),
    sealed("dead_letters", &["letter_id"], &["target_id", "letter_id"], Form::Json, Owner::Record),
    sealed("duplicates", &["target_id", "source_key"], &["target_id", KEY], Form::Named, Owner::Pair),
    sealed("id_map", &["entry_id"], &["target_id", KEY], Form::Named, Owner::Record),
    destination_id("id_map", "destination_id", &["entry_id"]),
    sealed("images", &["image_id"], &["target_id", "image_id"], Form::Json, Owner::Record),
    destination_id("images", "destination_id", &["image_id"]),
    destination_id("images", "entry_id", &["image_id"]),
    destination_id("images", "was_id", &["image_id"]),
    sealed("intents", &["intent_id"], &["target_id", "intent_id"], Form::Json, Owner::Target),
    sealed("key_check", &[], &[], Form::Json, Owner::Nobody),
    sealed("ledgers", &["run_id", "target_id"], &["run_id", "target_id"], Form::Json, Owner::Target),
    clear("ledgers", "message", &["run_id", "target_id"]),
    sealed("links", &["link_id"], &["target_id", "link_id"], Form::Json, Owner::Record),
    sealed("merged", &["run_id", "target_id", "source_key"], &["run_id", "target_id", KEY], Form::Json, Owner::Pair),
    clear("schema_changes", "option", &["change_id"]),
    clear("schema_options", "option", &["schema_id", "field", "option"]),
    sealed("tokens", &["name_key"], &["hex(name_key)"], Form::Json, Owner::Nobody),
];

/// Columns in clear that hold names, words, counts and times: nothing of a record. What is found in them all the same is told, because
/// it cannot be taken away: it is a name that the user gave.
pub(super) const CLEAR: &[(&str, &[&str])] = &[
    ("accounts", &["pipeline", "connection", "account"]),
    ("attempts", &["run_id", "started_at", "finished_at", "last_sign_at", "ledger", "quotas"]),
    ("checkpoints", &["run_id", "saved_at"]),
    ("dead_letters", &["run_id", "kind", "code", "field", "created_at", "resolved_at"]),
    ("id_map", &["written_run", "written_as", "seen_run", "mapped_run"]),
    ("images", &["run_id", "kind", "entry_run", "entry_as", "entry_mapped", "undone_run", "fate"]),
    ("intents", &["run_id", "operation", "created_at"]),
    ("ledgers", &["run_id", "status", "ledger", "calls"]),
    ("links", &["field", "stream"]),
    ("merged", &["run_id"]),
    (
        "runs",
        &[
            "run_id",
            "pipeline",
            "file",
            "fingerprint",
            "kind",
            "status",
            "started_at",
            "finished_at",
            "version",
            "undone_run",
        ],
    ),
    ("schema_changes", &["seen_at", "field", "change"]),
    ("schema_fields", &["field", "type"]),
    ("schema_options", &["field"]),
    ("schemas", &["pipeline", "connection", "account", "object", "end"]),
    ("starts", &["pipeline", "run_id", "file", "kind", "started_at"]),
    (
        "targets",
        &["pipeline", "stream", "connection", "object", "source_connection", "source_account", "destination_account"],
    ),
];

/// Columns of keyed hashes: they go with the rows that they are in.
#[cfg(test)]
pub(super) const HASHES: &[(&str, &[&str])] = &[
    ("dead_letters", &["source_key"]),
    ("duplicates", &["source_key", "survivor_key"]),
    ("id_map", &["source_key", "content_hash", "key_hash"]),
    ("images", &["source_key", "entry_hash", "entry_key"]),
    ("links", &["source_key"]),
    ("merged", &["source_key", "survivor_key"]),
    ("tokens", &["name_key"]),
];

const fn sealed(
    table: &'static str,
    identity: &'static [&'static str],
    bound_to: &'static [&'static str],
    form: Form,
    owner: Owner,
) -> Column {
    Column { table, name: "sealed", identity, place: table, bound_to, form, owner }
}

/// A column of ids at the destination: all of them are sealed as the id map's are.
const fn destination_id(table: &'static str, name: &'static str, identity: &'static [&'static str]) -> Column {
    let bound_to = &["target_id"];
    Column { table, name, identity, place: "id_map", bound_to, form: Form::Alike, owner: Owner::Record }
}

const fn clear(table: &'static str, name: &'static str, identity: &'static [&'static str]) -> Column {
    Column { table, name, identity, place: table, bound_to: &[], form: Form::Clear, owner: Owner::Nobody }
}

/// A row with a cell that is looked at.
#[derive(Debug)]
pub(super) struct CellRow<'work> {
    seal: &'work Seal,
    form: Form,
    cell: Cell,
    pub identity: Vec<Value>,
    pub target: Option<TargetId>,
    /// The record that it is about, and the survivor of a duplicate.
    pub records: Vec<SourceKey>,
    /// The cell as it is in the file; none where it is empty.
    pub stored: Option<Vec<u8>>,
}

impl CellRow<'_> {
    /// Opens the cell; none where it is empty.
    pub(super) fn text(&self) -> Result<Option<String>, StateError> {
        let Some(stored) = &self.stored else { return Ok(None) };
        let words = |bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| StateError::WrongKey);
        Ok(Some(match self.form {
            Form::Json => words(self.seal.open_bytes(&self.cell, stored)?)?,
            Form::Named => self.seal.open_named(&self.cell, stored)?,
            Form::Alike => {
                let stored = words(stored.clone())?;
                self.seal.open_alike(&self.cell, &stored)?.unwrap_or(stored)
            }
            Form::Clear => words(stored.clone())?,
        }))
    }

    /// Opens a cell that holds JSON; null where it is empty.
    pub(super) fn json(&self) -> Result<Json, StateError> {
        Ok(self.text()?.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default())
    }

    /// Returns the number that identifies the row, where that is one.
    pub(super) fn number(&self) -> Option<i64> {
        match self.identity.first()? {
            Value::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

impl Work<'_> {
    /// Visits every row of a column, one after the other.
    pub(super) fn visit_cells(
        &self,
        column: &Column,
        mut visit: impl FnMut(CellRow<'_>) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let Column { table, name, identity, place, bound_to, form, owner } = column;
        let (target, source_key, survivor_key) = match owner {
            Owner::Record => ("target_id", "source_key", "NULL"),
            Owner::Pair => ("target_id", "source_key", "survivor_key"),
            Owner::Target => ("target_id", "NULL", "NULL"),
            Owner::Nobody => ("NULL", "NULL", "NULL"),
        };
        let cell = format!("CAST({name} AS BLOB)");
        let bound = bound_to.iter().map(|part| format!("CAST({part} AS TEXT)"));
        let selected: Vec<String> = [cell.as_str(), target, source_key, survivor_key]
            .into_iter()
            .chain(identity.iter().copied())
            .map(str::to_owned)
            .chain(bound)
            .collect();
        let mut statement = self.transaction.prepare(&format!("SELECT {} FROM {table}", selected.join(", ")))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let first_part = 4 + identity.len();
            let identity = (4..first_part).map(|place| row.get(place)).collect::<Result<_, _>>()?;
            let parts: Vec<String> =
                (first_part..first_part + bound_to.len()).map(|place| row.get(place)).collect::<Result<_, _>>()?;
            let parts: Vec<&dyn std::fmt::Display> = parts.iter().map(|part| part as &dyn std::fmt::Display).collect();
            let records = [row.get::<_, Option<[u8; 16]>>(2)?, row.get(3)?];
            visit(CellRow {
                seal: &self.seal,
                form: *form,
                cell: Cell::new(place, &parts),
                identity,
                target: row.get::<_, Option<i64>>(1)?.map(TargetId),
                records: records.into_iter().flatten().map(SourceKey).collect(),
                stored: row.get(0)?,
            })?;
        }
        Ok(())
    }
}
