//! A1 notation: `'Jon''s Data'!A2:C`, `A:A`, `2:2`, `Sheet1!R1C1`, and how ranges are written back.

use std::{fmt::Write as _, ops::Range};

/// Most columns of a sheet.
pub(super) const MAX_COLUMNS: usize = 18_278;

/// Rows or columns of a range: the first, and the one after the last where there is an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: Option<usize>,
}

impl Span {
    /// All of them.
    pub(super) const ALL: Self = Self { start: 0, end: None };

    /// Returns the positions among `count`.
    pub(super) fn within(self, count: usize) -> Range<usize> {
        let end = self.end.unwrap_or(count).min(count);
        self.start.min(end)..end
    }
}

/// The cells of a range, without its sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cells {
    pub(super) rows: Span,
    pub(super) columns: Span,
    /// Whether it is one cell, written as one.
    pub(super) is_cell: bool,
}

impl Cells {
    /// The whole sheet.
    pub(super) const ALL: Self = Self { rows: Span::ALL, columns: Span::ALL, is_cell: false };
}

/// Splits a title off: `'a b'!A1` is `a b` and `A1`; a quoted title alone has no cells. None where there is no title for certain.
pub(super) fn split_title(text: &str) -> Option<(String, Option<&str>)> {
    if let Some(quoted) = text.strip_prefix('\'') {
        let (title, rest) = unquote(quoted)?;
        return match rest.strip_prefix('!') {
            Some(cells) => Some((title, Some(cells))),
            None => rest.is_empty().then_some((title, None)),
        };
    }
    let (title, cells) = text.rsplit_once('!')?;
    Some((title.to_owned(), Some(cells)))
}

/// Reads a quoted title up to its closing quote; returns what follows as well.
pub(super) fn unquote(text: &str) -> Option<(String, &str)> {
    let mut title = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('\'')?;
        title.push_str(part);
        match after.strip_prefix('\'') {
            Some(next) => {
                title.push('\'');
                rest = next;
            }
            None => return Some((title, after)),
        }
    }
}

/// Reads cells: `A1`, `A1:B2`, `A2:C`, `A:A`, `2:2`, `R1C1:R2C2`.
pub(super) fn cells(text: &str) -> Option<Cells> {
    let Some((first, second)) = text.split_once(':') else {
        let (column, row) = corner(text)?;
        let (column, row) = (column?, row?);
        let one = |at: usize| Span { start: at, end: Some(at + 1) };
        return Some(Cells { rows: one(row), columns: one(column), is_cell: true });
    };
    let (first, second) = (corner(first)?, corner(second)?);
    let is_shaped = first.0.is_some() == second.0.is_some() || first.1.is_some() == second.1.is_some();
    is_shaped.then_some(Cells { columns: span(first.0, second.0), rows: span(first.1, second.1), is_cell: false })
}

fn span(first: Option<usize>, second: Option<usize>) -> Span {
    match (first, second) {
        (Some(first), Some(second)) => Span { start: first.min(second), end: Some(first.max(second) + 1) },
        (Some(start), None) | (None, Some(start)) => Span { start, end: None },
        (None, None) => Span::ALL,
    }
}

/// Reads a corner as its column and row, either of which may be missing.
fn corner(text: &str) -> Option<(Option<usize>, Option<usize>)> {
    let text = text.trim();
    if let Some(found) = row_column(text) {
        return Some(found);
    }
    let text = text.strip_prefix('$').unwrap_or(text);
    let letters = text.find(|it: char| !it.is_ascii_alphabetic()).unwrap_or(text.len());
    let (column, row) = text.split_at(letters);
    let row = if column.is_empty() { row } else { row.strip_prefix('$').unwrap_or(row) };
    let column = if column.is_empty() { None } else { Some(column_index(column)?) };
    let row = if row.is_empty() { None } else { Some(row_index(row)?) };
    (column.is_some() || row.is_some()).then_some((column, row))
}

/// Reads `R2C3`.
fn row_column(text: &str) -> Option<(Option<usize>, Option<usize>)> {
    let (row, column) = text.strip_prefix(['R', 'r'])?.split_once(['C', 'c'])?;
    let column = row_index(column)?;
    Some((Some(column), Some(row_index(row)?)))
}

