//! Logging in: sessions, what they may be bought with, and where the API is.
//!
//! Salesforce says with each token where the org's API is, and tells no end of it. A session is therefore used until it is
//! refused, renewed once, and the address is read anew with every token.

mod assertion;

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use crate::connector::{Authorization, ClientAuthentication, Context, Secret, check_base_url};
use crate::http::{Access, Answer, AnswerClass, Dialect, HttpError, HttpErrorKind, Meter, StoredToken, Transport};
use crate::model::Quota;

use super::{
    account,
    config::{Credential, Settings},
    errors, limits,
};

/// A session that replaced a refused one this recently is not renewed again: requests that were under way with the one before
/// come back refused too.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);
/// What a person is asked for: the API, and tokens that outlive the session.
const SCOPES: [&str; 2] = ["api", "refresh_token"];
/// Parts the address from the token in the token store. Neither can hold it.
const SEPARATOR: char = '\n';

/// Authorises requests and tells the stack what answers mean.
#[derive(Debug)]
pub(super) struct Login {
    credential: Credential,
    host_url: Url,
    session_name: String,
    headers: Vec<(&'static str, String)>,
    current: Mutex<Option<Session>>,
    /// When a refused session was replaced, by the clock.
    renewed_at: Mutex<Option<Duration>>,
    transport: Transport,
    meter: Meter,
}

/// A token and where it is good.
#[derive(Debug, Clone)]
struct Session {
    instance_url: Url,
    token: SecretString,
    refresh_token: Option<SecretString>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    instance_url: String,
    refresh_token: Option<String>,
}

fn session_name(settings: &Settings, context: &Context) -> String {
    format!("salesforce/{}/{:016x}", context.connection, settings.login_mark())
}

/// Says how a person logs in; none where the connection logs in by itself. Where the API is comes with the first renewal, which
/// the connector does when it finds a token without an address.
pub(super) fn authorization(settings: &Settings, context: &Context) -> Option<Authorization> {
    let Credential::Refresh { client_id, client_secret, .. } = &settings.credential else { return None };
    let at = |path: &str| settings.login_url.join(path).ok();
    Some(Authorization {
        authorize_url: at("services/oauth2/authorize")?,
        token_url: at("services/oauth2/token")?,
        client_id: client_id.clone(),
        client_secret: client_secret.clone(),
        client_authentication: ClientAuthentication::Form,
        scopes: SCOPES.map(str::to_owned).to_vec(),
        token_name: session_name(settings, context),
    })
}

impl Login {
    pub(super) fn new(settings: &Settings, context: &Context) -> Self {
        Self {
            credential: settings.credential.clone(),
            host_url: settings.login_url.clone(),
            session_name: session_name(settings, context),
            headers: headers(settings),
            current: Mutex::new(None),
            renewed_at: Mutex::new(None),
            transport: context.transport.clone(),
            meter: context.meter.clone(),
        }
    }

    async fn session(&self) -> Result<Session, HttpError> {
        if let Credential::Session(token) = &self.credential {
            return Ok(taken_up(self.host_url.clone(), token.to_secret_string(), None));
        }
        if let Some(session) = self.current() {
            return Ok(session);
        }
        let _turn = self.transport.token_locks.lock(&self.session_name).await;
        if let Some(session) = self.current() {
            return Ok(session);
        }
        let stored = self.stored()?;
        if let Some(session) = stored.as_ref().and_then(|stored| self.read_stored(stored)) {
            return Ok(self.keep(session));
        }
        let session = self.log_in(stored.and_then(|stored| stored.refresh_token)).await?;
        self.save(&session, &session_text(&session))?;
        Ok(self.keep(session))
    }

    /// Returns the organisation, where the session names it.
    pub(super) async fn organisation(&self) -> Result<Option<String>, HttpError> {
        let session = self.session().await?;
        Ok(account::of_session(session.token.expose_secret()))
    }

