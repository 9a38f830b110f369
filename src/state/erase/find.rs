//! Finds which source records are the person's.

use std::collections::{BTreeMap, HashMap, HashSet};

use rusqlite::params;
use serde_json::Value as Json;

use crate::state::{
    SourceKey, Work,
    error::StateError,
    sets::keys,
    target::{Target, TargetId},
};

use super::{
    FoundBy, Person,
    address::{Address, Mention},
    sealed::{COLUMNS, CellRow, Column, Form, Owner},
};

/// The targets of one stream that read the same account: a source id means the same record in all of them.
pub(super) type Group = usize;

/// A target, with what it reads.
#[derive(Debug)]
pub(super) struct Placed {
    pub target: Target,
    pub source_connection: Option<String>,
    pub group: Group,
}

/// A search under way.
pub(super) struct Finder<'work> {
    pub work: &'work Work<'work>,
    pub address: Option<Address>,
    pub targets: BTreeMap<TargetId, Placed>,
    /// The source records of the person, and what says so.
    pub records: HashMap<(Group, SourceKey), FoundBy>,
    /// Their source ids, as far as they are known.
    pub names: HashMap<SourceKey, String>,
    /// What an empty source id is looked up by: it names no record.
    nameless: SourceKey,
}

impl<'work> Finder<'work> {
    /// Finds the records, and learns their source ids.
    pub(super) fn find(work: &'work Work<'work>, person: &Person) -> Result<Self, StateError> {
        let mut finder = Self::new(work, person)?;
        match person {
            Person::Record { pipeline, stream, source_id } => finder.name(pipeline, stream, source_id),
            Person::Email { address, key_hashes } => finder.find_by_address(address, key_hashes)?,
        }
        finder.find_same_ones()?;
        finder.learn_names()?;
        Ok(finder)
    }

    fn new(work: &'work Work<'work>, person: &Person) -> Result<Self, StateError> {
        let address = match person {
            Person::Email { address, .. } => Some(Address::new(address)),
            Person::Record { .. } => None,
        };
        let mut statement = work.transaction.prepare("SELECT * FROM targets ORDER BY target_id")?;
        let mut rows = statement.query([])?;
        let mut targets = BTreeMap::new();
        let mut groups: HashMap<(String, String, Option<String>), Group> = HashMap::new();
        while let Some(row) = rows.next()? {
            let target = Target::from_row(row)?;
            let name = (target.pipeline.clone(), target.stream.to_string(), target.accounts.source.clone());
            let next = groups.len();
            let group = *groups.entry(name).or_insert(next);
            let source_connection = row.get("source_connection")?;
            targets.insert(TargetId(row.get("target_id")?), Placed { target, source_connection, group });
        }
        let nameless = work.source_key("");
        Ok(Self { work, address, targets, records: HashMap::new(), names: HashMap::new(), nameless })
    }

    /// Takes the record with a source id for the person's, in every account of the stream.
    fn name(&mut self, pipeline: &str, stream: &str, source_id: &str) {
        let source_key = self.work.source_key(source_id);
        let of_stream = self
            .targets
            .values()
            .filter(|placed| placed.target.pipeline == pipeline && &*placed.target.stream == stream);
        let groups: Vec<Group> = of_stream.map(|placed| placed.group).collect();
        for group in groups {
            self.note(group, source_key, FoundBy::Named);
        }
        self.names.insert(source_key, source_id.to_owned());
    }

    /// Notes a record of the person. What was found by something better stays so.
    fn note(&mut self, group: Group, source_key: SourceKey, found_by: FoundBy) {
        if source_key != self.nameless {
            let known = self.records.entry((group, source_key)).or_insert(found_by);
            *known = found_by.min(*known);
        }
    }

    /// Finds records by their key, by their ids, and by the fields of letters and images that hold a person's own address.
    fn find_by_address(&mut self, address: &str, key_hashes: &[u128]) -> Result<(), StateError> {
        let forms = Address::forms(address);
        for (target, group) in self.groups_of_targets() {
            let by_key = self.work.entries_by_key(target, key_hashes.iter().copied())?;
            for entry in by_key.into_values() {
                self.note(group, entry.source_key, FoundBy::Key);
            }
            let by_id = self.work.entries(target, forms.iter().map(String::as_str))?;
            for entry in by_id.into_values() {
                self.note(group, entry.source_key, FoundBy::SourceId);
            }
        }
        for column in COLUMNS {
            let mut found = Vec::new();
            self.work.visit_cells(column, |row| {
                if let Some(target) = row.target {
                    found.extend(self.owners_in(column, &row)?.into_iter().map(|(key, by)| (target, key, by)));
                }
                Ok(())
            })?;
            for (target, source_key, found_by) in found {
                if let Some(group) = self.group(target) {
                    self.note(group, source_key, found_by);
                }
            }
        }
        Ok(())
    }

