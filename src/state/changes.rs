//! What became of records of a target, as one value that is stored in one transaction.

use crate::model::Fields;

use super::{
    SourceKey, State, Work,
    change_place::ChangePlace,
    dead_letters::{Answered, DeadLetter, DeadLetterKind},
    error::StateError,
    id_map::{SeenMark, Written, WrittenAs},
    image_kind::{ImageFate, ImageKind},
    intents::IntentId,
    links::Link,
};

/// What became of records: of a batch, of a chunk, of links. All of it is stored, or nothing.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Records that were created or updated. Their letters are answered.
    pub written: Vec<WrittenRecord>,
    /// Records that were read and need no write. Their letters about a rejection are answered.
    pub unchanged: Vec<ReadRecord>,
    /// Records that were read, whatever became of them: a mirror leaves them alone.
    pub seen: Vec<RecordKey>,
    /// Ids of records of the destination that such records were to change, whatever the source called them before.
    pub seen_at: Vec<String>,
    /// Records that are the same as another one.
    pub duplicates: Vec<Duplicate>,
    /// Of these, and of those of a target that keeps no ids, which were merged into which: for people.
    pub merged: Vec<Duplicate>,
    /// Records that were not written.
    pub letters: Vec<DeadLetter>,
    /// Ids of records that the destination no longer holds.
    pub missing: Vec<String>,
    /// Ids of records that were merged at the destination: the old one and the one that it has now.
    pub moved: Vec<(String, String)>,
    /// Records that are deleted. Their links go too, and their letters are answered.
    pub forgotten: Vec<SourceKey>,
    /// Links that lead to more records now. Their letters are answered.
    pub linked: Vec<LinkedLink>,
    /// Links to be written again, in place of those of the same record and field. Their letters are answered.
    pub reopened: Vec<Link>,
    /// Links that the destination refuses.
    pub refused_links: Vec<i64>,
    /// What records held before they were written.
    pub images: Vec<NewImage>,
    /// Images of another run that are taken back, or left.
    pub taken_back: Vec<TakenBack>,
    /// Intents whose records all have an outcome here.
    pub intents: Vec<IntentId>,
}

/// A record that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenRecord {
    /// The record.
    pub record: ReadRecord,
    /// The destination's id.
    pub destination_id: String,
    /// Of what was written.
    pub content_hash: u128,
    /// Of the key's values; none without a key.
    pub key_hash: Option<u128>,
    /// What was done.
    pub written_as: WrittenAs,
    /// The chunk that it was read in: a record may wait for those of later chunks.
    pub chunk: u64,
    /// Its links, in place of those that are stored; none where records of the target have no links.
    pub links: Option<Vec<Link>>,
}

/// An image to store.
#[derive(Debug, Clone, PartialEq)]
pub struct NewImage {
    /// The record by its source id.
    pub source: RecordKey,
    /// The destination's id.
    pub destination_id: String,
    /// What was done.
    pub kind: ImageKind,
    /// What the fields held before; none where that is not known.
    pub before: Option<Fields>,
    /// What was written.
    pub wrote: Fields,
}

/// A record that was taken back, or left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBack {
    /// The image.
    pub image_id: i64,
    /// What became of it.
    pub fate: ImageFate,
    /// The id of a record that was created again.
    pub new_id: Option<String>,
}

/// A record that was read.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReadRecord {
    /// The source's id.
    pub source_id: String,
    /// Its number in the read, from 1 on.
    pub number: u64,
}

/// A record by what is known of its source id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RecordKey {
    /// The id.
    Id(String),
    /// The id as it is looked up.
    Key(SourceKey),
}

/// A record that is not written because another one is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// Its source id.
    pub source_id: String,
    /// The one that is written.
    pub survivor: RecordKey,
}

/// A link that leads to more records now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedLink {
    /// Identifies the link.
    pub link_id: i64,
    /// The record that has it, by source id.
    pub source_id: String,
    /// The link field.
    pub field: String,
    /// How many records it leads to at the destination.
    pub linked: u64,
}

impl State {
    /// Stores changes of a target in one transaction.
    ///
    /// # Errors
    /// Fails when the state cannot be written; nothing of it is stored then.
    pub async fn commit(&self, place: ChangePlace, changes: Changes) -> Result<(), StateError> {
        self.write(move |work| work.commit(&place, &changes)).await
    }
}

