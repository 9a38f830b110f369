//! Decimal numbers as they are written, and whether a 64-bit number carries them exactly.
//!
//! A frame holds numbers as 64-bit floats, and Ferry writes a float as the shortest decimal that leads back to it. So a decimal
//! is carried exactly if it is that shortest decimal: always up to 15 significant digits, sometimes with 16 or 17.
//! Everything else must not become a number (`docs/decisions/0008-exact-numbers.md`).

use std::fmt::Write;

/// Every decimal of so many significant digits survives a float, within [`SAFE_EXPONENT`].
const SAFE_DIGITS: usize = 15;
/// The powers of ten within which the rule of 15 digits holds.
const SAFE_EXPONENT: i64 = 280;
/// Longest number that is written without an exponent, in digits.
const MAX_PLAIN_DIGITS: usize = 64;

/// A decimal number in its one form: `digits` × 10^`exponent`, without zeros at either end of the digits.
#[derive(Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    /// Empty for zero.
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Reads `-12.50`, `.5`, `7.` and `1e-3`.
    fn parse(text: &str) -> Option<Self> {
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, power) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, power)) => (mantissa, power.parse::<i32>().ok()?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let is_numeric = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !is_numeric(whole) || !is_numeric(fraction) {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0').trim_end_matches('0');
        if digits.is_empty() {
            return Some(Self { is_negative: false, digits: String::new(), exponent: 0 });
        }
        let trailing = i64::try_from(all.len() - all.trim_end_matches('0').len()).ok()?;
        let exponent = i64::from(power) - i64::try_from(fraction.len()).ok()? + trailing;
        Some(Self { is_negative, digits: digits.to_owned(), exponent })
    }

    /// Tells whether every decimal of this size survives a float.
    fn is_safe(&self) -> bool {
        self.digits.len() <= SAFE_DIGITS && self.exponent.abs() <= SAFE_EXPONENT
    }

    /// Writes the number without an exponent; none where it would be very long.
    fn plain(&self) -> Option<String> {
        let sign = if self.is_negative { "-" } else { "" };
        let digits = &self.digits;
        if digits.is_empty() {
            return Some("0".to_owned());
        }
        let count = usize::try_from(self.exponent.unsigned_abs()).ok().filter(|count| *count <= MAX_PLAIN_DIGITS)?;
        if digits.len() > MAX_PLAIN_DIGITS {
            return None;
        }
        Some(match (self.exponent >= 0, digits.len().checked_sub(count)) {
            (true, _) => format!("{sign}{digits}{}", "0".repeat(count)),
            (false, Some(whole)) if whole > 0 => format!("{sign}{}.{}", &digits[..whole], &digits[whole..]),
            (false, _) => format!("{sign}0.{}{digits}", "0".repeat(count - digits.len())),
        })
    }
}

/// Tells whether a text is a decimal number at all.
pub fn is_number(text: &str) -> bool {
    Decimal::parse(text).is_some()
}

/// Returns the number that a text writes; none where it is no number, or one that a 64-bit float does not carry exactly.
pub fn exact_number(text: &str) -> Option<f64> {
    let decimal = Decimal::parse(text)?;
    if decimal.digits.is_empty() {
        return Some(0.0);
    }
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    if decimal.is_safe() {
        return Some(number);
    }
    let mut shortest = String::new();
    write!(shortest, "{number:e}").ok()?;
    (Decimal::parse(&shortest)? == decimal).then_some(number)
}

/// Returns the whole number that a text writes, as `7`, `7.00` or `7e0`; none where it has a fraction or more than 64 bits.
pub fn exact_integer(text: &str) -> Option<i64> {
    if let Ok(whole) = text.parse() {
        return Some(whole);
    }
    let decimal = Decimal::parse(text)?;
    if decimal.exponent < 0 {
        return None;
    }
    decimal.plain()?.parse().ok()
}

/// Returns a whole number as a float; none where the float does not carry it exactly.
pub fn exact_float(whole: i64) -> Option<f64> {
    exact_number(&whole.to_string())
}

/// Writes a number in its one form, without an exponent and without needless zeros: `3.0` and `3` are `3`. A number that
/// would be very long stays as it is; none where the text is no number.
pub fn plain_number(text: &str) -> Option<String> {
    Some(Decimal::parse(text)?.plain().unwrap_or_else(|| text.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_is_carried_exactly_or_not_at_all() {
        for (text, number) in [
            ("0.1", Some(0.1)),
            ("100.00", Some(100.0)),
            ("-0.00", Some(0.0)),
            ("1e21", Some(1e21)),
            (".5", Some(0.5)),
            ("+7.", Some(7.0)),
            ("517362.47", Some(517_362.47)),
            ("0.30000000000000004", Some(0.300_000_000_000_000_04)),
            ("2345678901234567", Some(2_345_678_901_234_567.0)),
            ("9007199254740993", None),
            ("12345678901234567.89", None),
            ("99999999999999.99", None),
            ("123456789012345678", None),
            ("123456789012345678901234567890", None),
            ("1e400", None),
            ("1e-400", None),
            ("1.00000000000000000001", None),
        ] {
            assert_eq!(exact_number(text), number, "{text}");
            assert!(is_number(text), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_numbers() {
        for text in ["", "-", ".", "e5", "1e", "1e5.0", "1,5", "0x1F", "1_000", "inf", "NaN", "1 2", "--1", "١٢"] {
            assert!(!is_number(text), "{text}");
            assert_eq!((exact_number(text), exact_integer(text)), (None, None), "{text}");
        }
    }

    #[test]
    fn a_whole_number_may_have_zeros_behind_the_point() {
        for (text, whole) in [
            ("9007199254740993", Some(9_007_199_254_740_993)),
            ("9007199254740993.00", Some(9_007_199_254_740_993)),
            ("1e3", Some(1000)),
            ("12.50", None),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808.0", Some(i64::MIN)),
            ("9223372036854775808", None),
        ] {
            assert_eq!(exact_integer(text), whole, "{text}");
        }
    }

    #[test]
    fn one_number_has_one_plain_form() {
        for (text, plain) in [
            ("3.0", "3"),
            ("1E2", "100"),
            ("-1.50", "-1.5"),
            ("1e-3", "0.001"),
            ("12345e-2", "123.45"),
            ("-0", "0"),
            ("12345678901234567890.10", "12345678901234567890.1"),
            ("1e999", "1e999"),
        ] {
            assert_eq!(plain_number(text).as_deref(), Some(plain), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_carried_comes_out_as_it_went_in(text in "-?[0-9]{1,20}(\\.[0-9]{1,8})?") {
            if let Some(number) = exact_number(&text) {
                prop_assert_eq!(plain_number(&number.to_string()), plain_number(&text));
            }
            if let Some(whole) = exact_integer(&text) {
                prop_assert_eq!(plain_number(&whole.to_string()), plain_number(&text));
            }
        }

        #[test]
        fn fifteen_digits_are_always_carried(digits in 0_u64..1_000_000_000_000_000, scale in 0_usize..20) {
            let text = format!("{digits}e-{scale}");
            prop_assert!(exact_number(&text).is_some(), "{}", text);
        }

        #[test]
        fn every_float_is_carried_as_it_prints(number: f64) {
            prop_assume!(number.is_finite());
            prop_assert_eq!(exact_number(&number.to_string()), Some(number));
        }
    }
}
