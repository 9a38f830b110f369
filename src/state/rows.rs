//! What the engine still does row by row, in terms of the sets. Goes as its callers go.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use crate::model::ObjectName;

use super::{
    DeadLetter, DeadLetterKind, IdEntry, Intent, Link, PendingLink, ReasonCount, Run, RunStatus, SeenMark, SourceKey,
    StateError, Target, TargetId, TargetLedger, WaitingCount, Work, Written, dead_letters::Answered, intents::IntentId,
};

impl Work<'_> {
    /// Returns the id of a target, which is made when it is first seen.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn target_id(&self, target: &Target) -> Result<TargetId, StateError> {
        self.any_target_id(target)
    }

    /// Returns the targets of a stream at a connection, each with its object.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn targets_of_stream(
        &self,
        pipeline: &str,
        stream: &str,
        connection: &str,
    ) -> Result<Vec<(TargetId, ObjectName)>, StateError> {
        let mut statement = self.transaction.prepare_cached(
            "SELECT target_id, object FROM targets WHERE pipeline = ?1 AND stream = ?2 AND connection = ?3",
        )?;
        let targets = statement.query_map([pipeline, stream, connection], |row| {
            Ok((TargetId(row.get(0)?), ObjectName::from(row.get::<_, String>(1)?)))
        })?;
        Ok(targets.collect::<Result<_, _>>()?)
    }

    /// Stores a dead letter.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn save_dead_letter(&self, target: TargetId, letter: &DeadLetter) -> Result<(), StateError> {
        self.save_letters(target, std::slice::from_ref(letter), None)
    }

    /// Stores a dead letter of a record whose source id is known as it is looked up alone.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn save_dead_letter_of(
        &self,
        target: TargetId,
        source_key: SourceKey,
        letter: &DeadLetter,
    ) -> Result<(), StateError> {
        self.save_dead_letter(target, &DeadLetter { source_key: Some(source_key), ..letter.clone() })
    }

    /// Notes that a record is written now: its dead letters are answered.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn resolve_dead_letters(
        &self,
        target: TargetId,
        source_key: SourceKey,
        kind: Option<DeadLetterKind>,
        now: DateTime<Utc>,
    ) -> Result<(), StateError> {
        let source_keys = &[source_key];
        let answered = Answered { source_keys, numbers: &[], kind, run_id: "", redriven_run: None, now };
        self.answer_letters(target, &answered)
    }

    /// Notes that a link field of a record is written now: the dead letter about it is answered.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn resolve_link_letter(
        &self,
        target: TargetId,
        source_key: SourceKey,
        field: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StateError> {
        self.answer_link_letters(target, &[source_key], field, now)
    }

    /// Returns the open dead letters of a run.
    ///
    /// # Errors
    /// Fails when the file cannot be read or the key does not open them.
    pub fn dead_letters(&self, run_id: &str) -> Result<Vec<DeadLetter>, StateError> {
        Ok(self.letters_of(run_id)?.open)
    }

    /// Returns the dead letters of a run that were answered since.
    ///
    /// # Errors
    /// Fails when the file cannot be read or the key does not open them.
    pub fn answered_letters(&self, run_id: &str) -> Result<Vec<DeadLetter>, StateError> {
        Ok(self.letters_of(run_id)?.answered)
    }

    /// Counts the open dead letters of a run by target, kind, code and field.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn reasons(&self, run_id: &str) -> Result<Vec<ReasonCount>, StateError> {
        self.count_reasons(run_id)
    }

    /// Returns the entries of these source ids, by source id.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn id_entries<'id>(
        &self,
        target: TargetId,
        source_ids: impl Iterator<Item = &'id str>,
    ) -> Result<HashMap<String, IdEntry>, StateError> {
        self.entries(target, source_ids)
    }

    /// Returns the entries with these keys, by key.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn id_entries_by_key(
        &self,
        target: TargetId,
        key_hashes: impl Iterator<Item = u128>,
    ) -> Result<HashMap<u128, IdEntry>, StateError> {
        self.entries_by_key(target, key_hashes)
    }

    /// Stores what was written.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn save_id_entry(&self, target: TargetId, written: &Written<'_>, seen: &SeenMark) -> Result<(), StateError> {
        self.save_entries(target, &[(*written, seen.chunk)], &seen.run_id)?;
        self.forget_duplicates(target, &[self.source_key(written.source_id)])
    }

    /// Notes that these records were read again.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn mark_seen(
        &self,
        target: TargetId,
        source_keys: impl Iterator<Item = SourceKey>,
        seen: &SeenMark,
    ) -> Result<(), StateError> {
        self.mark_all_seen(target, &source_keys.collect::<Vec<_>>(), seen)
    }

    /// Notes that the destination no longer holds a record with this id.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn mark_missing(&self, target: TargetId, destination_id: &str) -> Result<(), StateError> {
        self.mark_all_missing(target, &[destination_id.to_owned()])
    }

    /// Notes that the destination holds a record under another id now.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn relink(&self, target: TargetId, old_id: &str, new_id: &str) -> Result<(), StateError> {
        self.move_ids(target, &[(old_id.to_owned(), new_id.to_owned())])
    }

    /// Returns which of these destination ids are mapped.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn mapped_ids(&self, target: TargetId, destination_ids: &[String]) -> Result<HashSet<String>, StateError> {
        Ok(self.owners_of(target, destination_ids.iter().map(String::as_str))?.into_keys().collect())
    }

    /// Tells whether another record is mapped to the same destination id as this one.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn is_shared(&self, target: TargetId, entry: &IdEntry) -> Result<bool, StateError> {
        let owners = self.owners_of(target, [entry.destination_id.as_str()])?;
        Ok(owners.values().flatten().any(|owner| *owner != entry.source_key))
    }

    /// Forgets a record: its entry and its links.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn forget_id_entry(&self, target: TargetId, source_key: SourceKey) -> Result<(), StateError> {
        self.forget_entries(target, &[source_key])
    }

    /// Stores an intent and returns its id.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn save_intent(&self, target: TargetId, intent: &Intent, now: DateTime<Utc>) -> Result<i64, StateError> {
        let ids = self.save_intents(target, std::slice::from_ref(intent), now)?;
        ids.first().map(|id| id.0).ok_or(StateError::Stopped)
    }

    /// Removes an intent whose outcomes are known.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn remove_intent(&self, intent_id: i64) -> Result<(), StateError> {
        self.remove_intents(&[IntentId(intent_id)])
    }

    /// Tells whether a target has intents.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn has_intents(&self, target: TargetId) -> Result<bool, StateError> {
        Ok(!self.open_intents(target)?.is_empty())
    }

    /// Returns the source ids of the intents of a target with this operation.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn unsettled(&self, target: TargetId, operation: &str) -> Result<Vec<String>, StateError> {
        let open = self.open_intents(target)?.into_iter().map(|open| open.intent);
        Ok(open.filter(|intent| intent.operation == operation).flat_map(|intent| intent.source_ids).collect())
    }

    /// Removes the intents of a target for this operation.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn clear_intents_of(&self, target: TargetId, operation: &str) -> Result<(), StateError> {
        self.remove_intents_of(target, operation)
    }

    /// Returns the ledgers of a run, in the pipeline's order.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn ledgers(&self, run_id: &str) -> Result<Vec<TargetLedger>, StateError> {
        Ok(self.ledgers_of(run_id)?.into_iter().map(|(_, ledger)| ledger).collect())
    }

    /// Stores the links of a record in place of those that are stored of it.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn replace_links(&self, target: TargetId, source_id: &str, links: &[Link]) -> Result<(), StateError> {
        self.replace_all_links(target, &[self.source_key(source_id)], &links.iter().collect::<Vec<_>>())
    }

    /// Stores a link; one of the same record and field is replaced.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn save_link(&self, target: TargetId, link: &Link) -> Result<(), StateError> {
        self.save_links(target, &[link])
    }

    /// Stores how many records a link is set to.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn set_linked(&self, link_id: i64, linked: u64) -> Result<(), StateError> {
        self.set_links(&[(link_id, linked)])
    }

    /// Forgets a link: the destination refuses it.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn drop_link(&self, link_id: i64) -> Result<(), StateError> {
        self.drop_links(&[link_id])
    }

    /// Returns up to `limit` links of a target that are not fully set, behind the one with the id `after`.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn pending_links(&self, target: TargetId, after: i64, limit: u32) -> Result<Vec<PendingLink>, StateError> {
        self.pending_page(target, after, limit)
    }

    /// Counts the links of a target that are not fully set.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn count_pending_links(&self, target: TargetId) -> Result<u64, StateError> {
        self.count_pending(target)
    }

    /// Counts the links of a target that are not fully set, by field and by the stream that they lead to.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn count_waiting(&self, target: TargetId) -> Result<Vec<WaitingCount>, StateError> {
        self.waiting_counts(target)
    }

    /// Makes links pending again that lead to records which have another id now.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn reopen_links(&self, pipeline: &str, connection: &str) -> Result<u64, StateError> {
        self.reopen_links_at(pipeline, connection)
    }

    /// Stores a run that begins.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn start_run(&self, run: &Run) -> Result<(), StateError> {
        self.save_run(run)
    }

    /// Stores how a run ended.
    ///
    /// # Errors
    /// Fails when the file cannot be written.
    pub fn finish_run(&self, run_id: &str, status: RunStatus, now: DateTime<Utc>) -> Result<(), StateError> {
        self.end_run(run_id, status, now)
    }

    /// Returns the newest run of a pipeline; redrives do not count.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn last_run(&self, pipeline: &str) -> Result<Option<Run>, StateError> {
        self.last_run_of(pipeline)
    }

    /// Returns the run with this id, or the newest one for `last`.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn run(&self, run_id: &str) -> Result<Option<Run>, StateError> {
        self.run_with(run_id)
    }

    /// Returns all runs, the newest first.
    ///
    /// # Errors
    /// Fails when the file cannot be read.
    pub fn runs(&self) -> Result<Vec<Run>, StateError> {
        self.all_runs()
    }
}
