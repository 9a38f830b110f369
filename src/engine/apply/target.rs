//! One target of a plan: its records are written as a run writes them, and its ledger closes over the plan's counts.

use std::{collections::HashMap, sync::Arc};

use crate::config::Pipeline;
use crate::engine::{
    accounts::RunIdentity,
    close::{links::close_links, mirror::delete_unseen},
    decide::{
        decision::{Action, Decision},
        prepare::Prepared,
    },
    destination_run::DestinationRun,
    environment::Environment,
    error::EngineError,
    plan::entry::PlannedRecord,
    reconnect::{Reconnected, place_of, reconnect},
    report::{DestinationReport, StreamReport},
    review::{Delete, LeftOut},
    write::{
        bulk_buffer::BulkBuffer,
        chunk::load_prepared,
        dispatch::Dispatch,
        execute::{ChunkTally, execute},
        flush::flush,
        left_out::save_duplicates,
        letters::Originals,
        store::save_rejects,
    },
};
use crate::model::{Calls, ConnectionName, Ledger, StreamName};
use crate::state::{DeadLetter, DeadLetterKind, RecordKey, Target, TargetEnd, TargetStatus};

use super::applier::Applier;

/// One target of a plan, connected.
pub(super) struct ApplyTarget {
    destination: DestinationRun,
    source_account: Option<String>,
    /// What it took to ask the source what its records look like.
    source_calls: Calls,
    buffer: BulkBuffer,
    tally: ChunkTally,
    /// Which part of it is written.
    number: u64,
}

impl ApplyTarget {
    pub(super) async fn open(
        environment: &Environment,
        pipeline: &Pipeline,
        run: RunIdentity<'_>,
        target: &Target,
    ) -> Result<Self, EngineError> {
        let Some(place) = place_of(pipeline, target) else {
            let message = format!("the pipeline has no stream `{}` any more", target.stream);
            return Err(EngineError::Unsupported(message));
        };
        let stream = &pipeline.streams[place.0];
        let Reconnected { loader, source_calls, .. } = reconnect(environment, pipeline, place, run).await?;
        let position = u32::try_from(place.0).unwrap_or(u32::MAX);
        let mut destination = DestinationRun::new(loader, place.1, position);
        let loader = Arc::clone(&destination.loader);
        // What this apply wrote before it was stopped counts as what it was when it is gone through again.
        loader.services.state.rewind(loader.target.id, run.id, 0).await?;
        destination.count_from(0);
        destination.save(run.id, None).await?;
        let mut target = Self {
            destination,
            source_account: run.accounts.known(&stream.connection).map(|account| account.id().to_owned()),
            source_calls,
            buffer: BulkBuffer::default(),
            tally: ChunkTally::default(),
            number: 0,
        };
        if let Err(error) = target.destination.begin().await {
            target.destination.fail(error);
        }
        Ok(target)
    }

    pub(super) fn is(&self, target: &Target) -> bool {
        self.destination.loader.target.names == *target
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.destination.is_interrupted()
    }

    pub(super) fn connection(&self) -> &ConnectionName {
        self.destination.loader.connection()
    }

    pub(super) fn stream(&self) -> &StreamName {
        &self.destination.loader.target.names.stream
    }

    pub(super) fn take_failure(&mut self) -> Option<EngineError> {
        self.destination.failure.take()
    }

    /// Keeps what failed: the other targets go on.
    fn take(&mut self, done: Result<(), EngineError>) {
        if let Err(error) = done {
            self.destination.fail(error);
        }
    }

    fn has_failed(&self) -> bool {
        self.destination.failure.is_some()
    }

    pub(super) async fn left_out(&mut self, left_out: LeftOut) {
        if self.has_failed() {
            return;
        }
        let loader = Arc::clone(&self.destination.loader);
        let ledger = &mut self.tally.ledger;
        ledger.read += left_out.read;
        ledger.filtered += left_out.filtered;
        ledger.duplicate += left_out.duplicate;
        self.number += 1;
        let dispatch = Dispatch::new(&loader, self.number);
        let done = save_duplicates(&dispatch, &left_out.duplicates).await;
        dispatch.tell_done(left_out.filtered + left_out.duplicate);
        self.take(done);
    }

    pub(super) async fn refused(&mut self, letters: Vec<DeadLetter>) {
        if self.has_failed() {
            return;
        }
        let loader = Arc::clone(&self.destination.loader);
        let dispatch = Dispatch::new(&loader, self.number.max(1));
        let context = dispatch.context();
        let of_this_run = |letter: DeadLetter| DeadLetter {
            run_id: context.run_id.clone(),
            created_at: context.now,
            chunk: context.chunk,
            ..letter
        };
        let letters: Vec<DeadLetter> = letters.into_iter().map(of_this_run).collect();
        let seen = letters.iter().map(|letter| RecordKey::Id(letter.source_id.clone())).collect();
        let count = u64::try_from(letters.len()).unwrap_or(u64::MAX);
        let held = letters.iter().filter(|letter| letter.kind == DeadLetterKind::Held).count();
        let held = u64::try_from(held).unwrap_or(u64::MAX);
        let done = save_rejects(&dispatch, letters, seen).await;
        if done.is_ok() {
            self.tally.ledger.held += held;
            self.tally.ledger.rejected += count - held;
            dispatch.tell_done(count);
        }
        self.take(done);
    }

