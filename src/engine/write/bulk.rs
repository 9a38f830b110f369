//! Sends records that wait on disk, by a destination's bulk API: intents, load, outcomes and commit, segment by segment.
//!
//! What [`dispatch`](super::dispatch) promises of a batch holds here too. All intents are in the state file before anything is sent,
//! one for each segment, and each goes in the transaction that has the outcomes of its segment.

use std::collections::BTreeMap;

use crate::connector::{BulkBatch, ErrorKind, Outcomes, SEGMENT_RECORDS};
use crate::engine::{
    decide::lookup::{Lookup, wait_to_look},
    error::EngineError,
};
use crate::model::Outcome;
use crate::state::{Intent, Work};

use super::{
    bulk_buffer::{BufferedRecords, Selected},
    dispatch::{Dispatch, Fate, Item, MAX_SETTLE_ROUNDS, commit_item, operation_word, rejection},
    item::RecordItem,
};

/// Is handed each record with what became of it, once that is stored.
pub(in crate::engine) type Settle<'call> = dyn FnMut(RecordItem, Fate) + Send + 'call;

/// What look-ups found of a batch after a lost answer, by place.
type Found = BTreeMap<usize, Fate>;

/// The intents of a batch, one for each segment.
struct Intents(Vec<i64>);

enum Sent {
    /// Every record has an outcome.
    Complete,
    /// These were refused with no culprit named.
    Refused(Vec<usize>),
}

