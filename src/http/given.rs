//! Which ids a vendor has given to which records lately.
//!
//! Where a vendor's answer repeats nothing of the request, a late answer of another batch looks like the right one. Its
//! ids tell: they belong to other records already.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use xxhash_rust::xxh3::xxh3_64;

/// Ids that are remembered at least. A late answer comes with one of the next requests, not thousands later.
const REMEMBERED_IDS: usize = 50_000;

/// Stands for the key of a record if only the id is known.
const NO_KEY: u64 = 0;

/// Remembers ids and the records they were given to.
#[derive(Debug, Default)]
pub struct GivenIds {
    /// Owners by id, as hashes: the newer ones, and the ones before.
    generations: Mutex<[HashMap<u64, u64>; 2]>,
}

impl GivenIds {
    /// Takes note of new ids, which no record had before. Returns false, and takes no note, where one of them is known or
    /// occurs twice.
    pub fn claim_new<'id>(&self, ids: impl Iterator<Item = &'id str>) -> bool {
        // A new record is like no other.
        let claims: Vec<(u64, u64)> = ids.map(hash).map(|id| (id, id)).collect();
        self.claim(&claims, |_, _| false)
    }

    /// Tells whether an id is known.
    pub fn has(&self, id: &str) -> bool {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.iter().any(|ids| ids.contains_key(&hash(id)))
    }

    /// Takes note of ids of records that were there before: no new record has one of them.
    pub fn note<'id>(&self, ids: impl Iterator<Item = &'id str>) {
        let claims: HashMap<u64, u64> = ids.map(|id| (hash(id), NO_KEY)).collect();
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, owner) in claims {
            generations[0].entry(id).or_insert(owner);
        }
    }

    /// Takes note of ids and of the keys of the records that have them. Returns false, and takes no note, where one of them
    /// was given to a record with another key, or occurs twice.
    pub fn claim_for<'id>(&self, ids: impl Iterator<Item = (&'id str, &'id str)>) -> bool {
        let claims: Vec<(u64, u64)> = ids.map(|(id, key)| (hash(id), hash(&key.to_lowercase()))).collect();
        self.claim(&claims, |known, claimed| known == claimed || known == NO_KEY)
    }

    fn claim(&self, claims: &[(u64, u64)], is_fine: impl Fn(u64, u64) -> bool) -> bool {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let [newer, older] = &mut *generations;
        let known = |id: &u64| newer.get(id).or_else(|| older.get(id)).copied();
        let mut fresh = HashMap::with_capacity(claims.len());
        for (id, owner) in claims {
            let is_known_otherwise = known(id).is_some_and(|known| !is_fine(known, *owner));
            if is_known_otherwise || fresh.insert(*id, *owner).is_some() {
                return false;
            }
        }
        newer.extend(fresh);
        if newer.len() >= REMEMBERED_IDS {
            *older = std::mem::take(newer);
        }
        true
    }
}

fn hash(text: &str) -> u64 {
    xxh3_64(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_is_new_once() {
        let given = GivenIds::default();
        assert!(given.claim_new(["1", "2"].into_iter()));
        assert!(!given.claim_new(["3", "2"].into_iter()), "an id of another batch");
        assert!(!given.claim_new(["4", "4"].into_iter()), "an id twice in one answer");
        assert!(given.has("2") && !given.has("3"));
        assert!(given.claim_new(["3", "4"].into_iter()), "nothing was noted of an answer that was not believed");
    }

    #[test]
    fn a_record_that_was_there_is_not_new_and_may_have_any_key() {
        let given = GivenIds::default();
        given.note(["1"].into_iter());
        assert!(!given.claim_new(["1"].into_iter()));
        assert!(given.claim_for([("1", "Ada")].into_iter()));
        given.note(["1"].into_iter());
        assert!(!given.claim_for([("1", "Bo")].into_iter()), "the key that is known stays");
    }

    #[test]
    fn an_id_belongs_to_one_key() {
        let given = GivenIds::default();
        assert!(given.claim_for([("1", "Ada"), ("2", "Bo")].into_iter()));
        assert!(given.claim_for([("1", "ADA")].into_iter()), "the same record again");
        assert!(!given.claim_for([("2", "Ada")].into_iter()));
        assert!(!given.claim_for([("3", "x"), ("3", "y")].into_iter()));
    }

    #[test]
    fn what_was_given_lately_is_remembered_however_many_there_were() {
        let given = GivenIds::default();
        let ids: Vec<String> = (0..REMEMBERED_IDS * 3).map(|id| id.to_string()).collect();
        for batch in ids.chunks(100) {
            assert!(given.claim_new(batch.iter().map(String::as_str)));
        }
        let last = ids.len() - REMEMBERED_IDS;
        assert!(ids[last..].iter().all(|id| !given.claim_new([id.as_str()].into_iter())));
    }
}