    async fn log_in(&self, stored_refresh: Option<SecretString>) -> Result<Session, HttpError> {
        let form = self.form(stored_refresh.as_ref())?;
        self.meter.count(Access::Read);
        let url = self.host_url.join("services/oauth2/token").map_err(|error| unreachable(&error.to_string()))?;
        let request = self.transport.request(Method::POST, url).form(&form);
        // Whatever goes wrong here, the request that needed the token was not sent: it may be repeated.
        let answer = self.transport.send_once(request).await.map_err(|error| unreachable(&error.message))?;
        let status = answer.status;
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(unreachable(&format!("Salesforce answered {}", status.as_u16())));
        }
        if !status.is_success() {
            return Err(errors::refused_login(&answer, matches!(self.credential, Credential::Jwt { .. })));
        }
        let token: TokenAnswer = answer.json().map_err(|_| unreachable("the answer is not the documented one"))?;
        let instance_url = self.instance_url(&token.instance_url)?;
        let refresh_token = token.refresh_token.map(SecretString::from).or(stored_refresh);
        Ok(taken_up(instance_url, token.access_token.into(), refresh_token))
    }

    /// Returns what is sent to the token endpoint.
    fn form(&self, stored_refresh: Option<&SecretString>) -> Result<Vec<(&'static str, String)>, HttpError> {
        Ok(match &self.credential {
            Credential::Session(_) => Vec::new(),
            Credential::Client { client_id, client_secret } => vec![
                ("grant_type", "client_credentials".to_owned()),
                ("client_id", client_id.clone()),
                ("client_secret", client_secret.expose().to_owned()),
            ],
            Credential::Jwt { client_id, username, private_key, audience } => {
                let ends_at = self.transport.clock.now().timestamp() + limits::ASSERTION_SECS;
                let assertion = assertion::sign(client_id, username, audience, ends_at, private_key)
                    .map_err(|reason| HttpError::unsent(HttpErrorKind::Unauthorized, reason))?;
                vec![("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer".to_owned()), ("assertion", assertion)]
            }
            Credential::Refresh { client_id, client_secret, refresh_token } => {
                let given = refresh_token.as_ref().map(Secret::expose);
                let Some(refresh_token) = stored_refresh.map(ExposeSecret::expose_secret).or(given) else {
                    let connection = &self.transport.connection;
                    let error = HttpError::unsent(HttpErrorKind::Unauthorized, "nobody has logged in yet");
                    return Err(error.with_hint(format!("log in with `ferry login {connection} --file PIPELINE`")));
                };
                let mut form = vec![
                    ("grant_type", "refresh_token".to_owned()),
                    ("client_id", client_id.clone()),
                    ("refresh_token", refresh_token.to_owned()),
                ];
                form.extend(client_secret.iter().map(|secret| ("client_secret", secret.expose().to_owned())));
                form
            }
        })
    }

    /// Checks the address that came with a token. Who logs in at loopback (a local Salesforce, a proxy) stays there.
    fn instance_url(&self, text: &str) -> Result<Url, HttpError> {
        let is_local = |url: &Url| url.scheme() == "http";
        let url = check_base_url(text).map_err(|_| {
            HttpError::unsent(HttpErrorKind::Unauthorized, "the login names an address of the API that is not HTTPS")
        })?;
        match (is_local(&self.host_url), is_local(&url)) {
            (true, false) => Ok(self.host_url.clone()),
            (false, true) => {
                let message = "the login names this machine as the address of the API";
                Err(HttpError::unsent(HttpErrorKind::Unauthorized, message))
            }
            _ => Ok(url),
        }
    }

    fn current(&self) -> Option<Session> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn keep(&self, session: Session) -> Session {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(session.clone());
        session
    }

    fn stored(&self) -> Result<Option<StoredToken>, HttpError> {
        let unreadable = |reason: String| HttpError::unsent(HttpErrorKind::Unauthorized, reason);
        self.transport.tokens.load(&self.session_name).map_err(unreadable)
    }

    /// Reads a session out of the store; none where it was put aside.
    fn read_stored(&self, stored: &StoredToken) -> Option<Session> {
        let (url, token) = stored.access_token.expose_secret().split_once(SEPARATOR)?;
        let instance_url = self.instance_url(url).ok()?;
        Some(taken_up(instance_url, SecretString::from(token), stored.refresh_token.clone()))
    }

