//! How far a run is with a target: what is saved with a chunk, when the stream is at its end, and when it is read once more.

use chrono::{DateTime, Utc};

use super::{
    State, Work, checkpoints::Checkpoint, error::StateError, id_map::IdEntry, ledgers::TargetLedger, target::TargetId,
};

/// What a run leaves behind at the end of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TargetEnd {
    /// Whether every record has an outcome, so that no intent is open.
    pub are_intents_done: bool,
    /// Whether the next run begins at the beginning.
    pub clears_checkpoint: bool,
    /// Whether records that are missing at the destination and were not read are forgotten: the source does not have them either.
    pub forgets_missing: bool,
    /// When everything was read: what earlier runs left of rejected and held records is answered. A record that still is not written has
    /// a letter of this run; what the source no longer has needs none.
    pub answers_letters_at: Option<DateTime<Utc>>,
}

/// Records of a target that a run has not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnseenPage {
    /// Those that nobody else needs at the destination.
    pub own: Vec<IdEntry>,
    /// Behind which entry the next page begins; none where this is the last one.
    pub next: Option<i64>,
}

/// How many records of a target there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnseenCount {
    /// Records that are mapped.
    pub mapped: u64,
    /// Those of them that the run has not read.
    pub unseen: u64,
}

impl State {
    /// Saves the ledger of a target and, where there is one, its checkpoint, in one transaction.
    ///
    /// # Errors
    /// Fails when the state cannot be written; neither is saved then.
    pub async fn save_progress(
        &self,
        target: TargetId,
        run_id: &str,
        ledger: TargetLedger,
        checkpoint: Option<Checkpoint>,
    ) -> Result<(), StateError> {
        let run_id = run_id.to_owned();
        self.write(move |work| {
            work.save_ledger(&run_id, target, &ledger)?;
            checkpoint.map_or(Ok(()), |checkpoint| work.save_checkpoint(target, &checkpoint))
        })
        .await
    }

    /// Saves the ledger of a target whose stream is at its end, and removes what is not needed any more.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn close_target(
        &self,
        target: TargetId,
        run_id: &str,
        ledger: TargetLedger,
        end: TargetEnd,
    ) -> Result<(), StateError> {
        let run_id = run_id.to_owned();
        self.write(move |work| {
            work.save_ledger(&run_id, target, &ledger)?;
            if end.forgets_missing {
                work.forget_missing(target, &run_id)?;
            }
            if let Some(now) = end.answers_letters_at {
                work.answer_earlier_letters(target, &run_id, now)?;
            }
            if end.clears_checkpoint {
                work.clear_checkpoint(target)?;
            }
            if end.are_intents_done { work.clear_intents(target) } else { Ok(()) }
        })
        .await
    }

    /// Forgets the ids of a target whose records are told apart by nothing any more.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn forget_ids(&self, target: TargetId) -> Result<(), StateError> {
        self.write(move |work| work.forget_all_entries(target)).await
    }

    /// Prepares a target for a run that reads the records behind one of its chunks once more, perhaps in another order: what they
    /// left is not taken for that of records that are read only once.
    ///
    /// # Errors
    /// Fails when the state cannot be written.
    pub async fn rewind(&self, target: TargetId, run_id: &str, chunk: u64) -> Result<(), StateError> {
        let run_id = run_id.to_owned();
        self.write(move |work| {
            work.rewind_seen(target, &run_id, chunk)?;
            work.rewind_letters(target, &run_id, chunk)
        })
        .await
    }

    /// Counts the records of a target, and those that a run has not read.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn unseen_count(&self, target: TargetId, run_id: &str) -> Result<UnseenCount, StateError> {
        let run_id = run_id.to_owned();
        self.read(move |work| {
            let (mapped, unseen) = work.count_unseen(target, &run_id)?;
            Ok(UnseenCount { mapped, unseen })
        })
        .await
    }

    /// Returns up to `limit` records that a run has not read, behind the entry `after`. Those of which there is nothing to delete
    /// are forgotten here: they are gone already, or were merged into one that belongs to another record too.
    ///
    /// # Errors
    /// Fails when the state cannot be read or written.
    pub async fn unseen_page(
        &self,
        target: TargetId,
        run_id: &str,
        after: Option<i64>,
        limit: u32,
    ) -> Result<UnseenPage, StateError> {
        let run_id = run_id.to_owned();
        self.write(move |work| work.unseen_page(target, &run_id, after.unwrap_or(0), limit)).await
    }
}

impl Work<'_> {
    fn unseen_page(&self, target: TargetId, run_id: &str, after: i64, limit: u32) -> Result<UnseenPage, StateError> {
        let page = self.unseen(target, run_id, after, limit)?;
        let next = page.last().map(|entry| entry.entry_id);
        let owners = self.owners_of(target, page.iter().map(|entry| entry.destination_id.as_str()))?;
        let is_shared = |entry: &IdEntry| {
            let of_entry = owners.get(&entry.destination_id);
            of_entry.is_some_and(|owners| owners.iter().any(|owner| *owner != entry.source_key))
        };
        // Of two unseen records that share one, the first is forgotten and the second deletes it.
        let mut last_owners = std::collections::HashSet::new();
        let unseen: std::collections::HashSet<_> = page.iter().map(|entry| entry.source_key).collect();
        let (mut own, mut forgotten) = (Vec::new(), Vec::new());
        for entry in page.into_iter().rev() {
            let others_are_unseen = owners
                .get(&entry.destination_id)
                .is_some_and(|owners| owners.iter().all(|owner| unseen.contains(owner)));
            let is_last = others_are_unseen && last_owners.insert(entry.destination_id.clone());
            if entry.is_missing || (is_shared(&entry) && !is_last) {
                forgotten.push(entry.source_key);
            } else {
                own.push(entry);
            }
        }
        own.reverse();
        self.forget_entries(target, &forgotten)?;
        Ok(UnseenPage { own, next })
    }
}
