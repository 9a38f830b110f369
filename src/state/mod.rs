//! The state file: the only place with SQL, and the only memory between runs.
//!
//! Everything that must hold after a kill at any instruction is a transaction here. Start at [`State`]; what one table is
//! for stands in `migrations/`.

mod accounts;
mod attempts;
mod changes;
mod checkpoints;
mod dead_letters;
mod duplicates;
mod error;
mod id_map;
mod intents;
mod key_file;
mod known;
mod lease;
mod ledgers;
mod links;
mod migrate;
mod private_file;
mod progress;
mod rows;
mod runs;
mod seal;
mod sets;
mod stored;
mod targets;
mod tokens;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use private_file::{new_private_file, open_lock_file};

pub use accounts::AccountSighting;
pub use attempts::{Attempt, AttemptEnd, AttemptError};
pub use changes::{ChangePlace, Changes, LinkedLink, ReadRecord, RecordKey, WrittenRecord};
pub use checkpoints::Checkpoint;
pub use dead_letters::{DeadLetter, DeadLetterKind, LetterBody, LetterCount, Letters, ReasonCount};
pub use duplicates::Duplicate;
pub use error::StateError;
pub use id_map::{IdEntry, SeenMark, Written, WrittenAs};
pub use intents::{Intent, IntentId, OpenIntent};
pub use key_file::FileKey;
pub use known::{Known, LinkedRecord, Wanted};
pub use lease::{Lease, LeaseError, LeaseName, LeaseOwner};
pub use ledgers::{TargetLedger, TargetStatus};
pub use links::{Link, PendingLink, WaitingCount};
pub use progress::{TargetEnd, UnseenCount, UnseenPage};
pub use runs::{Run, RunKind, RunStatus};
pub use seal::{KEY_BYTES, Seal};
pub use stored::{StoredRun, WaitingLink};
pub use targets::{Accounts, OpenTarget, OpenedTarget, Target, TargetId};

/// How long a statement waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The state file, open. Clones share it.
#[derive(Debug, Clone)]
pub struct State {
    connection: Arc<Mutex<Connection>>,
    seal: Arc<Seal>,
    path: Option<PathBuf>,
    lease_folder: Option<PathBuf>,
}

/// A source's id as the state file looks it up: hashed with the key, so that the file holds no address that serves as an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct SourceKey([u8; seal::KEYED_HASH_BYTES]);

/// One transaction on the state file.
#[derive(Debug)]
pub struct Work<'connection> {
    transaction: Transaction<'connection>,
    seal: Arc<Seal>,
}

impl State {
    /// Opens the state file, makes it where there is none, and brings it to this version's form (a copy is kept first). Several
    /// processes may do so at once: one after the other.
    ///
    /// # Errors
    /// Fails when the file cannot be opened, is damaged, or was written by a newer version.
    pub fn open(path: &Path, seal: Seal) -> Result<Self, StateError> {
        let failed = |error| StateError::Folder { path: path.to_owned(), error };
        let lock = open_lock_file(&path.with_added_extension("opening")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        if !path.exists() {
            // For its owner's eyes only. SQLite gives its log the same rights.
            new_private_file(path).map_err(failed)?;
        }
        let mut connection = Connection::open(path).map_err(|error| StateError::at(path, error))?;
        prepare(&connection).map_err(|error| StateError::at(path, error))?;
        let seal = Arc::new(seal);
        migrate::migrate(&mut connection, path, &seal)?;
        let state = Self::with_checked_key(connection, seal, Some(path.to_owned()))?;
        drop(lock);
        Ok(state)
    }

    /// Opens a state that is gone when it is dropped: for dry runs and tests.
    ///
    /// # Errors
    /// Fails when there is no memory for it.
    pub fn in_memory(seal: Seal) -> Result<Self, StateError> {
        let mut connection = Connection::open_in_memory()?;
        prepare(&connection)?;
        let seal = Arc::new(seal);
        migrate::migrate(&mut connection, Path::new(":memory:"), &seal)?;
        Self::with_checked_key(connection, seal, None)
    }

    /// Makes sure that the key is the one that the file was written with: with another one no id would be found, and every
    /// record would be created again.
    fn with_checked_key(connection: Connection, seal: Arc<Seal>, path: Option<PathBuf>) -> Result<Self, StateError> {
        let state = Self { connection: Arc::new(Mutex::new(connection)), seal, path, lease_folder: None };
        state.work_now(tokens::check_key)?;
        Ok(state)
    }

    /// Changes the state in one transaction, off the async threads. Nothing of it is kept when it fails.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Work<'_>) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        self.work(work).await
    }

    /// Reads what is committed, off the async threads.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Work<'_>) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        self.work(work).await
    }

    /// Names the folder of what all states of a user share: leases on what is written at vendors.
    #[must_use]
    pub fn with_lease_folder(mut self, folder: PathBuf) -> Self {
        self.lease_folder = Some(folder);
        self
    }

    /// Returns the folder of the leases that are shared with other states; none where the state is in memory.
    pub(super) fn lease_folder(&self) -> Option<&Path> {
        let path = self.path()?;
        self.lease_folder.as_deref().or(path.parent())
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
    rusqlite::vtab::array::load_module(connection)?;
    Ok(())
}

#[cfg(test)]
mod tests;
