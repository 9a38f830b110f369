//! What version 2 has replaced: records of version 1. Out of support since 2026-08-01, they may still answer, and here they do.
//!
//! Source: changelog on deprecated endpoints of API v1; shapes of openapi-v1.yaml where other answers have them.

use serde_json::{Value as Json, json};

use super::{
    account::Account,
    errors::{Answer, Answered, Refusal},
    filters,
    flat::{cut, listed},
    flat_records::{Links, show, show_all},
    flat_write::body_of,
    kinds::Kind,
    pipelines,
    request::Call,
    store::Record,
    time::read_any,
    write::written,
};

/// Answers requests for records; none where the path is another one.
pub(super) fn answer(account: &mut Account, call: &Call) -> Option<Answered> {
    let (method, path) = call.route();
    let kind = Kind::of_path(path.first()?).filter(|kind| kind.is_in_version_two())?;
    Some(match (method, &path[1..]) {
        ("GET", []) => list(account, call, kind, false),
        ("GET", ["archived"]) if kind == Kind::Deals => list(account, call, kind, true),
        ("POST", []) => create(account, call, kind),
        ("DELETE", []) => delete_many(account, call, kind),
        ("GET", [id]) => account.find(kind, id).map(|record| Answer::data(show(account, kind, record))),
        ("PUT", [id]) => change(account, call, kind, id),
        ("DELETE", [id]) => delete(account, kind, id).map(|id| Answer::data(json!({"id": id}))),
        ("GET", [id, inner]) => inside(account, call, (kind, id), inner)?,
        _ => return None,
    })
}

fn list(account: &Account, call: &Call, kind: Kind, is_archived: bool) -> Answered {
    let filter = filters::of(account, call, kind)?;
    let since = call
        .parameter("updated_since")
        .map(|text| read_any(text).ok_or_else(|| call.invalid_parameter("updated_since", "must be a time")));
    let since = since.transpose()?;
    let status = call.parameter("status").unwrap_or("all_not_deleted");
    let mut links = Vec::new();
    for (name, code) in [
        ("user_id", "owner_id"),
        ("owner_id", "owner_id"),
        ("person_id", "person_id"),
        ("org_id", "org_id"),
        ("stage_id", "stage_id"),
        ("pipeline_id", "pipeline_id"),
        ("deal_id", "deal_id"),
    ] {
        links.extend(call.number(name)?.map(|id| (code, json!(id))));
    }
    let done = call.flag("done")?.filter(|_| kind == Kind::Activities);
    let now = account.now();
    let keep = |record: &&Record| {
        let is_live = match status {
            "deleted" if kind == Kind::Deals => record.deleted.is_some() && !record.is_purged(now),
            "open" | "won" | "lost" if kind == Kind::Deals => {
                record.deleted.is_none() && record.text("status") == status
            }
            _ => record.deleted.is_none(),
        };
        let is_linked = match &filter {
            Some(filter) => filters::holds(account, kind, record, filter),
            None => links.iter().all(|(code, id)| record.value(code) == id),
        };
        let is_of_archive = kind != Kind::Deals || (record.value("is_archived") == true) == is_archived;
        is_live
            && is_linked
            && is_of_archive
            && since.is_none_or(|since| record.updated >= since)
            && done.is_none_or(|done| record.value("done") == done)
    };
    let mut found: Vec<&Record> = account.all(kind).all().filter(keep).collect();
    sort(call, &mut found);
    // Lists of stages and pipelines were never paged.
    let default = (!matches!(kind, Kind::Pipelines | Kind::Stages)).then_some(100);
    let (page, pagination) = cut(call, found, default)?;
    let data = show_all(account, kind, page.into_iter(), Links::Brief);
    // An empty list is null.
    let data = if data.is_empty() { Json::Null } else { Json::from(data) };
    let mut body = json!({"success": true, "data": data});
    if default.is_some() {
        body["additional_data"] = json!({"pagination": pagination});
    }
    Ok(Answer::whole(body))
}

