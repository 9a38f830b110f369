//! Keeps secrets that a vendor renews, sealed, and what tells whether the key is the right one.

use rusqlite::{OptionalExtension, params};

use super::{Work, error::StateError};

/// What the key is tried on.
const KEY_CHECK: &str = "the right key";

/// Makes sure that the key is the one that the file was written with; the first one that comes is.
pub(super) fn check_key(work: &Work<'_>) -> Result<(), StateError> {
    let sql = "SELECT sealed FROM key_check";
    let found: Option<Vec<u8>> = work.transaction.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
    if let Some(sealed) = found {
        return work.seal.open::<String>(&sealed).map(drop);
    }
    let insert = "INSERT INTO key_check (sealed) VALUES (?1)";
    work.transaction.prepare_cached(insert)?.execute([work.seal.seal(&KEY_CHECK)?])?;
    Ok(())
}

impl Work<'_> {
    /// Keeps a secret under a name.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn save_secret(&self, name: &str, secret: &str) -> Result<(), StateError> {
        self.transaction
            .prepare_cached("INSERT OR REPLACE INTO tokens (name, sealed) VALUES (?1, ?2)")?
            .execute(params![name, self.seal.seal(&secret)?])?;
        Ok(())
    }

    /// Returns the secret kept under a name.
    ///
    /// # Errors
    /// Fails when the file cannot be read or the key does not open it.
    pub fn secret(&self, name: &str) -> Result<Option<String>, StateError> {
        let sql = "SELECT sealed FROM tokens WHERE name = ?1";
        let sealed: Option<Vec<u8>> =
            self.transaction.prepare_cached(sql)?.query_row([name], |row| row.get(0)).optional()?;
        sealed.map(|sealed| self.seal.open(&sealed)).transpose()
    }
}
