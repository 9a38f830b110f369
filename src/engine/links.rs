//! Turns the source ids of linked records into the ids they have at the destination, and closes the links that had to wait.

use std::collections::HashMap;

use async_trait::async_trait;

use crate::model::{BatchLimit, BatchRecord, FieldName, Fields, Operation, Outcome, Rejection, Value};
use crate::state::{DeadLetter, DeadLetterKind, LetterBody, Link, PendingLink, Scope, StateError, Work};

use super::{
    error::EngineError,
    gone::{find_gone_targets, verify},
    load::{CommitContext, Dispatch, Item, Lookup, Settled, operation_word},
    prepare::LinkValue,
    setup::Loader,
};

/// Known ids of linked records, by stream and source id.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    by_stream: HashMap<String, HashMap<String, String>>,
}

impl Resolved {
    /// Returns the destination's ids of the link's targets, as far as they are known, each once.
    pub(super) fn ids(&self, link: &LinkValue) -> Vec<String> {
        self.ids_of(&link.stream, &link.targets)
    }

    fn ids_of(&self, stream: &str, targets: &[String]) -> Vec<String> {
        let Some(known) = self.by_stream.get(stream) else { return Vec::new() };
        targets.iter().filter_map(|target| known.get(target).cloned()).collect()
    }
}

/// Looks up the targets of links: a stream's records at this connection, whatever object they went to.
pub(super) fn resolve<'link>(
    work: &Work<'_>,
    scope: &Scope,
    links: impl Iterator<Item = &'link LinkValue>,
) -> Result<Resolved, StateError> {
    let mut targets: HashMap<&str, Vec<&str>> = HashMap::new();
    for link in links {
        targets.entry(&link.stream).or_default().extend(link.targets.iter().map(String::as_str));
    }
    let mut resolved = Resolved::default();
    for (stream, mut source_ids) in targets {
        source_ids.sort_unstable();
        source_ids.dedup();
        let known = resolved.by_stream.entry(stream.to_owned()).or_default();
        for (target_scope, _) in work.scopes_of_stream(&scope.pipeline, stream, &scope.connection)? {
            let mappings = work.mappings(target_scope, source_ids.iter().copied())?;
            let there = mappings.into_iter().filter(|(_, mapping)| !mapping.is_missing);
            known.extend(there.map(|(source_id, mapping)| (source_id, mapping.destination_id)));
        }
    }
    Ok(resolved)
}

/// The links of one record that can be written now.
#[derive(Debug)]
struct LinkItem {
    record: BatchRecord,
    /// The links with how many targets they have after this.
    links: Vec<(PendingLink, u64)>,
}

/// Writes the pending links whose targets are known by now. Returns how many calls went into halving.
pub(super) async fn close_links(loader: &Loader) -> Result<u64, EngineError> {
    let scope_id = loader.scope_id;
    let pending = loader.state.work(move |work| work.count_pending_links(scope_id)).await?;
    if pending == 0 {
        return Ok(0);
    }
    loader.observer.links_started(&loader.scope.stream, loader.connection(), pending);
    let (operation, limit) = match (loader.capabilities.link, loader.capabilities.update) {
        (Some(limit), _) => (Operation::Link, limit),
        (None, Some(limit)) => (Operation::Update, limit),
        (None, None) => return Ok(0),
    };
    let dispatch = Dispatch::new(loader, 0);
    let has_gone = pass(loader, &dispatch, &operation, limit).await?;
    if has_gone {
        // What is gone is known by now: the links to what is still there are set.
        pass(loader, &dispatch, &operation, limit).await?;
    }
    // What a killed run was about to link is still pending, so it was linked again by now.
    let word = operation_word(&operation);
    loader.state.work(move |work| work.clear_intents_of(scope_id, word)).await?;
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
    let mut has_gone = false;
    loop {
        let page = next_page(loader, after)?;
        let Some(last) = page.last() else { return Ok(has_gone) };
        after = last.link_id;
        let items = ready_items(loader, page)?;
        let batches = if *operation == Operation::Link {
            cut_by_links(items, loader.narrowed(limit).max_records.get())
        } else {
            vec![items]
        };
        for items in batches {
            let results = dispatch.send(operation, limit, items).await?;
            has_gone |= reopen_refused(loader, results).await?;
        }
    }
}

