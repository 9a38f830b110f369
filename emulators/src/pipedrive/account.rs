//! The account: the company, its people, fields and records, and everything that hangs on them.

use std::collections::{BTreeMap, HashMap};

use clock::Clock;
use serde_json::{Map, Value as Json};

use super::{
    deal_products::Attachments,
    errors::Refusal,
    events::Event,
    fields::Field,
    filters::Filter,
    followers::Followers,
    kinds::Kind,
    leads::Label,
    limits::Limits,
    oauth::Tokens,
    participants::Participant,
    store::{Content, Moment, Record, Records},
    webhooks::Webhook,
};

/// The company.
#[derive(Debug, Clone)]
pub(super) struct Company {
    pub(super) id: u64,
    pub(super) name: String,
    /// The first part of its host.
    pub(super) domain: String,
    /// Where OAuth says that the API is; none for where the request came to.
    pub(super) api_domain: Option<String>,
    pub(super) currency: String,
    /// Whether persons have the fields of contact sync.
    pub(super) has_contact_sync: bool,
}

/// A user.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) is_admin: bool,
    pub(super) is_active: bool,
    /// The token of this user; the first user has every other one.
    pub(super) token: Option<String>,
    pub(super) time_zone: String,
}

/// A currency of the account.
#[derive(Debug, Clone)]
pub(super) struct Currency {
    pub(super) code: String,
    pub(super) name: String,
    pub(super) symbol: String,
    pub(super) decimals: u64,
}

/// A type of activities.
#[derive(Debug, Clone)]
pub(super) struct ActivityType {
    pub(super) id: u64,
    pub(super) name: String,
    /// What activities name it by.
    pub(super) key: String,
    pub(super) icon: String,
    pub(super) color: String,
    pub(super) is_active: bool,
    pub(super) is_custom: bool,
    pub(super) added: i64,
    pub(super) updated: i64,
}

/// The account.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) clock: Clock,
    pub(super) company: Company,
    pub(super) users: Vec<User>,
    pub(super) currencies: Vec<Currency>,
    pub(super) activity_types: Vec<ActivityType>,
    pub(super) lead_labels: Vec<Label>,
    pub(super) lead_sources: Vec<String>,
    pub(super) fields: BTreeMap<Kind, Vec<Field>>,
    pub(super) records: BTreeMap<Kind, Records>,
    /// The numbers of leads by their UUIDs.
    pub(super) lead_ids: HashMap<String, u64>,
    /// Who lost in a merge, and to whom.
    pub(super) merged: HashMap<(Kind, u64), u64>,
    pub(super) attachments: Attachments,
    pub(super) participants: Vec<Participant>,
    pub(super) followers: Followers,
    pub(super) filters: Vec<Filter>,
    pub(super) webhooks: Vec<Webhook>,
    /// Leads that become deals, by the id of the work.
    pub(super) conversions: HashMap<String, (String, u64)>,
    /// What happened and no webhook was told yet.
    pub(super) events: Vec<Event>,
    pub(super) tokens: Tokens,
    pub(super) limits: Limits,
    /// How much later search sees a change, in milliseconds.
    pub(super) search_lag: i64,
    /// Who makes the request at hand.
    pub(super) caller: u64,
    /// The last number given to fields, filters, webhooks and the like.
    pub(super) last_number: u64,
}

