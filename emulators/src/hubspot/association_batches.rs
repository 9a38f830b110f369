//! Batches of associations, and the labels of pairs of objects.
//!
//! Source: associations guide of version 4 and its dated twins; error bodies as public clients saw them.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    association_limits::{self, within_limit},
    associations::{
        MAX_PAGE, Spec, associate, check_spec, ends, invalid_type, pair, shown_default, shown_link, shown_pair,
        shown_types,
    },
    associations_v3,
    batch::batch_answer,
    errors::Refusal,
    links::{LinkType, Pair, USER_DEFINED},
    portal::Portal,
    render::Answer,
    request::{Call, IdInput, Inputs},
};

/// Most records of a batch read. Source: changelog on the batch read limit.
pub(super) const MAX_READ_INPUTS: usize = 1_000;
/// Most associations of a batch that writes. Source: associations guide.
pub(super) const MAX_WRITE_INPUTS: usize = 2_000;

/// A record whose associations are read.
#[derive(Deserialize)]
pub(super) struct ReadInput {
    #[serde(flatten)]
    pub(super) record: IdInput,
    after: Option<String>,
}

#[derive(Deserialize)]
struct WriteInput {
    from: IdInput,
    to: IdInput,
    #[serde(default)]
    types: Vec<Spec>,
}

