//! Ids that have two spellings: 15 characters in which capitals count, and the same with three more that say where the capitals
//! are, for programs that take upper and lower case for the same.

use std::borrow::Cow;

/// The characters of an id whose capitals count.
const SHORT: usize = 15;
/// Stands for five characters, by which of them are capitals.
const CHECK: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// Returns the id as it is known: as it is written, or in its other spelling.
pub fn spelt_as(id: &str, is_known: impl Fn(&str) -> bool) -> Option<Cow<'_, str>> {
    if is_known(id) {
        return Some(Cow::Borrowed(id));
    }
    other_spelling(id).filter(|other| is_known(other)).map(Cow::Owned)
}

/// Returns the other spelling of an id; none where it cannot have one.
pub fn other_spelling(id: &str) -> Option<String> {
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    match id.len() {
        SHORT => Some(format!("{id}{}", check(id)?)),
        18 => id.get(..SHORT).filter(|short| check(short).as_deref() == id.get(SHORT..)).map(str::to_owned),
        _ => None,
    }
}

fn check(short: &str) -> Option<String> {
    let sum = |five: &[u8]| -> usize {
        five.iter().enumerate().map(|(place, byte)| usize::from(byte.is_ascii_uppercase()) << place).sum()
    };
    short.as_bytes().chunks(5).map(|five| CHECK.get(sum(five)).map(|byte| char::from(*byte))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_characters_and_eighteen_name_one_record() {
        for (short, long) in [
            ("0017a00000QxTmB", "0017a00000QxTmBAAV"),
            ("0017a00000qxtmb", "0017a00000qxtmbAAA"),
            ("0017a00000QxTmb", "0017a00000QxTmbAAF"),
            ("ABCDEFGHIJKLMNO", "ABCDEFGHIJKLMNO555"),
        ] {
            assert_eq!(other_spelling(short).as_deref(), Some(long));
            assert_eq!(other_spelling(long).as_deref(), Some(short));
        }
        for other in ["0017a00000QxTmBAAF", "0017a00000QxTm", "", "0017a00000QxTm-", "rec1234567890abcdef"] {
            assert_eq!(other_spelling(other), None, "{other}");
        }
        assert_eq!(spelt_as("0017a00000QxTmB", |id| id.len() == 15).as_deref(), Some("0017a00000QxTmB"));
    }
}
