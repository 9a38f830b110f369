//! The name of a target: one stream of a pipeline at one destination object, between two accounts.

use rusqlite::Row;
use serde::{Deserialize, Serialize};

use crate::model::{ConnectionName, ObjectName, StreamName};

/// Identifies a target within the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TargetId(pub(super) i64);

/// Names a stream of a pipeline at one destination object, and whose records it moves.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The pipeline's name.
    pub pipeline: String,
    /// The stream.
    pub stream: StreamName,
    /// The destination's connection.
    pub connection: ConnectionName,
    /// The destination's object.
    pub object: ObjectName,
    /// The accounts at both ends. With other accounts it is another target, which knows nothing of this one.
    pub accounts: Accounts,
}

/// The accounts at both ends of a target; none where a system has no accounts, such as a folder of files.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Accounts {
    /// The account that is read.
    pub source: Option<String>,
    /// The account that is written.
    pub destination: Option<String>,
}

impl Target {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            pipeline: row.get("pipeline")?,
            stream: StreamName::from(row.get::<_, String>("stream")?),
            connection: ConnectionName::from(row.get::<_, String>("connection")?),
            object: ObjectName::from(row.get::<_, String>("object")?),
            accounts: Accounts { source: row.get("source_account")?, destination: row.get("destination_account")? },
        })
    }
}
