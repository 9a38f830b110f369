//! Texts that look the same: accents in two encodings, blanks of several kinds, characters that show nothing.

use unicode_normalization::UnicodeNormalization;

/// Returns the one form of all texts that look like this one: composed accents (Unicode NFC), runs of blanks as one space, no
/// blanks at the ends, no invisible characters. Upper and lower case stay apart.
pub fn one_form(text: &str) -> String {
    let letters: Vec<char> = text.nfc().filter(|letter| !is_invisible(*letter)).collect();
    let joins = |at: Option<&char>| at.is_some_and(|letter| !letter.is_ascii() && !letter.is_whitespace());
    let is_shown = |(at, letter): &(usize, &char)| {
        !JOINERS.contains(letter)
            || (at.checked_sub(1).is_some_and(|at| joins(letters.get(at))) && joins(letters.get(at + 1)))
    };
    let visible: String = letters.iter().enumerate().filter(is_shown).map(|(_, letter)| *letter).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Characters that show nothing, but join or part their neighbours in emoji and in some scripts.
const JOINERS: [char; 2] = ['\u{200c}', '\u{200d}'];

/// Tells whether a character shows nothing at all: zero-width blanks, marks of direction, soft hyphens, byte order marks.
pub fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206f}' | '\u{feff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_look_the_same_get_one_form() {
        for text in [
            "Café Zürich",
            "Cafe\u{301} Zu\u{308}rich",
            "Café  Zürich ",
            "Café\u{a0}Zürich\u{a0}",
            "\u{3000}Café\u{202f}Zürich",
            "Café\u{200b} Zürich",
            "\u{feff}Café Zürich",
            "Café\u{200d} Zür\u{200c}ich\u{200d}",
        ] {
            assert_eq!(one_form(text), "Café Zürich", "{text:?}");
        }
        assert_eq!(one_form("\u{1f468}\u{200d}\u{1f469}"), "\u{1f468}\u{200d}\u{1f469}", "an emoji keeps its joiner");
        assert_ne!(one_form("café"), one_form("Café"));
    }
}
