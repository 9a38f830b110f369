//! One stream of a pipeline at one destination object.

use rusqlite::{Row, params};

use crate::model::{ConnectionName, ObjectName, StreamName};

use super::{Work, error::StateError};

/// Identifies a target within the state file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TargetId(pub(super) i64);

/// Names a stream of a pipeline at one destination object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The pipeline's name.
    pub pipeline: String,
    /// The stream.
    pub stream: StreamName,
    /// The destination's connection.
    pub connection: ConnectionName,
    /// The destination's object.
    pub object: ObjectName,
}

impl Target {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            pipeline: row.get("pipeline")?,
            stream: StreamName::from(row.get::<_, String>("stream")?),
            connection: ConnectionName::from(row.get::<_, String>("connection")?),
            object: ObjectName::from(row.get::<_, String>("object")?),
        })
    }
}

impl Work<'_> {
    /// Returns the id of a target, which is made when it is first seen.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn target_id(&self, target: &Target) -> Result<TargetId, StateError> {
        let names = params![target.pipeline, &*target.stream, &*target.connection, &*target.object];
        self.transaction
            .prepare_cached(
                "INSERT OR IGNORE INTO scopes (pipeline, stream, connection, object) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(names)?;
        let id = self
            .transaction
            .prepare_cached(
                "SELECT scope_id FROM scopes WHERE pipeline = ?1 AND stream = ?2 AND connection = ?3 AND object = ?4",
            )?
            .query_row(names, |row| row.get(0))?;
        Ok(TargetId(id))
    }

    /// Returns the targets of a stream at a connection, each with its object.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn targets_of_stream(
        &self,
        pipeline: &str,
        stream: &str,
        connection: &str,
    ) -> Result<Vec<(TargetId, ObjectName)>, StateError> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT scope_id, object FROM scopes WHERE pipeline = ?1 AND stream = ?2 AND connection = ?3",
        )?;
        let targets = statement.query_map([pipeline, stream, connection], |row| {
            Ok((TargetId(row.get(0)?), ObjectName::from(row.get::<_, String>(1)?)))
        })?;
        Ok(targets.collect::<Result<_, _>>()?)
    }
}
