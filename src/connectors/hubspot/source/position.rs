//! Where a read stands: what is in the cursors.

use serde::{Deserialize, Serialize};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::Cursor;

/// Where a read goes on. Moments are epoch milliseconds by the vendor's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub(super) enum Position {
    /// In a list of all records.
    List {
        /// The vendor's cursor of the next page.
        after: Option<String>,
        /// When the list was begun.
        started_at: Option<i64>,
    },
    /// In a search, in the order of ids.
    Search {
        /// Only what changed since; everything where there is none.
        since: Option<i64>,
        /// The last id that was read.
        last_id: u64,
        /// When the search was begun.
        started_at: Option<i64>,
    },
    /// In a list of the archived records.
    Archived {
        /// Only what was archived since.
        since: i64,
        /// The vendor's cursor of the next page.
        after: Option<String>,
        /// When the search before was begun.
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
            Position::List { after: Some("100".to_owned()), started_at: Some(5) },
            Position::Search { since: Some(7), last_id: u64::MAX, started_at: None },
            Position::Archived { since: 1, after: None, started_at: 2 },
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
