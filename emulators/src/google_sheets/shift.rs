//! What moves when rows or columns come, go or change places: references, named and protected ranges, merges, metadata.

use std::ops::Range;

use serde_json::{Map, Value as Json};

use super::{
    a1::Span,
    cell::Entered,
    grid::Dimension,
    numbers,
    sheet::{Area, side},
    spreadsheet::Spreadsheet,
};

/// A change of the rows or columns of a tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Insert {
        at: usize,
        count: usize,
    },
    Delete(Range<usize>),
    /// A range goes to before `to`, a position before the change.
    Move {
        range: Range<usize>,
        to: usize,
    },
}

impl Change {
    /// Returns where a row or column is now; none where it is gone.
    pub(super) fn position(&self, index: usize) -> Option<usize> {
        match self {
            Self::Insert { at, count } => Some(if index >= *at { index + count } else { index }),
            Self::Delete(range) if range.contains(&index) => None,
            Self::Delete(range) => Some(if index >= range.end { index - range.len() } else { index }),
            Self::Move { range, to } => Some(moved(index, range, *to)),
        }
    }

    /// Returns where a span is now; none where nothing of it is left.
    pub(super) fn span(&self, span: Span) -> Option<Span> {
        match self {
            Self::Insert { at, count } => {
                let start = if span.start >= *at && span != Span::ALL { span.start + count } else { span.start };
                let end = span.end.map(|end| if end > *at { end + count } else { end });
                Some(Span { start, end })
            }
            Self::Delete(range) => {
                let before = |index: usize| index - index.min(range.end).saturating_sub(range.start.min(index));
                let found = Span { start: before(span.start), end: span.end.map(before) };
                found.end.is_none_or(|end| end > found.start).then_some(found)
            }
            Self::Move { .. } if span.end == Some(span.start + 1) => {
                let start = self.position(span.start)?;
                Some(Span { start, end: Some(start + 1) })
            }
            Self::Move { .. } => Some(span),
        }
    }

    fn range(&self, range: &Range<usize>) -> Option<Range<usize>> {
        let found = self.span(Span { start: range.start, end: Some(range.end) })?;
        Some(found.start..found.end?)
    }
}

fn moved(index: usize, range: &Range<usize>, to: usize) -> usize {
    let length = range.len();
    if range.contains(&index) {
        let first = if to > range.start { to - length } else { to };
        return first + (index - range.start);
    }
    if to > range.end && (range.end..to).contains(&index) {
        return index - length;
    }
    if to < range.start && (to..range.start).contains(&index) {
        return index + length;
    }
    index
}

/// Carries a change of one tab over to all that speaks of its cells. The cells themselves have moved already.
pub(super) fn follow(book: &mut Spreadsheet, sheet: usize, dimension: Dimension, change: &Change) {
    let id = book.sheets[sheet].id;
    let title = book.sheets[sheet].title.clone();
    let own = &mut book.sheets[sheet];
    own.merges = own.merges.drain(..).filter_map(|area| area_after(&area, dimension, change)).collect();
    let properties = &mut own.dimensions[side(dimension)];
    *properties = std::mem::take(properties)
        .into_iter()
        .filter_map(|(index, fields)| change.position(index).map(|index| (index, fields)))
        .collect();
    for items in own.overlays.values_mut() {
        items.retain_mut(|item| json_after(item, id, dimension, change));
    }
    if own.filter.as_mut().is_some_and(|filter| !json_after(filter, id, dimension, change)) {
        own.filter = None;
    }
    book.named.retain_mut(|item| json_after(item, id, dimension, change));
    book.metadata.retain_mut(|item| json_after(item, id, dimension, change));
    for other in &mut book.sheets {
        let at_home = other.id == id;
        for row in 0..other.grid.kept_rows() {
            let is_touched =
                |entered: &Entered| matches!(entered, Entered::Formula(formula) if formula.speaks_of(at_home, &title));
            if !other.grid.row(row).iter().any(|cell| is_touched(&cell.entered)) {
                continue;
            }
            for cell in other.grid.row_mut(row) {
                if let Entered::Formula(formula) = &cell.entered
                    && let Some(changed) = formula.shifted((at_home, &title), dimension, change)
                {
                    cell.entered = Entered::Formula(changed.into());
                }
            }
        }
    }
}

