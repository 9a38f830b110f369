//! Lists of texts, mapped list by list where polars has no expression for it.

use polars::prelude::{DataType, Expr, Field, IntoColumn, ListBuilderTrait, ListStringChunkedBuilder};

/// Maps each list of a column to another; to none where the closure gives none, and where no item is left.
pub(super) fn map_items(list: Expr, map: impl Fn(&[&str]) -> Option<Vec<String>> + Send + Sync + 'static) -> Expr {
    list.map(
        move |column| {
            let lists = column.list()?;
            let mut mapped = ListStringChunkedBuilder::new(column.name().clone(), lists.len(), lists.len());
            for items in lists.series_iter() {
                let result = match &items {
                    Some(items) => map(&items.str()?.iter().flatten().collect::<Vec<_>>()),
                    None => None,
                };
                match result.filter(|items| !items.is_empty()) {
                    Some(items) => mapped.append_values_iter(items.iter().map(String::as_str)),
                    None => mapped.append_null(),
                }
            }
            Ok(mapped.finish().into_column())
        },
        |_, field| Ok(Field::new(field.name.clone(), DataType::List(Box::new(DataType::String)))),
    )
}
