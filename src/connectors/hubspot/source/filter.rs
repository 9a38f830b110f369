//! The part of a condition that the vendor's search can say: groups of filters, of which one must hold in full.
//!
//! What is left out makes the answer larger, never smaller: the engine filters again.

use serde_json::{Value as Json, json};

use crate::model::{Comparison, FieldType, ID, Predicate, UPDATED_AT, Value};

use super::super::{
    limits,
    schema::{ObjectInfo, search_text},
};

/// Filters that must all hold, as the vendor takes them.
pub(in super::super) type Group = Vec<Json>;

/// Translates a condition into groups, of which at least one must hold. No group at all stands for "everything".
///
/// `base` filters will be added to each group; they and `max_chars` of JSON bound what is translated.
pub(in super::super) fn translate(
    predicate: &Predicate,
    info: &ObjectInfo,
    base_filters: usize,
    max_chars: usize,
) -> Vec<Group> {
    let limit = Limit { base_filters, max_chars };
    groups(predicate, info, limit).unwrap_or_default()
}

#[derive(Debug, Clone, Copy)]
struct Limit {
    base_filters: usize,
    max_chars: usize,
}

impl Limit {
    fn allows(self, groups: &[Group]) -> bool {
        let filter_count: usize = groups.iter().map(|group| group.len() + self.base_filters).sum();
        groups.len() <= limits::MAX_FILTER_GROUPS
            && groups.iter().all(|group| group.len() + self.base_filters <= limits::MAX_GROUP_FILTERS)
            && filter_count <= limits::MAX_FILTERS
            && json!(groups).to_string().chars().count() <= self.max_chars
    }
}

/// Returns the groups of a condition; none where it cannot be said, which stands for "everything".
fn groups(predicate: &Predicate, info: &ObjectInfo, limit: Limit) -> Option<Vec<Group>> {
    match predicate {
        Predicate::All(parts) => all_of(parts, info, limit),
        Predicate::Any(parts) => {
            let mut union = Vec::new();
            for part in parts {
                union.extend(groups(part, info, limit)?);
            }
            // An `Any` of nothing holds for no record; that is left to the engine.
            (!union.is_empty() && limit.allows(&union)).then_some(union)
        }
        single => {
            let group = vec![vec![filter(single, info)?]];
            limit.allows(&group).then_some(group)
        }
    }
}

/// Combines what each part says; a part that cannot be said, or would make the whole too large, is left out.
fn all_of(parts: &[Predicate], info: &ObjectInfo, limit: Limit) -> Option<Vec<Group>> {
    let mut combined: Option<Vec<Group>> = None;
    for part in parts {
        let Some(more) = groups(part, info, limit) else { continue };
        let candidate = match &combined {
            None => more,
            Some(so_far) => so_far
                .iter()
                .flat_map(|group| more.iter().map(|other| group.iter().chain(other).cloned().collect()))
                .collect(),
        };
        if limit.allows(&candidate) {
            combined = Some(candidate);
        }
    }
    combined
}

fn filter(predicate: &Predicate, info: &ObjectInfo) -> Option<Json> {
    match predicate {
        Predicate::All(_) | Predicate::Any(_) => None,
        Predicate::Compare { field, comparison, value } => {
            let target = Target::of(field, info)?;
            let operator = target.operator(*comparison)?;
            Some(json!({ "propertyName": target.name, "operator": operator, "value": target.text(value)? }))
        }
        Predicate::In { field, values } => {
            let target = Target::of(field, info)?;
            let texts = values.iter().map(|value| target.in_text(value)).collect::<Option<Vec<_>>>()?;
            let is_sayable = !texts.is_empty() && target.operator(Comparison::Equal).is_some();
            is_sayable.then(|| json!({ "propertyName": target.name, "operator": "IN", "values": texts }))
        }
        Predicate::IsNull(field) => null_test(field, "NOT_HAS_PROPERTY", info),
        Predicate::IsNotNull(field) => null_test(field, "HAS_PROPERTY", info),
    }
}

fn null_test(field: &str, operator: &str, info: &ObjectInfo) -> Option<Json> {
    let property = info.property(field)?;
    Some(json!({ "propertyName": property.field.name, "operator": operator }))
}

struct Target<'info> {
    name: &'info str,
    field_type: FieldType,
    is_string: bool,
}

impl<'info> Target<'info> {
    fn of(field: &str, info: &'info ObjectInfo) -> Option<Self> {
        match field {
            ID => Some(Self { name: "hs_object_id", field_type: FieldType::Number, is_string: false }),
            UPDATED_AT => Some(Self {
                name: limits::modified_property(&info.object),
                field_type: FieldType::Datetime,
                is_string: false,
            }),
            _ => {
                let property = info.property(field)?;
                Some(Self {
                    name: property.field.name.as_str(),
                    field_type: property.field.field_type,
                    is_string: property.is_string,
                })
            }
        }
    }

    /// Returns the operator that finds at least the records that the comparison holds for. Searches treat upper and lower
    /// case of texts alike: `=` then finds more, which is right, while `<>` would find fewer. The order of texts is not
    /// documented. Several options of one record, and phone numbers, are compared in ways of their own.
    fn operator(&self, comparison: Comparison) -> Option<&'static str> {
        let is_text = match self.field_type {
            FieldType::Number | FieldType::Integer | FieldType::Boolean | FieldType::Date | FieldType::Datetime => {
                false
            }
            FieldType::Choice => true,
            FieldType::Text if self.is_string => true,
            FieldType::Text | FieldType::MultiChoice | FieldType::Link => return None,
        };
        match comparison {
            Comparison::Equal => Some("EQ"),
            _ if is_text => None,
            Comparison::NotEqual => Some("NEQ"),
            Comparison::Less => Some("LT"),
            Comparison::LessOrEqual => Some("LTE"),
            Comparison::Greater => Some("GT"),
            Comparison::GreaterOrEqual => Some("GTE"),
        }
    }

    fn text(&self, value: &Value) -> Option<String> {
        match (self.name, value) {
            ("hs_object_id", Value::Text(id)) => {
                (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).then(|| id.clone())
            }
            _ => search_text(self.field_type, value),
        }
    }

    /// Lists of values must be lower case for texts (search-the-crm); options are compared as they are.
    fn in_text(&self, value: &Value) -> Option<String> {
        let text = self.text(value)?;
        Some(if self.is_string { text.to_lowercase() } else { text })
    }
}
