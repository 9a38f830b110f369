//! What is done with a row that holds something of the person.

use rusqlite::types::Value;
use serde_json::Value as Json;

use crate::state::{SourceKey, target::TargetId};

use super::{Kind, sealed::Column};

/// What a row is changed to.
#[derive(Debug)]
pub(super) enum Action {
    /// It goes.
    Delete,
    /// Its cell is emptied.
    Clear,
    /// It holds this instead.
    Rewrite(Rewrite),
}

/// A row that holds something of the person.
#[derive(Debug)]
pub(super) struct FoundRow {
    pub column: &'static Column,
    pub identity: Vec<Value>,
    /// The cell as it is in the file.
    pub stored: Option<Vec<u8>>,
    pub target: Option<TargetId>,
    pub records: Vec<SourceKey>,
    pub action: Action,
    pub kind: Kind,
}

/// What a row holds instead.
#[derive(Debug)]
pub(super) struct Rewrite {
    pub table: &'static str,
    pub target: TargetId,
    pub row: i64,
    pub content: Json,
    /// How many records a link leads to now.
    pub total: Option<i64>,
}
