//! Logs in: a personal access token as it is, or OAuth with Airtable's single-use refresh tokens.
//!
//! A renewal ends the older access token and the older refresh token at once. So one at a time renews, whoever waited takes
//! what the other got, and the new pair is stored before it is used.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::connector::{Authorization, ClientAuthentication, Context, Secret};
use crate::http::{Answer, AnswerClass, Dialect, HttpError, HttpErrorKind, StoredToken, Transport};

use super::{
    config::{Account, Login},
    errors::{ApiError, classify},
};

/// How long before its end an access token is renewed, so that no request is under way when it ends.
const RENEW_BEFORE_END: TimeDelta = TimeDelta::minutes(2);
/// How long after a renewal a refused token is taken for one that the renewal ended while the request was under way. It is
/// longer than any request lasts.
const UNDER_WAY: Duration = Duration::from_mins(2);

/// The scopes that Ferry needs. Source: airtable.com/developers/web/api/scopes.
const SCOPES: [&str; 3] = ["data.records:read", "data.records:write", "schema.bases:read"];

/// How this connection's requests are authorized and its answers classified.
#[derive(Debug)]
pub(super) enum AirtableDialect {
    /// With a personal access token.
    Token(Secret),
    /// With an OAuth login.
    OAuth(Box<OAuth>),
}

/// An OAuth login at work.
#[derive(Debug)]
pub(super) struct OAuth {
    transport: Transport,
    token_url: Url,
    client_id: String,
    client_secret: Option<Secret>,
    first_refresh_token: Option<Secret>,
    store_name: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    access_token: Option<SecretString>,
    ends_at: Option<DateTime<Utc>>,
    /// When the token came from a renewal, by the clock's `elapsed`.
    renewed_at: Option<Duration>,
    /// The token that Airtable refused last: not to be taken from the store again.
    refused: Option<SecretString>,
}

/// What Airtable's token endpoint answers.
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<i64>,
}

impl AirtableDialect {
    /// Prepares the login of an account. Does no I/O.
    pub(super) fn new(account: &Account, context: &Context) -> Self {
        match &account.login {
            Login::Token(token) => Self::Token(token.clone()),
            Login::OAuth { client_id, client_secret, refresh_token } => {
                let mut token_url = account.oauth_url.clone();
                token_url.set_path(&format!("{}oauth2/v1/token", account.oauth_url.path()));
                Self::OAuth(Box::new(OAuth {
                    transport: context.transport.clone(),
                    token_url,
                    client_id: client_id.clone(),
                    client_secret: client_secret.clone(),
                    first_refresh_token: refresh_token.clone(),
                    store_name: store_name(context, client_id, refresh_token.as_ref()),
                    state: Mutex::default(),
                }))
            }
        }
    }

    /// Names the account whose requests Airtable counts together, without showing a secret.
    pub(super) fn account_name(account: &Account) -> String {
        let secret = match &account.login {
            Login::Token(token) => token,
            Login::OAuth { refresh_token: Some(refresh_token), .. } => refresh_token,
            Login::OAuth { client_id, .. } => return format!("airtable app {client_id}"),
        };
        format!("airtable token {:016x}", xxh3_64(secret.expose().as_bytes()))
    }
}

/// Names the login in the token store. A new login in the pipeline gets a new name, so that the stored tokens of an older one
/// are not taken for it.
fn store_name(context: &Context, client_id: &str, refresh_token: Option<&Secret>) -> String {
    let mark = refresh_token.map_or(client_id, Secret::expose);
    format!("{}/{:016x}", context.connection, xxh3_64(mark.as_bytes()))
}

/// Says how a person logs in; none where the connection has a token.
pub(super) fn authorization(account: &Account, context: &Context) -> Option<Authorization> {
    let Login::OAuth { client_id, client_secret, refresh_token } = &account.login else { return None };
    let at = |path: &str| {
        let mut url = account.oauth_url.clone();
        url.set_path(&format!("{}oauth2/v1/{path}", account.oauth_url.path()));
        url
    };
    Some(Authorization {
        authorize_url: at("authorize"),
        token_url: at("token"),
        client_id: client_id.clone(),
        client_secret: client_secret.clone(),
        client_authentication: ClientAuthentication::Basic,
        scopes: SCOPES.map(str::to_owned).to_vec(),
        token_name: store_name(context, client_id, refresh_token.as_ref()),
    })
}

#[async_trait]
impl Dialect for AirtableDialect {
    async fn authorize(&self, request: RequestBuilder) -> Result<RequestBuilder, HttpError> {
        match self {
            Self::Token(token) => Ok(request.bearer_auth(token.expose())),
            Self::OAuth(login) => Ok(request.bearer_auth(login.access_token().await?.expose_secret())),
        }
    }

    /// A personal access token cannot be renewed. An OAuth token is put aside here and renewed by the next `authorize`, whose
    /// failures the stack repeats.
    async fn renew(&self) -> Result<bool, HttpError> {
        match self {
            Self::Token(_) => Ok(false),
            Self::OAuth(login) => {
                login.put_aside();
                Ok(true)
            }
        }
    }

    fn classify(&self, answer: &Answer) -> AnswerClass {
        classify(answer)
    }
}

