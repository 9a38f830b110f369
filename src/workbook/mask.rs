//! What number formats say of a number: `00000` shows 1067 as `01067`, which is a postcode, and `hh` makes a day a moment.

use super::cell::is_whole;

/// A format of nothing but digits that are always shown, and signs between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mask {
    /// The signs in their order; none for a digit.
    parts: Vec<Option<char>>,
    digit_count: usize,
}

impl Mask {
    /// Returns the mask that a format code is; none for a format of amounts, dates or texts.
    pub(super) fn of(code: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut letters = code.chars();
        while let Some(letter) = letters.next() {
            match letter {
                ';' => break,
                '0' => parts.push(None),
                '-' | '/' | ' ' | '(' | ')' => parts.push(Some(letter)),
                '\\' => parts.push(Some(letters.next()?)),
                '"' => parts.extend(letters.by_ref().take_while(|quoted| *quoted != '"').map(Some)),
                // A colour, a condition or a country.
                '[' => letters.by_ref().take_while(|inside| *inside != ']').for_each(drop),
                // The width of a sign, which shows nothing.
                '_' => drop(letters.next()),
                _ => return None,
            }
        }
        let digit_count = parts.iter().filter(|part| part.is_none()).count();
        (digit_count > 1).then_some(Self { parts, digit_count })
    }

    /// Returns what the mask shows of a number; none where it shows it as any other format does.
    pub(super) fn shown(&self, number: f64) -> Option<String> {
        if number < 0.0 || !is_whole(number) || number >= 1e15 {
            return None;
        }
        let digits = format!("{number:0width$}", width = self.digit_count);
        let mut digits = digits.chars();
        let mut before = digits.clone().count().checked_sub(self.digit_count)?;
        let mut shown = String::new();
        for part in &self.parts {
            if let Some(sign) = part {
                shown.push(*sign);
            } else {
                shown.extend(digits.by_ref().take(before + 1));
                before = 0;
            }
        }
        Some(shown)
    }
}

/// What a number format says about the cells that have it.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// It shows a code.
    pub(super) mask: Option<Mask>,
    /// It shows hours.
    pub(super) has_time: bool,
}

impl Shown {
    /// Returns what a format code says.
    pub(super) fn of(code: &str) -> Self {
        Self { mask: Mask::of(code), has_time: code.contains(['h', 'H']) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_shown_with_their_zeros_and_amounts_are_no_codes() {
        for (code, number, shown) in [
            ("00000", 1067.0, Some("01067")),
            ("00000;@", 1067.0, Some("01067")),
            ("[$-407]00000", 1067.0, Some("01067")),
            ("00000\\-0000", 21_390_000.0, Some("02139-0000")),
            ("000\\-00\\-0000", 12_345_678.0, Some("012-34-5678")),
            ("\"D-\"00000", 1067.0, Some("D-01067")),
            ("00", 123.0, Some("123")),
            ("00000", 1.5, None),
            ("00000", -3.0, None),
        ] {
            assert_eq!(Mask::of(code).unwrap().shown(number).as_deref(), shown, "{code}");
        }
        for code in ["General", "0", "0.00", "#,##0", "@", "yyyy-mm-dd", "0%", "0.00E+00", ""] {
            assert_eq!(Mask::of(code), None, "{code}");
        }
    }
}
