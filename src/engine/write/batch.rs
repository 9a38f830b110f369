//! Cuts records into batches within a destination's limits.

use crate::model::{BatchLimit, BatchRecord, FieldName, Value};

/// Bytes of a record's JSON beside its fields: braces, ids and the names of the envelope. An upper bound for the vendors at
/// hand, so that a batch is never larger than it is taken for.
const ENVELOPE_BYTES: usize = 160;
/// Bytes of a field's JSON beside its name and value: quotes, colon, comma.
const FIELD_BYTES: usize = 8;

/// Cuts items into batches, in order: no batch has more records or bytes than the limit allows. A single record that is
/// larger than a batch may be stands alone: whether it is refused is the destination's word.
pub(in crate::engine) fn cut<T>(items: Vec<T>, limit: BatchLimit, record: impl Fn(&T) -> &BatchRecord) -> Vec<Vec<T>> {
    let max_records = usize::try_from(limit.max_records.get()).unwrap_or(usize::MAX);
    let mut batches = Vec::new();
    let mut batch: Vec<T> = Vec::new();
    let mut batch_bytes = 0;
    for item in items {
        let bytes = record_bytes(record(&item));
        let is_full = batch.len() >= max_records || batch_bytes + bytes > limit.max_bytes;
        if is_full && !batch.is_empty() {
            batches.push(std::mem::take(&mut batch));
            batch_bytes = 0;
        }
        batch_bytes += bytes;
        batch.push(item);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

/// Estimates the bytes of a record in a request, from above.
fn record_bytes(record: &BatchRecord) -> usize {
    let fields = record.fields.iter().map(|(name, value)| field_bytes(name, value));
    let ids = record.trace_id.len() + record.destination_id.as_ref().map_or(0, String::len);
    ENVELOPE_BYTES + ids + fields.sum::<usize>()
}

/// Estimates the bytes of a record as a line of comma-separated values, from above.
pub(in crate::engine) fn line_bytes(record: &BatchRecord) -> usize {
    let cell_bytes = |value: &Value| match value {
        Value::Text(text) => text_bytes(text),
        Value::List(items) => items.iter().map(|item| text_bytes(item)).sum(),
        Value::Null | Value::Boolean(_) => 5,
        Value::Integer(_) | Value::Number(_) | Value::Date(_) | Value::DateTime(_) => 32,
    };
    let cells = record.fields.values().map(|value| cell_bytes(value) + 1);
    record.destination_id.as_ref().map_or(0, String::len) + cells.sum::<usize>() + 2
}

/// Bytes of a text in quotes, those within doubled.
fn text_bytes(text: &str) -> usize {
    text.len() + text.bytes().filter(|byte| *byte == b'"').count() + 2
}

fn field_bytes(name: &FieldName, value: &Value) -> usize {
    let value_bytes = match value {
        Value::Text(text) => json_bytes(text),
        Value::List(items) => items.iter().map(|item| json_bytes(item) + FIELD_BYTES).sum(),
        Value::Null | Value::Boolean(_) => 5,
        Value::Integer(_) | Value::Number(_) | Value::Date(_) | Value::DateTime(_) => 32,
    };
    json_bytes(name) + value_bytes + FIELD_BYTES
}

/// Bytes of a text in JSON: control characters take six, quotes and backslashes two.
fn json_bytes(text: &str) -> usize {
    let escapes = text.bytes().map(|byte| match byte {
        0..=31 => 6,
        b'"' | b'\\' => 2,
        _ => 1,
    });
    escapes.sum::<usize>() + 2
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use proptest::prelude::*;

    use super::*;

    fn record(text: &str) -> BatchRecord {
        let fields = [(FieldName::new("note"), Value::Text(text.to_owned()))].into();
        BatchRecord { trace_id: "1".to_owned(), destination_id: None, fields }
    }

    proptest! {
        #[test]
        fn batches_hold_their_limits_and_keep_every_record_in_order(
            texts in prop::collection::vec(".{0,60}", 0..60), max_records in 1_u32..20, max_bytes in 100_usize..2_000,
        ) {
            let limit =
                BatchLimit { max_records: NonZeroU32::new(max_records).unwrap(), max_bytes, is_idempotent: true };
            let records: Vec<BatchRecord> = texts.iter().map(|text| record(text)).collect();
            let batches = cut(records.clone(), limit, |record| record);
            for batch in &batches {
                prop_assert!(batch.len() <= max_records as usize);
                prop_assert!(batch.iter().map(record_bytes).sum::<usize>() <= max_bytes || batch.len() == 1);
                for sent in batch {
                    let json = serde_json::to_vec(&sent.fields["note"].to_json()).unwrap();
                    prop_assert!(json.len() <= record_bytes(sent));
                }
            }
            prop_assert_eq!(batches.concat(), records);
        }
    }
}
