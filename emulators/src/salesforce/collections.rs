//! `/composite/sobjects`: up to 200 records in one request, each with its own outcome.

use axum::http::StatusCode;
use serde_json::{Map, Value as Json, json};

use super::{
    errors::Problem,
    ids::Id,
    org::Org,
    reply::Reply,
    request::{Call, Version},
    sobjects::shown_record,
    write::{Operation, Outcome, Row, row_of_json, write},
};

/// Most records of a request. Source: collections guide.
const MAX_RECORDS: usize = 200;
/// Most changes of type between neighbours, plus one. Source: collections guide.
const MAX_CHUNKS: usize = 10;
/// Objects of the setup, which no request mixes with others. Source: collections guide.
const SETUP: [&str; 4] = ["User", "Group", "Profile", "RecordType"];

/// Records of one object that stand side by side.
struct Chunk {
    object: usize,
    rows: Vec<Result<Row, Problem>>,
}

/// Answers what concerns collections.
pub(super) fn answer(org: &mut Org, call: &Call, version: &Version, path: &[&str]) -> Reply {
    let answer = match (call.method.as_str(), path) {
        ("POST", []) => write_all(org, call, Operation::Insert),
        ("PATCH", []) => write_all(org, call, Operation::Update),
        ("PATCH", [object, key]) if version.number >= 46 => upsert(org, call, object, key),
        ("DELETE", []) => delete(org, call),
        ("GET" | "POST", [object]) => return retrieve(org, call, version, object).unwrap_or_else(Reply::from),
        _ => Err(Problem::not_found()),
    };
    answer.map_or_else(Reply::from, |results| Reply::ok(Json::from(results)))
}

fn records(call: &Call) -> Result<(Vec<Map<String, Json>>, bool), Problem> {
    let mut body = call.object()?;
    let is_atomic = body.get("allOrNone").and_then(Json::as_bool).unwrap_or(false);
    let Some(Json::Array(records)) = body.remove("records") else {
        return Err(Problem::new("REQUIRED_FIELD_MISSING", "Required field is missing: records"));
    };
    if records.len() > MAX_RECORDS {
        let message = format!("record limit reached. cannot submit more than {MAX_RECORDS} records into this call");
        return Err(Problem::new("EXCEEDED_ID_LIMIT", message));
    }
    let records = records.into_iter().map(|record| match record {
        Json::Object(record) => Ok(record),
        _ => Err(Problem::parser("Unexpected value in records: an object is expected")),
    });
    Ok((records.collect::<Result<_, _>>()?, is_atomic))
}

fn type_of(org: &Org, record: &Map<String, Json>) -> Result<usize, Problem> {
    let named = record.get("attributes").and_then(|it| it.get("type")).and_then(Json::as_str);
    let Some(name) = named else {
        return Err(Problem::new("INVALID_INPUT", "Include a type attribute with a valid sObject type in the record"));
    };
    org.catalog.find(name).ok_or_else(|| {
        let message = format!("sObject type '{name}' is not supported.");
        Problem::new("INVALID_TYPE", message)
    })
}

fn chunks(org: &Org, records: &[Map<String, Json>]) -> Result<Vec<Chunk>, Problem> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for record in records {
        let object = type_of(org, record)?;
        let row = row_of_json(org, object, record);
        match chunks.last_mut() {
            Some(chunk) if chunk.object == object => chunk.rows.push(row),
            _ => chunks.push(Chunk { object, rows: vec![row] }),
        }
    }
    if chunks.len() > MAX_CHUNKS {
        let message = format!(
            "The request cannot have more than {MAX_CHUNKS} chunks of different types: sort the records by type"
        );
        return Err(Problem::new("INVALID_INPUT", message));
    }
    let is_setup = |chunk: &Chunk| SETUP.contains(&org.object(chunk.object).spec.name.as_str());
    if chunks.iter().any(is_setup) && !chunks.iter().all(is_setup) {
        let message =
            "DML operation on setup object is not permitted after you have updated a non-setup object (or vice versa)";
        return Err(Problem::new("MIXED_DML_OPERATION", message));
    }
    Ok(chunks)
}

fn write_all(org: &mut Org, call: &Call, operation: Operation) -> Result<Vec<Json>, Problem> {
    let (records, is_atomic) = records(call)?;
    let chunks = chunks(org, &records)?;
    let outcomes = run(org, is_atomic, |org| {
        let write_chunk = |chunk: &Chunk| {
            org.begin_batch();
            write(org, chunk.object, operation, &chunk.rows)
        };
        chunks.iter().flat_map(write_chunk).collect()
    });
    Ok(outcomes.iter().map(|outcome| shown_outcome(outcome, false)).collect())
}

