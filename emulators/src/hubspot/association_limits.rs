//! Limits that an account sets itself: to how many records of a kind one record may be associated, by a type.
//!
//! Source: changelog on custom association limits, and the reference pages of `definitions/configurations` and of `limits`.
//! What the vendor says to an association that is too many is not documented; the words are chosen here.

use std::collections::HashMap;

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    associations::invalid_type,
    batch::batch_answer,
    errors::Refusal,
    links::{LinkType, Pair},
    portal::Portal,
    render::Answer,
    request::{Call, Inputs},
};

/// Most configurations of one request. Source: left to the vendor; chosen here.
const MAX_INPUTS: usize = 100;
/// Labels that a pair of objects may have in each direction. Source: association label limits of the products catalog.
const MAX_LABELS: usize = 50;
/// Most records that one record is associated with, where no limit is set. Source: association limits of the products catalog.
const MAX_RECORDS: usize = 50_000;
/// The share from which a record counts as near its limit, in percent.
const NEAR: usize = 80;

/// The limits that were set, by pair and type.
pub(super) type SetLimits = HashMap<(Pair, u32), usize>;

/// A limit as a client sets it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LimitInput {
    category: Option<String>,
    type_id: u32,
    max_to_object_ids: usize,
}

/// A type whose limit is taken away.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TypeInput {
    type_id: u32,
}

/// Answers `definitions/configurations/…`.
pub(super) fn answer(portal: &mut Portal, call: &Call) -> Option<Result<Answer, Refusal>> {
    let (method, path) = call.route();
    let ["definitions", "configurations", rest @ ..] = path.as_slice() else { return None };
    if let ("GET", ["all"]) = (method, rest) {
        return Some(Ok(listed(portal, |_| true)));
    }
    let [from, to, rest @ ..] = rest else { return None };
    let pair = match super::associations::pair(portal, from, to) {
        Ok(pair) => pair,
        Err(refusal) => return Some(Err(refusal)),
    };
    Some(match (method, rest) {
        ("GET", []) => Ok(listed(portal, |of| of == pair)),
        ("POST", ["batch", "create"]) => set(portal, call, pair, StatusCode::CREATED),
        ("POST", ["batch", "update"]) => set(portal, call, pair, StatusCode::OK),
        ("POST", ["batch", "purge"]) => purge(portal, call, pair),
        _ => return None,
    })
}

fn shown(kind: &LinkType, limit: usize) -> Json {
    json!({"category": kind.category, "typeId": kind.id, "label": kind.label, "userEnforcedMaxToObjectIds": limit})
}

fn listed(portal: &Portal, is_wanted: impl Fn(Pair) -> bool) -> Answer {
    let mut limits: Vec<_> = portal.association_limits.iter().filter(|((pair, _), _)| is_wanted(*pair)).collect();
    limits.sort();
    let of_type =
        |((pair, id), limit): (&(Pair, u32), &usize)| Some(shown(portal.links.find_type(*pair, *id)?, *limit));
    let results: Vec<Json> = limits.into_iter().filter_map(of_type).collect();
    Answer::ok(json!({"results": results}))
}

fn set(portal: &mut Portal, call: &Call, pair: Pair, status: StatusCode) -> Result<Answer, Refusal> {
    portal.default_link(pair);
    let inputs = call.json::<Inputs<LimitInput>>()?.checked(MAX_INPUTS)?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in inputs {
        match set_one(portal, pair, &input, status == StatusCode::OK) {
            Ok(result) => results.push(result),
            Err(refusal) => errors.push(refusal),
        }
    }
    Ok(batch_answer(portal, status, &results, &errors, &[]))
}

