//! Tokens: which ones are taken, and the endpoints that hand them out.
//!
//! Source: openapi-v1.yaml `/oauth/*`, authentication and Marketplace authorization pages. What is not documented is decided to the
//! client's disadvantage: a refresh token is good once, and the next one comes with the answer.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use axum::{
    Json as JsonBody,
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::json;
use url::Url;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::clients::Clients;

use super::{
    account::{Account, User},
    errors::Refusal,
};

/// How long an access token lives. Source: `expires_in` of openapi-v1.yaml's example.
const ACCESS: Duration = Duration::from_secs(3_599);
/// How long a refresh token lives without use. Same source.
const REFRESH: Duration = Duration::from_hours(60 * 24);
/// The scopes of issued tokens.
const SCOPES: &str = "base,deals:full,contacts:full,activities:full,leads:full,products:full,users:read,recents:read,search:read,admin,\
    deal-fields:full,contact-fields:full,product-fields:full";
/// How issued access tokens begin; one that is not known is refused.
const ISSUED: &str = "v1u:";

/// Who makes a request, for the limits: a user by the token, or an app in a user's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Caller {
    Token(u64),
    App(u64, String),
}

/// The tokens of the account.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    /// Access tokens, whose they are and until when.
    access: HashMap<String, (String, Duration)>,
    /// Refresh tokens, whose they are, until when, and the access token that came with each.
    refresh: HashMap<String, (String, Duration, String)>,
    /// What was used up or revoked.
    spent: HashSet<String>,
    /// Codes of people who agreed: for which client and redirect.
    codes: HashMap<String, (String, String)>,
    pub(super) clients: Clients,
    count: u64,
}

/// Tells who makes a request, or refuses it. The API token goes first where there is a bearer, too.
pub(super) fn authenticate(
    account: &Account,
    headers: &HeaderMap,
    query: &[(String, String)],
) -> Result<(u64, Caller), Refusal> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let in_query = query.iter().find(|(name, _)| name == "api_token").map(|(_, token)| token.as_str());
    if let Some(token) = text("x-api-token").or(in_query) {
        judge(token)?;
        let owner = account.users.iter().find(|user| user.token.as_deref() == Some(token));
        let user = owner.unwrap_or_else(|| account.first_active());
        return admit(user, Caller::Token(user.id));
    }
    let bearer = text("authorization").and_then(|text| text.split_once(' '));
    let Some((_, token)) = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
        return Err(Refusal::unauthorized());
    };
    judge(token.trim())?;
    let user = account.first_active();
    match account.tokens.access.get(token.trim()) {
        Some((client, until)) if account.clock.elapsed() < *until => admit(user, Caller::App(user.id, client.clone())),
        None if !token.trim().starts_with(ISSUED) => admit(user, Caller::App(user.id, token.trim().to_owned())),
        _ => Err(Refusal::unauthorized()),
    }
}

fn judge(token: &str) -> Result<(), Refusal> {
    if token.is_empty() || token.starts_with("invalid") || token.starts_with("expired") {
        return Err(Refusal::unauthorized());
    }
    if token.starts_with("noscope") { Err(Refusal::no_scope()) } else { Ok(()) }
}

fn admit(user: &User, caller: Caller) -> Result<(u64, Caller), Refusal> {
    if user.is_active { Ok((user.id, caller)) } else { Err(Refusal::unauthorized()) }
}

/// Answers the page on which a person agrees, which sends the browser back at once: with a code, or with `access_denied` where the
/// client's id begins with `denied`.
pub(super) fn authorize(account: &mut Account, query: &[(String, String)]) -> Response {
    let value = |name: &str| query.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let (client, redirect) = (value("client_id"), value("redirect_uri"));
    let is_known = !client.is_empty() && !client.starts_with("invalid");
    let Some(mut back) = Url::parse(redirect).ok().filter(|_| is_known) else {
        return (StatusCode::BAD_REQUEST, Html("<h1>The client id or the redirect URL is not known</h1>"))
            .into_response();
    };
    if client.starts_with("denied") {
        back.query_pairs_mut().append_pair("error", "user_denied");
    } else {
        let code = account.tokens.next("code");
        back.query_pairs_mut().append_pair("code", &code);
        account.tokens.codes.insert(code, (client.to_owned(), redirect.to_owned()));
    }
    if !value("state").is_empty() {
        back.query_pairs_mut().append_pair("state", value("state"));
    }
    (StatusCode::FOUND, [(header::LOCATION, back.to_string())]).into_response()
}

