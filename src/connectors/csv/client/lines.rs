//! What the parser of the `csv` crate does not tell: the line that a record begins on.

use memchr::memchr2_iter;

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
}
