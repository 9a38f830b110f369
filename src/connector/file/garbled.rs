//! Texts that were read in the wrong encoding: UTF-8 that somebody took for Windows-1252, so that `Köln` became `KÃ¶ln`, and
//! the encodings of central and eastern Europe, so that `Łódź` became `£ódŸ`.

use encoding_rs::WINDOWS_1252;

use crate::model::ObjectName;

/// Counts the texts of one read that look decoded wrongly.
#[derive(Debug, Default)]
pub struct GarbledTexts {
    count: u64,
    first: Option<(Garbled, u64)>,
    /// Texts that look like those of another encoding.
    odd_count: u64,
    first_odd: Option<(char, u64)>,
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
        self.look_at_with(text, || number);
    }

    /// Looks at a text. The number of its line or record is asked for only where the text is the first of its kind.
    pub fn look_at_with(&mut self, text: &str, number: impl FnOnce() -> u64) {
        if let Some(garbled) = garbled(text) {
            self.count += 1;
            self.first.get_or_insert_with(|| (garbled, number()));
        } else if let Some(sign) = odd_sign(text) {
            self.odd_count += 1;
            self.first_odd.get_or_insert_with(|| (sign, number()));
        }
    }

    /// Warns of what was found. Of a text only the few characters that stand for one are told.
    pub fn tell(&self, object: &ObjectName) {
        if let Some((Garbled { seen, meant }, number)) = &self.first {
            let sample = format!("`{seen}` for `{meant}`");
            tracing::warn!(%object, texts = self.count, sample, first_at = number, "texts look decoded twice, as UTF-8 that was read as Windows-1252: export the file again, as UTF-8");
        }
        if let Some((sign, number)) = self.first_odd {
            let sample = format!("`{sign}` in a word");
            tracing::warn!(%object, texts = self.odd_count, sample, first_at = number, "texts look as if they were saved in another encoding: set `encoding` to that one (windows-1250, windows-1251 and macintosh are easily taken for windows-1252)");
        }
    }
}

/// Letters that are looked at behind a sign.
const LOOKED_AT: usize = 20;

/// Returns a sign that has no place where it is: between letters, where other encodings have letters. A word whose letters all
/// have accents is none of Western Europe's either.
fn odd_sign(text: &str) -> Option<char> {
    if !may_be_odd(text) {
        return None;
    }
    let letters: Vec<char> = text.chars().collect();
    let at = |place: Option<usize>| place.and_then(|place| letters.get(place)).copied().unwrap_or(' ');
    let is_letter = |letter: char| letter.is_alphabetic() || is_sign(letter);
    let is_odd = |(place, sign): &(usize, &char)| {
        let (before, behind) = (at(place.checked_sub(1)), at(Some(place + 1)));
        match sign {
            // `£ód`, and not `(£m)` or `£bn`.
            '£' | '¥' => {
                let word = letters[place + 1..].iter().take(LOOKED_AT).take_while(|letter| letter.is_alphabetic());
                word.clone().count() >= 2 && !word.into_iter().all(char::is_ascii)
            }
            '¯' => is_letter(behind),
            '¹' | '³' | '¼' | '¾' | '¿' => (before.is_alphabetic() || is_sign(before)) && is_letter(behind),
            '\u{8d}' | '\u{8f}' | '\u{9d}' => is_letter(before) || is_letter(behind),
            'Ÿ' | 'Ž' | 'Š' | 'Œ' => before.is_lowercase(),
            _ => false,
        }
    };
    let odd = letters.iter().enumerate().find(is_odd).map(|(_, sign)| *sign);
    odd.or_else(|| all_accents(&letters))
}

/// Tells whether a text holds one of the signs, or as many accents in a row as are odd. Most texts with accents do not, and are not
/// looked at any closer.
fn may_be_odd(text: &str) -> bool {
    let mut accents = 0;
    text.chars().any(|letter| {
        accents = if is_accent(letter) { accents + 1 } else { 0 };
        accents >= ACCENTED_LETTERS || is_sign(letter) || matches!(letter, 'Ÿ' | 'Ž' | 'Š' | 'Œ')
    })
}

/// Letters of the shortest word that is odd because all of them have accents.
const ACCENTED_LETTERS: usize = 4;

fn is_accent(letter: char) -> bool {
    ('À'..='ÿ').contains(&letter)
}

/// Signs of Windows-1252 that are letters in the encodings of central Europe.
fn is_sign(letter: char) -> bool {
    matches!(letter, '£' | '¥' | '¯' | '¹' | '³' | '¼' | '¾' | '¿' | '\u{8d}' | '\u{8f}' | '\u{9d}')
}

/// Returns the first letter of a word of four or more that all have accents, as Cyrillic looks in Windows-1252.
fn all_accents(letters: &[char]) -> Option<char> {
    let words = letters.split(|letter| !letter.is_alphabetic());
    let is_accents = |word: &&[char]| word.len() >= ACCENTED_LETTERS && word.iter().copied().all(is_accent);
    words.into_iter().find(is_accents).and_then(|word| word.first().copied())
}

/// Returns the first part of a text that is one character of UTF-8, where the whole text is UTF-8 taken for Windows-1252.
fn garbled(text: &str) -> Option<Garbled> {
    // The first byte of a character in UTF-8, as Windows-1252 shows it, and one that is no first byte behind it.
    let mut letters = text.chars().skip_while(char::is_ascii);
    letters.next().filter(|lead| ('\u{c2}'..='\u{f4}').contains(lead))?;
    letters.next().filter(|next| !next.is_ascii() && !('\u{c0}'..='\u{ff}').contains(next))?;
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

    #[test]
    fn letters_of_another_encoding_are_known_by_signs_between_letters() {
        for (text, sign) in [
            ("£ódŸ", Some('£')),
            ("¯ó³æ Sp. z o.o.", Some('¯')),
            ("ksi¹¿ka", Some('¹')),
            ("Èâàí", Some('È')),
            ("MŸller", None),
            ("Zu\u{8d}a", Some('\u{8d}')),
            ("CafŽ", Some('Ž')),
            ("£25 million (£m)", None),
            ("£bn", None),
            ("12 m³ à 5 €", None),
            ("¿Qué tal? ¾ cup, x²y", None),
            ("Šťáva Žižkov Œuvre", None),
            ("Łódź", None),
            ("Größe, naïve, São", None),
            ("Иван", None),
            ("Ýëÿ", None),
        ] {
            assert_eq!(odd_sign(text), sign, "{text}");
        }
        // A cell may be very long: each letter is looked at once.
        assert_eq!(odd_sign(&"ab".repeat(500_000).replace('b', "\u{e9}")), None);
    }
}
