//! Which rows of a table have which keys, held small: a table may have millions.

use std::collections::HashMap;

use crate::connector::file::joined_id;

use super::super::{cell::Cell, rows::Rows};

/// The cells of the key of each row that has any, in the order of the rows.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyCells {
    rows: Vec<usize>,
    cells: Rows,
}

/// The rows of each key, from 0.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyRows(HashMap<Box<str>, Numbers>);

/// The rows of a key: nearly always one.
#[derive(Debug, Clone)]
enum Numbers {
    One(usize),
    Several(Vec<usize>),
}

impl KeyCells {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds a row, below all others.
    pub(super) fn push(&mut self, row: usize, cells: &[Cell]) {
        self.rows.push(row);
        self.cells.push(cells);
    }

    /// Returns the rows, in their order.
    pub(super) fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// Returns the rows with their cells.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, Vec<Cell>)> {
        self.rows.iter().copied().zip(self.cells.iter())
    }

    /// Returns the key of a row.
    pub(super) fn key_of(&self, row: usize) -> Option<String> {
        let place = self.rows.binary_search(&row).ok()?;
        key_text(&self.cells.row(place))
    }
}

impl KeyRows {
    pub(super) fn add(&mut self, key: String, row: usize) {
        self.0
            .entry(key.into_boxed_str())
            .and_modify(|rows| match rows {
                Numbers::One(first) => *rows = Numbers::Several(vec![*first, row]),
                Numbers::Several(rows) => rows.push(row),
            })
            .or_insert(Numbers::One(row));
    }

    /// Returns the rows of a key; none where no row has it.
    pub(super) fn of(&self, key: &str) -> &[usize] {
        self.0.get(key).map(Numbers::as_slice).unwrap_or_default()
    }

    /// Returns the only row with a key.
    pub(super) fn only(&self, key: &str) -> Option<usize> {
        match self.of(key) {
            [row] => Some(*row),
            _ => None,
        }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Returns the keys with their rows.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[usize])> {
        self.0.iter().map(|(key, rows)| (&**key, rows.as_slice()))
    }
}

impl Numbers {
    fn as_slice(&self) -> &[usize] {
        match self {
            Self::One(row) => std::slice::from_ref(row),
            Self::Several(rows) => rows,
        }
    }
}

/// Returns the key of a row as a person sees it; none where a part of it is blank.
pub(super) fn key_text(cells: &[Cell]) -> Option<String> {
    let texts: Vec<String> = cells.iter().map(Cell::key).collect();
    if texts.is_empty() || texts.iter().any(String::is_empty) {
        return None;
    }
    Some(joined_id(&texts.iter().map(String::as_str).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_found_by_their_keys_and_keys_by_their_rows() {
        let mut rows = KeyRows::default();
        let mut cells = KeyCells::default();
        for (row, key) in [(3, "a"), (5, "b"), (6, "a"), (9, "a")] {
            rows.add(key.to_owned(), row);
            cells.push(row, &[Cell::text(key)]);
        }
        assert_eq!((rows.of("a"), rows.of("b"), rows.of("c")), (&[3, 6, 9][..], &[5][..], &[][..]));
        assert_eq!((rows.only("a"), rows.only("b"), rows.only("c")), (None, Some(5), None));
        assert_eq!((rows.has("a"), rows.has("c")), (true, false));
        assert_eq!((cells.key_of(6).as_deref(), cells.key_of(7)), (Some("a"), None));
        assert_eq!(cells.rows(), [3, 5, 6, 9]);
    }
}
