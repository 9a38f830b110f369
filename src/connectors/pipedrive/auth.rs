//! Logs in: a user's API token in its header, or an OAuth app whose refresh tokens may be replaced at each use.
//!
//! The API token never goes into a query: it would end in logs. OAuth says with each token where the API is (`api_domain`).

use async_trait::async_trait;
use reqwest::{
    Method, RequestBuilder,
    header::{HeaderName, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};
use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use crate::connector::{Authorization, ClientAuthentication, Context, Secret, check_base_url};
use crate::http::{
    Answer, AnswerClass, ApiRequest, Dialect, Grant, HttpError, HttpErrorKind, TokenSource, Transport, is_loopback,
};
use crate::model::Quota;

use super::{
    client::brought_records,
    config::{Credential, Settings},
    errors, limits,
};

/// The header of an API token. Source: `securitySchemes` of both specs.
const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-api-token");
/// What a person is asked for. Source: `securitySchemes` of spec v2. An app that was registered with fewer gets those.
const SCOPES: [&str; 8] = [
    "base",
    "deals:full",
    "contacts:full",
    "leads:full",
    "activities:full",
    "products:full",
    "users:read",
    "search:read",
];

/// How requests are authorised and answers classified.
#[derive(Debug)]
pub(super) enum Login {
    /// With a user's API token.
    Token(Secret),
    /// With an OAuth login.
    OAuth(Box<TokenSource>),
}

/// An OAuth app.
#[derive(Debug)]
struct App {
    client_id: String,
    client_secret: Secret,
    token_url: Url,
    base_url: Url,
}

impl Login {
    /// Prepares the login. Does no I/O.
    pub(super) fn new(settings: &Settings, context: &Context) -> Self {
        match &settings.credential {
            Credential::Token(token) => Self::Token(token.clone()),
            Credential::OAuth { client_id, client_secret, refresh_token } => {
                let app = App {
                    client_id: client_id.clone(),
                    client_secret: client_secret.clone(),
                    token_url: at(settings, "token"),
                    base_url: settings.base_url.clone(),
                };
                let first = refresh_token.as_ref().map(Secret::to_secret_string);
                let name = token_name(client_id, refresh_token.as_ref(), context);
                let (transport, meter) = (context.transport.clone(), context.meter.clone());
                Self::OAuth(Box::new(TokenSource::new(Box::new(app), name, first, transport, meter)))
            }
        }
    }
}

/// Says how a person logs in; none where the connection has a token.
pub(super) fn authorization(settings: &Settings, context: &Context) -> Option<Authorization> {
    let Credential::OAuth { client_id, client_secret, refresh_token } = &settings.credential else { return None };
    Some(Authorization {
        authorize_url: at(settings, "authorize"),
        token_url: at(settings, "token"),
        client_id: client_id.clone(),
        client_secret: Some(client_secret.clone()),
        client_authentication: ClientAuthentication::Basic,
        scopes: SCOPES.map(str::to_owned).to_vec(),
        token_name: token_name(client_id, refresh_token.as_ref(), context),
    })
}

fn at(settings: &Settings, end: &str) -> Url {
    let mut url = settings.oauth_url.clone();
    url.set_path(&format!("{}oauth/{end}", settings.oauth_url.path()));
    url
}

/// Names the stored tokens after the login too: with another one, the old tokens are not taken up again.
fn token_name(client_id: &str, refresh_token: Option<&Secret>, context: &Context) -> String {
    let given = refresh_token.map_or("", Secret::expose);
    let mark = xxh3_64(format!("{client_id}\n{given}").as_bytes());
    format!("pipedrive/{}/{mark:016x}", context.connection)
}

impl Grant for App {
    /// Pipedrive wants the app's id and secret as HTTP Basic.
    fn request(
        &self,
        transport: &Transport,
        refresh_token: Option<&SecretString>,
    ) -> Result<RequestBuilder, HttpError> {
        let refresh_token = refresh_token.ok_or_else(|| TokenSource::nobody_logged_in(transport))?;
        let form = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose_secret())];
        let request = transport.request(Method::POST, self.token_url.clone())?;
        Ok(request.basic_auth(&self.client_id, Some(self.client_secret.expose())).form(&form))
    }

    fn refused(&self, answer: &Answer) -> HttpError {
        errors::refused_renewal(answer)
    }

    fn api_url_field(&self) -> Option<&'static str> {
        Some("api_domain")
    }

    /// Obeys the address that came with a token. Who logs in at loopback (a local Pipedrive, a proxy) stays there.
    fn api_url(&self, told: &str) -> Result<String, HttpError> {
        let refused = |message: &str| HttpError::unsent(HttpErrorKind::Unauthorized, message);
        let url = check_base_url(told)
            .map_err(|_| refused("the login names an address of the API that is not HTTPS (`api_domain`)"))?;
        match (is_loopback(&self.base_url), is_loopback(&url)) {
            (true, false) => Ok(self.base_url.to_string()),
            (false, true) => Err(refused("the login names this machine as the address of the API (`api_domain`)")),
            _ => Ok(url.to_string()),
        }
    }
}

#[async_trait]
impl Dialect for Login {
    fn vendor(&self) -> &'static str {
        "Pipedrive"
    }

    async fn authorize(&self, request: RequestBuilder) -> Result<RequestBuilder, HttpError> {
        match self {
            Self::Token(token) => {
                let value = HeaderValue::from_str(token.expose().trim()).map(|mut value| {
                    value.set_sensitive(true);
                    value
                });
                let value = value.map_err(|_| {
                    HttpError::unsent(HttpErrorKind::Unauthorized, "the token has characters that no header takes")
                })?;
                Ok(request.header(TOKEN_HEADER, value))
            }
            Self::OAuth(source) => Ok(request.bearer_auth(source.token().await?.access_token.expose_secret())),
        }
    }

    async fn base_url(&self) -> Result<Option<Url>, HttpError> {
        match self {
            Self::Token(_) => Ok(None),
            Self::OAuth(source) => Ok(source.token().await?.api_url.as_deref().and_then(|url| Url::parse(url).ok())),
        }
    }

    async fn renew(&self, refused: Option<&HeaderValue>) -> Result<bool, HttpError> {
        let Self::OAuth(source) = self else { return Ok(false) };
        source.put_aside(refused).await?;
        Ok(true)
    }

    fn is_own_refusal(&self, answer: &Answer) -> bool {
        errors::is_own_refusal(answer)
    }

    fn classify(&self, answer: &Answer) -> AnswerClass {
        errors::classify(answer)
    }

    fn quota(&self, answer: &Answer) -> Option<Quota> {
        errors::tokens_left(answer)
    }

    fn quota_limit(&self) -> Option<&'static str> {
        Some(limits::TOKENS)
    }

    fn carried_records(&self, request: &ApiRequest) -> Option<usize> {
        (request.method != Method::GET).then_some(1)
    }

    fn brought_records(&self, answer: &Answer) -> Option<usize> {
        brought_records(answer)
    }
}
