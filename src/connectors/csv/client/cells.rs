//! Splits records into cells where nothing about them is in doubt.
//!
//! What is in doubt (text behind a closing quote, a carriage return alone) is left to the [`RecordReader`](super::RecordReader),
//! which knows what to refuse and by which line.

use memchr::memchr;

use super::super::config::Form;

/// What stands at a place of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Found {
    /// A record that ends before this place.
    Record(usize),
    /// A line end without a record, up to this place.
    Blank(usize),
    /// Something that has to be looked at more closely.
    Doubt,
    /// The beginning of a record whose end is not in the text.
    Part,
}

/// The cells of one record of a text.
#[derive(Debug, Default)]
pub(in super::super) struct Cells {
    spans: Vec<Span>,
    /// The cells that hold doubled quotes, without the doubles.
    unescaped: String,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    is_unescaped: bool,
}

/// Splits records.
#[derive(Debug)]
pub(in super::super) struct Splitter {
    separator: u8,
    quote: u8,
    /// Which bytes end a cell without quotes.
    ends_cell: [bool; 256],
}

impl Cells {
    /// Returns how many there are.
    pub(in super::super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Returns a cell of the record, which is of this text.
    pub(in super::super) fn get<'text>(&'text self, text: &'text str, cell: usize) -> &'text str {
        let Some(Span { start, end, is_unescaped }) = self.spans.get(cell) else { return "" };
        let held = if *is_unescaped { &self.unescaped } else { text };
        held.get(*start..*end).unwrap_or_default()
    }

    /// Returns all cells in their order.
    pub(in super::super) fn all<'text>(&'text self, text: &'text str) -> impl Iterator<Item = &'text str> {
        (0..self.len()).map(move |cell| self.get(text, cell))
    }

    fn clear(&mut self) {
        self.spans.clear();
        self.unescaped.clear();
    }

    fn push(&mut self, start: usize, end: usize) {
        self.spans.push(Span { start, end, is_unescaped: false });
    }

    fn push_unescaped(&mut self, quoted: &str, quote: char) {
        let start = self.unescaped.len();
        let mut rest = quoted;
        while let Some((before, behind)) = rest.split_once(quote) {
            self.unescaped.push_str(before);
            self.unescaped.push(quote);
            rest = behind.strip_prefix(quote).unwrap_or(behind);
        }
        self.unescaped.push_str(rest);
        self.spans.push(Span { start, end: self.unescaped.len(), is_unescaped: true });
    }
}

impl Splitter {
    pub(in super::super) fn new(form: Form) -> Self {
        let Form { separator, quote, .. } = form;
        let mut ends_cell = [false; 256];
        for mark in [separator, b'\n', b'\r'] {
            ends_cell[usize::from(mark)] = true;
        }
        Self { separator, quote, ends_cell }
    }

    /// Splits the record that begins at a place of a text.
    pub(in super::super) fn split(&self, text: &str, start: usize, cells: &mut Cells) -> Found {
        cells.clear();
        let bytes = text.as_bytes();
        match (bytes.get(start), bytes.get(start + 1)) {
            (Some(b'\n'), _) => return Found::Blank(start + 1),
            (Some(b'\r'), Some(b'\n')) => return Found::Blank(start + 2),
            _ => {}
        }
        let mut at = start;
        loop {
            let behind = if bytes.get(at) == Some(&self.quote) {
                match self.pass_quoted(text, at + 1, cells) {
                    Some(behind) => behind,
                    None => return Found::Part,
                }
            } else {
                let rest = bytes.get(at..).unwrap_or_default();
                let Some(length) = rest.iter().position(|byte| self.ends_cell[usize::from(*byte)]) else {
                    return Found::Part;
                };
                cells.push(at, at + length);
                at + length
            };
            match (bytes.get(behind), bytes.get(behind + 1)) {
                (Some(b'\n'), _) => return Found::Record(behind + 1),
                (Some(b'\r'), Some(b'\n')) => return Found::Record(behind + 2),
                (None, _) | (Some(b'\r'), None) => return Found::Part,
                (Some(mark), _) if *mark == self.separator => at = behind + 1,
                (Some(_), _) => return Found::Doubt,
            }
        }
    }

    /// Takes the cell whose first byte behind the quote is at a place. Returns the place behind the quote that closes it, if one
    /// does.
    fn pass_quoted(&self, text: &str, start: usize, cells: &mut Cells) -> Option<usize> {
        let bytes = text.as_bytes();
        let mut has_doubled = false;
        let mut at = start;
        loop {
            let quote = at + memchr(self.quote, bytes.get(at..)?)?;
            if bytes.get(quote + 1) == Some(&self.quote) {
                has_doubled = true;
                at = quote + 2;
                continue;
            }
            if has_doubled {
                cells.push_unescaped(text.get(start..quote)?, char::from(self.quote));
            } else {
                cells.push(start, quote);
            }
            return Some(quote + 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::config::LineEnd, *};
    use crate::connector::file::Encoding;

    fn split(text: &str) -> (Found, Vec<String>) {
        let form = Form {
            encoding: Encoding::UTF_8,
            separator: b',',
            quote: b'"',
            line_end: LineEnd::Lf,
            guard_formulas: false,
            is_return_line_end: false,
        };
        let mut cells = Cells::default();
        let found = Splitter::new(form).split(text, 0, &mut cells);
        (found, cells.all(text).map(str::to_owned).collect())
    }

    #[test]
    fn a_record_is_split_where_nothing_is_in_doubt() {
        for (text, found, cells) in [
            ("a,b\nc", Found::Record(4), &["a", "b"][..]),
            ("a,b\r\nc", Found::Record(5), &["a", "b"]),
            (",\n", Found::Record(2), &["", ""]),
            ("\"a,\r\nb\",\"\"\n", Found::Record(11), &["a,\r\nb", ""]),
            ("\"say \"\"hi\"\"\",\"\"\"\"\n", Found::Record(18), &["say \"hi\"", "\""]),
            ("5\" pipe,é\n", Found::Record(11), &["5\" pipe", "é"]),
            ("\n", Found::Blank(1), &[]),
            ("\r\na", Found::Blank(2), &[]),
        ] {
            assert_eq!(split(text), (found, cells.iter().map(|cell| (*cell).to_owned()).collect()), "{text:?}");
        }
        for (text, found) in [
            ("a\rb\n", Found::Doubt),
            ("\ra\n", Found::Doubt),
            ("\"a\"b\n", Found::Doubt),
            ("\"a\"\rb\n", Found::Doubt),
            ("\"a\" ,b\n", Found::Doubt),
            ("a,b", Found::Part),
            ("\"a\n", Found::Part),
            ("\"a\"", Found::Part),
            ("\"a\"\"\n", Found::Part),
        ] {
            assert_eq!(split(text).0, found, "{text:?}");
        }
    }
}
