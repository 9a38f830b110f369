//! Cells of a file that goes through a spreadsheet and comes back: what is done to them so that nothing in them runs, and what
//! a spreadsheet does to them by itself.

use encoding_rs::{
    BIG5, EUC_KR, Encoding, GBK, MACINTOSH, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1250, WINDOWS_1251,
    WINDOWS_1252, WINDOWS_1253, WINDOWS_1254, WINDOWS_1257,
};

use crate::workbook::cut_text;

/// The words that spreadsheets write for true and false, by language.
const TRUE: [&str; 6] = ["true", "wahr", "vrai", "verdadero", "vero", "waar"];
const FALSE: [&str; 6] = ["false", "falsch", "faux", "falso", "onwaar", "verdadeiro"];
/// Digits that a spreadsheet keeps of a number.
const KEPT_DIGITS: usize = 15;

/// The encodings in which spreadsheets save text without a word about it, the most frequent first.
pub(super) const ENCODINGS: [&Encoding; 11] = [
    WINDOWS_1252,
    MACINTOSH,
    WINDOWS_1250,
    WINDOWS_1251,
    WINDOWS_1253,
    WINDOWS_1254,
    WINDOWS_1257,
    SHIFT_JIS,
    GBK,
    BIG5,
    EUC_KR,
];

/// Tells whether a cell that comes back holds what went out, but for what a spreadsheet changes without being asked: zeros in
/// front, digits behind the fifteenth, the form of dates, capital letters of true and false.
pub(super) fn is_same_to_a_spreadsheet(original: &str, cell: &str) -> bool {
    let (original, cell) = (original.trim(), cell.trim());
    original.replace("\r\n", "\n") == cell.replace("\r\n", "\n")
        || is_same_word(original, cell)
        || is_same_number(original, cell)
        || is_same_date(original, cell)
        || is_without_letters(original, cell)
        // A cell holds no longer text.
        || (cut_text(original).len() < original.len() && cut_text(original) == cell)
}

fn is_same_word(original: &str, cell: &str) -> bool {
    let (original, cell) = (original.to_lowercase(), cell.to_lowercase());
    (original == "true" && TRUE.contains(&cell.as_str())) || (original == "false" && FALSE.contains(&cell.as_str()))
}

/// A number: its sign, its digits without zeros around them, and its power of ten.
#[derive(Debug, PartialEq)]
struct Number {
    is_negative: bool,
    digits: String,
    power: i64,
    has_exponent: bool,
}

impl Number {
    fn of(text: &str) -> Option<Self> {
        let lower = text.to_lowercase();
        let (mantissa, exponent) = match lower.split_once('e') {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok().filter(|power| power.abs() < 400)?),
            None => (lower.as_str(), 0),
        };
        let is_negative = mantissa.starts_with('-');
        let plain = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
        let (whole, fraction) = plain.split_once(['.', ',']).unwrap_or((plain, ""));
        let is_numeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_numeric(whole) || !is_numeric(fraction) || (whole.is_empty() && fraction.is_empty()) {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let digits = significant.trim_end_matches('0').to_owned();
        let zeros = i64::try_from(significant.len() - digits.len()).ok()?;
        let power = exponent - i64::try_from(fraction.len()).ok()? + zeros;
        let power = if digits.is_empty() { 0 } else { power };
        Some(Self { is_negative, digits, power, has_exponent: lower.contains('e') })
    }

    /// Returns the power of ten of the first digit.
    fn magnitude(&self) -> i64 {
        self.power + i64::try_from(self.digits.len()).unwrap_or(i64::MAX)
    }

    /// Returns the value as digits of a fixed count, rounded.
    fn rounded(&self, count: usize) -> Option<u64> {
        let padded = format!("{:0<width$}", self.digits, width = count + 1);
        let kept: u64 = padded.get(..count)?.parse().ok()?;
        let is_up = padded.as_bytes().get(count).is_some_and(|digit| *digit >= b'5');
        Some(kept + u64::from(is_up))
    }
}

