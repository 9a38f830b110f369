//! Tells a recorder of every attempt: for the audit log and for what a dry run shows.

use std::{fmt, time::Duration};

use url::Url;

use super::request::ApiRequest;

/// Is told of every attempt. Must not block and must never keep a token.
pub trait Recorder: fmt::Debug + Send + Sync {
    /// Takes note of one attempt.
    fn record(&self, exchange: &Exchange<'_>);
}

/// One attempt at a request. The request holds no token, but its query and body may hold personal values.
#[derive(Debug)]
pub struct Exchange<'request> {
    /// The account's URL.
    pub base_url: &'request Url,
    /// The request.
    pub request: &'request ApiRequest,
    /// The status; none where no answer came.
    pub status: Option<u16>,
    /// The vendor's id of the request.
    pub request_id: Option<String>,
    /// How long it waited for the rate limit.
    pub waited: Duration,
    /// How long the answer took.
    pub took: Duration,
}