fn sort(call: &Call, found: &mut [&Record]) {
    let Some(sort) = call.parameter("sort") else { return };
    let (name, direction) = sort.split(',').next().unwrap_or_default().trim().split_once(' ').unwrap_or((sort, "asc"));
    match name {
        "update_time" => found.sort_by_key(|record| (record.updated, record.id)),
        "add_time" => found.sort_by_key(|record| (record.added, record.id)),
        "id" => {}
        code => found.sort_by_cached_key(|record| record.value(code).to_string().to_lowercase()),
    }
    if direction.trim().eq_ignore_ascii_case("desc") {
        found.reverse();
    }
}

fn create(account: &mut Account, call: &Call, kind: Kind) -> Answered {
    let given = call.object()?;
    let body = body_of(account, kind, &given);
    let added = given.get("add_time").and_then(Json::as_str).and_then(read_any);
    let content = written(account, kind, &body, None)?;
    let id = account.add(kind, content, added);
    let made = account.all(kind).get(id).ok_or_else(|| Refusal::no_such(kind))?;
    Ok(Answer::data(show(account, kind, made)).created())
}

fn change(account: &mut Account, call: &Call, kind: Kind, id: &str) -> Answered {
    let mut body = body_of(account, kind, &call.object()?);
    body.remove("add_time");
    let old = account.find(kind, id)?;
    if old.deleted.is_some() {
        return Err(Refusal::no_such(kind));
    }
    let number = old.id;
    let content = written(account, kind, &body, Some(old))?;
    account.change(kind, number, content);
    account.find(kind, id).map(|record| Answer::data(show(account, kind, record)))
}

fn delete(account: &mut Account, kind: Kind, id: &str) -> Result<u64, Refusal> {
    let number = account.find(kind, id)?.id;
    if matches!(kind, Kind::Pipelines | Kind::Stages) {
        pipelines::delete(account, kind, number)?;
    } else {
        account.delete(kind, number);
    }
    Ok(number)
}

fn delete_many(account: &mut Account, call: &Call, kind: Kind) -> Answered {
    let mut gone = Vec::new();
    for id in call.list("ids") {
        gone.push(delete(account, kind, &id)?);
    }
    Ok(Answer::data(json!({"id": gone})))
}

/// Lists what hangs on a record: the deals of a person, the activities of a deal.
fn inside(account: &Account, call: &Call, (kind, id): (Kind, &str), inner: &str) -> Option<Answered> {
    let inner = Kind::of_path(inner)?;
    let code = match (kind, inner) {
        (Kind::Pipelines, Kind::Deals) => "pipeline_id",
        (Kind::Stages, Kind::Deals) => "stage_id",
        (Kind::Deals, Kind::Activities) => "deal_id",
        (Kind::Persons, Kind::Deals | Kind::Activities) => "person_id",
        (Kind::Organizations, Kind::Deals | Kind::Activities | Kind::Persons) => "org_id",
        (Kind::Deals, Kind::Persons) => return Some(persons_of(account, call, id)),
        _ => return None,
    };
    let links = if matches!(kind, Kind::Pipelines | Kind::Stages) { Links::Ids } else { Links::Brief };
    Some(account.find(kind, id).and_then(|of| {
        let linked =
            account.all(inner).all().filter(|record| record.deleted.is_none() && record.number(code) == Some(of.id));
        listed(call, show_all(account, inner, linked, links), Some(100))
    }))
}

fn persons_of(account: &Account, call: &Call, id: &str) -> Answered {
    let deal = account.find(Kind::Deals, id)?.id;
    let persons = account
        .all(Kind::Persons)
        .all()
        .filter(|person| person.deleted.is_none() && account.is_person_of(person.id, deal));
    listed(call, show_all(account, Kind::Persons, persons, Links::Brief), Some(100))
}
