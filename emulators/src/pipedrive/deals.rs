//! Deals: stages, statuses and their times, archived ones.

use serde_json::{Map, Value as Json, json};

use super::{
    account::Account,
    errors::Refusal,
    kinds::Kind,
    pipelines::{first_pipeline, first_stage},
    store::Record,
    time::rfc3339,
};

/// Sets what follows from what was written: stage and pipeline, the times of a status, the archive.
pub(super) fn settle(
    account: &Account,
    body: &Map<String, Json>,
    old: Option<&Record>,
    values: &mut Map<String, Json>,
) -> Result<(), Refusal> {
    let was_archived = old.is_some_and(|deal| deal.value("is_archived") == true);
    if was_archived && body.get("is_archived") != Some(&json!(false)) {
        return Err(Refusal::bad("Archived deals cannot be edited, unarchive the deal first"));
    }
    let now = rfc3339(account.now());
    if old.is_none() {
        values.insert("origin".to_owned(), json!("API"));
        for (code, value) in
            [("value", json!(0)), ("currency", json!(account.company.currency)), ("status", json!("open"))]
        {
            let is_missing = values.get(code).is_none_or(Json::is_null);
            if is_missing {
                values.insert(code.to_owned(), value);
            }
        }
    }
    place(account, body, old, values)?;
    close(body, old, values, &now)?;
    let is_archived = values.get("is_archived") == Some(&json!(true));
    if !is_archived {
        values.insert("archive_time".to_owned(), Json::Null);
    } else if values.get("archive_time").is_none_or(Json::is_null) {
        values.insert("archive_time".to_owned(), json!(now));
    }
    Ok(())
}

/// Finds stage and pipeline: each follows from the other, and both must fit.
fn place(
    account: &Account,
    body: &Map<String, Json>,
    old: Option<&Record>,
    values: &mut Map<String, Json>,
) -> Result<(), Refusal> {
    let named = |code: &str| body.get(code).and_then(Json::as_u64);
    let (pipeline, stage) = (named("pipeline_id"), named("stage_id"));
    let stage = match (pipeline, stage) {
        (_, Some(stage)) => Some(stage),
        (Some(pipeline), None) if old.and_then(|deal| deal.number("pipeline_id")) != Some(pipeline) => {
            Some(first_stage(account, pipeline).ok_or_else(|| Refusal::bad("The pipeline has no stages"))?)
        }
        _ if old.is_none() => first_pipeline(account).and_then(|pipeline| first_stage(account, pipeline)),
        _ => None,
    };
    let Some(stage) = stage else { return Ok(()) };
    let of_stage = account.live(Kind::Stages, stage).and_then(|stage| stage.number("pipeline_id"));
    if pipeline.is_some_and(|pipeline| of_stage != Some(pipeline)) {
        return Err(Refusal::field("stage_id", "does not belong to the pipeline of pipeline_id"));
    }
    values.insert("pipeline_id".to_owned(), json!(of_stage));
    values.insert("stage_id".to_owned(), json!(stage));
    let is_moved = old.is_some_and(|deal| deal.number("stage_id") != Some(stage));
    if is_moved {
        values.insert("stage_change_time".to_owned(), json!(rfc3339(account.now())));
    }
    Ok(())
}

/// Sets the times of a status, and refuses what another status has.
fn close(
    body: &Map<String, Json>,
    old: Option<&Record>,
    values: &mut Map<String, Json>,
    now: &str,
) -> Result<(), Refusal> {
    let status = values.get("status").and_then(Json::as_str).unwrap_or("open").to_owned();
    let own: &[&str] = match status.as_str() {
        "won" => &["won_time", "close_time"],
        "lost" => &["lost_time", "close_time", "lost_reason"],
        _ => &[],
    };
    let is_changed = old.is_none_or(|deal| deal.text("status") != status);
    for code in ["won_time", "lost_time", "close_time", "lost_reason"] {
        let is_written = body.get(code).is_some_and(|value| !value.is_null());
        if own.contains(&code) {
            if is_changed && !is_written && code != "lost_reason" {
                values.insert(code.to_owned(), json!(now));
            }
        } else if is_written {
            let problem = format!("can only be set for another status of the deal than {status}");
            return Err(Refusal::field(code, &problem));
        } else {
            values.insert(code.to_owned(), Json::Null);
        }
    }
    if status == "won" && values.get("first_won_time").is_none_or(Json::is_null) {
        let won = values.get("won_time").cloned().unwrap_or_default();
        values.insert("first_won_time".to_owned(), won);
    }
    Ok(())
}
