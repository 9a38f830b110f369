//! Fields by their labels: a pipeline may call a field what the vendor's screens call it, where no other field has that label.
//!
//! Names and labels meet here alone. What is compiled after this knows names only, offline (`check_…`) as in a run.

use indexmap::IndexMap;
use polars::prelude::Expr;
use serde_json::Value as Json;

use crate::model::{FieldName, Schema};

use super::{
    cleaners::FIELD_OPTIONS,
    columns::type_of,
    error::TransformError,
    spec::{CleanerSpec, FullMapping, JoinOn, JoinSpec, StepSpec},
};

/// Returns the name of the column that a word means; a word that means none stays as it is.
///
/// # Errors
/// Fails when the word is the label of several fields.
pub(super) fn name_of<'a>(schema: &'a Schema, word: &'a str) -> Result<&'a str, TransformError> {
    if type_of(schema, word).is_some() {
        return Ok(word);
    }
    match schema.find(word) {
        Ok(found) => Ok(found.map_or(word, |field| field.name.as_str())),
        Err(ambiguous) => Err(TransformError::new("transform.ambiguous_label", ambiguous.to_string())
            .hint(format!("write the field's name: {}", ambiguous.names()))),
    }
}

/// Returns the names of a key's fields at a destination.
///
/// # Errors
/// Fails when a word is the label of several fields.
pub fn key_names(key: &[FieldName], destination: &Schema) -> Result<Vec<FieldName>, TransformError> {
    let names = key.iter().enumerate().map(|(index, word)| {
        let name = name_of(destination, word).map_err(|error| error.under(["key", &index.to_string()]))?;
        Ok(FieldName::new(name))
    });
    names.collect()
}

/// Puts names for labels in the columns of an expression.
pub(super) fn in_expression(expr: Expr, schema: &Schema) -> Result<Expr, TransformError> {
    let mut mistake = None;
    let named = expr.map_expr(|part| match part {
        Expr::Column(word) => match name_of(schema, &word) {
            Ok(name) if name == word.as_str() => Expr::Column(word),
            Ok(name) => Expr::Column(name.into()),
            Err(error) => {
                mistake.get_or_insert(error);
                Expr::Column(word)
            }
        },
        other => other,
    });
    mistake.map_or(Ok(named), Err)
}

/// Puts names for the labels of the fields that a mapping takes its value from, and that its cleaners look at.
pub(super) fn in_mapping(mut spec: FullMapping, source: &Schema) -> Result<FullMapping, TransformError> {
    spec.apply = in_cleaners(&spec.apply, source).map_err(|error| error.under(["apply"]))?;
    if let Some(word) = &spec.from {
        let name = name_of(source, word).map_err(|error| error.under(["from"]))?;
        spec.from = Some(name.to_owned());
    }
    Ok(spec)
}

/// Puts names for the labels of the fields that cleaners look at.
fn in_cleaners(cleaners: &[CleanerSpec], schema: &Schema) -> Result<Vec<CleanerSpec>, TransformError> {
    let mut named = cleaners.to_vec();
    for cleaner in &mut named {
        let CleanerSpec::WithOptions(options) = cleaner else { continue };
        for (name, option) in FIELD_OPTIONS {
            let word = options.get_mut(name).and_then(|options| options.get_mut(option));
            if let Some(Json::String(word)) = word {
                *word = name_of(schema, word)?.to_owned();
            }
        }
    }
    Ok(named)
}

/// Puts names for labels in a step. The SQL of an `aggregate` knows names only; that of the others is compiled expression by
/// expression ([`in_expression`]).
pub(super) fn in_step(spec: &StepSpec, schema: &Schema) -> Result<StepSpec, TransformError> {
    let name = |word: &String| name_of(schema, word).map(str::to_owned);
    let names = |words: &[String]| words.iter().map(name).collect::<Result<Vec<_>, _>>();
    let step = match spec {
        StepSpec::Rename(fields) => StepSpec::Rename(keyed(fields, schema)?),
        StepSpec::Cast(fields) => StepSpec::Cast(keyed(fields, schema)?),
        StepSpec::Apply(fields) => {
            let mut by_field = keyed(fields, schema)?;
            for cleaners in by_field.values_mut() {
                *cleaners = in_cleaners(cleaners, schema)?;
            }
            StepSpec::Apply(by_field)
        }
        StepSpec::Drop(words) => StepSpec::Drop(names(words)?),
        StepSpec::Split(split) => {
            let mut split = split.clone();
            split.field = name(&split.field)?;
            StepSpec::Split(split)
        }
        StepSpec::Explode(explode) => {
            let mut explode = explode.clone();
            explode.field = name(&explode.field)?;
            StepSpec::Explode(explode)
        }
        StepSpec::Dedupe(dedupe) => {
            let mut dedupe = dedupe.clone();
            dedupe.by = names(&dedupe.by)?;
            StepSpec::Dedupe(dedupe)
        }
        StepSpec::Join(join) => StepSpec::Join(JoinSpec { on: in_join(&join.on, schema)?, ..join.clone() }),
        StepSpec::Filter(_) | StepSpec::Derive(_) | StepSpec::Aggregate(_) => spec.clone(),
    };
    Ok(step)
}

/// Puts names for labels on the record's side of a join; the other side has names only.
fn in_join(on: &JoinOn, schema: &Schema) -> Result<JoinOn, TransformError> {
    match on {
        JoinOn::Same(word) => match name_of(schema, word)? {
            name if name == word => Ok(on.clone()),
            name => Ok(JoinOn::Pairs(IndexMap::from([(name.to_owned(), word.clone())]))),
        },
        JoinOn::Pairs(pairs) => Ok(JoinOn::Pairs(keyed(pairs, schema)?)),
    }
}

fn keyed<V: Clone>(map: &IndexMap<String, V>, schema: &Schema) -> Result<IndexMap<String, V>, TransformError> {
    let mut named = IndexMap::with_capacity(map.len());
    for (word, value) in map {
        let name = name_of(schema, word)?;
        if named.insert(name.to_owned(), value.clone()).is_some() {
            return Err(twice(name));
        }
    }
    Ok(named)
}

/// Says that a field is named in one place both by its name and by its label.
pub(super) fn twice(name: &str) -> TransformError {
    TransformError::new(
        "transform.field_twice",
        format!("the field `{name}` is here twice, by its name and by its label"),
    )
    .hint("remove one of the two")
}

/// Puts the words of the pipeline back into the place of a mistake that was found in a step with names.
pub(super) fn as_written(mut error: TransformError, written: &StepSpec, named: &StepSpec) -> TransformError {
    let words = step_keys(written);
    let place = step_keys(named).iter().position(|name| error.path.get(1) == Some(*name));
    if let (Some(segment), Some(word)) = (error.path.get_mut(1), place.and_then(|place| words.get(place))) {
        segment.clone_from(word);
    }
    error
}

/// Returns the fields that are keys of a step in the YAML.
fn step_keys(spec: &StepSpec) -> Vec<&String> {
    match spec {
        StepSpec::Rename(fields) => fields.keys().collect(),
        StepSpec::Cast(fields) => fields.keys().collect(),
        StepSpec::Apply(fields) => fields.keys().collect(),
        StepSpec::Filter(_)
        | StepSpec::Derive(_)
        | StepSpec::Drop(_)
        | StepSpec::Split(_)
        | StepSpec::Explode(_)
        | StepSpec::Dedupe(_)
        | StepSpec::Join(_)
        | StepSpec::Aggregate(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
