//! `date`: reads days as people write them.

use polars::prelude::{NULL, lit};

use super::{Cleaner, Options, Values, datetime};
use crate::model::FieldType;
use crate::transform::{convert::to_text, error::TransformError};

/// `{ date: { format: "%d.%m.%Y" } }`: `"31.01.2024"` → 2024-01-31. `formats` lists several; the first that fits is
/// taken; without, a text must be ISO 8601. Numbers are read by `excel` (`"31415"` → 1986-01-03), `excel_1904`, `epoch_secs` and
/// `epoch_millis`. Of a moment it takes the day in `zone` (UTC where not given). What is no day is
/// refused with `not_a_date`.
pub(super) fn compile(options: &Options) -> Result<Cleaner, TransformError> {
    let formats = datetime::formats(options)?;
    let zone = datetime::zone(options)?;
    let failure = formats.failure_in("not_a_date", "date", &zone);
    let cleaner = Cleaner::any(move |values| {
        let expr = match values.field_type {
            FieldType::Date => values.expr,
            FieldType::Datetime => values.expr.dt().convert_time_zone(zone.clone()).dt().date(),
            other => {
                let text = to_text(values.expr, other).str().strip_chars(lit(NULL));
                formats.read_date_in(&text, &zone)
            }
        };
        Values { expr, field_type: FieldType::Date }
    });
    Ok(cleaner.refusing(failure))
}
