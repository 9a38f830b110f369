//! Webhooks: registered, listed and deleted by version 1, and sent.
//!
//! Source: openapi-v1.yaml, webhooks v2 guide: any 2xx within ten seconds is success; retries after 3, 30 and 150 seconds; ten events
//! whose first attempt fails ban a webhook for thirty minutes; three days without a success delete it. Nothing is signed: HTTP Basic
//! with what was registered is all that a receiver can check.

use std::time::Duration;

use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value as Json, json};
use url::Url;

use super::{
    Shared,
    account::Account,
    errors::{Answer, Answered, Refusal},
    events::Event,
    kinds::Kind,
    request::Call,
    time::rfc3339_millis,
};

/// Most webhooks of a user.
const MAX_WEBHOOKS: usize = 40;
/// How long a receiver may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The waits before the attempts after the first.
const WAITS: [Duration; 3] = [Duration::from_secs(3), Duration::from_secs(30), Duration::from_secs(150)];
/// Events whose first attempt may fail in a row.
const PATIENCE: u32 = 10;
/// How long a webhook is banned, in seconds.
const BAN: i64 = 30 * 60;
/// How long a webhook lives without a success, in seconds.
const LIFE: i64 = 3 * 24 * 60 * 60;
/// Kinds that can be told of and are no records here.
const OTHERS: [&str; 2] = ["user", "*"];

/// A webhook.
#[derive(Debug, Clone)]
pub(super) struct Webhook {
    id: u64,
    owner: u64,
    name: String,
    url: String,
    action: String,
    object: String,
    version: String,
    user: Option<String>,
    password: Option<String>,
    added: i64,
    delivered: Option<i64>,
    status: Option<u16>,
    failures: u32,
    banned_until: i64,
}

/// Answers requests for webhooks; none where the path is another one.
pub(super) fn answer(account: &mut Account, call: &Call) -> Option<Answered> {
    let (method, path) = call.route();
    Some(match (method, path.as_slice()) {
        ("GET", ["webhooks"]) => {
            let all: Vec<Json> = account.webhooks.iter().map(|webhook| show(account, webhook)).collect();
            Ok(Answer::whole(json!({"status": "ok", "success": true, "data": all})))
        }
        ("POST", ["webhooks"]) => register(account, call),
        ("DELETE", ["webhooks", id]) => delete(account, id),
        _ => return None,
    })
}

fn show(account: &Account, webhook: &Webhook) -> Json {
    json!({
        "id": webhook.id, "company_id": account.company.id, "owner_id": webhook.owner, "user_id": webhook.owner,
        "event_action": webhook.action, "event_object": webhook.object, "subscription_url": webhook.url, "version": webhook.version,
        "is_active": 1, "add_time": rfc3339_millis(webhook.added), "remove_time": null, "type": "general",
        "http_auth_user": webhook.user, "http_auth_password": webhook.password, "remove_reason": null,
        "last_delivery_time": webhook.delivered.map(rfc3339_millis), "last_http_status": webhook.status, "admin_id": webhook.owner,
        "name": webhook.name,
    })
}

fn refused(field: &str, problem: &str) -> Refusal {
    let body = json!({"status": "error", "success": false, "errors": {field: [problem]}});
    Refusal::whole(StatusCode::BAD_REQUEST, body)
}

