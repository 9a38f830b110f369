//! Hands the chunks of a stream to its destinations, each of which writes in a task of its own, and saves a checkpoint when all of
//! them are done with a chunk.
//!
//! The checkpoints of the destinations stay equal, so that a run that was cut short reads on from one place for all of them.

use std::{collections::VecDeque, sync::Arc};

use tokio::{
    select,
    sync::mpsc::{self, Receiver, Sender, UnboundedReceiver},
    task::JoinSet,
};

use crate::model::Cursor;

use super::{
    destination_run::DestinationRun,
    error::EngineError,
    place::RunPlace,
    read::extract::Chunk,
    writer::{Numbered, Report, Writer},
};

/// Chunks that wait at a destination while it writes one. What is in memory does not grow with the stream.
const WAITING_CHUNKS: usize = 1;

/// The destinations that write, and the chunks that are not behind a checkpoint yet.
struct Distribution<'run> {
    place: &'run RunPlace,
    destinations: Vec<&'run mut DestinationRun>,
    /// None where the destination takes no more chunks.
    senders: Vec<Option<Sender<Numbered>>>,
    /// The chunks without a checkpoint, each with the cursor behind it.
    ends: VecDeque<(u64, Option<Cursor>)>,
}

/// Hands on chunks until there are no more, no destination can write, or one of them was stopped. `first` is the number of the
/// chunk before the first one.
pub(super) async fn distribute(
    destinations: &mut [DestinationRun],
    mut chunks: Receiver<Chunk>,
    first: u64,
    place: &RunPlace,
) -> Result<(), EngineError> {
    let (reporter, mut reports) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    let destinations: Vec<_> = destinations.iter_mut().filter(|destination| destination.failure.is_none()).collect();
    let mut senders = Vec::with_capacity(destinations.len());
    for (index, destination) in destinations.iter().enumerate() {
        let (sender, receiver) = mpsc::channel(WAITING_CHUNKS);
        let loader = Arc::clone(&destination.loader);
        tasks.spawn(Writer::new(index, loader, destination.tally.ledger, reporter.clone()).run(receiver, first));
        senders.push(Some(sender));
    }
    drop(reporter);
    let mut distribution = Distribution { place, destinations, senders, ends: VecDeque::new() };
    distribution.hand_on(&mut chunks, &mut reports, first).await?;
    // Ends the read too, where it did not end by itself.
    drop(chunks);
    distribution.senders.clear();
    while let Some(report) = reports.recv().await {
        distribution.take(report).await?;
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|_| EngineError::Stopped)?;
    }
    Ok(())
}

impl Distribution<'_> {
    async fn hand_on(
        &mut self,
        chunks: &mut Receiver<Chunk>,
        reports: &mut UnboundedReceiver<Report>,
        mut number: u64,
    ) -> Result<(), EngineError> {
        while self.goes_on() {
            select! {
                Some(report) = reports.recv() => self.take(report).await?,
                chunk = chunks.recv() => {
                    let Some(chunk) = chunk else { return Ok(()) };
                    number += 1;
                    self.ends.push_back((number, chunk.cursor.clone().filter(|_| self.place.limit.is_none())));
                    self.send(&Numbered { number, chunk: Arc::new(chunk) }).await;
                }
            }
        }
        Ok(())
    }

    async fn send(&self, chunk: &Numbered) {
        for sender in self.senders.iter().flatten() {
            // One that takes no more has failed: its report says why.
            let _ = sender.send(chunk.clone()).await;
        }
    }

    fn goes_on(&self) -> bool {
        let is_interrupted = self.destinations.iter().any(|destination| destination.is_interrupted());
        !is_interrupted && self.destinations.iter().any(|destination| destination.failure.is_none())
    }

    async fn take(&mut self, report: Report) -> Result<(), EngineError> {
        let index = report.place;
        if report.ended.is_err()
            && let Some(sender) = self.senders.get_mut(index)
        {
            *sender = None;
        }
        if let Some(destination) = self.destinations.get_mut(index) {
            destination.take_report(report);
        }
        self.save_checkpoints().await
    }

    /// Saves the furthest checkpoint behind which no destination has anything to write. One that failed does not hold the others
    /// up; one that was stopped goes on with them later.
    async fn save_checkpoints(&mut self) -> Result<(), EngineError> {
        let stands = |destination: &DestinationRun| destination.failure.is_none() || destination.is_interrupted();
        let counted = self.destinations.iter().filter(|destination| stands(destination)).count();
        let is_clean = |number: u64| {
            let mut all = self.destinations.iter().filter(|destination| stands(destination));
            counted > 0 && all.all(|destination| destination.is_clean_at(number))
        };
        let furthest = self.ends.iter().rev().find(|(number, cursor)| cursor.is_some() && is_clean(*number));
        let Some((number, Some(cursor))) = furthest.cloned() else { return Ok(()) };
        self.ends.retain(|(end, _)| *end > number);
        for destination in self.destinations.iter_mut().filter(|destination| stands(destination)) {
            destination.chunk = number;
            destination.count_open(number);
            destination.save(&self.place.run_id, Some(cursor.clone())).await?;
        }
        Ok(())
    }
}
