//! Creates, updates, upserts and archives, with one outcome for each record.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use xxhash_rust::xxh3::xxh3_64;

use crate::connector::{ConnectorError, ErrorKind};
use crate::http::Answer;
use crate::model::{Batch, BatchRecord, FieldName, Operation, Outcome};

use super::{
    super::{
        client::{BatchAnswer, BatchWrite, TracedRecord, WireRecord, decode},
        errors::{self, ApiError},
        schema::Catalog,
    },
    encode::{Encoder, Input},
    outcomes::{Sheet, failure, holds, was_created_since},
};

/// Writes records by create, update or upsert. What was created since the batch was begun, was created by it.
pub(super) async fn write(
    catalog: &Catalog,
    default_owner: Option<&str>,
    batch: &Batch,
    begun: DateTime<Utc>,
) -> Result<Vec<Outcome>, ConnectorError> {
    let call = match &batch.operation {
        Operation::Insert => BatchWrite::Create,
        Operation::Upsert { key } if key.len() == 1 => BatchWrite::Upsert,
        Operation::Upsert { .. } => return Err(unfit("HubSpot upserts by one property")),
        Operation::Update | Operation::Delete | Operation::Link => {
            require_ids(batch)?;
            BatchWrite::Update
        }
    };
    let encoder = Encoder::new(catalog, default_owner, batch).await?;
    let mut outcomes: Vec<Option<Outcome>> = vec![None; batch.records.len()];
    let mut inputs = Vec::with_capacity(batch.records.len());
    for (index, record) in batch.records.iter().enumerate() {
        match encoder.input(index, record, &batch.operation) {
            Ok(input) => inputs.push(input),
            Err(rejection) => outcomes[index] = Some(Outcome::Rejected(rejection)),
        }
    }
    if !inputs.is_empty() {
        inputs = marked(inputs)?;
        let decided = send(catalog, batch, call, &inputs, begun).await?;
        for (input, outcome) in inputs.iter().zip(decided) {
            outcomes[input.index] = Some(outcome);
        }
    }
    outcomes.into_iter().collect::<Option<_>>().ok_or_else(|| unfit("a record was left without an outcome"))
}

/// Sends the inputs and decides what became of each.
async fn send(
    catalog: &Catalog,
    batch: &Batch,
    call: BatchWrite,
    inputs: &[Input],
    begun: DateTime<Utc>,
) -> Result<Vec<Outcome>, ConnectorError> {
    let bodies = inputs.iter().map(|input| input.to_json(&batch.operation)).collect();
    let answer = catalog.api.batch_write(&batch.object, call, bodies).await?;
    if let Some(outcome) = refusal_of_one(&answer, inputs, &batch.operation) {
        return Ok(vec![outcome]);
    }
    let doing = format!("a batch for `{}`", batch.object);
    let decoded = decode_written(&answer, inputs, &doing)?;
    let told = decoded.results.len() + decoded.errors.len();
    let mut sheet = Sheet::of(inputs, &batch.operation, decoded, Some(begun));
    if sheet.has_passing_errors() {
        return Err(unanswered("HubSpot put off some records of the batch"));
    }
    for (place, input) in sheet.open() {
        if let Some(outcome) = look_up(catalog, batch, call, input, begun).await? {
            sheet.decide(place, outcome);
        }
    }
    let missing = sheet.open().len();
    sheet.complete().ok_or_else(|| {
        let asked = inputs.len();
        unanswered(&format!("HubSpot's answer speaks of {told} of {asked} records; {missing} are not accounted for"))
    })
}

/// Gives the trace ids the mark of their request. The engine's are numbers of records in a chunk, so another batch has the
/// same; with the mark, a late answer of that batch is known for what it is. The mark follows from what is sent, so a
/// request that is repeated has the same one.
fn marked(mut inputs: Vec<Input>) -> Result<Vec<Input>, ConnectorError> {
    let content = serde_json::to_vec(&inputs).map_err(|error| unfit(&error.to_string()))?;
    let mark = xxh3_64(&content);
    for input in &mut inputs {
        input.trace_id = format!("{}~{mark:016x}", input.trace_id);
    }
    Ok(inputs)
}

/// Decodes the answer to a write. What it repeats of a record is read only where no trace id tells which record it is.
fn decode_written(answer: &Answer, inputs: &[Input], doing: &str) -> Result<BatchAnswer<WireRecord>, ConnectorError> {
    let traced: BatchAnswer<TracedRecord> = decode(answer, doing, ErrorKind::Unanswered)?;
    let known: HashSet<&str> = inputs.iter().map(|input| input.trace_id.as_str()).collect();
    if !traced.results.iter().all(|record| record.trace_id().is_some_and(|trace_id| known.contains(trace_id))) {
        return decode(answer, doing, ErrorKind::Unanswered);
    }
    let results = traced.results.into_iter().map(WireRecord::from).collect();
    Ok(BatchAnswer { results, errors: traced.errors, num_errors: traced.num_errors })
}

