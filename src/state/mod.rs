//! The state file: the only place with SQL of its own, and the only memory between runs.
//!
//! Everything that must hold after a kill at any instruction is a transaction here. Start at [`State`]: a dozen operations on
//! sets, with plain data in and out, so that nothing above knows SQL, rows or locks. `migrations/` says what each table is for.

mod accounts;
mod attempts;
mod change_place;
mod changes;
mod checkpoints;
mod dead_letters;
mod duplicates;
mod erase;
mod error;
mod id_map;
mod image_kind;
mod images;
mod intents;
mod key_file;
mod killed;
mod known;
mod lease;
mod lease_writer;
mod ledgers;
mod links;
mod listed;
mod merged;
mod migrate;
mod names;
mod nights;
mod progress;
mod retention;
mod runs;
mod schemas;
mod seal;
mod sealed_file;
mod sets;
mod starts;
mod stored;
mod tallies;
mod target;
mod targets;
mod tokens;
mod worker;
mod writers;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use serde::{Deserialize, Serialize};

use crate::private_file::{new_private_file, open_lock_file};

use worker::Worker;

pub use accounts::AccountSighting;
pub use attempts::{Attempt, AttemptEnd, AttemptError, AttemptExit, Notice, Wait, WaitedFor};
pub use change_place::ChangePlace;
pub use changes::{Changes, Duplicate, LinkedLink, NewImage, ReadRecord, RecordKey, TakenBack, WrittenRecord};
pub use checkpoints::Checkpoint;
pub use dead_letters::{DeadLetter, DeadLetterKind, LetterBody, LetterCount, Letters, ReasonCount};
pub use erase::{Erased, FoundBy, Kind as TraceKind, KnownPipeline, Person, TracedRecord, Traces};
pub use error::StateError;
pub use id_map::{IdEntry, SeenMark, Written, WrittenAs};
pub use image_kind::{Before, ImageFate, ImageKind};
pub use images::{Image, ImageCount};
pub use intents::{Intent, IntentId, OpenIntent};
pub use key_file::FileKey;
pub use known::{Known, LinkedRecord, Wanted};
pub use lease::{Lease, LeaseError, LeaseName, LeaseOwner};
pub use lease_writer::{LeaseWriter, WriterEnd};
pub use ledgers::{TargetLedger, TargetStatus};
pub use links::{Link, PendingLink, WaitingCount};
pub use listed::{IdPosition, ListedId, ListedTarget, Survivor};
pub use merged::{MergedRecord, SourceIds};
pub use nights::{Backlog, History, Night, Standing};
pub use progress::{TargetEnd, UnseenCount, UnseenPage};
pub use runs::{FoundRun, Run, RunKind, RunStatus};
pub use schemas::{PipelineEnd, SchemaChange, SchemaChangeKind, SeenObject};
pub use seal::{KEY_BYTES, Seal};
pub use sealed_file::{SealedReader, SealedWriter, is_sealed_file};
pub use starts::{Start, StartFailure, run_id};
pub use stored::{StoredRun, StoredTarget, WaitingLink};
pub use tallies::{RunFilter, RunTally};
pub use target::{Accounts, Target, TargetId};
pub use targets::{OpenTarget, OpenedTarget};

/// How long a statement waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The state, open. Clones share it.
#[derive(Debug, Clone)]
pub struct State {
    shared: Arc<Shared>,
    lease_folder: Option<PathBuf>,
}

/// What the clones of a state share.
#[derive(Debug)]
struct Shared {
    /// Reads beside the writer what is committed; none where the state is in memory, which has one connection. Dropped first: the
    /// last connection puts the log into the file.
    reader: Option<Worker>,
    writer: Worker,
    seal: Arc<Seal>,
    path: Option<PathBuf>,
    /// Locked on threads that may block alone.
    held: Mutex<HashMap<LeaseName, Lease>>,
}

/// A source's id as the state file looks it up: hashed with the key, so that the file holds no address that serves as an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct SourceKey([u8; seal::KEYED_HASH_BYTES]);

/// One transaction on the state file.
#[derive(Debug)]
struct Work<'connection> {
    transaction: Transaction<'connection>,
    seal: Arc<Seal>,
}

