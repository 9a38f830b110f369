//! Records of version 2: list, read, create, change, delete. One record a call: there is no batch and no upsert.

use serde_json::{Value as Json, json};

use super::{
    account::Account,
    errors::{Answer, Answered, Refusal},
    filters,
    kinds::Kind,
    listing::{Bounds, page},
    pipelines,
    render::{View, record},
    request::Call,
    store::Record,
    time::read_any,
    write::written,
};

/// Answers requests for the records of a kind; none where the path is another one.
pub(super) fn answer(account: &mut Account, call: &Call) -> Option<Answered> {
    let (method, path) = call.route();
    let kind = Kind::of_path(path.first()?).filter(|kind| kind.is_in_version_two())?;
    Some(match (method, &path[1..]) {
        ("GET", []) => list(account, call, kind, false),
        ("GET", ["archived"]) if kind == Kind::Deals => list(account, call, kind, true),
        ("POST", []) => create(account, call, kind),
        ("GET", [id]) => read(account, call, kind, id),
        ("PATCH", [id]) => change(account, call, kind, id),
        ("DELETE", [id]) => delete(account, kind, id),
        _ => return None,
    })
}

fn list(account: &Account, call: &Call, kind: Kind, is_archived: bool) -> Answered {
    let (view, bounds) = (View::of(account, call, kind)?, Bounds::of(call)?);
    let links = links(call, kind)?;
    let filter = filters::of(account, call, kind)?;
    let statuses = statuses(call)?;
    let done = call.flag("done")?.filter(|_| kind == Kind::Activities);
    let deal = call.number("deal_id")?.filter(|_| kind == Kind::Persons);
    let now = account.now();
    let keep = |record: &Record| {
        let narrowed = match &filter {
            // A filter overrides the other ones.
            Some(filter) => record.deleted.is_none() && filters::holds(account, kind, record, filter),
            None => {
                has_status(record, kind, &statuses, now)
                    && links.iter().all(|(code, value)| record.value(code) == value)
                    && deal.is_none_or(|deal| account.is_person_of(record.id, deal))
            }
        };
        narrowed
            && bounds.holds(record, filter.is_some())
            && done.is_none_or(|done| record.value("done") == done)
            && (kind != Kind::Deals || (record.value("is_archived") == true) == is_archived)
    };
    let (found, next) = page(account, call, kind, keep)?;
    let data: Vec<Json> = found.into_iter().map(|one| record(account, kind, one, &view)).collect();
    Ok(Answer::page(data, next))
}

/// Reads the parameters that narrow a list to records with a link.
fn links(call: &Call, kind: Kind) -> Result<Vec<(&'static str, Json)>, Refusal> {
    let names: &[&str] = match kind {
        Kind::Deals => &["owner_id", "person_id", "org_id", "pipeline_id", "stage_id"],
        Kind::Persons => &["owner_id", "org_id"],
        Kind::Organizations | Kind::Products => &["owner_id"],
        Kind::Activities => &["owner_id", "deal_id", "person_id", "org_id"],
        Kind::Stages => &["pipeline_id"],
        Kind::Pipelines | Kind::Leads | Kind::Notes => &[],
    };
    let mut links = Vec::new();
    for name in names.iter().copied() {
        if let Some(id) = call.number(name)? {
            links.push((name, json!(id)));
        }
    }
    if let Some(lead) = call.parameter("lead_id").filter(|_| kind == Kind::Activities) {
        links.push(("lead_id", json!(lead)));
    }
    Ok(links)
}

fn statuses(call: &Call) -> Result<Vec<String>, Refusal> {
    let statuses = call.list("status");
    let is_known = |status: &String| matches!(status.as_str(), "open" | "won" | "lost" | "deleted");
    if statuses.iter().all(is_known) {
        Ok(statuses)
    } else {
        Err(call.invalid_parameter("status", "must be one of open, won, lost, deleted"))
    }
}

/// Whether a record has one of the statuses. Deleted deals are shown on request alone, and other deleted records never.
fn has_status(record: &Record, kind: Kind, statuses: &[String], now: i64) -> bool {
    if kind != Kind::Deals || statuses.is_empty() {
        return record.deleted.is_none();
    }
    let status = if record.deleted.is_some() { "deleted" } else { record.text("status") };
    !record.is_purged(now) && statuses.iter().any(|named| named == status)
}

fn read(account: &Account, call: &Call, kind: Kind, id: &str) -> Answered {
    let view = View::of(account, call, kind)?;
    Ok(Answer::data(record(account, kind, account.find(kind, id)?, &view)))
}

fn create(account: &mut Account, call: &Call, kind: Kind) -> Answered {
    let body = call.object()?;
    let content = written(account, kind, &body, None)?;
    let added = body.get("add_time").and_then(Json::as_str).and_then(read_any);
    let id = account.add(kind, content, added);
    let made = account.all(kind).get(id).ok_or_else(|| Refusal::no_such(kind))?;
    let answer = Answer::data(record(account, kind, made, &View::default()));
    Ok(if kind == Kind::Products { answer.created() } else { answer })
}

fn change(account: &mut Account, call: &Call, kind: Kind, id: &str) -> Answered {
    let body = call.object()?;
    let old = account.find(kind, id)?;
    let id = old.id;
    let is_restored = kind == Kind::Deals && body.get("is_deleted") == Some(&json!(false));
    if old.deleted.is_some() && !is_restored {
        return Err(Refusal::no_such(kind));
    }
    let content = written(account, kind, &body, Some(old))?;
    account.change(kind, id, content);
    if body.get("is_deleted") == Some(&json!(true)) {
        account.delete(kind, id);
    }
    let changed = account.all(kind).get(id).ok_or_else(|| Refusal::no_such(kind))?;
    Ok(Answer::data(record(account, kind, changed, &View::default())))
}

/// Marks a record as deleted; it can be asked for thirty days longer.
fn delete(account: &mut Account, kind: Kind, id: &str) -> Answered {
    let found = account.find(kind, id)?;
    if found.deleted.is_some() {
        return Err(Refusal::no_such(kind));
    }
    let id = found.id;
    if matches!(kind, Kind::Pipelines | Kind::Stages) {
        pipelines::delete(account, kind, id)?;
    } else {
        account.delete(kind, id);
    }
    Ok(Answer::data(json!({"id": id})))
}
