//! Turns the source ids of linked records into the ids they have at the destination, and closes the links that had to wait.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;

use crate::engine::{
    decide::{
        existence::{LinkedExistence, verify, verify_linked},
        link_ids::{KnownLink, LinkedIds, linked_ids},
        lookup::Lookup,
        prepare::LinkValue,
    },
    error::EngineError,
    setup::Loader,
    write::{
        dispatch::Dispatch,
        fate::{CommitContext, Fate, Item, operation_word},
        store::save_existence,
    },
};
use crate::model::{BatchLimit, BatchRecord, FieldName, Fields, Operation, Outcome, Rejection, Value};
use crate::state::{
    Before, Changes, DeadLetter, DeadLetterKind, ImageKind, LetterBody, Link, LinkedLink, NewImage, PendingLink,
    RecordKey, Wanted, WrittenAs,
};

/// What stands between the ids of a refused link in its letter.
pub(in crate::engine) const LINK_SEPARATOR: &str = ";";

/// The links of one record that can be written now.
#[derive(Debug)]
struct LinkItem {
    record: BatchRecord,
    /// The links with how many linked records they have after this.
    links: Vec<(PendingLink, u64)>,
    /// Whether this run created the record: an undo deletes it, and its links with it.
    is_own: bool,
    /// What the links led to before, where that is kept.
    before: Option<Fields>,
}

/// Writes the pending links whose records are known by now. Returns how many calls went into halving.
pub(in crate::engine) async fn close_links(loader: &Loader) -> Result<u64, EngineError> {
    let target_id = loader.target.id;
    let pending = loader.services.state.count_pending_links(target_id).await?;
    if pending == 0 {
        return Ok(0);
    }
    loader.services.observer.links_started(&loader.target.names.stream, loader.connection(), pending);
    let (operation, limit) = match (loader.services.capabilities.link, loader.services.capabilities.update) {
        (Some(limit), _) => (Operation::Link, limit),
        (None, Some(limit)) => (Operation::Update, limit),
        (None, None) => return Ok(0),
    };
    let dispatch = Dispatch::new(loader, 0);
    let has_missing = pass(loader, &dispatch, &operation, limit).await?;
    if has_missing {
        // What is gone is known by now: the links to what is still there are set.
        pass(loader, &dispatch, &operation, limit).await?;
    }
    // What a killed run was about to link is still pending, so it was linked again by now.
    loader.services.state.remove_intents_of(target_id, operation_word(&operation)).await?;
    Ok(dispatch.halving_calls())
}

/// Goes through the pending links once. Returns whether links were refused as one of their ends is gone.
async fn pass(
    loader: &Loader,
    dispatch: &Dispatch<'_>,
    operation: &Operation,
    limit: BatchLimit,
) -> Result<bool, EngineError> {
    let mut after = 0;
    let mut has_missing = false;
    loop {
        let page = next_page(loader, after).await?;
        let Some(last) = page.last() else { return Ok(has_missing) };
        after = last.link_id;
        let items = with_links_before(loader, ready_items(loader, page).await?).await?;
        let batches = if *operation == Operation::Link {
            cut_by_links(items, loader.narrowed(limit).max_records.get())
        } else {
            vec![items]
        };
        for items in batches {
            let mut refused = Vec::new();
            let mut deliver = |item: LinkItem, fate: Fate| {
                if is_refused(&fate) {
                    refused.push(item);
                }
            };
            dispatch.send(operation, limit, items, &mut deliver).await?;
            has_missing |= reopen_refused(dispatch, refused).await?;
        }
    }
}

fn is_refused(fate: &Fate) -> bool {
    matches!(fate, Fate::Known(Outcome::Rejected(reason)) if !reason.is_passing)
}

