//! Which column of one header is which of another one. Pure.
//!
//! Columns go by their headings. A heading that only one of the two headers has is a new column, a column that is gone, or one
//! whose heading was changed: the last where it stands between the same neighbours, or where no other one is left.

use crate::model::one_form;

use super::super::cell::Cell;

/// Returns for each column of a header its place in another one; none where it is gone.
pub(super) fn moves(from: &[Cell], to: &[Cell]) -> Vec<Option<usize>> {
    let (from, to) = (forms(from), forms(to));
    let mut moves: Vec<Option<usize>> = vec![None; from.len()];
    for (place, heading) in from.iter().enumerate().filter(|(_, heading)| !heading.is_empty()) {
        // Of several with one heading, the first is the first.
        let number = from[..place].iter().filter(|other| *other == heading).count();
        moves[place] = to.iter().enumerate().filter(|(_, other)| *other == heading).nth(number).map(|(place, _)| place);
    }
    if moves.iter().all(Option::is_none) {
        // Another row is where the header was: that tells nothing of columns.
        return (0..from.len()).map(Some).collect();
    }
    pair_renamed(&from, &to, &mut moves);
    pair_last(&from, &to, &mut moves);
    moves
}

/// Returns the same from the other side: for each column of the second header its place in the first one.
pub(super) fn reversed(moves: &[Option<usize>], count: usize) -> Vec<Option<usize>> {
    let mut back = vec![None; count];
    for (place, to) in moves.iter().enumerate() {
        if let Some(slot) = to.and_then(|to| back.get_mut(to)) {
            *slot = Some(place);
        }
    }
    back
}

/// Tells whether a column has the same heading at the same place.
pub(super) fn is_in_place(from: &[Cell], to: &[Cell], moves: &[Option<usize>], place: usize) -> bool {
    let form = |headings: &[Cell]| headings.get(place).map(|heading| one_form(&heading.seen())).unwrap_or_default();
    // Beyond the last heading nothing can be told but that there is none.
    moves.get(place).is_none_or(|moved| *moved == Some(place)) && form(from) == form(to)
}

fn forms(headings: &[Cell]) -> Vec<String> {
    headings.iter().map(|heading| one_form(&heading.seen())).collect()
}

/// Pairs what is left between the same neighbours: headings with headings, and columns without one with such columns.
fn pair_renamed(from: &[String], to: &[String], moves: &mut [Option<usize>]) {
    let taken = reversed(moves, to.len());
    let mut place = 0;
    while place < from.len() {
        if moves[place].is_some() {
            place += 1;
            continue;
        }
        let end = (place..from.len()).find(|next| moves[*next].is_some()).unwrap_or(from.len());
        let first = if place == 0 { Some(0) } else { moves[place - 1].map(|before| before + 1) };
        let last = moves.get(end).copied().flatten().unwrap_or(to.len());
        if let Some(first) = first
            && first <= last
            && taken[first..last].iter().all(Option::is_none)
        {
            for is_blank in [false, true] {
                let old: Vec<usize> = (place..end).filter(|place| from[*place].is_empty() == is_blank).collect();
                let new: Vec<usize> = (first..last).filter(|place| to[*place].is_empty() == is_blank).collect();
                // What was pushed out on the right is not seen, so at the end columns without a heading may be fewer.
                if old.len() == new.len() || is_blank && end == from.len() {
                    old.iter().zip(new).for_each(|(old, new)| moves[*old] = Some(new));
                }
            }
        }
        place = end;
    }
}

/// Pairs the only heading that is left on one side with the only one on the other: it was changed, and its column moved.
fn pair_last(from: &[String], to: &[String], moves: &mut [Option<usize>]) {
    let taken = reversed(moves, to.len());
    let left = |headings: &[String], paired: &[Option<usize>]| -> Vec<usize> {
        (0..headings.len()).filter(|place| paired[*place].is_none() && !headings[*place].is_empty()).collect()
    };
    if let ([old], [new]) = (&left(from, moves)[..], &left(to, &taken)[..]) {
        moves[*old] = Some(*new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> Vec<Cell> {
        text.split(' ').map(|heading| Cell::text(heading.trim_matches('-'))).collect()
    }

    #[test]
    fn columns_are_followed_by_their_headings() {
        for (from, to, expected) in [
            ("Id Amount Note", "Id Amount Note", vec![Some(0), Some(1), Some(2)]),
            // Inserted at the left and in the middle; the last one is pushed out of sight.
            ("Id Amount Note", "- Id Amount", vec![Some(1), Some(2), None]),
            ("Id Amount Note -", "Id - Amount Note", vec![Some(0), Some(2), Some(3), None]),
            // Deleted, moved, renamed.
            ("Id Amount Note", "Id Note -", vec![Some(0), None, Some(1)]),
            ("Id Amount Note", "Note Id Amount", vec![Some(1), Some(2), Some(0)]),
            ("Id Amount Note", "Id Sum Note", vec![Some(0), Some(1), Some(2)]),
            ("Id Amount Note", "Key Amount Remark", vec![Some(0), Some(1), Some(2)]),
            // Renamed beside a new column without a heading.
            ("Id Amount Note", "Id - Sum Note", vec![Some(0), Some(2), Some(3)]),
            // One of two with the same heading keeps its order.
            ("Id Phone Phone", "- Id Phone Phone", vec![Some(1), Some(2), Some(3)]),
            // Columns without a heading between the same neighbours.
            ("Id - Note", "- Id - Note", vec![Some(1), Some(2), Some(3)]),
            // Renamed and moved.
            ("Id Amount Note", "Remark Id Amount", vec![Some(1), Some(2), Some(0)]),
            // Two for one: nobody can tell which is which.
            ("Id Amount Note", "Id Sum Total Note", vec![Some(0), None, Some(3)]),
            // A row above the header.
            ("Id Amount Note", "- - -", vec![Some(0), Some(1), Some(2)]),
        ] {
            let (from_header, to_header) = (header(from), header(to));
            assert_eq!(moves(&from_header, &to_header), expected, "{from} -> {to}");
        }
    }

    #[test]
    fn a_heading_that_changed_is_not_in_place() {
        let (from, to) = (header("Id Amount Note"), header("Id Sum Note"));
        let moves = moves(&from, &to);
        let in_place: Vec<bool> = (0..3).map(|place| is_in_place(&from, &to, &moves, place)).collect();
        assert_eq!(in_place, [true, false, true]);
        assert_eq!(reversed(&moves, 3), [Some(0), Some(1), Some(2)]);
    }
}