/// Of links that were refused, finds those with an end that is gone: they are no dead letters but wait for it. Returns whether
/// there are any.
async fn reopen_refused(loader: &Loader, results: Vec<(LinkItem, Settled)>) -> Result<bool, EngineError> {
    let is_refused =
        |settled: &Settled| matches!(settled, Settled::Outcome(Outcome::Rejected(reason)) if !reason.is_passing);
    let refused: Vec<LinkItem> =
        results.into_iter().filter(|(_, settled)| is_refused(settled)).map(|(item, _)| item).collect();
    if refused.is_empty() {
        return Ok(false);
    }
    let own_ids = refused.iter().filter_map(|item| item.record.destination_id.clone());
    let own = verify(loader, &loader.scope.object, own_ids.collect()).await?;
    let values: Vec<LinkValue> =
        refused.iter().flat_map(|item| &item.links).map(|(pending, _)| link_value(&pending.link)).collect();
    let gone = find_gone_targets(loader, &values).await?;
    let mut reopened: Vec<Link> = Vec::new();
    for item in refused {
        let is_own_gone = item.record.destination_id.as_ref().is_some_and(|id| own.missing.contains(id));
        for (PendingLink { link, .. }, _) in item.links {
            let has_gone = link.targets.iter().any(|target| gone.contains(&(link.stream.clone(), target.clone())));
            if is_own_gone || has_gone {
                reopened.push(Link { linked: 0, ..link });
            }
        }
    }
    let has_gone = !reopened.is_empty();
    let (scope_id, now) = (loader.scope_id, loader.context.clock().now());
    let reopen = move |work: &Work<'_>| {
        own.missing.iter().try_for_each(|destination_id| work.mark_missing(scope_id, destination_id))?;
        for link in &reopened {
            work.save_link(scope_id, link)?;
            work.resolve_dead_letters(scope_id, work.source_key(&link.source_id), Some(DeadLetterKind::Link), now)?;
        }
        Ok(())
    };
    loader.state.work(reopen).await?;
    Ok(has_gone)
}

fn link_value(link: &Link) -> LinkValue {
    LinkValue { field: FieldName::new(&link.field), stream: link.stream.as_str().into(), targets: link.targets.clone() }
}

fn next_page(loader: &Loader, after: i64) -> Result<Vec<PendingLink>, EngineError> {
    let read = || loader.state.work_now(|work| work.pending_links(loader.scope_id, after, loader.page_records()));
    Ok(tokio::task::block_in_place(read)?)
}

/// Makes the items of the records of which a link can get more targets than it has.
fn ready_items(loader: &Loader, page: Vec<PendingLink>) -> Result<Vec<LinkItem>, EngineError> {
    let values: Vec<LinkValue> = page.iter().map(|pending| link_value(&pending.link)).collect();
    let (resolved, own) = tokio::task::block_in_place(|| {
        loader.state.work_now(|work| {
            let resolved = resolve(work, &loader.scope, values.iter())?;
            let own = work.mappings(loader.scope_id, page.iter().map(|pending| pending.link.source_id.as_str()))?;
            Ok((resolved, own))
        })
    })?;
    let mut items: Vec<LinkItem> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for pending in page {
        let link = &pending.link;
        let Some(mapping) = own.get(&link.source_id).filter(|mapping| !mapping.is_missing) else { continue };
        let ids = resolved.ids_of(&link.stream, &link.targets);
        let count = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        if count <= link.linked {
            continue;
        }
        let place = *places.entry(link.source_id.clone()).or_insert(items.len());
        if place == items.len() {
            let record = BatchRecord {
                trace_id: link.source_id.clone(),
                destination_id: Some(mapping.destination_id.clone()),
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
                    work.resolve_link_letter(context.scope_id, source_key, &link.field, context.now)?;
                }
                Outcome::Rejected(reason) | Outcome::Held(reason) => {
                    if !reason.is_passing {
                        work.drop_link(*link_id)?;
                    }
                    work.save_dead_letter(context.scope_id, &link_letter(context, link, reason))?;
                }
                Outcome::Missing | Outcome::Deleted => {}
            }
        }
        match (outcome, &self.record.destination_id) {
            (Outcome::Missing, Some(destination_id)) => work.mark_missing(context.scope_id, destination_id),
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
        scope: context.scope.clone(),
        source_id: link.source_id.clone(),
        kind: DeadLetterKind::Link,
        code: reason.code.clone(),
        field: Some(link.field.clone()),
        created_at: context.now,
        chunk: context.chunk,
        body: LetterBody {
            reason: reason.reason.clone(),
            value: Some(link.targets.join(";")),
            request_id: reason.request_id.clone(),
            ..LetterBody::default()
        },
    }
}
