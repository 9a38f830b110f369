//! What to do with a record, and why.
//!
//! A decision is a value: it can be written down, read again and shown. `decide` makes decisions, `write` carries them out.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Fields, Rejection};
use crate::state::{Link, SourceKey};

use super::prepare::Prepared;

/// What to do with one record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::engine) struct Decision {
    pub record: Arc<Prepared>,
    pub action: Action,
}

/// What to do, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::engine) enum Action {
    /// Create the record.
    Create(RecordWrite),
    /// Let the destination create the record or change the one with its key.
    Upsert {
        write: RecordWrite,
        /// The record with its key, as far as it was looked up before.
        current: Option<Current>,
    },
    /// Change a record of the destination.
    Update {
        write: RecordWrite,
        /// The values that the destination holds now, of the fields that were read for the decision.
        before: Fields,
        /// Whether this run created the record, and was stopped before it knew.
        is_own: bool,
    },
    /// Send nothing: the destination holds the record as it is to be. It is noted which one it is.
    Adopt(RecordWrite),
    /// Write nothing.
    Leave(Because),
    /// Write nothing: another record stands for this one.
    Duplicate(Survivor),
    /// Refuse the record.
    Reject(Rejection),
    /// Keep the record for a person.
    Hold(Rejection),
}

/// A record as the destination holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::engine) struct Current {
    pub destination_id: String,
    /// Of the fields that were read.
    pub fields: Fields,
}

/// What to write of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(in crate::engine) struct RecordWrite {
    /// The record to change; none where it is created.
    pub destination_id: Option<String>,
    pub fields: Fields,
    /// All links, each with how many of its records are in `fields`.
    pub links: Vec<Link>,
}

/// Why nothing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::engine) enum Because {
    /// It is at the destination as it is.
    Unchanged,
    /// This run created it before it was stopped, in a chunk that is not in its ledger yet.
    CreatedBefore,
    /// This run changed it before it was stopped, in a chunk that is not in its ledger yet.
    UpdatedBefore,
    /// The source has deleted it. A mirror deletes it at the end, with all others that were not read.
    DeletedAtSource,
    /// Somebody deleted it at the destination, and the pipeline leaves it so.
    DeletedAtDestination,
}

/// The record that stands for a duplicate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::engine) enum Survivor {
    /// The record itself, which was read before under the same id.
    Itself,
    /// A record of the same chunk, by its source id.
    Source(String),
    /// A record that was written before, as the state file knows it.
    Written { source_key: SourceKey, destination_id: String },
}

impl Because {
    /// Tells whether the source still has the record, so that a mirror must not delete it.
    pub(in crate::engine) fn is_at_source(self) -> bool {
        match self {
            Self::Unchanged | Self::CreatedBefore | Self::UpdatedBefore | Self::DeletedAtDestination => true,
            Self::DeletedAtSource => false,
        }
    }
}
