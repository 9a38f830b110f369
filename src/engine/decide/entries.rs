//! What the state file knows of a chunk's records.

use std::collections::HashMap;

use crate::state::IdEntry;

/// What the state file knows.
#[derive(Debug, Default)]
pub(in crate::engine) struct Entries {
    pub by_id: HashMap<String, IdEntry>,
    pub by_key: HashMap<u128, IdEntry>,
}
