//! What a run would do against what is there now: a run on a copy of the state whose writes are only noted. Start at [`plan`](plan()).

mod changes;
mod costs;
pub(super) mod entry;
mod file;
mod planner;
mod replaced;
mod report;
mod simulated;
mod tally;

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use tempfile::TempDir;

use crate::config::Pipeline;
use crate::connector::{Context, Meters};
use crate::model::StreamName;
use crate::state::Target;

use super::{
    accounts::RunAccounts,
    environment::Environment,
    error::EngineError,
    fingerprint::fingerprint,
    place::RunOptions,
    report::{DestinationReport, RunReport, StreamReport},
    review::Review,
    run::run_reviewed,
};

pub use entry::{Approval, PlanHeader};
pub use file::{PlanFile, approve};
pub use planner::PlanViewer;
pub use report::{
    Change, ChangeKind, ChangeReason, ConnectionCosts, FieldChange, FieldCounts, LimitCosts, LinkChange, PlanCounts,
    PlanLine, PlanReport, QuotaCosts, ReplacedRows, StreamCoverage, TargetPlan, UnmappedShare,
};

use costs::costs;
use entry::{FORM, Part};
use planner::Planner;
use tally::Tally;

/// What is planned, and where it is kept.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    /// The streams; all of them where empty.
    pub streams: Vec<StreamName>,
    /// The file that the plan is kept in; none where it is only shown.
    pub file: Option<PathBuf>,
}

/// Finds out what a run would do. Both ends are read; nothing is written there or in the state file.
///
/// The source is read whole, so that the plan says of every record what it is at the destination.
///
/// # Errors
/// Fails when the plan cannot begin or be kept; what cannot be planned in a single stream is in [`PlanReport::errors`].
pub async fn plan(
    environment: &Environment,
    pipeline: &Pipeline,
    options: &PlanOptions,
    viewer: Arc<dyn PlanViewer>,
) -> Result<PlanReport, EngineError> {
    let run_options = RunOptions { streams: options.streams.clone(), is_full_refresh: true, ..RunOptions::default() };
    let created_at = environment.context.clock().now();
    let file = options.file.as_deref().map(|path| environment.state.write_sealed(path)).transpose()?;
    let plan_id = file.as_ref().map(|file| file.id().to_owned());
    let folder = TempDir::with_prefix("ferry-plan-").map_err(|error| EngineError::File {
        path: std::env::temp_dir().display().to_string(),
        reason: error.to_string(),
    })?;
    let state = environment.state.copy_to(&folder.path().join("state.db")).await?;
    let meters = Meters::default();
    let context = Context { meters: Some(meters.clone()), ..environment.context.clone() };
    let copied = Environment { context, state, ..environment.clone() };
    let planner = Arc::new(Planner::new(viewer, file));
    let wanted = pipeline.streams.iter().filter(|stream| run_options.is_wanted(stream));
    let accounts = RunAccounts::learn(&copied, pipeline, wanted).await?;
    let header = PlanHeader {
        form: FORM,
        pipeline: pipeline.name.clone(),
        file: std::path::absolute(&pipeline.path).unwrap_or_else(|_| pipeline.path.clone()),
        fingerprint: fingerprint(pipeline, &run_options),
        accounts: accounts.ids(),
        streams: run_options.streams.clone(),
        created_at,
    };
    planner.put(Part::Header(header)).await?;
    let review: Arc<dyn Review> = Arc::clone(&planner) as Arc<dyn Review>;
    let finished = run_reviewed(&copied, pipeline, &run_options, accounts.clone(), Some(review)).await?;
    drop(copied);
    let is_whole = finished.failures.is_empty();
    planner.finish_replaced();
    let tallies = planner.take();
    let connections = costs(pipeline, &accounts, &meters, &tallies);
    let coverage = planner.covered();
    let mut report = finished.report;
    let schema_changes = std::mem::take(&mut report.schema_changes);
    let targets = targets(report, tallies);
    if is_whole {
        planner.put(Part::End).await?;
        if let Some(file) = Arc::into_inner(planner).and_then(Planner::into_file) {
            file.finish()?;
        }
    }
    Ok(PlanReport {
        pipeline: pipeline.name.clone(),
        created_at,
        plan_id: plan_id.filter(|_| is_whole),
        has_changes: targets.iter().any(|target| target.counts.has_changes()),
        targets,
        connections,
        coverage,
        schema_changes,
        errors: finished.failures.iter().map(ToString::to_string).collect(),
        failures: finished.failures,
    })
}

/// Puts together what was counted and what the run on the copy reports.
fn targets(report: RunReport, tallies: HashMap<Target, Tally>) -> Vec<TargetPlan> {
    let mut tallies: HashMap<_, Tally> =
        tallies.into_iter().map(|(target, tally)| ((target.stream, target.connection, target.object), tally)).collect();
    let mut plans = Vec::new();
    for StreamReport { name, destinations, error, .. } in report.streams {
        for destination in destinations {
            let place = (name.clone(), destination.connection.clone(), destination.object.clone());
            let tally = tallies.remove(&place).unwrap_or_default();
            let plan = target_plan(name.clone(), destination, tally);
            plans.push(TargetPlan { error: plan.error.clone().or_else(|| error.clone()), ..plan });
        }
    }
    plans
}

fn target_plan(stream: StreamName, report: DestinationReport, tally: Tally) -> TargetPlan {
    let Tally { counts, fields, examples, writes, aside, replaced_rows, .. } = tally;
    let mut fields: Vec<FieldCounts> = fields.into_values().collect();
    fields.sort_by_key(|field| std::cmp::Reverse(field.filled + field.overwritten + field.cleared + field.drifted));
    TargetPlan {
        stream,
        connection: report.connection,
        object: report.object,
        account: report.account,
        is_replaced: report.is_replaced,
        replaced: replaced_rows,
        counts,
        fields,
        calls_write: writes.write,
        calls_read: (report.calls_read + writes.read).saturating_sub(aside.read),
        quota_used: report.quota_used,
        examples: examples.into_values().flatten().collect(),
        error: report.error,
    }
}
