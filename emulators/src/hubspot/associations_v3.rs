//! Associations as version 3 speaks of them: a type is a name, `contact_to_company`, and one request names one type.
//!
//! Source: associations guide of version 3, and the models of the official clients that still call it.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    association_batches::{MAX_READ_INPUTS, MAX_WRITE_INPUTS, ReadInput, no_associations, page_of},
    association_limits::within_limit,
    associations::{ends, type_name},
    batch::batch_answer,
    errors::Refusal,
    links::Pair,
    portal::Portal,
    render::Answer,
    request::{Call, IdInput, Inputs},
};

#[derive(Deserialize)]
struct Input {
    from: IdInput,
    to: IdInput,
    #[serde(rename = "type")]
    kind: String,
}

/// Answers what version 3 has beside the other versions: `{from}/{to}/types` and the batches that name types.
pub(super) fn answer(portal: &mut Portal, call: &Call, pair: Pair) -> Option<Result<Answer, Refusal>> {
    let (method, path) = call.route();
    Some(match (method, path.get(2..).unwrap_or_default()) {
        ("GET", ["types"]) => Ok(types(portal, pair)),
        ("POST", ["batch", "read"]) => batch_read(portal, call, pair),
        ("POST", ["batch", "create"]) => batch_create(portal, call, pair),
        ("POST", ["batch", "archive"]) => batch_archive(portal, call, pair),
        _ => return None,
    })
}

/// Associates two records by a type that the path names. Answers with their ids; the caller shows the record.
pub(super) fn associate(portal: &mut Portal, pair: Pair, ids: (&str, &str), kind: &str) -> Result<(), Refusal> {
    let kind = named_type(portal, pair, kind)?;
    let (from, to) = ends(portal, pair, ids.0, ids.1)?;
    within_limit(portal, pair, from, to, kind)?;
    portal.links.add(pair, from, to, kind);
    Ok(())
}

/// Removes an association of a type that the path names.
pub(super) fn dissociate(portal: &mut Portal, pair: Pair, ids: (&str, &str), kind: &str) -> Result<(), Refusal> {
    let kind = named_type(portal, pair, kind)?;
    let (from, to) = ends(portal, pair, ids.0, ids.1)?;
    remove(portal, pair, from, to, kind);
    Ok(())
}

/// Removes one type. The pair's own type stands for the association itself, a label only for itself.
fn remove(portal: &mut Portal, pair: Pair, from: u64, to: u64, kind: u32) {
    let label = portal.links.find_type(pair, kind).and_then(|kind| kind.label.as_deref());
    if label.is_none_or(|label| label == "Primary") {
        portal.links.remove(pair, from, to);
    } else {
        portal.links.remove_type(pair, from, to, kind);
    }
}

/// Finds a type by its name or its id.
fn named_type(portal: &mut Portal, pair: Pair, name: &str) -> Result<u32, Refusal> {
    portal.default_link(pair);
    let types = portal.links.types(pair);
    let is_it = |id: u32| id.to_string() == name || type_name(portal, pair, id).eq_ignore_ascii_case(name);
    types.iter().map(|kind| kind.id).find(|id| is_it(*id)).ok_or_else(|| {
        let (from, to) = (&portal.objects[pair.0].singular, &portal.objects[pair.1].singular);
        Refusal::invalid(format!("{name} is not a valid association type between {from} and {to}"))
            .with_sub_category("crm.associations.INVALID_ASSOCIATION_TYPE")
            .with_context("type", &[name])
            .with_context("fromObjectType", &[from])
            .with_context("toObjectType", &[to])
    })
}

fn types(portal: &mut Portal, pair: Pair) -> Answer {
    portal.default_link(pair);
    let shown = |id: u32| json!({"id": id.to_string(), "name": type_name(portal, pair, id)});
    let results: Vec<Json> = portal.links.types(pair).iter().map(|kind| shown(kind.id)).collect();
    Answer::ok(json!({"results": results}))
}

fn batch_read(portal: &Portal, call: &Call, pair: Pair) -> Result<Answer, Refusal> {
    let inputs = call.json::<Inputs<ReadInput>>()?.checked(MAX_READ_INPUTS)?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs {
        let (page, next) = page_of(portal, pair, &input);
        if page.is_empty() {
            errors.push(no_associations(portal, pair, &input.record.id));
            continue;
        }
        let shown = |to: u64, kind: u32| json!({"id": to.to_string(), "type": type_name(portal, pair, kind)});
        let to: Vec<Json> =
            page.into_iter().flat_map(|(to, kinds)| kinds.into_iter().map(move |kind| shown(to, kind))).collect();
        let mut result = json!({"from": {"id": input.record.id}, "to": to});
        if let Some(next) = next {
            result["paging"] = json!({"next": {"after": next.to_string()}});
        }
        results.push(result);
    }
    Ok(batch_answer(portal, StatusCode::OK, &results, &errors, &[]))
}

fn batch_create(portal: &mut Portal, call: &Call, pair: Pair) -> Result<Answer, Refusal> {
    let inputs = call.json::<Inputs<Input>>()?.checked(MAX_WRITE_INPUTS)?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for Input { from, to, kind } in inputs {
        match associate(portal, pair, (&from.id, &to.id), &kind) {
            Ok(()) => results.push(json!({"from": {"id": from.id}, "to": {"id": to.id}, "type": kind})),
            Err(refusal) => errors.push(refusal),
        }
    }
    Ok(batch_answer(portal, StatusCode::CREATED, &results, &errors, &[]))
}

fn batch_archive(portal: &mut Portal, call: &Call, pair: Pair) -> Result<Answer, Refusal> {
    for Input { from, to, kind } in call.json::<Inputs<Input>>()?.checked(MAX_WRITE_INPUTS)? {
        let kind = named_type(portal, pair, &kind)?;
        if let Ok((from, to)) = ends(portal, pair, &from.id, &to.id) {
            remove(portal, pair, from, to, kind);
        }
    }
    Ok(Answer::nothing())
}
