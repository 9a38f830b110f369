//! What names and ids at Salesforce look like. Ids of records have 15 characters where upper and lower case differ, or 18 where
//! three more say which are upper case.

use crate::connector::AccountForm;

/// What the id of an organisation begins with.
const PREFIX: &str = "00D";
/// Characters of an id that differ between records; the rest of 18 is a checksum.
const ID_LENGTH: usize = 15;

/// An organisation's id has 15 characters or 18: the same one.
pub(super) const ORGANISATION: AccountForm = AccountForm {
    noun: "organisation",
    looks_like: "`00D` and 12 or 15 more letters or digits",
    normal: |text| (text.starts_with(PREFIX) && is_id(text)).then(|| normal_id(text)),
};

/// Tells whether a text is the name of an object, field or relationship, which cannot be quoted in SOQL.
pub(super) fn is_name(text: &str) -> bool {
    let mut letters = text.bytes();
    letters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && letters.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && text.len() <= 120
}

/// Tells whether a text is the name of a field, of the object itself or of a parent.
pub(super) fn is_path(text: &str) -> bool {
    text.split('.').all(is_name)
}

/// Tells whether a text has the form of an id.
pub(super) fn is_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Returns the 18 characters of an id, so that ids can be compared; what is no id of 15 stays as it is.
pub(super) fn normal_id(text: &str) -> String {
    const CHECKS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    if text.len() != 15 || !is_id(text) {
        return text.to_owned();
    }
    let mut id = text.to_owned();
    for five in text.as_bytes().chunks(5) {
        let upper = five.iter().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase());
        let place = upper.map(|(place, _)| 1_usize << place).sum::<usize>();
        id.extend(CHECKS.get(place).map(|byte| char::from(*byte)));
    }
    id
}

/// Returns the other spelling of an id: of 15 characters, in which capitals count, that of 18, whose last three say where the
/// capitals are, and the other way round.
pub(super) fn other_spelling(id: &str) -> Option<String> {
    if !is_id(id) {
        return None;
    }
    if id.len() == ID_LENGTH {
        return Some(normal_id(id));
    }
    id.get(..ID_LENGTH).filter(|short| normal_id(short) == id).map(str::to_owned)
}

/// Returns the organisation that a session names: what is before its exclamation mark, in all but those in the form of a JWT.
/// Source: Salesforce's help on session ids.
pub(super) fn of_session(token: &str) -> Option<String> {
    let (id, _) = token.split_once('!')?;
    (id.len() == ID_LENGTH).then(|| ORGANISATION.account(id)).flatten().map(|account| account.id().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_becomes_the_long_one() {
        assert_eq!(normal_id("0017e00001W4GYR"), "0017e00001W4GYRAA3");
        assert_eq!(normal_id("012000000000000"), "012000000000000AAA");
        assert_eq!(normal_id("0017e00001W4GYRAA3"), "0017e00001W4GYRAA3");
        assert_eq!(normal_id("not an id"), "not an id");
    }

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
    }

    #[test]
    fn both_forms_of_an_id_are_one_organisation() {
        assert_eq!(ORGANISATION.account("00D5g0000000001"), ORGANISATION.account("00D5g0000000001EAA"));
        for text in ["", "0015g0000000001", "00D5g000000000", "00D5g0000000001EA", "dry-run"] {
            assert_eq!(ORGANISATION.account(text), None, "{text}");
        }
    }

    #[test]
    fn a_session_names_its_organisation_unless_it_is_a_jwt() {
        assert_eq!(of_session("00D5g0000000001!AQkAQ.x").as_deref(), Some("00D5g0000000001EAA"));
        for token in ["00D!session", "eyJhbGciOi.J9.x", "00D5g0000000001", "abc!def"] {
            assert_eq!(of_session(token), None, "{token}");
        }
    }
}
