//! What the state tells of a run that is over: its ledgers, what it did not write, and which links wait.

use std::collections::HashSet;

use super::{
    State, Work,
    attempts::Attempt,
    dead_letters::ReasonCount,
    error::StateError,
    ledgers::TargetLedger,
    links::{Link, WaitingCount},
    merged::{MergedRecord, SourceIds},
    target::{Target, TargetId},
};

/// Links that are read at once.
const PAGE_LINKS: u32 = 2_000;

/// What is stored of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StoredRun {
    /// What it did at each target, in the pipeline's order.
    pub targets: Vec<StoredTarget>,
    /// Why records were not written, the most frequent reason first.
    pub reasons: Vec<ReasonCount>,
    /// The attempts at it, the first one first.
    pub attempts: Vec<Attempt>,
}

/// What is stored of a run at one target.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTarget {
    /// Identifies the target.
    pub target_id: TargetId,
    /// What it did.
    pub ledger: TargetLedger,
    /// The links that wait there now.
    pub waiting: Vec<WaitingCount>,
    /// Which records it merged into which, the first of them.
    pub merged: Vec<MergedRecord>,
}

/// A record's link that is not set, or not to all records that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingLink {
    /// The target that wrote the record.
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

impl State {
    /// Returns what is stored of a run.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn stored_run(&self, run_id: &str, ids: SourceIds) -> Result<StoredRun, StateError> {
        let run_id = run_id.to_owned();
        self.read(move |work| {
            let ledgers = work.ledgers_of(&run_id)?.into_iter();
            let targets = ledgers.map(|(target, ledger)| {
                let (waiting, merged) = (work.waiting_counts(target)?, work.merged(&run_id, target, ids)?);
                Ok(StoredTarget { target_id: target, ledger, waiting, merged })
            });
            Ok(StoredRun {
                targets: targets.collect::<Result<_, StateError>>()?,
                reasons: work.count_reasons(&run_id)?,
                attempts: work.attempts_of(&run_id)?,
            })
        })
        .await
    }

    /// Counts the open dead letters of a run by target, kind, code and field, the most frequent first.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn reasons(&self, run_id: &str) -> Result<Vec<ReasonCount>, StateError> {
        let run_id = run_id.to_owned();
        self.read(move |work| work.count_reasons(&run_id)).await
    }

    /// Counts the links of a target that wait, by field and by the stream that they lead to, and the records that the destination
    /// was found not to hold any more.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn open_ends(&self, target: TargetId) -> Result<(Vec<WaitingCount>, u64), StateError> {
        self.read(move |work| Ok((work.waiting_counts(target)?, work.count_missing(target)?))).await
    }

    /// Returns the links that wait, of all targets of a run, as it stands now.
    ///
    /// # Errors
    /// Fails when the state cannot be read.
    pub async fn waiting_links(&self, run_id: &str) -> Result<Vec<WaitingLink>, StateError> {
        let run_id = run_id.to_owned();
        self.read(move |work| {
            let mut waiting = Vec::new();
            for (target_id, ledger) in work.ledgers_of(&run_id)? {
                work.waiting_links_of(target_id, &ledger.target, &mut waiting)?;
            }
            Ok(waiting)
        })
        .await
    }
}

impl Work<'_> {
    fn waiting_links_of(
        &self,
        target_id: TargetId,
        target: &Target,
        waiting: &mut Vec<WaitingLink>,
    ) -> Result<(), StateError> {
        let mut after = 0;
        loop {
            let page = self.pending_page(target_id, after, PAGE_LINKS)?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.link_id;
            let links: Vec<Link> = page.into_iter().map(|pending| pending.link).collect();
            let mut streams: Vec<&str> = links.iter().map(|link| link.stream.as_str()).collect();
            streams.sort_unstable();
            streams.dedup();
            let mut there: HashSet<(&str, String)> = HashSet::new();
            for stream in streams {
                let of_stream = links.iter().filter(|link| link.stream == stream);
                let ids: Vec<String> = of_stream.flat_map(|link| link.linked_ids.iter().cloned()).collect();
                let found = self.linked_records(target_id, stream, &ids)?;
                there.extend(found.into_keys().map(|source_id| (stream, source_id)));
            }
            for link in &links {
                waiting.push(WaitingLink {
                    target: target.clone(),
                    source_id: link.source_id.clone(),
                    field: link.field.clone(),
                    stream: link.stream.clone(),
                    missing: missing_of(link, &there),
                });
            }
        }
    }
}

/// Returns the records that a link leads to and that are not there, each once.
fn missing_of(link: &Link, there: &HashSet<(&str, String)>) -> Vec<String> {
    let mut seen = HashSet::new();
    let mut missing = Vec::new();
    for linked_id in &link.linked_ids {
        if !there.contains(&(link.stream.as_str(), linked_id.clone())) && seen.insert(linked_id) {
            missing.push(linked_id.clone());
        }
    }
    missing
}
