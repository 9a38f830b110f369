//! What a run read of a whole object, where that is how records are looked up.

use tokio::sync::Mutex;

use super::lookup::RecordsByKey;

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
