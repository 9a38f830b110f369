//! Rows of cells, packed: a tab is held in little more than the bytes of its texts.
//!
//! A decoded cell takes some 60 bytes and a spreadsheet may have ten million. So answers are packed while they are decoded, and a
//! row is unpacked when somebody looks at it.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeSeed, SeqAccess, Visitor},
    ser::SerializeSeq,
};

use super::cell::Cell;

/// Rows of cells, in their order. Rows may differ in length.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Rows {
    bytes: Vec<u8>,
    /// Where each row ends.
    ends: Vec<usize>,
}

/// The cells of a row, unpacked one by one.
struct Unpacked<'rows>(&'rows [u8]);

// How a cell begins. A short text has its length in one byte, a long one in eight.
const EMPTY: u8 = 0;
const SHORT_TEXT: u8 = 1;
const LONG_TEXT: u8 = 2;
const NUMBER: u8 = 3;
const FALSE: u8 = 4;
const TRUE: u8 = 5;

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Adds a row.
    pub(super) fn push(&mut self, cells: &[Cell]) {
        for cell in cells {
            self.pack(cell);
        }
        self.ends.push(self.bytes.len());
    }

    /// Adds the rows of others.
    pub(super) fn append(&mut self, others: Self) {
        if self.ends.is_empty() {
            *self = others;
            return;
        }
        let start = self.bytes.len();
        // Few large blocks are added, so room for more than each takes would be waste.
        self.bytes.reserve_exact(others.bytes.len());
        self.bytes.extend(others.bytes);
        self.ends.extend(others.ends.into_iter().map(|end| start + end));
    }

    /// Returns the cells of a row; none beyond the last row.
    pub(super) fn row(&self, number: usize) -> Vec<Cell> {
        self.unpacked(number).collect()
    }

    /// Returns a cell; an empty one beyond the end of its row.
    pub(super) fn cell(&self, row: usize, place: usize) -> Cell {
        self.unpacked(row).nth(place).unwrap_or_default()
    }

    /// Adds empty rows until there are so many.
    pub(super) fn pad(&mut self, count: usize) {
        self.ends.resize(self.len().max(count), self.bytes.len());
    }

    /// Returns about how many bytes the rows have in an answer.
    pub(super) fn json_bytes(&self) -> usize {
        let size = |cell: Cell| match cell {
            Cell::Text(text) => text.len() + 3,
            Cell::Empty => 3,
            Cell::Number(_) | Cell::Boolean(_) => 12,
        };
        self.iter().flatten().map(size).sum::<usize>() + 3 * self.len()
    }

    /// Returns the rows one by one.
    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = Vec<Cell>> {
        (0..self.len()).map(|number| self.row(number))
    }

    fn unpacked(&self, number: usize) -> Unpacked<'_> {
        let Some(end) = self.ends.get(number) else { return Unpacked(&[]) };
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        Unpacked(&self.bytes[start..*end])
    }

    fn pack(&mut self, cell: &Cell) {
        match cell {
            Cell::Empty => self.bytes.push(EMPTY),
            Cell::Text(text) => {
                if let Ok(length) = u8::try_from(text.len()) {
                    self.bytes.extend([SHORT_TEXT, length]);
                } else {
                    self.bytes.push(LONG_TEXT);
                    self.bytes.extend(text.len().to_le_bytes());
                }
                self.bytes.extend(text.as_bytes());
            }
            Cell::Number(number) => {
                self.bytes.push(NUMBER);
                self.bytes.extend(number.to_le_bytes());
            }
            Cell::Boolean(flag) => self.bytes.push(if *flag { TRUE } else { FALSE }),
        }
    }
}

impl Unpacked<'_> {
    fn take<const COUNT: usize>(&mut self) -> Option<[u8; COUNT]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn take_text(&mut self, length: usize) -> Option<Cell> {
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Cell::Text(String::from_utf8_lossy(text).into_owned()))
    }
}

impl Iterator for Unpacked<'_> {
    type Item = Cell;

    fn next(&mut self) -> Option<Cell> {
        match self.take()? {
            [SHORT_TEXT] => {
                let [length] = self.take()?;
                self.take_text(usize::from(length))
            }
            [LONG_TEXT] => {
                let length = usize::from_le_bytes(self.take()?);
                self.take_text(length)
            }
            [NUMBER] => Some(Cell::Number(f64::from_le_bytes(self.take()?))),
            [FALSE] => Some(Cell::Boolean(false)),
            [TRUE] => Some(Cell::Boolean(true)),
            _ => Some(Cell::Empty),
        }
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.iter()).finish()
    }
}