/// Answers `POST /oauth/token` and `POST /oauth/revoke`. The client names itself by HTTP Basic.
pub(super) fn token(account: &mut Account, is_revoke: bool, headers: &HeaderMap, body: &[u8], host: &str) -> Response {
    let form: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    let value = |name: &str| form.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let basic = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(basic_pair);
    let client = basic
        .filter(|(client, secret)| !client.starts_with("invalid") && account.tokens.clients.accepts(client, secret));
    let Some((client, _)) = client else {
        return failure(StatusCode::UNAUTHORIZED, "invalid_client", "Client credentials are invalid");
    };
    if is_revoke {
        account.tokens.revoke(value("token"));
        return JsonBody(json!({"success": true})).into_response();
    }
    let granted = match value("grant_type") {
        "authorization_code" => account.tokens.redeem(&client, value("code"), value("redirect_uri")),
        "refresh_token" => account.tokens.renew(&client, value("refresh_token"), account.clock.elapsed()),
        _ => return failure(StatusCode::BAD_REQUEST, "unsupported_grant_type", "Unsupported grant type"),
    };
    if !granted {
        return failure(
            StatusCode::BAD_REQUEST,
            "invalid_grant",
            "The grant is invalid, expired, revoked or was used before",
        );
    }
    let now = account.clock.elapsed();
    let (access, refresh) = account.tokens.grant(&client, now);
    let api_domain = account.company.api_domain.clone().unwrap_or_else(|| format!("http://{host}"));
    JsonBody(json!({"access_token": access, "token_type": "Bearer", "refresh_token": refresh, "scope": SCOPES,
        "expires_in": ACCESS.as_secs(), "api_domain": api_domain}))
    .into_response()
}

fn failure(status: StatusCode, error: &str, message: &str) -> Response {
    (status, JsonBody(json!({"success": false, "error": error, "message": message}))).into_response()
}

/// Reads HTTP Basic.
fn basic_pair(authorization: &str) -> Option<(String, String)> {
    let decoded = STANDARD.decode(authorization.strip_prefix("Basic ")?.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(client, secret)| (client.to_owned(), secret.to_owned()))
}

impl Tokens {
    /// Makes a token that nobody has.
    fn next(&mut self, purpose: &str) -> String {
        self.count += 1;
        let hash = |part: u64| xxh3_128_with_seed(purpose.as_bytes(), (self.count << 8) | part).to_le_bytes();
        URL_SAFE_NO_PAD.encode([hash(0), hash(1)].concat())
    }

    /// Takes a code that may be used once. One that no page here gave is anybody's, so that clients can be tried without a browser.
    fn redeem(&mut self, client: &str, code: &str, redirect: &str) -> bool {
        let is_agreed = self.codes.remove(code).is_none_or(|agreed| agreed == (client.to_owned(), redirect.to_owned()));
        is_agreed && !redirect.is_empty() && self.spend(code)
    }

    /// Takes a refresh token that may be used once; the access token that came with it dies as well.
    fn renew(&mut self, client: &str, token: &str, now: Duration) -> bool {
        if let Some((owner, until, access)) = self.refresh.remove(token) {
            self.access.remove(&access);
            if owner != client || now >= until {
                return false;
            }
        }
        self.spend(token)
    }

    fn spend(&mut self, token: &str) -> bool {
        let is_bad = token.is_empty() || token.starts_with("invalid") || token.starts_with("expired");
        !is_bad && self.spent.insert(token.to_owned())
    }

    fn grant(&mut self, client: &str, now: Duration) -> (String, String) {
        let access = format!("{ISSUED}{}", self.next("access"));
        let refresh = self.next("refresh");
        self.access.insert(access.clone(), (client.to_owned(), now + ACCESS));
        self.refresh.insert(refresh.clone(), (client.to_owned(), now + REFRESH, access.clone()));
        (access, refresh)
    }

    /// Revokes a token. With a refresh token goes the access token that came with it: the app is uninstalled.
    fn revoke(&mut self, token: &str) {
        self.access.remove(token);
        if let Some((_, _, access)) = self.refresh.remove(token) {
            self.access.remove(&access);
        }
        self.spent.insert(token.to_owned());
    }

    /// Ends every access token.
    pub(super) fn end_all(&mut self) {
        self.access.clear();
    }
}