    fn save(&self, session: &Session, text: &str) -> Result<(), HttpError> {
        let stored = StoredToken {
            access_token: SecretString::from(text),
            refresh_token: session.refresh_token.clone(),
            expires_at: None,
        };
        let saved = self.transport.tokens.save(&self.session_name, &stored);
        saved.map_err(|reason| unreachable(&reason))
    }

    /// Takes the refused session out of the store where it still is the one there.
    async fn put_aside(&self, refused: &Session) -> Result<(), HttpError> {
        let _turn = self.transport.token_locks.lock(&self.session_name).await;
        let is_there =
            self.stored()?.is_some_and(|stored| stored.access_token.expose_secret() == session_text(refused));
        if is_there {
            self.save(refused, "")?;
        }
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = None;
        Ok(())
    }
}

#[async_trait]
impl Dialect for Login {
    async fn authorize(&self, request: RequestBuilder) -> Result<RequestBuilder, HttpError> {
        let session = self.session().await?;
        let request = request.bearer_auth(session.token.expose_secret());
        Ok(self.headers.iter().fold(request, |request, (name, value)| request.header(*name, value)))
    }

    async fn base_url(&self) -> Result<Option<Url>, HttpError> {
        Ok(Some(self.session().await?.instance_url))
    }

    async fn renew(&self) -> Result<bool, HttpError> {
        if matches!(self.credential, Credential::Session(_)) {
            return Ok(false);
        }
        let now = self.transport.clock.elapsed();
        let renewed_at = *self.renewed_at.lock().unwrap_or_else(PoisonError::into_inner);
        if renewed_at.is_some_and(|renewed_at| now.saturating_sub(renewed_at) < RENEWAL_PAUSE) {
            return Ok(true);
        }
        if let Some(session) = self.current() {
            self.put_aside(&session).await?;
        }
        self.session().await?;
        *self.renewed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.transport.clock.elapsed());
        Ok(true)
    }

    fn classify(&self, answer: &Answer) -> AnswerClass {
        errors::classify(answer)
    }

    /// Reads `Sforce-Limit-Info: api-usage=18/5000; per-app-api-usage=…`.
    fn quota(&self, answer: &Answer) -> Option<Quota> {
        let info = answer.header("sforce-limit-info")?;
        let usage = info.split(';').find_map(|part| part.trim().strip_prefix("api-usage="))?;
        let (used, max) = usage.split_once('/')?;
        let (used, max): (u64, u64) = (used.trim().parse().ok()?, max.trim().parse().ok()?);
        Some(Quota { max, remaining: max.saturating_sub(used) })
    }

    fn request_id(&self, answer: &Answer) -> Option<String> {
        errors::request_id(answer)
    }
}

/// Returns the headers that every request carries. The client's name comes back in change events, so that Ferry's own writes
/// can be told from others. Assignment rules run by default where the header is left out.
fn headers(settings: &Settings) -> Vec<(&'static str, String)> {
    let assign = match settings.assignment_rule.as_deref() {
        None => "FALSE",
        Some("default") => "TRUE",
        Some(rule) => rule,
    };
    let mut headers = vec![
        ("Sforce-Call-Options", "client=ferry".to_owned()),
        ("Sforce-Auto-Assign", assign.to_owned()),
        ("Sforce-Query-Options", format!("batchSize={}", limits::PAGE_RECORDS)),
    ];
    if settings.allow_duplicates {
        headers.push(("Sforce-Duplicate-Rule-Header", "allowSave=true".to_owned()));
    }
    headers
}

fn taken_up(instance_url: Url, token: SecretString, refresh_token: Option<SecretString>) -> Session {
    Session { instance_url, token, refresh_token }
}

fn session_text(session: &Session) -> String {
    format!("{}{SEPARATOR}{}", session.instance_url, session.token.expose_secret())
}

fn unreachable(reason: &str) -> HttpError {
    HttpError::unsent(HttpErrorKind::Unreachable, format!("the login did not work: {reason}"))
}
