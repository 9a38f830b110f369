//! Takes back what a run did at one destination of a stream: page by page, each record looked at before it is written.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crate::connector::{FetchRequest, Selection};
use crate::engine::{
    decide::{
        kept_words::in_kept_words,
        lookup::{Age, fetch_all, find_keys, id_count},
        prepare::Key,
    },
    destination_run::DestinationRun,
    error::EngineError,
    setup::Loader,
    write::{dispatch::Dispatch, fate::Fate},
};
use crate::model::{BatchLimit, FieldName, Fields, Operation, Outcome, Record, Value};
use crate::state::{Changes, Image, ImageFate, ImageKind, TargetId};

use super::{
    item::{UndoItem, commit_without_write},
    links::{UnderWay, with_new_ids, without_deleted_links},
    report::{Difference, LeftRecord, MAX_LEFT, UndoCounts},
    step::{Abilities, Now, Step, step},
    unlinks::Unlinks,
};

/// Most records that are worked on at once: each is in memory with what it held, what was written and what it holds now.
const MAX_PAGE_RECORDS: u32 = 10_000;

/// What is taken back at one destination of a stream.
#[derive(Debug)]
pub(super) struct UndoTarget {
    pub destination: DestinationRun,
    pub stream_index: usize,
    pub undone_run: String,
    /// Whether it is only looked at.
    pub is_plan: bool,
    pub counts: UndoCounts,
    pub left: Vec<LeftRecord>,
    /// Fields that cannot be given back the value that they had, each with how many records have such a value.
    pub unwritable: HashMap<FieldName, u64>,
}

/// A page of images, with what the destination holds of them.
struct Looked {
    images: Vec<Image>,
    found: HashMap<String, Record>,
    keys: HashMap<i64, Key>,
    with_key: HashMap<i64, Record>,
}

impl UndoTarget {
    fn loader(&self) -> &Loader {
        &self.destination.loader
    }

    pub(super) fn target_id(&self) -> TargetId {
        self.loader().target.id
    }

    /// Takes back what the run did with records of one kind.
    pub(super) async fn take_back(
        &mut self,
        kind: ImageKind,
        renamed: &HashMap<String, String>,
        under_way: &UnderWay,
    ) -> Result<(), EngineError> {
        let mut after = 0;
        loop {
            let loader = self.loader();
            let (undo, page) = (loader.target.run_id.clone(), (after, loader.page_records().min(MAX_PAGE_RECORDS)));
            let state = &loader.services.state;
            let images = state.images(&self.undone_run, loader.target.id, &undo, kind, page).await?;
            let Some(last) = images.last() else { return Ok(()) };
            after = last.image_id;
            let images = with_new_ids(loader, images, renamed);
            let mut looked = self.look(self.in_own_words(images).await?).await?;
            let Looked { images, found, .. } = &mut looked;
            without_deleted_links((self.loader(), &self.abilities()), &self.undone_run, images, found, under_way)
                .await?;
            self.work(looked).await?;
        }
    }

    /// Lets what was written be in the words in which the destination gives it back.
    async fn in_own_words(&self, mut images: Vec<Image>) -> Result<Vec<Image>, EngineError> {
        let wrote = images.iter_mut().map(|image| std::mem::take(&mut image.wrote)).collect();
        for (image, wrote) in images.iter_mut().zip(in_kept_words(self.loader(), wrote).await?) {
            image.wrote = wrote;
        }
        Ok(images)
    }

    /// Reads what the destination holds of the records of a page.
    async fn look(&self, images: Vec<Image>) -> Result<Looked, EngineError> {
        let loader = self.loader();
        let abilities = self.abilities();
        let names: BTreeSet<&FieldName> = images
            .iter()
            .flat_map(|image| image.wrote.keys().chain(image.before.iter().flat_map(Fields::keys)))
            .collect();
        let mut fields: Vec<FieldName> =
            names.into_iter().filter(|name| abilities.is_readable(name)).cloned().collect();
        fields.extend(
            loader.shape.preparation.key.iter().filter(|name| !fields.contains(name)).cloned().collect::<Vec<_>>(),
        );
        let ids: Vec<String> = images.iter().map(|image| image.destination_id.clone()).collect();
        let requests = ids.chunks(id_count(loader)).map(|ids| FetchRequest {
            object: loader.target.names.object.clone(),
            selection: Selection::Ids(ids.to_vec()),
            fields: fields.clone(),
        });
        let read = fetch_all(loader, requests.collect()).await?;
        let found: HashMap<String, Record> = read.into_iter().map(|record| (record.id.clone(), record)).collect();
        let is_gone = |image: &&Image| image.kind == ImageKind::Deleted && !found.contains_key(&image.destination_id);
        let keys: HashMap<i64, Key> =
            images.iter().filter(is_gone).filter_map(|image| Some((image.image_id, self.key(image)?))).collect();
        let with_key = self.look_up(&keys, &fields).await?;
        Ok(Looked { images, found, keys, with_key })
    }

