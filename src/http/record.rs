//! Tells a recorder of every attempt: for the audit log and for what a dry run shows.

use std::{
    fmt,
    io::{BufReader, Read},
    time::Duration,
};

use serde::{Deserialize, de::IgnoredAny};
use url::Url;

use crate::model::ConnectionName;

use super::request::{Access, Answer, ApiRequest, Body};

/// Is told of every attempt. Must not block and must never keep a token.
pub trait Recorder: fmt::Debug + Send + Sync {
    /// Takes note of one attempt.
    fn record(&self, exchange: &Exchange<'_>);
}

/// One attempt at a request. The request holds no token, but its path, query and body may hold personal values: what may be
/// kept of the path is [`ApiRequest::shown_path`].
#[derive(Debug)]
pub struct Exchange<'request> {
    /// The connection's name.
    pub connection: &'request ConnectionName,
    /// The account's URL.
    pub base_url: &'request Url,
    /// The request.
    pub request: &'request ApiRequest,
    /// The status; none where no answer came.
    pub status: Option<u16>,
    /// The vendor's id of the request.
    pub request_id: Option<String>,
    /// How many records a write carried, or how many the answer to a read brought; none where that cannot be told.
    pub records: Option<u64>,
    /// How long it waited for the rate limit.
    pub waited: Duration,
    /// How long the answer took.
    pub took: Duration,
}

/// The lists that the vendors' answers carry records in.
#[derive(Deserialize)]
struct Lists {
    #[serde(alias = "results")]
    records: Vec<IgnoredAny>,
}

/// Counts the records of an attempt: those that a write carries, or those that the answer to a read brings.
pub(super) fn count_records(request: &ApiRequest, answer: Option<&Answer>) -> Option<u64> {
    let count = match request.access {
        Access::Write => request.carried_records()?,
        Access::Read => answer?.brought_records()?,
    };
    u64::try_from(count).ok()
}

impl ApiRequest {
    /// Returns how many records a request carries, where it carries a list: the vendors call it `inputs` or `records`.
    pub fn carried_records(&self) -> Option<usize> {
        let in_query = self.query.iter().filter(|(name, _)| name == "records[]").count();
        if in_query > 0 {
            return Some(in_query);
        }
        match &self.body {
            Body::Json(body) => body.get("inputs").or_else(|| body.get("records"))?.as_array().map(Vec::len),
            Body::Csv(file) => Some(count_lines(BufReader::new(file.reader(0, u64::MAX)))),
            Body::Empty | Body::Form(_) => None,
        }
    }
}

impl Answer {
    fn brought_records(&self) -> Option<usize> {
        if self.header("content-type").is_some_and(|kind| kind.starts_with("text/csv")) {
            return Some(match &self.file {
                Some(file) => count_lines(BufReader::new(file.reader(0, u64::MAX))),
                None => count_lines(self.body.as_slice()),
            });
        }
        Some(self.json::<Lists>().ok()?.records.len())
    }
}

/// Counts the lines of a CSV text below its header; a line break inside quotes begins none.
fn count_lines(text: impl Read) -> usize {
    csv::Reader::from_reader(text).into_byte_records().count()
}

#[cfg(test)]
mod tests {
    use reqwest::{Method, StatusCode, header::HeaderMap};
    use serde_json::{Value as Json, json};

    use super::*;

    fn answer(body: &Json) -> Answer {
        Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: body.to_string().into_bytes(),
            file: None,
            attempts: 1,
        }
    }

    #[test]
    fn writes_count_what_they_carry_and_reads_what_they_bring() {
        let write = ApiRequest::write(Method::POST, "batch", json!({ "inputs": [{}, {}, {}] }), &[]);
        assert_eq!(count_records(&write, None), Some(3));
        let read = ApiRequest::read("batch/read", json!({ "inputs": [{}, {}, {}] }), &[]);
        assert_eq!(count_records(&read, Some(&answer(&json!({ "results": [{ "id": "1" }] })))), Some(1));
        assert_eq!(count_records(&read, Some(&answer(&json!({ "message": "no" })))), None);
        let mut delete = ApiRequest::get("v0/app/tbl", &[]).with("records[]", "rec1").with("records[]", "rec2");
        delete.access = Access::Write;
        assert_eq!(count_records(&delete, None), Some(2));
    }
}
