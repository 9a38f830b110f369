//! Keys that look the same to a person, and differ to the destination.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

use crate::model::FieldName;

use super::{entries::Entries, prepare::Prepared};

/// Most keys with something that does not show that are remembered, in keys: some 3 MB.
const MAX_ODD_KEYS: usize = 100_000;

/// Finds, over all chunks of a run, keys that differ from another one in nothing that shows: accents in two encodings, kinds of
/// blanks, invisible characters. Keys in plain form are looked up in the id map; only the others are remembered.
#[derive(Debug, Default)]
pub(in crate::engine) struct LookAlikes(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// Keys that are not in plain form, by the hash of that form.
    odd: HashMap<u128, u128>,
    /// Those of them that look like another one.
    alike: HashSet<u128>,
}

impl LookAlikes {
    /// Looks at the keys of records. `entries` tell which plain forms earlier chunks and runs wrote.
    pub(super) fn note(&self, records: &[Arc<Prepared>], entries: &Entries) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut plain: HashSet<u128> = HashSet::new();
        for key in records.iter().filter_map(|record| record.key.as_ref()) {
            let odd = match key.plain_hash {
                None => {
                    plain.insert(key.hash);
                    seen.odd.get(&key.hash).copied()
                }
                Some(form) => {
                    let is_remembered = seen.odd.len() < MAX_ODD_KEYS || seen.odd.contains_key(&form);
                    let other = if is_remembered { *seen.odd.entry(form).or_insert(key.hash) } else { key.hash };
                    let is_alike = other != key.hash || plain.contains(&form) || entries.by_key.contains_key(&form);
                    is_alike.then_some(key.hash)
                }
            };
            if let Some(odd) = odd.filter(|_| seen.alike.len() < MAX_ODD_KEYS) {
                seen.alike.insert(odd);
            }
        }
    }

    /// Warns of what was found: such keys make two records of what people take for one.
    pub(in crate::engine) fn tell(&self, key: &[FieldName]) {
        let count = self.count();
        if count > 0 {
            let key = key.iter().map(FieldName::as_str).collect::<Vec<_>>().join(", ");
            tracing::warn!(
                key,
                keys = count,
                "keys look the same and are not: the cleaner `normalize` gives them one form"
            );
        }
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).alike.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::decide::prepare::Preparation;
    use crate::model::{Fields, Value};

    fn count(chunks: &[&[&str]]) -> usize {
        let preparation = Preparation {
            fields: Arc::new([]),
            key: Arc::new(["Name".into()]),
            are_keys_case_insensitive: Arc::new([false]),
        };
        let look_alikes = LookAlikes::default();
        for keys in chunks {
            let records: Vec<Arc<Prepared>> = keys
                .iter()
                .map(|key| {
                    Arc::new(Prepared {
                        source_id: String::new(),
                        number: 0,
                        is_deleted: false,
                        fields: Fields::new(),
                        links: Vec::new(),
                        content_hash: 0,
                        key: Some(preparation.key(vec![Value::Text((*key).to_owned())])),
                    })
                })
                .collect();
            look_alikes.note(&records, &Entries::default());
        }
        look_alikes.count()
    }

    #[test]
    fn only_keys_that_look_like_another_count_in_whatever_chunk_it_is() {
        for (chunks, expected) in [
            (&[&["Caf\u{e9}", "Cafe\u{301}", "Caf\u{e9}\u{a0}", "CAF\u{c9}"][..]][..], 2),
            (&[&["ada@mail.example", "ada@mail.example\u{200b}", "ada@mail.example"]], 1),
            (&[&["Cafe\u{301}"], &["x"], &["Caf\u{e9}"]], 1),
            (&[&["Cafe\u{301}"], &["Caf\u{e9}\u{a0}"]], 1),
            (&[&["Cafe\u{301}"], &["Cafe\u{301}"]], 0),
            (&[&["a", "b", "a"]], 0),
            (&[&["Zo\u{eb}", "\u{141}\u{f3}d\u{17a}"]], 0),
        ] {
            assert_eq!(count(chunks), expected, "{chunks:?}");
        }
    }
}