/// Of links that were refused, finds those with an end that is gone: they are no dead letters but wait for it. Returns whether
/// there are any.
async fn reopen_refused(dispatch: &Dispatch<'_>, refused: Vec<LinkItem>) -> Result<bool, EngineError> {
    if refused.is_empty() {
        return Ok(false);
    }
    let loader = dispatch.loader;
    let own_ids = refused.iter().filter_map(|item| item.record.destination_id.clone());
    let own = verify(loader, &loader.target.names.object, own_ids.collect()).await?;
    let values: Vec<LinkValue> =
        refused.iter().flat_map(|item| &item.links).map(|(pending, _)| link_value(&pending.link)).collect();
    let LinkedExistence { by_target, changed } = verify_linked(loader, &values).await?;
    save_existence(dispatch, by_target).await?;
    let mut reopened: Vec<Link> = Vec::new();
    for item in refused {
        let is_own_missing = item.record.destination_id.as_ref().is_some_and(|id| own.missing.contains(id));
        for (PendingLink { link, .. }, _) in item.links {
            let is_changed = |id: &str| changed.contains(&(link.stream.clone(), id.to_owned()));
            let spellings = &loader.services.spellings;
            let has_missing =
                link.linked_ids.iter().any(|linked_id| spellings.known_as(linked_id, is_changed).is_some());
            if is_own_missing || has_missing {
                reopened.push(Link { linked: 0, ..link });
            }
        }
    }
    let has_missing = !reopened.is_empty();
    let missing = own.missing.into_iter().collect();
    loader.services.state.commit(dispatch.place(), Changes { missing, reopened, ..Changes::default() }).await?;
    Ok(has_missing)
}

fn link_value(link: &Link) -> LinkValue {
    LinkValue {
        field: FieldName::new(&link.field),
        stream: link.stream.as_str().into(),
        linked_ids: link.linked_ids.clone(),
    }
}

async fn next_page(loader: &Loader, after: i64) -> Result<Vec<PendingLink>, EngineError> {
    Ok(loader.services.state.pending_links(loader.target.id, after, loader.page_records()).await?)
}

/// Makes the items of the records of which a link can lead to more records than it does.
async fn ready_items(loader: &Loader, page: Vec<PendingLink>) -> Result<Vec<LinkItem>, EngineError> {
    let values: Vec<LinkValue> = page.iter().map(|pending| link_value(&pending.link)).collect();
    let wanted = Wanted {
        source_ids: page.iter().map(|pending| pending.link.source_id.clone()).collect(),
        linked: linked_ids(values.iter(), &loader.services.spellings),
        ..Wanted::default()
    };
    let known = loader.services.state.known(loader.target.id, wanted).await?;
    let (own, links) = (known.by_source, LinkedIds::new(known.linked, &loader.services.spellings));
    let mut items: Vec<LinkItem> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for pending in page {
        let link = &pending.link;
        let Some(entry) = own.get(&link.source_id).filter(|entry| !entry.is_missing) else { continue };
        let KnownLink { ids, count } = links.known(&link.stream, &link.linked_ids);
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        if count <= link.linked {
            continue;
        }
        let place = *places.entry(link.source_id.clone()).or_insert(items.len());
        if place == items.len() {
            let record = BatchRecord {
                trace_id: link.source_id.clone(),
                destination_id: Some(entry.destination_id.clone()),
                fields: Fields::new(),
            };
            let is_own = entry.written_run == loader.target.run_id && entry.written_as == WrittenAs::Created;
            items.push(LinkItem { record, links: Vec::new(), is_own, before: None });
        }
        if let Some(item) = items.get_mut(place) {
            item.record.fields.insert(FieldName::new(&link.field), Value::List(ids));
            item.links.push((pending, count));
        }
    }
    Ok(items)
}

