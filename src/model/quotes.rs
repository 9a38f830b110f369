//! Quotes of a CSV record, which parsers take leniently.

use memchr::memchr;

/// Tells whether text stands behind a closing quote of a record, where only a separator or the line's end may stand. The
/// parser takes such text into the cell without its quotes, and may take the next lines with it.
pub fn has_text_behind_quote(record: &[u8], separator: u8, quote: u8) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

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