    /// Finds the records that have the keys of deleted ones.
    async fn look_up(
        &self,
        keys: &HashMap<i64, Key>,
        fields: &[FieldName],
    ) -> Result<HashMap<i64, Record>, EngineError> {
        let loader = self.loader();
        if keys.is_empty() || !loader.services.capabilities.looks_up_keys() {
            return Ok(HashMap::new());
        }
        let wanted: Vec<&Key> = keys.values().collect();
        let mut found = find_keys(loader, &wanted, Age::Now, fields).await?;
        let ids: HashMap<i64, String> =
            keys.iter().filter_map(|(image_id, key)| Some((*image_id, found.nth(key, 0)?.to_owned()))).collect();
        let read = found.take_fields();
        let record = |id: String| {
            let fields = read.get(&id).cloned().unwrap_or_default();
            Record { id, fields, merged_into: None, place: None }
        };
        Ok(ids.into_iter().map(|(image_id, id)| (image_id, record(id))).collect())
    }

    /// Returns the key that a record had; none where a part of it was empty.
    fn key(&self, image: &Image) -> Option<Key> {
        let preparation = &self.loader().shape.preparation;
        let before = image.before.as_ref()?;
        let values =
            preparation.key.iter().map(|name| before.get(name).filter(|value| !value.to_text().trim().is_empty()));
        let values: Vec<Value> = values.map(Option::<&Value>::cloned).collect::<Option<_>>()?;
        (!values.is_empty()).then(|| preparation.key(values))
    }

    /// Tells whether links are set by calls of their own there that can be taken back.
    pub(super) fn takes_links_away(&self) -> bool {
        self.loader().services.destination.unlink().is_some()
    }

