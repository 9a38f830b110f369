//! Logins: the token endpoint with its grants, and what a token may do.
//!
//! A service account signs a JWT; a person's program renews with a refresh token, after a person agreed on the page. An access
//! token beginning with `invalid` or `expired` is refused as Google refuses such a one, `noscope` as one without the scope, `noapi`
//! as one of a project in which the API is off; any other that was not given here is a user of its own with every scope.

use std::collections::HashMap;

use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use ring::digest::{SHA256, digest};
use serde_json::{Value as Json, json};
use url::Url;

use crate::clients::Clients;

use super::{
    errors::{Answer, ApiError},
    jwt::{self, Keys},
    request::Call,
};

/// Lifetime of an access token, in seconds. Source: the token endpoint's `expires_in`.
const ACCESS_SECS: i64 = 3599;

/// What every scope of Google's begins with.
const SCOPE_PREFIX: &str = "https://www.googleapis.com/auth/";

/// The scopes of a login that names none.
const ALL_SCOPES: &str = "https://www.googleapis.com/auth/spreadsheets https://www.googleapis.com/auth/drive";

/// The person that logs in in the browser.
pub(super) const PERSON: &str = "person@ferry.example";

/// Who sends a request, and what it may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// The address, or the token where nothing else is known.
    pub(super) user: String,
    scopes: String,
    /// Whether it is a service account, which cannot own files.
    pub(super) is_service_account: bool,
}

/// What a request needs to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    ReadSheet,
    WriteSheet,
    ReadDrive,
    WriteDrive,
}

impl Caller {
    /// Makes a person who may do all that an owner may.
    pub(super) fn person_named(user: &str) -> Self {
        Self { user: user.to_owned(), scopes: ALL_SCOPES.to_owned(), is_service_account: false }
    }

    /// Whether the token's scopes allow it.
    pub(super) fn may(&self, access: Access) -> bool {
        let enough: &[&str] = match access {
            Access::ReadSheet => &["spreadsheets", "spreadsheets.readonly", "drive", "drive.readonly", "drive.file"],
            Access::WriteSheet => &["spreadsheets", "drive", "drive.file"],
            Access::ReadDrive => {
                &["drive", "drive.readonly", "drive.file", "drive.metadata", "drive.metadata.readonly"]
            }
            Access::WriteDrive => &["drive", "drive.file"],
        };
        let has = |scope: &str| self.scopes.split(' ').any(|own| own.strip_prefix(SCOPE_PREFIX) == Some(scope));
        enough.iter().any(|scope| has(scope))
    }
}

/// A code that waits to be exchanged.
#[derive(Debug)]
struct Code {
    client: String,
    redirect: String,
    challenge: Option<String>,
    scopes: String,
}

/// The tokens that were given, and the keys that sign.
#[derive(Debug, Default)]
pub(super) struct Grants {
    access: HashMap<String, (Caller, DateTime<Utc>)>,
    refresh: HashMap<String, String>,
    codes: HashMap<String, Code>,
    pub(super) keys: Keys,
    pub(super) clients: Clients,
    count: u64,
}

impl Grants {
    /// Says who sends a request.
    ///
    /// # Errors
    /// Fails where there is no token, a wrong one, or one that may not use the API.
    pub(super) fn caller(&self, call: &Call, now: DateTime<Utc>) -> Result<Caller, ApiError> {
        let header = call.authorization.as_deref();
        let token = header.and_then(|it| it.strip_prefix("Bearer ").or_else(|| it.strip_prefix("bearer ")));
        let token = token.or_else(|| call.get("access_token")).map(str::trim).unwrap_or_default();
        if token.starts_with("noscope") {
            return Err(ApiError::no_scope());
        }
        if token.starts_with("noapi") {
            return Err(ApiError::api_disabled());
        }
        if token.is_empty() || token.starts_with("invalid") || token.starts_with("expired") {
            return Err(ApiError::unauthenticated());
        }
        match self.access.get(token) {
            Some((_, until)) if now >= *until => Err(ApiError::unauthenticated()),
            Some((caller, _)) => Ok(caller.clone()),
            None => Ok(Caller { user: token.to_owned(), scopes: ALL_SCOPES.to_owned(), is_service_account: false }),
        }
    }

