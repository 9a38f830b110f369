//! What a failed call says of a write: that nothing came of it, or that something may have.

use crate::connector::{ConnectorError, ErrorKind};

/// Says that of a batch that was sent in several requests, some are carried out.
pub(super) fn partly_written(error: ConnectorError) -> ConnectorError {
    ConnectorError { kind: ErrorKind::Unanswered, ..error }
}

/// What does not begin a job or a request of writes writes nothing, whatever became of the answer.
pub(super) fn without_effect(error: ConnectorError) -> ConnectorError {
    match error.kind {
        ErrorKind::Unanswered => ConnectorError { kind: ErrorKind::Unavailable, ..error },
        ErrorKind::Unauthorized
        | ErrorKind::NotFound
        | ErrorKind::Refused
        | ErrorKind::Unavailable
        | ErrorKind::QuotaSpent
        | ErrorKind::Cancelled
        | ErrorKind::CursorExpired
        | ErrorKind::Unexpected
        | ErrorKind::Io => error,
    }
}
