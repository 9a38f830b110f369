//! The one source of OAuth tokens: it takes up a stored token, buys the next one before the last ends, and stores it before
//! it is used.
//!
//! Where a renewal ends the older pair at once, two renewals at the same time log each other out, and a lost single-use refresh
//! token cuts the login off. So only one renews at a time: a lock ensures it in this process, the store between processes. The
//! others take the token that it got. A connector says in a [`Grant`] how its vendor's token is asked for.
//!
//! A token request without an answer is sent again, as a read is. Where it may have used the refresh token up, it is sent again
//! only when the lost one can no longer arrive: behind the second, it would end the pair that the second one bought.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::{RequestBuilder, header::HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::task::{JoinError, spawn_blocking};

use crate::redact::remember;

use super::{
    answer::Answer,
    connections::LATEST_ARRIVAL,
    error::{HttpError, HttpErrorKind},
    meter::Meter,
    request::Access,
    retry::{Effort, Limit},
    token::StoredToken,
    transport::Transport,
};

/// How long before its end a token is renewed: longer than a request is under way.
const RENEW_BEFORE_END: TimeDelta = TimeDelta::minutes(2);
/// The longest life of a token that is believed. A longer one counts as a token that does not end.
const MAX_LIFE_SECS: i64 = 10 * 365 * 24 * 60 * 60;

/// How one vendor's tokens are asked for.
pub trait Grant: fmt::Debug + Send + Sync {
    /// Makes the request that buys a token. `refresh_token` is the newest one, where there is any.
    ///
    /// # Errors
    /// Fails when there is nothing to buy a token with.
    fn request(&self, transport: &Transport, refresh_token: Option<&SecretString>)
    -> Result<RequestBuilder, HttpError>;

    /// Says that the vendor refused the refresh token or the app's credentials, in its own words.
    fn refused(&self, answer: &Answer) -> HttpError;

    /// Tells whether a request may use the refresh token up, so that its answer alone holds the next one.
    fn is_single_use(&self) -> bool {
        true
    }

    /// Names the field of each token's answer that says where the API is; none where the vendor does not say.
    fn api_url_field(&self) -> Option<&'static str> {
        None
    }

    /// Checks the address of the API that came with a token, or was stored with it.
    ///
    /// # Errors
    /// Fails when the token must not be sent there.
    fn api_url(&self, told: &str) -> Result<String, HttpError> {
        Ok(told.to_owned())
    }
}

/// Gives out access tokens of one login.
#[derive(Debug)]
pub struct TokenSource {
    grant: Box<dyn Grant>,
    /// The login's name in the token store.
    name: String,
    /// The refresh token that the connection was given, if any.
    first_refresh_token: Option<SecretString>,
    current: Mutex<Option<StoredToken>>,
    /// Why the last purchase failed, and when: those who waited for it do not try in their turn.
    failed: Mutex<Option<(Duration, HttpError)>>,
    transport: Transport,
    meter: Meter,
}

/// Why a token request brought no token.
#[derive(Debug)]
enum Unbought {
    /// It is of no use to ask again.
    For(HttpError),
    /// There was no answer.
    Yet { error: HttpError, had_no_effect: bool },
}

/// What a token endpoint answers (RFC 6749, section 5.1).
#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(default)]
    refresh_token: Option<String>,
    /// A number, or a text that holds one.
    #[serde(default)]
    expires_in: Json,
    /// What else the vendor says.
    #[serde(flatten)]
    more: HashMap<String, Json>,
}

impl TokenSource {
    /// Makes the source of one login. Does no I/O.
    pub fn new(
        grant: Box<dyn Grant>,
        name: String,
        first_refresh_token: Option<SecretString>,
        transport: Transport,
        meter: Meter,
    ) -> Self {
        let (current, failed) = (Mutex::default(), Mutex::default());
        Self { grant, name, first_refresh_token, current, failed, transport, meter }
    }

    /// Returns a token that is good for a while.
    ///
    /// # Errors
    /// Fails when the vendor refuses the login or cannot be reached, and when a new token cannot be stored.
    pub async fn token(&self) -> Result<StoredToken, HttpError> {
        if let Some(token) = self.current().filter(|token| self.is_usable(token)) {
            return Ok(token);
        }
        let asked_at = self.transport.clock.elapsed();
        let _turn = self.transport.token_locks.lock(&self.name).await;
        // Another source or destination may have renewed while this one waited, or failed to.
        if let Some(token) = self.current().filter(|token| self.is_usable(token)) {
            return Ok(token);
        }
        if let Some(error) = self.failed_since(asked_at) {
            return Err(error);
        }
        let stored = self.load().await?;
        if let Some(token) = stored.as_ref().filter(|token| self.is_usable(token)) {
            return Ok(self.keep(token.clone()));
        }
        let newest = stored.and_then(|stored| stored.refresh_token).or_else(|| self.first_refresh_token.clone());
        let token = self.buy(newest).await.inspect_err(|error| self.note_failure(error))?;
        self.save(&token).await?;
        Ok(self.keep(token))
    }

