//! The header of a table: which columns have which names. Pure.
//!
//! Columns go by their headings, never by their places. A heading that several columns have tells none of them, so each of those
//! goes by its heading and its letters: `Phone (D)`.

use crate::connector::file::field_name;
use crate::model::one_form;

use super::{a1, cell::Cell};

/// Rows that are looked through for a header where the first has none.
const ROWS_TO_SUGGEST: usize = 20;

/// A column with a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// Its place on the tab, from 0.
    pub(super) place: usize,
    /// Its name as a field.
    pub(super) name: String,
    /// Its heading, where other columns have the same.
    pub(super) shared_heading: Option<String>,
}

/// Returns the columns that have a name, in their order. `first` is the place of the first heading on the tab.
pub(super) fn named_columns(headings: &[Cell], first: usize, id_columns: &[String]) -> Vec<Named> {
    let forms: Vec<String> = headings.iter().map(|heading| one_form(&heading.seen())).collect();
    let named = forms.iter().enumerate().filter(|(_, form)| !form.is_empty());
    named
        .filter_map(|(offset, form)| {
            let place = first + offset;
            let is_shared = forms.iter().filter(|other| *other == form).count() > 1;
            let name = if is_shared { format!("{form} ({})", a1::letters(place)) } else { form.clone() };
            let shared_heading = is_shared.then(|| form.clone());
            Some(Named { place, name: field_name(&name, id_columns)?, shared_heading })
        })
        .collect()
}

/// Tells whether a column is the one that a word means; blanks and invisible characters do not count.
pub(super) fn is_meant(column: &str, word: &str) -> bool {
    column == word || column == one_form(word)
}

/// Finds the first row that could be a header: with the most cells filled among the first rows, and at least two.
pub(super) fn suggested_row(rows: &[Vec<Cell>]) -> Option<usize> {
    let filled = |row: &Vec<Cell>| row.iter().filter(|cell| !cell.is_blank()).count();
    let counts: Vec<usize> = rows.iter().take(ROWS_TO_SUGGEST).map(filled).collect();
    let most = counts.iter().copied().max().filter(|most| *most >= 2)?;
    counts.iter().position(|count| *count == most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(texts: &[&str]) -> Vec<Cell> {
        texts.iter().map(|text| Cell::text(*text)).collect()
    }

    #[test]
    fn columns_go_by_their_headings_and_shared_ones_by_their_place_too() {
        let named = named_columns(&cells(&["Id", "E-Mail", "Phone", "Phone", " Notes ", "", "_id"]), 1, &[]);
        let found: Vec<(usize, &str)> = named.iter().map(|column| (column.place, column.name.as_str())).collect();
        let expected = [(1, "Id"), (2, "E-Mail"), (3, "Phone (D)"), (4, "Phone (E)"), (5, "Notes"), (7, "file._id")];
        assert_eq!(found, expected);
        assert_eq!(named[2].shared_heading.as_deref(), Some("Phone"));
    }

    #[test]
    fn a_likely_header_is_found_below_a_title() {
        let rows = [cells(&["Leads of the fair"]), cells(&["Id", "E-Mail"]), cells(&["1", "a"])];
        assert_eq!(suggested_row(&rows), Some(1));
        assert_eq!(suggested_row(&[cells(&["one"])]), None);
    }
}
