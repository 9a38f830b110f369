//! `ferry check`: asks every connection of a pipeline whether a run would work; writes nothing.

use std::{path::Path, sync::Arc};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    clock::Clock,
    engine::{self, Environment, Finding, Silent},
    state::{Seal, State},
};

use super::{
    exit::{Exit, Failure},
    load::load,
    output,
    tokens::StateTokens,
    world::{World, context},
};

pub(super) async fn check(world: &World, file: &Path) -> Result<Exit, Failure> {
    let pipeline = load(world, file)?;
    // Renewed tokens must be kept even by a check where a run has made a state file: single-use ones would be lost.
    let has_state = world.state_path(file).exists();
    let state = if has_state { world.open_state(file)? } else { State::in_memory(Seal::ephemeral())? };
    let uses_oauth = pipeline.connections.values().any(|connection| connection.options.contains_key("refresh_token"));
    let state = if uses_oauth && !has_state { world.open_state(file)? } else { state };
    let tokens = Arc::new(StateTokens(state.clone()));
    let context = context(Clock::system(), &pipeline.base_dir, tokens, CancellationToken::new(), None)?;
    let environment = Environment {
        registry: world.registry.clone(),
        context,
        state: State::in_memory(Seal::ephemeral())?,
        observer: Arc::new(Silent),
    };
    let findings = engine::check(&environment, &pipeline).await;
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
    if world.output.is_json {
        let findings: Vec<_> = findings.iter().map(as_json).collect();
        output::json(&json!({ "ok": exit == Exit::Done, "findings": findings }))?;
    } else {
        output::data(&format!("{}\n", lines.join("\n")))?;
    }
    Ok(exit)
}

fn line(finding: &Finding) -> String {
    let subject = format!("{}: {}", finding.connection, finding.subject);
    match &finding.result {
        Ok(remark) => format!("ok     {subject}: {remark}"),
        Err(error) => {
            let hint = error.hint().map_or_else(String::new, |hint| format!("\n       hint: {hint}"));
            format!("error  {subject}: {error}{hint}")
        }
    }
}

fn as_json(finding: &Finding) -> serde_json::Value {
    let (connection, subject) = (&finding.connection, &finding.subject);
    match &finding.result {
        Ok(remark) => json!({ "connection": connection, "subject": subject, "ok": true, "remark": remark }),
        Err(error) => {
            let (message, hint) = (error.to_string(), error.hint());
            json!({ "connection": connection, "subject": subject, "ok": false, "message": message, "hint": hint })
        }
    }
}
