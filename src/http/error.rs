//! Why a request has no answer that the connector could decode.

use super::answer::Answer;

/// Says why a request has no answer that the connector could decode.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct HttpError {
    /// What the engine may do about it.
    pub kind: HttpErrorKind,
    /// What happened, without secrets or personal values.
    pub message: String,
    /// The request, as messages may show it: method, host, path without values. None where none was made.
    pub request: Option<String>,
    /// The status of the last answer, from the vendor or from a gateway.
    pub status: Option<u16>,
    /// How many times the request was sent.
    pub attempts: u32,
    /// The last answer in the vendor's own words, where there was one.
    pub answer: Option<Box<Answer>>,
    /// What the user can do, where that is likely right.
    pub hint: Option<String>,
    /// Whether the same request would fail in the same way: it is not repeated.
    pub is_final: bool,
}

/// Classes of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpErrorKind {
    /// The vendor could not be reached or did not answer, and the request certainly had no effect.
    Unreachable,
    /// The request was sent and may have had its effect; the answer is lost, or proves nothing.
    Unanswered,
    /// The token is not accepted and cannot be renewed.
    Unauthorized,
    /// The rate limit still refuses after many waits.
    RateLimited,
    /// The quota is spent.
    QuotaSpent,
    /// The run is stopping; the request was not sent.
    Cancelled,
}

impl HttpError {
    /// Makes an error for a request that was never sent.
    pub fn unsent(kind: HttpErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            request: None,
            status: None,
            attempts: 0,
            answer: None,
            hint: None,
            is_final: false,
        }
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(super) fn after(kind: HttpErrorKind, message: impl Into<String>, attempts: u32) -> Self {
        Self { attempts, ..Self::unsent(kind, message) }
    }

    /// Makes an error for an answer in the vendor's own words.
    pub(super) fn answered(kind: HttpErrorKind, message: &str, answer: Answer) -> Self {
        let (request, status, attempts) = (Some(answer.request.clone()), Some(answer.status.as_u16()), answer.attempts);
        Self { request, status, attempts, answer: Some(Box::new(answer)), ..Self::unsent(kind, message) }
    }
}
