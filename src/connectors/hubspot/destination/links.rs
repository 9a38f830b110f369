//! Links between records that exist. A run adds links; an undo takes those away that it added.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Value as Json, json};

use crate::connector::{ConnectorError, ErrorKind, LinkedIds};
use crate::model::{Batch, FieldName, LINK_PREFIX, Outcome, Rejection, link_field};

use super::{
    super::{
        client::{BatchAnswer, WireLink, decode},
        errors::{self, ApiError},
        limits,
        schema::Catalog,
        source::read_links,
    },
    encode::linked_ids,
    write::{require_ids, unanswered},
};

/// One link to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// The place of its record in the batch.
    index: usize,
    from: String,
    to: String,
}

/// What became of a record's links so far.
type Failures = BTreeMap<usize, Rejection>;

/// Makes the links of a batch.
pub(super) async fn link(catalog: &Catalog, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
    let ids = require_ids(batch)?;
    let mut failures = Failures::new();
    for (object, links) in links_by_object(batch, &ids) {
        for chunk in links.chunks(limits::MAX_ASSOCIATION_WRITES) {
            failures.extend(link_chunk(catalog, batch, &object, chunk).await?);
        }
    }
    let outcome = |(index, id): (usize, String)| match failures.remove(&index) {
        None => Outcome::Updated { id },
        Some(rejection) => Outcome::Rejected(rejection),
    };
    Ok(ids.into_iter().enumerate().map(outcome).collect())
}

/// Takes links away.
pub(super) async fn unlink(
    catalog: &Catalog,
    object: &str,
    field: &FieldName,
    links: &LinkedIds,
) -> Result<(), ConnectorError> {
    let Some(to_object) = field.strip_prefix(LINK_PREFIX) else { return Ok(()) };
    let inputs: Vec<Json> = links
        .iter()
        .map(|(from, to)| {
            let to: Vec<Json> = to.iter().map(|id| json!({ "id": id })).collect();
            json!({ "from": { "id": from }, "to": to })
        })
        .collect();
    for chunk in inputs.chunks(limits::MAX_ASSOCIATION_WRITES) {
        let answer = catalog.api.dissociate(object, to_object, chunk.to_vec()).await?;
        if !answer.status.is_success() {
            return Err(errors::of_answer(&answer, &format!("the links of `{object}` to `{to_object}`")));
        }
    }
    Ok(())
}

/// Returns what links of a field lead to.
pub(super) async fn linked(
    catalog: &Catalog,
    object: &str,
    field: &FieldName,
    ids: &[String],
) -> Result<LinkedIds, ConnectorError> {
    let Some(to_object) = field.strip_prefix(LINK_PREFIX) else { return Ok(LinkedIds::new()) };
    read_links(&catalog.api, object, to_object, ids).await
}

pub(super) fn links_by_object(batch: &Batch, ids: &[String]) -> BTreeMap<String, Vec<Link>> {
    let mut by_object: BTreeMap<String, Vec<Link>> = BTreeMap::new();
    for (index, (record, from)) in batch.records.iter().zip(ids).enumerate() {
        for (field, value) in &record.fields {
            let Some(object) = field.strip_prefix(LINK_PREFIX) else { continue };
            let links = by_object.entry(object.to_owned()).or_default();
            links.extend(linked_ids(value).into_iter().map(|to| Link { index, from: from.clone(), to }));
        }
    }
    by_object
}