fn is_same_number(original: &str, cell: &str) -> bool {
    let (Some(original), Some(cell)) = (Number::of(original), Number::of(cell)) else { return false };
    if original.is_negative != cell.is_negative {
        return false;
    }
    if (&original.digits, original.power) == (&cell.digits, cell.power) {
        return true;
    }
    let shown = match (cell.has_exponent, original.digits.len() > KEPT_DIGITS) {
        // `1.23457E+16` shows six digits of the number, or as many as the cell has.
        (true, _) => cell.digits.len().clamp(1, 6),
        (false, true) => KEPT_DIGITS,
        (false, false) => return false,
    };
    let is_cut = original.digits.get(..shown) == cell.digits.get(..shown.min(cell.digits.len()));
    original.magnitude() == cell.magnitude() && (is_cut || original.rounded(shown) == cell.rounded(shown))
}

/// Tells whether both are one date written in two forms. Two of one form are two dates.
fn is_same_date(original: &str, cell: &str) -> bool {
    let (Some(left), Some(right)) = (date_parts(original), date_parts(cell)) else { return false };
    let shape = |text: &str| -> String {
        text.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }).collect()
    };
    shape(original) != shape(cell) && left == right
}

/// Returns the numbers of a date, sorted, with the year's last two digits; none where the text is no date.
fn date_parts(text: &str) -> Option<[u32; 3]> {
    let day = text.split([' ', 'T']).next()?;
    let rest = text[day.len()..].trim_start_matches([' ', 'T']).trim_end_matches('Z');
    let is_midnight = rest.bytes().all(|byte| b"0:.".contains(&byte));
    let parts: Vec<u32> = day.split(['-', '.', '/']).map(str::parse).collect::<Result<_, _>>().ok()?;
    let mut parts: [u32; 3] = parts.try_into().ok()?;
    let is_date =
        parts.iter().all(|part| (1..=9999).contains(part)) && parts.iter().filter(|part| **part <= 31).count() >= 2;
    if !is_midnight || !is_date {
        return None;
    }
    for part in &mut parts {
        if *part > 100 {
            *part %= 100;
        }
    }
    parts.sort_unstable();
    Some(parts)
}

/// Tells whether a cell is the text as an encoding holds it that lacks some of its letters: they became `?`.
fn is_without_letters(original: &str, cell: &str) -> bool {
    let is_kept = |(letter, seen): (char, char)| letter == seen || (seen == '?' && !letter.is_ascii());
    original.chars().count() == cell.chars().count() && original.chars().zip(cell.chars()).all(is_kept)
}

/// Returns the text of a file as a spreadsheet may have saved it, and the name of the encoding where it is not UTF-8; none where
/// nothing tells which of [`ENCODINGS`] it is.
pub(super) fn decoded(bytes: &[u8]) -> Option<(String, Option<&'static str>)> {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        let (text, _) = encoding.decode_without_bom_handling(&bytes[length..]);
        return Some((text.into_owned(), (encoding != UTF_8).then(|| encoding.name())));
    }
    let wide = match bytes {
        [first, 0, second, 0, ..] if first.is_ascii() && second.is_ascii() => Some(UTF_16LE),
        [0, first, 0, second, ..] if first.is_ascii() && second.is_ascii() => Some(UTF_16BE),
        _ => None,
    };
    if let Some(encoding) = wide {
        return Some((encoding.decode_without_bom_handling(bytes).0.into_owned(), Some(encoding.name())));
    }
    std::str::from_utf8(bytes).ok().map(|text| (text.to_owned(), None))
}

