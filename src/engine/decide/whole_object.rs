//! What a run read of a whole object, where that is how records are looked up.

use std::collections::HashMap;

use tokio::sync::Mutex;

/// The records of the destination by the hashes of their keys.
pub(in crate::engine) type RecordsByKey = HashMap<u128, Vec<FoundRecord>>;

/// A record of the destination. Where its id is its key, several may have one id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct FoundRecord {
    pub id: String,
    /// Where a person finds it, where the id does not tell.
    pub place: Option<String>,
}

/// What a run knows of the whole object at one target, and what it spent on asking for keys so far.
#[derive(Debug, Default)]
pub(in crate::engine) struct WholeObjectIndex(pub(super) Mutex<Index>);

#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) spent: u64,
    /// What it costs to read the whole object, once that is known.
    pub(super) cost: Option<u32>,
    pub(super) records_by_key: Option<RecordsByKey>,
}
