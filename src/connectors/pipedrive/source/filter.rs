//! The part of a condition that the lists can be narrowed by. What is left out makes the answer larger, never smaller: the engine
//! filters again.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::model::{Comparison, ID, Predicate, UPDATED_AT, Value};

use super::super::{
    limits::MAX_IDS,
    object::Object,
    schema::{Kind, Meaning, Names, ObjectInfo},
};

/// What a list is narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Narrowing {
    /// Parameters of the query.
    pub(super) query: Vec<(&'static str, String)>,
    /// Since when records have changed, in seconds.
    pub(super) since: Option<i64>,
    /// Before when they have, in seconds.
    pub(super) until: Option<i64>,
}

/// Parameters that take one id. Source: both specs.
fn parameters(object: Object) -> &'static [&'static str] {
    match object {
        Object::Deals => &["owner_id", "pipeline_id", "stage_id"],
        Object::Persons | Object::Organizations | Object::Products | Object::Activities | Object::Leads => {
            &["owner_id"]
        }
        Object::Notes => &["user_id"],
        Object::Stages => &["pipeline_id"],
        Object::Users | Object::Pipelines => &[],
    }
}

/// Returns the parts that must all hold.
fn parts(predicate: &Predicate) -> &[Predicate] {
    match predicate {
        Predicate::All(parts) => parts.as_slice(),
        single => std::slice::from_ref(single),
    }
}

/// Returns the parameters that a condition names by something else than an id.
pub(super) fn named(predicate: &Predicate, object: Object) -> Vec<&'static str> {
    let is_named = |name: &&&'static str| {
        parts(predicate).iter().any(|part| matches!(part, Predicate::Compare { field, .. } if field.as_str() == **name))
    };
    parameters(object).iter().filter(is_named).copied().collect()
}

/// Translates a condition.
pub(super) fn narrow(predicate: &Predicate, info: &ObjectInfo, names: &Names) -> Narrowing {
    let mut narrowing = Narrowing::default();
    for part in parts(predicate) {
        match part {
            Predicate::Compare { field, comparison, value } => {
                narrowing.compare((field, *comparison, value), info, names);
            }
            Predicate::In { field, values } => narrowing.any_of(field, values, info),
            Predicate::All(_) | Predicate::Any(_) | Predicate::IsNull(_) | Predicate::IsNotNull(_) => {}
        }
    }
    narrowing
}

impl Narrowing {
    fn add(&mut self, name: &'static str, value: String) {
        // A list takes one value of each: the other one is left to the engine.
        if !self.query.iter().any(|(known, _)| *known == name) {
            self.query.push((name, value));
        }
    }

    fn compare(&mut self, (field, comparison, value): (&str, Comparison, &Value), info: &ObjectInfo, names: &Names) {
        match (field, comparison) {
            (UPDATED_AT, Comparison::Greater | Comparison::GreaterOrEqual) if info.object.is_incremental() => {
                if let Value::DateTime(moment) = value {
                    self.since = self.since.max(Some(moment.timestamp()));
                }
            }
            (UPDATED_AT, Comparison::Less) if info.object.takes_until() => {
                if let Value::DateTime(moment) = value {
                    // Whole seconds, and none too few.
                    let until = moment.timestamp() + i64::from(moment.timestamp_subsec_nanos() > 0);
                    self.until = Some(self.until.map_or(until, |known| known.min(until)));
                }
            }
            (_, Comparison::Equal) if field == ID => self.any_of(field, std::slice::from_ref(value), info),
            ("status", Comparison::Equal) => self.any_of(field, std::slice::from_ref(value), info),
            ("done", Comparison::Equal) if info.object == Object::Activities => {
                if let Value::Boolean(is_done) = value {
                    self.add("done", is_done.to_string());
                }
            }
            (_, Comparison::Equal) => {
                let Some(name) = parameters(info.object).iter().find(|name| **name == field) else { return };
                if let Some(id) = id_of(field, &value.to_text(), info, names) {
                    self.add(name, id.to_string());
                }
            }
            _ => {}
        }
    }

    fn any_of(&mut self, field: &str, values: &[Value], info: &ObjectInfo) {
        let texts: Vec<String> = values.iter().map(Value::to_text).collect();
        let are_ids = || texts.iter().all(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()));
        let are_statuses = || texts.iter().all(|status| matches!(status.as_str(), "open" | "won" | "lost"));
        let takes_ids = !info.object.is_v1() && info.object.is_incremental() && texts.len() <= MAX_IDS;
        match field {
            ID if takes_ids && are_ids() => self.add("ids", texts.join(",")),
            "status" if info.object == Object::Deals && are_statuses() => self.add("status", texts.join(",")),
            _ => {}
        }
    }
}

/// Returns the id that a name means; none where it means none, or several.
fn id_of(field: &str, name: &str, info: &ObjectInfo, names: &Names) -> Option<u64> {
    let kind = info.property(info.find(field)?).kind;
    match kind {
        Kind::User => names.users.as_ref()?.id_of(name),
        Kind::Pipeline => one(names.pipelines.as_ref()?.pipeline(name)),
        Kind::Stage => one(names.pipelines.as_ref()?.stage(name, None)).map(|(stage, _)| stage),
        _ => None,
    }
}

fn one<T>(meaning: Meaning<T>) -> Option<T> {
    match meaning {
        Meaning::One(one) => Some(one),
        Meaning::None | Meaning::Several => None,
    }
}

/// Writes a moment as `updated_since` takes it: whole seconds.
pub(super) fn seconds(moment: i64) -> Option<String> {
    DateTime::<Utc>::from_timestamp(moment, 0).map(|moment| moment.to_rfc3339_opts(SecondsFormat::Secs, true))
}
