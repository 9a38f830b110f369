//! Logging in: bearer tokens that stay, and those of OAuth that are renewed.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use chrono::TimeDelta;
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::connector::{Authorization, ClientAuthentication, Context, Secret};
use crate::http::{Access, Answer, AnswerClass, Dialect, HttpError, HttpErrorKind, Meter, StoredToken, Transport};
use crate::model::Quota;

use super::{
    config::{ApiVersion, Credential, Settings},
    errors,
};

/// How long before its end a token is renewed, in seconds: longer than a request is under way.
const RENEWAL_MARGIN_SECS: i64 = 120;
/// A token taken up this recently is not renewed again: requests that were under way with the one before come back refused.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);

/// Authorises requests and tells the stack what answers mean.
#[derive(Debug)]
pub(super) struct Login {
    credential: Credential,
    token_url: Url,
    token_name: String,
    current: Mutex<Option<Current>>,
    transport: Transport,
    meter: Meter,
}

#[derive(Debug, Clone)]
struct Current {
    token: StoredToken,
    /// When this login took it up, by the clock.
    since: Duration,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    expires_in: Option<i64>,
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct Introspection {
    scopes: Vec<String>,
}

impl Login {
    pub(super) fn new(settings: &Settings, context: &Context) -> Self {
        Self {
            credential: settings.credential.clone(),
            token_url: token_url(settings),
            token_name: token_name(&settings.credential, context),
            current: Mutex::new(None),
            transport: context.transport.clone(),
            meter: context.meter.clone(),
        }
    }

    /// Returns the access token, renewed where it is about to end.
    async fn access_token(&self) -> Result<SecretString, HttpError> {
        let Credential::OAuth { client_id, client_secret, refresh_token } = &self.credential else {
            return Err(HttpError::unsent(HttpErrorKind::Unauthorized, "there is nothing to renew"));
        };
        if let Some(current) = self.current().filter(|current| self.is_fresh(&current.token)) {
            return Ok(current.token.access_token);
        }
        let _turn = self.transport.token_locks.lock(&self.token_name).await;
        let stored = self.stored()?;
        if let Some(token) = stored.as_ref().filter(|token| self.is_fresh(token)) {
            return Ok(self.keep(token.clone()).access_token);
        }
        let given = || refresh_token.as_ref().map(Secret::to_secret_string);
        let refresh_token = stored.and_then(|token| token.refresh_token).or_else(given);
        let Some(refresh_token) = refresh_token else {
            let connection = &self.transport.connection;
            let error = HttpError::unsent(HttpErrorKind::Unauthorized, "nobody has logged in yet");
            return Err(error.with_hint(format!("log in with `ferry login {connection} --file PIPELINE`")));
        };
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", client_id),
            ("client_secret", client_secret.expose()),
            ("refresh_token", refresh_token.expose_secret()),
        ];
        Ok(self.keep(self.request_token(&form).await?).access_token)
    }

    /// Returns the scopes of an OAuth login; HubSpot does not tell those of another token.
    ///
    /// `POST oauth/{v}/token/introspect`. Source: spec:Auth/Oauth.
    pub(super) async fn scopes(&self) -> Result<Option<Vec<String>>, HttpError> {
        let Credential::OAuth { client_id, client_secret, .. } = &self.credential else { return Ok(None) };
        let token = self.access_token().await?;
        let mut url = self.token_url.clone();
        url.set_path(&format!("{}/introspect", self.token_url.path()));
        let form = [
            ("client_id", client_id.as_str()),
            ("client_secret", client_secret.expose()),
            ("token_type_hint", "access_token"),
            ("token", token.expose_secret()),
        ];
        self.meter.count(Access::Read);
        let answer = self.transport.send_once(self.transport.request(Method::POST, url).form(&form)).await?;
        let told = answer.json::<Introspection>().ok().filter(|_| answer.status.is_success());
        Ok(told.map(|told| told.scopes))
    }

    async fn request_token(&self, form: &[(&str, &str)]) -> Result<StoredToken, HttpError> {
        self.meter.count(Access::Read);
        let request = self.transport.request(Method::POST, self.token_url.clone()).form(form);
        // Whatever goes wrong here, the request that needed the token was not sent: it may be repeated.
        let unreachable = |reason: String| {
            HttpError::unsent(HttpErrorKind::Unreachable, format!("the token could not be renewed: {reason}"))
        };
        let answer = self.transport.send_once(request).await.map_err(|error| unreachable(error.message))?;
        if answer.status.is_server_error() || answer.status.as_u16() == 429 {
            return Err(unreachable(format!("HubSpot answered {}", answer.status.as_u16())));
        }
        if !answer.status.is_success() {
            return Err(errors::refused_renewal(&answer));
        }
        let token: TokenAnswer =
            answer.json().map_err(|_| unreachable("the answer is not the documented one".to_owned()))?;
        let now = self.transport.clock.now();
        let stored = StoredToken {
            access_token: token.access_token.into(),
            refresh_token: token.refresh_token.map(Into::into),
            expires_at: token.expires_in.and_then(TimeDelta::try_seconds).map(|life| now + life),
        };
        self.transport.tokens.save(&self.token_name, &stored).map_err(unreachable)?;
        Ok(stored)
    }