impl Dispatch<'_> {
    /// Sends the records at these places as one batch; what is refused whole is halved. What is too few for the way for
    /// groups goes the ordinary way.
    pub(in crate::engine) async fn send_bulk(
        &self,
        buffered: &BufferedRecords,
        places: Vec<usize>,
        settle: &mut Settle<'_>,
    ) -> Result<(), EngineError> {
        let min_records = self
            .loader
            .capabilities
            .bulk
            .map_or(usize::MAX, |bulk| usize::try_from(bulk.min_records.get()).unwrap_or(usize::MAX));
        let mut waiting = vec![places];
        let mut is_halved = false;
        while let Some(places) = waiting.pop() {
            if places.len() < min_records.max(2) {
                let items = buffered.read(&places)?;
                for (item, settled) in self.send(&buffered.operation, buffered.limit, items).await? {
                    settle(item, settled);
                }
                continue;
            }
            if is_halved {
                self.count_halving();
            }
            if let Sent::Refused(mut open) = self.send_settling_bulk(buffered, &places, settle).await? {
                is_halved = true;
                let second = open.split_off(open.len() / 2);
                waiting.push(second);
                waiting.push(open);
            }
        }
        Ok(())
    }

    /// Sends a batch once, or as often as lost answers make necessary.
    async fn send_settling_bulk(
        &self,
        buffered: &BufferedRecords,
        places: &[usize],
        settle: &mut Settle<'_>,
    ) -> Result<Sent, EngineError> {
        self.loader.check_may_send()?;
        let intents = self.save_intents(buffered, places).await?;
        let mut found = Found::new();
        for round in 0..MAX_SETTLE_ROUNDS {
            let open: Vec<usize> = places.iter().copied().filter(|place| !found.contains_key(place)).collect();
            let records = Selected { buffered, places: &open };
            let batch = BulkBatch {
                object: &self.loader.target.object,
                operation: &buffered.operation,
                fields: &buffered.fields,
                records: &records,
            };
            let Some(bulk) = self.loader.destination.bulk() else {
                return Err(self.loader.unoffered("a bulk API"));
            };
            let error = match bulk.load_bulk(&batch).await {
                Ok(outcomes) if outcomes.len() == open.len() => {
                    self.commit_bulk(buffered, places, &intents, found, Some(outcomes), settle)?;
                    return Ok(Sent::Complete);
                }
                Ok(outcomes) => return Err(self.miscounted(open.len(), outcomes.len())),
                Err(error) => error,
            };
            match error.kind {
                ErrorKind::Refused if open.len() > 1 => {
                    // What an unanswered attempt did write must not be sent again with the rest.
                    self.commit_bulk(buffered, places, &intents, found, None, settle)?;
                    return Ok(Sent::Refused(open));
                }
                ErrorKind::Refused => {
                    let alone: Outcomes = Box::new(vec![Outcome::Rejected(rejection(&error))].into_iter());
                    self.commit_bulk(buffered, places, &intents, found, Some(alone), settle)?;
                    return Ok(Sent::Complete);
                }
                ErrorKind::Unanswered if !buffered.limit.is_idempotent => {
                    self.find_written_of(buffered, &open, &mut found).await?;
                    if found.len() == places.len() {
                        self.commit_bulk(buffered, places, &intents, found, None, settle)?;
                        return Ok(Sent::Complete);
                    }
                }
                ErrorKind::Unanswered | ErrorKind::Unexpected => {
                    return Err(EngineError::connector(self.loader.connection(), error));
                }
                _ => {
                    // An earlier attempt without an answer is not undone by this one: its intents stay.
                    if round == 0 {
                        self.drop_intents(intents).await?;
                    }
                    return Err(EngineError::connector(self.loader.connection(), error));
                }
            }
        }
        Err(self.unanswered())
    }

    /// After a lost answer: finds out which of the open records were written. Those that cannot be looked up are held.
    async fn find_written_of(
        &self,
        buffered: &BufferedRecords,
        open: &[usize],
        found: &mut Found,
    ) -> Result<(), EngineError> {
        wait_to_look(self.loader).await?;
        for places in open.chunks(SEGMENT_RECORDS) {
            let items = buffered.read(places)?;
            let lookups = RecordItem::find_written(self.loader, &items).await?;
            for (place, lookup) in places.iter().zip(lookups) {
                match lookup {
                    Some(Lookup::Written(id)) => {
                        found.insert(*place, Fate::Known(Outcome::Created { id }));
                    }
                    Some(Lookup::NotWritten) => {}
                    None => {
                        found.insert(*place, Fate::Unknown);
                    }
                }
            }
        }
        Ok(())
    }

    /// Stores the outcomes that there are, each segment in a transaction with the removal of its intent: those that look-ups
    /// found, and those of all other records where the batch was answered.
    fn commit_bulk(
        &self,
        buffered: &BufferedRecords,
        places: &[usize],
        intents: &Intents,
        mut found: Found,
        mut outcomes: Option<Outcomes>,
        settle: &mut Settle<'_>,
    ) -> Result<(), EngineError> {
        let count = places.len();
        for (places, intent_id) in places.chunks(SEGMENT_RECORDS).zip(&intents.0) {
            // Reading and storing a segment is the work of a moment.
            let results = tokio::task::block_in_place(|| {
                let mut results = Vec::with_capacity(places.len());
                for item in buffered.read(places)? {
                    let settled = match (found.remove(&item.place), &mut outcomes) {
                        (Some(settled), _) => Some(settled),
                        (None, Some(outcomes)) => {
                            let outcome = outcomes.next().ok_or_else(|| self.miscounted(count, item.place))?;
                            Some(Fate::Known(outcome))
                        }
                        (None, None) => None,
                    };
                    results.extend(settled.map(|settled| (item, settled)));
                }
                self.loader.state.work_now(|work| {
                    for (item, settled) in &results {
                        commit_item(item, work, self.context(), settled)?;
                    }
                    work.remove_intent(*intent_id)
                })?;
                Ok::<_, EngineError>(results)
            })?;
            self.tell_settled(results.len());
            for (item, settled) in results {
                settle(item, settled);
            }
        }
        Ok(())
    }

    async fn save_intents(&self, buffered: &BufferedRecords, places: &[usize]) -> Result<Intents, EngineError> {
        let (target_id, now) = (self.context().target_id, self.context().now);
        let mut intents = Vec::with_capacity(places.len() / SEGMENT_RECORDS + 1);
        for places in places.chunks(SEGMENT_RECORDS) {
            intents.push(Intent {
                run_id: self.context().run_id.clone(),
                operation: operation_word(&buffered.operation).to_owned(),
                source_ids: buffered.source_ids(places)?,
            });
        }
        let save = move |work: &Work<'_>| {
            let ids = intents.iter().map(|intent| work.save_intent(target_id, intent, now));
            ids.collect::<Result<Vec<i64>, _>>()
        };
        Ok(Intents(self.loader.state.work(save).await?))
    }

    async fn drop_intents(&self, intents: Intents) -> Result<(), EngineError> {
        let drop = move |work: &Work<'_>| intents.0.iter().try_for_each(|intent_id| work.remove_intent(*intent_id));
        Ok(self.loader.state.work(drop).await?)
    }
}
