//! `ferry redrive`: loads dead letters again, as they are or as they were corrected in a file.

mod corrections;
mod shown;
mod table;

use std::path::Path;

use crate::clock::Clock;
use crate::engine;
use crate::state::RunKind;

use super::{
    exit::{Exit, Failure},
    load::load,
    run::{end, show},
    runs::find_run,
    session::Session,
    summary::Started,
    workspace::Workspace,
};

/// Stands for the newest run.
const LAST: &str = "last";

pub(super) async fn redrive(
    workspace: &Workspace,
    run_id: &str,
    from: Option<&Path>,
    clock_speed: f64,
) -> Result<Exit, Failure> {
    let state = workspace.find_state().await?;
    let readings = match from {
        Some(file) => Some((file, table::read(file).map_err(|reason| corrections::wrong(file, &reason))?)),
        None => None,
    };
    // A file says itself which run it is of, unless the user says otherwise.
    let of_file = readings.as_ref().filter(|_| run_id == LAST).and_then(|(_, readings)| readings.run());
    let run = find_run(&state, of_file.as_deref().unwrap_or(run_id)).await?;
    let corrections = match readings {
        Some((file, readings)) => {
            let read = corrections::find(&state, &run.run_id, file, readings).await?;
            read.notes.iter().chain(&shown::lines(&read)).for_each(|line| workspace.output.say(line));
            Some(read.corrections)
        }
        None => None,
    };
    let pipeline = load(workspace, &run.file)?;
    let clock = Clock::accelerated(clock_speed);
    let session = Session::begin_attempt(workspace, &pipeline, state, clock, RunKind::Redrive).await?;
    let Session { environment, audit, signals, .. } = &session;
    let worked = engine::redrive(environment, &pipeline, &run, corrections.as_ref()).await;
    let finished = session.kept(workspace, &pipeline, worked).await?;
    show(workspace, &pipeline, &finished, Started::Run(&run.file))?;
    audit.finish()?;
    end(workspace, &pipeline, environment, &finished, signals.number()).await
}
