//! Says of each record of the person where it is.

use std::collections::{HashMap, HashSet};

use crate::state::{SourceKey, error::StateError, target::TargetId};

use super::{
    FoundBy, TracedRecord,
    find::{Finder, Placed},
    rows::Mentioning,
};

impl Finder<'_> {
    /// Returns the records with where they are, then those of others that name the person.
    pub(super) fn traced(&self, mentioning: &Mentioning) -> Result<Vec<TracedRecord>, StateError> {
        let mut traced = Vec::new();
        let mut unplaced: HashSet<_> = self.records.keys().copied().collect();
        for (target_id, placed) in &self.targets {
            let own: HashMap<SourceKey, FoundBy> = self
                .records
                .iter()
                .filter(|((group, _), _)| *group == placed.group)
                .map(|((_, key), found_by)| (*key, *found_by))
                .collect();
            let others = mentioning.iter().filter(|(target, _)| target == target_id).map(|(_, key)| *key);
            let wanted: HashMap<SourceKey, FoundBy> = others.map(|key| (key, FoundBy::Mention)).chain(own).collect();
            for (source_key, entry) in self.work.entries_of(*target_id, wanted.keys())? {
                unplaced.remove(&(placed.group, source_key));
                let found_by = wanted.get(&source_key).copied().unwrap_or(FoundBy::Mention);
                let record = self.record(*target_id, placed, source_key, found_by)?;
                let (destination_id, is_missing) = (Some(entry.destination_id), entry.is_missing);
                traced.push(TracedRecord { destination_id, is_missing, ..record });
            }
        }
        for (group, source_key) in unplaced {
            let of_group = self.targets.iter().find(|(_, placed)| placed.group == group);
            let Some((target_id, placed)) = of_group else { continue };
            let Some(found_by) = self.records.get(&(group, source_key)).copied() else { continue };
            // A record that nothing is kept of is only what was asked for.
            if found_by != FoundBy::Named || self.is_kept(source_key)? {
                traced.push(self.record(*target_id, placed, source_key, found_by)?);
            }
        }
        traced.sort_by(|one, other| {
            let order = |record: &TracedRecord| (record.found_by == FoundBy::Mention, record.target_id);
            order(one)
                .cmp(&order(other))
                .then_with(|| one.source_id.cmp(&other.source_id))
                .then_with(|| one.destination_id.cmp(&other.destination_id))
        });
        Ok(traced)
    }

    fn record(
        &self,
        target_id: TargetId,
        placed: &Placed,
        source_key: SourceKey,
        found_by: FoundBy,
    ) -> Result<TracedRecord, StateError> {
        let known = self.names.get(&source_key).cloned();
        let source_id = if known.is_some() { known } else { self.work.name_of(target_id, source_key)? };
        Ok(TracedRecord {
            target_id,
            target: placed.target.clone(),
            source_connection: placed.source_connection.clone(),
            source_key,
            source_id,
            found_by,
            destination_id: None,
            is_missing: false,
        })
    }

    fn is_kept(&self, source_key: SourceKey) -> Result<bool, StateError> {
        let sql =
            "SELECT 1 FROM dead_letters WHERE source_key = ?1 UNION ALL SELECT 1 FROM images WHERE source_key = ?1
             UNION ALL SELECT 1 FROM duplicates WHERE source_key = ?1 OR survivor_key = ?1
             UNION ALL SELECT 1 FROM links WHERE source_key = ?1
             UNION ALL SELECT 1 FROM merged WHERE source_key = ?1 OR survivor_key = ?1 LIMIT 1";
        Ok(self.work.transaction.prepare_cached(sql)?.exists([source_key.0])?)
    }
}
