//! How values are written in version 2: strictly, `"5"` is not 5 and 1 is not true.
//!
//! Source: migration guide for v2, types of openapi-v2.yaml.

use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::{
    account::Account,
    composites::{address, attendees, money, participants, prices, range},
    fields::Field,
    kinds::Kind,
    people::contacts,
    time::{clock, is_date, read_any, rfc3339},
};

/// Most characters of a short text, an option's label and a name.
pub(super) const MAX_VARCHAR: usize = 255;
/// Most characters of a long text.
pub(super) const MAX_TEXT: usize = 65_535;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    Varchar,
    Text,
    LongText,
    Integer,
    Number,
    Boolean,
    Date,
    /// A point in time.
    Moment,
    /// A time of day as a text: `09:00:00`.
    Clock,
    User,
    Person,
    Organization,
    Deal,
    Lead,
    Pipeline,
    Stage,
    Project,
    Currency,
    Status,
    VisibleTo,
    /// One option by its id.
    Option,
    /// Several options by their ids.
    Options,
    /// Options that an empty list clears, which those of people's own fields do not allow.
    Labels,
    Category,
    ActivityType,
    Frequency,
    Marketing,
    Contacts,
    Address,
    Money,
    DateRange,
    TimeOfDay,
    TimeRange,
    Participants,
    Attendees,
    Prices,
}

/// Checks a value and returns it as it is kept, or says what is wrong with it. `null` clears any field that is not required.
pub(super) fn check(account: &Account, field: &Field, value: &Json) -> Result<Json, String> {
    if value.is_null() {
        return cleared(field);
    }
    match field.form {
        Form::Varchar => text(value, MAX_VARCHAR),
        Form::Text | Form::LongText => text(value, MAX_TEXT),
        Form::Integer => integer(value),
        Form::Number => number(value),
        Form::Boolean => boolean(value),
        Form::Date => date(value),
        Form::Moment => moment(value),
        Form::Clock => time_of_day(value),
        Form::User | Form::Person | Form::Organization | Form::Deal | Form::Pipeline | Form::Stage => {
            linked(account, field.form, value)
        }
        Form::Lead => lead(account, value),
        Form::Project => Err("the local Pipedrive has no projects".to_owned()),
        Form::Currency => currency(account, value),
        Form::Status => one_of(value, &["open", "won", "lost"]),
        Form::VisibleTo => match value.as_u64() {
            Some(1 | 3 | 5 | 7) => Ok(value.clone()),
            _ => Err("must be one of 1, 3, 5, 7".to_owned()),
        },
        Form::Option | Form::Category => option(field, value),
        Form::Options | Form::Labels => options(field, value),
        Form::ActivityType => activity_type(account, value),
        Form::Frequency => one_of(value, &["one-time", "annually", "semi-annually", "quarterly", "monthly", "weekly"]),
        Form::Marketing => one_of(value, &["no_consent", "unsubscribed", "subscribed", "archived"]),
        Form::Contacts => contacts(value),
        Form::Address => address(value),
        Form::Money => money(account, value),
        Form::DateRange => range(value, &[("value", date as Check), ("until", date)], &[]),
        Form::TimeOfDay => range(value, &[("value", time_of_day as Check)], &["timezone_name"]),
        Form::TimeRange => range(value, &[("value", time_of_day as Check), ("until", time_of_day)], &["timezone_name"]),
        Form::Participants => participants(account, value),
        Form::Attendees => attendees(value),
        Form::Prices => prices(account, value),
    }
}

/// Reads one part of a value.
pub(super) type Check = fn(&Json) -> Result<Json, String>;

fn cleared(field: &Field) -> Result<Json, String> {
    let keeps_value =
        matches!(field.form, Form::Status | Form::Boolean | Form::VisibleTo | Form::Currency | Form::ActivityType);
    if field.is_required || (keeps_value && !field.is_custom) {
        return Err("must not be null".to_owned());
    }
    Ok(match field.form {
        Form::Contacts | Form::Participants | Form::Attendees | Form::Labels | Form::Prices => json!([]),
        _ => Json::Null,
    })
}

/// Reads a text of at most so many characters.
pub(super) fn text(value: &Json, max: usize) -> Result<Json, String> {
    let text = value.as_str().ok_or("must be a string")?;
    if text.chars().count() > max {
        return Err(format!("must be at most {max} characters long"));
    }
    Ok(value.clone())
}

fn integer(value: &Json) -> Result<Json, String> {
    if value.is_i64() || value.is_u64() { Ok(value.clone()) } else { Err("must be an integer".to_owned()) }
}

