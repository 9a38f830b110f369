//! What is beside a record's own path: conditions on whether it changed, and the records that it is related to.
//!
//! Source: REST guide, "Conditional Requests" (an entity tag for accounts alone) and "Traverse Relationships with Friendly URLs".

use axum::http::StatusCode;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    errors::Problem,
    ids::Id,
    org::Org,
    query::run,
    reply::Reply,
    request::{Call, Version},
    sobjects::{delete, read, shown_record, update},
    time::{http_date, read_http_date},
};

/// The only object whose records have an entity tag.
const TAGGED: &str = "Account";

/// Returns the entity tag of a record.
fn tag(org: &Org, object: usize, id: Id) -> Option<String> {
    let is_tagged = org.object(object).spec.name == TAGGED;
    is_tagged.then(|| {
        let content = shown_record(org, object, id, None, "").to_string();
        format!("\"{:016x}--gzip\"", xxh3_64(content.as_bytes()))
    })
}

/// Tells a client what it may ask by next time.
pub(super) fn with_validators(org: &Org, object: usize, id: Id, reply: Reply) -> Reply {
    let Some(record) = org.object(object).records.get(id) else { return reply };
    let reply = reply.with("last-modified", http_date(record.modified));
    match tag(org, object, id) {
        Some(tag) => reply.with("etag", tag),
        None => reply,
    }
}

/// Returns the answer to a request whose condition the record does not meet.
pub(super) fn unmet(org: &Org, call: &Call, object: usize, id: Id) -> Option<Reply> {
    let record = org.object(object).records.get(id)?;
    let is_read = call.method == "GET";
    let time = |name: &str| call.header(name).and_then(read_http_date);
    let tag = tag(org, object, id);
    let is_listed = |name: &str| {
        let (listed, tag) = (call.header(name)?, tag.as_deref()?);
        let plain =
            |text: &str| text.trim().trim_start_matches("W/").trim_matches('"').trim_end_matches("--gzip").to_owned();
        Some(listed.trim() == "*" || listed.split(',').any(|one| plain(one) == plain(tag)))
    };
    let is_changed = time("if-unmodified-since").is_some_and(|since| record.modified > since);
    if is_listed("if-match") == Some(false) || is_changed || (!is_read && is_listed("if-none-match") == Some(true)) {
        let message = "The condition of the request is not met: the record is another than it was";
        let problem = Problem::new("PRECONDITION_FAILED", message).with_status(StatusCode::PRECONDITION_FAILED);
        return Some(problem.reply());
    }
    // Where there are both, the entity tag decides.
    let is_unchanged = match is_listed("if-none-match") {
        Some(is_same) => is_same,
        None => time("if-modified-since").is_some_and(|since| record.modified <= since),
    };
    (is_read && is_unchanged).then(|| with_validators(org, object, id, Reply::empty(StatusCode::NOT_MODIFIED)))
}

/// Answers a path that leads on from a record: `Account/001…/Owner`, `Contact/003…/Account/Contacts`.
pub(super) fn related(
    org: &mut Org,
    call: &Call,
    version: &Version,
    (object, id): (usize, Id),
    path: &[&str],
) -> Result<Reply, Problem> {
    let [name, rest @ ..] = path else {
        return match call.method.as_str() {
            "GET" => read(org, call, version, object, &id.to_string()),
            "PATCH" => update(org, call, object, &id.to_string()),
            "DELETE" => delete(org, call, object, &id.to_string()),
            _ => Err(not_allowed()),
        };
    };
    let kind = org.object(object);
    if let Some((field, _)) = kind.relation(name) {
        let record = kind.records.get(id).ok_or_else(Problem::not_found)?;
        let parent = kind.value(id, record, field).and_then(|value| Id::parse(&value));
        let parent = parent.and_then(|id| Some((org.record(id)?.0, id)));
        return related(org, call, version, parent.ok_or_else(Problem::not_found)?, rest);
    }
    let child = kind.child(name).ok_or_else(Problem::not_found)?;
    if !rest.is_empty() {
        return Err(Problem::not_found());
    }
    if call.method != "GET" {
        return Err(not_allowed());
    }
    let children = org.object(child.object);
    let reference = &children.field(child.field).spec.name;
    let fields = call.parameter("fields").map(str::to_owned);
    let fields = fields.unwrap_or_else(|| {
        let names: Vec<&str> = children.fields.iter().map(|field| field.spec.name.as_str()).collect();
        names.join(",")
    });
    let soql = format!("SELECT {fields} FROM {} WHERE {reference} = '{id}'", children.spec.name);
    run(org, call, version, &soql, false).map(Reply::ok)
}

/// The answer to a method that the path does not have.
pub(super) fn not_allowed() -> Problem {
    Problem::new("METHOD_NOT_ALLOWED", "HTTP Method not allowed").with_status(StatusCode::METHOD_NOT_ALLOWED)
}
