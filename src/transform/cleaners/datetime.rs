//! `datetime`: reads moments as people write them, in the zone where they were written.

use polars::prelude::{NULL, TimeZone, lit};

use super::{Cleaner, Options, Values};
use crate::model::FieldType;
use crate::transform::{
    convert::to_text,
    error::TransformError,
    formats::{Formats, midnight},
};

/// `{ datetime: { format: "%d.%m.%Y %H:%M", zone: Europe/Berlin } }`: `"01.07.2024 12:00"` → 2024-07-01T10:00:00Z. `formats`
/// lists several; without, a text must be ISO 8601. `zone` counts where the text names none (UTC where not given). A time
/// that the zone's clocks skip or show twice is refused with `not_a_datetime`, and the reason says so.
pub(super) fn compile(options: &Options) -> Result<Cleaner, TransformError> {
    let formats = formats(options)?;
    let zone = zone(options)?;
    let failure = formats.failure_in("not_a_datetime", "date and time", &zone);
    let cleaner = Cleaner::any(move |values| {
        let expr = match values.field_type {
            FieldType::Datetime => values.expr,
            FieldType::Date => midnight(values.expr, &zone),
            other => formats.read_moment(&to_text(values.expr, other).str().strip_chars(lit(NULL)), &zone),
        };
        Values { expr, field_type: FieldType::Datetime }
    });
    Ok(cleaner.refusing(failure))
}

/// Reads the options `format` and `formats`.
pub(super) fn formats(options: &Options) -> Result<Formats, TransformError> {
    let single = options.text("format")?;
    let several = options.texts("formats")?.unwrap_or_default();
    let written = single.into_iter().chain(several.iter().map(String::as_str));
    Formats::parse(written).map_err(|error| options.wrong("format", &error.message))
}

/// Reads the option `zone`.
pub(super) fn zone(options: &Options) -> Result<TimeZone, TransformError> {
    let Some(name) = options.text("zone")? else { return Ok(TimeZone::UTC) };
    if let Ok(zone) = name.parse::<chrono_tz::Tz>() {
        return Ok(TimeZone::from_chrono(&zone));
    }
    let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    Err(options.wrong("zone", &format!("is no time zone: `{name}`")).nearest(name, known))
}
