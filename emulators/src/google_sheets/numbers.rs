//! Numbers: cells hold doubles, positions are whole.

use serde_json::{Number, Value as Json};

/// The largest whole number that a double holds exactly.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Returns a whole number as a double.
#[expect(clippy::cast_precision_loss, reason = "positions and counts stay far below 2^53")]
pub(super) fn double(number: usize) -> f64 {
    number as f64
}

/// Returns a whole number as a double.
#[expect(clippy::cast_precision_loss, reason = "days, seconds and sheet ids stay far below 2^53")]
pub(super) fn signed_double(number: i64) -> f64 {
    number as f64
}

/// Returns a double without its fraction; none beyond what a double holds exactly.
#[expect(clippy::cast_possible_truncation, reason = "the range is checked, and the fraction is what goes")]
pub(super) fn whole(number: f64) -> Option<i64> {
    (number.abs() <= MAX_EXACT).then(|| number.trunc() as i64)
}

/// Returns a double as a position; none where it is negative or too large.
pub(super) fn position(number: f64) -> Option<usize> {
    whole(number).and_then(|number| usize::try_from(number).ok())
}

/// Returns a double as JSON: whole numbers without a fraction.
pub(super) fn json(number: f64) -> Json {
    match whole(number) {
        Some(integer) if number.fract() == 0.0 => Json::from(integer),
        _ => Number::from_f64(number).map_or(Json::Null, Json::Number),
    }
}

/// Reads a whole number of JSON, which may be written as a text.
pub(super) fn integer(json: &Json) -> Option<i64> {
    match json {
        Json::Number(number) => {
            number.as_i64().or_else(|| number.as_f64().filter(|it| it.fract() == 0.0).and_then(whole))
        }
        Json::String(text) => text.parse().ok(),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Reads a position of JSON.
pub(super) fn index(json: &Json) -> Option<usize> {
    integer(json).and_then(|number| usize::try_from(number).ok())
}