    pub(super) async fn decided(&mut self, applier: &Applier, planned: Vec<PlannedRecord>) {
        if self.has_failed() {
            return;
        }
        let done = self.write(applier, planned).await;
        self.take(done);
    }

    async fn write(&mut self, applier: &Applier, planned: Vec<PlannedRecord>) -> Result<(), EngineError> {
        let loader = Arc::clone(&self.destination.loader);
        loader.services.check_goes_on()?;
        self.number += 1;
        let dispatch = Dispatch::new(&loader, self.number);
        let (mut writes, mut records, mut others) = (Vec::new(), Vec::<Arc<Prepared>>::new(), Vec::new());
        let mut sources = HashMap::with_capacity(planned.len());
        for PlannedRecord { decision: Decision { record, action }, source } in planned {
            sources.insert(record.source_id.clone(), source);
            match action {
                Action::Create(_) | Action::Upsert { .. } | Action::Update { .. } | Action::Adopt(_) => {
                    writes.push((record.source_id.clone(), action));
                    records.push(record);
                }
                Action::Leave(_) | Action::Duplicate(_) | Action::Reject(_) | Action::Hold(_) => {
                    others.push(Decision { record, action });
                }
            }
        }
        let originals = Originals::kept(sources);
        execute(&dispatch, others, &originals, &mut self.tally, true, None).await?;
        applier.expect(&loader.target.names, writes);
        load_prepared(&dispatch, records, &originals, &mut self.tally, Some(&mut self.buffer)).await?;
        self.tally.halving_calls += dispatch.halving_calls();
        if self.buffer.is_full(|limit| loader.bulk_limit(limit).unwrap_or(limit)) {
            flush(&loader, &mut self.buffer, self.number, &mut self.tally).await?;
        }
        Ok(())
    }

    /// Writes what waits, and puts an object that is written anew in its place.
    pub(super) async fn flush(&mut self) {
        if self.has_failed() {
            return;
        }
        let loader = Arc::clone(&self.destination.loader);
        let mut done = flush(&loader, &mut self.buffer, self.number, &mut self.tally).await;
        if done.is_ok() {
            self.destination.tally.ledger = self.tally.ledger;
            done = self.destination.put_in_place().await;
        }
        self.take(done);
    }

    pub(super) async fn close_links(&mut self) {
        if self.has_failed() {
            return;
        }
        let closed = close_links(&self.destination.loader).await;
        let done = closed.map(|halving_calls| self.tally.halving_calls += halving_calls);
        self.take(done);
    }

    /// Deletes what the plan deletes.
    pub(super) async fn delete(&mut self, applier: &Applier, planned: Vec<Delete>) {
        if self.has_failed() {
            return;
        }
        let loader = Arc::clone(&self.destination.loader);
        applier.expect_deletes(&loader.target.names, planned);
        let (read, mut ledger) = (self.tally.ledger.read, Ledger::default());
        let done = delete_unseen(&loader, read, self.number, &mut ledger).await;
        if done.is_ok() {
            let gone = applier.take_deletes(&loader.target.names);
            ledger.read += gone;
            ledger.deleted += gone;
        }
        self.tally.ledger += ledger;
        self.take(done);
    }

    /// All of it is done.
    pub(super) async fn close(&mut self, run_id: &str) -> Result<(), EngineError> {
        if self.has_failed() {
            return Ok(());
        }
        self.destination.tally.ledger = self.tally.ledger;
        self.destination.tally.status = TargetStatus::Done;
        self.destination.tally.chunk = self.number;
        self.destination.halving_calls = self.tally.halving_calls;
        let loader = &self.destination.loader;
        let end = TargetEnd {
            are_intents_done: true,
            clears_checkpoint: false,
            forgets_missing: false,
            answers_letters_at: None,
        };
        let told = self.destination.told();
        Ok(loader.services.state.close_target(loader.target.id, run_id, told, end).await?)
    }

    /// Stores how it ended, whole or not.
    pub(super) async fn end(&mut self, run_id: &str) -> Result<(), EngineError> {
        let is_done = self.destination.tally.status == TargetStatus::Done && !self.has_failed();
        if !is_done {
            // Where it was cut short, read are those records whose fate is known.
            let ledger = self.tally.ledger;
            self.destination.tally.ledger = Ledger { read: ledger.accounted(), ..ledger };
            self.destination.tally.chunk = self.number;
        }
        self.destination.loader.end_writing(!is_done).await?;
        self.destination.save(run_id, None).await
    }

    pub(super) async fn report(&self) -> Result<DestinationReport, EngineError> {
        self.destination.report().await
    }

    pub(super) fn stream_report(&self, report: DestinationReport) -> StreamReport {
        StreamReport {
            name: self.stream().clone(),
            source_account: self.source_account.clone(),
            read: report.ledger.read,
            calls: self.source_calls.total(),
            rate_limited: self.source_calls.rate_limited,
            quota: None,
            error: None,
            destinations: vec![report],
        }
    }
}