#[derive(Deserialize)]
struct RemoveInput {
    from: IdInput,
    to: Vec<IdInput>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LabelBody {
    label: String,
    name: Option<String>,
    inverse_label: Option<String>,
    association_type_id: Option<u32>,
}

/// Answers batches of associations and their labels: `{from}/{to}/…`.
pub(super) fn answer(portal: &mut Portal, call: &Call) -> Option<Result<Answer, Refusal>> {
    let (method, path) = call.route();
    if path.first() == Some(&"definitions") {
        return association_limits::answer(portal, call);
    }
    let [from, to, rest @ ..] = path.as_slice() else { return None };
    let pair = match pair(portal, from, to) {
        Ok(pair) => pair,
        Err(refusal) => return Some(Err(refusal)),
    };
    if call.version == "v3" {
        return associations_v3::answer(portal, call, pair);
    }
    Some(match (method, rest) {
        ("POST", ["batch", "read"]) => batch_read(portal, call, pair),
        ("POST", ["batch", "create"]) => batch_create(portal, call, pair),
        ("POST", ["batch", "associate", "default"]) => batch_default(portal, call, pair),
        ("POST", ["batch", "archive"]) => batch_archive(portal, call, pair),
        ("POST", ["batch", "labels", "archive"]) => batch_archive_labels(portal, call, pair),
        ("GET", ["labels"]) => Ok(Answer::ok(json!({"results": shown_types(portal.links.types(pair))}))),
        ("POST", ["labels"]) => create_label(portal, call, pair),
        ("PUT", ["labels"]) => update_label(portal, call, pair),
        ("DELETE", ["labels", id]) => delete_label(portal, pair, id),
        _ => return None,
    })
}

fn batch_read(portal: &Portal, call: &Call, pair: Pair) -> Result<Answer, Refusal> {
    let inputs = call.json::<Inputs<ReadInput>>()?.checked(MAX_READ_INPUTS)?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs {
        let (page, next) = page_of(portal, pair, &input);
        let ReadInput { record: IdInput { id }, .. } = input;
        if page.is_empty() {
            errors.push(no_associations(portal, pair, &id));
            continue;
        }
        let to: Vec<Json> = page.into_iter().map(|link| shown_link(portal, &call.version, pair, link)).collect();
        let mut result = json!({"from": {"id": id}, "to": to});
        if let Some(next) = next {
            result["paging"] = json!({"next": {"after": next.to_string()}});
        }
        results.push(result);
    }
    Ok(batch_answer(portal, StatusCode::OK, &results, &errors, &[]))
}

/// Returns a page of a record's associations, and where the next one begins.
pub(super) fn page_of(portal: &Portal, pair: Pair, input: &ReadInput) -> (Vec<(u64, Vec<u32>)>, Option<u64>) {
    let after = input.after.as_ref().and_then(|after| after.parse().ok()).unwrap_or(0);
    let id = input.record.id.parse().ok().and_then(|id| portal.objects[pair.0].records.get(id)).map(|(id, _)| id);
    let mut links = portal.links.of(pair, id.unwrap_or_default(), after);
    let page = links.by_ref().take(MAX_PAGE).collect();
    (page, links.next().map(|(next, _)| next))
}

/// The answer to a record without associations.
pub(super) fn no_associations(portal: &Portal, pair: Pair, id: &str) -> Refusal {
    let (from, to) = (&portal.objects[pair.0].singular, &portal.objects[pair.1].singular);
    Refusal::not_found(format!("No {to} is associated with {from} {id}."))
        .with_sub_category("crm.associations.NO_ASSOCIATIONS_FOUND")
        .with_context("fromObjectId", &[id])
        .with_context("fromObjectType", &[from])
        .with_context("toObjectType", &[to])
}

fn batch_create(portal: &mut Portal, call: &Call, pair: Pair) -> Result<Answer, Refusal> {
    let inputs = call.json::<Inputs<WriteInput>>()?.checked(MAX_WRITE_INPUTS)?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs {
        match associate(portal, pair, (&input.from.id, &input.to.id), &input.types) {
            Ok((from, to)) => results.push(shown_pair(portal, pair, from, to, &input.types)),
            Err(refusal) => errors.push(refusal),
        }
    }
    Ok(batch_answer(portal, StatusCode::CREATED, &results, &errors, &[]))
}

fn batch_default(portal: &mut Portal, call: &Call, pair: Pair) -> Result<Answer, Refusal> {
    let inputs = call.json::<Inputs<WriteInput>>()?.checked(MAX_WRITE_INPUTS)?;
    let plain = portal.default_link(pair);
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs {
        match ends(portal, pair, &input.from.id, &input.to.id) {
            Ok((from, to)) => {
                if let Err(refusal) = within_limit(portal, pair, from, to, plain) {
                    errors.push(refusal);
                    continue;
                }
                portal.links.add(pair, from, to, plain);
                results.extend(shown_default(portal, pair, from, to, plain));
            }
            Err(refusal) => errors.push(refusal),
        }
    }
    Ok(batch_answer(portal, StatusCode::OK, &results, &errors, &[]))
}

fn batch_archive(portal: &mut Portal, call: &Call, pair: Pair) -> Result<Answer, Refusal> {
    for RemoveInput { from, to } in call.json::<Inputs<RemoveInput>>()?.checked(MAX_WRITE_INPUTS)? {
        for to in to {
            if let Ok((from, to)) = ends(portal, pair, &from.id, &to.id) {
                portal.links.remove(pair, from, to);
            }
        }
    }
    Ok(Answer::nothing())
}

fn batch_archive_labels(portal: &mut Portal, call: &Call, pair: Pair) -> Result<Answer, Refusal> {
    for input in call.json::<Inputs<WriteInput>>()?.checked(MAX_WRITE_INPUTS)? {
        for spec in &input.types {
            check_spec(portal, pair, spec)?;
        }
        if let Ok((from, to)) = ends(portal, pair, &input.from.id, &input.to.id) {
            for spec in &input.types {
                portal.links.remove_type(pair, from, to, spec.association_type_id);
            }
        }
    }
    Ok(Answer::nothing())
}

fn create_label(portal: &mut Portal, call: &Call, pair: Pair) -> Result<Answer, Refusal> {
    let body: LabelBody = call.json()?;
    let name = body.name.ok_or_else(|| Refusal::invalid("Some required fields were not set: [name]"))?;
    let types = portal.links.types(pair);
    let is_taken = |kind: &LinkType| kind.name.as_ref() == Some(&name) || kind.label.as_ref() == Some(&body.label);
    if types.iter().any(is_taken) {
        let message = format!("An association label named {name} already exists");
        return Err(Refusal::new(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", message));
    }
    portal.default_link(pair);
    let inverse = body.inverse_label.unwrap_or_else(|| body.label.clone());
    let labels = Some((body.label, inverse));
    let (id, back) = portal.links.define(pair, None, USER_DEFINED, labels, Some(name));
    let there = portal.links.find_type(pair, id).cloned();
    let way_back = portal.links.find_type((pair.1, pair.0), back).cloned();
    let both: Vec<LinkType> = there.into_iter().chain(way_back).collect();
    Ok(Answer::ok(json!({"results": shown_types(&both)})))
}

/// Returns a label that the account defined itself.
fn own_label(portal: &Portal, pair: Pair, id: u32) -> Result<LinkType, Refusal> {
    let kind = portal.links.find_type(pair, id).ok_or_else(|| invalid_type(id))?;
    if kind.category != USER_DEFINED {
        return Err(Refusal::invalid(format!("Association type {id} is defined by HubSpot and cannot be changed")));
    }
    Ok(kind.clone())
}

fn update_label(portal: &mut Portal, call: &Call, pair: Pair) -> Result<Answer, Refusal> {
    let body: LabelBody = call.json()?;
    let id = body.association_type_id;
    let id = id.ok_or_else(|| Refusal::invalid("Some required fields were not set: [associationTypeId]"))?;
    let kind = own_label(portal, pair, id)?;
    portal.links.relabel(pair, id, &body.label);
    if let Some(label) = body.inverse_label {
        portal.links.relabel((pair.1, pair.0), kind.inverse, &label);
    }
    Ok(Answer::nothing())
}

fn delete_label(portal: &mut Portal, pair: Pair, id: &str) -> Result<Answer, Refusal> {
    let id = id.parse().map_err(|_| Refusal::invalid(format!("{id} is not a valid association type id")))?;
    own_label(portal, pair, id)?;
    portal.links.undefine(pair, id);
    Ok(Answer::nothing())
}
