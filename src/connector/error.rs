//! What can go wrong in a connector, in the classes that the engine acts on.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::http::{Answer, HttpError, HttpErrorKind};

/// Says why a connector could not do what it was asked to, about the call as a whole.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}{}", shown(.request.as_ref()))]
pub struct ConnectorError {
    /// What the engine does about it.
    pub kind: ErrorKind,
    /// What happened, in the user's words, without secrets or personal values.
    pub message: String,
    /// The vendor's reason where it may hold personal values: kept with dead letters, never logged.
    pub detail: Option<String>,
    /// What the user can do, where that is likely right.
    pub hint: Option<String>,
    /// A stable word for the reason, for counting: the vendor's own code where it has one.
    pub code: String,
    /// The request that this is about, as messages may show it: method, host, path without values.
    pub request: Option<String>,
    /// The vendor's id of the request.
    pub request_id: Option<String>,
    /// When there is some of a spent quota again, where that is known.
    pub resets_at: Option<DateTime<Utc>>,
}

/// Classes of failure, by what the engine does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Credentials or scopes are wrong: the stream ends, the exit code is 3.
    Unauthorized,
    /// The object or field does not exist: the stream ends.
    NotFound,
    /// The batch was refused whole and nothing of it was written, with no record named: it is halved.
    Refused,
    /// The batch may have been written: it is settled.
    Unanswered,
    /// The vendor cannot be reached or does not work; nothing was written: the stream ends, the exit code is 3.
    Unavailable,
    /// The quota is spent: the stream ends with a clean checkpoint.
    QuotaSpent,
    /// The run is stopping; nothing was sent.
    Cancelled,
    /// The cursor is no longer valid: the stream is read from its beginning.
    CursorExpired,
    /// The answer is not what the vendor documents.
    Unexpected,
    /// A file cannot be read or written as asked.
    Io,
}

impl ErrorKind {
    /// Tells whether a write that ended so certainly left nothing behind.
    pub fn proves_no_write(self) -> bool {
        match self {
            Self::Refused
            | Self::Unauthorized
            | Self::NotFound
            | Self::Unavailable
            | Self::QuotaSpent
            | Self::Cancelled => true,
            // An answer that cannot be understood proves nothing. Files, and cursors in a write, are no vendor's word either.
            Self::Unanswered | Self::Unexpected | Self::Io | Self::CursorExpired => false,
        }
    }

    /// Tells whether the vendor refused what it was sent, so that the reason is about the records.
    pub fn is_refusal(self) -> bool {
        match self {
            Self::Refused => true,
            Self::Unauthorized
            | Self::NotFound
            | Self::Unanswered
            | Self::Unavailable
            | Self::QuotaSpent
            | Self::Cancelled
            | Self::CursorExpired
            | Self::Unexpected
            | Self::Io => false,
        }
    }
}

impl ConnectorError {
    /// Makes an error with a code and a message.
    pub fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        let (message, code) = (message.into(), code.into());
        Self { kind, message, detail: None, hint: None, code, request: None, request_id: None, resets_at: None }
    }

    /// Names the request that an answer belongs to.
    #[must_use]
    pub fn about(mut self, answer: &Answer) -> Self {
        self.request = Some(answer.request.clone()).filter(|request| !request.is_empty());
        self
    }

    /// Names the request of a page whose answer is no longer at hand, unless a request is named already.
    #[must_use]
    pub fn about_page(mut self, request: &str) -> Self {
        self.request = self.request.or_else(|| Some(request.to_owned()).filter(|request| !request.is_empty()));
        self
    }

    /// Adds what the user can do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds what the user can do, if that is known.
    #[must_use]
    pub fn with_hint_if(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// Adds the vendor's reason in full.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}

fn shown(request: Option<&String>) -> String {
    request.map(|request| format!(" [{request}]")).unwrap_or_default()
}

impl From<HttpError> for ConnectorError {
    fn from(error: HttpError) -> Self {
        let (kind, code) = match error.kind {
            HttpErrorKind::Unreachable => (ErrorKind::Unavailable, "unreachable"),
            HttpErrorKind::Unanswered => (ErrorKind::Unanswered, "unanswered"),
            HttpErrorKind::Unauthorized => (ErrorKind::Unauthorized, "unauthorized"),
            HttpErrorKind::RateLimited => (ErrorKind::Unavailable, "rate_limited"),
            HttpErrorKind::QuotaSpent => (ErrorKind::QuotaSpent, "quota_spent"),
            HttpErrorKind::Cancelled => (ErrorKind::Cancelled, "cancelled"),
        };
        let message = match error.attempts {
            0 => error.message,
            1 => format!("{} (1 attempt)", error.message),
            attempts => format!("{} ({attempts} attempts)", error.message),
        };
        Self { hint: error.hint, request: error.request, ..Self::new(kind, code, message) }
    }
}

/// Says which option of a connection cannot be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The option's name.
    pub option: String,
    /// Why it cannot be right.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl ConfigError {
    /// Makes an error about one option.
    pub fn new(option: impl Into<String>, message: impl Into<String>) -> Self {
        Self { option: option.into(), message: message.into(), hint: None }
    }

    /// Adds what to write instead.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "option `{}`: {}", self.option, self.message)
    }
}

impl std::error::Error for ConfigError {}