/// Returns what stands between the cells, as the header shows it, and the text without a line that only says so.
pub(super) fn separator(text: &str) -> (u8, &str) {
    let (first, rest) = text.split_once(['\n', '\r']).unwrap_or((text, ""));
    let rest = rest.strip_prefix('\n').unwrap_or(rest);
    if let Some(&[mark]) = first.trim_matches(['"', ' ']).strip_prefix("sep=").map(str::as_bytes) {
        return (mark, rest);
    }
    let count = |mark: u8| first.bytes().filter(|byte| *byte == mark).count();
    let most = [b',', b';', b'\t', b'|'].into_iter().rev().max_by_key(|mark| count(*mark));
    (most.unwrap_or(b','), text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{guarded, unguarded};

    proptest! {
        #[test]
        fn a_guarded_cell_gives_the_original_back(cell in "['=+@\\-\t\r a-z0-9.,＝]{0,8}") {
            let sent = guarded(&cell);
            prop_assert_eq!(unguarded(&sent), cell.as_str());
        }
    }

    #[test]
    fn what_a_spreadsheet_changes_by_itself_is_no_correction() {
        for (original, cell) in [
            ("007", "7"),
            ("0301234567", "301234567"),
            ("+4930123", "4930123"),
            ("1.50", "1.5"),
            ("1.5", "1,5"),
            ("1E5", "1,00E+05"),
            ("1E5", "100000"),
            ("12345678901234567", "1.23457E+16"),
            ("12345678901234567", "1,23457E+16"),
            ("12345678901234567", "12345678901234500"),
            ("12345678901234567", "12345678901234600"),
            ("4012345678901", "4.01235E+12"),
            ("0000", "0"),
            ("true", "TRUE"),
            ("false", "FALSCH"),
            ("2024-01-31", "31.01.2024"),
            ("2024-01-31", "1/31/2024"),
            ("2024-01-31", "31.01.24"),
            ("2024-01-31T00:00:00Z", "31/01/2024"),
            ("two\r\nlines", "two\nlines"),
            ("Łódź", "?ód?"),
            ("Łódź", "??d?"),
        ] {
            assert!(is_same_to_a_spreadsheet(original, cell), "{original} {cell}");
        }
    }

    #[test]
    fn what_a_person_changes_is_a_correction() {
        for (original, cell) in [
            ("007", "8"),
            ("007", ""),
            ("", "x"),
            ("0301234567", "0301234568"),
            ("1.5", "15"),
            ("5", "-5"),
            ("true", "FALSE"),
            ("2024-01-02", "2024-02-01"),
            ("2024-01-31", "30.01.2024"),
            ("2024-01-31T10:00:00Z", "31.01.2024"),
            ("12345678901234567", "1.23458E+16"),
            ("12345678901234567", "12345678901234700"),
            ("123456", "123457"),
            ("ada@x", "ada@y"),
            ("Ada", "ada"),
            ("1.2.3", "1.2.4"),
        ] {
            assert!(!is_same_to_a_spreadsheet(original, cell), "{original} {cell}");
        }
    }

    #[test]
    fn files_are_read_as_spreadsheets_save_them() {
        assert_eq!(decoded(b"\xEF\xBB\xBFa;\xC3\xBC"), Some(("a;ü".to_owned(), None)));
        assert_eq!(decoded(b"a;\xFC"), None);
        assert_eq!(decoded(b"\xFF\xFEa\0"), Some(("a".to_owned(), Some("UTF-16LE"))));
        assert_eq!(decoded(b"a\0;\0"), Some(("a;".to_owned(), Some("UTF-16LE"))));
        assert_eq!(separator("a|b\rc|d").0, b'|');
        assert_eq!(separator("a;b;c\r\n1,2;3"), (b';', "a;b;c\r\n1,2;3"));
        assert_eq!(separator("a,b;\nx").0, b',');
        assert_eq!(separator("a\tb\nx").0, b'\t');
        assert_eq!(separator("sep=;\r\na;b\n"), (b';', "a;b\n"));
        assert_eq!(separator("alone\n").0, b',');
    }
}