/// Reads what the links of records lead to before they are set, where it is kept and the destination can take links away. What an attempt
/// without an answer set counts as having been there.
async fn with_links_before(loader: &Loader, mut items: Vec<LinkItem>) -> Result<Vec<LinkItem>, EngineError> {
    let Some(unlink) = loader.services.destination.unlink().filter(|_| loader.policy.keeps_images) else {
        return Ok(items);
    };
    let mut wanted: BTreeMap<FieldName, Vec<String>> = BTreeMap::new();
    for item in items.iter_mut().filter(|item| !item.is_own) {
        item.before = Some(Fields::new());
        for field in item.record.fields.keys() {
            wanted.entry(field.clone()).or_default().extend(item.record.destination_id.clone());
        }
    }
    for (field, ids) in wanted {
        let found = unlink.linked(&loader.target.names.object, &field, &ids).await;
        let mut found = found.map_err(|error| EngineError::connector(loader.connection(), error))?;
        for item in items.iter_mut().filter(|item| item.record.fields.contains_key(&field)) {
            let linked = item.record.destination_id.as_ref().and_then(|id| found.remove(id)).unwrap_or_default();
            if let Some(before) = &mut item.before {
                before.insert(field.clone(), Value::List(linked));
            }
        }
    }
    Ok(items)
}

/// Cuts items so that no call carries more links than the destination takes.
fn cut_by_links(items: Vec<LinkItem>, max_links: u32) -> Vec<Vec<LinkItem>> {
    let max_links = u64::from(max_links);
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    let mut count = 0;
    for item in items {
        let links: u64 = item.links.iter().map(|(_, count)| count).sum();
        if count + links > max_links && !batch.is_empty() {
            batches.push(std::mem::take(&mut batch));
            count = 0;
        }
        count += links;
        batch.push(item);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

#[async_trait]
impl Item for LinkItem {
    fn record(&self) -> &BatchRecord {
        &self.record
    }

    fn record_mut(&mut self) -> &mut BatchRecord {
        &mut self.record
    }

    fn source_id(&self) -> &str {
        &self.record.trace_id
    }

    fn before(&self) -> Option<&Before> {
        None
    }

    fn commit(&self, context: &CommitContext, outcome: &Outcome, changes: &mut Changes) {
        if let (Outcome::Created { .. } | Outcome::Updated { .. }, Some(id), Some(before)) =
            (outcome, &self.record.destination_id, &self.before)
        {
            changes.images.push(NewImage {
                source: RecordKey::Id(self.record.trace_id.clone()),
                destination_id: id.clone(),
                kind: ImageKind::Updated,
                before: Some(before.clone()),
                wrote: self.record.fields.clone(),
            });
        }
        for (PendingLink { link_id, link }, linked) in &self.links {
            match outcome {
                Outcome::Created { .. } | Outcome::Updated { .. } => changes.linked.push(LinkedLink {
                    link_id: *link_id,
                    source_id: link.source_id.clone(),
                    field: link.field.clone(),
                    linked: *linked,
                }),
                Outcome::Rejected(reason) | Outcome::Held(reason) => {
                    changes.refused_links.extend((!reason.is_passing).then_some(*link_id));
                    changes.letters.push(link_letter(context, link, reason));
                }
                Outcome::Missing | Outcome::Deleted => {}
            }
        }
        if *outcome == Outcome::Missing {
            changes.missing.extend(self.record.destination_id.clone());
        }
    }

    fn commit_held(&self, _context: &CommitContext, _reason: &Rejection, _changes: &mut Changes) {
        // The link stays pending: the next run writes it again, which leaves what writing it once leaves.
    }

    async fn find_written(_loader: &Loader, items: &[&Self]) -> Result<Vec<Option<Lookup>>, EngineError> {
        Ok(vec![None; items.len()])
    }
}

fn link_letter(context: &CommitContext, link: &Link, reason: &Rejection) -> DeadLetter {
    let letter = context.letter(DeadLetterKind::Link, &link.source_id, reason);
    let body = LetterBody { value: Some(link.linked_ids.join(LINK_SEPARATOR)), ..letter.body };
    DeadLetter { field: Some(link.field.clone()), body, ..letter }
}
