//! The steps of `transforms`, in a file each. Start at [`Steps`].
//!
//! Most steps look at one record at a time and work page by page ([`Steps::apply`]). `dedupe`, `aggregate` and a `join` with
//! another stream must see the whole stream: then the engine spools the pages to disk and calls [`Steps::apply_spooled`], which holds no more in memory
//! than one page and the keys.

mod aggregate;
mod apply;
mod cast;
mod dedupe;
mod derive;
mod drop;
mod explode;
mod filter;
mod join;
mod join_inputs;
mod rename;
mod split;
mod spool;

#[cfg(test)]
pub(super) mod tests;

use std::{
    fmt::Debug,
    ops::{AddAssign, ControlFlow},
    path::PathBuf,
};

use polars::prelude::DataFrame;

use crate::model::{Schema, is_reserved};

use super::{
    error::TransformError,
    labels::{as_written, in_step},
    reject::Rejected,
    spec::StepSpec,
};

pub use join_inputs::{JoinInput, JoinInputs};
pub use spool::Spool;

/// The compiled `transforms` of a stream.
#[derive(Debug)]
pub struct Steps {
    placed: Vec<Placed>,
    output: Schema,
    changes_ids: bool,
}

/// What became of the records that went into the steps.
#[derive(Debug)]
pub struct Stepped {
    /// The records that go on.
    pub frame: DataFrame,
    /// Records left out by a filter, or folded into others by an aggregate.
    pub filtered: u64,
    /// Records left out as others have the same values.
    pub duplicate: u64,
    /// Records made beyond those that were read, by `explode` or `aggregate`.
    pub added: u64,
    /// Records that a step refused.
    pub rejects: Vec<Rejected>,
    /// Of records left out as others have the same values: their ids, each with that of the record that goes on.
    pub duplicates: Vec<(String, String)>,
}

/// Counts the records that do not simply go on.
#[derive(Debug, Default)]
struct Tally {
    filtered: u64,
    duplicate: u64,
    added: u64,
    rejects: Vec<Rejected>,
    duplicates: Vec<(String, String)>,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.filtered += other.filtered;
        self.duplicate += other.duplicate;
        self.added += other.added;
        self.rejects.extend(other.rejects);
        self.duplicates.extend(other.duplicates);
    }
}

impl Tally {
    fn with(self, frame: DataFrame) -> Stepped {
        let Self { filtered, duplicate, added, rejects, duplicates } = self;
        Stepped { frame, filtered, duplicate, added, rejects, duplicates }
    }
}

/// Takes what goes on, and the records that were refused on the way; breaks off where no more is wanted.
pub(super) type Receive<'receiver> = dyn FnMut(DataFrame, Vec<Rejected>) -> ControlFlow<()> + 'receiver;

/// A step that looks at one record at a time.
trait PageStep: Debug + Send + Sync {
    /// Takes a page through the step. A record that the source has deleted always goes on.
    fn apply(&self, frame: DataFrame, tally: &mut Tally) -> Result<DataFrame, TransformError>;
}

/// A step that sees the whole stream.
trait StreamStep: Debug + Send + Sync {
    /// Takes spooled pages through the step and delivers frames of bounded size, in reading order.
    fn apply(&self, pages: &[PathBuf], tally: &mut Tally, deliver: &mut Deliver<'_>) -> Result<(), TransformError>;
}

/// Takes a frame that goes on; says whether more are wanted.
type Deliver<'a> = dyn FnMut(DataFrame) -> Result<ControlFlow<()>, TransformError> + 'a;

/// A compiled step.
#[derive(Debug)]
enum Step {
    Page(Box<dyn PageStep>),
    Stream(Box<dyn StreamStep>),
}

/// A step and its place in the YAML.
#[derive(Debug)]
struct Placed {
    step: Step,
    index: usize,
}

impl Steps {
    /// Compiles steps over the fields of a source. Files of a `join` are read at once; other streams lie in `inputs`.
    ///
    /// # Errors
    /// Fails with the first mistake that [`check_steps`] finds.
    pub fn compile(specs: &[StepSpec], input: &Schema, inputs: &JoinInputs) -> Result<Self, TransformError> {
        let mut output = input.clone();
        let mut steps = Vec::new();
        for (index, spec) in specs.iter().enumerate() {
            let step = compile_step(spec, &mut output, inputs).map_err(|error| placed(error, index))?;
            steps.push(Placed { step, index });
        }
        let changes_ids = specs.iter().any(StepSpec::changes_ids);
        Ok(Self { placed: steps, output, changes_ids })
    }

