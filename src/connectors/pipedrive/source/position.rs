//! Where a read goes on, as it is kept between runs.

use serde::{Deserialize, Serialize};

use crate::connector::{ConnectorError, ErrorKind};
use crate::model::Cursor;

/// A place in a read. Moments are in seconds, as `updated_since` takes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "snake_case")]
pub(super) enum Position {
    /// Within the lists.
    List {
        /// Which of the object's lists.
        list: List,
        /// Since when records have changed; none for all of them.
        since: Option<i64>,
        /// The cursor of version 2, or the offset of version 1.
        #[serde(default)]
        cursor: Option<String>,
        #[serde(default)]
        start: Option<u64>,
        /// When the read began.
        started_at: Option<i64>,
    },
    /// Behind the last record of a read that began then.
    Done {
        /// From when on the next read asks.
        since: i64,
    },
}

/// The lists that a read goes through, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum List {
    /// Records in use.
    Current,
    /// Records that were archived.
    Archived,
    /// Deals that were deleted within the last 30 days.
    Deleted,
}

impl Position {
    pub(super) fn to_cursor(&self) -> Option<Cursor> {
        serde_json::to_value(self).ok().map(Cursor)
    }

    pub(super) fn from_cursor(cursor: &Cursor) -> Result<Self, ConnectorError> {
        serde_json::from_value(cursor.0.clone()).map_err(|_| {
            let message = "the stored cursor is none of this connector's";
            ConnectorError::new(ErrorKind::CursorExpired, "unknown_cursor", message)
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_position_survives_being_stored() {
        let list = Position::List {
            list: List::Archived,
            since: Some(5),
            cursor: Some("c".to_owned()),
            start: None,
            started_at: Some(7),
        };
        for position in [list, Position::Done { since: 9 }] {
            assert_eq!(Position::from_cursor(&position.to_cursor().unwrap()).unwrap(), position);
        }
    }

    #[test]
    fn a_foreign_cursor_is_called_expired() {
        let error = Position::from_cursor(&Cursor(json!({ "offset": "itr1" }))).unwrap_err();
        assert_eq!(error.kind, ErrorKind::CursorExpired);
    }
}
