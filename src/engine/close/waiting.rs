//! Which records wait for which others: links that are not set, as their records are not at the destination.

use std::collections::HashSet;

use crate::engine::decide::{link_ids::resolve, prepare::LinkValue};
use crate::model::FieldName;
use crate::state::{Link, PendingLink, Run, StateError, Target, Work};

/// Links that are read at once.
const PAGE_LINKS: u32 = 2_000;

/// A record's link that is not set, or not to all records that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingLink {
    /// The stream that wrote the record, and where.
    pub target: Target,
    /// The record's source id.
    pub source_id: String,
    /// The link field, by the destination's name.
    pub field: String,
    /// The stream whose records are linked.
    pub stream: String,
    /// The source ids of the linked records that are not at the destination. Empty where all of them are by now, so that
    /// the next run sets the link.
    pub missing: Vec<String>,
}

/// Returns the links that wait, of all streams and destinations of a run, as it stands now.
///
/// # Errors
/// Fails when the state file cannot be read.
pub fn waiting_links(work: &Work<'_>, run: &Run) -> Result<Vec<WaitingLink>, StateError> {
    let mut waiting = Vec::new();
    for account in work.ledgers(&run.run_id)? {
        let target = account.target;
        let target_id = work.target_id(&target)?;
        let mut after = 0;
        loop {
            let page = work.pending_links(target_id, after, PAGE_LINKS)?;
            let Some(last) = page.last() else { break };
            after = last.link_id;
            let missing = missing_of(work, &target, &page)?;
            let named = page.into_iter().map(|pending| pending.link).zip(missing);
            waiting.extend(named.map(|(link, missing)| WaitingLink {
                target: target.clone(),
                source_id: link.source_id,
                field: link.field,
                stream: link.stream,
                missing,
            }));
        }
    }
    Ok(waiting)
}

/// Returns of each link the linked records that have no id at the destination.
fn missing_of(work: &Work<'_>, target: &Target, links: &[PendingLink]) -> Result<Vec<Vec<String>>, StateError> {
    let value = |link: &Link, linked_ids: Vec<String>| LinkValue {
        field: FieldName::new(&link.field),
        stream: link.stream.as_str().into(),
        linked_ids,
    };
    let values: Vec<LinkValue> =
        links.iter().map(|pending| value(&pending.link, pending.link.linked_ids.clone())).collect();
    let known = resolve(work, target, values.iter())?;
    let mut missing = Vec::with_capacity(values.len());
    for (link, values) in links.iter().zip(values) {
        let mut seen = HashSet::new();
        let mut of_link = Vec::new();
        for linked_id in values.linked_ids {
            let is_known = !known.ids(&value(&link.link, vec![linked_id.clone()])).is_empty();
            if !is_known && seen.insert(linked_id.clone()) {
                of_link.push(linked_id);
            }
        }
        missing.push(of_link);
    }
    Ok(missing)
}
