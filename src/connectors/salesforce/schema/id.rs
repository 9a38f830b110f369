//! Ids of records: 15 characters where upper and lower case differ, or 18 where three more say which are upper case.

/// Tells whether a text has the form of an id.
pub(in super::super) fn is_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Returns the 18 characters of an id, so that ids can be compared; what is no id of 15 stays as it is.
pub(in super::super) fn normal_id(text: &str) -> String {
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
}
