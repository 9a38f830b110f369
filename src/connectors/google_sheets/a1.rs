//! A1 notation: titles of tabs, letters of columns, ranges. Pure.
//!
//! A title is always quoted: unquoted, `Q1` is a cell and a named range may hide a tab.

use std::fmt::Write;

/// Most columns of a sheet: `ZZZ`. Source: support.google.com/drive/answer/37603.
pub(super) const MAX_COLUMNS: usize = 18_278;

/// A rectangle of cells. Rows and columns count from 0; an end is included, and none is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) first_row: usize,
    pub(super) last_row: Option<usize>,
    pub(super) first_column: usize,
    pub(super) last_column: Option<usize>,
}

impl Area {
    /// All cells of a tab.
    pub(super) const ALL: Self = Self { first_row: 0, last_row: None, first_column: 0, last_column: None };

    /// Returns the cells of some columns in some rows, both ends included.
    pub(super) fn of(rows: (usize, usize), columns: (usize, usize)) -> Self {
        Self { first_row: rows.0, last_row: Some(rows.1), first_column: columns.0, last_column: Some(columns.1) }
    }

    /// Returns some columns from a row down to the end of the tab.
    pub(super) fn below(first_row: usize, columns: (usize, usize)) -> Self {
        Self { first_row, last_row: None, first_column: columns.0, last_column: Some(columns.1) }
    }

    /// Writes the area on a tab: `'Jon''s Data'!A2:C`.
    pub(super) fn on(&self, title: &str) -> String {
        let mut text = quoted(title);
        let is_open = |end: Option<usize>| end.is_none();
        if *self == Self::ALL {
            return text;
        }
        text.push('!');
        text.push_str(&letters(self.first_column));
        let _ = write!(text, "{}", self.first_row + 1);
        if is_open(self.last_column) && is_open(self.last_row) {
            // `B3:` alone has no A1 form: the end is the last column that a sheet can have.
            let _ = write!(text, ":{}", letters(MAX_COLUMNS - 1));
            return text;
        }
        text.push(':');
        match self.last_column {
            Some(column) => text.push_str(&letters(column)),
            None => text.push_str(&letters(MAX_COLUMNS - 1)),
        }
        if let Some(row) = self.last_row {
            let _ = write!(text, "{}", row + 1);
        }
        text
    }

    /// Reads `B3:H`, `A1`, `A:C`, `2:2` and `B3:H20`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (start, end) = text.split_once(':').unwrap_or((text, text));
        let ((first_column, first_row), (last_column, last_row)) = (corner(start)?, corner(end)?);
        let area =
            Self { first_row: first_row.unwrap_or(0), last_row, first_column: first_column.unwrap_or(0), last_column };
        let is_ordered = area.last_row.is_none_or(|row| row >= area.first_row)
            && area.last_column.is_none_or(|column| column >= area.first_column);
        is_ordered.then_some(area)
    }
}

/// Writes a title as ranges have it.
pub(super) fn quoted(title: &str) -> String {
    format!("'{}'", title.replace('\'', "''"))
}

/// Reads a range as answers have it: `Sheet1!A1:J1`, `'my data'!A1`. Returns the title and the area.
pub(super) fn parse_on(text: &str) -> Option<(String, Area)> {
    let (title, area) = split(text)?;
    Some((title, Area::parse(area)?))
}

/// Splits a range into its title and the rest, whether the title is quoted or not.
pub(super) fn split(text: &str) -> Option<(String, &str)> {
    if let Some(rest) = text.strip_prefix('\'') {
        let mut end = 0;
        let bytes = rest.as_bytes();
        while end < bytes.len() {
            match (bytes[end], bytes.get(end + 1)) {
                (b'\'', Some(b'\'')) => end += 2,
                (b'\'', _) => break,
                _ => end += 1,
            }
        }
        let area = rest.get(end..)?.strip_prefix("'!")?;
        return Some((rest[..end].replace("''", "'"), area));
    }
    let (title, area) = text.rsplit_once('!')?;
    Some((title.to_owned(), area))
}

