//! Associations between records, both ways, and their types.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::RangeInclusive,
};

/// The first type id for pairs of objects without documented ids, and for labels of the account.
const FIRST_FREE_TYPE: u32 = 1_001;

/// Who defined a type.
pub(super) const HUBSPOT_DEFINED: &str = "HUBSPOT_DEFINED";
/// Who defined a label of the account, or a type of a custom object.
pub(super) const USER_DEFINED: &str = "USER_DEFINED";

/// One type of association in one direction.
#[derive(Debug, Clone)]
pub(super) struct LinkType {
    pub(super) id: u32,
    pub(super) category: &'static str,
    pub(super) label: Option<String>,
    pub(super) name: Option<String>,
    /// The type of the way back.
    pub(super) inverse: u32,
    /// Whether a record has at most one of it: the primary company.
    is_single: bool,
}

/// The objects at both ends, by their place in the account.
pub(super) type Pair = (usize, usize);

/// All associations of the account.
#[derive(Debug, Default)]
pub(super) struct Links {
    types: HashMap<Pair, Vec<LinkType>>,
    /// From, to, type.
    known: HashMap<Pair, BTreeSet<(u64, u64, u32)>>,
    next_type: u32,
}

fn all_of(from: u64) -> RangeInclusive<(u64, u64, u32)> {
    (from, 0, 0)..=(from, u64::MAX, u32::MAX)
}

fn between(from: u64, to: u64) -> RangeInclusive<(u64, u64, u32)> {
    (from, to, 0)..=(from, to, u32::MAX)
}

fn back(pair: Pair) -> Pair {
    (pair.1, pair.0)
}

impl Links {
    /// Defines a type and its way back. `labels` are none for the plain association.
    pub(super) fn define(
        &mut self,
        pair: Pair,
        ids: Option<(u32, u32)>,
        category: &'static str,
        labels: Option<(String, String)>,
        name: Option<String>,
    ) -> (u32, u32) {
        let (id, inverse) = ids.unwrap_or_else(|| {
            let first = self.next_type.max(FIRST_FREE_TYPE);
            self.next_type = first + 2;
            (first, first + 1)
        });
        let is_single = labels.as_ref().is_some_and(|(label, _)| label == "Primary") && category == HUBSPOT_DEFINED;
        let (label, inverse_label) = labels.unzip();
        let kind = LinkType { id, category, label, name: name.clone(), inverse, is_single };
        self.types.entry(pair).or_default().push(kind);
        if (pair.0 != pair.1) || id != inverse {
            let kind = LinkType { id: inverse, category, label: inverse_label, name, inverse: id, is_single: false };
            self.types.entry(back(pair)).or_default().push(kind);
        }
        (id, inverse)
    }

    /// Returns the types of a pair.
    pub(super) fn types(&self, pair: Pair) -> &[LinkType] {
        self.types.get(&pair).map_or(&[], Vec::as_slice)
    }

    /// Returns the pairs of objects that have types.
    pub(super) fn pairs(&self) -> Vec<Pair> {
        let mut pairs: Vec<Pair> = self.types.keys().copied().collect();
        pairs.sort_unstable();
        pairs
    }

    /// Returns a type of a pair.
    pub(super) fn find_type(&self, pair: Pair, id: u32) -> Option<&LinkType> {
        self.types(pair).iter().find(|kind| kind.id == id)
    }

    /// Returns the object that a type leads to from `from`.
    pub(super) fn target_of(&self, from: usize, id: u32) -> Option<usize> {
        let mut pairs = self.types.iter().filter(|((start, _), _)| *start == from);
        pairs.find(|(_, kinds)| kinds.iter().any(|kind| kind.id == id)).map(|((_, to), _)| *to)
    }

    /// Returns the plain type of a pair; defines it where the vendor documents none.
    pub(super) fn default_type(&mut self, pair: Pair, category: &'static str) -> u32 {
        if let Some(kind) = self.types(pair).iter().find(|kind| kind.label.is_none()) {
            return kind.id;
        }
        self.define(pair, None, category, None, None).0
    }

    /// Changes the label of a type.
    pub(super) fn relabel(&mut self, pair: Pair, id: u32, label: &str) {
        let kinds = self.types.entry(pair).or_default();
        if let Some(kind) = kinds.iter_mut().find(|kind| kind.id == id) {
            kind.label = Some(label.to_owned());
        }
    }

    /// Removes a type, its way back, and all associations of it.
    pub(super) fn undefine(&mut self, pair: Pair, id: u32) {
        let Some(inverse) = self.find_type(pair, id).map(|kind| kind.inverse) else { return };
        for (pair, id) in [(pair, id), (back(pair), inverse)] {
            self.types.entry(pair).or_default().retain(|kind| kind.id != id);
            self.known.entry(pair).or_default().retain(|link| link.2 != id);
        }
    }

