//! A mapping in words, for people who look at what it makes of their records.

use crate::model::{FieldName, Schema};

use super::{compile, names};
use crate::transform::{
    columns,
    labels::in_mapping,
    remedy::{flow, shown_cleaner},
    spec::{FullMapping, MappingSpecs, NullPolicy, Otherwise, When},
};

/// One mapping, resolved against both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownMapping {
    /// The destination's field.
    pub field: FieldName,
    /// The source's fields that the value is made of.
    pub from: Vec<String>,
    /// What is done to the value on the way, as the pipeline says it; empty where it is taken as it is.
    pub rule: String,
    /// Whether it comes from `standard`.
    pub is_standard: bool,
    /// Whether the value is that of its one source field, so that one that is lost was dropped.
    pub is_direct: bool,
}

/// Returns the mappings that take part, in their order: of the standard ones those whose fields both sides have.
pub fn shown_mappings(specs: &MappingSpecs, source: &Schema, destination: &Schema) -> Vec<ShownMapping> {
    let (named, _) = names::resolve(specs, destination);
    let shown = named.iter().filter_map(|named| {
        let full = in_mapping(named.spec.to_full(), source).ok()?;
        if full.is_standard && !compile::is_possible(named.name, &full, source, destination) {
            return None;
        }
        Some(ShownMapping {
            field: columns::field_name(named.name),
            from: compile::read_columns(&full),
            rule: rule(&full),
            is_standard: full.is_standard,
            is_direct: full.from.is_some() && full.link.is_none(),
        })
    });
    shown.collect()
}

fn rule(spec: &FullMapping) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(spec.expr.as_ref().map(|sql| format!("expr: {sql}")));
    parts.extend(spec.value.as_ref().map(|value| format!("value: {}", flow(value))));
    parts.extend(spec.formula.as_ref().map(|formula| format!("formula: {formula}")));
    parts.extend(spec.link.as_ref().map(|stream| format!("link: {stream}")));
    parts.extend(spec.apply.iter().map(shown_cleaner));
    parts.extend(spec.separator.as_ref().map(|mark| format!("separator: {}", flow(&mark.clone().into()))));
    parts.extend(spec.values.as_ref().map(|values| format!("values ({})", values.len())));
    parts.extend(spec.otherwise.as_ref().map(|otherwise| match otherwise {
        Otherwise::Reject => "otherwise: reject".to_owned(),
        Otherwise::Keep => "otherwise: keep".to_owned(),
        Otherwise::Null => "otherwise: null".to_owned(),
        Otherwise::Value { value } => format!("otherwise: {}", flow(value)),
    }));
    parts.extend(spec.default.as_ref().map(|value| format!("default: {}", flow(value))));
    parts.extend(spec.format.as_ref().map(|format| format!("format: {}", flow(&format.clone().into()))));
    parts.extend(spec.field_type.map(|field_type| format!("type: {}", field_type.as_str())));
    parts.extend(spec.required.then(|| "required".to_owned()));
    parts.extend(spec.when.and_then(|when| match when {
        When::Always => None,
        When::IfBlank => Some("if blank".to_owned()),
        When::OnCreate => Some("on create".to_owned()),
    }));
    parts.extend((spec.null == NullPolicy::Clear).then(|| "null: clear".to_owned()));
    parts.join(" → ")
}
