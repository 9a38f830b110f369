//! The right to do what only one process may do at a time: run a pipeline, or write an object by a key that is looked up.
//!
//! With SQLite, the operating system holds a lease: a locked file, which it lets go when its owner dies, however it dies. A dead
//! owner is never in the way, so nothing has to be renewed. What the file says about the owner is for people.

use std::{
    fmt,
    fs::{File, TryLockError},
    io::{self, Read, Seek, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use chrono::{DateTime, Utc};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::private_file::open_lock_file;

use super::{
    State,
    error::StateError,
    lease_writer::{LeaseWriter, WriterEnd},
    seal::hexadecimal,
};

/// How long somebody may look at a lease, in real time: a transaction of a few rows.
const LOOK: Duration = Duration::from_millis(50);
/// How many such times a look is waited for.
const MAX_LOOKS: u32 = 6;

/// What only one process may do at a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LeaseName {
    /// Run a pipeline, among all that share a state.
    Run {
        /// Its name.
        pipeline: String,
    },
    /// Write records of an object by a key that the vendor does not keep unique: two at once would each create what the other
    /// has not created yet. Among all states of this user.
    KeyedWrite {
        /// The connector and the account: object names mean nothing without them.
        account: String,
        /// The object.
        object: String,
        /// The fields of the key.
        key: Vec<String>,
    },
    /// Write to an account that takes one writer at a time. Among all states of this user.
    Account {
        /// The connector and the account.
        account: String,
    },
}

/// A lease; given back when this is dropped.
#[derive(Debug)]
pub struct Lease {
    /// None where the state is in memory: no other process shares it.
    file: Option<File>,
    pub(super) page: LeasePage,
}

/// What a lease's file says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LeasePage {
    #[serde(flatten)]
    pub(super) owner: LeaseOwner,
    /// Who wrote under this lease lately, and who writes now.
    #[serde(default)]
    pub(super) writers: Vec<LeaseWriter>,
}

/// Who has a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseOwner {
    /// The pipeline that it runs.
    pub pipeline: String,
    /// The process.
    pub process: u32,
    /// The machine, where it has a name.
    pub host: Option<String>,
    /// Since when.
    pub since: DateTime<Utc>,
}

/// Says why a lease cannot be had now.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another process has it.
    #[error("{}", held(name, owner.as_ref()))]
    Held {
        /// What is asked for.
        name: LeaseName,
        /// Who has it; none where it has not said so yet.
        owner: Option<LeaseOwner>,
    },
    /// The lock file cannot be used.
    #[error("the lock file `{}` cannot be used: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The process is ending.
    #[error(transparent)]
    Stopped(StateError),
}

impl LeaseError {
    /// Returns what the user can do, where that is likely right.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Held { name: LeaseName::Run { .. }, .. } => {
                Some("wait for it to end, or stop that process; its lock goes with it")
            }
            Self::Held { name: LeaseName::KeyedWrite { .. } | LeaseName::Account { .. }, .. } => {
                Some("run it again when the other one has ended; nothing of this destination was read or written")
            }
            Self::Io { .. } => Some("name another place for the state file with `--state FILE`"),
            Self::Stopped(error) => error.hint(),
        }
    }
}

fn held(name: &LeaseName, owner: Option<&LeaseOwner>) -> String {
    let owner_words = owner.map_or_else(|| "another process".to_owned(), ToString::to_string);
    match name {
        LeaseName::Run { .. } => format!("the pipeline is being run already ({owner_words})"),
        LeaseName::KeyedWrite { object, key, .. } => {
            let pipeline = owner.map_or_else(|| "another pipeline".to_owned(), |owner| format!("`{}`", owner.pipeline));
            format!(
                "{pipeline} is writing `{object}` by `{}` at the same account ({owner_words}): both at once could create a \
                 record twice, because the vendor does not keep this key unique",
                key.join(", ")
            )
        }
        LeaseName::Account { account } => {
            let pipeline = owner.map_or_else(|| "another pipeline".to_owned(), |owner| format!("`{}`", owner.pipeline));
            format!(
                "{pipeline} is writing to `{account}` ({owner_words}): only one run at a time can, because rows have no ids, and \
                 two writers would move each other's"
            )
        }
    }
}

