//! Takes back what a run wrote: deletes what it created, restores what it changed, creates again what it deleted.
//!
//! It is a run of its own, with intents, outcomes and a ledger, and keeps images of what it writes, so that it can be taken back
//! itself. A record is written only while it holds what the run left there. Start at [`undo`](undo()).

mod item;
mod links;
mod report;
mod step;
mod target;
mod unlinks;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::config::{Pipeline, WriteMode};
use crate::model::{Ledger, StreamName};
use crate::state::{AttemptEnd, Checkpoint, ImageCount, ImageKind, Run, RunKind, RunStatus, SourceIds, TargetStatus};

use super::{
    accounts::{RunAccounts, RunIdentity},
    close::links::close_links,
    destination_run::DestinationRun,
    environment::Environment,
    error::EngineError,
    order::order_streams,
    place::status_of,
    reconnect::{Place, Reconnected, place_of, reconnect},
    run::new_run_id,
};

use self::{links::UnderWay, target::UndoTarget};

pub use self::report::{Difference, LaterRun, LeftRecord, UndoCounts, UndoReport, UndoTarget as UndoTargetReport};

/// What is asked of an undo.
#[derive(Debug, Clone, Default)]
pub struct UndoOptions {
    /// The streams; all where empty.
    pub streams: Vec<StreamName>,
    /// Whether it is only shown what would be done.
    pub is_plan: bool,
}

/// How an undo ended.
#[derive(Debug)]
pub struct Undone {
    /// What it did.
    pub report: UndoReport,
    /// What failed, in order.
    pub failures: Vec<EngineError>,
    /// Which attempt at it this was; none where it is only shown.
    pub attempt: Option<u32>,
}

/// Takes back what a run wrote, or says what that would do. One that was stopped goes on where it stood.
///
/// # Errors
/// Fails when nothing of the run is kept, when the pipeline no longer has what the run wrote, or when the state file cannot be
/// used; what fails in a single destination is in [`Undone::failures`].
pub async fn undo(
    environment: &Environment,
    pipeline: &Pipeline,
    run: &Run,
    options: &UndoOptions,
) -> Result<Undone, EngineError> {
    let state = &environment.state;
    let stopped = stopped(environment, run).await?;
    let counts = wanted_counts(environment, run, options, stopped.is_some()).await?;
    let places = places(pipeline, run, counts)?;
    let streams: BTreeSet<usize> = places.keys().map(|(stream_index, _)| *stream_index).collect();
    let accounts =
        RunAccounts::learn(environment, pipeline, streams.iter().map(|index| &pipeline.streams[*index])).await?;
    let now = environment.context.clock().now();
    let undo = match stopped {
        Some(stopped) => Run { status: RunStatus::Running, finished_at: None, ..stopped },
        None => Run {
            run_id: new_run_id(pipeline, now),
            kind: RunKind::Undo,
            status: RunStatus::Running,
            started_at: now,
            finished_at: None,
            undone_run: Some(run.run_id.clone()),
            ..run.clone()
        },
    };
    let attempt = if options.is_plan { None } else { Some(state.start_attempt(undo.clone(), now).await?) };
    if !options.is_plan {
        environment.observer.run_started(&undo.run_id);
        accounts.note(environment, pipeline).await?;
    }
    let identity = RunIdentity { id: &undo.run_id, accounts: &accounts, review: None };
    let undoing = Undoing { environment, pipeline, run, options, identity };
    let mut targets = Vec::new();
    let mut failures = Vec::new();
    for (place, count) in places {
        match undoing.connect(place, &count).await {
            Ok(target) => targets.push(target),
            Err(error @ EngineError::State(_)) => return Err(error),
            Err(error) => failures.push(error),
        }
    }
    // Links lead to records that are there: these are created first, and deleted last.
    let order = order_streams(&pipeline.streams)?;
    targets.sort_by_key(|target| order.iter().position(|index| *index == target.stream_index));
    undoing.go(&mut targets).await?;
    undoing.finish(targets, failures, attempt).await
}

async fn wanted_counts(
    environment: &Environment,
    run: &Run,
    options: &UndoOptions,
    is_resumed: bool,
) -> Result<Vec<ImageCount>, EngineError> {
    let mut counts = environment.state.count_images(&run.run_id).await?;
    if counts.is_empty() {
        return Err(EngineError::Unsupported(format!(
            "nothing is kept of what {} wrote: it wrote nothing that can be taken back, its pipeline said `undo: off`, or it is older than `undo.keep_days`",
            run.run_id
        )));
    }
    counts.retain(|count| options.streams.is_empty() || options.streams.contains(&count.target.stream));
    // One that was stopped at its very end still has to put the checkpoints back.
    if !is_resumed {
        counts.retain(|count| count.open > 0);
    }
    if counts.is_empty() {
        return Err(EngineError::Unsupported(format!("{} is taken back already", run.run_id)));
    }
    Ok(counts)
}

