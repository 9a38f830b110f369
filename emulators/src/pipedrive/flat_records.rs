//! Records as version 1 shows them.

use serde_json::{Map, Value as Json, json};

use super::{
    account::Account,
    flat::{cc_email, flatten, joined, org_brief, person_brief},
    kinds::Kind,
    store::Record,
    tally::Tally,
    time::{plain, to_plain},
};

pub(super) use super::flat::user_brief;

/// Whether linked records are shown in brief or by their ids: lists and single records have them in brief, merges and recents do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Links {
    Brief,
    Ids,
}

/// Returns a record as version 1 shows it, with linked records in brief.
pub(super) fn show(account: &Account, kind: Kind, record: &Record) -> Json {
    show_all(account, kind, std::iter::once(record), Links::Brief).pop().unwrap_or_default()
}

/// Returns records as version 1 shows them.
pub(super) fn show_all<'account>(
    account: &'account Account,
    kind: Kind,
    records: impl Iterator<Item = &'account Record>,
    links: Links,
) -> Vec<Json> {
    let tally = Tally::of(account, kind);
    records.map(|record| Json::from(one(account, kind, record, (&tally, links)))).collect()
}

fn one(account: &Account, kind: Kind, record: &Record, (tally, links): (&Tally, Links)) -> Map<String, Json> {
    let mut shown = Map::from_iter([("id".to_owned(), json!(record.id))]);
    if kind != Kind::Deals {
        shown.insert("company_id".to_owned(), json!(account.company.id));
    }
    let own = match kind {
        Kind::Deals => deal(account, record, links),
        Kind::Persons => person(account, record, links),
        Kind::Organizations => organization(account, record, links),
        Kind::Activities => activity(account, record),
        Kind::Products => product(account, record, links),
        Kind::Pipelines => pipeline(record),
        Kind::Stages => stage(account, record),
        Kind::Leads | Kind::Notes => Json::Null,
    };
    shown.extend(own.as_object().cloned().unwrap_or_default());
    if matches!(kind, Kind::Deals | Kind::Persons | Kind::Organizations) {
        for field in account
            .fields(kind)
            .iter()
            .filter(|field| field.code.ends_with("_count") || field.code.ends_with("activity_id"))
        {
            shown.insert(field.code.clone(), tally.value(record.id, &field.code));
        }
    }
    shown.insert("add_time".to_owned(), json!(plain(record.added)));
    shown.insert("update_time".to_owned(), json!(plain(record.updated)));
    flatten(account.fields(kind), &record.content.custom, &mut shown, false);
    shown
}

fn time(record: &Record, code: &str) -> Json {
    record.value(code).as_str().map_or(Json::Null, |text| json!(to_plain(text)))
}

fn visible_to(record: &Record) -> Json {
    json!(record.number("visible_to").unwrap_or(3).to_string())
}

/// Returns the first label, which version 1 had when there was one alone.
fn label(record: &Record) -> Json {
    record.value("label_ids").get(0).cloned().unwrap_or_default()
}

fn linked(id: Option<u64>, links: Links, brief: impl Fn(Option<u64>) -> Json) -> Json {
    if links == Links::Ids { json!(id) } else { brief(id) }
}

fn name_of(account: &Account, kind: Kind, id: Option<u64>) -> Json {
    id.and_then(|id| account.all(kind).get(id)).map_or(Json::Null, |record| record.value("name").clone())
}

fn owner_name(account: &Account, record: &Record) -> Json {
    record.number("owner_id").and_then(|id| account.user(id)).map_or(Json::Null, |user| json!(user.name))
}

