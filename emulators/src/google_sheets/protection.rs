//! Protected ranges: who may write where.

use serde_json::Value as Json;

use super::{account::Moment, errors::ApiError, sheet::Area, spreadsheet::Spreadsheet};

/// Fails when the caller may not write into an area.
pub(super) fn check(book: &Spreadsheet, sheet: usize, area: &Area, moment: &Moment) -> Result<(), ApiError> {
    let guards = |range: &Json| covers(book, sheet, range, area);
    let is_guarded = book.sheets[sheet].overlay("protectedRanges").iter().any(|protected| {
        let is_open = |range: &Json| {
            book.grid_range(range).is_ok_and(|found| {
                let cells = found.cells;
                found.sheet == sheet && book.sheets[sheet].area(cells.rows, cells.columns).holds(area)
            })
        };
        let open = protected.get("unprotectedRanges").and_then(Json::as_array);
        guards(&protected["range"])
            && !may_edit(protected, &moment.user)
            && !open.is_some_and(|ranges| ranges.iter().any(is_open))
    });
    if is_guarded {
        return Err(ApiError::protected());
    }
    Ok(())
}

fn covers(book: &Spreadsheet, sheet: usize, range: &Json, area: &Area) -> bool {
    book.grid_range(range).is_ok_and(|found| {
        let cells = found.cells;
        found.sheet == sheet && book.sheets[sheet].area(cells.rows, cells.columns).meets(area)
    })
}

/// Whether somebody may change a protected range.
pub(super) fn may_edit(protected: &Json, user: &str) -> bool {
    if protected["warningOnly"].as_bool() == Some(true) {
        return true;
    }
    let users = protected["editors"].get("users").and_then(Json::as_array);
    users
        .is_some_and(|users| users.iter().any(|editor| editor.as_str().is_some_and(|it| it.eq_ignore_ascii_case(user))))
}
