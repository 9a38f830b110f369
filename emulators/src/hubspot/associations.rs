//! Associations of single records; batches of them are in `association_batches`.
//!
//! Source: associations guide of version 4 and its dated twins; error bodies of batches as public clients saw them.

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::{
    association_limits::within_limit,
    associations_v3,
    batch::batch_answer,
    errors::Refusal,
    links::{LinkType, Pair},
    objects::shown_with_links,
    portal::Portal,
    render::Answer,
    request::{Call, IdInput},
};

/// Most associations of one page. Source: associations guide.
pub(super) const MAX_PAGE: usize = 500;
/// Most associations shown with a record of a list.
const MAX_SHOWN: usize = 100;

/// An association that a new record is made with.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct AssociationInput {
    to: IdInput,
    types: Vec<Spec>,
}

/// A type of association as a client names it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Spec {
    association_category: String,
    pub(super) association_type_id: u32,
}

/// Answers what concerns the associations of one record: `{object}/{id}/associations/…`.
pub(super) fn answer_record(portal: &mut Portal, call: &Call) -> Option<Result<Answer, Refusal>> {
    let (method, path) = call.route();
    Some(match (method, path.as_slice()) {
        ("GET", [from, id, "associations", to]) => pair(portal, from, to).and_then(|pair| list(portal, call, pair, id)),
        ("PUT", [from, id, "associations", "default", to, to_id]) => pair(portal, from, to).and_then(|pair| {
            let plain = portal.default_link(pair);
            let (id, to_id) = ends(portal, pair, id, to_id)?;
            within_limit(portal, pair, id, to_id, plain)?;
            portal.links.add(pair, id, to_id, plain);
            Ok(batch_answer(portal, StatusCode::OK, &shown_default(portal, pair, id, to_id, plain), &[], &[]))
        }),
        ("PUT", [from, id, "associations", to, to_id]) => pair(portal, from, to).and_then(|pair| {
            let specs: Vec<Spec> = call.json()?;
            let (id, to_id) = associate(portal, pair, (id, to_id), &specs)?;
            let shown = shown_pair(portal, pair, id, to_id, &specs);
            Ok(if call.version == "v4" { Answer::created(shown) } else { Answer::ok(shown) })
        }),
        ("DELETE", [from, id, "associations", to, to_id]) => pair(portal, from, to).and_then(|pair| {
            let (id, to_id) = ends(portal, pair, id, to_id)?;
            portal.links.remove(pair, id, to_id);
            Ok(Answer::nothing())
        }),
        ("PUT", [from, id, "associations", to, to_id, kind]) if call.version == "v3" => {
            let object = portal.object(from);
            object.and_then(|object| {
                let pair = pair(portal, from, to)?;
                associations_v3::associate(portal, pair, (id, to_id), kind)?;
                shown_with_links(portal, call, object, id, pair.1)
            })
        }
        ("DELETE", [from, id, "associations", to, to_id, kind]) if call.version == "v3" => pair(portal, from, to)
            .and_then(|pair| {
                associations_v3::dissociate(portal, pair, (id, to_id), kind)?;
                Ok(Answer::nothing())
            }),
        _ => return None,
    })
}

/// Returns the objects at both ends.
pub(super) fn pair(portal: &Portal, from: &str, to: &str) -> Result<Pair, Refusal> {
    Ok((portal.object(from)?, portal.object(to)?))
}

/// Checks the associations that a new record is made with: the types say which objects they lead to.
pub(super) fn check_inline(
    portal: &Portal,
    object: usize,
    inputs: &[AssociationInput],
) -> Result<Vec<(Pair, u64, u32)>, Refusal> {
    let mut links = Vec::new();
    for input in inputs {
        for spec in &input.types {
            let id = spec.association_type_id;
            let target = portal.links.target_of(object, id).ok_or_else(|| invalid_type(id))?;
            let pair = (object, target);
            check_spec(portal, pair, spec)?;
            links.push((pair, find(portal, target, &input.to.id)?, id));
        }
    }
    Ok(links)
}

/// Makes the associations of a new record.
pub(super) fn add_inline(portal: &mut Portal, id: u64, links: Vec<(Pair, u64, u32)>) {
    for (pair, to, kind) in links {
        portal.links.add(pair, id, to, kind);
    }
}

/// Refuses a type that the pair does not have.
pub(super) fn check_spec(portal: &Portal, pair: Pair, spec: &Spec) -> Result<(), Refusal> {
    let kind = portal.links.find_type(pair, spec.association_type_id);
    kind.filter(|kind| kind.category == spec.association_category)
        .map(|_| ())
        .ok_or_else(|| invalid_type(spec.association_type_id))
}

/// The answer to a type that does not fit.
pub(super) fn invalid_type(id: u32) -> Refusal {
    Refusal::invalid(format!("One or more association types are not valid: [{id}]"))
        .with_sub_category("crm.associations.INVALID_ASSOCIATION_TYPE")
        .with_context("associationTypeId", &[id])
}

fn find(portal: &Portal, object: usize, id: &str) -> Result<u64, Refusal> {
    let kind = &portal.objects[object];
    let record = id.parse().ok().and_then(|id| kind.records.get(id));
    record.map(|(id, _)| id).ok_or_else(|| {
        let name = kind.singular.to_uppercase();
        Refusal::invalid(format!("{name}={id} is not valid"))
            .with_sub_category("crm.associations.INVALID_OBJECT_IDS")
            .with_context(&name, &[id])
    })
}

