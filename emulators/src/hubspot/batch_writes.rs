//! Batches that create and change records: a trace id on every input makes a batch fail by the record, without them one bad
//! input refuses the whole.
//!
//! Source: error-handling page ("Multi-status errors") and CRM objects guide.

use std::collections::HashSet;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::{
    associations::{AssociationInput, add_inline, check_inline},
    batch::{MAX_INPUTS, batch_answer, shuffled},
    errors::Refusal,
    links::Pair,
    objects::{key, locate, written},
    portal::Portal,
    render::Answer,
    request::{Call, Inputs, id_text},
    write::{Claims, Fault, NewValues, Sent, values_of_change, values_of_new},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateInput {
    properties: Sent,
    #[serde(default)]
    associations: Vec<AssociationInput>,
    object_write_trace_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ChangeInput {
    #[serde(deserialize_with = "id_text")]
    id: String,
    id_property: Option<String>,
    properties: Sent,
    object_write_trace_id: Option<String>,
}

/// What one input of a batch will do once the whole batch is checked.
struct Planned {
    sent: Sent,
    values: NewValues,
    /// The record to change; a new one otherwise.
    id: Option<u64>,
    links: Vec<(Pair, u64, u32)>,
    trace: Option<String>,
}

/// The inputs of a batch, each planned or refused.
struct Plan {
    items: Vec<(Option<String>, Result<Planned, Fault>)>,
    /// Ids no record has; they never refuse the batch.
    missing: Vec<(Option<String>, String)>,
}

/// Tells whether every input has a trace id, so that each can fail alone.
fn is_traced<'a>(traces: impl Iterator<Item = Option<&'a str>>) -> Result<bool, Refusal> {
    let mut seen = HashSet::new();
    let mut is_traced = true;
    for trace in traces {
        match trace {
            Some(trace) if !seen.insert(trace) => {
                let message =
                    format!("Duplicate objectWriteTraceId found in batch input: [{trace}]. Values must be unique");
                return Err(Refusal::invalid(message).with_context("objectWriteTraceId", &[trace]));
            }
            Some(_) => {}
            None => is_traced = false,
        }
    }
    Ok(is_traced)
}

fn refuse_duplicates(keys: impl Iterator<Item = String>) -> Result<(), Refusal> {
    let (mut seen, mut twice) = (HashSet::new(), Vec::new());
    for key in keys {
        if !seen.insert(key.clone()) && !twice.contains(&key) {
            twice.push(key);
        }
    }
    if twice.is_empty() {
        return Ok(());
    }
    let message = format!("Duplicate IDs found in batch input: [{}]. IDs must be unique", twice.join(", "));
    Err(Refusal::invalid(message).with_context("ids", &twice))
}

/// Creates records.
pub(super) fn create(portal: &mut Portal, call: &Call, object: usize) -> Result<Answer, Refusal> {
    let inputs = call.json::<Inputs<CreateInput>>()?.checked(MAX_INPUTS)?;
    let is_traced = is_traced(inputs.iter().map(|input| input.object_write_trace_id.as_deref()))?;
    let kind = &portal.objects[object];
    for (name, property) in &kind.properties {
        if property.spec.has_unique_value
            && let Some(place) = kind.property_place(name)
        {
            let sent = inputs.iter().flat_map(|input| &input.properties.0);
            let values = sent.filter(|(sent, value)| sent == name && !value.is_empty());
            refuse_duplicates(values.map(|(_, value)| key(portal, object, place, value)))?;
        }
    }
    let items = inputs
        .into_iter()
        .map(|input| {
            let trace = input.object_write_trace_id.clone();
            (trace, plan_new(portal, object, input.properties, &input.associations, input.object_write_trace_id, call))
        })
        .collect();
    let plan = Plan { items, missing: Vec::new() };
    carry_out(portal, object, plan, is_traced, StatusCode::CREATED, false)
}

fn plan_new(
    portal: &Portal,
    object: usize,
    sent: Sent,
    associations: &[AssociationInput],
    trace: Option<String>,
    call: &Call,
) -> Result<Planned, Fault> {
    let values = values_of_new(portal, object, &sent, &call.version)?;
    let links = check_inline(portal, object, associations).map_err(Fault::Other)?;
    Ok(Planned { sent, values, id: None, links, trace })
}

/// Changes records.
pub(super) fn update(portal: &mut Portal, call: &Call, object: usize) -> Result<Answer, Refusal> {
    let inputs = call.json::<Inputs<ChangeInput>>()?.checked(MAX_INPUTS)?;
    let is_traced = is_traced(inputs.iter().map(|input| input.object_write_trace_id.as_deref()))?;
    refuse_duplicates(inputs.iter().map(|input| input_key(portal, object, input)))?;
    let mut plan = Plan { items: Vec::new(), missing: Vec::new() };
    for input in inputs {
        let trace = input.object_write_trace_id;
        let Some(id) = locate(portal, object, &input.id, input.id_property.as_deref(), "update")? else {
            plan.missing.push((trace, input.id));
            continue;
        };
        let planned = values_of_change(portal, object, &input.properties, id).map(|values| Planned {
            sent: input.properties,
            values,
            id: Some(id),
            links: Vec::new(),
            trace: trace.clone(),
        });
        plan.items.push((trace, planned));
    }
    carry_out(portal, object, plan, is_traced, StatusCode::OK, false)
}

fn input_key(portal: &Portal, object: usize, input: &ChangeInput) -> String {
    let property = input.id_property.as_deref().and_then(|name| portal.objects[object].property_place(name));
    property.map_or_else(|| input.id.clone(), |place| key(portal, object, place, &input.id))
}

/// Creates or changes records.
pub(super) fn upsert(portal: &mut Portal, call: &Call, object: usize) -> Result<Answer, Refusal> {
    let inputs = call.json::<Inputs<ChangeInput>>()?.checked(MAX_INPUTS)?;
    let is_traced = is_traced(inputs.iter().map(|input| input.object_write_trace_id.as_deref()))?;
    refuse_duplicates(inputs.iter().map(|input| input_key(portal, object, input)))?;
    let mut plan = Plan { items: Vec::new(), missing: Vec::new() };
    for mut input in inputs {
        let trace = input.object_write_trace_id;
        let property = input.id_property.as_deref().filter(|name| *name != "hs_object_id");
        let found = locate(portal, object, &input.id, property, "upsert")?;
        let planned = match (found, property) {
            (Some(id), _) => values_of_change(portal, object, &input.properties, id).map(|values| Planned {
                sent: input.properties,
                values,
                id: Some(id),
                links: Vec::new(),
                trace: trace.clone(),
            }),
            (None, Some(property)) => {
                if !input.properties.0.iter().any(|(name, value)| name == property && !value.is_empty()) {
                    input.properties.0.push((property.to_owned(), input.id));
                }
                plan_new(portal, object, input.properties, &[], trace.clone(), call)
            }
            (None, None) => {
                plan.missing.push((trace, input.id));
                continue;
            }
        };
        plan.items.push((trace, planned));
    }
    carry_out(portal, object, plan, is_traced, StatusCode::OK, true)
}

/// Carries out a batch, unless an input without a way to fail alone is refused.
fn carry_out(
    portal: &mut Portal,
    object: usize,
    mut plan: Plan,
    is_traced: bool,
    status: StatusCode,
    is_upsert: bool,
) -> Result<Answer, Refusal> {
    let mut claims = Claims::default();
    for ((_, item), place) in plan.items.iter_mut().zip(1_u64..) {
        let Ok(planned) = item else { continue };
        // A new record has no id yet; its claim is its own by a number no record has.
        let owner = planned.id.unwrap_or(u64::MAX - place);
        if let Err(fault) = claims.claim(&portal.objects[object], &planned.values, owner) {
            *item = Err(fault);
        }
    }
    if !is_traced {
        refuse_whole(&plan)?;
    }
    let singular = portal.objects[object].singular.clone();
    let (mut errors, mut traces) = (Vec::new(), Vec::new());
    if !is_traced && !plan.missing.is_empty() {
        let ids: Vec<String> = plan.missing.drain(..).map(|(_, id)| id).collect();
        errors.push(Refusal::missing_records(&singular, &ids));
        traces.push(None);
    }
    for (trace, id) in plan.missing {
        errors.push(Refusal::missing_records(&singular, &[id]));
        traces.push(trace);
    }
    let mut results: Vec<(u64, Map<String, Json>)> = Vec::new();
    for (trace, item) in plan.items {
        match item {
            Ok(planned) => {
                let (id, shown) = write(portal, object, planned, is_upsert);
                results.retain(|(earlier, _)| *earlier != id);
                results.push((id, shown));
            }
            Err(fault) => {
                errors.push(fault.refusal());
                traces.push(trace);
            }
        }
    }
    Ok(batch_answer(portal, status, &shuffled(results), &errors, &traces))
}

fn refuse_whole(plan: &Plan) -> Result<(), Refusal> {
    let faults = plan.items.iter().filter_map(|(_, item)| item.as_ref().err());
    let (mut problems, mut other) = (Vec::new(), None);
    for fault in faults {
        match fault {
            Fault::Values(more) => problems.extend(more.iter().cloned()),
            Fault::Other(refusal) => other = other.or(Some(refusal.clone())),
        }
    }
    if !problems.is_empty() {
        return Err(Refusal::invalid_values(&problems));
    }
    other.map_or(Ok(()), Err)
}

fn write(portal: &mut Portal, object: usize, planned: Planned, is_upsert: bool) -> (u64, Map<String, Json>) {
    let id = match planned.id {
        Some(id) => {
            portal.change(object, id, &planned.values);
            id
        }
        None => portal.create(object, &planned.values),
    };
    add_inline(portal, id, planned.links);
    let mut shown = written(portal, object, id, &planned.sent);
    if is_upsert {
        shown.insert("new".to_owned(), Json::from(planned.id.is_none()));
    }
    if let Some(trace) = planned.trace {
        shown.insert("objectWriteTraceId".to_owned(), Json::from(trace));
    }
    (id, shown)
}
