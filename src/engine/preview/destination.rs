//! What one destination would be given of the records that are read.

use std::collections::{BTreeMap, HashMap};

use polars::frame::DataFrame;
use serde_json::Value as Json;

use crate::config::{StreamDestination, WriteMode};
use crate::engine::{
    decide::{
        lookup::is_blank,
        mapped::{Mapped, map},
        matching::{empty_key, no_values},
        prepare::Prepared,
    },
    error::EngineError,
    read::extract::Chunk,
    setup::{Loader, is_mapped},
    write::letters::Originals,
};
use crate::model::{FieldName, ID, Rejection, Schema, Value};
use crate::transform::{Rejected, ShownMapping, shown_mappings};

use super::{
    reasons::reasons,
    report::{DestinationPreview, DroppedValue, FieldPreview, RecordPreview, RejectedRecord, StandardPreview},
};

/// Most different values that are counted as dropped, in values of a destination.
const MAX_DROPPED: usize = 1_000;

/// One destination, and what was found so far.
pub(super) struct Previewed {
    loader: Loader,
    mappings: Vec<ShownMapping>,
    standard: Option<StandardPreview>,
    /// Of each mapping, how many records have a value.
    filled: Vec<u64>,
    accepted: u64,
    records: Vec<RecordPreview>,
    shown: usize,
    rejected: Vec<RejectedRecord>,
    dropped: HashMap<(FieldName, String), u64>,
}

impl Previewed {
    pub(super) fn new(loader: Loader, config: &StreamDestination, source: &Schema, shown: usize) -> Self {
        let mappings = shown_mappings(&config.mappings, source, &loader.shape.schema);
        let standard = config.standard.as_ref().map(|used| {
            let names = || mappings.iter().map(|mapping| &mapping.field);
            let (mapped, left_out) = used.split(|word| is_mapped(word, &loader.shape.schema, names()));
            let owned = |words: Vec<&str>| words.into_iter().map(str::to_owned).collect();
            StandardPreview { kind: used.kind.to_owned(), mapped: owned(mapped), left_out: owned(left_out) }
        });
        Self {
            filled: vec![0; mappings.len()],
            loader,
            mappings,
            standard,
            accepted: 0,
            records: Vec::new(),
            shown,
            rejected: Vec::new(),
            dropped: HashMap::new(),
        }
    }

    /// Returns the source's fields that are mapped.
    pub(super) fn origins(&self) -> Vec<String> {
        self.mappings.iter().flat_map(|mapping| mapping.from.iter().cloned()).collect()
    }

    /// Maps a chunk.
    pub(super) async fn add(&mut self, chunk: &Chunk) -> Result<(), EngineError> {
        let originals = Originals::of_frame(&chunk.frame)?;
        let whole = |record: &Prepared, rejection: Rejection| RejectedRecord {
            id: record.source_id.clone(),
            line: None,
            rejection,
            source: originals.json(&record.source_id),
        };
        let Mapped { records, unexpected, rejects } = map(&self.loader, &chunk.frame).await?;
        for Rejected { id, line, rejection, source, .. } in chunk.rejects.iter().cloned().chain(rejects) {
            self.rejected.push(RejectedRecord { id, line, rejection, source });
        }
        for (record, reason) in unexpected {
            self.rejected.push(whole(&record, reason));
        }
        let rows = rows_of(&chunk.frame)?;
        for record in records.iter().filter(|record| !record.is_deleted) {
            match self.refusal(record) {
                Some(reason) => self.rejected.push(whole(record, reason)),
                None => self.accept(record, &chunk.frame, rows.get(record.source_id.as_str()).copied()),
            }
        }
        Ok(())
    }

    /// Says why a record that could be mapped would not be sent.
    fn refusal(&self, record: &Prepared) -> Option<Rejection> {
        let key = &self.loader.shape.preparation.key;
        match self.loader.policy.write {
            WriteMode::Insert => no_values(record),
            _ if !key.is_empty() && record.key.is_none() => Some(empty_key(key, record)),
            WriteMode::Update => None,
            WriteMode::Upsert | WriteMode::Mirror | WriteMode::Replace => no_values(record),
        }
    }

    fn accept(&mut self, record: &Prepared, frame: &DataFrame, row: Option<usize>) {
        self.accepted += 1;
        let value_at = |name: &str| {
            let value = Value::from_any(&frame.column(name).ok()?.get(row?).ok()?).ok()?;
            (!is_blank(&value)).then_some(value)
        };
        for (mapping, filled) in self.mappings.iter().zip(&mut self.filled) {
            let value = record.fields.get(&mapping.field).filter(|value| !is_blank(value));
            let is_filled = value.is_some() || record.links.iter().any(|link| link.field == mapping.field);
            *filled += u64::from(is_filled);
            if !is_filled
                && mapping.is_direct
                && let Some(lost) = mapping.from.first().and_then(|from| value_at(from))
            {
                let key = (mapping.field.clone(), lost.to_text());
                if self.dropped.len() < MAX_DROPPED || self.dropped.contains_key(&key) {
                    *self.dropped.entry(key).or_default() += 1;
                }
            }
        }
        if self.records.len() < self.shown {
            let names = self.mappings.iter().flat_map(|mapping| &mapping.from);
            let source = names.map(|name| (name.clone(), value_at(name).map_or(Json::Null, |value| value.to_json())));
            let source = source.collect();
            let destination = match record.to_json() {
                Json::Object(fields) => fields.into_iter().collect(),
                _ => BTreeMap::new(),
            };
            self.records.push(RecordPreview { id: record.source_id.clone(), source, destination });
        }
    }

    pub(super) fn finish(self) -> DestinationPreview {
        let fields = self.mappings.into_iter().zip(self.filled).map(|(mapping, filled)| {
            let ShownMapping { field, from, rule, is_standard, .. } = mapping;
            FieldPreview { field, from, rule, is_standard, filled }
        });
        let dropped = self.dropped.into_iter();
        let mut dropped: Vec<DroppedValue> =
            dropped.map(|((field, value), records)| DroppedValue { field, value, records }).collect();
        dropped.sort_by(|left, right| {
            right.records.cmp(&left.records).then_with(|| (&left.field, &left.value).cmp(&(&right.field, &right.value)))
        });
        DestinationPreview {
            connection: self.loader.target.names.connection.clone(),
            object: self.loader.target.names.object.clone(),
            accepted: self.accepted,
            rejected: u64::try_from(self.rejected.len()).unwrap_or(u64::MAX),
            standard: self.standard,
            fields: fields.collect(),
            records: self.records,
            rejects: reasons(&self.rejected),
            rejected_records: self.rejected,
            dropped,
        }
    }
}

/// Returns the rows of a frame by their source ids.
fn rows_of(frame: &DataFrame) -> Result<HashMap<&str, usize>, EngineError> {
    if frame.height() == 0 {
        return Ok(HashMap::new());
    }
    let ids = frame.column(ID)?.str()?;
    Ok(ids.iter().enumerate().filter_map(|(row, id)| Some((id?, row))).collect())
}