fn set_one(portal: &mut Portal, pair: Pair, input: &LimitInput, is_update: bool) -> Result<Json, Refusal> {
    let id = input.type_id;
    let kind = portal.links.find_type(pair, id).cloned();
    let is_same = |kind: &LinkType| input.category.as_deref().is_none_or(|category| category == kind.category);
    let kind = kind.filter(is_same).ok_or_else(|| invalid_type(id))?;
    let limit = input.max_to_object_ids;
    let plain = portal.default_link(pair);
    let of_object = portal.association_limits.get(&(pair, plain)).copied();
    let (least, most) = if kind.label.is_none() {
        let of_labels = portal.association_limits.iter().filter(|((of, id), _)| *of == pair && *id != plain);
        (of_labels.map(|(_, limit)| *limit).max().unwrap_or(1), MAX_RECORDS)
    } else {
        (1, of_object.unwrap_or(MAX_RECORDS))
    };
    if !(least..=most).contains(&limit) {
        let message = format!("maxToObjectIds is {limit}; the valid range is {least}-{most}");
        return Err(Refusal::invalid(message).with_context("typeId", &[id]));
    }
    if is_update && !portal.association_limits.contains_key(&(pair, id)) {
        return Err(Refusal::not_found(format!("No limit is configured for association type {id}")));
    }
    portal.association_limits.insert((pair, id), limit);
    let mut result = shown(&kind, limit);
    if is_update && let Some(fields) = result.as_object_mut() {
        // The answer to a change has no label (PublicAssociationDefinitionConfigurationUpdateResult).
        fields.shift_remove("label");
    }
    Ok(result)
}

fn purge(portal: &mut Portal, call: &Call, pair: Pair) -> Result<Answer, Refusal> {
    for TypeInput { type_id } in call.json::<Inputs<TypeInput>>()?.checked(MAX_INPUTS)? {
        portal.links.find_type(pair, type_id).ok_or_else(|| invalid_type(type_id))?;
        portal.association_limits.remove(&(pair, type_id));
    }
    Ok(Answer::nothing())
}

/// Refuses an association that is one too many for either end. One that is there already is none.
pub(super) fn within_limit(portal: &Portal, pair: Pair, from: u64, to: u64, id: u32) -> Result<(), Refusal> {
    let Some(kind) = portal.links.find_type(pair, id) else { return Ok(()) };
    let plain = |pair: Pair| portal.links.types(pair).iter().find(|kind| kind.label.is_none()).map(|kind| kind.id);
    let back = (pair.1, pair.0);
    let ways = [(pair, from, to, [Some(id), plain(pair)]), (back, to, from, [Some(kind.inverse), plain(back)])];
    for (pair, from, to, ids) in ways {
        for id in ids.into_iter().flatten() {
            check_end(portal, pair, from, to, id)?;
        }
    }
    Ok(())
}

fn check_end(portal: &Portal, pair: Pair, from: u64, to: u64, id: u32) -> Result<(), Refusal> {
    let Some(limit) = portal.association_limits.get(&(pair, id)) else { return Ok(()) };
    let mut others = portal.links.of(pair, from, 0).filter(|(other, kinds)| *other != to && kinds.contains(&id));
    if others.by_ref().take(*limit).count() < *limit {
        return Ok(());
    }
    let message = format!("Record {from} cannot have more than {limit} associations of type {id}");
    Err(Refusal::invalid(message)
        .with_sub_category("crm.associations.ASSOCIATION_LIMIT_EXCEEDED")
        .with_context("associationTypeId", &[id])
        .with_context("limit", &[limit]))
}

/// Answers `limits/associations/…`: how near the records are to their limits.
pub(super) fn usage(portal: &Portal, call: &Call) -> Option<Result<Answer, Refusal>> {
    let (method, path) = call.route();
    Some(match (method, path.as_slice()) {
        ("GET", ["associations", "labels"]) => Ok(labels(portal)),
        ("GET", ["associations", "records", "from"]) => {
            let pairs = portal.links.pairs();
            Ok(near(portal, pairs.into_iter().map(|pair| (pair.0, pair))))
        }
        ("GET", ["associations", "records", from, "to"]) => portal.object(from).map(|from| {
            let pairs = portal.links.pairs().into_iter().filter(|pair| pair.0 == from);
            near(portal, pairs.map(|pair| (pair.1, pair)))
        }),
        ("GET", ["associations", "records", from, to]) => {
            super::associations::pair(portal, from, to).map(|pair| samples(portal, pair))
        }
        _ => return None,
    })
}

