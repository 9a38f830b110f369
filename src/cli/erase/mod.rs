//! `ferry erase`: removes a person from everything that Ferry keeps, says where else they are, and proves that nothing is left.
//!
//! What is found is shown first. Nothing is removed before somebody agrees.

mod files;
mod person;
mod report;
mod text;
mod there;

use std::{
    collections::{BTreeMap, HashSet},
    io::{self, IsTerminal},
};

use crate::clock::Clock;
use crate::engine::{EngineError, EraseOutcome};
use crate::state::{Erased, KnownPipeline, Lease, LeaseName, SourceKey, State, TargetId, TraceKind};

use super::{
    args::EraseArgs,
    ask::is_agreed,
    exit::{Exit, Failure},
    load::load_with_placeholder,
    local,
    output::{self, Output},
    run::hints_of,
    workspace::Workspace,
};

use there::{Done, There};

pub(super) use report::EraseReport;

/// Entries of the id map that stay, because their record could not be deleted.
type Kept = HashSet<(TargetId, SourceKey)>;

pub(super) async fn erase(workspace: &Workspace, args: &EraseArgs) -> Result<Exit, Failure> {
    // Without `--at-destinations` nothing is asked of a system, so secrets need not be at hand.
    let placeholder = (!args.at_destinations).then_some(local::PLACEHOLDER);
    let own = args.file.as_deref().map(|file| load_with_placeholder(workspace, file, placeholder)).transpose()?;
    let state = match &args.file {
        Some(file) => workspace.existing_state(file).await?,
        None => workspace.find_state().await?,
    };
    let clock = Clock::accelerated(args.clock_speed);
    let known = state.pipelines().await?;
    let person = person::person(args, own.as_ref(), &known)?;
    let mut leases = take_leases(&state, &known, &clock).await?;
    let traces = state.find_person(person.clone()).await?;
    let files = files::find(workspace, &state, args, &known, (&person, &traces)).await?;
    let mut report = EraseReport::new(&traces, files);
    if report.is_empty() {
        show(workspace, &report)?;
        return Ok(Exit::Done);
    }
    let there = if args.at_destinations {
        let own = (own.as_ref(), &clock);
        let there = There::plan(workspace, own, (&state, &known), &traces, &mut leases)?;
        report.set_at_destinations(&there.planned());
        Some(there)
    } else {
        None
    };
    if !args.yes && !is_asked(workspace, &report).await? {
        return Ok(if io::stdin().is_terminal() { Exit::Done } else { Exit::Usage });
    }
    let done = match &there {
        Some(there) => there.erase().await?,
        None => Done::default(),
    };
    report.set_at_destinations(&done.records);
    if let Some(signal) = done.signal {
        show(workspace, &report)?;
        workspace.output.say(text::STOPPED);
        return Ok(Exit::Signal(signal));
    }
    let is_failed = |outcome: EraseOutcome| outcome == EraseOutcome::Failed;
    let failed = done.records.iter().filter(|record| is_failed(record.outcome));
    let kept: Kept = failed.flat_map(|record| record.entries.iter().copied()).collect();
    let erased = state.erase_person(person.clone(), kept.clone()).await?;
    files::remove(&report.files, &person)?;
    report.is_done = true;
    report.is_clean = Some(is_clean(&erased, &kept));
    report.names_left = erased.columns;
    show(workspace, &report)?;
    workspace.output.say(&text::closing(&report));
    for hint in hints_of(&done.failures) {
        output::insist(&hint);
    }
    Ok(exit(&report, &done.failures))
}

/// Keeps every pipeline of the state file from being run meanwhile.
async fn take_leases(
    state: &State,
    known: &BTreeMap<String, KnownPipeline>,
    clock: &Clock,
) -> Result<BTreeMap<String, Lease>, Failure> {
    let mut leases = BTreeMap::new();
    for pipeline in known.keys() {
        let name = LeaseName::Run { pipeline: pipeline.clone() };
        leases.insert(pipeline.clone(), state.take_lease(name, pipeline, clock.now()).await?);
    }
    Ok(leases)
}

/// Shows what would be done, and asks whether it is to be done; without a terminal there is nobody to ask.
async fn is_asked(workspace: &Workspace, report: &EraseReport) -> Result<bool, Failure> {
    show(workspace, report)?;
    if io::stdin().is_terminal() {
        return is_agreed("remove all this?").await;
    }
    let message = "what is shown above would be removed, and there is no terminal to ask";
    let failure = Failure::new(Exit::Usage, "erase.unasked", message)
        .with_hint("look at it, then type the same command with `--yes`, which does it without asking");
    // The one object on stdout is what would be done.
    Output { is_json: false, ..workspace.output }.failure(&failure);
    Ok(false)
}

/// Tells whether a second search found nothing but the entries that were to stay.
fn is_clean(erased: &Erased, kept: &Kept) -> bool {
    let is_kept = |(kind, count): (&TraceKind, &u64)| {
        *kind == TraceKind::Id && usize::try_from(*count).is_ok_and(|count| count <= kept.len())
    };
    let records = erased.left.records.iter();
    let has_other_record = records.clone().any(|record| !kept.contains(&(record.target_id, record.source_key)));
    !has_other_record && erased.left.counts.iter().all(is_kept) && erased.columns.is_empty() && !erased.is_in_file
}

fn exit(report: &EraseReport, failures: &[EngineError]) -> Exit {
    if report.is_clean != Some(true) {
        return Exit::Failed;
    }
    if let Some(failure) = failures.first() {
        return Exit::of_error(failure);
    }
    let is_failed = report.at_destinations.iter().any(|record| record.outcome == EraseOutcome::Failed);
    if is_failed { Exit::Rejected } else { Exit::Done }
}

fn show(workspace: &Workspace, report: &EraseReport) -> Result<(), Failure> {
    if workspace.output.is_json { output::json(report) } else { output::data(&text::text(report)) }
}
