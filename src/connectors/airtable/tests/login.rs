//! OAuth with single-use refresh tokens.

use std::sync::{Arc, Mutex};

use serde_json::{Value as Json, json};

use crate::connector::{Connector, Context, ErrorKind, Source};
use crate::http::{StoredToken, TokenStore};

use super::{
    super::Airtable,
    BASE_ID, context_at,
    script::{Asked, Script},
    tables,
};

/// An Airtable that knows one valid pair of tokens and replaces both at each renewal.
#[derive(Debug, Default)]
struct Logins {
    renewals: u32,
}

impl Logins {
    fn answer(&mut self, asked: &Asked) -> (u16, Json) {
        if asked.path == "/oauth2/v1/token" {
            let refresh_token = asked.form("refresh_token").unwrap();
            if refresh_token != format!("refresh{}", self.renewals) {
                return (400, json!({"error": "invalid_grant", "error_description": "token is spent"}));
            }
            self.renewals += 1;
            let (access, refresh) = (format!("access{}", self.renewals), format!("refresh{}", self.renewals));
            return (200, json!({"access_token": access, "refresh_token": refresh, "expires_in": 3600}));
        }
        if asked.authorization == format!("Bearer access{}", self.renewals) {
            (200, tables())
        } else {
            (401, json!({"error": {"type": "AUTHENTICATION_REQUIRED"}}))
        }
    }
}

async fn airtable() -> (Script, Arc<Mutex<Logins>>) {
    let logins: Arc<Mutex<Logins>> = Arc::default();
    let shared = Arc::clone(&logins);
    let script = Script::start_raw(move |asked| {
        let (status, body) = shared.lock().unwrap().answer(asked);
        (status, body.to_string())
    })
    .await;
    (script, logins)
}

fn source(script: &Script, context: &Context, client_secret: Option<&str>) -> Box<dyn Source> {
    let options = json!({
        "base_id": BASE_ID, "client_id": "client", "client_secret": client_secret, "refresh_token": "refresh0",
        "base_url": script.url,
    });
    Airtable::source(serde_json::from_value(options).unwrap(), context).unwrap()
}

fn renewals(script: &Script) -> Vec<Asked> {
    script.asked().into_iter().filter(|asked| asked.path == "/oauth2/v1/token").collect()
}

#[tokio::test]
async fn a_login_is_renewed_once_for_all_sources_that_start_together() {
    let (script, _) = airtable().await;
    let context = context_at(1.0);
    let (one, two) = (source(&script, &context, None), source(&script, &context, None));
    let (first, second) = tokio::join!(one.check(), two.check());
    first.unwrap();
    second.unwrap();
    let renewals = renewals(&script);
    assert_eq!(renewals.len(), 1);
    assert_eq!(renewals[0].form("client_id").as_deref(), Some("client"));
    assert!(renewals[0].authorization.is_empty());
}

#[tokio::test]
async fn a_clients_secret_goes_as_basic_and_its_id_not_into_the_body() {
    let (script, _) = airtable().await;
    source(&script, &context_at(1.0), Some("secret")).check().await.unwrap();
    let renewal = &renewals(&script)[0];
    assert!(renewal.authorization.starts_with("Basic "));
    assert_eq!(renewal.form("client_id"), None);
}

#[tokio::test]
async fn a_later_run_goes_on_with_the_stored_pair() {
    let (script, _) = airtable().await;
    let context = context_at(1.0);
    source(&script, &context, None).check().await.unwrap();
    source(&script, &context, None).check().await.unwrap();
    assert_eq!(renewals(&script).len(), 1, "the stored access token still runs");
    let tokens = &context.transport.tokens;
    let mut stored = tokens.load(&stored_name()).unwrap().unwrap();
    stored.expires_at = Some(context.clock().now());
    tokens.save(&stored_name(), &stored).unwrap();
    source(&script, &context, None).check().await.unwrap();
    assert_eq!(
        renewals(&script)[1].form("refresh_token").as_deref(),
        Some("refresh1"),
        "each refresh token works once"
    );
}

/// Under which name the tokens of the tests' login are stored.
fn stored_name() -> String {
    format!("base/{:016x}", xxhash_rust::xxh3::xxh3_64(b"refresh0"))
}

#[tokio::test]
async fn a_token_refused_early_is_renewed_once_and_the_request_repeated() {
    let (script, _) = airtable().await;
    let context = context_at(1.0);
    let stale = StoredToken {
        access_token: "revoked".to_owned().into(),
        refresh_token: Some("refresh0".to_owned().into()),
        expires_at: None,
        api_url: None,
    };
    context.transport.tokens.save(&stored_name(), &stale).unwrap();
    source(&script, &context, None).check().await.unwrap();
    let calls: Vec<(String, String)> =
        script.asked_all().into_iter().map(|asked| (asked.path, asked.authorization)).collect();
    assert_eq!(calls.len(), 3);
    assert_eq!(
        (calls[0].1.as_str(), calls[1].0.as_str(), calls[2].1.as_str()),
        ("Bearer revoked", "/oauth2/v1/token", "Bearer access1")
    );
}

#[tokio::test]
async fn a_spent_login_asks_for_a_new_one_and_is_not_tried_again() {
    let (script, logins) = airtable().await;
    logins.lock().unwrap().renewals = 5;
    let error = source(&script, &context_at(1.0), None).check().await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    assert!(error.message.contains("invalid_grant"));
    assert!(error.hint.unwrap().contains("`ferry login`"));
    assert_eq!(script.asked_all().len(), 1);
}

/// A store that cannot keep anything.
#[derive(Debug)]
struct FullDisk;

impl TokenStore for FullDisk {
    fn load(&self, _: &str) -> Result<Option<StoredToken>, String> {
        Ok(None)
    }

    fn save(&self, _: &str, _: &StoredToken) -> Result<(), String> {
        Err("disk full".to_owned())
    }
}

#[tokio::test]
async fn a_pair_that_cannot_be_stored_is_not_used() {
    let (script, _) = airtable().await;
    let mut context = context_at(1.0);
    context.transport.tokens = Arc::new(FullDisk);
    let error = source(&script, &context, None).check().await.unwrap_err();
    assert!(error.message.contains("cannot be stored: disk full"));
    assert!(script.asked_all().iter().all(|asked| asked.path == "/oauth2/v1/token"));
}
