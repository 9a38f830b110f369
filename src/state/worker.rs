//! The thread that owns a connection to the state file: SQLite never runs on an async thread, and nobody waits under a lock.

use std::{
    sync::mpsc,
    thread::{Builder, JoinHandle},
};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::StateError;

/// Something to do with the connection.
type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A thread with a connection of its own. It does one job after the other and ends, with the connection, when this is dropped.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(super) fn start(name: &str, mut connection: Connection) -> Result<Self, StateError> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let work = move || queue.into_iter().for_each(|job| job(&mut connection));
        let thread = Builder::new().name(name.to_owned()).spawn(work).map_err(StateError::Thread)?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    /// Does a job after those that wait. It is done even if nobody waits for its result any more.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        let (answer, result) = oneshot::channel();
        // The caller may have stopped waiting.
        self.queue(Box::new(move |connection| drop(answer.send(job(connection)))))?;
        result.await.map_err(|_| StateError::Stopped)?
    }

    /// Does a job and blocks this thread meanwhile: not for async code.
    pub(super) fn run_blocking<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Connection) -> Result<T, StateError> + Send + 'static,
    ) -> Result<T, StateError> {
        let (answer, result) = mpsc::sync_channel(1);
        self.queue(Box::new(move |connection| drop(answer.send(job(connection)))))?;
        result.recv().map_err(|_| StateError::Stopped)?
    }

    fn queue(&self, job: Job) -> Result<(), StateError> {
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or(StateError::Stopped)
    }
}

impl Drop for Worker {
    /// Waits for the thread: when the last handle is gone, the file is whole and its log is in it.
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
