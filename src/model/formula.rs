//! Cells that a spreadsheet would take for a formula and run.

use std::borrow::Cow;

/// Begins a cell that a spreadsheet would take for a formula.
const GUARD: char = '\'';
/// What a spreadsheet begins formulas with, their full-width forms and what it skips before them.
const FORMULA_STARTS: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// Returns a cell that no spreadsheet runs: one that looks like a formula gets a quote before it.
pub fn guarded(cell: &str) -> Cow<'_, str> {
    if is_formula(cell.trim_start_matches(GUARD)) { Cow::Owned(format!("{GUARD}{cell}")) } else { Cow::Borrowed(cell) }
}

/// Returns what [`guarded`] was given.
pub fn unguarded(cell: &str) -> &str {
    match cell.strip_prefix(GUARD) {
        Some(rest) if is_formula(rest.trim_start_matches(GUARD)) => rest,
        _ => cell,
    }
}

/// A plain negative number is none.
fn is_formula(cell: &str) -> bool {
    let is_number = cell.strip_prefix('-').is_some_and(is_plain_number);
    cell.starts_with(FORMULA_STARTS) && !is_number
}

fn is_plain_number(text: &str) -> bool {
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    has_digit && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b',')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_guarded_and_numbers_are_not() {
        for cell in
            ["=1+1", "+49 30 1234", "@SUM(A1)", "-2+3", "\t=x", "\r=x", "＝1", "'=1", "''=1", "-cmd|' /C calc'!A0"]
        {
            assert_eq!(guarded(cell), format!("'{cell}"));
        }
        for cell in ["-5", "-12.50", "-1,5", "", "it's", "'quoted'", "a=b", "1+1", "'-5"] {
            assert_eq!(guarded(cell), cell);
        }
    }
}