fn deal(account: &Account, record: &Record, links: Links) -> Json {
    let (person, org, owner) = (record.number("person_id"), record.number("org_id"), record.number("owner_id"));
    let is_deleted = record.deleted.is_some();
    let stage = record.number("stage_id").and_then(|id| account.all(Kind::Stages).get(id));
    let (value, currency) = (record.value("value"), record.text("currency"));
    let labels = joined(record.value("label_ids"));
    let mut shown = json!({
        "creator_user_id": linked(record.number("creator_user_id"), links, |id| user_brief(account, id)),
        "user_id": linked(owner, links, |id| user_brief(account, id)),
        "person_id": linked(person, links, |id| person_brief(account, id)),
        "org_id": linked(org, links, |id| org_brief(account, id)),
        "stage_id": record.value("stage_id"), "title": record.value("title"), "value": value, "currency": currency,
        "stage_change_time": time(record, "stage_change_time"), "active": !is_deleted, "deleted": is_deleted,
        "is_archived": record.value("is_archived"), "archive_time": time(record, "archive_time"),
        "status": if is_deleted { "deleted" } else { record.text("status") },
        "probability": record.value("probability"), "lost_reason": record.value("lost_reason"), "visible_to": visible_to(record),
        "close_time": time(record, "close_time"), "pipeline_id": record.value("pipeline_id"), "won_time": time(record, "won_time"),
        "first_won_time": time(record, "first_won_time"), "lost_time": time(record, "lost_time"),
        "expected_close_date": record.value("expected_close_date"),
        "label": if labels.is_empty() { Json::Null } else { json!(labels) },
        "stage_order_nr": stage.map(|stage| stage.value("order_nr").clone()),
        "person_name": name_of(account, Kind::Persons, person), "org_name": name_of(account, Kind::Organizations, org),
        "formatted_value": format!("{currency} {value}"), "weighted_value": value, "weighted_value_currency": currency,
        "formatted_weighted_value": format!("{currency} {value}"), "rotten_time": null, "owner_name": owner_name(account, record),
        "cc_email": format!("{}+deal{}@pipedrivemail.com", account.company.domain, record.id), "org_hidden": false, "person_hidden": false,
        "origin": record.value("origin"),
    });
    for code in NEVER_SET {
        shown[code] = Json::Null;
    }
    shown
}

/// What version 1 tells of deals and nothing here ever sets.
const NEVER_SET: [&str; 18] = [
    "origin_id",
    "channel",
    "channel_id",
    "next_activity_date",
    "next_activity_time",
    "last_activity_date",
    "next_activity_subject",
    "next_activity_type",
    "next_activity_duration",
    "next_activity_note",
    "last_incoming_mail_time",
    "last_outgoing_mail_time",
    "arr",
    "mrr",
    "acv",
    "arr_currency",
    "mrr_currency",
    "acv_currency",
];

fn person(account: &Account, record: &Record, links: Links) -> Json {
    let org = record.number("org_id");
    json!({
        "owner_id": linked(record.number("owner_id"), links, |id| user_brief(account, id)),
        "org_id": linked(org, links, |id| org_brief(account, id)),
        "name": record.value("name"), "first_name": record.value("first_name"), "last_name": record.value("last_name"),
        "active_flag": record.deleted.is_none(), "email": listed_or_blank(record.value("emails")), "phone": listed_or_blank(record.value("phones")),
        "first_char": record.text("name").chars().next().map(|first| first.to_lowercase().to_string()),
        "visible_to": visible_to(record), "picture_id": null, "label": label(record), "label_ids": record.value("label_ids"),
        "org_name": name_of(account, Kind::Organizations, org), "owner_name": owner_name(account, record), "cc_email": cc_email(account),
        "next_activity_date": null, "next_activity_time": null, "last_activity_date": null,
        "last_incoming_mail_time": null, "last_outgoing_mail_time": null,
    })
}

/// Shows an empty list as version 1 does: one entry without a value.
fn listed_or_blank(list: &Json) -> Json {
    if list.as_array().is_none_or(Vec::is_empty) { json!([{"value": "", "primary": true}]) } else { list.clone() }
}