    /// Answers the token endpoint.
    ///
    /// # Errors
    /// Refuses in the shape of OAuth.
    pub(super) fn token(&mut self, call: &Call, now: DateTime<Utc>, is_steady: bool) -> Answer {
        let form: HashMap<String, String> = url::form_urlencoded::parse(&call.body).into_owned().collect();
        let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        match get("grant_type") {
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
                let login = jwt::check(&self.keys, get("assertion"), is_steady.then(|| now.timestamp()))
                    .map_err(|(error, description)| refused(error, &description))?;
                let caller = Caller { user: login.subject, scopes: login.scopes, is_service_account: !login.is_person };
                Ok(self.issue(caller, now))
            }
            "refresh_token" => {
                self.check_client(get("client_id"), get("client_secret"))?;
                let token = get("refresh_token");
                if token.is_empty() || token.starts_with("invalid") || token.starts_with("expired") {
                    return Err(refused("invalid_grant", "Token has been expired or revoked."));
                }
                let scopes = self.refresh.get(token).cloned().unwrap_or_else(|| ALL_SCOPES.to_owned());
                Ok(with_scope(self.issue(person(&scopes), now), &scopes))
            }
            "authorization_code" => {
                self.check_client(get("client_id"), get("client_secret"))?;
                let scopes = self.exchange(&form)?;
                let mut answer = with_scope(self.issue(person(&scopes), now), &scopes);
                let refresh = format!("1//{}", self.next("refresh"));
                answer["refresh_token"] = Json::from(refresh.clone());
                self.refresh.insert(refresh, scopes);
                Ok(answer)
            }
            other => Err(refused("unsupported_grant_type", &format!("Invalid grant_type: {other}"))),
        }
    }

    /// Answers the page on which a person agrees: with the address to go back to.
    ///
    /// # Errors
    /// Refuses a request that names no address to go back to.
    pub(super) fn authorize(&mut self, call: &Call) -> Result<Url, ApiError> {
        let get = |name: &str| call.get(name).unwrap_or_default();
        let bad = |description: &str| refused("invalid_request", description);
        let redirect = get("redirect_uri");
        let mut back = Url::parse(redirect).map_err(|_| bad("Missing required parameter: redirect_uri"))?;
        if get("client_id").is_empty() || get("client_id").starts_with("invalid") {
            return Err(ApiError::oauth(StatusCode::UNAUTHORIZED, "invalid_client", "The OAuth client was not found."));
        }
        if get("response_type") != "code" || get("scope").is_empty() {
            return Err(bad("Missing required parameter: scope, or a response_type other than code"));
        }
        let code = format!("4/{}", self.next("code"));
        let agreed = Code {
            client: get("client_id").to_owned(),
            redirect: redirect.to_owned(),
            challenge: call.get("code_challenge").map(str::to_owned),
            scopes: get("scope").to_owned(),
        };
        back.query_pairs_mut().append_pair("code", &code).append_pair("scope", &agreed.scopes);
        if let Some(state) = call.get("state") {
            back.query_pairs_mut().append_pair("state", state);
        }
        self.codes.insert(code, agreed);
        Ok(back)
    }

    fn exchange(&mut self, form: &HashMap<String, String>) -> Result<String, ApiError> {
        let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let dead = || refused("invalid_grant", "Malformed auth code.");
        let code = self.codes.remove(get("code")).ok_or_else(dead)?;
        if code.client != get("client_id") || code.redirect != get("redirect_uri") {
            return Err(refused("invalid_grant", "Bad Request"));
        }
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, get("code_verifier").as_bytes()));
        if code.challenge.is_some_and(|challenge| challenge != hash) {
            return Err(refused("invalid_grant", "Invalid code verifier."));
        }
        Ok(code.scopes)
    }

    fn check_client(&self, client: &str, secret: &str) -> Result<(), ApiError> {
        let refused = |description: &str| ApiError::oauth(StatusCode::UNAUTHORIZED, "invalid_client", description);
        if client.is_empty() || client.starts_with("invalid") {
            return Err(refused("The OAuth client was not found."));
        }
        if self.clients.accepts(client, secret) { Ok(()) } else { Err(refused("Unauthorized")) }
    }

    fn issue(&mut self, caller: Caller, now: DateTime<Utc>) -> Json {
        let token = format!("ya29.{}", self.next("access"));
        self.access.insert(token.clone(), (caller, now + TimeDelta::seconds(ACCESS_SECS)));
        json!({ "access_token": token, "expires_in": ACCESS_SECS, "token_type": "Bearer" })
    }

    fn next(&mut self, purpose: &str) -> String {
        self.count += 1;
        URL_SAFE_NO_PAD.encode(digest(&SHA256, format!("{purpose} {}", self.count).as_bytes()))
    }

    /// Ends every access token that was given here.
    pub(super) fn end_all(&mut self) {
        for (_, until) in self.access.values_mut() {
            *until = DateTime::UNIX_EPOCH;
        }
    }
}

fn person(scopes: &str) -> Caller {
    Caller { user: PERSON.to_owned(), scopes: scopes.to_owned(), is_service_account: false }
}

fn with_scope(mut answer: Json, scopes: &str) -> Json {
    answer["scope"] = Json::from(scopes);
    answer
}

fn refused(error: &str, description: &str) -> ApiError {
    ApiError::oauth(StatusCode::BAD_REQUEST, error, description)
}