    /// Returns the fields that records have after the steps.
    pub fn output(&self) -> &Schema {
        &self.output
    }

    /// Tells whether a step must see the whole stream, so that [`Steps::apply_spooled`] is needed.
    pub fn is_stateful(&self) -> bool {
        self.placed.iter().any(|placed| matches!(placed.step, Step::Stream(_)))
    }

    /// Tells whether a step gives records other ids than the source: then the id of a record that was refused on the way does not
    /// say which records would have come of it.
    pub fn changes_ids(&self) -> bool {
        self.changes_ids
    }

    /// Tells whether there are no steps.
    pub fn is_empty(&self) -> bool {
        self.placed.is_empty()
    }

    /// Takes one page through the steps, of which none may be stateful.
    ///
    /// # Errors
    /// Fails when the frame does not have the columns of the input's schema, or when a step is stateful.
    pub fn apply(&self, frame: DataFrame) -> Result<Stepped, TransformError> {
        let mut tally = Tally::default();
        let frame = apply_to_page(&self.placed, frame, &mut tally)?;
        Ok(tally.with(frame))
    }

    /// Takes a whole stream through the steps and delivers what goes on in frames of bounded size, in reading order, until
    /// the receiver breaks off. The counts are complete only when it did not. The frame in the answer is empty, and its rejects
    /// are those that were not delivered.
    ///
    /// # Errors
    /// Fails when a page cannot be read, or does not have the columns of the input's schema.
    pub fn apply_spooled(&self, pages: &[PathBuf], deliver: &mut Receive<'_>) -> Result<Stepped, TransformError> {
        let mut tally = Tally::default();
        run_spooled(&self.placed, pages, &mut tally, deliver)?;
        Ok(tally.with(DataFrame::empty()))
    }
}

/// Finds every mistake in steps, and the fields after them if none of them is mistaken. Without the schema of the source
/// only syntax, cleaners and options are checked.
pub fn check_steps(
    specs: &[StepSpec],
    input: Option<&Schema>,
    inputs: &JoinInputs,
) -> (Option<Schema>, Vec<TransformError>) {
    let mut mistakes = Vec::new();
    let mut output = input.cloned();
    for (index, spec) in specs.iter().enumerate() {
        let alone = check_alone(spec, inputs);
        let is_sound = alone.is_empty();
        mistakes.extend(alone.into_iter().map(|error| placed(error, index)));
        let Some(schema) = &mut output else { continue };
        if matches!(spec, StepSpec::Join(join) if join::is_unknown(join, inputs)) {
            output = None;
            continue;
        }
        let compiled = compile_step(spec, schema, inputs);
        if let Err(error) = compiled {
            if is_sound {
                mistakes.push(placed(error, index));
            }
            // What this step would have made is unknown, so later names cannot be judged.
            output = None;
        }
    }
    (output, mistakes)
}

fn placed(error: TransformError, index: usize) -> TransformError {
    error.under(["transforms", &index.to_string()])
}

/// Finds what can be found without knowing the fields.
fn check_alone(spec: &StepSpec, inputs: &JoinInputs) -> Vec<TransformError> {
    match spec {
        StepSpec::Filter(sql) => filter::check_alone(sql),
        StepSpec::Derive(fields) => derive::check_alone(fields),
        StepSpec::Apply(fields) => apply::check_alone(fields),
        StepSpec::Join(join) => join::check_alone(join, inputs),
        StepSpec::Aggregate(aggregate) => aggregate::check_alone(aggregate),
        StepSpec::Rename(_)
        | StepSpec::Drop(_)
        | StepSpec::Cast(_)
        | StepSpec::Split(_)
        | StepSpec::Explode(_)
        | StepSpec::Dedupe(_) => Vec::new(),
    }
}

/// Compiles one step and changes the schema to what it is after it.
fn compile_step(spec: &StepSpec, schema: &mut Schema, inputs: &JoinInputs) -> Result<Step, TransformError> {
    let named = in_step(spec, schema)?;
    compile_named(&named, schema, inputs).map_err(|error| as_written(error, spec, &named))
}

fn compile_named(spec: &StepSpec, schema: &mut Schema, inputs: &JoinInputs) -> Result<Step, TransformError> {
    Ok(match spec {
        StepSpec::Filter(sql) => page(filter::compile(sql, schema)?),
        StepSpec::Derive(fields) => page(derive::compile(fields, schema)?),
        StepSpec::Rename(names) => page(rename::compile(names, schema)?),
        StepSpec::Drop(names) => page(drop::compile(names, schema)?),
        StepSpec::Cast(fields) => page(cast::compile(fields, schema)?),
        StepSpec::Split(split) => page(split::compile(split, schema)?),
        StepSpec::Explode(explode) => page(explode::compile(explode, schema)?),
        StepSpec::Apply(fields) => page(apply::compile(fields, schema)?),
        StepSpec::Dedupe(dedupe) => Step::Stream(Box::new(dedupe::compile(dedupe, schema)?)),
        StepSpec::Join(join) => join::compile(join, schema, inputs)?,
        StepSpec::Aggregate(aggregate) => Step::Stream(Box::new(aggregate::compile(aggregate, schema)?)),
    })
}

fn page(step: impl PageStep + 'static) -> Step {
    Step::Page(Box::new(step))
}

fn apply_to_page(steps: &[Placed], frame: DataFrame, tally: &mut Tally) -> Result<DataFrame, TransformError> {
    let mut current = frame;
    for Placed { step, index } in steps {
        let Step::Page(step) = step else {
            let message = "this step must see the whole stream and cannot work on one page";
            return Err(placed(TransformError::new("transform.failed", message), *index));
        };
        current = step.apply(current, tally).map_err(|error| placed(error, *index))?;
    }
    Ok(current)
}

/// Runs the steps up to and including the first stateful one over the pages; what it delivers goes through the rest, over
/// another spool if there is another stateful step.
fn run_spooled(
    steps: &[Placed],
    pages: &[PathBuf],
    tally: &mut Tally,
    deliver: &mut Receive<'_>,
) -> Result<(), TransformError> {
    let first = steps.iter().position(|placed| matches!(placed.step, Step::Stream(_)));
    let Some(first) = first else {
        return spool::each_page(pages, &mut |frame| {
            let frame = apply_to_page(steps, frame, tally)?;
            Ok(deliver(frame, std::mem::take(&mut tally.rejects)))
        });
    };
    let (before, rest) = steps.split_at(first);
    let before_pages = spool::through(pages, before.is_empty(), &mut |frame| {
        let frame = apply_to_page(before, frame, tally)?;
        Ok((frame, hand_on_rejects(tally, deliver)))
    })?;
    let Some((Placed { step: Step::Stream(step), index }, after)) = rest.split_first() else { return Ok(()) };
    let is_last = after.iter().all(|placed| matches!(placed.step, Step::Page(_)));
    let mut own = Tally::default();
    if is_last {
        step.apply(before_pages.paths(), &mut own, &mut |frame| {
            let frame = apply_to_page(after, frame, tally)?;
            let rejects = std::mem::take(&mut tally.rejects);
            let has_some = frame.height() > 0 || !rejects.is_empty();
            Ok(if has_some { deliver(frame, rejects) } else { ControlFlow::Continue(()) })
        })
        .map_err(|error| if error.path.is_empty() { placed(error, *index) } else { error })?;
        *tally += own;
        return Ok(());
    }
    let mut spool = spool::Spool::beside(pages)?;
    step.apply(before_pages.paths(), &mut own, &mut |frame| {
        spool.push(frame)?;
        Ok(ControlFlow::Continue(()))
    })
    .map_err(|error| placed(error, *index))?;
    *tally += own;
    drop(before_pages);
    run_spooled(after, spool.paths(), tally, deliver)
}

/// Delivers rejects alone, as soon as they are as many as a frame has records.
fn hand_on_rejects(tally: &mut Tally, deliver: &mut Receive<'_>) -> ControlFlow<()> {
    if tally.rejects.len() < spool::MAX_FRAME_RECORDS {
        return ControlFlow::Continue(());
    }
    deliver(DataFrame::empty(), std::mem::take(&mut tally.rejects))
}

/// Refuses to let a step make or change what Ferry itself puts into every frame.
fn refuse_reserved(name: &str) -> Result<(), TransformError> {
    if !is_reserved(name) {
        return Ok(());
    }
    let message = format!("`{name}` is Ferry's own and cannot be made or changed by a step");
    Err(TransformError::new("transform.reserved", message).hint("give the field another name"))
}