    fn current(&self) -> Option<Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, token: StoredToken) -> StoredToken {
        let current = Current { token: token.clone(), since: self.transport.clock.elapsed() };
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(current);
        token
    }

    fn stored(&self) -> Result<Option<StoredToken>, HttpError> {
        let unreadable = |reason| HttpError::unsent(HttpErrorKind::Unauthorized, reason);
        self.transport.tokens.load(&self.token_name).map_err(unreadable)
    }

    fn is_fresh(&self, token: &StoredToken) -> bool {
        let margin = TimeDelta::seconds(RENEWAL_MARGIN_SECS);
        token.expires_at.is_none_or(|end| end - margin > self.transport.clock.now())
    }

    /// Marks the stored token as ended where it still is the refused one.
    fn expire(&self, refused: &StoredToken) -> Result<(), HttpError> {
        let Some(mut stored) = self.stored()? else { return Ok(()) };
        if stored.access_token.expose_secret() == refused.access_token.expose_secret() {
            stored.expires_at = Some(self.transport.clock.now());
            let unwritable = |reason| HttpError::unsent(HttpErrorKind::Unauthorized, reason);
            self.transport.tokens.save(&self.token_name, &stored).map_err(unwritable)?;
        }
        Ok(())
    }
}

#[async_trait]
impl Dialect for Login {
    async fn authorize(&self, request: RequestBuilder) -> Result<RequestBuilder, HttpError> {
        match &self.credential {
            Credential::Token(token) => Ok(request.bearer_auth(token.expose())),
            Credential::OAuth { .. } => Ok(request.bearer_auth(self.access_token().await?.expose_secret())),
        }
    }

    async fn renew(&self) -> Result<bool, HttpError> {
        if matches!(self.credential, Credential::Token(_)) {
            return Ok(false);
        }
        if let Some(current) = self.current() {
            if self.transport.clock.elapsed().saturating_sub(current.since) < RENEWAL_PAUSE {
                return Ok(true);
            }
            let turn = self.transport.token_locks.lock(&self.token_name).await;
            self.expire(&current.token)?;
            drop(turn);
            *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        self.access_token().await.map(|_| true)
    }

    fn classify(&self, answer: &Answer) -> AnswerClass {
        errors::classify(answer)
    }

    fn quota(&self, answer: &Answer) -> Option<Quota> {
        let number = |name: &str| answer.header(name)?.trim().parse().ok();
        Some(Quota {
            max: number("x-hubspot-ratelimit-daily")?,
            remaining: number("x-hubspot-ratelimit-daily-remaining")?,
        })
    }

    fn request_id(&self, answer: &Answer) -> Option<String> {
        errors::request_id(answer)
    }
}

/// Names the stored token after the credentials too: with other ones, the old token is not taken up again.
fn token_name(credential: &Credential, context: &Context) -> String {
    let connection = &context.connection;
    match credential {
        Credential::Token(_) => format!("hubspot/{connection}"),
        Credential::OAuth { client_id, refresh_token, .. } => {
            let given = refresh_token.as_ref().map_or("", Secret::expose);
            let mark = xxh3_64(format!("{client_id}\n{given}").as_bytes());
            format!("hubspot/{connection}/{mark:016x}")
        }
    }
}

/// The vendor's page on which a person agrees. Source: the OAuth quickstart guide.
const AUTHORIZE_URL: &str = "https://app.hubspot.com/oauth/authorize";
/// What is asked for unless the connection says otherwise: HubSpot wants exactly what the app requires.
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

/// Says how a person logs in; none where the connection has a token.
pub(super) fn authorization(settings: &Settings, context: &Context) -> Option<Authorization> {
    let Credential::OAuth { client_id, client_secret, .. } = &settings.credential else { return None };
    let local = || settings.base_url.join("oauth/authorize").ok();
    // The page is on a host of its own; a local HubSpot has one host for all.
    let is_vendor = settings.base_url.scheme() == "https";
    let authorize_url = if is_vendor { Url::parse(AUTHORIZE_URL).ok() } else { local() }?;
    Some(Authorization {
        authorize_url,
        token_url: token_url(settings),
        client_id: client_id.clone(),
        client_secret: Some(client_secret.clone()),
        client_authentication: ClientAuthentication::Form,
        scopes: settings.scopes.clone().unwrap_or_else(|| SCOPES.map(str::to_owned).to_vec()),
        token_name: token_name(&settings.credential, context),
    })
}

fn token_url(settings: &Settings) -> Url {
    let path = match &settings.version {
        ApiVersion::Dated(version) => format!("oauth/{version}/token"),
        ApiVersion::Legacy => "oauth/v3/token".to_owned(),
    };
    let mut token_url = settings.base_url.clone();
    token_url.set_path(&format!("{}{path}", settings.base_url.path()));
    token_url
}
