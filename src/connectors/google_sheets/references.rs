//! The cells that a formula speaks of, as they move. Pure.
//!
//! A formula that is put back into a cell is written as a text, so what it speaks of must be where that is now.

use super::a1;

/// Rewrites the cells that a formula of a tab speaks of. `moved` tells where a row and a column of that tab are now, from 0; none
/// leaves them as they are. Texts, other tabs and names stay.
pub(super) fn rewritten(
    formula: &str,
    title: &str,
    row: impl Fn(usize) -> Option<usize>,
    column: impl Fn(usize) -> Option<usize>,
) -> String {
    let mut out = String::with_capacity(formula.len());
    let mut rest = formula;
    while let Some(letter) = rest.chars().next() {
        let length = match letter {
            '"' => quoted(rest, '"'),
            '\'' => quoted(rest, '\''),
            letter if is_word(letter) => rest.find(|next: char| !is_word(next)).unwrap_or(rest.len()),
            letter => letter.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        let is_own = tab_of(&out).is_none_or(|tab| tab == title);
        let is_name = after.starts_with(['(', '!']) || !is_word(letter);
        let is_open = after.starts_with(':') || out.ends_with(':');
        match reference(token)
            .filter(|(column, row)| !is_name && is_own && (is_open || column.is_some() && row.is_some()))
        {
            Some((of_column, of_row)) => {
                push(&mut out, of_column, |place| column(place).map(a1::letters), a1::letters);
                push(
                    &mut out,
                    of_row,
                    |place| row(place).map(|row| (row + 1).to_string()),
                    |row| (row + 1).to_string(),
                );
            }
            None => out.push_str(token),
        }
        rest = after;
    }
    out
}

/// One part of a reference: whether it has a `$`, and its place.
type Part = Option<(bool, usize)>;

fn push(out: &mut String, part: Part, moved: impl Fn(usize) -> Option<String>, same: impl Fn(usize) -> String) {
    let Some((is_fixed, place)) = part else { return };
    if is_fixed {
        out.push('$');
    }
    out.push_str(&moved(place).unwrap_or_else(|| same(place)));
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | '.' | '$')
}

/// Returns the length of a text in quotes; a quote that is written twice is part of it.
fn quoted(text: &str, quote: char) -> usize {
    let mut letters = text.char_indices().skip(1).peekable();
    while let Some((place, letter)) = letters.next() {
        if letter != quote {
            continue;
        }
        if letters.peek().is_some_and(|(_, next)| *next == quote) {
            letters.next();
        } else {
            return place + 1;
        }
    }
    text.len()
}

/// Returns the tab that the next reference is on, where the formula names one right before it; for the second corner of a range
/// it is that of the first.
fn tab_of(before: &str) -> Option<String> {
    let before = match before.strip_suffix(':') {
        Some(range) => range.trim_end_matches(is_word),
        None => before,
    };
    let before = before.strip_suffix('!')?;
    if let Some(inner) = before.strip_suffix('\'') {
        let start = opening(inner)?;
        return Some(inner[start..].replace("''", "'"));
    }
    let start = before
        .rfind(|letter: char| !is_word(letter))
        .map_or(0, |place| place + before[place..].chars().next().map_or(1, char::len_utf8));
    Some(before[start..].to_owned())
}

/// Returns where a text in single quotes begins that ends here.
fn opening(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut end = text.len();
    while let Some(place) = text[..end].rfind('\'') {
        if place > 0 && bytes[place - 1] == b'\'' {
            end = place - 1;
        } else {
            return Some(place + 1);
        }
    }
    None
}

/// Reads `B2`, `$B$2`, `B` and `$2`.
fn reference(token: &str) -> Option<(Part, Part)> {
    let split = |text: &str| -> (bool, usize) {
        let is_fixed = text.starts_with('$');
        (is_fixed, usize::from(is_fixed))
    };
    let (is_fixed, start) = split(token);
    let end = token[start..].find(|letter: char| !letter.is_ascii_alphabetic()).map_or(token.len(), |end| start + end);
    let letters = &token[start..end];
    let column = match letters {
        "" => None,
        letters => Some((is_fixed, a1::column(letters)?)),
    };
    let rest = if column.is_some() { &token[end..] } else { token };
    let (is_fixed, start) = split(rest);
    let digits = &rest[start..];
    let row = match digits {
        "" if !is_fixed => None,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some((is_fixed, digits.parse::<usize>().ok()?.checked_sub(1)?))
        }
        _ => return None,
    };
    (column.is_some() || row.is_some()).then_some((column, row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_formula_speaks_of_moves_with_the_cells() {
        // Row 3 is row 8 now, and a column was inserted at B.
        let row = |row: usize| (row == 2).then_some(7);
        let column = |column: usize| Some(if column >= 1 { column + 1 } else { column });
        for (formula, expected) in [
            ("=B3*0.19", "=C8*0.19"),
            ("=A3&$B$3&B$4", "=A8&$C$8&C$4"),
            ("=SUM(B3:C3)+LOG10(B3)", "=SUM(C8:D8)+LOG10(C8)"),
            ("=\"B3 \"\"B3\"&B3", "=\"B3 \"\"B3\"&C8"),
            ("=VLOOKUP(A3,Owners!A:B,2,FALSE)", "=VLOOKUP(A8,Owners!A:B,2,FALSE)"),
            ("='Jon''s T'!B3+T!B3+'T'!B3:C3", "='Jon''s T'!B3+T!C8+'T'!C8:D8"),
            ("=SUM(B:B)/SUM(3:3)", "=SUM(C:C)/SUM(8:8)"),
            ("=IF(TRUE,Rate_B3,Q1x.B3)+B3.5", "=IF(TRUE,Rate_B3,Q1x.B3)+B3.5"),
            ("=Other!B3:C3", "=Other!B3:C3"),
            ("=A1B+B33+3*3", "=A1B+C33+3*3"),
        ] {
            assert_eq!(rewritten(formula, "T", row, column), expected);
        }
    }
}
