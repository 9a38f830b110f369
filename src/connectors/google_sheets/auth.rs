//! Logging in: a service account signs a request for a token with its key, a person's login is renewed.
//!
//! A service account's token is bought anew before it ends; there is no refresh token. Google's token endpoint names the same
//! audience wherever the request goes, so an emulator or proxy is asked with it too.

use async_trait::async_trait;
use reqwest::{Method, RequestBuilder, header::HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value as Json, json};
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::connector::{Authorization, ClientAuthentication, Context, Secret};
use crate::http::{
    Answer, AnswerClass, ApiRequest, Body, Dialect, Grant, HttpError, HttpErrorKind, JWT_BEARER, TokenSource,
    Transport, sign_claims,
};

use super::{
    config::{KeyFile, Login, Settings},
    errors,
    limits::ASSERTION_SECS,
};

/// What a signed request for a token is addressed to, whatever `oauth_url` says: Google's libraries do the same.
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
const AUTHORIZE_URL: &str = "https://accounts.google.com/o/oauth2/v2/auth";
/// The spreadsheets, and the version of a file. Source: the discovery documents' scopes.
const SCOPES: [&str; 2] =
    ["https://www.googleapis.com/auth/spreadsheets", "https://www.googleapis.com/auth/drive.metadata.readonly"];

/// Authorises requests and tells the stack what answers mean.
#[derive(Debug)]
pub(super) enum GoogleDialect {
    /// With a token that somebody else has bought.
    Token(Secret),
    /// With tokens that Ferry buys.
    Bought(Box<TokenSource>),
}

/// What tokens are bought with.
#[derive(Debug)]
struct App {
    login: Login,
    token_url: Url,
}

impl GoogleDialect {
    /// Prepares the login. Does no I/O.
    pub(super) fn new(settings: &Settings, context: &Context) -> Self {
        let first = match &settings.login {
            Login::Token(token) => return Self::Token(token.clone()),
            Login::Person { refresh_token, .. } => refresh_token.as_ref().map(Secret::to_secret_string),
            Login::Service(_) => None,
        };
        let app = App { login: settings.login.clone(), token_url: token_url(settings) };
        let (transport, meter) = (context.transport.clone(), context.meter.clone());
        Self::Bought(Box::new(TokenSource::new(Box::new(app), store_name(settings, context), first, transport, meter)))
    }
}

/// Names the user and the project whose requests Google counts together, without showing a secret.
pub(super) fn counted_as(settings: &Settings) -> (String, String) {
    let marked = |secret: &Secret| format!("google token {:016x}", xxh3_64(secret.expose().as_bytes()));
    match &settings.login {
        Login::Token(token) => (marked(token), marked(token)),
        Login::Service(credentials) => {
            let email = KeyFile::read(credentials).map_or_else(|_| marked(credentials), |key| key.client_email);
            let project = email.split_once('@').map_or(email.as_str(), |(_, project)| project).to_owned();
            (format!("google user {email}"), format!("google project {project}"))
        }
        Login::Person { client_id, refresh_token, .. } => {
            // A client's id begins with the number of its project.
            let project = client_id.split_once('-').map_or(client_id.as_str(), |(project, _)| project);
            let user = refresh_token.as_ref().map_or_else(|| format!("google user of {client_id}"), marked);
            (user, format!("google project {project}"))
        }
    }
}

/// Says how a person logs in; none where the connection logs in by itself.
pub(super) fn authorization(settings: &Settings, context: &Context) -> Option<Authorization> {
    let Login::Person { client_id, client_secret, .. } = &settings.login else { return None };
    // `offline` and `consent` are what makes Google give a refresh token.
    let mut authorize_url = Url::parse(AUTHORIZE_URL).ok()?;
    authorize_url.query_pairs_mut().append_pair("access_type", "offline").append_pair("prompt", "consent");
    Some(Authorization {
        authorize_url,
        token_url: token_url(settings),
        client_id: client_id.clone(),
        client_secret: client_secret.clone(),
        client_authentication: ClientAuthentication::Form,
        scopes: SCOPES.map(str::to_owned).to_vec(),
        token_name: store_name(settings, context),
    })
}

fn token_url(settings: &Settings) -> Url {
    let mut url = settings.oauth_url.clone();
    url.set_path(&format!("{}token", settings.oauth_url.path()));
    url
}