/// Reads a number.
pub(super) fn number(value: &Json) -> Result<Json, String> {
    if value.is_number() { Ok(value.clone()) } else { Err("must be a number".to_owned()) }
}

/// Reads a yes or no.
pub(super) fn boolean(value: &Json) -> Result<Json, String> {
    if value.is_boolean() { Ok(value.clone()) } else { Err("must be a boolean".to_owned()) }
}

fn date(value: &Json) -> Result<Json, String> {
    match value.as_str() {
        Some(text) if is_date(text) => Ok(value.clone()),
        _ => Err("must be a date in the form YYYY-MM-DD".to_owned()),
    }
}

fn moment(value: &Json) -> Result<Json, String> {
    let seconds = value.as_str().and_then(read_any);
    seconds.map(|seconds| Json::from(rfc3339(seconds))).ok_or_else(|| "must be a time in RFC 3339".to_owned())
}

fn time_of_day(value: &Json) -> Result<Json, String> {
    let read = value.as_str().and_then(clock);
    read.map(Json::from).ok_or_else(|| "must be a time in the form HH:MM:SS".to_owned())
}

fn one_of(value: &Json, allowed: &[&str]) -> Result<Json, String> {
    match value.as_str() {
        Some(text) if allowed.contains(&text) => Ok(value.clone()),
        _ => Err(format!("must be one of {}", allowed.join(", "))),
    }
}

/// Reads the id of something that must be there.
pub(super) fn linked(account: &Account, form: Form, value: &Json) -> Result<Json, String> {
    let id = value.as_u64().ok_or("must be an integer")?;
    let kind = match form {
        Form::Person => Kind::Persons,
        Form::Organization => Kind::Organizations,
        Form::Deal => Kind::Deals,
        Form::Pipeline => Kind::Pipelines,
        Form::Stage => Kind::Stages,
        _ => {
            return if account.user(id).is_some() { Ok(value.clone()) } else { Err(format!("user {id} not found")) };
        }
    };
    match account.live(kind, id) {
        Some(_) => Ok(value.clone()),
        None => Err(format!("{} {id} not found", kind.singular())),
    }
}

fn lead(account: &Account, value: &Json) -> Result<Json, String> {
    let uuid = value.as_str().ok_or("must be a string")?;
    let found = account.lead_number(uuid).and_then(|id| account.live(Kind::Leads, id));
    found.map(|_| value.clone()).ok_or_else(|| format!("lead {uuid} not found"))
}

/// Reads a currency of the account.
pub(super) fn currency(account: &Account, value: &Json) -> Result<Json, String> {
    let code = value.as_str().ok_or("must be a string")?;
    let is_known = account.currencies.iter().any(|currency| currency.code == code);
    if is_known { Ok(value.clone()) } else { Err(format!("currency {code} is not available in this account")) }
}

fn activity_type(account: &Account, value: &Json) -> Result<Json, String> {
    let key = value.as_str().ok_or("must be a string")?;
    let is_known = account.activity_types.iter().any(|one| one.is_active && one.key == key);
    if is_known { Ok(value.clone()) } else { Err(format!("activity type {key} does not exist")) }
}

fn option(field: &Field, value: &Json) -> Result<Json, String> {
    if !value.is_u64() {
        return Err("must be an integer".to_owned());
    }
    field.choice(value).map(|_| value.clone()).ok_or_else(|| format!("option {value} does not exist"))
}

fn options(field: &Field, value: &Json) -> Result<Json, String> {
    let ids = value.as_array().ok_or("must be an array of integers")?;
    if ids.is_empty() && field.form == Form::Options {
        return Err("must not be empty, use null to clear it".to_owned());
    }
    let mut kept: Vec<Json> = Vec::new();
    for id in ids {
        let id = option(field, id)?;
        if !kept.contains(&id) {
            kept.push(id);
        }
    }
    Ok(Json::from(kept))
}

/// Reads an object.
pub(super) fn object(value: &Json) -> Result<&Map<String, Json>, String> {
    value.as_object().ok_or_else(|| "must be an object".to_owned())
}

/// Refuses keys that are in neither list.
pub(super) fn known(given: &Map<String, Json>, names: &[&str], others: &[&str]) -> Result<(), String> {
    match given.keys().find(|key| !names.contains(&key.as_str()) && !others.contains(&key.as_str())) {
        Some(key) => Err(format!("Unknown key '{key}'")),
        None => Ok(()),
    }
}
