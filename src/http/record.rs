//! Tells a recorder of every attempt: for the audit log and for what a dry run shows.

use std::{
    fmt,
    io::{BufReader, Read},
    time::Duration,
};

use tokio::task::spawn_blocking;
use url::Url;

use crate::model::ConnectionName;

use super::{
    answer::Answer,
    dialect::Dialect,
    request::{Access, ApiRequest, Body},
};

/// Is told of every attempt. Must not block and must never keep a token.
pub trait Recorder: fmt::Debug + Send + Sync {
    /// Takes note of one attempt.
    fn record(&self, exchange: &Exchange<'_>);
}

/// One attempt at a request. The request holds no token, but its path, query and body may hold personal values: what may be
/// kept of the path is [`Exchange::shown_path`].
#[derive(Debug)]
pub struct Exchange<'request> {
    /// The connection's name.
    pub connection: &'request ConnectionName,
    /// The account's URL.
    pub base_url: &'request Url,
    /// The request.
    pub request: &'request ApiRequest,
    /// The request's path as it may be kept: without values and secrets.
    pub shown_path: &'request str,
    /// The status; none where no answer came.
    pub status: Option<u16>,
    /// The vendor's id of the request.
    pub request_id: Option<String>,
    /// How many records a write carried, or how many the answer to a read brought; none where that cannot be told.
    pub records: Option<u64>,
    /// How many records the request itself named; none where it is no list of records.
    pub carried: Option<u64>,
    /// How long it waited for the rate limit.
    pub waited: Duration,
    /// How long the answer took.
    pub took: Duration,
}

/// The records of an attempt.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) records: Option<u64>,
    pub(super) carried: Option<u64>,
}

/// Counts the records of an attempt: those that a write carries, or those that the answer to a read brings. What is in a
/// file is counted off the async threads.
pub(super) async fn count_records(dialect: &dyn Dialect, request: &ApiRequest, answer: Option<&Answer>) -> Counts {
    let carried = match &request.body {
        Body::Csv(file) => {
            let file = file.clone();
            spawn_blocking(move || count_lines(BufReader::new(file.reader(0, u64::MAX)))).await.ok()
        }
        Body::Empty | Body::Json(_) | Body::Form(_) => dialect.carried_records(request),
    };
    let records = match (request.access, answer) {
        (Access::Write, _) => carried,
        (Access::Read, None) => None,
        (Access::Read, Some(answer)) => brought_records(dialect, answer).await,
    };
    let number = |count: Option<usize>| count.and_then(|count| u64::try_from(count).ok());
    Counts { records: number(records), carried: number(carried) }
}

async fn brought_records(dialect: &dyn Dialect, answer: &Answer) -> Option<usize> {
    if let Some(file) = answer.file.clone() {
        return spawn_blocking(move || count_lines(BufReader::new(file.reader(0, u64::MAX)))).await.ok();
    }
    if answer.media_type() == "text/csv" {
        return Some(count_lines(answer.body.as_slice()));
    }
    dialect.brought_records(answer)
}

/// Counts the lines of a CSV text below its header; a line break inside quotes begins none.
fn count_lines(text: impl Read) -> usize {
    csv::Reader::from_reader(text).into_byte_records().count()
}
