//! Airtable's OAuth: the token endpoint, and which bearer tokens are good.

use std::collections::{HashMap, HashSet};

use axum::http::StatusCode;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use chrono::{DateTime, TimeDelta, Utc};
use ring::digest;
use serde_json::{Value as Json, json};
use url::Url;

use crate::clients::Clients;

use super::{
    errors::{Answer, ApiError},
    ids::id_of,
};

/// How long an access token is good, in seconds. Source: airtable.com/developers/web/api/oauth-reference.
const ACCESS_SECS: i64 = 60 * 60;

/// How long a refresh token is good, in seconds: 60 days. Same source.
const REFRESH_SECS: i64 = 60 * 24 * 60 * 60;

/// The scopes of every token made here.
const SCOPES: [&str; 5] =
    ["data.records:read", "data.records:write", "data.recordComments:read", "schema.bases:read", "schema.bases:write"];

/// How the access tokens made here begin; one that is not known is refused.
const ACCESS_PREFIX: &str = "oaaFerry";

/// The tokens that were given out and the codes that were used.
#[derive(Debug, Default)]
pub(super) struct Grants {
    /// Access tokens that are good, and until when.
    access: HashMap<String, DateTime<Utc>>,
    /// Refresh tokens that are good, until when, and the access token that goes with each.
    refresh: HashMap<String, (DateTime<Utc>, String)>,
    /// Codes and refresh tokens that cannot be used again.
    used: HashSet<String>,
    /// Codes of people who agreed, with what they agreed to.
    codes: HashMap<String, Agreed>,
    /// Integrations and their secrets.
    pub(super) clients: Clients,
    count: u64,
}

/// What somebody agreed to.
#[derive(Debug)]
struct Agreed {
    client: String,
    redirect: String,
    challenge: String,
    scopes: String,
}

/// Who a good token belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bearer {
    /// A personal access token.
    Personal,
    /// A token of an OAuth integration.
    Integration,
    /// A token that lacks the scopes.
    Unscoped,
}

impl Grants {
    /// Judges the `Authorization` header.
    pub(super) fn bearer(&self, authorization: Option<&str>, now: DateTime<Utc>) -> Result<Bearer, ApiError> {
        let token = authorization.and_then(|header| header.strip_prefix("Bearer ")).map_or("", str::trim);
        let is_refused = ["invalid", "expired", "key"].iter().any(|prefix| token.starts_with(prefix));
        if token.is_empty() || is_refused {
            return Err(ApiError::unauthenticated());
        }
        if token.starts_with(ACCESS_PREFIX) {
            let is_good = self.access.get(token).is_some_and(|until| now < *until);
            return if is_good { Ok(Bearer::Integration) } else { Err(ApiError::unauthenticated()) };
        }
        Ok(if token.starts_with("noscope") { Bearer::Unscoped } else { Bearer::Personal })
    }

    /// Answers `GET /oauth2/v1/authorize`, where a person agrees, with the address that the browser is sent back to: with a code,
    /// or with `access_denied` where the client's id begins with `denied`. Source: airtable.com/developers/web/api/oauth-reference.
    pub(super) fn authorize(&mut self, query: &[(String, String)]) -> Result<Url, ApiError> {
        let value = |name: &str| {
            let found = query.iter().find(|(key, value)| key == name && !value.is_empty());
            found.map(|(_, value)| value.clone()).ok_or_else(|| bad("invalid_request", &format!("{name} is required")))
        };
        let (client, redirect) = (value("client_id")?, value("redirect_uri")?);
        let is_local = redirect.starts_with("http://localhost") || redirect.starts_with("http://127.0.0.1");
        let back = Url::parse(&redirect).ok().filter(|_| redirect.starts_with("https://") || is_local);
        let Some(mut back) = back.filter(|_| !client.starts_with("invalid")) else {
            return Err(bad("invalid_request", "client_id or redirect_uri is not valid"));
        };
        let state = value("state")?;
        if value("response_type")? != "code" || value("code_challenge_method")? != "S256" {
            return Err(bad("invalid_request", "response_type must be code and code_challenge_method S256"));
        }
        let (challenge, scopes) = (value("code_challenge")?, value("scope")?);
        if client.starts_with("denied") {
            back.query_pairs_mut().append_pair("error", "access_denied").append_pair("state", &state);
            return Ok(back);
        }
        self.count += 1;
        let code = id_of("code", &["code", &self.count.to_string()]);
        back.query_pairs_mut().append_pair("code", &code).append_pair("state", &state);
        self.codes.insert(code, Agreed { client, redirect, challenge, scopes });
        Ok(back)
    }