fn upsert(org: &mut Org, call: &Call, object: &str, key: &str) -> Result<Vec<Json>, Problem> {
    let object = org.catalog.find(object).ok_or_else(Problem::not_found)?;
    let key = key_field(org, object, key)?;
    let (records, is_atomic) = records(call)?;
    if let Some(other) = records.iter().find(|record| type_of(org, record).is_ok_and(|it| it != object)) {
        let named = other.get("attributes").and_then(|it| it.get("type")).and_then(Json::as_str).unwrap_or_default();
        let message = format!("The type {named} of a record is not that of the request");
        return Err(Problem::new("INVALID_INPUT", message));
    }
    let rows: Vec<Result<Row, Problem>> = records
        .iter()
        .map(|record| {
            type_of(org, record)?;
            row_of_json(org, object, record)
        })
        .collect();
    let outcomes = run(org, is_atomic, |org| {
        org.begin_batch();
        write(org, object, Operation::Upsert(key), &rows)
    });
    Ok(outcomes.iter().map(|outcome| shown_outcome(outcome, true)).collect())
}

/// Finds a field that upserts may go by.
pub(super) fn key_field(org: &Org, object: usize, name: &str) -> Result<u16, Problem> {
    let found = org.object(object).find(name).filter(|(_, field)| field.is_key());
    found.map(|(place, _)| place).ok_or_else(|| {
        let message = format!("Provided external ID field does not exist or is not accessible: {name}");
        Problem::new("NOT_FOUND", message).with_status(StatusCode::NOT_FOUND)
    })
}

/// Writes, and takes everything back when one record fails and none may.
fn run(org: &mut Org, is_atomic: bool, write: impl FnOnce(&mut Org) -> Vec<Outcome>) -> Vec<Outcome> {
    if !is_atomic {
        return write(org);
    }
    org.begin();
    let outcomes = write(org);
    if outcomes.iter().all(Result::is_ok) {
        org.commit();
        return outcomes;
    }
    org.roll_back();
    outcomes.into_iter().map(|outcome| outcome.and_then(|_| Err(Problem::rolled_back()))).collect()
}

/// Shows what became of a record.
pub(super) fn shown_outcome(outcome: &Outcome, is_upsert: bool) -> Json {
    match outcome {
        Ok(written) => {
            let mut shown = json!({"id": written.id.to_string(), "success": true, "errors": []});
            if is_upsert {
                shown["created"] = Json::from(written.created);
            }
            shown
        }
        Err(problem) => {
            let mut shown = json!({"success": false, "errors": [problem.shown_in_result()]});
            if is_upsert {
                shown["created"] = Json::from(false);
            }
            shown
        }
    }
}

fn delete(org: &mut Org, call: &Call) -> Result<Vec<Json>, Problem> {
    let Some(ids) = call.parameter("ids") else {
        return Err(Problem::new("REQUIRED_FIELD_MISSING", "The ids parameter is required"));
    };
    let ids: Vec<&str> = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
    if ids.len() > MAX_RECORDS {
        let message = format!("record limit reached. cannot submit more than {MAX_RECORDS} records into this call");
        return Err(Problem::new("EXCEEDED_ID_LIMIT", message));
    }
    let outcomes = run(org, call.flag("allOrNone"), |org| ids.iter().map(|id| delete_one(org, id)).collect());
    Ok(outcomes.iter().map(|outcome| shown_outcome(outcome, false)).collect())
}

fn delete_one(org: &mut Org, text: &str) -> Outcome {
    let malformed = || Problem::of_field("MALFORMED_ID", format!("malformed id {text}"), "Id");
    let object = Id::parse(text).and_then(|id| {
        let known = org.record(id).map(|(object, _)| object);
        known.or_else(|| org.catalog.of_prefix(id.prefix()).next())
    });
    let object = object.ok_or_else(malformed)?;
    let row = Row { id: Some(text.to_owned()), cells: Vec::new() };
    write(org, object, Operation::Delete, &[Ok(row)]).pop().unwrap_or_else(|| Err(malformed()))
}

/// Reads records by their ids; what is not there is null.
fn retrieve(org: &mut Org, call: &Call, version: &Version, object: &str) -> Result<Reply, Problem> {
    let object = org.catalog.find(object).ok_or_else(Problem::not_found)?;
    let texts = |json: Option<&Json>| -> Vec<String> {
        json.and_then(Json::as_array).into_iter().flatten().filter_map(|it| it.as_str().map(str::to_owned)).collect()
    };
    let split = |name: &str| -> Vec<String> {
        call.parameter(name)
            .unwrap_or_default()
            .split(',')
            .map(|it| it.trim().to_owned())
            .filter(|it| !it.is_empty())
            .collect()
    };
    let (ids, fields) = if call.method == "POST" {
        let body = call.object()?;
        (texts(body.get("ids")), texts(body.get("fields")))
    } else {
        (split("ids"), split("fields"))
    };
    let kind = org.object(object);
    let mut places = Vec::new();
    for name in &fields {
        places.push(kind.place(name).ok_or_else(|| {
            Problem::new("INVALID_FIELD", format!("No such column '{name}' on sobject of type {}", kind.spec.name))
        })?);
    }
    let shown = ids.iter().map(|text| {
        let found = Id::parse(text).and_then(|id| Some((id, kind.records.get(id).filter(|it| !it.is_deleted)?)));
        found.map_or(Json::Null, |(id, _)| shown_record(org, object, id, Some(&places), &version.base))
    });
    Ok(Reply::ok(shown.collect()))
}
