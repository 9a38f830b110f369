//! `number`: reads numbers as people write them, with marks for decimals and thousands.

use polars::prelude::{DataType, Expr, NULL, lit, when};

use super::{Cleaner, Options, Values};
use crate::model::FieldType;
use crate::transform::{convert::to_text, error::TransformError};

/// `{ number: { decimal: ",", thousands: "." } }`: `"€ 1.234,50"` → 1234.5. Without options `"1,234.50"` → 1234.5. Thousands
/// must stand in groups, so `"1,5"` is refused and not read as 15; the code is `not_a_number`.
pub(super) fn compile(options: &Options) -> Result<Cleaner, TransformError> {
    let decimal = options.text("decimal")?.unwrap_or(".").to_owned();
    let usual = if decimal == "," { "." } else { "," };
    let thousands = options.text("thousands")?.unwrap_or(usual).to_owned();
    if decimal.is_empty() || decimal == thousands {
        return Err(options.wrong("decimal", "must be a mark, and another one than that for thousands"));
    }
    let reason = format!("is no number with `{decimal}` for decimals and `{thousands}` for thousands");
    let cleaner = Cleaner::any(move |values| {
        let expr = match values.field_type {
            FieldType::Integer | FieldType::Number => values.expr.cast(DataType::Float64),
            other => read(to_text(values.expr, other), &decimal, &thousands),
        };
        Values { expr, field_type: FieldType::Number }
    });
    Ok(cleaner.or("not_a_number", &reason))
}

fn read(text: Expr, decimal: &str, thousands: &str) -> Expr {
    // Signs of currencies stand before or after a number and say nothing about its size.
    let bare = text.str().replace_all(lit(r"[\p{Sc}\s]"), lit(""), false);
    let (decimal_mark, mark) = (regex::escape(decimal), regex::escape(thousands));
    let groups =
        if thousands.trim().is_empty() { String::new() } else { format!(r"|\d{{1,3}}({mark}\d{{2,3}})*{mark}\d{{3}}") };
    let shape = format!(r"^[+-]?(\d+{groups})?({decimal_mark}\d+)?$");
    let plain = bare.clone().str().replace_all(lit(thousands), lit(""), true);
    let number = plain.str().replace_all(lit(decimal), lit("."), true).cast(DataType::Float64);
    when(bare.str().contains(lit(shape), true).and(number.clone().is_finite())).then(number).otherwise(lit(NULL))
}