impl FromIterator<Vec<Cell>> for Rows {
    fn from_iter<T: IntoIterator<Item = Vec<Cell>>>(rows: T) -> Self {
        let mut packed = Self::default();
        rows.into_iter().for_each(|cells| packed.push(&cells));
        packed
    }
}

impl Serialize for Rows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(Some(self.len()))?;
        for row in self.iter() {
            sequence.serialize_element(&row)?;
        }
        sequence.end()
    }
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RowsVisitor)
    }
}

struct RowsVisitor;

impl<'de> Visitor<'de> for RowsVisitor {
    type Value = Rows;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("rows of cells")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Rows, A::Error> {
        let mut packed = Rows::default();
        while rows.next_element_seed(OneRow(&mut packed))?.is_some() {}
        packed.bytes.shrink_to_fit();
        Ok(packed)
    }
}

/// Packs a row while it is decoded.
struct OneRow<'rows>(&'rows mut Rows);

impl<'de> DeserializeSeed<'de> for OneRow<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for OneRow<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a row of cells")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut cells: A) -> Result<(), A::Error> {
        while let Some(cell) = cells.next_element::<Cell>()? {
            self.0.pack(&cell);
        }
        self.0.ends.push(self.0.bytes.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{
        collection::vec,
        prelude::{Just, Strategy, any, prop_oneof},
        prop_assert_eq, proptest,
    };
    use serde_json::json;

    use super::*;

    fn cell() -> impl Strategy<Value = Cell> {
        prop_oneof![
            Just(Cell::Empty),
            any::<String>().prop_map(Cell::text),
            (200_usize..300).prop_map(|length| Cell::text("x".repeat(length))),
            (-1e15..1e15).prop_map(Cell::Number),
            any::<bool>().prop_map(Cell::Boolean),
        ]
    }

    proptest! {
        #[test]
        fn rows_come_back_as_they_were(rows in vec(vec(cell(), 0..6), 0..6)) {
            let packed: Rows = rows.iter().cloned().collect();
            prop_assert_eq!(packed.iter().collect::<Vec<_>>(), rows.clone());
            for (row, cells) in rows.iter().enumerate() {
                for place in 0..7 {
                    prop_assert_eq!(packed.cell(row, place), cells.get(place).cloned().unwrap_or_default());
                }
            }
            prop_assert_eq!(packed.row(rows.len()), Vec::new());
            let (first, last) = rows.split_at(rows.len() / 2);
            let mut joined: Rows = first.iter().cloned().collect();
            joined.append(last.iter().cloned().collect());
            prop_assert_eq!(&joined, &packed);
            let text = serde_json::to_string(&packed).unwrap();
            prop_assert_eq!(&text, &serde_json::to_string(&rows).unwrap());
            prop_assert_eq!(serde_json::from_str::<Rows>(&text).unwrap(), packed);
        }
    }

    #[test]
    fn empty_rows_are_added_and_none_is_taken_away() {
        let mut rows: Rows = [vec![Cell::text("a")]].into_iter().collect();
        rows.pad(0);
        rows.pad(3);
        assert_eq!(rows.iter().collect::<Vec<_>>(), [vec![Cell::text("a")], vec![], vec![]]);
    }

    #[test]
    fn what_is_no_rows_of_cells_is_refused() {
        for wrong in [json!({}), json!(["a"]), json!([[["a"]]]), json!([[{}]]), json!(null)] {
            assert!(serde_json::from_value::<Rows>(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tab_is_held_in_little_more_than_its_texts() {
        let row: Vec<Cell> = (0..12).map(|column| Cell::text(format!("a text of column {column}"))).collect();
        let texts: usize = row.iter().map(|cell| cell.seen().len()).sum();
        let packed: Rows = std::iter::repeat_n(row, 1_000).collect();
        let held = packed.bytes.len() + packed.ends.len() * size_of::<usize>();
        assert!(held < texts * 1_000 * 5 / 4, "{held} bytes for {} of texts", texts * 1_000);
    }
}