    /// Associates two records by a type of theirs, and by the plain one, both ways.
    pub(super) fn add(&mut self, pair: Pair, from: u64, to: u64, id: u32) {
        let Some(kind) = self.find_type(pair, id).cloned() else { return };
        let is_single_back = self.find_type(back(pair), kind.inverse).is_some_and(|kind| kind.is_single);
        if kind.is_single {
            self.drop_others(pair, from, &kind);
        } else if is_single_back {
            let inverse = LinkType { id: kind.inverse, inverse: kind.id, ..kind.clone() };
            self.drop_others(back(pair), to, &inverse);
        }
        self.insert(pair, from, to, &kind);
        let plain = self.types(pair).iter().find(|kind| kind.label.is_none()).cloned();
        if let Some(plain) = plain {
            self.insert(pair, from, to, &plain);
        }
    }

    fn insert(&mut self, pair: Pair, from: u64, to: u64, kind: &LinkType) {
        self.known.entry(pair).or_default().insert((from, to, kind.id));
        self.known.entry(back(pair)).or_default().insert((to, from, kind.inverse));
    }

    fn drop_others(&mut self, pair: Pair, from: u64, kind: &LinkType) {
        let Some(links) = self.known.get(&pair) else { return };
        let others: Vec<u64> = links.range(all_of(from)).filter(|link| link.2 == kind.id).map(|link| link.1).collect();
        for to in others {
            self.remove_type(pair, from, to, kind.id);
        }
    }

    /// Removes one type between two records.
    pub(super) fn remove_type(&mut self, pair: Pair, from: u64, to: u64, id: u32) {
        let Some(inverse) = self.find_type(pair, id).map(|kind| kind.inverse) else { return };
        self.known.entry(pair).or_default().remove(&(from, to, id));
        self.known.entry(back(pair)).or_default().remove(&(to, from, inverse));
    }

    /// Removes every association between two records.
    pub(super) fn remove(&mut self, pair: Pair, from: u64, to: u64) {
        for (pair, from, to) in [(pair, from, to), (back(pair), to, from)] {
            let links = self.known.entry(pair).or_default();
            let all: Vec<(u64, u64, u32)> = links.range(between(from, to)).copied().collect();
            for link in all {
                links.remove(&link);
            }
        }
    }

    /// Removes a record from all associations and returns them.
    pub(super) fn forget(&mut self, object: usize, id: u64) -> Vec<(Pair, u64, u32)> {
        let pairs: Vec<Pair> = self.known.keys().filter(|(from, _)| *from == object).copied().collect();
        let mut forgotten = Vec::new();
        for pair in pairs {
            let links = &self.known[&pair];
            let all: Vec<(u64, u64, u32)> = links.range(all_of(id)).copied().collect();
            for (from, to, kind) in all {
                self.remove_type(pair, from, to, kind);
                forgotten.push((pair, to, kind));
            }
        }
        forgotten
    }

    /// Returns the records that one is associated with, from an id on, each with its types.
    pub(super) fn of(&self, pair: Pair, from: u64, start: u64) -> impl Iterator<Item = (u64, Vec<u32>)> {
        let links = self.known.get(&pair).into_iter();
        let range = (from, start, 0)..=(from, u64::MAX, u32::MAX);
        let mut links = links.flat_map(move |links| links.range(range.clone())).peekable();
        std::iter::from_fn(move || {
            let (_, to, kind) = links.next()?;
            let mut kinds = vec![*kind];
            while let Some((_, _, kind)) = links.next_if(|link| link.1 == *to) {
                kinds.push(*kind);
            }
            Some((*to, kinds))
        })
    }

    /// Counts the associated pairs of records, by the objects at both ends.
    pub(super) fn counts(&self) -> BTreeMap<Pair, usize> {
        let count = |links: &BTreeSet<(u64, u64, u32)>| {
            let mut pairs: Vec<(u64, u64)> = links.iter().map(|link| (link.0, link.1)).collect();
            pairs.dedup();
            pairs.len()
        };
        self.known.iter().map(|(pair, links)| (*pair, count(links))).filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_has_one_primary_and_keeps_the_plain_association() {
        let mut links = Links::default();
        links.define((0, 1), Some((279, 280)), HUBSPOT_DEFINED, None, None);
        let primary = Some(("Primary".to_owned(), "Primary".to_owned()));
        links.define((0, 1), Some((1, 2)), HUBSPOT_DEFINED, primary, None);
        links.add((0, 1), 10, 20, 1);
        links.add((1, 0), 21, 10, 2);
        let of_contact: Vec<_> = links.of((0, 1), 10, 0).collect();
        assert_eq!(of_contact, [(20, vec![279]), (21, vec![1, 279])]);
        assert_eq!(links.of((1, 0), 21, 0).collect::<Vec<_>>(), [(10, vec![2, 280])]);
    }
}