impl State {
    /// Opens the state file, makes it where there is none, and brings it to this version's form (a copy is kept first). Several
    /// processes may do so at once: one after the other.
    ///
    /// # Errors
    /// Fails when the file cannot be opened, is damaged, or was written by a newer version.
    pub async fn open(path: &Path, seal: Seal) -> Result<Self, StateError> {
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || Self::open_now(&path, seal)).await.map_err(|_| StateError::Stopped)?
    }

    fn open_now(path: &Path, seal: Seal) -> Result<Self, StateError> {
        let failed = |error| StateError::Folder { path: path.to_owned(), error };
        let damaged = |error| StateError::at(path, error);
        let lock = open_lock_file(&path.with_added_extension("opening")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        if !path.exists() {
            // For its owner's eyes only. SQLite gives its log the same rights.
            new_private_file(path).map_err(failed)?;
        }
        let mut writer = Connection::open(path).map_err(damaged)?;
        prepare(&writer).map_err(damaged)?;
        let seal = Arc::new(seal);
        migrate::migrate(&mut writer, path, &seal)?;
        transact(&mut writer, TransactionBehavior::Immediate, &seal, tokens::check_key)?;
        let reader = Connection::open(path).map_err(damaged)?;
        prepare(&reader).and_then(|()| reader.pragma_update(None, "query_only", true)).map_err(damaged)?;
        // A set is looked up in the order of its index, so a page is seldom needed twice.
        reader.pragma_update(None, "cache_size", -2_000).map_err(damaged)?;
        Self::of(writer, Some(reader), seal, Some(path.to_owned()))
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
        Self::of(connection, None, seal, None)
    }

    /// Makes a copy of the state as it is now, for work that must leave no trace. It knows no lease of this one.
    ///
    /// # Errors
    /// Fails when the copy cannot be written. There must be no file of that name.
    pub async fn copy_to(&self, path: &Path) -> Result<Self, StateError> {
        let failed = |error| StateError::Folder { path: path.to_owned(), error };
        new_private_file(path).map_err(failed)?;
        let (name, seal) = (path.to_string_lossy().into_owned(), Arc::clone(&self.shared.seal));
        let copied = move |connection: &mut Connection| {
            connection.execute("VACUUM INTO ?1", [name])?;
            Ok(())
        };
        self.shared.writer.run(copied).await?;
        let path = path.to_owned();
        let open = move || {
            let (writer, reader) = (Connection::open(&path)?, Connection::open(&path)?);
            prepare(&writer)?;
            prepare(&reader)?;
            // Nothing of it outlives the process.
            writer.pragma_update(None, "synchronous", "OFF")?;
            reader.pragma_update(None, "query_only", true)?;
            Self::of(writer, Some(reader), seal, Some(path))
        };
        tokio::task::spawn_blocking(open).await.map_err(|_| StateError::Stopped)?
    }

    fn of(
        writer: Connection,
        reader: Option<Connection>,
        seal: Arc<Seal>,
        path: Option<PathBuf>,
    ) -> Result<Self, StateError> {
        let reader = reader.map(|reader| Worker::start("state reader", reader)).transpose()?;
        let writer = Worker::start("state writer", writer)?;
        let shared = Arc::new(Shared { writer, reader, seal, path, held: Mutex::default() });
        Ok(Self { shared, lease_folder: None })
    }

    /// Changes the state in one transaction. Nothing of it is kept when it fails.
    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Work<'_>) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        let seal = Arc::clone(&self.shared.seal);
        let writer = &self.shared.writer;
        writer.run(move |connection| transact(connection, TransactionBehavior::Immediate, &seal, work)).await
    }

    /// Changes the state in one transaction, and blocks this thread meanwhile: not for async code.
    fn write_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Work<'_>) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        let seal = Arc::clone(&self.shared.seal);
        let writer = &self.shared.writer;
        writer.run_blocking(move |connection| transact(connection, TransactionBehavior::Immediate, &seal, work))
    }

    /// Returns the checkpoint of a target, for tests that have no runtime.
    #[cfg(test)]
    pub(crate) fn checkpoint_now(&self, target: &Target) -> Option<Checkpoint> {
        let target = target.clone();
        let read = self.write_blocking(move |work| match work.find_target(&target)? {
            Some(target) => work.checkpoint(target),
            None => Ok(None),
        });
        read.unwrap()
    }

    /// Reads what is committed, without waiting for the writer.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Work<'_>) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        let seal = Arc::clone(&self.shared.seal);
        let reader = self.shared.reader.as_ref().unwrap_or(&self.shared.writer);
        reader.run(move |connection| transact(connection, TransactionBehavior::Deferred, &seal, work)).await
    }

    /// Names the folder of what all states of a user share: leases on what is written at vendors.
    #[must_use]
    pub fn with_lease_folder(mut self, folder: PathBuf) -> Self {
        self.lease_folder = Some(folder);
        self
    }

    /// Returns the folder of the leases that are shared with other states; none where the state is in memory.
    fn lease_folder(&self) -> Option<&Path> {
        let path = self.path()?;
        self.lease_folder.as_deref().or(path.parent())
    }

    /// Returns where the state file is; none where it is in memory.
    pub fn path(&self) -> Option<&Path> {
        self.shared.path.as_deref()
    }
}

fn transact<T>(
    connection: &mut Connection,
    behavior: TransactionBehavior,
    seal: &Arc<Seal>,
    work: impl FnOnce(&Work<'_>) -> Result<T, StateError>,
) -> Result<T, StateError> {
    let transaction = connection.transaction_with_behavior(behavior)?;
    let unit = Work { transaction, seal: Arc::clone(seal) };
    let result = work(&unit)?;
    unit.transaction.commit()?;
    Ok(result)
}

fn prepare(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // An intent must outlive a power cut, not only a kill, before its batch is sent.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "cache_size", -8_000)?;
    // What takes a statement back is small, and a temporary file costs two writes for each page.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(128);
    rusqlite::vtab::array::load_module(connection)?;
    Ok(())
}

#[cfg(test)]
mod tests;
