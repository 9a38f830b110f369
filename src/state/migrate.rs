//! Brings a state file to this version's form; a copy of the file is kept before every change.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::error::StateError;

/// The forms, oldest first. Never edit one that was released: add another.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001_initial.sql")];
/// Marks the file as Ferry's (`PRAGMA application_id`): "Fery" in ASCII.
const APPLICATION_ID: i64 = 0x4665_7279;

pub(super) fn migrate(connection: &mut Connection, path: &Path, is_new: bool) -> Result<(), StateError> {
    let damaged = |error| StateError::at(path, error);
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(damaged)?;
    if found > known {
        return Err(StateError::Newer { path: path.to_owned(), found, known });
    }
    if found == known {
        return Ok(());
    }
    if !is_new && found > 0 {
        back_up(connection, path, found)?;
    }
    let transaction = connection.transaction()?;
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(migration).map_err(damaged)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()?;
    Ok(())
}

/// Copies the file as SQLite sees it (with what is still in its log) to `<file>.backup-<form>`.
fn back_up(connection: &Connection, path: &Path, form: i64) -> Result<(), StateError> {
    let backup = PathBuf::from(format!("{}.backup-{form}", path.display()));
    if backup.exists() {
        std::fs::remove_file(&backup).map_err(|error| StateError::Backup { path: backup.clone(), error })?;
    }
    connection.execute("VACUUM INTO ?1", [backup.to_string_lossy()])?;
    Ok(())
}