/// Returns the letters of a column: 0 is `A`, 26 is `AA`.
pub(super) fn letters(column: usize) -> String {
    let mut letters = Vec::new();
    let mut rest = column + 1;
    while rest > 0 {
        let digit = u8::try_from((rest - 1) % 26).unwrap_or(0);
        letters.push(char::from(b'A' + digit));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect()
}

/// Names a cell: `C2`.
pub(super) fn cell(row: usize, column: usize) -> String {
    format!("{}{}", letters(column), row + 1)
}

/// Reads one corner of a range: the column and the row, each of which may be missing.
fn corner(text: &str) -> Option<(Option<usize>, Option<usize>)> {
    let text = text.replace('$', "");
    let split = text.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(text.len());
    let (letters, digits) = text.split_at(split);
    let column = match letters {
        "" => None,
        letters => Some(column(letters)?),
    };
    let row = match digits {
        "" => None,
        digits => Some(digits.parse::<usize>().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?),
    };
    if column.is_none() && row.is_none() {
        return None;
    }
    Some((column, row.map(|row| row.checked_sub(1)).map_or(Some(None), |row| row.map(Some))?))
}

/// Reads the letters of a column.
pub(super) fn column(letters: &str) -> Option<usize> {
    if letters.len() > 3 {
        return None;
    }
    let digit = |letter: u8| usize::from(letter.to_ascii_uppercase() - b'A') + 1;
    let number = letters.bytes().fold(0, |sum, letter| sum * 26 + digit(letter));
    (number <= MAX_COLUMNS).then(|| number - 1)
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::any, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn titles_are_quoted_whatever_they_look_like() {
        for (title, range) in [
            ("Contacts", "'Contacts'!A2:C"),
            ("Q1", "'Q1'!A2:C"),
            ("A1", "'A1'!A2:C"),
            ("Jon's Data", "'Jon''s Data'!A2:C"),
            ("🎉", "'🎉'!A2:C"),
            ("a!b", "'a!b'!A2:C"),
        ] {
            assert_eq!(Area::below(1, (0, 2)).on(title), range);
        }
        assert_eq!(Area::ALL.on("Q1"), "'Q1'");
        assert_eq!(Area::of((0, 0), (25, 27)).on("x"), "'x'!Z1:AB1");
    }

    #[test]
    fn ranges_are_read_in_every_form() {
        let area = |first_row, last_row, first_column, last_column| {
            Some(Area { first_row, last_row, first_column, last_column })
        };
        for (text, expected) in [
            ("B3:H", area(2, None, 1, Some(7))),
            ("A1", area(0, Some(0), 0, Some(0))),
            ("$A$1:$B$2", area(0, Some(1), 0, Some(1))),
            ("A:C", area(0, None, 0, Some(2))),
            ("2:2", area(1, Some(1), 0, None)),
            ("ZZZ1", area(0, Some(0), 18_277, Some(18_277))),
            ("AAAA1", None),
            ("A0", None),
            ("C1:A1", None),
            ("", None),
            ("Contacts", None),
            ("A1B", None),
        ] {
            assert_eq!(Area::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn answers_are_read_quoted_or_not() {
        for (text, title) in [
            ("Sheet1!A1:J1", "Sheet1"),
            ("'my data'!A1:J1", "my data"),
            ("'Jon''s'!A1:J1", "Jon's"),
            ("'a!b'!A1:J1", "a!b"),
            ("''''!A1:J1", "'"),
        ] {
            assert_eq!(parse_on(text), Some((title.to_owned(), Area::of((0, 0), (0, 9)))), "{text}");
        }
        assert_eq!(parse_on("Sheet1"), None);
        assert_eq!(parse_on("'Sheet1"), None);
    }

    proptest! {
        #[test]
        fn any_title_and_range_reads_back_as_it_was_written(
            title in any::<String>(), row in 0..20_000_usize, rows in 0..9_usize, column in 0..18_000_usize, columns in 0..99_usize,
        ) {
            let area = Area::of((row, row + rows), (column, column + columns));
            prop_assert_eq!(parse_on(&area.on(&title)), Some((title, area)));
        }
    }
}
