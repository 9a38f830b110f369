//! Which records a run took for the same as others: the details of the ledger's `duplicate`.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;

use super::decision::Survivor;

/// Most duplicates that a report names, in records.
const MAX_NAMED: usize = 10_000;

/// A record that was not written because another one is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MergedRecord {
    /// Its source id.
    pub source_id: String,
    /// The source id of the record that it was merged into, where this part of the run read that one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub into: Option<String>,
    /// The destination's id of that record, where it was written before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub into_id: Option<String>,
}

/// The duplicates that one process found at a destination, the first of them.
#[derive(Debug, Default)]
pub(in crate::engine) struct Merged(Mutex<Vec<MergedRecord>>);

impl Merged {
    /// Notes a record that the key found to be the same as another one.
    pub(in crate::engine) fn note(&self, source_id: &str, survivor: &Survivor) {
        let (into, into_id) = match survivor {
            // The same record, read twice.
            Survivor::Itself => return,
            Survivor::Source(source_id) => (Some(source_id.clone()), None),
            Survivor::Written { destination_id, .. } => (None, Some(destination_id.clone())),
        };
        self.add(MergedRecord { source_id: source_id.to_owned(), into, into_id });
    }

    /// Notes a record that a step found to be the same as another one.
    pub(in crate::engine) fn note_step(&self, source_id: &str, survivor: &str) {
        self.add(MergedRecord { source_id: source_id.to_owned(), into: Some(survivor.to_owned()), into_id: None });
    }

    /// Returns what was noted.
    pub(in crate::engine) fn named(&self) -> Vec<MergedRecord> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn add(&self, record: MergedRecord) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() < MAX_NAMED {
            records.push(record);
        }
    }
}
