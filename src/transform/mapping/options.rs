//! The options of a destination's choice fields: values are checked against them, and labels are turned into values.

use std::{collections::HashMap, sync::Arc};

use polars::prelude::Expr;

use crate::model::{Field, FieldType, LIST_SEPARATOR, split_list};
use crate::transform::{
    column_query::{Cell, ColumnQuery, Failure},
    convert::once_each,
    error::TransformError,
    items::map_items,
};

use super::picklist::map_texts;

/// The most options that a message lists.
const MOST_LISTED: usize = 8;

/// Exact values, and labels in small letters, each with the value that is written.
#[derive(Debug)]
struct Choices {
    values: HashMap<String, String>,
    labels: HashMap<String, String>,
}

impl Choices {
    fn of(field: &Field) -> Self {
        let values = field.options.iter().map(|option| (option.value.clone(), option.value.clone())).collect();
        let labels = field
            .options
            .iter()
            .rev()
            .map(|option| (option.label.trim().to_lowercase(), option.value.clone()))
            .collect();
        Self { values, labels }
    }

    fn value_of(&self, text: &str) -> Option<String> {
        self.values.get(text).or_else(|| self.labels.get(&text.trim().to_lowercase())).cloned()
    }
}

/// Refuses what is no option of the field, where the destination lists its options.
pub(super) fn check(query: &mut ColumnQuery, cell: &Cell, field: &Field) -> Cell {
    if field.options.is_empty() || !matches!(field.field_type, FieldType::Choice | FieldType::MultiChoice) {
        return cell.clone();
    }
    let choices = Arc::new(Choices::of(field));
    let failure = failure(field, &choices);
    let expr: Expr = if field.field_type == FieldType::MultiChoice {
        map_items(cell.expr(), move |items| {
            items.iter().map(|item| choices.value_of(item)).collect::<Option<Vec<_>>>().map(once_each)
        })
    } else {
        map_texts(cell.expr(), move |text| choices.value_of(text))
    };
    let after = query.put(cell, expr, field.field_type);
    query.check_kept(&field.name, cell, &after, failure);
    after
}

/// Makes the failure of a value that is no option; of a list it blames the first item that is none.
fn failure(field: &Field, choices: &Arc<Choices>) -> Failure {
    let failure = Failure::new("unknown_option", reason(field));
    if field.field_type != FieldType::MultiChoice {
        return failure;
    }
    let (plain, choices) = (failure.clone(), Arc::clone(choices));
    failure.unless(move |text| {
        let items = split_list(text, LIST_SEPARATOR);
        let unknown = items.iter().find(|item| choices.value_of(item).is_none())?;
        Some(plain.clone().of_part(unknown))
    })
}

/// Refuses a constant that is no option of the field.
pub(super) fn check_constant(text: &str, field: &Field) -> Result<(), TransformError> {
    let choices = Choices::of(field);
    let items: Vec<String> = match field.field_type {
        _ if field.options.is_empty() => return Ok(()),
        FieldType::MultiChoice => split_list(text, LIST_SEPARATOR),
        FieldType::Choice => vec![text.to_owned()],
        _ => return Ok(()),
    };
    let Some(unknown) = items.into_iter().find(|item| choices.value_of(item).is_none()) else { return Ok(()) };
    let known = field.options.iter().map(|option| option.value.as_str());
    Err(TransformError::new("transform.unknown_option_value", format!("`{unknown}` {}", reason(field)))
        .nearest(&unknown, known))
}

fn reason(field: &Field) -> String {
    let listed: Vec<&str> = field.options.iter().take(MOST_LISTED).map(|option| option.value.as_str()).collect();
    let more = if field.options.len() > MOST_LISTED { ", …" } else { "" };
    format!("is no option of `{}` ({}{more})", field.name, listed.join(", "))
}
