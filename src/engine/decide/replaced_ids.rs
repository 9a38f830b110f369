//! The source ids of an object that is written anew: the id map knows nothing of its records, and each may come once.

use std::{
    collections::HashSet,
    hash::{BuildHasherDefault, Hasher},
    sync::{Arc, Mutex, PoisonError},
};

use polars::prelude::{BooleanChunked, StringChunked};
use xxhash_rust::xxh3::xxh3_128;

use super::prepare::Prepared;

/// Remembers which records an object that is written anew has got, over all chunks of a run: 16 bytes a record. A run that is resumed
/// begins such an object again, so nothing outlives the process.
#[derive(Debug, Default)]
pub(in crate::engine) struct ReplacedIds(Mutex<HashSet<u128, BuildHasherDefault<Hashed>>>);

/// Takes what is a hash already as it is.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u128(&mut self, hash: u128) {
        let half = hash & u128::from(u64::MAX);
        self.0 = u64::try_from(half).unwrap_or_default();
    }
}

impl ReplacedIds {
    /// Returns the ids of records that came with an earlier chunk.
    pub(super) fn repeated(&self, records: &[Arc<Prepared>]) -> HashSet<String> {
        let ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let source_ids = records.iter().map(|record| &record.source_id);
        source_ids.filter(|id| ids.contains(&xxh3_128(id.as_bytes()))).cloned().collect()
    }

    /// Notes the records of a chunk, once they are written.
    pub(in crate::engine) fn note(&self, hashes: Vec<u128>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(hashes);
    }

    /// Notes the records of a column of ids. Returns of each whether it comes for the first time.
    pub(in crate::engine) fn note_first(&self, ids: &StringChunked) -> BooleanChunked {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ids.iter().map(|id| Some(known.insert(xxh3_128(id.unwrap_or_default().as_bytes())))).collect()
    }
}

/// Returns the hashes of records' source ids.
pub(in crate::engine) fn id_hashes(records: &[Arc<Prepared>]) -> Vec<u128> {
    records.iter().map(|record| xxh3_128(record.source_id.as_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_for_the_first_time_once_over_all_columns() {
        let ids = ReplacedIds::default();
        let first = |texts: &[&str]| -> Vec<bool> {
            ids.note_first(&texts.iter().copied().map(Some).collect()).iter().flatten().collect()
        };
        assert_eq!(first(&["a", "b", "a"]), [true, true, false]);
        assert_eq!(first(&["b", "c", ""]), [false, true, true]);
    }
}
