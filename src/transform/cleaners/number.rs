//! `number`: reads numbers as people write them, with marks for decimals and thousands.

use polars::prelude::Float64Type;
use regex::Regex;

use super::{Cleaner, Options, Values};
use crate::model::{FieldType, exact_number};
use crate::transform::{
    column_query::Failure,
    convert::{exact_numbers, not_exact, to_text},
    error::TransformError,
    numbers::map_values,
};

/// `{ number: { decimal: ",", thousands: "." } }`: `"€ 1.234,50"` → 1234.5. Without options `"1,234.50"` → 1234.5. Thousands
/// must be grouped, so `"1,5"` is refused and not read as 15; the code is `not_a_number`. A number of more digits than can
/// be carried exactly is refused with `not_exact`.
pub(super) fn compile(options: &Options) -> Result<Cleaner, TransformError> {
    let decimal = options.text("decimal")?.unwrap_or(".").to_owned();
    let usual = if decimal == "," { "." } else { "," };
    let thousands = options.text("thousands")?.unwrap_or(usual).to_owned();
    if decimal.is_empty() || decimal == thousands {
        return Err(options.wrong("decimal", "must be a mark, and another one than that for thousands"));
    }
    let reason = format!("is no number with `{decimal}` for decimals and `{thousands}` for thousands");
    let marks = Marks::new(decimal, thousands).map_err(|error| options.wrong("thousands", &error.to_string()))?;
    let refused = marks.clone();
    let failure = Failure::new("not_a_number", reason).unless(move |text| not_exact(&refused.plain(text)?));
    let cleaner = Cleaner::any(move |values| {
        let marks = marks.clone();
        let expr = match values.field_type {
            FieldType::Number => values.expr,
            FieldType::Integer => exact_numbers(to_text(values.expr, FieldType::Integer)),
            other => {
                let read = move |text: &str| exact_number(&marks.plain(text)?);
                map_values::<Float64Type>(to_text(values.expr, other), read)
            }
        };
        Values { expr, field_type: FieldType::Number }
    });
    Ok(cleaner.refusing(failure))
}

/// The marks of numbers, and the shape that they give a number.
#[derive(Debug, Clone)]
struct Marks {
    decimal: String,
    thousands: String,
    shape: Regex,
    /// Signs of currencies and blanks, which surround a number and say nothing about its size.
    around: Regex,
}

impl Marks {
    fn new(decimal: String, thousands: String) -> Result<Self, regex::Error> {
        let (decimal_mark, mark) = (regex::escape(&decimal), regex::escape(&thousands));
        let groups = if thousands.trim().is_empty() {
            String::new()
        } else {
            format!(r"|[0-9]{{1,3}}({mark}[0-9]{{2,3}})*{mark}[0-9]{{3}}")
        };
        let shape = Regex::new(&format!(r"^[+-]?([0-9]+{groups})?({decimal_mark}[0-9]+)?$"))?;
        let around = Regex::new(r"[\p{Sc}\s]")?;
        Ok(Self { decimal, thousands, shape, around })
    }

    /// Returns the number without thousands and with a point; none where the text is no number.
    fn plain(&self, text: &str) -> Option<String> {
        let bare = self.around.replace_all(text, "");
        if !self.shape.is_match(&bare) {
            return None;
        }
        let joined = if self.thousands.is_empty() { bare.into_owned() } else { bare.replace(&self.thousands, "") };
        Some(joined.replace(&self.decimal, "."))
    }
}
