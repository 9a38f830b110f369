//! Lists in one text: items with a separator between them, written so that they read back as they were.
//!
//! A backslash takes the meaning from the separator, from a blank at an item's edge and from another backslash. Before any
//! other character it is an ordinary character, so paths such as `C:\temp` need no care.

/// Stands between the items of a list where nothing else is said.
pub const LIST_SEPARATOR: &str = ";";
const ESCAPE: char = '\\';

/// Joins items so that [`split_list`] gives them back.
pub fn join_list<I>(items: I, separator: &str) -> String
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    let mut text = String::new();
    for (number, item) in items.into_iter().enumerate() {
        if number > 0 {
            text.push_str(separator);
        }
        push_escaped(&mut text, item.as_ref(), separator);
    }
    text
}

fn push_escaped(text: &mut String, item: &str, separator: &str) {
    let mut letters = item.chars().peekable();
    let mut is_first = true;
    while let Some(letter) = letters.next() {
        let is_edge = is_first || letters.peek().is_none();
        let is_escaped = match letter {
            ESCAPE => letters.peek().is_none_or(|next| is_special(*next, separator)),
            _ => separator.starts_with(letter) || (is_edge && letter.is_whitespace()),
        };
        if is_escaped {
            text.push(ESCAPE);
        }
        text.push(letter);
        is_first = false;
    }
}

/// Tells whether a backslash before the character takes its meaning.
fn is_special(letter: char, separator: &str) -> bool {
    letter == ESCAPE || letter.is_whitespace() || separator.starts_with(letter)
}

/// Splits a text into its items, without the blanks around them and without empty ones.
pub fn split_list(text: &str, separator: &str) -> Vec<String> {
    if !text.contains(ESCAPE) {
        let items = text.split(separator).map(str::trim).filter(|item| !item.is_empty());
        return items.map(str::to_owned).collect();
    }
    let mut items = Vec::new();
    let mut item = Item::default();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let behind = &rest[letter.len_utf8()..];
        if let Some(next) = behind.chars().next().filter(|next| letter == ESCAPE && is_special(*next, separator)) {
            item.push(next, true);
            rest = &behind[next.len_utf8()..];
        } else if let Some(behind) = rest.strip_prefix(separator) {
            items.extend(std::mem::take(&mut item).finish());
            rest = behind;
        } else {
            item.push(letter, false);
            rest = behind;
        }
    }
    items.extend(item.finish());
    items
}

/// One item while it is read.
#[derive(Debug, Default)]
struct Item {
    text: String,
    /// So many bytes stay, even where they are blank.
    kept: usize,
}

impl Item {
    fn push(&mut self, letter: char, is_escaped: bool) {
        if self.text.is_empty() && letter.is_whitespace() && !is_escaped {
            return;
        }
        self.text.push(letter);
        if is_escaped || !letter.is_whitespace() {
            self.kept = self.text.len();
        }
    }

    fn finish(mut self) -> Option<String> {
        self.text.truncate(self.kept);
        Some(self.text).filter(|text| !text.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn items_are_written_as_people_write_them_where_nothing_forbids_it() {
        for (items, text) in [
            (&["a", "b"][..], "a;b"),
            (&["Bed; breakfast", "Bar"], r"Bed\; breakfast;Bar"),
            (&[r"C:\temp", "x"], r"C:\temp;x"),
            (&[r"ends with \", "x"], r"ends with \\;x"),
            (&[" blank ", "x"], r"\ blank\ ;x"),
            (&[], ""),
        ] {
            assert_eq!(join_list(items, ";"), text);
            assert_eq!(split_list(text, ";"), items, "{text}");
        }
    }

    #[test]
    fn blanks_around_items_and_empty_items_are_left_out() {
        assert_eq!(split_list(" a ;; b;", ";"), ["a", "b"]);
        assert_eq!(split_list(r" a\;b ; c\ ;", ";"), ["a;b", "c "]);
        assert_eq!(split_list("a, b,c", ","), ["a", "b", "c"]);
        assert_eq!(split_list("a || b", "||"), ["a", "b"]);
    }

    proptest! {
        #[test]
        fn what_is_joined_splits_into_the_same(
            items in vec("[a-z;,| \\\\\u{a0}\t]{1,6}", 0..5),
            separator in prop::sample::select(vec![";", ",", "|", "||", ", "]),
        ) {
            prop_assert_eq!(split_list(&join_list(&items, separator), separator), items);
        }
    }
}
