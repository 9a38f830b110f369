//! Brings a state file to this version's form; a copy of the file is kept before every change.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use rusqlite::{
    Connection, Error as SqlError,
    functions::{Context, FunctionFlags},
};
use serde_json::Value as Json;

use super::{
    dead_letters::{LetterBody, SealedLetter},
    error::StateError,
    links::SealedLink,
    seal::{Hashed, Seal, new_private_file},
};

/// The forms, oldest first. Never edit one that was released: add another.
pub(super) const MIGRATIONS: &[&str] =
    &[include_str!("migrations/0001_initial.sql"), include_str!("migrations/0002_sealed_ids.sql")];
/// Marks the file as Ferry's (`PRAGMA application_id`): "Fery" in ASCII.
const APPLICATION_ID: i64 = 0x4665_7279;

pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    is_new: bool,
    seal: &Arc<Seal>,
) -> Result<(), StateError> {
    let damaged = |error| StateError::at(path, error);
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(damaged)?;
    if found > known {
        return Err(StateError::Newer { path: path.to_owned(), found, known });
    }
    if found == known {
        return Ok(());
    }
    let is_changed = !is_new && found > 0;
    if is_changed {
        back_up(connection, path, found)?;
    }
    offer_functions(connection, seal)?;
    let transaction = connection.transaction()?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(migration).map_err(|error| {
            // Of what a function of ours says, SQLite keeps the words alone.
            let is_wrong_key = error.to_string().contains(&StateError::WrongKey.to_string());
            if is_wrong_key { StateError::WrongKey } else { damaged(error) }
        })?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()?;
    if is_changed {
        // What was in clear is not left in pages that are free now, nor in the log.
        connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
    }
    Ok(())
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
        text.map(|text| seal.seal(&serde_json::from_str::<Json>(&text)?)).transpose()
    })?;
    offer("sealed_link", 2, |seal, context| {
        let (source_id, linked_ids): (String, String) = (context.get(0)?, context.get(1)?);
        Ok(Some(seal.seal(&SealedLink { source_id, linked_ids: serde_json::from_str(&linked_ids)? })?))
    })?;
    offer("sealed_letter", 2, |seal, context| {
        let (source_id, sealed): (String, Vec<u8>) = (context.get(0)?, context.get(1)?);
        let body: LetterBody = seal.open(&sealed)?;
        Ok(Some(seal.seal(&SealedLetter { source_id, body })?))
    })?;
    Ok(())
}

/// Copies the file as SQLite sees it (with what is still in its log) to `<file>.backup-<form>`, for its owner's eyes only.
fn back_up(connection: &Connection, path: &Path, form: i64) -> Result<(), StateError> {
    let backup = PathBuf::from(format!("{}.backup-{form}", path.display()));
    let failed = |error| StateError::Backup { path: backup.clone(), error };
    if backup.exists() {
        std::fs::remove_file(&backup).map_err(failed)?;
    }
    new_private_file(&backup).map_err(failed)?;
    connection.execute("VACUUM INTO ?1", [backup.to_string_lossy()])?;
    Ok(())
}
