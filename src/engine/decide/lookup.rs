//! Looks records up at the destination, by id and by key, in as few calls as it allows.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use futures::{StreamExt, TryStreamExt, stream};

use crate::config::WriteMode;
use crate::connector::{FetchRequest, Selection};
use crate::engine::{error::EngineError, setup::Loader};
use crate::model::{FieldName, Record, Value};

use super::prepare::{Key, Preparation, Prepared};

/// How long a request whose answer is lost may still be at work at the destination, before what it wrote is looked for: the
/// vendors at hand answer a batch within a second or two.
const SETTLE_WAIT: Duration = Duration::from_secs(5);

/// What a look-up after a lost answer found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) enum Lookup {
    /// It was written and has this id.
    Written(String),
    /// It was not written.
    NotWritten,
}

/// The records of the destination that were found by key.
#[derive(Debug, Default)]
pub(super) struct FoundRecords {
    by_key: HashMap<u128, Vec<String>>,
}

pub(super) enum Found {
    None,
    One(String),
    Several(Vec<String>),
}

impl FoundRecords {
    fn add(&mut self, record: &Record, preparation: &Preparation) {
        let values = preparation.key.iter().map(|field| record.fields.get(field).filter(|value| !is_blank(value)));
        let Some(values) = values.map(Option::<&Value>::cloned).collect::<Option<Vec<Value>>>() else { return };
        self.by_key.entry(preparation.hash_key(&values)).or_default().push(record.id.clone());
    }

    pub(super) fn matching(&self, record: &Prepared) -> Found {
        let ids = record.key.as_ref().and_then(|key| self.by_key.get(&key.hash));
        match ids.map(Vec::as_slice) {
            None | Some([]) => Found::None,
            Some([id]) => Found::One(id.clone()),
            Some(ids) => Found::Several(ids.to_vec()),
        }
    }

    /// Finds the record for this one. Where records are only inserted, several may have one key: each takes one of those found.
    pub(super) fn claim(&mut self, loader: &Loader, record: &Prepared) -> Found {
        if loader.policy.write != WriteMode::Insert {
            return self.matching(record);
        }
        record.key.as_ref().and_then(|key| self.take(key)).map_or(Found::None, Found::One)
    }

    /// Takes the first of the records that were found with a key.
    fn take(&mut self, key: &Key) -> Option<String> {
        let ids = self.by_key.get_mut(&key.hash).filter(|ids| !ids.is_empty())?;
        Some(ids.remove(0))
    }

    /// Leaves out the records that belong to other source records.
    fn leave_out(&mut self, mapped: &HashSet<String>) {
        self.by_key.values_mut().for_each(|ids| ids.retain(|id| !mapped.contains(id)));
    }
}

pub(super) fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.trim().is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Integer(_) | Value::Number(_) | Value::Boolean(_) | Value::Date(_) | Value::DateTime(_) => false,
    }
}

/// Waits until what a lost request wrote can be found.
pub(in crate::engine) async fn wait_to_look(loader: &Loader) -> Result<(), EngineError> {
    loader.wait(loader.capabilities.lookup_lag.max(SETTLE_WAIT)).await
}

pub(super) async fn find_keys(loader: &Loader, keys: &[&Key]) -> Result<FoundRecords, EngineError> {
    let key_fields: Vec<FieldName> = loader.preparation.key.to_vec();
    let requests = keys.chunks(fetch_size(loader)).map(|keys| FetchRequest {
        object: loader.target.object.clone(),
        selection: Selection::Keys {
            fields: key_fields.clone(),
            values: keys.iter().map(|key| key.values.clone()).collect(),
        },
        fields: key_fields.clone(),
    });
    let mut found = FoundRecords::default();
    for record in fetch_all(loader, requests.collect()).await? {
        found.add(&record, &loader.preparation);
    }
    if loader.policy.write == WriteMode::Insert {
        let ids: Vec<String> = found.by_key.values().flatten().cloned().collect();
        let target_id = loader.target_id;
        let mapped = loader.state.work(move |work| work.mapped_ids(target_id, &ids)).await?;
        found.leave_out(&mapped);
    }
    Ok(found)
}

pub(in crate::engine) fn fetch_size(loader: &Loader) -> usize {
    loader.capabilities.fetch.map_or(1, |size| usize::try_from(size.get()).unwrap_or(1))
}

pub(in crate::engine) async fn fetch_all(
    loader: &Loader,
    requests: Vec<FetchRequest>,
) -> Result<Vec<Record>, EngineError> {
    let concurrency = usize::try_from(loader.capabilities.concurrency.get()).unwrap_or(1);
    let fetched: Vec<Vec<Record>> = stream::iter(requests)
        .map(|request| async move {
            loader.check_may_send()?;
            let fetched = loader.destination.fetch(&request).await;
            fetched.map_err(|error| EngineError::connector(loader.connection(), error))
        })
        .buffered(concurrency)
        .try_collect()
        .await?;
    Ok(fetched.into_iter().flatten().collect())
}

/// After a lost answer: which of these keys are at the destination now? None for records without a key.
pub(in crate::engine) async fn look_up_written(
    loader: &Loader,
    keys: &[Option<&Key>],
) -> Result<Vec<Option<Lookup>>, EngineError> {
    if loader.capabilities.fetch.is_none() {
        return Ok(vec![None; keys.len()]);
    }
    let wanted: Vec<&Key> = keys.iter().flatten().copied().collect();
    let mut found = find_keys(loader, &wanted).await?;
    let lookups = keys.iter().map(|key| Some(found.take((*key)?).map_or(Lookup::NotWritten, Lookup::Written)));
    Ok(lookups.collect())
}
