//! `split_name`: takes the first or the last name out of a full name.

use super::{Cleaner, Options};
use crate::transform::error::TransformError;

/// Words that belong to the last name when they precede it.
const PARTICLES: [&str; 24] = [
    "af", "al", "bin", "da", "das", "de", "del", "den", "der", "di", "do", "dos", "du", "el", "ibn", "la", "le", "lo",
    "ten", "ter", "van", "von", "zu", "zur",
];

/// `{ split_name: { part: last } }` or `{ split_name: last }`: `"Ludwig van Beethoven"` → `"van Beethoven"`; `first` →
/// `"Ludwig"`. `"Lovelace, Ada"` is read the other way round. A single word is a first name.
pub(super) fn compile(options: &Options) -> Result<Cleaner, TransformError> {
    match options.text("part")? {
        Some("first") => Ok(Cleaner::each_text(|name| Some(split(name).0).filter(|part| !part.is_empty()))),
        Some("last") => Ok(Cleaner::each_text(|name| Some(split(name).1).filter(|part| !part.is_empty()))),
        Some(_) => Err(options.wrong("part", "must be `first` or `last`")),
        None => Err(options.missing("part", "{ split_name: { part: last } }")),
    }
}

/// Returns the first and the last name.
fn split(name: &str) -> (String, String) {
    if let Some((last, first)) = name.split_once(',') {
        return (joined(first), joined(last));
    }
    let words: Vec<&str> = name.split_whitespace().collect();
    let Some(final_word) = words.len().checked_sub(1).filter(|index| *index > 0) else {
        return (words.concat(), String::new());
    };
    let mut start = final_word;
    while start > 1 && PARTICLES.contains(&words[start - 1].to_lowercase().as_str()) {
        start -= 1;
    }
    (words[..start].join(" "), words[start..].join(" "))
}

fn joined(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}
