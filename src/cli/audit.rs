//! The audit log: a line of JSON for each request that leaves the machine, without anything secret or personal in it.
//!
//! A request that cannot be logged ends the command: a log with gaps proves nothing. Start at [`attach`].

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::SecondsFormat;
use serde_json::{Value as Json, json};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::config::Pipeline;
use crate::connector::Context;
use crate::engine::{Observer, WaitReason};
use crate::http::{Exchange, Recorder};
use crate::model::{Calls, ConnectionName, StreamName};
use crate::redact::redact;

use super::{
    exit::{Exit, Failure},
    workspace::Workspace,
};

/// Most bytes of a log file before the next one is begun: about 40,000 requests.
const MAX_BYTES: u64 = 10 * 1024 * 1024;
/// How many older files are kept, as `FILE.1` (the newest) to `FILE.9`.
const OLDER_FILES: u32 = 9;
/// Most characters of a vendor's request id that are kept.
const MAX_ID_LENGTH: usize = 100;

/// The audit log of a command, where one is asked for.
#[derive(Debug, Default)]
pub(super) struct Audit(Option<Arc<AuditLog>>);

#[derive(Debug)]
struct AuditLog {
    clock: Clock,
    shutdown: CancellationToken,
    run_id: Mutex<Option<String>>,
    /// The file of all connections.
    all: Option<Arc<LogFile>>,
    /// The files of single connections.
    by_connection: BTreeMap<ConnectionName, Arc<LogFile>>,
    error: Mutex<Option<Failure>>,
}

/// Returns the files that a log may be in: the one that is written, and those that it was before.
pub(super) fn files_of(path: &Path) -> Vec<PathBuf> {
    [path.to_owned()].into_iter().chain((1..=OLDER_FILES).map(|number| numbered(path, number))).collect()
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

/// Opens the files that the arguments and the connections name, and has the requests of the context noted in them.
pub(super) fn attach(workspace: &Workspace, pipeline: &Pipeline, context: &mut Context) -> Result<Audit, Failure> {
    let mut open_files: BTreeMap<PathBuf, Arc<LogFile>> = BTreeMap::new();
    let mut open = |path: &Path| -> Result<Arc<LogFile>, Failure> {
        if let Some(file) = open_files.get(path) {
            return Ok(Arc::clone(file));
        }
        let file = LogFile::open(path, MAX_BYTES).map_err(|error| unwritable(path, &error))?;
        Ok(Arc::clone(open_files.entry(path.to_owned()).or_insert(Arc::new(file))))
    };
    let all = workspace.global.audit.as_deref().map(&mut open).transpose()?;
    let mut by_connection = BTreeMap::new();
    for (name, connection) in &pipeline.connections {
        if let Some(path) = &connection.audit {
            by_connection.insert(name.clone(), open(path)?);
        }
    }
    if all.is_none() && by_connection.is_empty() {
        return Ok(Audit::default());
    }
    let log = Arc::new(AuditLog {
        clock: context.clock().clone(),
        shutdown: context.transport.shutdown.clone(),
        run_id: Mutex::default(),
        all,
        by_connection,
        error: Mutex::default(),
    });
    context.transport.recorder = Some(Arc::clone(&log) as Arc<dyn Recorder>);
    Ok(Audit(Some(log)))
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    let message = format!("the audit log `{}` cannot be written: {error}", path.display());
    Failure::new(Exit::Environment, "audit", message)
        .with_hint("requests that cannot be logged are not sent; make room or name another file")
}

impl Audit {
    /// Returns an observer that tells the log which run it is, and passes everything on.
    pub(super) fn observer(&self, observer: Arc<dyn Observer>) -> Arc<dyn Observer> {
        match &self.0 {
            Some(log) => Arc::new(Named { log: Arc::clone(log), observer }),
            None => observer,
        }
    }

    /// Fails when something could not be logged.
    pub(super) fn finish(&self) -> Result<(), Failure> {
        let error = self.0.as_ref().and_then(|log| log.error.lock().unwrap_or_else(PoisonError::into_inner).take());
        error.map_or(Ok(()), Err)
    }
}

impl Recorder for AuditLog {
    fn record(&self, exchange: &Exchange<'_>) {
        let run_id = self.run_id.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let line = self.line(exchange, run_id.as_deref()).to_string();
        let line = format!("{}\n", redact(&line));
        let own = self.by_connection.get(exchange.connection);
        let other = self.all.iter().filter(|all| own.is_none_or(|own| !Arc::ptr_eq(own, all)));
        for file in own.into_iter().chain(other) {
            if let Err(error) = file.append(line.as_bytes()) {
                let failure = unwritable(&file.path, &error);
                self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
                self.shutdown.cancel();
            }
        }
    }
}

impl AuditLog {
    fn line(&self, exchange: &Exchange<'_>, run_id: Option<&str>) -> Json {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        json!({
            "time": self.clock.now().to_rfc3339_opts(SecondsFormat::Millis, true),
            "run": run_id,
            "connection": exchange.connection,
            "method": exchange.request.method.as_str(),
            "path": exchange.shown_path,
            "status": exchange.status,
            "records": exchange.records,
            "wait_ms": millis(exchange.waited),
            "took_ms": millis(exchange.took),
            "request_id": exchange.request_id.as_deref().map(plain_id),
        })
    }
}

