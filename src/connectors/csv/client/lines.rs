//! What the parser of the `csv` crate does not tell: the line that a record begins on, and whether its quotes are whole.

use memchr::{memchr, memchr2_iter};

/// Counts lines. A line ends with a line feed, a carriage return, or both.
#[derive(Debug, Clone, Copy)]
pub(super) struct LineCount {
    /// The line that comes next, from 1.
    pub(super) line: u64,
    /// Whether the last byte was a carriage return: a line feed behind it belongs to it.
    pub(super) is_after_return: bool,
}

impl LineCount {
    /// Goes on over bytes.
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        for at in memchr2_iter(b'\r', b'\n', bytes) {
            let is_second_half = bytes[at] == b'\n'
                && at.checked_sub(1).map_or(self.is_after_return, |before| bytes.get(before) == Some(&b'\r'));
            if !is_second_half {
                self.line += 1;
            }
        }
        if let Some(last) = bytes.last() {
            self.is_after_return = *last == b'\r';
        }
    }
}

/// Tells whether text stands behind a closing quote of a record, where only a separator or the line's end may stand. The
/// parser takes such text into the cell without its quotes, and may take the next lines with it.
pub(super) fn has_text_behind_quote(record: &[u8], separator: u8, quote: u8) -> bool {
    let mut rest = record;
    loop {
        if rest.first() == Some(&quote) {
            let Some(behind) = behind_quoted(&rest[1..], quote) else { return true };
            rest = behind;
            match rest.first() {
                Some(b'\r' | b'\n') | None => return false,
                Some(next) if *next == separator => {}
                Some(_) => return true,
            }
        }
        match memchr(separator, rest) {
            Some(at) => rest = &rest[at + 1..],
            None => return false,
        }
    }
}

/// Returns what stands behind the quote that closes a cell; none where no quote does.
fn behind_quoted(cell: &[u8], quote: u8) -> Option<&[u8]> {
    let mut rest = cell;
    loop {
        let behind = rest.get(memchr(quote, rest)? + 1..)?;
        if behind.first() != Some(&quote) {
            return Some(behind);
        }
        rest = &behind[1..];
    }
}

/// Returns the lines of a text that hold something, each with its number.
pub(super) fn numbered_lines(text: &[u8], first: LineCount) -> Vec<(u64, &[u8])> {
    let mut count = first;
    let mut lines = Vec::new();
    for line in text.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')) {
        let held = line.strip_suffix(b"\r").or_else(|| line.strip_suffix(b"\n")).unwrap_or(line);
        if !held.is_empty() {
            lines.push((count.line, held));
        }
        count.pass(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: LineCount = LineCount { line: 1, is_after_return: false };

    #[test]
    fn every_kind_of_line_end_counts_once_wherever_the_bytes_are_cut() {
        let text = b"a\nb\rc\r\nd\r\r\n\ne";
        for cut in 0..text.len() {
            let mut count = START;
            count.pass(&text[..cut]);
            count.pass(&text[cut..]);
            assert_eq!(count.line, 7, "cut at {cut}");
        }
        let numbers: Vec<u64> = numbered_lines(text, START).iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 7]);
    }

    #[test]
    fn only_a_separator_or_the_end_may_follow_a_closing_quote() {
        for (record, is_faulty) in [
            ("a,b", false),
            ("\"a\",\"b\"\r\n", false),
            ("\"a \"\"b\"\"\",c", false),
            ("\"\",\"\"", false),
            ("\"\"\"\"", false),
            ("5\" pipe,c", false),
            ("a \"quoted\" word,c", false),
            (" \"a\",c", false),
            ("\"two\nlines\",c\n", false),
            ("\"5\" pipe\",c", true),
            ("\"say \"hi\" now\",c", true),
            ("a,\"b\" ,c", true),
            ("\"24\"\",x\n2,\"b\",y", true),
            ("a,\"open", true),
        ] {
            assert_eq!(has_text_behind_quote(record.as_bytes(), b',', b'"'), is_faulty, "{record}");
        }
    }
}
