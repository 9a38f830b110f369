//! `boolean`: reads yes and no as true and false.

use polars::prelude::{Expr, NULL, NamedFrom, Series, lit, when};

use super::{Cleaner, Options, Values};
use crate::model::FieldType;
use crate::transform::{convert::to_text, error::TransformError};

/// The texts that mean true where the option `yes` is not given.
const YES: [&str; 5] = ["yes", "y", "true", "1", "on"];
/// The texts that mean false where the option `no` is not given.
const NO: [&str; 5] = ["no", "n", "false", "0", "off"];

/// `"Yes"` → true, `"off"` → false; with `{ boolean: { yes: [ja], no: [nein] } }`: `"Ja"` → true. Anything else is refused
/// with `not_a_boolean`.
pub(super) fn compile(options: &Options) -> Result<Cleaner, TransformError> {
    let words = |name: &str, usual: [&str; 5]| -> Result<Vec<String>, TransformError> {
        let given = options.texts(name)?;
        let given = given.unwrap_or_else(|| usual.map(str::to_owned).to_vec());
        Ok(given.iter().map(|word| word.trim().to_lowercase()).collect())
    };
    let (yes, no) = (words("yes", YES)?, words("no", NO)?);
    let reason = format!("is none of {}, {}", yes.join(", "), no.join(", "));
    let cleaner = Cleaner::any(move |values| {
        let expr = match values.field_type {
            FieldType::Boolean => values.expr,
            other => read(&to_text(values.expr, other), &yes, &no),
        };
        Values { expr, field_type: FieldType::Boolean }
    });
    Ok(cleaner.or("not_a_boolean", &reason))
}

fn read(text: &Expr, yes: &[String], no: &[String]) -> Expr {
    let word = text.clone().str().strip_chars(lit(NULL)).str().to_lowercase();
    let is_one_of = |words: &[String]| word.clone().is_in(lit(Series::new("".into(), words)).implode(true), false);
    when(is_one_of(yes)).then(lit(true)).when(is_one_of(no)).then(lit(false)).otherwise(lit(NULL))
}
