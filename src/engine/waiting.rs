//! Which records wait for which others: links that are not set, as their records are not at the destination.

use std::collections::HashSet;

use crate::model::FieldName;
use crate::state::{Link, PendingLink, Run, Scope, StateError, Work};

use super::{links::resolve, prepare::LinkValue};

/// Links that are read at once.
const PAGE_LINKS: u32 = 2_000;

/// A record's link that is not set, or not to all records that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingLink {
    /// The stream that wrote the record, and where.
    pub scope: Scope,
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
        let scope = account.scope;
        let scope_id = work.scope_id(&scope)?;
        let mut after = 0;
        loop {
            let page = work.pending_links(scope_id, after, PAGE_LINKS)?;
            let Some(last) = page.last() else { break };
            after = last.link_id;
            let missing = missing_of(work, &scope, &page)?;
            let named = page.into_iter().map(|pending| pending.link).zip(missing);
            waiting.extend(named.map(|(link, missing)| WaitingLink {
                scope: scope.clone(),
                source_id: link.source_id,
                field: link.field,
                stream: link.stream,
                missing,
            }));
        }
    }
    Ok(waiting)
}

/// Returns of each link the targets that have no id at the destination.
fn missing_of(work: &Work<'_>, scope: &Scope, links: &[PendingLink]) -> Result<Vec<Vec<String>>, StateError> {
    let value = |link: &Link, targets: Vec<String>| LinkValue {
        field: FieldName::new(&link.field),
        stream: link.stream.as_str().into(),
        targets,
    };
    let values: Vec<LinkValue> =
        links.iter().map(|pending| value(&pending.link, pending.link.targets.clone())).collect();
    let known = resolve(work, scope, values.iter())?;
    let mut missing = Vec::with_capacity(values.len());
    for (link, values) in links.iter().zip(values) {
        let mut seen = HashSet::new();
        let mut of_link = Vec::new();
        for target in values.targets {
            let is_known = !known.ids(&value(&link.link, vec![target.clone()])).is_empty();
            if !is_known && seen.insert(target.clone()) {
                of_link.push(target);
            }
        }
        missing.push(of_link);
    }
    Ok(missing)
}
