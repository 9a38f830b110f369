//! `lowercase`: writes a text in small letters.

use super::{Cleaner, Options};
use crate::transform::error::TransformError;

/// `"ADA@Example.COM"` → `"ada@example.com"`.
#[expect(clippy::unnecessary_wraps, reason = "every cleaner is compiled through the same signature")]
pub(super) fn compile(_options: &Options) -> Result<Cleaner, TransformError> {
    Ok(Cleaner::text(|text| text.str().to_lowercase()))
}
