//! What a write would do to one record: checked first, carried out later, so that a refused batch leaves no trace.

use std::collections::{HashMap, HashSet};

use axum::http::StatusCode;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value as Json, json};

use super::{
    definitions::Role,
    errors::{Problem, Refusal},
    object_type::ObjectType,
    pipelines::Pipeline,
    portal::Portal,
    store::Record,
    values::{appended, canonical},
};

/// The values a client sends. One that is null is left as it is.
#[derive(Debug, Clone, Default)]
pub(super) struct Sent(pub(super) Vec<(String, String)>);

impl<'de> Deserialize<'de> for Sent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut sent = Vec::new();
        for (name, value) in Map::deserialize(deserializer)? {
            match value {
                Json::String(text) => sent.push((name, text)),
                Json::Number(number) => sent.push((name, number.to_string())),
                Json::Bool(flag) => sent.push((name, flag.to_string())),
                Json::Null => {}
                Json::Array(_) | Json::Object(_) => {
                    let reason = "Cannot deserialize value of type `java.lang.String` from an array or object";
                    return Err(serde::de::Error::custom(reason));
                }
            }
        }
        Ok(Self(sent))
    }
}

/// Why one record is refused.
#[derive(Debug)]
pub(super) enum Fault {
    /// Its values are not valid.
    Values(Vec<Problem>),
    /// Anything else.
    Other(Refusal),
}

impl Fault {
    pub(super) fn refusal(&self) -> Refusal {
        match self {
            Self::Values(problems) => Refusal::invalid_values(problems),
            Self::Other(refusal) => refusal.clone(),
        }
    }
}

/// The checked values of a write: the property's place and the text to keep; an empty one clears.
pub(super) type NewValues = Vec<(u16, String)>;

/// Checks the values of a new record.
pub(super) fn values_of_new(portal: &Portal, object: usize, sent: &Sent, version: &str) -> Result<NewValues, Fault> {
    let mut values = checked_values(portal, object, sent, None)?;
    let kind = &portal.objects[object];
    let has = |name: &String| kind.property_place(name).is_some_and(|place| is_set(&values, place));
    let mut missing: Vec<&String> = kind.required.iter().filter(|name| !has(name)).collect();
    if !kind.required_any.is_empty() && !kind.required_any.iter().any(has) {
        missing.extend(&kind.required_any);
    }
    let is_missing_form_only = missing.is_empty() && version >= "2026-09" && version.starts_with("20");
    if is_missing_form_only {
        missing.extend(kind.required_on_form.iter().filter(|name| !has(name)));
    }
    if !missing.is_empty() {
        return Err(Fault::Other(missing_properties(kind, &missing)));
    }
    if let Some(pipeline) = default_pipeline(portal, kind, &values) {
        values.push(pipeline);
    }
    for (property, place) in kind.properties.values().zip(0_u16..) {
        if property.defaults_to_now && !is_set(&values, place) {
            values.push((place, super::time::iso(portal.now())));
        }
    }
    check_unique(portal, object, &values, None)?;
    Ok(values)
}

/// Returns the pipeline of a new record that names none: `default`, or the account's first.
fn default_pipeline(portal: &Portal, kind: &ObjectType, values: &NewValues) -> Option<(u16, String)> {
    let place = kind.property_place(&kind.stage.as_ref()?.pipeline)?;
    let pipelines = portal.pipelines.get(&kind.name)?;
    let pipeline = default_of(pipelines)?;
    (!is_set(values, place)).then(|| (place, pipeline.id.clone()))
}

fn default_of(pipelines: &[Pipeline]) -> Option<&Pipeline> {
    pipelines.iter().find(|pipeline| pipeline.id == "default").or_else(|| pipelines.first())
}

/// Checks the values that change a record.
pub(super) fn values_of_change(portal: &Portal, object: usize, sent: &Sent, id: u64) -> Result<NewValues, Fault> {
    let record = portal.objects[object].records.get(id).map(|(_, record)| record);
    let values = checked_values(portal, object, sent, record)?;
    check_unique(portal, object, &values, Some(id))?;
    Ok(values)
}

fn is_set(values: &NewValues, place: u16) -> bool {
    values.iter().any(|(property, value)| *property == place && !value.is_empty())
}

fn missing_properties(kind: &ObjectType, missing: &[&String]) -> Refusal {
    let message = format!("Error creating {}. Some required properties were not set.", kind.singular.to_uppercase());
    Refusal::invalid(message.clone()).with_context("properties", missing).with_error(json!({
        "message": message, "code": "MISSING_REQUIRED_PROPERTY", "context": {"properties": missing},
    }))
}

