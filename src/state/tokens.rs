//! Keeps secrets that a vendor renews, sealed.

use rusqlite::{OptionalExtension, params};

use super::{Work, error::StateError};

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
