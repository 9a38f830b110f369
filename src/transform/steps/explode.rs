//! `explode`: makes one record out of each item of a list.

use polars::prelude::{
    DataFrame, DataType, ExplodeOptions, IntoLazy, NULL, by_name, col, concat_str, element, int_ranges, lit, when,
};

use super::{PageStep, Tally, refuse_reserved};
use crate::model::{FieldType, ID, Schema};
use crate::transform::{
    columns,
    convert::{no_empty_list, to_text},
    error::TransformError,
    spec::ExplodeSpec,
};

/// `explode: { field: tags, separator: ";" }`: the record 7 with tags "a;b" → the records `7#0` with tags "a" and `7#1` with
/// tags "b". A record without items becomes one record without a value.
#[derive(Debug)]
pub(super) struct Explode {
    spec: ExplodeSpec,
    field_type: FieldType,
}

/// The number of the item within its record, while the step works.
const NUMBER: &str = "__ferry.number";

pub(super) fn compile(spec: &ExplodeSpec, schema: &mut Schema) -> Result<Explode, TransformError> {
    let place = |error: TransformError| error.under(["explode", "field"]);
    refuse_reserved(&spec.field).map_err(place)?;
    let field_type = columns::require(schema, &spec.field).map_err(place)?;
    let is_list = matches!(field_type, FieldType::MultiChoice | FieldType::Link);
    if !is_list && spec.separator.as_ref().is_none_or(String::is_empty) {
        let message = format!("`{}` is {} and no list", spec.field, field_type.as_str());
        let error =
            TransformError::new("transform.step", message).hint("say what separates its items: `separator: \";\"`");
        return Err(error.under(["explode"]));
    }
    columns::set(schema, &spec.field, FieldType::Text);
    Ok(Explode { spec: spec.clone(), field_type })
}

impl PageStep for Explode {
    fn apply(&self, frame: DataFrame, tally: &mut Tally) -> Result<DataFrame, TransformError> {
        let before = frame.height();
        let field = self.spec.field.as_str();
        let list = match (self.field_type, &self.spec.separator) {
            (FieldType::MultiChoice | FieldType::Link, _) | (_, None) => col(field),
            (other, Some(separator)) => {
                let items = to_text(col(field), other).str().split(lit(separator.as_str()));
                let trimmed = items.list().eval(element().str().strip_chars(lit(NULL)));
                trimmed.list().eval(element().filter(element().neq(lit(""))))
            }
        };
        let list = no_empty_list(list);
        let count = when(list.clone().is_null()).then(lit(1_u32)).otherwise(list.clone().list().len());
        let numbers = int_ranges(lit(0), count.cast(DataType::Int64), lit(1), DataType::Int64).alias(NUMBER);
        let options = ExplodeOptions { empty_as_null: true, keep_nulls: true };
        let single_nulls =
            when(list.clone().is_null()).then(lit(NULL).cast(DataType::String).implode(true).first()).otherwise(list);
        let exploded = frame
            .lazy()
            .with_columns([numbers, single_nulls.alias(field)])
            .explode(by_name([field, NUMBER], true, false), options)
            .with_column(concat_str([col(ID), col(NUMBER).cast(DataType::String)], "#", false).alias(ID))
            .drop(by_name([NUMBER], true, false))
            .collect()?;
        tally.added += exploded.height().saturating_sub(before) as u64;
        Ok(exploded)
    }
}
