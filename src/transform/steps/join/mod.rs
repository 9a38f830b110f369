//! `join`: adds fields from a file or from another stream with the same key.

mod file;
mod stream;

#[cfg(test)]
mod tests;

use polars::prelude::{DataFrame, Expr, IntoLazy, JoinArgs, JoinType, MaintainOrderJoin, by_name, col, lit};

use super::{Step, join_inputs::JoinInputs, refuse_reserved};
use crate::model::{FieldType, Schema};
use crate::transform::{
    columns,
    convert::to_text,
    error::TransformError,
    spec::{JoinOn, JoinSpec},
};

/// The record's fields that are compared, with their types.
#[derive(Debug)]
struct Keys(Vec<(String, FieldType)>);

/// Finds what can be found without knowing the stream's fields.
pub(super) fn check_alone(spec: &JoinSpec, inputs: &JoinInputs) -> Vec<TransformError> {
    let mistake = match (&spec.file, &spec.stream) {
        (None, None) => Some("join with what? It needs `file` or `stream`".to_owned()),
        (Some(_), Some(_)) => Some("a join is with `file` or with `stream`, not with both".to_owned()),
        (None, Some(name)) if !inputs.streams.contains_key(name.as_str()) => {
            let known = inputs.streams.keys().map(crate::model::StreamName::as_str);
            let error = TransformError::new("transform.unknown_stream", format!("there is no stream `{name}` to join"));
            return vec![error.nearest(name, known).under(["join", "stream"])];
        }
        _ => None,
    };
    mistake.map(|message| TransformError::new("transform.step", message).under(["join"])).into_iter().collect()
}

/// Tells whether the fields after the step cannot be known, as those of the other stream are not.
pub(super) fn is_unknown(spec: &JoinSpec, inputs: &JoinInputs) -> bool {
    let input = spec.stream.as_deref().and_then(|name| inputs.streams.get(name));
    input.is_some_and(|input| input.schema.is_none())
}

pub(super) fn compile(spec: &JoinSpec, schema: &mut Schema, inputs: &JoinInputs) -> Result<Step, TransformError> {
    if let Some(mistake) = check_alone(spec, inputs).pop() {
        return Err(mistake);
    }
    if let Some(name) = &spec.file {
        return Ok(Step::Page(Box::new(file::compile(spec, name, schema, &inputs.base_dir)?)));
    }
    let input = spec.stream.as_deref().and_then(|name| inputs.streams.get(name)).cloned().unwrap_or_default();
    Ok(Step::Stream(Box::new(stream::compile(spec, input, schema)?)))
}

/// Returns the pairs of compared names: the record's and the other input's.
fn pairs(on: &JoinOn) -> Vec<(String, String)> {
    match on {
        JoinOn::Same(name) => vec![(name.clone(), name.clone())],
        JoinOn::Pairs(pairs) => pairs.iter().map(|(field, column)| (field.clone(), column.clone())).collect(),
    }
}

/// Returns the columns to add: those that the step lists, or all of the other input but the compared ones.
fn added<'a>(
    spec: &JoinSpec,
    pairs: &[(String, String)],
    others: impl Iterator<Item = &'a str>,
) -> Result<Vec<String>, TransformError> {
    let Some(fields) = &spec.fields else {
        return Ok(others.filter(|name| pairs.iter().all(|(_, column)| column != name)).map(str::to_owned).collect());
    };
    for (index, name) in fields.iter().enumerate() {
        refuse_reserved(name).map_err(|error| error.under(["join", "fields", &index.to_string()]))?;
    }
    Ok(fields.clone())
}

/// Puts the added fields into the schema of the records.
fn add_to_schema(schema: &mut Schema, fields: &[(String, FieldType)]) -> Result<(), TransformError> {
    for (name, _) in fields {
        if columns::type_of(schema, name).is_some() {
            let message = format!("the record already has a field `{name}`");
            let error = TransformError::new("transform.duplicate_field", message)
                .hint("list the columns to add in `fields`, or rename the field first");
            return Err(error.under(["join"]));
        }
    }
    for (name, field_type) in fields {
        columns::set(schema, name, *field_type);
    }
    Ok(())
}

/// The name of a compared column while the step works.
fn key_name(index: usize) -> String {
    format!("__ferry.key.{index}")
}

impl Keys {
    fn compile(pairs: &[(String, String)], schema: &Schema) -> Result<Self, TransformError> {
        let typed = pairs.iter().map(|(field, _)| Ok((field.clone(), columns::require(schema, field)?)));
        typed.collect::<Result<_, TransformError>>().map(Self).map_err(|error| error.under(["join", "on"]))
    }

    fn names(&self) -> Vec<String> {
        (0..self.0.len()).map(key_name).collect()
    }

    /// Returns the compared values of the records as text.
    fn texts(&self) -> Vec<Expr> {
        let texts = self.0.iter().zip(self.names());
        texts.map(|((field, field_type), name)| key_text(field, *field_type).alias(name)).collect()
    }

    /// Adds to each record what the other input has for its key. `other` has one line per key.
    fn join(&self, frame: DataFrame, other: DataFrame) -> Result<DataFrame, TransformError> {
        let names = self.names();
        let keys: Vec<Expr> = names.iter().map(|name| col(name.as_str())).collect();
        let arguments = JoinArgs { maintain_order: MaintainOrderJoin::Left, ..JoinArgs::new(JoinType::Left) };
        let joined = frame.lazy().with_columns(self.texts()).join(other.lazy(), keys.clone(), keys, arguments);
        Ok(joined.drop(by_name(names.iter().map(String::as_str), true, false)).collect()?)
    }
}

/// Writes a compared value as text, so that `7` meets `7` whatever the types. Of linked ids the first one counts.
fn key_text(field: &str, field_type: FieldType) -> Expr {
    match field_type {
        FieldType::Link => col(field).list().get(lit(0), true),
        other => to_text(col(field), other),
    }
}