fn area_after(area: &Area, dimension: Dimension, change: &Change) -> Option<Area> {
    let mut after = area.clone();
    match dimension {
        Dimension::Rows => after.rows = change.range(&area.rows)?,
        Dimension::Columns => after.columns = change.range(&area.columns)?,
    }
    Some(after)
}

/// Moves every `GridRange` and `DimensionRange` in a message; false where the message is about nothing any more.
fn json_after(json: &mut Json, sheet: i64, dimension: Dimension, change: &Change) -> bool {
    match json {
        Json::Array(items) => {
            items.retain_mut(|item| json_after(item, sheet, dimension, change));
            !items.is_empty()
        }
        Json::Object(fields) if is_range(fields) => range_after(fields, sheet, dimension, change),
        Json::Object(fields) => {
            let is_place = |name: &str| matches!(name, "range" | "ranges" | "location" | "dimensionRange");
            fields.iter_mut().all(|(name, value)| {
                let is_alive = !value.is_array() && !value.is_object() || json_after(value, sheet, dimension, change);
                is_alive || !is_place(name)
            })
        }
        _ => true,
    }
}

fn is_range(fields: &Map<String, Json>) -> bool {
    const NAMES: [&str; 6] =
        ["startRowIndex", "endRowIndex", "startColumnIndex", "endColumnIndex", "startIndex", "endIndex"];
    NAMES.iter().any(|name| fields.contains_key(*name))
}

fn range_after(fields: &mut Map<String, Json>, sheet: i64, dimension: Dimension, change: &Change) -> bool {
    if fields.get("sheetId").and_then(numbers::integer).unwrap_or(0) != sheet {
        return true;
    }
    let [start, end] = match (fields.get("dimension").and_then(Json::as_str), dimension) {
        (Some("ROWS"), Dimension::Rows) | (Some("COLUMNS"), Dimension::Columns) => ["startIndex", "endIndex"],
        (Some(_), _) => return true,
        (None, Dimension::Rows) => ["startRowIndex", "endRowIndex"],
        (None, Dimension::Columns) => ["startColumnIndex", "endColumnIndex"],
    };
    let index = |name: &str| fields.get(name).and_then(numbers::index);
    let span = Span { start: index(start).unwrap_or(0), end: index(end) };
    let Some(after) = change.span(span) else { return false };
    if fields.contains_key(start) || after.start > 0 {
        fields.insert(start.to_owned(), Json::from(after.start));
    }
    if let Some(last) = after.end {
        fields.insert(end.to_owned(), Json::from(last));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_follow_what_happens_before_within_and_behind_them() {
        let span = |start, end| Span { start, end: Some(end) };
        let insert = |at| Change::Insert { at, count: 2 };
        for (change, after) in [
            (insert(0), Some(span(4, 7))),
            (insert(2), Some(span(4, 7))),
            (insert(3), Some(span(2, 7))),
            (insert(5), Some(span(2, 5))),
            (Change::Delete(0..1), Some(span(1, 4))),
            (Change::Delete(3..4), Some(span(2, 4))),
            (Change::Delete(1..3), Some(span(1, 3))),
            (Change::Delete(4..9), Some(span(2, 4))),
            (Change::Delete(2..5), None),
            (Change::Delete(5..6), Some(span(2, 5))),
        ] {
            assert_eq!(change.span(span(2, 5)), after, "{change:?}");
        }
        assert_eq!(insert(0).span(Span::ALL), Some(Span::ALL));
    }

    #[test]
    fn a_move_is_a_permutation() {
        let order = |range, to| {
            let change = Change::Move { range, to };
            (0..6).map(|index| change.position(index).unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(order(1..3, 5), [0, 3, 4, 1, 2, 5]);
        assert_eq!(order(3..5, 1), [0, 3, 4, 1, 2, 5]);
        assert_eq!(order(2..3, 6), [0, 1, 5, 2, 3, 4]);
    }
}
