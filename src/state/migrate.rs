//! Brings a state file to this version's form; a copy of the file is kept before every change.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::{
    Connection, Error as SqlError, TransactionBehavior,
    functions::{Context, FunctionFlags},
    types::ValueRef,
};
use serde_json::Value as Json;

use crate::private_file::new_private_file;

use super::{
    SourceKey,
    dead_letters::{LetterBody, SealedLetter},
    error::StateError,
    images,
    links::{self, SealedLink},
    names::name_cell,
    seal::{Cell, Hashed, Seal},
    target::TargetId,
};

/// The forms, oldest first. Never edit one that was released: add another.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_initial.sql"),
    include_str!("migrations/0002_sealed_ids.sql"),
    include_str!("migrations/0003_accounts.sql"),
    include_str!("migrations/0004_merged.sql"),
    include_str!("migrations/0005_images.sql"),
    include_str!("migrations/0006_ids.sql"),
    include_str!("migrations/0007_attempts.sql"),
    include_str!("migrations/0008_schemas.sql"),
];
/// Marks the file as Ferry's (`PRAGMA application_id`): "Fery" in ASCII.
const APPLICATION_ID: i64 = 0x4665_7279;

/// Brings the file to the newest form. Foreign keys are not enforced meanwhile.
pub(super) fn migrate(connection: &mut Connection, path: &Path, seal: &Arc<Seal>) -> Result<(), StateError> {
    let damaged = |error| StateError::at(path, error);
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let found = form(connection).map_err(damaged)?;
    if found > known {
        return Err(StateError::Newer { path: path.to_owned(), found, known });
    }
    if found == known {
        return Ok(());
    }
    if found > 0 {
        back_up(connection, path, found)?;
    }
    offer_functions(connection, seal)?;
    connection.pragma_update(None, "foreign_keys", false)?;
    let changed = change(connection, path, known);
    connection.pragma_update(None, "foreign_keys", true)?;
    changed?;
    if found > 0 {
        // What was in clear is not left in pages that are free now, nor in the log.
        connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
    }
    Ok(())
}

/// Applies the forms that the file lacks, in one transaction that nobody else can read or write beside.
fn change(connection: &mut Connection, path: &Path, known: i64) -> Result<(), StateError> {
    let damaged = |error| StateError::at(path, error);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Exclusive).map_err(damaged)?;
    let found = form(&transaction).map_err(damaged)?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(migration).map_err(|error| {
            // SQLite keeps only the words of what a function of ours says.
            let is_wrong_key = error.to_string().contains(&StateError::WrongKey.to_string());
            if is_wrong_key { StateError::WrongKey } else { damaged(error) }
        })?;
    }
    let is_broken = transaction.prepare("PRAGMA foreign_key_check")?.exists([])?;
    if is_broken {
        let reason = "rows of it lead to rows that are not there".to_owned();
        return Err(damaged(SqlError::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT),
            Some(reason),
        )));
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()?;
    Ok(())
}

