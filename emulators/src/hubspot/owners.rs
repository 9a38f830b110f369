//! The users that records are assigned to. They are read-only, and an owner's `id` is not its `userId`.

use serde_json::{Value as Json, json};

use super::{errors::Refusal, portal::Portal, render::Answer, request::Call, time::iso};

/// Owners of a page whose size is not given. Source: owners guide.
const DEFAULT_PAGE: usize = 100;
/// Most owners of a page. Source: unconfirmed.
const MAX_PAGE: usize = 500;

/// An owner.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) id: String,
    pub(super) user_id: u64,
    pub(super) email: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) archived: bool,
    pub(super) created_at: i64,
}

impl Owner {
    fn shown(&self) -> Json {
        json!({
            "id": self.id, "email": self.email, "type": "PERSON", "firstName": self.first_name,
            "lastName": self.last_name, "userId": self.user_id, "userIdIncludingInactive": self.user_id, "teams": [],
            "createdAt": iso(self.created_at), "updatedAt": iso(self.created_at), "archived": self.archived,
        })
    }

    fn number(&self) -> u64 {
        self.id.parse().unwrap_or_default()
    }
}

/// Answers what concerns owners.
pub(super) fn answer(portal: &Portal, call: &Call) -> Option<Result<Answer, Refusal>> {
    let (method, path) = call.route();
    Some(match (method, path.as_slice()) {
        ("GET", []) => list(portal, call),
        ("GET", [id]) => read(portal, call, id),
        _ => return None,
    })
}

fn list(portal: &Portal, call: &Call) -> Result<Answer, Refusal> {
    let limit = call.limit(DEFAULT_PAGE, MAX_PAGE)?;
    let after = call.after()?;
    let email = call.parameter("email").map(str::to_lowercase);
    let mut owners: Vec<&Owner> = portal
        .owners
        .iter()
        .filter(|owner| owner.archived == call.flag("archived") && owner.number() >= after)
        .filter(|owner| email.as_ref().is_none_or(|email| *email == owner.email.to_lowercase()))
        .collect();
    owners.sort_by_key(|owner| owner.number());
    let page: Vec<Json> = owners.iter().take(limit).map(|owner| owner.shown()).collect();
    let mut body = json!({"results": page});
    if let Some(next) = owners.get(limit) {
        body["paging"] = call.next_page(&next.id);
    }
    Ok(Answer::ok(body))
}

fn read(portal: &Portal, call: &Call, id: &str) -> Result<Answer, Refusal> {
    let is_meant = |owner: &&Owner| match call.parameter("idProperty") {
        Some("userId") => owner.user_id.to_string() == id,
        Some(_) | None => owner.id == id,
    };
    let mut owners = portal.owners.iter().filter(|owner| owner.archived == call.flag("archived"));
    owners.find(is_meant).map(|owner| Answer::ok(owner.shown())).ok_or_else(Refusal::no_such_record)
}
