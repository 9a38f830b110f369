//! Leads: version 1 alone makes, reads and changes them. They have UUIDs, and the custom fields of deals at their top level.

use serde_json::{Map, Value as Json, json};
use xxhash_rust::xxh3::xxh3_128;

use super::{
    account::Account,
    errors::{Answer, Answered, Refusal},
    filters,
    flat::{cut, flatten, suffixes},
    flat_write::body_of,
    forms::{self, MAX_VARCHAR, text},
    kinds::Kind,
    people::primary,
    request::Call,
    store::{Content, Record},
    time::{is_date, read_any, rfc3339_millis},
};

/// Colours of labels. Source: openapi-v1.yaml, `POST /leadLabels`.
const COLORS: [&str; 10] = ["blue", "brown", "dark-gray", "gray", "green", "orange", "pink", "purple", "red", "yellow"];

/// A label of leads.
#[derive(Debug, Clone)]
pub(super) struct Label {
    pub(super) id: String,
    pub(super) name: String,
    color: String,
    added: i64,
    updated: i64,
}

impl Label {
    /// Makes a label with an id that its name gives.
    pub(super) fn new(name: String, color: String, now: i64) -> Self {
        Self { id: uuid(&format!("label/{name}/{now}")), name, color, added: now, updated: now }
    }

    fn show(&self) -> Json {
        json!({"id": self.id, "name": self.name, "color": self.color, "add_time": rfc3339_millis(self.added),
            "update_time": rfc3339_millis(self.updated)})
    }
}

/// Returns the UUID that a text gives.
pub(super) fn uuid(seed: &str) -> String {
    let hash = format!("{:032x}", xxh3_128(seed.as_bytes()));
    format!("{}-{}-4{}-8{}-{}", &hash[..8], &hash[8..12], &hash[13..16], &hash[17..20], &hash[20..])
}

/// Answers requests for leads and their labels; none where the path is another one.
pub(super) fn answer(account: &mut Account, call: &Call) -> Option<Answered> {
    let (method, path) = call.route();
    Some(match (method, path.as_slice()) {
        ("GET", ["leads"]) => list(account, call, false),
        ("GET", ["leads", "archived"]) => list(account, call, true),
        ("POST", ["leads"]) => create(account, call),
        ("GET", ["leads", id]) => account.find(Kind::Leads, id).map(|lead| Answer::data(show(account, lead))),
        ("PATCH", ["leads", id]) => change(account, call, id),
        ("DELETE", ["leads", id]) => delete(account, id),
        ("GET", ["leadSources"]) => {
            Ok(Answer::data(account.lead_sources.iter().map(|name| json!({"name": name})).collect::<Vec<_>>()))
        }
        ("GET", ["leadLabels"]) => Ok(Answer::data(account.lead_labels.iter().map(Label::show).collect::<Vec<_>>())),
        ("POST", ["leadLabels"]) => write_label(account, call, None),
        ("PATCH", ["leadLabels", id]) => write_label(account, call, Some(id)),
        ("DELETE", ["leadLabels", id]) => delete_label(account, id),
        _ => return None,
    })
}

fn list(account: &Account, call: &Call, is_archived: bool) -> Answered {
    let filter = filters::of(account, call, Kind::Leads)?;
    let links = [
        ("owner_id", call.number("owner_id")?),
        ("person_id", call.number("person_id")?),
        ("organization_id", call.number("organization_id")?),
    ];
    let since = call
        .parameter("updated_since")
        .map(|text| read_any(text).ok_or_else(|| call.invalid_parameter("updated_since", "must be a time")));
    let since = since.transpose()?;
    let keep = |lead: &&Record| {
        let is_linked = match &filter {
            Some(filter) => filters::holds(account, Kind::Leads, lead, filter),
            None => links.iter().all(|(code, id)| id.is_none() || lead.number(code) == *id),
        };
        lead.deleted.is_none()
            && (lead.value("is_archived") == true) == is_archived
            && is_linked
            && since.is_none_or(|since| lead.updated >= since)
    };
    let found: Vec<&Record> = account.all(Kind::Leads).all().filter(keep).collect();
    let (page, pagination) = cut(call, found, Some(100))?;
    let data: Vec<Json> = page.into_iter().map(|lead| show(account, lead)).collect();
    Ok(Answer::whole(json!({"success": true, "data": data, "additional_data": {"pagination": pagination}})))
}

