//! The constants of a pipeline, as columns.

use polars::prelude::{Expr, NamedFrom, Series, lit};
use serde_json::Value;

use crate::model::{FieldType, LIST_SEPARATOR, join_list};

use super::{column_query::evaluate, convert::convert, error::TransformError, formats::Formats};

/// Returns a constant as an expression with the type it has by itself.
pub(super) fn constant(value: &Value) -> Result<(Expr, FieldType), TransformError> {
    match value {
        Value::String(text) => Ok((lit(text.as_str()), FieldType::Text)),
        Value::Bool(flag) => Ok((lit(*flag), FieldType::Boolean)),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(whole), _) => Ok((lit(whole), FieldType::Integer)),
            // A whole number of more than 63 bits is carried as its text.
            (None, _) if number.is_u64() => Ok((lit(number.to_string()), FieldType::Text)),
            (None, Some(float)) => Ok((lit(float), FieldType::Number)),
            (None, None) => Err(not_a_constant(value)),
        },
        Value::Array(items) => {
            let texts = items.iter().map(constant_text).collect::<Result<Vec<_>, _>>()?;
            let list = lit(Series::new("".into(), texts)).implode(true).cast(FieldType::MultiChoice.dtype());
            Ok((list.first(), FieldType::MultiChoice))
        }
        Value::Null | Value::Object(_) => Err(not_a_constant(value)),
    }
}

/// Returns a constant as the text that a person would type.
pub(super) fn constant_text(value: &Value) -> Result<String, TransformError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Array(items) => {
            items.iter().map(constant_text).collect::<Result<Vec<_>, _>>().map(|items| join_list(items, LIST_SEPARATOR))
        }
        Value::Null | Value::Object(_) => Err(not_a_constant(value)),
    }
}

/// Returns a constant as an expression of the given type; none where it does not fit.
pub(super) fn constant_as(value: &Value, field_type: FieldType) -> Result<Option<Expr>, TransformError> {
    let (expr, own) = constant(value)?;
    let Some(converted) = convert(expr, own, field_type, &Formats::default()) else { return Ok(None) };
    let is_null = evaluate(converted.expr.clone().is_null().alias("is_null"))?;
    let fits = is_null.column("is_null")?.bool()?.get(0) == Some(false);
    Ok(fits.then_some(converted.expr))
}

fn not_a_constant(value: &Value) -> TransformError {
    TransformError::new("transform.constant", format!("`{value}` is no value of a field"))
        .hint("give a text, a number, true, false, or a list of texts")
}
