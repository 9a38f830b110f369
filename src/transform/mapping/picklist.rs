//! `values` and `otherwise`: source value → destination value.

use std::{collections::HashMap, sync::Arc};

use indexmap::IndexMap;
use polars::prelude::{Expr, NULL, NamedFrom, Series, lit, when};

use crate::model::{FieldType, LIST_SEPARATOR, split_list};
use crate::transform::{
    column_query::{Cell, ColumnQuery, Failure},
    constant::constant_text,
    convert::{once_each, split_at, to_text},
    error::TransformError,
    items::map_items,
    spec::Otherwise,
};

pub(super) use crate::transform::cleaners::map_texts;

/// Translates a column; the items of a list each for itself.
pub(super) fn translate(
    query: &mut ColumnQuery,
    field: &str,
    cell: &Cell,
    values: &IndexMap<String, serde_json::Value>,
    otherwise: Option<&Otherwise>,
    wants_list: bool,
) -> Result<Cell, TransformError> {
    let mut table: HashMap<String, Option<String>> = HashMap::new();
    for (from, to) in values {
        let to =
            if to.is_null() { None } else { Some(constant_text(to).map_err(|error| error.under(["values", from]))?) };
        table.insert(from.clone(), to);
    }
    let rest = Rest::of(otherwise).map_err(|error| error.under(["otherwise"]))?;
    let is_list = wants_list || matches!(cell.field_type, FieldType::MultiChoice | FieldType::Link);
    if is_list {
        return Ok(translate_items(query, field, cell, table, rest));
    }
    Ok(translate_texts(query, field, cell, &table, &rest))
}

/// What becomes of a value that is not listed.
#[derive(Debug, Clone)]
enum Rest {
    Rejected,
    Kept,
    Dropped,
    Replaced(String),
}

impl Rest {
    fn of(otherwise: Option<&Otherwise>) -> Result<Self, TransformError> {
        Ok(match otherwise {
            None | Some(Otherwise::Reject) => Self::Rejected,
            Some(Otherwise::Keep) => Self::Kept,
            Some(Otherwise::Null) => Self::Dropped,
            Some(Otherwise::Value { value }) => Self::Replaced(constant_text(value)?),
        })
    }
}

fn unlisted() -> Failure {
    Failure::new("unmapped_value", "is not listed in `values`")
}

fn translate_texts(
    query: &mut ColumnQuery,
    field: &str,
    cell: &Cell,
    table: &HashMap<String, Option<String>>,
    rest: &Rest,
) -> Cell {
    let text = query.put(cell, to_text(cell.expr(), cell.field_type), FieldType::Text);
    let (from, to): (Vec<&str>, Vec<Option<&str>>) =
        table.iter().map(|(from, to)| (from.as_str(), to.as_deref())).unzip();
    let listed = Series::new("".into(), from);
    let is_listed = text.expr().is_in(lit(listed.clone()).implode(true), false);
    let unlisted_value = match rest {
        Rest::Rejected | Rest::Dropped => lit(NULL),
        Rest::Kept => text.expr(),
        Rest::Replaced(value) => lit(value.as_str()),
    };
    let translated = text.expr().replace_strict(
        lit(listed),
        lit(Series::new("".into(), to)),
        Some(lit(NULL)),
        Some(FieldType::Text.dtype()),
    );
    let expr =
        when(text.expr().is_null()).then(lit(NULL)).when(is_listed.clone()).then(translated).otherwise(unlisted_value);
    let after = query.put(&text, expr, FieldType::Text);
    if matches!(rest, Rest::Rejected) {
        query.check(field, Some(&text), text.expr().is_not_null().and(is_listed.not()), unlisted());
    }
    after
}

fn translate_items(
    query: &mut ColumnQuery,
    field: &str,
    cell: &Cell,
    table: HashMap<String, Option<String>>,
    rest: Rest,
) -> Cell {
    let list: Expr = match cell.field_type {
        FieldType::MultiChoice | FieldType::Link => cell.expr(),
        other => split_at(to_text(cell.expr(), other), LIST_SEPARATOR),
    };
    let list = query.put(cell, list, FieldType::MultiChoice);
    let table = Arc::new(table);
    let rejects = matches!(rest, Rest::Rejected);
    let known = Arc::clone(&table);
    let listed = Arc::clone(&table);
    let expr = map_items(list.expr(), move |items| {
        let translated = items.iter().filter_map(|item| match (table.get(*item), &rest) {
            (Some(to), _) => to.clone(),
            (None, Rest::Rejected | Rest::Dropped) => None,
            (None, Rest::Kept) => Some((*item).to_owned()),
            (None, Rest::Replaced(value)) => Some(value.clone()),
        });
        Some(once_each(translated.collect()))
    });
    let after = query.put(&list, expr, FieldType::MultiChoice);
    if rejects {
        let all_known = map_items(list.expr(), move |items| {
            items
                .iter()
                .all(|item| known.contains_key(*item))
                .then(|| items.iter().map(|item| (*item).to_owned()).collect())
        });
        let checked = query.put(&list, all_known, FieldType::MultiChoice);
        let failure = unlisted().unless(move |text| {
            let items = split_list(text, LIST_SEPARATOR);
            let unknown = items.iter().find(|item| !listed.contains_key(*item))?;
            Some(unlisted().of_part(unknown))
        });
        query.check_kept(field, &list, &checked, failure);
    }
    after
}