/// Looks for a record that the answer does not speak of: it may have been merged into another. One that does not hold what was
/// sent is sent again, alone. Returns nothing where it cannot be told what became of it.
async fn look_up(
    catalog: &Catalog,
    batch: &Batch,
    call: BatchWrite,
    input: &Input,
    begun: DateTime<Utc>,
) -> Result<Option<Outcome>, ConnectorError> {
    let properties: Vec<String> = input.properties.keys().cloned().collect();
    let found = match &batch.operation {
        Operation::Update => {
            let id = input.id.clone().unwrap_or_default();
            match catalog.api.get(&batch.object, &id, &properties).await? {
                None => return Ok(Some(Outcome::Missing)),
                found => found,
            }
        }
        Operation::Upsert { key } => {
            let id_property = key.first().map(FieldName::as_str);
            let keys: Vec<String> = input.key.iter().cloned().collect();
            catalog
                .api
                .batch_read(&batch.object, &properties, id_property, &keys)
                .await?
                .content
                .results
                .into_iter()
                .next()
        }
        // An insert sent again could be a second record.
        Operation::Insert | Operation::Delete | Operation::Link => return Ok(None),
    };
    let current_id = found.as_ref().and_then(|record| record.id.0.clone());
    if let (Some(record), Some(id)) = (&found, &current_id)
        && holds(record, input, key_of(&batch.operation))
    {
        let id = id.clone();
        let is_new = was_created_since(record, begun) && matches!(batch.operation, Operation::Upsert { .. });
        return Ok(Some(if is_new { Outcome::Created { id } } else { Outcome::Updated { id } }));
    }
    let alone = marked(vec![Input { id: input.id.as_ref().and(current_id), ..input.clone() }])?;
    let bodies = vec![alone[0].to_json(&batch.operation)];
    let answer = catalog.api.batch_write(&batch.object, call, bodies).await?;
    if let Some(outcome) = refusal_of_one(&answer, &alone, &batch.operation) {
        return Ok(Some(outcome));
    }
    let decoded = decode_written(&answer, &alone, &format!("a record for `{}`", batch.object))?;
    Ok(Sheet::of(&alone, &batch.operation, decoded, Some(begun)).complete().and_then(|mut outcomes| outcomes.pop()))
}

/// Returns the property that an upsert finds records by.
fn key_of(operation: &Operation) -> Option<&str> {
    match operation {
        Operation::Upsert { key } => key.first().map(FieldName::as_str),
        Operation::Insert | Operation::Update | Operation::Delete | Operation::Link => None,
    }
}

/// Archives records. One that is gone already counts as deleted.
pub(super) async fn archive(catalog: &Catalog, batch: &Batch) -> Result<Vec<Outcome>, ConnectorError> {
    let ids = require_ids(batch)?;
    let as_input = |(index, (record, id)): (usize, (&BatchRecord, String))| Input {
        index,
        trace_id: record.trace_id.clone(),
        id: Some(id),
        key: None,
        properties: serde_json::Map::new(),
        associations: Vec::new(),
    };
    let inputs: Vec<Input> = batch.records.iter().zip(ids).enumerate().map(as_input).collect();
    let bodies = inputs.iter().map(|input| serde_json::json!({ "id": input.id })).collect();
    let answer = catalog.api.batch_write(&batch.object, BatchWrite::Archive, bodies).await?;
    if let Some(outcome) = refusal_of_one(&answer, &inputs, &batch.operation) {
        return Ok(vec![outcome]);
    }
    let doing = format!("an archive of `{}`", batch.object);
    // Documented as 204 without a body; 2026-09 may answer 200 with one.
    let decoded: BatchAnswer<WireRecord> = if answer.status.as_u16() == 204 {
        BatchAnswer::default()
    } else {
        decode(&answer, &doing, ErrorKind::Unanswered)?
    };
    let has_errors = !decoded.errors.is_empty() || decoded.num_errors.is_some_and(|count| count > 0);
    if !has_errors {
        return Ok(vec![Outcome::Deleted; inputs.len()]);
    }
    // With errors, only what no error names was archived.
    let nameless_errors = decoded.errors.is_empty();
    let answer = BatchAnswer { results: Vec::new(), ..decoded };
    let named: Vec<ApiError> = answer.errors.iter().map(ApiError::of_json).collect();
    let mut sheet = Sheet::of(&inputs, &batch.operation, answer, None);
    let is_every_error_placed = named.iter().all(|error| !error.facts(&["ids", "id", "objectId"]).is_empty());
    if nameless_errors || sheet.has_passing_errors() || !is_every_error_placed {
        return Err(unanswered("HubSpot archived a part of the batch and does not say which"));
    }
    for (place, _) in sheet.open() {
        sheet.decide(place, Outcome::Deleted);
    }
    sheet.complete().ok_or_else(|| unfit("a record was left without an outcome"))
}

/// Returns the outcome of a lone record whose call was refused: what the vendor says is about that record then.
fn refusal_of_one(answer: &Answer, inputs: &[Input], operation: &Operation) -> Option<Outcome> {
    let [input] = inputs else { return None };
    if answer.status.is_success() || !errors::of_answer(answer, "").kind.is_refusal() {
        return None;
    }
    Some(failure(&ApiError::of_answer(answer), input, operation))
}

/// Returns the records' ids, which this operation needs.
pub(super) fn require_ids(batch: &Batch) -> Result<Vec<String>, ConnectorError> {
    let ids = batch.records.iter().map(|record| record.destination_id.clone());
    ids.collect::<Option<_>>().ok_or_else(|| unfit("a record of the batch has no id"))
}

pub(super) fn unanswered(message: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::Unanswered, "unaccounted_records", message)
}

/// Says that the batch is not one that this destination's capabilities allow.
fn unfit(message: &str) -> ConnectorError {
    ConnectorError::new(ErrorKind::Unexpected, "unfit_batch", message)
}
