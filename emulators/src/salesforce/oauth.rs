//! Sessions: which ones are taken, and the endpoints that hand them out.
//!
//! A token beginning with `invalid` or `expired` is refused as the vendor refuses such a session, `noscope` as one that can
//! never use the REST API; any other is taken.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use axum::http::StatusCode;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ring::digest::{SHA256, digest};
use serde_json::{Map, Value as Json, json};

use crate::clients::Clients;

use super::{
    errors::Problem,
    org::{Org, USER},
    reply::{Content, Reply},
    request::Call,
};

/// How far clocks may differ. Source: three minutes, reported for the JWT bearer flow.
const SKEW: i64 = 180;
/// What sessions of this org may do.
const SCOPE: &str = "api refresh_token id";

/// A code that waits to be exchanged.
#[derive(Debug)]
struct Code {
    client: String,
    redirect_uri: String,
    challenge: Option<String>,
}

/// The org's sessions.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// Every session that was used, and when it was last.
    used: HashMap<String, Duration>,
    ended: HashSet<String>,
    /// Refresh tokens, and the client they belong to.
    refresh: HashMap<String, String>,
    codes: HashMap<String, Code>,
    /// Apps and their secrets.
    pub(super) clients: Clients,
    count: u64,
}

impl Tokens {
    fn next(&mut self, purpose: &str) -> String {
        self.count += 1;
        let hash = digest(&SHA256, format!("{purpose} {}", self.count).as_bytes());
        URL_SAFE_NO_PAD.encode(hash.as_ref())
    }

    /// Ends all sessions that anybody used or was given.
    pub(super) fn end_all(&mut self) {
        self.ended.extend(self.used.drain().map(|(token, _)| token));
    }
}

/// Lets a session in.
pub(super) fn authenticate(org: &mut Org, call: &Call) -> Result<(), Problem> {
    let header = call.header("authorization").unwrap_or_default();
    let token = header.strip_prefix("Bearer ").or_else(|| header.strip_prefix("OAuth ")).unwrap_or_default().trim();
    let now = org.clock.elapsed();
    let lifetime = Duration::from_secs(org.options.session_seconds);
    if token.starts_with("noscope") {
        return Err(Problem::session("This session is not valid for use with the REST API"));
    }
    let is_old = org.tokens.used.get(token).is_some_and(|used| now.saturating_sub(*used) > lifetime);
    let is_bad = token.is_empty() || token.starts_with("invalid") || token.starts_with("expired");
    if is_bad || is_old || org.tokens.ended.contains(token) {
        return Err(Problem::session("Session expired or invalid"));
    }
    org.tokens.used.insert(token.to_owned(), now);
    Ok(())
}

fn refused(error: &str, description: &str) -> Reply {
    Reply::json(StatusCode::BAD_REQUEST, json!({"error": error, "error_description": description}))
}

/// Answers what concerns logins.
pub(super) fn answer(org: &mut Org, call: &Call, path: &[&str]) -> Reply {
    match (call.method.as_str(), path) {
        ("POST", ["token"]) => token(org, call).unwrap_or_else(|refusal| refusal),
        ("GET", ["authorize"]) => authorize(org, call),
        ("POST" | "GET", ["revoke"]) => revoke(org, call),
        ("POST", ["introspect"]) => introspect(org, call),
        ("GET" | "POST", ["userinfo"]) if authenticate(org, call).is_ok() => Reply::ok(user_info(org, call)),
        ("GET" | "POST", ["userinfo"]) => {
            let text = b"Bad_OAuth_Token".to_vec();
            Reply { status: StatusCode::FORBIDDEN, headers: Vec::new(), content: Content::Text("text/html", text) }
        }
        _ => Reply::empty(StatusCode::NOT_FOUND),
    }
}