fn labels(portal: &Portal) -> Answer {
    let definition = |object: usize| {
        let object = &portal.objects[object];
        json!({"objectTypeId": object.type_id, "singularLabel": object.label, "pluralLabel": object.plural})
    };
    let of_pair = |pair: Pair| {
        let own = |kind: &&LinkType| kind.category == super::links::USER_DEFINED && kind.label.is_some();
        let all: Vec<&LinkType> = portal.links.types(pair).iter().filter(own).collect();
        let names: Vec<&str> = all.iter().filter_map(|kind| kind.label.as_deref()).collect();
        (!all.is_empty()).then(|| {
            json!({
                "fromObjectType": definition(pair.0), "toObjectType": definition(pair.1), "allLabels": names,
                "limit": MAX_LABELS, "usage": all.len(), "percentage": percentage(all.len(), MAX_LABELS),
            })
        })
    };
    let results: Vec<Json> = portal.links.pairs().into_iter().filter_map(of_pair).collect();
    Answer::ok(json!({"results": results}))
}

fn percentage(usage: usize, limit: usize) -> Json {
    let share = u32::try_from(usage * 10_000 / limit.max(1)).unwrap_or(u32::MAX);
    Json::from(f64::from(share) / 100.0)
}

/// Counts the associations of each record, and tells the limit of the pair.
fn counted(portal: &Portal, pair: Pair) -> (usize, Vec<(u64, usize)>) {
    let plain = portal.links.types(pair).iter().find(|kind| kind.label.is_none()).map(|kind| kind.id);
    let limit = plain.and_then(|plain| portal.association_limits.get(&(pair, plain))).copied();
    let records = portal.objects[pair.0].records.page(0, false);
    let counts = records.map(|(id, _)| (id, portal.links.of(pair, id, 0).count())).filter(|(_, count)| *count > 0);
    (limit.unwrap_or(MAX_RECORDS), counts.collect())
}

fn is_near(count: usize, limit: usize) -> bool {
    count < limit && count * 100 >= limit * NEAR
}

fn near(portal: &Portal, pairs: impl Iterator<Item = (usize, Pair)>) -> Answer {
    let mut found: HashMap<usize, (bool, bool)> = HashMap::new();
    for (object, pair) in pairs {
        let (limit, counts) = counted(portal, pair);
        let (at, close) = found.entry(object).or_default();
        *at |= counts.iter().any(|(_, count)| *count >= limit);
        *close |= counts.iter().any(|(_, count)| is_near(*count, limit));
    }
    let mut found: Vec<_> = found.into_iter().filter(|(_, (at, close))| *at || *close).collect();
    found.sort_unstable();
    let shown = |(object, (at, close)): (usize, (bool, bool))| {
        let object = &portal.objects[object];
        json!({
            "objectTypeId": object.type_id, "singularLabel": object.label, "pluralLabel": object.plural,
            "hasRecordsAtLimit": at, "hasRecordsNearLimit": close,
        })
    };
    Answer::ok(json!({"results": found.into_iter().map(shown).collect::<Vec<_>>()}))
}

fn samples(portal: &Portal, pair: Pair) -> Answer {
    let (limit, counts) = counted(portal, pair);
    let label = |id: u64| format!("{} {id}", portal.objects[pair.0].label);
    let at: Vec<&(u64, usize)> = counts.iter().filter(|(_, count)| *count >= limit).collect();
    let close: Vec<&(u64, usize)> = counts.iter().filter(|(_, count)| is_near(*count, limit)).collect();
    let full = |(id, _): &&(u64, usize)| json!({"objectId": id, "label": label(*id)});
    let nearly = |(id, usage): &&(u64, usize)| json!({"objectId": id, "label": label(*id), "usage": usage, "percentage": percentage(*usage, limit)});
    Answer::ok(json!({
        "limit": limit, "totalRecordsAtLimit": at.len(), "totalRecordsNearLimit": close.len(),
        "atLimitFromRecordSamples": at.iter().map(full).collect::<Vec<_>>(),
        "nearLimitFromRecordSamples": close.iter().map(nearly).collect::<Vec<_>>(),
    }))
}
