//! What is known of a chunk's records before anything is decided: plain data, from the state file and the destination.

use std::collections::HashMap;

use crate::model::Fields;

use super::{entries::Entries, link_ids::LinkedIds, lookup::FoundRecords};

/// What is known of a chunk's records.
#[derive(Debug, Default)]
pub(in crate::engine) struct Knowledge {
    pub entries: Entries,
    pub links: LinkedIds,
    /// What the destination holds under the keys of records that no entry tells of.
    pub found: FoundRecords,
    /// The values of fields that are written only where they are blank, by the destination's id.
    pub current: HashMap<String, Fields>,
}
