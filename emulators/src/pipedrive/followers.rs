//! Users who follow a record, in both versions.

use serde_json::{Value as Json, json};

use super::{
    account::Account,
    errors::{Answer, Answered, Refusal},
    flat::listed,
    kinds::Kind,
    listing::cut,
    request::{Call, Version},
    time::{plain, rfc3339},
};

/// One user who follows one record, now or formerly.
#[derive(Debug)]
struct Follower {
    id: u64,
    of: (Kind, u64),
    user: u64,
    added: i64,
}

/// A change of who follows.
#[derive(Debug)]
struct Change {
    of: (Kind, u64),
    user: u64,
    by: u64,
    action: &'static str,
    at: i64,
}

/// All followers, and how they came and went.
#[derive(Debug, Default)]
pub(super) struct Followers {
    all: Vec<Follower>,
    changes: Vec<Change>,
}

impl Followers {
    /// Returns the ids of followed records of a kind, one for each follower.
    pub(super) fn followed(&self, kind: Kind) -> impl Iterator<Item = u64> {
        self.all.iter().filter(move |one| one.of.0 == kind).map(|one| one.of.1)
    }
}

/// Answers `{records}/{id}/followers`; none where the path is another one.
pub(super) fn answer(account: &mut Account, call: &Call) -> Option<Answered> {
    let (method, path) = call.route();
    let [records, id, "followers", rest @ ..] = path.as_slice() else { return None };
    let kind = Kind::of_path(records)?;
    if !matches!(kind, Kind::Deals | Kind::Persons | Kind::Organizations | Kind::Products) {
        return None;
    }
    Some(match (method, rest) {
        ("GET", []) => list(account, call, kind, id),
        ("POST", []) => add(account, call, kind, id),
        ("DELETE", [follower]) => remove(account, call, (kind, id), follower),
        ("GET", ["changelog"]) if call.version == Version::Two => changelog(account, call, kind, id),
        _ => return None,
    })
}

fn list(account: &Account, call: &Call, kind: Kind, id: &str) -> Answered {
    let of = (kind, account.find(kind, id)?.id);
    let all = account.followers.all.iter().filter(|one| one.of == of).map(|one| show(one, call.version)).collect();
    if call.version == Version::One {
        return listed(call, all, Some(100));
    }
    let (page, next) = cut(call, all, 500)?;
    Ok(Answer::page(page, next))
}

fn show(one: &Follower, version: Version) -> Json {
    if version == Version::Two {
        return json!({"user_id": one.user, "add_time": rfc3339(one.added)});
    }
    let link = match one.of.0 {
        Kind::Organizations => "org_id".to_owned(),
        kind => format!("{}_id", kind.singular()),
    };
    json!({"user_id": one.user, "id": one.id, link: one.of.1, "add_time": plain(one.added)})
}

fn add(account: &mut Account, call: &Call, kind: Kind, id: &str) -> Answered {
    let of = (kind, account.find(kind, id)?.id);
    let body = call.object()?;
    let user = body.get("user_id").and_then(Json::as_u64).filter(|user| account.user(*user).is_some());
    let user = user.ok_or_else(|| Refusal::field("user_id", "must be the id of a user"))?;
    if account.followers.all.iter().any(|one| one.of == of && one.user == user) {
        return Err(Refusal::bad("The user is already following it"));
    }
    let (id, added, by) = (account.next_number(), account.now(), account.caller);
    let follower = Follower { id, of, user, added };
    let answer = Answer::data(show(&follower, call.version));
    account.followers.all.push(follower);
    account.followers.changes.push(Change { of, user, by, action: "added", at: added });
    let is_created = call.version == Version::Two || kind == Kind::Products;
    Ok(if is_created { answer.created() } else { answer })
}

/// Removes a follower: by the user in version 2, by the follower's own id in version 1.
fn remove(account: &mut Account, call: &Call, (kind, id): (Kind, &str), follower: &str) -> Answered {
    let of = (kind, account.find(kind, id)?.id);
    let is_named =
        |one: &Follower| (if call.version == Version::Two { one.user } else { one.id }).to_string() == follower;
    let place = account.followers.all.iter().position(|one| one.of == of && is_named(one));
    let removed = account.followers.all.remove(place.ok_or_else(|| Refusal::not_found("Follower not found"))?);
    let (by, at) = (account.caller, account.now());
    account.followers.changes.push(Change { of, user: removed.user, by, action: "removed", at });
    let shown = if call.version == Version::Two { json!({"user_id": removed.user}) } else { json!({"id": removed.id}) };
    Ok(Answer::data(shown))
}

fn changelog(account: &Account, call: &Call, kind: Kind, id: &str) -> Answered {
    let of = (kind, account.find(kind, id)?.id);
    let of_record = account.followers.changes.iter().filter(|change| change.of == of);
    let all = of_record.map(|change| {
        json!({"action": change.action, "actor_user_id": change.by, "follower_user_id": change.user, "time": rfc3339(change.at)})
    });
    let (page, next) = cut(call, all.collect(), 500)?;
    Ok(Answer::page(page, next))
}
