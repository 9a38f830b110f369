//! `rename`: gives fields other names.

use indexmap::IndexMap;
use polars::prelude::{DataFrame, IntoLazy, col};

use super::{PageStep, Tally, refuse_reserved};
use crate::model::{ABSENT, Schema};
use crate::transform::{columns, error::TransformError, items::map_items};

/// `rename: { mail: email }`: the field `mail` becomes `email`.
#[derive(Debug)]
pub(super) struct Rename {
    names: Vec<(String, String)>,
}

pub(super) fn compile(names: &IndexMap<String, String>, schema: &mut Schema) -> Result<Rename, TransformError> {
    let before = schema.clone();
    for (old, new) in names {
        check(old, new, names, &before).map_err(|error| error.under(["rename", old]))?;
        let renamed = schema.fields.iter_mut().zip(&before.fields).find(|(_, field)| field.name.as_str() == old);
        if let Some((field, _)) = renamed {
            field.name = columns::field_name(new);
        }
    }
    Ok(Rename { names: names.iter().map(|(old, new)| (old.clone(), new.clone())).collect() })
}

fn check(old: &str, new: &str, names: &IndexMap<String, String>, schema: &Schema) -> Result<(), TransformError> {
    refuse_reserved(old)?;
    refuse_reserved(new)?;
    columns::require(schema, old)?;
    let is_taken = schema.field(new).is_some() && !names.contains_key(new);
    let is_twice = names.values().filter(|other| *other == new).count() > 1;
    if is_taken || is_twice {
        let message = format!("there would be two fields `{new}`");
        return Err(TransformError::new("transform.duplicate_field", message).hint("drop one of them first"));
    }
    Ok(())
}

impl PageStep for Rename {
    fn apply(&self, mut frame: DataFrame, _tally: &mut Tally) -> Result<DataFrame, TransformError> {
        // A field that nothing uses after this step is not read, so it may be missing.
        let columns: Vec<_> = frame
            .columns()
            .iter()
            .map(|column| {
                let new = self.names.iter().find(|(old, _)| old == column.name().as_str());
                new.map_or_else(|| column.clone(), |(_, new)| column.clone().with_name(new.as_str().into()))
            })
            .collect();
        let height = frame.height();
        frame = DataFrame::new(height, columns)?;
        if frame.column(ABSENT).is_err() {
            return Ok(frame);
        }
        let names = self.names.clone();
        let renamed = map_items(col(ABSENT), move |absent| {
            let new_name =
                |name: &str| names.iter().find(|(old, _)| old == name).map_or(name, |(_, new)| new).to_owned();
            Some(absent.iter().map(|name| new_name(name)).collect())
        });
        Ok(frame.lazy().with_column(renamed.alias(ABSENT)).collect()?)
    }
}
