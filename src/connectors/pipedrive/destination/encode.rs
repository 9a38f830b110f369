//! From the engine's values to the vendor's, strictly typed: Pipedrive refuses `"5"` for 5 and 1 for true.

use chrono::{NaiveDate, NaiveTime, SecondsFormat};
use serde_json::{Value as Json, json};

use crate::model::{Rejection, Value, exact_integer, exact_number};

use super::super::{
    limits::{MAX_TEXT, MAX_VARCHAR},
    object::Object,
    schema::{Kind, Meaning, Names, Property},
};

/// Why a value cannot be sent: a code and a reason.
pub(super) type Problem = (&'static str, String);

/// What values need to be encoded.
#[derive(Debug)]
pub(super) struct Encoder {
    pub(super) object: Object,
    pub(super) names: Names,
    pub(super) default_user: Option<u64>,
}

impl Encoder {
    /// Encodes a value that is no part of another one.
    pub(super) fn whole(&self, property: &Property, value: &Value) -> Result<Json, Problem> {
        if is_empty(value) {
            return Ok(Json::Null);
        }
        match property.kind {
            Kind::Integer => integer(value),
            Kind::Number => number(value),
            Kind::Boolean => boolean(value),
            Kind::Date => date(value),
            Kind::Moment => self.moment(value),
            Kind::Clock => clock(value),
            Kind::Option => option(property, value.to_text().trim()),
            Kind::Set => {
                texts(value).iter().map(|name| option(property, name)).collect::<Result<Vec<_>, _>>().map(Json::from)
            }
            Kind::User => self.user(&value.to_text()),
            Kind::Pipeline => self.pipeline(&value.to_text()).map(Json::from),
            Kind::Link(to) => link(to, value),
            Kind::Text => text(value, MAX_VARCHAR),
            Kind::LongText => text(value, MAX_TEXT),
            // These are put together from their columns.
            Kind::Stage
            | Kind::People
            | Kind::Contacts
            | Kind::Money
            | Kind::LeadValue
            | Kind::Prices
            | Kind::DateRange
            | Kind::Time
            | Kind::TimeRange
            | Kind::Address
            | Kind::Json => Err(("not_written", "it is not written as one value".to_owned())),
        }
    }

    /// Encodes a part of a value.
    pub(super) fn part(kind: Kind, part: &str, value: &Value) -> Result<Json, Problem> {
        if is_empty(value) {
            return Ok(Json::Null);
        }
        match (kind, part) {
            (Kind::Money | Kind::LeadValue | Kind::Prices, "value" | "amount" | "price" | "cost") => number(value),
            (Kind::Money | Kind::LeadValue | Kind::Prices, _) => Ok(Json::from(value.to_text().trim().to_uppercase())),
            (Kind::DateRange, _) => date(value),
            (Kind::Time | Kind::TimeRange, "value" | "until") => clock(value),
            _ => text(value, MAX_TEXT),
        }
    }

    fn moment(&self, value: &Value) -> Result<Json, Problem> {
        let moment = match value {
            Value::DateTime(moment) => Some(*moment),
            other => super::super::schema::moment(other.to_text().trim()),
        };
        let moment = moment.ok_or_else(|| ("not_a_moment", "it is no time".to_owned()))?;
        // Version 1 takes times without a zone, in UTC.
        Ok(Json::from(if self.object.is_v1() {
            moment.format("%Y-%m-%d %H:%M:%S").to_string()
        } else {
            moment.to_rfc3339_opts(SecondsFormat::Secs, true)
        }))
    }

    fn user(&self, name: &str) -> Result<Json, Problem> {
        let known = self.names.users.as_ref().and_then(|users| users.id_of(name));
        known.or(self.default_user).map(Json::from).ok_or_else(|| {
            let reason = format!(
                "no user of this company has the e-mail address `{name}`; `default_owner` would take such records"
            );
            ("unknown_owner", reason)
        })
    }

    /// Returns the id of a pipeline.
    pub(super) fn pipeline(&self, name: &str) -> Result<u64, Problem> {
        let Some(names) = &self.names.pipelines else {
            return Err(("unknown_pipeline", "no pipeline is known".to_owned()));
        };
        match names.pipeline(name.trim()) {
            Meaning::One(id) => Ok(id),
            Meaning::None => {
                let known = names.pipeline_names().join("`, `");
                Err(("unknown_pipeline", format!("there is no pipeline `{name}`; there are: `{known}`")))
            }
            Meaning::Several => Err(("ambiguous_pipeline", format!("several pipelines are called `{name}`"))),
        }
    }

    /// Returns the ids of a stage and its pipeline.
    pub(super) fn stage(&self, name: &str, pipeline: Option<u64>) -> Result<(u64, u64), Problem> {
        let Some(names) = &self.names.pipelines else { return Err(("unknown_stage", "no stage is known".to_owned())) };
        match names.stage(name.trim(), pipeline) {
            Meaning::One(found) => Ok(found),
            Meaning::None => Err(("unknown_stage", format!("the pipeline has no stage `{name}`"))),
            Meaning::Several => {
                let reason = format!(
                    "several stages are called `{name}`: map `pipeline_id` too, so that it is clear which is meant"
                );
                Err(("ambiguous_stage", reason))
            }
        }
    }
}

/// Blames a field.
pub(super) fn rejection((code, reason): Problem, property: &Property, value: &Value) -> Rejection {
    Rejection::new(code, reason).at(property.shown(), value.to_text())
}

/// Tells whether a value clears its field.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        Value::List(items) => items.iter().all(String::is_empty),
        Value::Integer(_) | Value::Number(_) | Value::Boolean(_) | Value::Date(_) | Value::DateTime(_) => false,
    }
}

