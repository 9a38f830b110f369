//! Record ids: fifteen characters that mind their case, and three more that make eighteen safe where case is lost.

use std::fmt;

/// The digits of an id, in the order in which ids are sorted.
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The check characters, by the pattern of capitals in five characters.
const CHECKS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
/// What stands between an object's prefix and the number in the ids that this emulator makes.
const POD: [u8; 3] = *b"5g0";

/// The first three characters of an id, which tell the object.
pub(super) type Prefix = [u8; 3];

/// The id of a record, without its check characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id([u8; 15]);

impl Id {
    /// The least and the greatest of all ids.
    pub(super) const LEAST: Self = Self([0; 15]);
    /// See [`Self::LEAST`].
    pub(super) const GREATEST: Self = Self([u8::MAX; 15]);

    /// Makes the id of a number.
    pub(super) fn new(prefix: Prefix, mut number: u64) -> Self {
        let mut bytes = [b'0'; 15];
        bytes[..3].copy_from_slice(&prefix);
        bytes[3..6].copy_from_slice(&POD);
        for byte in bytes[6..].iter_mut().rev() {
            *byte = DIGITS[usize::try_from(number % 62).unwrap_or(0)];
            number /= 62;
        }
        Self(bytes)
    }

    /// Reads an id of 15 or 18 characters; the check characters have to be right.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let is_id = matches!(bytes.len(), 15 | 18) && bytes.iter().all(u8::is_ascii_alphanumeric);
        if !is_id {
            return None;
        }
        let mut id = [0; 15];
        id.copy_from_slice(&bytes[..15]);
        let id = Self(id);
        (bytes.len() == 15 || bytes[15..].eq_ignore_ascii_case(&id.checks())).then_some(id)
    }

    /// Returns the object's prefix.
    pub(super) fn prefix(self) -> Prefix {
        [self.0[0], self.0[1], self.0[2]]
    }

    fn checks(self) -> [u8; 3] {
        let mut checks = [0; 3];
        for (check, five) in checks.iter_mut().zip(self.0.chunks(5)) {
            let capitals = five.iter().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase());
            *check = CHECKS[capitals.fold(0, |bits, (place, _)| bits | 1 << place)];
        }
        checks
    }

    /// Returns the id without its check characters.
    pub(super) fn short(self) -> String {
        self.0.iter().map(|byte| char::from(*byte)).collect()
    }
}

/// Writes all eighteen characters.
impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut all = [0; 18];
        all[..15].copy_from_slice(&self.0);
        all[15..].copy_from_slice(&self.checks());
        formatter.write_str(std::str::from_utf8(&all).unwrap_or_default())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_and_checks_the_three_check_characters() {
        for id in ["0017e00001W4GYRAA3", "0037e00001WZ30qAAD", "0067e00000K8i71AAB", "005x00000012Q9PAAU"] {
            assert_eq!(Id::parse(&id[..15]).unwrap().to_string(), id);
            assert_eq!(Id::parse(id).unwrap().short(), id[..15]);
        }
        assert_eq!(Id::parse("0017e00001W4GYRAAA"), None);
        assert_eq!(Id::parse("0017e00001W4GY!"), None);
    }

    #[test]
    fn sorts_the_ids_it_makes_by_their_number() {
        let ids: Vec<Id> = [1, 9, 10, 61, 62, 4_000].map(|number| Id::new(*b"001", number)).into();
        assert!(ids.is_sorted());
        assert_eq!(ids[4].short(), "0015g0000000010");
    }
}
