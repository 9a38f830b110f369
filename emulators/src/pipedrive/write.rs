//! Bodies of version 2 to what a record holds. One wrong value or unknown key refuses the record whole.

use serde_json::{Map, Value as Json, json};

use super::{
    account::Account,
    activities, deals,
    errors::Refusal,
    fields::{Access, Field},
    forms::{Form, check},
    kinds::Kind,
    people::split_name,
    pipelines, products,
    store::{Content, Record},
};

/// Returns what a record holds after a body was written to it: to a new one, or to `old`.
pub(super) fn written(
    account: &Account,
    kind: Kind,
    body: &Map<String, Json>,
    old: Option<&Record>,
) -> Result<Content, Refusal> {
    let mut content = old.map_or_else(|| born(account, kind), |record| record.content.clone());
    for (code, value) in body {
        if code == "custom_fields" && kind.has_custom_fields() {
            write_custom(account, kind, value, &mut content.custom)?;
            continue;
        }
        let field = writable(account, kind, code, old.is_some())?;
        let kept = check(account, field, value).map_err(|problem| Refusal::field(code, &problem))?;
        content.values.insert(code.clone(), kept);
    }
    let missing = account
        .fields(kind)
        .iter()
        .find(|field| field.is_required && content.values.get(&field.code).is_none_or(is_blank));
    if let Some(field) = missing {
        return Err(Refusal::field(&field.code, "is required"));
    }
    settle(account, kind, body, old, &mut content)?;
    Ok(content)
}

fn is_blank(value: &Json) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// Finds the field that a key names, if it can be written now.
fn writable<'account>(
    account: &'account Account,
    kind: Kind,
    code: &str,
    is_update: bool,
) -> Result<&'account Field, Refusal> {
    let unknown = || Refusal::validation(format!("Validation failed: Unknown key '{code}'"));
    let field = account.field(kind, code).filter(|field| !field.is_custom).ok_or_else(unknown)?;
    match field.access {
        Access::Rw => Ok(field),
        Access::Create if !is_update => Ok(field),
        Access::Sync if account.company.has_contact_sync => Ok(field),
        Access::Sync => {
            Err(Refusal::forbidden(format!("{code} is not available: contact sync is not enabled for this company")))
        }
        Access::Extra if code == "marketing_status" => {
            Err(Refusal::forbidden("marketing_status is not available: the company does not have Campaigns"))
        }
        Access::Participant => Err(Refusal::field(code, "is read-only, set the primary participant instead")),
        Access::Create | Access::Ro | Access::Extra => Err(unknown()),
    }
}

fn write_custom(account: &Account, kind: Kind, given: &Json, custom: &mut Map<String, Json>) -> Result<(), Refusal> {
    let Some(given) = given.as_object() else { return Err(Refusal::field("custom_fields", "must be an object")) };
    for (code, value) in given {
        let field = account.field(kind, code).filter(|field| field.is_custom);
        let field = field.ok_or_else(|| Refusal::field("custom_fields", &format!("Unknown key '{code}'")))?;
        let kept = check(account, field, value)
            .map_err(|problem| Refusal::field(&format!("custom_fields: {code}"), &problem))?;
        if kept.is_null() {
            custom.remove(code);
        } else {
            custom.insert(code.clone(), kept);
        }
    }
    Ok(())
}

/// Returns what a new record holds before anything is written to it.
pub(super) fn born(account: &Account, kind: Kind) -> Content {
    let mut values = Map::new();
    for field in account.fields(kind).iter().filter(|field| !field.is_custom) {
        let value = match field.form {
            Form::Contacts | Form::Labels | Form::Participants | Form::Attendees | Form::Prices => json!([]),
            Form::Boolean => json!(field.code == "is_linkable"),
            Form::VisibleTo => json!(3),
            _ if field.code == "owner_id" || field.code == "creator_user_id" => json!(account.caller),
            _ => Json::Null,
        };
        let is_kept = !matches!(field.code.as_str(), "id" | "add_time" | "update_time" | "is_deleted")
            && field.access != Access::Extra;
        if is_kept {
            values.insert(field.code.clone(), value);
        }
    }
    Content { values, custom: Map::new() }
}

/// Lets a kind's own rules work.
fn settle(
    account: &Account,
    kind: Kind,
    body: &Map<String, Json>,
    old: Option<&Record>,
    content: &mut Content,
) -> Result<(), Refusal> {
    // Whether it is deleted and when it was made are kept beside its values.
    content.values.remove("is_deleted");
    content.values.remove("add_time");
    match kind {
        Kind::Deals => deals::settle(account, body, old, &mut content.values)?,
        Kind::Activities => activities::settle(account, old, &mut content.values),
        Kind::Products => products::settle(body, &mut content.values)?,
        Kind::Pipelines => pipelines::settle_pipeline(account, old, &mut content.values),
        Kind::Stages => pipelines::settle_stage(account, old, &mut content.values)?,
        Kind::Persons => split_name(&mut content.values),
        Kind::Organizations | Kind::Leads | Kind::Notes => {}
    }
    Ok(())
}
