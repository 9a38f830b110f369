//! What the engine tells of a run while it goes on.

use std::{fmt, time::Duration};

use crate::model::{Calls, ConnectionName, StreamName};

/// Is told what happens. Must not block.
pub trait Observer: fmt::Debug + Send + Sync {
    /// The run has its id; nothing was asked of any system yet but which account it is.
    fn run_started(&self, _run_id: &str) {}
    /// Something about a connection's account that a person should know, in one line.
    fn account_noted(&self, _remark: &str) {}
    /// What changed in an object at either end since the pipeline's last run, in one line.
    fn schema_changed(&self, _remark: &str) {}
    /// A stream begins.
    fn stream_started(&self, _stream: &StreamName) {}
    /// The source says how many records of the stream are not read yet.
    fn records_left(&self, _stream: &StreamName, _records: u64) {}
    /// So many more records of the stream were read.
    fn records_read(&self, _stream: &StreamName, _records: u64) {}
    /// So many more records of the stream have an outcome at the destination; `calls` are all calls to it so far.
    fn records_done(&self, _stream: &StreamName, _connection: &ConnectionName, _records: u64, _calls: Calls) {}
    /// Nothing is asked of a connection, or written there, for a while.
    fn waiting(&self, _connection: &ConnectionName, _reason: &WaitReason, _wait: Duration) {}
    /// The links of a stream are being closed.
    fn links_started(&self, _stream: &StreamName, _connection: &ConnectionName, _links: u64) {}
    /// A stream is over.
    fn stream_finished(&self, _stream: &StreamName) {}
}

/// Says what is waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitReason {
    /// The last requests of the run that was stopped: they may still arrive.
    StoppedRun,
    /// What another target wrote under the same lease: the destination may not find it yet.
    Writer {
        /// Its pipeline.
        pipeline: String,
        /// Whether it was stopped, so that its last requests may still arrive.
        is_stopped: bool,
    },
    /// The vendor's limit, which it says is used.
    Limit {
        /// The vendor.
        vendor: &'static str,
    },
    /// The vendor, which does not answer, or not with more than an error that passes.
    Vendor {
        /// The vendor.
        vendor: &'static str,
    },
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {}
