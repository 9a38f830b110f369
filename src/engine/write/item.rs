//! One record that is written, and what is stored when its outcome is known.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::engine::{
    decide::{
        decision::RecordWrite,
        lookup::{Lookup, look_up_written},
        prepare::{Key, LinkValue, Prepared},
    },
    error::EngineError,
    setup::Loader,
};
use crate::model::{BatchRecord, Outcome, Rejection, Spellings};
use crate::state::{Before, Changes, DeadLetter, DeadLetterKind, Link, RecordKey, WrittenAs, WrittenRecord};

use super::{
    fate::{CommitContext, Item},
    images::image,
    letters::{Original, letter},
};

/// One record that is written. Records that wait on disk are written down as this.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::engine) struct RecordItem {
    /// Its place among those that wait on disk.
    #[serde(skip)]
    pub place: usize,
    /// The chunk that it came with.
    pub chunk: u64,
    pub prepared: Arc<Prepared>,
    /// The record as the source gave it, for its dead letter.
    pub source: Original,
    record: BatchRecord,
    /// All links, each with how many of its records go along.
    links: Vec<Link>,
    /// Whether this run created it, and was stopped before it knew: what is sent is an update.
    pub is_own: bool,
    /// What the destination held before; none where that is not known or not kept.
    before: Option<Before>,
    /// The key by which later records are known to be the same; none where records are only inserted, each for itself.
    key_hash: Option<u128>,
}

impl RecordItem {
    /// Makes the item of a record of a chunk, by its number in it.
    pub(in crate::engine) fn new(
        (chunk, number): (u64, usize),
        prepared: Arc<Prepared>,
        write: RecordWrite,
        key_hash: Option<u128>,
        source: Original,
    ) -> Self {
        let RecordWrite { destination_id, fields, links } = write;
        let record = BatchRecord { trace_id: number.to_string(), destination_id, fields };
        Self { place: 0, chunk, record, links, prepared, is_own: false, before: None, key_hash, source }
    }

    /// Says what the destination held before.
    pub(in crate::engine) fn behind(self, before: Option<Before>) -> Self {
        Self { before, ..self }
    }

    /// Says whether this run created the record, and was stopped before it knew.
    pub(in crate::engine) fn own(self, is_own: bool) -> Self {
        Self { is_own, ..self }
    }

    /// Adds what is stored of a record that the destination holds already, perhaps by an attempt of which there is no answer.
    pub(super) fn adopt(&self, context: &CommitContext, changes: &mut Changes) {
        let Some(id) = self.record.destination_id.as_deref() else { return };
        if self.before.is_some() {
            self.keep(context, id, WrittenAs::Updated, changes);
        }
        changes.written.push(self.written(context, id, WrittenAs::Updated));
    }

    /// Says where it waits: its number in a chunk tells it from others of the chunk only.
    pub(in crate::engine) fn put_at(&mut self, place: usize) {
        self.place = place;
        self.record.trace_id = place.to_string();
    }

    /// Returns the links that go along with the record.
    pub(in crate::engine) fn carried_links(&self) -> impl Iterator<Item = &LinkValue> {
        self.prepared.links.iter().filter(|link| self.record.fields.contains_key(&link.field))
    }

    pub(in crate::engine) fn leads_to(&self, changed: &HashSet<(String, String)>, spellings: &Spellings) -> bool {
        let has_missing = |link: &LinkValue| {
            link.linked_ids.iter().any(|linked_id| {
                let is_changed = |id: &str| changed.contains(&(link.stream.to_string(), id.to_owned()));
                spellings.known_as(linked_id, is_changed).is_some()
            })
        };
        self.carried_links().any(has_missing)
    }

    fn refuse(&self, context: &CommitContext, kind: DeadLetterKind, reason: &Rejection, changes: &mut Changes) {
        let letter = letter(context, &self.prepared, kind, reason, self.source.json());
        changes.letters.push(DeadLetter { chunk: self.chunk, ..letter });
        // It was read: a mirror must not delete what the destination holds of it.
        changes.seen.push(RecordKey::Id(self.prepared.source_id.clone()));
        changes.seen_at.extend(self.record.destination_id.clone());
    }

    /// Adds what is kept of a write, so that it can be taken back.
    fn keep(&self, context: &CommitContext, id: &str, outcome: WrittenAs, changes: &mut Changes) {
        if context.keeps_images {
            let source = RecordKey::Id(self.prepared.source_id.clone());
            changes.images.push(image(source, id, outcome, self.before.as_ref(), &self.record.fields));
        }
    }

    fn written(&self, context: &CommitContext, destination_id: &str, written_as: WrittenAs) -> WrittenRecord {
        WrittenRecord {
            record: self.prepared.read_record(),
            destination_id: destination_id.to_owned(),
            content_hash: self.prepared.content_hash,
            key_hash: self.key_hash,
            written_as,
            chunk: self.chunk,
            links: context.has_links.then(|| self.links.clone()),
        }
    }
}

#[async_trait]
impl Item for RecordItem {
    fn record(&self) -> &BatchRecord {
        &self.record
    }

    fn record_mut(&mut self) -> &mut BatchRecord {
        &mut self.record
    }

    fn source_id(&self) -> &str {
        &self.prepared.source_id
    }

    fn before(&self) -> Option<&Before> {
        self.before.as_ref()
    }

    fn commit(&self, context: &CommitContext, outcome: &Outcome, changes: &mut Changes) {
        match outcome {
            Outcome::Created { id } => {
                self.keep(context, id, WrittenAs::Created, changes);
                changes.written.push(self.written(context, id, WrittenAs::Created));
            }
            Outcome::Updated { id } => {
                let written_as = if self.is_own { WrittenAs::Created } else { WrittenAs::Updated };
                self.keep(context, id, written_as, changes);
                changes.written.push(self.written(context, id, written_as));
            }
            // Not by the source's id: a record with the same key may be the one that is known under it.
            Outcome::Missing | Outcome::Deleted => changes.missing.extend(self.record.destination_id.clone()),
            Outcome::Rejected(reason) => self.refuse(context, DeadLetterKind::Rejected, reason, changes),
            Outcome::Held(reason) => self.commit_held(context, reason, changes),
        }
    }

    fn commit_held(&self, context: &CommitContext, reason: &Rejection, changes: &mut Changes) {
        self.refuse(context, DeadLetterKind::Held, reason, changes);
    }

    async fn find_written(loader: &Loader, items: &[&Self]) -> Result<Vec<Option<Lookup>>, EngineError> {
        let keys: Vec<Option<&Key>> = items.iter().map(|item| item.prepared.key.as_ref()).collect();
        look_up_written(loader, &keys).await
    }
}