impl OAuth {
    async fn access_token(&self) -> Result<SecretString, HttpError> {
        if let Some(token) = self.current() {
            return Ok(token);
        }
        let _guard = self.transport.token_locks.lock(&self.store_name).await;
        // Another source or destination may have renewed while this one waited.
        if let Some(token) = self.current() {
            return Ok(token);
        }
        let stored = self.load().await?;
        if let Some(token) = stored.as_ref().filter(|stored| self.is_usable(stored)) {
            return Ok(self.keep(token));
        }
        let refresh_token = stored.and_then(|stored| stored.refresh_token);
        let first = || self.first_refresh_token.as_ref().map(Secret::to_secret_string);
        let refresh_token = refresh_token.or_else(first).ok_or_else(|| self.nobody_logged_in())?;
        let renewed = self.refresh(&refresh_token).await?;
        self.save(&renewed).await?;
        self.with_state(|state| state.renewed_at = Some(self.transport.clock.elapsed()));
        Ok(self.keep(&renewed))
    }

    fn nobody_logged_in(&self) -> HttpError {
        let connection = &self.transport.connection;
        HttpError::unsent(HttpErrorKind::Unauthorized, "nobody has logged in yet")
            .with_hint(format!("log in with `ferry login {connection} --file PIPELINE`"))
    }

    fn current(&self) -> Option<SecretString> {
        let now = self.transport.clock.now();
        self.with_state(|state| state.access_token.clone().filter(|_| is_running(state.ends_at, now)))
    }

    fn is_usable(&self, stored: &StoredToken) -> bool {
        let is_refused = |refused: &SecretString| refused.expose_secret() == stored.access_token.expose_secret();
        is_running(stored.expires_at, self.transport.clock.now())
            && !self.with_state(|state| state.refused.as_ref().is_some_and(is_refused))
    }

    fn keep(&self, token: &StoredToken) -> SecretString {
        self.with_state(|state| {
            state.access_token = Some(token.access_token.clone());
            state.ends_at = token.expires_at;
        });
        token.access_token.clone()
    }

    /// Puts the access token aside after a 401, unless it is so new that the refused request must have carried the one
    /// before it.
    fn put_aside(&self) {
        let now = self.transport.clock.elapsed();
        self.with_state(|state| {
            let is_new = state.renewed_at.is_some_and(|renewed_at| now.saturating_sub(renewed_at) < UNDER_WAY);
            if !is_new && let Some(token) = state.access_token.take() {
                state.refused = Some(token);
            }
        });
    }

    /// Buys a new pair. Airtable wants the client's secret as HTTP Basic and then no `client_id` in the body.
    async fn refresh(&self, refresh_token: &SecretString) -> Result<StoredToken, HttpError> {
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose_secret())];
        let request = self.transport.request(Method::POST, self.token_url.clone());
        let request = if let Some(secret) = &self.client_secret {
            request.basic_auth(&self.client_id, Some(secret.expose()))
        } else {
            form.push(("client_id", &self.client_id));
            request
        };
        // Whatever went wrong here, the request that needs the token has not been sent.
        let answer = self.transport.send_once(request.form(&form)).await.map_err(|error| {
            HttpError::unsent(HttpErrorKind::Unreachable, format!("the login could not be renewed: {error}"))
        })?;
        self.read_pair(&answer)
    }

    fn read_pair(&self, answer: &Answer) -> Result<StoredToken, HttpError> {
        let status = answer.status;
        if status.is_success() {
            let pair: TokenAnswer = answer.json().map_err(|_| {
                HttpError::unsent(HttpErrorKind::Unreachable, "the answer to the renewal of the login cannot be read")
            })?;
            let lifetime = pair.expires_in.and_then(TimeDelta::try_seconds);
            return Ok(StoredToken {
                access_token: SecretString::from(pair.access_token),
                refresh_token: pair.refresh_token.map(SecretString::from),
                expires_at: lifetime.and_then(|lifetime| self.transport.clock.now().checked_add_signed(lifetime)),
            });
        }
        let code = ApiError::of(answer).code;
        let is_passing = status.is_server_error() || status.as_u16() == 429;
        let kind = if is_passing { HttpErrorKind::Unreachable } else { HttpErrorKind::Unauthorized };
        Err(HttpError::unsent(kind, format!("the login could not be renewed: {code} ({})", status.as_u16())))
    }

    async fn load(&self) -> Result<Option<StoredToken>, HttpError> {
        let (tokens, name) = (self.transport.tokens.clone(), self.store_name.clone());
        stored(tokio::task::spawn_blocking(move || tokens.load(&name)).await, "read")
    }

    async fn save(&self, token: &StoredToken) -> Result<(), HttpError> {
        let (tokens, name, token) = (self.transport.tokens.clone(), self.store_name.clone(), token.clone());
        stored(tokio::task::spawn_blocking(move || tokens.save(&name, &token)).await, "stored")
    }

    fn with_state<T>(&self, use_it: impl FnOnce(&mut State) -> T) -> T {
        use_it(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn is_running(ends_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> bool {
    ends_at.is_none_or(|ends_at| ends_at - RENEW_BEFORE_END > now)
}

fn stored<T>(done: Result<Result<T, String>, tokio::task::JoinError>, verb: &str) -> Result<T, HttpError> {
    let failed = |reason: String| {
        HttpError::unsent(HttpErrorKind::Unauthorized, format!("the login's tokens cannot be {verb}: {reason}"))
    };
    done.map_err(|error| failed(error.to_string()))?.map_err(failed)
}
