//! What is known of a chunk's records before anything is decided: plain data, from the state file and the destination.

use std::collections::HashMap;

use crate::model::Fields;

use super::{decision::Current, entries::Entries, link_ids::LinkedIds, lookup::FoundRecords};

/// What is known of a chunk's records.
#[derive(Debug, Default)]
pub(in crate::engine) struct Knowledge {
    pub entries: Entries,
    pub links: LinkedIds,
    /// What the destination holds under the keys of records that no entry tells of.
    pub found: FoundRecords,
    /// The values that were read of fields of the destination's records, by its ids.
    pub current: HashMap<String, Fields>,
}

impl Knowledge {
    /// Returns what was read of a record of the destination.
    pub(in crate::engine) fn current_of(&self, destination_id: String) -> Option<Current> {
        let fields = self.current.get(&destination_id)?.clone();
        Some(Current { destination_id, fields })
    }
}