/// Returns where the pipeline has what the run wrote: stream and destination of each.
fn places(pipeline: &Pipeline, run: &Run, counts: Vec<ImageCount>) -> Result<BTreeMap<Place, ImageCount>, EngineError> {
    let mut places = BTreeMap::new();
    for count in counts {
        let target = &count.target;
        let Some(place) = place_of(pipeline, target) else {
            return Err(EngineError::Unsupported(format!(
                "the pipeline no longer writes stream `{}` to `{}` at `{}`, so what {} wrote there cannot be taken back",
                target.stream, target.object, target.connection, run.run_id
            )));
        };
        places.insert(place, count);
    }
    Ok(places)
}

/// Returns the undo of this run that was stopped, if there is one.
async fn stopped(environment: &Environment, run: &Run) -> Result<Option<Run>, EngineError> {
    let runs = environment.state.runs().await?;
    let mut undos = runs.into_iter().filter(|undo| undo.undone_run.as_ref() == Some(&run.run_id));
    Ok(undos.next().filter(|undo| undo.status != RunStatus::Done))
}

/// An undo under way.
struct Undoing<'a> {
    environment: &'a Environment,
    pipeline: &'a Pipeline,
    run: &'a Run,
    options: &'a UndoOptions,
    identity: RunIdentity<'a>,
}

impl Undoing<'_> {
    /// Connects a destination that the run wrote.
    async fn connect(&self, place: Place, count: &ImageCount) -> Result<UndoTarget, EngineError> {
        let Self { environment, pipeline, run, options, identity } = self;
        let (stream_index, destination_index) = place;
        let Reconnected { mut loader, .. } = reconnect(environment, pipeline, place, *identity).await?;
        if loader.target.id != count.target_id {
            return Err(EngineError::Unsupported(format!(
                "`{}` reaches another account than {} wrote; nothing was written",
                count.target.connection, run.run_id
            )));
        }
        // Keys are looked up as an upsert does, whatever the pipeline does with new records.
        loader.policy.write = WriteMode::Upsert;
        loader.policy.keeps_images = true;
        let checkpoint = loader.earlier.checkpoint.clone();
        let is_resumed = loader.earlier.ledger.is_some();
        let position = u32::try_from(stream_index).unwrap_or(u32::MAX);
        let mut destination = DestinationRun::new(loader, destination_index, position);
        destination.tally.status = TargetStatus::Running;
        destination.tally.message = None;
        if !is_resumed {
            destination.tally.start_cursor = checkpoint.map(|checkpoint| checkpoint.cursor);
        }
        if !options.is_plan {
            destination.save(identity.id, None).await?;
            destination.loader.settle_earlier().await?;
        }
        Ok(UndoTarget {
            destination,
            stream_index,
            undone_run: run.run_id.clone(),
            is_plan: options.is_plan,
            counts: UndoCounts::default(),
            left: Vec::new(),
            unwritable: HashMap::new(),
        })
    }

    /// Creates, restores and deletes, in this order.
    async fn go(&self, targets: &mut [UndoTarget]) -> Result<(), EngineError> {
        let mut renamed = HashMap::new();
        let mut under_way = UnderWay::new();
        for loader in targets.iter().map(|target| &target.destination.loader) {
            let ids = loader.earlier.before.keys().cloned();
            under_way.entry(loader.connection().clone()).or_default().extend(ids);
        }
        for target in targets.iter_mut() {
            let run_id = &self.run.run_id;
            renamed.extend(self.environment.state.renamed_images(run_id, target.target_id()).await?);
            self.take_back(target, ImageKind::Deleted, &renamed, &under_way).await?;
            renamed.extend(self.environment.state.renamed_images(run_id, target.target_id()).await?);
        }
        for target in targets.iter_mut() {
            self.take_back(target, ImageKind::Updated, &renamed, &under_way).await?;
        }
        for target in targets.iter_mut().rev() {
            self.take_back(target, ImageKind::Created, &renamed, &under_way).await?;
        }
        if !self.options.is_plan {
            self.close(targets).await?;
        }
        Ok(())
    }

    async fn take_back(
        &self,
        target: &mut UndoTarget,
        kind: ImageKind,
        renamed: &HashMap<String, String>,
        under_way: &UnderWay,
    ) -> Result<(), EngineError> {
        if target.destination.failure.is_some() {
            return Ok(());
        }
        match target.take_back(kind, renamed, under_way).await {
            Ok(()) => Ok(()),
            Err(error @ EngineError::State(_)) => Err(error),
            Err(error) => {
                target.destination.fail(error);
                Ok(())
            }
        }
    }

    /// Sets the links to what was created again, and puts the checkpoints back, so that the next run does the work again.
    async fn close(&self, targets: &mut [UndoTarget]) -> Result<(), EngineError> {
        let state = &self.environment.state;
        let undo = self.identity.id;
        // The links that were taken away are not to be set again here, but by the next run.
        for target in targets.iter().filter(|target| target.takes_links_away()) {
            state.set_restored_links(target.target_id(), undo, true).await?;
        }
        let connections: BTreeSet<String> =
            targets.iter().map(|target| target.destination.loader.connection().to_string()).collect();
        state.reopen_links(&self.pipeline.name, connections.into_iter().collect()).await?;
        let undone = state.stored_run(&self.run.run_id, SourceIds::Hidden).await?;
        for target in targets.iter_mut().filter(|target| target.destination.failure.is_none()) {
            match close_links(&target.destination.loader).await {
                Ok(calls) => target.destination.halving_calls += calls,
                Err(error) => {
                    target.destination.fail(error);
                    continue;
                }
            }
            if target.takes_links_away() {
                state.set_restored_links(target.target_id(), undo, false).await?;
            }
            target.forget_intents().await?;
            target.destination.tally.status = TargetStatus::Done;
            let names = &target.destination.loader.target.names;
            let account = undone.targets.iter().find(|stored| stored.ledger.target == *names);
            let Some(account) = account else { continue };
            if state.is_last_run(target.target_id(), &self.run.run_id).await? {
                let saved_at = self.environment.context.clock().now();
                let run_id = self.identity.id.to_owned();
                let checkpoint = account.ledger.start_cursor.clone();
                let checkpoint = checkpoint.map(|cursor| Checkpoint { run_id, cursor, chunk: 0, saved_at, number: 0 });
                state.put_checkpoint_back(target.target_id(), checkpoint).await?;
            }
        }
        Ok(())
    }

    async fn finish(
        self,
        mut targets: Vec<UndoTarget>,
        mut failures: Vec<EngineError>,
        attempt: Option<u32>,
    ) -> Result<Undone, EngineError> {
        let state = &self.environment.state;
        let remarks = remarks(&targets);
        let later = state.later_writers(&self.run.run_id).await?.into_iter();
        let mut report = UndoReport {
            run_id: attempt.map(|_| self.identity.id.to_owned()),
            undone_run: self.run.run_id.clone(),
            status: None,
            targets: Vec::new(),
            left: Vec::new(),
            later_runs: later.map(|(run_id, records)| LaterRun { run_id, records }).collect(),
            remarks,
        };
        let taken_back = state.count_taken_back(self.identity.id).await?;
        targets.sort_by_key(|target| (target.stream_index, target.destination.index));
        for mut target in targets {
            if attempt.is_some() {
                target.counts = UndoCounts::default();
                for (fate, count) in taken_back.get(&target.target_id()).into_iter().flatten() {
                    target.counts.add(*fate, *count);
                }
                target.destination.tally.ledger = ledger(target.counts);
                target.destination.loader.end_writing(target.destination.failure.is_some()).await?;
                target.destination.save(self.identity.id, None).await?;
            }
            let names = &target.destination.loader.target.names;
            let calls = target.destination.loader.services.context.meter.calls();
            report.targets.push(UndoTargetReport {
                stream: names.stream.clone(),
                connection: names.connection.clone(),
                object: names.object.clone(),
                counts: target.counts,
                calls_read: calls.read,
                calls_write: calls.write,
                error: target.destination.failure.as_ref().map(ToString::to_string),
            });
            report.left.append(&mut target.left);
            failures.extend(target.destination.failure.take());
        }
        report.left.truncate(report::MAX_LEFT);
        let Some(number) = attempt else { return Ok(Undone { report, failures, attempt }) };
        let status = status_of(&failures);
        let errors = failures.iter().map(EngineError::of_attempt).collect();
        let end = AttemptEnd { status, now: self.environment.context.clock().now(), errors };
        state.finish_attempt(self.identity.id, number, end).await?;
        report.status = Some(status);
        Ok(Undone { report, failures, attempt })
    }
}

