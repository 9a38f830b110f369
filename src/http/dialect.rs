//! What one vendor's requests and answers look like, as far as the stack needs to know.

use std::fmt;

use async_trait::async_trait;
use reqwest::{RequestBuilder, header::HeaderValue};
use url::Url;

use crate::model::Quota;

use super::{
    answer::{Answer, AnswerClass},
    error::HttpError,
    request::ApiRequest,
};

/// Describes one vendor to the stack.
///
/// # Whose words an answer is in
/// Only the vendor's own words prove that a write was not carried out. The dialect tells whether a refusal is in them
/// ([`Dialect::is_own_refusal`]); the stack takes every other refusal for a gateway's: a read is asked again, a write is
/// unanswered and is settled.
#[async_trait]
pub trait Dialect: fmt::Debug + Send + Sync {
    /// The vendor's name for messages.
    fn vendor(&self) -> &'static str;

    /// Adds the token to a request.
    ///
    /// # Errors
    /// Fails when there is no usable token and none can be had.
    async fn authorize(&self, request: RequestBuilder) -> Result<RequestBuilder, HttpError>;

    /// Returns where the API is for this login, with a slash at its end, where the vendor tells that with the token; none
    /// where it is the connection's base URL.
    ///
    /// # Errors
    /// Fails when there is no usable token and none can be had.
    async fn base_url(&self) -> Result<Option<Url>, HttpError> {
        Ok(None)
    }

    /// Gets a new token after [`AnswerClass::Reauthorize`]; `refused` is the `Authorization` header that was not accepted.
    /// Returns false when there is nothing to renew.
    ///
    /// # Errors
    /// Fails when the vendor refuses to renew.
    async fn renew(&self, refused: Option<&HeaderValue>) -> Result<bool, HttpError>;

    /// Tells whether a refusal (a status other than 2xx) has the form in which this vendor words its refusals. A status alone
    /// is nobody's words.
    fn is_own_refusal(&self, answer: &Answer) -> bool;

    /// Says what a refusal in the vendor's own words means.
    fn classify(&self, answer: &Answer) -> AnswerClass;

    /// Reads what the answer's headers say of the daily or monthly quota.
    fn quota(&self, _answer: &Answer) -> Option<Quota> {
        None
    }

    /// Names the connector's limit that [`Dialect::quota`] tells of: its size and what is left are taken over. Without a name, it
    /// corrects the limits of the same size alone.
    fn quota_limit(&self) -> Option<&'static str> {
        None
    }

    /// Reads the vendor's id of the request, for the audit log.
    fn request_id(&self, _answer: &Answer) -> Option<String> {
        None
    }

    /// Counts the records that a write carries; none where that cannot be told.
    fn carried_records(&self, _request: &ApiRequest) -> Option<usize> {
        None
    }

    /// Counts the records that the answer to a read brought; none where that cannot be told.
    fn brought_records(&self, _answer: &Answer) -> Option<usize> {
        None
    }
}
