//! Reads texts as numbers of a column's type.

use polars::prelude::{ChunkedArray, Expr, Field, IntoColumn, PolarsNumericType};

/// Reads each text as a number of the column's type; those that are none give no value.
pub(super) fn map_values<T>(text: Expr, read: impl Fn(&str) -> Option<T::Native> + Send + Sync + 'static) -> Expr
where
    T: PolarsNumericType,
    ChunkedArray<T>: FromIterator<Option<T::Native>> + IntoColumn,
{
    text.map(
        move |column| {
            let texts = column.str()?;
            let values: ChunkedArray<T> = texts.iter().map(|text| text.and_then(&read)).collect();
            Ok(values.with_name(column.name().clone()).into_column())
        },
        |_, field| Ok(Field::new(field.name.clone(), T::get_static_dtype())),
    )
}
