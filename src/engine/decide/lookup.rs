//! Looks records up at the destination, by id and by key, in as few calls as it allows.

use std::collections::{HashMap, HashSet, hash_map::Entry};

use futures::{StreamExt, TryStreamExt, stream};

use crate::config::WriteMode;
use crate::connector::{FetchRequest, LATEST_ARRIVAL, Selection};
use crate::engine::{error::EngineError, setup::Loader};
use crate::model::{FieldName, Fields, Record, Value, WholeObject};
use crate::state::Wanted;

use super::{
    prepare::{Key, Preparation, Prepared},
    whole_object::{FoundRecord, RecordsByKey},
};

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
pub(in crate::engine) struct FoundRecords {
    by_key: RecordsByKey,
    /// What was read of them on the way, by their ids. Of those that are known from the whole object, nothing is.
    fields: HashMap<String, Fields>,
}

pub(super) enum Found {
    None,
    One(String),
    /// What a person knows each of them by.
    Several(Vec<String>),
}

impl FoundRecords {
    #[cfg(test)]
    pub(super) fn of(ids_by_key: HashMap<u128, Vec<String>>) -> Self {
        let found = |id| FoundRecord { id, place: None };
        let by_key = ids_by_key.into_iter().map(|(key, ids)| (key, ids.into_iter().map(found).collect())).collect();
        Self { by_key, fields: HashMap::new() }
    }

    /// Picks what is known of these keys.
    fn picked(by_key: &RecordsByKey, keys: &[&Key]) -> Self {
        let found = keys.iter().filter_map(|key| Some((key.hash, by_key.get(&key.hash)?.clone())));
        Self { by_key: found.collect(), fields: HashMap::new() }
    }

    /// Takes the values that were read of the records on the way, by their ids.
    pub(in crate::engine) fn take_fields(&mut self) -> HashMap<String, Fields> {
        std::mem::take(&mut self.fields)
    }

    fn add(&mut self, record: &Record, preparation: &Preparation) {
        let values = preparation.key.iter().map(|field| record.fields.get(field).filter(|value| !is_blank(value)));
        let Some(values) = values.map(Option::<&Value>::cloned).collect::<Option<Vec<Value>>>() else { return };
        let found = FoundRecord { id: record.id.clone(), place: record.place.clone() };
        match self.by_key.entry(preparation.hash_key(&values)) {
            Entry::Occupied(mut others) => others.get_mut().push(found),
            // Room for one: an object may have millions of keys.
            Entry::Vacant(first) => drop(first.insert(vec![found])),
        }
    }

    pub(super) fn matching(&self, record: &Prepared) -> Found {
        let found = record.key.as_ref().and_then(|key| self.by_key.get(&key.hash));
        match found.map(Vec::as_slice) {
            None | Some([]) => Found::None,
            Some([one]) => Found::One(one.id.clone()),
            Some(several) => {
                Found::Several(several.iter().map(|one| one.place.as_ref().unwrap_or(&one.id).clone()).collect())
            }
        }
    }

    /// Returns the only record with this one's key.
    pub(in crate::engine) fn only_one(&self, record: &Prepared) -> Option<String> {
        match self.matching(record) {
            Found::One(id) => Some(id),
            Found::None | Found::Several(_) => None,
        }
    }

    /// Returns the record of this number among those with a key.
    pub(in crate::engine) fn nth(&self, key: &Key, number: usize) -> Option<&str> {
        self.by_key.get(&key.hash)?.get(number).map(|found| found.id.as_str())
    }

    /// Takes the first of the records that were found with a key.
    fn take(&mut self, key: &Key) -> Option<String> {
        let found = self.by_key.get_mut(&key.hash).filter(|found| !found.is_empty())?;
        Some(found.remove(0).id)
    }

    /// Leaves out records that are known to be gone.
    fn leave_out(&mut self, missing: &HashSet<String>) {
        self.by_key.values_mut().for_each(|found| found.retain(|record| !missing.contains(&record.id)));
    }

    /// Leaves out the records that belong to other source records: of those that have one id, as many as own it.
    fn leave_out_owned(&mut self, owned: &HashMap<String, usize>) {
        for found in self.by_key.values_mut() {
            let mut counts: HashMap<String, usize> = HashMap::new();
            found.retain(|record| {
                let count = counts.entry(record.id.clone()).or_default();
                *count += 1;
                *count > owned.get(&record.id).copied().unwrap_or_default()
            });
        }
    }
}

pub(in crate::engine) fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.trim().is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Integer(_) | Value::Number(_) | Value::Boolean(_) | Value::Date(_) | Value::DateTime(_) => false,
    }
}

/// Waits until what a lost request of this run wrote can be found.
pub(in crate::engine) async fn wait_to_look(loader: &Loader) -> Result<(), EngineError> {
    loader.services.wait(LATEST_ARRIVAL + loader.services.capabilities.lookup_lag).await
}

/// How old what is known of a whole object may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Age<'ids> {
    /// As old as the run. What the run wrote since is in the id map, and so is what it found missing: these ids.
    OfThisRun(&'ids HashSet<String>),
    /// It is read now: a write of a moment ago has to be seen.
    Now,
}