/// Reads a row's number.
pub(super) fn row_index(text: &str) -> Option<usize> {
    let is_number = !text.is_empty() && text.len() <= 9 && text.bytes().all(|it| it.is_ascii_digit());
    if is_number { text.parse::<usize>().ok()?.checked_sub(1) } else { None }
}

/// Reads a column's letters.
pub(super) fn column_index(letters: &str) -> Option<usize> {
    if letters.is_empty() || letters.len() > 3 {
        return None;
    }
    let digit = |it: u8| usize::from(it.to_ascii_uppercase() - b'A') + 1;
    Some(letters.bytes().fold(0, |sum, it| sum * 26 + digit(it)) - 1)
}

/// Writes a column's letters.
pub(super) fn column_name(index: usize) -> String {
    let mut letters = Vec::new();
    let mut number = index + 1;
    while number > 0 {
        let digit = u8::try_from((number - 1) % 26).unwrap_or_default();
        letters.push(char::from(b'A' + digit));
        number = (number - 1) / 26;
    }
    letters.iter().rev().collect()
}

/// Writes a title, in quotes where it needs them.
pub(super) fn quote(title: &str) -> String {
    let is_word = |it: char| it.is_alphanumeric() || it == '_';
    let is_plain = title.starts_with(|it: char| it.is_alphabetic() || it == '_') && title.chars().all(is_word);
    if is_plain && cells(title).is_none() { title.to_owned() } else { format!("'{}'", title.replace('\'', "''")) }
}

/// Writes a range of a sheet.
pub(super) fn range_name(title: &str, rows: &Range<usize>, columns: &Range<usize>) -> String {
    let mut text = format!("{}!{}{}", quote(title), column_name(columns.start), rows.start + 1);
    if rows.len() != 1 || columns.len() != 1 {
        let _ = write!(text, ":{}{}", column_name(columns.end.max(1) - 1), rows.end.max(1));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_of_cells() {
        let one = |start, end| Span { start, end };
        for (text, columns, rows) in [
            ("A1", one(0, Some(1)), one(0, Some(1))),
            ("$B$2:C10", one(1, Some(3)), one(1, Some(10))),
            ("C10:B2", one(1, Some(3)), one(1, Some(10))),
            ("A:A", one(0, Some(1)), Span::ALL),
            ("2:2", Span::ALL, one(1, Some(2))),
            ("A2:C", one(0, Some(3)), one(1, None)),
            ("zz3", one(701, Some(702)), one(2, Some(3))),
            ("R2C3:R4C4", one(2, Some(4)), one(1, Some(4))),
        ] {
            let found = cells(text).unwrap();
            assert_eq!((found.columns, found.rows), (columns, rows), "{text}");
        }
        for text in ["", "A", "A0", "Contacts", "A1:", "1A", "ABCD1", "A-1", "A1:B2:C3", "Ä1"] {
            assert_eq!(cells(text), None, "{text}");
        }
    }

    #[test]
    fn titles_are_quoted_only_where_they_need_it_and_read_back() {
        for (title, quoted) in [
            ("Sheet1", "Sheet1"),
            ("Übersicht", "Übersicht"),
            ("D3", "'D3'"),
            ("Q1", "'Q1'"),
            ("my data", "'my data'"),
            ("Jon's", "'Jon''s'"),
            ("🌵 x", "'🌵 x'"),
            ("2026", "'2026'"),
            ("a!b", "'a!b'"),
        ] {
            assert_eq!(quote(title), quoted);
            let text = format!("{quoted}!A1");
            assert_eq!(split_title(&text), Some((title.to_owned(), Some("A1"))));
        }
        assert_eq!(split_title("my data!A:B"), Some(("my data".to_owned(), Some("A:B"))));
        assert_eq!(split_title("'Sheet1'"), Some(("Sheet1".to_owned(), None)));
        assert_eq!(split_title("'Sheet1'A1"), None);
    }

    #[test]
    fn columns_have_names_of_base_26_without_zero() {
        for (index, name) in [(0, "A"), (25, "Z"), (26, "AA"), (701, "ZZ"), (702, "AAA"), (MAX_COLUMNS - 1, "ZZZ")] {
            assert_eq!(column_name(index), name);
            assert_eq!(column_index(name), Some(index));
        }
        assert_eq!(range_name("D3", &(0..1), &(0..1)), "'D3'!A1");
        assert_eq!(range_name("S", &(0..3), &(1..3)), "S!B1:C3");
    }
}