/// Names the login in the token store. Another login gets another name, so that the tokens of an older one are not taken for it.
fn store_name(settings: &Settings, context: &Context) -> String {
    let mark = match &settings.login {
        Login::Token(token) => token.expose(),
        Login::Service(credentials) => credentials.expose(),
        Login::Person { client_id, refresh_token, .. } => {
            refresh_token.as_ref().map_or(client_id.as_str(), Secret::expose)
        }
    };
    format!("google_sheets/{}/{:016x}", context.connection, xxh3_64(mark.as_bytes()))
}

impl App {
    fn form(
        &self,
        transport: &Transport,
        refresh_token: Option<&SecretString>,
    ) -> Result<Vec<(&'static str, String)>, HttpError> {
        match &self.login {
            Login::Token(_) => Ok(Vec::new()),
            Login::Service(credentials) => {
                let now = transport.clock.now().timestamp();
                let assertion = KeyFile::read(credentials)
                    .and_then(|key| assertion(&key, now))
                    .map_err(|reason| HttpError::unsent(HttpErrorKind::Unauthorized, reason))?;
                Ok(vec![("grant_type", JWT_BEARER.to_owned()), ("assertion", assertion)])
            }
            Login::Person { client_id, client_secret, .. } => {
                let refresh_token = refresh_token.ok_or_else(|| TokenSource::nobody_logged_in(transport))?;
                let mut form = vec![
                    ("grant_type", "refresh_token".to_owned()),
                    ("client_id", client_id.clone()),
                    ("refresh_token", refresh_token.expose_secret().to_owned()),
                ];
                form.extend(client_secret.iter().map(|secret| ("client_secret", secret.expose().to_owned())));
                Ok(form)
            }
        }
    }
}

/// Signs a request for a token. `now` is in seconds since 1970.
fn assertion(key: &KeyFile, now: i64) -> Result<String, String> {
    let claims = json!({
        "iss": key.client_email,
        "scope": SCOPES.join(" "),
        "aud": AUDIENCE,
        "iat": now,
        "exp": now.saturating_add(ASSERTION_SECS),
    });
    sign_claims(&claims, key.private_key_id.as_deref(), &key.private_key)
}

impl Grant for App {
    fn request(
        &self,
        transport: &Transport,
        refresh_token: Option<&SecretString>,
    ) -> Result<RequestBuilder, HttpError> {
        let form = self.form(transport, refresh_token)?;
        Ok(transport.request(Method::POST, self.token_url.clone())?.form(&form))
    }

    fn refused(&self, answer: &Answer) -> HttpError {
        errors::refused_login(answer, matches!(self.login, Login::Service(_)))
    }

    /// A refresh token of Google stays valid, and a service account has none.
    fn is_single_use(&self) -> bool {
        false
    }
}

#[async_trait]
impl Dialect for GoogleDialect {
    fn vendor(&self) -> &'static str {
        "Google"
    }

    async fn authorize(&self, request: RequestBuilder) -> Result<RequestBuilder, HttpError> {
        match self {
            Self::Token(token) => Ok(request.bearer_auth(token.expose())),
            Self::Bought(source) => Ok(request.bearer_auth(source.token().await?.access_token.expose_secret())),
        }
    }

    async fn renew(&self, refused: Option<&HeaderValue>) -> Result<bool, HttpError> {
        let Self::Bought(source) = self else { return Ok(false) };
        source.put_aside(refused).await?;
        Ok(true)
    }

    fn is_own_refusal(&self, answer: &Answer) -> bool {
        errors::is_own_refusal(answer)
    }

    fn classify(&self, answer: &Answer) -> AnswerClass {
        errors::classify(answer)
    }

    fn carried_records(&self, request: &ApiRequest) -> Option<usize> {
        carried_records(request)
    }

    fn brought_records(&self, answer: &Answer) -> Option<usize> {
        brought_records(answer)
    }
}

/// Counts the rows that a request carries.
fn carried_records(request: &ApiRequest) -> Option<usize> {
    let Body::Json(body) = &request.body else { return None };
    if let Some(values) = body["values"].as_array() {
        return Some(values.len());
    }
    let ranges = body["data"].as_array()?;
    Some(ranges.iter().filter_map(|range| range["values"].as_array()).map(Vec::len).sum())
}

/// Counts the rows that an answer to a read brought.
fn brought_records(answer: &Answer) -> Option<usize> {
    let read: Json = answer.json().ok()?;
    let ranges = read["valueRanges"].as_array()?;
    ranges.iter().map(|range| range["values"].as_array().map_or(0, Vec::len)).max()
}
