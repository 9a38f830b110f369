//! Turns the source ids of linked records into the ids they have at the destination, and closes the links that had to wait.

use std::collections::HashMap;

use async_trait::async_trait;

use crate::engine::{
    decide::{
        existence::{find_missing_linked, verify},
        link_ids::resolve,
        lookup::Lookup,
        prepare::LinkValue,
    },
    error::EngineError,
    setup::Loader,
    write::dispatch::{CommitContext, Dispatch, Fate, Item, operation_word},
};
use crate::model::{BatchLimit, BatchRecord, FieldName, Fields, Operation, Outcome, Rejection, Value};
use crate::state::{DeadLetter, DeadLetterKind, LetterBody, Link, PendingLink, StateError, Work};

/// The links of one record that can be written now.
#[derive(Debug)]
struct LinkItem {
    record: BatchRecord,
    /// The links with how many linked records they have after this.
    links: Vec<(PendingLink, u64)>,
}

/// Writes the pending links whose records are known by now. Returns how many calls went into halving.
pub(in crate::engine) async fn close_links(loader: &Loader) -> Result<u64, EngineError> {
    let target_id = loader.target_id;
    let pending = loader.state.work(move |work| work.count_pending_links(target_id)).await?;
    if pending == 0 {
        return Ok(0);
    }
    loader.observer.links_started(&loader.target.stream, loader.connection(), pending);
    let (operation, limit) = match (loader.capabilities.link, loader.capabilities.update) {
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
    let word = operation_word(&operation);
    loader.state.work(move |work| work.clear_intents_of(target_id, word)).await?;
    Ok(dispatch.halving_calls())
}

/// Goes through the pending links once. Returns whether links were refused as one of their ends is missing_linked.
async fn pass(
    loader: &Loader,
    dispatch: &Dispatch<'_>,
    operation: &Operation,
    limit: BatchLimit,
) -> Result<bool, EngineError> {
    let mut after = 0;
    let mut has_missing = false;
    loop {
        let page = next_page(loader, after)?;
        let Some(last) = page.last() else { return Ok(has_missing) };
        after = last.link_id;
        let items = ready_items(loader, page)?;
        let batches = if *operation == Operation::Link {
            cut_by_links(items, loader.narrowed(limit).max_records.get())
        } else {
            vec![items]
        };
        for items in batches {
            let results = dispatch.send(operation, limit, items).await?;
            has_missing |= reopen_refused(loader, results).await?;
        }
    }
}

/// Of links that were refused, finds those with an end that is missing_linked: they are no dead letters but wait for it. Returns whether
/// there are any.
async fn reopen_refused(loader: &Loader, results: Vec<(LinkItem, Fate)>) -> Result<bool, EngineError> {
    let is_refused = |fate: &Fate| matches!(fate, Fate::Known(Outcome::Rejected(reason)) if !reason.is_passing);
    let refused: Vec<LinkItem> =
        results.into_iter().filter(|(_, fate)| is_refused(fate)).map(|(item, _)| item).collect();
    if refused.is_empty() {
        return Ok(false);
    }
    let own_ids = refused.iter().filter_map(|item| item.record.destination_id.clone());
    let own = verify(loader, &loader.target.object, own_ids.collect()).await?;
    let values: Vec<LinkValue> =
        refused.iter().flat_map(|item| &item.links).map(|(pending, _)| link_value(&pending.link)).collect();
    let missing_linked = find_missing_linked(loader, &values).await?;
    let mut reopened: Vec<Link> = Vec::new();
    for item in refused {
        let is_own_missing = item.record.destination_id.as_ref().is_some_and(|id| own.missing.contains(id));
        for (PendingLink { link, .. }, _) in item.links {
            let has_missing = link
                .linked_ids
                .iter()
                .any(|linked_id| missing_linked.contains(&(link.stream.clone(), linked_id.clone())));
            if is_own_missing || has_missing {
                reopened.push(Link { linked: 0, ..link });
            }
        }
    }
    let has_missing = !reopened.is_empty();
    let (target_id, now) = (loader.target_id, loader.context.clock().now());
    let reopen = move |work: &Work<'_>| {
        own.missing.iter().try_for_each(|destination_id| work.mark_missing(target_id, destination_id))?;
        for link in &reopened {
            work.save_link(target_id, link)?;
            work.resolve_dead_letters(target_id, work.source_key(&link.source_id), Some(DeadLetterKind::Link), now)?;
        }
        Ok(())
    };
    loader.state.work(reopen).await?;
    Ok(has_missing)
}

