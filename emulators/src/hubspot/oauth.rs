//! Tokens: which ones are taken, and the endpoints that hand them out.
//!
//! Source: authentication overview and OAuth token guide; failures as public clients saw them.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest;
use serde_json::{Value as Json, json};
use url::Url;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::clients::Clients;

use super::{
    errors::Refusal,
    portal::Portal,
    render::Answer,
    request::{Area, Call},
    time::iso,
};

/// How long an access token lives. Source: changelog on the expiration of access tokens.
const LIFETIME: Duration = Duration::from_mins(30);
/// The least length of an access token, in characters. Source: refresh token guide.
const TOKEN_LENGTH: usize = 300;
/// The scopes that issued tokens have.
const SCOPES: [&str; 11] = [
    "oauth",
    "crm.objects.contacts.read",
    "crm.objects.contacts.write",
    "crm.objects.companies.read",
    "crm.objects.companies.write",
    "crm.objects.deals.read",
    "crm.objects.deals.write",
    "crm.objects.owners.read",
    "crm.schemas.contacts.read",
    "crm.schemas.companies.read",
    "crm.schemas.deals.read",
];

/// An access token that was handed out.
#[derive(Debug, Clone)]
struct Issued {
    client: String,
    refresh_token: Option<String>,
    expires_at: Duration,
}

/// The tokens of the account.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    issued: HashMap<String, Issued>,
    revoked: HashSet<String>,
    /// Codes of people who agreed, not yet turned into tokens.
    codes: HashMap<String, Agreed>,
    /// Public apps and their secrets.
    pub(super) clients: Clients,
    count: u64,
}

/// What somebody agreed to.
#[derive(Debug, Clone)]
struct Agreed {
    client: String,
    redirect: String,
    challenge: Option<String>,
}

/// Who makes a request, for the limits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum App {
    /// An app of this account alone, by its token.
    Private(String),
    /// A public app, by its client id.
    Public(String),
}

/// Tells who makes a request, or refuses it.
pub(super) fn authenticate(portal: &Portal, call: &Call, authorization: Option<&str>) -> Result<App, Refusal> {
    if call.parameter("hapikey").is_some() {
        let message = "API keys are retired: the hapikey parameter is no longer supported. Use a service key, a private app \
            or OAuth instead.";
        return Err(unauthorized("INVALID_AUTHENTICATION", message));
    }
    let token = authorization.and_then(|text| text.split_once(' '));
    let Some((_, token)) = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
        let message = "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find \
            more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview";
        return Err(unauthorized("INVALID_AUTHENTICATION", message));
    };
    let token = token.trim();
    if token.is_empty() || token.starts_with("invalid") || portal.tokens.revoked.contains(token) {
        let message = "Authentication credentials not found. The access token used to make this call is not valid.";
        return Err(unauthorized("INVALID_AUTHENTICATION", message));
    }
    if token.starts_with("expired") {
        return Err(expired(portal, Duration::from_mins(1)));
    }
    if token.starts_with("noscope") && call.area != Area::Account {
        return Err(missing_scopes(call));
    }
    let Some(issued) = portal.tokens.issued.get(token) else { return Ok(App::Private(token.to_owned())) };
    let now = portal.clock.elapsed();
    if now >= issued.expires_at {
        return Err(expired(portal, now.saturating_sub(issued.expires_at)));
    }
    Ok(App::Public(issued.client.clone()))
}

fn unauthorized(category: &'static str, message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::UNAUTHORIZED, category, message)
}

fn expired(portal: &Portal, ago: Duration) -> Refusal {
    let seconds = ago.as_secs();
    let ago = i64::try_from(ago.as_millis()).unwrap_or_default();
    unauthorized(
        "EXPIRED_AUTHENTICATION",
        format!("The OAuth token used to make this call expired {seconds} second(s) ago."),
    )
    .with_context("expire time", &[iso(portal.now() - ago)])
}

