//! Notes: version 1 alone has them. Their content is HTML, which is sanitised.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value as Json, json};

use super::{
    account::Account,
    errors::{Answer, Answered, Refusal},
    flat::cut,
    kinds::Kind,
    request::Call,
    store::{Content, Record},
    time::{plain, read_any, read_plain},
};

/// What a note can hang on: its key, and the kind of record.
const LINKS: [(&str, Kind); 4] =
    [("deal_id", Kind::Deals), ("person_id", Kind::Persons), ("org_id", Kind::Organizations), ("lead_id", Kind::Leads)];
/// Flags, with the link that each needs.
const PINS: [(&str, &str); 4] = [
    ("pinned_to_deal_flag", "deal_id"),
    ("pinned_to_person_flag", "person_id"),
    ("pinned_to_organization_flag", "org_id"),
    ("pinned_to_lead_flag", "lead_id"),
];

/// Answers requests for notes; none where the path is another one.
pub(super) fn answer(account: &mut Account, call: &Call) -> Option<Answered> {
    let (method, path) = call.route();
    Some(match (method, path.as_slice()) {
        ("GET", ["notes"]) => list(account, call),
        ("POST", ["notes"]) => create(account, call),
        ("GET", ["notes", id]) => account.find(Kind::Notes, id).map(|note| Answer::data(show(account, note))),
        ("PUT", ["notes", id]) => change(account, call, id),
        ("DELETE", ["notes", id]) => delete(account, id),
        _ => return None,
    })
}

fn list(account: &Account, call: &Call) -> Answered {
    let since = call
        .parameter("updated_since")
        .map(|text| read_any(text).ok_or_else(|| call.invalid_parameter("updated_since", "must be a time")));
    let since = since.transpose()?;
    let user = call.number("user_id")?;
    let mut found: Vec<&Record> = account
        .all(Kind::Notes)
        .all()
        .filter(|note| {
            let is_linked =
                LINKS.iter().all(|(code, _)| call.parameter(code).is_none_or(|id| plain_text(note.value(code)) == id));
            let is_pinned = PINS
                .iter()
                .all(|(flag, _)| call.parameter(flag).is_none_or(|on| (note.value(flag) == true) == (on == "1")));
            let day = plain(note.added)[..10].to_owned();
            let is_dated = call.parameter("start_date").is_none_or(|start| day.as_str() >= start)
                && call.parameter("end_date").is_none_or(|end| day.as_str() <= end);
            note.deleted.is_none()
                && is_linked
                && is_pinned
                && is_dated
                && since.is_none_or(|since| note.updated >= since)
                && user.is_none_or(|user| note.number("user_id") == Some(user))
        })
        .collect();
    sort(call, &mut found);
    let (page, pagination) = cut(call, found, Some(100))?;
    let data: Vec<Json> = page.into_iter().map(|note| show(account, note)).collect();
    Ok(Answer::whole(json!({"success": true, "data": data, "additional_data": {"pagination": pagination}})))
}

fn plain_text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Sorts by `sort=update_time DESC`; by id where nothing is named.
fn sort(call: &Call, found: &mut [&Record]) {
    let Some(sort) = call.parameter("sort") else { return };
    let (name, direction) = sort.trim().split_once(' ').unwrap_or((sort, "asc"));
    match name {
        "add_time" => found.sort_by_key(|note| (note.added, note.id)),
        "update_time" => found.sort_by_key(|note| (note.updated, note.id)),
        "content" => found.sort_by_key(|note| note.text("content").to_owned()),
        _ => {}
    }
    if direction.trim().eq_ignore_ascii_case("desc") {
        found.reverse();
    }
}

/// Returns a note.
pub(super) fn show(account: &Account, note: &Record) -> Json {
    let name = |kind: Kind, code: &str, name: &str| {
        let found = note.number(code).and_then(|id| account.all(kind).get(id));
        found.map(|record| json!({name: record.value(name)}))
    };
    let author = note.number("user_id").and_then(|id| account.user(id));
    let author = author.map(
        |user| json!({"email": user.email, "icon_url": null, "is_you": user.id == account.caller, "name": user.name}),
    );
    let mut shown = json!({
        "id": note.id, "active_flag": note.deleted.is_none(), "add_time": plain(note.added), "update_time": plain(note.updated),
        "content": note.value("content"), "deal": name(Kind::Deals, "deal_id", "title"), "person": name(Kind::Persons, "person_id", "name"),
        "organization": name(Kind::Organizations, "org_id", "name"), "last_update_user_id": note.value("last_update_user_id"),
        "project": null, "project_id": null, "task": null, "task_id": null, "pinned_to_project_flag": false, "pinned_to_task_flag": false,
        "user": author, "user_id": note.value("user_id"),
    });
    for (code, _) in LINKS {
        shown[code] = note.value(code).clone();
    }
    for (flag, _) in PINS {
        shown[flag] = json!(note.value(flag) == true);
    }
    shown
}