impl Account {
    /// Returns the time in seconds.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().timestamp()
    }

    /// Returns the time of a change.
    pub(super) fn moment(&self) -> Moment {
        Moment { millis: self.clock.now().timestamp_millis(), lag: self.search_lag }
    }

    /// Gives a number that nothing else has.
    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Returns a user by id.
    pub(super) fn user(&self, id: u64) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    /// Returns the first user who can still log in: whose a token is that the fixtures give to nobody.
    pub(super) fn first_active(&self) -> &User {
        self.users.iter().find(|user| user.is_active).unwrap_or(&self.users[0])
    }

    /// Returns the user who makes the request at hand.
    pub(super) fn me(&self) -> &User {
        self.user(self.caller).unwrap_or_else(|| self.first_active())
    }

    /// Returns all records of a kind.
    pub(super) fn all(&self, kind: Kind) -> &Records {
        static NONE: std::sync::LazyLock<Records> = std::sync::LazyLock::new(Records::default);
        self.records.get(&kind).unwrap_or(&NONE)
    }

    /// Returns all records of a kind.
    pub(super) fn all_mut(&mut self, kind: Kind) -> &mut Records {
        self.records.entry(kind).or_default()
    }

    /// Returns a record that is not deleted.
    pub(super) fn live(&self, kind: Kind, id: u64) -> Option<&Record> {
        self.all(kind).get(id).filter(|record| record.deleted.is_none())
    }

    /// Returns a record that is there, or was deleted in the last thirty days; or the vendor's refusal.
    pub(super) fn find(&self, kind: Kind, id: &str) -> Result<&Record, Refusal> {
        let number = if kind == Kind::Leads { self.lead_number(id) } else { id.parse().ok() };
        let Some(number) = number else {
            return Err(if kind == Kind::Leads {
                Refusal::no_such(kind)
            } else {
                Refusal::validation("Parameter validation failed: id: must be an integer")
            });
        };
        let now = self.now();
        let found = self.all(kind).get(number).filter(|record| !record.is_purged(now));
        found.ok_or_else(|| Refusal::no_such(kind))
    }

    /// Returns the number of a lead.
    pub(super) fn lead_number(&self, uuid: &str) -> Option<u64> {
        self.lead_ids.get(&uuid.to_lowercase()).copied()
    }

    /// Returns the fields of a kind; leads have those of deals.
    pub(super) fn fields(&self, kind: Kind) -> &[Field] {
        let kind = if kind == Kind::Leads { Kind::Deals } else { kind };
        self.fields.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// Returns a field by its code.
    pub(super) fn field(&self, kind: Kind, code: &str) -> Option<&Field> {
        self.fields(kind).iter().find(|field| field.code == code)
    }

    /// Adds a record and tells it.
    pub(super) fn add(&mut self, kind: Kind, content: Content, added: Option<i64>) -> u64 {
        let moment = self.moment();
        let id = self.all_mut(kind).add(content, moment, added);
        self.tell(kind, id, None);
        id
    }

    /// Changes a record's content and tells it. Nothing happens where nothing changes.
    pub(super) fn change(&mut self, kind: Kind, id: u64, content: Content) {
        let Some(before) = self.all(kind).get(id).cloned() else { return };
        if before.content == content && before.deleted.is_none() {
            return;
        }
        let moment = self.moment();
        self.all_mut(kind).change(id, moment, |record| {
            record.content = content;
            record.deleted = None;
        });
        self.tell(kind, id, Some(&before));
    }

    /// Marks a record as deleted and tells it.
    pub(super) fn delete(&mut self, kind: Kind, id: u64) {
        let Some(before) = self.live(kind, id).cloned() else { return };
        let (moment, now) = (self.moment(), self.now());
        self.all_mut(kind).change(id, moment, |record| record.deleted = Some(now));
        self.tell(kind, id, Some(&before));
    }

    /// Counts what the account holds.
    pub(super) fn held(&self) -> Map<String, Json> {
        let counts = Kind::ALL.into_iter().map(|kind| (kind.path().to_owned(), Json::from(self.all(kind).count())));
        let records: Map<String, Json> = counts.collect();
        let tokens = Map::from_iter([
            ("used".to_owned(), Json::from(self.limits.used())),
            ("limit".to_owned(), Json::from(self.limits.daily())),
        ]);
        Map::from_iter([("records".to_owned(), Json::from(records)), ("tokens".to_owned(), Json::from(tokens))])
    }
}