/// Returns a lead. Custom fields without a value are not there.
pub(super) fn show(account: &Account, lead: &Record) -> Json {
    let mut shown = Map::new();
    for code in ["id", "title", "owner_id", "creator_id", "label_ids", "person_id", "organization_id"] {
        shown.insert(code.to_owned(), lead.value(code).clone());
    }
    let rest = json!({"source_name": "API", "origin": "API", "origin_id": lead.value("origin_id"), "channel": lead.value("channel"),
        "channel_id": lead.value("channel_id"), "source_deal_id": null, "is_archived": lead.value("is_archived"),
        "was_seen": lead.value("was_seen"), "value": lead.value("value"), "expected_close_date": lead.value("expected_close_date"),
        "next_activity_id": null, "add_time": rfc3339_millis(lead.added), "update_time": rfc3339_millis(lead.updated),
        "visible_to": lead.value("visible_to"), "cc_email": format!("{}+lead{}@pipedrivemail.com", account.company.domain, lead.id)});
    shown.extend(rest.as_object().cloned().unwrap_or_default());
    flatten(account.fields(Kind::Deals), &lead.content.custom, &mut shown, true);
    Json::from(shown)
}

fn create(account: &mut Account, call: &Call) -> Answered {
    let body = call.object()?;
    let born = json!({"owner_id": account.caller, "creator_id": account.caller, "label_ids": [], "person_id": null, "organization_id": null,
        "is_archived": false, "was_seen": true, "value": null, "expected_close_date": null, "visible_to": "3", "origin_id": null,
        "channel": null, "channel_id": null});
    let born = Content { values: born.as_object().cloned().unwrap_or_default(), custom: Map::new() };
    let content = written(account, &body, born)?;
    let number = add(account, content);
    let made = account.all(Kind::Leads).get(number).ok_or_else(|| Refusal::no_such(Kind::Leads))?;
    Ok(Answer::data(show(account, made)).created())
}

/// Adds a lead under a new UUID, and returns its number.
fn add(account: &mut Account, mut content: Content) -> u64 {
    let number = account.all(Kind::Leads).next_id();
    let id = uuid(&format!("lead/{}/{number}", account.company.id));
    content.values.insert("id".to_owned(), json!(id));
    account.lead_ids.insert(id, number);
    account.add(Kind::Leads, content, None)
}

fn change(account: &mut Account, call: &Call, id: &str) -> Answered {
    let body = call.object()?;
    let lead = account.find(Kind::Leads, id)?;
    if lead.value("is_archived") == true && body.get("is_archived") != Some(&json!(false)) {
        return Err(Refusal::bad("Archived leads cannot be edited, unarchive the lead first"));
    }
    let number = lead.id;
    let content = written(account, &body, lead.content.clone())?;
    account.change(Kind::Leads, number, content);
    account.find(Kind::Leads, id).map(|lead| Answer::data(show(account, lead)))
}

fn delete(account: &mut Account, id: &str) -> Answered {
    let number = account.find(Kind::Leads, id)?.id;
    account.delete(Kind::Leads, number);
    Ok(Answer::data(json!({"id": id})))
}

/// Checks a body and writes it to what a lead holds. Unlike most of version 1, leads refuse keys that they do not know.
pub(super) fn written(account: &Account, body: &Map<String, Json>, mut content: Content) -> Result<Content, Refusal> {
    for (key, value) in body.iter().filter(|(key, _)| !is_custom(account, key)) {
        let kept = check(account, key, value).map_err(|problem| Refusal::bad(format!("{key}: {problem}")))?;
        content.values.insert(key.clone(), kept);
    }
    if let Some(custom) =
        body_of(account, Kind::Deals, &only_custom(account, body)).get("custom_fields").and_then(Json::as_object)
    {
        for (code, value) in custom {
            let Some(field) = account.field(Kind::Deals, code) else { continue };
            let kept =
                forms::check(account, field, value).map_err(|problem| Refusal::bad(format!("{code}: {problem}")))?;
            if kept.is_null() {
                content.custom.remove(code)
            } else {
                content.custom.insert(code.clone(), kept)
            };
        }
    }
    if content.values.get("title").and_then(Json::as_str).is_none_or(str::is_empty) {
        return Err(Refusal::bad("title is required"));
    }
    let is_linked = ["person_id", "organization_id"].iter().any(|code| !content.values[*code].is_null());
    if is_linked { Ok(content) } else { Err(Refusal::bad("A lead must be linked to a person or an organization")) }
}