impl fmt::Display for LeaseOwner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "process {}, since {} UTC", self.process, self.since.format("%Y-%m-%d %H:%M:%S"))
    }
}

impl LeaseName {
    /// Tells whether the destinations of one run may write under it side by side.
    pub(super) fn is_shared_in_a_run(&self) -> bool {
        match self {
            // Each has an object of its own.
            Self::Account { .. } => true,
            Self::Run { .. } | Self::KeyedWrite { .. } => false,
        }
    }

    /// Returns the name of its file: readable, and another one for each lease.
    fn file_name(&self) -> String {
        let (words, is_whole) = match self {
            Self::Run { pipeline } => (pipeline.clone(), true),
            Self::KeyedWrite { account, object, key } => (format!("{account}\0{object}\0{}", key.join("\0")), false),
            Self::Account { account } => (account.clone(), false),
        };
        let is_safe = |letter: char| letter.is_alphanumeric() || letter == '-';
        let safe: String = words.chars().map(|letter| if is_safe(letter) { letter } else { '_' }).take(80).collect();
        if is_whole && safe == words {
            return format!("{safe}.lock");
        }
        let hash = digest(&SHA256, words.as_bytes());
        let mark = hexadecimal(&hash.as_ref()[..8]);
        format!("{safe}-{mark}.lock")
    }
}

/// A look at a lease that nobody has; nobody can take it meanwhile.
#[derive(Debug)]
pub(super) struct LeaseLook {
    /// None where there is no file of the lease.
    _file: Option<File>,
}

impl LeaseLook {
    /// Looks whether anybody has a lease, and blocks this thread meanwhile; none where somebody has it, or nobody can tell.
    pub(super) fn take(folder: &Path, name: &LeaseName) -> Option<Self> {
        match File::open(folder.join(name.file_name())) {
            Ok(file) => file.try_lock_shared().is_ok().then_some(Self { _file: Some(file) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(Self { _file: None }),
            Err(_) => None,
        }
    }
}

impl State {
    /// Takes a lease for a pipeline. Who only looks at it is waited for.
    ///
    /// # Errors
    /// Fails when another process has it.
    pub async fn take_lease(&self, name: LeaseName, pipeline: &str, now: DateTime<Utc>) -> Result<Lease, LeaseError> {
        let folder = match &name {
            LeaseName::Run { .. } => self.path().and_then(Path::parent),
            LeaseName::KeyedWrite { .. } | LeaseName::Account { .. } => self.lease_folder(),
        };
        let folder = folder.map(Path::to_owned);
        let owner = LeaseOwner { pipeline: pipeline.to_owned(), process: std::process::id(), host: host(), since: now };
        let mut looks = 0;
        loop {
            let (folder, name, owner) = (folder.clone(), name.clone(), owner.clone());
            let taken = blocking(move || take(folder.as_deref(), name, owner)).await;
            if looks == MAX_LOOKS || !matches!(taken, Err(LeaseError::Held { .. })) {
                return taken;
            }
            looks += 1;
            clock::Clock::system().sleep(LOOK).await;
        }
    }
}

/// Works with files on a thread that may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LeaseError> + Send + 'static,
) -> Result<T, LeaseError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| LeaseError::Stopped(StateError::Stopped))?
}

impl Lease {
    /// Writes down who has it and who wrote under it.
    pub(super) fn save(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let text = format!("{}\n", serde_json::to_string(&self.page)?);
        file.rewind()?;
        file.write_all(text.as_bytes())?;
        file.set_len(text.len().try_into().unwrap_or(u64::MAX))
    }
}

