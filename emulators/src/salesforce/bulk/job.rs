//! One job: what it does, how far it is, what came of it.

use axum::body::Bytes;
use serde_json::{Value as Json, json};

use super::{
    super::{
        ids::Id,
        org::{Org, USER},
        soql::Query,
        time::datetime,
        write::Operation,
    },
    csv::Dialect,
    ingest::Rows,
};

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Open,
    UploadComplete,
    InProgress,
    JobComplete,
    Failed,
    Aborted,
}

impl State {
    /// Returns the vendor's name of it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::UploadComplete => "UploadComplete",
            Self::InProgress => "InProgress",
            Self::JobComplete => "JobComplete",
            Self::Failed => "Failed",
            Self::Aborted => "Aborted",
        }
    }
}

/// What became of one row of an upload: where it stands, and its record or its error.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) outcome: Result<(Id, bool), (Option<Id>, Box<str>)>,
}

/// What a job does.
#[derive(Debug)]
pub(super) enum Work {
    /// Writes the rows of an upload.
    Ingest {
        operation: Operation,
        key: Option<String>,
        upload: Option<Bytes>,
        done: Vec<Done>,
        header: usize,
        is_assigned: bool,
    },
    /// Reads records: the rows as CSV, and where each ends.
    Query { query: Box<Query>, text: String, rows: Vec<u8>, ends: Vec<usize> },
}

/// A job.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) operation: String,
    pub(super) object: usize,
    pub(super) version: u32,
    pub(super) dialect: Dialect,
    pub(super) state: State,
    pub(super) created: i64,
    pub(super) stamp: i64,
    pub(super) processed: u64,
    pub(super) failed: u64,
    pub(super) error: Option<String>,
    pub(super) work: Work,
}

/// What is left of a job's work.
#[derive(Debug)]
pub(super) enum Task {
    Ingest(Rows),
    Query(QueryRows),
}

/// The records that a query job has still to show.
#[derive(Debug)]
pub(super) struct QueryRows {
    pub(super) ids: Vec<Id>,
    pub(super) next: usize,
    pub(super) fails_at: Option<usize>,
}

impl Job {
    /// Whether it reads.
    pub(super) fn is_query(&self) -> bool {
        matches!(self.work, Work::Query { .. })
    }

    /// Shows the job.
    pub(super) fn shown(&self, org: &Org) -> Json {
        let mut shown = json!({
            "id": self.id, "operation": self.operation, "object": org.object(self.object).spec.name, "createdById": USER,
            "createdDate": datetime(self.created), "systemModstamp": datetime(self.stamp), "state": self.state.name(),
            "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": f64::from(self.version),
            "jobType": if self.is_query() { "V2Query" } else { "V2Ingest" }, "lineEnding": self.dialect.line_ending_name(),
            "columnDelimiter": self.dialect.delimiter_name(),
        });
        if let Work::Ingest { key, .. } = &self.work {
            if let Some(key) = key {
                shown["externalIdFieldName"] = Json::from(key.as_str());
            }
            if self.state == State::Open {
                shown["contentUrl"] =
                    Json::from(format!("services/data/v{}.0/jobs/ingest/{}/batches", self.version, self.id));
            }
            shown["numberRecordsFailed"] = Json::from(self.failed);
            shown["apiActiveProcessingTime"] = Json::from(self.processed / 10);
            shown["apexProcessingTime"] = Json::from(0);
        }
        if self.state != State::Open {
            shown["numberRecordsProcessed"] = Json::from(self.processed);
            shown["retries"] = Json::from(0);
            shown["totalProcessingTime"] = Json::from(self.processed / 10);
        }
        if let Some(error) = &self.error {
            shown["errorMessage"] = Json::from(error.as_str());
        }
        shown
    }
}
