//! `/composite/tree`: records with their children, all or none.

use std::collections::HashSet;

use axum::http::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::{
    errors::Problem,
    ids::Id,
    org::Org,
    reply::Reply,
    request::Call,
    write::{Cell, Column, Operation, row_of_json, write},
};

/// Most records, kinds of records and levels of a tree. Source: tree guide.
const MAX_RECORDS: usize = 200;
const MAX_TYPES: usize = 5;
const MAX_DEPTH: usize = 5;

/// A record of the tree, and what it hangs from.
struct Node {
    object: usize,
    reference: String,
    fields: Map<String, Json>,
    parent: Option<(usize, u16)>,
}

/// Makes the records of a tree.
pub(super) fn answer(org: &mut Org, call: &Call, object: &str) -> Reply {
    let Some(object) = org.catalog.find(object) else { return Problem::not_found().reply() };
    let nodes = call.object().and_then(|body| {
        let mut nodes = Vec::new();
        collect(org, object, body.get("records"), None, 1, &mut nodes)?;
        check(&nodes)?;
        Ok(nodes)
    });
    match nodes {
        Ok(nodes) => insert(org, &nodes),
        Err(problem) => problem.reply(),
    }
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::new("INVALID_INPUT", message)
}

fn collect(
    org: &Org,
    object: usize,
    records: Option<&Json>,
    parent: Option<(usize, u16)>,
    depth: usize,
    nodes: &mut Vec<Node>,
) -> Result<(), Problem> {
    if depth > MAX_DEPTH {
        return Err(invalid(format!("The tree is deeper than {MAX_DEPTH} levels")));
    }
    let records = records.and_then(Json::as_array).ok_or_else(|| invalid("records is missing"))?;
    for record in records {
        let record = record.as_object().ok_or_else(|| Problem::parser("a record is an object"))?;
        let attribute = |name: &str| record.get("attributes").and_then(|it| it.get(name)).and_then(Json::as_str);
        let named = attribute("type").and_then(|name| org.catalog.find(name));
        if named.is_some_and(|named| named != object) || attribute("type").is_none() {
            return Err(invalid("Include a type attribute with the sObject type of the tree in each record"));
        }
        let reference =
            attribute("referenceId").ok_or_else(|| invalid("Include a reference ID in the request body"))?;
        let place = nodes.len();
        let mut fields = Map::new();
        let mut children = Vec::new();
        for (name, value) in record {
            match org.object(object).child(name).filter(|_| value.get("records").is_some()) {
                Some(child) => children.push((child.object, child.field, value)),
                None => {
                    fields.insert(name.clone(), value.clone());
                }
            }
        }
        nodes.push(Node { object, reference: reference.to_owned(), fields, parent });
        for (child, field, value) in children {
            collect(org, child, value.get("records"), Some((place, field)), depth + 1, nodes)?;
        }
    }
    Ok(())
}

fn check(nodes: &[Node]) -> Result<(), Problem> {
    if nodes.len() > MAX_RECORDS {
        return Err(invalid(format!("The tree has more than {MAX_RECORDS} records")));
    }
    let mut types: Vec<usize> = nodes.iter().map(|node| node.object).collect();
    types.sort_unstable();
    types.dedup();
    if types.len() > MAX_TYPES {
        return Err(invalid(format!("The tree has more than {MAX_TYPES} types")));
    }
    let mut seen = HashSet::new();
    for node in nodes {
        if !seen.insert(node.reference.as_str()) {
            return Err(invalid(format!("Duplicate ReferenceId provided in the request: {}", node.reference)));
        }
    }
    Ok(())
}

fn insert(org: &mut Org, nodes: &[Node]) -> Reply {
    org.begin();
    org.begin_batch();
    let mut ids: Vec<Option<Id>> = Vec::with_capacity(nodes.len());
    let mut results = Vec::with_capacity(nodes.len());
    let mut failures = Vec::new();
    for node in nodes {
        let row = row_of_json(org, node.object, &node.fields).map(|mut row| {
            if let Some((parent, field)) = node.parent
                && let Some(id) = ids[parent]
            {
                row.cells.push((Column::Field(field), Cell::Text(id.to_string())));
            }
            row
        });
        let outcome = write(org, node.object, Operation::Insert, &[row]).pop();
        match outcome {
            Some(Ok(written)) => {
                ids.push(Some(written.id));
                results.push(json!({"referenceId": node.reference, "id": written.id.to_string()}));
            }
            Some(Err(problem)) => {
                ids.push(None);
                failures.push(json!({"referenceId": node.reference, "errors": [problem.shown_in_result()]}));
            }
            None => ids.push(None),
        }
    }
    if failures.is_empty() {
        org.commit();
        return Reply::json(StatusCode::CREATED, json!({"hasErrors": false, "results": results}));
    }
    org.roll_back();
    Reply::json(StatusCode::BAD_REQUEST, json!({"hasErrors": true, "results": failures}))
}