/// Tells who is logged in.
pub(super) fn user_info(org: &Org, call: &Call) -> Json {
    let (origin, id) = (&call.origin, &org.id);
    json!({
        "sub": format!("{origin}/id/{id}/{USER}"), "user_id": USER, "organization_id": id,
        "preferred_username": "integration@ferry.example", "nickname": "integration", "name": "Integration User",
        "email": "integration@ferry.example", "email_verified": true, "given_name": "Integration", "family_name": "User",
        "zoneinfo": "GMT", "active": true, "user_type": "STANDARD", "language": "en_US", "locale": "en_US",
        "utcOffset": 0, "is_salesforce_integration_user": true,
        "urls": {
            "rest": format!("{origin}/services/data/v{{version}}/"), "sobjects": format!("{origin}/services/data/v{{version}}/sobjects/"),
            "query": format!("{origin}/services/data/v{{version}}/query/"), "custom_domain": origin,
        },
    })
}

type Form = HashMap<String, String>;

/// Reads client id and secret from the form or from HTTP Basic.
fn client(call: &Call, form: &Form) -> (String, Option<String>) {
    let basic = call.header("authorization").and_then(|header| header.strip_prefix("Basic "));
    let basic = basic.and_then(|text| STANDARD.decode(text).ok()).and_then(|bytes| String::from_utf8(bytes).ok());
    if let Some((id, secret)) = basic.as_deref().and_then(|text| text.split_once(':')) {
        return (id.to_owned(), Some(secret.to_owned()));
    }
    (form.get("client_id").cloned().unwrap_or_default(), form.get("client_secret").cloned())
}

fn token(org: &mut Org, call: &Call) -> Result<Reply, Reply> {
    let form: Form = call.form().into_iter().collect();
    let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let (id, secret) = client(call, &form);
    let grant = get("grant_type");
    let is_assertion = grant == "urn:ietf:params:oauth:grant-type:jwt-bearer";
    if !is_assertion && (id.is_empty() || id.starts_with("invalid")) {
        return Err(refused("invalid_client_id", "client identifier invalid"));
    }
    if secret.as_deref().is_some_and(|secret| !secret.is_empty() && !org.tokens.clients.accepts(&id, secret)) {
        return Err(refused("invalid_client", "invalid client credentials"));
    }
    let mut refresh = None;
    match grant {
        "client_credentials" => {
            if secret.as_deref().unwrap_or_default().is_empty() {
                return Err(refused("invalid_client", "client secret required"));
            }
            if id.starts_with("nouser") {
                return Err(refused("invalid_grant", "no client credentials user enabled"));
            }
        }
        "refresh_token" => {
            let old = get("refresh_token").to_owned();
            let is_bad = old.is_empty()
                || old.starts_with("invalid")
                || old.starts_with("expired")
                || org.tokens.ended.contains(&old);
            if is_bad {
                return Err(refused("invalid_grant", "expired access/refresh token"));
            }
            if org.options.rotate_refresh_tokens {
                org.tokens.refresh.remove(&old);
                org.tokens.ended.insert(old);
                refresh = Some(new_refresh(org, &id));
            }
        }
        "authorization_code" => {
            exchange(org, &id, &form)?;
            refresh = Some(new_refresh(org, &id));
        }
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => super::jwt::check(org, get("assertion"), SKEW)
            .map_err(|(error, description)| refused(error, &description))?,
        _ => return Err(refused("unsupported_grant_type", "grant type not supported")),
    }
    Ok(Reply::ok(issue(org, call, refresh)))
}

fn new_refresh(org: &mut Org, client: &str) -> String {
    let token = format!("5Aep{}", org.tokens.next("refresh"));
    org.tokens.refresh.insert(token.clone(), client.to_owned());
    token
}