fn register(account: &mut Account, call: &Call) -> Answered {
    let body = call.object()?;
    let text = |name: &str| body.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let optional = |name: &str| Some(text(name)).filter(|text| !text.is_empty());
    let is_url = Url::parse(&text("subscription_url"))
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if !is_url {
        return Err(refused("subscription_url", "invalid or non-reachable URL"));
    }
    if !matches!(text("event_action").as_str(), "create" | "change" | "delete" | "*") {
        return Err(refused("event_action", "invalid value"));
    }
    let object = text("event_object");
    if Kind::of_singular(&object).is_none() && !OTHERS.contains(&object.as_str()) {
        return Err(refused("event_object", "invalid value"));
    }
    if text("name").is_empty() || text("name").chars().count() > 255 {
        return Err(refused("name", "must have 1 to 255 characters"));
    }
    let version = optional("version").unwrap_or_else(|| "2.0".to_owned());
    if version != "2.0" {
        return Err(Refusal::not_here("webhooks of version 1.0"));
    }
    let owner = account.caller;
    if account.webhooks.iter().filter(|webhook| webhook.owner == owner).count() >= MAX_WEBHOOKS {
        return Err(refused("user_id", "webhooks limit reached"));
    }
    let webhook = Webhook {
        id: account.next_number(),
        owner,
        name: text("name"),
        url: text("subscription_url"),
        action: text("event_action"),
        object,
        version,
        user: optional("http_auth_user"),
        password: optional("http_auth_password"),
        added: account.now(),
        delivered: None,
        status: None,
        failures: 0,
        banned_until: 0,
    };
    let shown = show(account, &webhook);
    account.webhooks.push(webhook);
    Ok(Answer::whole(json!({"status": "ok", "success": true, "data": shown})).created())
}

fn delete(account: &mut Account, id: &str) -> Answered {
    let place = account.webhooks.iter().position(|webhook| webhook.id.to_string() == id);
    let missing = || {
        Refusal::whole(
            StatusCode::NOT_FOUND,
            json!({"status": "error", "success": false, "errors": {"id": ["not found"]}}),
        )
    };
    account.webhooks.remove(place.ok_or_else(missing)?);
    Ok(Answer::whole(json!({"status": "ok", "success": true})))
}

impl Webhook {
    fn wants(&self, event: &Event, now: i64) -> bool {
        let is_of = |pattern: &str, name: &str| pattern == "*" || pattern == name;
        now >= self.banned_until && is_of(&self.action, event.action) && is_of(&self.object, event.kind.singular())
    }
}

/// Sends what happened to everybody who wants to know.
pub(super) fn send(shared: &Shared, account: &mut Account) {
    let now = account.now();
    for event in std::mem::take(&mut account.events) {
        for webhook in account.webhooks.iter().filter(|webhook| webhook.wants(&event, now)) {
            tokio::spawn(deliver(Shared::clone(shared), webhook.clone(), event.clone()));
        }
    }
}

/// Sends an event to one webhook, and again after each failure.
async fn deliver(shared: Shared, webhook: Webhook, event: Event) {
    let clock = super::lock(&shared).clock.clone();
    for (attempt, wait) in (1_u32..).zip(std::iter::once(Duration::ZERO).chain(WAITS)) {
        if !wait.is_zero() {
            clock.sleep(wait).await;
        }
        let status = post(&webhook, event.body(webhook.id, webhook.owner, attempt)).await;
        if note(&mut super::lock(&shared), webhook.id, attempt, status) {
            return;
        }
    }
}

/// Sends a body; none where no answer came. A redirect is not followed.
async fn post(webhook: &Webhook, body: Json) -> Option<u16> {
    // Another part of the program may have chosen the provider of cryptography already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client =
        reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT).build().ok()?;
    let mut request = client.post(&webhook.url).json(&body);
    if let Some(user) = &webhook.user {
        let pair = STANDARD.encode(format!("{user}:{}", webhook.password.as_deref().unwrap_or_default()));
        request = request.header("authorization", format!("Basic {pair}"));
    }
    request.send().await.ok().map(|answer| answer.status().as_u16())
}

/// Notes how an attempt went, and says whether the event is done with.
fn note(account: &mut Account, id: u64, attempt: u32, status: Option<u16>) -> bool {
    let now = account.now();
    let Some(webhook) = account.webhooks.iter_mut().find(|webhook| webhook.id == id) else { return true };
    webhook.status = status.or(webhook.status);
    if status.is_some_and(|status| (200..300).contains(&status)) {
        (webhook.delivered, webhook.failures) = (Some(now), 0);
        return true;
    }
    if attempt == 1 {
        webhook.failures += 1;
        if webhook.failures >= PATIENCE {
            (webhook.failures, webhook.banned_until) = (0, now + BAN);
        }
    }
    if now - webhook.delivered.unwrap_or(webhook.added) >= LIFE {
        account.webhooks.retain(|webhook| webhook.id != id);
        return true;
    }
    false
}