fn missing_scopes(call: &Call) -> Refusal {
    let is_read = call.method == "GET" || call.path.last().is_some_and(|last| last == "search" || last == "read");
    let access = if is_read { "read" } else { "write" };
    let object = match call.path.first().map(String::as_str) {
        Some("companies" | "0-2") => "companies",
        Some("deals" | "0-3") => "deals",
        _ => "contacts",
    };
    let scope = match call.area {
        Area::Properties | Area::Schemas => format!("crm.schemas.{object}.{access}"),
        Area::Owners => "crm.objects.owners.read".to_owned(),
        Area::Objects | Area::Associations | Area::Pipelines | Area::Oauth | Area::Account | Area::Limits => {
            format!("crm.objects.{object}.{access}")
        }
    };
    let message = "This app hasn't been granted all required scopes to make this call. Read more about required scopes \
        here: https://developers.hubspot.com/scopes.";
    Refusal::new(StatusCode::FORBIDDEN, "MISSING_SCOPES", message)
        .with_error(json!({
            "message": "One or more of the following scopes are required.",
            "context": {"requiredGranularScopes": [scope]},
        }))
        .with_extra("links", json!({"scopes": "https://developers.hubspot.com/scopes"}))
}

/// Answers the endpoints that hand out tokens and tell about them.
pub(super) fn answer(portal: &mut Portal, call: &Call) -> Option<Result<Answer, Refusal>> {
    let (method, path) = call.route();
    let form = call.form();
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    Some(match (method, path.as_slice()) {
        ("POST", ["token"]) => hand_out(portal, call, &field),
        ("POST", ["token", "introspect"]) => Ok(introspect(portal, field("token"))),
        ("POST", ["token", "revoke"]) => {
            portal.tokens.revoke(field("token"));
            Ok(Answer { status: StatusCode::OK, body: None })
        }
        ("GET", ["access-tokens" | "refresh-tokens", token]) => Ok(introspect(portal, token)),
        ("DELETE", ["refresh-tokens", token]) => {
            portal.tokens.revoke(token);
            Ok(Answer::nothing())
        }
        _ => return None,
    })
}

/// Answers the page on which a person agrees, which sends the browser back at once: with a code, or with `access_denied` where
/// the client's id begins with `denied`. Source: OAuth quickstart guide; PKCE: RFC 7636.
pub(super) fn authorize(portal: &mut Portal, call: &Call) -> Option<Response> {
    if call.area != Area::Oauth || call.route() != ("GET", vec!["authorize"]) {
        return None;
    }
    let parameter = |name: &str| call.parameter(name).unwrap_or_default().to_owned();
    let (client, redirect) = (parameter("client_id"), parameter("redirect_uri"));
    let Some(mut back) = Url::parse(&redirect).ok().filter(|_| !client.is_empty() && !client.starts_with("invalid"))
    else {
        let page = Html("<h1>Authorization failed</h1><p>The client id or the redirect URL is not known.</p>");
        return Some((StatusCode::BAD_REQUEST, page).into_response());
    };
    let answer = if client.starts_with("denied") {
        ("error", "access_denied".to_owned())
    } else {
        let code = portal.tokens.next("code", 27);
        let challenge = call.parameter("code_challenge").map(str::to_owned);
        portal.tokens.codes.insert(code.clone(), Agreed { client, redirect, challenge });
        ("code", code)
    };
    back.query_pairs_mut().append_pair(answer.0, &answer.1);
    if let Some(state) = call.parameter("state") {
        back.query_pairs_mut().append_pair("state", state);
    }
    Some((StatusCode::FOUND, [(header::LOCATION, back.to_string())]).into_response())
}

impl Agreed {
    /// Tells whether a code is turned into tokens by whom it was given to.
    fn is_of(&self, client: &str, redirect: &str, verifier: &str) -> bool {
        let hash = || URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
        self.client == client
            && self.redirect == redirect
            && self.challenge.as_ref().is_none_or(|challenge| *challenge == hash())
    }
}

fn failure(status: &str, error: &str, message: &str) -> Refusal {
    Refusal::invalid(message)
        .with_extra("status", status)
        .with_extra("error", error)
        .with_extra("error_description", message)
        .with_extra("category", Json::Null)
}

