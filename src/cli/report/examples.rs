//! Values of records that wait for somebody: only where they are asked for.

use serde::Serialize;

use crate::state::{Backlog, State, StateError};

/// Most records that are named of a pipeline.
const MAX_EXAMPLES: usize = 20;

/// A record that was not written.
#[derive(Debug, Serialize)]
pub(super) struct Example {
    pub source_id: String,
    pub field: Option<String>,
    pub value: Option<String>,
    pub reason: String,
}

/// Returns records of a pipeline's newest runs that were not written, with the value to blame.
pub(super) async fn of(state: &State, pipeline: &str, backlog: &[Backlog]) -> Result<Vec<Example>, StateError> {
    let own = backlog.iter().filter(|line| line.pipeline == pipeline);
    let Some(run_id) = own.map(|line| line.run_id.as_str()).max() else { return Ok(Vec::new()) };
    let letters = state.letters(run_id).await?.open;
    let examples = letters.into_iter().take(MAX_EXAMPLES).map(|letter| Example {
        source_id: letter.source_id,
        field: letter.field,
        value: letter.body.value,
        reason: letter.body.reason,
    });
    Ok(examples.collect())
}
