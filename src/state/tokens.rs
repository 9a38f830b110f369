//! Keeps secrets that a vendor renews, sealed, and what tells whether the key is the right one.

use rusqlite::{OptionalExtension, params};

use super::{
    State, Work,
    error::StateError,
    seal::{Cell, Hashed, hexadecimal},
};

/// What the key is tried on.
const KEY_CHECK: &str = "the right key";

/// Makes sure that the key is the one that the file was written with; the first one that comes is.
pub(super) fn check_key(work: &Work<'_>) -> Result<(), StateError> {
    let cell = Cell::new("key_check", &[]);
    let sql = "SELECT sealed FROM key_check";
    let found: Option<Vec<u8>> = work.transaction.prepare_cached(sql)?.query_row([], |row| row.get(0)).optional()?;
    if let Some(sealed) = found {
        return work.seal.open::<String>(&cell, &sealed).map(drop);
    }
    let insert = "INSERT INTO key_check (sealed) VALUES (?1)";
    work.transaction.prepare_cached(insert)?.execute([work.seal.seal(&cell, &KEY_CHECK)?])?;
    Ok(())
}

fn cell(name_key: &[u8]) -> Cell {
    // As SQLite's `hex` writes it: the migration binds these cells too.
    Cell::new("tokens", &[&hexadecimal(name_key).to_uppercase()])
}

impl State {
    /// Returns the secret kept under a name, and blocks this thread meanwhile: not for async code.
    ///
    /// # Errors
    /// Fails when the state cannot be read or the key does not open it.
    pub fn secret_blocking(&self, name: &str) -> Result<Option<String>, StateError> {
        let name = name.to_owned();
        self.write_blocking(move |work| work.secret(&name))
    }

    /// Keeps a secret under a name, and blocks this thread meanwhile: not for async code.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub fn save_secret_blocking(&self, name: &str, secret: &str) -> Result<(), StateError> {
        let (name, secret) = (name.to_owned(), secret.to_owned());
        self.write_blocking(move |work| work.save_secret(&name, &secret))
    }

    /// Returns the secret kept under a name. The name itself is not in the file: it may be made of a secret.
    ///
    /// # Errors
    /// Fails when the state cannot be read or the key does not open it.
    pub async fn secret(&self, name: &str) -> Result<Option<String>, StateError> {
        let name = name.to_owned();
        self.read(move |work| work.secret(&name)).await
    }

    /// Keeps a secret under a name.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn save_secret(&self, name: &str, secret: &str) -> Result<(), StateError> {
        let (name, secret) = (name.to_owned(), secret.to_owned());
        self.write(move |work| work.save_secret(&name, &secret)).await
    }
}

impl Work<'_> {
    /// Keeps a secret under a name.
    pub(super) fn save_secret(&self, name: &str, secret: &str) -> Result<(), StateError> {
        let name_key = self.seal.keyed_hash(Hashed::TokenName, name.as_bytes());
        self.transaction
            .prepare_cached("INSERT OR REPLACE INTO tokens (name_key, sealed) VALUES (?1, ?2)")?
            .execute(params![name_key, self.seal.seal(&cell(&name_key), &secret)?])?;
        Ok(())
    }

    /// Returns the secret kept under a name.
    pub(super) fn secret(&self, name: &str) -> Result<Option<String>, StateError> {
        let name_key = self.seal.keyed_hash(Hashed::TokenName, name.as_bytes());
        let sql = "SELECT sealed FROM tokens WHERE name_key = ?1";
        let sealed: Option<Vec<u8>> =
            self.transaction.prepare_cached(sql)?.query_row([name_key], |row| row.get(0)).optional()?;
        sealed.map(|sealed| self.seal.open(&cell(&name_key), &sealed)).transpose()
    }
}
