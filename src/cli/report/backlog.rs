//! What waits for somebody, a line for each reason.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::state::Backlog;

/// Records that wait for somebody for one reason.
#[derive(Debug, Serialize)]
pub(super) struct BacklogLine {
    pub records: u64,
    pub place: String,
    pub code: String,
    pub field: Option<String>,
    pub oldest_at: DateTime<Utc>,
    pub run_id: String,
}

impl BacklogLine {
    pub(super) fn of(backlog: &Backlog) -> Self {
        let held = if backlog.is_held { " (held)" } else { "" };
        Self {
            records: backlog.records,
            place: format!("{} → {}.{}{held}", backlog.stream, backlog.connection, backlog.object),
            code: backlog.code.clone(),
            field: backlog.field.clone(),
            oldest_at: backlog.oldest_at,
            run_id: backlog.run_id.clone(),
        }
    }
}
