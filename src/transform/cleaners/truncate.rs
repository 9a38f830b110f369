//! `truncate`: cuts a text to a length in characters.

use polars::prelude::lit;

use super::{Cleaner, Options};
use crate::transform::error::TransformError;

/// `{ truncate: { length: 5 } }` or `{ truncate: 5 }`: `"Größenwahn"` → `"Größe"`.
pub(super) fn compile(options: &Options) -> Result<Cleaner, TransformError> {
    let Some(length) = options.count("length")? else {
        return Err(options.missing("length", "{ truncate: { length: 80 } }"));
    };
    Ok(Cleaner::text(move |text| text.str().head(lit(length))))
}
