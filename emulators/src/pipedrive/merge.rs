//! Merges: one record takes another one's place, and everything that hung on it.

use serde_json::{Map, Value as Json, json};

use super::{
    account::Account,
    errors::{Answer, Answered, Refusal},
    flat_records::{Links, show_all},
    kinds::Kind,
    request::Call,
};

/// Answers `{records}/{id}/merge`; none where the path is another one.
pub(super) fn answer(account: &mut Account, call: &Call) -> Option<Answered> {
    let (method, path) = call.route();
    let ("PUT", [records, id, "merge"]) = (method, path.as_slice()) else { return None };
    let kind =
        Kind::of_path(records).filter(|kind| matches!(kind, Kind::Deals | Kind::Persons | Kind::Organizations))?;
    Some(merge(account, call, kind, id))
}

/// Merges `id` into `merge_with_id`, whose own values go first; the other one is deleted.
fn merge(account: &mut Account, call: &Call, kind: Kind, id: &str) -> Answered {
    let body = call.object()?;
    let winner = body.get("merge_with_id").and_then(|id| id.as_u64().or_else(|| id.as_str()?.parse().ok()));
    let winner = winner.ok_or_else(|| Refusal::bad("merge_with_id is required"))?;
    let loser = account.find(kind, id)?.id;
    if loser == winner {
        return Err(Refusal::bad("A record cannot be merged with itself"));
    }
    let found = |id: u64| account.live(kind, id).ok_or_else(|| Refusal::no_such(kind));
    let (from, into) = (found(loser)?.content.clone(), found(winner)?.content.clone());
    let mut content = into;
    for (code, value) in from.values {
        let kept = content.values.entry(code).or_insert(Json::Null);
        *kept = joined(kept, value);
    }
    for (code, value) in from.custom {
        content.custom.entry(code).or_insert(value);
    }
    account.merged.insert((kind, loser), winner);
    account.delete(kind, loser);
    account.change(kind, winner, content);
    relink(account, kind, loser, winner);
    let merged =
        show_all(account, kind, account.all(kind).get(winner).into_iter(), Links::Ids).pop().unwrap_or_default();
    if kind == Kind::Organizations {
        return Ok(Answer::data(json!({"id": winner})));
    }
    let mut data = merged;
    data["merge_what_id"] = json!(loser);
    Ok(Answer::data(data))
}

/// Joins lists of e-mails and the like; any other value stays where there is one.
fn joined(kept: &Json, other: Json) -> Json {
    match (kept, &other) {
        (Json::Null, _) => other,
        (Json::Array(own), Json::Array(others)) => {
            let is_new = |one: &&Json| {
                !own.iter().any(|own| own == *one || (own.get("value").is_some() && own["value"] == one["value"]))
            };
            let added = others.iter().filter(is_new).cloned().map(|mut one| {
                if one.get("primary").is_some() && !own.is_empty() {
                    one["primary"] = json!(false);
                }
                one
            });
            own.iter().cloned().chain(added.collect::<Vec<_>>()).collect()
        }
        _ => kept.clone(),
    }
}

/// Lets everything that names the loser name the winner.
fn relink(account: &mut Account, kind: Kind, loser: u64, winner: u64) {
    let codes: &[&str] = match kind {
        Kind::Deals => &["deal_id"],
        Kind::Persons => &["person_id"],
        _ => &["org_id", "organization_id"],
    };
    for other in [Kind::Deals, Kind::Persons, Kind::Activities, Kind::Leads, Kind::Notes] {
        let linked = |values: &Map<String, Json>| codes.iter().any(|code| values.get(*code) == Some(&json!(loser)));
        let found: Vec<u64> = account
            .all(other)
            .all()
            .filter(|record| record.deleted.is_none() && linked(&record.content.values))
            .map(|record| record.id)
            .collect();
        for id in found {
            let Some(mut content) = account.all(other).get(id).map(|record| record.content.clone()) else { continue };
            for code in codes {
                if content.values.get(*code) == Some(&json!(loser)) {
                    content.values.insert((*code).to_owned(), json!(winner));
                }
            }
            for participant in content.values.get_mut("participants").and_then(Json::as_array_mut).into_iter().flatten()
            {
                if kind == Kind::Persons && participant["person_id"] == loser {
                    participant["person_id"] = json!(winner);
                }
            }
            account.change(other, id, content);
        }
    }
    if kind == Kind::Persons {
        account.participants.iter_mut().filter(|one| one.person == loser).for_each(|one| one.person = winner);
    }
}
