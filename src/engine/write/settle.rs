//! The settling machine: sends a batch, and finds out what became of it where the answer is lost.
//!
//! All intents of a batch are in the state file before it is sent, one for each segment of it. Each goes in the transaction that
//! stores the outcomes of its segment. So whatever happens, every record ends with an outcome, or is found again by the next run.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::connector::{ConnectorError, ErrorKind, Outcomes, SEGMENT_RECORDS};
use crate::engine::{
    decide::lookup::{Lookup, wait_to_look},
    error::EngineError,
};
use crate::model::{BatchLimit, Operation, Outcome, Rejection};
use crate::state::{Changes, Intent, IntentId};

use super::{
    dispatch::Dispatch,
    fate::{Deliver, Fate, Item, Sent, commit_item, operation_word},
    own_creates::claim_own_creates,
    shipment::Shipment,
};

/// How often a create without an answer is looked up and sent again before the destination is given up.
const MAX_SETTLE_ROUNDS: u32 = 5;

/// What is done about a batch that was answered with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reaction {
    /// It was refused whole and nothing of it was written: the culprit is looked for.
    Split,
    /// Some of it may have been written, and must not be written again: its records are looked up.
    Settle,
    /// Some of it may have been written: its intents stay, and the next run finds out.
    KeepIntents,
    /// Nothing of it was written: its intents go.
    DropIntents,
}

/// The answer to a batch.
struct Answered<'batch> {
    operation: &'batch Operation,
    outcomes: Outcomes,
    /// When the batch was about to be sent, if it may have been carried out more than once.
    repeated_since: Option<DateTime<Utc>>,
}

/// What is known of the records of a batch, by place.
type Fates = BTreeMap<usize, Fate>;

impl Reaction {
    fn to(kind: ErrorKind, is_idempotent: bool) -> Self {
        match kind {
            ErrorKind::Refused => Self::Split,
            ErrorKind::Unanswered if !is_idempotent => Self::Settle,
            // Repeated by the stack until it gave up: the next run repeats the write.
            ErrorKind::Unanswered | ErrorKind::Unexpected | ErrorKind::Io | ErrorKind::CursorExpired => {
                Self::KeepIntents
            }
            ErrorKind::Unauthorized
            | ErrorKind::NotFound
            | ErrorKind::Unavailable
            | ErrorKind::QuotaSpent
            | ErrorKind::Cancelled => Self::DropIntents,
        }
    }
}

