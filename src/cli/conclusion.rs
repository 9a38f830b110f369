//! What is done when an attempt has ended, however it ended: people are told, and the metrics are written. Neither changes the end.

use crate::config::Pipeline;
use crate::state::{RunFilter, State, StateError};

use super::{
    metrics::{self, Measured},
    notify, output,
    printable::one_line,
    workspace::Workspace,
};

/// Tells people of the end of an attempt, keeps what came of it, and writes the metrics.
pub(super) async fn conclude(workspace: &Workspace, pipeline: &Pipeline, state: &State, run_id: &str) {
    if pipeline.on_finish.is_empty() && workspace.global.metrics.is_none() {
        return;
    }
    if let Err(error) = concluded(workspace, pipeline, state, run_id).await {
        output::insist(&one_line(&format!("warning: nobody could be told of the run's end: {error}")));
    }
}

async fn concluded(workspace: &Workspace, pipeline: &Pipeline, state: &State, run_id: &str) -> Result<(), StateError> {
    let filter = RunFilter { run_id: Some(run_id.to_owned()), ..RunFilter::default() };
    let (tallies, _) = state.run_tallies(filter).await?;
    let Some(tally) = tallies.first() else { return Ok(()) };
    let open_rejects = state.count_open_letters(&pipeline.name).await?;
    let notices = notify::tell(pipeline, tally, open_rejects).await;
    if !notices.is_empty() {
        state.note_notices(run_id, tally.last.number, notices).await?;
    }
    if let Some(path) = &workspace.global.metrics {
        let last_done = state.last_done_at(&pipeline.name).await?.map(|at| at.timestamp());
        if let Err(error) = metrics::write(path, &Measured { tally, open_rejects, last_done }) {
            output::insist(&one_line(&format!("warning: the metrics are not written: {error}")));
        }
    }
    Ok(())
}
