//! The records of one object: packed values, an index per unique property, and what a search sees a moment later.
//!
//! Made for a million records: nothing here looks at all of them, except a search.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    num::NonZeroI64,
    time::Duration,
};

use clock::Clock;

/// How long a write takes to show up in searches, in the emulator's time.
/// Source: search guide: "a few moments" for new and changed records.
const INDEX_LAG: Duration = Duration::from_millis(400);

/// The id of the first record of every object: ids are unique per object only.
const FIRST_ID: u64 = 10_001;

/// The values of a record, by the place of the property among the object's properties.
#[derive(Debug, Clone, Default)]
pub(super) struct Values {
    /// The property, and where its value ends in `text`; in the order of the properties.
    ends: Box<[(u16, u32)]>,
    text: Box<str>,
}

impl Values {
    /// Returns the value of a property, unless it is empty.
    pub(super) fn get(&self, property: u16) -> Option<&str> {
        let place = self.ends.binary_search_by_key(&property, |(property, _)| *property).ok()?;
        let start = if place == 0 { 0 } else { self.ends[place - 1].1 };
        self.text.get(start as usize..self.ends[place].1 as usize)
    }

    fn iter(&self) -> impl Iterator<Item = (u16, &str)> {
        self.ends.iter().filter_map(|(property, _)| Some((*property, self.get(*property)?)))
    }

    /// Returns these values, and those of `base` where there are none.
    pub(super) fn over(&self, base: &Self) -> Self {
        let changes: Vec<(u16, String)> = self.iter().map(|(property, value)| (property, value.to_owned())).collect();
        base.with(&changes)
    }

    /// Returns the values after these changes; an empty text clears.
    pub(super) fn with(&self, changes: &[(u16, String)]) -> Self {
        let mut all: BTreeMap<u16, &str> = self.iter().collect();
        for (property, value) in changes {
            if value.is_empty() {
                all.remove(property);
            } else {
                all.insert(*property, value);
            }
        }
        let mut text = String::with_capacity(all.values().map(|value| value.len()).sum());
        let mut ends = Vec::with_capacity(all.len());
        for (property, value) in all {
            text.push_str(value);
            ends.push((property, u32::try_from(text.len()).unwrap_or(u32::MAX)));
        }
        Self { ends: ends.into_boxed_slice(), text: text.into_boxed_str() }
    }
}

/// What a property was set to, and when.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) property: u16,
    pub(super) at: i64,
    pub(super) value: Box<str>,
}

/// One record. Times are milliseconds since 1970.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) created: i64,
    pub(super) modified: i64,
    pub(super) archived: Option<NonZeroI64>,
    pub(super) values: Values,
    history: Option<Box<History>>,
}

/// Every value of the properties that changed after the record was made, oldest first. Most records have none.
#[derive(Debug, Clone, Default)]
struct History(Vec<Change>);

impl Record {
    /// Makes a record of these values.
    pub(super) fn new(created: i64, modified: i64, values: &[(u16, String)]) -> Self {
        Self { created, modified, archived: None, values: Values::default().with(values), history: None }
    }

    /// Writes values and remembers what they were.
    pub(super) fn change(&mut self, changes: &[(u16, String)], now: i64) {
        for (property, value) in changes {
            let before = self.values.get(*property).unwrap_or_default();
            if before == value {
                continue;
            }
            let History(history) = self.history.get_or_insert_default().as_mut();
            let is_first = !history.iter().any(|change| change.property == *property);
            if is_first && !before.is_empty() {
                history.push(Change { property: *property, at: self.created, value: before.into() });
            }
            history.push(Change { property: *property, at: now, value: value.as_str().into() });
        }
        self.values = self.values.with(changes);
        self.modified = now;
    }

    /// Returns what a property was, newest first.
    pub(super) fn history(&self, property: u16) -> Vec<Change> {
        let history = self.history.iter().flat_map(|history| history.0.iter().rev());
        let mut changes: Vec<Change> = history.filter(|change| change.property == property).cloned().collect();
        if changes.is_empty() {
            let value = self.values.get(property);
            changes.extend(value.map(|value| Change { property, at: self.created, value: value.into() }));
        }
        changes
    }
}

/// The values of a unique property.
#[derive(Debug)]
struct Index {
    property: u16,
    /// A property whose `;`-joined values count as values of this one: a contact's additional addresses.
    also: Option<u16>,
    ids: HashMap<Box<str>, u64>,
}

impl Index {
    fn keys<'v>(&self, values: &'v Values) -> impl Iterator<Item = &'v str> {
        let also = self.also.and_then(|also| values.get(also)).unwrap_or_default();
        values.get(self.property).into_iter().chain(also.split(';')).filter(|key| !key.is_empty())
    }
}

/// What a record was before a write that searches do not see yet.
#[derive(Debug)]
struct Earlier {
    at: Duration,
    id: u64,
    before: Option<Record>,
}

/// All records of one object.
#[derive(Debug)]
pub(super) struct Records {
    clock: Clock,
    live: BTreeMap<u64, Record>,
    archived: BTreeMap<u64, Record>,
    /// Ids that were merged away, and what they became.
    merged: HashMap<u64, u64>,
    indexes: Vec<Index>,
    next_id: u64,
    recent: VecDeque<Earlier>,
}

