//! Version 1's ways: offset pages, people and companies in brief, custom fields flat with suffixes.

use serde_json::{Map, Value as Json, json};

use super::{
    account::Account,
    errors::{Answer, Answered},
    fields::{ADDRESS_PARTS, Field},
    forms::Form,
    kinds::Kind,
    request::Call,
};

/// Most records of a page; more are not refused, they are not given. Source: unconfirmed.
const MAX_PAGE: usize = 500;

/// Answers a page by `start` and `limit`. `default` is the page's size where none is named; none where the list has no pages.
pub(super) fn listed(call: &Call, all: Vec<Json>, default: Option<usize>) -> Answered {
    let (page, pagination) = cut(call, all, default)?;
    let mut body = json!({"success": true, "data": page});
    if default.is_some() {
        body["additional_data"] = json!({"pagination": pagination});
    }
    Ok(Answer::whole(body))
}

/// Cuts a page by `start` and `limit`, and says where it is.
pub(super) fn cut<T>(
    call: &Call,
    all: Vec<T>,
    default: Option<usize>,
) -> Result<(Vec<T>, Json), super::errors::Refusal> {
    let number = |name: &str| Ok(call.number(name)?.map(|number| usize::try_from(number).unwrap_or(usize::MAX)));
    let start = number("start")?.unwrap_or_default();
    let limit = number("limit")?.or(default).unwrap_or(usize::MAX);
    let limit = if default.is_some() { limit.clamp(1, MAX_PAGE) } else { limit };
    let has_more = all.len() > start.saturating_add(limit);
    let mut pagination = json!({"start": start, "limit": limit, "more_items_in_collection": has_more});
    if has_more {
        pagination["next_start"] = json!(start + limit);
    }
    Ok((all.into_iter().skip(start).take(limit).collect(), pagination))
}

/// Returns a user in brief.
pub(super) fn user_brief(account: &Account, id: Option<u64>) -> Json {
    let Some(user) = id.and_then(|id| account.user(id)) else { return Json::Null };
    json!({"id": user.id, "name": user.name, "email": user.email, "has_pic": 0, "pic_hash": null,
        "active_flag": user.is_active, "value": user.id})
}

/// Returns a person in brief.
pub(super) fn person_brief(account: &Account, id: Option<u64>) -> Json {
    let Some(person) = id.and_then(|id| account.all(Kind::Persons).get(id)) else { return Json::Null };
    json!({"active_flag": person.deleted.is_none(), "name": person.value("name"), "email": person.value("emails"),
        "phone": person.value("phones"), "owner_id": person.value("owner_id"), "company_id": account.company.id, "value": person.id})
}

/// Returns an organization in brief.
pub(super) fn org_brief(account: &Account, id: Option<u64>) -> Json {
    let Some(org) = id.and_then(|id| account.all(Kind::Organizations).get(id)) else { return Json::Null };
    let people = account.all(Kind::Persons).all();
    let count = people.filter(|person| person.deleted.is_none() && person.number("org_id") == Some(org.id)).count();
    json!({"name": org.value("name"), "people_count": count, "owner_id": org.value("owner_id"), "address": org.value("address")["value"],
        "active_flag": org.deleted.is_none(), "cc_email": cc_email(account), "label_ids": org.value("label_ids"), "value": org.id})
}

/// Returns the address that files mails away.
pub(super) fn cc_email(account: &Account) -> String {
    format!("{}@pipedrivemail.com", account.company.domain)
}

/// Adds the custom fields of a record, flat: `{hash}`, and `{hash}_currency` and the like for what has parts.
pub(super) fn flatten(fields: &[Field], custom: &Map<String, Json>, shown: &mut Map<String, Json>, is_sparse: bool) {
    for field in fields.iter().filter(|field| field.is_custom) {
        match custom.get(&field.code) {
            Some(value) => flatten_one(field, value, shown),
            None if is_sparse => {}
            None => {
                shown.insert(field.code.clone(), Json::Null);
                for suffix in suffixes(field.form) {
                    shown.insert(format!("{}_{suffix}", field.code), Json::Null);
                }
            }
        }
    }
}

/// Returns the parts of a form that have keys of their own.
pub(super) fn suffixes(form: Form) -> &'static [&'static str] {
    match form {
        Form::Money => &["currency"],
        Form::DateRange => &["until"],
        Form::TimeOfDay => &["timezone_name"],
        Form::TimeRange => &["until", "timezone_name"],
        Form::Address => &ADDRESS_PARTS,
        _ => &[],
    }
}

fn flatten_one(field: &Field, value: &Json, shown: &mut Map<String, Json>) {
    let main = match field.form {
        Form::Money | Form::DateRange | Form::TimeOfDay | Form::TimeRange | Form::Address => value["value"].clone(),
        Form::Option => json!(value.to_string()),
        Form::Options => json!(joined(value)),
        _ => value.clone(),
    };
    shown.insert(field.code.clone(), main);
    for suffix in suffixes(field.form) {
        shown.insert(format!("{}_{suffix}", field.code), value[*suffix].clone());
    }
}

/// Writes a list as version 1 does: `7,8`.
pub(super) fn joined(list: &Json) -> String {
    let ids = list.as_array().map_or(&[][..], Vec::as_slice);
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
