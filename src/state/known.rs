//! What is known of a chunk of records before it is decided what to do with them: in a few queries, whatever its size.

use std::collections::HashMap;

use crate::model::ObjectName;

use super::{SourceKey, State, Work, error::StateError, id_map::IdEntry, target::TargetId};

/// What is asked of a target.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Records, by source id.
    pub source_ids: Vec<String>,
    /// Records, by the hash of their key's values.
    pub key_hashes: Vec<u128>,
    /// Records of streams that links lead to, by stream and source id.
    pub linked: HashMap<String, Vec<String>>,
    /// Records of the destination, by their ids there: which of them belong to a source record?
    pub destination_ids: Vec<String>,
}

/// What is known of what was asked. What is not in it is not known.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The entries of source ids.
    pub by_source: HashMap<String, IdEntry>,
    /// The entries of keys.
    pub by_key: HashMap<u128, IdEntry>,
    /// By stream and source id, the records that links lead to. A duplicate leads to its survivor.
    pub linked: HashMap<String, HashMap<String, LinkedRecord>>,
    /// How many source records each destination id belongs to; those that belong to none are left out.
    pub owned: HashMap<String, usize>,
}

/// A record at the destination that a link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedRecord {
    /// The target that wrote it.
    pub target_id: TargetId,
    /// Its object.
    pub object: ObjectName,
    /// Its id.
    pub destination_id: String,
}

impl State {
    /// Looks up what is known of records of a target.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn known(&self, target: TargetId, wanted: Wanted) -> Result<Known, StateError> {
        self.read(move |work| work.known(target, &wanted)).await
    }
}

impl Work<'_> {
    pub(super) fn known(&self, target: TargetId, wanted: &Wanted) -> Result<Known, StateError> {
        let mut known = Known::default();
        if !wanted.source_ids.is_empty() {
            known.by_source = self.entries(target, wanted.source_ids.iter().map(String::as_str))?;
        }
        if !wanted.key_hashes.is_empty() {
            known.by_key = self.entries_by_key(target, wanted.key_hashes.iter().copied())?;
        }
        if !wanted.destination_ids.is_empty() {
            let owners = self.owners_of(target, wanted.destination_ids.iter().map(String::as_str))?;
            known.owned = owners.into_iter().map(|(id, owners)| (id, owners.len())).collect();
        }
        for (stream, source_ids) in &wanted.linked {
            known.linked.insert(stream.clone(), self.linked_records(target, stream, source_ids)?);
        }
        Ok(known)
    }

    /// Returns the records of a stream that links of this target lead to, whatever object they went to. Those that the destination
    /// does not hold any more are left out.
    pub(super) fn linked_records(
        &self,
        own: TargetId,
        stream: &str,
        source_ids: &[String],
    ) -> Result<HashMap<String, LinkedRecord>, StateError> {
        let names: HashMap<SourceKey, &str> =
            source_ids.iter().map(|source_id| (self.source_key(source_id), source_id.as_str())).collect();
        let mut found = HashMap::new();
        for linked in self.linked_targets(own, stream)? {
            let target_id = linked.target_id;
            let entries = self.entries_of(target_id, names.keys())?;
            let unknown: Vec<SourceKey> = names.keys().filter(|key| !entries.contains_key(key)).copied().collect();
            let survivors = self.survivors(target_id, &unknown)?;
            let of_survivors = self.entries_of(target_id, survivors.values())?;
            let mut insert = |source_key: &SourceKey, entry: &IdEntry| {
                if let Some(source_id) = names.get(source_key).filter(|_| !entry.is_missing) {
                    let (object, destination_id) = (linked.object.clone(), entry.destination_id.clone());
                    found.insert((*source_id).to_owned(), LinkedRecord { target_id, object, destination_id });
                }
            };
            for (source_key, entry) in &entries {
                insert(source_key, entry);
            }
            for (source_key, survivor) in &survivors {
                if let Some(entry) = of_survivors.get(survivor) {
                    insert(source_key, entry);
                }
            }
        }
        Ok(found)
    }
}