    /// Puts aside the token that `refused` carried, so that the next one is bought or taken up. Where another token has
    /// replaced it by then, that one stays: the refused request was under way with the one before.
    ///
    /// # Errors
    /// Fails when the store cannot be used.
    pub async fn put_aside(&self, refused: Option<&HeaderValue>) -> Result<(), HttpError> {
        let Some(refused) = refused.and_then(|header| header.to_str().ok()?.strip_prefix("Bearer ")) else {
            return Ok(());
        };
        let is_refused = |token: &StoredToken| token.access_token.expose_secret() == refused;
        let _turn = self.transport.token_locks.lock(&self.name).await;
        if self.current().is_some_and(|current| is_refused(&current)) {
            *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        if let Some(stored) = self.load().await?.filter(is_refused) {
            self.save(&StoredToken { expires_at: Some(self.transport.clock.now()), ..stored }).await?;
        }
        Ok(())
    }

    /// Says that a person must log the connection in first.
    pub fn nobody_logged_in(transport: &Transport) -> HttpError {
        let connection = &transport.connection;
        HttpError::unsent(HttpErrorKind::Unauthorized, "nobody has logged in yet")
            .with_hint(format!("log in with `ferry login {connection} --file PIPELINE`"))
    }

    /// Buys a token, and asks again where there is no answer.
    async fn buy(&self, refresh_token: Option<SecretString>) -> Result<StoredToken, HttpError> {
        if let Some(refresh_token) = &refresh_token {
            remember(refresh_token.expose_secret());
        }
        let mut effort = Effort::new();
        loop {
            let attempts = effort.begin();
            let (error, had_no_effect) = match self.buy_once(refresh_token.as_ref()).await {
                Ok(token) => return Ok(token),
                Err(Unbought::For(error)) => return Err(error),
                Err(Unbought::Yet { error, had_no_effect }) => (error, had_no_effect),
            };
            let may_be_used_up = refresh_token.is_some() && self.grant.is_single_use() && !had_no_effect;
            let Some(wait) =
                effort.wait(Limit::Passing, may_be_used_up.then_some(LATEST_ARRIVAL), &self.transport.clock)
            else {
                // The request that needs the token was not sent; asking for the token again is not its affair.
                return Err(HttpError { attempts, is_final: true, ..error });
            };
            tracing::debug!(attempts, %error, "the token request is repeated");
            self.transport.wait(wait, attempts).await?;
        }
    }

    async fn buy_once(&self, refresh_token: Option<&SecretString>) -> Result<StoredToken, Unbought> {
        let request = self.grant.request(&self.transport, refresh_token).map_err(Unbought::For)?;
        self.meter.count(Access::Read);
        self.meter.count_login();
        let answer = self.transport.send_once(request).await.map_err(Unbought::of)?;
        if !answer.status.is_success() {
            if !is_own_refusal(&answer) {
                return Err(passing(&answer));
            }
            let refused = self.grant.refused(&answer);
            return Err(Unbought::For(HttpError { request: Some(answer.request.clone()), ..refused }));
        }
        let unreadable = || unanswered(&answer, "the answer cannot be read".to_owned());
        let told: TokenAnswer = answer.json().map_err(|_| unreadable())?;
        let api_url = match self.grant.api_url_field() {
            Some(field) => {
                let url = told.more.get(field).and_then(Json::as_str).ok_or_else(unreadable)?;
                Some(self.grant.api_url(url).map_err(Unbought::For)?)
            }
            None => None,
        };
        Ok(StoredToken {
            expires_at: ends_at(&told.expires_in, self.transport.clock.now()),
            access_token: told.access_token.into(),
            refresh_token: told.refresh_token.map(SecretString::from).or_else(|| refresh_token.cloned()),
            api_url,
        })
    }

    /// Returns why a purchase failed that ended after this moment.
    fn failed_since(&self, asked_at: Duration) -> Option<HttpError> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.as_ref().filter(|(ended_at, _)| *ended_at >= asked_at).map(|(_, error)| error.clone())
    }

    fn note_failure(&self, error: &HttpError) {
        let ended_at = self.transport.clock.elapsed();
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some((ended_at, error.clone()));
    }

