//! Dead letters of records, and the records as the source gave them.

use std::collections::HashMap;

use polars::frame::DataFrame;
use serde_json::Value as Json;

use crate::engine::{decide::prepare::Prepared, error::EngineError};
use crate::model::{ID, Rejection, Value};
use crate::state::{DeadLetter, DeadLetterKind, LetterBody};
use crate::transform::Rejected;

use super::fate::CommitContext;

/// The records of a chunk as the source gave them, for dead letters.
#[derive(Debug)]
pub(in crate::engine) enum Originals {
    /// In a frame, by their rows.
    Frame { frame: DataFrame, rows: HashMap<String, usize> },
    /// By their source ids.
    Kept(HashMap<String, Json>),
}

impl Originals {
    pub(in crate::engine) fn of_frame(frame: &DataFrame) -> Result<Self, EngineError> {
        let mut rows = HashMap::new();
        if frame.height() > 0 {
            for (row, id) in frame.column(ID)?.str()?.iter().enumerate() {
                // Of records with one id, the first is written; the others are its duplicates.
                rows.entry(id.unwrap_or_default().to_owned()).or_insert(row);
            }
        }
        // Columns are shared, not copied.
        Ok(Self::Frame { frame: frame.clone(), rows })
    }

    /// Returns a record as the source gave it (after the steps).
    pub(in crate::engine) fn json(&self, source_id: &str) -> Json {
        let (frame, rows) = match self {
            Self::Frame { frame, rows } => (frame, rows),
            Self::Kept(sources) => return sources.get(source_id).cloned().unwrap_or_default(),
        };
        let Some(row) = rows.get(source_id) else { return Json::Null };
        let columns = frame.columns().iter();
        let fields = columns.filter_map(|column| {
            let value = Value::from_any(&column.get(*row).ok()?).ok()?;
            Some((column.name().to_string(), value.to_json()))
        });
        Json::Object(fields.collect())
    }
}

impl CommitContext {
    /// Makes a dead letter that tells of the reason alone: the caller adds what it knows of the record.
    pub(in crate::engine) fn letter(&self, kind: DeadLetterKind, source_id: &str, reason: &Rejection) -> DeadLetter {
        DeadLetter {
            run_id: self.run_id.clone(),
            target: self.target.clone(),
            source_id: source_id.to_owned(),
            source_key: None,
            number: 0,
            line: None,
            kind,
            code: reason.code.clone(),
            field: reason.field.clone(),
            created_at: self.now,
            chunk: self.chunk,
            body: LetterBody {
                reason: reason.reason.clone(),
                value: reason.value.clone(),
                request_id: reason.request_id.clone(),
                ..LetterBody::default()
            },
        }
    }
}

/// Makes the dead letter of a mapped record.
pub(in crate::engine) fn letter(
    context: &CommitContext,
    record: &Prepared,
    kind: DeadLetterKind,
    reason: &Rejection,
    source: Json,
) -> DeadLetter {
    let letter = context.letter(kind, &record.source_id, reason);
    let body = LetterBody { source, mapped: record.to_json(), ..letter.body };
    DeadLetter { number: record.number, body, ..letter }
}

/// Makes the dead letter of a record that did not get as far as being mapped.
pub(in crate::engine) fn unmapped_letter(context: &CommitContext, number: u64, reject: Rejected) -> DeadLetter {
    let letter = context.letter(DeadLetterKind::Rejected, &reject.id, &reject.rejection);
    let body = LetterBody { source: reject.source, ..letter.body };
    DeadLetter { number, line: reject.line, body, ..letter }
}
