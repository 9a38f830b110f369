//! `normalize`: gives texts that look the same one form.

use super::{Cleaner, Options};
use crate::model::one_form;
use crate::transform::error::TransformError;

/// `"Cafe\u{301}\u{a0}Z\u{200b}ürich "` → `"Café Zürich"`: accents as one character with their letter (Unicode NFC), every kind
/// of blank as one space, none at the ends, and no invisible characters.
#[expect(clippy::unnecessary_wraps, reason = "every cleaner is compiled through the same signature")]
pub(super) fn compile(_options: &Options) -> Result<Cleaner, TransformError> {
    Ok(Cleaner::each_text(|text| Some(one_form(text))))
}
