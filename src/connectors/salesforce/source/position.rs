//! Where a read stands: what is in the cursors. Moments are epoch milliseconds by Salesforce's clock.

use serde::{Deserialize, Serialize};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::Cursor;

/// Where a read goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub(super) enum Position {
    /// In a query, in the order of ids.
    Query {
        /// Only what changed since; everything where there is none.
        since: Option<i64>,
        /// The last id that was read.
        last_id: Option<String>,
        /// When the query was begun.
        started_at: Option<i64>,
    },
    /// In the results of a Bulk query.
    Bulk {
        /// The job.
        job: String,
        /// Where the next page begins; the first one where there is none.
        locator: Option<String>,
        /// How many records of the page are read.
        #[serde(default)]
        read: u64,
        /// When the query was begun.
        started_at: i64,
    },
    /// At the end: the next incremental read takes what changed since.
    Done {
        /// When the finished read was begun.
        since: i64,
    },
}

impl Position {
    pub(super) fn from_cursor(cursor: &Cursor) -> Result<Self, ConnectorError> {
        Self::deserialize(&cursor.0).map_err(|_| {
            ConnectorError::new(ErrorKind::CursorExpired, "unknown_cursor", "the cursor is not one of this version")
        })
    }

    pub(super) fn to_cursor(&self) -> Option<Cursor> {
        serde_json::to_value(self).ok().map(Cursor)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_position_survives_its_cursor() {
        let positions = [
            Position::Query { since: None, last_id: Some("001".to_owned()), started_at: Some(5) },
            Position::Bulk { job: "750".to_owned(), locator: None, read: 5, started_at: 7 },
            Position::Done { since: 3 },
        ];
        for position in positions {
            let cursor = position.to_cursor().unwrap();
            assert_eq!(Position::from_cursor(&cursor).unwrap(), position);
        }
    }

    #[test]
    fn a_foreign_cursor_is_called_expired() {
        let error = Position::from_cursor(&Cursor(json!({ "offset": "itr1" }))).unwrap_err();
        assert_eq!(error.kind, ErrorKind::CursorExpired);
    }
}