    /// Returns the records that a cell shows to be the person's. What a link leads to is another record than the one that has the link.
    fn owners_in(&self, column: &Column, row: &CellRow<'_>) -> Result<Vec<(SourceKey, FoundBy)>, StateError> {
        let Some(address) = self.address.as_ref() else { return Ok(Vec::new()) };
        let (own, survivor) = (row.records.first().copied(), row.records.get(1).copied());
        let names = |text: Option<&str>| text.is_some_and(|text| address.mention_in(text) > Mention::None);
        let mut found = Vec::new();
        let mut note = |key: Option<SourceKey>, found_by: FoundBy| found.extend(key.map(|key| (key, found_by)));
        match (column.form, column.table) {
            // An id that has the address in it is theirs, whatever else is in it.
            (Form::Named, _) if names(row.text()?.as_deref()) => note(own, FoundBy::SourceId),
            (Form::Alike, _) if names(row.text()?.as_deref()) => note(own, FoundBy::DestinationId),
            (Form::Json, "dead_letters" | "images" | "merged") => {
                let content = row.json()?;
                if names(name_in(&content)) {
                    note(own, FoundBy::SourceId);
                }
                if names(content["into"].as_str()) {
                    note(survivor, FoundBy::SourceId);
                }
                let records = [&content["body"]["source"], &content["body"]["mapped"], &content["b"], &content["w"]];
                if records.into_iter().any(|fields| address.is_own_of(fields)) {
                    note(own, FoundBy::Field);
                }
            }
            (Form::Named | Form::Alike | Form::Json | Form::Clear, _) => {}
        }
        Ok(found)
    }

    /// Adds records that are the same as those: the other ones of their key, and those that lead to the same record of a destination.
    ///
    /// A key that is not the address may be shared by people (a firm's domain), and so may an id that only has the address in it; what
    /// was found by such an id takes nobody else along.
    fn find_same_ones(&mut self) -> Result<(), StateError> {
        loop {
            let known = self.records.len();
            for (target, group) in self.groups_of_targets() {
                let of_key = self.keys_of(group, |found_by| matches!(found_by, FoundBy::Key | FoundBy::Duplicate));
                for source_key in self.duplicates_of(target, &of_key)? {
                    self.note(group, source_key, FoundBy::Duplicate);
                }
                let certain = self.keys_of(group, |found_by| found_by != FoundBy::SourceId);
                let entries = self.work.entries_of(target, &certain)?;
                let ids: HashSet<&str> = entries.values().map(|entry| entry.destination_id.as_str()).collect();
                if ids.is_empty() {
                    continue;
                }
                for (other, other_group) in self.same_objects(target) {
                    let owners = self.work.owners_of(other, ids.iter().copied())?;
                    for source_key in owners.into_values().flatten() {
                        self.note(other_group, source_key, FoundBy::SameRecord);
                    }
                }
            }
            if self.records.len() == known {
                return Ok(());
            }
        }
    }

    fn duplicates_of(&self, target: TargetId, source_keys: &[SourceKey]) -> Result<Vec<SourceKey>, StateError> {
        if source_keys.is_empty() {
            return Ok(Vec::new());
        }
        let sql = "SELECT source_key, survivor_key FROM duplicates
             WHERE target_id = ?1 AND (source_key IN rarray(?2) OR survivor_key IN rarray(?2))";
        let mut statement = self.work.transaction.prepare_cached(sql)?;
        let pairs = statement.query_map(params![target.0, keys(source_keys)], |row| {
            Ok([SourceKey(row.get(0)?), SourceKey(row.get(1)?)])
        })?;
        Ok(pairs.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// Returns the targets that write the same object of the same account as one does, itself included.
    fn same_objects(&self, own: TargetId) -> Vec<(TargetId, Group)> {
        let Some(placed) = self.targets.get(&own) else { return Vec::new() };
        let place = |target: &Target| (target.accounts.destination.clone(), target.object.clone());
        let is_same = |(id, other): &(&TargetId, &Placed)| {
            **id == own
                || (other.target.accounts.destination.is_some() && place(&other.target) == place(&placed.target))
        };
        self.targets.iter().filter(is_same).map(|(id, other)| (*id, other.group)).collect()
    }

    fn groups_of_targets(&self) -> Vec<(TargetId, Group)> {
        self.targets.iter().map(|(id, placed)| (*id, placed.group)).collect()
    }

    pub(super) fn group(&self, target: TargetId) -> Option<Group> {
        self.targets.get(&target).map(|placed| placed.group)
    }

    /// Returns the person's records of a group that were found in certain ways.
    pub(super) fn keys_of(&self, group: Group, is_wanted: impl Fn(FoundBy) -> bool) -> Vec<SourceKey> {
        let of_group = self.records.iter().filter(|((other, _), found_by)| *other == group && is_wanted(**found_by));
        of_group.map(|((_, key), _)| *key).collect()
    }

    /// Looks up the source ids of the records, for cursors, links and people.
    fn learn_names(&mut self) -> Result<(), StateError> {
        for column in COLUMNS.iter().filter(|column| matches!(column.owner, Owner::Record | Owner::Pair)) {
            let mut names = Vec::new();
            self.work.visit_cells(column, |row| {
                let own = row.records.first().copied().filter(|key| self.is_theirs(row.target, *key));
                let Some(source_key) = own.filter(|key| !self.names.contains_key(key)) else { return Ok(()) };
                let name = match column.form {
                    Form::Named => row.text()?,
                    Form::Json => name_in(&row.json()?).map(str::to_owned),
                    Form::Alike | Form::Clear => None,
                };
                names.extend(name.filter(|name| !name.is_empty()).map(|name| (source_key, name)));
                Ok(())
            })?;
            self.names.extend(names);
        }
        Ok(())
    }
}

/// Returns the source id that a letter, an image, a link or a merged record holds.
fn name_in(content: &Json) -> Option<&str> {
    ["source_id", "s"].iter().find_map(|field| content.get(*field)?.as_str())
}
