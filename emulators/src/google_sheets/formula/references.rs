//! References to cells: `A1`, `$A$1`, `B2:C`, `A:A`, `'my data'!A1:B2`, and how they follow changes.

use std::{fmt::Write as _, ops::Range};

use super::super::{
    a1::{self, Span},
    grid::Dimension,
    shift::Change,
};
use super::lexer::Token;

/// One bound of a reference: the position, and whether it is fixed by `$`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) index: usize,
    pub(super) is_fixed: bool,
}

/// A corner: a column, a row, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Corner {
    pub(super) column: Option<Bound>,
    pub(super) row: Option<Bound>,
}

/// A reference to cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reference {
    /// The tab; none for the formula's own.
    pub(super) sheet: Option<String>,
    pub(super) first: Corner,
    pub(super) last: Option<Corner>,
}

/// A reference in a formula's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mention {
    pub(super) reference: Reference,
    /// Where it stands, in bytes behind the `=`.
    pub(super) place: Range<usize>,
}

/// Collects the references of a text.
pub(super) fn mentions(tokens: &[(Token, Range<usize>)]) -> Vec<Mention> {
    let of = |(token, place): &(Token, Range<usize>)| match token {
        Token::Reference(reference) => Some(Mention { reference: reference.clone(), place: place.clone() }),
        _ => None,
    };
    tokens.iter().filter_map(of).collect()
}

impl Corner {
    /// Reads a corner at the start of a text; returns what follows as well.
    pub(super) fn at_start(text: &str) -> Option<(Self, &str)> {
        let (is_column_fixed, rest) = dollar(text);
        let letters = rest.find(|it: char| !it.is_ascii_alphabetic()).unwrap_or(rest.len());
        let (column, after) = rest.split_at(letters);
        let column = match column {
            "" => None,
            name => Some(Bound { index: a1::column_index(name)?, is_fixed: is_column_fixed }),
        };
        let (is_row_fixed, digits) = if column.is_some() { dollar(after) } else { (is_column_fixed, after) };
        let end = digits.find(|it: char| !it.is_ascii_digit()).unwrap_or(digits.len());
        let (row, rest) = digits.split_at(end);
        if row.is_empty() {
            let is_column = column.is_some() && !is_row_fixed;
            return is_column.then_some((Self { column, row: None }, after));
        }
        let row = Some(Bound { index: a1::row_index(row)?, is_fixed: is_row_fixed });
        Some((Self { column, row }, rest))
    }

    fn text(self) -> String {
        let mut text = String::new();
        let sign = |bound: Bound| if bound.is_fixed { "$" } else { "" };
        if let Some(column) = self.column {
            let _ = write!(text, "{}{}", sign(column), a1::column_name(column.index));
        }
        if let Some(row) = self.row {
            let _ = write!(text, "{}{}", sign(row), row.index + 1);
        }
        text
    }

    fn moved(self, rows: isize, columns: isize) -> Option<Self> {
        let by = |bound: Option<Bound>, steps: isize| match bound {
            Some(bound) if !bound.is_fixed => {
                bound.index.checked_add_signed(steps).map(|index| Some(Bound { index, ..bound }))
            }
            other => Some(other),
        };
        Some(Self { column: by(self.column, columns)?, row: by(self.row, rows)? })
    }
}

fn dollar(text: &str) -> (bool, &str) {
    text.strip_prefix('$').map_or((false, text), |rest| (true, rest))
}

impl Reference {
    /// Returns the columns that it spans.
    pub(super) fn columns(&self) -> Span {
        self.span(|corner| corner.column)
    }

    /// Returns the rows that it spans.
    pub(super) fn rows(&self) -> Span {
        self.span(|corner| corner.row)
    }

    /// Whether it is one cell.
    pub(super) fn is_cell(&self) -> bool {
        self.last.is_none()
    }

    fn span(&self, bound: impl Fn(Corner) -> Option<Bound>) -> Span {
        let first = bound(self.first).map(|bound| bound.index);
        let last = self.last.map_or(first, |last| bound(last).map(|bound| bound.index));
        match (first, last) {
            (Some(first), Some(last)) => Span { start: first.min(last), end: Some(first.max(last) + 1) },
            (Some(start), None) | (None, Some(start)) => Span { start, end: None },
            (None, None) => Span::ALL,
        }
    }

    fn text(&self) -> String {
        let sheet = self.sheet.as_deref().map(|title| format!("{}!", a1::quote(title))).unwrap_or_default();
        let last = self.last.map(|last| format!(":{}", last.text())).unwrap_or_default();
        format!("{sheet}{}{last}", self.first.text())
    }

    /// Puts spans in the place of its own, bound by bound.
    fn with_span(mut self, dimension: Dimension, span: Span) -> Self {
        let place = |bound: &mut Option<Bound>, index: usize| {
            if let Some(bound) = bound {
                bound.index = index;
            }
        };
        let end = span.end.map_or(span.start, |end| end - 1);
        let pick = |corner: &mut Corner, index: usize| match dimension {
            Dimension::Rows => place(&mut corner.row, index),
            Dimension::Columns => place(&mut corner.column, index),
        };
        pick(&mut self.first, span.start);
        if let Some(last) = &mut self.last {
            pick(last, end);
        }
        self
    }
}

impl Mention {
    /// Whether it is about a tab.
    pub(super) fn is_of(&self, is_at_home: bool, title: &str) -> bool {
        match &self.reference.sheet {
            Some(sheet) => sheet.eq_ignore_ascii_case(title),
            None => is_at_home,
        }
    }

    /// Returns its text after rows or columns came, went or moved.
    pub(super) fn shifted(&self, dimension: Dimension, change: &Change) -> Option<String> {
        let span = match dimension {
            Dimension::Rows => self.reference.rows(),
            Dimension::Columns => self.reference.columns(),
        };
        if span == Span::ALL {
            return None;
        }
        Some(match change.span(span) {
            Some(after) => self.reference.clone().with_span(dimension, after).text(),
            None => "#REF!".to_owned(),
        })
    }

    /// Returns its text in a cell so many rows and columns away.
    pub(super) fn copied(&self, rows: isize, columns: isize) -> String {
        let reference = &self.reference;
        let first = reference.first.moved(rows, columns);
        let last = reference.last.map(|last| last.moved(rows, columns));
        match (first, last) {
            (Some(first), None) => Reference { first, ..reference.clone() }.text(),
            (Some(first), Some(Some(last))) => Reference { first, last: Some(last), ..reference.clone() }.text(),
            _ => "#REF!".to_owned(),
        }
    }

    /// Returns its text after a tab was given another title.
    pub(super) fn renamed(&self, old: &str, new: &str) -> Option<String> {
        let sheet = self.reference.sheet.as_deref()?;
        let renamed = || Reference { sheet: Some(new.to_owned()), ..self.reference.clone() }.text();
        sheet.eq_ignore_ascii_case(old).then(renamed)
    }
}
