//! The state file: the only place with SQL, and the only memory between runs.
//!
//! Everything that must hold after a kill at any instruction is a transaction here. Start at [`State`]; what one table is
//! for stands in `migrations/`.

mod checkpoints;
mod dead_letters;
mod error;
mod id_map;
mod intents;
mod ledgers;
mod links;
mod lock;
mod migrate;
mod runs;
mod seal;
mod targets;
mod tokens;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};

pub use checkpoints::Checkpoint;
pub use dead_letters::{DeadLetter, DeadLetterKind, LetterBody, ReasonCount};
pub use error::StateError;
pub use id_map::{IdEntry, SeenMark, Written, WrittenAs};
pub use intents::Intent;
pub use ledgers::{TargetLedger, TargetStatus};
pub use links::{Link, PendingLink, WaitingCount};
pub use lock::{LockError, RunLock};
pub use runs::{Run, RunKind, RunStatus};
pub use seal::{KEY_BYTES, Seal};
pub use targets::{Target, TargetId};

/// How long a statement waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The state file, open. Clones share it.
#[derive(Debug, Clone)]
pub struct State {
    connection: Arc<Mutex<Connection>>,
    seal: Arc<Seal>,
    path: Option<PathBuf>,
}

/// A source's id as the state file looks it up: hashed with the key, so that the file holds no address that serves as an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SourceKey([u8; seal::KEYED_HASH_BYTES]);

/// One transaction on the state file.
#[derive(Debug)]
pub struct Work<'connection> {
    transaction: Transaction<'connection>,
    seal: Arc<Seal>,
}

impl State {
    /// Opens the state file, makes it where there is none, and brings it to this version's form (a copy is kept first).
    ///
    /// # Errors
    /// Fails when the file cannot be opened, is damaged, or was written by a newer version.
    pub fn open(path: &Path, seal: Seal) -> Result<Self, StateError> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| StateError::Folder { path: folder.to_owned(), error })?;
        }
        let is_new = !path.exists();
        if is_new {
            // For its owner's eyes only. SQLite gives its log the same rights.
            seal::new_private_file(path).map_err(|error| StateError::Folder { path: path.to_owned(), error })?;
        }
        let mut connection = Connection::open(path).map_err(|error| StateError::at(path, error))?;
        prepare(&connection).map_err(|error| StateError::at(path, error))?;
        let seal = Arc::new(seal);
        migrate::migrate(&mut connection, path, is_new, &seal)?;
        Self::with_checked_key(connection, seal, Some(path.to_owned()))
    }

    /// Opens a state that is gone when it is dropped: for dry runs and tests.
    ///
    /// # Errors
    /// Fails when there is no memory for it.
    pub fn in_memory(seal: Seal) -> Result<Self, StateError> {
        let mut connection = Connection::open_in_memory()?;
        prepare(&connection)?;
        let seal = Arc::new(seal);
        migrate::migrate(&mut connection, Path::new(":memory:"), true, &seal)?;
        Self::with_checked_key(connection, seal, None)
    }

    /// Makes sure that the key is the one that the file was written with: with another one no id would be found, and every
    /// record would be created again.
    fn with_checked_key(connection: Connection, seal: Arc<Seal>, path: Option<PathBuf>) -> Result<Self, StateError> {
        let state = Self { connection: Arc::new(Mutex::new(connection)), seal, path };
        state.work_now(tokens::check_key)?;
        Ok(state)
    }

    /// Returns where the state file is; none where it is in memory.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Does work in one transaction, off the async threads. Nothing of it is kept when it fails.
    ///
    /// # Errors
    /// Fails as the work does, or when the file cannot be written.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Work<'_>) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        let state = self.clone();
        tokio::task::spawn_blocking(move || state.work_now(work)).await.map_err(|_| StateError::Stopped)?
    }

    /// Does work in one transaction on this thread.
    ///
    /// # Errors
    /// Fails as the work does, or when the file cannot be written.
    pub fn work_now<T>(&self, work: impl FnOnce(&Work<'_>) -> Result<T, StateError>) -> Result<T, StateError> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let work_unit = Work { transaction, seal: Arc::clone(&self.seal) };
        let result = work(&work_unit)?;
        work_unit.transaction.commit()?;
        Ok(result)
    }
}

fn prepare(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // An intent must outlive a power cut, not only a kill, before its batch is sent.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -16_000)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

#[cfg(test)]
mod tests;
