//! Which fields of a source are loaded, and what the others hold: looked at page by page, before any step.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use polars::{frame::DataFrame, prelude::Column};
use serde_json::Value as Json;

use crate::model::{FieldName, ID, Value};

/// Looks at the fields of a stream that are not loaded.
#[derive(Debug, Default)]
pub(in crate::engine) struct Coverage {
    looked: Mutex<Looked>,
}

/// What was seen of a stream.
#[derive(Debug, Clone, Default)]
pub(in crate::engine) struct Looked {
    /// Records that were looked at.
    pub records: u64,
    /// The fields that mappings and steps use.
    pub used: Vec<String>,
    /// What the others hold.
    pub others: BTreeMap<String, Values>,
}

/// What a field holds in all records.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Values {
    /// How many records have a value.
    pub filled: u64,
    /// The first value.
    pub sample: Json,
    /// Whether each value was the record's id.
    pub is_id: bool,
}

impl Coverage {
    /// Notes which fields are loaded, and which only looked at.
    pub(in crate::engine) fn begin(&self, used: &[FieldName], others: &[FieldName]) {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.used = used.iter().map(ToString::to_string).collect();
        looked.others = others.iter().map(|name| (name.to_string(), Values::default())).collect();
    }

    /// Looks at a page, and takes out of it what is not loaded.
    pub(in crate::engine) fn look(&self, frame: &DataFrame, others: &[FieldName]) -> DataFrame {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        looked.records += u64::try_from(frame.height()).unwrap_or(u64::MAX);
        let ids = frame.column(ID).ok();
        for name in others {
            if let (Ok(column), Some(values)) = (frame.column(name), looked.others.get_mut(name.as_str())) {
                values.look(column, ids);
            }
        }
        drop(looked);
        frame.drop_many(others.iter().map(ToString::to_string))
    }

    /// Returns what was seen.
    pub(in crate::engine) fn take(&self) -> Looked {
        std::mem::take(&mut self.looked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for Values {
    fn default() -> Self {
        Self { filled: 0, sample: Json::Null, is_id: true }
    }
}

impl Values {
    fn look(&mut self, column: &Column, ids: Option<&Column>) {
        if column.null_count() == column.len() {
            return;
        }
        for (row, any) in column.as_materialized_series().iter().enumerate() {
            let Some(value) = Value::from_any(&any).ok().filter(has_something) else { continue };
            self.filled += 1;
            if self.is_id {
                let id = ids.and_then(|ids| ids.get(row).ok()).and_then(|id| Value::from_any(&id).ok());
                self.is_id = id.is_some_and(|id| id.to_text() == value.to_text());
            }
            if self.sample.is_null() {
                self.sample = value.to_json();
            }
        }
    }
}

fn has_something(value: &Value) -> bool {
    !value.is_null() && !value.to_text().trim().is_empty()
}

#[cfg(test)]
mod tests {
    use polars::{df, prelude::PlSmallStr};

    use super::*;

    #[test]
    fn what_is_looked_at_is_counted_and_taken_out_and_an_id_is_told() {
        let names: Vec<FieldName> = ["id", "note", "city"].map(FieldName::new).to_vec();
        let coverage = Coverage::default();
        coverage.begin(&[FieldName::new("name")], &names);
        let page = df!(
            ID => ["1", "2", "3"],
            "name" => ["a", "b", "c"],
            "id" => [1_i64, 2, 3],
            "note" => [Some("2"), Some(" "), None],
            "city" => [None::<&str>, None, None],
        );
        let frame = coverage.look(&page.unwrap(), &names);
        let names: Vec<&str> = frame.get_column_names().into_iter().map(PlSmallStr::as_str).collect();
        assert_eq!(names, [ID, "name"]);
        let looked = coverage.take();
        let of =
            |name: &str| (looked.others[name].filled, looked.others[name].is_id, looked.others[name].sample.clone());
        assert_eq!((looked.records, looked.used), (3, vec!["name".to_owned()]));
        assert_eq!((of("id").0, of("id").1), (3, true));
        assert_eq!(of("note"), (1, false, Json::from("2")));
        assert_eq!(of("city").0, 0);
    }
}