impl Records {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            live: BTreeMap::new(),
            archived: BTreeMap::new(),
            merged: HashMap::new(),
            indexes: Vec::new(),
            next_id: FIRST_ID,
            recent: VecDeque::new(),
        }
    }

    /// Keeps the values of a property unique from now on.
    pub(super) fn index(&mut self, property: u16, also: Option<u16>) {
        self.indexes.push(Index { property, also, ids: HashMap::new() });
    }

    /// Whether a property has an index.
    pub(super) fn is_unique(&self, property: u16) -> bool {
        self.indexes.iter().any(|index| index.property == property)
    }

    /// Returns how many live records there are.
    pub(super) fn len(&self) -> usize {
        self.live.len()
    }

    /// Returns a live record, also by an id that was merged away.
    pub(super) fn get(&self, id: u64) -> Option<(u64, &Record)> {
        let id = self.resolve(id);
        self.live.get(&id).map(|record| (id, record))
    }

    /// Returns an archived record.
    pub(super) fn get_archived(&self, id: u64) -> Option<(u64, &Record)> {
        self.archived.get(&id).map(|record| (id, record))
    }

    fn resolve(&self, mut id: u64) -> u64 {
        while let Some(next) = self.merged.get(&id) {
            id = *next;
        }
        id
    }

    /// Returns the record that holds a value of a unique property.
    pub(super) fn find(&self, property: u16, value: &str) -> Option<u64> {
        let index = self.indexes.iter().find(|index| index.property == property)?;
        index.ids.get(value).copied()
    }

    /// Adds a record, with this id or the next.
    pub(super) fn insert(&mut self, id: Option<u64>, record: Record) -> u64 {
        let id = id.unwrap_or(self.next_id);
        self.next_id = self.next_id.max(id + 1);
        self.remember(id);
        self.add_to_indexes(id, &record.values);
        self.live.insert(id, record);
        id
    }

    /// Changes a live record.
    pub(super) fn change(&mut self, id: u64, changes: &[(u16, String)], now: i64) {
        self.remember(id);
        let Some(mut record) = self.live.remove(&id) else { return };
        self.remove_from_indexes(&record.values);
        record.change(changes, now);
        self.add_to_indexes(id, &record.values);
        self.live.insert(id, record);
    }

    /// Moves a record to the archived ones. Returns whether it was live.
    pub(super) fn archive(&mut self, id: u64, now: i64) -> bool {
        self.remember(id);
        let Some(mut record) = self.live.remove(&id) else { return false };
        self.remove_from_indexes(&record.values);
        record.archived = NonZeroI64::new(now);
        self.archived.insert(id, record);
        true
    }

    /// Removes a live record for good and returns it.
    pub(super) fn remove(&mut self, id: u64) -> Option<Record> {
        self.remember(id);
        let record = self.live.remove(&id)?;
        self.remove_from_indexes(&record.values);
        Some(record)
    }

    /// Lets an id stand for another from now on.
    pub(super) fn redirect(&mut self, from: u64, to: u64) {
        self.merged.insert(from, to);
    }

    /// Returns records in the order of their ids from `from` on.
    pub(super) fn page(&self, from: u64, is_archived: bool) -> impl Iterator<Item = (u64, &Record)> {
        let records = if is_archived { &self.archived } else { &self.live };
        records.range(from..).map(|(id, record)| (*id, record))
    }

    /// Makes everything written so far visible to searches at once.
    pub(super) fn settle(&mut self) {
        self.recent.clear();
    }

    /// Returns what a search sees instead of the live records: the earlier state of the latest written ones.
    pub(super) fn unsettled(&self) -> HashMap<u64, Option<&Record>> {
        let now = self.clock.elapsed();
        let mut earlier = HashMap::new();
        for write in self.recent.iter().filter(|write| now.saturating_sub(write.at) < INDEX_LAG) {
            earlier.entry(write.id).or_insert(write.before.as_ref());
        }
        earlier
    }

    fn remember(&mut self, id: u64) {
        let now = self.clock.elapsed();
        while self.recent.front().is_some_and(|write| now.saturating_sub(write.at) >= INDEX_LAG) {
            self.recent.pop_front();
        }
        self.recent.push_back(Earlier { at: now, id, before: self.live.get(&id).cloned() });
    }

    fn add_to_indexes(&mut self, id: u64, values: &Values) {
        for index in &mut self.indexes {
            let keys: Vec<Box<str>> = index.keys(values).map(Into::into).collect();
            index.ids.extend(keys.into_iter().map(|key| (key, id)));
        }
    }

    fn remove_from_indexes(&mut self, values: &Values) {
        for index in &mut self.indexes {
            let keys: Vec<&str> = index.keys(values).collect();
            for key in keys {
                index.ids.remove(key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_values_and_clears_with_an_empty_text() {
        let values = Values::default().with(&[(7, "seven".to_owned()), (2, "two".to_owned())]);
        assert_eq!((values.get(2), values.get(7), values.get(3)), (Some("two"), Some("seven"), None));
        let values = values.with(&[(2, String::new()), (3, "three".to_owned())]);
        assert_eq!((values.get(2), values.get(7), values.get(3)), (None, Some("seven"), Some("three")));
    }

    #[tokio::test(start_paused = true)]
    async fn shows_a_write_to_searches_a_moment_later() {
        let clock = Clock::system();
        let mut records = Records::new(clock.clone());
        let id = records.insert(None, Record::new(0, 0, &[(1, "a".to_owned())]));
        records.change(id, &[(1, "b".to_owned())], 1);
        assert!(records.unsettled().get(&id).is_some_and(Option::is_none));
        clock.sleep(INDEX_LAG).await;
        assert!(records.unsettled().is_empty());
    }
}
