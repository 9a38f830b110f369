//! A record that is written to take back what a run did with it.

use async_trait::async_trait;

use crate::engine::{
    decide::{
        lookup::{Lookup, look_up_written},
        prepare::Key,
    },
    error::EngineError,
    setup::Loader,
    write::fate::{CommitContext, Item},
};
use crate::model::{BatchRecord, Fields, Outcome, Rejection, Value};
use crate::state::{
    Before, Changes, DeadLetter, DeadLetterKind, Image, ImageFate, ImageKind, LetterBody, NewImage, RecordKey,
    TakenBack,
};

/// A record that is written to take back what a run did with it.
#[derive(Debug)]
pub(super) struct UndoItem {
    image_id: i64,
    source: RecordKey,
    /// The id under which the run wrote it.
    destination_id: String,
    record: BatchRecord,
    /// What it holds now, so that this can be taken back too.
    before: Before,
    /// Its key, where it is created again.
    key: Option<Key>,
}

impl UndoItem {
    /// Makes the item of an image: `fields` are what is written, `holds` what the destination holds now.
    pub(super) fn new(image: &Image, fields: Fields, holds: Option<Fields>, key: Option<Key>) -> Self {
        let destination_id = image.destination_id.clone();
        // A record that is not there is created.
        let own_id = holds.as_ref().map(|_| destination_id.clone());
        let record = BatchRecord { trace_id: image.image_id.to_string(), destination_id: own_id.clone(), fields };
        let before = Before { destination_id: own_id, fields: holds.unwrap_or_default() };
        let source = RecordKey::Key(image.source_key);
        Self { image_id: image.image_id, source, destination_id, record, before, key }
    }

    /// Returns the id under which the run wrote it.
    pub(super) fn into_id(self) -> String {
        self.destination_id
    }

    /// Makes the item that an attempt without an answer carried out, from what went into its intent.
    pub(super) fn of_earlier(image: &Image, earlier: &Before) -> Self {
        let before = image.before.iter().flatten();
        let changed = before.filter(|(name, value)| image.wrote.get(*name) != Some(*value));
        let fields = match image.kind {
            ImageKind::Created => Fields::new(),
            ImageKind::Updated | ImageKind::Deleted => {
                changed.map(|(name, value)| (name.clone(), value.clone())).collect()
            }
        };
        let holds = earlier.destination_id.as_ref().map(|_| earlier.fields.clone());
        Self::new(image, fields, holds, None)
    }

    fn taken(&self, fate: ImageFate, new_id: Option<String>) -> TakenBack {
        TakenBack { image_id: self.image_id, fate, new_id }
    }

    /// Returns what is kept of it, so that it can be taken back too.
    pub(super) fn image(&self, fate: ImageFate, new_id: Option<&str>) -> NewImage {
        let wrote = self.record.fields.clone();
        let id = new_id.unwrap_or(&self.destination_id);
        let kind = match fate {
            ImageFate::Deleted => ImageKind::Deleted,
            ImageFate::Recreated => ImageKind::Created,
            ImageFate::Restored | ImageFate::Changed | ImageFate::Gone | ImageFate::Impossible | ImageFate::Refused => {
                ImageKind::Updated
            }
        };
        let before = match kind {
            ImageKind::Created => Fields::new(),
            ImageKind::Deleted => self.before.fields.clone(),
            ImageKind::Updated => {
                let held = |name| self.before.fields.get(name).cloned().unwrap_or(Value::Null);
                wrote.keys().map(|name| (name.clone(), held(name))).collect()
            }
        };
        NewImage { source: self.source.clone(), destination_id: id.to_owned(), kind, before: Some(before), wrote }
    }

    fn refuse(&self, context: &CommitContext, kind: DeadLetterKind, reason: &Rejection, changes: &mut Changes) {
        let RecordKey::Key(source_key) = self.source else { return };
        let letter = context.letter(kind, "", reason);
        let reason = format!("it could not be taken back: {}", reason.reason);
        let body = LetterBody { reason, value: Some(self.destination_id.clone()), ..letter.body };
        changes.letters.push(DeadLetter { source_key: Some(source_key), body, ..letter });
        changes.taken_back.push(self.taken(ImageFate::Refused, None));
    }
}

/// Adds what is stored of a record that needs no write.
pub(super) fn commit_without_write(image: &Image, fate: ImageFate, new_id: Option<String>, changes: &mut Changes) {
    changes.taken_back.push(TakenBack { image_id: image.image_id, fate, new_id });
}

#[async_trait]
impl Item for UndoItem {
    fn record(&self) -> &BatchRecord {
        &self.record
    }

    fn record_mut(&mut self) -> &mut BatchRecord {
        &mut self.record
    }

    fn source_id(&self) -> &str {
        // The image tells of every record the id at the destination; of one that a mirror deleted, no source id is kept.
        &self.destination_id
    }

    fn before(&self) -> Option<&Before> {
        Some(&self.before)
    }

    fn commit(&self, context: &CommitContext, outcome: &Outcome, changes: &mut Changes) {
        let (fate, new_id) = match outcome {
            Outcome::Updated { .. } => (ImageFate::Restored, None),
            Outcome::Deleted => (ImageFate::Deleted, None),
            Outcome::Created { id } => (ImageFate::Recreated, Some(id.clone())),
            Outcome::Missing => return changes.taken_back.push(self.taken(ImageFate::Gone, None)),
            Outcome::Rejected(reason) => return self.refuse(context, DeadLetterKind::Rejected, reason, changes),
            Outcome::Held(reason) => return self.commit_held(context, reason, changes),
        };
        changes.images.push(self.image(fate, new_id.as_deref()));
        changes.taken_back.push(self.taken(fate, new_id));
    }

    fn commit_held(&self, context: &CommitContext, reason: &Rejection, changes: &mut Changes) {
        self.refuse(context, DeadLetterKind::Held, reason, changes);
    }

    async fn find_written(loader: &Loader, items: &[&Self]) -> Result<Vec<Option<Lookup>>, EngineError> {
        let keys: Vec<Option<&Key>> = items.iter().map(|item| item.key.as_ref()).collect();
        look_up_written(loader, &keys).await
    }
}
