//! What all the cells of a column are.

use crate::workbook::{Cell, is_whole};

/// What the cells of a column have been so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Seen {
    Boolean,
    Whole,
    Number,
    Day,
    Moment,
    Text,
}

impl Seen {
    /// Returns what a cell is; none where it says nothing of its column.
    pub(in super::super) fn of(cell: &Cell) -> Option<Self> {
        Some(match cell {
            Cell::Empty | Cell::Error(_) => return None,
            Cell::Text(_) => Self::Text,
            Cell::Number(number) if !is_whole(*number) => Self::Number,
            Cell::Number(_) | Cell::TooLong(_) => Self::Whole,
            Cell::Boolean(_) => Self::Boolean,
            Cell::Day(_) => Self::Day,
            Cell::Moment(_) => Self::Moment,
        })
    }

    /// Returns what a column is that holds both.
    pub(in super::super) fn with(self, other: Self) -> Self {
        match (self, other) {
            _ if self == other => self,
            (Self::Whole, Self::Number) | (Self::Number, Self::Whole) => Self::Number,
            (Self::Day, Self::Moment) | (Self::Moment, Self::Day) => Self::Moment,
            _ => Self::Text,
        }
    }
}
