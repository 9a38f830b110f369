//! One record that is written, and what is stored when its outcome is known.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::engine::{
    decide::{
        lookup::{Lookup, look_up_written},
        matching::RecordWrite,
        prepare::{Key, LinkValue, Prepared},
    },
    error::EngineError,
    setup::Loader,
};
use crate::model::{BatchRecord, Fields, Outcome, Rejection};
use crate::state::{DeadLetter, DeadLetterKind, LetterBody, Link, SeenMark, StateError, Work, Written, WrittenAs};
use crate::transform::Rejected;

use super::dispatch::{CommitContext, Item};

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
    pub source: Json,
    record: BatchRecord,
    /// All links, each with how many of its records go along.
    links: Vec<Link>,
    /// The key by which later records are known to be the same; none where records are only inserted, each for itself.
    key_hash: Option<u128>,
}

impl RecordItem {
    /// Makes the item of a record of a chunk, by its number in it.
    pub(in crate::engine) fn new(
        (chunk, number): (u64, usize),
        prepared: Arc<Prepared>,
        record_write: RecordWrite,
        key_hash: Option<u128>,
        source: Json,
    ) -> Self {
        let RecordWrite { destination_id, fields, links } = record_write;
        let record = BatchRecord { trace_id: number.to_string(), destination_id, fields };
        Self { place: 0, chunk, record, links, prepared, key_hash, source }
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

    pub(in crate::engine) fn leads_to(&self, missing_linked: &HashSet<(String, String)>) -> bool {
        let has_missing = |link: &LinkValue| {
            link.linked_ids
                .iter()
                .any(|linked_id| missing_linked.contains(&(link.stream.to_string(), linked_id.clone())))
        };
        self.carried_links().any(has_missing)
    }

    fn letter(&self, context: &CommitContext, kind: DeadLetterKind, reason: &Rejection) -> DeadLetter {
        let letter = letter(context, &self.prepared, kind, reason, self.source.clone());
        DeadLetter { chunk: self.chunk, ..letter }
    }

    fn save_id_entry(
        &self,
        work: &Work<'_>,
        context: &CommitContext,
        destination_id: &str,
        written_as: WrittenAs,
    ) -> Result<(), StateError> {
        let source_id = &self.prepared.source_id;
        let written = Written {
            source_id,
            destination_id,
            content_hash: self.prepared.content_hash,
            key_hash: self.key_hash,
            written_as,
        };
        let seen = SeenMark { run_id: context.run_id.clone(), chunk: self.chunk };
        work.save_id_entry(context.target_id, &written, &seen)?;
        work.resolve_dead_letters(context.target_id, work.source_key(source_id), None, context.now)?;
        if context.has_links {
            work.replace_links(context.target_id, source_id, &self.links)?;
        }
        Ok(())
    }
}

#[async_trait]
impl Item for RecordItem {
    fn record(&self) -> &BatchRecord {
        &self.record
    }

    fn source_id(&self) -> &str {
        &self.prepared.source_id
    }

    fn commit(&self, work: &Work<'_>, context: &CommitContext, outcome: &Outcome) -> Result<(), StateError> {
        match outcome {
            Outcome::Created { id } => self.save_id_entry(work, context, id, WrittenAs::Created),
            Outcome::Updated { id } => self.save_id_entry(work, context, id, WrittenAs::Updated),
            Outcome::Missing | Outcome::Deleted => {
                // Not by the source's id: a record with the same key may be the one that is mapped to it.
                let known = self.record.destination_id.as_deref();
                known.map_or(Ok(()), |destination_id| work.mark_missing(context.target_id, destination_id))
            }
            Outcome::Rejected(reason) => {
                work.save_dead_letter(context.target_id, &self.letter(context, DeadLetterKind::Rejected, reason))
            }
            Outcome::Held(reason) => self.commit_held(work, context, reason),
        }
    }

    fn commit_held(&self, work: &Work<'_>, context: &CommitContext, reason: &Rejection) -> Result<(), StateError> {
        work.save_dead_letter(context.target_id, &self.letter(context, DeadLetterKind::Held, reason))
    }

    async fn find_written(loader: &Loader, items: &[Self]) -> Result<Vec<Option<Lookup>>, EngineError> {
        let keys: Vec<Option<&Key>> = items.iter().map(|item| item.prepared.key.as_ref()).collect();
        look_up_written(loader, &keys).await
    }
}

/// Returns a mapped record as JSON, its links as lists of source ids.
pub(in crate::engine) fn fields_json(record: &Prepared) -> Json {
    let fields: &Fields = &record.fields;
    let plain = fields.iter().map(|(name, value)| (name.to_string(), value.to_json()));
    let links = record.links.iter().map(|link| (link.field.to_string(), Json::from(link.linked_ids.clone())));
    Json::Object(plain.chain(links).collect())
}

/// Makes the dead letter of a mapped record.
pub(in crate::engine) fn letter(
    context: &CommitContext,
    record: &Prepared,
    kind: DeadLetterKind,
    reason: &Rejection,
    source: Json,
) -> DeadLetter {
    DeadLetter {
        run_id: context.run_id.clone(),
        target: context.target.clone(),
        source_id: record.source_id.clone(),
        source_key: None,
        kind,
        code: reason.code.clone(),
        field: reason.field.clone(),
        number: 0,
        line: None,
        created_at: context.now,
        chunk: context.chunk,
        body: LetterBody {
            reason: reason.reason.clone(),
            value: reason.value.clone(),
            source,
            mapped: fields_json(record),
            request_id: reason.request_id.clone(),
        },
    }
}

/// Makes the dead letter of a record that did not get as far as being mapped.
pub(in crate::engine) fn unmapped_letter(context: &CommitContext, reject: Rejected) -> DeadLetter {
    DeadLetter {
        run_id: context.run_id.clone(),
        target: context.target.clone(),
        source_id: reject.id,
        source_key: None,
        kind: DeadLetterKind::Rejected,
        code: reject.rejection.code,
        field: reject.rejection.field,
        number: 0,
        line: reject.line,
        created_at: context.now,
        chunk: context.chunk,
        body: LetterBody {
            reason: reject.rejection.reason,
            value: reject.rejection.value,
            source: reject.source,
            mapped: serde_json::Value::Null,
            request_id: reject.rejection.request_id,
        },
    }
}