fn create(account: &mut Account, call: &Call) -> Answered {
    let body = call.object()?;
    let added = added(&body)?;
    let values = Map::from_iter([("user_id".to_owned(), json!(account.caller))]);
    let content = written(account, &body, Content { values, custom: Map::new() })?;
    let id = account.add(Kind::Notes, content, added);
    account.find(Kind::Notes, &id.to_string()).map(|note| Answer::data(show(account, note)))
}

fn added(body: &Map<String, Json>) -> Result<Option<i64>, Refusal> {
    let Some(text) = body.get("add_time").and_then(Json::as_str) else { return Ok(None) };
    read_plain(text).map(Some).ok_or_else(|| Refusal::bad("add_time must be in the form YYYY-MM-DD HH:MM:SS"))
}

fn change(account: &mut Account, call: &Call, id: &str) -> Answered {
    let body = call.object()?;
    let note = account.find(Kind::Notes, id)?;
    if note.deleted.is_some() {
        return Err(Refusal::no_such(Kind::Notes));
    }
    let number = note.id;
    let mut content = written(account, &body, note.content.clone())?;
    content.values.insert("last_update_user_id".to_owned(), json!(account.caller));
    account.change(Kind::Notes, number, content);
    account.find(Kind::Notes, id).map(|note| Answer::data(show(account, note)))
}

fn delete(account: &mut Account, id: &str) -> Answered {
    let number = account.find(Kind::Notes, id)?.id;
    account.delete(Kind::Notes, number);
    Ok(Answer::data(true))
}

/// Checks a body and writes it to what a note holds.
pub(super) fn written(account: &Account, body: &Map<String, Json>, mut content: Content) -> Result<Content, Refusal> {
    if let Some(text) = body.get("content") {
        let text = text.as_str().ok_or_else(|| Refusal::bad("content must be a string"))?;
        content.values.insert("content".to_owned(), json!(sanitised(text)));
    }
    for (code, kind) in LINKS {
        let Some(id) = body.get(code) else { continue };
        let found = if id.is_null() { Some(Json::Null) } else { linked(account, kind, id) };
        let found = found.ok_or_else(|| Refusal::bad(format!("{code}: {} not found", kind.singular())))?;
        content.values.insert(code.to_owned(), found);
    }
    if let Some(user) = body.get("user_id") {
        let id = user
            .as_u64()
            .filter(|id| account.user(*id).is_some())
            .ok_or_else(|| Refusal::bad("user_id: user not found"))?;
        if !account.me().is_admin && id != account.caller {
            return Err(Refusal::forbidden("Only an admin can change the author of a note"));
        }
        content.values.insert("user_id".to_owned(), json!(id));
    }
    for (flag, link) in PINS {
        let Some(on) = body.get(flag) else { continue };
        let on = *on == 1 || *on == true || *on == "1";
        if on && content.values.get(link).is_none_or(Json::is_null) {
            return Err(Refusal::bad(format!("{flag} needs {link}")));
        }
        content.values.insert(flag.to_owned(), json!(on));
    }
    if content.values.get("content").and_then(Json::as_str).is_none_or(str::is_empty) {
        return Err(Refusal::bad("content is required"));
    }
    let is_linked = LINKS.iter().any(|(code, _)| content.values.get(*code).is_some_and(|id| !id.is_null()));
    if is_linked {
        Ok(content)
    } else {
        Err(Refusal::bad("One of deal_id, person_id, org_id, lead_id, project_id, task_id is required"))
    }
}

fn linked(account: &Account, kind: Kind, id: &Json) -> Option<Json> {
    if kind == Kind::Leads {
        let number = account.lead_number(id.as_str()?)?;
        return account.live(kind, number).map(|_| id.clone());
    }
    let number = id.as_u64().or_else(|| id.as_str()?.parse().ok())?;
    account.live(kind, number).map(|_| json!(number))
}

/// Takes out of HTML what runs.
fn sanitised(html: &str) -> String {
    static RUNS: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new(r#"(?is)<(script|style|iframe|object)\b.*?</(script|style|iframe|object)\s*>|\son\w+\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)"#).ok()
    });
    RUNS.as_ref().map_or_else(|| html.to_owned(), |runs| runs.replace_all(html, "").into_owned())
}
