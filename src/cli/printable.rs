//! Makes text of others harmless on a terminal: everything that is printed goes through here.
//!
//! Vendors' messages, labels, names of files and fields, and values may hold escape sequences, carriage returns or marks that
//! turn the direction of writing, and so change or forge what a person sees. Such characters are shown as escapes.

use std::{borrow::Cow, fmt::Write as _, io};

use tracing_subscriber::fmt::MakeWriter;

use crate::redact::redact;

/// Returns a text as it may be printed: without known secrets, and with harmful characters as escapes. Lines stay.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, is_harmful)
}

/// Returns a text that others wrote as it may be printed on one line, so that it cannot forge a line of its own.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    escaped(text, |letter| is_harmful(letter) || letter == '\n' || letter == '\t')
}

/// Returns a line of a file with each harmful character replaced by one visible one, so that columns stay.
pub(super) fn same_width(text: &str) -> Cow<'_, str> {
    // A line in which a secret is found gets other columns than the file's: better than showing it.
    let text = redact(text);
    if !text.contains(is_harmful) {
        return text;
    }
    let visible = |letter: char| match u32::from(letter) {
        code @ 0..0x20 => char::from_u32(0x2400 + code).unwrap_or(char::REPLACEMENT_CHARACTER),
        0x7f => '␡',
        _ => char::REPLACEMENT_CHARACTER,
    };
    Cow::Owned(text.chars().map(|letter| if is_harmful(letter) { visible(letter) } else { letter }).collect())
}

/// Returns JSON with harmful characters as JSON's own escapes: it means the same.
pub(super) fn printable_json(json: &str) -> Cow<'_, str> {
    let redacted = redact(json);
    let is_bare = |letter: char| is_harmful(letter) && letter != '\n';
    if !redacted.contains(is_bare) {
        return redacted;
    }
    let mut text = String::with_capacity(redacted.len());
    for letter in redacted.chars() {
        if is_bare(letter) {
            let mut units = [0; 2];
            for unit in letter.encode_utf16(&mut units) {
                // Writing to a string cannot fail.
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(letter);
        }
    }
    Cow::Owned(text)
}

fn escaped(text: &str, is_bad: impl Fn(char) -> bool + Copy) -> Cow<'_, str> {
    let redacted = redact(text);
    if !redacted.contains(is_bad) {
        return redacted;
    }
    let mut shown = String::with_capacity(redacted.len() + 8);
    for letter in redacted.chars() {
        match letter {
            '\r' | '\n' | '\t' if is_bad(letter) => shown.extend(letter.escape_default()),
            _ if is_bad(letter) => shown.extend(letter.escape_unicode()),
            _ => shown.push(letter),
        }
    }
    Cow::Owned(shown)
}

/// Tells whether a character does something to a terminal, or cannot be seen, instead of being shown.
fn is_harmful(letter: char) -> bool {
    match letter {
        '\n' | '\t' => false,
        // Marks of direction, invisible blanks and separators, and the tags that no font shows.
        '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{200e}'
        | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}' => true,
        _ => letter.is_control(),
    }
}

/// Writes log lines to stderr as they may be printed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Log;

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // The log hands over whole lines.
        let text = String::from_utf8_lossy(line);
        io::stderr().lock().write_all(printable(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_something_to_a_terminal_is_shown_as_an_escape() {
        for (text, shown) in [
            ("\u{1b}[2J\u{1b}]0;title\u{7}", "\\u{1b}[2J\\u{1b}]0;title\\u{7}"),
            ("Ada\rEve", "Ada\\rEve"),
            ("a\u{202e}fdp.exe", "a\\u{202e}fdp.exe"),
            ("a\u{2066}b\u{2069}c\u{200f}", "a\\u{2066}b\\u{2069}c\\u{200f}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("a\u{8}b\u{7f}", "a\\u{8}b\\u{7f}"),
            ("a\u{2028}b\u{feff}", "a\\u{2028}b\\u{feff}"),
            ("Zoë 👩‍🚀 日本\tx\ny", "Zoë 👩‍🚀 日本\tx\ny"),
        ] {
            assert_eq!(printable(text), shown);
        }
        assert_eq!(one_line("a\nhint: b\tc"), "a\\nhint: b\\tc");
        assert_eq!(same_width("a: \u{1b}[1m\u{202e}\r"), "a: ␛[1m\u{fffd}␍");
    }

    #[test]
    fn json_means_the_same_when_it_is_printable() {
        let value = serde_json::json!({ "a\u{202e}": "\u{9b}\u{1b}\r\n\u{e0041}é" });
        let text = value.to_string();
        let shown = printable_json(&text);
        assert!(!shown.contains(is_harmful));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }

    proptest! {
        #[test]
        fn nothing_harmful_is_left_in_any_text(text in any::<String>()) {
            prop_assert!(!printable(&text).contains(is_harmful));
            prop_assert!(!one_line(&text).contains(|letter: char| letter.is_control()));
            prop_assert_eq!(same_width(&text).chars().count(), text.chars().count());
        }
    }
}