/// Takes a lease now, and blocks this thread meanwhile. Without a folder, nobody else can have it.
pub(super) fn take(folder: Option<&Path>, name: LeaseName, owner: LeaseOwner) -> Result<Lease, LeaseError> {
    let Some(folder) = folder else {
        return Ok(Lease { file: None, page: LeasePage { owner, writers: Vec::new() } });
    };
    let path = folder.join(name.file_name());
    let failed = |error| LeaseError::Io { path: path.clone(), error };
    let mut file = open_lock_file(&path).map_err(failed)?;
    let locked = file.try_lock();
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    // A longer text of before may show behind the new one, where a process died as it wrote.
    let before = serde_json::Deserializer::from_str(&text).into_iter::<LeasePage>().next().and_then(Result::ok);
    match locked {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(LeaseError::Held { name, owner: before.map(|page| page.owner) });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    let stopped = WriterEnd { at: owner.since, is_clean: false };
    let mut writers = before.map_or_else(Vec::new, |page| page.writers);
    // Who is still said to write is dead: the lock was free.
    for writer in &mut writers {
        writer.ended.get_or_insert(stopped);
    }
    writers.retain(|writer| writer.counts_at(owner.since));
    let mut lease = Lease { file: Some(file), page: LeasePage { owner, writers } };
    lease.save().map_err(failed)?;
    Ok(lease)
}

pub(super) fn host() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Seal;

    fn run(pipeline: &str) -> LeaseName {
        LeaseName::Run { pipeline: pipeline.to_owned() }
    }

    fn write(account: &str, object: &str, key: &[&str]) -> LeaseName {
        let key = key.iter().map(|field| (*field).to_owned()).collect();
        LeaseName::KeyedWrite { account: account.to_owned(), object: object.to_owned(), key }
    }

    #[tokio::test]
    async fn a_second_run_of_a_pipeline_is_refused_until_the_first_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let state = State::open(&folder.path().join("state.db"), Seal::ephemeral()).await.unwrap();
        let now = DateTime::UNIX_EPOCH;
        let lease = state.take_lease(run("nightly"), "nightly", now).await.unwrap();
        let Err(LeaseError::Held { owner: Some(owner), .. }) = state.take_lease(run("nightly"), "nightly", now).await
        else {
            panic!("it was given twice");
        };
        assert_eq!((owner.pipeline.as_str(), owner.process, owner.since), ("nightly", std::process::id(), now));
        assert!(state.take_lease(run("other"), "other", now).await.is_ok());
        drop(lease);
        assert!(state.take_lease(run("nightly"), "nightly", now).await.is_ok());
    }

    #[tokio::test]
    async fn states_of_one_user_share_the_leases_of_keyed_writes() {
        let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let open = async |index: usize| {
            let state = State::open(&folders[index].path().join("state.db"), Seal::ephemeral()).await.unwrap();
            state.with_lease_folder(folders[2].path().to_owned())
        };
        let (first, second) = (open(0).await, open(1).await);
        let now = DateTime::UNIX_EPOCH;
        let lease = first.take_lease(write("hubspot 1", "contacts", &["email"]), "a", now).await.unwrap();
        let refused = second.take_lease(write("hubspot 1", "contacts", &["email"]), "b", now).await.unwrap_err();
        let words = refused.to_string();
        assert!(words.starts_with("`a` is writing `contacts` by `email` at the same account (process "), "{words}");
        for other in [
            write("hubspot 2", "contacts", &["email"]),
            write("hubspot 1", "companies", &["email"]),
            write("hubspot 1", "contacts", &["email", "phone"]),
        ] {
            assert!(second.take_lease(other, "b", now).await.is_ok());
        }
        drop(lease);
        for _ in 0..2 {
            second.hold_lease(write("hubspot 1", "contacts", &["email"]), "b", now).await.unwrap();
        }
        assert!(first.take_lease(write("hubspot 1", "contacts", &["email"]), "a", now).await.is_err());
        drop(second);
        assert!(first.take_lease(write("hubspot 1", "contacts", &["email"]), "a", now).await.is_ok());
    }

    #[test]
    fn no_two_leases_share_a_file() {
        let names = [
            run("a b"),
            run("a_b"),
            run("a.b"),
            run("a"),
            write("a", "b", &["c"]),
            write("a", "b_c", &[]),
            write("a_b", "c", &[]),
            LeaseName::Account { account: "a".to_owned() },
            write("", &"x".repeat(200), &["a"]),
            write("", &"x".repeat(200), &["b"]),
        ];
        let files: std::collections::HashSet<String> = names.iter().map(LeaseName::file_name).collect();
        assert_eq!(files.len(), names.len(), "{files:?}");
        assert_eq!(run("nightly").file_name(), "nightly.lock");
    }
}
