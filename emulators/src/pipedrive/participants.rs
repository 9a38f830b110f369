//! More persons of a deal than its own: version 1 alone has them.

use serde_json::{Value as Json, json};

use super::{
    account::Account,
    errors::{Answer, Answered, Refusal},
    flat::{listed, person_brief},
    flat_records,
    kinds::Kind,
    request::Call,
    time::plain,
};

/// A person who takes part in a deal.
#[derive(Debug, Clone)]
pub(super) struct Participant {
    pub(super) id: u64,
    pub(super) deal: u64,
    pub(super) person: u64,
    pub(super) added: i64,
    pub(super) by: u64,
}

impl Account {
    /// Whether a person is the one of a deal, or takes part in it.
    pub(super) fn is_person_of(&self, person: u64, deal: u64) -> bool {
        let is_own = self.live(Kind::Deals, deal).and_then(|deal| deal.number("person_id")) == Some(person);
        is_own || self.participants.iter().any(|one| one.deal == deal && one.person == person)
    }
}

/// Answers `deals/{id}/participants`; none where the path is another one.
pub(super) fn answer(account: &mut Account, call: &Call) -> Option<Answered> {
    let (method, path) = call.route();
    let ["deals", deal, "participants", rest @ ..] = path.as_slice() else { return None };
    Some(match (method, rest) {
        ("GET", []) => list(account, call, deal),
        ("POST", []) => add(account, call, deal),
        ("DELETE", [id]) => remove(account, deal, id),
        _ => return None,
    })
}

fn list(account: &Account, call: &Call, deal: &str) -> Answered {
    let deal = account.find(Kind::Deals, deal)?.id;
    let of_deal = account.participants.iter().filter(|one| one.deal == deal);
    listed(call, of_deal.map(|one| show(account, one)).collect(), Some(100))
}

fn add(account: &mut Account, call: &Call, deal: &str) -> Answered {
    let deal = account.find(Kind::Deals, deal)?.id;
    let body = call.object()?;
    let person = body.get("person_id").and_then(|id| id.as_u64().or_else(|| id.as_str()?.parse().ok()));
    let person = person.filter(|person| account.live(Kind::Persons, *person).is_some());
    let person = person.ok_or_else(|| Refusal::bad("person_id must be the id of a person"))?;
    if account.participants.iter().any(|one| one.deal == deal && one.person == person) {
        return Err(Refusal::bad("This person is already a participant of the deal"));
    }
    let (id, added, by) = (account.next_number(), account.now(), account.caller);
    let participant = Participant { id, deal, person, added, by };
    let shown = show(account, &participant);
    account.participants.push(participant);
    Ok(Answer::data(shown))
}

fn remove(account: &mut Account, deal: &str, id: &str) -> Answered {
    let deal = account.find(Kind::Deals, deal)?.id;
    let found = account.participants.iter().position(|one| one.deal == deal && one.id.to_string() == id);
    let place = found.ok_or_else(|| Refusal::not_found("Participant not found"))?;
    let removed = account.participants.remove(place);
    Ok(Answer::data(json!({"id": removed.id})))
}

fn show(account: &Account, one: &Participant) -> Json {
    let person = account.all(Kind::Persons).get(one.person);
    let title = account.all(Kind::Deals).get(one.deal).map(|deal| deal.value("title").clone());
    json!({
        "id": one.id, "person_id": person_brief(account, Some(one.person)), "add_time": plain(one.added), "active_flag": true,
        "related_item_data": {"deal_id": one.deal, "title": title},
        "person": person.map(|person| flat_records::show(account, Kind::Persons, person)),
        "added_by_user_id": flat_records::user_brief(account, Some(one.by)), "related_item_type": "deal", "related_item_id": one.deal,
    })
}
