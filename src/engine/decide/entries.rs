//! What is known of a chunk's records by their ids and keys.

use std::collections::{HashMap, HashSet};

use crate::state::IdEntry;

/// What the state file knows, and of an object that is written anew what the run does.
#[derive(Debug, Default)]
pub(in crate::engine) struct Entries {
    pub by_id: HashMap<String, IdEntry>,
    pub by_key: HashMap<u128, IdEntry>,
    /// Source ids that an earlier chunk of the run had, where the object is written anew.
    pub repeated: HashSet<String>,
}