fn only_custom(account: &Account, body: &Map<String, Json>) -> Map<String, Json> {
    body.iter().filter(|(key, _)| is_custom(account, key)).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Whether a key is a custom field of deals, or a part of one.
fn is_custom(account: &Account, key: &str) -> bool {
    let (code, suffix) = key.split_at_checked(40).unwrap_or((key, ""));
    let field = account.field(Kind::Deals, code).filter(|field| field.is_custom);
    field.is_some_and(|field| suffix.is_empty() || suffixes(field.form).contains(&suffix.trim_start_matches('_')))
}

fn check(account: &Account, key: &str, value: &Json) -> Result<Json, String> {
    let linked = |kind: Kind| match value.as_u64() {
        _ if value.is_null() => Ok(Json::Null),
        Some(id) if account.live(kind, id).is_some() => Ok(value.clone()),
        _ => Err(format!("must be the id of a {}", kind.singular())),
    };
    match key {
        "title" => text(value, MAX_VARCHAR),
        "owner_id" if value.as_u64().is_some_and(|id| account.user(id).is_some()) => Ok(value.clone()),
        "owner_id" => Err("must be the id of a user".to_owned()),
        "person_id" => linked(Kind::Persons),
        "organization_id" => linked(Kind::Organizations),
        "label_ids" => labels(account, value),
        "value" => amount(account, value),
        "expected_close_date" if value.is_null() || value.as_str().is_some_and(is_date) => Ok(value.clone()),
        "expected_close_date" => Err("must be a date in the form YYYY-MM-DD".to_owned()),
        "visible_to" if ["1", "3", "5", "7"].contains(&value.as_str().unwrap_or_default()) => Ok(value.clone()),
        "visible_to" => Err("must be one of \"1\", \"3\", \"5\", \"7\"".to_owned()),
        "was_seen" | "is_archived" => forms::boolean(value),
        "origin_id" | "channel" | "channel_id" => Ok(value.clone()),
        _ => Err("is not allowed".to_owned()),
    }
}

fn labels(account: &Account, value: &Json) -> Result<Json, String> {
    let ids = value.as_array().ok_or("must be an array")?;
    let is_known = |id: &Json| account.lead_labels.iter().any(|label| json!(label.id) == *id);
    if ids.iter().all(is_known) { Ok(value.clone()) } else { Err("must be ids of lead labels".to_owned()) }
}

fn amount(account: &Account, value: &Json) -> Result<Json, String> {
    if value.is_null() {
        return Ok(Json::Null);
    }
    let given = forms::object(value)?;
    forms::known(given, &["amount", "currency"], &[])?;
    let amount = forms::number(given.get("amount").unwrap_or(&Json::Null))?;
    let currency = forms::currency(account, given.get("currency").unwrap_or(&Json::Null))?;
    Ok(json!({"amount": amount, "currency": currency}))
}

fn write_label(account: &mut Account, call: &Call, id: Option<&str>) -> Answered {
    let body = call.object()?;
    let text = |name: &str| body.get(name).and_then(Json::as_str).map(str::to_owned);
    if text("color").is_some_and(|color| !COLORS.contains(&color.as_str())) {
        return Err(Refusal::bad("color is not one of the colors"));
    }
    let now = account.now();
    let Some(id) = id else {
        let (name, color) =
            text("name").zip(text("color")).ok_or_else(|| Refusal::bad("name and color are required"))?;
        let mut label = Label::new(name, color, now);
        label.id = uuid(&format!("label/{}", account.next_number()));
        account.lead_labels.push(label.clone());
        return Ok(Answer::data(label.show()));
    };
    let label = account
        .lead_labels
        .iter_mut()
        .find(|label| label.id == id)
        .ok_or_else(|| Refusal::not_found("Label was not found."))?;
    label.name = text("name").unwrap_or_else(|| label.name.clone());
    label.color = text("color").unwrap_or_else(|| label.color.clone());
    label.updated = now;
    Ok(Answer::data(label.show()))
}

fn delete_label(account: &mut Account, id: &str) -> Answered {
    let place = account.lead_labels.iter().position(|label| label.id == id);
    account.lead_labels.remove(place.ok_or_else(|| Refusal::not_found("Label was not found."))?);
    Ok(Answer::data(json!({"id": id})))
}

/// Returns the primary e-mail of a lead's person, for search.
pub(super) fn emails(account: &Account, lead: &Record) -> Vec<String> {
    let person = lead.number("person_id").and_then(|id| account.live(Kind::Persons, id));
    person.and_then(|person| primary(person.value("emails"))).map(str::to_owned).into_iter().collect()
}