fn organization(account: &Account, record: &Record, links: Links) -> Json {
    let mut shown = json!({
        "owner_id": linked(record.number("owner_id"), links, |id| user_brief(account, id)),
        "name": record.value("name"), "active_flag": record.deleted.is_none(), "country_code": null,
        "first_char": record.text("name").chars().next().map(|first| first.to_lowercase().to_string()),
        "visible_to": visible_to(record), "label": label(record), "label_ids": record.value("label_ids"), "picture_id": null,
        "owner_name": owner_name(account, record), "cc_email": cc_email(account), "address": record.value("address")["value"],
        "next_activity_date": null, "next_activity_time": null, "last_activity_date": null,
        "website": record.value("website"), "linkedin": record.value("linkedin"), "industry": record.value("industry"),
        "annual_revenue": record.value("annual_revenue"), "employee_count": record.value("employee_count"),
        "address_formatted_address": record.value("address")["value"],
    });
    for part in super::fields::ADDRESS_PARTS {
        shown[format!("address_{part}")] = record.value("address")[part].clone();
    }
    shown
}

fn activity(account: &Account, record: &Record) -> Json {
    let short = |code: &str| record.value(code).as_str().map(|text| text.chars().take(5).collect::<String>());
    let participants = record.value("participants").as_array().cloned().unwrap_or_default();
    let participants =
        participants.iter().map(|one| json!({"person_id": one["person_id"], "primary_flag": one["primary"]}));
    let (person, org, deal) = (record.number("person_id"), record.number("org_id"), record.number("deal_id"));
    json!({
        "user_id": record.value("owner_id"), "done": record.value("done"), "type": record.value("type"), "subject": record.value("subject"),
        "due_date": record.value("due_date"), "due_time": short("due_time").unwrap_or_default(), "duration": short("duration").unwrap_or_default(),
        "busy_flag": record.value("busy"), "marked_as_done_time": time(record, "marked_as_done_time"),
        "public_description": record.value("public_description"), "location": record.value("location")["value"],
        "org_id": org, "person_id": person, "deal_id": deal, "lead_id": record.value("lead_id"), "project_id": record.value("project_id"),
        "active_flag": record.deleted.is_none(), "note": record.value("note"), "created_by_user_id": record.value("creator_user_id"),
        "participants": participants.collect::<Vec<_>>(), "attendees": null, "org_name": name_of(account, Kind::Organizations, org),
        "person_name": name_of(account, Kind::Persons, person), "owner_name": owner_name(account, record),
        "deal_title": deal.and_then(|id| account.all(Kind::Deals).get(id)).map(|deal| deal.value("title").clone()),
        "assigned_to_user_id": record.value("owner_id"), "conference_meeting_client": null, "conference_meeting_url": null,
        "conference_meeting_id": null,
    })
}

fn product(account: &Account, record: &Record, links: Links) -> Json {
    let prices = record.value("prices").as_array().cloned().unwrap_or_default();
    let prices = prices.iter().map(|price| {
        json!({"product_id": record.id, "price": price["price"], "currency": price["currency"], "cost": price["cost"],
            "overhead_cost": price["direct_cost"]})
    });
    json!({
        "name": record.value("name"), "code": record.value("code"), "description": record.value("description"), "unit": record.value("unit"),
        "tax": record.value("tax"), "category": record.value("category"), "active_flag": record.deleted.is_none(),
        "selectable": record.value("is_linkable"), "visible_to": visible_to(record),
        "owner_id": linked(record.number("owner_id"), links, |id| user_brief(account, id)), "prices": prices.collect::<Vec<_>>(),
        "billing_frequency": record.value("billing_frequency"), "billing_frequency_cycles": record.value("billing_frequency_cycles"),
    })
}

fn pipeline(record: &Record) -> Json {
    json!({"name": record.value("name"), "url_title": record.value("name"), "order_nr": record.value("order_nr"),
        "active": record.deleted.is_none(), "deal_probability": record.value("is_deal_probability_enabled"), "selected": false})
}

fn stage(account: &Account, record: &Record) -> Json {
    let pipeline = record.number("pipeline_id");
    json!({"order_nr": record.value("order_nr"), "name": record.value("name"), "active_flag": record.deleted.is_none(),
        "deal_probability": record.value("deal_probability"), "pipeline_id": pipeline, "rotten_flag": record.value("is_deal_rot_enabled"),
        "rotten_days": record.value("days_to_rotten"), "pipeline_name": name_of(account, Kind::Pipelines, pipeline)})
}
