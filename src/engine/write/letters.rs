//! Dead letters of records, and the records as the source gave them.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use polars::{frame::DataFrame, prelude::StringChunked};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

use crate::engine::{decide::prepare::Prepared, error::EngineError};
use crate::model::{ID, Rejection, Value};
use crate::state::{DeadLetter, DeadLetterKind, LetterBody};
use crate::transform::Rejected;

use super::fate::CommitContext;

/// The records of a chunk as the source gave them, for dead letters. Clones share them.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Originals(Arc<Kept>);

#[derive(Debug)]
enum Kept {
    /// In a frame, by their rows: few of them are ever asked for, so the rows are found when the first one is.
    Frame { frame: DataFrame, ids: StringChunked, rows: OnceLock<HashMap<String, usize>> },
    /// By their source ids.
    Json(HashMap<String, Json>),
}

/// One record as the source gave it, made when it is asked for: only a record that is not written needs it.
#[derive(Debug, Clone)]
pub(in crate::engine) enum Original {
    /// Among those of its chunk.
    Among(Originals, Arc<Prepared>),
    /// By itself.
    Alone(Json),
}

impl Originals {
    pub(in crate::engine) fn of_frame(frame: &DataFrame) -> Result<Self, EngineError> {
        let ids = match frame.height() {
            0 => StringChunked::default(),
            _ => frame.column(ID)?.str()?.clone(),
        };
        // Columns are shared, not copied.
        Ok(Self(Arc::new(Kept::Frame { frame: frame.clone(), ids, rows: OnceLock::new() })))
    }

    /// Makes them of what was kept, by source ids.
    pub(in crate::engine) fn kept(sources: HashMap<String, Json>) -> Self {
        Self(Arc::new(Kept::Json(sources)))
    }

    /// Returns a record as the source gave it (after the steps).
    pub(in crate::engine) fn json(&self, source_id: &str) -> Json {
        let (frame, rows) = match &*self.0 {
            Kept::Frame { frame, ids, rows } => (frame, rows.get_or_init(|| rows_of(ids))),
            Kept::Json(sources) => return sources.get(source_id).cloned().unwrap_or_default(),
        };
        let Some(row) = rows.get(source_id) else { return Json::Null };
        let columns = frame.columns().iter();
        let fields = columns.filter_map(|column| {
            let value = Value::from_any(&column.get(*row).ok()?).ok()?;
            Some((column.name().to_string(), value.to_json()))
        });
        Json::Object(fields.collect())
    }

    /// Names a record among them.
    pub(in crate::engine) fn original(&self, record: &Arc<Prepared>) -> Original {
        Original::Among(self.clone(), Arc::clone(record))
    }
}

fn rows_of(ids: &StringChunked) -> HashMap<String, usize> {
    let mut rows = HashMap::with_capacity(ids.len());
    for (row, id) in ids.iter().enumerate() {
        // Of records with one id, the first is written; the others are its duplicates.
        rows.entry(id.unwrap_or_default().to_owned()).or_insert(row);
    }
    rows
}

impl Original {
    pub(in crate::engine) fn json(&self) -> Json {
        match self {
            Self::Among(originals, record) => originals.json(&record.source_id),
            Self::Alone(json) => json.clone(),
        }
    }
}

impl PartialEq for Original {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

impl Serialize for Original {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Among(..) => self.json().serialize(serializer),
            Self::Alone(json) => json.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Original {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Json::deserialize(deserializer).map(Self::Alone)
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
