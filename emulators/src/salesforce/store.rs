//! The records of one object: packed values, an index for each field that records are found by, and one for references.
//!
//! Made for hundreds of thousands of records: nothing here looks at all of them, except a walk over a range.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::ids::Id;

/// The values of a record, by the place of the field among the object's fields.
#[derive(Debug, Clone, Default)]
pub(super) struct Values {
    /// The field, and where its value ends in `text`; in the order of the fields.
    ends: Box<[(u16, u32)]>,
    text: Box<str>,
}

/// A change to one field; an empty text clears it.
pub(super) type Change = (u16, String);

impl Values {
    /// Returns the value of a field, unless it is empty.
    pub(super) fn get(&self, field: u16) -> Option<&str> {
        let place = self.ends.binary_search_by_key(&field, |(field, _)| *field).ok()?;
        let start = if place == 0 { 0 } else { self.ends[place - 1].1 };
        self.text.get(start as usize..self.ends[place].1 as usize)
    }

    /// Returns the values after these changes.
    pub(super) fn with(&self, changes: &[Change]) -> Self {
        let known = self.ends.iter().filter_map(|(field, _)| Some((*field, self.get(*field)?)));
        let mut all: BTreeMap<u16, &str> = known.collect();
        for (field, value) in changes {
            if value.is_empty() {
                all.remove(field);
            } else {
                all.insert(*field, value);
            }
        }
        let mut text = String::with_capacity(all.values().map(|value| value.len()).sum());
        let mut ends = Vec::with_capacity(all.len());
        for (field, value) in all {
            text.push_str(value);
            ends.push((field, u32::try_from(text.len()).unwrap_or(u32::MAX)));
        }
        Self { ends: ends.into_boxed_slice(), text: text.into_boxed_str() }
    }
}

/// One record. Times are milliseconds since 1970.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// When it was made.
    pub(super) created: i64,
    /// When it was last changed.
    pub(super) modified: i64,
    /// When anything last changed it; never set by a client.
    pub(super) stamp: i64,
    /// Whether it is in the bin.
    pub(super) is_deleted: bool,
    /// The batch that made it: within one batch, records cannot refer to each other by their keys.
    pub(super) batch: u64,
    /// Its values.
    pub(super) values: Values,
}

/// The values of a field that records are found by.
#[derive(Debug)]
struct Index {
    field: u16,
    is_case_sensitive: bool,
    ids: HashMap<Box<str>, Vec<Id>>,
}

impl Index {
    fn key(&self, value: &str) -> Box<str> {
        if self.is_case_sensitive { value.into() } else { value.to_lowercase().into() }
    }
}

/// All records of one object.
#[derive(Debug, Default)]
pub(super) struct Records {
    all: BTreeMap<Id, Record>,
    live: usize,
    indexes: Vec<Index>,
    followed: Vec<u16>,
    references: BTreeSet<(u16, Id, Id)>,
}

impl Records {
    /// Finds records by a field from now on.
    pub(super) fn index(&mut self, field: u16, is_case_sensitive: bool) {
        if self.indexes.iter().any(|index| index.field == field) {
            return;
        }
        let mut index = Index { field, is_case_sensitive, ids: HashMap::new() };
        for (id, record) in self.all.iter().filter(|(_, record)| !record.is_deleted) {
            if let Some(value) = record.values.get(field) {
                index.ids.entry(index.key(value)).or_default().push(*id);
            }
        }
        self.indexes.push(index);
    }

    /// Finds children by a reference from now on.
    pub(super) fn follow(&mut self, field: u16) {
        if !self.followed.contains(&field) {
            self.followed.push(field);
        }
    }

    /// Whether children are found by this reference.
    pub(super) fn is_followed(&self, field: u16) -> bool {
        self.followed.contains(&field)
    }

    /// Whether records are found by this field.
    pub(super) fn is_indexed(&self, field: u16) -> bool {
        self.indexes.iter().any(|index| index.field == field)
    }

    /// Returns how many records are not in the bin.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// Returns a record, also from the bin.
    pub(super) fn get(&self, id: Id) -> Option<&Record> {
        self.all.get(&id)
    }

