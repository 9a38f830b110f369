//! What becomes of the rows of an object that each run writes anew: read as they are, compared with those that would be written.

use std::collections::{BTreeMap, HashMap};

use futures::StreamExt;
use polars::frame::DataFrame;

use crate::connector::{ConnectorError, ErrorKind, ReadRequest, Source};
use crate::engine::decide::same::{differing, form};
use crate::model::{FieldName, Fields, ID, ObjectName, Schema, SyncMode, Value};

use super::report::ReplacedRows;

/// Most rows that are compared: they are in memory until the new ones are known.
const MAX_ROWS: usize = if cfg!(test) { 50 } else { 200_000 };

/// The rows of an object as they are.
#[derive(Debug)]
pub(super) struct Replaced {
    /// The fields that are written, with their types.
    written: Schema,
    /// What tells rows apart; the whole row where it is empty.
    key: Vec<FieldName>,
    /// The rows that no new one stands for yet, in their order, by what tells them apart.
    rows: BTreeMap<usize, Fields>,
    places: HashMap<Vec<String>, Vec<usize>>,
    rows_now: u64,
    rows_then: u64,
    /// Why rows are not compared.
    reason: Option<String>,
}

/// What a new row is to the rows that are there.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum RowFate {
    /// There is none like it.
    New,
    /// It is there.
    Same,
    /// It is there with other values, in these fields.
    Changed { before: Fields, fields: Vec<FieldName> },
}

impl Replaced {
    /// Reads an object as it is. One that is not there has no rows; one that cannot be read is not compared.
    pub(super) async fn read(source: &dyn Source, object: &ObjectName, written: Schema, key: &[FieldName]) -> Self {
        let mut replaced = Self {
            written,
            key: key.to_vec(),
            rows: BTreeMap::new(),
            places: HashMap::new(),
            rows_now: 0,
            rows_then: 0,
            reason: None,
        };
        match replaced.read_rows(source, object).await {
            Ok(()) => {}
            Err(error) if error.kind == ErrorKind::NotFound => replaced.rows.clear(),
            Err(error) => replaced.reason = Some(error.message),
        }
        if replaced.reason.is_some() {
            replaced.rows.clear();
        }
        for (place, row) in &replaced.rows {
            let own = replaced.tell(row);
            replaced.places.entry(own).or_default().push(*place);
        }
        // The first of those that are alike is the first to be taken.
        replaced.places.values_mut().for_each(|places| places.reverse());
        replaced
    }

    async fn read_rows(&mut self, source: &dyn Source, object: &ObjectName) -> Result<(), ConnectorError> {
        let declared = source.describe(object).await?;
        let written = self.written.fields.iter().map(|field| field.name.clone());
        let fields: Vec<FieldName> = written.filter(|name| declared.field(name).is_some()).collect();
        let mut request = ReadRequest {
            object: object.clone(),
            fields: fields.clone(),
            shown: Vec::new(),
            links: Vec::new(),
            filter: None,
            sync_mode: SyncMode::FullRefresh,
            cursor: None,
        };
        // A value that is not of its column's type is no reason to leave its row out.
        request.shown = std::mem::take(&mut request.fields);
        let mut pages = source.read(request);
        let mut ids = IdFields::of(&fields);
        while let Some(page) = pages.next().await {
            let page = page?;
            self.rows_now += u64::try_from(page.frame.height() + page.rejects.len()).unwrap_or(u64::MAX);
            if self.reason.is_some() {
                continue;
            }
            if self.rows.len() + page.frame.height() > MAX_ROWS {
                self.reason = Some(format!("it has more than {MAX_ROWS} rows"));
                self.rows.clear();
                continue;
            }
            for row in 0..page.frame.height() {
                let held = row_of(&page.frame, &fields, row);
                ids.look(&page.frame, row, &held);
                self.rows.insert(self.rows.len(), held);
            }
        }
        if self.key.is_empty() && !source.has_content_ids(object) {
            self.key.extend(ids.found());
        }
        Ok(())
    }

    /// Returns what tells a row from others.
    fn tell(&self, row: &Fields) -> Vec<String> {
        let fields = self.written.fields.iter().filter(|field| self.key.is_empty() || self.key.contains(&field.name));
        fields.map(|field| form(Some(field), row.get(&field.name).unwrap_or(&Value::Null))).collect()
    }

    /// Takes a row that would be written.
    pub(super) fn take(&mut self, row: &Fields, stamps: &[FieldName]) -> RowFate {
        self.rows_then += 1;
        let place = self.places.get_mut(&self.tell(row)).and_then(Vec::pop);
        let Some(before) = place.and_then(|place| self.rows.remove(&place)) else { return RowFate::New };
        let fields = differing(&self.written, row, &before).into_iter().filter(|name| !stamps.contains(name));
        let fields: Vec<FieldName> = fields.cloned().collect();
        if fields.is_empty() { RowFate::Same } else { RowFate::Changed { before, fields } }
    }

    /// Tells whether rows are compared at all.
    pub(super) fn is_compared(&self) -> bool {
        self.reason.is_none()
    }

    /// Returns the rows that no new one stands for, each with what tells it from others, and what there is to say of all.
    pub(super) fn finish(self) -> (Vec<(String, Fields)>, ReplacedRows) {
        let shown = |row: &Fields| {
            let key = self.key.iter().filter_map(|name| row.get(name)).map(Value::to_text);
            key.collect::<Vec<_>>().join(", ")
        };
        let gone = self.rows.values().map(|row| (shown(row), row.clone())).collect();
        let rows = ReplacedRows {
            rows_now: self.rows_now,
            rows_then: self.rows_then,
            matched_by: self.key.clone(),
            not_compared: self.reason.clone(),
        };
        (gone, rows)
    }
}

/// Finds the field that holds the ids of all records.
struct IdFields {
    candidates: Vec<FieldName>,
    has_rows: bool,
}

impl IdFields {
    fn of(fields: &[FieldName]) -> Self {
        Self { candidates: fields.to_vec(), has_rows: false }
    }

    fn look(&mut self, frame: &DataFrame, row: usize, held: &Fields) {
        self.has_rows = true;
        let id = frame.column(ID).ok().and_then(|ids| ids.get(row).ok()).and_then(|id| Value::from_any(&id).ok());
        let id = id.map(|id| id.to_text());
        self.candidates.retain(|name| held.get(name).map(Value::to_text) == id);
    }

    fn found(self) -> Option<FieldName> {
        self.candidates.into_iter().next().filter(|_| self.has_rows)
    }
}

fn row_of(frame: &DataFrame, fields: &[FieldName], row: usize) -> Fields {
    let value = |name: &FieldName| Value::from_any(&frame.column(name).ok()?.get(row).ok()?).ok();
    let values = fields.iter().filter_map(|name| Some((name.clone(), value(name)?)));
    values.filter(|(_, value)| !value.is_null()).collect()
}
