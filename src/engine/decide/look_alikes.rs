//! Keys that nobody can tell apart by looking at them, and that the destination takes for two.

use std::collections::{HashMap, HashSet};

use crate::model::one_form;

/// Counts the keys that differ from another one in nothing that shows: accents in two encodings, kinds of blanks, invisible
/// characters.
pub(super) fn count_look_alikes<'a>(keys: impl Iterator<Item = &'a str> + Clone) -> usize {
    let is_plain = |key: &str| key.is_ascii() && key.trim() == key && !key.contains("  ");
    if keys.clone().all(is_plain) {
        return 0;
    }
    let mut by_form: HashMap<String, HashSet<&str>> = HashMap::new();
    for key in keys {
        by_form.entry(one_form(key)).or_default().insert(key);
    }
    by_form.values().map(|alike| alike.len() - 1).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_that_look_like_another_count() {
        for (keys, count) in [
            (&["Café", "Cafe\u{301}", "Caf\u{e9}\u{a0}", "CAFÉ"][..], 2),
            (&["ada@mail.example", "ada@mail.example\u{200b}", "ada@mail.example"], 1),
            (&["a", "b", "a"], 0),
            (&["Zoë", "Łódź"], 0),
        ] {
            assert_eq!(count_look_alikes(keys.iter().copied()), count, "{keys:?}");
        }
    }
}