    /// Returns the records from one id on, in the order of their ids, also those in the bin.
    pub(super) fn range(&self, from: Id, to: Id) -> impl DoubleEndedIterator<Item = (Id, &Record)> {
        let range = (from <= to).then(|| self.all.range(from..=to));
        range.into_iter().flatten().map(|(id, record)| (*id, record))
    }

    /// Returns the records that hold a value in a field that records are found by.
    pub(super) fn with_value(&self, field: u16, value: &str) -> &[Id] {
        let index = self.indexes.iter().find(|index| index.field == field);
        index.and_then(|index| index.ids.get(&index.key(value))).map_or(&[], Vec::as_slice)
    }

    /// Returns the records, also those in the bin, that point at another by a followed reference.
    pub(super) fn pointing_at(&self, field: u16, target: Id) -> impl Iterator<Item = Id> {
        let range = (field, target, Id::LEAST)..=(field, target, Id::GREATEST);
        self.references.range(range).map(|(_, _, id)| *id)
    }

    /// Adds a record.
    pub(super) fn insert(&mut self, id: Id, record: Record) {
        self.live += usize::from(!record.is_deleted);
        self.add_to_indexes(id, &record);
        self.all.insert(id, record);
    }

    /// Changes the values of a record.
    pub(super) fn change(&mut self, id: Id, changes: &[Change], (modified, stamp): (i64, i64)) {
        let Some(mut record) = self.take(id) else { return };
        record.values = record.values.with(changes);
        record.modified = modified;
        record.stamp = stamp;
        self.insert(id, record);
    }

    /// Puts a record into the bin, or back.
    pub(super) fn bin(&mut self, id: Id, is_deleted: bool, now: i64) {
        let Some(mut record) = self.take(id) else { return };
        record.is_deleted = is_deleted;
        record.stamp = now;
        record.modified = now;
        self.insert(id, record);
    }

    /// Removes a record for good.
    pub(super) fn take(&mut self, id: Id) -> Option<Record> {
        let record = self.all.remove(&id)?;
        self.live -= usize::from(!record.is_deleted);
        for index in &mut self.indexes {
            let Some(key) = record.values.get(index.field).map(|value| index.key(value)) else { continue };
            let Some(ids) = index.ids.get_mut(&key) else { continue };
            ids.retain(|it| *it != id);
            if ids.is_empty() {
                index.ids.remove(&key);
            }
        }
        for field in &self.followed {
            if let Some(target) = record.values.get(*field).and_then(Id::parse) {
                self.references.remove(&(*field, target, id));
            }
        }
        Some(record)
    }

    fn add_to_indexes(&mut self, id: Id, record: &Record) {
        if !record.is_deleted {
            for index in &mut self.indexes {
                if let Some(value) = record.values.get(index.field) {
                    index.ids.entry(index.key(value)).or_default().push(id);
                }
            }
        }
        for field in &self.followed {
            if let Some(target) = record.values.get(*field).and_then(Id::parse) {
                self.references.insert((*field, target, id));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(values: &[Change]) -> Record {
        let values = Values::default().with(values);
        Record { created: 0, modified: 0, stamp: 0, is_deleted: false, batch: 0, values }
    }

    #[test]
    fn packs_values_and_clears_with_an_empty_text() {
        let values = Values::default().with(&[(7, "seven".to_owned()), (2, "two".to_owned())]);
        assert_eq!((values.get(2), values.get(7), values.get(3)), (Some("two"), Some("seven"), None));
        let values = values.with(&[(2, String::new()), (3, "three".to_owned())]);
        assert_eq!((values.get(2), values.get(7), values.get(3)), (None, Some("seven"), Some("three")));
    }

    #[test]
    fn forgets_the_keys_of_what_is_in_the_bin() {
        let mut records = Records::default();
        records.index(1, false);
        let id = Id::new(*b"001", 1);
        records.insert(id, record(&[(1, "Key".to_owned())]));
        assert_eq!(records.with_value(1, "kEY"), [id]);
        records.bin(id, true, 1);
        assert!(records.with_value(1, "key").is_empty());
        assert_eq!((records.live(), records.get(id).is_some()), (0, true));
    }
}