impl Work<'_> {
    pub(super) fn commit(&self, place: &ChangePlace, changes: &Changes) -> Result<(), StateError> {
        let target = place.target_id;
        self.save_images(place, &changes.images)?;
        self.commit_read(place, changes)?;
        self.commit_written(place, &changes.written)?;
        self.save_duplicates(target, &changes.duplicates)?;
        self.save_merged(place, &changes.merged)?;
        self.mark_all_missing(target, &changes.missing)?;
        self.move_ids(place, &changes.moved)?;
        self.commit_links(place, changes)?;
        self.answer(place, &changes.forgotten, &[], None)?;
        self.forget_entries(target, &changes.forgotten)?;
        self.take_back(place, &changes.taken_back)?;
        self.save_letters(target, &changes.letters, place.redriven_run.as_deref())?;
        self.remove_intents(&changes.intents)
    }

    fn commit_read(&self, place: &ChangePlace, changes: &Changes) -> Result<(), StateError> {
        let unchanged = changes.unchanged.iter();
        let unchanged: Vec<SourceKey> = unchanged.map(|record| self.source_key(&record.source_id)).collect();
        let numbers: Vec<u64> = changes.unchanged.iter().map(|record| record.number).collect();
        self.answer(place, &unchanged, &numbers, Some(DeadLetterKind::Rejected))?;
        let names: Vec<&str> = changes.unchanged.iter().map(|record| record.source_id.as_str()).collect();
        self.name_entries(place.target_id, &names, &unchanged)?;
        let seen = changes.seen.iter().map(|record| match record {
            RecordKey::Id(source_id) => self.source_key(source_id),
            RecordKey::Key(source_key) => *source_key,
        });
        let seen: Vec<SourceKey> = unchanged.into_iter().chain(seen).collect();
        let mark = SeenMark { run_id: place.run_id.clone(), chunk: place.chunk };
        self.mark_all_seen(place.target_id, &seen, &mark)?;
        self.mark_seen_at(place.target_id, &changes.seen_at, &mark)
    }

    fn commit_written(&self, place: &ChangePlace, written: &[WrittenRecord]) -> Result<(), StateError> {
        if written.is_empty() {
            return Ok(());
        }
        let target = place.target_id;
        let source_keys: Vec<SourceKey> = written.iter().map(|one| self.source_key(&one.record.source_id)).collect();
        let entries: Vec<(Written<'_>, u64)> = written.iter().map(|one| (one.entry(), one.chunk)).collect();
        self.save_entries(target, &entries, (&place.run_id, place.now))?;
        self.forget_duplicates(target, &source_keys)?;
        let numbers: Vec<u64> = written.iter().map(|one| one.record.number).collect();
        self.answer(place, &source_keys, &numbers, None)?;
        let with_links = written.iter().zip(&source_keys).filter(|(one, _)| one.links.is_some());
        let owners: Vec<SourceKey> = with_links.map(|(_, source_key)| *source_key).collect();
        let links: Vec<&Link> = written.iter().filter_map(|one| one.links.as_ref()).flatten().collect();
        self.replace_all_links(target, &owners, &links)
    }

    fn commit_links(&self, place: &ChangePlace, changes: &Changes) -> Result<(), StateError> {
        let (target, now) = (place.target_id, place.now);
        self.set_links(&changes.linked.iter().map(|link| (link.link_id, link.linked)).collect::<Vec<_>>())?;
        let mut fields: Vec<&str> = changes.linked.iter().map(|link| link.field.as_str()).collect();
        fields.sort_unstable();
        fields.dedup();
        for field in fields {
            let of_field = changes.linked.iter().filter(|link| link.field == field);
            let records: Vec<SourceKey> = of_field.map(|link| self.source_key(&link.source_id)).collect();
            self.answer_link_letters(target, &records, field, now)?;
        }
        let reopened = changes.reopened.iter();
        let reopened: Vec<SourceKey> = reopened.map(|link| self.source_key(&link.source_id)).collect();
        self.answer(place, &reopened, &[], Some(DeadLetterKind::Link))?;
        self.save_links(target, &changes.reopened.iter().collect::<Vec<_>>())?;
        self.drop_links(&changes.refused_links)
    }

    fn answer(
        &self,
        place: &ChangePlace,
        source_keys: &[SourceKey],
        numbers: &[u64],
        kind: Option<DeadLetterKind>,
    ) -> Result<(), StateError> {
        let (run_id, redriven_run) = (place.run_id.as_str(), place.redriven_run.as_deref());
        let answered = Answered { source_keys, numbers, kind, run_id, redriven_run, now: place.now };
        self.answer_letters(place.target_id, &answered)
    }
}

impl WrittenRecord {
    fn entry(&self) -> Written<'_> {
        Written {
            source_id: &self.record.source_id,
            destination_id: &self.destination_id,
            content_hash: self.content_hash,
            key_hash: self.key_hash,
            written_as: self.written_as,
        }
    }
}
