//! `ferry check`: asks every connection of a pipeline whether a run would work; on request it writes one test record, too.

use std::{path::Path, sync::Arc};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::engine::{self, CheckOptions, EngineError, Environment, Finding, Silent};
use crate::state::{Seal, State};

use super::{
    audit, described,
    exit::{Exit, Failure},
    load::load,
    output,
    printable::one_line,
    signals::Signals,
    tokens::StateTokens,
    workspace::{Workspace, context},
};

/// What is said when a signal comes while a test record may exist.
const STOPPING: &str = "stopping: the test record is deleted first; once more to stop at once";

pub(super) async fn check(workspace: &Workspace, file: &Path, is_writing: bool) -> Result<Exit, Failure> {
    let pipeline = load(workspace, file)?;
    let tokens = Arc::new(StateTokens(workspace.open_state_for_tokens(file, &pipeline).await?));
    let mut context = context(Clock::system(), &pipeline.base_dir, tokens, CancellationToken::new(), None)?;
    let audit = audit::attach(workspace, &pipeline, &mut context)?;
    let environment = Environment {
        registry: workspace.registry.clone(),
        context,
        state: State::in_memory(Seal::ephemeral())?,
        observer: Arc::new(Silent),
    };
    let stop = CancellationToken::new();
    // Without writes there is nothing to put in order, and a signal may end the process where it stands.
    let signals = is_writing.then(|| Signals::listen_saying(stop.clone(), workspace.output, STOPPING));
    let findings = engine::check(&environment, &pipeline, &CheckOptions { is_writing, stop }).await;
    let is_about_fields = |finding: &Finding| finding.result.as_ref().is_err_and(described::is_about_fields);
    let mistakes = if findings.iter().any(is_about_fields) {
        described::all_mistakes(workspace, &pipeline, &environment.context, None).await
    } else {
        Vec::new()
    };
    audit.finish()?;
    let mut exit = Exit::Done;
    let mut lines = Vec::new();
    for finding in &findings {
        if let Err(error) = &finding.result
            && exit == Exit::Done
        {
            exit = Exit::of_error(error);
        }
        lines.push(line(finding));
    }
    if workspace.output.is_json {
        let findings: Vec<_> = findings.iter().map(as_json).collect();
        output::json(&json!({ "ok": exit == Exit::Done, "findings": findings, "mistakes": mistakes }))?;
    } else {
        if !mistakes.is_empty() {
            output::findings(&mistakes, workspace.output);
        }
        output::data(&format!("{}\n", lines.join("\n")))?;
    }
    if let Some(number) = signals.and_then(|signals| signals.number()) {
        return Ok(Exit::Signal(number));
    }
    Ok(exit)
}

fn line(finding: &Finding) -> String {
    let subject = format!("{}: {}", finding.connection, finding.subject);
    match &finding.result {
        Ok(remark) => format!("ok     {subject}: {}", one_line(remark)),
        Err(error) => {
            let hint = error.hint().map_or_else(String::new, |hint| format!("\n       hint: {}", one_line(hint)));
            format!("error  {subject}: {}{hint}", one_line(&message(error)))
        }
    }
}

/// Returns what an error says, without the connection: that stands before it.
fn message(error: &EngineError) -> String {
    match error {
        EngineError::Connector { error, .. } => error.to_string(),
        other => other.to_string(),
    }
}

fn as_json(finding: &Finding) -> serde_json::Value {
    let (connection, subject) = (&finding.connection, &finding.subject);
    match &finding.result {
        Ok(remark) => json!({ "connection": connection, "subject": subject, "ok": true, "remark": remark }),
        Err(error) => {
            let (message, hint) = (message(error), error.hint());
            json!({ "connection": connection, "subject": subject, "ok": false, "message": message, "hint": hint })
        }
    }
}