/// Returns the texts of a value, those of a list one by one.
pub(super) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::List(items) => items.iter().filter(|item| !item.is_empty()).cloned().collect(),
        single if is_empty(single) => Vec::new(),
        single => vec![single.to_text()],
    }
}

fn text(value: &Value, max: usize) -> Result<Json, Problem> {
    let text = value.to_text();
    let length = text.chars().count();
    if length > max {
        return Err(("too_long", format!("it has {length} characters, and Pipedrive takes {max}")));
    }
    Ok(Json::from(text))
}

fn integer(value: &Value) -> Result<Json, Problem> {
    let number = match value {
        Value::Integer(number) => Some(*number),
        other => exact_integer(other.to_text().trim()),
    };
    number.map(Json::from).ok_or_else(|| ("not_an_integer", "it is no whole number".to_owned()))
}

fn number(value: &Value) -> Result<Json, Problem> {
    let text = value.to_text();
    // A whole number is written as one.
    let whole = exact_integer(text.trim()).map(Json::from);
    let number = whole.or_else(|| exact_number(text.trim()).and_then(serde_json::Number::from_f64).map(Json::from));
    number.ok_or_else(|| ("not_a_number", "it is no number".to_owned()))
}

fn boolean(value: &Value) -> Result<Json, Problem> {
    match value.to_text().trim().to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(json!(true)),
        "false" | "0" => Ok(json!(false)),
        _ => Err(("not_a_boolean", "it is neither true nor false".to_owned())),
    }
}

fn date(value: &Value) -> Result<Json, Problem> {
    let day: Option<NaiveDate> = match value {
        Value::Date(day) => Some(*day),
        Value::DateTime(moment) => Some(moment.date_naive()),
        other => other.to_text().trim().parse().ok(),
    };
    day.map(|day| Json::from(day.format("%Y-%m-%d").to_string()))
        .ok_or_else(|| ("not_a_date", "it is no date".to_owned()))
}

/// Reads a time of day: `9:00`, `09:00:00`.
fn clock(value: &Value) -> Result<Json, Problem> {
    let text = value.to_text();
    let read = ["%H:%M:%S", "%H:%M"].iter().find_map(|form| NaiveTime::parse_from_str(text.trim(), form).ok());
    let time = read.map(|time| Json::from(time.format("%H:%M:%S").to_string()));
    time.ok_or_else(|| ("not_a_time", "it is no time of day such as `09:00:00`".to_owned()))
}

fn option(property: &Property, name: &str) -> Result<Json, Problem> {
    match property.options.id_of(name) {
        Meaning::One(id) => Ok(match id.as_str().and_then(|text| text.parse::<u64>().ok()) {
            // The ids of visibility are described as texts and written as numbers.
            Some(number) if !property.is_custom => Json::from(number),
            _ => id,
        }),
        Meaning::None => Err((
            "unknown_option",
            format!("`{}` has no option `{name}`; `create_options: true` would add it", property.shown()),
        )),
        Meaning::Several => {
            Err(("ambiguous_option", format!("several options of `{}` are called `{name}`", property.shown())))
        }
    }
}

fn link(to: Object, value: &Value) -> Result<Json, Problem> {
    let ids = texts(value);
    let [id] = ids.as_slice() else {
        return Err(("several_links", format!("it links to {} records, and Pipedrive takes one", ids.len())));
    };
    record_id(to, id)
}

/// Returns the id of a linked record as it is written.
pub(super) fn record_id(to: Object, id: &str) -> Result<Json, Problem> {
    if to == Object::Leads {
        return Ok(Json::from(id));
    }
    number_id(to, id).map(Json::from)
}

/// Returns the id of a person.
pub(super) fn person_id(id: &str) -> Result<u64, Problem> {
    number_id(Object::Persons, id)
}

fn number_id(to: Object, id: &str) -> Result<u64, Problem> {
    id.trim().parse().map_err(|_| ("not_an_id", format!("it is no id of {}", to.name())))
}
