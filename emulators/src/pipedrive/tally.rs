//! Counters of records that are in answers on request: deals, activities, notes and followers.

use std::collections::HashMap;

use serde_json::{Value as Json, json};

use super::{account::Account, kinds::Kind, store::Record};

/// The counters of all records of a kind.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: HashMap<u64, HashMap<&'static str, u64>>,
    next: HashMap<u64, u64>,
    last: HashMap<u64, u64>,
}

impl Tally {
    /// Counts what hangs on the records of a kind.
    pub(super) fn of(account: &Account, kind: Kind) -> Self {
        let mut tally = Self::default();
        let link = match kind {
            Kind::Deals => "deal_id",
            Kind::Persons => "person_id",
            Kind::Organizations => "org_id",
            _ => return tally,
        };
        let live = |kind: Kind| account.all(kind).all().filter(|record| record.deleted.is_none());
        for activity in live(Kind::Activities) {
            tally.activity(activity, link);
        }
        for note in live(Kind::Notes) {
            tally.add(note.number(link), "notes_count");
        }
        if kind == Kind::Organizations {
            live(Kind::Persons).for_each(|person| tally.add(person.number("org_id"), "people_count"));
        }
        if kind == Kind::Deals {
            account.participants.iter().for_each(|one| tally.add(Some(one.deal), "participants_count"));
            account.attachments.deals().for_each(|deal| tally.add(Some(deal), "products_count"));
        } else {
            live(Kind::Deals).for_each(|deal| tally.deal(deal, link));
        }
        for id in account.followers.followed(kind) {
            tally.add(Some(id), "followers_count");
        }
        tally
    }

    fn add(&mut self, id: Option<u64>, name: &'static str) {
        if let Some(id) = id {
            *self.counts.entry(id).or_default().entry(name).or_default() += 1;
        }
    }

    fn activity(&mut self, activity: &Record, link: &str) {
        let id = activity.number(link);
        let is_done = activity.value("done") == true;
        self.add(id, "activities_count");
        self.add(id, if is_done { "done_activities_count" } else { "undone_activities_count" });
        if let Some(id) = id {
            let place = if is_done { &mut self.last } else { &mut self.next };
            place.insert(id, activity.id);
        }
    }

    fn deal(&mut self, deal: &Record, link: &str) {
        let id = deal.number(link);
        match deal.text("status") {
            "won" => {
                self.add(id, "won_deals_count");
                self.add(id, "closed_deals_count");
            }
            "lost" => {
                self.add(id, "lost_deals_count");
                self.add(id, "closed_deals_count");
            }
            _ => self.add(id, "open_deals_count"),
        }
    }

    /// Returns a counter of a record.
    pub(super) fn value(&self, id: u64, code: &str) -> Json {
        match code {
            "next_activity_id" => json!(self.next.get(&id)),
            "last_activity_id" => json!(self.last.get(&id)),
            _ if !code.ends_with("_count") => Json::Null,
            _ => json!(self.counts.get(&id).and_then(|counts| counts.get(code)).copied().unwrap_or_default()),
        }
    }
}