/// Looks keys up by the way that costs less: key by key, or all of the object, which is read once a run.
///
/// How many keys the rest of a run will bring is not known. The object is read as soon as all keys so far would have cost as
/// much, so no run spends more than twice what was possible.
///
/// `read_along` are fields that are wanted of the records anyway: they come with the answer where keys are asked for.
pub(in crate::engine) async fn find_keys(
    loader: &Loader,
    keys: &[&Key],
    age: Age<'_>,
    read_along: &[FieldName],
) -> Result<FoundRecords, EngineError> {
    if keys.is_empty() {
        return Ok(FoundRecords::default());
    }
    let mut found = match loader.services.capabilities.fetch_whole {
        Some(whole) => find_cheaper(loader, keys, age, whole, read_along).await?,
        None => ask_for_keys(loader, keys, read_along).await?,
    };
    if loader.policy.write == WriteMode::Insert {
        let destination_ids = found.by_key.values().flatten().map(|record| record.id.clone()).collect();
        let wanted = Wanted { destination_ids, ..Wanted::default() };
        found.leave_out_owned(&loader.services.state.known(loader.target.id, wanted).await?.owned);
    }
    Ok(found)
}

async fn find_cheaper(
    loader: &Loader,
    keys: &[&Key],
    age: Age<'_>,
    whole: WholeObject,
    read_along: &[FieldName],
) -> Result<FoundRecords, EngineError> {
    let mut index = loader.whole_object.0.lock().await;
    if let (Age::OfThisRun(missing), Some(known)) = (age, &index.records_by_key) {
        let mut found = FoundRecords::picked(known, keys);
        found.leave_out(missing);
        return Ok(found);
    }
    if let Some(per_keys) = loader.services.capabilities.fetch {
        let cost = match index.cost {
            Some(cost) => cost,
            None => *index.cost.insert(cost_of_whole(loader, whole).await?),
        };
        let spent = index.spent.saturating_add(per_keys.cost_of(keys.len()));
        if spent < u64::from(cost) {
            index.spent = spent;
            drop(index);
            return ask_for_keys(loader, keys, read_along).await;
        }
    }
    let mut all = FoundRecords::default();
    for record in fetch_whole(loader).await? {
        all.add(&record, &loader.shape.preparation);
    }
    let found = FoundRecords::picked(&all.by_key, keys);
    index.records_by_key = Some(all.by_key);
    Ok(found)
}

/// Asks the destination what it costs to read the whole object, where it counts that.
async fn cost_of_whole(loader: &Loader, declared: WholeObject) -> Result<u32, EngineError> {
    let Some(whole) = loader.services.destination.fetch_whole() else { return Ok(declared.cost) };
    let counted = whole.cost(&loader.target.names.object, &loader.shape.preparation.key).await;
    let counted = counted.map_err(|error| EngineError::connector(loader.connection(), error))?;
    Ok(counted.unwrap_or(declared.cost))
}

async fn fetch_whole(loader: &Loader) -> Result<Vec<Record>, EngineError> {
    let Some(whole) = loader.services.destination.fetch_whole() else {
        return Err(loader.unoffered("a look-up of a whole object"));
    };
    loader.services.check_may_send()?;
    let fetched = whole.fetch_whole(&loader.target.names.object, &loader.shape.preparation.key).await;
    fetched.map_err(|error| EngineError::connector(loader.connection(), error))
}

async fn ask_for_keys(loader: &Loader, keys: &[&Key], read_along: &[FieldName]) -> Result<FoundRecords, EngineError> {
    let key_fields: Vec<FieldName> = loader.shape.preparation.key.to_vec();
    let mut fields = key_fields.clone();
    fields.extend(read_along.iter().filter(|field| !key_fields.contains(field)).cloned());
    let requests = keys.chunks(key_count(loader)).map(|keys| FetchRequest {
        object: loader.target.names.object.clone(),
        selection: Selection::Keys {
            fields: key_fields.clone(),
            values: keys.iter().map(|key| key.values.clone()).collect(),
        },
        fields: fields.clone(),
    });
    let mut found = FoundRecords::default();
    for record in fetch_all(loader, requests.collect()).await? {
        found.add(&record, &loader.shape.preparation);
        if !read_along.is_empty() {
            found.fields.insert(record.id, record.fields);
        }
    }
    Ok(found)
}

/// Returns how many ids are looked up at once.
pub(in crate::engine) fn id_count(loader: &Loader) -> usize {
    loader.services.capabilities.fetch.map_or(1, |fetch| usize::try_from(fetch.max_ids.get()).unwrap_or(1))
}

fn key_count(loader: &Loader) -> usize {
    loader.services.capabilities.fetch.map_or(1, |fetch| usize::try_from(fetch.max_keys.get()).unwrap_or(1))
}

pub(in crate::engine) async fn fetch_all(
    loader: &Loader,
    requests: Vec<FetchRequest>,
) -> Result<Vec<Record>, EngineError> {
    let concurrency = usize::try_from(loader.services.capabilities.concurrency.get()).unwrap_or(1);
    let fetched: Vec<Vec<Record>> = stream::iter(requests)
        .map(|request| async move {
            loader.services.check_may_send()?;
            let fetched = loader.services.destination.fetch(&request).await;
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
    if !loader.services.capabilities.looks_up_keys() {
        return Ok(vec![None; keys.len()]);
    }
    let wanted: Vec<&Key> = keys.iter().flatten().copied().collect();
    let mut found = find_keys(loader, &wanted, Age::Now, &[]).await?;
    let lookups = keys.iter().map(|key| Some(found.take((*key)?).map_or(Lookup::NotWritten, Lookup::Written)));
    Ok(lookups.collect())
}

#[cfg(test)]
mod tests;
