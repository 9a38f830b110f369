//! The records of one kind, by id and in the order of their changes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

/// How long a deleted record can still be asked for, in seconds. Source: openapi-v2.yaml, `DELETE`.
const DELETED_SECS: i64 = 30 * 24 * 60 * 60;

/// What a record holds, in the form of version 2.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Content {
    pub(super) values: Map<String, Json>,
    pub(super) custom: Map<String, Json>,
}

/// One record.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) id: u64,
    pub(super) content: Content,
    /// When it was made, in seconds.
    pub(super) added: i64,
    /// When it was changed, in whole seconds.
    pub(super) updated: i64,
    /// When it was deleted, in seconds.
    pub(super) deleted: Option<i64>,
    /// What search sees until the change reaches it: the state before, and until when, in milliseconds.
    stale: Option<(Option<Content>, i64)>,
}

impl Record {
    /// Returns a value of it.
    pub(super) fn value(&self, code: &str) -> &Json {
        self.content.values.get(code).unwrap_or(&Json::Null)
    }

    /// Returns a text of it; an empty one where there is none.
    pub(super) fn text(&self, code: &str) -> &str {
        self.value(code).as_str().unwrap_or_default()
    }

    /// Returns a number of it.
    pub(super) fn number(&self, code: &str) -> Option<u64> {
        self.value(code).as_u64()
    }

    /// Whether it is deleted and cannot be asked for any more.
    pub(super) fn is_purged(&self, now: i64) -> bool {
        self.deleted.is_some_and(|deleted| now - deleted >= DELETED_SECS)
    }

    /// Returns what search sees of it.
    pub(super) fn searched(&self, now_millis: i64) -> Option<&Content> {
        match &self.stale {
            Some((before, until)) if now_millis < *until => before.as_ref(),
            _ => self.deleted.is_none().then_some(&self.content),
        }
    }
}

/// The time of a change, and how much later search sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// In milliseconds since 1970.
    pub(super) millis: i64,
    /// The delay of search, in milliseconds.
    pub(super) lag: i64,
}

impl Moment {
    fn seconds(self) -> i64 {
        self.millis.div_euclid(1000)
    }
}

/// All records of one kind.
#[derive(Debug, Default)]
pub(super) struct Records {
    by_id: BTreeMap<u64, Record>,
    by_update: BTreeSet<(i64, u64)>,
    last: u64,
}

impl Records {
    /// Returns a record, deleted or not.
    pub(super) fn get(&self, id: u64) -> Option<&Record> {
        self.by_id.get(&id)
    }

    /// Returns the records from an id on.
    pub(super) fn since_id(&self, id: u64) -> impl DoubleEndedIterator<Item = &Record> {
        self.by_id.range(id..).map(|(_, record)| record)
    }

    /// Returns the records up to an id, the last first.
    pub(super) fn before_id(&self, id: u64) -> impl Iterator<Item = &Record> {
        self.by_id.range(..=id).rev().map(|(_, record)| record)
    }

    /// Returns all records in the order of their ids.
    pub(super) fn all(&self) -> impl Iterator<Item = &Record> {
        self.by_id.values()
    }

    /// Returns the records from a change on, in the order of changes and then of ids.
    pub(super) fn since_update(&self, place: (i64, u64)) -> impl Iterator<Item = &Record> {
        self.by_update.range(place..).filter_map(|(_, id)| self.by_id.get(id))
    }

    /// Returns the records up to a change, the last first.
    pub(super) fn before_update(&self, place: (i64, u64)) -> impl Iterator<Item = &Record> {
        self.by_update.range(..=place).rev().filter_map(|(_, id)| self.by_id.get(id))
    }

    /// Returns how many are not deleted.
    pub(super) fn count(&self) -> usize {
        self.by_id.values().filter(|record| record.deleted.is_none()).count()
    }

    /// Returns the id that the next record gets.
    pub(super) fn next_id(&self) -> u64 {
        self.last + 1
    }

    /// Adds a record and returns its id. `added` is when it was made if that was another time.
    pub(super) fn add(&mut self, content: Content, at: Moment, added: Option<i64>) -> u64 {
        let record = Record {
            id: self.next_id(),
            content,
            added: added.unwrap_or(at.seconds()),
            updated: at.seconds(),
            deleted: None,
            stale: (at.lag > 0).then_some((None, at.millis + at.lag)),
        };
        self.restore(record)
    }

    /// Puts a record with an id of its own in.
    pub(super) fn restore(&mut self, record: Record) -> u64 {
        let id = record.id;
        self.last = self.last.max(id);
        self.by_update.insert((record.updated, id));
        self.by_id.insert(id, record);
        id
    }

    /// Makes a record that search has seen for long.
    pub(super) fn settled(id: u64, content: Content, added: i64, updated: i64) -> Record {
        Record { id, content, added, updated, deleted: None, stale: None }
    }

    /// Changes a record. Its time of change moves.
    pub(super) fn change(&mut self, id: u64, at: Moment, change: impl FnOnce(&mut Record)) {
        let Some(record) = self.by_id.get_mut(&id) else { return };
        let is_settled = record.stale.as_ref().is_none_or(|(_, until)| at.millis >= *until);
        let before = if is_settled {
            record.deleted.is_none().then(|| record.content.clone())
        } else {
            record.stale.take().and_then(|(before, _)| before)
        };
        record.stale = (at.lag > 0).then_some((before, at.millis + at.lag));
        self.by_update.remove(&(record.updated, id));
        change(record);
        record.updated = at.seconds();
        self.by_update.insert((record.updated, id));
    }

    /// Removes a record for good.
    pub(super) fn remove(&mut self, id: u64) {
        if let Some(record) = self.by_id.remove(&id) {
            self.by_update.remove(&(record.updated, id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(name: &str) -> Content {
        Content { values: Map::from_iter([("name".to_owned(), Json::from(name))]), custom: Map::new() }
    }

    #[test]
    fn search_sees_a_change_later() {
        let mut records = Records::default();
        let at = |millis| Moment { millis, lag: 2_000 };
        let id = records.add(content("old"), at(10_000), None);
        let seen = |records: &Records, millis| {
            records.get(id).unwrap().searched(millis).map(|content| content.values["name"].clone())
        };
        assert_eq!(seen(&records, 11_999), None);
        assert_eq!(seen(&records, 12_000), Some("old".into()));
        records.change(id, at(20_000), |record| record.content = content("new"));
        records.change(id, at(21_000), |record| record.content = content("newest"));
        assert_eq!(seen(&records, 22_999), Some("old".into()));
        assert_eq!(seen(&records, 23_000), Some("newest".into()));
        records.change(id, at(30_000), |record| record.deleted = Some(30));
        assert_eq!((seen(&records, 31_000), seen(&records, 32_000)), (Some("newest".into()), None));
    }

    #[test]
    fn keeps_the_order_of_changes() {
        let mut records = Records::default();
        for name in ["a", "b", "c"] {
            records.add(content(name), Moment { millis: 1_500, lag: 0 }, None);
        }
        records.change(1, Moment { millis: 2_000, lag: 0 }, |_| ());
        let order: Vec<u64> = records.since_update((0, 0)).map(|record| record.id).collect();
        assert_eq!(order, [2, 3, 1]);
        let down: Vec<u64> = records.before_update((1, u64::MAX)).map(|record| record.id).collect();
        assert_eq!(down, [3, 2]);
    }
}