    /// Answers `POST /oauth2/v1/token`.
    pub(super) fn token(
        &mut self,
        authorization: Option<&str>,
        form: &[(String, String)],
        now: DateTime<Utc>,
    ) -> Answer {
        let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        self.check_client(authorization, value("client_id"))?;
        match value("grant_type") {
            Some("authorization_code") => {
                let (Some(code), Some(verifier), Some(_)) =
                    (value("code"), value("code_verifier"), value("redirect_uri"))
                else {
                    return Err(bad("invalid_request", "code, code_verifier and redirect_uri are required"));
                };
                // RFC 7636, section 4.1: 43 to 128 characters.
                if !(43..=128).contains(&verifier.len()) {
                    return Err(bad("invalid_grant", "The code verifier is not valid"));
                }
                self.spend(code)?;
                // A code that no page here gave is anybody's, so that clients can be tried without a browser.
                let Some(agreed) = self.codes.remove(code) else { return Ok(self.grant(now, &SCOPES.join(" "))) };
                let hash = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
                let named = client_of(authorization).or_else(|| value("client_id").map(str::to_owned));
                let is_due = agreed.challenge == hash
                    && value("redirect_uri") == Some(&agreed.redirect)
                    && named.as_deref() == Some(&agreed.client);
                if is_due { Ok(self.grant(now, &agreed.scopes)) } else { Err(dead_grant()) }
            }
            Some("refresh_token") => {
                let Some(token) = value("refresh_token") else {
                    return Err(bad("invalid_request", "refresh_token is required"));
                };
                self.refresh(token, now)?;
                Ok(self.grant(now, &SCOPES.join(" ")))
            }
            _ => Err(bad("unsupported_grant_type", "grant_type must be authorization_code or refresh_token")),
        }
    }

    /// A client with a secret names itself by HTTP Basic, one without by `client_id` in the body; never both.
    fn check_client(&self, authorization: Option<&str>, client_id: Option<&str>) -> Result<(), ApiError> {
        let basic = authorization.filter(|header| header.starts_with("Basic "));
        let refused = |message: &str| ApiError::oauth(StatusCode::UNAUTHORIZED, "invalid_client", message);
        match (basic, client_id) {
            (Some(_), Some(_)) => Err(bad("invalid_request", "client_id must not be in the body beside HTTP Basic")),
            (None, None) => Err(refused("The client is not authenticated")),
            (None, Some(_)) => Ok(()),
            (Some(basic), None) => {
                let is_right = pair_of(basic).is_some_and(|(client, secret)| {
                    !client.starts_with("invalid") && self.clients.accepts(&client, &secret)
                });
                if is_right { Ok(()) } else { Err(refused("The client is not known, or its secret is another")) }
            }
        }
    }

    /// Uses a refresh token up; the access token that came with it dies as well.
    fn refresh(&mut self, token: &str, now: DateTime<Utc>) -> Result<(), ApiError> {
        if let Some((until, access)) = self.refresh.remove(token) {
            self.access.remove(&access);
            if now >= until {
                return Err(dead_grant());
            }
        }
        self.spend(token)
    }

    /// Takes a code or refresh token that may be used once.
    fn spend(&mut self, token: &str) -> Result<(), ApiError> {
        let is_refused = ["invalid", "expired"].iter().any(|prefix| token.starts_with(prefix));
        if token.is_empty() || is_refused || !self.used.insert(token.to_owned()) {
            return Err(dead_grant());
        }
        Ok(())
    }

    fn grant(&mut self, now: DateTime<Utc>, scopes: &str) -> Json {
        self.count += 1;
        let number = self.count.to_string();
        let access = id_of(ACCESS_PREFIX, &["access", &number]);
        let refresh = id_of("oarFerry", &["refresh", &number]);
        self.access.insert(access.clone(), now + TimeDelta::seconds(ACCESS_SECS));
        self.refresh.insert(refresh.clone(), (now + TimeDelta::seconds(REFRESH_SECS), access.clone()));
        json!({
            "access_token": access,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "scope": scopes,
            "expires_in": ACCESS_SECS,
            "refresh_expires_in": REFRESH_SECS,
        })
    }
}

/// Answers `GET /v0/meta/whoami`: scopes come back for OAuth tokens only.
pub(super) fn whoami(bearer: Bearer) -> Json {
    match bearer {
        Bearer::Integration => json!({ "id": "usrFerryEmulator1", "scopes": SCOPES }),
        Bearer::Personal | Bearer::Unscoped => json!({ "id": "usrFerryEmulator1" }),
    }
}

/// Returns the client that HTTP Basic names.
fn client_of(authorization: Option<&str>) -> Option<String> {
    pair_of(authorization?).map(|(client, _)| client)
}

/// Reads HTTP Basic.
fn pair_of(authorization: &str) -> Option<(String, String)> {
    let decoded = STANDARD.decode(authorization.strip_prefix("Basic ")?.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    text.split_once(':').map(|(client, secret)| (client.to_owned(), secret.to_owned()))
}

fn bad(error: &str, description: &str) -> ApiError {
    ApiError::oauth(StatusCode::BAD_REQUEST, error, description)
}

fn dead_grant() -> ApiError {
    bad("invalid_grant", "The provided grant is invalid, expired or was used before")
}
