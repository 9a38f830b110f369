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

/// Writes a name so that blanks and invisible characters in it are seen, as YAML has them in double quotes. A blank at an end is seen
/// as `\u0020`.
pub fn visible(name: &str) -> String {
    let inner = name.trim_matches(' ');
    let outer = |blanks: usize| "\\u0020".repeat(blanks);
    let (before, behind) =
        (name.len() - name.trim_start_matches(' ').len(), name.len() - name.trim_end_matches(' ').len());
    let escaped = inner.chars().map(|letter| match letter {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        letter if letter != ' ' && (letter.is_whitespace() || letter.is_control() || is_invisible(letter)) => {
            format!("\\u{:04x}", u32::from(letter))
        }
        letter => letter.to_string(),
    });
    outer(before) + &escaped.collect::<String>() + &outer(if inner.is_empty() { 0 } else { behind })
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

    #[test]
    fn what_nobody_sees_in_a_name_is_written_out() {
        for (name, shown) in [
            ("First\nName\u{a0}", "First\\nName\\u00a0"),
            ("email ", "email\\u0020"),
            ("  Full Name", "\\u0020\\u0020Full Name"),
            (" ", "\\u0020"),
            ("E-Mail", "E-Mail"),
        ] {
            assert_eq!(visible(name), shown);
        }
    }
}
