//! Records by the hundred, and how a batch answers: results come back in another order than the inputs.
//!
//! What creates and changes records is in `batch_writes`.

use std::collections::HashSet;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    batch_writes::{create, update, upsert},
    errors::Refusal,
    objects::{archive_record, locate},
    portal::Portal,
    render::Answer,
    request::{Call, IdInput, Inputs},
    time::iso,
};

/// Most inputs of a batch of records. Source: CRM objects guide.
pub(super) const MAX_INPUTS: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadBody {
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    properties_with_history: Vec<String>,
    id_property: Option<String>,
    #[serde(flatten)]
    inputs: Inputs<IdInput>,
}

/// Answers a batch of records.
pub(super) fn answer(
    portal: &mut Portal,
    call: &Call,
    object: usize,
    operation: &str,
) -> Option<Result<Answer, Refusal>> {
    Some(match operation {
        "read" => read(portal, call, object),
        "create" => create(portal, call, object),
        "update" => update(portal, call, object),
        "upsert" => upsert(portal, call, object),
        "archive" => archive(portal, call, object),
        _ => return None,
    })
}

fn read(portal: &Portal, call: &Call, object: usize) -> Result<Answer, Refusal> {
    let body: ReadBody = call.json()?;
    let inputs = body.inputs.checked(MAX_INPUTS)?;
    let wanted = portal.wanted(object, &body.properties, &body.properties_with_history);
    let kind = &portal.objects[object];
    let mut seen = HashSet::new();
    let (mut results, mut missing) = (Vec::new(), Vec::new());
    for IdInput { id } in inputs {
        let found = if call.flag("archived") {
            id.parse().ok().and_then(|id| kind.records.get_archived(id))
        } else {
            locate(portal, object, &id, body.id_property.as_deref(), "read")?.and_then(|id| kind.records.get(id))
        };
        match found {
            Some((found, record)) if seen.insert(found) => {
                results.push((found, portal.shown(object, (found, record), &wanted)));
            }
            Some(_) => {}
            None => missing.push(id),
        }
    }
    let errors = if missing.is_empty() { vec![] } else { vec![Refusal::missing_records(&kind.singular, &missing)] };
    Ok(batch_answer(portal, StatusCode::OK, &shuffled(results), &errors, &[]))
}

/// Puts results in an order of their own, the same each time: clients must match by id, never by place.
pub(super) fn shuffled(mut results: Vec<(u64, Map<String, Json>)>) -> Vec<Json> {
    results.sort_by_key(|(id, _)| xxh3_64(&id.to_le_bytes()));
    results.into_iter().map(|(_, shown)| Json::from(shown)).collect()
}

/// Wraps results as a batch answers them; with errors it is 207. `traces` name the inputs of the errors.
pub(super) fn batch_answer(
    portal: &Portal,
    status: StatusCode,
    results: &[Json],
    errors: &[Refusal],
    traces: &[Option<String>],
) -> Answer {
    let now = iso(portal.now());
    let mut body = json!({"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now});
    if errors.is_empty() {
        return Answer { status, body: Some(body) };
    }
    let traces = traces.iter().map(Option::as_deref).chain(std::iter::repeat(None));
    let items: Vec<Json> = errors
        .iter()
        .zip(traces)
        .map(|(error, trace)| match trace {
            Some(trace) => error.clone().with_context("objectWriteTraceId", &[trace]).as_item(),
            None => error.as_item(),
        })
        .collect();
    body["numErrors"] = Json::from(items.len());
    body["errors"] = Json::from(items);
    Answer { status: StatusCode::MULTI_STATUS, body: Some(body) }
}

fn archive(portal: &mut Portal, call: &Call, object: usize) -> Result<Answer, Refusal> {
    for IdInput { id } in call.json::<Inputs<IdInput>>()?.checked(MAX_INPUTS)? {
        if let Ok(id) = id.parse() {
            archive_record(portal, object, id);
        }
    }
    Ok(Answer::nothing())
}
