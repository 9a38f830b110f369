//! `digits`: keeps the digits of a text.

use polars::prelude::lit;

use super::{Cleaner, Options};
use crate::transform::error::TransformError;

/// `"VAT DE 123-456"` → `"123456"`; a text without digits → no value.
#[expect(clippy::unnecessary_wraps, reason = "every cleaner is compiled through the same signature")]
pub(super) fn compile(_options: &Options) -> Result<Cleaner, TransformError> {
    Ok(Cleaner::text(|text| text.str().replace_all(lit("[^0-9]"), lit(""), false)))
}