    fn abilities(&self) -> Abilities<'_> {
        let loader = self.loader();
        let capabilities = &loader.services.capabilities;
        Abilities {
            schema: &loader.shape.schema,
            are_links_calls: capabilities.link.is_some(),
            can_delete: capabilities.delete.is_some(),
            can_update: capabilities.update.is_some(),
            can_insert: capabilities.insert.is_some(),
        }
    }

    /// Does what is to be done with the records of a page.
    async fn work(&mut self, looked: Looked) -> Result<(), EngineError> {
        let Looked { images, mut found, mut keys, with_key } = looked;
        let (mut deletes, mut updates, mut inserts) = (Vec::new(), Vec::new(), Vec::new());
        let mut changes = Changes::default();
        let mut settled = UndoCounts::default();
        let mut left = Vec::new();
        let mut unlinks = Unlinks::default();
        for image in &images {
            let now = Now {
                found: found.get(&image.destination_id),
                with_key: with_key.get(&image.image_id),
                is_under_way: self.loader().earlier.before.contains_key(&image.destination_id),
            };
            let done = step(&self.abilities(), image, now);
            self.note_unwritable(image, &done);
            if matches!(done, Step::Restore(_) | Step::AsItWas(_)) {
                unlinks.add(&self.abilities(), image);
            }
            let mut holds = || found.remove(&image.destination_id).map(|record| record.fields).unwrap_or_default();
            match done {
                Step::Delete => deletes.push(UndoItem::new(image, Fields::new(), Some(holds()), None)),
                Step::Restore(fields) => updates.push(UndoItem::new(image, fields, Some(holds()), None)),
                Step::Recreate(fields) => {
                    inserts.push(UndoItem::new(image, fields, None, keys.remove(&image.image_id)));
                }
                Step::AsItWas(new_id) => {
                    let fate = taken_back_as(image.kind);
                    settled.add(fate, 1);
                    // An attempt without an answer did it: what it was about to write over went into its intent.
                    if let Some(earlier) = self.loader().earlier.before.get(&image.destination_id) {
                        changes.images.push(UndoItem::of_earlier(image, earlier).image(fate, new_id.as_deref()));
                    }
                    commit_without_write(image, fate, new_id, &mut changes);
                }
                Step::Leave(fate, fields) => {
                    settled.add(fate, 1);
                    commit_without_write(image, fate, None, &mut changes);
                    left.push((image.destination_id.clone(), fate, fields));
                }
            }
        }
        for (id, fate, fields) in left {
            self.leave(id, fate, fields);
        }
        if self.is_plan {
            for (fate, items) in
                [(ImageFate::Deleted, &deletes), (ImageFate::Restored, &updates), (ImageFate::Recreated, &inserts)]
            {
                settled.add(fate, u64::try_from(items.len()).unwrap_or(u64::MAX));
            }
            self.counts.add_all(settled);
            return Ok(());
        }
        unlinks.take_away(self.loader()).await?;
        let dispatch_place = Dispatch::new(self.loader(), 0).place_of_rejects();
        self.loader().services.state.commit(dispatch_place, changes).await?;
        let capabilities = &self.loader().services.capabilities;
        let groups = [
            (Operation::Insert, capabilities.insert, inserts),
            (Operation::Update, capabilities.update, updates),
            (Operation::Delete, capabilities.delete, deletes),
        ];
        for (operation, limit, items) in groups {
            if let Some(limit) = limit.filter(|_| !items.is_empty()) {
                self.send(&operation, limit, items).await?;
            }
        }
        Ok(())
    }

    async fn send(
        &mut self,
        operation: &Operation,
        limit: BatchLimit,
        items: Vec<UndoItem>,
    ) -> Result<(), EngineError> {
        let mut refused = Vec::new();
        let mut deliver = |item: UndoItem, fate: Fate| match fate {
            Fate::Known(Outcome::Rejected(_) | Outcome::Held(_)) | Fate::Unknown => {
                refused.push((item.into_id(), ImageFate::Refused));
            }
            Fate::Known(Outcome::Missing) => refused.push((item.into_id(), ImageFate::Gone)),
            Fate::Known(Outcome::Created { .. } | Outcome::Updated { .. } | Outcome::Deleted) => {}
        };
        let loader = Arc::clone(&self.destination.loader);
        let dispatch = Dispatch::new(&loader, 0);
        let sent = dispatch.send(operation, limit, items, &mut deliver).await;
        for (id, fate) in refused {
            self.leave(id, fate, Vec::new());
        }
        self.destination.halving_calls += dispatch.halving_calls();
        sent
    }

    /// What a killed attempt was about to write is written, or looked at, by now.
    pub(super) async fn forget_intents(&self) -> Result<(), EngineError> {
        let target = &self.loader().target;
        self.loader().services.state.remove_intents_of_run(target.id, &target.run_id).await?;
        Ok(())
    }

    fn leave(&mut self, id: String, why: ImageFate, fields: Vec<Difference>) {
        if self.left.len() < MAX_LEFT {
            let target = &self.loader().target.names;
            let (stream, connection, object) =
                (target.stream.clone(), target.connection.clone(), target.object.clone());
            self.left.push(LeftRecord { stream, connection, object, id, why, fields });
        }
    }

    /// Notes which values cannot be put back, so that it can be said beforehand.
    fn note_unwritable(&mut self, image: &Image, done: &Step) {
        if !matches!(done, Step::Restore(_) | Step::Recreate(_)) {
            return;
        }
        let abilities = self.abilities();
        let changed = image.before.iter().flatten().filter(|(name, value)| image.wrote.get(*name) != Some(*value));
        let only_advances = |name: &FieldName| abilities.schema.field(name).is_some_and(|field| field.only_advances);
        let stays = |name: &FieldName| {
            !abilities.is_writable(name) || (only_advances(name) && matches!(done, Step::Restore(_)))
        };
        let lost = changed.filter(|(name, value)| !value.is_null() && !abilities.is_set_by_call(name) && stays(name));
        let lost: Vec<FieldName> = lost.map(|(name, _)| name.clone()).collect();
        for name in lost {
            *self.unwritable.entry(name).or_default() += 1;
        }
    }
}

/// Returns what it is called when a record of an image is as it was.
fn taken_back_as(kind: ImageKind) -> ImageFate {
    match kind {
        ImageKind::Created => ImageFate::Deleted,
        ImageKind::Updated => ImageFate::Restored,
        ImageKind::Deleted => ImageFate::Recreated,
    }
}