fn checked_values(portal: &Portal, object: usize, sent: &Sent, record: Option<&Record>) -> Result<NewValues, Fault> {
    let kind = &portal.objects[object];
    let mut values = NewValues::new();
    let mut problems = Vec::new();
    for (name, value) in &sent.0 {
        match draft_value(portal, kind, name, value, record) {
            Ok(change) => values.extend(change),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        problems.extend(misplaced_stage(portal, kind, &values, record));
    }
    if problems.is_empty() { Ok(values) } else { Err(Fault::Values(problems)) }
}

fn draft_value(
    portal: &Portal,
    kind: &ObjectType,
    name: &str,
    value: &str,
    record: Option<&Record>,
) -> Result<Option<(u16, String)>, Problem> {
    let Some((place, property)) = kind.live_property(name) else {
        let message = format!("Property \"{name}\" does not exist");
        return Err(Problem::new(name, "PROPERTY_DOESNT_EXIST", message));
    };
    if property.is_read_only || property.role != Role::Written {
        let message = format!("\"{name}\" is a read only property; its value cannot be set.");
        return Err(Problem::new(name, "READ_ONLY_VALUE", message));
    }
    if value.is_empty() {
        return Ok(Some((place, String::new())));
    }
    let kept = canonical(portal, kind, property, value)?;
    let before = record.and_then(|record| record.values.get(place));
    if property.is_forward_only {
        let rank = |value: &str| property.spec.options.iter().position(|option| option.value == value);
        let is_step_back = before.is_some_and(|before| rank(&kept) < rank(before));
        return Ok((!is_step_back).then_some((place, kept)));
    }
    if property.is_multiple() && kept.starts_with(';') {
        return Ok(Some((place, appended(before, &kept))));
    }
    Ok(Some((place, kept)))
}

/// Finds a stage that is not one of the record's pipeline.
fn misplaced_stage(portal: &Portal, kind: &ObjectType, values: &NewValues, record: Option<&Record>) -> Option<Problem> {
    let names = kind.stage.as_ref()?;
    let after = |name: &str| {
        let place = kind.property_place(name)?;
        let written = values.iter().rev().find(|(property, _)| *property == place).map(|(_, value)| value.as_str());
        written.or_else(|| record?.values.get(place)).filter(|value| !value.is_empty())
    };
    let stage = after(&names.stage)?;
    let pipelines = portal.pipelines.get(&kind.name)?;
    let pipeline = match after(&names.pipeline) {
        Some(id) => pipelines.iter().find(|pipeline| pipeline.id == id)?,
        None => default_of(pipelines)?,
    };
    if pipeline.stages.iter().any(|known| known.id == stage) {
        return None;
    }
    let allowed: Vec<&str> = pipeline.stages.iter().map(|stage| stage.id.as_str()).collect();
    let message = format!("{stage} was not one of the allowed options: [{}]", allowed.join(", "));
    Some(Problem::new(&names.stage, "INVALID_OPTION", message))
}

fn check_unique(portal: &Portal, object: usize, values: &NewValues, own_id: Option<u64>) -> Result<(), Fault> {
    let records = &portal.objects[object].records;
    for (place, value) in values {
        match records.find(*place, value) {
            Some(other) if Some(other) != own_id => {
                return Err(Fault::Other(conflict(&portal.objects[object], *place, value, other)));
            }
            Some(_) | None => {}
        }
    }
    Ok(())
}

/// The answer to a value that another record has already.
pub(super) fn conflict(kind: &ObjectType, place: u16, value: &str, other: u64) -> Refusal {
    let property = kind.properties.get_index(usize::from(place)).map(|(_, property)| property);
    if property.is_some_and(|property| property.is_email) {
        let message = format!("Contact already exists. Existing ID: {other}");
        return Refusal::new(StatusCode::CONFLICT, "CONFLICT", message);
    }
    let name = property.map(|property| property.spec.name.as_str()).unwrap_or_default();
    let message = format!("Cannot set {name}={value} on this record. {other} already has that value.");
    Refusal::invalid_values(&[Problem::new(name, "CONFLICTING_UNIQUE_VALUE", message)])
}

/// Keeps the records of one batch from taking the same unique value.
#[derive(Debug, Default)]
pub(super) struct Claims(HashMap<(u16, String), u64>);

impl Claims {
    /// Claims the unique ones of these values for the record at a place of the batch.
    pub(super) fn claim(&mut self, kind: &ObjectType, values: &NewValues, owner: u64) -> Result<(), Fault> {
        let unique: HashSet<&(u16, String)> =
            values.iter().filter(|(place, value)| !value.is_empty() && kind.records.is_unique(*place)).collect();
        for claim in &unique {
            match self.0.get(*claim) {
                Some(other) if *other != owner => {
                    return Err(Fault::Other(conflict(kind, claim.0, &claim.1, *other)));
                }
                Some(_) | None => {}
            }
        }
        self.0.extend(unique.into_iter().map(|claim| (claim.clone(), owner)));
        Ok(())
    }
}

impl Portal {
    /// Makes a record of checked values.
    pub(super) fn create(&mut self, object: usize, values: &NewValues) -> u64 {
        let now = self.now();
        self.objects[object].records.insert(None, Record::new(now, now, values))
    }

    /// Changes a record to checked values.
    pub(super) fn change(&mut self, object: usize, id: u64, values: &NewValues) {
        let now = self.now();
        self.objects[object].records.change(id, values, now);
    }
}
