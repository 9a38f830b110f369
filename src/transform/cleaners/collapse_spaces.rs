//! `collapse_spaces`: writes every run of blanks as one space.

use polars::prelude::lit;

use super::{Cleaner, Options};
use crate::transform::error::TransformError;

/// `"Ada \t Lovelace"` → `"Ada Lovelace"`; line breaks and no-break spaces are blanks too.
#[expect(clippy::unnecessary_wraps, reason = "every cleaner is compiled through the same signature")]
pub(super) fn compile(_options: &Options) -> Result<Cleaner, TransformError> {
    Ok(Cleaner::text(|text| text.str().replace_all(lit(r"\s+"), lit(" "), false)))
}
