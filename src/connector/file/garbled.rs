//! Texts that were decoded twice: UTF-8 that somebody took for Windows-1252, so that `Köln` became `KÃ¶ln`.

use encoding_rs::WINDOWS_1252;

use crate::model::ObjectName;

/// Counts the texts of one read that look decoded twice.
#[derive(Debug, Default)]
pub struct GarbledTexts {
    count: u64,
    first: Option<(Garbled, u64)>,
}

/// The part of a text that stands for one character, and that character.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Garbled {
    seen: String,
    meant: char,
}

impl GarbledTexts {
    /// Looks at a text; `number` is that of its line or record.
    pub fn look_at(&mut self, text: &str, number: u64) {
        if let Some(garbled) = garbled(text) {
            self.count += 1;
            self.first.get_or_insert((garbled, number));
        }
    }

    /// Warns of what was found. Of a text only the few characters that stand for one are told.
    pub fn tell(&self, object: &ObjectName) {
        let Some((Garbled { seen, meant }, number)) = &self.first else { return };
        let sample = format!("`{seen}` for `{meant}`");
        tracing::warn!(%object, texts = self.count, sample, first_at = number, "texts look like UTF-8 that was read as Windows-1252");
    }
}

/// Returns the first part of a text that is one character of UTF-8, where the whole text is UTF-8 taken for Windows-1252.
fn garbled(text: &str) -> Option<Garbled> {
    // The first bytes of characters in UTF-8, as Windows-1252 shows them.
    if !text.chars().any(|letter| ('\u{c2}'..='\u{f4}').contains(&letter)) {
        return None;
    }
    let (bytes, _, is_lossy) = WINDOWS_1252.encode(text);
    let decoded = std::str::from_utf8(&bytes).ok().filter(|_| !is_lossy)?;
    let meant = decoded.chars().find(|letter| !letter.is_ascii())?;
    let mut bytes = [0; 4];
    let (seen, _) = WINDOWS_1252.decode_without_bom_handling(meant.encode_utf8(&mut bytes).as_bytes());
    Some(Garbled { seen: seen.into_owned(), meant })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_was_decoded_twice_is_known_and_others_are_not() {
        for (text, meant) in [
            ("KÃ¶ln", Some('ö')),
            ("DuÅ¡an", Some('š')),
            ("â‚¬ 5", Some('€')),
            ("Köln", None),
            ("São Paulo", None),
            ("Łódź", None),
            ("株式会社", None),
            ("Koln", None),
        ] {
            assert_eq!(garbled(text).map(|garbled| garbled.meant), meant, "{text}");
        }
        let mut texts = GarbledTexts::default();
        texts.look_at("Köln", 2);
        texts.look_at("KÃ¶ln", 3);
        texts.look_at("DuÅ¡an", 4);
        assert_eq!(texts.count, 2);
        assert_eq!(texts.first, Some((Garbled { seen: "Ã¶".to_owned(), meant: 'ö' }, 3)));
    }
}