/// Returns the counts as the ledger of a run has them.
fn ledger(counts: UndoCounts) -> Ledger {
    Ledger {
        read: counts.written,
        created: counts.recreated,
        updated: counts.restored,
        deleted: counts.deleted,
        unchanged: counts.left_changed + counts.left_gone + counts.left_impossible,
        rejected: counts.rejected,
        ..Ledger::default()
    }
}

/// Says what cannot be taken back, whatever the records hold.
fn remarks(targets: &[UndoTarget]) -> Vec<String> {
    let mut remarks = Vec::new();
    for target in targets {
        let loader = &target.destination.loader;
        let place = format!("{} → {}.{}", loader.target.names.stream, loader.connection(), loader.target.names.object);
        if loader.services.capabilities.delete.is_none() {
            remarks.push(format!("{place}: it cannot delete records, so those that were created stay"));
        }
        let has_links = loader.shape.preparation.fields.iter().any(|field| field.link.is_some());
        if has_links && loader.services.capabilities.link.is_some() && !target.takes_links_away() {
            remarks.push(format!(
                "{place}: links are set by calls of their own there: those of records that were there before stay"
            ));
        }
        if target.counts.recreated > 0 {
            remarks.push(format!("{place}: what is created again gets a new id; links to it are set again"));
        }
        let mut unwritable: Vec<_> = target.unwritable.iter().collect();
        unwritable.sort();
        for (field, count) in unwritable {
            let records = if *count == 1 { "record" } else { "records" };
            remarks.push(if loader.shape.schema.field(field).is_some_and(|field| field.only_advances) {
                format!("{place}: `{field}` only moves forward, so {count} {records} may keep what they hold")
            } else {
                format!("{place}: `{field}` cannot be written, so {count} {records} do not get it back")
            });
        }
    }
    remarks
}
