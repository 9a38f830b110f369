//! Airtable's ids: three letters and fourteen letters or digits, made from names so that a run repeats exactly.

use xxhash_rust::xxh3::xxh3_128;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Letters and digits after the prefix.
const LENGTH: usize = 14;

/// Returns the id that belongs to these parts; the same parts always give the same id.
pub(super) fn id_of(prefix: &str, parts: &[&str]) -> String {
    let mut rest = xxh3_128(format!("{prefix}\0{}", parts.join("\0")).as_bytes());
    let mut id = prefix.to_owned();
    for _ in 0..LENGTH {
        let digit = usize::try_from(rest % 62).unwrap_or_default();
        id.push(char::from(ALPHABET[digit]));
        rest /= 62;
    }
    id
}

/// Tells whether a text has the form of an id with that prefix.
pub(super) fn is_id(prefix: &str, text: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|rest| rest.len() == LENGTH && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makes_the_same_id_of_the_same_names() {
        let id = id_of("tbl", &["Contacts"]);
        assert!(is_id("tbl", &id), "{id}");
        assert_eq!(id, id_of("tbl", &["Contacts"]));
        assert_ne!(id, id_of("tbl", &["Companies"]));
        assert!(!is_id("rec", &id));
    }
}
