//! `trim`: removes blanks around a text.

use polars::prelude::{NULL, lit};

use super::{Cleaner, Options};
use crate::transform::error::TransformError;

/// `" Ada "` → `"Ada"`; a text of blanks alone → no value.
#[expect(clippy::unnecessary_wraps, reason = "every cleaner is compiled through the same signature")]
pub(super) fn compile(_options: &Options) -> Result<Cleaner, TransformError> {
    Ok(Cleaner::text(|text| text.str().strip_chars(lit(NULL))))
}