/// Finds the records at both ends.
pub(super) fn ends(portal: &Portal, pair: Pair, from: &str, to: &str) -> Result<(u64, u64), Refusal> {
    Ok((find(portal, pair.0, from)?, find(portal, pair.1, to)?))
}

/// Associates two records by some types.
pub(super) fn associate(
    portal: &mut Portal,
    pair: Pair,
    (from, to): (&str, &str),
    specs: &[Spec],
) -> Result<(u64, u64), Refusal> {
    if specs.is_empty() {
        return Err(Refusal::invalid("At least one association type is required"));
    }
    specs.iter().try_for_each(|spec| check_spec(portal, pair, spec))?;
    let (from, to) = ends(portal, pair, from, to)?;
    specs.iter().try_for_each(|spec| within_limit(portal, pair, from, to, spec.association_type_id))?;
    for spec in specs {
        portal.links.add(pair, from, to, spec.association_type_id);
    }
    Ok((from, to))
}

/// Shows types of associations.
pub(super) fn shown_types(types: &[LinkType]) -> Vec<Json> {
    types.iter().map(|kind| json!({"category": kind.category, "typeId": kind.id, "label": kind.label})).collect()
}

/// Shows two records that were associated.
pub(super) fn shown_pair(portal: &Portal, pair: Pair, from: u64, to: u64, specs: &[Spec]) -> Json {
    let label = |spec: &Spec| portal.links.find_type(pair, spec.association_type_id)?.label.clone();
    let labels: Vec<String> = specs.iter().filter_map(label).collect();
    json!({
        "fromObjectTypeId": portal.objects[pair.0].type_id, "fromObjectId": from.to_string(),
        "toObjectTypeId": portal.objects[pair.1].type_id, "toObjectId": to.to_string(), "labels": labels,
    })
}

/// Shows a plain association, both ways.
pub(super) fn shown_default(portal: &Portal, pair: Pair, from: u64, to: u64, plain: u32) -> Vec<Json> {
    let Some(kind) = portal.links.find_type(pair, plain) else { return Vec::new() };
    let shown = |from: u64, to: u64, id: u32| {
        json!({"from": {"id": from.to_string()}, "to": {"id": to.to_string()},
            "associationSpec": {"associationCategory": kind.category, "associationTypeId": id}})
    };
    vec![shown(from, to, plain), shown(to, from, kind.inverse)]
}

/// Shows one association; version 4 writes ids as numbers, the dated versions as text.
pub(super) fn shown_link(portal: &Portal, version: &str, pair: Pair, (to, kinds): (u64, Vec<u32>)) -> Json {
    let types: Vec<LinkType> = kinds.iter().filter_map(|id| portal.links.find_type(pair, *id).cloned()).collect();
    let id = if version == "v4" { Json::from(to) } else { Json::from(to.to_string()) };
    json!({"toObjectId": id, "associationTypes": shown_types(&types)})
}

/// Shows the associations of a record as lists of records do; none where there are none.
///
/// A record that is associated in two ways is there twice.
pub(super) fn shown_links(portal: &Portal, call: &Call, pair: Pair, id: u64) -> Option<Json> {
    let mut links = portal.links.of(pair, id, 0);
    let results: Vec<Json> = links
        .by_ref()
        .take(MAX_SHOWN)
        .flat_map(|(to, kinds)| {
            kinds.into_iter().map(move |kind| json!({"id": to.to_string(), "type": type_name(portal, pair, kind)}))
        })
        .collect();
    if results.is_empty() {
        return None;
    }
    let mut shown = json!({"results": results});
    if let Some((next, _)) = links.next() {
        shown["paging"] = call.next_page(&next.to_string());
    }
    Some(shown)
}

/// Returns the name of a type: `contact_to_company`, `contact_to_company_unlabeled` beside a primary one.
pub(super) fn type_name(portal: &Portal, pair: Pair, id: u32) -> String {
    let base = format!("{}_to_{}", portal.objects[pair.0].singular, portal.objects[pair.1].singular);
    let types = portal.links.types(pair);
    match types.iter().find(|kind| kind.id == id) {
        Some(LinkType { label: None, .. }) if types.iter().any(|kind| kind.label.as_deref() == Some("Primary")) => {
            format!("{base}_unlabeled")
        }
        Some(LinkType { label: Some(label), .. }) if label != "Primary" => label.to_lowercase().replace(' ', "_"),
        Some(_) | None => base,
    }
}

fn list(portal: &Portal, call: &Call, pair: Pair, id: &str) -> Result<Answer, Refusal> {
    let limit = call.limit(MAX_PAGE, MAX_PAGE)?;
    let after = call.after()?;
    let record = id.parse().ok().and_then(|id| portal.objects[pair.0].records.get(id));
    let (id, _) = record.ok_or_else(Refusal::no_such_record)?;
    let mut links = portal.links.of(pair, id, after);
    let page: Vec<(u64, Vec<u32>)> = links.by_ref().take(limit).collect();
    let next = links.next();
    let shown = |link: (u64, Vec<u32>)| -> Vec<Json> {
        if call.version != "v3" {
            return vec![shown_link(portal, &call.version, pair, link)];
        }
        let (to, kinds) = link;
        let old = |kind: &u32| json!({"id": to.to_string(), "type": type_name(portal, pair, *kind)});
        kinds.iter().map(old).collect()
    };
    let mut body = json!({"results": page.into_iter().flat_map(shown).collect::<Vec<Json>>()});
    if let Some((next, _)) = next {
        body["paging"] = call.next_page(&next.to_string());
    }
    Ok(Answer::ok(body))
}
