//! What happens to records, as webhooks of version 2 tell it.
//!
//! Source: webhooks v2 guide and migration guide: a merge is one delete, which names where the record went, and one change.

use serde_json::{Map, Value as Json, json};

use super::{
    account::Account,
    kinds::Kind,
    leads::{self, uuid},
    notes,
    render::{View, record},
    store::Record,
    time::rfc3339_millis,
};

/// Something that happened to a record.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) action: &'static str,
    pub(super) kind: Kind,
    /// The body but for what is of one webhook.
    body: Json,
}

impl Account {
    /// Remembers what happened to a record, for the webhooks; nothing where there are none.
    pub(super) fn tell(&mut self, kind: Kind, id: u64, before: Option<&Record>) {
        if self.webhooks.is_empty() {
            return;
        }
        let Some(now) = self.all(kind).get(id) else { return };
        let action = match before {
            None => "create",
            Some(_) if now.deleted.is_some() => "delete",
            Some(_) => "change",
        };
        let shown = |record: &Record| shown(self, kind, record);
        let (current, old) = (shown(now), before.map(shown));
        let previous = match (&old, action) {
            (None, _) => Json::Null,
            (Some(old), "delete") => old.clone(),
            (Some(old), _) => changed(old, &current),
        };
        let entity_id = if kind == Kind::Leads { now.value("id").clone() } else { json!(id) };
        let mut meta = json!({
            "action": action, "entity": kind.singular(), "entity_id": entity_id, "company_id": self.company.id.to_string(),
            "user_id": self.caller.to_string(), "timestamp": rfc3339_millis(self.now()), "id": uuid(&format!("event/{}", self.last_number)),
            "correlation_id": uuid(&format!("cause/{}", self.last_number)), "permitted_user_ids": self.users.iter().map(|user| user.id.to_string()).collect::<Vec<_>>(),
            "change_source": "api", "is_bulk_edit": false, "host": format!("{}.pipedrive.com", self.company.domain), "version": "2.0",
        });
        if let Some(winner) = self.merged.get(&(kind, id)) {
            meta["merged_to_id"] = json!(winner);
        }
        let data = if action == "delete" { Json::Null } else { current };
        self.last_number += 1;
        self.events.push(Event { action, kind, body: json!({"meta": meta, "data": data, "previous": previous}) });
    }
}

fn shown(account: &Account, kind: Kind, one: &Record) -> Json {
    match kind {
        Kind::Leads => leads::show(account, one),
        Kind::Notes => notes::show(account, one),
        _ => record(account, kind, one, &View::default()),
    }
}

/// Returns the old values of what changed.
fn changed(old: &Json, current: &Json) -> Json {
    let mut previous = Map::new();
    for (code, value) in old.as_object().into_iter().flatten().filter(|(code, value)| current[code.as_str()] != **value)
    {
        let kept = if code == "custom_fields" { changed(value, &current[code.as_str()]) } else { value.clone() };
        previous.insert(code.clone(), kept);
    }
    Json::from(previous)
}

impl Event {
    /// Returns the body for one webhook.
    pub(super) fn body(&self, webhook: u64, owner: u64, attempt: u32) -> Json {
        let mut body = self.body.clone();
        body["meta"]["attempt"] = json!(attempt);
        body["meta"]["webhook_id"] = json!(webhook.to_string());
        body["meta"]["webhook_owner_id"] = json!(owner.to_string());
        body
    }
}