async fn link_chunk(
    catalog: &Catalog,
    batch: &Batch,
    object: &str,
    links: &[Link],
) -> Result<Failures, ConnectorError> {
    let type_id = limits::association_type(&batch.object, object);
    let types = type_id.map(|id| json!([{ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": id }]));
    let inputs: Vec<Json> = links.iter().map(|link| input(link, types.as_ref())).collect();
    let answer = catalog.api.associate(&batch.object, object, inputs, types.is_none()).await?;
    let field = link_field(object);
    let is_one_record = links.iter().all(|link| link.index == links[0].index);
    if is_one_record && !answer.status.is_success() && errors::of_answer(&answer, "").kind.is_refusal() {
        let rejection = rejection(&ApiError::of_answer(&answer), &field, links);
        return Ok(Failures::from([(links[0].index, rejection)]));
    }
    let doing = format!("the links of `{}` to `{object}`", batch.object);
    let decoded: BatchAnswer<WireLink> = decode(&answer, &doing, ErrorKind::Unanswered)?;
    let (failures, open) = sort_failures(links, decoded, &field)?;
    if !open.is_empty() && !all_exist(catalog, batch, object, &open).await? {
        return Err(unanswered("HubSpot's answer does not account for all links"));
    }
    Ok(failures)
}

fn input(link: &Link, types: Option<&Json>) -> Json {
    let mut input = json!({ "from": { "id": link.from }, "to": { "id": link.to } });
    if let Some(types) = types {
        input["types"] = types.clone();
    }
    input
}

/// Sorts links into refused ones, by record, and those that the answer does not speak of; all others are made.
fn sort_failures<'links>(
    links: &'links [Link],
    answer: BatchAnswer<WireLink>,
    field: &str,
) -> Result<(Failures, Vec<&'links Link>), ConnectorError> {
    let made: HashSet<(String, String)> = answer.results.into_iter().filter_map(WireLink::ends).collect();
    let mut open: Vec<&Link> =
        links.iter().filter(|link| !made.contains(&(link.from.clone(), link.to.clone()))).collect();
    let mut failures = Failures::new();
    let mut nameless = Vec::new();
    for error in answer.errors.iter().map(ApiError::of_json) {
        if error.is_passing() {
            return Err(unanswered("HubSpot put off some links of the batch"));
        }
        let named: Vec<Link> = named_by(&error, &open).into_iter().cloned().collect();
        if named.is_empty() {
            nameless.push(error);
            continue;
        }
        for link in &named {
            failures.entry(link.index).or_insert_with(|| rejection(&error, field, std::slice::from_ref(link)));
        }
        open.retain(|link| !named.contains(link));
    }
    if !nameless.is_empty() && nameless.len() == open.len() {
        for (link, error) in open.drain(..).zip(&nameless) {
            failures.entry(link.index).or_insert_with(|| rejection(error, field, std::slice::from_ref(link)));
        }
    }
    Ok((failures, open))
}

/// Returns the links that an error speaks of: those with both ends among its facts, else those with one.
fn named_by<'links>(error: &ApiError, open: &[&'links Link]) -> Vec<&'links Link> {
    let facts = error.all_facts();
    let has = |id: &String| facts.contains(&id.as_str());
    let both: Vec<&Link> = open.iter().copied().filter(|link| has(&link.from) && has(&link.to)).collect();
    if !both.is_empty() {
        return both;
    }
    open.iter().copied().filter(|link| has(&link.from) || has(&link.to)).collect()
}

/// Tells whether the links are there, whatever the answer said of them.
async fn all_exist(catalog: &Catalog, batch: &Batch, object: &str, links: &[&Link]) -> Result<bool, ConnectorError> {
    let mut from: Vec<String> = links.iter().map(|link| link.from.clone()).collect();
    from.sort();
    from.dedup();
    let found = read_links(&catalog.api, &batch.object, object, &from).await?;
    Ok(links.iter().all(|link| found.get(&link.from).is_some_and(|targets| targets.contains(&link.to))))
}

fn rejection(error: &ApiError, field: &str, links: &[Link]) -> Rejection {
    let targets: Vec<&str> = links.iter().map(|link| link.to.as_str()).collect();
    let mut rejection = Rejection::new(error.code(), error.reason()).at(field, targets.join(";"));
    rejection.request_id.clone_from(&error.correlation_id);
    rejection
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Vec<Link> {
        let link = |index, from: &str, to: &str| Link { index, from: from.to_owned(), to: to.to_owned() };
        vec![link(0, "1", "10"), link(0, "1", "11"), link(1, "2", "10")]
    }

    fn sorted(answer: Json) -> (Vec<usize>, usize) {
        let links = links();
        let (failures, open) =
            sort_failures(&links, serde_json::from_value(answer).unwrap(), "_links.companies").unwrap();
        (failures.into_keys().collect(), open.len())
    }

    #[test]
    fn both_forms_of_a_made_link_are_understood() {
        let all = json!({ "results": [
            { "fromObjectId": 2, "toObjectId": "10", "labels": [] },
            { "from": { "id": "1" }, "to": { "id": "11" } },
            { "fromObjectId": "1", "toObjectId": 10 },
        ] });
        assert_eq!(sorted(all), (vec![], 0));
    }

    #[test]
    fn an_error_is_given_to_the_links_it_names_and_silence_is_no_success() {
        let refused = json!({
            "results": [{ "fromObjectId": "1", "toObjectId": "10" }],
            "numErrors": 1,
            "errors": [{ "category": "OBJECT_NOT_FOUND", "message": "no", "context": { "fromObjectId": ["2"], "toObjectId": ["10"] } }],
        });
        assert_eq!(sorted(refused), (vec![1], 1));
    }

    #[test]
    fn as_many_nameless_errors_as_open_links_refuse_these() {
        let refused = json!({
            "results": [{ "fromObjectId": "1", "toObjectId": "10" }, { "fromObjectId": "2", "toObjectId": "10" }],
            "errors": [{ "category": "VALIDATION_ERROR", "message": "no" }],
        });
        assert_eq!(sorted(refused), (vec![0], 0));
    }
}