fn hand_out<'f>(portal: &mut Portal, call: &Call, field: &impl Fn(&str) -> &'f str) -> Result<Answer, Refusal> {
    let (client, secret) = (field("client_id"), field("client_secret"));
    if client.is_empty() || client.starts_with("invalid") {
        return Err(failure("BAD_CLIENT_ID", "invalid_client", "missing or invalid client id"));
    }
    if !portal.tokens.clients.accepts(client, secret) {
        return Err(failure("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client secret"));
    }
    let refresh_token = match field("grant_type") {
        "refresh_token" => {
            let token = field("refresh_token");
            if portal.tokens.is_bad(token) {
                return Err(failure("BAD_REFRESH_TOKEN", "invalid_grant", "missing or invalid refresh token"));
            }
            Some(token.to_owned())
        }
        "authorization_code" => {
            if field("redirect_uri").is_empty() {
                return Err(failure("BAD_REDIRECT_URI", "invalid_request", "missing or invalid redirect uri"));
            }
            let code = field("code");
            let agreed = portal.tokens.codes.remove(code);
            // A code that no page here gave is anybody's, so that clients can be tried without a browser.
            let is_strange =
                agreed.is_some_and(|agreed| !agreed.is_of(client, field("redirect_uri"), field("code_verifier")));
            if portal.tokens.is_bad(code) || is_strange {
                return Err(failure("BAD_AUTH_CODE", "invalid_grant", "missing or invalid auth code"));
            }
            portal.tokens.revoked.insert(code.to_owned());
            Some(portal.tokens.next("refresh", 36))
        }
        "client_credentials" => None,
        _ => return Err(failure("BAD_GRANT_TYPE", "unsupported_grant_type", "missing or unknown grant type")),
    };
    let access_token = portal.tokens.next("access", TOKEN_LENGTH);
    let expires_at = portal.clock.elapsed() + LIFETIME;
    let issued = Issued { client: client.to_owned(), refresh_token: refresh_token.clone(), expires_at };
    portal.tokens.issued.insert(access_token.clone(), issued);
    let mut body = json!({"access_token": access_token, "token_type": "bearer", "expires_in": LIFETIME.as_secs()});
    if let Some(token) = &refresh_token {
        body["refresh_token"] = Json::from(token.as_str());
    }
    if call.version != "v1" {
        let token_use = if refresh_token.is_some() { "access_token" } else { "client_credentials" };
        body["token_use"] = Json::from(token_use);
        body["hub_id"] = Json::from(portal.id);
        body["user_id"] = Json::from(1);
        body["scopes"] = json!(SCOPES);
    }
    Ok(Answer::ok(body))
}

fn introspect(portal: &Portal, token: &str) -> Answer {
    let now = portal.clock.elapsed();
    let issued = portal.tokens.issued.get(token);
    let is_refresh = portal.tokens.issued.values().any(|issued| issued.refresh_token.as_deref() == Some(token));
    let left = issued.map_or(Duration::ZERO, |issued| issued.expires_at.saturating_sub(now));
    let is_active = !portal.tokens.revoked.contains(token) && (is_refresh || !left.is_zero());
    Answer::ok(json!({
        "token": token, "active": is_active, "token_type": "bearer", "hub_id": portal.id, "app_id": 1, "user_id": 1,
        "client_id": issued.map(|issued| issued.client.as_str()).unwrap_or_default(), "scopes": SCOPES,
        "token_use": if is_refresh { "refresh_token" } else { "access_token" }, "expires_in": left.as_secs(),
        "is_private_distribution": true,
    }))
}

impl Tokens {
    /// Makes a token that nobody has.
    fn next(&mut self, purpose: &str, length: usize) -> String {
        self.count += 1;
        let count = self.count;
        let hashes =
            (0_u64..).flat_map(|part| xxh3_128_with_seed(purpose.as_bytes(), count << 16 | part).to_le_bytes());
        let bytes: Vec<u8> = hashes.take(length).collect();
        format!("C{}", URL_SAFE_NO_PAD.encode(bytes))
    }

    fn is_bad(&self, token: &str) -> bool {
        token.is_empty() || token.starts_with("invalid") || token.starts_with("expired") || self.revoked.contains(token)
    }

    /// Revokes a token; with a refresh token go the access tokens it brought.
    fn revoke(&mut self, token: &str) {
        self.revoked.insert(token.to_owned());
        let of_refresh = self.issued.iter().filter(|(_, issued)| issued.refresh_token.as_deref() == Some(token));
        let access: Vec<String> = of_refresh.map(|(token, _)| token.clone()).collect();
        self.revoked.extend(access);
    }
}