impl Dispatch<'_> {
    /// Sends a batch once, and again after each lost answer for the records that were not written.
    pub(super) async fn send_settling<S: Shipment>(
        &self,
        operation: &Operation,
        limit: BatchLimit,
        shipment: &mut S,
        deliver: &mut Deliver<'_, S::Item>,
    ) -> Result<Sent, EngineError> {
        self.loader.services.check_may_send()?;
        let saved_at = self.loader.services.context.clock().now();
        let intents = self.save_intents(operation, shipment, saved_at).await?;
        let meter = &self.loader.services.context.meter;
        let doubtful_before = meter.doubtful_writes();
        let mut fates = Fates::new();
        for round in 0..MAX_SETTLE_ROUNDS {
            let open: Vec<usize> = (0..shipment.len()).filter(|place| !fates.contains_key(place)).collect();
            let error = match shipment.load(self.loader, operation, &open).await {
                Ok(outcomes) if outcomes.len() == open.len() => {
                    // Another batch of the same time may have been the one: the records' ages tell.
                    let is_repeated = meter.doubtful_writes() > doubtful_before;
                    let answered = Answered { operation, outcomes, repeated_since: is_repeated.then_some(saved_at) };
                    self.commit_all(&intents, shipment, fates, Some(answered), deliver).await?;
                    return Ok(Sent::Complete);
                }
                Ok(outcomes) => return Err(self.miscounted(open.len(), outcomes.len())),
                Err(error) => error,
            };
            match Reaction::to(error.kind, limit.is_idempotent) {
                Reaction::Split if open.len() > 1 => {
                    // What an unanswered attempt did write must not be sent again with the rest.
                    self.commit_all(&intents, shipment, fates, None, deliver).await?;
                    return Ok(Sent::Refused(open));
                }
                Reaction::Split => {
                    let refused = Fate::Known(Outcome::Rejected(rejection(&error)));
                    fates.extend(open.into_iter().map(|place| (place, refused.clone())));
                }
                Reaction::Settle => self.settle(shipment, &open, &mut fates).await?,
                Reaction::KeepIntents => return Err(EngineError::connector(self.loader.connection(), error)),
                Reaction::DropIntents => {
                    // An earlier attempt without an answer is not undone by this one, nor by the stack's last of several: the intents stay.
                    if round == 0 && meter.doubtful_writes() == doubtful_before {
                        self.loader.services.state.remove_intents(intents).await?;
                    }
                    return Err(EngineError::connector(self.loader.connection(), error));
                }
            }
            if fates.len() == shipment.len() {
                self.commit_all(&intents, shipment, fates, None, deliver).await?;
                return Ok(Sent::Complete);
            }
        }
        Err(self.unanswered())
    }

    /// After a lost answer: finds out which of the open records were written. Those that cannot be looked up are held.
    async fn settle<S: Shipment>(&self, shipment: &S, open: &[usize], fates: &mut Fates) -> Result<(), EngineError> {
        // Without a key nothing can be looked up, so there is nothing to wait for.
        if !self.loader.shape.preparation.key.is_empty() {
            wait_to_look(self.loader).await?;
        }
        for places in open.chunks(SEGMENT_RECORDS) {
            let lookups = shipment.find_written(self.loader, places).await?;
            for (place, lookup) in places.iter().zip(lookups) {
                match lookup {
                    Some(Lookup::Written(id)) => drop(fates.insert(*place, Fate::Known(Outcome::Created { id }))),
                    Some(Lookup::NotWritten) => {}
                    None => drop(fates.insert(*place, Fate::Unknown)),
                }
            }
        }
        Ok(())
    }

    /// Stores the fates that there are, each segment in a transaction with the removal of its intent: those that are known
    /// already, and those of all other records where the batch was answered.
    async fn commit_all<S: Shipment>(
        &self,
        intents: &[IntentId],
        shipment: &mut S,
        mut fates: Fates,
        mut answered: Option<Answered<'_>>,
        deliver: &mut Deliver<'_, S::Item>,
    ) -> Result<(), EngineError> {
        let all: Vec<usize> = (0..shipment.len()).collect();
        for (places, intent_id) in all.chunks(SEGMENT_RECORDS).zip(intents) {
            let mut known = Vec::with_capacity(places.len());
            for place in places {
                let fate = match (fates.remove(place), &mut answered) {
                    (Some(fate), _) => Some(fate),
                    (None, Some(answered)) => {
                        let outcome = answered.outcomes.next().ok_or_else(|| self.miscounted(all.len(), *place))?;
                        Some(Fate::Known(outcome))
                    }
                    (None, None) => None,
                };
                known.extend(fate.map(|fate| (*place, fate)));
            }
            let (places, fates): (Vec<usize>, Vec<Fate>) = known.into_iter().unzip();
            let items = shipment.take(&places).await?;
            let mut results: Vec<_> = items.into_iter().zip(fates).collect();
            if let Some(Answered { operation, repeated_since, .. }) = answered {
                claim_own_creates(self.loader, operation, repeated_since, &mut results).await;
            }
            self.commit(*intent_id, &results).await?;
            for (item, fate) in results {
                deliver(item, fate);
            }
        }
        Ok(())
    }

    /// Stores what became of some records and removes their intent, in one transaction.
    async fn commit<T: Item>(&self, intent_id: IntentId, results: &[(T, Fate)]) -> Result<(), EngineError> {
        let mut changes = Changes { intents: vec![intent_id], ..Changes::default() };
        for (item, fate) in results {
            commit_item(item, self.context(), fate, &mut changes);
        }
        self.loader.services.state.commit(self.place_of_rejects(), changes).await?;
        self.tell_done(u64::try_from(results.len()).unwrap_or(u64::MAX));
        Ok(())
    }

    async fn save_intents<S: Shipment>(
        &self,
        operation: &Operation,
        shipment: &S,
        now: DateTime<Utc>,
    ) -> Result<Vec<IntentId>, EngineError> {
        let all: Vec<usize> = (0..shipment.len()).collect();
        let mut intents = Vec::with_capacity(all.len() / SEGMENT_RECORDS + 1);
        // What records held before is not small, so each segment is stored by itself. Nothing is sent before all of them are.
        for places in all.chunks(SEGMENT_RECORDS) {
            let intent = Intent {
                run_id: self.context().run_id.clone(),
                operation: operation_word(operation).to_owned(),
                source_ids: shipment.source_ids(places).await?,
                before: if self.context().keeps_images { shipment.before(places).await? } else { Vec::new() },
            };
            let saved = self.loader.services.state.save_intents(self.context().target_id, vec![intent], now).await?;
            intents.extend(saved);
        }
        Ok(intents)
    }

    /// Looked up each time and never there: the destination is not to be reached. The intents stay, and the next run looks for
    /// all records again, those that were found included.
    fn unanswered(&self) -> EngineError {
        let message = format!("the answer to a write was lost {MAX_SETTLE_ROUNDS} times in a row");
        let error = ConnectorError::new(ErrorKind::Unanswered, "unanswered", message);
        EngineError::connector(self.loader.connection(), error)
    }

    fn miscounted(&self, expected: usize, found: usize) -> EngineError {
        let message = format!("{found} outcomes for {expected} records: the connector breaks its contract");
        let error = ConnectorError::new(ErrorKind::Unexpected, "outcome_count", message);
        EngineError::connector(self.loader.connection(), error)
    }
}

/// Turns the refusal of a single record into the reason of its rejection.
fn rejection(error: &ConnectorError) -> Rejection {
    let reason = error.detail.clone().unwrap_or_else(|| error.message.clone());
    Rejection { request_id: error.request_id.clone(), ..Rejection::new(error.code.clone(), reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intents_go_only_where_an_error_proves_that_nothing_was_written() {
        use ErrorKind::{
            Cancelled, CursorExpired, Io, NotFound, QuotaSpent, Refused, Unanswered, Unauthorized, Unavailable,
            Unexpected,
        };
        let kinds = [
            Cancelled,
            CursorExpired,
            Io,
            NotFound,
            QuotaSpent,
            Refused,
            Unanswered,
            Unauthorized,
            Unavailable,
            Unexpected,
        ];
        for kind in kinds {
            for is_idempotent in [true, false] {
                let reaction = Reaction::to(kind, is_idempotent);
                let goes = matches!(reaction, Reaction::DropIntents | Reaction::Split);
                assert_eq!(goes, kind.proves_no_write(), "{kind:?} {is_idempotent}: {reaction:?}");
                assert_eq!(reaction == Reaction::Settle, kind == Unanswered && !is_idempotent, "{kind:?}");
            }
        }
    }
}