fn form(connection: &Connection) -> Result<i64, SqlError> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Makes a value of a row's values; null where that is none.
type Function = fn(&Seal, &Context<'_>) -> Result<Option<Vec<u8>>, StateError>;

/// Makes what the migrations call: SQLite can neither hash with a key nor seal.
fn offer_functions(connection: &Connection, seal: &Arc<Seal>) -> Result<(), StateError> {
    let offer = |name: &str, arguments: i32, function: Function| {
        let seal = Arc::clone(seal);
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
        connection.create_scalar_function(name, arguments, flags, move |context| {
            function(&seal, context).map_err(|error| SqlError::UserFunctionError(Box::new(error)))
        })
    };
    offer("source_key", 1, |seal, context| {
        let source_id: String = context.get(0)?;
        Ok(Some(seal.keyed_hash(Hashed::SourceId, source_id.as_bytes()).to_vec()))
    })?;
    offer("token_key", 1, |seal, context| {
        let name: String = context.get(0)?;
        Ok(Some(seal.keyed_hash(Hashed::TokenName, name.as_bytes()).to_vec()))
    })?;
    offer("key_hash", 1, |seal, context| {
        let hash: Option<Vec<u8>> = context.get(0)?;
        Ok(hash.map(|hash| seal.keyed_hash(Hashed::RecordKey, &hash).to_vec()))
    })?;
    offer("masked", 2, |seal, context| {
        let (source_key, hash): (Vec<u8>, Vec<u8>) = (context.get(0)?, context.get(1)?);
        let mask = seal.keyed_hash(Hashed::Content, &source_key);
        Ok(Some(hash.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect()))
    })?;
    offer("sealed_json", 1, |seal, context| {
        let text: Option<String> = context.get(0)?;
        text.map(|text| seal.seal_old(&serde_json::from_str::<Json>(&text)?)).transpose()
    })?;
    offer("sealed_link", 2, |seal, context| {
        let (source_id, linked_ids): (String, String) = (context.get(0)?, context.get(1)?);
        Ok(Some(seal.seal_old(&SealedLink { source_id, linked_ids: serde_json::from_str(&linked_ids)? })?))
    })?;
    offer("sealed_letter", 2, |seal, context| {
        let (source_id, sealed): (String, Vec<u8>) = (context.get(0)?, context.get(1)?);
        let body: LetterBody = seal.open_old(&sealed)?;
        Ok(Some(seal.seal_old(&SealedLetter { source_id, body })?))
    })?;
    offer("rebound", -1, rebound)?;
    offer("id_of_link", 4, |seal, context| id_of(seal, context, links::source_id_of))?;
    offer("id_of_image", 4, |seal, context| id_of(seal, context, images::source_id_of))?;
    Ok(())
}

/// Seals a cell of form 2 anew, bound to the table and row that follow.
fn rebound(seal: &Seal, context: &Context<'_>) -> Result<Option<Vec<u8>>, StateError> {
    let Some(sealed) = context.get::<Option<Vec<u8>>>(0)? else { return Ok(None) };
    let table: String = context.get(1)?;
    let mut row: Vec<String> = Vec::new();
    for place in 2..context.len() {
        row.push(match context.get_raw(place) {
            ValueRef::Integer(number) => number.to_string(),
            other => other.as_str().map_err(rusqlite::Error::from)?.to_owned(),
        });
    }
    let row: Vec<&dyn std::fmt::Display> = row.iter().map(|part| part as &dyn std::fmt::Display).collect();
    Ok(Some(seal.rebind(&Cell::new(&table, &row), &sealed)?))
}

/// Seals the source's id of a record anew for the id map, from the sealed cell of another table.
fn id_of(seal: &Seal, context: &Context<'_>, open: IdOf) -> Result<Option<Vec<u8>>, StateError> {
    let (target, source_key) = (TargetId(context.get(0)?), SourceKey(context.get(1)?));
    let sealed: Vec<u8> = context.get(3)?;
    let source_id = open(seal, target, context.get(2)?, &sealed)?;
    source_id.map(|source_id| seal.seal_named(&name_cell(target, source_key), &source_id)).transpose()
}

/// Opens the source's id in a row of a target.
type IdOf = fn(&Seal, TargetId, i64, &[u8]) -> Result<Option<String>, StateError>;

/// Copies the file as SQLite sees it (with what is still in its log) to `<file>.backup-<form>`, for its owner's eyes only. The copy
/// gets its name when it is whole.
fn back_up(connection: &Connection, path: &Path, form: i64) -> Result<(), StateError> {
    let backup = PathBuf::from(format!("{}.backup-{form}", path.display()));
    let unfinished = PathBuf::from(format!("{}.unfinished", backup.display()));
    let failed = |error| StateError::Backup { path: backup.clone(), error };
    if unfinished.exists() {
        std::fs::remove_file(&unfinished).map_err(failed)?;
    }
    new_private_file(&unfinished).map_err(failed)?;
    connection.execute("VACUUM INTO ?1", [unfinished.to_string_lossy()])?;
    std::fs::rename(&unfinished, &backup).map_err(failed)
}