fn issue(org: &mut Org, call: &Call, refresh: Option<String>) -> Json {
    let token = format!("{}!AQ{}", &org.id[..15], org.tokens.next("session"));
    let now = org.clock.elapsed();
    org.tokens.used.insert(token.clone(), now);
    let signature = STANDARD.encode(digest(&SHA256, token.as_bytes()).as_ref());
    let mut body = Map::new();
    body.insert("access_token".to_owned(), Json::from(token));
    if let Some(refresh) = refresh {
        body.insert("refresh_token".to_owned(), Json::from(refresh));
    }
    let rest = [
        ("signature", signature),
        ("scope", SCOPE.to_owned()),
        ("instance_url", call.origin.clone()),
        ("id", format!("{}/id/{}/{USER}", call.origin, org.id)),
        ("token_type", "Bearer".to_owned()),
        ("issued_at", org.clock.now().timestamp_millis().to_string()),
    ];
    body.extend(rest.map(|(name, value)| (name.to_owned(), Json::from(value))));
    Json::Object(body)
}

fn exchange(org: &mut Org, client: &str, form: &Form) -> Result<(), Reply> {
    let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let stale = || refused("invalid_grant", "expired authorization code");
    let code = org.tokens.codes.remove(get("code")).ok_or_else(stale)?;
    if code.client != client {
        return Err(refused("invalid_client_id", "client identifier does not match the authorization code"));
    }
    if code.redirect_uri != get("redirect_uri") {
        return Err(refused("redirect_uri_mismatch", "redirect_uri must match configuration"));
    }
    if let Some(challenge) = code.challenge {
        let verifier = digest(&SHA256, get("code_verifier").as_bytes());
        if URL_SAFE_NO_PAD.encode(verifier.as_ref()) != challenge {
            return Err(refused("invalid_grant", "invalid code verifier"));
        }
    }
    Ok(())
}

/// Sends the browser back at once, as if a person had agreed.
fn authorize(org: &mut Org, call: &Call) -> Reply {
    let get = |name: &str| call.parameter(name).unwrap_or_default();
    let (client, redirect_uri) = (get("client_id").to_owned(), get("redirect_uri").to_owned());
    if client.is_empty() || client.starts_with("invalid") {
        return refused("invalid_client_id", "client identifier invalid");
    }
    let Ok(mut url) = url::Url::parse(&redirect_uri) else {
        return refused("redirect_uri_mismatch", "redirect_uri must match configuration");
    };
    if get("response_type") == "code" {
        let code = format!("aPrx{}", org.tokens.next("code"));
        url.query_pairs_mut().append_pair("code", &code);
        let challenge = call.parameter("code_challenge").map(str::to_owned);
        org.tokens.codes.insert(code, Code { client, redirect_uri, challenge });
    } else {
        url.query_pairs_mut()
            .append_pair("error", "unsupported_response_type")
            .append_pair("error_description", "response type not supported");
    }
    if let Some(state) = call.parameter("state") {
        url.query_pairs_mut().append_pair("state", state);
    }
    Reply::empty(StatusCode::FOUND).with("location", url.as_str())
}

fn revoke(org: &mut Org, call: &Call) -> Reply {
    let form: Form = call.form().into_iter().collect();
    let token = form.get("token").map(String::as_str).or_else(|| call.parameter("token")).unwrap_or_default();
    if token.is_empty() || token.starts_with("invalid") || org.tokens.ended.contains(token) {
        return refused("unsupported_token_type", "this token type is not supported");
    }
    org.tokens.used.remove(token);
    org.tokens.refresh.remove(token);
    org.tokens.ended.insert(token.to_owned());
    Reply::empty(StatusCode::OK)
}

fn introspect(org: &Org, call: &Call) -> Reply {
    let form: Form = call.form().into_iter().collect();
    let token = form.get("token").map(String::as_str).unwrap_or_default();
    let is_known = org.tokens.used.contains_key(token) || org.tokens.refresh.contains_key(token);
    let is_active = is_known && !org.tokens.ended.contains(token);
    if !is_active {
        return Reply::ok(json!({"active": false}));
    }
    Reply::ok(json!({
        "active": true, "scope": SCOPE, "client_id": client(call, &form).0, "username": "integration@ferry.example",
        "sub": format!("{}/id/{}/{USER}", call.origin, org.id), "token_type": "access_token",
        "iat": org.clock.now().timestamp(), "exp": org.clock.now().timestamp() + 7_200,
    }))
}