    fn current(&self) -> Option<StoredToken> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, token: StoredToken) -> StoredToken {
        remember(token.access_token.expose_secret());
        if let Some(refresh_token) = &token.refresh_token {
            remember(refresh_token.expose_secret());
        }
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
        token
    }

    fn is_usable(&self, token: &StoredToken) -> bool {
        let now = self.transport.clock.now();
        let renew_at =
            |end: DateTime<Utc>| end.checked_sub_signed(RENEW_BEFORE_END).unwrap_or(DateTime::<Utc>::MIN_UTC);
        let is_running = token.expires_at.is_none_or(|end| renew_at(end) > now);
        let has_address = token.api_url.is_some() || self.grant.api_url_field().is_none();
        is_running && has_address && !token.access_token.expose_secret().is_empty()
    }

    async fn load(&self) -> Result<Option<StoredToken>, HttpError> {
        let (tokens, name) = (Arc::clone(&self.transport.tokens), self.name.clone());
        let stored = in_store(spawn_blocking(move || tokens.load(&name)).await, "read")?;
        let Some(token) = stored else { return Ok(None) };
        let api_url = token.api_url.as_deref().map(|url| self.grant.api_url(url)).transpose();
        // An address that is not to be used any more (another `base_url`) comes again with the next token.
        Ok(Some(StoredToken { api_url: api_url.unwrap_or_default(), ..token }))
    }

    async fn save(&self, token: &StoredToken) -> Result<(), HttpError> {
        let (tokens, name, token) = (Arc::clone(&self.transport.tokens), self.name.clone(), token.clone());
        in_store(spawn_blocking(move || tokens.save(&name, &token)).await, "stored")
    }
}

/// Returns when a token ends that lives so many seconds; none where that is not told, or is beyond all reason.
pub(super) fn ends_at(expires_in: &Json, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let secs = match expires_in {
        Json::Number(number) => number.as_i64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    }?;
    if secs > MAX_LIFE_SECS {
        return None;
    }
    now.checked_add_signed(TimeDelta::try_seconds(secs.max(0))?)
}

/// Tells whether a refusal is that of a token endpoint (RFC 6749, section 5.2): JSON with a word for the reason.
fn is_own_refusal(answer: &Answer) -> bool {
    let is_passing = answer.status.is_server_error() || answer.status.as_u16() == 429;
    let json = answer.json::<Json>().unwrap_or_default();
    !is_passing && ["error", "status"].iter().any(|name| json[*name].is_string())
}

impl Unbought {
    /// Takes up what went wrong on the way.
    fn of(error: HttpError) -> Self {
        let had_no_effect = error.kind == HttpErrorKind::Unreachable;
        let error = not_renewed(error);
        if error.is_final { Self::For(error) } else { Self::Yet { error, had_no_effect } }
    }
}

fn passing(answer: &Answer) -> Unbought {
    unanswered(answer, format!("the token endpoint answered {}", answer.status.as_u16()))
}

fn unanswered(answer: &Answer, message: String) -> Unbought {
    let error = HttpError::unsent(HttpErrorKind::Unanswered, message);
    Unbought::of(HttpError { request: Some(answer.request.clone()), status: Some(answer.status.as_u16()), ..error })
}

/// Whatever goes wrong here, the request that needs the token was not sent.
fn not_renewed(error: HttpError) -> HttpError {
    let message = format!("the login could not be renewed: {}", error.message);
    // A request that cannot be made at all stays what it is.
    let kind = if error.is_final { error.kind } else { HttpErrorKind::Unreachable };
    HttpError { kind, message, ..error }
}

fn in_store<T>(done: Result<Result<T, String>, JoinError>, verb: &str) -> Result<T, HttpError> {
    let failed = |reason: String| {
        HttpError::unsent(HttpErrorKind::Unauthorized, format!("the login's tokens cannot be {verb}: {reason}"))
    };
    done.map_err(|error| failed(error.to_string()))?.map_err(failed)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_life_of_a_token_is_beyond_the_clock() {
        let now: DateTime<Utc> = "2026-12-01T10:00:00Z".parse().unwrap();
        let cases = [
            (json!(60), Some(60)),
            (json!("3600"), Some(3600)),
            (json!(0), Some(0)),
            (json!(-5), Some(0)),
            (json!(i64::MIN), Some(0)),
            (json!(i64::MAX), None),
            (json!(u64::MAX), None),
            (json!(1e300), None),
            (json!("soon"), None),
            (json!({ "a": 1 }), None),
            (Json::Null, None),
        ];
        for (told, secs) in cases {
            let end = secs.map(|secs| now + TimeDelta::seconds(secs));
            assert_eq!(ends_at(&told, now), end, "{told}");
            assert!(ends_at(&told, DateTime::<Utc>::MAX_UTC).is_none_or(|end| end >= now), "{told}");
        }
    }
}