fn link_value(link: &Link) -> LinkValue {
    LinkValue {
        field: FieldName::new(&link.field),
        stream: link.stream.as_str().into(),
        linked_ids: link.linked_ids.clone(),
    }
}

fn next_page(loader: &Loader, after: i64) -> Result<Vec<PendingLink>, EngineError> {
    let read = || loader.state.work_now(|work| work.pending_links(loader.target_id, after, loader.page_records()));
    Ok(tokio::task::block_in_place(read)?)
}

/// Makes the items of the records of which a link can lead to more records than it does.
fn ready_items(loader: &Loader, page: Vec<PendingLink>) -> Result<Vec<LinkItem>, EngineError> {
    let values: Vec<LinkValue> = page.iter().map(|pending| link_value(&pending.link)).collect();
    let (resolved, own) = tokio::task::block_in_place(|| {
        loader.state.work_now(|work| {
            let resolved = resolve(work, &loader.target, values.iter())?;
            let own = work.id_entries(loader.target_id, page.iter().map(|pending| pending.link.source_id.as_str()))?;
            Ok((resolved, own))
        })
    })?;
    let mut items: Vec<LinkItem> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for pending in page {
        let link = &pending.link;
        let Some(entry) = own.get(&link.source_id).filter(|entry| !entry.is_missing) else { continue };
        let ids = resolved.ids_of(&link.stream, &link.linked_ids);
        let count = u64::try_from(ids.len()).unwrap_or(u64::MAX);
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
            items.push(LinkItem { record, links: Vec::new() });
        }
        if let Some(item) = items.get_mut(place) {
            item.record.fields.insert(FieldName::new(&link.field), Value::List(ids));
            item.links.push((pending, count));
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

    fn source_id(&self) -> &str {
        &self.record.trace_id
    }

    fn commit(&self, work: &Work<'_>, context: &CommitContext, outcome: &Outcome) -> Result<(), StateError> {
        for (PendingLink { link_id, link }, linked) in &self.links {
            match outcome {
                Outcome::Created { .. } | Outcome::Updated { .. } => {
                    work.set_linked(*link_id, *linked)?;
                    let source_key = work.source_key(&link.source_id);
                    work.resolve_link_letter(context.target_id, source_key, &link.field, context.now)?;
                }
                Outcome::Rejected(reason) | Outcome::Held(reason) => {
                    if !reason.is_passing {
                        work.drop_link(*link_id)?;
                    }
                    work.save_dead_letter(context.target_id, &link_letter(context, link, reason))?;
                }
                Outcome::Missing | Outcome::Deleted => {}
            }
        }
        match (outcome, &self.record.destination_id) {
            (Outcome::Missing, Some(destination_id)) => work.mark_missing(context.target_id, destination_id),
            _ => Ok(()),
        }
    }

    fn commit_held(&self, _work: &Work<'_>, _context: &CommitContext, _reason: &Rejection) -> Result<(), StateError> {
        // The link stays pending: the next run writes it again, which leaves what writing it once leaves.
        Ok(())
    }

    async fn find_written(_loader: &Loader, items: &[Self]) -> Result<Vec<Option<Lookup>>, EngineError> {
        Ok(vec![None; items.len()])
    }
}

fn link_letter(context: &CommitContext, link: &Link, reason: &Rejection) -> DeadLetter {
    DeadLetter {
        run_id: context.run_id.clone(),
        target: context.target.clone(),
        source_id: link.source_id.clone(),
        source_key: None,
        kind: DeadLetterKind::Link,
        code: reason.code.clone(),
        field: Some(link.field.clone()),
        number: 0,
        line: None,
        created_at: context.now,
        chunk: context.chunk,
        body: LetterBody {
            reason: reason.reason.clone(),
            value: Some(link.linked_ids.join(";")),
            request_id: reason.request_id.clone(),
            ..LetterBody::default()
        },
    }
}
