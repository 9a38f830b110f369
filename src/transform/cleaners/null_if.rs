//! `null_if`: takes some texts for no value.

use polars::prelude::{NULL, NamedFrom, Series, lit, when};

use super::{Cleaner, Options};
use crate::transform::error::TransformError;

/// `{ null_if: ["n/a", "-", unknown] }`: `"N/A"` → no value. Blanks around and the case of letters do not matter.
pub(super) fn compile(options: &Options) -> Result<Cleaner, TransformError> {
    let Some(texts) = options.texts("values")? else {
        return Err(options.missing("values", "{ null_if: [\"n/a\", \"-\"] }"));
    };
    let lower: Vec<String> = texts.iter().map(|text| text.trim().to_lowercase()).collect();
    Ok(Cleaner::text(move |text| {
        let listed = lit(Series::new("".into(), &lower)).implode(true);
        let is_listed = text.clone().str().strip_chars(lit(NULL)).str().to_lowercase().is_in(listed, false);
        when(is_listed).then(lit(NULL)).otherwise(text)
    }))
}