/// Keeps of a request id what ids are made of, whatever the vendor sent.
fn plain_id(id: &str) -> String {
    id.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '-').take(MAX_ID_LENGTH).collect()
}

/// One file of the log, with those that it was before.
#[derive(Debug)]
struct LogFile {
    path: PathBuf,
    max_bytes: u64,
    file: Mutex<File>,
}

impl LogFile {
    fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        Ok(Self { path: path.to_owned(), max_bytes, file: Mutex::new(open_private(path)?) })
    }

    /// Appends a line in one write, so that the lines of several processes do not mix.
    fn append(&self, line: &[u8]) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.metadata()?.len() + u64::try_from(line.len()).unwrap_or(u64::MAX) > self.max_bytes {
            // Another process may have begun the next file already.
            let is_current = fs::metadata(&self.path).is_ok_and(|current| current.len() > self.max_bytes / 2);
            if is_current {
                self.rotate()?;
            }
            *file = open_private(&self.path)?;
        }
        file.write_all(line)
    }

    fn rotate(&self) -> io::Result<()> {
        let numbered = |number: u32| numbered(&self.path, number);
        for number in (1..OLDER_FILES).rev() {
            let older = numbered(number);
            if older.exists() {
                fs::rename(older, numbered(number + 1))?;
            }
        }
        fs::rename(&self.path, numbered(1))
    }
}

#[cfg(unix)]
fn open_private(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    /// For the owner alone.
    const PRIVATE: u32 = 0o600;
    let file = OpenOptions::new().append(true).create(true).mode(PRIVATE).open(path)?;
    if file.metadata()?.is_file() {
        file.set_permissions(fs::Permissions::from_mode(PRIVATE))?;
    }
    Ok(file)
}

#[cfg(not(unix))]
fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Tells the log the run's id on the way to another observer.
#[derive(Debug)]
struct Named {
    log: Arc<AuditLog>,
    observer: Arc<dyn Observer>,
}

#[deny(clippy::missing_trait_methods)]
impl Observer for Named {
    fn run_started(&self, run_id: &str) {
        *self.log.run_id.lock().unwrap_or_else(PoisonError::into_inner) = Some(run_id.to_owned());
        self.observer.run_started(run_id);
    }

    fn account_noted(&self, remark: &str) {
        self.observer.account_noted(remark);
    }

    fn schema_changed(&self, remark: &str) {
        self.observer.schema_changed(remark);
    }

    fn stream_started(&self, stream: &StreamName) {
        self.observer.stream_started(stream);
    }

    fn records_left(&self, stream: &StreamName, records: u64) {
        self.observer.records_left(stream, records);
    }

    fn records_read(&self, stream: &StreamName, records: u64) {
        self.observer.records_read(stream, records);
    }

    fn records_done(&self, stream: &StreamName, connection: &ConnectionName, records: u64, calls: Calls) {
        self.observer.records_done(stream, connection, records, calls);
    }

    fn waiting(&self, connection: &ConnectionName, reason: &WaitReason, wait: Duration) {
        self.observer.waiting(connection, reason, wait);
    }

    fn links_started(&self, stream: &StreamName, connection: &ConnectionName, links: u64) {
        self.observer.links_started(stream, connection, links);
    }

    fn stream_finished(&self, stream: &StreamName) {
        self.observer.stream_finished(stream);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_makes_room_and_old_ones_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/audit.jsonl");
        let log = LogFile::open(&path, 10).unwrap();
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            log.append(line.as_bytes()).unwrap();
        }
        let read = |name: &str| fs::read_to_string(path.with_file_name(name)).unwrap();
        assert_eq!(read("audit.jsonl"), "four\n");
        assert_eq!(read("audit.jsonl.1"), "three\n");
        assert_eq!(read("audit.jsonl.2"), "one\ntwo\n");
    }

    #[test]
    fn the_oldest_file_goes_when_there_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        let log = LogFile::open(&path, 5).unwrap();
        for number in 100..120 {
            log.append(format!("{number}\n").as_bytes()).unwrap();
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 10);
        assert_eq!(fs::read_to_string(&path).unwrap(), "119\n");
        assert_eq!(fs::read_to_string(folder.path().join("audit.jsonl.9")).unwrap(), "110\n");
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        LogFile::open(&path, 10).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_request_id_is_cut_to_what_ids_are_made_of() {
        assert_eq!(plain_id("7a1c-0<ada@x>"), "7a1c-0adax");
    }
}
