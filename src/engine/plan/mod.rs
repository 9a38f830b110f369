//! What a run would do against what is there now: a run on a copy of the state whose writes are only noted. Start at [`plan`](plan()).

mod changes;
pub(super) mod entry;
mod file;
mod planner;
mod report;
mod simulated;

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use tempfile::TempDir;

use crate::config::Pipeline;
use crate::model::{BatchLimit, Capabilities, StreamName};
use crate::state::Target;

use super::{
    accounts::RunAccounts,
    environment::{Environment, connection},
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
    Change, ChangeKind, ChangeReason, FieldChange, FieldCounts, LinkChange, PlanCounts, PlanLine, PlanReport,
    TargetPlan,
};

use entry::{FORM, Part};
use planner::{Planner, Tally};

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
    let copied = Environment { state, ..environment.clone() };
    let planner = Arc::new(Planner::new(viewer, file));
    let wanted = pipeline.streams.iter().filter(|stream| run_options.is_wanted(stream));
    let accounts = RunAccounts::learn(environment, pipeline, wanted).await?;
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
    let finished = run_reviewed(&copied, pipeline, &run_options, accounts, Some(review)).await?;
    drop(copied);
    let is_whole = finished.failures.is_empty();
    let targets = targets(environment, pipeline, finished.report, planner.take())?;
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
        errors: finished.failures.iter().map(ToString::to_string).collect(),
        failures: finished.failures,
    })
}

/// Puts together what was counted and what the run on the copy reports.
fn targets(
    environment: &Environment,
    pipeline: &Pipeline,
    report: RunReport,
    tallies: HashMap<Target, Tally>,
) -> Result<Vec<TargetPlan>, EngineError> {
    let mut tallies: HashMap<_, Tally> =
        tallies.into_iter().map(|(target, tally)| ((target.stream, target.connection, target.object), tally)).collect();
    let mut plans = Vec::new();
    for StreamReport { name, destinations, error, .. } in report.streams {
        for destination in destinations {
            let place = (name.clone(), destination.connection.clone(), destination.object.clone());
            let tally = tallies.remove(&place).unwrap_or_default();
            let connection = connection(pipeline, &destination.connection)?;
            let entry = environment.registry.get(&connection.connector)?;
            let plan = target_plan(name.clone(), destination, tally, entry.capabilities);
            plans.push(TargetPlan { error: plan.error.clone().or_else(|| error.clone()), ..plan });
        }
    }
    Ok(plans)
}

fn target_plan(stream: StreamName, report: DestinationReport, tally: Tally, capabilities: &Capabilities) -> TargetPlan {
    let Tally { counts, fields, examples } = tally;
    let mut fields: Vec<FieldCounts> = fields.into_values().collect();
    fields.sort_by_key(|field| std::cmp::Reverse(field.filled + field.overwritten + field.cleared + field.drifted));
    let calls = |count: u64, limit: Option<BatchLimit>| {
        limit.map_or(0, |limit| count.div_ceil(u64::from(limit.max_records.get())))
    };
    let insert = if report.is_replaced { capabilities.replace } else { capabilities.insert };
    let calls_write = if capabilities.is_local {
        0
    } else {
        calls(counts.create, insert)
            + calls(counts.update, capabilities.update)
            + calls(counts.delete, capabilities.delete)
            + calls(counts.links, capabilities.link)
    };
    TargetPlan {
        stream,
        connection: report.connection,
        object: report.object,
        account: report.account,
        is_replaced: report.is_replaced,
        counts,
        fields,
        calls_write,
        calls_read: report.calls_read,
        quota_used: report.quota_used,
        examples: examples.into_values().flatten().collect(),
        error: report.error,
    }
}
